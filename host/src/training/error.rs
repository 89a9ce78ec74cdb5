//! What can end a training early.

use std::path::PathBuf;

use super::checkpoint::CheckpointError;
use crate::device::DeviceFailure;

/// Why a training did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// A checkpoint can't be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The device failed, also with the smallest batch.
    #[error("{0}; the same command goes on from the last checkpoint, on --device cpu too")]
    Device(#[from] DeviceFailure),
    /// It was told to stop, and wrote a checkpoint.
    #[error("stopped after step {step} of {steps}; a checkpoint lies in {}, the same command goes on from there", folder.display())]
    Stopped {
        /// Steps done.
        step: usize,
        /// Steps in all.
        steps: usize,
        /// Folder of the checkpoint.
        folder: PathBuf,
    },
}
