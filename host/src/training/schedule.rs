//! How long a training is and how fast it learns.

/// The steps of a training, and what happens in them.
#[derive(Debug, Clone)]
pub struct Schedule<'a> {
    /// Length of each row in pieces: batches are made of rows of like length.
    pub lengths: &'a [usize],
    /// Rows a step.
    pub batch_size: usize,
    /// The most rows computed at once; gradients of the parts of a batch are added up.
    pub micro_batch: Option<usize>,
    /// Passes over the rows; may be a fraction.
    pub epochs: f64,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Share of the steps in which the learning rate rises.
    pub warmup: f64,
    /// Bound on the global norm of the gradient.
    pub clip: f64,
    /// Decay of the moving average of the weights, a step.
    pub average_decay: f64,
    /// Steps between evaluations, each with a checkpoint; the last step has one in any case.
    pub evaluate_every: usize,
    /// Seed of order and noise.
    pub seed: u64,
}

impl Schedule<'_> {
    /// Steps of a pass over the rows.
    pub fn steps_an_epoch(&self) -> usize {
        self.lengths.len().div_ceil(self.batch_size)
    }

    /// Steps in all, at least 2.
    pub fn steps(&self) -> usize {
        ((self.steps_an_epoch() as f64 * self.epochs).round() as usize).max(2)
    }

    /// The learning rate of a step, from 0.
    pub(super) fn rate(&self, step: usize) -> f64 {
        self.learning_rate * warmup_linear(step, self.steps(), self.warmup)
    }

    /// Whether the weights are judged behind a number of steps.
    pub(super) fn is_evaluated(&self, done: usize) -> bool {
        done.is_multiple_of(self.evaluate_every) || done == self.steps()
    }

    /// Seed of the noise in a part of a step's batch.
    pub(super) fn noise_seed(&self, step: usize, part: usize) -> u64 {
        let step = self.seed.wrapping_mul(1_000_003).wrapping_add(step as u64);
        // Parts beyond two, which few trainings have, must not meet those of the next steps.
        step.wrapping_mul(2)
            .wrapping_add(part as u64 % 2)
            .wrapping_add((part as u64 / 2) << 40)
    }
}

/// Rises linearly to 1 over a share `warmup` of the steps, then falls linearly to 0. `step` counts from 0.
fn warmup_linear(step: usize, steps: usize, warmup: f64) -> f64 {
    let rising = (warmup * steps as f64).max(1.0);
    let (step, steps) = (step as f64, steps as f64);
    let share = if step < rising {
        (step + 1.0) / rising
    } else {
        (steps - step) / (steps - rising).max(1.0)
    };
    share.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::warmup_linear;

    #[test]
    fn rises_then_falls() {
        assert_eq!(warmup_linear(0, 100, 0.1), 0.1);
        assert_eq!(warmup_linear(9, 100, 0.1), 1.0);
        assert_eq!(warmup_linear(10, 100, 0.1), 1.0);
        assert_eq!(warmup_linear(55, 100, 0.1), 0.5);
        assert_eq!(warmup_linear(100, 100, 0.1), 0.0);
    }
}
