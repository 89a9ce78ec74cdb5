//! Options that several subcommands share.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use burn::tensor::Device;
use clap::ValueEnum;

use crate::data::{self, Dataset, Format, ReadOptions};
use crate::device;
use crate::teacher::{self, Math, Teacher};

/// Options of every subcommand.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Common {
    /// Print neither progress nor warnings
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

impl Common {
    /// Prints a line to standard error unless `--quiet` was given.
    pub fn note(&self, line: impl AsRef<str>) {
        if !self.quiet {
            // A closed standard error must not stop the work.
            let _ = writeln!(std::io::stderr(), "{}", line.as_ref());
        }
    }

    /// Prints a warning to standard error unless `--quiet` was given.
    pub fn warn(&self, line: impl AsRef<str>) {
        self.note(format!("warning: {}", line.as_ref()));
    }
}

/// Where tensors are computed, and how.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Device")]
pub struct DeviceArgs {
    /// Where to compute: cpu, wgpu, wgpu:1, cuda, cuda:1, ... or auto; `thimble devices` lists what there is
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    pub device: String,
    /// Number format of the teacher's matrix products
    #[arg(long, value_enum, default_value_t = Math::default())]
    pub math: Math,
}

impl DeviceArgs {
    /// The device that was asked for.
    ///
    /// # Errors
    /// An unknown name, a device that is not in this build, or one that does not start.
    pub fn open(&self) -> anyhow::Result<Device> {
        Ok(device::open(&self.device)?)
    }

    /// The teacher of a path, on the device that was asked for.
    ///
    /// # Errors
    /// Those of [`DeviceArgs::open`] and [`teacher::open`].
    pub fn teacher(&self, path: &Path) -> anyhow::Result<Box<dyn Teacher>> {
        Ok(teacher::open(path, &self.open()?, self.math)?)
    }
}

/// The most texts computed at once.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Device")]
pub struct MicroBatchArgs {
    /// Compute at most so many texts of a batch at once and add up their gradients [default: the batch, halved whenever the device's memory is full]
    #[arg(long, value_name = "TEXTS", value_parser = clap::value_parser!(u32).range(1..))]
    pub micro_batch: Option<u32>,
}

impl MicroBatchArgs {
    /// The same as a number for a training.
    pub fn most(&self) -> Option<usize> {
        self.micro_batch.map(|most| most as usize)
    }
}

/// Says that a training computes less at once than before, as the device's memory was full.
#[derive(Debug)]
pub(super) struct MemoryNote {
    known: usize,
}

impl MemoryNote {
    /// For a training that starts with batches of `batch_size`, or with parts of at most `micro_batch`.
    pub(super) fn new(batch_size: usize, micro_batch: Option<usize>) -> Self {
        Self {
            known: micro_batch.unwrap_or(batch_size).min(batch_size),
        }
    }

    /// The line to show, if there is a new one.
    pub(super) fn line(&mut self, micro_batch: usize) -> Option<String> {
        let before = std::mem::replace(&mut self.known, micro_batch);
        (micro_batch < before).then(|| {
            format!(
                "the device's memory is full: going on from the last checkpoint with {micro_batch} texts at once, gradients added up (--micro-batch {micro_batch})"
            )
        })
    }
}

/// The start of all chance.
#[derive(Debug, Clone, clap::Args)]
pub struct SeedArgs {
    /// Start of the random numbers; the same seed gives the same result
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
}

/// How to read a data file.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Data file")]
pub struct ReadArgs {
    /// Column that holds the text [default: text, sentence, review, ... whichever exists]
    #[arg(long, value_name = "NAME")]
    pub text_column: Option<String>,
    /// Column that holds the label [default: label, sentiment, class, ... whichever exists]
    #[arg(long, value_name = "NAME")]
    pub label_column: Option<String>,
    /// Format of the file [default: by its extension]
    #[arg(long, value_name = "FORMAT")]
    pub input_format: Option<InputFormat>,
    /// Take the label OLD of the file for NEW, for example 1=positive (repeatable)
    #[arg(long, value_name = "OLD=NEW", value_parser = renaming)]
    pub map_label: Vec<(String, String)>,
}

impl ReadArgs {
    /// The same as options of [`data::read`]; `labels` in their order if they are known.
    pub fn options(&self, labels: Option<Vec<String>>) -> ReadOptions {
        ReadOptions {
            text_column: self.text_column.clone(),
            label_column: self.label_column.clone(),
            labels,
            rename_labels: self.map_label.clone(),
            format: self.input_format.map(Format::from),
            texts_only: false,
        }
    }

    /// Reads a data file and passes its warnings on.
    ///
    /// # Errors
    /// Those of [`data::read`].
    pub fn read(
        &self,
        path: &Path,
        labels: Option<Vec<String>>,
        common: &Common,
    ) -> anyhow::Result<Dataset> {
        let data = data::read(path, &self.options(labels))?;
        if !common.quiet {
            for warning in data.report().warnings() {
                common.warn(format!("{}: {warning}", path.display()));
            }
        }
        Ok(data)
    }
}

/// Formats by the names that the command line knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// Tab separated, header line, quotes are text
    Tsv,
    /// Comma separated, header line, quoting
    Csv,
    /// One JSON object a line
    Jsonl,
    /// One text a line
    Txt,
}

impl From<InputFormat> for Format {
    fn from(format: InputFormat) -> Self {
        match format {
            InputFormat::Tsv => Self::Tsv,
            InputFormat::Csv => Self::Csv,
            InputFormat::Jsonl => Self::JsonLines,
            InputFormat::Txt => Self::PlainText,
        }
    }
}

fn renaming(argument: &str) -> Result<(String, String), String> {
    match argument.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => {
            Ok((old.to_owned(), new.to_owned()))
        }
        _ => Err("expected OLD=NEW, for example 1=positive".to_owned()),
    }
}

/// A file of the folder `models` that comes with Thimble: below the current folder, else where the program was built.
pub fn shipped(name: &str) -> PathBuf {
    let here = Path::new("models").join(name);
    let built = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../models")
        .join(name);
    if !here.exists() && built.exists() {
        built.canonicalize().unwrap_or(built)
    } else {
        here
    }
}

/// Reads a whole file, with its name in the error.
pub(super) fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path.is_dir() {
        anyhow::bail!("{} is a folder; name a file in it", path.display());
    }
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// The teacher that comes with Thimble, as a name for [`shipped`].
pub const TEACHER: &str = "teacher-sst2-minilm";

#[cfg(test)]
mod tests {
    use super::MemoryNote;

    #[test]
    fn less_at_once_is_told_once_also_when_the_first_step_asked_for_it() {
        let mut note = MemoryNote::new(128, None);
        assert!(
            note.line(32)
                .is_some_and(|line| line.contains("--micro-batch 32"))
        );
        assert_eq!(note.line(32), None);
        assert!(note.line(16).is_some());
        assert_eq!(MemoryNote::new(128, Some(8)).line(8), None);
        assert_eq!(MemoryNote::new(4, Some(8)).line(4), None);
    }
}
