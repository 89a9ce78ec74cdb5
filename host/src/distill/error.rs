//! What can go wrong on the way from texts to a model file.

use std::path::PathBuf;

use crate::data::DataError;
use crate::eval::VerifyError;
use crate::student::StudentError;
use crate::teacher::TeacherError;

/// Why there is no model file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DistillError {
    /// The teacher fails.
    #[error(transparent)]
    Teacher(#[from] TeacherError),
    /// Soft targets can't be read again.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The student fails.
    #[error(transparent)]
    Student(#[from] StudentError),
    /// The golden vectors do not come out.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The student takes more than it may.
    #[error("the student takes {needed} bytes of {what}, {} more than the {allowed} that are allowed; {remedy}", needed - allowed)]
    Budget {
        /// Flash or RAM.
        what: &'static str,
        /// Bytes that it takes.
        needed: usize,
        /// Bytes that it may take.
        allowed: usize,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A file of soft targets is not as it was written.
    #[error("{} holds {found} rows with logits, {expected} were written; delete it to have them labelled again", path.display())]
    SoftTargets {
        /// The file.
        path: PathBuf,
        /// Rows with logits in it.
        found: usize,
        /// Rows that there should be.
        expected: usize,
    },
    /// A file can't be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}
