//! `thimble bench`.

use std::io::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use super::common::{self, Common, DeviceArgs};
use super::output::{self, percent};
use crate::device;
use crate::rates::{self, Rate, Shape};
use crate::student::StudentConfig;

/// Arguments of `thimble bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Sentences a second of fine-tuning a teacher, labelling by it, and training a student
    Train(TrainArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble bench train
  thimble bench train --device wgpu --math f16 --batch-size 256 --tokens 32

`tests/bench/pytorch.py` measures PyTorch with the same shapes.")]
struct TrainArgs {
    /// Hugging Face folder of a BERT classifier [default: the shipped teacher]
    #[arg(long, value_name = "FOLDER")]
    teacher: Option<PathBuf>,
    /// Texts a step of a teacher, and a fourth of those of a student
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    batch_size: u32,
    /// Pieces a text
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(3..=128))]
    tokens: u32,
    /// Steps that are timed, behind 20 that warm up
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Serialize)]
struct Answer {
    device: String,
    math: crate::teacher::Math,
    batch_size: u32,
    tokens: u32,
    fine_tuning: Rate,
    labelling: Rate,
    student: Rate,
}

/// Measures.
///
/// # Errors
/// The device or the teacher can't be used.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    let Command::Train(args) = &args.command;
    let device = args.device.open()?;
    let teacher = args
        .teacher
        .clone()
        .unwrap_or_else(|| common::shipped(common::TEACHER));
    let shape = Shape {
        batch_size: args.batch_size as usize,
        tokens: args.tokens as usize,
        steps: args.steps as usize,
    };
    let math = args.device.math;
    let scratch = tempfile::tempdir()?;
    let folder = |name: &str| -> anyhow::Result<PathBuf> {
        let path = scratch.path().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    };
    common.note("fine-tuning a teacher ...");
    let fine_tuning = rates::fine_tuning(&teacher, shape, math, &device, &folder("teacher")?)?;
    common.note("labelling ...");
    let labelling = rates::labelling(&teacher, shape, math, &device, &folder("labels")?)?;
    common.note("training a student ...");
    let shape_of_student = Shape {
        batch_size: shape.batch_size * 4,
        ..shape
    };
    let sizes = StudentConfig::default();
    let student = rates::student(&sizes, shape_of_student, &device, &folder("student")?)?;
    let answer = Answer {
        device: device::describe(&device),
        math,
        batch_size: args.batch_size,
        tokens: args.tokens,
        fine_tuning,
        labelling,
        student,
    };
    let mut out = output::stdout();
    match args.json {
        true => output::json(&mut out, &answer)?,
        false => print(&mut out, &answer)?,
    }
    out.flush()?;
    Ok(())
}

fn print(out: &mut output::Stdout, answer: &Answer) -> anyhow::Result<()> {
    writeln!(
        out,
        "{}, {:?}, {} × {} tokens a step (student: {} ×)",
        answer.device,
        answer.math,
        answer.batch_size,
        answer.tokens,
        answer.batch_size * 4
    )?;
    let mut table = output::Table::new(&["<", "sentences/s", "waits for batches"]);
    for (name, rate) in [
        ("teacher, fine-tuning", answer.fine_tuning),
        ("teacher, labelling", answer.labelling),
        ("student, training", answer.student),
    ] {
        table.row([
            name.to_owned(),
            format!("{:.1}", rate.sentences_per_second),
            percent(rate.waiting),
        ]);
    }
    table.print(out, "  ")?;
    Ok(())
}
