//! The places of a BERT where dropout acts.

use burn::tensor::Tensor;

use crate::training::Dropout;

/// Dropout masks for one forward pass.
#[derive(Debug, Clone)]
pub struct DropoutMasks {
    source: Dropout,
    hidden: f64,
    attention: f64,
}

impl DropoutMasks {
    /// Masks of a seed. `hidden` and `attention` are the probabilities of dropping a hidden state's and an attention
    /// probability's element, in `[0, 1)`.
    pub fn new(seed: u64, hidden: f64, attention: f64) -> Self {
        Self {
            source: Dropout::new(seed),
            hidden,
            attention,
        }
    }

    pub(super) fn hidden<const D: usize>(masks: &mut Option<Self>, input: Tensor<D>) -> Tensor<D> {
        match masks {
            Some(masks) => masks.source.drop(input, masks.hidden),
            None => input,
        }
    }

    pub(super) fn attention<const D: usize>(
        masks: &mut Option<Self>,
        input: Tensor<D>,
    ) -> Tensor<D> {
        match masks {
            Some(masks) => masks.source.drop(input, masks.attention),
            None => input,
        }
    }
}
