//! Hyperparameters of a training where nobody chooses them.

/// From so many texts on, they are many.
const MANY: usize = 100_000;
/// Texts to be seen in a training, so that there are enough steps.
const SEEN: f64 = 2_800_000.0;
/// Fewest and most passes.
const PASSES: [f64; 2] = [4.0, 60.0];

/// Defaults that suit a number of texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hyperparameters {
    /// Passes: more over few texts.
    pub epochs: f64,
    /// Highest learning rate: many texts bear a higher one.
    pub learning_rate: f64,
    /// Share of an embedding's values that are dropped while learning: many texts need less noise.
    pub dropout: f64,
}

impl Hyperparameters {
    /// For `rows` texts.
    pub fn of(rows: usize) -> Self {
        let [fewest, most] = PASSES;
        let (learning_rate, dropout) = match rows < MANY {
            true => (0.002, 0.2),
            false => (0.004, 0.05),
        };
        Self {
            epochs: (SEEN / rows.max(1) as f64).clamp(fewest, most).round(),
            learning_rate,
            dropout,
        }
    }
}
