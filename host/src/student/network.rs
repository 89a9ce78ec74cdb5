//! The student as a burn module.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor};

use super::batch::Batch;
use super::codebook::Codebook;
use super::config::{ConvConfig, StudentConfig};
use super::quantization::{self, Quantization};
use crate::training::Dropout;

/// How often a feature is dropped in training, beside a value of an embedding.
const DROPPED_FEATURES: f64 = 0.5;

/// Embedding, causal convolutions, pooling over time, dense layers.
#[derive(Module, Debug)]
pub struct Student {
    /// `[pieces, embedding]`.
    pub(super) embedding: Param<Tensor<2>>,
    /// What the centroids have learnt since they were found, `[codebooks · centroids, embedding / parts]`.
    pub(super) codebook: Option<Param<Tensor<2>>>,
    pub(super) convs: Vec<Conv>,
    /// The hidden layers and that of the logits.
    pub(super) dense: Vec<Dense>,
    max_pool: bool,
    mean_pool: bool,
}

/// A causal convolution over time.
#[derive(Module, Debug)]
pub(super) struct Conv {
    /// Of a separable convolution the depthwise part, `[kernel, inputs]`; then `kernel` and `dilation` are its own.
    pub(super) depthwise: Option<Param<Tensor<2>>>,
    /// `[groups, kernel · inputs of a group, outputs of a group]`; the kernel's last position is the present.
    pub(super) weight: Param<Tensor<3>>,
    /// `[outputs]`.
    pub(super) bias: Param<Tensor<1>>,
    pub(super) kernel: usize,
    pub(super) dilation: usize,
    pub(super) residual: bool,
    /// Bits of a weight.
    pub(super) bits: u8,
}

/// A matrix and a bias.
#[derive(Module, Debug)]
pub(super) struct Dense {
    /// `[inputs, outputs]`.
    pub(super) weight: Param<Tensor<2>>,
    /// `[outputs]`.
    pub(super) bias: Param<Tensor<1>>,
}

/// What a forward pass is seen by: the largest magnitudes of the activations.
pub(super) type Observer<'a> = &'a mut dyn FnMut(Activation, Tensor<1>);

/// An activation that has a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    /// Output of the depthwise part of a convolution.
    Depthwise(usize),
    /// Output of a convolution.
    Conv(usize),
    /// Sum behind a convolution.
    Sum(usize),
    /// Output of a hidden dense layer.
    Hidden(usize),
}

impl StudentConfig {
    /// A student with `rows` (`[pieces][embedding]`) and random weights (He et al. 2015, <https://arxiv.org/abs/1502.01852>).
    pub fn init(&self, rows: Vec<f32>, classes: usize, device: &Device) -> Student {
        let he = |inputs: usize| Initializer::Normal {
            mean: 0.0,
            std: (2.0 / inputs as f64).sqrt(),
        };
        let conv = |input: usize, conv: &ConvConfig| {
            let taps = if conv.separable { 1 } else { conv.kernel };
            let inputs = taps * (input / conv.groups);
            let depthwise = Initializer::Normal {
                mean: 0.0,
                std: (1.0 / conv.kernel as f64).sqrt(),
            };
            Conv {
                depthwise: conv
                    .separable
                    .then(|| depthwise.init([conv.kernel, input], device)),
                weight: he(inputs).init([conv.groups, inputs, conv.channels / conv.groups], device),
                bias: Initializer::Zeros.init([conv.channels], device),
                kernel: conv.kernel,
                dilation: conv.dilation,
                residual: conv.residual,
                bits: conv.bits,
            }
        };
        let inputs = [self.embedding]
            .into_iter()
            .chain(self.convs.iter().map(|conv| conv.channels));
        let widths: Vec<usize> = [self.features()]
            .into_iter()
            .chain(self.hidden.iter().copied())
            .chain([classes])
            .collect();
        let dense = |pair: &[usize]| Dense {
            weight: he(pair[0]).init([pair[0], pair[1]], device),
            bias: Initializer::Zeros.init([pair[1]], device),
        };
        let codebook = self.product.map(|product| {
            let shape = [
                product.codebooks * product.centroids,
                self.embedding / product.codes,
            ];
            Initializer::Zeros.init(shape, device)
        });
        let pieces = rows.len() / self.embedding;
        let rows = burn::tensor::TensorData::new(rows, [pieces, self.embedding]);
        Student {
            embedding: Param::from_tensor(Tensor::from_data(rows, device)),
            codebook,
            convs: inputs
                .zip(&self.convs)
                .map(|(input, config)| conv(input, config))
                .collect(),
            dense: widths.windows(2).map(dense).collect(),
            max_pool: self.max_pool,
            mean_pool: self.mean_pool,
        }
    }
}

impl Student {
    /// Logits `[batch, classes]` of a batch of token ids.
    ///
    /// With `quantization` all values are those that the integers will stand for; with `dropout` values of embeddings are dropped
    /// with the probability beside it, in `[0, 1)`, features half as often.
    pub fn forward(
        &self,
        batch: Batch,
        quantization: Option<&Quantization>,
        dropout: Option<(Dropout, f64)>,
    ) -> Tensor<2> {
        self.observed(batch, quantization, dropout, None)
    }

    pub(super) fn observed(
        &self,
        batch: Batch,
        quantization: Option<&Quantization>,
        mut dropout: Option<(Dropout, f64)>,
        mut observer: Option<Observer<'_>>,
    ) -> Tensor<2> {
        let mut quantized = |x: Tensor<3>, which: Activation, scale: Option<f32>| {
            if let Some(observer) = &mut observer {
                observer(which, x.clone().abs().max());
            }
            match scale {
                Some(scale) => quantization::activation(x, scale),
                None => x,
            }
        };
        let Batch { ids, mask, shares } = batch;
        let mut x = match quantization.and_then(|quantization| quantization.codebook.as_ref()) {
            Some(book) => self.decoded(book, ids),
            None => burn::tensor::module::embedding(self.embedding.val(), ids),
        };
        if let Some(quantization) = quantization {
            x = quantization::embedding(x, quantization);
        }
        if let Some((dropout, probability)) = &mut dropout {
            x = dropout.drop(x, *probability);
        }
        for (index, conv) in self.convs.iter().enumerate() {
            let is_quantized = quantization.is_some();
            let mixed = match conv.depthwise(x.clone(), is_quantized) {
                Some(y) => {
                    let scale = quantization.map(|q| q.depthwise[index]);
                    let y = quantized(y, Activation::Depthwise(index), scale);
                    conv.product(y, 1, 1, is_quantized)
                }
                None => conv.product(x.clone(), conv.kernel, conv.dilation, is_quantized),
            };
            let scale = quantization.map(|q| q.convs[index]);
            let y = quantized(relu(mixed), Activation::Conv(index), scale);
            x = match conv.residual {
                true => {
                    let scale = quantization.map(|q| q.sums[index]);
                    // Each summand is brought to the scale of the sum by itself.
                    let (own, other) = match scale {
                        Some(scale) => (
                            quantization::activation(y, scale),
                            quantization::activation(x, scale),
                        ),
                        None => (y, x),
                    };
                    quantized(own + other, Activation::Sum(index), scale)
                }
                false => y,
            };
        }
        let mut features = Vec::new();
        let [_, size, width] = x.dims();
        let row = |x: Tensor<3>| x.reshape([size, width]);
        let tokens = x * mask.clone();
        if self.max_pool {
            // Padding far below every value; a text without tokens has features of 0.
            let padding = (mask - 1.0) * 1e9;
            let some = shares.clone().greater_elem(0.0).float();
            features.push(row((tokens.clone() + padding).max_dim(0)) * some);
        }
        if self.mean_pool {
            features.push(row(tokens.sum_dim(0)) * shares);
        }
        let mut x = Tensor::cat(features, 1);
        if let Some((dropout, probability)) = &mut dropout {
            x = dropout.drop(x, *probability * DROPPED_FEATURES);
        }
        let last = self.dense.len() - 1;
        for (index, dense) in self.dense.iter().enumerate() {
            let weight = match quantization {
                Some(_) => quantization::weights(dense.weight.val(), 8),
                None => dense.weight.val(),
            };
            x = x.matmul(weight) + dense.bias.val().unsqueeze::<2>();
            if index < last {
                let hidden = quantized(relu(x).unsqueeze::<3>(), Activation::Hidden(index), None);
                x = hidden.squeeze_dim::<2>(0);
            }
        }
        x
    }
}

impl Student {
    /// Rows of ids, `[time, batch]` → `[time, batch, embedding]`, made of centroids; rows and centroids both get the gradient.
    fn decoded(&self, book: &Codebook, ids: Tensor<2, Int>) -> Tensor<3> {
        let [_, dim] = self.embedding.dims();
        let [time, size] = ids.dims();
        let places = book
            .places_on(dim, &ids.device())
            .select(0, ids.clone().reshape([time * size]));
        let decoded = burn::tensor::module::embedding(self.centroids(book), places);
        let rows = burn::tensor::module::embedding(self.embedding.val(), ids);
        quantization::straight_through(rows, decoded.reshape([time, size, dim]))
    }

    /// The same student in floats: where its embedding is one of codes, with the rows that the centroids make.
    pub fn in_floats(&self, quantization: &Quantization) -> Self {
        let mut student = self.clone();
        if let Some(book) = &quantization.codebook {
            let [rows, _] = self.embedding.dims();
            let device = self.embedding.val().device();
            let ids = Tensor::arange(0..rows as i64, &device).unsqueeze::<2>();
            student.embedding = Param::from_tensor(self.decoded(book, ids).squeeze_dim::<2>(0));
        }
        student
    }

    /// The centroids as they have become, `[codebooks · centroids, embedding / parts]`.
    pub(super) fn centroids(&self, book: &Codebook) -> Tensor<2> {
        let [_, dim] = self.embedding.dims();
        let found = book.centroids_on(dim, &self.embedding.val().device());
        match &self.codebook {
            Some(learnt) => found + learnt.val(),
            None => found,
        }
    }
}

impl Conv {
    /// Each channel of `[time, batch, inputs]` convolved by itself, if the convolution is separable.
    fn depthwise(&self, x: Tensor<3>, quantize: bool) -> Option<Tensor<3>> {
        let weight = self.depthwise.as_ref()?.val();
        let weight = match quantize {
            true => quantization::weights(weight, 8),
            false => weight,
        };
        let [time, _, _] = x.dims();
        let padded = after_zeros(x, (self.kernel - 1) * self.dilation);
        let taps = (0..self.kernel).map(|tap| {
            let seen = padded.clone().narrow(0, tap * self.dilation, time);
            seen * weight.clone().narrow(0, tap, 1).unsqueeze::<3>()
        });
        taps.reduce(|sum, tap| sum + tap)
    }

    /// `[time, batch, inputs]` → `[time, batch, outputs]`, zeros before the text.
    fn product(&self, x: Tensor<3>, kernel: usize, dilation: usize, quantize: bool) -> Tensor<3> {
        let [time, size, width] = x.dims();
        let [groups, _, outputs] = self.weight.dims();
        let weight = match quantize {
            true => quantization::weights(self.weight.val(), self.bits),
            false => self.weight.val(),
        };
        let inputs = width / groups;
        let rows = x.reshape([time * size, width]);
        let group = |group: usize| {
            let rows = match groups {
                1 => rows.clone(),
                _ => rows.clone().narrow(1, group * inputs, inputs),
            };
            let weight = weight.clone().narrow(0, group, 1);
            let weight = weight.reshape([kernel * inputs, outputs]);
            // The kernel's positions that see any token; the last is the present.
            let spans = (0..kernel).map(|tap| (tap, (kernel - 1 - tap) * dilation));
            let taps = spans.filter(|(_, span)| *span < time).map(|(tap, span)| {
                let seen = rows.clone().narrow(0, 0, (time - span) * size);
                let product = seen.matmul(weight.clone().narrow(0, tap * inputs, inputs));
                after_zeros(product, span * size)
            });
            taps.reduce(|sum, tap| sum + tap)
                .expect("the kernel's last position sees every token")
        };
        let y = match groups {
            1 => group(0),
            _ => Tensor::cat((0..groups).map(group).collect(), 1),
        };
        (y + self.bias.val().unsqueeze::<2>()).reshape([time, size, groups * outputs])
    }
}

/// Zeros before all else in the first dimension, `span` of them.
fn after_zeros<const D: usize>(x: Tensor<D>, span: usize) -> Tensor<D> {
    if span == 0 {
        return x;
    }
    let mut shape = x.dims();
    shape[0] = span;
    Tensor::cat(vec![Tensor::zeros(shape, &x.device()), x], 0)
}
