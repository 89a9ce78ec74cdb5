//! Layers that look at one value at a time.

#[cfg(not(kernel = "dsp"))]
use thimble_shared::fixed::Int8Multiplier;
use thimble_shared::format::ResidualAdd;

#[cfg(kernel = "dsp")]
use super::arm::Int8Multiplier;
use super::{scaled, to_int8, with_vectors};

/// Adds another layer to this one, each brought to the scale of the output: `clamp(requantize(own) + requantize(other))`.
///
/// # Shapes
/// `own` and `other` have the same length.
#[inline(never)]
pub fn residual_add(add: &ResidualAdd, own: &mut [i8], other: &[i8]) {
    with_vectors(|| {
        // A copy, which no write to `own` can change.
        let add = *add;
        let pairs = own.iter_mut().zip(other);
        let scales = (Int8Multiplier::new(add.own), Int8Multiplier::new(add.other));
        if let (Some(first), Some(second)) = scales {
            for (own, &other) in pairs {
                let sum = first.requantize(*own) + second.requantize(other);
                *own = to_int8(sum, add.relu);
            }
        } else {
            for (own, &other) in pairs {
                let (first, second) = (
                    scaled((*own).into(), add.own),
                    scaled(other.into(), add.other),
                );
                *own = to_int8(first.saturating_add(second), add.relu);
            }
        }
    });
}

/// Negative values become 0.
pub fn relu(values: &mut [i8]) {
    for value in values {
        *value = (*value).max(0);
    }
}
