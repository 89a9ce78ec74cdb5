//! How often two classifiers say the same.

use serde::Serialize;
use thimble_shared::fixed::LOGIT_BITS;

use super::Prediction;

/// A classifier's answers beside those of its teacher.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// Texts that both answered.
    pub n: usize,
    /// Share of texts to which both give the same label; 0 for no texts.
    pub agreement: f64,
    /// Mean squared difference of a logit and the teacher's; 0 for no texts. It tells students apart that differ by less than the
    /// share of right labels of a small set does.
    pub squared_error: f64,
    /// Share of labelled texts that the teacher has right; none without labelled texts.
    pub teacher_accuracy: Option<f64>,
}

impl Agreement {
    /// Compares answers; each item is (the engine's answer, the teacher's logits, true label).
    pub fn of<'a>(
        rows: impl IntoIterator<Item = (&'a Prediction, &'a [f32], Option<usize>)>,
    ) -> Self {
        let one = f64::from(1_u32 << LOGIT_BITS);
        let (mut n, mut same, mut labelled, mut right) = (0usize, 0usize, 0usize, 0usize);
        let (mut logits, mut squares) = (0usize, 0.0);
        for (student, answer, truth) in rows {
            let teacher = argmax(answer);
            n += 1;
            same += usize::from(teacher == student.label);
            if let Some(truth) = truth {
                labelled += 1;
                right += usize::from(teacher == truth);
            }
            logits += answer.len();
            let pairs = student.logits.iter().zip(answer);
            squares += pairs
                .map(|(&own, &other)| (f64::from(own) / one - f64::from(other)).powi(2))
                .sum::<f64>();
        }
        let share = |part: f64, whole: usize| part / whole.max(1) as f64;
        Self {
            n,
            agreement: share(same as f64, n),
            squared_error: share(squares, logits),
            teacher_accuracy: (labelled > 0).then(|| share(right as f64, labelled)),
        }
    }
}

/// Index of the largest logit, the first of equal ones; 0 for none.
pub fn argmax(logits: &[f32]) -> usize {
    let mut best = 0;
    for (index, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = index;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_beside_the_teachers() {
        let answer = |logits: [i32; 2]| Prediction {
            label: usize::from(logits[1] > logits[0]),
            logits: logits.map(|logit| logit << LOGIT_BITS).to_vec(),
            probabilities: vec![],
            tokens: 1,
        };
        let [one, two] = [answer([2, -1]), answer([0, 3])];
        let rows = [
            (&one, &[1.0, -1.0][..], Some(0)),
            (&two, &[0.5, -1.0][..], None),
        ];
        let found = Agreement::of(rows);
        assert_eq!((found.n, found.agreement), (2, 0.5));
        assert_eq!(found.teacher_accuracy, Some(1.0));
        // (1 + 0 + 0.25 + 16) / 4
        assert!((found.squared_error - 4.3125).abs() < 1e-12, "{found:?}");
        let none = Agreement::of([]);
        assert_eq!((none.n, none.agreement, none.squared_error), (0, 0.0, 0.0));
        assert_eq!(none.teacher_accuracy, None);
    }
}
