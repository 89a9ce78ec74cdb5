//! A fine-tuned BERT in a Hugging Face folder, run by burn.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use burn::tensor::Device;
use tokenizers::Tokenizer;

use super::bert::Bert;
use super::encode::{self, Encoder};
use super::weights::{self, Precision};
use super::{BertConfig, CONFIG, MAX_PIECES, TOKENIZER, Teacher, TeacherError, WEIGHTS};
use crate::files;

/// Sequences a forward pass.
const BATCH: usize = 32;

/// A BERT classifier.
pub struct BertTeacher {
    bert: Bert,
    config: BertConfig,
    labels: Vec<String>,
    encoder: Encoder,
    digest: String,
    device: Device,
}

impl BertTeacher {
    /// Reads a folder with `config.json`, `tokenizer.json` and `model.safetensors`.
    ///
    /// # Errors
    /// A file is missing or broken, or the model is no classifier (`id2label` of the config is missing).
    pub fn read(folder: &Path, device: &Device) -> Result<Self, TeacherError> {
        let config = BertConfig::read(&folder.join(CONFIG))?;
        let labels = config.labels();
        if labels.len() < 2 {
            return Err(TeacherError::invalid(
                &folder.join(CONFIG),
                "there is no id2label with two classes or more; an encoder becomes a classifier by `thimble teacher train`",
            ));
        }
        let bert = load(folder, &config, labels.len(), false, device)?;
        let max_pieces = MAX_PIECES.min(config.max_position_embeddings);
        Ok(Self {
            encoder: Encoder::read(&folder.join(TOKENIZER), max_pieces)?,
            digest: super::digest(&[CONFIG, TOKENIZER, WEIGHTS].map(|name| folder.join(name)))?,
            bert,
            config,
            labels,
            device: device.clone(),
        })
    }

    /// Writes the classifier as a folder that [`BertTeacher::read`] and, with [`Precision::Float32`], `transformers` load.
    ///
    /// `tokenizer` is the folder that the tokenizer comes from.
    ///
    /// # Errors
    /// A file can't be read or written.
    pub fn write(
        bert: &Bert,
        config: &BertConfig,
        tokenizer: &Path,
        folder: &Path,
        precision: Precision,
    ) -> Result<(), TeacherError> {
        std::fs::create_dir_all(folder).map_err(|e| TeacherError::io(folder, e))?;
        let json =
            serde_json::to_vec_pretty(config).map_err(|e| TeacherError::Run(e.to_string()))?;
        let mut contents = vec![
            (CONFIG, json),
            (WEIGHTS, weights::to_bytes(bert, precision)?),
        ];
        for name in [
            TOKENIZER,
            "tokenizer_config.json",
            "special_tokens_map.json",
            "vocab.txt",
        ] {
            let path = tokenizer.join(name);
            if name == TOKENIZER || path.is_file() {
                contents.push((
                    name,
                    std::fs::read(&path).map_err(|e| TeacherError::io(&path, e))?,
                ));
            }
        }
        for (name, bytes) in contents {
            let path = folder.join(name);
            files::write_whole(&path, &bytes).map_err(|e| TeacherError::io(&path, e))?;
        }
        Ok(())
    }

    /// Writes this teacher with another precision.
    ///
    /// # Errors
    /// A file can't be read or written.
    pub fn pack(
        &self,
        own: &Path,
        folder: &Path,
        precision: Precision,
    ) -> Result<(), TeacherError> {
        Self::write(&self.bert, &self.config, own, folder, precision)
    }

    fn logits_of(&self, sequences: &[Vec<u32>]) -> Vec<Vec<f32>> {
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        order.sort_by_key(|&i| sequences[i].len());
        let batches: Vec<&[usize]> = order.chunks(BATCH).collect();
        let results = Mutex::new(vec![Vec::new(); sequences.len()]);
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                let ids: Vec<&[u32]> = batch.iter().map(|&i| sequences[i].as_slice()).collect();
                let logits = self.bert.forward(encode::batch(&ids, &self.device), None);
                let values: Vec<f32> = logits.into_data().iter().collect();
                let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                for (&i, row) in batch.iter().zip(values.chunks(self.labels.len())) {
                    results[i] = row.to_vec();
                }
            }
        };
        // A small model's matrix products don't fill several cores; batches side by side do.
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 1..threads.min(batches.len()) {
                scope.spawn(work);
            }
            work();
        });
        results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Loads the network of a folder for `classes` classes; with `fresh`, and where the folder has none, the classifier keeps
/// random weights.
///
/// # Errors
/// The weights can't be read or don't fit the config.
pub(crate) fn load(
    folder: &Path,
    config: &BertConfig,
    classes: usize,
    fresh: bool,
    device: &Device,
) -> Result<Bert, TeacherError> {
    let path = folder.join(WEIGHTS);
    let mut weights = weights::read(&path)?;
    if fresh {
        weights.retain(|name, _| !name.starts_with("classifier."));
    }
    weights::load(config.init(classes, device), weights, &path)
}

impl Teacher for BertTeacher {
    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn logits(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, TeacherError> {
        Ok(self.logits_of(&self.encoder.ids(texts)?))
    }

    fn tokenizer(&self) -> &Tokenizer {
        self.encoder.tokenizer()
    }

    fn word_embeddings(&self) -> Option<(usize, Vec<f32>)> {
        let table = self.bert.word_embeddings.val();
        let [_, width] = table.dims();
        Some((width, table.into_data().iter().collect()))
    }
}
