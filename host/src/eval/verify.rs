//! Replaying a model's golden vectors on the engine, bit for bit.

use std::fmt;

use thimble_device::{ArenaTooSmall, Session};
use thimble_shared::format::{Model, ids_checksum};
use thimble_shared::tokenizer::Tokenizer;

use super::engine;

/// A text of up to this many bytes is cut at each of its places, a longer one at as many places, evenly spread.
const MOST_CUTS: usize = 512;

/// What was replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// Golden vectors of the model.
    pub vectors: usize,
    /// Runs of the engine: each text whole, byte by byte, and in two pieces.
    pub runs: u64,
    /// Logits that were compared.
    pub logits: u64,
}

/// Why a model is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The model has no golden vectors.
    #[error(
        "the model carries no golden vectors, so nothing can be compared; make the model anew with `thimble distill`"
    )]
    NoVectors,
    /// The model's statement of its memory is wrong.
    #[error(transparent)]
    Arena(#[from] ArenaTooSmall),
    /// The engine's answer is another.
    #[error(
        "golden vector {vector} ({text:?}), {cut}: {what} differ\n  expected {expected:?}\n  got      {got:?}"
    )]
    Different {
        /// Number of the vector, from 0.
        vector: usize,
        /// Its text.
        text: String,
        /// How the text was cut.
        cut: String,
        /// What differs: logits or token ids.
        what: &'static str,
        /// What the model file says.
        expected: Vec<i64>,
        /// What the engine says.
        got: Vec<i64>,
    },
}

/// Replays every golden vector: the text whole, byte by byte, and in two pieces cut at each of its bytes (at
/// `MOST_CUTS` of them in a long text), also in the middle of a character. One session does all runs, so that what a
/// text leaves behind would show in the next.
///
/// # Errors
/// The first difference, with both sides; a model without vectors.
pub fn verify(model: &Model<'_>) -> Result<Verified, VerifyError> {
    let mut arena = engine::arena(model);
    let mut session = Session::new(model, &mut arena)?;
    let mut done = Verified {
        vectors: 0,
        runs: 0,
        logits: 0,
    };
    for vector in model.golden() {
        let bytes = vector.text;
        let different = |cut: String, what, expected, got| VerifyError::Different {
            vector: done.vectors,
            text: String::from_utf8_lossy(bytes).into_owned(),
            cut,
            what,
            expected,
            got,
        };
        let ids = ids(model, bytes);
        let (expected, got) = (
            vec![vector.tokens.into(), vector.ids_crc.into()],
            vec![ids.len() as i64, ids_checksum(&ids).into()],
        );
        if expected != got {
            return Err(different(
                Cut::Whole.to_string(),
                "number and checksum of the token ids",
                expected,
                got,
            ));
        }
        let step = bytes.len().div_ceil(MOST_CUTS).max(1);
        let cuts = (1..bytes.len()).step_by(step).map(Cut::At);
        for cut in [Cut::Whole, Cut::EveryByte].into_iter().chain(cuts) {
            cut.push(&mut session, bytes);
            let scores = session.finish();
            if !vector.logits().eq(scores.logits().iter().copied()) {
                let expected = vector.logits().map(i64::from).collect();
                let got = scores.logits().iter().map(|&logit| logit.into()).collect();
                return Err(different(cut.to_string(), "logits", expected, got));
            }
            done.runs += 1;
            done.logits += scores.logits().len() as u64;
        }
        done.vectors += 1;
    }
    if done.vectors == 0 {
        Err(VerifyError::NoVectors)
    } else {
        Ok(done)
    }
}

/// Ids of a text's tokens.
pub fn ids(model: &Model<'_>, text: &[u8]) -> Vec<u32> {
    let (mut tokenizer, mut ids) = (Tokenizer::new(), Vec::new());
    tokenizer.push_bytes(model.charmap(), model.vocab(), text, &mut |id| ids.push(id));
    tokenizer.finish(model.charmap(), model.vocab(), &mut |id| ids.push(id));
    ids
}

/// How a text reaches the engine.
#[derive(Debug, Clone, Copy)]
enum Cut {
    Whole,
    EveryByte,
    At(usize),
}

impl Cut {
    fn push(self, session: &mut Session<'_, '_>, bytes: &[u8]) {
        match self {
            Self::Whole => session.push_bytes(bytes),
            Self::EveryByte => bytes.chunks(1).for_each(|byte| session.push_bytes(byte)),
            Self::At(place) => {
                session.push_bytes(&bytes[..place]);
                session.push_bytes(&bytes[place..]);
            }
        }
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => write!(f, "pushed whole"),
            Self::EveryByte => write!(f, "pushed byte by byte"),
            Self::At(place) => write!(f, "cut after byte {place}"),
        }
    }
}
