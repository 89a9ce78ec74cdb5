//! Training of a student.
//!
//! AdamW with warm-up and linear decay on batches of similar length, dropout and unknown words as noise, a moving average of
//! the weights. The first part of the way is in floats; then scales are taken from the activations, and the rest of the way
//! every value is rounded as the integers will be. Of that part the average that does best on the dev set is kept
//! ([`Evaluation::score`]).

use std::ops::ControlFlow;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::answers::{logits_at_most, share_right, squared_error};
use super::batch::Padded;
use super::loss::{SoftLoss, Targets};
use super::scales::calibrate;
use super::{LossConfig, Quantization, Row, Student, StudentConfig, StudentError};
use crate::device::{self, DeviceFailure};
use crate::training::checkpoint::Training;
use crate::training::{self, Dropout, OfStep, Schedule, Task, Verdict, adamw};

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
    let without_decay = ["bias", "embedding", "codebook", "depthwise"];
    let optimizer = adamw(config.weight_decay, &without_decay);
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
