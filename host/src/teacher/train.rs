//! Fine-tuning of a BERT classifier.
//!
//! AdamW (Loshchilov and Hutter 2019, <https://arxiv.org/abs/1711.05101>) without decay of biases and normalisation, linear
//! warm-up and decay, batches of similar length, clipping by the global norm of the gradient, and an exponential moving
//! average of the weights beside the last ones: whichever classifies the dev set better is kept.

use std::ops::ControlFlow;
use std::path::Path;

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::bert::Bert;
use super::encode::Padded;
use super::pass::{Math, Pass, Rates};
use super::{BertConfig, TeacherError, bert_teacher};
use crate::device::{self, DeviceFailure};
use crate::training::checkpoint::Training;
use crate::training::{self, Dropout, OfStep, Schedule, Task, Verdict, adamw};

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
    /// Number format of matrix products.
    pub math: Math,
    /// The most sequences computed at once [default: a whole batch].
    #[serde(skip)]
    pub micro_batch: Option<usize>,
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
            math: Math::default(),
            micro_batch: None,
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

/// Where a fine-tuning stands.
pub type Progress = training::Progress<Evaluation>;

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

impl OfStep for Evaluation {
    fn step(&self) -> usize {
        self.step
    }
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
    training::first_weights(seed, device, |device| {
        bert_teacher::load(folder, config, classes, fresh, device)
    })
}

/// The state that a training starts from.
pub struct Start {
    /// The network on an autodiff device.
    pub bert: Bert,
    /// Its configuration (for dropout).
    pub bert_config: BertConfig,
}

/// Fine-tunes a BERT and returns the weights that were best on `dev`, on the processor, with where training ended; checkpoints,
/// `report` and resuming are those of [`training::train`].
///
/// # Errors
/// There are no training or dev sequences, the device does not compute with the number format asked for, or those of
/// [`training::train`].
pub fn train(
    start: Start,
    config: &TrainConfig,
    train: &[Labelled],
    dev: &[Labelled],
    folder: &Path,
    device: &Device,
    report: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<(Bert, Progress), TeacherError> {
    if train.is_empty() || dev.is_empty() {
        return Err(TeacherError::Data(
            "there is no labelled text to train on, or none to judge by".into(),
        ));
    }
    config.math.check(device)?;
    let lengths: Vec<usize> = train.iter().map(|row| row.ids.len()).collect();
    let schedule = Schedule {
        lengths: &lengths,
        batch_size: config.batch_size,
        micro_batch: config.micro_batch,
        epochs: config.epochs,
        learning_rate: config.learning_rate,
        warmup: config.warmup,
        clip: config.clip,
        average_decay: config.average_decay,
        evaluate_every: config.evaluate_every,
        seed: config.seed,
    };
    let task = FineTuning {
        math: config.math,
        rates: Rates {
            hidden: start.bert_config.hidden_dropout_prob,
            attention: start.bert_config.attention_probs_dropout_prob,
        },
        train,
        dev,
        device,
    };
    let start = begin(start.bert, config);
    let (bert, progress) = training::train(&task, start, &schedule, folder, device, report)?;
    // What comes now reads every weight.
    let bert = device::guarded(device, || {
        Ok::<_, DeviceFailure>(bert.to_device(&Device::flex()))
    })?;
    Ok((bert, progress))
}

/// The task: sequences and their classes.
struct FineTuning<'a> {
    math: Math,
    rates: Rates,
    train: &'a [Labelled],
    dev: &'a [Labelled],
    device: &'a Device,
}

impl Task for FineTuning<'_> {
    type Module = Bert;
    type Batch = (Padded, TensorData);
    type Evaluation = Evaluation;
    type State = ();

    fn prepare(&self, rows: &[usize], _seed: u64) -> Self::Batch {
        let ids: Vec<&[u32]> = rows.iter().map(|&i| &*self.train[i].ids).collect();
        let labels: Vec<i32> = rows.iter().map(|&i| self.train[i].label as i32).collect();
        (Padded::new(&ids), TensorData::new(labels, [rows.len()]))
    }

    /// Mean cross-entropy.
    fn loss(
        &self,
        bert: &Bert,
        (ids, labels): Self::Batch,
        dropout: Dropout,
        (): &(),
    ) -> Tensor<1> {
        let pass = Pass::training(self.math, dropout, self.rates);
        let logits = bert.forward(ids.on(self.device), pass);
        CrossEntropyLossConfig::new()
            .init(self.device)
            .forward(logits, Tensor::<1, Int>::from_data(labels, self.device))
    }

    fn loss_scale(&self) -> f64 {
        self.math.loss_scale()
    }

    fn evaluate(
        &self,
        plain: Bert,
        average: &Bert,
        progress: &Progress,
        loss: f64,
    ) -> Result<Verdict<Self>, DeviceFailure> {
        let most = progress.micro_batch;
        let evaluation = Evaluation {
            step: progress.step,
            loss,
            accuracy: accuracy(&plain, self.dev, self.math, most)?,
            average_accuracy: accuracy(average, self.dev, self.math, most)?,
        };
        let is_best = progress
            .best
            .as_ref()
            .is_none_or(|best| evaluation.better() > best.better());
        let keep = is_best.then(|| match evaluation.accuracy > evaluation.average_accuracy {
            true => plain,
            false => average.clone(),
        });
        Ok(Verdict { evaluation, keep })
    }
}

fn begin(mut bert: Bert, config: &TrainConfig) -> Training<Bert> {
    let optimizer = adamw(config.weight_decay, &["bias", "gamma", "beta"]);
    if !config.train_embeddings {
        bert.word_embeddings = bert.word_embeddings.set_require_grad(false);
    }
    Training {
        average: bert.valid(),
        module: bert,
        optimizer,
    }
}

/// Share of `rows` that `bert`, on a plain device, classifies rightly, computed at most `most` at a time.
///
/// # Errors
/// The device fails.
pub fn accuracy(
    bert: &Bert,
    rows: &[Labelled],
    math: Math,
    most: usize,
) -> Result<f64, DeviceFailure> {
    let device = bert.word_embeddings.val().device();
    let mut order: Vec<&Labelled> = rows.iter().collect();
    order.sort_by_key(|row| row.ids.len());
    let mut answers = Vec::new();
    for chunk in order.chunks(most.clamp(1, 32)) {
        let ids: Vec<&[u32]> = chunk.iter().map(|row| row.ids.as_slice()).collect();
        let logits = bert.forward(Padded::new(&ids).on(&device), Pass::answer(math));
        answers.push(logits.argmax(1));
    }
    let answers = device::integers(Tensor::cat(answers, 0))?;
    let right = order
        .iter()
        .zip(answers)
        .filter(|(row, class)| row.label as i64 == *class)
        .count();
    Ok(right as f64 / rows.len() as f64)
}
