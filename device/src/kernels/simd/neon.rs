//! AArch64: the products of four neighbouring channels and their sum are an instruction (SDOT, of processors with the extension for
//! dot products), or those of two (SMULL and SADALP).

use core::arch::aarch64::*;
use core::arch::asm;

use thimble_shared::format::BLOCK;

use super::{Kernel, LOAD, MOST, OUTPUTS, STEP, Windows};

pub(super) static KERNELS: [Kernel; 2] = [
    Kernel {
        name: "dot products",
        is_here: has_dot_products,
        sums: [(sums::<false, true>, 0), (sums::<true, true>, 0)],
    },
    // Part of the architecture.
    Kernel {
        name: "NEON",
        is_here: || true,
        sums: [(sums::<false, false>, 0), (sums::<true, false>, 0)],
    },
];

/// Bytes of a vector.
const BYTES: usize = 16;

fn has_dot_products() -> bool {
    #[cfg(feature = "std")]
    return std::arch::is_aarch64_feature_detected!("dotprod");
    #[cfg(not(feature = "std"))]
    cfg!(target_feature = "dotprod")
}

#[target_feature(enable = "neon")]
unsafe fn sums<const INT4: bool, const DOT: bool>(
    rows: [&[u8]; OUTPUTS],
    windows: &Windows,
) -> [[i32; OUTPUTS]; BLOCK] {
    let mut all = [[0; OUTPUTS]; BLOCK];
    for (output, row) in rows.into_iter().enumerate() {
        let mut sums = [vdupq_n_s32(0); BLOCK];
        for (index, start) in (0..row.len()).step_by(BYTES).enumerate() {
            let weights = load(&row[start..]);
            for (sum, window) in sums.iter_mut().zip(&windows.0) {
                if INT4 {
                    let (lower, upper) = (
                        vshrq_n_s8::<4>(vshlq_n_s8::<4>(weights)),
                        vshrq_n_s8::<4>(weights),
                    );
                    let loads = LOAD / BYTES;
                    let at = index / loads * STEP + index % loads * BYTES;
                    *sum = add_products::<DOT>(*sum, lower, inputs(window, at));
                    *sum = add_products::<DOT>(*sum, upper, inputs(window, at + LOAD));
                } else {
                    *sum = add_products::<DOT>(*sum, weights, inputs(window, start));
                }
            }
        }
        for (all, sum) in all.iter_mut().zip(sums) {
            all[output] = vaddvq_s32(sum);
        }
    }
    all
}

/// Weights, 0 behind the end of the row.
#[target_feature(enable = "neon")]
fn load(rest: &[u8]) -> int8x16_t {
    let mut bytes = [0_u8; BYTES];
    let count = rest.len().min(BYTES);
    bytes[..count].copy_from_slice(&rest[..count]);
    // SAFETY: these are 16 bytes.
    unsafe { vld1q_s8(bytes.as_ptr().cast()) }
}

/// Inputs of a window.
#[target_feature(enable = "neon")]
fn inputs(window: &[i8; MOST], start: usize) -> int8x16_t {
    let bytes = &window[start..start + BYTES];
    // SAFETY: these are 16 bytes.
    unsafe { vld1q_s8(bytes.as_ptr()) }
}

#[target_feature(enable = "neon")]
fn add_products<const DOT: bool>(
    sum: int32x4_t,
    weights: int8x16_t,
    inputs: int8x16_t,
) -> int32x4_t {
    if DOT {
        let mut sum = sum;
        // SAFETY: computes a register from others, by an instruction that the kernel's `is_here` has asked for.
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
