//! `thimble inspect`: where a model's bytes go, what memory and work it takes.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::{Map, Value};
use thimble_shared::fixed::INVERSE_TEMPERATURE_ONE;
use thimble_shared::format::{Layer, Model, Table as Rows, VERSION, Weights};

use super::common::Common;
use super::model::ModelFile;
use super::output::{self, Table, percent, thousands};

/// Arguments of `thimble inspect`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble inspect models/sentiment-en/224k.thimble
  thimble inspect mine.thimble --json")]
pub struct Args {
    /// Model file
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer {
    file: PathBuf,
    digest: String,
    format_version: u16,
    file_bytes: usize,
    /// Bytes of each section, and of header, section table and padding; they add up to the file.
    sections: Map<String, Value>,
    ram_bytes: usize,
    parameters: u64,
    macs_per_token: u64,
    macs_per_text: u64,
    vocab_size: u32,
    labels: Vec<String>,
    temperature: f64,
    layers: Vec<String>,
    golden_vectors: usize,
    provenance: Map<String, Value>,
}

/// Prints what a model file holds.
///
/// # Errors
/// An unusable model.
pub fn run(args: &Args, _common: &Common) -> anyhow::Result<()> {
    let file = ModelFile::open(&args.model)?;
    let model = file.parse()?;
    let answer = answer(&file, &model);
    let mut out = output::stdout();
    match args.json {
        true => output::json(&mut out, &answer)?,
        false => print(&mut out, &answer)?,
    }
    out.flush()?;
    Ok(())
}

fn answer(file: &ModelFile, model: &Model<'_>) -> Answer {
    let mut sections: Map<String, Value> = model
        .sections()
        .map(|(kind, range)| (kind.name().to_owned(), range.len().into()))
        .collect();
    let inside: usize = model.sections().map(|(_, range)| range.len()).sum();
    sections.insert("header".to_owned(), (file.bytes.len() - inside).into());
    Answer {
        file: file.path.clone(),
        digest: file.digest(),
        format_version: VERSION,
        file_bytes: file.bytes.len(),
        sections,
        ram_bytes: model.ram_bytes(),
        parameters: model.parameters(),
        macs_per_token: model.macs_per_token(),
        macs_per_text: model.macs_per_text(),
        vocab_size: model.vocab().len(),
        labels: model.labels().iter().map(str::to_owned).collect(),
        temperature: f64::from(INVERSE_TEMPERATURE_ONE) / f64::from(model.inverse_temperature()),
        layers: model.layers().map(|layer| describe(&layer)).collect(),
        golden_vectors: model.golden().count(),
        provenance: model
            .provenance()
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect(),
    }
}

fn describe(layer: &Layer<'_>) -> String {
    let relu = |relu: bool| if relu { ", ReLU" } else { "" };
    match layer {
        Layer::Embedding(e) => {
            let kind = match e.table {
                Rows::Int8(_) => "8 bits".to_owned(),
                Rows::Int4 { .. } => "4 bits".to_owned(),
                Rows::Product { count, parts, .. } => {
                    format!("{parts} codes of {count} centroids")
                }
            };
            format!("embedding {} × {}, {kind}", thousands(e.rows as u64), e.dim)
        }
        Layer::Conv1d(c) => format!(
            "conv1d {} → {}, kernel {}, dilation {}, groups {}, {} bits{}",
            c.in_channels,
            c.out_channels,
            c.kernel,
            c.dilation,
            c.groups,
            match c.weights {
                Weights::Int8(_) => 8,
                Weights::Int4(_) => 4,
            },
            relu(c.relu)
        ),
        Layer::ResidualAdd(add) => format!("sum with layer {}{}", add.from, relu(add.relu)),
        Layer::Relu => "ReLU".to_owned(),
        Layer::Pool { max, mean } => {
            let parts = [(*max, "maximum"), (*mean, "mean")];
            let names: Vec<&str> = parts
                .into_iter()
                .filter(|(has, _)| *has)
                .map(|(_, name)| name)
                .collect();
            format!("{} over time", names.join(" and "))
        }
        Layer::Dense(d) => format!("dense {} → {}{}", d.inputs, d.outputs, relu(d.relu)),
    }
}

fn print(out: &mut impl Write, answer: &Answer) -> anyhow::Result<()> {
    writeln!(out, "{}", answer.file.display())?;
    let mut figures = Table::new(&["<", ""]);
    let mut figure = |name: &str, value: String| figures.row([name.to_owned(), value]);
    figure("labels", answer.labels.join(", "));
    figure("pieces", thousands(answer.vocab_size));
    figure("parameters", thousands(answer.parameters));
    figure(
        "RAM of a session, bytes",
        thousands(answer.ram_bytes as u64),
    );
    figure("multiply-adds a token", thousands(answer.macs_per_token));
    figure("multiply-adds a text", thousands(answer.macs_per_text));
    figure("golden vectors", thousands(answer.golden_vectors as u64));
    figures.print(out, "  ")?;
    writeln!(out)?;
    let mut flash = Table::new(&["flash<", "bytes", "share"]);
    let whole = answer.file_bytes.max(1) as f64;
    for (name, bytes) in &answer.sections {
        let bytes = bytes.as_u64().unwrap_or(0);
        flash.row([
            name.clone(),
            thousands(bytes),
            percent(bytes as f64 / whole),
        ]);
    }
    flash.row([
        "file".to_owned(),
        thousands(answer.file_bytes as u64),
        percent(1.0),
    ]);
    flash.print(out, "  ")?;
    writeln!(out)?;
    for (index, layer) in answer.layers.iter().enumerate() {
        writeln!(out, "  {index:2}  {layer}")?;
    }
    writeln!(out)?;
    for (key, value) in &answer.provenance {
        writeln!(
            out,
            "  {key}: {}",
            output::printable(value.as_str().unwrap_or_default())
        )?;
    }
    writeln!(out, "  sha256: {}", answer.digest)?;
    Ok(())
}
