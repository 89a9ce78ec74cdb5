//! What the training of a teacher and of a student share: averaging, clipping, learning rates, order, checkpoints.

mod average;
pub mod checkpoint;
mod clip;
mod order;
mod schedule;

pub use average::average;
pub use clip::clip;
pub use order::epoch_batches;
pub use schedule::warmup_linear;
