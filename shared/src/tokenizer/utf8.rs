//! UTF-8 that arrives in pieces cut anywhere.

/// A decoder of UTF-8. Each longest part of a sequence that cannot be completed becomes one U+FFFD, exactly as
/// `String::from_utf8_lossy` has it (the Unicode standard, 3.9, "substitution of maximal subparts").
#[derive(Debug, Clone, Default)]
pub(super) struct Utf8Decoder {
    /// Bits collected so far.
    code: u32,
    /// Continuation bytes that are still missing.
    missing: u8,
    /// Bounds of the next continuation byte.
    low: u8,
    high: u8,
}

const REPLACEMENT: u32 = 0xFFFD;

impl Utf8Decoder {
    pub(super) const fn new() -> Self {
        Self {
            code: 0,
            missing: 0,
            low: 0x80,
            high: 0xBF,
        }
    }

    /// Whether the decoder stands between two sequences.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.missing == 0
    }

    /// Takes a byte and hands on each code point that it completes.
    pub(super) fn push(&mut self, byte: u8, mut emit: impl FnMut(u32)) {
        if self.missing > 0 {
            if (self.low..=self.high).contains(&byte) {
                self.code = self.code << 6 | u32::from(byte & 0x3F);
                self.missing -= 1;
                (self.low, self.high) = (0x80, 0xBF);
                if self.missing == 0 {
                    emit(self.code);
                }
                return;
            }
            *self = Self::new();
            emit(REPLACEMENT);
        }
        let (code, missing) = match byte {
            0x00..=0x7F => return emit(u32::from(byte)),
            0xC2..=0xDF => (byte & 0x1F, 1),
            0xE0..=0xEF => (byte & 0x0F, 2),
            0xF0..=0xF4 => (byte & 0x07, 3),
            _ => return emit(REPLACEMENT),
        };
        self.code = u32::from(code);
        self.missing = missing;
        // No overlong forms, no surrogates, nothing beyond U+10FFFF.
        (self.low, self.high) = match byte {
            0xE0 => (0xA0, 0xBF),
            0xED => (0x80, 0x9F),
            0xF0 => (0x90, 0xBF),
            0xF4 => (0x80, 0x8F),
            _ => (0x80, 0xBF),
        };
    }

    /// Ends the text: an unfinished sequence is a replacement character.
    pub(super) fn finish(&mut self, mut emit: impl FnMut(u32)) {
        if self.missing > 0 {
            emit(REPLACEMENT);
        }
        *self = Self::new();
    }
}
