//! Dropout whose masks depend on a seed alone, whatever the device and however many threads work beside it.

use burn::tensor::{Tensor, TensorData};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// A source of dropout masks, in the order in which they are asked for.
#[derive(Debug, Clone)]
pub struct DropoutMasks {
    rng: ChaCha8Rng,
    hidden: f64,
    attention: f64,
}

impl DropoutMasks {
    /// Masks for one forward pass. `hidden` and `attention` are the probabilities of dropping a hidden state's and an
    /// attention probability's element, in `[0, 1)`.
    pub fn new(seed: u64, hidden: f64, attention: f64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            hidden,
            attention,
        }
    }

    pub(super) fn hidden<const D: usize>(masks: &mut Option<Self>, input: Tensor<D>) -> Tensor<D> {
        match masks {
            Some(masks) => masks.drop(input, masks.hidden),
            None => input,
        }
    }

    pub(super) fn attention<const D: usize>(
        masks: &mut Option<Self>,
        input: Tensor<D>,
    ) -> Tensor<D> {
        match masks {
            Some(masks) => masks.drop(input, masks.attention),
            None => input,
        }
    }

    /// Kept elements are scaled by `1 / (1 − probability)`.
    fn drop<const D: usize>(&mut self, input: Tensor<D>, probability: f64) -> Tensor<D> {
        if probability <= 0.0 {
            return input;
        }
        let threshold = (probability * 65536.0) as u16;
        let kept = (1.0 / (1.0 - probability)) as f32;
        let length = input.shape().num_elements();
        let mut random = vec![0_u8; length * 2];
        self.rng.fill_bytes(&mut random);
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
