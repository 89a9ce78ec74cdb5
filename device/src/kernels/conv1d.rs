//! Causal convolution.

use thimble_shared::format::{Conv1d, INT4_GROUP, Weights, high_half, low_half};

use super::{scaled, to_int8};

/// Convolves a block of positions.
///
/// # Shapes
/// `input`: `[history + n][in_channels]` where history is `(kernel - 1) · dilation`; `output`: `[n][out_channels]`.
///
/// # Contract
/// At most [`BLOCK`](thimble_shared::format::BLOCK) positions. Output `t` sees the inputs `t`, `t + dilation`, … up to
/// `t + history`, its own position. No sum leaves an `i32`: the model was checked for that when it was parsed.
pub fn conv1d(conv: &Conv1d<'_>, input: &[i8], output: &mut [i8]) {
    #[cfg(dsp)]
    if super::dsp::fits(conv) {
        return super::dsp::conv1d(conv, input, output);
    }
    plain(conv, input, output);
}

fn plain(conv: &Conv1d<'_>, input: &[i8], output: &mut [i8]) {
    let (width, tap_bytes) = (conv.tap(), conv.row_bytes() / conv.kernel);
    let group_outputs = conv.out_channels / conv.groups;
    debug_assert_eq!(
        input.len() / conv.in_channels,
        output.len() / conv.out_channels + (conv.kernel - 1) * conv.dilation
    );
    let (dot, no_gaps): (Dot, bool) = match conv.weights {
        Weights::Int8(_) => (dot_int8, true),
        Weights::Int4(_) => (dot_int4, width.is_multiple_of(INT4_GROUP)),
    };
    // With neighbouring positions, one group and no gaps in the weights, all that an output sees lies in one stretch.
    let (taps, stretch, stretch_bytes) = match conv.dilation == 1 && conv.groups == 1 && no_gaps {
        true => (1, conv.kernel * width, conv.kernel * tap_bytes),
        false => (conv.kernel, width, tap_bytes),
    };
    let rows = conv.weights.bytes().chunks_exact(conv.kernel * tap_bytes);
    for (out, weights) in rows.enumerate() {
        let (bias, multiplier) = (conv.biases.get(out), conv.multipliers.get(out));
        let first = out / group_outputs * width;
        for (t, position) in output.chunks_exact_mut(conv.out_channels).enumerate() {
            let mut sum = bias;
            for (tap, weights) in weights.chunks_exact(stretch_bytes).enumerate().take(taps) {
                let start = (t + tap * conv.dilation) * conv.in_channels + first;
                sum += dot(weights, &input[start..start + stretch]);
            }
            position[out] = to_int8(scaled(sum, multiplier), conv.relu);
        }
    }
}

/// Sum of products of stored weights and as many values.
type Dot = fn(&[u8], &[i8]) -> i32;

/// Sum of products with 8-bit weights.
fn dot_int8(weights: &[u8], input: &[i8]) -> i32 {
    weights
        .iter()
        .zip(input)
        .map(|(&weight, &value)| i32::from(weight as i8) * i32::from(value))
        .sum()
}

/// Sum of products with 4-bit weights.
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
