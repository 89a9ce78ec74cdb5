//! Logits of many rows by a student, and how they compare with labels and with the teacher's.

use burn::tensor::Tensor;

use super::batch::Padded;
use super::{Quantization, Row, Student};
use crate::device::{self, DeviceFailure};

/// Share of the labelled `rows` to which `answers`, their logits, give the right label.
pub fn share_right(rows: &[Row], answers: &[Vec<f32>]) -> f64 {
    let labelled = rows
        .iter()
        .zip(answers)
        .filter_map(|(row, logits)| Some((row.label?, logits)));
    let (mut n, mut right) = (0_usize, 0_usize);
    for (label, logits) in labelled {
        n += 1;
        right += usize::from(crate::eval::argmax(logits) == label);
    }
    right as f64 / n.max(1) as f64
}

/// Mean squared difference of a logit in `answers` and in `rows`; none if no row has logits.
pub(super) fn squared_error(rows: &[Row], answers: &[Vec<f32>]) -> Option<f64> {
    let known = rows
        .iter()
        .zip(answers)
        .filter_map(|(row, answer)| Some((row.logits.as_ref()?, answer)));
    let pairs = known.flat_map(|(known, answer)| known.iter().zip(answer));
    let squares: Vec<f64> = pairs
        .map(|(&known, &answer)| f64::from(known - answer).powi(2))
        .collect();
    (!squares.is_empty()).then(|| squares.iter().sum::<f64>() / squares.len() as f64)
}

/// Rows of a batch that only answers.
const ANSWERED_AT_ONCE: usize = 128;

/// Logits of each row, by a student on a plain device.
///
/// # Errors
/// The device fails.
pub fn logits(
    student: &Student,
    quantization: Option<&Quantization>,
    rows: &[Row],
) -> Result<Vec<Vec<f32>>, DeviceFailure> {
    logits_at_most(student, quantization, rows, ANSWERED_AT_ONCE)
}

/// The same, at most so many rows at once.
pub(super) fn logits_at_most(
    student: &Student,
    quantization: Option<&Quantization>,
    rows: &[Row],
    most: usize,
) -> Result<Vec<Vec<f32>>, DeviceFailure> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let most = most.clamp(1, ANSWERED_AT_ONCE);
    let device = student.embedding.val().device();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&i| rows[i].ids.len());
    let mut outputs = Vec::new();
    // Batches of about as many tokens each.
    let mut rest = &order[..];
    while let Some(&longest) = rest.get(rest.len().min(most).saturating_sub(1)) {
        let size = (16_384 / rows[longest].ids.len().max(1))
            .clamp(1, most)
            .min(rest.len());
        let (batch, tail) = rest.split_at(size);
        let ids: Vec<&[u32]> = batch.iter().map(|&i| rows[i].ids.as_slice()).collect();
        outputs.push(student.forward(Padded::new(&ids).on(&device), quantization, None));
        rest = tail;
    }
    let outputs = Tensor::cat(outputs, 0);
    let [_, classes] = outputs.dims();
    let values = device::floats(outputs)?;
    let mut answers = vec![Vec::new(); rows.len()];
    for (&i, logits) in order.iter().zip(values.chunks_exact(classes)) {
        answers[i] = logits.to_vec();
    }
    Ok(answers)
}
