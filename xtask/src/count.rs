//! `cargo xtask count`: exact numbers of instructions in the emulator, kept in a record so that a change shows as a diff.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use crate::layers::{self, Layer};

/// A board a core: M0, M3, M4, M33, M55.
const BOARDS: &[&str] = &[
    "microbit",
    "mps2-an385",
    "mps2-an386",
    "mps2-an505",
    "mps3-an547",
];
/// Sentences of SST-2 dev that are counted.
const SENTENCES: usize = 200;
/// The model.
const MODEL: &str = "models/sentiment-en/224k.thimble";
/// Where the record lies.
const RECORD: &str = "device/counts.toml";

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The commit that was counted, with a + if files had changed since.
    commit: String,
    compiler: String,
    model: String,
    sentences: usize,
    tokens: u64,
    boards: BTreeMap<String, Counts>,
    /// Layers by themselves, for 32 positions.
    layers: BTreeMap<String, BTreeMap<String, Layer>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Counts {
    /// Instructions of a text without a token.
    empty_text: u64,
    /// Instructions of a sentence, mean.
    a_sentence: u64,
    /// Instructions of a token beyond the empty text, mean.
    a_token: u64,
}

#[derive(Deserialize)]
struct Answer {
    tokens: u64,
    instructions: u64,
}

/// Counts, shows what has changed, and writes the record.
pub(crate) fn run() -> anyhow::Result<()> {
    let path = crate::root().join(RECORD);
    let before: Option<Record> = std::fs::read_to_string(&path)
        .ok()
        .and_then(|text| toml::from_str(&text).ok());
    let dev = std::fs::read_to_string(crate::root().join("models/data/sst2.dev.tsv"))?;
    // An empty text first.
    let mut texts = String::from("\n");
    for line in dev.lines().skip(1).take(SENTENCES) {
        texts += line.split('\t').nth(1).unwrap_or_default();
        texts.push('\n');
    }
    let (mut boards, mut layers) = (BTreeMap::new(), BTreeMap::new());
    let mut tokens = 0;
    for board in BOARDS {
        let answers = answers(board, MODEL, &texts)?;
        let (empty, rest) = answers.split_first().context("no answer")?;
        ensure!(
            rest.len() == SENTENCES,
            "{} answers to {SENTENCES} sentences",
            rest.len()
        );
        tokens = rest.iter().map(|answer| answer.tokens).sum();
        let all: u64 = rest.iter().map(|answer| answer.instructions).sum();
        let beyond = all - empty.instructions * rest.len() as u64;
        let counts = Counts {
            empty_text: empty.instructions,
            a_sentence: all / rest.len() as u64,
            a_token: beyond / tokens,
        };
        let change = before.as_ref().and_then(|record| {
            let old = record.boards.get(*board)?.a_sentence;
            Some(format!(
                "{:+.2} %",
                (counts.a_sentence as f64 / old as f64 - 1.0) * 100.0
            ))
        });
        println!(
            "{board:12} {:>12} instructions a sentence, {:>10} a token, {:>8} an empty text  {}",
            counts.a_sentence,
            counts.a_token,
            counts.empty_text,
            change.unwrap_or_default()
        );
        boards.insert((*board).to_owned(), counts);
        let of_layers = layers::count(board, |model, texts| {
            let file = layers::file(model)?;
            let path = file.path().to_str().context("a path that is no text")?;
            let answers = self::answers(board, path, texts)?;
            Ok(answers.iter().map(|answer| answer.instructions).collect())
        })?;
        layers.insert((*board).to_owned(), of_layers);
    }
    let record = Record {
        commit: commit()?,
        compiler: crate::arm::compiler("thumbv7em-none-eabihf")?,
        model: MODEL.to_owned(),
        sentences: SENTENCES,
        tokens,
        boards,
        layers,
    };
    let head = "# Instructions of the shipped model on the first sentences of SST-2 dev. Written by `cargo xtask count`.\n\n";
    std::fs::write(&path, head.to_owned() + &toml::to_string(&record)?)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    println!("{RECORD} written");
    Ok(())
}

fn answers(board: &str, model: &str, texts: &str) -> anyhow::Result<Vec<Answer>> {
    let target = format!("qemu:{board}");
    let arguments = [
        "classify",
        "--quiet",
        "--json",
        "--instructions",
        "--model",
        model,
        "--file",
        "-",
        "--target",
        &target,
    ];
    let mut child = crate::thimble(&arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo could not be started")?;
    let mut input = child.stdin.take().context("no way in")?;
    let texts = texts.to_owned();
    let writer = std::thread::spawn(move || input.write_all(texts.as_bytes()));
    let output = child.wait_with_output()?;
    ensure!(
        output.status.success(),
        "thimble classify: {}",
        output.status
    );
    writer
        .join()
        .map_err(|_| anyhow::anyhow!("the texts were not written"))??;
    String::from_utf8(output.stdout)?
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
        .collect()
}

fn commit() -> anyhow::Result<String> {
    let git = |args: &[&str]| -> anyhow::Result<String> {
        let output = Command::new("git")
            .args(args)
            .current_dir(crate::root())
            .output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Ok(git(&["rev-parse", "--short", "HEAD"])? + if changed { "+" } else { "" })
}
