//! From a path to a [`Dataset`].

use std::path::Path;

use super::dataset::Dataset;
use super::error::{DataError, DataErrorKind};
use super::format::Format;
use super::labels;
use super::soft_targets::SoftTargetMeta;
use super::{json_lines, source, table};

/// What the caller knows about a file; the default finds everything out.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Name of the text column; none takes the first of [`columns::TEXT`](super::columns::TEXT) that exists.
    pub text_column: Option<String>,
    /// Name of the label column; none takes the first of [`columns::LABEL`](super::columns::LABEL) that exists.
    pub label_column: Option<String>,
    /// The labels in their order; none takes those of the file, sorted by number if all are whole numbers, else by name.
    /// Where they are given, a file with another label is refused.
    pub labels: Option<Vec<String>>,
    /// New names for labels of the file, applied before anything else: (in the file, to be used).
    pub rename_labels: Vec<(String, String)>,
    /// The format; none takes it from extension and content.
    pub format: Option<Format>,
    /// Takes the texts alone: labels and logits are neither looked for nor checked.
    pub texts_only: bool,
}

impl ReadOptions {
    /// Options for a file whose labels must be among those of a model or teacher.
    pub fn with_labels<S: Into<String>>(labels: impl IntoIterator<Item = S>) -> Self {
        Self {
            labels: Some(labels.into_iter().map(Into::into).collect()),
            ..Self::default()
        }
    }
}

/// A row as it stands in the file.
#[derive(Debug)]
pub(super) struct Row {
    /// Line of the row's beginning, from 1.
    pub(super) line: u64,
    pub(super) text: String,
    /// Name of the label, trimmed and not empty.
    pub(super) label: Option<String>,
    pub(super) logits: Option<Vec<f32>>,
}

/// All rows of a file.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    /// Where the labels come from.
    pub(super) label_column: Option<String>,
}

/// Reads a data file.
///
/// A file with a label column yields labels even if some rows have none ([`Example::label`](super::Example) is `None`
/// there); a file without one, and plain text, yields unlabelled examples. Rows with an empty text are kept, so that a
/// count of rows is that of the file; [`Dataset::report`] counts them. Blank lines are no rows.
///
/// # Errors
/// [`DataError`] names file, line and remedy: unreadable, badly packed or empty files, invalid UTF-8, missing columns,
/// rows of the wrong width, bad JSON, labels outside `options.labels`, fewer than [`MIN_LABELS`](super::MIN_LABELS) or
/// more than [`MAX_LABELS`](super::MAX_LABELS) classes, logits that do not match the labels.
pub fn read(path: &Path, options: &ReadOptions) -> Result<Dataset, DataError> {
    let bytes = source::load(path)?;
    let format = options
        .format
        .or_else(|| Format::from_path(path))
        .or_else(|| Format::from_content(&bytes))
        .ok_or_else(|| DataError::whole(path, DataErrorKind::UnknownFormat))?;
    let mut rows = match format {
        Format::Tsv => table::read_tsv(path, &bytes, options)?,
        Format::Csv => table::read_csv(path, &bytes, options)?,
        Format::JsonLines => json_lines::read(path, &bytes, options)?,
        Format::PlainText => plain(path, &bytes)?,
    };
    if rows.rows.is_empty() {
        return Err(DataError::whole(
            path,
            DataErrorKind::Empty {
                expected: "rows below the header line",
            },
        ));
    }
    if options.texts_only {
        for row in &mut rows.rows {
            (row.label, row.logits) = (None, None);
        }
        return labels::assemble(path, rows, &ReadOptions::default(), None);
    }
    let described = match rows.rows.iter().any(|row| row.logits.is_some()) {
        true => SoftTargetMeta::beside(path)?,
        false => None,
    };
    labels::assemble(path, rows, options, described.map(|meta| meta.labels))
}

fn plain(path: &Path, bytes: &[u8]) -> Result<Rows, DataError> {
    let mut rows = Vec::new();
    for line in source::lines(path, bytes) {
        let (line, text) = line?;
        if !text.trim().is_empty() {
            rows.push(Row {
                line,
                text: text.to_owned(),
                label: None,
                logits: None,
            });
        }
    }
    if rows.is_empty() {
        return Err(DataError::whole(
            path,
            DataErrorKind::Empty {
                expected: "one text a line",
            },
        ));
    }
    Ok(Rows {
        rows,
        label_column: None,
    })
}
