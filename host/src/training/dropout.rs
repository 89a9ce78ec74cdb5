//! Dropout whose masks depend on a seed alone, whatever the device and however many threads work beside it.

use burn::tensor::{Tensor, TensorData};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// A source of dropout masks, in the order in which they are asked for.
#[derive(Debug, Clone)]
pub struct Dropout(ChaCha8Rng);

impl Dropout {
    /// Masks for one forward pass.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Sets each element to 0 with `probability`, in `[0, 1)`; kept elements are scaled by `1 / (1 − probability)`.
    pub fn drop<const D: usize>(&mut self, input: Tensor<D>, probability: f64) -> Tensor<D> {
        if probability <= 0.0 {
            return input;
        }
        let threshold = (probability * 65536.0) as u16;
        let kept = (1.0 / (1.0 - probability)) as f32;
        let mut random = vec![0_u8; input.shape().num_elements() * 2];
        self.0.fill_bytes(&mut random);
        let mask: Vec<f32> = random
            .chunks_exact(2)
            .map(|b| {
                if u16::from_le_bytes([b[0], b[1]]) < threshold {
                    0.0
                } else {
                    kept
                }
            })
            .collect();
        let mask = Tensor::from_data(TensorData::new(mask, input.shape()), &input.device());
        input * mask
    }
}
