//! The search for the best student under a budget.
//!
//! Shapes compete by short trainings; the best go on to longer ones (successive halving, Jamieson and Talwalkar 2016,
//! <https://arxiv.org/abs/1502.07943>), and what differs from the best in one respect is tried beside it. The winner has the
//! rest of the time. Trials are judged by the log loss of the dev labels under the engine's calibrated probabilities, which
//! is steadier than accuracy. All that a decision depends on is written down, so a search that was stopped goes on as it would have.

mod space;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::distill::{
    self, Budget, DistillError, Event, Hyperparameters, Plan, Report, Shape, Task, shape_for,
};
use crate::files;
use crate::student::train::TrainConfig;
use crate::teacher::Teacher;
use space::neighbours;

/// What to search for, and for how long.
#[derive(Debug, Clone, Serialize)]
pub struct TunePlan {
    /// What a student may take.
    pub budget: Budget,
    /// How students learn; passes follow from the time.
    pub train: TrainConfig,
    /// Time for all trainings together.
    pub time: Duration,
    /// Folder of the search.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Folder of soft targets.
    #[serde(skip)]
    pub targets: PathBuf,
}

/// A training that was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its sizes follow from these.
    pub shape: Shape,
    /// Passes over the texts.
    pub epochs: f64,
    /// How long it took in all.
    pub seconds: f64,
    /// How long the steps of its training took.
    pub training_seconds: f64,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A student.
    Student(Figures),
    /// The budget does not hold such a student, for this reason.
    TooLarge(String),
}

/// Figures of a trial's student, by the engine, on the dev set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Mean negative log-likelihood of the labels, nats.
    pub log_loss: f64,
    /// Share of right answers.
    pub accuracy: f64,
    /// Bytes of the model file.
    pub file_bytes: usize,
    /// Bytes of memory of a session.
    pub ram_bytes: usize,
    /// Multiplications with an addition that a token costs.
    pub macs_per_token: u64,
}

impl Trial {
    /// Passes that such a training does in so many seconds, or the most that are worth it.
    fn epochs_in(&self, seconds: f64, most: f64) -> f64 {
        let preparation = self.seconds - self.training_seconds;
        let pace = (self.training_seconds / self.epochs).max(1e-6);
        ((seconds - preparation) / pace).clamp(LEAST_EPOCHS, most.max(LEAST_EPOCHS))
    }

    fn figures(&self) -> Option<&Figures> {
        match &self.outcome {
            Outcome::Student(figures) => Some(figures),
            Outcome::TooLarge(_) => None,
        }
    }
}

/// What happens on the way.
#[derive(Debug)]
pub enum TuneEvent<'a> {
    /// A trial begins: its number from 0, shape and passes.
    Begin(usize, Shape, f64),
    /// Within a trial.
    Within(Event<'a>),
    /// A trial has ended; whether its student is the best so far.
    End(&'a Trial, bool),
}

/// What a search found.
#[derive(Debug, Clone, Serialize)]
pub struct Tuned {
    /// File of the best student.
    pub model: PathBuf,
    /// Number of its trial.
    pub best: usize,
    /// All trials in their order.
    pub trials: Vec<Trial>,
}

/// Why there is no student.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// A trial failed.
    #[error(transparent)]
    Distill(#[from] DistillError),
    /// A file of the search can't be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The list of trials is not one of this program's.
    #[error("{} holds no list of trials; delete the folder to begin anew", path.display())]
    Trials {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// No student fits.
    #[error("no student fits into the budget: {0}")]
    TooSmall(String),
}

/// Shapes of the first round, at most.
const FIRST_ROUND: usize = 9;
/// Of each round this share goes on.
const KEPT: usize = 3;
/// Each round's trainings are longer by this factor.
const LONGER: f64 = 3.0;
/// Rounds of short trainings.
const ROUNDS: usize = 2;
/// Share of the time that the rounds have together; the rest is the winner's.
const SEARCH_SHARE: f64 = 0.5;
/// Texts of the very first training, whose pace says how long the others may be.
const PACE_TEXTS: f64 = 40_000.0;
/// Least passes of a training.
const LEAST_EPOCHS: f64 = 0.05;

/// Searches. If `report` breaks, the search ends at a checkpoint with the best student so far in the folder; the same call goes on.
///
/// # Errors
/// Those of [`distill::distill`], an unreadable folder, or a budget without any student.
pub fn tune(
    plan: &TunePlan,
    task: &Task,
    teacher: Option<&mut (dyn Teacher + '_)>,
    device: &Device,
    report: &mut dyn FnMut(TuneEvent<'_>) -> ControlFlow<()>,
) -> Result<Tuned, TuneError> {
    let mut search = Search {
        plan,
        task,
        teacher,
        device,
        report,
        known: read(&plan.folder.join("trials.json"))?,
        trials: vec![],
        best: None,
    };
    let rows = (task.train.len() + task.transfer.len()).max(1) as f64;
    let shape = shape_for(plan.budget);
    // The pace, by the shape that is the likeliest to be good.
    let pace = search.run(shape, (PACE_TEXTS / rows).min(1.0))?;
    let longest = Hyperparameters::of(rows as usize).epochs;
    let time = plan.time.as_secs_f64();
    let mut shapes = vec![shape];
    shapes.extend(neighbours(&shape));
    // As many that at most half of a trial's time is preparation.
    let of_round = SEARCH_SHARE * time / ROUNDS as f64;
    let preparation = (pace.seconds - pace.training_seconds).max(1e-3);
    let most = (of_round / (2.0 * preparation)) as usize;
    shapes.truncate(most.clamp(2, FIRST_ROUND));
    for round in 0..ROUNDS {
        let each = of_round / shapes.len() as f64;
        let like = shapes.first().and_then(|&shape| search.longest_of(shape));
        let epochs = like.unwrap_or(&pace).epochs_in(each, longest / LONGER);
        let mut done = Vec::new();
        for shape in shapes {
            if search.spent() > SEARCH_SHARE * time && !done.is_empty() {
                break;
            }
            done.push(search.run(shape, epochs)?);
        }
        done.retain(|trial| trial.figures().is_some());
        done.sort_by(|a, b| loss(a).total_cmp(&loss(b)));
        shapes = done.iter().map(|trial| trial.shape).collect();
        shapes.truncate(KEPT);
        // Two that each are better than the first in one respect may be better still together.
        if let [best, second, ..] = shapes[..]
            && round + 1 < ROUNDS
        {
            let both = crossed(shape, best, second);
            if !shapes.contains(&both) {
                shapes.push(both);
            }
        }
    }
    let winner = *shapes.first().ok_or_else(|| search.too_small())?;
    let left = time - search.spent();
    if left > 0.0 {
        let epochs = search
            .longest_of(winner)
            .unwrap_or(&pace)
            .epochs_in(left, longest);
        search.run(winner, epochs)?;
    }
    let best = search.best.ok_or_else(|| search.too_small())?;
    Ok(Tuned {
        model: plan.folder.join("model.thimble"),
        best,
        trials: search.trials,
    })
}

/// `best` with what `second` has other than `origin`.
fn crossed(origin: Shape, best: Shape, second: Shape) -> Shape {
    let mut both = best;
    if (second.rows, second.embedding) != (origin.rows, origin.embedding) {
        (both.rows, both.embedding) = (second.rows, second.embedding);
    }
    if second.layers != origin.layers {
        both.layers = second.layers;
    }
    if second.kernel != origin.kernel {
        both.kernel = second.kernel;
    }
    if second.dilated != origin.dilated {
        both.dilated = second.dilated;
    }
    if second.share != origin.share {
        both.share = second.share;
    }
    both
}

fn loss(trial: &Trial) -> f64 {
    trial
        .figures()
        .map_or(f64::INFINITY, |figures| figures.log_loss)
}

struct Search<'a, 't> {
    plan: &'a TunePlan,
    task: &'a Task,
    teacher: Option<&'a mut (dyn Teacher + 't)>,
    device: &'a Device,
    report: &'a mut dyn FnMut(TuneEvent<'_>) -> ControlFlow<()>,
    /// Trials of an earlier call.
    known: Vec<Trial>,
    trials: Vec<Trial>,
    /// Number of the best trial.
    best: Option<usize>,
}

impl Search<'_, '_> {
    /// Seconds of all trials so far.
    fn spent(&self) -> f64 {
        self.trials.iter().map(|trial| trial.seconds).sum()
    }

    /// The longest trial of a shape.
    fn longest_of(&self, shape: Shape) -> Option<&Trial> {
        let own = self.trials.iter();
        own.filter(|trial| trial.shape == shape && trial.figures().is_some())
            .max_by(|a, b| a.epochs.total_cmp(&b.epochs))
    }

    fn too_small(&self) -> TuneError {
        let mut reasons = self.trials.iter().filter_map(|trial| match &trial.outcome {
            Outcome::TooLarge(reason) => Some(reason.clone()),
            Outcome::Student(_) => None,
        });
        TuneError::TooSmall(reasons.next_back().unwrap_or_default())
    }

    /// Does the next trial, or finds it among those of an earlier call.
    fn run(&mut self, shape: Shape, epochs: f64) -> Result<Trial, TuneError> {
        let epochs = thousandths(epochs);
        let number = self.trials.len();
        let known = self.known.get(number);
        let trial = match known.filter(|known| known.shape == shape && known.epochs == epochs) {
            Some(known) => known.clone(),
            None => {
                self.known.truncate(number);
                self.train(number, shape, epochs)?
            }
        };
        self.trials.push(trial.clone());
        let best = self
            .best
            .map_or(f64::INFINITY, |best| loss(&self.trials[best]));
        let is_best = loss(&trial) < best;
        if is_best {
            self.best = Some(number);
            let path = self.plan.folder.join("model.thimble");
            let bytes = read_bytes(&trial_folder(&self.plan.folder, number).join("model.thimble"))?;
            write(&path, &bytes)?;
        }
        write_json(&self.plan.folder.join("trials.json"), &self.trials)?;
        let _ = (self.report)(TuneEvent::End(&trial, is_best));
        Ok(trial)
    }

    fn train(&mut self, number: usize, shape: Shape, epochs: f64) -> Result<Trial, TuneError> {
        let _ = (self.report)(TuneEvent::Begin(number, shape, epochs));
        let plan = Plan {
            student: shape.sizes(self.plan.budget),
            train: TrainConfig {
                epochs,
                ..self.plan.train.clone()
            },
            budget: self.plan.budget,
            adapt: true,
            folder: trial_folder(&self.plan.folder, number),
            targets: self.plan.targets.clone(),
        };
        begin(&plan.folder, shape, epochs)?;
        // Texts are labelled once for all trials; that takes none of their time.
        let mut begun = Instant::now();
        let mut training = None;
        let report = &mut *self.report;
        let result = distill::distill(
            &plan,
            self.task,
            self.teacher.as_deref_mut(),
            self.device,
            &mut |event| {
                match event {
                    Event::Label { .. } => begun = Instant::now(),
                    Event::Train(_) => {
                        let (_, last) = training.get_or_insert((Instant::now(), Instant::now()));
                        *last = Instant::now();
                    }
                    Event::Sizes { .. } | Event::Judge => {}
                }
                report(TuneEvent::Within(event))
            },
        );
        let outcome = match result {
            Ok(report) => Outcome::Student(figures(&report)),
            Err(error @ DistillError::Budget { .. }) => Outcome::TooLarge(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        Ok(Trial {
            shape,
            epochs,
            seconds: thousandths(begun.elapsed().as_secs_f64()),
            training_seconds: thousandths(
                training.map_or(0.0, |(first, last)| (last - first).as_secs_f64()),
            ),
            outcome,
        })
    }
}

/// Rounded so that a list of trials is read as it was written.
fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn figures(report: &Report) -> Figures {
    Figures {
        log_loss: report.int8.log_loss,
        accuracy: report.int8.accuracy,
        file_bytes: report.file_bytes,
        ram_bytes: report.ram_bytes,
        macs_per_token: report.macs_per_token,
    }
}

/// Makes the folder of a trial, or finds it begun; what another trial left in its place is removed.
fn begin(folder: &Path, shape: Shape, epochs: f64) -> Result<(), TuneError> {
    let path = folder.join("trial.json");
    let own = (shape, epochs);
    let known = std::fs::read(&path).ok();
    if known.is_some_and(|known| {
        serde_json::from_slice(&known).is_ok_and(|known: (Shape, f64)| known == own)
    }) {
        return Ok(());
    }
    let io = |source| TuneError::Io {
        path: folder.to_owned(),
        source,
    };
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(io)?;
    }
    std::fs::create_dir_all(folder).map_err(io)?;
    write_json(&path, &own)
}

fn trial_folder(folder: &Path, number: usize) -> PathBuf {
    folder.join("trials").join(format!("{number:02}"))
}

fn read(path: &Path) -> Result<Vec<Trial>, TuneError> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| TuneError::Trials {
            path: path.to_owned(),
            source,
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(vec![]),
        Err(source) => Err(TuneError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, TuneError> {
    std::fs::read(path).map_err(|source| TuneError::Io {
        path: path.to_owned(),
        source,
    })
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), TuneError> {
    let bytes = serde_json::to_vec_pretty(value).map_err(|error| TuneError::Io {
        path: path.to_owned(),
        source: error.into(),
    })?;
    write(path, &bytes)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), TuneError> {
    files::write_whole(path, bytes).map_err(|source| TuneError::Io {
        path: path.to_owned(),
        source,
    })
}
