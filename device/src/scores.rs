//! The answer to a text.

use heapless::Vec;
use thimble_shared::fixed::softmax;
use thimble_shared::labels::MAX_LABELS;

/// Logits and probabilities of the classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scores {
    logits: Vec<i32, MAX_LABELS>,
    probabilities: Vec<u16, MAX_LABELS>,
    tokens: u32,
}

impl Scores {
    /// The scores of at most 64 logits, Q12, at an inverse temperature, Q16.
    ///
    /// Not inlined, so that its memory is not kept while a caller's network runs.
    #[inline(never)]
    pub(crate) fn new(logits: Vec<i32, MAX_LABELS>, inverse_temperature: u32, tokens: u32) -> Self {
        let mut all = [0; MAX_LABELS];
        softmax(&logits, inverse_temperature, &mut all);
        let probabilities = all.iter().copied().take(logits.len()).collect();
        Self {
            logits,
            probabilities,
            tokens,
        }
    }

    /// Number of the class with the largest logit, the first of equal ones.
    pub fn label(&self) -> usize {
        let mut best = 0;
        for (class, logit) in self.logits.iter().enumerate() {
            if *logit > self.logits[best] {
                best = class;
            }
        }
        best
    }

    /// A logit a class, Q12: 4096 is 1.
    pub fn logits(&self) -> &[i32] {
        &self.logits
    }

    /// A calibrated probability a class, Q15: 32768 is 1.
    pub fn probabilities(&self) -> &[u16] {
        &self.probabilities
    }

    /// Number of tokens that the text had; those beyond [`MAX_TOKENS`](thimble_shared::format::MAX_TOKENS) are not counted.
    pub fn tokens(&self) -> u32 {
        self.tokens
    }
}
