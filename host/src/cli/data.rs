//! `thimble data`: what a data file holds and what is wrong with it.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::common::{Common, ReadArgs};
use super::output;
use crate::data::overlap::{self, Overlap};
use crate::data::{self, DatasetReport};

/// Arguments of `thimble data`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble data reviews.csv
  thimble data train.tsv --against dev.tsv
  thimble data tweets.jsonl.zst --text-column body --label-column mood --json")]
pub struct Args {
    /// TSV, CSV, JSON Lines or plain text, also .zst or .gz
    file: PathBuf,
    /// Count the texts that this file holds as well
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Serialize)]
struct Answer {
    file: PathBuf,
    labels: Vec<String>,
    digest: String,
    #[serde(flatten)]
    report: DatasetReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    overlap: Option<Overlap>,
}

/// Reads the file and prints its report.
///
/// # Errors
/// A file that cannot be used.
pub fn run(args: &Args, _common: &Common) -> anyhow::Result<()> {
    let data = data::read(&args.file, &args.read.options(None))?;
    let overlap = match &args.against {
        Some(path) => Some(overlap::between(
            &data,
            &data::read(path, &args.read.options(None))?,
        )),
        None => None,
    };
    let answer = Answer {
        file: args.file.clone(),
        labels: data.labels.clone(),
        digest: data.digest(),
        report: data.report(),
        overlap,
    };
    let mut out = output::stdout();
    if args.json {
        output::json(&mut out, &answer)?;
    } else {
        writeln!(out, "{}: {}", args.file.display(), answer.report)?;
        for warning in answer.report.warnings() {
            writeln!(out, "  {warning}")?;
        }
        if let (Some(path), Some(overlap)) = (&args.against, &answer.overlap) {
            writeln!(
                out,
                "  rows whose text is also in {}: {}, which are {} of its rows",
                path.display(),
                overlap.train_rows,
                overlap.eval_rows
            )?;
        }
        writeln!(out, "  content sha256 {}", answer.digest)?;
    }
    out.flush()?;
    Ok(())
}
