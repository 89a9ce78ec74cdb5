//! `thimble tokenize`: the tokens that a model sees.

use std::io::Write;

use serde::Serialize;
use thimble_shared::format::Model;

use super::common::Common;
use super::model::ModelArgs;
use super::output;
use super::texts::TextArgs;
use crate::eval;

/// Arguments of `thimble tokenize`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble tokenize \"unbelievably good\"
  thimble tokenize --model mine.thimble --file reviews.txt --json")]
pub struct Args {
    #[command(flatten)]
    texts: TextArgs,
    #[command(flatten)]
    model: ModelArgs,
    /// Print one JSON object a text: text, ids, pieces
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    text: &'a str,
    ids: &'a [u32],
    pieces: Vec<&'a str>,
}

/// Prints the pieces of every text.
///
/// # Errors
/// An unusable model, or texts that cannot be read.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    let file = args.model.open()?;
    let model = file.parse()?;
    let pieces = pieces(&model);
    let mut out = output::stdout();
    args.texts.for_each(common, |text| {
        let ids = eval::ids(&model, text.bytes);
        let pieces: Vec<&str> = ids.iter().map(|&id| pieces[id as usize].as_str()).collect();
        if args.json {
            let text = String::from_utf8_lossy(text.bytes);
            output::json(
                &mut out,
                &Answer {
                    text: &text,
                    ids: &ids,
                    pieces,
                },
            )?;
        } else {
            writeln!(out, "{}", pieces.join(" "))?;
        }
        if text.last_for_now {
            out.flush()?;
        }
        Ok(())
    })?;
    out.flush()?;
    Ok(())
}

/// The pieces of a model's vocabulary in the order of their ids; a piece that continues a word begins with `##`.
pub(super) fn pieces(model: &Model<'_>) -> Vec<String> {
    (0..model.vocab().len())
        .map(|id| {
            let mut piece = String::new();
            model
                .vocab()
                .piece(id, model.charmap(), &mut |character| piece.push(character));
            piece
        })
        .collect()
}
