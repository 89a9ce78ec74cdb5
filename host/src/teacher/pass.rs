//! How a forward pass of a BERT computes: with which number format, and with dropout or without.

use burn::nn::Linear;
use burn::tensor::{Device, FloatDType, Tensor};
use serde::{Deserialize, Serialize};

use super::TeacherError;
use crate::training::Dropout;

/// Number format of the factors of matrix products. Weights, sums, normalisation, softmax and loss are `f32` with each of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Math {
    /// 32 bits; on cards that have it, burn multiplies with TF32 units
    #[default]
    F32,
    /// 16 bits, 10 of them mantissa; gradients are scaled against underflow
    F16,
    /// 16 bits, 7 of them mantissa
    Bf16,
}

impl Math {
    fn dtype(self) -> Option<FloatDType> {
        match self {
            Self::F32 => None,
            Self::F16 => Some(FloatDType::F16),
            Self::Bf16 => Some(FloatDType::BF16),
        }
    }

    /// Checks that a device computes with it.
    ///
    /// # Errors
    /// It does not.
    pub fn check(self, device: &Device) -> Result<(), TeacherError> {
        match self.dtype() {
            Some(dtype) if !device.supports_dtype(dtype) => Err(TeacherError::Run(format!(
                "{} does not compute with {self:?}; take --math f32",
                crate::device::describe(device)
            ))),
            _ => Ok(()),
        }
    }

    /// What a loss is multiplied by so that its gradients don't vanish in this format.
    pub(super) fn loss_scale(self) -> f64 {
        match self {
            Self::F16 => 1024.0,
            Self::F32 | Self::Bf16 => 1.0,
        }
    }
}

/// One forward pass.
#[derive(Debug, Clone, Default)]
pub struct Pass {
    math: Math,
    dropout: Option<(Dropout, Rates)>,
}

/// Probabilities of dropping a hidden state's and an attention probability's element, in `[0, 1)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Of hidden states.
    pub hidden: f64,
    /// Of attention probabilities.
    pub attention: f64,
}

impl Pass {
    /// A pass that answers: nothing is dropped.
    pub fn answer(math: Math) -> Self {
        Self {
            math,
            dropout: None,
        }
    }

    /// A pass that trains.
    pub fn training(math: Math, dropout: Dropout, rates: Rates) -> Self {
        Self {
            math,
            dropout: Some((dropout, rates)),
        }
    }

    pub(super) fn drop_hidden<const D: usize>(&mut self, states: Tensor<D>) -> Tensor<D> {
        match &mut self.dropout {
            Some((dropout, rates)) => dropout.drop(states, rates.hidden),
            None => states,
        }
    }

    pub(super) fn drop_attention<const D: usize>(&mut self, attention: Tensor<D>) -> Tensor<D> {
        match &mut self.dropout {
            Some((dropout, rates)) => dropout.drop(attention, rates.attention),
            None => attention,
        }
    }

    /// `input · weight + bias`.
    pub(super) fn linear(&self, layer: &Linear, input: Tensor<2>) -> Tensor<2> {
        if self.math == Math::F32 {
            return layer.forward(input);
        }
        let product = self.matmul(input, layer.weight.val());
        match &layer.bias {
            Some(bias) => product + bias.val().unsqueeze(),
            None => product,
        }
    }

    pub(super) fn matmul<const D: usize>(&self, left: Tensor<D>, right: Tensor<D>) -> Tensor<D> {
        match self.math.dtype() {
            Some(dtype) => left
                .cast(dtype)
                .matmul(right.cast(dtype))
                .cast(FloatDType::F32),
            None => left.matmul(right),
        }
    }
}
