//! `thimble distill`: the main job, from texts to a verified model file.

mod budget_args;
mod recipe;
mod sources;
mod stages;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;

use super::common::{self, Common, DeviceArgs, MicroBatchArgs, ReadArgs, SeedArgs};
use super::output::{self, Table, percent, thousands};
use super::{UsageError, interrupt, run_folder};
use crate::data::Dataset;
use crate::distill::{self, Hyperparameters, Plan, Report, Task};
use crate::files;
use crate::student::train::TrainConfig;
use crate::student::{LossConfig, SoftLoss, StudentConfig};
use crate::teacher::Teacher;
use recipe::Recipe;
use stages::Stages;

pub(super) use budget_args::BudgetArgs;
pub(super) use sources::{SourceArgs, label_by_teacher, prepare};

/// Arguments of `thimble distill`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  thimble distill
  thimble distill --data reviews.csv --unlabeled more.txt --max-flash 128K --out runs/reviews
  thimble distill --data tickets.csv --teacher tickets-teacher
  thimble distill --data topics.tsv --labels-only --seed 2 --json
  thimble distill --recipe reviews.toml --seed 3

A killed run goes on where it was when the same command is given again. The run folder holds the model file, config.toml,
manifest.json, metrics.csv and report.json. Soft targets lie in soft-targets beside it and serve other runs too.")]
pub struct Args {
    /// A file that says all of the run but its seed: texts and teacher by path and digest, sizes, training
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "dev", "unlabeled", "teacher", "labels_only", "config", "max_flash", "max_ram", "epochs", "batch_size", "learning_rate", "dropout", "alpha", "loss", "temperature"])]
    recipe: Option<PathBuf>,
    #[command(flatten)]
    sources: SourceArgs,
    /// Sizes of the student, a TOML file [default: sizes that suit --max-flash and --max-ram]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the run [default: runs/NAME-seed-N after the data]
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
    #[command(flatten)]
    budget: BudgetArgs,
    /// Passes over the texts [default: 4 to 60, more over few texts]
    #[arg(long)]
    epochs: Option<f64>,
    /// Texts a step
    #[arg(long, default_value_t = TrainConfig::default().batch_size)]
    batch_size: usize,
    /// Highest learning rate [default: 0.002, over many texts 0.004]
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Probability of dropping a value of an embedding while learning, 0 to below 1 [default: 0.2, over many texts 0.05]
    #[arg(long)]
    dropout: Option<f64>,
    /// Weight of the labels beside the teacher, 0 to 1
    #[arg(long, default_value_t = LossConfig::default().alpha)]
    alpha: f64,
    /// How the student is compared with the teacher
    #[arg(long, value_enum, default_value_t = LossConfig::default().soft)]
    loss: SoftLoss,
    /// Temperature of --loss kl
    #[arg(long, default_value_t = LossConfig::default().temperature)]
    temperature: f64,
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

/// Share of right answers on the dev set below which a teacher is worth a warning.
const POOR_TEACHER: f64 = 0.7;

/// Which run lies in a folder: another one must not be mixed with it.
#[derive(Serialize)]
struct Manifest<'a> {
    thimble: &'a str,
    plan: &'a Plan,
    labels: &'a [String],
    teacher: Option<&'a str>,
    train: Content,
    dev: Content,
    transfer: Content,
}

#[derive(Serialize)]
pub(super) struct Content {
    rows: usize,
    labelled: usize,
    digest: String,
}

impl Content {
    pub(super) fn of(data: &Dataset) -> Self {
        Self {
            rows: data.len(),
            labelled: data.labelled(),
            digest: data.digest(),
        }
    }
}

/// Distils.
///
/// # Errors
/// Data, teacher, sizes or run folder can't be used.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    let recipe = match &args.recipe {
        Some(path) => Some((path, Recipe::read(path)?)),
        None => None,
    };
    let args = &match &recipe {
        Some((path, recipe)) => recipe.arguments(path, args)?,
        None => args.clone(),
    };
    let train_config = train_config(args)?;
    let device = args.device.open()?;
    let (mut task, mut teacher) =
        prepare(&args.sources, &args.read, &args.device, &args.seed, common)?;
    if let Some((path, recipe)) = &recipe {
        recipe.check_teacher(path, teacher.as_deref())?;
    }
    if task.dev.labelled() == 0 {
        label_by_teacher(&mut task.dev, teacher.as_deref_mut(), common)?;
    }
    let rows = task.train.len() + task.transfer.len();
    let budget = args.budget.budget();
    let own_sizes = recipe.and_then(|(_, recipe)| recipe.student);
    let adapt = args.config.is_none() && own_sizes.is_none();
    let student = match (own_sizes, &args.config) {
        (Some(student), _) => student,
        (None, Some(path)) => {
            let text = String::from_utf8(common::read_file(path)?)
                .with_context(|| format!("{} is no text", path.display()))?;
            StudentConfig::from_toml(&text).with_context(|| path.display().to_string())?
        }
        (None, None) => distill::shape_for(budget).sizes(budget),
    };
    let folder = args.out.clone().unwrap_or_else(|| default_folder(args));
    let targets = folder
        .parent()
        .unwrap_or(Path::new(""))
        .join("soft-targets");
    let defaults = Hyperparameters::of(rows);
    let train = TrainConfig {
        epochs: args.epochs.unwrap_or(defaults.epochs),
        learning_rate: args.learning_rate.unwrap_or(defaults.learning_rate),
        dropout: args.dropout.unwrap_or(defaults.dropout),
        ..train_config
    };
    let plan = Plan {
        student,
        train,
        budget,
        adapt,
        folder,
        targets,
    };
    begin(&plan, &task, teacher.as_deref())?;

    let mut stages = Stages::new(common, &plan);
    interrupt::listen();
    let report = distill::distill(
        &plan,
        &task,
        teacher.as_deref_mut(),
        &device,
        &mut |event| {
            stages.show(event);
            interrupt::go_on()
        },
    )?;
    stages.end();
    let path = plan.folder.join("report.json");
    files::write_whole(&path, &serde_json::to_vec_pretty(&report)?)?;
    let known = report
        .teacher
        .as_ref()
        .and_then(|teacher| teacher.teacher_accuracy);
    if let Some(accuracy) = known.filter(|&accuracy| accuracy < POOR_TEACHER) {
        common.warn(format!(
            "the teacher is right on only {} of these texts, and the student follows it; fine-tune one on them with `thimble teacher train`, or learn with --labels-only",
            percent(accuracy)
        ));
    }
    let mut out = output::stdout();
    match args.json {
        true => output::json(&mut out, &report)?,
        false => print(&mut out, &report, &task)?,
    }
    out.flush()?;
    Ok(())
}

fn train_config(args: &Args) -> Result<TrainConfig, UsageError> {
    let check = |is_right: bool, name: &str, value: &dyn std::fmt::Display, expected: &str| {
        match is_right {
            true => Ok(()),
            false => Err(UsageError(format!(
                "--{name} {value}: {expected} is expected"
            ))),
        }
    };
    let positive = |value: f64| value.is_finite() && value > 0.0;
    if let Some(epochs) = args.epochs {
        check(positive(epochs), "epochs", &epochs, "a number above 0")?;
    }
    if let Some(rate) = args.learning_rate {
        check(positive(rate), "learning-rate", &rate, "a number above 0")?;
    }
    if let Some(dropout) = args.dropout {
        let is_share = (0.0..1.0).contains(&dropout);
        check(is_share, "dropout", &dropout, "a number from 0 to below 1")?;
    }
    check(
        positive(args.temperature),
        "temperature",
        &args.temperature,
        "a number above 0",
    )?;
    check(
        (0.0..=1.0).contains(&args.alpha),
        "alpha",
        &args.alpha,
        "a number from 0 to 1",
    )?;
    check(
        args.batch_size > 0,
        "batch-size",
        &args.batch_size,
        "at least 1",
    )?;
    Ok(TrainConfig {
        batch_size: args.batch_size,
        micro_batch: args.micro_batch.most(),
        seed: args.seed.seed,
        loss: LossConfig {
            alpha: args.alpha,
            soft: args.loss,
            temperature: args.temperature,
        },
        ..TrainConfig::default()
    })
}

fn default_folder(args: &Args) -> PathBuf {
    Path::new("runs").join(format!("{}-seed-{}", args.sources.name(), args.seed.seed))
}

/// Makes the run folder, or finds the same run in it.
fn begin(plan: &Plan, task: &Task, teacher: Option<&dyn Teacher>) -> anyhow::Result<()> {
    let manifest = Manifest {
        thimble: env!("CARGO_PKG_VERSION"),
        plan,
        labels: &task.dev.labels,
        teacher: teacher.map(|teacher| teacher.digest()),
        train: Content::of(&task.train),
        dev: Content::of(&task.dev),
        transfer: Content::of(&task.transfer),
    };
    if run_folder::begin(&plan.folder, &manifest)? {
        let sizes = toml::to_string(&plan.student)?;
        files::write_whole(&plan.folder.join("config.toml"), sizes.as_bytes())?;
    }
    Ok(())
}

fn print(out: &mut impl Write, report: &Report, task: &Task) -> anyhow::Result<()> {
    let mut table = Table::new(&["<", ""]);
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    if let Some(accuracy) = report
        .teacher
        .as_ref()
        .and_then(|teacher| teacher.teacher_accuracy)
    {
        row("teacher, dev accuracy", percent(accuracy));
    }
    row("student in floats", percent(report.float_accuracy));
    row("student in integers", percent(report.int8.accuracy));
    row("macro F1", percent(report.int8.macro_f1));
    row("calibration error (ECE)", percent(report.int8.ece));
    row(
        "integers agree with floats",
        percent(report.float_to_int8.agreement),
    );
    row(
        "largest difference of a logit",
        format!("{:.4}", report.float_to_int8.largest_logit_difference),
    );
    if let Some(teacher) = &report.teacher {
        row("agreement with the teacher", percent(teacher.agreement));
        row(
            "squared error of a logit, to the teacher's",
            format!("{:.4}", teacher.squared_error),
        );
    }
    row(
        "model file",
        format!("{} bytes", thousands(report.file_bytes as u64)),
    );
    row(
        "RAM of a session",
        format!("{} bytes", thousands(report.ram_bytes as u64)),
    );
    row(
        "golden vectors verified",
        thousands(report.verified.vectors as u64),
    );
    writeln!(
        out,
        "{}, judged on {} texts:",
        report.model.display(),
        thousands(task.dev.len() as u64)
    )?;
    table.print(out, "  ")?;
    let example = task
        .dev
        .examples
        .first()
        .map_or("", |example| example.text.trim());
    writeln!(
        out,
        "next: thimble classify --model {} {:?}",
        report.model.display(),
        output::printable(example)
    )?;
    Ok(())
}
