//! The `config.json` of a BERT or MPNet.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::architecture::Architecture;
use super::encode::Encoder;
use super::{CONFIG, TeacherError};

const MODEL_TYPE: &str = "model_type";

/// The fields of a Hugging Face `config.json` that a classifier needs. Others are kept as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BertConfig {
    /// Rows of the word embedding table.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Number of encoder layers.
    pub num_hidden_layers: usize,
    /// Attention heads a layer; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Rows of the position embedding table.
    pub max_position_embeddings: usize,
    /// Buckets of distances in MPNet's attention [default: 32].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_attention_num_buckets: Option<usize>,
    /// Id of the piece that sequences are padded with; MPNet counts positions from the row behind it [default: 1].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pad_token_id: Option<usize>,
    /// Rows of the segment embedding table.
    #[serde(default = "two")]
    pub type_vocab_size: usize,
    /// Added to the variance in layer normalisation.
    #[serde(default = "layer_norm_eps")]
    pub layer_norm_eps: f64,
    /// Feed-forward activation; only `gelu` is supported.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// Dropout of hidden states in training.
    #[serde(default = "tenth")]
    pub hidden_dropout_prob: f64,
    /// Dropout of attention probabilities in training.
    #[serde(default = "tenth")]
    pub attention_probs_dropout_prob: f64,
    /// Class names by index.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub id2label: BTreeMap<usize, String>,
    /// Class indices by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub label2id: BTreeMap<String, usize>,
    /// Everything else.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

fn two() -> usize {
    2
}

fn tenth() -> f64 {
    0.1
}

fn layer_norm_eps() -> f64 {
    1e-12
}

fn gelu() -> String {
    "gelu".into()
}

impl BertConfig {
    /// Reads and checks a `config.json`.
    ///
    /// # Errors
    /// The file can't be read, isn't JSON, describes another architecture than BERT, or its sizes don't fit together.
    pub fn read(path: &Path) -> Result<Self, TeacherError> {
        let text = std::fs::read_to_string(path).map_err(|e| TeacherError::io(path, e))?;
        let config: Self =
            serde_json::from_str(&text).map_err(|e| TeacherError::invalid(path, e.to_string()))?;
        config
            .check()
            .map_err(|why| TeacherError::invalid(path, why))?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if let Some(kind) = self.other.get(MODEL_TYPE)
            && !["bert", "mpnet"].iter().any(|known| kind == known)
        {
            return Err(format!(
                "model_type is {kind}, but only \"bert\" and \"mpnet\" are supported here; export the model to ONNX and give that instead"
            ));
        }
        if self.hidden_act != "gelu" {
            return Err(format!(
                "hidden_act is {:?}, but only \"gelu\" is supported",
                self.hidden_act
            ));
        }
        let sizes = [
            self.vocab_size,
            self.hidden_size,
            self.num_hidden_layers,
            self.num_attention_heads,
            self.intermediate_size,
            self.max_position_embeddings,
            self.type_vocab_size,
        ];
        if sizes.contains(&0) {
            return Err("a size is 0".into());
        }
        if self.relative_buckets() < 4 {
            return Err("relative_attention_num_buckets is below 4".into());
        }
        if self.first_position() >= self.max_position_embeddings {
            return Err(format!(
                "positions begin behind pad_token_id, but there are {} position embeddings",
                self.max_position_embeddings
            ));
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err(format!(
                "hidden_size {} is no multiple of num_attention_heads {}",
                self.hidden_size, self.num_attention_heads
            ));
        }
        Ok(())
    }

    /// The kind of encoder; BERT if `model_type` is missing.
    pub(super) fn architecture(&self) -> Architecture {
        match self.other.get(MODEL_TYPE) {
            Some(kind) if kind == "mpnet" => Architecture::Mpnet,
            _ => Architecture::Bert,
        }
    }

    /// Buckets of distances in MPNet's attention.
    pub(super) fn relative_buckets(&self) -> usize {
        self.relative_attention_num_buckets.unwrap_or(32)
    }

    /// The row of the position embeddings that the first piece has.
    pub(super) fn first_position(&self) -> usize {
        match self.architecture() {
            Architecture::Bert => 0,
            Architecture::Mpnet => self.pad_token_id.unwrap_or(1) + 1,
        }
    }

    /// Reads the tokenizer of such a BERT. Sequences are cut to `max_pieces`, special pieces included, or to what the BERT takes.
    ///
    /// # Errors
    /// The file can't be read, isn't a tokenizer, or has pieces that the BERT has no embedding for.
    pub fn encoder(&self, path: &Path, max_pieces: usize) -> Result<Encoder, TeacherError> {
        let positions = self.max_position_embeddings - self.first_position();
        let encoder = Encoder::read(path, max_pieces.min(positions))?;
        let pieces = encoder.tokenizer().get_vocab(true);
        match pieces.iter().max_by_key(|&(_, &id)| id) {
            Some((piece, &id)) if id as usize >= self.vocab_size => {
                let why = format!(
                    "piece {piece:?} has id {id}, but the BERT has {} embeddings (vocab_size of its {CONFIG}); give it the tokenizer that it was trained with",
                    self.vocab_size
                );
                Err(TeacherError::invalid(path, why))
            }
            _ => Ok(encoder),
        }
    }

    /// Class names in the order of the logits; empty for an encoder without a classifier.
    pub fn labels(&self) -> Vec<String> {
        self.id2label.values().cloned().collect()
    }

    /// The same encoder with a classifier for `labels`.
    pub fn with_labels(mut self, labels: &[String]) -> Self {
        self.id2label = labels.iter().cloned().enumerate().collect();
        self.label2id = labels.iter().cloned().zip(0..).collect();
        self.other.insert(
            "architectures".into(),
            serde_json::json!([self.architecture().classifier()]),
        );
        self
    }
}
