//! Causal convolution.

use thimble_shared::format::Conv1d;

use super::to_int8;

/// Convolves a block of positions.
///
/// # Shapes
/// `input`: `[history + n][in_channels]` where history is `(kernel - 1) · dilation`; `output`: `[n][out_channels]`.
///
/// # Contract
/// Output `t` sees the inputs `t`, `t + dilation`, … up to `t + history`, its own position. No sum leaves an `i32`: the
/// model was checked for that when it was parsed.
pub fn conv1d(conv: &Conv1d<'_>, input: &[i8], output: &mut [i8]) {
    let width = conv.in_channels / conv.groups;
    let group_outputs = conv.out_channels / conv.groups;
    debug_assert_eq!(
        input.len() / conv.in_channels,
        output.len() / conv.out_channels + (conv.kernel - 1) * conv.dilation
    );
    // With neighbouring positions and one group, all that an output sees lies in one stretch.
    let (taps, stretch) = match conv.dilation == 1 && conv.groups == 1 {
        true => (1, conv.kernel * width),
        false => (conv.kernel, width),
    };
    for (out, weights) in conv.weights.chunks_exact(conv.kernel * width).enumerate() {
        let (bias, multiplier) = (conv.biases.get(out), conv.multipliers.get(out));
        let first = out / group_outputs * width;
        for (t, position) in output.chunks_exact_mut(conv.out_channels).enumerate() {
            let mut sum = bias;
            for (tap, weights) in weights.chunks_exact(stretch).enumerate().take(taps) {
                let start = (t + tap * conv.dilation) * conv.in_channels + first;
                sum += dot(weights, &input[start..start + stretch]);
            }
            position[out] = to_int8(sum, multiplier, conv.relu);
        }
    }
}

/// Sum of products.
#[inline(always)]
fn dot(weights: &[u8], input: &[i8]) -> i32 {
    weights
        .iter()
        .zip(input)
        .map(|(&weight, &value)| i32::from(weight as i8) * i32::from(value))
        .sum()
}
