//! Header and section table.

use super::error::FormatError;
use crate::bytes::{u16_at, u32_at};
use crate::checksum::Digest;

/// The first bytes of a model file.
pub const MAGIC: [u8; 4] = *b"THMB";
/// The version of the format that this crate reads and writes.
pub const VERSION: u16 = 1;
/// Bytes before the section table.
pub const HEADER_BYTES: usize = 16;
/// Bytes of an entry of the section table: kind, offset, length.
pub(super) const ENTRY_BYTES: usize = 12;
/// Sections start at multiples of this many bytes.
pub(super) const ALIGNMENT: usize = 8;
/// Where the checksum stands.
pub(super) const CHECKSUM_AT: usize = 12;

const _: () = assert!(HEADER_BYTES == CHECKSUM_AT + 4);

/// The parts of a model file, in the order in which they stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum SectionKind {
    /// Names of the classes.
    Labels = 1,
    /// What becomes of each character.
    CharMap = 2,
    /// The pieces.
    Vocab = 3,
    /// Descriptors of the layers.
    Layers = 4,
    /// The rows of the pieces.
    Embeddings = 5,
    /// Weights of convolutions and dense layers.
    Weights = 6,
    /// Biases of convolutions and dense layers.
    Biases = 7,
    /// Multipliers of convolutions and dense layers.
    Multipliers = 8,
    /// Temperature of the probabilities.
    Calibration = 9,
    /// Texts with the answers that every engine must give.
    Golden = 10,
    /// Where the model comes from.
    Provenance = 11,
}

impl SectionKind {
    /// All kinds in order.
    pub const ALL: [Self; 11] = [
        Self::Labels,
        Self::CharMap,
        Self::Vocab,
        Self::Layers,
        Self::Embeddings,
        Self::Weights,
        Self::Biases,
        Self::Multipliers,
        Self::Calibration,
        Self::Golden,
        Self::Provenance,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Labels => "labels",
            Self::CharMap => "charmap",
            Self::Vocab => "vocab",
            Self::Layers => "layers",
            Self::Embeddings => "embeddings",
            Self::Weights => "weights",
            Self::Biases => "biases",
            Self::Multipliers => "multipliers",
            Self::Calibration => "calibration",
            Self::Golden => "golden",
            Self::Provenance => "provenance",
        }
    }
}

/// The sections of a file whose header has been checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sections<'a> {
    bytes: &'a [u8],
}

impl<'a> Sections<'a> {
    /// Checks magic, version, length, checksum, and that each section stands once, in order, aligned, with zeros between.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let announced = Announced::read(bytes)?;
        let got = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let expected = announced.bytes;
        if expected != got || bytes.len() != expected as usize {
            return Err(FormatError::Length { expected, got });
        }
        let (expected, got) = (announced.checksum, checksum(bytes));
        if expected != got {
            return Err(FormatError::Checksum { expected, got });
        }
        if usize::from(u16_at(bytes, 3)) != SectionKind::ALL.len() {
            return Err(FormatError::SectionTable);
        }
        let sections = Self { bytes };
        let mut end = HEADER_BYTES + ENTRY_BYTES * SectionKind::ALL.len();
        for kind in SectionKind::ALL {
            let (stated, start, length) = sections.entry(kind).ok_or(FormatError::SectionTable)?;
            if stated != kind as u32 {
                return Err(FormatError::MissingSection(kind));
            }
            if start != end.next_multiple_of(ALIGNMENT) {
                return Err(FormatError::SectionTable);
            }
            let gap = bytes.get(end..start).ok_or(FormatError::SectionTable)?;
            if gap.iter().any(|&byte| byte != 0) {
                return Err(FormatError::Padding);
            }
            end = start
                .checked_add(length)
                .filter(|&end| end <= bytes.len())
                .ok_or(FormatError::SectionTable)?;
        }
        if end != bytes.len() {
            return Err(FormatError::SectionTable);
        }
        Ok(sections)
    }

    /// Kind, offset and length as the table states them.
    fn entry(&self, kind: SectionKind) -> Option<(u32, usize, usize)> {
        let index = kind as usize - 1;
        let start = HEADER_BYTES + index * ENTRY_BYTES;
        let entry = self.bytes.get(start..start + ENTRY_BYTES)?;
        Some((
            u32_at(entry, 0),
            u32_at(entry, 1) as usize,
            u32_at(entry, 2) as usize,
        ))
    }

    /// Where a section lies.
    pub(super) fn range(&self, kind: SectionKind) -> core::ops::Range<usize> {
        self.entry(kind)
            .map_or(0..0, |(_, start, length)| start..start + length)
    }

    /// The bytes of a section.
    pub(super) fn get(&self, kind: SectionKind) -> &'a [u8] {
        self.bytes.get(self.range(kind)).unwrap_or_default()
    }

    /// The bytes of the whole file.
    pub(super) fn file(&self) -> &'a [u8] {
        self.bytes
    }
}

/// What the first [`HEADER_BYTES`] of a file say of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// Bytes of the file.
    pub bytes: u32,
    /// Its checksum.
    pub checksum: u32,
}

impl Announced {
    /// Reads the beginning of a file; whether the rest is as announced, [`Model::parse`](super::Model::parse) tells.
    ///
    /// # Errors
    /// Fewer bytes than a header has, another magic number or version.
    pub fn read(bytes: &[u8]) -> Result<Self, FormatError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(FormatError::Magic);
        }
        if bytes.len() < HEADER_BYTES {
            return Err(FormatError::Length {
                expected: HEADER_BYTES as u32,
                got: bytes.len() as u32,
            });
        }
        match u16_at(bytes, 2) {
            VERSION => Ok(Self {
                bytes: u32_at(bytes, 2),
                checksum: u32_at(bytes, 3),
            }),
            version => Err(FormatError::Version(version)),
        }
    }
}

/// CRC-32 of a file without the field of the checksum itself, over bytes that come in pieces.
#[derive(Clone)]
pub struct FileChecksum {
    digest: Digest,
    bytes: usize,
}

impl Default for FileChecksum {
    fn default() -> Self {
        Self::new()
    }
}

impl FileChecksum {
    /// The checksum before the first byte.
    pub fn new() -> Self {
        Self {
            digest: Digest::new(),
            bytes: 0,
        }
    }

    /// Takes the next bytes of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        let until = |at: usize| at.saturating_sub(self.bytes).min(bytes.len());
        let (before, behind) = (until(CHECKSUM_AT), until(HEADER_BYTES));
        self.digest.update(bytes.get(..before).unwrap_or_default());
        self.digest.update(bytes.get(behind..).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(bytes.len());
    }

    /// The checksum of what came.
    pub fn finish(self) -> u32 {
        self.digest.finish()
    }
}

/// [`FileChecksum`] of a whole file.
pub(super) fn checksum(file: &[u8]) -> u32 {
    let mut checksum = FileChecksum::new();
    checksum.update(file);
    checksum.finish()
}
