//! A session: one text after the other through one model.

use thimble_shared::format::{Model, SESSION_BYTES};
use thimble_shared::tokenizer::Tokenizer;

use crate::scores::Scores;
use crate::stream::Stream;

/// The memory that a session was given is smaller than [`Model::arena_bytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArenaTooSmall {
    /// Bytes that the model needs.
    pub needed: usize,
    /// Bytes that there are.
    pub got: usize,
}

impl core::fmt::Display for ArenaTooSmall {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "the model needs an arena of {} bytes and was given {}",
            self.needed, self.got
        )
    }
}

impl core::error::Error for ArenaTooSmall {}

/// Reads a text piece by piece and scores it.
///
/// The answer depends on the text alone: not on where it was cut, and not on the texts before.
#[derive(Debug)]
pub struct Session<'m, 'a> {
    model: &'m Model<'m>,
    tokenizer: Tokenizer,
    stream: Stream<'a>,
}

const _: () = assert!(size_of::<Session<'_, '_>>() <= SESSION_BYTES);

impl<'m, 'a> Session<'m, 'a> {
    /// A session before the first byte of a text; `arena` is its memory, [`Model::arena_bytes`] at least.
    ///
    /// # Errors
    /// A smaller arena.
    pub fn new(model: &'m Model<'m>, arena: &'a mut [u64]) -> Result<Self, ArenaTooSmall> {
        let (needed, got) = (model.arena_bytes(), size_of_val(arena));
        let arena = arena
            .get_mut(..needed / 8)
            .ok_or(ArenaTooSmall { needed, got })?;
        let mut stream = Stream::new(arena);
        stream.reset(model);
        Ok(Self {
            model,
            tokenizer: Tokenizer::new(),
            stream,
        })
    }

    /// Takes the next piece of the text.
    pub fn push_str(&mut self, text: &str) {
        self.push_bytes(text.as_bytes());
    }

    /// Takes the next bytes of the text, which may be cut anywhere, also in the middle of a character. Bytes that are no UTF-8
    /// mean what `String::from_utf8_lossy` makes of them.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        self.push_bytes_seen(bytes, &mut |_| {});
    }

    /// As [`push_bytes`](Self::push_bytes), and shows the id of each token to `seen`.
    pub fn push_bytes_seen(&mut self, bytes: &[u8], seen: &mut dyn FnMut(u32)) {
        let (model, stream) = (self.model, &mut self.stream);
        self.tokenizer
            .push_bytes(model.charmap(), model.vocab(), bytes, &mut |id| {
                seen(id);
                stream.push(model, id);
            });
    }

    /// Ends the text and scores it; the next byte is the first of another text.
    pub fn finish(&mut self) -> Scores {
        self.finish_seen(&mut |_| {})
    }

    /// As [`finish`](Self::finish), and shows the id of each token that the end completes to `seen`.
    pub fn finish_seen(&mut self, seen: &mut dyn FnMut(u32)) -> Scores {
        let (model, stream) = (self.model, &mut self.stream);
        self.tokenizer
            .finish(model.charmap(), model.vocab(), &mut |id| {
                seen(id);
                stream.push(model, id);
            });
        let (logits, tokens) = stream.finish(model);
        stream.reset(model);
        Scores::new(logits, model.inverse_temperature(), tokens)
    }

    /// Forgets the text so far.
    pub fn reset(&mut self) {
        self.tokenizer.reset();
        self.stream.reset(self.model);
    }
}
