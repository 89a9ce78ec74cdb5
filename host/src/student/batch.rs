//! Sequences of ids as tensors.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// A text to learn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Ids of its pieces; at least one.
    pub ids: Vec<u32>,
    /// Its class, where that is known.
    pub label: Option<usize>,
    /// The teacher's logits, where there are any.
    pub logits: Option<Vec<f32>>,
}

/// Sequences padded behind to the longest of them. Time comes first, so that all sequences' values of some positions lie side by side,
/// and what a convolution sees further back is a slice.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `[time, batch]`.
    pub ids: Tensor<2, Int>,
    /// 1 for a token and 0 for padding, `[time, batch, 1]`.
    pub mask: Tensor<3>,
    /// One over the number of tokens, `[batch, 1]`; 0 for a sequence without any.
    pub shares: Tensor<2>,
}

/// The same, ready to be put onto a device.
#[derive(Debug, Clone)]
pub struct Padded {
    ids: TensorData,
    mask: TensorData,
    shares: TensorData,
}

impl Padded {
    /// Pads the sequences.
    pub fn new(sequences: &[impl AsRef<[u32]>]) -> Self {
        let time = sequences
            .iter()
            .map(|ids| ids.as_ref().len())
            .max()
            .unwrap_or(0)
            .max(1);
        let size = sequences.len();
        let (mut ids, mut mask, mut shares) =
            (vec![0_i32; size * time], vec![0_f32; size * time], vec![]);
        for (row, sequence) in sequences.iter().enumerate() {
            let sequence = sequence.as_ref();
            for (position, &id) in sequence.iter().enumerate() {
                ids[position * size + row] = id as i32;
                mask[position * size + row] = 1.0;
            }
            shares.push(if sequence.is_empty() {
                0.0
            } else {
                1.0 / sequence.len() as f32
            });
        }
        Self {
            ids: TensorData::new(ids, [time, size]),
            mask: TensorData::new(mask, [time, size, 1]),
            shares: TensorData::new(shares, [size, 1]),
        }
    }

    /// The same as tensors.
    pub fn on(self, device: &Device) -> Batch {
        Batch {
            ids: Tensor::from_data(self.ids, device),
            mask: Tensor::from_data(self.mask, device),
            shares: Tensor::from_data(self.shares, device),
        }
    }
}
