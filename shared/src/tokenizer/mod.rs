//! BERT's tokenizer as a stream: bytes in, cut anywhere, ids of pieces out, in fixed memory.
//!
//! For every text the ids are those of Hugging Face `tokenizers` with `BertNormalizer`, `BertPreTokenizer` and `WordPiece`
//! over the same vocabulary (words of at most [`MAX_WORD`] characters, [`UNKNOWN_ID`] for others). Bytes that are no UTF-8
//! mean what `String::from_utf8_lossy` makes of them.

mod charmap;
mod normalization;
#[cfg(feature = "build")]
pub(crate) mod normalize;
mod utf8;

pub(crate) use charmap::FIRST_SYMBOL;
#[cfg(feature = "build")]
pub(crate) use charmap::{BREAK, DROPPED, HANGUL, STARTER, SYLLABLES, UNKNOWN, UNKNOWN_ALONE};
pub use charmap::{CharMap, CharMapError};
pub use normalization::Normalization;

use crate::vocab::Vocab;
use utf8::Utf8Decoder;

/// Longest word in characters, counted behind normalisation; a longer one is unknown.
pub const MAX_WORD: usize = 100;

/// Id of an unknown word.
pub const UNKNOWN_ID: u32 = 0;

/// The state between two pieces of a text.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    utf8: Utf8Decoder,
    /// Symbols of the word that is being read.
    word: [u16; MAX_WORD],
    length: u8,
    /// Where the last starter ends: marks behind it are kept in canonical order.
    run: u8,
    /// Whether the word holds an unknown character or is too long.
    is_unknown: bool,
}

impl Default for Tokenizer {
    fn default() -> Self {
        Self::new()
    }
}

impl Tokenizer {
    /// A tokenizer before the first byte of a text.
    pub const fn new() -> Self {
        Self {
            utf8: Utf8Decoder::new(),
            word: [0; MAX_WORD],
            length: 0,
            run: 0,
            is_unknown: false,
        }
    }

    /// Takes the next bytes of the text and hands on the id of each piece that they complete.
    pub fn push_bytes(
        &mut self,
        charmap: &CharMap<'_>,
        vocab: &Vocab<'_>,
        bytes: &[u8],
        emit: &mut dyn FnMut(u32),
    ) {
        for &byte in bytes {
            if byte < 0x80 && self.utf8.is_idle() {
                self.push_code(charmap, vocab, charmap.ascii(byte), emit);
                continue;
            }
            // One byte completes two code points at most: a replacement character and itself.
            let mut points = [None; 2];
            let mut count = 0;
            self.utf8.push(byte, |point| {
                if let Some(slot) = points.get_mut(count) {
                    *slot = Some(point);
                }
                count += 1;
            });
            for point in points.into_iter().flatten() {
                charmap.codes(point, &mut |code| {
                    self.push_code(charmap, vocab, code, emit);
                });
            }
        }
    }

    /// Ends the text: hands on what is left of it. The next byte is the first of another text.
    pub fn finish(&mut self, charmap: &CharMap<'_>, vocab: &Vocab<'_>, emit: &mut dyn FnMut(u32)) {
        let mut rest = None;
        self.utf8.finish(|point| rest = Some(point));
        if let Some(point) = rest {
            charmap.codes(point, &mut |code| {
                self.push_code(charmap, vocab, code, emit);
            });
        }
        self.end_word(vocab, emit);
    }

    /// Forgets the text so far.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    #[inline]
    fn push_code(
        &mut self,
        charmap: &CharMap<'_>,
        vocab: &Vocab<'_>,
        code: u16,
        emit: &mut dyn FnMut(u32),
    ) {
        match code {
            charmap::DROPPED => {}
            charmap::BREAK => self.end_word(vocab, emit),
            charmap::UNKNOWN => self.is_unknown = true,
            charmap::STARTER => self.run = self.length,
            _ if charmap.is_isolated(code) => {
                self.end_word(vocab, emit);
                match code {
                    charmap::UNKNOWN_ALONE => self.is_unknown = true,
                    _ => self.push_symbol(charmap, code),
                }
                self.end_word(vocab, emit);
            }
            _ => self.push_symbol(charmap, code),
        }
    }

    #[inline]
    fn push_symbol(&mut self, charmap: &CharMap<'_>, symbol: u16) {
        let length = usize::from(self.length);
        if length == MAX_WORD {
            self.is_unknown = true;
            return;
        }
        self.word[length] = symbol;
        self.length += 1;
        if charmap.has_marks() {
            self.order(charmap, symbol);
        } else {
            self.run = self.length;
        }
    }

    /// Moves the symbol pushed last to its place in canonical order (the Unicode standard, 3.11).
    fn order(&mut self, charmap: &CharMap<'_>, symbol: u16) {
        let class = charmap.combining_class(symbol);
        if class == 0 {
            self.run = self.length;
            return;
        }
        let mut at = usize::from(self.length) - 1;
        while at > usize::from(self.run) && charmap.combining_class(self.word[at - 1]) > class {
            self.word.swap(at - 1, at);
            at -= 1;
        }
    }

    /// WordPiece: the longest piece that the rest of the word begins with, again and again.
    fn end_word(&mut self, vocab: &Vocab<'_>, emit: &mut dyn FnMut(u32)) {
        let length = usize::from(self.length);
        let is_unknown = self.is_unknown;
        self.length = 0;
        self.run = 0;
        self.is_unknown = false;
        if is_unknown {
            return emit(UNKNOWN_ID);
        }
        // A word is no more pieces than characters, so that ids find room where the characters were.
        let mut pieces = 0;
        let mut start = 0;
        while start < length {
            match vocab.longest(&self.word[start..length], start > 0) {
                Some((id, taken)) => {
                    self.word[pieces] = id;
                    pieces += 1;
                    start += taken;
                }
                None => return emit(UNKNOWN_ID),
            }
        }
        for &id in &self.word[..pieces] {
            emit(u32::from(id));
        }
    }
}
