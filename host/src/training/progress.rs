//! Where a training stands.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::MeanLoss;

/// Where a training stands: `E` is what an evaluation says, `S` what is settled on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress<E, S = ()> {
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Losses since the last evaluation.
    pub(super) loss: MeanLoss,
    /// The last evaluation.
    pub evaluation: Option<E>,
    /// All evaluations.
    pub history: Vec<E>,
    /// The best evaluation.
    pub best: Option<E>,
    /// What is settled on the way.
    pub state: S,
    /// The most rows that are computed at once; less than a batch after the device's memory was full.
    #[serde(skip)]
    pub micro_batch: usize,
    /// Time for which the training waited for batches, since it was started or resumed.
    #[serde(skip)]
    pub waited: Duration,
}

impl<E, S: Default> Progress<E, S> {
    /// The start of a training of `steps` steps.
    pub(super) fn new(steps: usize) -> Self {
        Self {
            step: 0,
            steps,
            loss: MeanLoss::default(),
            evaluation: None,
            history: Vec::new(),
            best: None,
            state: S::default(),
            micro_batch: 0,
            waited: Duration::ZERO,
        }
    }
}

impl<E: OfStep, S> Progress<E, S> {
    /// The evaluation of this very step, if there was one.
    pub fn fresh(&self) -> Option<&E> {
        self.evaluation
            .as_ref()
            .filter(|evaluation| evaluation.step() == self.step)
    }
}

/// What was said of the weights after a step.
pub trait OfStep {
    /// The step, from 1.
    fn step(&self) -> usize;
}
