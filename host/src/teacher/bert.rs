//! BERT (Devlin et al. 2019, <https://arxiv.org/abs/1810.04805>) and MPNet (Song et al. 2020, <https://arxiv.org/abs/2004.09297>)
//! for sequence classification as a burn module.

use burn::module::{Module, Param};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Int, Tensor};

use super::architecture::Architecture;
use super::config::BertConfig;
use super::pass::Pass;
use super::relative;

/// A BERT or MPNet encoder with pooler and classifier.
#[derive(Module, Debug)]
pub struct Bert {
    pub(super) word_embeddings: Param<Tensor<2>>,
    pub(super) position_embeddings: Param<Tensor<2>>,
    /// BERT's alone.
    pub(super) token_type_embeddings: Option<Param<Tensor<2>>>,
    /// MPNet's alone: what each head adds to the score of a distance, `[buckets, heads]`.
    pub(super) relative_attention_bias: Option<Param<Tensor<2>>>,
    pub(super) embedding_norm: LayerNorm,
    pub(super) layers: Vec<Layer>,
    pub(super) pooler: Linear,
    pub(super) classifier: Linear,
    /// Row of the position embeddings that the first piece has.
    first_position: usize,
}

/// One encoder layer: self-attention and feed-forward network, each followed by residual and layer normalisation.
#[derive(Module, Debug)]
pub struct Layer {
    pub(super) query: Linear,
    pub(super) key: Linear,
    pub(super) value: Linear,
    pub(super) attention_output: Linear,
    pub(super) attention_norm: LayerNorm,
    pub(super) intermediate: Linear,
    pub(super) output: Linear,
    pub(super) output_norm: LayerNorm,
    heads: usize,
}

/// A batch of sequences of token ids.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Ids `[batch, time]`, `[CLS]` first; rows shorter than the longest are padded behind.
    pub ids: Tensor<2, Int>,
    /// Added to attention scores, `[batch, 1, 1, time]`: 0 for a token and a large negative number for padding. Absent if
    /// nothing is padded.
    pub mask: Option<Tensor<4>>,
}

impl BertConfig {
    /// A classifier of `classes` classes with random weights, as BERT is initialised: normal with deviation 0.02.
    pub fn init(&self, classes: usize, device: &Device) -> Bert {
        let normal = Initializer::Normal {
            mean: 0.0,
            std: 0.02,
        };
        let linear = |input, output| {
            LinearConfig::new(input, output)
                .with_initializer(normal.clone())
                .init(device)
        };
        let norm = || {
            LayerNormConfig::new(self.hidden_size)
                .with_epsilon(self.layer_norm_eps)
                .init(device)
        };
        let hidden = self.hidden_size;
        Bert {
            word_embeddings: normal.init([self.vocab_size, hidden], device),
            position_embeddings: normal.init([self.max_position_embeddings, hidden], device),
            token_type_embeddings: (self.architecture() == Architecture::Bert)
                .then(|| normal.init([self.type_vocab_size, hidden], device)),
            relative_attention_bias: (self.architecture() == Architecture::Mpnet).then(|| {
                let buckets = self.relative_buckets();
                normal.init([buckets, self.num_attention_heads], device)
            }),
            embedding_norm: norm(),
            layers: (0..self.num_hidden_layers)
                .map(|_| Layer {
                    query: linear(hidden, hidden),
                    key: linear(hidden, hidden),
                    value: linear(hidden, hidden),
                    attention_output: linear(hidden, hidden),
                    attention_norm: norm(),
                    intermediate: linear(hidden, self.intermediate_size),
                    output: linear(self.intermediate_size, hidden),
                    output_norm: norm(),
                    heads: self.num_attention_heads,
                })
                .collect(),
            pooler: linear(hidden, hidden),
            classifier: linear(hidden, classes),
            first_position: self.first_position(),
        }
    }
}

impl Bert {
    /// Logits of each sequence.
    ///
    /// # Shapes
    /// - ids: `[batch, time]`, `time` at most what [`BertConfig::encoder`] cuts to
    /// - output: `[batch, classes]`
    pub fn forward(&self, batch: Batch, mut pass: Pass) -> Tensor<2> {
        let first = self.hidden(batch, Reads::First, &mut pass);
        let pooled = self.pooler.forward(first).tanh();
        self.classifier.forward(pass.drop_hidden(pooled))
    }

    /// Hidden states of the last layer, `[batch, time, hidden]`.
    pub fn encode(&self, batch: Batch, pass: &mut Pass) -> Tensor<3> {
        let [size, time] = batch.ids.dims();
        let hidden = self.hidden(batch, Reads::All, pass);
        let [_, width] = hidden.dims();
        hidden.reshape([size, time, width])
    }

    /// Hidden states of the last layer at the positions that are read, `[batch · positions, hidden]`.
    fn hidden(&self, batch: Batch, reads: Reads, pass: &mut Pass) -> Tensor<2> {
        let shape = batch.ids.dims();
        let mut hidden = self.embed(batch.ids, pass);
        let bias = self.attention_bias(shape, batch.mask);
        let last = self.layers.len().saturating_sub(1);
        for (i, layer) in self.layers.iter().enumerate() {
            let reads = if i == last { reads } else { Reads::All };
            hidden = layer.forward(hidden, shape, reads, bias.as_ref(), pass);
        }
        hidden
    }

    /// Embeddings of word, position and segment, `[batch · time, hidden]`.
    fn embed(&self, ids: Tensor<2, Int>, pass: &mut Pass) -> Tensor<2> {
        let [size, time] = ids.dims();
        let width = self.word_embeddings.dims()[1];
        let words = self
            .word_embeddings
            .val()
            .select(0, ids.reshape([size * time]))
            .reshape([size, time, width]);
        let own = self.first_position..self.first_position + time;
        let mut places = self.position_embeddings.val().slice([own, 0..width]);
        if let Some(segments) = &self.token_type_embeddings {
            places = places + segments.val().slice([0..1, 0..width]);
        }
        let embedded = self.embedding_norm.forward(words + places.unsqueeze());
        pass.drop_hidden(embedded).reshape([size * time, width])
    }

    /// What is added to attention scores, `[batch or 1, heads or 1, time or 1, time]`: the mask, and MPNet's bias.
    fn attention_bias(&self, [_, time]: [usize; 2], mask: Option<Tensor<4>>) -> Option<Tensor<4>> {
        let relative = self
            .relative_attention_bias
            .as_ref()
            .map(|table| relative::attention_bias(table.val(), time));
        match (relative, mask) {
            (Some(relative), Some(mask)) => Some(relative + mask),
            (relative, mask) => relative.or(mask),
        }
    }
}

/// Positions whose hidden states are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// All.
    All,
    /// The first piece's alone: what a classifier reads, so its last layer computes no others.
    First,
}

impl Layer {
    /// # Shapes
    /// - input: `[batch · time, hidden]`
    /// - bias: broadcast to `[batch, heads, time, time]`
    /// - output: `[batch · positions, hidden]` of the positions that are read
    fn forward(
        &self,
        input: Tensor<2>,
        [size, time]: [usize; 2],
        reads: Reads,
        bias: Option<&Tensor<4>>,
        pass: &mut Pass,
    ) -> Tensor<2> {
        let width = input.dims()[1];
        let head = width / self.heads;
        let split = |states: Tensor<2>, positions: usize| {
            states
                .reshape([size, positions, self.heads, head])
                .swap_dims(1, 2)
        };
        let (read, positions) = match reads {
            Reads::All => (input.clone(), time),
            Reads::First => {
                let states = input.clone().reshape([size, time, width]);
                let first = states.slice([0..size, 0..1]).reshape([size, width]);
                (first, 1)
            }
        };
        // One row a head is too little work for units of 16 bits, so it may as well be exact.
        let product = |pass: &Pass, left: Tensor<4>, right: Tensor<4>| match reads {
            Reads::All => pass.matmul(left, right),
            Reads::First => left.matmul(right),
        };
        let scale = 1.0 / (head as f64).sqrt();
        let query = split(pass.linear(&self.query, read.clone()) * scale, positions);
        let key = split(pass.linear(&self.key, input.clone()), time);
        let value = split(pass.linear(&self.value, input), time);
        let mut scores = product(pass, query, key.swap_dims(2, 3));
        if let Some(bias) = bias {
            let bias = bias.clone();
            let [_, _, rows, _] = bias.dims();
            scores = scores
                + match rows > positions {
                    true => bias.narrow(2, 0, positions),
                    false => bias,
                };
        }
        let attention = pass.drop_attention(softmax(scores, 3));
        let context = product(pass, attention, value)
            .swap_dims(1, 2)
            .reshape([size * positions, width]);
        let attended = pass.linear(&self.attention_output, context);
        let attended = pass.drop_hidden(attended);
        let attended = self.attention_norm.forward(attended + read);
        let expanded = gelu(pass.linear(&self.intermediate, attended.clone()));
        let output = pass.linear(&self.output, expanded);
        let output = pass.drop_hidden(output);
        self.output_norm.forward(output + attended)
    }
}
