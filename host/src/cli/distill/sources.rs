//! What `thimble distill` learns from: the sets of the task, and the teacher.

use std::path::{Path, PathBuf};

use anyhow::ensure;

use crate::cli::UsageError;
use crate::cli::common::{self, Common, DeviceArgs, ReadArgs, SeedArgs};
use crate::data::{Dataset, Example, SoftTargetMeta, overlap};
use crate::distill::Task;
use crate::teacher::Teacher;

/// The texts without labels that ship, with the shipped teacher's logits.
const SHIPPED_TRANSFER: [&str; 4] = ["films", "films-2", "films-3", "augmented"];

/// Texts and teacher.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SourceArgs {
    /// Texts to learn from, with labels or without [default: the shipped SST-2 training set]
    #[arg(long, short, value_name = "FILE")]
    pub(super) data: Option<PathBuf>,
    /// Labelled texts to choose and to judge by [default: with the shipped data SST-2 dev, else a tenth of --data]
    #[arg(long, value_name = "FILE")]
    pub(super) dev: Option<PathBuf>,
    /// More texts, to learn the teacher's judgement of (repeatable); or a file of soft targets, which are taken as they are if the teacher is the same [default: with the shipped data film review sentences and phrases made out of SST-2's]
    #[arg(long, value_name = "FILE", visible_alias = "unlabelled")]
    pub(super) unlabeled: Vec<PathBuf>,
    /// Hugging Face folder of a fine-tuned BERT, or an ONNX file with tokenizer.json and config.json beside it [default: the shipped teacher]
    #[arg(long, value_name = "PATH", conflicts_with = "labels_only")]
    pub(super) teacher: Option<PathBuf>,
    /// Label all texts afresh, also those of files that hold the soft targets of this very teacher
    #[arg(long)]
    pub(super) relabel: bool,
    /// Learn from the labels alone, without a teacher
    #[arg(long)]
    pub(super) labels_only: bool,
}

impl SourceArgs {
    /// What a run on them is called.
    pub(crate) fn name(&self) -> String {
        let file = self.data.as_deref().and_then(Path::file_name);
        let name = file.map(|name| name.to_string_lossy().into_owned());
        let stem = name.as_deref().and_then(|name| name.split('.').next());
        stem.unwrap_or("sentiment-en").to_owned()
    }
}

/// Reads the data and opens the teacher; the sets have the labels of the task, and no text of dev is among the others.
pub(crate) fn prepare(
    args: &SourceArgs,
    read: &ReadArgs,
    device: &DeviceArgs,
    seed: &SeedArgs,
    common: &Common,
) -> anyhow::Result<(Task, Option<Box<dyn Teacher>>)> {
    let shipped = args.data.is_none();
    let path = args
        .data
        .clone()
        .unwrap_or_else(|| common::shipped("data/sst2.train.jsonl.zst"));
    let mut train = read.read(&path, None, common)?;
    let mut teacher = match args.labels_only {
        true => None,
        false => Some(
            device.teacher(
                &args
                    .teacher
                    .clone()
                    .unwrap_or_else(|| common::shipped(common::TEACHER)),
            )?,
        ),
    };
    if train.labels.is_empty() {
        // Texts without labels: the task is the teacher's.
        let Some(teacher) = &teacher else {
            return Err(
                UsageError(format!("{} has no labels to learn from", path.display())).into(),
            );
        };
        train.labels = teacher.labels().to_vec();
    }
    if let Some(known) = teacher
        .as_ref()
        .map(|teacher| teacher.labels())
        .filter(|known| !same_set(known, &train.labels))
    {
        let warning = format!(
            "the teacher's labels are {}, those of {} are {}",
            known.join(", "),
            path.display(),
            train.labels.join(", ")
        );
        let remedy = format!(
            "`thimble teacher train --data {} --out my-teacher`, then --teacher my-teacher",
            path.display()
        );
        ensure!(
            args.teacher.is_none(),
            "{warning}; fine-tune a teacher for them with {remedy}, or rename labels with --map-label"
        );
        common.warn(format!("{warning}: the student learns from the labels alone. For a teacher of its own: {remedy}"));
        teacher = None;
    }
    let labels = train.labels.clone();
    let dev = match &args.dev {
        Some(path) => Some(read.read(path, Some(labels.clone()), common)?),
        None if shipped => Some(read.read(
            &common::shipped("data/sst2.dev.tsv"),
            Some(labels.clone()),
            common,
        )?),
        None => None,
    };
    if teacher.is_some() && !soft_targets(args, &path, teacher.as_deref(), common)? {
        train.examples.iter_mut().for_each(|row| row.logits = None);
    }
    let mut transfer = Dataset {
        labels: labels.clone(),
        examples: Vec::new(),
    };
    let more = match args.unlabeled.is_empty() && shipped {
        true => SHIPPED_TRANSFER
            .iter()
            .map(|name| common::shipped(&format!("data/{name}.jsonl.zst")))
            .collect(),
        false => args.unlabeled.clone(),
    };
    for path in &more {
        let known = soft_targets(args, path, teacher.as_deref(), common)?;
        let options = match known {
            true => read.options(Some(labels.clone())),
            false => crate::data::ReadOptions {
                texts_only: true,
                ..read.options(None)
            },
        };
        let texts = crate::data::read(path, &options)?.examples.into_iter();
        transfer.examples.extend(texts.map(|example| Example {
            label: None,
            logits: example.logits.filter(|_| known),
            ..example
        }));
    }
    if !transfer.is_empty() && teacher.is_none() {
        common.warn(
            "texts without labels teach nothing without a teacher: they serve the vocabulary alone",
        );
    }
    let (mut train, dev) = match dev {
        Some(dev) => (train, dev),
        None => split(train, seed.seed),
    };
    let mut dev = dev;
    for (set, name) in [
        (&mut train, "the training set"),
        (&mut transfer, "the unlabelled texts"),
    ] {
        set.remove_empty();
        let removed = overlap::remove(set, &dev);
        if removed > 0 {
            common.warn(format!(
                "{removed} rows of {name} also stand in the dev set and are left out"
            ));
        }
    }
    if dev.labelled() > 0 {
        dev.examples.retain(|row| row.label.is_some());
    }
    ensure!(
        !train.is_empty(),
        "{} holds no text to learn from",
        path.display()
    );
    ensure!(
        !dev.is_empty(),
        "there is no text to judge by; name some with --dev"
    );
    Ok((
        Task {
            train,
            dev,
            transfer,
        },
        teacher,
    ))
}

/// Whether a file holds the soft targets of this teacher, which are then taken as they are.
fn soft_targets(
    args: &SourceArgs,
    path: &Path,
    teacher: Option<&dyn Teacher>,
    common: &Common,
) -> anyhow::Result<bool> {
    let (Some(meta), Some(teacher)) = (SoftTargetMeta::beside(path)?, teacher) else {
        return Ok(false);
    };
    let is_own = meta.teacher_digest == teacher.digest();
    if !is_own {
        common.note(format!(
            "{} holds the soft targets of another teacher: its texts are labelled afresh",
            path.display()
        ));
    }
    Ok(is_own && !args.relabel)
}

fn same_set(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().all(|label| b.contains(label))
}

/// A tenth for dev, of each class as far as there are labels.
fn split(train: Dataset, seed: u64) -> (Dataset, Dataset) {
    if train.labelled() > 0 {
        return train.split(0.1, seed);
    }
    // Without labels any tenth is as good as another.
    let labels = train.labels.clone();
    let (mut rest, mut dev) = (Vec::new(), Vec::new());
    for (index, example) in train.examples.into_iter().enumerate() {
        if index % 10 == 9 {
            dev.push(example)
        } else {
            rest.push(example)
        }
    }
    (
        Dataset {
            labels: labels.clone(),
            examples: rest,
        },
        Dataset {
            labels,
            examples: dev,
        },
    )
}

/// Gives texts without labels the teacher's.
pub(crate) fn label_by_teacher(
    dev: &mut Dataset,
    teacher: Option<&mut (dyn Teacher + 'static)>,
    common: &Common,
) -> anyhow::Result<()> {
    let Some(teacher) = teacher else {
        anyhow::bail!("no text has a label to judge by; name some with --dev");
    };
    common.warn("no text has a label: the student is judged by the teacher's answers, so accuracy means agreement with it");
    let order: Vec<usize> = dev
        .labels
        .iter()
        .map(|label| {
            teacher
                .labels()
                .iter()
                .position(|known| known == label)
                .unwrap_or(0)
        })
        .collect();
    let logits = teacher.logits(&dev.texts())?;
    for (example, logits) in dev.examples.iter_mut().zip(logits) {
        let ordered: Vec<f32> = order.iter().map(|&i| logits[i]).collect();
        example.label = Some(crate::eval::argmax(&ordered));
    }
    Ok(())
}
