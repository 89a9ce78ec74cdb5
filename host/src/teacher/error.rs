//! What can go wrong with a teacher.

use std::path::{Path, PathBuf};

/// Why a teacher can't be read, run, trained or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TeacherError {
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file isn't what it should be.
    #[error("{}: {why}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do about it.
        why: String,
    },
    /// A text can't be tokenized.
    #[error("the teacher's tokenizer failed: {0}")]
    Tokenizer(String),
    /// The network can't be run on its input.
    #[error("the teacher can't be run: {0}")]
    Run(String),
    /// A training did not come to its end.
    #[error(transparent)]
    Training(#[from] crate::training::TrainingError),
    /// The device can't run the network.
    #[error("the teacher can't be run: {0}")]
    Device(#[from] crate::device::DeviceFailure),
    /// The labelling was told to stop, and has written what it had.
    #[error("stopped after {done} of {rows} rows; the same command goes on from there")]
    Stopped {
        /// Rows that are labelled.
        done: usize,
        /// Rows in all.
        rows: usize,
    },
    /// The data don't suit the training that was asked for.
    #[error("the training data don't fit: {0}")]
    Data(String),
}

impl TeacherError {
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    pub(super) fn invalid(path: &Path, why: impl Into<String>) -> Self {
        Self::Invalid {
            path: path.to_owned(),
            why: why.into(),
        }
    }
}
