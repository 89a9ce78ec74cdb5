//! What a training is of: a module, how it learns from rows, and how it is judged.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::progress::OfStep;
use super::{Dropout, Progress};
use crate::device::DeviceFailure;

/// What the trainer trains.
pub trait Task: Sync {
    /// The module that learns.
    type Module: Module + Sync;
    /// Rows made ready for the device.
    type Batch: Send;
    /// How good it is after a step.
    type Evaluation: Clone + OfStep + Serialize + DeserializeOwned;
    /// What is settled on the way and belongs into checkpoints.
    type State: Clone + Default + Serialize + DeserializeOwned + Sync;

    /// Makes rows ready; called on a thread that runs ahead of the training. `seed` is that of the noise.
    fn prepare(&self, rows: &[usize], seed: u64) -> Self::Batch;

    /// Mean loss of prepared rows, a tensor of one element.
    fn loss(
        &self,
        module: &Self::Module,
        batch: Self::Batch,
        dropout: Dropout,
        state: &Self::State,
    ) -> Tensor<1>;

    /// What a loss is multiplied by while gradients are computed, against their underflow in 16 bits; a step whose gradients overflow
    /// by it learns nothing.
    fn loss_scale(&self) -> f64 {
        1.0
    }

    /// Called before each step, with the averaged weights so far.
    ///
    /// # Errors
    /// The device fails.
    fn before(
        &self,
        _step: usize,
        _average: &Self::Module,
        _state: &mut Self::State,
    ) -> Result<(), DeviceFailure> {
        Ok(())
    }

    /// Judges the weights as they are and their average, both on the plain device, after step `progress.step`; `loss` is the mean
    /// training loss since the last time.
    ///
    /// # Errors
    /// The device fails.
    fn evaluate(
        &self,
        plain: Self::Module,
        average: &Self::Module,
        progress: &Progress<Self::Evaluation, Self::State>,
        loss: f64,
    ) -> Result<Verdict<Self>, DeviceFailure>;
}

/// What an evaluation says of the weights so far.
pub struct Verdict<T: Task + ?Sized> {
    /// How good they are.
    pub evaluation: T::Evaluation,
    /// The weights to keep, on the plain device, if they are the best so far.
    pub keep: Option<T::Module>,
}
