//! Which column holds the text and which the label.

use std::path::Path;

use super::error::{DataError, DataErrorKind};

/// Usual names of the text column, the most likely first; compared without regard to case.
pub const TEXT: &[&str] = &[
    "text",
    "sentence",
    "review",
    "content",
    "tweet",
    "comment",
    "message",
    "body",
    "document",
    "phrase",
    "utterance",
    "question",
    "query",
    "input",
    "title",
    "headline",
    "review_text",
    "reviewtext",
];

/// Usual names of the label column, the most likely first; compared without regard to case.
pub const LABEL: &[&str] = &[
    "label",
    "sentiment",
    "class",
    "category",
    "target",
    "polarity",
    "labels",
    "intent",
    "emotion",
    "topic",
    "gold",
    "rating",
    "stars",
    "score",
    "y",
];

/// Name of the field that holds a teacher's logits in JSON Lines.
pub const LOGITS: &str = "logits";

/// Where the fields of a row are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    /// Index of the text.
    pub(super) text: usize,
    /// Index of the label, if there is one.
    pub(super) label: Option<usize>,
}

/// Finds the columns of a header: by the given name, else by the usual names. A missing label column that nobody asked
/// for means a file without labels.
pub(super) fn find(
    path: &Path,
    header: &[String],
    text: Option<&str>,
    label: Option<&str>,
) -> Result<Columns, DataError> {
    let text = match text {
        Some(name) => named(path, header, name)?,
        None => usual(header, TEXT).ok_or_else(|| {
            let kind = DataErrorKind::NoTextColumn {
                columns: header.to_vec(),
                expected: TEXT,
            };
            DataError::at(path, 1, kind)
        })?,
    };
    let label = match label {
        Some(name) => Some(named(path, header, name)?),
        None => usual(header, LABEL).filter(|&label| label != text),
    };
    for chosen in [Some(text), label].into_iter().flatten() {
        if header
            .iter()
            .filter(|name| **name == header[chosen])
            .count()
            > 1
        {
            let kind = DataErrorKind::AmbiguousColumn {
                name: header[chosen].clone(),
            };
            return Err(DataError::at(path, 1, kind));
        }
    }
    Ok(Columns { text, label })
}

/// Index of the first of the usual `names` that the header has.
pub(super) fn usual(header: &[String], names: &[&str]) -> Option<usize> {
    names.iter().find_map(|name| {
        header
            .iter()
            .position(|column| column.trim().eq_ignore_ascii_case(name))
    })
}

/// Index of a column by its exact name, else by its name without regard to case.
fn named(path: &Path, header: &[String], name: &str) -> Result<usize, DataError> {
    header
        .iter()
        .position(|column| column == name)
        .or_else(|| usual(header, &[name.trim()]))
        .ok_or_else(|| {
            let kind = DataErrorKind::NoSuchColumn {
                wanted: name.to_owned(),
                columns: header.to_vec(),
            };
            DataError::at(path, 1, kind)
        })
}
