//! Labelled and unlabelled text, read from TSV, CSV, JSON Lines and plain text files.
//!
//! [`read`] turns a file into a [`Dataset`]: it finds the columns ([`columns`]), unpacks `.zst` and `.gz`, checks every
//! line and says where and how a file is wrong ([`DataError`]). A [`DatasetReport`] tells what the rows are worth
//! (duplicates, conflicting labels, empty texts), [`Dataset::split`] sets rows aside for development and
//! [`overlap`] compares a training set with the set it is judged by.
//!
//! | format | extension | rules |
//! |---|---|---|
//! | TSV | `.tsv`, `.tab` | header line; a tab ends a field, a line feed ends a row, quotes are text |
//! | CSV | `.csv` | header line; RFC 4180 quoting; `,` or, where the header has none, `;` or a tab |
//! | JSON Lines | `.jsonl`, `.ndjson`, `.json` | one object a line; `logits` holds soft targets |
//! | plain text | `.txt`, `.text` | no header, one text a line, no labels |
//!
//! Every format is UTF-8, with or without a byte order mark, with LF or CRLF, plain or packed.

pub mod columns;
mod dataset;
mod digest;
mod error;
mod format;
mod json_lines;
mod labels;
pub mod overlap;
mod read;
mod report;
mod soft_targets;
mod source;
mod split;
mod table;

pub use dataset::{Dataset, Example};
pub use digest::{digest_of, file_digest};
pub use error::{DataError, DataErrorKind};
pub use format::{Compression, Format};
pub use labels::{MAX_LABELS, MIN_LABELS};
pub use read::{ReadOptions, read};
pub use report::{Conflict, DatasetReport};
pub use soft_targets::{SoftTargetMeta, meta_path};
