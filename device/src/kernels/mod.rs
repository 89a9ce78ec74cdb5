//! The arithmetic of the layers, one file each, in plain Rust. Derivations are in `docs/numerics.md`.

mod conv1d;
mod dense;
mod pointwise;
mod pool;

pub use conv1d::conv1d;
pub use dense::dense;
pub use pointwise::{relu, residual_add};
pub use pool::{features, pool};

use thimble_shared::fixed::{Multiplier, requantize};

/// A sum in the scale of an output, int8; negative sums become 0 with `relu`.
#[inline(always)]
fn to_int8(sum: i32, multiplier: Multiplier, relu: bool) -> i8 {
    let least = if relu { 0 } else { i8::MIN.into() };
    requantize(sum, multiplier).clamp(least, i8::MAX.into()) as i8
}
