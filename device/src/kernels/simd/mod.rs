//! Convolution on workstations and phones, in instructions for vectors.
//!
//! What each position of a block sees is laid out in a window of its own; a kernel multiplies the rows of some outputs with all
//! windows, so that each weight is loaded once for the block. A kernel may take weights for larger than they are by an offset that
//! all have; then a sum is too large by that times the sum of the inputs, which all outputs have in common.

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

use thimble_shared::fixed::requantize;
use thimble_shared::format::{BLOCK, Conv1d, Weights};

use super::to_int8;

/// The most inputs of an output.
const MOST: usize = 1024;
/// Bytes of weights that are loaded at once.
const LOAD: usize = 64;
/// 4-bit weights of a load; windows are filled up with zeros to a multiple of it.
const STEP: usize = 2 * LOAD;
/// Outputs whose sums are computed beside each other,
const OUTPUTS: usize = 4;
/// and that are requantized together.
const LANES: usize = 32;

/// What each position of a block sees. With 4-bit weights, of each [`STEP`] first the quads of channels that stand in lower halves,
/// then the others.
#[repr(align(64))]
struct Windows([[i8; MOST]; BLOCK]);

/// Sums, `[position][output]`, of outputs whose rows of weights are given.
///
/// # Safety
/// The processor has the instructions, and the windows reach as far as the rows, which have the same length.
type Sums = unsafe fn(rows: [&[u8]; OUTPUTS], windows: &Windows) -> [[i32; OUTPUTS]; BLOCK];

/// The instructions that a convolution is made of.
pub struct Kernel {
    /// What they are called.
    pub name: &'static str,
    is_here: fn() -> bool,
    /// Sums with 8-bit weights, and what each weight is too large by; then with 4-bit weights.
    sums: [(Sums, i32); 2],
}

/// The kernels for this kind of processor, the fastest first.
#[cfg(target_arch = "aarch64")]
pub static KERNELS: &[Kernel] = &neon::KERNELS;
/// The kernels for this kind of processor, the fastest first.
#[cfg(target_arch = "x86_64")]
pub static KERNELS: &[Kernel] = &x86::KERNELS;

impl Kernel {
    /// As [`super::conv1d`]; false, and nothing done, if the processor lacks the instructions or the layer is left to the plain
    /// kernel.
    pub fn conv1d(&self, conv: &Conv1d<'_>, input: &[i8], output: &mut [i8]) -> bool {
        let fits = conv.groups == 1 && conv.width() <= MOST;
        let is_run = fits && (self.is_here)();
        if is_run {
            convolve(conv, self.sums, input, output);
        }
        is_run
    }
}

fn convolve(conv: &Conv1d<'_>, sums: [(Sums, i32); 2], input: &[i8], output: &mut [i8]) {
    let is_int4 = matches!(conv.weights, Weights::Int4(_));
    let (sums, offset) = sums[usize::from(is_int4)];
    let mut windows = Windows([[0; MOST]; BLOCK]);
    let mut excess = [0; BLOCK];
    let positions = output.len() / conv.out_channels;
    for (position, window) in windows.0.iter_mut().enumerate().take(positions) {
        let mut rest = &mut window[..conv.width()];
        let mut at = position * conv.in_channels;
        while !rest.is_empty() {
            let (tap, later) = rest.split_at_mut(conv.in_channels);
            tap.copy_from_slice(&input[at..at + conv.in_channels]);
            at += conv.dilation * conv.in_channels;
            rest = later;
        }
        let window = &mut window[..conv.width().next_multiple_of(STEP)];
        excess[position] = offset * window.iter().map(|&value| i32::from(value)).sum::<i32>();
        if is_int4 {
            sort_quads(window);
        }
    }
    let rows = conv.weights.bytes();
    let row_bytes = conv.row_bytes();
    let mut first = 0;
    while first < conv.out_channels {
        let outputs = LANES.min(conv.out_channels - first);
        let mut lanes = [[0; LANES]; BLOCK];
        for start in (0..outputs).step_by(OUTPUTS) {
            // Beyond the last output, that again.
            let rows = core::array::from_fn(|i| {
                let at = (first + start + i).min(conv.out_channels - 1) * row_bytes;
                &rows[at..at + row_bytes]
            });
            // SAFETY: `Kernel::conv1d` has asked for the instructions; windows are as long as rows, in steps.
            let sums = unsafe { sums(rows, &windows) };
            for (lanes, sums) in lanes.iter_mut().zip(sums) {
                lanes[start..start + OUTPUTS].copy_from_slice(&sums);
            }
        }
        store(conv, first..first + outputs, &lanes, excess, output);
        first += outputs;
    }
}

/// Puts the quads of channels of each step into the order in which weights come out of their bytes.
fn sort_quads(window: &mut [i8]) {
    for step in window.as_chunks_mut::<STEP>().0 {
        let pairs: [u64; STEP / 8] = bytemuck::cast(*step);
        let lower = pairs.map(|pair| pair as u32);
        let upper = pairs.map(|pair| (pair >> 32) as u32);
        *step = bytemuck::cast([lower, upper]);
    }
}

/// Adds biases, requantizes and puts the outputs into their places.
fn store(
    conv: &Conv1d<'_>,
    outputs: core::ops::Range<usize>,
    lanes: &[[i32; LANES]; BLOCK],
    excess: [i32; BLOCK],
    output: &mut [i8],
) {
    let mut biases = [0; LANES];
    let (mut mantissas, mut halves, mut shifts) = ([0; LANES], [0; LANES], [0; LANES]);
    let mut usual = true;
    for (place, bias) in biases
        .iter_mut()
        .zip(conv.biases.iter().skip(outputs.start))
    {
        *place = bias;
    }
    let multipliers = conv.multipliers.iter().skip(outputs.start);
    for (lane, (mantissa, shift)) in multipliers.take(LANES).enumerate() {
        usual &= shift > 32;
        let shift = u32::from(shift.max(33)) - 32;
        (mantissas[lane], shifts[lane]) = (mantissa, shift);
        halves[lane] = 1 << (shift - 1);
    }
    let places = output.chunks_exact_mut(conv.out_channels);
    for ((place, lanes), excess) in places.zip(lanes).zip(excess) {
        let mut values = [0; LANES];
        for lane in 0..LANES {
            let sum = (lanes[lane].wrapping_sub(excess)).wrapping_add(biases[lane]);
            // `requantize` for shifts above 32, whose branches would keep the lanes apart.
            let upper = ((i64::from(sum) * i64::from(mantissas[lane])) >> 32) as i32;
            values[lane] = to_int8((upper + halves[lane]) >> shifts[lane], conv.relu);
        }
        if !usual {
            for (lane, out) in outputs.clone().enumerate() {
                let sum = (lanes[lane].wrapping_sub(excess)).wrapping_add(biases[lane]);
                values[lane] = to_int8(requantize(sum, conv.multipliers.get(out)), conv.relu);
            }
        }
        place[outputs.clone()].copy_from_slice(&values[..outputs.len()]);
    }
}
