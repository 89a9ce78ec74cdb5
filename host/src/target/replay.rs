//! The proof: a board's answers beside those of the engine in this program.

use serde::Serialize;
use thimble_device::Session;
use thimble_shared::format::{Model, ids_checksum};

use super::client::{Answer, ClientError, Target};
use crate::eval;

/// What was compared and found equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Golden vectors that the board replayed by itself.
    pub self_tests: usize,
    /// Golden vectors that were sent to it.
    pub vectors: usize,
    /// Other texts that were sent to it.
    pub texts: usize,
    /// Tokens of all texts.
    pub tokens: u64,
    /// Logits that were compared.
    pub logits: u64,
    /// Probabilities that were compared.
    pub probabilities: u64,
    /// Ticks of the board's clock that all texts took.
    pub ticks: u64,
}

/// Why a replay is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The board answers otherwise than this program.
    #[error("text {number}, {text:?}: {what} differ: the board says {board}, the host says {host}")]
    Different {
        /// Number of the text in its series, from 0.
        number: usize,
        /// The text, shortened.
        text: String,
        /// What differs.
        what: &'static str,
        /// The board's side.
        board: String,
        /// The host's side.
        host: String,
    },
    /// The board's own replay of a golden vector failed.
    #[error("golden vector {0}: the board's own replay differs from the vector")]
    SelfTest(u16),
    /// The model has nothing to compare.
    #[error("the model has no golden vectors and no other text was given")]
    Nothing,
    /// The board, or the line to it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The host's own session.
    #[error(transparent)]
    Arena(#[from] thimble_device::ArenaTooSmall),
}

/// Replays the model's golden vectors, first by the board itself, then sent over the line, and after them `texts`.
/// `progress` is told the number of texts done.
///
/// # Errors
/// The first difference with both sides; a board that does not answer.
pub fn replay(
    target: &mut Target,
    model: &Model<'_>,
    texts: &[Vec<u8>],
    mut progress: impl FnMut(usize),
) -> Result<Replayed, ReplayError> {
    let mut arena = eval::arena(model);
    let mut session = Session::new(model, &mut arena)?;
    let mut done = Replayed::default();
    for index in 0..target.model()?.golden {
        let outcome = target.self_test(index)?;
        if !(outcome.ids && outcome.logits) {
            return Err(ReplayError::SelfTest(index));
        }
        done.self_tests += 1;
    }
    for vector in model.golden() {
        let answer = compare(target, model, &mut session, vector.text, done.vectors)?;
        // The vector is a third witness beside the two engines.
        different(
            done.vectors,
            vector.text,
            "logits and those of the golden vector",
            &answer.logits,
            &vector.logits().collect::<Vec<_>>(),
        )?;
        done.vectors += 1;
        done.count(&answer);
        progress(done.vectors);
    }
    for text in texts {
        let answer = compare(target, model, &mut session, text, done.texts)?;
        done.texts += 1;
        done.count(&answer);
        progress(done.vectors + done.texts);
    }
    if done.vectors + done.texts == 0 {
        return Err(ReplayError::Nothing);
    }
    Ok(done)
}

impl Replayed {
    fn count(&mut self, answer: &Answer) {
        self.tokens += u64::from(answer.tokens);
        self.logits += answer.logits.len() as u64;
        self.probabilities += answer.probabilities.len() as u64;
        self.ticks += answer.ticks;
    }
}

/// Asks both sides about a text.
fn compare(
    target: &mut Target,
    model: &Model<'_>,
    session: &mut Session<'_, '_>,
    text: &[u8],
    number: usize,
) -> Result<Answer, ReplayError> {
    let board = target.classify(text)?;
    let ids = eval::ids(model, text);
    session.push_bytes(text);
    let host = session.finish();
    let (tokens, crc) = (ids.len() as u32, ids_checksum(&ids));
    let what = "number and checksum of the token ids";
    different(
        number,
        text,
        what,
        &(board.tokens, board.ids_crc),
        &(tokens, crc),
    )?;
    different(number, text, "logits", &board.logits[..], host.logits())?;
    let probabilities = host.probabilities();
    different(
        number,
        text,
        "probabilities",
        &board.probabilities[..],
        probabilities,
    )?;
    different(number, text, "labels", &board.label, &host.label())?;
    Ok(board)
}

fn different<T: PartialEq + std::fmt::Debug + ?Sized>(
    number: usize,
    text: &[u8],
    what: &'static str,
    board: &T,
    host: &T,
) -> Result<(), ReplayError> {
    if board == host {
        return Ok(());
    }
    Err(ReplayError::Different {
        number,
        text: String::from_utf8_lossy(text).chars().take(120).collect(),
        what,
        board: format!("{board:?}"),
        host: format!("{host:?}"),
    })
}
