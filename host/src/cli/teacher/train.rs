//! `thimble teacher train`.

use std::io::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use crate::cli::common::{
    self, Common, DeviceArgs, MemoryNote, MicroBatchArgs, ReadArgs, SeedArgs,
};
use crate::cli::{UsageError, interrupt, output, progress, run_folder};
use crate::data::{Dataset, overlap};
use crate::teacher::encode::Encoder;
use crate::teacher::train::{self, Evaluation, Labelled, Progress, Start, TrainConfig};
use crate::teacher::{BertConfig, BertTeacher, Precision};

/// Arguments of `thimble teacher train`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble teacher train --data tickets.csv --out tickets-teacher
  thimble teacher train --base all-MiniLM-L6-v2 --data sst2.train.tsv --dev sst2.dev.tsv --epochs 2 --out teacher

A killed training goes on where it was when the same command is given again. The folder named by --out can be loaded by
Hugging Face transformers (AutoModelForSequenceClassification) and by `thimble distill --teacher`.")]
pub(super) struct Args {
    /// Labelled text to train on
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Labelled text to choose the best weights by [default: a tenth of --data]
    #[arg(long, value_name = "FILE")]
    dev: Option<PathBuf>,
    /// Hugging Face folder of a BERT or MPNet encoder or classifier to start from [default: the shipped teacher]
    #[arg(long, value_name = "FOLDER")]
    base: Option<PathBuf>,
    /// Folder for the teacher; checkpoints and metrics lie in its subfolder `training`
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Passes over the data
    #[arg(long, default_value_t = 3.0)]
    epochs: f64,
    /// Highest learning rate
    #[arg(long, default_value_t = 4e-5)]
    learning_rate: f64,
    /// Texts a step
    #[arg(long, default_value_t = 32)]
    batch_size: usize,
    /// Cut texts behind this many pieces
    #[arg(long, default_value_t = 64)]
    max_pieces: usize,
    /// Steps between evaluations and checkpoints
    #[arg(long, default_value_t = 500)]
    evaluate_every: usize,
    /// Decay a step of the averaged weights
    #[arg(long, default_value_t = 0.998)]
    average_decay: f64,
    /// Train the word embeddings too (slower; worth it for unusual words)
    #[arg(long)]
    train_embeddings: bool,
    /// Print one JSON object at the end
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    micro_batch: MicroBatchArgs,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Serialize)]
struct Manifest<'a> {
    thimble: &'a str,
    config: &'a TrainConfig,
    base: PathBuf,
    data: [String; 2],
    rows: [usize; 2],
    labels: &'a [String],
}

#[derive(Serialize)]
struct Answer {
    out: PathBuf,
    steps: usize,
    best: Option<Evaluation>,
}

/// Fine-tunes, then writes the best weights.
///
/// # Errors
/// Data, base or output folder can't be used.
pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    let config = config(args)?;
    let (train_set, dev_set) = datasets(args, common)?;
    let labels = train_set.labels.clone();
    let base = args
        .base
        .clone()
        .unwrap_or_else(|| common::shipped(common::TEACHER));
    let bert_config = BertConfig::read(&base.join("config.json"))?;
    // Another task's classifier is of no use; start a new one.
    let classes = labels.len();
    let fresh = bert_config.labels() != labels;
    let bert_config = bert_config.with_labels(&labels);
    let encoder = bert_config.encoder(&base.join("tokenizer.json"), config.max_pieces)?;
    let rows = [encode(&encoder, &train_set)?, encode(&encoder, &dev_set)?];
    let folder = args.out.join("training");
    let manifest = Manifest {
        thimble: env!("CARGO_PKG_VERSION"),
        config: &config,
        base: base.clone(),
        data: [train_set.digest(), dev_set.digest()],
        rows: [rows[0].len(), rows[1].len()],
        labels: &labels,
    };
    run_folder::begin(&folder, &manifest)?;
    let device = args.device.open()?.autodiff();
    let start = Start {
        bert: train::start(&base, &bert_config, classes, fresh, config.seed, &device)?,
        bert_config: bert_config.clone(),
    };
    let bar = progress::bar(common, "training", 0);
    let mut memory = MemoryNote::new(config.batch_size, config.micro_batch);
    let mut report = |state: &Progress| {
        bar.set_length(state.steps as u64);
        if bar.position() == 0 {
            // A resumed training's rate counts from here.
            bar.set_position(state.step as u64);
            bar.reset_eta();
        }
        bar.set_position(state.step as u64);
        if let Some(line) = memory.line(state.micro_batch) {
            bar.suspend(|| common.warn(line));
        }
        if let Some(evaluation) = state.fresh() {
            run_folder::write_metrics(&folder, &state.history, common);
            let line = line(evaluation);
            bar.set_message(line.clone());
            bar.suspend(|| common.note(&line));
        }
        interrupt::go_on()
    };
    interrupt::listen();
    let [train_rows, dev_rows] = &rows;
    let (bert, state) = train::train(
        start,
        &config,
        train_rows,
        dev_rows,
        &folder,
        &device,
        &mut report,
    )?;
    bar.finish_and_clear();
    BertTeacher::write(&bert, &bert_config, &base, &args.out, Precision::Float32)?;
    let answer = Answer {
        out: args.out.clone(),
        steps: state.steps,
        best: state.best,
    };
    let mut out = output::stdout();
    if args.json {
        output::json(&mut out, &answer)?;
    } else {
        if let Some(best) = &answer.best {
            writeln!(out, "best: {}", line(best))?;
        }
        writeln!(out, "written to {}", args.out.display())?;
        writeln!(
            out,
            "next: thimble distill --teacher {} --data {}",
            args.out.display(),
            args.data.display()
        )?;
    }
    out.flush()?;
    Ok(())
}

fn line(evaluation: &Evaluation) -> String {
    format!(
        "step {}: loss {:.4}, dev accuracy {} (averaged weights {})",
        evaluation.step,
        evaluation.loss,
        output::percent(evaluation.accuracy),
        output::percent(evaluation.average_accuracy)
    )
}

fn config(args: &Args) -> Result<TrainConfig, UsageError> {
    let positive = |name: &str, value: f64| match value.is_finite() && value > 0.0 {
        true => Ok(value),
        false => Err(UsageError(format!(
            "--{name} {value}: a number above 0 is expected"
        ))),
    };
    if !(0.0..1.0).contains(&args.average_decay) {
        return Err(UsageError(format!(
            "--average-decay {}: a number from 0 to below 1 is expected",
            args.average_decay
        )));
    }
    for (name, value, least) in [
        ("batch-size", args.batch_size, 1),
        ("max-pieces", args.max_pieces, 3),
        ("evaluate-every", args.evaluate_every, 1),
    ] {
        if value < least {
            return Err(UsageError(format!(
                "--{name} {value}: at least {least} is expected"
            )));
        }
    }
    Ok(TrainConfig {
        epochs: positive("epochs", args.epochs)?,
        learning_rate: positive("learning-rate", args.learning_rate)?,
        batch_size: args.batch_size,
        max_pieces: args.max_pieces,
        evaluate_every: args.evaluate_every,
        average_decay: args.average_decay,
        math: args.device.math,
        micro_batch: args.micro_batch.most(),
        train_embeddings: args.train_embeddings,
        seed: args.seed.seed,
        ..TrainConfig::default()
    })
}

/// The training and the dev set; rows of the former that stand in the latter are left out.
fn datasets(args: &Args, common: &Common) -> anyhow::Result<(Dataset, Dataset)> {
    let mut train = args.read.read(&args.data, None, common)?;
    train.examples.retain(|row| row.label.is_some());
    train.remove_empty();
    let (mut train, mut dev) = match &args.dev {
        Some(path) => {
            let labels = Some(train.labels.clone());
            let dev = args.read.read(path, labels, common)?;
            (train, dev)
        }
        None => train.split(0.1, args.seed.seed),
    };
    dev.examples.retain(|row| row.label.is_some());
    let removed = overlap::remove(&mut train, &dev);
    if removed > 0 {
        common.warn(format!(
            "{removed} rows of the training set also stand in the dev set and are left out"
        ));
    }
    Ok((train, dev))
}

fn encode(encoder: &Encoder, data: &Dataset) -> anyhow::Result<Vec<Labelled>> {
    let ids = encoder.ids(&data.texts())?;
    Ok(ids
        .into_iter()
        .zip(&data.examples)
        .filter_map(|(ids, row)| {
            Some(Labelled {
                ids,
                label: row.label?,
            })
        })
        .collect())
}
