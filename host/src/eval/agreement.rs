//! How often two classifiers say the same.

use serde::Serialize;

/// A classifier's answers beside those of its teacher.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// Texts that both answered.
    pub n: usize,
    /// Share of texts to which both give the same label; 0 for no texts.
    pub agreement: f64,
    /// Share of labelled texts that the teacher has right; none without labelled texts.
    pub teacher_accuracy: Option<f64>,
}

impl Agreement {
    /// Compares answers; each item is (student's label, teacher's logits, true label).
    ///
    /// ```
    /// use thimble_host::eval::Agreement;
    /// let rows = [(0, &[1.0, -1.0][..], Some(0)), (1, &[1.0, -1.0][..], Some(1))];
    /// let agreement = Agreement::of(rows);
    /// assert_eq!((agreement.n, agreement.agreement, agreement.teacher_accuracy), (2, 0.5, Some(0.5)));
    /// ```
    pub fn of<'a>(rows: impl IntoIterator<Item = (usize, &'a [f32], Option<usize>)>) -> Self {
        let (mut n, mut same, mut labelled, mut right) = (0usize, 0usize, 0usize, 0usize);
        for (student, logits, truth) in rows {
            let teacher = argmax(logits);
            n += 1;
            same += usize::from(teacher == student);
            if let Some(truth) = truth {
                labelled += 1;
                right += usize::from(teacher == truth);
            }
        }
        let share = |part: usize, whole: usize| {
            if whole == 0 {
                0.0
            } else {
                part as f64 / whole as f64
            }
        };
        Self {
            n,
            agreement: share(same, n),
            teacher_accuracy: (labelled > 0).then(|| share(right, labelled)),
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
