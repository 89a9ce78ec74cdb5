//! A fine-tuned BERT in a Hugging Face folder, run by burn.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Device, Tensor};

use super::bert::{Batch, Bert};
use super::encode::{Encoder, Padded};
use super::weights::{self, Precision};
use super::{
    BertConfig, CONFIG, MAX_PIECES, Math, Pass, TOKENIZER, Table, Teacher, TeacherError, WEIGHTS,
};
use crate::device::{self, DeviceFailure};
use crate::files;

/// Sequences a forward pass on the processor.
const BATCH: usize = 32;

/// Tokens a forward pass on a card whose memory is large enough.
const TOKENS: usize = 16_384;

/// A BERT classifier.
pub struct BertTeacher {
    bert: Bert,
    config: BertConfig,
    labels: Vec<String>,
    encoder: Arc<Encoder>,
    digest: String,
    device: Device,
    math: Math,
    tokens: usize,
}

impl BertTeacher {
    /// Reads a folder with `config.json`, `tokenizer.json` and `model.safetensors`.
    ///
    /// # Errors
    /// A file is missing or broken, files don't fit together, the model is no classifier (`id2label` of the config is missing), or the
    /// device does not compute with `math`.
    pub fn read(folder: &Path, device: &Device, math: Math) -> Result<Self, TeacherError> {
        math.check(device)?;
        let config = BertConfig::read(&folder.join(CONFIG))?;
        let labels = config.labels();
        if labels.len() < 2 {
            return Err(TeacherError::invalid(
                &folder.join(CONFIG),
                "there is no id2label with two classes or more; an encoder becomes a classifier by `thimble teacher train`",
            ));
        }
        let bert = load(folder, &config, labels.len(), false, device)?;
        Ok(Self {
            encoder: Arc::new(config.encoder(&folder.join(TOKENIZER), MAX_PIECES)?),
            digest: super::digest(&[CONFIG, TOKENIZER, WEIGHTS].map(|name| folder.join(name)))?,
            bert,
            config,
            labels,
            device: device.clone(),
            math,
            tokens: TOKENS,
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
            (
                WEIGHTS,
                weights::to_bytes(bert, config.architecture(), precision)?,
            ),
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

    /// Writes the classifier whose weights are the mean of those of `folders`, with the configuration and tokenizer of the first.
    ///
    /// # Errors
    /// A file can't be read or written, or the classifiers differ in shape or labels.
    pub fn average(folders: &[PathBuf], out: &Path) -> Result<(), TeacherError> {
        let first = folders
            .first()
            .ok_or_else(|| TeacherError::Data("there is no teacher to average".to_owned()))?;
        let config = BertConfig::read(&first.join(CONFIG))?;
        let mut mean = weights::Weights::new();
        for folder in folders {
            let path = folder.join(CONFIG);
            if BertConfig::read(&path)? != config {
                let why = format!(
                    "it describes another network, or other labels, than that of {}",
                    first.display()
                );
                return Err(TeacherError::invalid(&path, why));
            }
            let path = folder.join(WEIGHTS);
            weights::add(
                &mut mean,
                weights::read(&path, config.architecture())?,
                1.0 / folders.len() as f64,
            )
            .map_err(|why| TeacherError::invalid(&path, why))?;
        }
        let blank = config.init(config.labels().len(), &Device::flex());
        let bert = weights::load(blank, config.architecture(), mean, &first.join(WEIGHTS))?;
        Self::write(&bert, &config, first, out, Precision::Float32)
    }

    /// What `network` gives for some of the sequences, a row each, still on the device.
    fn forward(&self, network: Network<'_>, sequences: &[Vec<u32>], batch: &[usize]) -> Tensor<2> {
        let ids: Vec<&[u32]> = batch.iter().map(|&i| sequences[i].as_slice()).collect();
        let batch = Padded::new(&ids).on(&self.device);
        network(&self.bert, batch, Pass::answer(self.math))
    }

    /// A row of what `network` gives for each sequence.
    fn rows_of(
        &mut self,
        network: Network<'_>,
        sequences: &[Vec<u32>],
    ) -> Result<Vec<Vec<f32>>, TeacherError> {
        if device::is_processor(&self.device) {
            return Ok(self.on_processor(network, sequences)?);
        }
        loop {
            match device::guarded(&self.device, || self.on_card(network, sequences)) {
                // Halved down to a batch of one sequence, as long as a sequence may be.
                Err(DeviceFailure::Memory(_)) if self.tokens > MAX_PIECES => {
                    self.tokens /= 2;
                    self.device.memory_cleanup();
                }
                result => return Ok(result?),
            }
        }
    }

    fn on_processor(
        &self,
        network: Network<'_>,
        sequences: &[Vec<u32>],
    ) -> Result<Vec<Vec<f32>>, DeviceFailure> {
        let order = by_length(sequences);
        let batches: Vec<&[usize]> = order.chunks(BATCH).collect();
        let results = Mutex::new(vec![Vec::new(); sequences.len()]);
        let next = AtomicUsize::new(0);
        let work = || -> Result<(), DeviceFailure> {
            while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                let rows = self.forward(network, sequences, batch);
                let [_, width] = rows.dims();
                let values = device::floats(rows)?;
                let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                for (&i, row) in batch.iter().zip(values.chunks(width)) {
                    results[i] = row.to_vec();
                }
            }
            Ok(())
        };
        // A small model's matrix products don't fill several cores; batches side by side do.
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads.min(batches.len()))
                .map(|_| scope.spawn(work))
                .collect();
            let own = work();
            others.into_iter().fold(own, |so_far, other| {
                let other = other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                so_far.and(other)
            })
        })?;
        Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Batches of at most `self.tokens` tokens, padding included; results are read back once, at the end.
    fn on_card(
        &self,
        network: Network<'_>,
        sequences: &[Vec<u32>],
    ) -> Result<Vec<Vec<f32>>, DeviceFailure> {
        let order = by_length(sequences);
        let (mut rest, mut answers) = (&order[..], Vec::new());
        while let Some((&shortest, _)) = rest.split_first() {
            // The longest sequence, the batch's last, says what the batch takes.
            let mut size = (self.tokens / sequences[shortest].len().max(1)).clamp(1, rest.len());
            while size > 1 && size * sequences[rest[size - 1]].len() > self.tokens {
                size -= 1;
            }
            let (batch, tail) = rest.split_at(size);
            answers.push(self.forward(network, sequences, batch));
            rest = tail;
        }
        if answers.is_empty() {
            return Ok(Vec::new());
        }
        let rows = Tensor::cat(answers, 0);
        let [_, width] = rows.dims();
        let values = device::floats(rows)?;
        let mut results = vec![Vec::new(); sequences.len()];
        for (&i, row) in order.iter().zip(values.chunks(width)) {
            results[i] = row.to_vec();
        }
        Ok(results)
    }
}

/// Indices of sequences, short ones first.
fn by_length(sequences: &[Vec<u32>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|&i| sequences[i].len());
    order
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
    let architecture = config.architecture();
    let mut weights = weights::read(&path, architecture)?;
    if fresh {
        weights.retain(|name, _| !name.starts_with("classifier."));
    }
    weights::load(config.init(classes, device), architecture, weights, &path)
}

impl Teacher for BertTeacher {
    fn labels(&self) -> &[String] {
        &self.labels
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn encoder(&self) -> &Arc<Encoder> {
        &self.encoder
    }

    fn logits_of(&mut self, sequences: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, TeacherError> {
        self.rows_of(&Bert::forward, sequences)
    }

    fn token_tables(&mut self, ids: &[u32]) -> Result<Vec<Table>, TeacherError> {
        let embeddings = self.bert.word_embeddings.val();
        let [_, width] = embeddings.dims();
        let words = device::floats(embeddings)?;
        let words = ids.iter().flat_map(|&id| {
            let start = id as usize * width;
            words[start..start + width].iter().copied()
        });
        let words = words.collect();
        // The special pieces around a text.
        let empty = self.encoder.ids(&[""])?.concat();
        let (before, behind) = empty.split_at(empty.len().min(1));
        let alone = ids.iter().map(|id| [before, &[*id], behind].concat());
        let alone: Vec<Vec<u32>> = alone.collect();
        let state = |bert: &Bert, batch: Batch, mut pass: Pass| {
            let hidden = bert.encode(batch, &mut pass);
            let [size, _, width] = hidden.dims();
            let own = before.len()..before.len() + 1;
            hidden
                .slice([0..size, own, 0..width])
                .reshape([size, width])
        };
        let states = self.rows_of(&state, &alone)?.concat();
        Ok([words, states].map(|values| Table { width, values }).into())
    }
}

/// A forward pass with a row for each sequence.
type Network<'n> = &'n (dyn Fn(&Bert, Batch, Pass) -> Tensor<2> + Sync);
