//! The main job: texts and a teacher in, a verified model file out.
//!
//! [`distill`] goes the way of the data: soft targets → vocabulary and sizes ([`budget`]) → training → integers
//! and model file ([`package`]) → the engine's own answers on the dev set ([`Report`]).

pub mod budget;
mod error;
mod hyperparameters;
pub mod package;
mod report;
mod shape;
mod targets;

use std::ops::ControlFlow;
use std::path::PathBuf;

use burn::tensor::Device;
use serde::Serialize;

use crate::data::Dataset;
use crate::student::train::{Lessons, Progress, Start, TrainConfig};
use crate::student::{Row, StudentConfig, Vocabulary, embeddings, train};
use crate::teacher::Teacher;

pub use budget::Budget;
pub use error::DistillError;
pub use hyperparameters::Hyperparameters;
pub use report::{Comparison, Report};
pub use shape::{Rows, Shape, shape_for};

/// What is to be learnt. All three sets have the labels of the task, in the same order.
#[derive(Debug, Clone)]
pub struct Task {
    /// Texts to learn from, with labels or without.
    pub train: Dataset,
    /// Labelled texts to choose by and to judge by.
    pub dev: Dataset,
    /// More texts to learn from, without labels.
    pub transfer: Dataset,
}

/// How the student is made.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// Its sizes.
    pub student: StudentConfig,
    /// Its training.
    pub train: TrainConfig,
    /// What its file and memory may take.
    pub budget: Budget,
    /// Whether sizes may be changed to meet the budget.
    pub adapt: bool,
    /// Folder of the run: checkpoints and the model file.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Folder of soft targets, which other runs use too.
    #[serde(skip)]
    pub targets: PathBuf,
}

/// What happens on the way.
#[derive(Debug)]
pub enum Event<'a> {
    /// Soft targets of one of the sets: rows done and rows in all, of all sets together; rows that came with logits don't count.
    Label {
        /// Rows done.
        done: usize,
        /// Rows in all.
        all: usize,
    },
    /// The student's sizes are settled.
    Sizes {
        /// Its configuration.
        config: &'a StudentConfig,
        /// Bytes of its file, about.
        file_bytes: usize,
        /// Bytes of memory of a session.
        ram_bytes: usize,
    },
    /// A step of the training has been done.
    Train(&'a Progress),
    /// The model file is written and is now judged.
    Judge,
}

/// Makes a student of `task` and writes it to the plan's folder as `model.thimble`. Without a teacher it learns from labels alone.
///
/// If `report` breaks while texts are labelled or the student is trained, the run ends there with a checkpoint. A run that was cut off goes on when it is called again with the same arguments.
///
/// # Errors
/// Something can't be read, written or learnt; the message says what to do.
pub fn distill(
    plan: &Plan,
    task: &Task,
    mut teacher: Option<&mut (dyn Teacher + '_)>,
    device: &Device,
    report: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<Report, DistillError> {
    let labels = &task.dev.labels;
    let sets = [&task.train, &task.transfer, &task.dev];
    let mut soft = [Vec::new(), Vec::new(), Vec::new()];
    if let Some(teacher) = teacher.as_deref_mut() {
        let unknown = sets.map(|set| targets::without_logits(set).count());
        let all = unknown.iter().sum();
        let mut before = 0;
        for ((soft, set), unknown) in soft.iter_mut().zip(sets).zip(unknown) {
            *soft = targets::of(teacher, set, labels, &plan.targets, &mut |done| {
                report(Event::Label {
                    done: before + done,
                    all,
                })
            })?;
            before += unknown;
        }
    }
    let texts: Vec<&str> = [&task.train, &task.transfer]
        .into_iter()
        .flat_map(|set| set.texts())
        .collect();
    let tokenizer = teacher
        .as_deref()
        .map(|teacher| teacher.encoder().tokenizer());
    let digest = teacher.as_deref().map(|teacher| teacher.digest());
    let sized = budget::fit(plan, task, digest, |pieces| {
        Vocabulary::choose(tokenizer, &texts, pieces)
    })?;
    let (config, vocabulary) = (&sized.config, &sized.vocabulary);
    let _ = report(Event::Sizes {
        config,
        file_bytes: sized.file_bytes,
        ram_bytes: sized.ram_bytes,
    });

    let [train, transfer, dev] = [0, 1, 2].map(|i| rows(sets[i], &soft[i], vocabulary));
    let lessons = train
        .into_iter()
        .chain(transfer)
        .filter(|row| !row.ids.is_empty() && (row.label.is_some() || row.logits.is_some()));
    let lessons: Vec<Row> = lessons.collect();
    let first = first_rows(teacher.as_deref_mut(), vocabulary, config, plan.train.seed)?;
    let trained = train::train(
        Start {
            config,
            rows: first,
            classes: labels.len(),
        },
        &plan.train,
        Lessons {
            train: &lessons,
            dev: &dev,
        },
        &plan.folder.join("training"),
        device,
        &mut |progress| report(Event::Train(progress)),
    )?;
    let _ = report(Event::Judge);
    let teacher_digest = teacher.as_deref().map(|teacher| teacher.digest());
    let bytes = package::model_file(plan, config, vocabulary, &trained, task, teacher_digest)?;
    let path = plan.folder.join("model.thimble");
    crate::files::write_whole(&path, &bytes).map_err(|source| DistillError::Io {
        path: path.clone(),
        source,
    })?;
    report::judge(&path, &bytes, &trained, task, &dev, lessons.len())
}

/// Texts as rows to learn from.
fn rows(data: &Dataset, soft: &[Vec<f32>], vocabulary: &Vocabulary) -> Vec<Row> {
    let ids = vocabulary.ids(&data.texts());
    ids.into_iter()
        .zip(&data.examples)
        .enumerate()
        .map(|(index, (ids, example))| Row {
            ids,
            label: example.label,
            logits: soft.get(index).cloned().or_else(|| example.logits.clone()),
        })
        .collect()
}

/// The rows that the embedding starts with: what the teacher makes of the pieces, projected, where they are the teacher's; else random
/// ones.
fn first_rows(
    teacher: Option<&mut (dyn Teacher + '_)>,
    vocabulary: &Vocabulary,
    config: &StudentConfig,
    seed: u64,
) -> Result<Vec<f32>, DistillError> {
    let tables = match teacher.zip(vocabulary.teacher_ids.as_ref()) {
        Some((teacher, ids)) => teacher.token_tables(ids)?,
        None => vec![],
    };
    if tables.is_empty() {
        return Ok(embeddings::random(vocabulary.len(), config.embedding, seed));
    }
    let dim = config.embedding;
    let rows = embeddings::principal_components(&tables, dim, seed);
    Ok(match config.product {
        Some(product) => embeddings::dealt(&rows, dim, product.codes),
        None => rows,
    })
}
