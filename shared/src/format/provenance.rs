//! Where a model comes from, as pairs of strings.

use super::error::FormatError;

/// Pairs of key and value, such as teacher, data digest, seed, version.
#[derive(Debug, Clone)]
pub struct Provenance<'a> {
    rest: &'a [u8],
}

impl<'a> Provenance<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// Checks that the bytes are whole pairs.
    pub(super) fn check(bytes: &'a [u8]) -> Result<(), FormatError> {
        let mut pairs = Self::new(bytes);
        while pairs.next().is_some() {}
        if pairs.rest.is_empty() {
            Ok(())
        } else {
            Err(FormatError::Provenance)
        }
    }
}

impl<'a> Iterator for Provenance<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (pair, tail) = postcard::take_from_bytes(self.rest).ok()?;
        self.rest = tail;
        Some(pair)
    }
}
