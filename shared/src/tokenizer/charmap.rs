//! The character map: what becomes of each code point on its way to pieces.
//!
//! BERT's normaliser and pre-tokenizer treat every code point by itself, but for one thing (the canonical order of combining
//! marks). So their joint effect is a table from code points to short sequences of [`Item`]s, made where Unicode's tables
//! are at hand and read where they are not. Its layout is in `docs/tokenizer.md`.

use super::Normalization;
use crate::bytes::{Cursor, u16_at, u32_at};

/// A letter or mark that is in no piece of the vocabulary: its word is unknown.
pub(crate) const UNKNOWN: u16 = 1;
/// White space: ends a word.
pub(crate) const BREAK: u16 = 0;
/// Punctuation or an ideograph that is in no piece: an unknown word by itself.
pub(crate) const UNKNOWN_ALONE: u16 = 2;
/// Nothing, but marks before it and behind it don't change places.
pub(crate) const STARTER: u16 = 3;
/// The first code of a symbol.
pub(crate) const FIRST_SYMBOL: u16 = 4;
/// Nothing at all.
pub(crate) const DROPPED: u16 = 0xFFFF;

/// Bytes before the arrays.
pub(crate) const HEADER: usize = 20;

/// Why bytes are no character map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CharMapError {
    /// The arrays that the header announces don't fill the bytes exactly.
    Length,
    /// A table is not in ascending order.
    Order,
    /// A code is none of a symbol or of the special codes.
    Code,
    /// A field of the header is out of range.
    Header,
}

impl core::fmt::Display for CharMapError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "the character map is longer or shorter than its header says",
            Self::Order => "a table of the character map is not in order",
            Self::Code => "the character map names a symbol that does not exist",
            Self::Header => "a header field of the character map is out of range",
        })
    }
}

impl core::error::Error for CharMapError {}

/// A checked view of a character map.
#[derive(Debug, Clone, Copy)]
pub struct CharMap<'a> {
    /// Code point of each symbol, `u32`.
    symbols: &'a [u8],
    /// Code of each ASCII character, `u16`.
    ascii: &'a [u8],
    /// Keys and codes of the other code points of the basic plane that become one symbol, `u16` each.
    basic_keys: &'a [u8],
    basic_codes: &'a [u8],
    /// Code points that become anything else: keys `u32`, offsets `u16` into the pool (one more than keys).
    sequence_keys: &'a [u8],
    sequence_offsets: &'a [u8],
    pool: &'a [u8],
    /// First code point of a range, `class << 24 | code point`, up to the next range.
    ranges: &'a [u8],
    /// Symbols with a combining class, `class << 16 | symbol`.
    marks: &'a [u8],
    isolated_end: u16,
    hangul: bool,
    normalization: Normalization,
}

impl<'a> CharMap<'a> {
    /// Checks bytes and gives a view of them.
    ///
    /// # Errors
    /// Anything that would make a later look-up fail or give a code that does not exist.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CharMapError> {
        let mut cursor = Cursor(bytes);
        let header = cursor.take(HEADER, 1).ok_or(CharMapError::Length)?;
        let field = |i| usize::from(u16_at(header, i));
        let mut array = |count, size| cursor.take(count, size).ok_or(CharMapError::Length);
        let map = Self {
            symbols: array(field(0), 4)?,
            ascii: array(128, 2)?,
            basic_keys: array(field(2), 2)?,
            basic_codes: array(field(2), 2)?,
            sequence_keys: array(field(3), 4)?,
            sequence_offsets: array(field(3) + 1, 2)?,
            pool: array(field(4), 2)?,
            ranges: array(field(5), 4)?,
            marks: array(field(6), 4)?,
            isolated_end: u16_at(header, 1),
            hangul: u16_at(header, 7) == 1,
            normalization: Normalization::of_flags(u16_at(header, 8)),
        };
        if !cursor.0.is_empty() {
            return Err(CharMapError::Length);
        }
        if u16_at(header, 7) > 1 || u16_at(header, 8) > 15 || u16_at(header, 9) != 0 {
            return Err(CharMapError::Header);
        }
        map.check()?;
        Ok(map)
    }

    fn check(&self) -> Result<(), CharMapError> {
        let count = self.symbols.len() / 4;
        let end = usize::from(FIRST_SYMBOL) + count;
        if end > usize::from(DROPPED)
            || !(usize::from(FIRST_SYMBOL)..=end).contains(&usize::from(self.isolated_end))
        {
            return Err(CharMapError::Header);
        }
        if (0..count).any(|i| char::from_u32(u32_at(self.symbols, i)).is_none()) {
            return Err(CharMapError::Code);
        }
        let is_code = |code: u16| code == DROPPED || usize::from(code) < end;
        for codes in [self.ascii, self.basic_codes, self.pool] {
            if !(0..codes.len() / 2).all(|i| is_code(u16_at(codes, i))) {
                return Err(CharMapError::Code);
            }
        }
        let basic = |i| u16_at(self.basic_keys, i);
        let keys = |i| u32_at(self.sequence_keys, i);
        let offsets = |i| u16_at(self.sequence_offsets, i);
        let range = |i| u32_at(self.ranges, i) & 0xFF_FFFF;
        let mark = |i| u32_at(self.marks, i) & 0xFFFF;
        let sequences = self.sequence_keys.len() / 4;
        let in_order = ascending(self.basic_keys.len() / 2, basic)
            && ascending(sequences, keys)
            && (1..=sequences).all(|i| offsets(i - 1) <= offsets(i))
            && offsets(0) == 0
            && usize::from(offsets(sequences)) == self.pool.len() / 2
            && ascending(self.ranges.len() / 4, range)
            && ascending(self.marks.len() / 4, mark);
        if !in_order {
            return Err(CharMapError::Order);
        }
        let class = |i| u32_at(self.ranges, i) >> 24;
        let classes_known = (0..self.ranges.len() / 4).all(|i| matches!(class(i), 0..=3 | 0xFF));
        let marks_known = (0..self.marks.len() / 4).all(|i| {
            let symbol = mark(i) as usize;
            (usize::from(FIRST_SYMBOL)..end).contains(&symbol) && u32_at(self.marks, i) >> 24 == 0
        });
        match classes_known && marks_known {
            true => Ok(()),
            false => Err(CharMapError::Code),
        }
    }

    /// The normalisation that the map does; texts need none before it.
    pub fn normalization(&self) -> Normalization {
        self.normalization
    }

    /// Number of symbols.
    pub fn symbol_count(&self) -> usize {
        self.symbols.len() / 4
    }

    /// The character of a symbol's code, `FIRST_SYMBOL..FIRST_SYMBOL + symbol_count()`.
    pub(crate) fn char_of(&self, code: u16) -> Option<char> {
        let index = usize::from(code.checked_sub(FIRST_SYMBOL)?);
        (index < self.symbol_count())
            .then(|| char::from_u32(u32_at(self.symbols, index)))
            .flatten()
    }

    /// Whether a code is a word by itself wherever it stands.
    #[inline]
    pub(crate) fn is_isolated(&self, code: u16) -> bool {
        code == UNKNOWN_ALONE || (FIRST_SYMBOL..self.isolated_end).contains(&code)
    }

    /// Canonical combining class of a symbol; 0 for all but some spacing marks.
    #[inline]
    pub(crate) fn combining_class(&self, code: u16) -> u8 {
        (0..self.marks.len() / 4)
            .map(|i| u32_at(self.marks, i))
            .find(|mark| mark & 0xFFFF == u32::from(code))
            .map_or(0, |mark| (mark >> 16) as u8)
    }

    /// Whether canonical order has to be looked after.
    #[inline]
    pub(crate) fn has_marks(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Code of an ASCII character.
    #[inline]
    pub(crate) fn ascii(&self, byte: u8) -> u16 {
        u16_at(self.ascii, usize::from(byte & 0x7F))
    }

    /// Hands on the codes that a code point becomes.
    pub(crate) fn codes(&self, code_point: u32, emit: &mut dyn FnMut(u16)) {
        if code_point < 0x80 {
            return emit(self.ascii(code_point as u8));
        }
        if self.hangul && (HANGUL..HANGUL + SYLLABLES).contains(&code_point) {
            return self.jamo(code_point - HANGUL, emit);
        }
        self.mapped(code_point, emit);
    }

    fn mapped(&self, code_point: u32, emit: &mut dyn FnMut(u16)) {
        if let Ok(key) = u16::try_from(code_point) {
            let found = search(
                self.basic_keys.len() / 2,
                |i| u16_at(self.basic_keys, i),
                key,
            );
            if let Ok(i) = found {
                return emit(u16_at(self.basic_codes, i));
            }
        }
        let keys = self.sequence_keys.len() / 4;
        if let Ok(i) = search(keys, |i| u32_at(self.sequence_keys, i), code_point) {
            let from = u16_at(self.sequence_offsets, i);
            let to = u16_at(self.sequence_offsets, i + 1);
            for j in from..to {
                emit(u16_at(self.pool, usize::from(j)));
            }
            return;
        }
        let start = |i| u32_at(self.ranges, i) & 0xFF_FFFF;
        let class = match search(self.ranges.len() / 4, start, code_point) {
            Ok(i) => u32_at(self.ranges, i) >> 24,
            Err(0) => u32::from(UNKNOWN),
            Err(i) => u32_at(self.ranges, i - 1) >> 24,
        };
        emit(if class == 0xFF { DROPPED } else { class as u16 });
    }

    /// The Unicode standard, 3.12: a Hangul syllable is two or three conjoining jamo.
    fn jamo(&self, index: u32, emit: &mut dyn FnMut(u16)) {
        let trailing = index % 28;
        self.mapped(0x1100 + index / 588, emit);
        self.mapped(0x1161 + index % 588 / 28, emit);
        if trailing > 0 {
            self.mapped(0x11A7 + trailing, emit);
        }
    }
}

pub(crate) const HANGUL: u32 = 0xAC00;
pub(crate) const SYLLABLES: u32 = 11_172;

fn ascending<T: PartialOrd>(count: usize, at: impl Fn(usize) -> T) -> bool {
    (1..count).all(|i| at(i - 1) < at(i))
}

/// Binary search as of slices, in a table read by index.
#[inline]
pub(crate) fn search<T: Ord>(
    count: usize,
    at: impl Fn(usize) -> T,
    key: T,
) -> Result<usize, usize> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        match at(middle).cmp(&key) {
            core::cmp::Ordering::Less => low = middle + 1,
            core::cmp::Ordering::Equal => return Ok(middle),
            core::cmp::Ordering::Greater => high = middle,
        }
    }
    Err(low)
}
