//! The command line: one module a subcommand, each with its `Args` and its `run`.
//!
//! Results go to standard output, with `--json` as one JSON object (`classify` and `tokenize`: one a line); progress,
//! warnings and errors go to standard error. The exit code is 0 if the work was done, 1 if it failed, 2 if the command
//! line makes no sense, 130 if Ctrl-C stopped it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod bench;
pub mod classify;
pub mod common;
pub mod data;
pub mod devices;
pub mod distill;
pub mod eval;
pub mod export;
pub mod firmware;
pub mod inspect;
mod interrupt;
mod model;
mod output;
mod progress;
mod run_folder;
mod target;
pub mod teacher;
mod texts;
pub mod tokenize;
pub mod tune;
pub mod verify;
pub mod write;

use common::Common;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "thimble",
    version,
    about = "Distils a BERT text classifier into a tiny integer CNN that reads text of any length on a microcontroller",
    arg_required_else_help = true,
    propagate_version = true,
    after_help = "Examples:
  thimble classify \"a gorgeous, witty, seductive movie\"
  thimble distill
  thimble distill --data reviews.csv --unlabeled more.txt --max-flash 128K
  thimble inspect models/sentiment-en/224k.thimble"
)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what a model thinks of texts
    Classify(classify::Args),
    /// Make a model: teacher, student, integers, proof, in one go
    Distill(distill::Args),
    /// Find the best student under a budget by itself
    Tune(tune::Args),
    /// Measure a model on labelled texts
    Eval(eval::Args),
    /// Show where a model's bytes go, what memory and work it takes
    Inspect(inspect::Args),
    /// Replay a model's golden vectors and other texts, here or on a board, bit for bit
    Verify(verify::Args),
    /// Make the file that puts the image of a board and a model onto it
    Firmware(firmware::Args),
    /// Put another model onto a board that runs the image
    Write(write::Args),
    /// Show the tokens that a model sees
    Tokenize(tokenize::Args),
    /// Write a model's parts in the formats of others
    Export(export::Args),
    /// Check a data file: rows, classes, duplicates, conflicting labels, overlap with another file
    Data(data::Args),
    /// List what can compute here: processor, graphics cards
    Devices(devices::Args),
    /// Measure how fast this machine trains
    Bench(bench::Args),
    /// Fine-tune a BERT, write its soft targets, average and pack it
    Teacher(teacher::Args),
}

/// Parses the command line of this process; prints help or a usage error and exits (0 or 2) where that is all there is
/// to do.
pub fn parse() -> Cli {
    Cli::parse()
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Whatever went wrong, with the file and the remedy in its chain of causes.
    pub fn run(&self) -> anyhow::Result<()> {
        match &self.command {
            Command::Classify(args) => classify::run(args, &self.common),
            Command::Distill(args) => distill::run(args, &self.common),
            Command::Tune(args) => tune::run(args, &self.common),
            Command::Eval(args) => eval::run(args, &self.common),
            Command::Inspect(args) => inspect::run(args, &self.common),
            Command::Verify(args) => verify::run(args, &self.common),
            Command::Firmware(args) => firmware::run(args, &self.common),
            Command::Write(args) => write::run(args, &self.common),
            Command::Tokenize(args) => tokenize::run(args, &self.common),
            Command::Export(args) => export::run(args, &self.common),
            Command::Data(args) => data::run(args, &self.common),
            Command::Devices(args) => devices::run(args, &self.common),
            Command::Bench(args) => bench::run(args, &self.common),
            Command::Teacher(args) => teacher::run(args, &self.common),
        }
    }
}

/// A command line that parses and still makes no sense; exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// The exit code for an error: 130 after Ctrl-C, 2 for a [`UsageError`], else 1.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(match error.is::<UsageError>() {
        _ if interrupt::was_asked() => 130,
        true => 2,
        false => 1,
    })
}

/// Whether Ctrl-C has asked the program to stop.
pub fn was_interrupted() -> bool {
    interrupt::was_asked()
}

/// Whether the error is that nobody reads the output any more.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind);
        let json = cause
            .downcast_ref::<serde_json::Error>()
            .and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(std::io::ErrorKind::BrokenPipe)
    })
}
