//! Layers that look at one value at a time.

use thimble_shared::fixed::requantize;
use thimble_shared::format::ResidualAdd;

/// Adds another layer to this one, each brought to the scale of the output: `clamp(requantize(own) + requantize(other))`.
///
/// # Shapes
/// `own` and `other` have the same length.
pub fn residual_add(add: &ResidualAdd, own: &mut [i8], other: &[i8]) {
    let least = if add.relu { 0 } else { i8::MIN.into() };
    for (own, &other) in own.iter_mut().zip(other) {
        let sum =
            requantize((*own).into(), add.own).saturating_add(requantize(other.into(), add.other));
        *own = sum.clamp(least, i8::MAX.into()) as i8;
    }
}

/// Negative values become 0.
pub fn relu(values: &mut [i8]) {
    for value in values {
        *value = (*value).max(0);
    }
}
