//! The temperature of a model's probabilities (Guo et al. 2017, <https://arxiv.org/abs/1706.04599>).

use thimble_shared::fixed::{INVERSE_TEMPERATURE_ONE, LOGIT_BITS};

/// Range of the inverse temperature.
const RANGE: [f64; 2] = [1.0 / 64.0, 64.0];

/// The inverse temperature, Q16, at which logits (Q12) make the true labels most likely: the least mean negative log-likelihood,
/// by golden-section search over its logarithm. 1 if there is no text.
pub fn inverse_temperature(answers: &[(&[i32], usize)]) -> u32 {
    if answers.is_empty() {
        return INVERSE_TEMPERATURE_ONE;
    }
    let logits: Vec<(Vec<f64>, usize)> = answers
        .iter()
        .map(|(logits, label)| {
            (
                logits
                    .iter()
                    .map(|&z| f64::from(z) / f64::from(1_u32 << LOGIT_BITS))
                    .collect(),
                *label,
            )
        })
        .collect();
    // The likelihood has one peak over the logarithm as over the temperature itself.
    let mut range = RANGE.map(f64::ln);
    let ratio = (5_f64.sqrt() - 1.0) / 2.0;
    for _ in 0..60 {
        let width = ratio * (range[1] - range[0]);
        let inner = [range[1] - width, range[0] + width];
        let [low, high] = inner.map(|place| loss(&logits, place.exp()));
        range = if low < high {
            [range[0], inner[1]]
        } else {
            [inner[0], range[1]]
        };
    }
    let best = ((range[0] + range[1]) / 2.0).exp();
    (best * f64::from(INVERSE_TEMPERATURE_ONE)).round() as u32
}

/// Mean negative log-likelihood of the labels.
fn loss(answers: &[(Vec<f64>, usize)], inverse: f64) -> f64 {
    let of_one = |(logits, label): &(Vec<f64>, usize)| {
        let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|z| ((z - most) * inverse).exp()).sum();
        sum.ln() - (logits[*label] - most) * inverse
    };
    answers.iter().map(of_one).sum::<f64>() / answers.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_meets_accuracy() {
        // Three of four are right at a margin of 4: probability 3/4 is a margin of ln 3, so 1/T is ln 3 / 4.
        let (right, wrong) = ([4 * 4096, 0], [0, 4 * 4096]);
        let answers: Vec<(&[i32], usize)> =
            vec![(&right, 0), (&right, 0), (&right, 0), (&wrong, 0)];
        let inverse = f64::from(inverse_temperature(&answers)) / 65536.0;
        assert!((inverse - 3_f64.ln() / 4.0).abs() < 1e-3, "{inverse}");
        assert_eq!(inverse_temperature(&[]), INVERSE_TEMPERATURE_ONE);
        // All right: as sure as can be.
        assert!(inverse_temperature(&[(&right, 0)]) > 60 << 16);
    }
}
