//! `thimble teacher label`.

use std::path::PathBuf;

use crate::cli::common::{self, Common, DeviceArgs, ReadArgs};
use crate::cli::{interrupt, progress};
use crate::teacher;

/// Arguments of `thimble teacher label`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble teacher label --data reviews.csv --out reviews.soft.jsonl
  thimble teacher label --teacher exported/model.onnx --data unlabelled.txt --out soft.jsonl

The output is JSON Lines, {\"text\": ..., \"label\": ..., \"logits\": [...]}, with FILE.meta.json beside it; `thimble distill`
takes it as --data. A killed run goes on where it was when the same command is given again.")]
pub(super) struct Args {
    /// Texts to label
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// File for the soft targets
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Hugging Face folder of a fine-tuned BERT, or an ONNX file with tokenizer.json and config.json beside it [default: the shipped teacher]
    #[arg(long, value_name = "PATH")]
    teacher: Option<PathBuf>,
    /// Write logits with so many decimals only, for a file that compresses well
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(0..=6))]
    decimals: Option<u32>,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    read: ReadArgs,
}

/// Writes the soft targets.
///
/// # Errors
/// Data or teacher can't be used, or the file can't be written.
pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    let path = args
        .teacher
        .clone()
        .unwrap_or_else(|| common::shipped(common::TEACHER));
    let mut teacher = args.device.teacher(&path)?;
    let data = args.read.read(&args.data, None, common)?;
    let bar = progress::bar(common, "labelling", data.len());
    interrupt::listen();
    teacher::label::label(
        teacher.as_mut(),
        &data,
        &args.out,
        args.decimals,
        &mut |done| {
            if bar.position() == 0 {
                bar.set_position(done as u64);
                bar.reset_eta();
            }
            bar.set_position(done as u64);
            interrupt::go_on()
        },
    )?;
    bar.finish_and_clear();
    common.note(format!(
        "{} rows with logits for {} in {}",
        data.len(),
        teacher.labels().join(", "),
        args.out.display()
    ));
    Ok(())
}
