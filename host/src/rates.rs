//! How fast teachers are fine-tuned, texts labelled and students trained, on a device: batches of one shape, so that other
//! programs can be measured beside.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use serde::Serialize;

use crate::data::{Dataset, Example};
use crate::student;
use crate::student::train::{Lessons, Start};
use crate::student::{Row, StudentConfig, StudentError};
use crate::teacher::train::Labelled;
use crate::teacher::{self, BertConfig, Math, TeacherError};
use crate::training::trainer::READ_EVERY;
use crate::training::{Progress, TrainingError};

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Texts a step.
    pub batch_size: usize,
    /// Pieces of each text.
    pub tokens: usize,
    /// Steps that are timed, behind as many as are needed to warm up; rounded up to a multiple of [`READ_EVERY`].
    pub steps: usize,
}

impl Shape {
    fn timed(&self) -> usize {
        self.steps.div_ceil(READ_EVERY).max(1) * READ_EVERY
    }

    fn rows(&self) -> usize {
        // A step more than is taken, so that the training never comes to its end and to an evaluation.
        (READ_EVERY + self.timed() + 1) * self.batch_size
    }

    /// Some id of a vocabulary, other ones in each place.
    fn id(row: usize, place: usize, vocabulary: usize) -> u32 {
        ((row * 31 + place * 7919) % vocabulary) as u32
    }
}

/// A rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// Sentences a second.
    pub sentences_per_second: f64,
    /// Share of the time in which the device waited for batches, at most: it may have been busy with earlier ones.
    pub waiting: f64,
}

impl Rate {
    fn new(sentences: usize, time: Duration, waited: Duration) -> Self {
        let seconds = time.as_secs_f64().max(1e-9);
        Self {
            sentences_per_second: sentences as f64 / seconds,
            waiting: waited.as_secs_f64() / seconds,
        }
    }
}

/// Times the steps of a training between two moments at which the device is known to have done all.
struct Clock {
    shape: Shape,
    start: Option<(Instant, Duration)>,
    rate: Option<Rate>,
}

impl Clock {
    fn new(shape: Shape) -> Self {
        Self {
            shape,
            start: None,
            rate: None,
        }
    }

    fn see<E, S>(&mut self, progress: &Progress<E, S>) -> ControlFlow<()> {
        if progress.step == READ_EVERY {
            self.start = Some((Instant::now(), progress.waited));
        }
        match self.start {
            Some((start, waited)) if progress.step == READ_EVERY + self.shape.timed() => {
                self.rate = Some(Rate::new(
                    self.shape.timed() * self.shape.batch_size,
                    start.elapsed(),
                    progress.waited - waited,
                ));
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    }

    /// The rate, if the training was ended by this clock.
    fn read<T, E>(self, result: Result<T, E>, stopped: impl Fn(&E) -> bool) -> Result<Rate, E> {
        match (result, self.rate) {
            (Err(error), _) if !stopped(&error) => Err(error),
            (_, Some(rate)) => Ok(rate),
            // Not reached: a training takes more steps than the clock counts.
            (_, None) => Ok(Rate::new(0, Duration::ZERO, Duration::ZERO)),
        }
    }
}

fn is_stop(error: &TrainingError) -> bool {
    matches!(error, TrainingError::Stopped { .. })
}

/// The fine-tuning of the BERT of a folder.
///
/// # Errors
/// It can't be read or trained.
pub fn fine_tuning(
    folder: &Path,
    shape: Shape,
    math: Math,
    device: &Device,
    scratch: &Path,
) -> Result<Rate, TeacherError> {
    let config = BertConfig::read(&folder.join("config.json"))?;
    let row = |index: usize| Labelled {
        ids: (0..shape.tokens)
            .map(|place| Shape::id(index, place, config.vocab_size))
            .collect(),
        label: index % 2,
    };
    let rows: Vec<Labelled> = (0..shape.rows()).map(row).collect();
    let how = teacher::train::TrainConfig {
        epochs: 1.0,
        batch_size: shape.batch_size,
        evaluate_every: usize::MAX,
        max_pieces: shape.tokens,
        train_embeddings: true,
        math,
        ..Default::default()
    };
    let device = &device.clone().autodiff();
    let start = teacher::train::Start {
        bert: teacher::train::start(folder, &config, 2, true, 1, device)?,
        bert_config: config,
    };
    let mut clock = Clock::new(shape);
    let result = teacher::train::train(
        start,
        &how,
        &rows,
        &rows[..1],
        scratch,
        device,
        &mut |progress| clock.see(progress),
    );
    clock.read(
        result,
        |error| matches!(error, TeacherError::Training(error) if is_stop(error)),
    )
}

/// Labelling by the teacher of a folder, from texts to the file of soft targets.
///
/// # Errors
/// It can't be read or run.
pub fn labelling(
    folder: &Path,
    shape: Shape,
    math: Math,
    device: &Device,
    scratch: &Path,
) -> Result<Rate, TeacherError> {
    let mut teacher = teacher::open(folder, device, math)?;
    // Words that are one piece each; [CLS] and [SEP] are the other two.
    const WORDS: [&str; 8] = ["the", "film", "is", "a", "good", "story", "of", "life"];
    let texts = |count: usize| Dataset {
        labels: Vec::new(),
        examples: (0..count)
            .map(|row| {
                let words = (2..shape.tokens.max(3)).map(|place| WORDS[(row * 3 + place) % 8]);
                Example {
                    text: words.collect::<Vec<_>>().join(" "),
                    label: None,
                    logits: None,
                }
            })
            .collect(),
    };
    let mut timed = |name: &str, data: &Dataset| -> Result<(Duration, Duration), TeacherError> {
        let start = Instant::now();
        let go_on = &mut |_| ControlFlow::Continue(());
        let waited =
            teacher::label::label(teacher.as_mut(), data, &scratch.join(name), None, go_on)?;
        Ok((start.elapsed(), waited))
    };
    timed("warm-up.jsonl", &texts(shape.batch_size * READ_EVERY))?;
    let data = texts(shape.batch_size * shape.timed());
    let (time, waited) = timed("soft-targets.jsonl", &data)?;
    Ok(Rate::new(data.len(), time, waited))
}

/// The training of a student, rounded as integers.
///
/// # Errors
/// It can't be trained.
pub fn student(
    sizes: &StudentConfig,
    shape: Shape,
    device: &Device,
    scratch: &Path,
) -> Result<Rate, StudentError> {
    let row = |index: usize| Row {
        ids: (0..shape.tokens)
            .map(|place| Shape::id(index, place, sizes.pieces))
            .collect(),
        label: Some(index % 2),
        logits: Some(vec![0.5, -0.5]),
    };
    let rows: Vec<Row> = (0..shape.rows()).map(row).collect();
    let value = |i: usize| (i * 7919 % 1000) as f32 / 5_000.0 - 0.1;
    let start = Start {
        config: sizes,
        rows: (0..sizes.pieces * sizes.embedding).map(value).collect(),
        classes: 2,
    };
    let how = student::train::TrainConfig {
        epochs: 1.0,
        batch_size: shape.batch_size,
        evaluations: 1,
        float_share: 0.0,
        ..Default::default()
    };
    let lessons = Lessons {
        train: &rows,
        dev: &rows[..1],
    };
    let mut clock = Clock::new(shape);
    let result = student::train::train(start, &how, lessons, scratch, device, &mut |progress| {
        clock.see(progress)
    });
    clock.read(
        result,
        |error| matches!(error, StudentError::Training(error) if is_stop(error)),
    )
}
