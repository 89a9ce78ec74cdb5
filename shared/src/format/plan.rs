//! Descriptors of layers, and where their data and their buffers lie.

use super::error::FormatError;
use crate::fixed::Multiplier;

/// The most layers of a model.
pub const MAX_LAYERS: usize = 24;
/// The most values of a position or feature vector.
pub const MAX_WIDTH: usize = 4096;
/// The most positions that a kernel spans.
const MAX_SPAN: usize = 1024;
/// The most bytes of an arena.
const MAX_ARENA: usize = 1 << 24;
/// Positions that an engine takes through the network together, so that each weight is used as often as it is loaded.
pub const BLOCK: usize = 4;

/// 4-bit weights that are stored together: the low halves of four bytes hold the first four, the high halves the others, so that
/// a word that is loaded has the order of two words of 8-bit weights.
pub const INT4_GROUP: usize = 8;

/// A layer's descriptor in the file, in postcard's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "build", derive(serde::Serialize))]
pub(super) enum Record {
    Embedding8 {
        rows: u32,
        dim: u16,
    },
    Embedding4 {
        rows: u32,
        dim: u16,
        lut: [i8; 16],
    },
    Conv1d(ConvShape),
    ResidualAdd {
        from: u8,
        own: (i32, u8),
        other: (i32, u8),
        relu: bool,
    },
    Relu,
    Pool {
        max: bool,
        mean: bool,
    },
    Dense {
        inputs: u16,
        outputs: u16,
        relu: bool,
    },
    EmbeddingProduct {
        rows: u32,
        dim: u16,
        codes: u16,
        centroids: u16,
        codebooks: u16,
    },
    /// A convolution with 4-bit weights.
    Conv1d4(ConvShape),
}

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "build", derive(serde::Serialize))]
pub(super) struct ConvShape {
    pub(super) in_channels: u16,
    pub(super) out_channels: u16,
    pub(super) kernel: u16,
    pub(super) dilation: u16,
    pub(super) groups: u16,
    pub(super) relu: bool,
}

impl Record {
    /// Reads the next descriptor, variant by variant; a derived `Deserialize` would take more than a kilobyte of a chip's flash.
    /// None for a kind that does not exist.
    fn take(fields: &mut Fields<'_>) -> Option<Self> {
        Some(match fields.byte() {
            0 => Self::Embedding8 {
                rows: fields.number(),
                dim: fields.short(),
            },
            1 => Self::Embedding4 {
                rows: fields.number(),
                dim: fields.short(),
                lut: core::array::from_fn(|_| fields.byte() as i8),
            },
            kind @ (2 | 8) => {
                let conv = ConvShape {
                    in_channels: fields.short(),
                    out_channels: fields.short(),
                    kernel: fields.short(),
                    dilation: fields.short(),
                    groups: fields.short(),
                    relu: fields.flag(),
                };
                match kind {
                    2 => Self::Conv1d(conv),
                    _ => Self::Conv1d4(conv),
                }
            }
            3 => Self::ResidualAdd {
                from: fields.byte(),
                own: fields.multiplier(),
                other: fields.multiplier(),
                relu: fields.flag(),
            },
            4 => Self::Relu,
            5 => Self::Pool {
                max: fields.flag(),
                mean: fields.flag(),
            },
            6 => Self::Dense {
                inputs: fields.short(),
                outputs: fields.short(),
                relu: fields.flag(),
            },
            7 => Self::EmbeddingProduct {
                rows: fields.number(),
                dim: fields.short(),
                codes: fields.short(),
                centroids: fields.short(),
                codebooks: fields.short(),
            },
            _ => return None,
        })
    }
}

/// Reads numbers in postcard's wire format (<https://postcard.jamesmunns.com/wire-format>) from the front of some bytes. What can't be
/// read is 0, and remembered.
struct Fields<'b> {
    rest: &'b [u8],
    has_failed: bool,
}

impl Fields<'_> {
    #[inline(never)]
    fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((&byte, rest)) => {
                self.rest = rest;
                byte
            }
            None => {
                self.has_failed = true;
                0
            }
        }
    }

    /// A varint.
    #[inline(never)]
    fn number(&mut self) -> u32 {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte();
            let part = u32::from(byte & 127);
            // The fifth byte has room for four bits.
            self.has_failed |= shift == 28 && part > 15;
            number |= part << shift;
            if byte < 128 {
                return number;
            }
        }
        self.has_failed = true;
        0
    }

    #[inline(never)]
    fn short(&mut self) -> u16 {
        let number = self.number();
        self.has_failed |= number > u16::MAX.into();
        number as u16
    }

    #[inline(never)]
    fn flag(&mut self) -> bool {
        let byte = self.byte();
        self.has_failed |= byte > 1;
        byte == 1
    }

    /// Mantissa (zigzag) and shift.
    #[inline(never)]
    fn multiplier(&mut self) -> (i32, u8) {
        let zigzag = self.number();
        let mantissa = (zigzag >> 1) as i32 ^ -((zigzag & 1) as i32);
        (mantissa, self.byte())
    }
}

/// Bytes of the centroids of an embedding of codes.
pub(super) fn codebook_bytes(dim: u16, codes: u16, centroids: u16, codebooks: u16) -> usize {
    usize::from(codebooks) * usize::from(centroids) * usize::from(dim / codes)
}

/// A descriptor and where its data begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) record: Record,
    /// First byte in the section of weights.
    pub(super) weights: usize,
    /// First output in the sections of biases and multipliers.
    pub(super) outputs: usize,
}

/// Where the output of a layer lies in the arena of a session: `history` positions that later kernels look back on and
/// [`BLOCK`] positions of the present, `width` bytes each. A layer that changes values one by one, in a buffer that nobody reads
/// later, writes over its input: then both have the same buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Buffer {
    /// First byte in the arena.
    pub offset: usize,
    /// Values of a position.
    pub width: usize,
    /// Positions of the past.
    pub history: usize,
}

impl Buffer {
    /// Bytes of the buffer.
    pub const fn bytes(&self) -> usize {
        (self.history + BLOCK) * self.width
    }
}

/// All layers with their places, and the sizes of everything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    layers: [Placed; MAX_LAYERS],
    buffers: [Buffer; MAX_LAYERS],
    pub(super) count: usize,
    /// Number of the pooling layer.
    pub(super) pool: usize,
    /// Bytes of the rows.
    pub(super) embeddings: usize,
    /// Bytes of all weights.
    pub(super) weights: usize,
    /// Number of all outputs with bias and multiplier.
    pub(super) outputs: usize,
    /// Width of the last layer.
    pub(super) classes: usize,
    /// Rows of the embedding.
    pub(super) rows: usize,
    /// Widest vector of features.
    pub(super) features: usize,
    /// Bytes of all buffers.
    pub(super) buffer_bytes: usize,
    /// A bit for each layer that writes over its input.
    in_place: u32,
}

impl Plan {
    /// No layers.
    pub(super) const EMPTY: Self = Self {
        layers: [Placed {
            record: Record::Relu,
            weights: 0,
            outputs: 0,
        }; MAX_LAYERS],
        buffers: [Buffer {
            offset: 0,
            width: 0,
            history: 0,
        }; MAX_LAYERS],
        count: 0,
        pool: 0,
        embeddings: 0,
        weights: 0,
        outputs: 0,
        classes: 0,
        rows: 0,
        features: 0,
        buffer_bytes: 0,
        in_place: 0,
    };

    /// Reads the descriptors into an [empty](Self::EMPTY) plan and checks that each layer fits to those before. In place, so
    /// that a chip's stack holds one plan only.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        let mut fields = Fields {
            rest: bytes,
            has_failed: false,
        };
        let count = fields.byte();
        if usize::from(count) > MAX_LAYERS {
            return Err(FormatError::Order(MAX_LAYERS as u8));
        }
        self.count = count.into();
        for index in 0..count {
            let record = Record::take(&mut fields)
                .filter(|_| !fields.has_failed)
                .ok_or(FormatError::Descriptor(index))?;
            self.add(index, record)?;
        }
        let ends_dense = self
            .layers()
            .last()
            .is_some_and(|last| matches!(last.record, Record::Dense { .. }));
        if !fields.rest.is_empty() || !ends_dense {
            return Err(FormatError::Descriptor(count));
        }
        self.place()
    }

    pub(super) fn layers(&self) -> &[Placed] {
        &self.layers[..self.count]
    }

    pub(super) fn buffers(&self) -> &[Buffer] {
        &self.buffers[..self.pool]
    }

    fn add(&mut self, index: u8, record: Record) -> Result<(), FormatError> {
        let i = usize::from(index);
        self.layers[i] = Placed {
            record,
            weights: self.weights,
            outputs: self.outputs,
        };
        // The width of what comes in; 0 before the first layer.
        let width = if i == 0 { 0 } else { self.buffers[i - 1].width };
        let pooled = self.pool > 0;
        let fits = match record {
            Record::Embedding8 { .. }
            | Record::Embedding4 { .. }
            | Record::EmbeddingProduct { .. } => i == 0,
            Record::Conv1d(_)
            | Record::Conv1d4(_)
            | Record::ResidualAdd { .. }
            | Record::Relu
            | Record::Pool { .. } => i > 0 && !pooled,
            Record::Dense { .. } => pooled,
        };
        if !fits {
            return Err(FormatError::Order(index));
        }
        let shape = Err(FormatError::Shape(index));
        let out = match record {
            Record::Embedding8 { rows, dim } => self
                .table(rows, dim, dim.into(), 0)
                .ok_or(FormatError::Shape(index))?,
            Record::Embedding4 { rows, dim, .. } => self
                .table(rows, dim, usize::from(dim).div_ceil(2), 0)
                .ok_or(FormatError::Shape(index))?,
            Record::EmbeddingProduct {
                rows,
                dim,
                codes,
                centroids,
                codebooks,
            } => {
                let divides = |part: u16, whole: u16| part > 0 && whole.is_multiple_of(part);
                if !divides(codes, dim)
                    || !divides(codebooks, codes)
                    || !(1..=256).contains(&centroids)
                {
                    return shape;
                }
                self.table(
                    rows,
                    dim,
                    codes.into(),
                    codebook_bytes(dim, codes, centroids, codebooks),
                )
                .ok_or(FormatError::Shape(index))?
            }
            Record::Conv1d(conv) | Record::Conv1d4(conv) => {
                let [ins, outs, kernel, dilation, groups] = [
                    conv.in_channels,
                    conv.out_channels,
                    conv.kernel,
                    conv.dilation,
                    conv.groups,
                ]
                .map(usize::from);
                if groups == 0 || kernel == 0 || dilation == 0 || ins != width {
                    return shape;
                }
                if ins % groups != 0 || outs % groups != 0 || (kernel - 1) * dilation >= MAX_SPAN {
                    return shape;
                }
                self.buffers[i - 1].history = (kernel - 1) * dilation;
                let tap = match record {
                    Record::Conv1d4(_) if groups != 1 || ins % INT4_GROUP != 0 => return shape,
                    Record::Conv1d4(_) => ins / 2,
                    _ => ins / groups,
                };
                if !self.linear(outs, kernel * tap) {
                    return shape;
                }
                outs
            }
            Record::ResidualAdd {
                from,
                own,
                other,
                relu: _,
            } => {
                if usize::from(from) >= i || self.buffers[usize::from(from)].width != width {
                    return shape;
                }
                for (mantissa, shift) in [own, other] {
                    Multiplier::new(mantissa, shift).ok_or(FormatError::Multiplier(index))?;
                }
                self.write_over(i);
                // What is read here must not have been written over.
                self.in_place &= !(2 << from);
                width
            }
            Record::Relu => {
                self.write_over(i);
                width
            }
            Record::Pool { max, mean } => {
                self.pool = i;
                width * (usize::from(max) + usize::from(mean))
            }
            Record::Dense {
                inputs,
                outputs,
                relu: _,
            } => {
                let [ins, outs] = [inputs, outputs].map(usize::from);
                if ins != width {
                    return shape;
                }
                if !self.linear(outs, ins) {
                    return shape;
                }
                outs
            }
        };
        if !(1..=MAX_WIDTH).contains(&out) {
            return shape;
        }
        self.buffers[i].width = out;
        if self.pool > 0 {
            self.features = self.features.max(out);
        }
        self.classes = out;
        Ok(())
    }

    /// Counts the data of an embedding with `row` bytes a row and as many `before` the rows; its width, or none if it is too
    /// large for any memory.
    fn table(&mut self, rows: u32, dim: u16, row: usize, before: usize) -> Option<usize> {
        self.rows = rows as usize;
        self.embeddings = self.rows.checked_mul(row)?.checked_add(before)?;
        Some(dim.into())
    }

    /// Counts the data of a matrix of `width` bytes an output; `false` if it is too large for any memory.
    fn linear(&mut self, outputs: usize, width: usize) -> bool {
        let weights = outputs
            .checked_mul(width)
            .and_then(|weights| self.weights.checked_add(weights));
        self.outputs += outputs;
        self.weights = weights.unwrap_or(self.weights);
        weights.is_some()
    }

    /// Whether layer `i` writes over its input.
    fn is_in_place(&self, i: usize) -> bool {
        self.in_place >> i & 1 == 1
    }

    /// Lets layer `i` write over its input; but the rows of the embedding come one by one, so their buffer is the first layer's alone.
    fn write_over(&mut self, i: usize) {
        self.in_place |= u32::from(i > 1) << i;
    }

    /// Lays the buffers of the layers before the pooling behind each other.
    fn place(&mut self) -> Result<(), FormatError> {
        for i in (1..self.pool).rev() {
            if self.is_in_place(i) {
                self.buffers[i - 1].history = self.buffers[i].history;
            }
        }
        for i in 0..self.pool {
            if self.is_in_place(i) {
                self.buffers[i].offset = self.buffers[i - 1].offset;
                continue;
            }
            self.buffers[i].offset = self.buffer_bytes;
            self.buffer_bytes += self.buffers[i].bytes();
            if self.buffer_bytes > MAX_ARENA {
                return Err(FormatError::Shape(i as u8));
            }
        }
        Ok(())
    }
}
