//! Bits with fast counting, and packed labels.

use super::VocabError;
use crate::bytes::{Cursor, u32_at};

/// Words of 32 bits between two stored counts.
pub(super) const WORDS_A_BLOCK: usize = 8;

/// Bits with the number of ones before each block of 256.
#[derive(Debug, Clone, Copy)]
pub(super) struct BitVector<'a> {
    words: &'a [u8],
    /// Ones before each block, and in all.
    ranks: &'a [u8],
    length: usize,
}

impl<'a> BitVector<'a> {
    /// Takes `length` bits with their counts off the cursor and checks the counts.
    pub(super) fn take(cursor: &mut Cursor<'a>, length: usize) -> Result<Self, VocabError> {
        let words = length.div_ceil(32);
        let blocks = words.div_ceil(WORDS_A_BLOCK);
        let bits = Self {
            words: cursor.take(words, 4).ok_or(VocabError::Length)?,
            ranks: cursor.take(blocks + 1, 4).ok_or(VocabError::Length)?,
            length,
        };
        let mut ones = 0;
        for i in 0..words {
            if i % WORDS_A_BLOCK == 0 && bits.before_block(i / WORDS_A_BLOCK) != ones {
                return Err(VocabError::Rank);
            }
            ones += bits.word(i).count_ones() as usize;
        }
        let spare = !length.is_multiple_of(32) && bits.word(words - 1) >> (length % 32) != 0;
        match bits.before_block(blocks) == ones && !spare {
            true => Ok(bits),
            false => Err(VocabError::Rank),
        }
    }

    #[inline]
    fn word(&self, i: usize) -> u32 {
        u32_at(self.words, i)
    }

    #[inline]
    fn before_block(&self, block: usize) -> usize {
        u32_at(self.ranks, block) as usize
    }

    fn blocks(&self) -> usize {
        self.ranks.len() / 4 - 1
    }

    /// Number of ones.
    pub(super) fn ones(&self) -> usize {
        self.before_block(self.blocks())
    }

    /// The bit at `i`; beyond the end it is 0.
    #[inline]
    pub(super) fn get(&self, i: usize) -> bool {
        self.word(i / 32) >> (i % 32) & 1 == 1
    }

    /// Number of ones before `i`.
    #[inline]
    pub(super) fn rank(&self, i: usize) -> usize {
        let word = i / 32;
        let first = word / WORDS_A_BLOCK * WORDS_A_BLOCK;
        let ones: u32 = (first..word).map(|j| self.word(j).count_ones()).sum();
        let below = self.word(word) & ((1 << (i % 32)) - 1);
        self.before_block(word / WORDS_A_BLOCK) + (ones + below.count_ones()) as usize
    }

    /// Position of the `n`-th one, counted from 0; there must be so many, else the end of the bits.
    #[inline]
    pub(super) fn select(&self, n: usize) -> usize {
        let (mut low, mut high) = (0, self.blocks());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.before_block(middle) <= n {
                low = middle;
            } else {
                high = middle;
            }
        }
        let mut left = n.saturating_sub(self.before_block(low)) as u32;
        let mut word = low * WORDS_A_BLOCK;
        while word * 32 < self.length {
            let mut bits = self.word(word);
            let ones = bits.count_ones();
            if left < ones {
                for _ in 0..left {
                    bits &= bits - 1;
                }
                return word * 32 + bits.trailing_zeros() as usize;
            }
            left -= ones;
            word += 1;
        }
        self.length
    }

    /// Position of the first one at or behind `i`, else the end of the bits.
    #[inline]
    pub(super) fn next_one(&self, i: usize) -> usize {
        let mut word = i / 32;
        let mut bits = self.word(word) & (u32::MAX << (i % 32));
        while bits == 0 {
            word += 1;
            if word * 32 >= self.length {
                return self.length;
            }
            bits = self.word(word);
        }
        word * 32 + bits.trailing_zeros() as usize
    }
}

/// Numbers of a few bits each, side by side, the lowest bits first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Labels<'a> {
    /// Whole words.
    bytes: &'a [u8],
    width: u8,
}

impl<'a> Labels<'a> {
    /// Takes `count` labels of `width` bits, 1 to 16, off the cursor.
    pub(super) fn take(
        cursor: &mut Cursor<'a>,
        count: usize,
        width: u8,
    ) -> Result<Self, VocabError> {
        let words = (count * usize::from(width)).div_ceil(32);
        Ok(Self {
            bytes: cursor.take(words, 4).ok_or(VocabError::Length)?,
            width,
        })
    }

    #[inline]
    pub(super) fn get(&self, i: usize) -> u16 {
        // A label lies in four bytes from the one that it begins in; those at the end in the last four.
        let at = i * usize::from(self.width);
        let start = (at / 8).min(self.bytes.len().saturating_sub(4));
        let bits = match self.bytes.get(start..start + 4) {
            Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
            _ => 0,
        };
        let mask = (1 << self.width) - 1;
        ((bits >> ((at - start * 8) % 32)) & mask) as u16
    }
}
