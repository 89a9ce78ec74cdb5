//! The engine of the chip, run over many texts on the workstation.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use thimble_device::{ArenaTooSmall, Session};
use thimble_shared::fixed::PROBABILITY_ONE;
use thimble_shared::format::Model;

use super::Outcome;

/// The engine's answer to one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Index of the label with the largest logit.
    pub label: usize,
    /// Logits in fixed point, one for each label.
    pub logits: Vec<i32>,
    /// Probabilities of the labels, 0..=1.
    pub probabilities: Vec<f64>,
    /// Tokens that the text had.
    pub tokens: u64,
}

/// Texts that a thread takes at a time.
const BLOCK: usize = 64;

/// The probability of an engine's score.
pub fn probability(score: u16) -> f64 {
    f64::from(score) / f64::from(PROBABILITY_ONE)
}

/// Memory for a session of a model.
pub fn arena(model: &Model<'_>) -> Vec<u64> {
    vec![0; model.arena_bytes().div_ceil(8)]
}

fn classify(session: &mut Session<'_, '_>, text: &[u8]) -> Prediction {
    session.push_bytes(text);
    let scores = session.finish();
    Prediction {
        label: scores.label(),
        logits: scores.logits().to_vec(),
        probabilities: scores
            .probabilities()
            .iter()
            .map(|&score| probability(score))
            .collect(),
        tokens: scores.tokens().into(),
    }
}

impl Prediction {
    /// This answer beside the true label.
    pub fn outcome(&self, truth: usize) -> Outcome {
        Outcome {
            truth,
            predicted: self.label,
            confidence: self.probabilities[self.label],
            likelihood: self.probabilities[truth],
        }
    }
}

/// Number of threads that this machine can run at once.
pub fn all_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Classifies `texts` with `threads` sessions beside each other; answers are in the order of the texts and do not depend on the
/// number of threads.
///
/// # Errors
/// [`ArenaTooSmall`] if the model asks for more memory than it says it needs.
pub fn predict(
    model: &Model<'_>,
    texts: &[&str],
    threads: usize,
) -> Result<Vec<Prediction>, ArenaTooSmall> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, Vec<Prediction>)>, ArenaTooSmall> {
        let mut arena = arena(model);
        let mut session = Session::new(model, &mut arena)?;
        let mut done = Vec::new();
        loop {
            let block = next.fetch_add(1, Ordering::Relaxed);
            let Some(texts) = texts.chunks(BLOCK).nth(block) else {
                return Ok(done);
            };
            done.push((
                block,
                texts
                    .iter()
                    .map(|text| classify(&mut session, text.as_bytes()))
                    .collect(),
            ));
        }
    };
    let mut blocks = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (1..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let own = work()?;
        blocks.extend(own);
        for worker in workers {
            match worker.join() {
                Ok(done) => blocks.extend(done?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(())
    })?;
    blocks.sort_unstable_by_key(|(block, _)| *block);
    Ok(blocks
        .into_iter()
        .flat_map(|(_, predictions)| predictions)
        .collect())
}
