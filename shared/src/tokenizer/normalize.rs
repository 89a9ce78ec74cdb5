//! Making of the character map: BERT's normalisation and pre-tokenization of every code point.
//!
//! The Unicode tables are those that Hugging Face `tokenizers` uses, in the same versions, so that the result is the same.

extern crate alloc;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use unicode_categories::UnicodeCategories as _;
use unicode_normalization_alignments::UnicodeNormalization as _;
use unicode_normalization_alignments::char::canonical_combining_class;

use super::{
    BREAK, DROPPED, FIRST_SYMBOL, HANGUL, Normalization, STARTER, SYLLABLES, UNKNOWN, UNKNOWN_ALONE,
};
use crate::vocab::BuildError;

/// What a code point becomes, a little at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Break,
    Letter(char),
    Alone(char),
    Starter,
}

impl Normalization {
    fn items(self, input: char) -> Vec<Item> {
        let mut text = vec![input];
        if self.clean_text {
            let is_control = !matches!(input, '\t' | '\n' | '\r') && input.is_other();
            if input == '\0' || input == '\u{FFFD}' || is_control {
                return Vec::new();
            }
            if input.is_whitespace() {
                text = vec![' '];
            }
        }
        let is_chinese = self.handle_chinese_chars && text.iter().copied().any(is_chinese_char);
        let mut items = Vec::new();
        if is_chinese {
            items.push(Item::Break);
        }
        if self.strip_accents {
            text = text
                .into_iter()
                .nfd()
                .map(|(character, _)| character)
                .collect();
        }
        for character in text {
            if self.strip_accents && character.is_mark_nonspacing() {
                if canonical_combining_class(character) == 0 {
                    items.push(Item::Starter);
                }
            } else if self.lowercase {
                items.extend(character.to_lowercase().map(item));
            } else {
                items.push(item(character));
            }
        }
        if is_chinese {
            items.push(Item::Break);
        }
        items
    }
}

fn item(character: char) -> Item {
    if character.is_whitespace() {
        Item::Break
    } else if character.is_ascii_punctuation() || character.is_punctuation() {
        Item::Alone(character)
    } else {
        Item::Letter(character)
    }
}

/// The blocks of ideographs that BERT splits.
fn is_chinese_char(character: char) -> bool {
    matches!(
        u32::from(character),
        0x4E00..=0x9FFF
            | 0x3400..=0x4DBF
            | 0x20000..=0x2A6DF
            | 0x2A700..=0x2B73F
            | 0x2B740..=0x2B81F
            | 0x2B920..=0x2CEAF
            | 0xF900..=0xFAFF
            | 0x2F800..=0x2FA1F
    )
}

/// The characters of the pieces, numbered: first those that are words by themselves, then the others.
pub(crate) struct Symbols {
    codes: BTreeMap<char, u16>,
    ordered: Vec<char>,
    isolated: usize,
}

impl Symbols {
    pub(crate) fn new(
        characters: BTreeSet<char>,
        normalization: Normalization,
    ) -> Result<Self, BuildError> {
        let is_isolated = |character: &char| {
            matches!(item(*character), Item::Alone(_))
                || (normalization.handle_chinese_chars && is_chinese_char(*character))
        };
        let (mut ordered, others): (Vec<char>, Vec<char>) =
            characters.into_iter().partition(is_isolated);
        let isolated = ordered.len();
        ordered.extend(others);
        if usize::from(FIRST_SYMBOL) + ordered.len() >= usize::from(DROPPED) {
            return Err(BuildError::TooManySymbols(ordered.len()));
        }
        let codes = ordered.iter().copied().zip(FIRST_SYMBOL..).collect();
        Ok(Self {
            codes,
            ordered,
            isolated,
        })
    }

    pub(crate) fn code(&self, character: char) -> Option<u16> {
        self.codes.get(&character).copied()
    }

    pub(crate) fn count(&self) -> usize {
        self.ordered.len()
    }

    fn is_isolated(&self, code: u16) -> bool {
        (FIRST_SYMBOL..FIRST_SYMBOL + self.isolated as u16).contains(&code)
    }

    /// Symbols with a combining class other than 0, as `class << 16 | code`.
    fn marks(&self, normalization: Normalization) -> Vec<u32> {
        if !normalization.strip_accents {
            return Vec::new();
        }
        let marks: Vec<u32> = self
            .codes
            .iter()
            .map(|(&character, &code)| (canonical_combining_class(character), code))
            .filter(|&(class, _)| class != 0)
            .map(|(class, code)| u32::from(class) << 16 | u32::from(code))
            .collect();
        let first = marks.first().map(|mark| mark >> 16);
        // Marks of one class never change places.
        match marks.iter().all(|mark| Some(mark >> 16) == first) {
            true => Vec::new(),
            false => marks,
        }
    }

    fn codes_of(&self, items: &[Item], keep_starters: bool) -> Vec<u16> {
        let mut codes: Vec<u16> = items
            .iter()
            .filter(|item| keep_starters || !matches!(item, Item::Starter))
            .map(|item| match *item {
                Item::Break => BREAK,
                Item::Starter => STARTER,
                Item::Letter(character) => self.code(character).unwrap_or(UNKNOWN),
                Item::Alone(character) => self.code(character).unwrap_or(UNKNOWN_ALONE),
            })
            .collect();
        // Breaks around what stands alone anyway say nothing.
        if let [BREAK, code, BREAK] = codes[..] {
            if code == UNKNOWN || code == UNKNOWN_ALONE {
                codes = vec![UNKNOWN_ALONE];
            } else if self.is_isolated(code) {
                codes = vec![code];
            }
        }
        codes
    }
}

/// Bytes of the character map.
pub(crate) fn charmap(
    symbols: &Symbols,
    normalization: Normalization,
) -> Result<Vec<u8>, BuildError> {
    let marks = symbols.marks(normalization);
    let keep_starters = !marks.is_empty();
    let mut ascii = Vec::new();
    let mut basic = Vec::new();
    let mut sequences = Vec::new();
    let mut ranges: Vec<u32> = Vec::new();
    let mut class = UNKNOWN;
    let mut hangul = false;
    for point in 0..=u32::from(char::MAX) {
        let Some(character) = char::from_u32(point) else {
            continue;
        };
        let mut codes = symbols.codes_of(&normalization.items(character), keep_starters);
        if point < 0x80 {
            ascii.push(match codes[..] {
                [] => DROPPED,
                [code] => code,
                _ => unreachable!("an ASCII character stays one character"),
            });
            continue;
        }
        if normalization.strip_accents && (HANGUL..HANGUL + SYLLABLES).contains(&point) {
            // Syllables are taken apart by arithmetic if any of their jamo is known, and are unknown otherwise.
            hangul |= codes.iter().any(|&code| code >= FIRST_SYMBOL);
            codes = vec![UNKNOWN];
        }
        let of_range = match codes[..] {
            [] => DROPPED,
            [code] if code < FIRST_SYMBOL => code,
            [code] if point <= 0xFFFF => {
                basic.push((point as u16, code));
                continue;
            }
            _ if codes.contains(&UNKNOWN)
                && codes.iter().all(|&code| code == UNKNOWN || code > STARTER)
                && !codes.iter().any(|&code| symbols.is_isolated(code)) =>
            {
                // One unknown letter is enough to make the word unknown.
                UNKNOWN
            }
            _ => {
                sequences.push((point, codes));
                continue;
            }
        };
        if of_range != class {
            class = of_range;
            ranges.push(point | u32::from(class & 0xFF) << 24);
        }
    }
    let flags = [usize::from(hangul), usize::from(normalization.flags())];
    write(symbols, &ascii, &basic, &sequences, &ranges, &marks, flags)
}

fn write(
    symbols: &Symbols,
    ascii: &[u16],
    basic: &[(u16, u16)],
    sequences: &[(u32, Vec<u16>)],
    ranges: &[u32],
    marks: &[u32],
    flags: [usize; 2],
) -> Result<Vec<u8>, BuildError> {
    let pool: Vec<u16> = sequences
        .iter()
        .flat_map(|(_, codes)| codes.clone())
        .collect();
    let mut offsets = vec![0_usize];
    for (_, codes) in sequences {
        offsets.push(offsets.last().copied().unwrap_or(0) + codes.len());
    }
    let mut out = Vec::new();
    let counts = [
        symbols.count(),
        usize::from(FIRST_SYMBOL) + symbols.isolated,
        basic.len(),
        sequences.len(),
        pool.len(),
        ranges.len(),
        marks.len(),
        flags[0],
        flags[1],
        0,
    ];
    for count in counts {
        let count = u16::try_from(count).map_err(|_| BuildError::TooManySymbols(count))?;
        out.extend(count.to_le_bytes());
    }
    for &character in &symbols.ordered {
        out.extend(u32::from(character).to_le_bytes());
    }
    let mut halves: Vec<u16> = ascii.to_vec();
    halves.extend(basic.iter().map(|entry| entry.0));
    halves.extend(basic.iter().map(|entry| entry.1));
    for half in halves {
        out.extend(half.to_le_bytes());
    }
    for (point, _) in sequences {
        out.extend(point.to_le_bytes());
    }
    // Offsets are below 2^16, like the pool's length above.
    for half in offsets.iter().map(|&offset| offset as u16).chain(pool) {
        out.extend(half.to_le_bytes());
    }
    for word in ranges.iter().chain(marks) {
        out.extend(word.to_le_bytes());
    }
    Ok(out)
}
