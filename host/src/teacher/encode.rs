//! Text to batches of a teacher's token ids.

use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use tokenizers::{Tokenizer, TruncationParams};

use super::TeacherError;
use super::bert::Batch;

/// Added to the attention scores of padding.
const MASKED: f32 = -1e9;

/// A teacher's own tokenizer, cutting sequences at a number of pieces.
pub struct Encoder {
    tokenizer: Tokenizer,
}

impl Encoder {
    /// Reads a `tokenizer.json`; sequences are cut to `max_pieces`, special pieces included.
    ///
    /// # Errors
    /// The file can't be read or isn't a tokenizer.
    pub fn read(path: &Path, max_pieces: usize) -> Result<Self, TeacherError> {
        let mut tokenizer =
            Tokenizer::from_file(path).map_err(|e| TeacherError::invalid(path, e.to_string()))?;
        tokenizer
            .with_truncation(Some(TruncationParams {
                max_length: max_pieces,
                ..Default::default()
            }))
            .map_err(|e| TeacherError::invalid(path, e.to_string()))?;
        tokenizer.with_padding(None);
        Ok(Self { tokenizer })
    }

    /// Ids of each text, special pieces included.
    ///
    /// # Errors
    /// The tokenizer refuses a text.
    pub fn ids(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, TeacherError> {
        Ok(self
            .tokenizer
            .encode_batch_fast(texts.to_vec(), true)
            .map_err(|e| TeacherError::Tokenizer(e.to_string()))?
            .into_iter()
            .map(|encoding| encoding.get_ids().to_vec())
            .collect())
    }

    /// The tokenizer itself.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }
}

/// Sequences padded behind to the longest of them, ready to be put onto a device.
#[derive(Debug, Clone)]
pub struct Padded {
    ids: TensorData,
    mask: Option<TensorData>,
}

impl Padded {
    /// Pads sequences. There must be one, and none may be empty.
    pub fn new(sequences: &[&[u32]]) -> Self {
        let time = sequences.iter().map(|ids| ids.len()).max().unwrap_or(0);
        let size = sequences.len();
        let padded = sequences.iter().any(|ids| ids.len() < time);
        let mut ids = Vec::with_capacity(size * time);
        for sequence in sequences {
            ids.extend(sequence.iter().map(|&id| id as i32));
            ids.resize(ids.len() + time - sequence.len(), 0);
        }
        let mask = padded.then(|| {
            let mut mask = Vec::with_capacity(size * time);
            for sequence in sequences {
                mask.resize(mask.len() + sequence.len(), 0.0_f32);
                mask.resize(mask.len() + time - sequence.len(), MASKED);
            }
            TensorData::new(mask, [size, 1, 1, time])
        });
        Self {
            ids: TensorData::new(ids, [size, time]),
            mask,
        }
    }

    /// The same as tensors.
    pub fn on(self, device: &Device) -> Batch {
        Batch {
            ids: Tensor::<2, Int>::from_data(self.ids, device),
            mask: self.mask.map(|mask| Tensor::from_data(mask, device)),
        }
    }
}
