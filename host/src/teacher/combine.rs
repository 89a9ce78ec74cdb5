//! Soft targets of several teachers made one: the mean of their logits, an ensemble.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::TeacherError;
use super::label::{rounded, write_meta, write_row};
use crate::data::{self, DataError, Dataset, ReadOptions, SoftTargetMeta, meta_path};
use crate::files;

/// What was combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Combined {
    /// Rows of the first file, which are those of the result.
    pub rows: usize,
    /// Rows that several teachers have labelled.
    pub by_several: usize,
}

/// Writes the rows of the first of some files of soft targets with the mean of the logits that each text has in them. A text that
/// others lack keeps the mean of those that have it; one that only others have is left out.
///
/// The description of the result names the first teacher as the one whose soft targets they are, and the others beside it.
///
/// # Errors
/// A file can't be read or written, has no description, no logits in a row, or other labels than the first.
pub fn combine(
    paths: &[PathBuf],
    out: &Path,
    decimals: Option<u32>,
) -> Result<Combined, TeacherError> {
    let [first, others @ ..] = paths else {
        return Err(TeacherError::Data("there is nothing to combine".to_owned()));
    };
    let (mut meta, mut base) = read(first, None)?;
    let mut counts = vec![1_usize; base.len()];
    let mut sums: Vec<Vec<f64>> = Vec::with_capacity(base.len());
    for example in &base.examples {
        let logits = example.logits.iter().flatten();
        sums.push(logits.copied().map(f64::from).collect());
    }
    let mut rows_of: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, example) in base.examples.iter().enumerate() {
        rows_of.entry(&example.text).or_default().push(index);
    }
    for path in others {
        let (more, data) = read(path, Some(&meta.labels))?;
        let mut logits_of: HashMap<&str, &[f32]> = HashMap::new();
        for example in &data.examples {
            logits_of.insert(&example.text, example.logits.as_deref().unwrap_or_default());
        }
        for (text, logits) in logits_of {
            for &row in rows_of.get(text).into_iter().flatten() {
                let sum = sums[row].iter_mut().zip(logits);
                sum.for_each(|(sum, &logit)| *sum += f64::from(logit));
                counts[row] += 1;
            }
        }
        meta.with.push(more.teacher_digest);
        meta.with.extend(more.with);
    }
    for ((example, sum), &count) in base.examples.iter_mut().zip(&sums).zip(&counts) {
        let mean = sum.iter().map(|sum| (sum / count as f64) as f32);
        example.logits = Some(mean.collect());
    }
    meta.decimals = decimals;
    meta.tool_version = env!("CARGO_PKG_VERSION").to_owned();
    let mut bytes = Vec::new();
    for example in &base.examples {
        let logits = rounded(example.logits.as_deref().unwrap_or_default(), decimals);
        write_row(&mut bytes, &base, example, &logits).map_err(|e| TeacherError::io(out, e))?;
    }
    files::write_whole(out, &bytes).map_err(|e| TeacherError::io(out, e))?;
    write_meta(&meta_path(out), &meta)?;
    Ok(Combined {
        rows: base.len(),
        by_several: counts.iter().filter(|&&count| count > 1).count(),
    })
}

/// A file of soft targets and its description, logits in the order of `labels`.
fn read(
    path: &Path,
    labels: Option<&Vec<String>>,
) -> Result<(SoftTargetMeta, Dataset), TeacherError> {
    let wrong = |e: DataError| TeacherError::Data(e.to_string());
    let meta = SoftTargetMeta::beside(path).map_err(wrong)?.ok_or_else(|| {
        let why = "there is no description beside it; soft targets are written by `thimble teacher label`";
        TeacherError::invalid(path, why)
    })?;
    let options = ReadOptions {
        labels: Some(labels.unwrap_or(&meta.labels).clone()),
        ..ReadOptions::default()
    };
    let data = data::read(path, &options).map_err(wrong)?;
    match data.examples.iter().position(|row| row.logits.is_none()) {
        Some(row) => Err(TeacherError::invalid(
            path,
            format!("row {} has no logits", row + 1),
        )),
        None => Ok((meta, data)),
    }
}
