//! The training of teachers and of students: one [`trainer`] for every [`Task`] and device, with gradients, dropout, averaging,
//! clipping, learning rates, order and checkpoints.

mod adamw;
mod average;
pub mod checkpoint;
mod clip;
mod dropout;
mod error;
mod feed;
mod gradients;
mod mean_loss;
mod order;
mod progress;
mod schedule;
mod start;
mod task;
pub mod trainer;

pub(crate) use adamw::adamw;
use average::{average, decay_at};
use clip::clip;
use mean_loss::MeanLoss;

pub use dropout::Dropout;
pub use error::TrainingError;
pub use order::epoch_batches;
pub use progress::{OfStep, Progress};
pub use schedule::Schedule;
pub use start::first_weights;
pub use task::{Task, Verdict};
pub use trainer::train;
