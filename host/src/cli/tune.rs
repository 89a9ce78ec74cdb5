//! `thimble tune`: the best student under a budget, found by itself.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::common::{Common, DeviceArgs, MicroBatchArgs, ReadArgs, SeedArgs};
use super::distill::{BudgetArgs, Content, SourceArgs, label_by_teacher, prepare};
use super::output::{self, Table, percent, thousands};
use super::{UsageError, interrupt, progress, run_folder};
use crate::distill::{Event, Hyperparameters, Rows, Shape};
use crate::student::train::TrainConfig;
use crate::tune::{self, Outcome, Trial, TuneEvent, TunePlan, Tuned};

/// Arguments of `thimble tune`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  thimble tune --max-flash 96K --max-ram 4K
  thimble tune --data tickets.csv --teacher tickets-teacher --max-flash 48K --time 2h
  thimble tune --data topics.tsv --labels-only --time 10m --json

The folder holds the best student so far as model.thimble and all trials in trials.json. Ctrl-C ends the search with what it has; the
same command goes on from there. The dev set chooses among the trials, so its figures flatter: judge the winner on other texts
with `thimble eval`.")]
pub struct Args {
    #[command(flatten)]
    sources: SourceArgs,
    #[command(flatten)]
    budget: BudgetArgs,
    /// Time for all trainings together, such as 90s, 30m or 2h; labelling by the teacher comes on top
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "30m")]
    time: Duration,
    /// Folder of the search [default: runs/NAME-tune-BYTES-seed-N after the data]
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
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

/// Which search lies in a folder: another one must not be mixed with it.
#[derive(Serialize)]
struct Manifest<'a> {
    thimble: &'a str,
    tune: &'a TunePlan,
    labels: &'a [String],
    teacher: Option<&'a str>,
    train: Content,
    dev: Content,
    transfer: Content,
}

/// Searches.
///
/// # Errors
/// Data, teacher or folder can't be used, or no student fits.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    if args.time.is_zero() {
        return Err(UsageError("--time 0s: a time above 0 is expected".to_owned()).into());
    }
    let device = args.device.open()?;
    let (mut task, mut teacher) =
        prepare(&args.sources, &args.read, &args.device, &args.seed, common)?;
    if task.dev.labelled() == 0 {
        label_by_teacher(&mut task.dev, teacher.as_deref_mut(), common)?;
    }
    let budget = args.budget.budget();
    let folder = args.out.clone().unwrap_or_else(|| {
        let name = args.sources.name();
        Path::new("runs").join(format!(
            "{name}-tune-{}-seed-{}",
            budget.flash, args.seed.seed
        ))
    });
    let defaults = Hyperparameters::of(task.train.len() + task.transfer.len());
    let plan = TunePlan {
        budget,
        train: TrainConfig {
            micro_batch: args.micro_batch.most(),
            seed: args.seed.seed,
            learning_rate: defaults.learning_rate,
            dropout: defaults.dropout,
            ..TrainConfig::default()
        },
        time: args.time,
        targets: folder
            .parent()
            .unwrap_or(Path::new(""))
            .join("soft-targets"),
        folder,
    };
    let manifest = Manifest {
        thimble: env!("CARGO_PKG_VERSION"),
        tune: &plan,
        labels: &task.dev.labels,
        teacher: teacher.as_deref().map(|teacher| teacher.digest()),
        train: Content::of(&task.train),
        dev: Content::of(&task.dev),
        transfer: Content::of(&task.transfer),
    };
    run_folder::begin(&plan.folder, &manifest)?;

    let mut show = Show::new(common);
    interrupt::listen();
    let tuned = tune::tune(
        &plan,
        &task,
        teacher.as_deref_mut(),
        &device,
        &mut |event| {
            show.event(event);
            interrupt::go_on()
        },
    );
    show.end();
    if tuned.is_err() && interrupt::was_asked() && show.best.is_some() {
        common.note(format!(
            "the best student so far is {}",
            plan.folder.join("model.thimble").display()
        ));
    }
    let tuned = tuned?;
    let mut out = output::stdout();
    match args.json {
        true => output::json(&mut out, &tuned)?,
        false => print(&mut out, &tuned, task.dev.len())?,
    }
    out.flush()?;
    Ok(())
}

/// What a person sees on the way.
struct Show<'a> {
    common: &'a Common,
    bar: Option<indicatif::ProgressBar>,
    number: usize,
    best: Option<usize>,
}

impl<'a> Show<'a> {
    fn new(common: &'a Common) -> Self {
        Self {
            common,
            bar: None,
            number: 0,
            best: None,
        }
    }

    fn event(&mut self, event: TuneEvent<'_>) {
        match event {
            TuneEvent::Begin(number, shape, epochs) => {
                self.end();
                self.number = number;
                self.common.note(format!(
                    "trial {number}: {}, {epochs:.2} passes",
                    describe(&shape)
                ));
            }
            TuneEvent::Within(Event::Label { done, all }) => self.advance("labelling", done, all),
            TuneEvent::Within(Event::Train(state)) => {
                self.advance("training", state.step, state.steps);
            }
            TuneEvent::Within(Event::Sizes { .. } | Event::Judge) => self.end(),
            TuneEvent::End(trial, is_best) => {
                self.end();
                if is_best {
                    self.best = Some(self.number);
                }
                self.common.note(match &trial.outcome {
                    Outcome::Student(figures) => format!(
                        "  log loss {:.4}, dev accuracy {}, {} bytes, {:.0} s{}",
                        figures.log_loss,
                        percent(figures.accuracy),
                        thousands(figures.file_bytes as u64),
                        trial.seconds,
                        if is_best { ": the best so far" } else { "" }
                    ),
                    Outcome::TooLarge(reason) => format!("  {reason}"),
                });
            }
        }
    }

    fn advance(&mut self, name: &'static str, done: usize, all: usize) {
        let common = self.common;
        let bar = self
            .bar
            .get_or_insert_with(|| progress::bar(common, name, all));
        bar.set_position(done as u64);
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn describe(shape: &Shape) -> String {
    let rows = match shape.rows {
        Rows::Int4 => "4 bits each".to_owned(),
        Rows::Codes(codes) => format!("{codes} codes"),
    };
    format!(
        "{} values in {rows}, {} convolutions of kernel {}{} with {:.0} % of the flash",
        shape.embedding,
        shape.layers,
        shape.kernel,
        if shape.dilated { ", dilated," } else { "" },
        100.0 * shape.share
    )
}

fn print(out: &mut impl Write, tuned: &Tuned, dev: usize) -> anyhow::Result<()> {
    let mut table = Table::new(&["", "<", "", "", "", "", "", ""]);
    table.row(
        [
            "trial", "sizes", "passes", "seconds", "log loss", "accuracy", "bytes", "RAM",
        ]
        .map(str::to_owned),
    );
    for (number, trial) in tuned.trials.iter().enumerate() {
        table.row(row(number, trial, number == tuned.best));
    }
    writeln!(
        out,
        "{} trials, judged on {} texts:",
        tuned.trials.len(),
        thousands(dev as u64)
    )?;
    table.print(out, "  ")?;
    writeln!(out, "the best: {}", tuned.model.display())?;
    Ok(())
}

fn row(number: usize, trial: &Trial, is_best: bool) -> [String; 8] {
    let sign = if is_best { "*" } else { "" };
    let [loss, accuracy, bytes, ram] = match &trial.outcome {
        Outcome::Student(figures) => [
            format!("{:.4}", figures.log_loss),
            percent(figures.accuracy),
            thousands(figures.file_bytes as u64),
            thousands(figures.ram_bytes as u64),
        ],
        Outcome::TooLarge(_) => ["too large", "", "", ""].map(str::to_owned),
    };
    [
        format!("{sign}{number}"),
        describe(&trial.shape),
        format!("{:.2}", trial.epochs),
        format!("{:.0}", trial.seconds),
        loss,
        accuracy,
        bytes,
        ram,
    ]
}
