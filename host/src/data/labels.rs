//! From label names to label numbers.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::dataset::{Dataset, Example};
use super::error::{DataError, DataErrorKind};
use super::read::{ReadOptions, Rows};

/// The fewest classes that can be told apart.
pub const MIN_LABELS: usize = 2;
/// The most classes that a model file can name.
pub const MAX_LABELS: usize = 64;

/// Numbers the labels and checks the logits against them.
///
/// The order is the caller's, else that of the soft targets' description, else the sorted one. Logits stand in the order of
/// their description (without one: in the order of the labels) and are put into that of the labels.
pub(super) fn assemble(
    path: &Path,
    rows: Rows,
    options: &ReadOptions,
    described: Option<Vec<String>>,
) -> Result<Dataset, DataError> {
    let Rows {
        mut rows,
        label_column,
    } = rows;
    let renames: HashMap<&str, &str> = options
        .rename_labels
        .iter()
        .map(|(from, to)| (from.as_str(), to.as_str()))
        .collect();
    for label in rows.iter_mut().filter_map(|row| row.label.as_mut()) {
        if let Some(new) = renames.get(label.as_str()) {
            *label = (*new).to_owned();
        }
    }
    let labels = match (&options.labels, &described) {
        (Some(given), _) => checked(path, given.clone())?,
        (None, Some(described)) => checked(path, described.clone())?,
        (None, None) => sorted(path, &rows, label_column.as_deref().unwrap_or_default())?,
    };
    let width = if labels.is_empty() {
        rows.iter()
            .find_map(|row| row.logits.as_ref().map(Vec::len))
    } else {
        Some(labels.len())
    };
    let order = match &described {
        Some(described) => permutation(path, &labels, described)?,
        None => (0..width.unwrap_or(0)).collect(),
    };
    let numbers: HashMap<&str, usize> = labels.iter().map(String::as_str).zip(0..).collect();
    let mut examples = Vec::with_capacity(rows.len());
    for row in rows {
        let label = match row.label {
            Some(name) => Some(*numbers.get(name.as_str()).ok_or_else(|| {
                let kind = DataErrorKind::UnknownLabel {
                    label: name.clone(),
                    known: labels.clone(),
                };
                DataError::at(path, row.line, kind)
            })?),
            None => None,
        };
        let logits = match row.logits {
            Some(logits) if logits.len() == order.len() => {
                Some(order.iter().map(|&from| logits[from]).collect())
            }
            Some(logits) => {
                let kind = DataErrorKind::LogitCount {
                    found: logits.len(),
                    expected: order.len(),
                };
                return Err(DataError::at(path, row.line, kind));
            }
            None => None,
        };
        examples.push(Example {
            text: row.text,
            label,
            logits,
        });
    }
    Ok(Dataset { labels, examples })
}

/// A list of labels from outside, refused unless it has 2 to 64 different names.
fn checked(path: &Path, labels: Vec<String>) -> Result<Vec<String>, DataError> {
    let distinct: BTreeSet<&str> = labels.iter().map(String::as_str).collect();
    let in_range = (MIN_LABELS..=MAX_LABELS).contains(&labels.len());
    if !in_range || distinct.len() != labels.len() || distinct.contains("") {
        return Err(DataError::whole(
            path,
            DataErrorKind::BadLabelList { labels },
        ));
    }
    Ok(labels)
}

/// The labels of the rows, whole numbers by value, everything else by name. None for a file without any label.
fn sorted(path: &Path, rows: &[super::read::Row], column: &str) -> Result<Vec<String>, DataError> {
    let distinct: BTreeSet<&str> = rows.iter().filter_map(|row| row.label.as_deref()).collect();
    let mut labels: Vec<String> = distinct.into_iter().map(str::to_owned).collect();
    if labels.is_empty() {
        return Ok(labels);
    }
    if labels.iter().all(|label| label.parse::<i64>().is_ok()) {
        // Names that differ and are the same number (1 and 01) keep their order by name: the sort is stable.
        labels.sort_by_key(|label| label.parse::<i64>().unwrap_or_default());
    }
    let column = column.to_owned();
    if labels.len() < MIN_LABELS {
        return Err(DataError::whole(
            path,
            DataErrorKind::TooFewClasses { labels, column },
        ));
    }
    if labels.len() > MAX_LABELS {
        let found = labels.len();
        labels.truncate(5);
        return Err(DataError::whole(
            path,
            DataErrorKind::TooManyClasses {
                found,
                first: labels,
                column,
            },
        ));
    }
    Ok(labels)
}

/// For each label its place in the description.
fn permutation(
    path: &Path,
    labels: &[String],
    described: &[String],
) -> Result<Vec<usize>, DataError> {
    let places: Option<Vec<usize>> = labels
        .iter()
        .map(|label| described.iter().position(|name| name == label))
        .collect();
    places
        .filter(|places| places.len() == described.len())
        .ok_or_else(|| {
            let text = format!(
                "its labels are {} and not {}",
                described.join(", "),
                labels.join(", ")
            );
            DataError::whole(path, DataErrorKind::SoftTargetMeta(text))
        })
}
