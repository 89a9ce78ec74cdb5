//! Layers that look at one value at a time.

use thimble_shared::fixed::requantize;
use thimble_shared::format::ResidualAdd;

/// Adds two layers, each brought to the scale of the output: `clamp(requantize(own) + requantize(other))`.
///
/// # Shapes
/// `own`, `other` and `output` have the same length.
pub fn residual_add(add: &ResidualAdd, own: &[i8], other: &[i8], output: &mut [i8]) {
    let least = if add.relu { 0 } else { i8::MIN.into() };
    for ((output, &own), &other) in output.iter_mut().zip(own).zip(other) {
        let sum =
            requantize(own.into(), add.own).saturating_add(requantize(other.into(), add.other));
        *output = sum.clamp(least, i8::MAX.into()) as i8;
    }
}

/// Negative values become 0.
///
/// # Shapes
/// `input` and `output` have the same length.
pub fn relu(input: &[i8], output: &mut [i8]) {
    for (output, &input) in output.iter_mut().zip(input) {
        *output = input.max(0);
    }
}
