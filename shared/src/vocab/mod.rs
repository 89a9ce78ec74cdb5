//! The compact vocabulary: a succinct trie of symbols.
//!
//! Pieces are paths in a forest of two roots, one for pieces that begin a word and one for continuations (`##…`). Nodes are
//! numbered level by level with siblings side by side, so that three bits a node (last of its siblings? has it children? is
//! it the end of a piece?) and a label of a few bits say everything (LOUDS, Jacobson 1989). A piece's id is one more than
//! the number of pieces that end at nodes before its own; no table of ids is stored. The layout is in `docs/tokenizer.md`.

mod bits;
#[cfg(feature = "build")]
mod build;

#[cfg(feature = "build")]
pub use build::{BuildError, VocabularyBuild, build_vocabulary};

use crate::bytes::{Cursor, u16_at, u32_at};
use crate::tokenizer::{CharMap, FIRST_SYMBOL, MAX_WORD};
use bits::{BitVector, Labels};

/// Bytes before the arrays.
pub(crate) const HEADER: usize = 12;

/// Largest number of pieces, the unknown one included.
pub const MAX_PIECES: usize = 1 << 16;

/// Why bytes are no vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum VocabError {
    /// The arrays that the header announces don't fill the bytes exactly.
    Length,
    /// A field of the header is out of range.
    Header,
    /// The counts beside the bits don't agree with the bits.
    Rank,
    /// The bits describe no trie.
    Tree,
    /// A label is no symbol of the character map, or siblings are not in order.
    Label,
}

impl core::fmt::Display for VocabError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "the vocabulary is longer or shorter than its header says",
            Self::Header => "a header field of the vocabulary is out of range",
            Self::Rank => "a count in the vocabulary does not agree with its bits",
            Self::Tree => "the vocabulary's bits describe no trie",
            Self::Label => "a label of the vocabulary is no symbol or out of order",
        })
    }
}

impl core::error::Error for VocabError {}

/// A checked view of a compact vocabulary.
#[derive(Debug, Clone, Copy)]
pub struct Vocab<'a> {
    /// Whether a node is the last of its siblings.
    last: BitVector<'a>,
    /// Whether a node has children.
    inner: BitVector<'a>,
    /// Whether a piece ends at a node.
    terminal: BitVector<'a>,
    /// A node's symbol, counted from [`FIRST_SYMBOL`].
    labels: Labels<'a>,
    /// Whether there are pieces that begin a word, and whether there are continuations.
    roots: [bool; 2],
    pieces: u32,
}

impl<'a> Vocab<'a> {
    /// Checks bytes and gives a view of them. `charmap` is what the symbols refer to.
    ///
    /// # Errors
    /// Anything that would make a later look-up fail, loop or give a symbol that does not exist.
    pub fn parse(bytes: &'a [u8], charmap: &CharMap<'_>) -> Result<Self, VocabError> {
        let mut cursor = Cursor(bytes);
        let header = cursor.take(HEADER, 1).ok_or(VocabError::Length)?;
        let nodes = u32_at(header, 0) as usize;
        let pieces = u32_at(header, 1);
        let [width, roots] = u16_at(header, 4).to_le_bytes();
        if !(1..=16).contains(&width)
            || roots > 3
            || u16_at(header, 5) != 0
            || nodes > MAX_PIECES * MAX_WORD
            || pieces == 0
            || pieces as usize > MAX_PIECES
            || (roots == 0) != (nodes == 0)
        {
            return Err(VocabError::Header);
        }
        let mut vector = || BitVector::take(&mut cursor, nodes);
        let (last, inner, terminal) = (vector()?, vector()?, vector()?);
        let labels = Labels::take(&mut cursor, nodes, width)?;
        if !cursor.0.is_empty() {
            return Err(VocabError::Length);
        }
        let vocab = Self {
            last,
            inner,
            terminal,
            labels,
            roots: [roots & 1 != 0, roots & 2 != 0],
            pieces,
        };
        vocab.check(nodes, charmap.symbol_count())?;
        Ok(vocab)
    }

    fn check(&self, nodes: usize, symbols: usize) -> Result<(), VocabError> {
        if self.terminal.ones() + 1 != self.pieces as usize {
            return Err(VocabError::Rank);
        }
        let roots = self.roots.iter().filter(|&&root| root).count();
        if self.last.ones() != roots + self.inner.ones() || (nodes > 0 && !self.last.get(nodes - 1))
        {
            return Err(VocabError::Tree);
        }
        // Going through the groups of siblings beside their parents: a group lies behind its parent.
        let mut parent = 0;
        let mut group = 0;
        let mut is_first = true;
        for node in 0..nodes {
            if is_first && group >= roots {
                while parent < node && !self.inner.get(parent) {
                    parent += 1;
                }
                if parent >= node {
                    return Err(VocabError::Tree);
                }
                parent += 1;
            }
            let label = self.labels.get(node);
            if usize::from(label) >= symbols || (!is_first && label <= self.labels.get(node - 1)) {
                return Err(VocabError::Label);
            }
            if !self.inner.get(node) && !self.terminal.get(node) {
                return Err(VocabError::Tree);
            }
            is_first = self.last.get(node);
            group += usize::from(is_first);
        }
        Ok(())
    }

    /// Number of pieces, the unknown one included; ids are below it.
    pub fn len(&self) -> u32 {
        self.pieces
    }

    /// Whether there is no piece but the unknown one.
    pub fn is_empty(&self) -> bool {
        self.pieces == 1
    }

    /// The longest piece that begins `word`, which isn't empty: its id and its length in symbols.
    #[inline]
    pub(crate) fn longest(&self, word: &[u16], is_continuation: bool) -> Option<(u16, usize)> {
        let [initial, continuing] = self.roots;
        let mut group = match is_continuation {
            false if initial => 0,
            true if continuing => usize::from(initial),
            _ => return None,
        };
        let roots = usize::from(initial) + usize::from(continuing);
        let mut found = None;
        for (i, &symbol) in word.iter().enumerate() {
            let Some(node) = self.child(group, symbol.wrapping_sub(FIRST_SYMBOL)) else {
                break;
            };
            if self.terminal.get(node) {
                found = Some((node, i + 1));
            }
            if !self.inner.get(node) {
                break;
            }
            group = roots + self.inner.rank(node);
        }
        // Ids are below 2^16: `parse` counts the pieces.
        found.map(|(node, length)| (1 + self.terminal.rank(node) as u16, length))
    }

    /// The node of a group of siblings that has a label.
    #[inline]
    fn child(&self, group: usize, label: u16) -> Option<usize> {
        let mut low = match group {
            0 => 0,
            _ => self.last.select(group - 1) + 1,
        };
        let mut high = self.last.next_one(low) + 1;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.labels.get(middle).cmp(&label) {
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Equal => return Some(middle),
                core::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Hands on the characters of a piece, `##` first if it is a continuation; `[UNK]` for the unknown piece. Nothing if
    /// there is no such id.
    pub fn piece(&self, id: u32, charmap: &CharMap<'_>, emit: &mut impl FnMut(char)) {
        if id == 0 {
            return "[UNK]".chars().for_each(emit);
        }
        if id >= self.pieces {
            return;
        }
        let roots = self.roots.iter().filter(|&&root| root).count();
        let mut symbols = [0; MAX_WORD];
        let mut length = 0;
        let mut node = self.terminal.select(id as usize - 1);
        let is_continuation = loop {
            if let Some(slot) = symbols.get_mut(length) {
                *slot = self.labels.get(node) + FIRST_SYMBOL;
                length += 1;
            }
            match self.last.rank(node) {
                group if group >= roots => node = self.inner.select(group - roots),
                group => break group == 1 || !self.roots[0],
            }
        };
        if is_continuation {
            emit('#');
            emit('#');
        }
        for &symbol in symbols[..length].iter().rev() {
            if let Some(character) = charmap.char_of(symbol) {
                emit(character);
            }
        }
    }
}
