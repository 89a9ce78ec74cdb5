//! `thimble teacher pack`.

use std::path::PathBuf;

use burn::tensor::Device;

use crate::cli::common::Common;
use crate::teacher::{BertTeacher, Math, Precision};

/// Arguments of `thimble teacher pack`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  thimble teacher pack --teacher tickets-teacher --out models/tickets-teacher")]
pub(super) struct Args {
    /// Hugging Face folder of a fine-tuned BERT
    #[arg(long, value_name = "FOLDER")]
    teacher: PathBuf,
    /// Folder for the packed teacher
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

/// Reads a teacher and writes it with int8 matrices.
///
/// # Errors
/// The teacher can't be read, or the folder can't be written.
pub(super) fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    let teacher = BertTeacher::read(&args.teacher, &Device::flex(), Math::F32)?;
    teacher.pack(&args.teacher, &args.out, Precision::Int8)?;
    common.note(format!("written to {}", args.out.display()));
    Ok(())
}
