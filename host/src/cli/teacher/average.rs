//! `thimble teacher average`.

use std::path::PathBuf;

use crate::cli::UsageError;
use crate::cli::common::Common;
use crate::teacher::BertTeacher;

/// Arguments of `thimble teacher average`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  thimble teacher average --teacher seed-1 --teacher seed-2 --out mean

Fine-tunings that started from the same weights often lie in one basin, where their mean is better than each of them
(Wortsman et al. 2022, https://arxiv.org/abs/2203.05482). Choose on a dev set, with `thimble eval --teacher`.")]
pub(super) struct Args {
    /// Hugging Face folder of a fine-tuned BERT; two or more, of the same shape
    #[arg(long, value_name = "FOLDER", required = true)]
    teacher: Vec<PathBuf>,
    /// Folder for the mean
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

/// Writes the mean of the weights of some teachers.
///
/// # Errors
/// A teacher can't be read or has another shape, or the folder can't be written.
pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    if args.teacher.len() < 2 {
        return Err(UsageError("--teacher: two folders or more are expected".to_owned()).into());
    }
    BertTeacher::average(&args.teacher, &args.out)?;
    common.note(format!("written to {}", args.out.display()));
    Ok(())
}
