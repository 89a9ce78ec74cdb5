//! What can be wrong with a data file: where it is, what it is, what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::labels::{MAX_LABELS, MIN_LABELS};

/// A data file that cannot be used, with the place of the fault.
#[derive(Debug, thiserror::Error)]
pub struct DataError {
    /// The file as it was named by the caller.
    pub file: PathBuf,
    /// The line of the fault, counted from 1; none if the file as a whole is meant.
    pub line: Option<u64>,
    /// What is wrong and what to do.
    pub kind: DataErrorKind,
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.kind)
    }
}

impl DataError {
    /// An error about the file as a whole.
    pub(crate) fn whole(file: &Path, kind: DataErrorKind) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            kind,
        }
    }

    /// An error in one line, counted from 1.
    pub(crate) fn at(file: &Path, line: u64, kind: DataErrorKind) -> Self {
        Self {
            file: file.to_owned(),
            line: Some(line),
            kind,
        }
    }
}

/// The kinds of fault in a data file; each message ends with its remedy.
#[derive(Debug, thiserror::Error)]
pub enum DataErrorKind {
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The path names a folder.
    #[error("is a folder; name a TSV, CSV, JSON Lines or text file in it")]
    Directory,
    /// The packed stream is broken.
    #[error("cannot be unpacked as {packing}: {source}; the file is cut short or damaged")]
    Unpack {
        /// Name of the packing: `zstd` or `gzip`.
        packing: &'static str,
        /// What the unpacker says.
        source: std::io::Error,
    },
    /// Neither extension nor content tells the format.
    #[error(
        "has an extension and a beginning that tell no format; name it .tsv, .csv, .jsonl or .txt (.zst and .gz may follow) or give the format"
    )]
    UnknownFormat,
    /// The file starts with a UTF-16 byte order mark.
    #[error("is UTF-16; save it as UTF-8 (for example: iconv -f UTF-16 -t UTF-8)")]
    Utf16,
    /// A line is no UTF-8.
    #[error(
        "invalid UTF-8 at byte {column} of the line; save the file as UTF-8 (for example: iconv -f LATIN1 -t UTF-8)"
    )]
    InvalidUtf8 {
        /// Offset of the first wrong byte in its line, counted from 1.
        column: usize,
    },
    /// There is no row.
    #[error("holds no rows; expected {expected}")]
    Empty {
        /// What the format asks for.
        expected: &'static str,
    },
    /// A column that was asked for by name is missing.
    #[error("has no column {wanted:?}; its columns are {}", list(.columns))]
    NoSuchColumn {
        /// Name that was asked for.
        wanted: String,
        /// Names that exist.
        columns: Vec<String>,
    },
    /// No column has a usual name for the text.
    #[error("has no column that is known to hold the text; its columns are {} and expected was one of {}; name it with --text-column", list(.columns), .expected.join(", "))]
    NoTextColumn {
        /// Names that exist.
        columns: Vec<String>,
        /// Names that are looked for.
        expected: &'static [&'static str],
    },
    /// The header has a chosen name twice.
    #[error("has the column {name:?} more than once; rename one of them")]
    AmbiguousColumn {
        /// The repeated name.
        name: String,
    },
    /// A row has more or fewer fields than the header.
    #[error("the row has {found} fields where the header has {expected} ({}); {hint}", list(.columns))]
    FieldCount {
        /// Fields in this row.
        found: usize,
        /// Fields in the header.
        expected: usize,
        /// Names in the header.
        columns: Vec<String>,
        /// What to look at.
        hint: &'static str,
    },
    /// A quoted field never ends.
    #[error(
        "a quoted field opens in this row and is never closed; double the quotes inside quoted text or use TSV, where quotes are text"
    )]
    UnclosedQuote,
    /// A line is no JSON.
    #[error(
        "is no JSON: {0}; expected one object a line such as {{\"text\": \"…\", \"label\": \"…\"}}"
    )]
    Json(serde_json::Error),
    /// The line holds JSON, but no object.
    #[error(
        "is JSON but {found}, no object; expected one object a line such as {{\"text\": \"…\", \"label\": \"…\"}} (an array becomes that by: jq -c '.[]')"
    )]
    NotAnObject {
        /// What is there.
        found: &'static str,
    },
    /// A field has a value of the wrong kind.
    #[error("the field {field:?} is {found}; expected {expected}")]
    FieldType {
        /// Name of the field.
        field: String,
        /// What is there.
        found: &'static str,
        /// What should be there.
        expected: &'static str,
    },
    /// A row's logits do not fit.
    #[error("the row has {found} logits; expected {expected}, one for each label")]
    LogitCount {
        /// Logits in this row.
        found: usize,
        /// Number of labels, or of logits in the rows before.
        expected: usize,
    },
    /// A label that is not among the given ones.
    #[error("unknown label {label:?}; expected {} (rename labels with --map-label {label}=NAME)", list(.known))]
    UnknownLabel {
        /// The label in the file.
        label: String,
        /// The labels that are known.
        known: Vec<String>,
    },
    /// Too few classes to tell apart.
    #[error(
        "has {} ({}); a classifier needs at least {MIN_LABELS}; is {column:?} the right label column?",
        count(.labels.len(), "class", "classes"), list(.labels)
    )]
    TooFewClasses {
        /// The labels seen.
        labels: Vec<String>,
        /// The column they come from.
        column: String,
    },
    /// More classes than a model file can name.
    #[error(
        "has {found} classes ({}, …); at most {MAX_LABELS} are possible; is {column:?} the right label column? (name it with --label-column)",
        list(.first)
    )]
    TooManyClasses {
        /// Number of distinct labels.
        found: usize,
        /// The first few.
        first: Vec<String>,
        /// The column they come from.
        column: String,
    },
    /// The list of labels given by the caller is no good.
    #[error("the labels given are {}; expected {MIN_LABELS} to {MAX_LABELS} different names", list(.labels))]
    BadLabelList {
        /// What was given.
        labels: Vec<String>,
    },
    /// The file beside a soft-target file is wrong.
    #[error(
        "cannot be used as the description of soft targets: {0}; write the soft targets anew with `thimble teacher label`"
    )]
    SoftTargetMeta(String),
}

/// Names in quotes, separated by commas.
fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    quoted.join(", ")
}

/// `1 class`, `2 classes`.
fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
