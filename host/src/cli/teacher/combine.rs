//! `thimble teacher combine`.

use std::path::PathBuf;

use crate::cli::UsageError;
use crate::cli::common::Common;
use crate::cli::output::thousands;
use crate::teacher::combine;

/// Arguments of `thimble teacher combine`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  thimble teacher label --teacher small --data texts.txt --out small.jsonl
  thimble teacher label --teacher large --data hard-ones.txt --out large.jsonl
  thimble teacher combine --soft-targets small.jsonl --soft-targets large.jsonl --out both.jsonl
  thimble distill --data reviews.csv --teacher small --unlabeled both.jsonl

The mean of several teachers (an ensemble) is often a better teacher than each of them. Texts that a later file lacks keep the mean
of those that have them, so a large teacher need label only the texts that the small one is unsure of. `thimble distill` takes the result
as soft targets of the first teacher.")]
pub(super) struct Args {
    /// Soft targets of a teacher; two or more files, the first has all the texts
    #[arg(long, value_name = "FILE", required = true)]
    soft_targets: Vec<PathBuf>,
    /// File for the means
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write logits with so many decimals only, for a file that compresses well
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(0..=6))]
    decimals: Option<u32>,
}

/// Writes the mean of the logits of some teachers.
///
/// # Errors
/// A file can't be read or written, or files have other labels.
pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    if args.soft_targets.len() < 2 {
        return Err(UsageError("--soft-targets: two files or more are expected".to_owned()).into());
    }
    let combined = combine::combine(&args.soft_targets, &args.out, args.decimals)?;
    common.note(format!(
        "{} rows, {} of several teachers, in {}",
        thousands(combined.rows as u64),
        thousands(combined.by_several as u64),
        args.out.display()
    ));
    Ok(())
}
