//! The arithmetic of the layers, one file each, in plain Rust. Derivations are in `docs/numerics.md`. Beside it the same in the
//! instructions of some processors, which give the same values bit for bit.

#[cfg(kernel)]
#[allow(unsafe_code, reason = "instructions that the language has no name for")]
mod arm;
mod conv1d;
mod dense;
mod memory;
mod pointwise;
mod pool;
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
#[allow(unsafe_code, reason = "instructions that not every processor has")]
pub mod simd;

pub use conv1d::conv1d;
pub use dense::dense;
pub use memory::{clear, forget};
pub use pointwise::{relu, residual_add};
pub use pool::{features, pool};
#[cfg(target_arch = "x86_64")]
use simd::with_vectors;

use thimble_shared::fixed::{Multiplier, requantize};

/// [`requantize`], which a chip has once for most of its uses, for its flash's sake.
#[cfg_attr(target_arch = "arm", inline(never))]
#[cfg_attr(not(target_arch = "arm"), inline(always))]
fn scaled(value: i32, multiplier: Multiplier) -> i32 {
    #[cfg(kernel = "v6m")]
    if multiplier.shift() > 32 {
        return arm::requantize_by_halves(value, multiplier);
    }
    requantize(value, multiplier)
}

/// Runs plain code.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn with_vectors<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// The nearest int8; negative values become 0 with `relu`.
#[inline(always)]
fn to_int8(value: i32, relu: bool) -> i8 {
    let least = if relu { 0 } else { i8::MIN };
    // Bounds that are constants take an instruction on some cores.
    let value = value.clamp(i8::MIN.into(), i8::MAX.into()) as i8;
    value.max(least)
}
