//! The scales of a quantized student, and fake quantization: floats that take the values of the integers they will become.
//!
//! Forward a rounded value, backward the identity (the straight-through estimator, Bengio et al. 2013,
//! <https://arxiv.org/abs/1308.3432>; for networks like this Jacob et al. 2018, <https://arxiv.org/abs/1712.05877>).

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::Codebook;

/// Scales of all activations: a value is its int8 times the scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quantization {
    /// Scale of the embedding's values.
    pub embedding: f32,
    /// For 4-bit embeddings the int8 values that there are, rising.
    pub levels: Option<[i8; 16]>,
    /// For an embedding of codes what these are.
    pub codebook: Option<Codebook>,
    /// Scales of the depthwise parts' outputs; for convolutions without one 1.
    pub depthwise: Vec<f32>,
    /// Scales of the convolutions' outputs.
    pub convs: Vec<f32>,
    /// Scales of the sums behind convolutions with a residual; for the others that of the convolution.
    pub sums: Vec<f32>,
    /// Scales of the hidden dense layers' outputs, in units of 1/256 (int16).
    pub hidden: Vec<f32>,
}

/// `x` rounded to int8 steps of `scale`.
pub(super) fn activation<const D: usize>(x: Tensor<D>, scale: f32) -> Tensor<D> {
    let x = x.clamp(-128.0 * scale, 127.0 * scale);
    let rounded = round(x.clone().detach() / scale) * scale;
    straight_through(x, rounded)
}

/// `w` rounded to steps of `bits` bits, with a scale for each output: `w` is `[.., inputs, outputs]`.
pub(super) fn weights<const D: usize>(w: Tensor<D>, bits: u8) -> Tensor<D> {
    let inner = w.clone().detach();
    let largest = inner.clone().abs().max_dim(D - 2);
    let largest = match bits {
        8 => largest,
        _ => {
            let size = inner.clone().square().mean_dim(D - 2).sqrt();
            largest.min_pair(size * INT4_RANGE)
        }
    };
    let most = largest_weight(bits);
    let scale = largest.clamp_min(WEIGHT_EPSILON) / most;
    let rounded = round(inner / scale.clone()).clamp(-most, most) * scale;
    straight_through(w, rounded)
}

/// The largest integer of a weight.
pub(super) fn largest_weight(bits: u8) -> f32 {
    match bits {
        8 => 127.0,
        _ => 7.0,
    }
}

/// 4-bit weights reach at most so many times the root of an output's mean square: of 15 steps over a normal distribution
/// those have the least squared error that end at 2.5 (Max 1960, <https://doi.org/10.1109/TIT.1960.1057548>), and a learnt one
/// has longer tails.
pub(super) const INT4_RANGE: f32 = 2.8;

/// The smallest largest weight of an output, so that an output of zeros has a scale.
pub(super) const WEIGHT_EPSILON: f32 = 1e-8;

/// `x` rounded to the embedding's levels, or to int8 steps where it has none.
pub(super) fn embedding<const D: usize>(x: Tensor<D>, quantization: &Quantization) -> Tensor<D> {
    let scale = quantization.embedding;
    let Some(levels) = quantization.levels else {
        return activation(x, scale);
    };
    let inner = x.clone().detach();
    let mut rounded = inner.zeros_like() + f32::from(levels[0]) * scale;
    for pair in levels.windows(2) {
        let (low, high) = (f32::from(pair[0]), f32::from(pair[1]));
        if high > low {
            let above = inner
                .clone()
                .greater_elem((low + high) / 2.0 * scale)
                .float();
            rounded = rounded + above * ((high - low) * scale);
        }
    }
    straight_through(x, rounded)
}

/// To the nearest whole number, halves upwards.
fn round<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    (x + 0.5).floor()
}

/// `rounded` forward; backward `x`, and `rounded` too where that has a gradient.
pub(super) fn straight_through<const D: usize>(x: Tensor<D>, rounded: Tensor<D>) -> Tensor<D> {
    let difference = rounded - x.clone().detach();
    x + difference
}

/// The 16 values that stand for `values` with the least squared error (Lloyd's algorithm), rising.
pub(super) fn levels(values: &[f32]) -> [f32; 16] {
    let mut sorted: Vec<f32> = values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let quantile = |share: f64| {
        sorted
            .get((share * sorted.len() as f64) as usize)
            .copied()
            .unwrap_or(0.0)
    };
    let mut levels: [f32; 16] = std::array::from_fn(|i| quantile((i as f64 + 0.5) / 16.0));
    let mut sums = vec![0.0_f64];
    for &value in &sorted {
        sums.push(sums.last().copied().unwrap_or(0.0) + f64::from(value));
    }
    for _ in 0..100 {
        let mut start = 0;
        for index in 0..16 {
            let end = match levels.get(index + 1) {
                Some(&next) => {
                    sorted.partition_point(|&value| value < (levels[index] + next) / 2.0)
                }
                None => sorted.len(),
            };
            if end > start {
                levels[index] = ((sums[end] - sums[start]) / (end - start) as f64) as f32;
            }
            start = end.max(start);
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn levels_stand_where_the_values_are() {
        let values: Vec<f32> = (0..1600)
            .map(|i| (i % 16) as f32 * 0.25 - 1.0 + (i / 16) as f32 * 1e-4)
            .collect();
        for (index, level) in levels(&values).into_iter().enumerate() {
            assert!(
                (level - (index as f32 * 0.25 - 1.0)).abs() < 0.011,
                "{index}: {level}"
            );
        }
    }

    #[test]
    fn rounding_passes_gradients_inside_of_the_range() {
        let device = Device::flex().autodiff();
        let x = Tensor::<1>::from_floats([0.26, -0.25, 50.0], &device).require_grad();
        let y = activation(x.clone(), 0.1);
        let values: Vec<f32> = y.clone().into_data().iter().collect();
        assert!(
            values
                .iter()
                .zip([0.3, -0.2, 12.7])
                .all(|(a, b)| (a - b).abs() < 1e-5),
            "{values:?}"
        );
        let gradients = y.sum().backward();
        let gradient: Vec<f32> = x.grad(&gradients).unwrap().into_data().iter().collect();
        assert_eq!(gradient, [1.0, 1.0, 0.0]);
    }
}
