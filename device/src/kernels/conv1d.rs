//! Causal convolution.

use thimble_shared::format::{Conv1d, INT4_GROUP, Weights, high_half, low_half};

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
    match conv.weights {
        Weights::Int8(weights) => convolve(conv, weights, true, dot, input, output),
        Weights::Int4(weights) => {
            let whole = conv.tap().is_multiple_of(INT4_GROUP);
            convolve(conv, weights, whole, dot_int4, input, output);
        }
    }
}

/// Convolves by the sum of products `dot` of a stretch of weights and of the input; `whole` says that there are no gaps between
/// the weights of taps.
#[inline(always)]
fn convolve(
    conv: &Conv1d<'_>,
    weights: &[u8],
    whole: bool,
    dot: impl Fn(&[u8], &[i8]) -> i32,
    input: &[i8],
    output: &mut [i8],
) {
    let (width, tap_bytes) = (conv.tap(), conv.row_bytes() / conv.kernel);
    let group_outputs = conv.out_channels / conv.groups;
    debug_assert_eq!(
        input.len() / conv.in_channels,
        output.len() / conv.out_channels + (conv.kernel - 1) * conv.dilation
    );
    // With neighbouring positions, one group and no gaps, all that an output sees lies in one stretch.
    let (taps, stretch, stretch_bytes) = match conv.dilation == 1 && conv.groups == 1 && whole {
        true => (1, conv.kernel * width, conv.kernel * tap_bytes),
        false => (conv.kernel, width, tap_bytes),
    };
    for (out, weights) in weights.chunks_exact(conv.kernel * tap_bytes).enumerate() {
        let (bias, multiplier) = (conv.biases.get(out), conv.multipliers.get(out));
        let first = out / group_outputs * width;
        for (t, position) in output.chunks_exact_mut(conv.out_channels).enumerate() {
            let mut sum = bias;
            for (tap, weights) in weights.chunks_exact(stretch_bytes).enumerate().take(taps) {
                let start = (t + tap * conv.dilation) * conv.in_channels + first;
                sum += dot(weights, &input[start..start + stretch]);
            }
            position[out] = to_int8(sum, multiplier, conv.relu);
        }
    }
}

/// Sum of products with 8-bit weights.
#[inline(always)]
fn dot(weights: &[u8], input: &[i8]) -> i32 {
    weights
        .iter()
        .zip(input)
        .map(|(&weight, &value)| i32::from(weight as i8) * i32::from(value))
        .sum()
}

/// Sum of products with 4-bit weights.
#[inline(always)]
fn dot_int4(weights: &[u8], input: &[i8]) -> i32 {
    const HALF: usize = INT4_GROUP / 2;
    let (weights, _) = weights.as_chunks::<HALF>();
    let (whole, rest) = input.as_chunks::<INT4_GROUP>();
    let mut sum = 0;
    for (weights, input) in weights.iter().zip(whole) {
        for at in 0..HALF {
            sum += i32::from(low_half(weights[at])) * i32::from(input[at]);
            sum += i32::from(high_half(weights[at])) * i32::from(input[at + HALF]);
        }
    }
    if let Some(weights) = weights.get(whole.len()) {
        let (first, second) = rest.split_at(rest.len().min(HALF));
        for (&weight, &value) in weights.iter().zip(first) {
            sum += i32::from(low_half(weight)) * i32::from(value);
        }
        for (&weight, &value) in weights.iter().zip(second) {
            sum += i32::from(high_half(weight)) * i32::from(value);
        }
    }
    sum
}
