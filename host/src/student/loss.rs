//! What a student learns by.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::batch::Row;

/// The soft part of the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum SoftLoss {
    /// Squared difference of the logits (Ba and Caruana 2014, <https://arxiv.org/abs/1312.6184>).
    Mse,
    /// T² times the Kullback-Leibler divergence of outputs softened by T (Hinton et al. 2015,
    /// <https://arxiv.org/abs/1503.02531>).
    Kl,
}

/// `α · cross-entropy with the label + (1 − α) · soft loss against the teacher`.
///
/// A row without a label has the soft loss alone, a row without logits the cross-entropy alone.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LossConfig {
    /// Weight of the cross-entropy, 0..=1.
    pub alpha: f64,
    /// The soft part.
    pub soft: SoftLoss,
    /// Temperature of [`SoftLoss::Kl`], above 0.
    pub temperature: f64,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            alpha: 0.1,
            soft: SoftLoss::Mse,
            temperature: 2.0,
        }
    }
}

/// What rows are compared with, ready to be put onto a device.
#[derive(Debug, Clone)]
pub struct Targets {
    /// α in the place of the label, `[rows, classes]`.
    labels: TensorData,
    /// The teacher's logits, `[rows, classes]`.
    logits: TensorData,
    /// 1 − α where there are logits, `[rows, 1]`.
    soft_weights: TensorData,
}

impl LossConfig {
    /// The targets of rows of `classes` classes.
    pub fn targets(&self, rows: &[&Row], classes: usize) -> Targets {
        let size = rows.len();
        let (mut labels, mut targets) = (vec![0_f32; size * classes], vec![0_f32; size * classes]);
        let mut soft_weights = vec![0_f32; size];
        for (index, row) in rows.iter().enumerate() {
            let own = index * classes..(index + 1) * classes;
            let alpha = match (row.label, &row.logits) {
                (Some(_), Some(_)) => self.alpha as f32,
                (Some(_), None) => 1.0,
                (None, _) => 0.0,
            };
            if let Some(label) = row.label {
                labels[own.clone()][label] = alpha;
            }
            if let Some(logits) = &row.logits {
                targets[own].copy_from_slice(logits);
                soft_weights[index] = 1.0 - alpha;
            }
        }
        Targets {
            labels: TensorData::new(labels, [size, classes]),
            logits: TensorData::new(targets, [size, classes]),
            soft_weights: TensorData::new(soft_weights, [size, 1]),
        }
    }

    /// Mean loss of rows whose student's logits are `[rows, classes]`, on the device of these.
    pub fn of(&self, logits: Tensor<2>, targets: Targets) -> Tensor<1> {
        let device = logits.device();
        let tensor = |data| Tensor::<2>::from_data(data, &device);
        let hard = -(tensor(targets.labels) * log_softmax(logits.clone(), 1)).sum_dim(1);
        let known = tensor(targets.logits);
        let soft = match self.soft {
            SoftLoss::Mse => (logits - known).square().mean_dim(1),
            SoftLoss::Kl => {
                let temperature = self.temperature as f32;
                let (student, teacher) = (
                    log_softmax(logits / temperature, 1),
                    log_softmax(known / temperature, 1),
                );
                (teacher.clone().exp() * (teacher - student)).sum_dim(1)
                    * (temperature * temperature)
            }
        };
        (hard + soft * tensor(targets.soft_weights)).mean()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// The same straight from the formulas.
    fn by_hand(config: &LossConfig, logits: &[[f64; 3]], rows: &[Row]) -> f64 {
        let softmax = |z: &[f64], t: f64| -> Vec<f64> {
            let sum: f64 = z.iter().map(|z| (z / t).exp()).sum();
            z.iter().map(|z| (z / t).exp() / sum).collect()
        };
        let of_row = |z: &[f64; 3], row: &Row| {
            let hard = row.label.map(|label| -softmax(z, 1.0)[label].ln());
            let soft = row.logits.as_ref().map(|target| {
                let target: Vec<f64> = target.iter().map(|&v| v.into()).collect();
                match config.soft {
                    SoftLoss::Mse => {
                        z.iter()
                            .zip(&target)
                            .map(|(a, b)| (a - b).powi(2))
                            .sum::<f64>()
                            / 3.0
                    }
                    SoftLoss::Kl => {
                        let t = config.temperature;
                        let (p, q) = (softmax(&target, t), softmax(z, t));
                        t * t * p.iter().zip(&q).map(|(p, q)| p * (p / q).ln()).sum::<f64>()
                    }
                }
            });
            match (hard, soft) {
                (Some(hard), Some(soft)) => config.alpha * hard + (1.0 - config.alpha) * soft,
                (hard, soft) => hard.or(soft).unwrap_or(0.0),
            }
        };
        logits
            .iter()
            .zip(rows)
            .map(|(z, row)| of_row(z, row))
            .sum::<f64>()
            / rows.len() as f64
    }

    #[test]
    fn the_formulas_hold_for_rows_of_every_kind() {
        let rows = [
            Row {
                ids: vec![],
                label: Some(2),
                logits: Some(vec![0.5, -1.0, 2.0]),
            },
            Row {
                ids: vec![],
                label: None,
                logits: Some(vec![-3.0, 1.0, 0.0]),
            },
            Row {
                ids: vec![],
                label: Some(0),
                logits: None,
            },
        ];
        let logits = [[0.1, 0.2, -0.3], [1.0, -2.0, 0.5], [0.0, 4.0, 1.0]];
        let device = Device::flex();
        for soft in [SoftLoss::Mse, SoftLoss::Kl] {
            let config = LossConfig {
                alpha: 0.3,
                soft,
                temperature: 3.0,
            };
            let values = logits
                .concat()
                .into_iter()
                .map(|v| v as f32)
                .collect::<Vec<f32>>();
            let tensor = Tensor::from_data(TensorData::new(values, [3, 3]), &device);
            let rows_of: Vec<&Row> = rows.iter().collect();
            let loss: f32 = config.of(tensor, config.targets(&rows_of, 3)).into_scalar();
            let expected = by_hand(&config, &logits, &rows);
            assert!(
                (f64::from(loss) - expected).abs() < 1e-5,
                "{soft:?}: {loss} {expected}"
            );
        }
    }
}
