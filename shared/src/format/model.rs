//! A checked view of a model file.

use super::error::FormatError;
use super::golden::GoldenVectors;
use super::header::{SectionKind, Sections};
use super::layer::{
    Biases, Conv1d, Dense, Embedding, Layer, Multipliers, ResidualAdd, Table, Weights,
};
use super::plan::{Buffer, Placed, Plan, Record, codebook_bytes};
use super::provenance::Provenance;
use crate::bytes::u32_at;
use crate::fixed::Multiplier;
use crate::labels::Labels;
use crate::tokenizer::CharMap;
use crate::vocab::Vocab;

/// Bytes that a session takes beside its arena, on any target: an upper bound, asserted where the session is.
pub const SESSION_BYTES: usize = 384;
/// The most tokens of a text that an engine reads; what follows does not change the answer. Sums over so many int8 values
/// stay within 32 bits.
pub const MAX_TOKENS: u32 = (1 << 24) - 1;

/// A model whose bytes have been checked; nothing in it can fail.
#[derive(Clone, Copy)]
pub struct Model<'a> {
    sections: Sections<'a>,
    labels: Labels<'a>,
    charmap: CharMap<'a>,
    vocab: Vocab<'a>,
    plan: Plan,
    inverse_temperature: u32,
}

impl core::fmt::Debug for Model<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Model")
            .field("labels", &self.labels.len())
            .field("pieces", &self.vocab.len())
            .field("layers", &self.plan.layers())
            .finish_non_exhaustive()
    }
}

impl<'a> Model<'a> {
    /// Checks the bytes of a model file and gives a view of them. The bytes need no alignment.
    ///
    /// # Errors
    /// Whatever is not as `docs/model-format.md` says, a wrong checksum first of all.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let mut place = None;
        Self::parse_into(bytes, &mut place)?;
        place.ok_or(FormatError::Magic)
    }

    /// As [`parse`](Self::parse), straight into a place, so that a chip's stack holds a model once only. The place is `None`
    /// after an error.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse).
    pub fn parse_into<'p>(
        bytes: &'a [u8],
        place: &'p mut Option<Self>,
    ) -> Result<&'p Self, FormatError> {
        *place = None;
        let sections = Sections::parse(bytes)?;
        let labels =
            Labels::parse(sections.get(SectionKind::Labels)).map_err(FormatError::Labels)?;
        let charmap =
            CharMap::parse(sections.get(SectionKind::CharMap)).map_err(FormatError::CharMap)?;
        let vocab =
            Vocab::parse(sections.get(SectionKind::Vocab), &charmap).map_err(FormatError::Vocab)?;
        let calibration = sections.get(SectionKind::Calibration);
        let inverse_temperature = u32_at(calibration, 0);
        if calibration.len() != 4 || inverse_temperature == 0 {
            return Err(FormatError::Calibration);
        }
        let empty = Self {
            sections,
            labels,
            charmap,
            vocab,
            plan: Plan::EMPTY,
            inverse_temperature,
        };
        if let Err(error) = place.insert(empty).check() {
            *place = None;
            return Err(error);
        }
        place.as_ref().ok_or(FormatError::Magic)
    }

    /// Reads the layers and checks all that hangs on them.
    fn check(&mut self) -> Result<(), FormatError> {
        self.plan.read(self.sections.get(SectionKind::Layers))?;
        self.check_layers()?;
        GoldenVectors::check(self.sections.get(SectionKind::Golden), self.labels.len())?;
        Provenance::check(self.sections.get(SectionKind::Provenance))
    }

    fn check_layers(&self) -> Result<(), FormatError> {
        for (kind, needed) in [
            (SectionKind::Embeddings, self.plan.embeddings),
            (SectionKind::Weights, self.plan.weights),
            (SectionKind::Biases, self.plan.outputs * 4),
            (
                SectionKind::Multipliers,
                self.plan.outputs * Multiplier::BYTES,
            ),
        ] {
            if self.sections.get(kind).len() != needed {
                return Err(FormatError::SectionLength(kind));
            }
        }
        if self.plan.rows != self.vocab.len() as usize {
            return Err(FormatError::Shape(0));
        }
        if self.plan.classes != self.labels.len() {
            return Err(FormatError::Shape((self.plan.count - 1) as u8));
        }
        for (layer, index) in self.layers().zip(0u8..) {
            let (weights, biases, multipliers, width, largest) = match layer {
                Layer::Conv1d(conv) => (
                    conv.weights,
                    conv.biases,
                    conv.multipliers,
                    conv.row_bytes(),
                    match conv.weights {
                        Weights::Int8(_) => 128,
                        // Kernels may take 4-bit weights for 16 times themselves, as they stand in the upper half of a byte.
                        Weights::Int4(_) => 16 * 128,
                    },
                ),
                Layer::Dense(dense) => (
                    Weights::Int8(dense.weights),
                    dense.biases,
                    dense.multipliers,
                    dense.inputs,
                    32_768,
                ),
                Layer::Embedding(embedding) => {
                    if !embedding.is_sound() {
                        return Err(FormatError::Code);
                    }
                    continue;
                }
                _ => continue,
            };
            if multipliers
                .0
                .as_chunks()
                .0
                .iter()
                .any(|&record| Multiplier::from_bytes(record).is_none())
            {
                return Err(FormatError::Multiplier(index));
            }
            // With every input at its largest, the sum of an output's products and its bias has to fit; so does every part.
            for (output, row) in weights.bytes().chunks_exact(width).enumerate() {
                let sum: i64 = row
                    .iter()
                    .map(|&byte| i64::from(weights.magnitude(byte)))
                    .sum();
                if sum * largest + i64::from(biases.get(output).unsigned_abs())
                    > i64::from(i32::MAX)
                {
                    return Err(FormatError::Accumulator(index));
                }
            }
        }
        Ok(())
    }

    /// Names of the classes.
    pub fn labels(&self) -> Labels<'a> {
        self.labels
    }

    /// What becomes of each character.
    pub fn charmap(&self) -> &CharMap<'a> {
        &self.charmap
    }

    /// The pieces.
    pub fn vocab(&self) -> &Vocab<'a> {
        &self.vocab
    }

    /// Number of layers.
    pub fn layer_count(&self) -> usize {
        self.plan.count
    }

    /// The layers in order: an embedding, those run for each token, the pooling, dense layers.
    pub fn layers(&self) -> impl Iterator<Item = Layer<'a>> + '_ {
        self.plan
            .layers()
            .iter()
            .map(|placed| self.layer_of(placed))
    }

    fn layer_of(&self, placed: &Placed) -> Layer<'a> {
        let slice = |kind, start: usize, length: usize| {
            self.sections
                .get(kind)
                .get(start..start + length)
                .unwrap_or_default()
        };
        let outputs = |count: usize| {
            let size = Multiplier::BYTES;
            (
                Biases(slice(SectionKind::Biases, placed.outputs * 4, count * 4)),
                Multipliers(slice(
                    SectionKind::Multipliers,
                    placed.outputs * size,
                    count * size,
                )),
            )
        };
        let weights = |count| slice(SectionKind::Weights, placed.weights, count);
        let rows = self.sections.get(SectionKind::Embeddings);
        let factor =
            |(mantissa, shift)| Multiplier::new(mantissa, shift).unwrap_or(Multiplier::ZERO);
        match placed.record {
            Record::Embedding8 { rows: count, dim } => Layer::Embedding(Embedding {
                rows: count as usize,
                dim: dim.into(),
                table: Table::Int8(rows),
            }),
            Record::Embedding4 {
                rows: count,
                dim,
                lut,
            } => Layer::Embedding(Embedding {
                rows: count as usize,
                dim: dim.into(),
                table: Table::Int4 { lut, codes: rows },
            }),
            Record::EmbeddingProduct {
                rows: count,
                dim,
                codes: parts,
                centroids,
                codebooks,
            } => {
                let bytes = codebook_bytes(dim, parts, centroids, codebooks);
                let (centroid_bytes, codes) = rows.split_at_checked(bytes).unwrap_or_default();
                Layer::Embedding(Embedding {
                    rows: count as usize,
                    dim: dim.into(),
                    table: Table::Product {
                        centroids: centroid_bytes,
                        count: centroids.into(),
                        codes,
                        parts: parts.into(),
                        codebooks: codebooks.into(),
                    },
                })
            }
            Record::Conv1d(shape) | Record::Conv1d4(shape) => {
                let (in_channels, groups) = (shape.in_channels.into(), shape.groups.into());
                let (out_channels, kernel) = (shape.out_channels.into(), shape.kernel.into());
                let (biases, multipliers) = outputs(out_channels);
                let count: usize = out_channels * kernel * (in_channels / groups);
                Layer::Conv1d(Conv1d {
                    in_channels,
                    out_channels,
                    kernel,
                    dilation: shape.dilation.into(),
                    groups,
                    relu: shape.relu,
                    weights: match placed.record {
                        Record::Conv1d4(_) => Weights::Int4(weights(count / 2)),
                        _ => Weights::Int8(weights(count)),
                    },
                    biases,
                    multipliers,
                })
            }
            Record::ResidualAdd {
                from,
                own,
                other,
                relu,
            } => Layer::ResidualAdd(ResidualAdd {
                from: from.into(),
                own: factor(own),
                other: factor(other),
                relu,
            }),
            Record::Relu => Layer::Relu,
            Record::Pool { max, mean } => Layer::Pool { max, mean },
            Record::Dense {
                inputs,
                outputs: count,
                relu,
            } => {
                let [inputs, count] = [inputs, count].map(usize::from);
                let (biases, multipliers) = outputs(count);
                let weights = weights(inputs * count);
                Layer::Dense(Dense {
                    inputs,
                    outputs: count,
                    relu,
                    weights,
                    biases,
                    multipliers,
                })
            }
        }
    }

    /// Where the outputs of the layers before the pooling lie in an arena.
    pub fn buffers(&self) -> &[Buffer] {
        self.plan.buffers()
    }

    /// Bytes of the buffers of the layers before the pooling.
    pub fn buffer_bytes(&self) -> usize {
        self.plan.buffer_bytes
    }

    /// Values of a position where they are pooled.
    pub fn pooled_width(&self) -> usize {
        self.buffers().last().map_or(0, |buffer| buffer.width)
    }

    /// Values of the widest vector from the pooling on.
    pub fn feature_width(&self) -> usize {
        self.plan.features
    }

    /// Bytes of the buffers, or of two vectors of features (int16) where these take more: when the text has ended, they take the
    /// buffers' place.
    pub fn work_bytes(&self) -> usize {
        let features = (self.feature_width() * 2).next_multiple_of(8);
        self.buffer_bytes().next_multiple_of(8).max(2 * features)
    }

    /// Bytes of the arena that a session asks for: [`work_bytes`](Self::work_bytes), maximum (int8) and sum (int32) of each pooled
    /// value, each part rounded up to 8 bytes.
    pub fn arena_bytes(&self) -> usize {
        let part = |bytes: usize| bytes.next_multiple_of(8);
        let pooled = self.pooled_width();
        self.work_bytes() + part(pooled) + part(pooled * 4)
    }

    /// Bytes of RAM of a session with its arena, whatever the length of a text. The file itself can stay in flash.
    pub fn ram_bytes(&self) -> usize {
        SESSION_BYTES + self.arena_bytes()
    }

    /// Multiplications with an addition that a token costs.
    pub fn macs_per_token(&self) -> u64 {
        let macs = |layer| match layer {
            Layer::Conv1d(conv) => (conv.out_channels * conv.width()) as u64,
            _ => 0,
        };
        self.layers().map(macs).sum()
    }

    /// Multiplications with an addition that a text costs once, at its end.
    pub fn macs_per_text(&self) -> u64 {
        let macs = |layer| match layer {
            Layer::Dense(dense) => dense.weights.len() as u64,
            _ => 0,
        };
        self.layers().map(macs).sum()
    }

    /// Number of trained values: rows, weights and biases.
    pub fn parameters(&self) -> u64 {
        let dim = self.buffers().first().map_or(0, |buffer| buffer.width);
        (self.plan.rows * dim + self.plan.outputs) as u64
            + self.macs_per_token()
            + self.macs_per_text()
    }

    /// Factor of the logits before the probabilities, Q16.
    pub fn inverse_temperature(&self) -> u32 {
        self.inverse_temperature
    }

    /// Texts with the answers that every engine must give.
    pub fn golden(&self) -> GoldenVectors<'a> {
        GoldenVectors::new(self.sections.get(SectionKind::Golden), self.labels.len())
    }

    /// Where the model comes from.
    pub fn provenance(&self) -> Provenance<'a> {
        Provenance::new(self.sections.get(SectionKind::Provenance))
    }

    /// The sections in the order of the file and where they lie.
    pub fn sections(&self) -> impl Iterator<Item = (SectionKind, core::ops::Range<usize>)> + '_ {
        SectionKind::ALL
            .into_iter()
            .map(|kind| (kind, self.sections.range(kind)))
    }

    /// The checksum that the file carries.
    pub fn checksum(&self) -> u32 {
        u32_at(self.bytes(), 3)
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &'a [u8] {
        self.sections.file()
    }
}
