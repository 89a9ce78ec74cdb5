//! Scales of a student's activations, levels or codes of its embedding: what is settled before values are rounded.

use burn::tensor::Tensor;

use super::batch::Padded;
use super::network::Activation;
use super::train::TrainConfig;
use super::{Codebook, Quantization, Row, Student, StudentConfig, quantization};
use crate::device::{self, DeviceFailure};
use crate::training::epoch_batches;

/// Batches that scales are taken from.
const CALIBRATION_BATCHES: usize = 30;

/// How much larger than at first the values of centroids may become.
const CENTROID_ROOM: f32 = 1.25;

/// Scales from the largest activations of some batches, on average.
pub(super) fn calibrate(
    student: &Student,
    config: &StudentConfig,
    train: &[Row],
    lengths: &[usize],
    how: &TrainConfig,
) -> Result<Quantization, DeviceFailure> {
    let device = student.embedding.val().device();
    let mut seen = Vec::new();
    let (mut which, mut largest) = (Vec::new(), Vec::new());
    // An epoch of its own, that training never comes to.
    let batches = epoch_batches(lengths, how.batch_size, how.seed, u64::MAX - 1);
    let batches = &batches[..batches.len().min(CALIBRATION_BATCHES)];
    for batch in batches {
        let ids: Vec<&[u32]> = batch.iter().map(|&i| &train[i].ids[..lengths[i]]).collect();
        seen.extend(ids.iter().flat_map(|ids| ids.iter().copied()));
        let mut observe = |activation: Activation, value: Tensor<1>| {
            which.push(activation);
            largest.push(value);
        };
        let ids = Padded::new(&ids).on(&device);
        student.observed(ids, None, None, Some(&mut observe));
    }
    let largest = device::floats(Tensor::cat(largest, 0))?;
    let scale = |activation: Activation, steps: f64| {
        let values = which
            .iter()
            .zip(&largest)
            .filter(|(which, _)| **which == activation);
        let sum: f64 = values.map(|(_, &value)| f64::from(value)).sum();
        ((sum / batches.len() as f64).max(1e-6) / steps) as f32
    };
    let depthwise = config.convs.iter().enumerate();
    let depthwise = depthwise.map(|(i, conv)| match conv.separable {
        true => scale(Activation::Depthwise(i), 127.0),
        false => 1.0,
    });
    let convs: Vec<f32> = (0..config.convs.len())
        .map(|i| scale(Activation::Conv(i), 127.0))
        .collect();
    let sums = config
        .convs
        .iter()
        .enumerate()
        .map(|(i, conv)| match conv.residual {
            true => scale(Activation::Sum(i), 127.0),
            false => convs[i],
        });
    // Values as often as they are read.
    let rows = device::floats(student.embedding.val())?;
    let dim = config.embedding;
    let values: Vec<f32> = seen
        .iter()
        .flat_map(|&id| rows[id as usize * dim..][..dim].iter().copied())
        .collect();
    let mut sizes: Vec<f32> = values.iter().map(|value| value.abs()).collect();
    sizes.sort_unstable_by(f32::total_cmp);
    let codebook = config.product.map(|product| {
        let mut counts = vec![0_u32; rows.len() / dim];
        for row in train {
            for &id in &row.ids {
                counts[id as usize] += 1;
            }
        }
        // Between one voice a piece and one a token.
        let weights: Vec<f64> = counts.iter().map(|&n| f64::from(n + 1).sqrt()).collect();
        Codebook::of(&rows, dim, &weights, product, how.seed)
    });
    let (embedding, levels) = match (&codebook, config.embedding_bits) {
        (Some(book), _) => {
            let most = book
                .centroids
                .iter()
                .fold(1e-6_f32, |most, value| most.max(value.abs()));
            (most * CENTROID_ROOM / 127.0, None)
        }
        (None, 4) => {
            let levels = quantization::levels(&values);
            let scale = levels
                .iter()
                .fold(1e-6_f32, |most, level| most.max(level.abs()))
                / 127.0;
            (
                scale,
                Some(levels.map(|level| (level / scale).round() as i8)),
            )
        }
        _ => {
            let most = sizes
                .get(sizes.len() * 9_995 / 10_000)
                .copied()
                .unwrap_or(1.0);
            (most.max(1e-6) / 127.0, None)
        }
    };
    Ok(Quantization {
        embedding,
        levels,
        codebook,
        sums: sums.collect(),
        depthwise: depthwise.collect(),
        convs,
        hidden: (0..config.hidden.len())
            .map(|i| scale(Activation::Hidden(i), 32_767.0))
            .collect(),
    })
}
