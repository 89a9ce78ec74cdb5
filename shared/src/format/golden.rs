//! Golden vectors: texts with the answers that every engine must give.

use super::error::FormatError;
use crate::bytes::u32_at;
use crate::checksum::Digest;

/// Bytes of a vector before its text: length of the text, number of tokens, checksum of their ids.
const HEAD: usize = 12;

/// CRC-32 of token ids, each as four bytes, little endian, over ids that come one by one.
#[derive(Clone)]
pub struct IdsChecksum(Digest);

impl Default for IdsChecksum {
    fn default() -> Self {
        Self::new()
    }
}

impl IdsChecksum {
    /// The checksum before the first id.
    pub fn new() -> Self {
        Self(Digest::new())
    }

    /// Takes the next id.
    pub fn push(&mut self, id: u32) {
        self.0.update(&id.to_le_bytes());
    }

    /// The checksum of the ids that came.
    pub fn finish(self) -> u32 {
        self.0.finish()
    }
}

/// [`IdsChecksum`] of a list of ids.
pub fn ids_checksum(ids: &[u32]) -> u32 {
    let mut checksum = IdsChecksum::new();
    for &id in ids {
        checksum.push(id);
    }
    checksum.finish()
}

/// A text and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoldenVector<'a> {
    /// The text, which need not be UTF-8.
    pub text: &'a [u8],
    /// Number of its tokens.
    pub tokens: u32,
    /// [`ids_checksum`] of its ids.
    pub ids_crc: u32,
    logits: &'a [u8],
}

impl<'a> GoldenVector<'a> {
    /// The logits, Q12.
    pub fn logits(&self) -> impl ExactSizeIterator<Item = i32> + use<'a> {
        self.logits
            .as_chunks()
            .0
            .iter()
            .map(|&bytes| i32::from_le_bytes(bytes))
    }
}

/// The golden vectors of a model, one after the other.
#[derive(Debug, Clone)]
pub struct GoldenVectors<'a> {
    rest: &'a [u8],
    classes: usize,
}

impl<'a> GoldenVectors<'a> {
    pub(super) fn new(rest: &'a [u8], classes: usize) -> Self {
        Self { rest, classes }
    }

    /// Checks that the bytes are whole vectors.
    pub(super) fn check(bytes: &'a [u8], classes: usize) -> Result<(), FormatError> {
        let mut vectors = Self::new(bytes, classes);
        while vectors.next().is_some() {}
        if vectors.rest.is_empty() {
            Ok(())
        } else {
            Err(FormatError::Golden)
        }
    }
}

impl<'a> Iterator for GoldenVectors<'a> {
    type Item = GoldenVector<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (head, tail) = self.rest.split_at_checked(HEAD)?;
        let (text, tail) = tail.split_at_checked(u32_at(head, 0) as usize)?;
        let (logits, tail) = tail.split_at_checked(4 * self.classes)?;
        self.rest = tail;
        Some(GoldenVector {
            text,
            tokens: u32_at(head, 1),
            ids_crc: u32_at(head, 2),
            logits,
        })
    }
}
