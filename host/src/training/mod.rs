//! What the training of a teacher and of a student share: gradients, dropout, averaging, clipping, learning rates, order,
//! checkpoints.

mod average;
pub mod checkpoint;
mod clip;
mod dropout;
mod gradients;
mod mean_loss;
mod order;
mod schedule;

pub use average::{average, decay_at};
pub use clip::clip;
pub use dropout::Dropout;
pub use gradients::of_batch;
pub use mean_loss::MeanLoss;
pub use order::epoch_batches;
pub use schedule::warmup_linear;
