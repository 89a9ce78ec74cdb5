//! `cargo xtask profile`: where the instructions of texts go, from the emulator's own trace.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use thimble_boards::Board;

use crate::source::{Marks, Source};

/// Sentences of SST-2 dev that are traced.
const SENTENCES: usize = 5;
/// The model.
const MODEL: &str = "models/sentiment-en/224k.thimble";
/// Bar: the share in percent that a part other than the convolutions may take.
const BAR: u64 = 15;

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Part {
    Tokenizer,
    Lookup,
    Embedding,
    Convolution,
    ResidualAdd,
    Pooling,
    Scores,
    /// From layer to layer.
    Stream,
    /// Typed lines and waiting for them: no part of a session.
    Board,
}

/// What the parts are known by.
const MARKS: &Marks<Part> = &[
    (
        Part::Pooling,
        &[
            "kernels/pool",
            "kernels/arm/pool",
            "kernels::pool",
            "arm::pool",
        ],
    ),
    (
        Part::Convolution,
        &[
            "kernels/conv1d",
            "kernels/arm",
            "kernels::conv1d",
            "kernels::arm",
        ],
    ),
    (
        Part::ResidualAdd,
        &["kernels/pointwise", "kernels::pointwise"],
    ),
    (
        Part::Scores,
        &[
            "kernels/dense",
            "kernels::dense",
            "device/src/scores",
            "thimble_device::scores",
        ],
    ),
    (Part::Embedding, &["format/layer.rs:row"]),
    (Part::Lookup, &["shared/src/vocab", "thimble_shared::vocab"]),
    (
        Part::Tokenizer,
        &["shared/src/tokenizer", "thimble_shared::tokenizer"],
    ),
    (
        Part::Stream,
        &[
            "device/src/stream",
            "device/src/session",
            "thimble_device::stream",
            "layer_of",
        ],
    ),
    (
        Part::Board,
        &[
            "device/service",
            "device/firmware",
            "shared/src/link",
            "shared/src/format",
            "shared/src/checksum",
            "thimble_service",
            "thimble_firmware",
            "thimble_shared::link",
            "thimble_shared::format",
            "thimble_shared::checksum",
            "cortex",
            "Reset",
        ],
    ),
];

/// Instructions of each part, and of each function in it.
pub(crate) type Counts = BTreeMap<Part, BTreeMap<String, u64>>;

/// Instructions of a part.
pub(crate) fn sum(counts: &Counts, part: Part) -> u64 {
    counts
        .get(&part)
        .into_iter()
        .flat_map(BTreeMap::values)
        .sum()
}

/// Prints a table; an error if a part but the convolutions takes more than its bar.
pub(crate) fn run(board: &str, detail: bool) -> anyhow::Result<()> {
    let dev = std::fs::read_to_string(crate::root().join("models/data/sst2.dev.tsv"))?;
    let texts: Vec<&str> = dev
        .lines()
        .skip(1)
        .take(SENTENCES)
        .filter_map(|line| line.split('\t').nth(1))
        .collect();
    let mut counts = count(board, &crate::root().join(MODEL), &texts)?;
    counts.remove(&Part::Board);
    let all: u64 = counts.values().flat_map(BTreeMap::values).sum();
    let share = |count: u64| format!("{:.1} %", 100.0 * count as f64 / all as f64);
    println!("| {board}, {SENTENCES} sentences | instructions | |\n|---|---|---|");
    let mut missed = Vec::new();
    for (&part, functions) in &counts {
        let count = sum(&counts, part);
        println!("| {part:?} | {count} | {} |", share(count));
        if part != Part::Convolution && count * 100 > all * BAR {
            missed.push(format!("{part:?}"));
        }
        let mut functions: Vec<_> = functions.iter().filter(|_| detail).collect();
        functions.sort_by_key(|(_, count)| Reverse(**count));
        for (name, &count) in functions.into_iter().take(12) {
            println!("    {count:10} {:>7} {name}", share(count));
        }
    }
    println!("| together | {all} | |");
    ensure!(missed.is_empty(), "above {BAR} %: {}", missed.join(", "));
    Ok(())
}

/// Instructions of each part while a board answers typed texts.
pub(crate) fn count(board: &str, model: &Path, texts: &[&str]) -> anyhow::Result<Counts> {
    let boards = crate::firmware::select(&[board.to_owned()])?;
    let board = boards.first().context("no board")?;
    let elf = crate::firmware::folder().join(format!("{}.elf", board.name));
    let mut emulator = emulator(board, &elf, model)?
        .spawn()
        .context("qemu-system-arm")?;
    let trace = emulator.stderr.take().context("no trace")?;
    let counting = std::thread::spawn(move || Trace::read(&elf, BufReader::new(trace)));
    let talked = (|| {
        let mut input = emulator.stdin.take().context("no way in")?;
        let mut output = BufReader::new(emulator.stdout.take().context("no way out")?);
        wait(&mut output, "Type a line.")?;
        for text in texts {
            input.write_all(format!("{text}\n").as_bytes())?;
            wait(&mut output, " ms)")?;
        }
        anyhow::Ok(())
    })();
    // The trace ends with it.
    emulator.kill()?;
    emulator.wait()?;
    let counts = counting.join().ok().context("the trace was not read")??;
    talked.map(|()| counts)
}

/// The emulator with its serial line on the standard streams and its trace on the error stream.
fn emulator(board: &Board, elf: &Path, model: &Path) -> anyhow::Result<Command> {
    let qemu = board.qemu.as_ref();
    let machine = &qemu
        .with_context(|| format!("{} has no emulator", board.name))?
        .machine;
    let (model, start) = (model.display(), board.model.start);
    let mut command = Command::new("qemu-system-arm");
    command
        .args(["-machine", machine, "-display", "none", "-monitor", "none"])
        .args(["-serial", "stdio", "-d", "in_asm,exec,nochain", "-kernel"])
        .arg(elf)
        .arg("-device")
        .arg(format!("loader,file={model},addr={start:#x},force-raw=on"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

/// Reads until the board has said something.
fn wait(output: &mut impl Read, what: &str) -> anyhow::Result<()> {
    let (mut heard, mut byte) = (Vec::new(), [0]);
    while !heard.ends_with(what.as_bytes()) {
        ensure!(
            output.read(&mut byte)? == 1,
            "the board said {:?}",
            String::from_utf8_lossy(&heard)
        );
        heard.push(byte[0]);
    }
    Ok(())
}

/// Whose instructions are: the part, none for functions of libraries, which count to the part that ran before; and the function.
type Whose = (Option<Part>, usize);

/// What QEMU writes: each block of instructions when it is translated, and its address whenever it runs.
struct Trace {
    source: Source,
    /// Instructions of the blocks at these addresses, in stretches.
    blocks: HashMap<u64, Vec<(Whose, u64)>>,
    functions: Vec<String>,
    /// Numbers of the functions.
    numbers: HashMap<String, usize>,
    /// The one that ends the start of a board.
    greeting: Option<usize>,
}

impl Trace {
    fn read(elf: &Path, mut lines: impl BufRead) -> anyhow::Result<Counts> {
        let bytes = std::fs::read(elf)?;
        let mut trace = Self {
            source: Source::new(elf, &object::File::parse(&*bytes)?)?,
            blocks: HashMap::new(),
            functions: Vec::new(),
            numbers: HashMap::new(),
            greeting: None,
        };
        let (mut counts, mut line) = (HashMap::<_, u64>::new(), Vec::new());
        let (mut present, mut block) = (Part::Board, None);
        while lines.read_until(b'\n', &mut line)? > 0 {
            // The emulator is stopped in the middle of whatever it writes.
            if line.last() != Some(&b'\n') {
                break;
            }
            let text = std::str::from_utf8(&line)?;
            if text.starts_with("Trace ") {
                let address = text
                    .split('/')
                    .nth(1)
                    .context("a trace without an address")?;
                let address = u64::from_str_radix(address, 16)?;
                let block = trace.blocks.get(&address);
                let block = block.context("a block that was never translated")?;
                for &((part, function), count) in block {
                    if Some(function) == trace.greeting {
                        counts.clear();
                    }
                    present = part.unwrap_or(present);
                    *counts.entry((present, function)).or_default() += count;
                }
            } else if text.starts_with("IN:") {
                block = None;
            } else if let Some(address) = text.strip_prefix("0x")
                && let Some((address, _)) = address.split_once(':')
            {
                let address = u64::from_str_radix(address, 16)?;
                let start = *block.get_or_insert(address);
                trace.add(start, address)?;
            }
            line.clear();
        }
        let mut named = Counts::new();
        for ((part, function), count) in counts {
            let name = trace.functions[function].clone();
            named.entry(part).or_default().insert(name, count);
        }
        Ok(named)
    }

    /// Adds an instruction to the block that begins at `start`.
    fn add(&mut self, start: u64, address: u64) -> anyhow::Result<()> {
        let part = self.source.part(address, MARKS)?.map(|(part, _)| part);
        let name = self.source.symbol(address).unwrap_or("unnamed");
        let functions = &mut self.functions;
        let number = *self.numbers.entry(name.to_owned()).or_insert_with(|| {
            functions.push(name.to_owned());
            functions.len() - 1
        });
        if name.contains("serve::greet") {
            self.greeting = Some(number);
        }
        let block = self.blocks.entry(start).or_default();
        // A block that is translated anew is another one.
        if start == address {
            block.clear();
        }
        match block.last_mut() {
            Some((last, count)) if *last == (part, number) => *count += 1,
            _ => block.push(((part, number), 1)),
        }
        Ok(())
    }
}
