//! Matrix and bias.

use thimble_shared::format::Dense;

use super::scaled;

/// Multiplies features by a matrix and hands on each output with its number.
///
/// # Shapes
/// `input`: at least `[inputs]`; `emit` gets `outputs` values in order, requantized and not clamped.
///
/// # Contract
/// No sum leaves an `i32`: the model was checked for that when it was parsed.
pub fn dense(dense: &Dense<'_>, input: &[i16], emit: &mut dyn FnMut(usize, i32)) {
    for (out, weights) in dense.weights.chunks_exact(dense.inputs).enumerate() {
        let products = weights
            .iter()
            .zip(input)
            .map(|(&weight, &value)| i32::from(weight as i8) * i32::from(value));
        let sum = dense.biases.get(out) + products.sum::<i32>();
        let value = scaled(sum, dense.multipliers.get(out));
        emit(out, if dense.relu { value.max(0) } else { value });
    }
}
