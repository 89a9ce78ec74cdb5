//! `thimble classify`: what a model says about texts.

use std::io::Write;

use serde::Serialize;
use thimble_device::{Scores, Session};
use thimble_shared::labels::Labels;

use super::common::Common;
use super::model::ModelArgs;
use super::output;
use super::texts::TextArgs;
use crate::eval::{arena, probability};

/// Arguments of `thimble classify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble classify \"a gorgeous, witty, seductive movie\"
  thimble classify --file reviews.txt --json
  tail -f log.txt | thimble classify --model spam.thimble")]
pub struct Args {
    #[command(flatten)]
    texts: TextArgs,
    #[command(flatten)]
    model: ModelArgs,
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
}

/// Classifies every text with the engine of the chip and prints a line for each.
///
/// # Errors
/// An unusable model, or texts that cannot be read.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    let file = args.model.open()?;
    let model = file.parse()?;
    let labels = model.labels();
    let mut arena = arena(&model);
    let mut session = Session::new(&model, &mut arena)?;
    let width = labels
        .iter()
        .map(|label| label.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = output::stdout();
    args.texts.for_each(common, |text| {
        session.push_bytes(text.bytes);
        let scores = session.finish();
        let shown = String::from_utf8_lossy(text.bytes);
        let answer = answer(&shown, &labels, &scores);
        if args.json {
            output::json(&mut out, &answer)?;
        } else {
            let score = scores.probabilities()[scores.label()];
            let (label, percent) = (answer.label, output::percent(probability(score)));
            writeln!(
                out,
                "{label:width$} {percent:>9}  {}",
                output::printable(&shown)
            )?;
        }
        if text.last_for_now {
            out.flush()?;
        }
        Ok(())
    })?;
    out.flush()?;
    Ok(())
}

fn answer<'a>(text: &'a str, labels: &Labels<'a>, scores: &'a Scores) -> Answer<'a> {
    // Six decimals hold every step of the engine's probabilities apart from rounding noise.
    let rounded = |share: f64| (share * 1e6).round() / 1e6;
    let probabilities = scores
        .probabilities()
        .iter()
        .map(|&score| rounded(probability(score)));
    Answer {
        text,
        label: labels.name(scores.label()),
        scores: labels.iter().zip(probabilities).collect(),
        logits: scores.logits(),
        tokens: scores.tokens(),
    }
}
