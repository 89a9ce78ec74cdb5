//! BERT for sequence classification (Devlin et al. 2019, <https://arxiv.org/abs/1810.04805>) as a burn module.

use burn::module::{Module, Param};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Int, Tensor};

use super::config::BertConfig;
use super::pass::Pass;

/// A BERT encoder with pooler and classifier.
#[derive(Module, Debug)]
pub struct Bert {
    pub(super) word_embeddings: Param<Tensor<2>>,
    pub(super) position_embeddings: Param<Tensor<2>>,
    pub(super) token_type_embeddings: Param<Tensor<2>>,
    pub(super) embedding_norm: LayerNorm,
    pub(super) layers: Vec<Layer>,
    pub(super) pooler: Linear,
    pub(super) classifier: Linear,
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
            token_type_embeddings: normal.init([self.type_vocab_size, hidden], device),
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
        }
    }
}

impl Bert {
    /// Logits of each sequence.
    ///
    /// # Shapes
    /// - ids: `[batch, time]`, `time` at most `max_position_embeddings`
    /// - output: `[batch, classes]`
    pub fn forward(&self, batch: Batch, mut pass: Pass) -> Tensor<2> {
        let hidden = self.encode(batch, &mut pass);
        let [batch, _, width] = hidden.dims();
        let first = hidden.slice([0..batch, 0..1]).reshape([batch, width]);
        let pooled = self.pooler.forward(first).tanh();
        self.classifier.forward(pass.drop_hidden(pooled))
    }

    /// Hidden states of the last layer, `[batch, time, hidden]`.
    pub fn encode(&self, batch: Batch, pass: &mut Pass) -> Tensor<3> {
        let [size, time] = batch.ids.dims();
        let width = self.word_embeddings.dims()[1];
        let words = self
            .word_embeddings
            .val()
            .select(0, batch.ids.reshape([size * time]))
            .reshape([size, time, width]);
        let positions = self.position_embeddings.val().slice([0..time, 0..width]);
        let segment = self.token_type_embeddings.val().slice([0..1, 0..width]);
        let embedded = words + (positions + segment).unsqueeze();
        let embedded = self.embedding_norm.forward(embedded);
        let mut hidden = pass.drop_hidden(embedded).reshape([size * time, width]);
        for layer in &self.layers {
            hidden = layer.forward(hidden, [size, time], batch.mask.clone(), pass);
        }
        hidden.reshape([size, time, width])
    }
}

impl Layer {
    /// # Shapes
    /// - input, output: `[batch · time, hidden]`
    /// - mask: `[batch, 1, 1, time]`
    fn forward(
        &self,
        input: Tensor<2>,
        [size, time]: [usize; 2],
        mask: Option<Tensor<4>>,
        pass: &mut Pass,
    ) -> Tensor<2> {
        let width = input.dims()[1];
        let head = width / self.heads;
        let split = |states: Tensor<2>| {
            states
                .reshape([size, time, self.heads, head])
                .swap_dims(1, 2)
        };
        let scale = 1.0 / (head as f64).sqrt();
        let query = split(pass.linear(&self.query, input.clone()) * scale);
        let key = split(pass.linear(&self.key, input.clone()));
        let value = split(pass.linear(&self.value, input.clone()));
        let mut scores = pass.matmul(query, key.swap_dims(2, 3));
        if let Some(mask) = mask {
            scores = scores + mask;
        }
        let attention = pass.drop_attention(softmax(scores, 3));
        let context = pass
            .matmul(attention, value)
            .swap_dims(1, 2)
            .reshape([size * time, width]);
        let attended = pass.linear(&self.attention_output, context);
        let attended = pass.drop_hidden(attended);
        let attended = self.attention_norm.forward(attended + input);
        let expanded = gelu(pass.linear(&self.intermediate, attended.clone()));
        let output = pass.linear(&self.output, expanded);
        let output = pass.drop_hidden(output);
        self.output_norm.forward(output + attended)
    }
}
