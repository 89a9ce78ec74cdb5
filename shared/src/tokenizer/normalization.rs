//! What is done to a text before it is cut into pieces.

/// What BERT's normaliser does; the default is that of the uncased models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Normalization {
    /// Drop control characters and make white space of every kind a space.
    pub clean_text: bool,
    /// Make a word of each Chinese character.
    pub handle_chinese_chars: bool,
    /// Decompose, and drop nonspacing marks.
    pub strip_accents: bool,
    /// Lower-case.
    pub lowercase: bool,
}

impl Default for Normalization {
    fn default() -> Self {
        Self {
            clean_text: true,
            handle_chinese_chars: true,
            strip_accents: true,
            lowercase: true,
        }
    }
}

impl Normalization {
    /// A bit for each field, the lowest for the first.
    #[cfg(feature = "build")]
    pub(crate) fn flags(self) -> u8 {
        let bits = [
            self.clean_text,
            self.handle_chinese_chars,
            self.strip_accents,
            self.lowercase,
        ];
        bits.iter()
            .rev()
            .fold(0, |flags, &bit| flags << 1 | u8::from(bit))
    }

    /// The normalisation of [`flags`](Self::flags).
    pub(crate) fn of_flags(flags: u16) -> Self {
        let bit = |i: u8| flags >> i & 1 == 1;
        Self {
            clean_text: bit(0),
            handle_chinese_chars: bit(1),
            strip_accents: bit(2),
            lowercase: bit(3),
        }
    }
}
