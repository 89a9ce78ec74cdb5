//! Why bytes are no model.

use super::header::SectionKind;
use crate::labels::LabelsError;
use crate::tokenizer::CharMapError;
use crate::vocab::VocabError;

/// Why bytes are no model that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// The first bytes are not those of a model file.
    Magic,
    /// The file has another version of the format.
    Version(u16),
    /// The file is shorter or longer than its header says.
    Length {
        /// Bytes that the header announces.
        expected: u32,
        /// Bytes that there are.
        got: u32,
    },
    /// The checksum in the header is not that of the bytes.
    Checksum {
        /// What the header says.
        expected: u32,
        /// What the bytes give.
        got: u32,
    },
    /// A reserved or padding byte is not zero.
    Padding,
    /// The section table is out of order, overlaps or reaches outside.
    SectionTable,
    /// A section is missing.
    MissingSection(SectionKind),
    /// A section is longer or shorter than the layers need.
    SectionLength(SectionKind),
    /// The labels are unusable.
    Labels(LabelsError),
    /// The character map is unusable.
    CharMap(CharMapError),
    /// The vocabulary is unusable.
    Vocab(VocabError),
    /// The descriptor of this layer cannot be read.
    Descriptor(u8),
    /// This layer cannot stand at its place: a model is an embedding, convolutions, additions and ReLUs, one pooling, dense
    /// layers.
    Order(u8),
    /// Widths, kernel, dilation or groups of this layer are out of range or do not fit to the layers before.
    Shape(u8),
    /// A code of the embedding is the number of no centroid.
    Code,
    /// A multiplier of this layer has a mantissa or shift out of range.
    Multiplier(u8),
    /// Sums of this layer could leave 32 bits.
    Accumulator(u8),
    /// The calibration is out of range.
    Calibration,
    /// The golden vectors cannot be read.
    Golden,
    /// The provenance cannot be read.
    Provenance,
}

impl FormatError {
    /// The reason in a few words, for chips, which have no room for formatting.
    pub fn brief(&self) -> &'static str {
        match self {
            Self::Magic => "it does not begin as a model does",
            Self::Version(_) => "it is of another format version",
            Self::Length { .. } => "it is cut short or too long",
            Self::Checksum { .. } => "its checksum is wrong: it is damaged",
            Self::Padding | Self::SectionTable => "its section table is unsound",
            Self::MissingSection(_) | Self::SectionLength(_) => {
                "a section is missing or of wrong length"
            }
            Self::Labels(_) => "its labels are unsound",
            Self::CharMap(_) => "its character map is unsound",
            Self::Vocab(_) => "its vocabulary is unsound",
            Self::Descriptor(_)
            | Self::Order(_)
            | Self::Shape(_)
            | Self::Code
            | Self::Multiplier(_)
            | Self::Accumulator(_) => "its layers are unsound",
            Self::Calibration | Self::Golden | Self::Provenance => {
                "calibration, golden vectors or provenance are unsound"
            }
        }
    }
}

impl core::fmt::Display for FormatError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Magic => {
                f.write_str("this is no Thimble model: the first four bytes are not THMB")
            }
            Self::Version(version) => {
                write!(
                    f,
                    "format version {version} is not known; this program reads version {}",
                    super::VERSION
                )
            }
            Self::Length { expected, got } => {
                write!(
                    f,
                    "the file has {got} bytes and should have {expected}: it is cut short or something follows it"
                )
            }
            Self::Checksum { expected, got } => {
                write!(
                    f,
                    "the checksum is {got:08x} and should be {expected:08x}: the file is damaged"
                )
            }
            Self::Padding => f.write_str("a reserved byte is not zero"),
            Self::SectionTable => {
                f.write_str("the section table is out of order or reaches outside of the file")
            }
            Self::MissingSection(kind) => write!(f, "the section {} is missing", kind.name()),
            Self::SectionLength(kind) => {
                write!(
                    f,
                    "the section {} is not as long as the layers need",
                    kind.name()
                )
            }
            Self::Labels(error) => error.fmt(f),
            Self::CharMap(error) => error.fmt(f),
            Self::Vocab(error) => error.fmt(f),
            Self::Descriptor(layer) => write!(f, "the descriptor of layer {layer} cannot be read"),
            Self::Order(layer) => write!(f, "layer {layer} cannot stand at its place"),
            Self::Shape(layer) => write!(
                f,
                "the shape of layer {layer} is out of range or does not fit"
            ),
            Self::Code => f.write_str("a code of the embedding is the number of no centroid"),
            Self::Multiplier(layer) => write!(f, "a multiplier of layer {layer} is out of range"),
            Self::Accumulator(layer) => write!(f, "a sum in layer {layer} could leave 32 bits"),
            Self::Calibration => f.write_str("the calibration is out of range"),
            Self::Golden => f.write_str("the golden vectors cannot be read"),
            Self::Provenance => f.write_str("the provenance cannot be read"),
        }
    }
}

impl core::error::Error for FormatError {}
