//! `thimble export`: a model's parts in the formats of others.

use std::io::Write;
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{Map, Value, json};
use thimble_shared::format::Model;

use super::common::Common;
use super::model::ModelFile;
use super::{output, tokenize};
use crate::files;

/// Arguments of `thimble export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble export models/sentiment-en/224k.thimble --format tokenizer --out tokenizer.json")]
pub struct Args {
    /// Model file
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// What to write
    #[arg(long, value_name = "FORMAT")]
    format: ExportFormat,
    /// Where to write it [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExportFormat {
    /// The vocabulary as a tokenizer.json that Hugging Face tokenizers load
    Tokenizer,
}

/// Writes the export.
///
/// # Errors
/// An unusable model, or a place that cannot be written to.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    let file = ModelFile::open(&args.model)?;
    let model = file.parse()?;
    let text = match args.format {
        ExportFormat::Tokenizer => serde_json::to_string_pretty(&tokenizer(&model))?,
    };
    match &args.out {
        Some(path) => {
            files::write_whole(path, text.as_bytes())?;
            common.note(format!(
                "{}: written, {} pieces",
                path.display(),
                model.vocab().len()
            ));
        }
        None => {
            let mut out = output::stdout();
            writeln!(out, "{text}")?;
            out.flush()?;
        }
    }
    Ok(())
}

/// A `tokenizer.json` that gives the same ids as the model for any text.
///
/// There are no added tokens: Hugging Face would find the name of one, such as `[UNK]`, in the middle of a text, where
/// the model reads a bracket and letters.
fn tokenizer(model: &Model<'_>) -> Value {
    let vocabulary: Map<String, Value> = tokenize::pieces(model)
        .into_iter()
        .zip(0u32..)
        .map(|(piece, id)| (piece, id.into()))
        .collect();
    let normalization = model.charmap().normalization();
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": normalization.clean_text,
            "handle_chinese_chars": normalization.handle_chinese_chars,
            "strip_accents": normalization.strip_accents,
            "lowercase": normalization.lowercase,
        },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": null,
        "decoder": { "type": "WordPiece", "prefix": "##", "cleanup": true },
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": vocabulary,
        },
    })
}
