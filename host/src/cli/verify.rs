//! `thimble verify`: whether a model's golden vectors, and other texts, come out bit for bit, here or on a board.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;
use thimble_shared::format::Model;

use super::common::Common;
use super::model::ModelFile;
use super::progress;
use super::target::{self, ImageArgs};
use super::texts::TextFileArgs;
use super::{UsageError, output};
use crate::eval::{self, Verified};
use crate::target::{Place, Replayed, replay};

/// Arguments of `thimble verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble verify models/sentiment-en/224k.thimble
  thimble verify models/sentiment-en/224k.thimble --target qemu:microbit
  thimble verify models/sentiment-en/224k.thimble --target qemu:mps2-an386 --file models/data/sst2.dev.tsv
  thimble verify run/model.thimble --target serial:/dev/ttyACM0 --json")]
pub struct Args {
    /// Model file
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Where to replay: host (the engine in this program), qemu:BOARD or serial:PORT[@BAUD]
    #[arg(long, value_name = "TARGET", default_value = "host")]
    target: Place,
    #[command(flatten)]
    texts: TextFileArgs,
    #[command(flatten)]
    image: ImageArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer<'a, T: Serialize> {
    model: &'a PathBuf,
    digest: String,
    target: String,
    verified: bool,
    #[serde(flatten)]
    counts: T,
}

#[derive(Serialize)]
struct OnBoard {
    board: String,
    firmware: String,
    #[serde(flatten)]
    counts: Replayed,
    seconds: f64,
    ram_bytes: u32,
    static_bytes: u32,
    stack_peak_bytes: u32,
    defects: u32,
}

/// Replays golden vectors and texts.
///
/// # Errors
/// An unusable model, a target that is not there, nothing to replay, or the first difference with both sides.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    let file = ModelFile::open(&args.model)?;
    let model = file.parse()?;
    let not_verified = || format!("{} is NOT verified on {}", file.path.display(), args.target);
    if args.target == Place::Host {
        if !args.texts.read()?.is_empty() {
            return Err(UsageError(
                "--file wants a board: --target qemu:BOARD or serial:PORT".to_owned(),
            )
            .into());
        }
        let counts = eval::verify(&model).with_context(not_verified)?;
        return print_host(args, &file, counts);
    }
    let board = on_board(args, common, &file, &model).with_context(not_verified)?;
    let mut out = output::stdout();
    if args.json {
        output::json(&mut out, &answer(args, &file, board))?;
    } else {
        let counts = &board.counts;
        writeln!(
            out,
            "{}: verified on {} ({} {}); {} golden vectors by the board itself, the same and {} texts sent to it, {} tokens, ids, {} logits and {} probabilities all equal bit for bit
RAM: {} bytes of variables, {} of stack at most, {} there are; {:.1} s of the board's time",
            file.path.display(),
            args.target,
            board.board,
            board.firmware,
            counts.self_tests,
            output::thousands(counts.texts as u64),
            output::thousands(counts.tokens),
            output::thousands(counts.logits),
            output::thousands(counts.probabilities),
            output::thousands(board.static_bytes),
            output::thousands(board.stack_peak_bytes),
            output::thousands(board.ram_bytes),
            board.seconds,
        )?;
    }
    out.flush()?;
    Ok(())
}

fn on_board(
    args: &Args,
    common: &Common,
    file: &ModelFile,
    model: &Model<'_>,
) -> anyhow::Result<OnBoard> {
    let texts = args.texts.read()?;
    let mut target = target::open(&args.target, Some(model), &args.image, false)?;
    target::expect_model(&mut target, file, model)?;
    let bar = progress::bar(common, "texts", model.golden().count() + texts.len());
    let counts = replay(&mut target, model, &texts, |done| {
        bar.set_position(done as u64)
    })?;
    bar.finish_and_clear();
    let memory = target.memory()?;
    anyhow::ensure!(
        memory.defects == 0,
        "the board met {} defects of its image and started anew; please report this",
        memory.defects
    );
    let about = target.about();
    Ok(OnBoard {
        board: about.board.clone(),
        firmware: about.firmware.clone(),
        seconds: counts.ticks as f64 / f64::from(about.ticks_per_second),
        counts,
        ram_bytes: memory.ram,
        static_bytes: memory.statics,
        stack_peak_bytes: memory.stack_peak,
        defects: memory.defects,
    })
}

fn answer<'a, T: Serialize>(args: &'a Args, file: &ModelFile, counts: T) -> Answer<'a, T> {
    Answer {
        model: &args.model,
        digest: file.digest(),
        target: args.target.to_string(),
        verified: true,
        counts,
    }
}

fn print_host(args: &Args, file: &ModelFile, counts: Verified) -> anyhow::Result<()> {
    let mut out = output::stdout();
    if args.json {
        output::json(&mut out, &answer(args, file, counts))?;
    } else {
        writeln!(
            out,
            "{}: verified on host; {} golden vectors, {} runs (whole, byte by byte, cut in two), {} logits, all equal bit for bit",
            file.path.display(),
            counts.vectors,
            output::thousands(counts.runs),
            output::thousands(counts.logits)
        )?;
    }
    out.flush()?;
    Ok(())
}
