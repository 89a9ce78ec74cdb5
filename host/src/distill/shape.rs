//! Sizes of students that fill a budget, from a few numbers.

use serde::{Deserialize, Serialize};

use super::Budget;
use crate::student::{ConvConfig, ProductConfig, StudentConfig};

/// What the sizes of a student follow from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Values of an embedding.
    pub embedding: usize,
    /// How a row is stored.
    pub rows: Rows,
    /// Convolutions, one upon the other.
    pub layers: usize,
    /// Positions that each of them sees.
    pub kernel: usize,
    /// Whether convolutions look back further and further: by 1, 2, 4 and 8 positions, then from 1 again (as van den Oord et al. 2016,
    /// <https://arxiv.org/abs/1609.03499>).
    pub dilated: bool,
    /// Bits of their weights.
    pub bits: u8,
    /// Share of the flash that their weights take; the pieces take what is left.
    pub share: f64,
}

/// How a row of the embedding is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rows {
    /// Four bits a value.
    Int4,
    /// So many codes of one byte, all out of the same codebook.
    Codes(usize),
}

/// Least and most channels of a convolution, in steps of the least.
const CHANNELS: [usize; 2] = [8, 256];
/// Bytes that a piece takes in the vocabulary, about.
const PIECE: f64 = 2.8;
/// Bytes of a file that neither rows, pieces nor weights of convolutions take, about.
const REST: f64 = 9_000.0;
/// Least and most pieces to begin with.
const PIECES: [f64; 2] = [150.0, 30_000.0];

impl Shape {
    /// The sizes that fill `budget`, about.
    pub fn sizes(&self, budget: Budget) -> StudentConfig {
        let flash = budget.flash as f64;
        let byte = f64::from(self.bits) / 8.0;
        let of_channels = |channels: usize| {
            let inputs = self.embedding + (self.layers - 1) * channels;
            (self.kernel * inputs * channels) as f64 * byte
        };
        let [least, most] = CHANNELS;
        let channels = (least..=most)
            .step_by(least)
            .take_while(|&channels| of_channels(channels) <= self.share * flash)
            .last()
            .unwrap_or(least);
        let (product, row, codebook) = match self.rows {
            Rows::Int4 => (None, self.embedding.div_ceil(2), 0),
            Rows::Codes(codes) => {
                let product = ProductConfig {
                    codes,
                    centroids: 256,
                    codebooks: 1,
                };
                (Some(product), codes, 256 * self.embedding / codes)
            }
        };
        let left = flash - of_channels(channels) - codebook as f64 - REST;
        let [fewest, most] = PIECES;
        let pieces = (left / (row as f64 + PIECE)).clamp(fewest, most) as usize;
        let conv = |index: usize| ConvConfig {
            channels,
            kernel: self.kernel,
            dilation: match self.dilated {
                true => 1 << (index % 4),
                false => 1,
            },
            groups: 1,
            separable: false,
            residual: index > 0 || channels == self.embedding,
            bits: self.bits,
        };
        StudentConfig {
            pieces,
            embedding: self.embedding,
            product,
            convs: (0..self.layers).map(conv).collect(),
            ..StudentConfig::default()
        }
    }
}

/// The shape for a budget, by what students of English sentiment were good with (`docs/experiments.md`).
pub fn shape_for(budget: Budget) -> Shape {
    let (embedding, codes, layers, share) = match budget.flash / 1024 {
        160.. => (128, 8, 5, 0.33),
        80.. => (128, 8, 5, 0.37),
        40.. => (96, 6, 5, 0.22),
        20.. => (64, 4, 4, 0.21),
        _ => (32, 2, 3, 0.15),
    };
    Shape {
        embedding,
        rows: Rows::Codes(codes),
        layers,
        kernel: 2,
        dilated: true,
        bits: 4,
        share,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_flash_is_used() {
        let bytes = |kilobytes: usize| {
            let budget = Budget {
                flash: kilobytes * 1024,
                ram: 6 * 1024,
            };
            let config = shape_for(budget).sizes(budget);
            config.validate().unwrap();
            config.pieces * config.row_bytes()
        };
        assert!(bytes(10) < bytes(24) && bytes(24) < bytes(48));
        assert!(bytes(48) < bytes(96) && bytes(96) < bytes(224));
    }
}
