//! Fixed-point arithmetic beside exact and floating-point arithmetic.

use proptest::prelude::*;
use thimble_shared::fixed::{
    INVERSE_TEMPERATURE_ONE, Int8Multiplier, LOGIT_BITS, Multiplier, PROBABILITY_ONE, requantize,
    round_shift, softmax,
};

/// `floor(value · mantissa / 2^shift + 1/2)` in 128 bits, saturated.
fn exact(value: i32, multiplier: Multiplier) -> i32 {
    let product = i128::from(value) * i128::from(multiplier.mantissa());
    let one = 1i128 << multiplier.shift();
    (2 * product + one)
        .div_euclid(2 * one)
        .clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

fn multiplier() -> impl Strategy<Value = Multiplier> {
    (
        prop_oneof![Just(0), Just(1 << 30), Just(i32::MAX), 1 << 30..=i32::MAX],
        1u8..=62,
    )
        .prop_map(|(mantissa, shift)| Multiplier::new(mantissa, shift).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100_000))]

    #[test]
    fn requantization_is_exact(value in prop_oneof![any::<i32>(), -300i32..300, Just(i32::MIN), Just(i32::MAX)], multiplier in multiplier()) {
        prop_assert_eq!(requantize(value, multiplier), exact(value, multiplier));
    }

    #[test]
    fn requantization_of_int8_is_exact(multiplier in multiplier()) {
        let halves = Int8Multiplier::new(multiplier);
        prop_assert_eq!(halves.is_some(), (17..=46).contains(&multiplier.shift()));
        for value in i8::MIN..=i8::MAX {
            if let Some(halves) = halves {
                prop_assert_eq!(halves.requantize(value), exact(value.into(), multiplier), "{}", value);
            }
        }
    }

    #[test]
    fn a_multiplier_survives_its_bytes(bytes in any::<[u8; 5]>()) {
        if let Some(multiplier) = Multiplier::from_bytes(bytes) {
            prop_assert_eq!(multiplier.to_bytes(), bytes);
        }
    }
}

#[test]
fn halves_go_upwards() {
    for (value, expected) in [(-5, -2), (-3, -1), (-1, 0), (1, 1), (3, 2), (5, 3)] {
        assert_eq!(round_shift(value, 1), expected, "{value}/2");
    }
}

#[test]
fn only_normal_multipliers_are_made() {
    for (mantissa, shift) in [
        (1, 30),
        (-1, 30),
        ((1 << 30) - 1, 30),
        (i32::MIN, 30),
        (1 << 30, 0),
        (1 << 30, 63),
    ] {
        assert_eq!(
            Multiplier::new(mantissa, shift),
            None,
            "{mantissa} / 2^{shift}"
        );
    }
    assert_eq!(requantize(i32::MIN, Multiplier::ONE), i32::MIN);
    assert_eq!(requantize(12_345, Multiplier::ZERO), 0);
}

/// The largest difference of a probability from that in floats, in units of 2^-15.
fn worst(logits: &[i32], inverse_temperature: u32) -> f64 {
    let mut probabilities = [0; 64];
    softmax(logits, inverse_temperature, &mut probabilities);
    let factor = f64::from(inverse_temperature) / 65_536.0 / f64::from(1 << LOGIT_BITS);
    let most = f64::from(*logits.iter().max().unwrap());
    let weights: Vec<f64> = logits
        .iter()
        .map(|&logit| ((f64::from(logit) - most) * factor).exp())
        .collect();
    let sum: f64 = weights.iter().sum();
    let exact = weights
        .iter()
        .map(|weight| weight / sum * f64::from(PROBABILITY_ONE));
    probabilities
        .iter()
        .zip(exact)
        .map(|(&got, exact)| (f64::from(got) - exact).abs())
        .fold(0.0, f64::max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50_000))]

    #[test]
    fn softmax_is_that_of_floats(
        logits in prop::collection::vec(-60_000i32..60_000, 2..=64),
        inverse_temperature in 1u32..(8 * INVERSE_TEMPERATURE_ONE),
    ) {
        prop_assert!(worst(&logits, inverse_temperature) <= 1.0, "{}", worst(&logits, inverse_temperature));
    }

    #[test]
    fn softmax_of_anything(logits in prop::collection::vec(any::<i32>(), 2..=64), inverse_temperature in 1u32..) {
        prop_assert!(worst(&logits, inverse_temperature) <= 1.0, "{}", worst(&logits, inverse_temperature));
    }
}

#[test]
fn equal_logits_share_evenly() {
    for classes in 2..=64usize {
        let mut probabilities = [0; 64];
        softmax(&vec![i32::MIN; classes], u32::MAX, &mut probabilities);
        let share = (f64::from(PROBABILITY_ONE) / classes as f64).round() as u16;
        assert!(
            probabilities[..classes]
                .iter()
                .all(|&probability| probability == share),
            "{classes}"
        );
    }
}
