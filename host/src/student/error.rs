//! What can go wrong with a student.

use std::path::PathBuf;

use thimble_shared::format::WriteError;
use thimble_shared::vocab::BuildError;

use crate::device::DeviceFailure;
use crate::training::TrainingError;

/// Why a student can't be made, trained or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudentError {
    /// A configuration makes no network.
    #[error("student configuration: {0}")]
    Config(String),
    /// A file can't be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is nothing to learn from, or nothing to judge by.
    #[error("the training data don't fit: {0}")]
    Data(String),
    /// A tokenizer can't be used or made.
    #[error("vocabulary: {0}")]
    Vocabulary(String),
    /// The pieces make no vocabulary.
    #[error("vocabulary: {0}")]
    Build(#[from] BuildError),
    /// A training did not come to its end.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// The device can't run the network.
    #[error("the student can't be run: {0}")]
    Device(#[from] DeviceFailure),
    /// The integers make no model file.
    #[error("model file: {0}")]
    Write(#[from] WriteError),
}
