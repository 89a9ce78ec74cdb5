//! How good a classifier's answers are.

use serde::Serialize;

/// Number of equal-width bins of the calibration error.
pub const ECE_BINS: usize = 15;

/// Probabilities of an engine are steps of 2^-15.
const LEAST_LIKELIHOOD: f64 = 1.0 / 65_536.0;

/// One answer beside the truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Index of the true label.
    pub truth: usize,
    /// Index of the predicted label.
    pub predicted: usize,
    /// Probability given to the predicted label, 0..=1.
    pub confidence: f64,
    /// Probability given to the true label, 0..=1.
    pub likelihood: f64,
}

/// Figures of one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassMetrics {
    /// Name of the class.
    pub label: String,
    /// Share of right answers among those that name the class; 0 if none does.
    pub precision: f64,
    /// Share of the class that was found; 0 if the set has none of it.
    pub recall: f64,
    /// Harmonic mean of the two; 0 if both are.
    pub f1: f64,
    /// Texts of this class.
    pub support: u64,
}

/// Figures of a whole set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metrics {
    /// Number of texts.
    pub n: usize,
    /// Share of right answers; 0 for an empty set.
    pub accuracy: f64,
    /// Mean F1 of the classes that occur among truths or answers.
    pub macro_f1: f64,
    /// Expected calibration error, see [`expected_calibration_error`].
    pub ece: f64,
    /// Mean negative logarithm of the probability given to the true label, in nats; probabilities below 2^-16, half an engine's
    /// step, count as that.
    pub log_loss: f64,
    /// Texts by true label (row) and predicted label (column).
    pub confusion: Vec<Vec<u64>>,
    /// Names of rows and columns.
    pub labels: Vec<String>,
    /// Figures of each class, in the order of the labels.
    pub per_class: Vec<ClassMetrics>,
}

impl Metrics {
    /// Figures of a set of outcomes, whose indices must be below the number of `labels`.
    ///
    /// ```
    /// use thimble_host::eval::{Metrics, Outcome};
    /// let labels = ["no".to_owned(), "yes".to_owned()];
    /// let right = Outcome { truth: 1, predicted: 1, confidence: 1.0, likelihood: 1.0 };
    /// let wrong = Outcome { truth: 0, predicted: 1, confidence: 0.75, likelihood: 0.25 };
    /// let metrics = Metrics::of(&labels, &[right, right, right, wrong]);
    /// assert_eq!(metrics.accuracy, 0.75);
    /// assert!((metrics.log_loss - 4_f64.ln() / 4.0).abs() < 1e-12);
    /// assert_eq!(metrics.confusion, [[0, 1], [0, 3]]);
    /// ```
    pub fn of(labels: &[String], outcomes: &[Outcome]) -> Self {
        let mut confusion = vec![vec![0u64; labels.len()]; labels.len()];
        for outcome in outcomes {
            confusion[outcome.truth][outcome.predicted] += 1;
        }
        let right: u64 = (0..labels.len()).map(|class| confusion[class][class]).sum();
        let per_class: Vec<ClassMetrics> = labels
            .iter()
            .enumerate()
            .map(|(class, label)| class_metrics(label, class, &confusion))
            .collect();
        let surprise = |outcome: &Outcome| -outcome.likelihood.max(LEAST_LIKELIHOOD).ln();
        let answered = |class: usize| confusion.iter().map(|row| row[class]).sum::<u64>();
        let occurring: Vec<f64> = per_class
            .iter()
            .enumerate()
            .filter(|(class, metrics)| metrics.support + answered(*class) > 0)
            .map(|(_, metrics)| metrics.f1)
            .collect();
        Self {
            n: outcomes.len(),
            accuracy: ratio(right as f64, outcomes.len() as f64),
            macro_f1: ratio(occurring.iter().sum(), occurring.len() as f64),
            ece: expected_calibration_error(outcomes),
            log_loss: ratio(outcomes.iter().map(surprise).sum(), outcomes.len() as f64),
            confusion,
            labels: labels.to_vec(),
            per_class,
        }
    }
}

fn class_metrics(label: &str, class: usize, confusion: &[Vec<u64>]) -> ClassMetrics {
    let right = confusion[class][class] as f64;
    let support: u64 = confusion[class].iter().sum();
    let answered: u64 = confusion.iter().map(|row| row[class]).sum();
    let (precision, recall) = (ratio(right, answered as f64), ratio(right, support as f64));
    let f1 = ratio(2.0 * precision * recall, precision + recall);
    ClassMetrics {
        label: label.to_owned(),
        precision,
        recall,
        f1,
        support,
    }
}

/// Expected calibration error with [`ECE_BINS`] bins of equal width: the outcomes are binned by confidence, bin *m* holding
/// ((m-1)/M, m/M], and the distances between accuracy and mean confidence are averaged, weighted by the bins' sizes.
/// 0 is perfect, also for an empty set.
///
/// Source: Guo, Pleiss, Sun, Weinberger, *On Calibration of Modern Neural Networks*, ICML 2017, equation 3.
pub fn expected_calibration_error(outcomes: &[Outcome]) -> f64 {
    let mut bins = [(0.0, 0.0); ECE_BINS];
    for outcome in outcomes {
        let bin = (outcome.confidence * ECE_BINS as f64).ceil() as usize;
        let (right, confidence) = &mut bins[bin.clamp(1, ECE_BINS) - 1];
        *right += f64::from(u8::from(outcome.truth == outcome.predicted));
        *confidence += outcome.confidence;
    }
    let distance: f64 = bins
        .iter()
        .map(|(right, confidence): &(f64, f64)| (right - confidence).abs())
        .sum();
    ratio(distance, outcomes.len() as f64)
}

/// A quotient that is 0 where there is nothing to divide by.
fn ratio(numerator: f64, denominator: f64) -> f64 {
    if denominator == 0.0 {
        0.0
    } else {
        numerator / denominator
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(truth: usize, predicted: usize, confidence: f64) -> Outcome {
        Outcome {
            truth,
            predicted,
            confidence,
            likelihood: match truth == predicted {
                true => confidence,
                false => 1.0 - confidence,
            },
        }
    }

    #[test]
    fn figures_of_a_worked_example() {
        let labels = [
            "a".to_owned(),
            "b".to_owned(),
            "c".to_owned(),
            "never".to_owned(),
        ];
        // a: 2 of 3 found, 2 of 2 answers right; b: 1 of 1 found, 1 of 3 right; c: 0 of 1.
        let outcomes = [
            outcome(0, 0, 0.9),
            outcome(0, 0, 0.9),
            outcome(0, 1, 0.9),
            outcome(1, 1, 0.9),
            outcome(2, 1, 0.9),
        ];
        let metrics = Metrics::of(&labels, &outcomes);
        assert_eq!(metrics.accuracy, 0.6);
        assert_eq!(metrics.per_class[0].f1, 0.8);
        assert_eq!(metrics.per_class[1].f1, 0.5);
        assert_eq!(metrics.per_class[2].f1, 0.0);
        assert!(
            (metrics.macro_f1 - 1.3 / 3.0).abs() < 1e-12,
            "a class that never occurs does not count"
        );
        assert!((metrics.ece - 0.3).abs() < 1e-12);
        assert_eq!(metrics.confusion[2], [0, 1, 0, 0]);
    }

    #[test]
    fn calibration_error_is_binned() {
        // Two bins, off by 0.1 and 0.5, of sizes 3 and 1.
        let mut outcomes = vec![outcome(0, 0, 0.9); 3];
        outcomes.push(outcome(0, 1, 0.5));
        assert!((expected_calibration_error(&outcomes) - (0.3 + 0.5) / 4.0).abs() < 1e-12);
        assert_eq!(expected_calibration_error(&[outcome(0, 0, 1.0)]), 0.0);
        assert_eq!(expected_calibration_error(&[outcome(1, 0, 0.0)]), 0.0);
        // The bounds belong to the lower bin: 1/15 and just above it are told apart.
        let edge = 1.0 / 15.0;
        let apart = [outcome(0, 0, edge), outcome(1, 0, edge + 1e-9)];
        assert!((expected_calibration_error(&apart) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn an_empty_set_has_figures() {
        let metrics = Metrics::of(&["a".to_owned(), "b".to_owned()], &[]);
        assert_eq!(
            (metrics.accuracy, metrics.macro_f1, metrics.ece),
            (0.0, 0.0, 0.0)
        );
    }
}
