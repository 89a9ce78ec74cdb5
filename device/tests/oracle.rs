//! The engine against a naive one over 64-bit integers, on random networks and texts cut anywhere.

mod common;

use common::{ids, naive, spec, text};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use thimble_device::{ArenaTooSmall, Session};
use thimble_shared::format::{Model, SESSION_BYTES};

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn every_logit_is_the_naive_one(spec in spec(), texts in prop::collection::vec((text(), any::<u64>()), 1..4)) {
        let bytes = spec.to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        // Whatever lay in the memory before must not matter.
        let mut arena = vec![0xA5A5_5A5A_DEAD_BEEF; model.arena_bytes() / 8];
        let mut session = Session::new(&model, &mut arena).unwrap();
        for (text, cuts) in texts {
            let ids = ids(&model, &text);
            let expected = naive(&spec, &ids);
            // Pieces of 1 to 8 bytes, chosen by the bits of a number.
            let (mut rest, mut bits) = (text.as_bytes(), cuts);
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at((1 + (bits & 7) as usize).min(rest.len()));
                session.push_bytes(piece);
                (rest, bits) = (tail, bits.rotate_right(3));
            }
            let scores = session.finish();
            let got: Vec<i64> = scores.logits().iter().map(|&logit| logit.into()).collect();
            prop_assert_eq!(&got, &expected);
            prop_assert_eq!(scores.tokens() as usize, ids.len());
            let best = expected.iter().position(|logit| logit == expected.iter().max().unwrap());
            prop_assert_eq!(Some(scores.label()), best);

            session.push_str("bad film");
            session.reset();
            session.push_str(&text);
            prop_assert_eq!(session.finish(), scores);
        }
    }
}

#[test]
fn memory_is_what_the_model_says() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..50 {
        let spec = spec().new_tree(&mut runner).unwrap().current();
        let bytes = spec.to_bytes().unwrap();
        let model = Model::parse(&bytes).unwrap();
        let needed = model.arena_bytes();
        assert_eq!(model.ram_bytes(), SESSION_BYTES + needed);
        let mut arena = vec![0; needed / 8];
        assert!(Session::new(&model, &mut arena).is_ok());
        let got = needed - 8;
        assert_eq!(
            Session::new(&model, &mut arena[1..]).err(),
            Some(ArenaTooSmall { needed, got })
        );
    }
}

#[test]
fn a_long_text_runs_in_the_same_memory() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let spec = spec().new_tree(&mut runner).unwrap().current();
    let bytes = spec.to_bytes().unwrap();
    let model = Model::parse(&bytes).unwrap();
    let mut arena = vec![0; model.arena_bytes() / 8];
    let mut session = Session::new(&model, &mut arena).unwrap();
    let text = "good bad film! ".repeat(5_000);
    session.push_str(&text);
    let scores = session.finish();
    let expected = naive(&spec, &ids(&model, &text));
    assert_eq!(
        scores
            .logits()
            .iter()
            .map(|&logit| i64::from(logit))
            .collect::<Vec<_>>(),
        expected
    );
    assert_eq!(scores.tokens(), 20_000);
    assert!(
        scores
            .probabilities()
            .iter()
            .map(|&p| u32::from(p))
            .sum::<u32>()
            .abs_diff(1 << 15)
            <= 2
    );
}
