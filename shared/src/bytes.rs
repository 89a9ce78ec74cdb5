//! Reading of little-endian integers out of checked bytes.

/// The two bytes behind index `i` of an array of `u16`.
#[inline]
pub(crate) fn u16_at(bytes: &[u8], i: usize) -> u16 {
    match bytes.get(2 * i..2 * i + 2) {
        Some(&[a, b]) => u16::from_le_bytes([a, b]),
        _ => 0,
    }
}

/// The four bytes behind index `i` of an array of `u32`.
#[inline]
pub(crate) fn u32_at(bytes: &[u8], i: usize) -> u32 {
    match bytes.get(4 * i..4 * i + 4) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    }
}

/// Takes arrays one after the other off the front of some bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    /// The next `count` elements of `size` bytes; `None` if there are fewer.
    pub(crate) fn take(&mut self, count: usize, size: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count.checked_mul(size)?)?;
        self.0 = tail;
        Some(head)
    }
}
