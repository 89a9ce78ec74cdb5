//! Convolution on workstations and phones, in instructions for vectors.
//!
//! What each position of a block sees is laid out in a window of its own; a kernel multiplies the rows of some outputs with all
//! windows, so that each weight is loaded once for the block. A kernel may take weights for larger than they are by an offset that
//! all have; then a sum is too large by that times the sum of the inputs, which all outputs have in common.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

use core::mem::MaybeUninit;

use thimble_shared::fixed::{Multiplier, requantize};
use thimble_shared::format::{BLOCK, Conv1d, INT4_GROUP, Weights};

use super::to_int8;

/// The most inputs of an output.
const MOST: usize = 1024;
/// Windows are filled up with zeros to a multiple of so many values.
const STEP: usize = 64;
/// Outputs that are computed beside each other.
const OUTPUTS: usize = 4;

/// The numbers of positions that kernels are compiled for are written out.
const _: () = assert!(BLOCK == 4);

/// What a position sees. With 4-bit weights, of each [`STEP`] first the quads of channels whose weights stand in lower halves, then
/// the others.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Window([MaybeUninit<i8>; MOST]);

/// Sums of some outputs at each position.
type Sums = [[i32; OUTPUTS]; BLOCK];

/// Some outputs at each position.
type Outputs = [[i8; OUTPUTS]; BLOCK];

/// What a kernel is made of.
trait Instructions {
    /// What each weight is too large by, of 4 bits or of 8.
    fn offset(is_int4: bool) -> i32;

    /// The sum of what a position sees, in whole steps.
    ///
    /// # Safety
    /// The processor has the instructions.
    #[inline(always)]
    unsafe fn total(window: &[i8]) -> i32 {
        window.iter().map(|&value| i32::from(value)).sum()
    }

    /// Sums of products of some outputs' rows of weights, with which `rows` begins, and each of the first `POSITIONS` windows; others
    /// are not looked at.
    ///
    /// # Safety
    /// The processor has the instructions. The windows have been written as far as the rows reach, in steps, with zeros behind them.
    unsafe fn sums<const INT4: bool, const POSITIONS: usize>(
        rows: &[u8],
        row_bytes: usize,
        windows: &[Window; BLOCK],
    ) -> Sums;

    /// Outputs out of their sums, of which those of a position are too large by its `excess`; none if not all shifts are above 32.
    ///
    /// # Safety
    /// The processor has the instructions.
    #[inline(always)]
    unsafe fn requantized(
        sums: &Sums,
        excess: &[i32; BLOCK],
        scales: Scales<'_>,
        relu: bool,
    ) -> Option<Outputs> {
        let biases = scales.biases.map(i32::from_le_bytes);
        let mantissas = scales
            .multipliers
            .map(|[a, b, c, d, _]| i32::from_le_bytes([a, b, c, d]));
        let shifts = scales.multipliers.map(|[.., shift]| u32::from(shift));
        if shifts.iter().any(|&shift| shift <= 32) {
            return None;
        }
        let mut outputs = Outputs::default();
        for position in 0..BLOCK {
            for output in 0..OUTPUTS {
                let sum = (sums[position][output].wrapping_sub(excess[position]))
                    .wrapping_add(biases[output]);
                // `requantize` for such shifts, whose branches would keep the lanes apart.
                let upper = ((i64::from(sum) * i64::from(mantissas[output])) >> 32) as i32;
                let half = 1 << (shifts[output] - 33);
                outputs[position][output] = to_int8((upper + half) >> (shifts[output] - 32), relu);
            }
        }
        Some(outputs)
    }
}

/// Biases and multipliers of some outputs, as they stand in the file.
#[derive(Clone, Copy)]
struct Scales<'a> {
    biases: &'a [[u8; 4]; OUTPUTS],
    multipliers: &'a [[u8; Multiplier::BYTES]; OUTPUTS],
}

impl<'a> Scales<'a> {
    /// Those of the outputs from `first` on; none if these are too few.
    #[inline(always)]
    fn of(conv: &Conv1d<'a>, first: usize) -> Option<Self> {
        Some(Self {
            biases: conv.biases.bytes().as_chunks().0[first..].first_chunk()?,
            multipliers: conv.multipliers.bytes().as_chunks().0[first..].first_chunk()?,
        })
    }
}

/// A convolution in instructions of some processors.
pub struct Kernel {
    /// What the instructions are called.
    pub name: &'static str,
    is_here: fn() -> bool,
    /// [`convolve`], compiled for them.
    run: unsafe fn(&Conv1d<'_>, &[i8], &mut [i8]),
}

/// The kernels for this kind of processor, the fastest first.
#[cfg(target_arch = "aarch64")]
pub static KERNELS: [Kernel; 2] = [neon::WITH_DOT_PRODUCTS, neon::KERNEL];
/// The kernels for this kind of processor, the fastest first.
#[cfg(target_arch = "x86_64")]
pub static KERNELS: [Kernel; 2] = [avx512::KERNEL, avx2::KERNEL];

impl Kernel {
    /// As [`super::conv1d`]; false, and nothing done, if the processor lacks the instructions or the layer is left to the plain
    /// kernel.
    pub fn conv1d(&self, conv: &Conv1d<'_>, input: &[i8], output: &mut [i8]) -> bool {
        let fits = conv.groups == 1 && conv.width() <= MOST && conv.out_channels >= OUTPUTS;
        let is_run = fits && (self.is_here)();
        if is_run {
            // SAFETY: the instructions are there, and the layer fits.
            unsafe { (self.run)(conv, input, output) };
        }
        is_run
    }
}

/// Runs plain code, compiled for the vectors of this processor.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn with_vectors<R>(work: impl FnOnce() -> R) -> R {
    // SAFETY: each is called where its instructions are.
    unsafe {
        if (avx512::KERNEL.is_here)() {
            avx512::compiled(work)
        } else if (avx2::KERNEL.is_here)() {
            avx2::compiled(work)
        } else {
            work()
        }
    }
}

/// # Safety
/// The processor has the instructions, and the layer has one group, at most [`MOST`] inputs and at least [`OUTPUTS`] outputs.
#[inline(always)]
unsafe fn convolve<I: Instructions>(conv: &Conv1d<'_>, input: &[i8], output: &mut [i8]) {
    // SAFETY: as above.
    unsafe {
        match conv.weights {
            Weights::Int8(_) => convolve_block::<I, false>(conv, input, output),
            Weights::Int4(_) => convolve_block::<I, true>(conv, input, output),
        }
    }
}

/// # Safety
/// As for [`convolve`]; the weights have 4 bits if `INT4` says so.
#[inline(always)]
unsafe fn convolve_block<I: Instructions, const INT4: bool>(
    conv: &Conv1d<'_>,
    input: &[i8],
    output: &mut [i8],
) {
    let mut windows = [Window([MaybeUninit::uninit(); MOST]); BLOCK];
    let mut excess = [0; BLOCK];
    let positions = output.len() / conv.out_channels;
    let seen = positions + (conv.kernel - 1) * conv.dilation;
    let input = &input[..seen * conv.in_channels];
    for (position, window) in windows.iter_mut().enumerate().take(positions) {
        let window = lay_out(conv, &input[position * conv.in_channels..], window);
        if INT4 {
            sort_quads(window);
        }
        // SAFETY: as above.
        excess[position] = I::offset(INT4) * unsafe { I::total(window) };
    }
    // SAFETY: as above; as many windows have been written.
    unsafe {
        match positions {
            1 => convolve_windows::<I, INT4, 1>(conv, &windows, excess, output),
            2 => convolve_windows::<I, INT4, 2>(conv, &windows, excess, output),
            3 => convolve_windows::<I, INT4, 3>(conv, &windows, excess, output),
            BLOCK => convolve_windows::<I, INT4, BLOCK>(conv, &windows, excess, output),
            _ => {}
        }
    }
}

/// Writes what the first position of `input` sees into a window.
#[inline(always)]
fn lay_out<'w>(conv: &Conv1d<'_>, input: &[i8], window: &'w mut Window) -> &'w mut [i8] {
    let window = &mut window.0[..conv.width().next_multiple_of(STEP)];
    let (taps, rest) = window.split_at_mut(conv.width());
    let inputs = input.chunks(conv.dilation * conv.in_channels);
    for (tap, input) in taps.chunks_exact_mut(conv.in_channels).zip(inputs) {
        tap.write_copy_of_slice(&input[..conv.in_channels]);
    }
    rest.fill(MaybeUninit::new(0));
    // SAFETY: inputs reach as far as the last tap, as `convolve_block` has seen to, so all has been written.
    unsafe { window.assume_init_mut() }
}

/// Puts the quads of channels of each step into the order in which weights come out of their bytes.
#[inline(always)]
fn sort_quads(window: &mut [i8]) {
    for step in window.as_chunks_mut::<STEP>().0 {
        let groups: [u64; STEP / INT4_GROUP] = bytemuck::cast(*step);
        let lower = groups.map(|group| group as u32);
        let upper = groups.map(|group| (group >> 32) as u32);
        *step = bytemuck::cast([lower, upper]);
    }
}

/// # Safety
/// As for [`convolve_block`]; the first `POSITIONS` windows have been written.
#[inline(always)]
unsafe fn convolve_windows<I: Instructions, const INT4: bool, const POSITIONS: usize>(
    conv: &Conv1d<'_>,
    windows: &[Window; BLOCK],
    excess: [i32; BLOCK],
    output: &mut [i8],
) {
    let row_bytes = conv.row_bytes();
    let weights = &conv.weights.bytes()[..conv.out_channels * row_bytes];
    // Outputs are finished behind the products of the next, which the processor begins while these wait for one another.
    let mut earlier = None;
    for first in (0..conv.out_channels).step_by(OUTPUTS) {
        // The last ones are computed with some of those before, if they are fewer.
        let first = first.min(conv.out_channels - OUTPUTS);
        // SAFETY: as above.
        let sums = unsafe {
            I::sums::<INT4, POSITIONS>(&weights[first * row_bytes..], row_bytes, windows)
        };
        if let Some((first, sums)) = earlier.replace((first, sums)) {
            // SAFETY: as above.
            unsafe { finish::<I, POSITIONS>(conv, first, &sums, &excess, output) };
        }
    }
    if let Some((first, sums)) = earlier {
        // SAFETY: as above.
        unsafe { finish::<I, POSITIONS>(conv, first, &sums, &excess, output) };
    }
}

/// Writes the outputs from `first` on at the first `POSITIONS` positions.
///
/// # Safety
/// The processor has the instructions.
#[inline(always)]
unsafe fn finish<I: Instructions, const POSITIONS: usize>(
    conv: &Conv1d<'_>,
    first: usize,
    sums: &Sums,
    excess: &[i32; BLOCK],
    output: &mut [i8],
) {
    let Some(scales) = Scales::of(conv, first) else {
        return;
    };
    // SAFETY: as above.
    let usual = unsafe { I::requantized(sums, excess, scales, conv.relu) };
    let outputs = usual.unwrap_or_else(|| requantized(conv, first, sums, excess));
    for (position, outputs) in outputs.iter().enumerate().take(POSITIONS) {
        output[position * conv.out_channels + first..][..OUTPUTS].copy_from_slice(outputs);
    }
}

/// As [`Instructions::requantized`], for any shifts.
#[cold]
fn requantized(conv: &Conv1d<'_>, first: usize, sums: &Sums, excess: &[i32; BLOCK]) -> Outputs {
    let mut outputs = Outputs::default();
    for position in 0..BLOCK {
        for output in 0..OUTPUTS {
            let sum = (sums[position][output].wrapping_sub(excess[position]))
                .wrapping_add(conv.biases.get(first + output));
            let value = requantize(sum, conv.multipliers.get(first + output));
            outputs[position][output] = to_int8(value, conv.relu);
        }
    }
    outputs
}
