//! The mean loss between two evaluations.

use serde::{Deserialize, Serialize};

/// Losses of steps, summed up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MeanLoss {
    sum: f64,
    steps: usize,
}

impl MeanLoss {
    /// Takes the loss of a step.
    pub fn add(&mut self, loss: f64) {
        self.sum += loss;
        self.steps += 1;
    }

    /// The mean of the steps so far, which are forgotten; 0 if there are none.
    pub fn take(&mut self) -> f64 {
        let Self { sum, steps } = std::mem::take(self);
        sum / steps.max(1) as f64
    }
}
