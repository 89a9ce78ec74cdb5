//! AArch64: the products of four neighbouring channels and their sum are an instruction (SDOT, of processors with the extension for
//! dot products), or those of two (SMULL and SADALP).

use core::arch::aarch64::*;
use core::arch::asm;

use thimble_shared::format::{BLOCK, Conv1d};

use super::{Instructions, Kernel, OUTPUTS, STEP, Sums, Window};

pub(super) const WITH_DOT_PRODUCTS: Kernel = Kernel {
    name: "dot products",
    is_here: has_dot_products,
    run: run::<true>,
};

/// In instructions that are part of the architecture.
pub(super) const KERNEL: Kernel = Kernel {
    name: "NEON",
    is_here: || true,
    run: run::<false>,
};

/// Bytes of a vector.
const BYTES: usize = 16;

fn has_dot_products() -> bool {
    #[cfg(feature = "std")]
    return std::arch::is_aarch64_feature_detected!("dotprod");
    #[cfg(not(feature = "std"))]
    cfg!(target_feature = "dotprod")
}

unsafe fn run<const DOT: bool>(conv: &Conv1d<'_>, input: &[i8], output: &mut [i8]) {
    // SAFETY: the same is demanded here.
    unsafe { super::convolve::<Neon<DOT>>(conv, input, output) }
}

/// With the extension for dot products or without it.
struct Neon<const DOT: bool>;

impl<const DOT: bool> Instructions for Neon<DOT> {
    fn offset(_: bool) -> i32 {
        0
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn sums<const INT4: bool, const POSITIONS: usize>(
        rows: &[u8],
        row_bytes: usize,
        windows: &[Window; BLOCK],
    ) -> Sums {
        let mut all = [[0; OUTPUTS]; BLOCK];
        for output in 0..OUTPUTS {
            let row = &rows[output * row_bytes..];
            let mut sums = [vdupq_n_s32(0); POSITIONS];
            for start in (0..row_bytes).step_by(BYTES) {
                let weights = load(&row[start..]);
                for (sum, window) in sums.iter_mut().zip(windows) {
                    let window = window.0.as_ptr().cast::<i8>();
                    // SAFETY: windows reach as far as the rows, in steps.
                    unsafe {
                        if INT4 {
                            let half = STEP / 2;
                            let inputs = window.add(start / half * STEP + start % half);
                            let lower = vshrq_n_s8::<4>(vshlq_n_s8::<4>(weights));
                            let upper = vshrq_n_s8::<4>(weights);
                            *sum = add_products::<DOT>(*sum, lower, vld1q_s8(inputs));
                            *sum = add_products::<DOT>(*sum, upper, vld1q_s8(inputs.add(half)));
                        } else {
                            *sum = add_products::<DOT>(*sum, weights, vld1q_s8(window.add(start)));
                        }
                    }
                }
            }
            for (all, sum) in all.iter_mut().zip(sums) {
                all[output] = vaddvq_s32(sum);
            }
        }
        all
    }
}

/// The next weights, or what is behind the row.
#[inline]
#[target_feature(enable = "neon")]
fn load(rest: &[u8]) -> int8x16_t {
    let mut bytes = [0; BYTES];
    match rest.first_chunk() {
        Some(whole) => bytes = *whole,
        None => bytes[..rest.len()].copy_from_slice(rest),
    }
    // SAFETY: these are 16 bytes.
    unsafe { vld1q_s8(bytes.as_ptr().cast()) }
}

/// Adds the products of weights and inputs to a sum.
///
/// # Safety
/// With `DOT`, the processor has the extension.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn add_products<const DOT: bool>(
    sum: int32x4_t,
    weights: int8x16_t,
    inputs: int8x16_t,
) -> int32x4_t {
    if DOT {
        let mut sum = sum;
        // SAFETY: computes a register from others, by an instruction that is there.
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {sum:v}.4s, {weights:v}.16b, {inputs:v}.16b",
                sum = inout(vreg) sum,
                weights = in(vreg) weights,
                inputs = in(vreg) inputs,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        return sum;
    }
    // One product of two has room in 16 bits, and both are added to 32.
    let low = vmull_s8(vget_low_s8(weights), vget_low_s8(inputs));
    let sum = vpadalq_s16(sum, low);
    vpadalq_s16(sum, vmull_high_s8(weights, inputs))
}
