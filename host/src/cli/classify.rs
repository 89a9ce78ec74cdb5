//! `thimble classify`: what a model says about texts.

use std::io::Write;

use serde::Serialize;
use thimble_device::Session;

use super::UsageError;
use super::common::Common;
use super::model::ModelArgs;
use super::output;
use super::target::{self, ImageArgs};
use super::texts::{Text, TextArgs};
use crate::eval::{arena, probability};
use crate::target::{Answer as Answered, Line, Place, Target};

/// Arguments of `thimble classify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble classify \"a gorgeous, witty, seductive movie\"
  thimble classify --file reviews.txt --json
  tail -f log.txt | thimble classify --model spam.thimble
  thimble classify --target qemu:microbit \"the plot is dull beyond words\"")]
pub struct Args {
    #[command(flatten)]
    texts: TextArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// Where to ask: host (the engine in this program), qemu:BOARD or serial:PORT[@BAUD], whose own model answers
    #[arg(long, value_name = "TARGET", default_value = "host")]
    target: Place,
    #[command(flatten)]
    image: ImageArgs,
    /// Count the instructions of each text exactly, in an emulator
    #[arg(long, requires = "json")]
    instructions: bool,
    /// Print one JSON object a text: text, label, scores, logits
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    text: &'a str,
    label: &'a str,
    #[serde(serialize_with = "output::in_order")]
    scores: Vec<(&'a str, f64)>,
    logits: &'a [i32],
    tokens: u32,
    #[serde(flatten)]
    work: Work,
}

/// What a text cost a board.
#[derive(Clone, Copy, Default, Serialize)]
struct Work {
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<u64>,
}

/// Classifies every text, with the engine of the chip or on a board, and prints a line for each.
///
/// # Errors
/// An unusable model, texts that cannot be read, a board that does not answer.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    if args.instructions && !matches!(args.target, Place::Qemu(_)) {
        return Err(
            UsageError("--instructions wants an emulator: --target qemu:BOARD".to_owned()).into(),
        );
    }
    if let Place::Serial(..) = args.target {
        // It is the board's own model that answers.
        let mut target = target::open(&args.target, None, &args.image, false)?;
        return on_board(args, common, &mut target);
    }
    let file = args.model.open()?;
    let model = file.parse()?;
    if let Place::Qemu(_) = args.target {
        let mut target = target::open(&args.target, Some(&model), &args.image, args.instructions)?;
        return on_board(args, common, &mut target);
    }
    let mut arena = arena(&model);
    let mut session = Session::new(&model, &mut arena)?;
    let labels: Vec<&str> = model.labels().iter().collect();
    let mut printer = Printer::new(args.json, &labels);
    args.texts.for_each(common, |text| {
        session.push_bytes(text.bytes);
        let scores = session.finish();
        let (label, tokens) = (scores.label(), scores.tokens());
        printer.print(
            &text,
            label,
            scores.logits(),
            scores.probabilities(),
            tokens,
            Work::default(),
        )
    })?;
    printer.end()
}

fn on_board(args: &Args, common: &Common, target: &mut Target) -> anyhow::Result<()> {
    let labels = target.labels()?;
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let rate = f64::from(target.about().ticks_per_second);
    let mut printer = Printer::new(args.json, &labels);
    args.texts.for_each(common, |text| {
        let Answered {
            label,
            tokens,
            logits,
            probabilities,
            ticks,
            ..
        } = target.classify(text.bytes)?;
        let seconds = ticks as f64 / rate;
        let instructions = (seconds / Line::SECONDS_AN_INSTRUCTION).round() as u64;
        let work = Work {
            seconds: (!args.instructions).then_some(seconds),
            instructions: args.instructions.then_some(instructions),
        };
        printer.print(&text, label, &logits, &probabilities, tokens, work)
    })?;
    printer.end()
}

/// Prints a line a text.
struct Printer<'a> {
    out: output::Stdout,
    json: bool,
    labels: &'a [&'a str],
    width: usize,
}

impl<'a> Printer<'a> {
    fn new(json: bool, labels: &'a [&'a str]) -> Self {
        let width = labels.iter().map(|label| label.chars().count()).max();
        Self {
            out: output::stdout(),
            json,
            labels,
            width: width.unwrap_or(0),
        }
    }

    fn print(
        &mut self,
        text: &Text<'_>,
        label: usize,
        logits: &[i32],
        probabilities: &[u16],
        tokens: u32,
        work: Work,
    ) -> anyhow::Result<()> {
        let shown = String::from_utf8_lossy(text.bytes);
        let name = self.labels.get(label).copied().unwrap_or_default();
        if self.json {
            // Six decimals hold every step of the engine's probabilities apart from rounding noise.
            let rounded = |share: f64| (share * 1e6).round() / 1e6;
            let shares = probabilities
                .iter()
                .map(|&score| rounded(probability(score)));
            let answer = Answer {
                text: &shown,
                label: name,
                scores: self.labels.iter().copied().zip(shares).collect(),
                logits,
                tokens,
                work,
            };
            output::json(&mut self.out, &answer)?;
        } else {
            let score = probabilities.get(label).copied().unwrap_or(0);
            let percent = output::percent(probability(score));
            let (width, text) = (self.width, output::printable(&shown));
            writeln!(self.out, "{name:width$} {percent:>9}  {text}")?;
        }
        if text.last_for_now {
            self.out.flush()?;
        }
        Ok(())
    }

    fn end(mut self) -> anyhow::Result<()> {
        Ok(self.out.flush()?)
    }
}
