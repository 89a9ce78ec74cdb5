//! Building of a vocabulary and its character map from a list of pieces.

extern crate alloc;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::bits::WORDS_A_BLOCK;
use super::{MAX_PIECES, Vocab};
use crate::tokenizer::normalize::{self, Symbols};
use crate::tokenizer::{CharMap, FIRST_SYMBOL, MAX_WORD, Normalization};

/// The two sections of a model file that a tokenizer reads, and the pieces that they stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VocabularyBuild {
    /// Bytes for [`CharMap::parse`].
    pub charmap: Vec<u8>,
    /// Bytes for [`Vocab::parse`].
    pub vocab: Vec<u8>,
    /// Pieces in the order of their ids; the first is `[UNK]`.
    pub pieces: Vec<String>,
}

/// Why there can be no vocabulary of some pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// More pieces than [`MAX_PIECES`].
    TooManyPieces(usize),
    /// More different characters, or character sequences, than 16 bits can number.
    TooManySymbols(usize),
}

impl core::fmt::Display for BuildError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooManyPieces(n) => {
                write!(f, "{n} pieces, but a vocabulary holds at most {MAX_PIECES}")
            }
            Self::TooManySymbols(n) => {
                write!(
                    f,
                    "the pieces need {n} symbols, more than 16 bits can number"
                )
            }
        }
    }
}

impl core::error::Error for BuildError {}

/// Builds character map and vocabulary of pieces (`##…` for continuations).
///
/// `[UNK]` is always there, with id 0. Repeated and empty pieces count once and not at all, and so do pieces longer than
/// [`MAX_WORD`] characters, which no word can contain. Ids follow the trie's order, not the order given:
/// [`VocabularyBuild::pieces`] lists them.
///
/// # Errors
/// There are too many pieces or characters.
pub fn build_vocabulary<'p>(
    pieces: impl IntoIterator<Item = &'p str>,
    normalization: Normalization,
) -> Result<VocabularyBuild, BuildError> {
    let mut forest: [BTreeSet<Vec<char>>; 2] = Default::default();
    for piece in pieces {
        let (root, text) = match piece.strip_prefix("##") {
            Some(text) => (1, text),
            None => (0, piece),
        };
        let characters: Vec<char> = text.chars().collect();
        if piece != "[UNK]" && (1..=MAX_WORD).contains(&characters.len()) {
            forest[root].insert(characters);
        }
    }
    let count = 1 + forest[0].len() + forest[1].len();
    if count > MAX_PIECES {
        return Err(BuildError::TooManyPieces(count));
    }
    let characters = forest.iter().flatten().flatten().copied().collect();
    let symbols = Symbols::new(characters, normalization)?;
    let charmap = normalize::charmap(&symbols, normalization)?;
    let vocab = trie(&forest, &symbols);
    let pieces = list(&charmap, &vocab);
    Ok(VocabularyBuild {
        charmap,
        vocab,
        pieces,
    })
}

/// Reads the pieces back in the order of their ids.
fn list(charmap: &[u8], vocab: &[u8]) -> Vec<String> {
    let charmap = CharMap::parse(charmap).expect("what was built can be read");
    let vocab = Vocab::parse(vocab, &charmap).expect("what was built can be read");
    (0..vocab.len())
        .map(|id| {
            let mut piece = String::new();
            vocab.piece(id, &charmap, &mut |character| piece.push(character));
            piece
        })
        .collect()
}

#[derive(Default)]
struct Node {
    children: BTreeMap<u16, Node>,
    is_terminal: bool,
}

fn trie(forest: &[BTreeSet<Vec<char>>; 2], symbols: &Symbols) -> Vec<u8> {
    let mut roots: [Node; 2] = Default::default();
    for (root, pieces) in roots.iter_mut().zip(forest) {
        for piece in pieces {
            let mut node = &mut *root;
            for &character in piece {
                let label = symbols.code(character).unwrap_or(FIRST_SYMBOL) - FIRST_SYMBOL;
                node = node.children.entry(label).or_default();
            }
            node.is_terminal = true;
        }
    }
    let mut bits: [Vec<bool>; 3] = Default::default();
    let mut labels = Vec::new();
    let mut level: Vec<&Node> = roots.iter().collect();
    while !level.is_empty() {
        let mut next = Vec::new();
        for parent in level {
            let count = parent.children.len();
            for (i, (&label, node)) in parent.children.iter().enumerate() {
                bits[0].push(i + 1 == count);
                bits[1].push(!node.children.is_empty());
                bits[2].push(node.is_terminal);
                labels.push(label);
                next.push(node);
            }
        }
        level = next;
    }
    let pieces = 1 + bits[2].iter().filter(|&&bit| bit).count();
    let largest = symbols.count().saturating_sub(1).max(1);
    let width = usize::BITS - largest.leading_zeros();
    let has = |root: usize| u8::from(!forest[root].is_empty());
    let mut out = Vec::new();
    out.extend((labels.len() as u32).to_le_bytes());
    out.extend((pieces as u32).to_le_bytes());
    out.extend([width as u8, has(0) | has(1) << 1, 0, 0]);
    for vector in &bits {
        write_bits(&mut out, vector);
    }
    let packed: Vec<bool> = labels
        .iter()
        .flat_map(|label| (0..width).map(move |bit| label >> bit & 1 == 1))
        .collect();
    for word in words(&packed) {
        out.extend(word.to_le_bytes());
    }
    out
}

fn words(bits: &[bool]) -> Vec<u32> {
    bits.chunks(32)
        .map(|chunk| {
            chunk
                .iter()
                .enumerate()
                .fold(0, |word, (i, &bit)| word | u32::from(bit) << i)
        })
        .collect()
}

fn write_bits(out: &mut Vec<u8>, bits: &[bool]) {
    let words = words(bits);
    let mut ranks = vec![0_u32];
    for block in words.chunks(WORDS_A_BLOCK) {
        let ones: u32 = block.iter().map(|word| word.count_ones()).sum();
        ranks.push(ranks.last().copied().unwrap_or(0) + ones);
    }
    for word in words.iter().chain(&ranks) {
        out.extend(word.to_le_bytes());
    }
}
