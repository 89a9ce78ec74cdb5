//! From a specification to the bytes of a model file.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::error::FormatError;
use super::golden::ids_checksum;
use super::header::{
    ALIGNMENT, CHECKSUM_AT, ENTRY_BYTES, HEADER_BYTES, MAGIC, SectionKind, VERSION, checksum,
};
use super::model::Model;
use super::plan::{ConvShape, INT4_GROUP, MAX_LAYERS, Record};
use crate::fixed::Multiplier;
use crate::labels::{self, LabelsError};
use crate::vocab::VocabularyBuild;

/// All that a model file holds.
#[derive(Debug, Clone)]
pub struct ModelSpec {
    /// Names of the classes.
    pub labels: Vec<String>,
    /// Pieces and character map.
    pub vocabulary: VocabularyBuild,
    /// The layers in order.
    pub layers: Vec<LayerSpec>,
    /// Factor of the logits before the probabilities, Q16.
    pub inverse_temperature_q16: u32,
    /// Pairs of key and value.
    pub provenance: Vec<(String, String)>,
    /// Texts with their answers.
    pub golden: Vec<GoldenSpec>,
}

/// A text with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoldenSpec {
    /// The text, which need not be UTF-8.
    pub text: Vec<u8>,
    /// Ids of its tokens.
    pub ids: Vec<u32>,
    /// Logits, Q12.
    pub logits: Vec<i32>,
}

/// A layer with its data; shapes are those of [`Layer`](super::Layer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerSpec {
    /// Ids to rows.
    Embedding {
        /// Number of rows, that of the pieces.
        rows: usize,
        /// Values in a row.
        dim: usize,
        /// The rows.
        table: TableSpec,
    },
    /// Causal convolution.
    Conv1d {
        /// Values of an input position.
        in_channels: usize,
        /// Values of an output position.
        out_channels: usize,
        /// Positions that are seen.
        kernel: usize,
        /// Distance between them.
        dilation: usize,
        /// Groups of channels.
        groups: usize,
        /// Whether negative outputs become 0.
        relu: bool,
        /// Bits of a weight in the file: 4 (weights -8 to 7) or 8.
        bits: u8,
        /// `[out_channels][kernel][in_channels / groups]`; the last of the kernel is the present.
        weights: Vec<i8>,
        /// `[out_channels]`.
        biases: Vec<i32>,
        /// `[out_channels]`.
        multipliers: Vec<Multiplier>,
    },
    /// Sum with the output of an earlier layer.
    ResidualAdd {
        /// Number of the earlier layer.
        from: usize,
        /// Factor of the layer before this one.
        own: Multiplier,
        /// Factor of the layer `from`.
        other: Multiplier,
        /// Whether negative sums become 0.
        relu: bool,
    },
    /// Negative values become 0.
    Relu,
    /// Maximum and mean over time.
    Pool {
        /// Whether the maxima are features.
        max: bool,
        /// Whether the means are features.
        mean: bool,
    },
    /// Matrix and bias.
    Dense {
        /// Number of features.
        inputs: usize,
        /// Number of outputs.
        outputs: usize,
        /// Whether negative outputs become 0.
        relu: bool,
        /// `[outputs][inputs]`.
        weights: Vec<i8>,
        /// `[outputs]`.
        biases: Vec<i32>,
        /// `[outputs]`.
        multipliers: Vec<Multiplier>,
    },
}

/// Rows of an embedding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableSpec {
    /// `[rows][dim]` values.
    Int8(Vec<i8>),
    /// `[rows][dim]` indices of values, 0..=15.
    Int4 {
        /// The values.
        lut: [i8; 16],
        /// The indices.
        codes: Vec<u8>,
    },
    /// Rows of codes, each the number of a centroid.
    Product {
        /// `[codebooks][count][dim / parts]` values.
        centroids: Vec<i8>,
        /// Centroids of a part, 1 to 256.
        count: usize,
        /// `[rows][parts of a row]` numbers of centroids.
        codes: Vec<u8>,
        /// Parts of a row.
        parts: usize,
        /// Sets of centroids, a divisor of the parts; as many parts, one after the other, have the same.
        codebooks: usize,
    },
}

/// Why a specification is no model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// More than [`MAX_LAYERS`] layers.
    TooManyLayers(usize),
    /// Some length of this layer's data is not that of its shape.
    Data(usize),
    /// A number of this layer does not fit into the format.
    Range(usize),
    /// The labels are unusable.
    Labels(LabelsError),
    /// A golden vector has another number of logits than there are labels, or is too long.
    Golden(usize),
    /// The file would have 4 GiB or more.
    TooLong,
    /// What was written could not be read again.
    Refused(FormatError),
}

impl core::fmt::Display for WriteError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooManyLayers(n) => write!(f, "{n} layers, but a model has at most {MAX_LAYERS}"),
            Self::Data(layer) => write!(
                f,
                "the data of layer {layer} does not have the length of its shape"
            ),
            Self::Range(layer) => {
                write!(f, "a number of layer {layer} does not fit into the format")
            }
            Self::Labels(error) => error.fmt(f),
            Self::Golden(vector) => write!(f, "golden vector {vector} does not fit to the model"),
            Self::TooLong => f.write_str("the model would have 4 GiB or more"),
            Self::Refused(error) => write!(f, "the model would be refused: {error}"),
        }
    }
}

impl core::error::Error for WriteError {}

impl ModelSpec {
    /// The bytes of the model file, checked by [`Model::parse`].
    ///
    /// # Errors
    /// Anything that does not fit together, or that a reader would refuse.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WriteError> {
        let mut data = Data {
            records: vec![0],
            ..Data::default()
        };
        let count = self.layers.len();
        data.records[0] = u8::try_from(count)
            .ok()
            .filter(|_| count <= MAX_LAYERS)
            .ok_or(WriteError::TooManyLayers(count))?;
        for (index, layer) in self.layers.iter().enumerate() {
            data.add(index, layer)?;
        }
        let labels = labels::to_bytes(&self.labels).map_err(WriteError::Labels)?;
        let calibration = self.inverse_temperature_q16.to_le_bytes();
        let golden = self.golden_bytes()?;
        let mut provenance = Vec::new();
        for pair in &self.provenance {
            // Two strings and a growing vector: nothing in this can fail.
            provenance.extend(postcard::to_allocvec(pair).map_err(|_| WriteError::TooLong)?);
        }
        let bytes = assemble(&[
            &labels,
            &self.vocabulary.charmap,
            &self.vocabulary.vocab,
            &data.records,
            &data.embeddings,
            &data.weights,
            &data.biases,
            &data.multipliers,
            &calibration,
            &golden,
            &provenance,
        ])?;
        Model::parse(&bytes).map_err(WriteError::Refused)?;
        Ok(bytes)
    }

    fn golden_bytes(&self) -> Result<Vec<u8>, WriteError> {
        let mut bytes = Vec::new();
        for (index, vector) in self.golden.iter().enumerate() {
            let length = u32::try_from(vector.text.len()).map_err(|_| WriteError::Golden(index))?;
            if vector.logits.len() != self.labels.len() {
                return Err(WriteError::Golden(index));
            }
            bytes.extend(length.to_le_bytes());
            bytes.extend((vector.ids.len() as u32).to_le_bytes());
            bytes.extend(ids_checksum(&vector.ids).to_le_bytes());
            bytes.extend(&vector.text);
            bytes.extend(vector.logits.iter().flat_map(|logit| logit.to_le_bytes()));
        }
        Ok(bytes)
    }
}

/// The sections that layers fill.
#[derive(Default)]
struct Data {
    records: Vec<u8>,
    embeddings: Vec<u8>,
    weights: Vec<u8>,
    biases: Vec<u8>,
    multipliers: Vec<u8>,
}

impl Data {
    fn add(&mut self, index: usize, layer: &LayerSpec) -> Result<(), WriteError> {
        let range = |number: &usize| u16::try_from(*number).map_err(|_| WriteError::Range(index));
        let record = match layer {
            LayerSpec::Embedding { rows, dim, table } => {
                let values = rows
                    .checked_mul(*dim)
                    .filter(|_| *dim > 0)
                    .ok_or(WriteError::Range(index))?;
                let (rows, dim16) = (
                    u32::try_from(*rows).map_err(|_| WriteError::Range(index))?,
                    range(dim)?,
                );
                match table {
                    TableSpec::Int8(row) if row.len() == values => {
                        self.embeddings.extend(row.iter().map(|&value| value as u8));
                        Record::Embedding8 { rows, dim: dim16 }
                    }
                    TableSpec::Int4 { lut, codes } if codes.len() == values => {
                        if codes.iter().any(|&code| code > 15) {
                            return Err(WriteError::Range(index));
                        }
                        for row in codes.chunks(*dim) {
                            let pair =
                                |pair: &[u8]| pair[0] | pair.get(1).copied().unwrap_or(0) << 4;
                            self.embeddings.extend(row.chunks(2).map(pair));
                        }
                        Record::Embedding4 {
                            rows,
                            dim: dim16,
                            lut: *lut,
                        }
                    }
                    TableSpec::Product {
                        centroids,
                        count,
                        codes,
                        parts,
                        codebooks,
                    } if centroids.len() == codebooks * count * (dim / parts.max(&1))
                        && codes.len() / parts.max(&1) == values / dim
                        && codes.len().is_multiple_of(*parts.max(&1)) =>
                    {
                        self.embeddings
                            .extend(centroids.iter().map(|&value| value as u8));
                        self.embeddings.extend(codes);
                        Record::EmbeddingProduct {
                            rows,
                            dim: dim16,
                            codes: range(parts)?,
                            centroids: range(count)?,
                            codebooks: range(codebooks)?,
                        }
                    }
                    _ => return Err(WriteError::Data(index)),
                }
            }
            LayerSpec::Conv1d {
                in_channels,
                out_channels,
                kernel,
                dilation,
                groups,
                relu,
                bits,
                weights,
                biases,
                multipliers,
            } => {
                let tap = in_channels / (*groups).max(1);
                self.linear(
                    index,
                    *out_channels,
                    kernel * tap,
                    weights,
                    biases,
                    multipliers,
                )?;
                let shape = ConvShape {
                    in_channels: range(in_channels)?,
                    out_channels: range(out_channels)?,
                    kernel: range(kernel)?,
                    dilation: range(dilation)?,
                    groups: range(groups)?,
                    relu: *relu,
                };
                match bits {
                    4 => {
                        if !tap.is_multiple_of(INT4_GROUP) {
                            return Err(WriteError::Range(index));
                        }
                        self.weights.extend(int4_bytes(index, weights)?);
                        Record::Conv1d4(shape)
                    }
                    8 => {
                        self.weights
                            .extend(weights.iter().map(|&weight| weight as u8));
                        Record::Conv1d(shape)
                    }
                    _ => return Err(WriteError::Range(index)),
                }
            }
            LayerSpec::ResidualAdd {
                from,
                own,
                other,
                relu,
            } => Record::ResidualAdd {
                from: u8::try_from(*from).map_err(|_| WriteError::Range(index))?,
                own: (own.mantissa(), own.shift()),
                other: (other.mantissa(), other.shift()),
                relu: *relu,
            },
            LayerSpec::Relu => Record::Relu,
            LayerSpec::Pool { max, mean } => Record::Pool {
                max: *max,
                mean: *mean,
            },
            LayerSpec::Dense {
                inputs,
                outputs,
                relu,
                weights,
                biases,
                multipliers,
            } => {
                self.linear(index, *outputs, *inputs, weights, biases, multipliers)?;
                self.weights
                    .extend(weights.iter().map(|&weight| weight as u8));
                Record::Dense {
                    inputs: range(inputs)?,
                    outputs: range(outputs)?,
                    relu: *relu,
                }
            }
        };
        self.records
            .extend(postcard::to_allocvec(&record).map_err(|_| WriteError::Range(index))?);
        Ok(())
    }

    /// Takes biases and multipliers of a matrix whose parts fit to each other.
    fn linear(
        &mut self,
        index: usize,
        outputs: usize,
        width: usize,
        weights: &[i8],
        biases: &[i32],
        multipliers: &[Multiplier],
    ) -> Result<(), WriteError> {
        let whole = outputs.checked_mul(width) == Some(weights.len());
        if !whole || biases.len() != outputs || multipliers.len() != outputs {
            return Err(WriteError::Data(index));
        }
        self.biases
            .extend(biases.iter().flat_map(|bias| bias.to_le_bytes()));
        self.multipliers.extend(
            multipliers
                .iter()
                .flat_map(|multiplier| multiplier.to_bytes()),
        );
        Ok(())
    }
}

/// Weights, two in a byte.
fn int4_bytes(layer: usize, weights: &[i8]) -> Result<Vec<u8>, WriteError> {
    if weights.iter().any(|weight| !(-8..8).contains(weight)) {
        return Err(WriteError::Range(layer));
    }
    let groups = weights.as_chunks::<INT4_GROUP>().0;
    let bytes = groups.iter().flat_map(|group| {
        let (low, high) = group.split_at(INT4_GROUP / 2);
        low.iter()
            .zip(high)
            .map(|(&low, &high)| low as u8 & 15 | (high as u8) << 4)
    });
    Ok(bytes.collect())
}

/// Header, section table and sections.
fn assemble(sections: &[&[u8]; SectionKind::ALL.len()]) -> Result<Vec<u8>, WriteError> {
    let mut bytes = vec![0; HEADER_BYTES + ENTRY_BYTES * sections.len()];
    for (index, (section, kind)) in sections.iter().zip(SectionKind::ALL).enumerate() {
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        let at = HEADER_BYTES + ENTRY_BYTES * index;
        let fields = [kind as usize, bytes.len(), section.len()];
        for (field, place) in fields.into_iter().zip(bytes[at..].as_chunks_mut::<4>().0) {
            *place = u32::try_from(field)
                .map_err(|_| WriteError::TooLong)?
                .to_le_bytes();
        }
        bytes.extend_from_slice(section);
    }
    let length = u32::try_from(bytes.len()).map_err(|_| WriteError::TooLong)?;
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4..6].copy_from_slice(&VERSION.to_le_bytes());
    bytes[6..8].copy_from_slice(&(sections.len() as u16).to_le_bytes());
    bytes[8..12].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(&bytes);
    bytes[CHECKSUM_AT..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}
