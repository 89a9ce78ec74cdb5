//! Layers as an engine sees them: shapes and slices of the file.

use crate::fixed::Multiplier;

/// A layer of a checked model.
#[derive(Debug, Clone, Copy)]
pub enum Layer<'a> {
    /// Ids to rows; always the first layer.
    Embedding(Embedding<'a>),
    /// Causal convolution over time.
    Conv1d(Conv1d<'a>),
    /// Sum with an earlier layer.
    ResidualAdd(ResidualAdd),
    /// Negative values become 0.
    Relu,
    /// Maximum and mean over time; ends the part of the network that is run for each token.
    Pool {
        /// Whether the maxima are features.
        max: bool,
        /// Whether the means are features; they follow the maxima.
        mean: bool,
    },
    /// Matrix and bias.
    Dense(Dense<'a>),
}

/// Ids to rows of int8.
#[derive(Debug, Clone, Copy)]
pub struct Embedding<'a> {
    /// Number of rows, that of the vocabulary's pieces.
    pub rows: usize,
    /// Values in a row.
    pub dim: usize,
    /// The rows.
    pub table: Table<'a>,
}

/// How rows are stored, one after the other.
#[derive(Debug, Clone, Copy)]
pub enum Table<'a> {
    /// A byte is a value, `i8`.
    Int8(&'a [u8]),
    /// Half a byte is the index of a value, the low half first; a row takes whole bytes.
    Int4 {
        /// The values, `i8`.
        lut: [i8; 16],
        /// The rows.
        codes: &'a [u8],
    },
    /// A row is a code for each of its parts: the number of a centroid, which is the part's values (product quantization,
    /// Jégou et al. 2011, <https://doi.org/10.1109/TPAMI.2010.57>). As many parts, one after the other, have the same codebook.
    Product {
        /// `[codebooks][centroids][values of a part]`, `i8`.
        centroids: &'a [u8],
        /// Centroids of a part.
        count: usize,
        /// `[rows][parts of a row]`, a byte each, below `count`.
        codes: &'a [u8],
        /// Parts of a row.
        parts: usize,
        /// Codebooks, a divisor of the parts.
        codebooks: usize,
    },
}

impl Embedding<'_> {
    /// Whether each code is the number of a centroid.
    pub(super) fn is_sound(&self) -> bool {
        match self.table {
            Table::Product { count, codes, .. } => {
                codes.iter().all(|&code| usize::from(code) < count)
            }
            _ => true,
        }
    }

    /// Writes the row of an id to the front of `out`, which holds at least `dim` values. An id that does not exist has the row
    /// of id 0.
    #[inline]
    pub fn row(&self, id: u32, out: &mut [i8]) {
        let id = if (id as usize) < self.rows {
            id as usize
        } else {
            0
        };
        match self.table {
            Table::Int8(rows) => {
                let row = rows
                    .get(id * self.dim..(id + 1) * self.dim)
                    .unwrap_or_default();
                for (out, &byte) in out.iter_mut().zip(row) {
                    *out = byte as i8;
                }
            }
            Table::Int4 { lut, codes } => {
                let bytes = self.dim.div_ceil(2);
                let row = codes.get(id * bytes..(id + 1) * bytes).unwrap_or_default();
                let values = row
                    .iter()
                    .flat_map(|&byte| [byte & 15, byte >> 4])
                    .take(self.dim);
                for (out, code) in out.iter_mut().zip(values) {
                    *out = lut[usize::from(code & 15)];
                }
            }
            Table::Product {
                centroids,
                count,
                codes,
                parts,
                codebooks,
            } => {
                let row = codes.get(id * parts..(id + 1) * parts).unwrap_or_default();
                let (size, sharing) = (self.dim / parts, parts / codebooks);
                let books = centroids.chunks_exact(count * size);
                let parts = out
                    .chunks_exact_mut(size * sharing)
                    .zip(row.chunks_exact(sharing));
                for ((out, codes), book) in parts.zip(books) {
                    for (out, &code) in out.chunks_exact_mut(size).zip(codes) {
                        let start = usize::from(code) * size;
                        let centroid = book.get(start..start + size).unwrap_or_default();
                        for (out, &byte) in out.iter_mut().zip(centroid) {
                            *out = byte as i8;
                        }
                    }
                }
            }
        }
    }
}

/// `y[t] = Σ_k w[k] · x[t - (kernel - 1 - k) · dilation]`, with zeros before the text.
#[derive(Debug, Clone, Copy)]
pub struct Conv1d<'a> {
    /// Values of an input position.
    pub in_channels: usize,
    /// Values of an output position.
    pub out_channels: usize,
    /// Positions that are seen.
    pub kernel: usize,
    /// Distance between them.
    pub dilation: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Whether negative outputs become 0.
    pub relu: bool,
    /// `[out_channels][kernel][in_channels / groups]`.
    pub weights: Weights<'a>,
    /// `[out_channels]`, `i32` in the scale of the sums, little endian.
    pub biases: Biases<'a>,
    /// `[out_channels]`: from the scale of the sums to that of the output.
    pub multipliers: Multipliers<'a>,
}

impl Conv1d<'_> {
    /// Channels of a group that an output sees.
    pub const fn tap(&self) -> usize {
        self.in_channels / self.groups
    }

    /// Weights of an output.
    pub const fn width(&self) -> usize {
        self.kernel * self.tap()
    }

    /// Bytes of the weights of an output.
    pub const fn row_bytes(&self) -> usize {
        match self.weights {
            Weights::Int8(_) => self.width(),
            Weights::Int4(_) => self.width() / 2,
        }
    }
}

/// How weights of a convolution are stored.
#[derive(Debug, Clone, Copy)]
pub enum Weights<'a> {
    /// A byte is a weight, `i8`.
    Int8(&'a [u8]),
    /// Half a byte is a weight, -8 to 7. There is one group of channels, whose number is a multiple of
    /// [`INT4_GROUP`](super::INT4_GROUP): so many weights are four bytes, their low halves the first four, the high halves the others.
    Int4(&'a [u8]),
}

impl<'a> Weights<'a> {
    /// The bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Int8(bytes) | Self::Int4(bytes) => bytes,
        }
    }

    /// The largest sum of magnitudes that the weights in a byte can add.
    pub(super) fn magnitude(&self, byte: u8) -> u8 {
        match self {
            Self::Int8(_) => (byte as i8).unsigned_abs(),
            Self::Int4(_) => low_half(byte).unsigned_abs() + high_half(byte).unsigned_abs(),
        }
    }
}

/// The 4-bit weight in the low half of a byte.
#[inline(always)]
pub const fn low_half(byte: u8) -> i8 {
    (byte << 4) as i8 >> 4
}

/// The 4-bit weight in the high half of a byte.
#[inline(always)]
pub const fn high_half(byte: u8) -> i8 {
    byte as i8 >> 4
}

/// `clamp(own · x + other · y)`, where y is the output of the layer `from` at the same position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResidualAdd {
    /// Number of the other layer.
    pub from: usize,
    /// Factor of the layer before this one.
    pub own: Multiplier,
    /// Factor of the layer `from`.
    pub other: Multiplier,
    /// Whether negative sums become 0.
    pub relu: bool,
}

/// `y = W · x + b` over int16 features.
#[derive(Debug, Clone, Copy)]
pub struct Dense<'a> {
    /// Number of features.
    pub inputs: usize,
    /// Number of outputs.
    pub outputs: usize,
    /// Whether negative outputs become 0.
    pub relu: bool,
    /// `[outputs][inputs]`, `i8`.
    pub weights: &'a [u8],
    /// `[outputs]`, `i32` in the scale of the sums, little endian.
    pub biases: Biases<'a>,
    /// `[outputs]`: from the scale of the sums to int16, in the last layer to logits.
    pub multipliers: Multipliers<'a>,
}

/// Biases in a model file.
#[derive(Debug, Clone, Copy)]
pub struct Biases<'a>(pub(super) &'a [u8]);

impl<'a> Biases<'a> {
    /// The bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The bias of an output; 0 if there is no such output.
    #[inline]
    pub fn get(&self, output: usize) -> i32 {
        crate::bytes::u32_at(self.0, output) as i32
    }

    /// The bias of each output.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = i32> {
        let (records, _) = self.0.as_chunks();
        records.iter().map(|&record| i32::from_le_bytes(record))
    }
}

/// Multipliers in a model file.
#[derive(Debug, Clone, Copy)]
pub struct Multipliers<'a>(pub(super) &'a [u8]);

impl<'a> Multipliers<'a> {
    /// The bytes, [`Multiplier::BYTES`] each.
    pub const fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The multiplier of an output; [`Multiplier::ZERO`] if there is no such output.
    #[inline]
    pub fn get(&self, output: usize) -> Multiplier {
        let (records, _) = self.0.as_chunks();
        records
            .get(output)
            .and_then(|&record| Multiplier::from_bytes(record))
            .unwrap_or(Multiplier::ZERO)
    }

    /// The mantissa and shift of each output, as they stand in the file; those of a parsed model are multipliers.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (i32, u8)> {
        let (records, _) = self.0.as_chunks();
        records
            .iter()
            .map(|&[a, b, c, d, shift]| (i32::from_le_bytes([a, b, c, d]), shift))
    }
}
