//! Convolution on Cortex-M: the four positions of a block share each weight that is loaded.
//!
//! Weights are taken in their order in the model file, a stretch of channels (and taps, which follow each other) at a time. What
//! the positions have in that stretch is first brought into the form that the core multiplies best, side by side; then a loop in
//! assembler, the only part that differs from core to core, runs through the stretch for one output after the other.

/// The front of a loop over outputs whose sums are in r4 to r7: r0 to r2 are the weights of an output, the widened inputs and the
/// groups. These and the sums stand on the stack; above what is kept of the caller, outputs and bytes of a row.
#[cfg(not(kernel = "v6m"))]
macro_rules! begin_output {
    () => {
        concat!(
            "push {{r0-r11, lr}}\n",
            "1:\n",
            "ldm sp, {{r0-r3}}\n",
            "ldm r3, {{r4-r7}}\n",
            "2:\n",
        )
    };
}

/// The end of the loop: back to label 2 for the next group, then to 1 for the next output.
#[cfg(not(kernel = "v6m"))]
macro_rules! next_output {
    () => {
        concat!(
            "subs r2, r2, #1\n",
            "bne 2b\n",
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

#[cfg(kernel = "dsp")]
mod dsp;
#[cfg(kernel = "dsp")]
use dsp as core_loops;
#[cfg(kernel = "v6m")]
mod v6m;
#[cfg(kernel = "v6m")]
use v6m as core_loops;
#[cfg(kernel = "v7m")]
mod v7m;
#[cfg(kernel = "v7m")]
use v7m as core_loops;
#[cfg(not(kernel = "dsp"))]
mod words;

use core::ops::Range;

use thimble_shared::format::{BLOCK, Conv1d, Weights};

use super::{rescaled, to_int8};

/// Channels that loops take in a turn: a group of 4-bit weights.
const GROUP: usize = thimble_shared::format::INT4_GROUP;
/// The memory for a convolution, on the stack: widened inputs, 4 bytes a word, and sums, 16 bytes an output. Chips with this core
/// are those with the least memory.
#[cfg(kernel = "v6m")]
const WORDS_AND_OUTPUTS: (usize, usize) = (96, 20);
#[cfg(not(kernel = "v6m"))]
const WORDS_AND_OUTPUTS: (usize, usize) = (256, 48);
/// Words of widened inputs.
const WIDE: usize = WORDS_AND_OUTPUTS.0;
/// Outputs whose sums are kept beside each other.
const OUTPUTS: usize = WORDS_AND_OUTPUTS.1;

/// How a core multiplies with weights of one kind.
struct Loops {
    /// Bytes of a group of weights.
    group_bytes: usize,
    /// Words of the widened inputs of a group.
    group_words: usize,
    /// Groups that may be taken at once.
    most_groups: usize,
    /// Widens what the positions have in some channels.
    widen: Widen,
    /// Adds products of weights and widened inputs to the sums of the positions, for one output after the other.
    add_products: AddProducts,
    /// Sums are so many bits too large.
    shift: u32,
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

/// Whether these loops convolve such layers.
pub(super) fn fits(conv: &Conv1d<'_>) -> bool {
    match conv.weights {
        Weights::Int8(_) => conv.groups == 1 && conv.in_channels.is_multiple_of(GROUP),
        // That is what a model must have with 4-bit weights.
        Weights::Int4(_) => true,
    }
}

/// As the plain kernel; there are at most [`BLOCK`] positions, and the layer [fits](fits).
pub(super) fn conv1d(conv: &Conv1d<'_>, input: &[i8], output: &mut [i8]) {
    let loops = match conv.weights {
        Weights::Int8(_) => &core_loops::INT8,
        Weights::Int4(_) => &core_loops::INT4,
    };
    let mut first = 0;
    while first < conv.out_channels {
        let end = conv.out_channels.min(first + OUTPUTS);
        convolve(conv, loops, first..end, input, output);
        first = end;
    }
}

/// [`requantize`](thimble_shared::fixed::requantize) for shifts above 32, on a core whose multiplication gives 32 bits: the upper
/// word of the product is put together from products of halves.
#[cfg(kernel = "v6m")]
#[inline(always)]
pub(super) fn requantize_by_halves(
    value: i32,
    multiplier: thimble_shared::fixed::Multiplier,
) -> i32 {
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

/// Computes some of the outputs.
#[inline(never)]
fn convolve(
    conv: &Conv1d<'_>,
    loops: &Loops,
    outputs: Range<usize>,
    input: &[i8],
    output: &mut [i8],
) {
    let mut wide = [0; WIDE];
    let mut sums = [[0; BLOCK]; OUTPUTS];
    let sums = &mut sums[..outputs.len()];
    let last = (output.len() / conv.out_channels).saturating_sub(1);
    let row_bytes = conv.row_bytes();
    let rows = &conv.weights.bytes()[outputs.start * row_bytes..outputs.end * row_bytes];
    let all = row_bytes / loops.group_bytes;
    // Stretches of about the same length.
    let stretch = all.div_ceil(all.div_ceil(loops.most_groups));
    // Where the stretch begins among the inputs of the first position.
    let (mut source, mut channel) = (0, 0);
    let mut rest = all;
    while rest > 0 {
        let groups = stretch.min(rest);
        let mut wide_rest = &mut wide[..groups * loops.group_words];
        while !wide_rest.is_empty() {
            let channels =
                (conv.in_channels - channel).min(wide_rest.len() / loops.group_words * GROUP);
            let (now, later) = wide_rest.split_at_mut(channels / GROUP * loops.group_words);
            let positions = core::array::from_fn(|position| {
                // Instead of positions that aren't there, the last that is; nobody asks for their sums.
                let at = source + position.min(last) * conv.in_channels;
                input[at..at + channels].as_ptr()
            });
            // SAFETY: there are so many channels, and the groups that they are have room in `now`.
            unsafe { (loops.widen)(&positions, now.as_mut_ptr(), channels) };
            wide_rest = later;
            source += channels;
            channel += channels;
            if channel == conv.in_channels {
                channel = 0;
                source += (conv.dilation - 1) * conv.in_channels;
            }
        }
        // SAFETY: each row has `rest` groups from here on, and `groups` of these were widened.
        unsafe {
            (loops.add_products)(
                rows[(all - rest) * loops.group_bytes..].as_ptr(),
                wide.as_ptr(),
                groups,
                sums.as_mut_ptr(),
                sums.len(),
                row_bytes,
            );
        }
        rest -= groups;
    }
    store(conv, loops.shift, outputs.start, sums, output);
}

/// Adds biases, requantizes and puts the outputs from `first` on into their places.
#[inline(never)]
fn store(conv: &Conv1d<'_>, shift: u32, first: usize, sums: &[[i32; BLOCK]], output: &mut [i8]) {
    let width = conv.out_channels;
    for (out, sums) in (first..).zip(sums) {
        let (bias, multiplier) = (conv.biases.get(out), conv.multipliers.get(out));
        let mut at = out;
        for &sum in sums {
            // The last block of a text may have fewer positions.
            let Some(place) = output.get_mut(at) else {
                break;
            };
            *place = to_int8(rescaled(bias + (sum >> shift), multiplier), conv.relu);
            at += width;
        }
    }
}
