//! `thimble verify`: whether a model's golden vectors come out bit for bit.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;

use super::common::Common;
use super::model::ModelFile;
use super::{UsageError, output};
use crate::eval::{self, Verified};

/// Arguments of `thimble verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble verify models/sentiment-en.thimble
  thimble verify run/model.thimble --target host --json")]
pub struct Args {
    /// Model file
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Where to replay: host (the engine in this program) is the one target that is supported
    #[arg(long, value_name = "TARGET", default_value = "host")]
    target: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    model: PathBuf,
    digest: String,
    target: &'a str,
    verified: bool,
    #[serde(flatten)]
    counts: Verified,
}

/// Replays the golden vectors.
///
/// # Errors
/// An unusable model, a target that is not supported, no vectors, or the first difference with both sides.
pub fn run(args: &Args, _common: &Common) -> anyhow::Result<()> {
    if args.target != "host" {
        return Err(
            UsageError(format!("unknown target {:?}; supported: host", args.target)).into(),
        );
    }
    let file = ModelFile::open(&args.model)?;
    let model = file.parse()?;
    let counts =
        eval::verify(&model).with_context(|| format!("{} is NOT verified", file.path.display()))?;
    let mut out = output::stdout();
    if args.json {
        let answer = Answer {
            model: file.path.clone(),
            digest: file.digest(),
            target: &args.target,
            verified: true,
            counts,
        };
        output::json(&mut out, &answer)?;
    } else {
        writeln!(
            out,
            "{}: verified on {}; {} golden vectors, {} runs (whole, byte by byte, cut in two), {} logits, all equal bit for bit",
            file.path.display(),
            args.target,
            counts.vectors,
            output::thousands(counts.runs),
            output::thousands(counts.logits)
        )?;
    }
    out.flush()?;
    Ok(())
}
