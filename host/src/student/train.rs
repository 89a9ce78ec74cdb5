//! Training of a student.
//!
//! AdamW with warm-up and linear decay on batches of similar length, dropout and unknown words as noise, a moving average of
//! the weights. The first part of the way is in floats; then scales are taken from the activations, and the rest of the way
//! every value is rounded as the integers will be. Of that part the average that classifies the dev set best is kept.

use std::path::Path;

use burn::module::{Module, ParamGroup};
use burn::optim::AdamWConfig;
use burn::tensor::Device;
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::network::Activation;
use super::{
    Batch, LossConfig, Quantization, Row, Student, StudentConfig, StudentError, quantization,
};
use crate::training::checkpoint::{self, Training};
use crate::training::{
    Dropout, MeanLoss, average, clip, decay_at, epoch_batches, of_batch, warmup_linear,
};

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
    /// Share of the tokens that become unknown.
    pub unknown: f64,
    /// Share of the steps that are done in floats.
    pub float_share: f64,
    /// Evaluations (and checkpoints) on the way.
    pub evaluations: usize,
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
            unknown: 0.05,
            float_share: 0.6,
            evaluations: 24,
            max_pieces: 128,
            seed: 1,
            loss: LossConfig::default(),
        }
    }
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
    /// Scales, from the step on from which values are rounded.
    pub quantization: Option<Quantization>,
    /// The last evaluation.
    pub evaluation: Option<Evaluation>,
    /// All evaluations.
    pub history: Vec<Evaluation>,
    /// The best evaluation of rounded values.
    pub best: Option<Evaluation>,
}

/// How well the dev set is classified by the averaged weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The step after which it was made.
    pub step: usize,
    /// Mean training loss since the evaluation before.
    pub loss: f64,
    /// Share classified rightly.
    pub accuracy: f64,
    /// Whether values were rounded.
    pub quantized: bool,
}

/// A trained student.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The best weights, on the plain device.
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

/// Trains a student.
///
/// `report` is called after each step; `evaluation` and `step` agree right after an evaluation. Checkpoints lie in `folder`; a
/// training that finds one there goes on from it, and ends as it would have without a break.
///
/// # Errors
/// There are no rows to learn from or to judge by, or a checkpoint can't be written or read.
pub fn train(
    start: Start<'_>,
    config: &TrainConfig,
    lessons: Lessons<'_>,
    folder: &Path,
    device: &Device,
    mut report: impl FnMut(&Progress),
) -> Result<Trained, StudentError> {
    let Lessons { train, dev } = lessons;
    let Start {
        config: student,
        rows,
        classes,
    } = start;
    if train.is_empty() || dev.is_empty() {
        return Err(StudentError::Data(
            "there is no text to learn from, or none to judge by".to_owned(),
        ));
    }
    std::fs::create_dir_all(folder).map_err(|source| StudentError::Io {
        path: folder.to_owned(),
        source,
    })?;
    let device = &device.clone().autodiff();
    device.seed(config.seed);
    let lengths: Vec<usize> = train
        .iter()
        .map(|row| row.ids.len().min(config.max_pieces))
        .collect();
    let steps_an_epoch = train.len().div_ceil(config.batch_size);
    let steps = ((steps_an_epoch as f64 * config.epochs).round() as usize).max(2);
    let float_steps = ((steps as f64 * config.float_share) as usize).min(steps - 1);
    let every = (steps / config.evaluations.max(1)).max(1);
    let mut training = begin(student.init(rows, classes, device), config);
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
        if progress.step == float_steps && progress.quantization.is_none() {
            progress.quantization = Some(calibrate(
                &training.average,
                student,
                train,
                &lengths,
                config,
            ));
        }
        let epoch = progress.step / steps_an_epoch;
        if batches.0 != epoch {
            batches = (
                epoch,
                epoch_batches(&lengths, config.batch_size, config.seed, epoch as u64),
            );
        }
        let rows: Vec<&Row> = batches.1[progress.step % steps_an_epoch]
            .iter()
            .map(|&i| &train[i])
            .collect();
        let seed = config
            .seed
            .wrapping_mul(1_000_003)
            .wrapping_add(progress.step as u64)
            .wrapping_mul(2);
        let quantization = progress.quantization.as_ref();
        let loss_of = |student: &Student, rows: &[&Row], half: u64| {
            let seed = seed.wrapping_add(half);
            let ids = noisy(rows, config, seed);
            let logits = student.forward(
                Batch::new(&ids, device),
                quantization,
                Some(Dropout::new(seed)),
            );
            config.loss.of(logits, rows, device)
        };
        let (mut gradients, loss) = of_batch(&training.module, &rows, device, loss_of);
        clip(&training.module, &mut gradients, config.clip);
        let rate = config.learning_rate * warmup_linear(progress.step, steps, config.warmup);
        training.module = training
            .optimizer
            .step(rate, training.module.clone(), gradients);
        let decay = decay_at(progress.step, config.average_decay);
        training.average = average(training.average.clone(), &training.module, decay);
        progress.step += 1;
        progress.loss.add(loss);
        if progress.step.is_multiple_of(every) || progress.step == steps {
            evaluate(&training.average, &mut progress, dev, folder)?;
            checkpoint::save(folder, progress.step, &training, &progress)?;
            if let Some(best) = &progress.best {
                checkpoint::keep_best(folder, best.step)?;
            }
        }
        report(&progress);
    }
    match (&progress.best, progress.quantization.clone()) {
        (Some(best), Some(quantization)) => {
            let student = checkpoint::load_best(folder, best.step, training.average)?;
            Ok(Trained {
                student,
                quantization,
                progress,
            })
        }
        // The last step is evaluated, and it is one with rounded values.
        _ => Err(StudentError::Data(
            "the training has no evaluated step".to_owned(),
        )),
    }
}

fn begin(student: Student, config: &TrainConfig) -> Training<Student> {
    let adam = AdamWConfig::new().with_epsilon(1e-8);
    let no_decay = ParamGroup::from_any_predicates(vec!["bias", "embedding"]);
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

/// Batches that scales are taken from.
const CALIBRATION_BATCHES: usize = 30;

/// Scales from the largest activations of some batches, on average.
fn calibrate(
    student: &Student,
    config: &StudentConfig,
    train: &[Row],
    lengths: &[usize],
    how: &TrainConfig,
) -> Quantization {
    let device = student.embedding.val().device();
    let mut largest: Vec<(Activation, f64)> = Vec::new();
    let mut batches = 0.0;
    let mut seen = Vec::new();
    // An epoch of its own, that training never comes to.
    for batch in epoch_batches(lengths, how.batch_size, how.seed, u64::MAX - 1)
        .iter()
        .take(CALIBRATION_BATCHES)
    {
        let ids: Vec<&[u32]> = batch.iter().map(|&i| &train[i].ids[..lengths[i]]).collect();
        seen.extend(ids.iter().flat_map(|ids| ids.iter().copied()));
        let mut observe = |which: Activation, value: f32| match largest
            .iter_mut()
            .find(|(known, _)| *known == which)
        {
            Some((_, sum)) => *sum += f64::from(value),
            None => largest.push((which, value.into())),
        };
        student.observed(Batch::new(&ids, &device), None, None, Some(&mut observe));
        batches += 1.0;
    }
    let scale = |which: Activation, steps: f64| {
        let sum = largest
            .iter()
            .find(|(known, _)| *known == which)
            .map_or(0.0, |(_, sum)| *sum);
        ((sum / batches).max(1e-6) / steps) as f32
    };
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
    let rows: Vec<f32> = student.embedding.val().into_data().iter().collect();
    let dim = config.embedding;
    let values: Vec<f32> = seen
        .iter()
        .flat_map(|&id| rows[id as usize * dim..][..dim].iter().copied())
        .collect();
    let mut sizes: Vec<f32> = values.iter().map(|value| value.abs()).collect();
    sizes.sort_unstable_by(f32::total_cmp);
    let (embedding, levels) = match config.embedding_bits {
        4 => {
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
    Quantization {
        embedding,
        levels,
        sums: sums.collect(),
        convs,
        hidden: (0..config.hidden.len())
            .map(|i| scale(Activation::Hidden(i), 32_767.0))
            .collect(),
    }
}

fn evaluate(
    student: &Student,
    progress: &mut Progress,
    dev: &[Row],
    folder: &Path,
) -> Result<(), StudentError> {
    let quantization = progress.quantization.as_ref();
    let evaluation = Evaluation {
        step: progress.step,
        loss: progress.loss.take(),
        accuracy: accuracy(student, quantization, dev),
        quantized: quantization.is_some(),
    };
    let is_better = progress
        .best
        .as_ref()
        .is_none_or(|best| evaluation.accuracy >= best.accuracy);
    if evaluation.quantized && is_better {
        checkpoint::save_best(folder, progress.step, student)?;
        progress.best = Some(evaluation.clone());
    }
    progress.history.push(evaluation.clone());
    progress.evaluation = Some(evaluation);
    Ok(())
}

/// Share of the labelled `rows` that a student, on a plain device, classifies rightly.
pub fn accuracy(student: &Student, quantization: Option<&Quantization>, rows: &[Row]) -> f64 {
    let answers = logits(student, quantization, rows);
    let labelled = rows
        .iter()
        .zip(&answers)
        .filter_map(|(row, logits)| Some((row.label?, logits)));
    let (mut n, mut right) = (0_usize, 0_usize);
    for (label, logits) in labelled {
        n += 1;
        right += usize::from(crate::eval::argmax(logits) == label);
    }
    right as f64 / n.max(1) as f64
}

/// Logits of each row, by a student on a plain device.
pub fn logits(
    student: &Student,
    quantization: Option<&Quantization>,
    rows: &[Row],
) -> Vec<Vec<f32>> {
    let device = student.embedding.val().device();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&i| rows[i].ids.len());
    let mut answers = vec![Vec::new(); rows.len()];
    // Batches of about as many tokens each.
    let mut rest = &order[..];
    while let Some(&longest) = rest.get(rest.len().min(128).saturating_sub(1)) {
        let size = (16_384 / rows[longest].ids.len().max(1))
            .clamp(1, 128)
            .min(rest.len());
        let (batch, tail) = rest.split_at(size);
        let ids: Vec<&[u32]> = batch.iter().map(|&i| rows[i].ids.as_slice()).collect();
        let output = student.forward(Batch::new(&ids, &device), quantization, None);
        let [_, classes] = output.dims();
        let values: Vec<f32> = output.into_data().iter().collect();
        for (&i, logits) in batch.iter().zip(values.chunks_exact(classes)) {
            answers[i] = logits.to_vec();
        }
        rest = tail;
    }
    answers
}
