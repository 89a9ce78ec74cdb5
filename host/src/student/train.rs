//! Training of a student.
//!
//! AdamW with warm-up and linear decay on batches of similar length, dropout and unknown words as noise, a moving average of
//! the weights. The first part of the way is in floats; then scales are taken from the activations, and the rest of the way
//! every value is rounded as the integers will be. Of that part the average that does best on the dev set is kept
//! ([`Evaluation::score`]).

use std::ops::ControlFlow;
use std::path::Path;

use burn::module::{Module, ParamGroup};
use burn::optim::AdamWConfig;
use burn::tensor::{Device, Tensor};
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::batch::Padded;
use super::loss::{SoftLoss, Targets};
use super::network::Activation;
use super::{
    Codebook, LossConfig, Quantization, Row, Student, StudentConfig, StudentError, quantization,
};
use crate::device::{self, DeviceFailure};
use crate::training::checkpoint::Training;
use crate::training::{self, Dropout, OfStep, Schedule, Task, Verdict, epoch_batches};

/// How to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// Passes over the training set; may be a fraction.
    pub epochs: f64,
    /// Texts a step.
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
    /// Probability of dropping a value of an embedding, in `[0, 1)`; features are dropped half as often.
    pub dropout: f64,
    /// Share of the tokens that become unknown.
    pub unknown: f64,
    /// Share of the steps that are done in floats.
    pub float_share: f64,
    /// Evaluations (and checkpoints) on the way.
    pub evaluations: usize,
    /// The most texts computed at once [default: a whole batch].
    #[serde(skip)]
    pub micro_batch: Option<usize>,
    /// Texts are cut behind this many pieces in training.
    pub max_pieces: usize,
    /// Seed of order, noise and first weights.
    pub seed: u64,
    /// What is minimised.
    pub loss: LossConfig,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 6.0,
            batch_size: 128,
            learning_rate: 2e-3,
            warmup: 0.1,
            weight_decay: 0.01,
            clip: 5.0,
            average_decay: 0.998,
            dropout: 0.2,
            unknown: 0.05,
            float_share: 0.6,
            evaluations: 24,
            micro_batch: None,
            max_pieces: 128,
            seed: 1,
            loss: LossConfig::default(),
        }
    }
}

/// Where a training stands; with it the scales, from the step on from which values are rounded.
pub type Progress = training::Progress<Evaluation, Option<Quantization>>;

/// How well the dev set is classified by the averaged weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The step after which it was made.
    pub step: usize,
    /// Mean training loss since the evaluation before.
    pub loss: f64,
    /// Share classified rightly.
    pub accuracy: f64,
    /// Mean squared difference of a logit and the teacher's, over the rows that have these; none if none has, or if the student
    /// doesn't learn logits ([`SoftLoss::Kl`]).
    pub squared_error: Option<f64>,
    /// Whether values were rounded.
    pub quantized: bool,
}

/// What a squared error that is smaller by the factor e is worth in accuracy. Of two evaluations of one training, the accuracies
/// of some hundred texts differ by a point and more without a cause, their squared errors don't; so an error of a tenth less
/// is worth a point.
const WORTH_OF_ERROR: f64 = 0.1;

impl Evaluation {
    /// By how much better weights are told from worse ones: the accuracy, and where there is a squared error, its logarithm too.
    pub fn score(&self) -> f64 {
        let error = self.squared_error.map_or(0.0, |error| {
            error.max(f64::MIN_POSITIVE).ln() * WORTH_OF_ERROR
        });
        self.accuracy - error
    }
}

impl OfStep for Evaluation {
    fn step(&self) -> usize {
        self.step
    }
}

/// A trained student.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The best weights, on the processor.
    pub student: Student,
    /// Their scales.
    pub quantization: Quantization,
    /// The end of the training.
    pub progress: Progress,
}

/// What a student learns from and is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Lessons<'a> {
    /// Rows to learn from, with at least one id each.
    pub train: &'a [Row],
    /// Labelled rows to choose the best weights by.
    pub dev: &'a [Row],
}

/// What a student is before its training.
#[derive(Debug, Clone)]
pub struct Start<'a> {
    /// Its sizes.
    pub config: &'a StudentConfig,
    /// First values of the embedding, `[pieces][embedding]`.
    pub rows: Vec<f32>,
    /// Number of classes.
    pub classes: usize,
}

/// Trains a student; checkpoints, `report` and resuming are those of [`training::train`].
///
/// # Errors
/// There are no rows to learn from or to judge by, or those of [`training::train`].
pub fn train(
    start: Start<'_>,
    config: &TrainConfig,
    lessons: Lessons<'_>,
    folder: &Path,
    device: &Device,
    report: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Trained, StudentError> {
    if lessons.train.is_empty() || lessons.dev.is_empty() {
        return Err(StudentError::Data(
            "there is no text to learn from, or none to judge by".to_owned(),
        ));
    }
    let device = &device.clone().autodiff();
    let lengths: Vec<usize> = lessons
        .train
        .iter()
        .map(|row| row.ids.len().min(config.max_pieces))
        .collect();
    let mut schedule = Schedule {
        lengths: &lengths,
        batch_size: config.batch_size,
        micro_batch: config.micro_batch,
        epochs: config.epochs,
        learning_rate: config.learning_rate,
        warmup: config.warmup,
        clip: config.clip,
        average_decay: config.average_decay,
        evaluate_every: 1,
        seed: config.seed,
    };
    let steps = schedule.steps();
    schedule.evaluate_every = (steps / config.evaluations.max(1)).max(1);
    let float_share = match start.config.product {
        Some(_) => config.float_share.min(FLOAT_SHARE_OF_CODES),
        None => config.float_share,
    };
    let task = Distillation {
        student: start.config,
        config,
        lessons,
        lengths: &lengths,
        classes: start.classes,
        float_steps: ((steps as f64 * float_share) as usize).min(steps - 1),
        code_steps: (steps as f64 * CODES_STAY_FROM) as usize,
        device,
    };
    let student = training::first_weights(config.seed, device, |device| {
        Ok::<_, StudentError>(start.config.init(start.rows, start.classes, device))
    })?;
    let first = begin(student, config);
    let (student, progress) = training::train(&task, first, &schedule, folder, device, report)?;
    // What comes now is small, and reads every weight.
    let student = device::guarded(device, || {
        Ok::<_, DeviceFailure>(student.to_device(&Device::flex()))
    })?;
    match progress.state.clone() {
        Some(mut quantization) => {
            let best = progress.best.as_ref().map(OfStep::step);
            if best.is_some_and(|step| task.codes_change(step)) {
                choose_codes(&student, &mut quantization)?;
            }
            Ok(Trained {
                student,
                quantization,
                progress,
            })
        }
        // The last step is one with rounded values.
        None => Err(StudentError::Data(
            "the training has no step with rounded values".to_owned(),
        )),
    }
}

/// The task: texts, their labels and the teacher's logits.
struct Distillation<'a> {
    student: &'a StudentConfig,
    config: &'a TrainConfig,
    lessons: Lessons<'a>,
    lengths: &'a [usize],
    classes: usize,
    float_steps: usize,
    code_steps: usize,
    device: &'a Device,
}

impl Distillation<'_> {
    /// Whether codes are still those nearest to the rows after so many steps.
    const fn codes_change(&self, steps: usize) -> bool {
        steps <= self.code_steps
    }
}

impl Task for Distillation<'_> {
    type Module = Student;
    type Batch = (Padded, Targets);
    type Evaluation = Evaluation;
    type State = Option<Quantization>;

    fn prepare(&self, rows: &[usize], seed: u64) -> Self::Batch {
        let rows: Vec<&Row> = rows.iter().map(|&i| &self.lessons.train[i]).collect();
        let ids = noisy(&rows, self.config, seed);
        let targets = self.config.loss.targets(&rows, self.classes);
        (Padded::new(&ids), targets)
    }

    fn loss(
        &self,
        student: &Student,
        (ids, targets): Self::Batch,
        dropout: Dropout,
        quantization: &Option<Quantization>,
    ) -> Tensor<1> {
        let ids = ids.on(self.device);
        let dropout = Some((dropout, self.config.dropout));
        let logits = student.forward(ids, quantization.as_ref(), dropout);
        let loss = self.config.loss.of(logits, targets);
        match (&student.codebook, quantization) {
            // burn 0.22 never forgets the graph of a parameter that has no part in a loss, and looks through all of them in each
            // step, so that steps would take longer and longer.
            (Some(idle), None) => loss + idle.val().sum() * 0.0,
            _ => loss,
        }
    }

    fn before(
        &self,
        step: usize,
        average: &Student,
        quantization: &mut Option<Quantization>,
    ) -> Result<(), DeviceFailure> {
        if let Some(quantization) = quantization
            && (step == self.code_steps
                || step.is_multiple_of(CODES_FOR) && self.codes_change(step))
        {
            choose_codes(average, quantization)?;
        }
        if step == self.float_steps && quantization.is_none() {
            *quantization = Some(calibrate(
                average,
                self.student,
                self.lessons.train,
                self.lengths,
                self.config,
            )?);
        }
        Ok(())
    }

    fn evaluate(
        &self,
        _plain: Student,
        average: &Student,
        progress: &Progress,
        loss: f64,
    ) -> Result<Verdict<Self>, DeviceFailure> {
        let mut quantization = progress.state.clone();
        if let Some(quantization) = &mut quantization
            && self.codes_change(progress.step)
        {
            choose_codes(average, quantization)?;
        }
        let quantization = quantization.as_ref();
        let answers = logits_at_most(
            average,
            quantization,
            self.lessons.dev,
            progress.micro_batch,
        )?;
        let evaluation = Evaluation {
            step: progress.step,
            loss,
            accuracy: share_right(self.lessons.dev, &answers),
            squared_error: match self.config.loss.soft {
                SoftLoss::Mse => squared_error(self.lessons.dev, &answers),
                SoftLoss::Kl => None,
            },
            quantized: quantization.is_some(),
        };
        let is_better = progress
            .best
            .as_ref()
            .is_none_or(|best| evaluation.score() >= best.score());
        let keep = (evaluation.quantized && is_better).then(|| average.clone());
        Ok(Verdict { evaluation, keep })
    }
}

fn begin(student: Student, config: &TrainConfig) -> Training<Student> {
    let adam = AdamWConfig::new().with_epsilon(1e-8);
    let no_decay =
        ParamGroup::from_any_predicates(vec!["bias", "embedding", "codebook", "depthwise"]);
    let optimizer = adam
        .clone()
        .with_weight_decay(config.weight_decay)
        .init()
        .with_group(no_decay, adam.with_weight_decay(0.0).build(), None);
    Training {
        average: student.valid(),
        module: student,
        optimizer,
    }
}

/// Ids of the rows, cut, some of them unknown.
fn noisy(rows: &[&Row], config: &TrainConfig, seed: u64) -> Vec<Vec<u32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut noise = |&id: &u32| {
        if rng.random_bool(config.unknown) {
            0
        } else {
            id
        }
    };
    rows.iter()
        .map(|row| {
            row.ids
                .iter()
                .take(config.max_pieces)
                .map(&mut noise)
                .collect()
        })
        .collect()
}

/// Codes have more to learn than rounding has: they begin after this share of the steps at the latest,
const FLOAT_SHARE_OF_CODES: f64 = 0.3;
/// are chosen anew after so many steps,
const CODES_FOR: usize = 50;
/// and stay from this share of the steps on, so that centroids and weights come to rest with them.
const CODES_STAY_FROM: f64 = 0.8;

/// Gives a student the codes that are nearest to its rows, so that weights that are judged or kept never go with the codes of
/// others.
fn choose_codes(student: &Student, quantization: &mut Quantization) -> Result<(), DeviceFailure> {
    if let Some(book) = &mut quantization.codebook {
        let centroids = device::floats(student.centroids(book))?;
        book.choose(&device::floats(student.embedding.val())?, &centroids);
    }
    Ok(())
}

/// Batches that scales are taken from.
const CALIBRATION_BATCHES: usize = 30;

/// How much larger than at first the values of centroids may become.
const CENTROID_ROOM: f32 = 1.25;

/// Scales from the largest activations of some batches, on average.
fn calibrate(
    student: &Student,
    config: &StudentConfig,
    train: &[Row],
    lengths: &[usize],
    how: &TrainConfig,
) -> Result<Quantization, DeviceFailure> {
    let device = student.embedding.val().device();
    let mut seen = Vec::new();
    let (mut which, mut largest) = (Vec::new(), Vec::new());
    // An epoch of its own, that training never comes to.
    let batches = epoch_batches(lengths, how.batch_size, how.seed, u64::MAX - 1);
    let batches = &batches[..batches.len().min(CALIBRATION_BATCHES)];
    for batch in batches {
        let ids: Vec<&[u32]> = batch.iter().map(|&i| &train[i].ids[..lengths[i]]).collect();
        seen.extend(ids.iter().flat_map(|ids| ids.iter().copied()));
        let mut observe = |activation: Activation, value: Tensor<1>| {
            which.push(activation);
            largest.push(value);
        };
        let ids = Padded::new(&ids).on(&device);
        student.observed(ids, None, None, Some(&mut observe));
    }
    let largest = device::floats(Tensor::cat(largest, 0))?;
    let scale = |activation: Activation, steps: f64| {
        let values = which
            .iter()
            .zip(&largest)
            .filter(|(which, _)| **which == activation);
        let sum: f64 = values.map(|(_, &value)| f64::from(value)).sum();
        ((sum / batches.len() as f64).max(1e-6) / steps) as f32
    };
    let depthwise = config.convs.iter().enumerate();
    let depthwise = depthwise.map(|(i, conv)| match conv.separable {
        true => scale(Activation::Depthwise(i), 127.0),
        false => 1.0,
    });
    let convs: Vec<f32> = (0..config.convs.len())
        .map(|i| scale(Activation::Conv(i), 127.0))
        .collect();
    let sums = config
        .convs
        .iter()
        .enumerate()
        .map(|(i, conv)| match conv.residual {
            true => scale(Activation::Sum(i), 127.0),
            false => convs[i],
        });
    // Values as often as they are read.
    let rows = device::floats(student.embedding.val())?;
    let dim = config.embedding;
    let values: Vec<f32> = seen
        .iter()
        .flat_map(|&id| rows[id as usize * dim..][..dim].iter().copied())
        .collect();
    let mut sizes: Vec<f32> = values.iter().map(|value| value.abs()).collect();
    sizes.sort_unstable_by(f32::total_cmp);
    let codebook = config.product.map(|product| {
        let mut counts = vec![0_u32; rows.len() / dim];
        for row in train {
            for &id in &row.ids {
                counts[id as usize] += 1;
            }
        }
        // Between one voice a piece and one a token.
        let weights: Vec<f64> = counts.iter().map(|&n| f64::from(n + 1).sqrt()).collect();
        Codebook::of(&rows, dim, &weights, product, how.seed)
    });
    let (embedding, levels) = match (&codebook, config.embedding_bits) {
        (Some(book), _) => {
            let most = book
                .centroids
                .iter()
                .fold(1e-6_f32, |most, value| most.max(value.abs()));
            (most * CENTROID_ROOM / 127.0, None)
        }
        (None, 4) => {
            let levels = quantization::levels(&values);
            let scale = levels
                .iter()
                .fold(1e-6_f32, |most, level| most.max(level.abs()))
                / 127.0;
            (
                scale,
                Some(levels.map(|level| (level / scale).round() as i8)),
            )
        }
        _ => {
            let most = sizes
                .get(sizes.len() * 9_995 / 10_000)
                .copied()
                .unwrap_or(1.0);
            (most.max(1e-6) / 127.0, None)
        }
    };
    Ok(Quantization {
        embedding,
        levels,
        codebook,
        sums: sums.collect(),
        depthwise: depthwise.collect(),
        convs,
        hidden: (0..config.hidden.len())
            .map(|i| scale(Activation::Hidden(i), 32_767.0))
            .collect(),
    })
}

/// Share of the labelled `rows` to which `answers`, their logits, give the right label.
pub fn share_right(rows: &[Row], answers: &[Vec<f32>]) -> f64 {
    let labelled = rows
        .iter()
        .zip(answers)
        .filter_map(|(row, logits)| Some((row.label?, logits)));
    let (mut n, mut right) = (0_usize, 0_usize);
    for (label, logits) in labelled {
        n += 1;
        right += usize::from(crate::eval::argmax(logits) == label);
    }
    right as f64 / n.max(1) as f64
}

/// Mean squared difference of a logit in `answers` and in `rows`; none if no row has logits.
fn squared_error(rows: &[Row], answers: &[Vec<f32>]) -> Option<f64> {
    let known = rows
        .iter()
        .zip(answers)
        .filter_map(|(row, answer)| Some((row.logits.as_ref()?, answer)));
    let pairs = known.flat_map(|(known, answer)| known.iter().zip(answer));
    let squares: Vec<f64> = pairs
        .map(|(&known, &answer)| f64::from(known - answer).powi(2))
        .collect();
    (!squares.is_empty()).then(|| squares.iter().sum::<f64>() / squares.len() as f64)
}

/// Rows of a batch that only answers.
const ANSWERED_AT_ONCE: usize = 128;

/// Logits of each row, by a student on a plain device.
///
/// # Errors
/// The device fails.
pub fn logits(
    student: &Student,
    quantization: Option<&Quantization>,
    rows: &[Row],
) -> Result<Vec<Vec<f32>>, DeviceFailure> {
    logits_at_most(student, quantization, rows, ANSWERED_AT_ONCE)
}

fn logits_at_most(
    student: &Student,
    quantization: Option<&Quantization>,
    rows: &[Row],
    most: usize,
) -> Result<Vec<Vec<f32>>, DeviceFailure> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let most = most.clamp(1, ANSWERED_AT_ONCE);
    let device = student.embedding.val().device();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&i| rows[i].ids.len());
    let mut outputs = Vec::new();
    // Batches of about as many tokens each.
    let mut rest = &order[..];
    while let Some(&longest) = rest.get(rest.len().min(most).saturating_sub(1)) {
        let size = (16_384 / rows[longest].ids.len().max(1))
            .clamp(1, most)
            .min(rest.len());
        let (batch, tail) = rest.split_at(size);
        let ids: Vec<&[u32]> = batch.iter().map(|&i| rows[i].ids.as_slice()).collect();
        outputs.push(student.forward(Padded::new(&ids).on(&device), quantization, None));
        rest = tail;
    }
    let outputs = Tensor::cat(outputs, 0);
    let [_, classes] = outputs.dims();
    let values = device::floats(outputs)?;
    let mut answers = vec![Vec::new(); rows.len()];
    for (&i, logits) in order.iter().zip(values.chunks_exact(classes)) {
        answers[i] = logits.to_vec();
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(accuracy: f64, squared_error: Option<f64>) -> f64 {
        let evaluation = Evaluation {
            step: 1,
            loss: 0.0,
            accuracy,
            squared_error,
            quantized: true,
        };
        evaluation.score()
    }

    #[test]
    fn a_tenth_less_error_is_worth_a_point_of_accuracy() {
        assert!(score(0.90, None) > score(0.89, None));
        assert!(score(0.90, Some(0.5)) > score(0.89, Some(0.5)));
        assert!(score(0.89, Some(0.5)) > score(0.89, Some(0.51)));
        assert!(score(0.89, Some(0.450)) > score(0.90, Some(0.5)));
        assert!(score(0.89, Some(0.455)) < score(0.90, Some(0.5)));
        assert!(score(0.5, Some(0.0)).is_finite());
    }
}
