//! Fine-tuning of a BERT classifier.
//!
//! AdamW (Loshchilov and Hutter 2019, <https://arxiv.org/abs/1711.05101>) without decay of biases and normalisation, linear
//! warm-up and decay, batches of similar length, clipping by the global norm of the gradient, and an exponential moving
//! average of the weights beside the last ones: whichever classifies the dev set better is kept.

use std::path::Path;

use burn::module::{Module, ParamGroup};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::AdamWConfig;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::bert::Bert;
use super::weights::{self, Precision};
use super::{BertConfig, DropoutMasks, TeacherError, bert_teacher, encode};
use crate::files;
use crate::training::checkpoint::{self, Training};
use crate::training::{MeanLoss, average, clip, decay_at, epoch_batches, of_batch, warmup_linear};

/// How to fine-tune.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// Passes over the training set; may be a fraction.
    pub epochs: f64,
    /// Sequences a step.
    pub batch_size: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Share of the steps in which the learning rate rises.
    pub warmup: f64,
    /// Decoupled weight decay of matrices.
    pub weight_decay: f32,
    /// Bound on the global norm of the gradient.
    pub clip: f64,
    /// Decay of the moving average of the weights, a step.
    pub average_decay: f64,
    /// Whether word embeddings are trained too.
    pub train_embeddings: bool,
    /// Steps between evaluations and checkpoints.
    pub evaluate_every: usize,
    /// Longest sequence in pieces, `[CLS]` and `[SEP]` included.
    pub max_pieces: usize,
    /// Seed of order, dropout and the classifier's first weights.
    pub seed: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 3.0,
            batch_size: 32,
            learning_rate: 4e-5,
            warmup: 0.1,
            weight_decay: 0.01,
            clip: 1.0,
            average_decay: 0.998,
            train_embeddings: false,
            evaluate_every: 500,
            max_pieces: 64,
            seed: 1,
        }
    }
}

/// A sequence and its class.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// Token ids, special pieces included.
    pub ids: Vec<u32>,
    /// Class.
    pub label: usize,
}

/// Where a training stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Losses since the last evaluation.
    loss: MeanLoss,
    /// The last evaluation.
    pub evaluation: Option<Evaluation>,
    /// All evaluations.
    pub history: Vec<Evaluation>,
    /// The best evaluation.
    pub best: Option<Evaluation>,
}

/// How well the dev set is classified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The step after which it was made.
    pub step: usize,
    /// Mean training loss since the evaluation before.
    pub loss: f64,
    /// Share classified rightly with the weights as they are.
    pub accuracy: f64,
    /// Share classified rightly with the averaged weights.
    pub average_accuracy: f64,
}

impl Evaluation {
    /// The better of the two accuracies.
    pub fn better(&self) -> f64 {
        self.accuracy.max(self.average_accuracy)
    }
}

/// Loads the network to be fine-tuned for `classes` classes from a Hugging Face folder. With `fresh`, and where the folder
/// has none, the classifier starts with random weights of `seed`.
///
/// # Errors
/// The weights can't be read or don't fit the config.
pub fn start(
    folder: &Path,
    config: &BertConfig,
    classes: usize,
    fresh: bool,
    seed: u64,
    device: &Device,
) -> Result<Bert, TeacherError> {
    device.seed(seed);
    bert_teacher::load(folder, config, classes, fresh, device)
}

/// The state that a training starts from.
pub struct Start {
    /// The network on an autodiff device.
    pub bert: Bert,
    /// Its configuration (for dropout).
    pub bert_config: BertConfig,
}

/// Fine-tunes a BERT and returns the weights that were best on `dev`, on the plain device, with where training ended.
///
/// `report` is called after each step; `evaluation` and `step` agree right after an evaluation. Checkpoints lie in
/// `folder`; a training that finds one there goes on from it, and ends as it would have without a break.
///
/// # Errors
/// There are no training or dev sequences, or a checkpoint can't be written or read.
pub fn train(
    start: Start,
    config: &TrainConfig,
    train: &[Labelled],
    dev: &[Labelled],
    folder: &Path,
    device: &Device,
    mut report: impl FnMut(&Progress),
) -> Result<(Bert, Progress), TeacherError> {
    if train.is_empty() || dev.is_empty() {
        return Err(TeacherError::Data(
            "there is no labelled text to train on, or none to judge by".into(),
        ));
    }
    std::fs::create_dir_all(folder).map_err(|e| TeacherError::io(folder, e))?;
    let lengths: Vec<usize> = train.iter().map(|row| row.ids.len()).collect();
    let steps_an_epoch = train.len().div_ceil(config.batch_size);
    let steps = ((steps_an_epoch as f64 * config.epochs).round() as usize).max(1);
    let dropout = (
        start.bert_config.hidden_dropout_prob,
        start.bert_config.attention_probs_dropout_prob,
    );
    let mut training = begin(start.bert, config);
    let mut progress = match checkpoint::load::<_, Progress>(folder, &mut training)? {
        Some(progress) => {
            checkpoint::check_steps(folder, progress.steps, steps)?;
            progress
        }
        None => Progress {
            steps,
            ..Progress::default()
        },
    };
    let mut batches = (usize::MAX, Vec::new());
    while progress.step < steps {
        let epoch = progress.step / steps_an_epoch;
        if batches.0 != epoch {
            let order = epoch_batches(&lengths, config.batch_size, config.seed, epoch as u64);
            batches = (epoch, order);
        }
        let rows: Vec<&Labelled> = batches.1[progress.step % steps_an_epoch]
            .iter()
            .map(|&i| &train[i])
            .collect();
        let seed = config
            .seed
            .wrapping_mul(1_000_003)
            .wrapping_add(progress.step as u64)
            .wrapping_mul(2);
        let masks = |half| DropoutMasks::new(seed.wrapping_add(half), dropout.0, dropout.1);
        let (mut gradients, loss) =
            of_batch(&training.module, &rows, device, |bert, rows, half| {
                cross_entropy(bert, rows, masks(half), device)
            });
        clip(&training.module, &mut gradients, config.clip);
        let rate = config.learning_rate * warmup_linear(progress.step, steps, config.warmup);
        training.module = training
            .optimizer
            .step(rate, training.module.clone(), gradients);
        let decay = decay_at(progress.step, config.average_decay);
        training.average = average(training.average.clone(), &training.module, decay);
        progress.step += 1;
        progress.loss.add(loss);
        if progress.step.is_multiple_of(config.evaluate_every) || progress.step == steps {
            evaluate(&training, &mut progress, dev, folder)?;
            checkpoint::save(folder, progress.step, &training, &progress)?;
        }
        report(&progress);
    }
    let path = folder.join(BEST);
    let best = weights::load(training.average, weights::read(&path)?, &path)?;
    Ok((best, progress))
}

/// Mean cross-entropy of some rows.
fn cross_entropy(
    bert: &Bert,
    rows: &[&Labelled],
    dropout: DropoutMasks,
    device: &Device,
) -> Tensor<1> {
    let ids: Vec<&[u32]> = rows.iter().map(|row| row.ids.as_slice()).collect();
    let labels: Vec<i32> = rows.iter().map(|row| row.label as i32).collect();
    let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [rows.len()]), device);
    let logits = bert.forward(encode::batch(&ids, device), Some(dropout));
    CrossEntropyLossConfig::new()
        .init(device)
        .forward(logits, labels)
}

const BEST: &str = "best.safetensors";

fn begin(mut bert: Bert, config: &TrainConfig) -> Training<Bert> {
    let adam = AdamWConfig::new().with_epsilon(1e-8);
    let optimizer = adam
        .clone()
        .with_weight_decay(config.weight_decay)
        .init()
        .with_group(
            ParamGroup::from_any_predicates(vec!["bias", "gamma", "beta"]),
            adam.with_weight_decay(0.0).build(),
            None,
        );
    if !config.train_embeddings {
        bert.word_embeddings = bert.word_embeddings.set_require_grad(false);
    }
    Training {
        average: bert.valid(),
        module: bert,
        optimizer,
    }
}

fn evaluate(
    training: &Training<Bert>,
    progress: &mut Progress,
    dev: &[Labelled],
    folder: &Path,
) -> Result<(), TeacherError> {
    let plain = training.module.valid();
    let evaluation = Evaluation {
        step: progress.step,
        loss: progress.loss.take(),
        accuracy: accuracy(&plain, dev),
        average_accuracy: accuracy(&training.average, dev),
    };
    let is_best = progress
        .best
        .as_ref()
        .is_none_or(|best| evaluation.better() > best.better());
    if is_best {
        let best = if evaluation.accuracy > evaluation.average_accuracy {
            &plain
        } else {
            &training.average
        };
        let path = folder.join(BEST);
        files::write_whole(&path, &weights::to_bytes(best, Precision::Float32)?)
            .map_err(|e| TeacherError::io(&path, e))?;
        progress.best = Some(evaluation.clone());
    }
    progress.history.push(evaluation.clone());
    progress.evaluation = Some(evaluation);
    Ok(())
}

/// Share of `rows` that `bert`, on a plain device, classifies rightly.
pub fn accuracy(bert: &Bert, rows: &[Labelled]) -> f64 {
    let device = bert.word_embeddings.val().device();
    let mut order: Vec<&Labelled> = rows.iter().collect();
    order.sort_by_key(|row| row.ids.len());
    let right: usize = order
        .chunks(32)
        .map(|chunk| {
            let ids: Vec<&[u32]> = chunk.iter().map(|row| row.ids.as_slice()).collect();
            let logits = bert.forward(encode::batch(&ids, &device), None);
            let classes: Vec<i64> = logits.argmax(1).into_data().iter::<i64>().collect();
            chunk
                .iter()
                .zip(classes)
                .filter(|(row, class)| row.label as i64 == *class)
                .count()
        })
        .sum();
    right as f64 / rows.len() as f64
}
