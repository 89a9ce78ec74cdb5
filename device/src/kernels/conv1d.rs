//! Causal convolution.

use thimble_shared::format::{Conv1d, Weights};
#[cfg(not(kernel))]
use thimble_shared::format::{INT4_GROUP, high_half, low_half};

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
    #[cfg(kernel)]
    if super::arm::conv1d(conv, input, output) {
        return;
    }
    #[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
    if super::simd::KERNELS
        .iter()
        .any(|kernel| kernel.conv1d(conv, input, output))
    {
        return;
    }
    plain(conv, input, output);
}

fn plain(conv: &Conv1d<'_>, input: &[i8], output: &mut [i8]) {
    let (tap, tap_bytes) = (conv.tap(), conv.row_bytes() / conv.kernel);
    let group_outputs = conv.out_channels / conv.groups;
    debug_assert_eq!(
        input.len() / conv.in_channels,
        output.len() / conv.out_channels + (conv.kernel - 1) * conv.dilation
    );
    let dot: Dot = match conv.weights {
        Weights::Int8(_) => dot_int8,
        #[cfg(not(kernel))]
        Weights::Int4(_) => dot_int4,
        // All of these fit the kernels of the core.
        #[cfg(kernel)]
        Weights::Int4(_) => return,
    };
    for (t, position) in output.chunks_exact_mut(conv.out_channels).enumerate() {
        let mut weights = conv.weights.bytes();
        for (out, value) in position.iter_mut().enumerate() {
            let mut sum = conv.biases.get(out);
            let mut at = t * conv.in_channels + out / group_outputs * tap;
            for _ in 0..conv.kernel {
                let (of_tap, rest) = weights.split_at(tap_bytes);
                sum += dot(of_tap, &input[at..at + tap]);
                at += conv.dilation * conv.in_channels;
                weights = rest;
            }
            *value = to_int8(scaled(sum, conv.multipliers.get(out)), conv.relu);
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
#[cfg(not(kernel))]
fn dot_int4(weights: &[u8], input: &[i8]) -> i32 {
    const HALF: usize = INT4_GROUP / 2;
    let (weights, _) = weights.as_chunks::<HALF>();
    let (input, _) = input.as_chunks::<INT4_GROUP>();
    let mut sum = 0;
    for (weights, input) in weights.iter().zip(input) {
        for at in 0..HALF {
            sum += i32::from(low_half(weights[at])) * i32::from(input[at]);
            sum += i32::from(high_half(weights[at])) * i32::from(input[at + HALF]);
        }
    }
    sum
}
