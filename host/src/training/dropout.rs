//! Dropout whose masks depend on a seed alone, whatever computes beside it.

use burn::tensor::{Device, Distribution, Tensor, TensorData};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::device;

/// A source of dropout masks, in the order in which they are asked for.
#[derive(Debug, Clone)]
pub struct Dropout(Source);

#[derive(Debug, Clone)]
enum Source {
    /// Masks made here. burn's generator of the processor is one for all threads, this one belongs to one of them.
    Here(Box<ChaCha8Rng>),
    /// Masks made on the card, to which they would be a long way.
    Card,
}

impl Dropout {
    /// Masks for one forward pass on `device`; on a card only one may be under way at a time.
    pub fn new(seed: u64, device: &Device) -> Self {
        if device::is_processor(device) {
            return Self(Source::Here(Box::new(ChaCha8Rng::seed_from_u64(seed))));
        }
        device.seed(seed);
        Self(Source::Card)
    }

    /// Sets each element to 0 with `probability`, in `[0, 1)`; kept elements are scaled by `1 / (1 − probability)`.
    pub fn drop<const D: usize>(&mut self, input: Tensor<D>, probability: f64) -> Tensor<D> {
        if probability <= 0.0 {
            return input;
        }
        let kept = (1.0 / (1.0 - probability)) as f32;
        let Source::Here(rng) = &mut self.0 else {
            let mask = Tensor::<D>::random(
                input.shape(),
                Distribution::Bernoulli(1.0 - probability),
                &input.device(),
            );
            return input * (mask * kept);
        };
        let threshold = (probability * 65536.0) as u16;
        let mut random = vec![0_u8; input.shape().num_elements() * 2];
        rng.fill_bytes(&mut random);
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
