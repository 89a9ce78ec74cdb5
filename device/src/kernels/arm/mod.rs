//! Kernels in the instructions of Cortex-M cores.
//!
//! In a convolution the four positions of a block share each weight that is loaded. Weights are taken in their order in the model
//! file, a stretch of channels (and taps, which follow each other) at a time. What the positions have in that stretch is first
//! brought into the form that the core multiplies best, side by side; then a loop in assembler, which differs from core to core, runs
//! through the stretch for one output after the other.

/// The front of a loop over outputs whose sums are in r4 to r7: r0 to r2 are the weights of an output, the widened inputs and the
/// groups. These and the sums stand on the stack; above what is kept of the caller, outputs and bytes of a row.
#[cfg(not(any(kernel = "v6m", mve)))]
macro_rules! begin_output {
    () => {
        concat!(
            "push {{r0-r11, lr}}\n",
            "1:\n",
            "ldm sp, {{r0-r3}}\n",
            "ldm r3, {{r4-r7}}\n",
        )
    };
}

/// The end of the loop: back to its front for the next output.
#[cfg(not(any(kernel = "v6m", mve)))]
macro_rules! next_output {
    () => {
        concat!(
            "ldr r0, [sp]\n",
            "ldr r1, [sp, #12]\n",
            "ldr r2, [sp, #52]\n",
            "ldr r3, [sp, #56]\n",
            "stm r1!, {{r4-r7}}\n",
            "add r0, r0, r3\n",
            "str r0, [sp]\n",
            "str r1, [sp, #12]\n",
            "subs r2, r2, #1\n",
            "str r2, [sp, #52]\n",
            "bne 1b\n",
            "add sp, sp, #16\n",
            "pop {{r4-r11, pc}}\n",
        )
    };
}

/// Has the assembler, which goes by the target alone, know the extension.
#[cfg(kernel = "dsp")]
macro_rules! CPU {
    () => {
        concat!(".cpu ", env!("KERNEL_CPU"))
    };
}
#[cfg(all(kernel = "dsp", not(mve)))]
mod dsp;
#[cfg(all(kernel = "dsp", not(mve)))]
use dsp as core_loops;
mod memory;
#[cfg(mve)]
mod mve;
#[cfg(mve)]
use mve as core_loops;
#[cfg(kernel = "dsp")]
mod outputs;
#[cfg(kernel = "dsp")]
use outputs::store;
#[cfg(kernel = "dsp")]
mod pool;
#[cfg(kernel = "dsp")]
pub(super) use pool::pool;
#[cfg(kernel = "dsp")]
mod residual;
#[cfg(kernel = "dsp")]
pub(super) use residual::Int8Multiplier;
#[cfg(not(kernel = "dsp"))]
mod store;
#[cfg(not(kernel = "dsp"))]
use store::store;
#[cfg(kernel = "v6m")]
mod v6m;
#[cfg(kernel = "v7m")]
mod v7m;
#[cfg(not(kernel = "dsp"))]
mod words;
#[cfg(not(kernel = "dsp"))]
use words as core_loops;

use memory::clear_up_to;
pub(super) use memory::{clear, move_words};

use core::mem::MaybeUninit;
use core::num::NonZeroUsize;

use thimble_shared::fixed::Multiplier;
use thimble_shared::format::{BLOCK, Conv1d, Weights};

/// Channels that loops take in a turn: a group of 4-bit weights.
const GROUP: usize = thimble_shared::format::INT4_GROUP;
/// The memory for a convolution, on the stack: widened inputs, 4 bytes a word, and sums, 16 bytes an output. Chips with this core
/// are those with the least memory.
#[cfg(kernel = "v6m")]
const WORDS_AND_OUTPUTS: (usize, usize) = (64, 34);
#[cfg(not(kernel = "v6m"))]
const WORDS_AND_OUTPUTS: (usize, usize) = (256, 72);
/// Words of widened inputs.
const WIDE: usize = WORDS_AND_OUTPUTS.0;
/// Outputs whose sums are kept beside each other.
const OUTPUTS: usize = WORDS_AND_OUTPUTS.1;

/// How a core multiplies with weights of one kind.
struct Loops {
    /// Bytes of a group of weights.
    group_bytes: NonZeroUsize,
    /// Bytes from a widened channel to the next.
    wide_bytes: usize,
    /// Groups that may be taken at once.
    most_groups: NonZeroUsize,
    /// Widens what the positions have in some channels.
    widen: Widen,
    /// Adds products of weights and widened inputs to the sums of the positions, for one output after the other.
    add_products: AddProducts,
    /// Sums are so many bits too large.
    shift: u32,
}

/// Groups whose widened channels, of so many bytes each, have room.
#[cfg(not(mve))]
const fn most_groups(wide_bytes: usize) -> NonZeroUsize {
    NonZeroUsize::new(WIDE * 4 / (GROUP * wide_bytes)).unwrap()
}

/// Widens `channels` channels of each position, whole groups of them.
///
/// # Safety
/// Each position has so many channels, more than 0, and `wide` room for what becomes of them.
type Widen = unsafe extern "C" fn(positions: &[*const i8; BLOCK], wide: *mut u32, channels: usize);

/// Adds the products of `groups` groups of an output's weights and of the widened inputs to the sums of the positions; so for
/// `outputs` outputs, whose weights are `row_bytes` apart.
///
/// # Safety
/// `groups` and `outputs` are not 0; there are so many groups of weights for each output, as many widened ones, and sums of each
/// output.
type AddProducts = unsafe extern "C" fn(
    weights: *const u8,
    wide: *const u32,
    groups: usize,
    sums: *mut [i32; BLOCK],
    outputs: usize,
    row_bytes: usize,
);

/// As the plain kernel; false if there are no loops for such a layer.
#[cfg_attr(kernel = "dsp", inline(never))]
pub(super) fn conv1d(conv: &Conv1d<'_>, input: &[i8], output: &mut [i8]) -> bool {
    // That is always so with 4-bit weights.
    let in_groups = conv.groups == 1 && conv.in_channels.is_multiple_of(GROUP);
    if !in_groups && !cfg!(kernel = "dsp") {
        return false;
    }
    let (inputs, outputs) = (conv.in_channels, conv.out_channels);
    let places = places(output.len() / outputs);
    let positions = places[BLOCK - 1] + 1;
    let row_bytes = conv.row_bytes();
    // All that follows relies on this, and on what a model is checked for when it is parsed: no kernel of 0, whole groups.
    assert!(
        input.len() == (positions + (conv.kernel - 1) * conv.dilation) * inputs
            && output.len() == positions * outputs
            && conv.weights.bytes().len() == outputs * row_bytes
            && conv.biases.bytes().len() == outputs * 4
            && conv.multipliers.bytes().len() == outputs * Multiplier::BYTES
    );
    let (input, output) = (input.as_ptr(), output.as_mut_ptr());
    #[cfg(kernel = "dsp")]
    if !in_groups {
        // SAFETY: there is so much of everything.
        unsafe { outputs::grouped(conv, row_bytes, places, input, output) };
        return true;
    }
    let loops = match conv.weights {
        Weights::Int8(_) => &core_loops::INT8,
        Weights::Int4(_) => &core_loops::INT4,
    };
    let mut first = 0;
    while first < outputs {
        let count = OUTPUTS.min(outputs - first);
        // SAFETY: there is so much of everything.
        unsafe { convolve(conv, loops, row_bytes, places, first, count, input, output) };
        first += count;
    }
    true
}

/// The positions that loops compute when there are so many, 1 at least. Where they are fewer than [`BLOCK`] some stand twice, and
/// are computed twice. The second and the third are multiples of one distance.
fn places(positions: usize) -> [usize; BLOCK] {
    let second = usize::from(positions > 2);
    [0, second, 2 * second, positions.saturating_sub(1)]
}

/// [`requantize`](thimble_shared::fixed::requantize) for shifts above 32, on a core whose multiplication gives 32 bits: the upper
/// word of the product is put together from products of halves.
#[cfg(kernel = "v6m")]
#[inline(always)]
pub(super) fn requantize_by_halves(value: i32, multiplier: Multiplier) -> i32 {
    let (mantissa, shift) = (multiplier.mantissa(), multiplier.shift());
    let (upper, lower) = (value >> 16, value & 0xFFFF);
    let (mantissa_upper, mantissa_lower) = (mantissa >> 16, mantissa & 0xFFFF);
    let carried = (lower as u32 * mantissa_lower as u32) >> 16;
    // Neither sum leaves 32 bits: 32,767 · 65,535 + 65,535 < 2^31.
    let first = upper * mantissa_lower + carried as i32;
    let second = lower * mantissa_upper + (first & 0xFFFF);
    let product = upper * mantissa_upper + (first >> 16) + (second >> 16);
    (product + (1 << (shift - 33))) >> (shift - 32)
}

/// Computes `count` outputs from `first` on, [`OUTPUTS`] at most.
///
/// # Safety
/// The inputs and outputs of these places, the weights, biases and multipliers are there.
#[inline(never)]
unsafe fn convolve(
    conv: &Conv1d<'_>,
    loops: &Loops,
    row_bytes: usize,
    places: [usize; BLOCK],
    first: usize,
    count: usize,
    input: *const i8,
    output: *mut i8,
) {
    let mut wide = MaybeUninit::<[u32; WIDE]>::uninit();
    let mut sums = MaybeUninit::<[[i32; BLOCK]; OUTPUTS]>::uninit();
    let sums: *mut [i32; BLOCK] = sums.as_mut_ptr().cast();
    // SAFETY: there is room for so many.
    unsafe { clear_up_to(sums.cast(), sums.add(count).cast()) };
    let mut rest = row_bytes / loops.group_bytes;
    // Stretches of about the same length.
    let stretch = rest.div_ceil(rest.div_ceil(loops.most_groups.get()));
    // Where the stretch begins among the inputs of the first position, and among its channels.
    let (mut source, mut channel) = (input, 0);
    let mut weights = conv
        .weights
        .bytes()
        .as_ptr()
        .wrapping_add(first * row_bytes);
    while rest > 0 {
        let groups = stretch.min(rest);
        let mut left = groups * GROUP;
        let mut to: *mut u32 = wide.as_mut_ptr().cast();
        while left > 0 {
            let channels = left.min(conv.in_channels - channel);
            let positions = places.map(|place| source.wrapping_add(place * conv.in_channels));
            // SAFETY: each position has so many channels more, and for the groups there is room.
            unsafe { (loops.widen)(&positions, to, channels) };
            to = to.wrapping_byte_add(channels * loops.wide_bytes);
            source = source.wrapping_add(channels);
            left -= channels;
            channel += channels;
            if channel == conv.in_channels {
                channel = 0;
                source = source.wrapping_add((conv.dilation - 1) * conv.in_channels);
            }
        }
        // SAFETY: each row has `rest` groups from here on, and `groups` of these were widened.
        unsafe {
            (loops.add_products)(
                weights,
                wide.as_ptr().cast(),
                groups,
                sums,
                count,
                row_bytes,
            );
        }
        weights = weights.wrapping_add(groups * loops.group_bytes.get());
        rest -= groups;
    }
    // SAFETY: there are the outputs that the caller says, and as many sums.
    unsafe { store(conv, places, first, count, sums, loops.shift, output) };
}
