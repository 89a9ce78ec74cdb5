//! `thimble write`: another model onto a board that runs the image.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;

use super::common::Common;
use super::model::ModelFile;
use super::output;
use super::progress;
use super::target::{self, ImageArgs};
use crate::target::Place;

/// Arguments of `thimble write`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble write run/model.thimble --target serial:/dev/ttyACM0

The new model is written beside the present one, which stays until the new one is complete and sound. Where there is no room
for both, --replace writes over the present one: a board that loses its power meanwhile starts without a model.")]
pub struct Args {
    /// Model file
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The board: serial:PORT or serial:PORT@BAUD
    #[arg(long, value_name = "TARGET")]
    target: Place,
    /// Write over the present model if there is no room beside it
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    image: ImageArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer {
    model: PathBuf,
    digest: String,
    target: String,
    board: String,
    offset: u32,
    bytes: u32,
}

/// Writes the model.
///
/// # Errors
/// An unusable model; a board that is not there, cannot be written, or has no room.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    let file = ModelFile::open(&args.model)?;
    let model = file.parse()?;
    let mut target = target::open(&args.target, None, &args.image, false)?;
    let bar = progress::bar(common, "bytes", model.bytes().len());
    target
        .write(&model, args.replace, |done| bar.set_position(done as u64))
        .with_context(|| format!("{} is not written", file.path.display()))?;
    bar.finish_and_clear();
    target::expect_model(&mut target, &file, &model)?;
    let there = target.model()?.clone();
    let mut out = output::stdout();
    if args.json {
        let answer = Answer {
            model: file.path.clone(),
            digest: file.digest(),
            target: args.target.to_string(),
            board: target.about().board.clone(),
            offset: there.offset,
            bytes: there.bytes,
        };
        output::json(&mut out, &answer)?;
    } else {
        writeln!(
            out,
            "{}: written to {}, {} bytes from {:#x} of its partition on",
            file.path.display(),
            target.about().board,
            output::thousands(there.bytes),
            there.offset
        )?;
    }
    out.flush()?;
    Ok(())
}
