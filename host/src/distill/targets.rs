//! Soft targets of a dataset, from a file where they have been written before.

use std::ops::ControlFlow;
use std::path::Path;

use super::DistillError;
use crate::data::{self, Dataset, Example, ReadOptions};
use crate::teacher::{Teacher, label};

/// The teacher's logits for each row, in the order of `labels`, which are the teacher's in some order. Rows that have logits keep
/// them; the others are labelled.
///
/// What is labelled is kept in `folder` in a file named after teacher and data; if it is there, the teacher has nothing to do.
pub(super) fn of(
    teacher: &mut dyn Teacher,
    data: &Dataset,
    labels: &[String],
    folder: &Path,
    report: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Vec<Vec<f32>>, DistillError> {
    let unknown = Dataset {
        labels: data.labels.clone(),
        examples: without_logits(data).cloned().collect(),
    };
    let mut labelled = label_all(teacher, &unknown, labels, folder, report)?.into_iter();
    let rows = data.examples.iter();
    Ok(rows
        .map(|row| match &row.logits {
            Some(logits) => logits.clone(),
            None => labelled.next().unwrap_or_default(),
        })
        .collect())
}

/// Rows that the teacher has to label.
pub(super) fn without_logits(data: &Dataset) -> impl Iterator<Item = &Example> {
    data.examples.iter().filter(|row| row.logits.is_none())
}

fn label_all(
    teacher: &mut dyn Teacher,
    data: &Dataset,
    labels: &[String],
    folder: &Path,
    report: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Vec<Vec<f32>>, DistillError> {
    if data.is_empty() {
        return Ok(Vec::new());
    }
    std::fs::create_dir_all(folder).map_err(|source| DistillError::Io {
        path: folder.to_owned(),
        source,
    })?;
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    let name = format!(
        "{}-{}.jsonl",
        short(teacher.digest()),
        short(&data.digest())
    );
    let path = folder.join(name);
    label::label(teacher, data, &path, None, report)?;
    let options = ReadOptions {
        labels: Some(labels.to_vec()),
        ..ReadOptions::default()
    };
    let written = data::read(&path, &options)?.examples.into_iter();
    let logits: Vec<Vec<f32>> = written.filter_map(|example| example.logits).collect();
    match logits.len() == data.len() {
        true => Ok(logits),
        false => Err(DistillError::SoftTargets {
            path,
            found: logits.len(),
            expected: data.len(),
        }),
    }
}
