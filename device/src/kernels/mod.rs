//! The arithmetic of the layers, one file each, in plain Rust. Derivations are in `docs/numerics.md`. Beside it the same in the
//! instructions of some processors, which give the same values bit for bit.

mod conv1d;
mod dense;
#[cfg(dsp)]
#[allow(unsafe_code, reason = "instructions that the language has no name for")]
mod dsp;
mod pointwise;
mod pool;

pub use conv1d::conv1d;
pub use dense::dense;
pub use pointwise::{relu, residual_add};
pub use pool::{features, pool};

use thimble_shared::fixed::{Multiplier, requantize};

/// [`requantize`], which a chip has once for most of its uses, for its flash's sake.
#[cfg_attr(target_arch = "arm", inline(never))]
#[cfg_attr(not(target_arch = "arm"), inline(always))]
fn scaled(value: i32, multiplier: Multiplier) -> i32 {
    requantize(value, multiplier)
}

/// The nearest int8; negative values become 0 with `relu`.
#[inline(always)]
fn to_int8(value: i32, relu: bool) -> i8 {
    let least = if relu { 0 } else { i8::MIN.into() };
    value.clamp(least, i8::MAX.into()) as i8
}
