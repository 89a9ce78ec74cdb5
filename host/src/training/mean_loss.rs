//! The mean loss between two evaluations.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::device::{self, DeviceFailure};

/// Losses of steps, summed up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct MeanLoss {
    sum: f64,
    steps: usize,
}

impl MeanLoss {
    /// The mean of the steps so far, which are forgotten; 0 if there are none.
    pub(super) fn take(&mut self) -> f64 {
        let Self { sum, steps } = std::mem::take(self);
        sum / steps.max(1) as f64
    }
}

/// Losses that still lie on the device: reading one waits for the device, so they are read many at a time.
#[derive(Default)]
pub(super) struct UnreadLosses(Vec<Vec<Tensor<1>>>);

impl UnreadLosses {
    /// Takes the losses of a step's parts, which add up to that of the step.
    pub(super) fn add(&mut self, parts: Vec<Tensor<1>>) {
        self.0.push(parts);
    }

    /// Reads them into `mean`; waits for the device.
    ///
    /// # Errors
    /// The device failed in one of these steps.
    pub(super) fn read_into(&mut self, mean: &mut MeanLoss) -> Result<(), DeviceFailure> {
        let steps = std::mem::take(&mut self.0);
        if steps.is_empty() {
            return Ok(());
        }
        let values = device::floats(Tensor::cat(steps.concat(), 0))?;
        let mut values = values.into_iter();
        for step in steps {
            let parts = values.by_ref().take(step.len());
            mean.sum += parts.map(f64::from).sum::<f64>();
            mean.steps += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_mean_is_that_of_steps_however_they_are_read() {
        let device = Device::flex();
        let loss = |value: f32| Tensor::<1>::from_floats([value], &device);
        let (mut mean, mut unread) = (MeanLoss::default(), UnreadLosses::default());
        unread.add(vec![loss(0.25), loss(0.75)]);
        unread.read_into(&mut mean).unwrap();
        unread.read_into(&mut mean).unwrap();
        unread.add(vec![loss(2.0)]);
        unread.add(vec![loss(1.0), loss(1.0), loss(1.0)]);
        unread.read_into(&mut mean).unwrap();
        assert_eq!(mean.take(), 2.0);
        assert_eq!(mean.take(), 0.0);
    }
}
