//! `cargo xtask size`: where the flash of an image goes, from its instructions' line tables.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use addr2line::Loader;
use anyhow::{Context, anyhow, ensure};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};

/// The parts of an image, in the order of the report, and the source files or symbols that they are known by. The first match
/// counts.
const PARTS: &[(Part, &[&str])] = &[
    (
        Part::Tokenizer,
        &[
            "shared/src/tokenizer",
            "shared/src/vocab",
            "thimble_shared::tokenizer",
            "thimble_shared::vocab",
        ],
    ),
    (
        Part::Protocol,
        &[
            "shared/src/link",
            "device/service/",
            "thimble_shared::link",
            "thimble_service",
            "sha2",
            "cobs",
        ],
    ),
    (
        Part::Parser,
        &[
            "shared/src/format",
            "shared/src/labels",
            "shared/src/checksum",
            "thimble_shared::format",
            "thimble_shared::checksum",
        ],
    ),
    (
        Part::Engine,
        &[
            "device/src",
            "shared/src/fixed",
            "thimble_device",
            "thimble_shared::fixed",
        ],
    ),
    (
        Part::StartUp,
        &[
            "device/firmware/",
            "cortex-m",
            "cortex_m",
            "thimble_firmware",
            "nrf-pac",
            "nrf_pac",
            "rp2040",
            "stm32",
            "tock",
            "__INTERRUPTS",
            "__EXCEPTIONS",
        ],
    ),
];

/// A part of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Engine,
    Tokenizer,
    Parser,
    Protocol,
    StartUp,
    /// Code of libraries that several parts call: memory functions, formatting, division.
    Library,
    /// Constants without a name: texts of messages and the like.
    Constants,
}

/// Bytes of flash of each part, and for each source file or symbol in it.
#[derive(Debug, Default)]
pub(crate) struct Size {
    pub(crate) parts: BTreeMap<Part, BTreeMap<String, u64>>,
}

impl Size {
    pub(crate) fn of(&self, part: Part) -> u64 {
        self.parts
            .get(&part)
            .map_or(0, |detail| detail.values().sum())
    }

    pub(crate) fn total(&self) -> u64 {
        self.parts.keys().map(|&part| self.of(part)).sum()
    }

    fn add(&mut self, part: Part, detail: String, bytes: u64) {
        *self
            .parts
            .entry(part)
            .or_default()
            .entry(detail)
            .or_default() += bytes;
    }
}

/// Bar: bytes of flash of engine, tokenizer and parser together.
const CODE_BAR: u64 = 16 * 1024;

/// Prints a table of boards and parts; an error if a bar is missed.
pub(crate) fn run(names: &[String], detail: bool, ram: bool) -> anyhow::Result<()> {
    let parts = [
        Part::Engine,
        Part::Tokenizer,
        Part::Parser,
        Part::Protocol,
        Part::StartUp,
        Part::Library,
        Part::Constants,
    ];
    println!(
        "| board | core | engine | tokenizer | parser | together | protocol | start-up, drivers | libraries | constants | image | arena, at most |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    let mut missed = Vec::new();
    for board in crate::firmware::select(names)? {
        let size = measure(&crate::firmware::folder().join(format!("{}.elf", board.name)))?;
        let [
            engine,
            tokenizer,
            parser,
            protocol,
            start_up,
            library,
            constants,
        ] = parts.map(|part| size.of(part));
        let together = engine + tokenizer + parser;
        println!(
            "| {} | {} | {engine} | {tokenizer} | {parser} | {together} | {protocol} | {start_up} | {library} | {constants} | {} | {} |",
            board.name,
            board.core,
            size.total(),
            board.arena
        );
        if together > CODE_BAR {
            missed.push(format!(
                "{}: {together} bytes of engine, tokenizer and parser",
                board.name
            ));
        }
        if size.total() > u64::from(board.image().bytes) {
            missed.push(format!(
                "{}: an image of {} bytes",
                board.name,
                size.total()
            ));
        }
        for part in parts.iter().filter(|_| detail) {
            println!("{part:?} {}", size.of(*part));
            let mut lines: Vec<_> = size.parts.get(part).into_iter().flatten().collect();
            lines.sort_by_key(|(_, bytes)| std::cmp::Reverse(**bytes));
            for (name, bytes) in lines.into_iter().take(12) {
                println!("    {bytes:6} {name}");
            }
        }
    }
    if ram {
        missed.extend(self::ram(names)?);
    }
    ensure!(missed.is_empty(), "too large: {}", missed.join("; "));
    Ok(())
}

/// Bar: bytes of RAM of stack and variables on the smallest board.
const RAM_BAR: u64 = 12 * 1024;

/// What `thimble verify --json` says of a board's memory.
#[derive(serde::Deserialize)]
struct Memory {
    ram_bytes: u64,
    static_bytes: u64,
    stack_peak_bytes: u64,
}

/// Prints a table of the RAM that emulated boards take while they replay the shipped model's golden vectors and SST-2 dev.
fn ram(names: &[String]) -> anyhow::Result<Vec<String>> {
    println!("\n| board | RAM | variables, the arena among them | stack at most | together |");
    println!("|---|---|---|---|---|");
    let mut missed = Vec::new();
    for board in crate::firmware::select(names)? {
        if board.qemu.is_none() {
            continue;
        }
        let target = format!("qemu:{}", board.name);
        let (model, dev) = (
            "models/sentiment-en/224k.thimble",
            "models/data/sst2.dev.tsv",
        );
        let arguments = [
            "verify", "--quiet", "--json", model, "--file", dev, "--target", &target,
        ];
        let output = crate::thimble(&arguments)
            .stderr(Stdio::inherit())
            .output()
            .context("cargo could not be started")?;
        ensure!(output.status.success(), "thimble verify: {}", output.status);
        let memory: Memory = serde_json::from_slice(&output.stdout)?;
        let together = memory.static_bytes + memory.stack_peak_bytes;
        println!(
            "| {} | {} | {} | {} | {together} |",
            board.name, memory.ram_bytes, memory.static_bytes, memory.stack_peak_bytes
        );
        if board.ram.bytes <= 16 * 1024 && together > RAM_BAR {
            missed.push(format!("{}: {together} bytes of RAM", board.name));
        }
    }
    Ok(missed)
}

/// Reads an image.
pub(crate) fn measure(elf: &Path) -> anyhow::Result<Size> {
    let bytes = std::fs::read(elf).with_context(|| {
        format!(
            "{} cannot be read; build it with `cargo xtask firmware`",
            elf.display()
        )
    })?;
    let file = object::File::parse(&*bytes)?;
    let lines = Loader::new(elf).map_err(|error| anyhow!("{}: {error}", elf.display()))?;
    let mut symbols: Vec<(u64, u64, String)> = file
        .symbols()
        .filter(|symbol| matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data))
        .filter(|symbol| symbol.size() > 0)
        .map(|symbol| {
            let name = symbol.name().unwrap_or_default();
            let start = symbol.address() & !u64::from(symbol.kind() == SymbolKind::Text);
            (
                start,
                symbol.size(),
                format!("{:#}", rustc_demangle::demangle(name)),
            )
        })
        .collect();
    symbols.sort();
    let symbol_at = |address: u64| {
        let behind = symbols.partition_point(|(start, ..)| *start <= address);
        let (start, size, name) = symbols.get(behind.checked_sub(1)?)?;
        (address < start + size).then_some(name.as_str())
    };
    let mut size = Size::default();
    for section in file.sections() {
        let code = section.kind() == SectionKind::Text;
        let data = matches!(
            section.kind(),
            SectionKind::ReadOnlyData | SectionKind::ReadOnlyString | SectionKind::Data
        );
        if !(code || data) || section.address() == 0 && section.size() == 0 {
            continue;
        }
        // Thumb instructions are made of halfwords.
        for address in (section.address()..section.address() + section.size()).step_by(2) {
            let symbol = symbol_at(address);
            let (part, detail) = match symbol {
                _ if section.name() == Ok(".vector_table") => {
                    (Part::StartUp, "vector table".to_owned())
                }
                Some(symbol) if code => place(&lines, address, symbol)?,
                Some(symbol) => match by_name(symbol) {
                    Some(part) => (part, symbol.to_owned()),
                    None => (Part::Constants, symbol.to_owned()),
                },
                None => (
                    if code { Part::Library } else { Part::Constants },
                    "unnamed".to_owned(),
                ),
            };
            size.add(part, detail, 2);
        }
    }
    Ok(size)
}

/// Whose an instruction is: the innermost function inlined there that is a part's own, else the symbol's, else a library's.
fn place(lines: &Loader, address: u64, symbol: &str) -> anyhow::Result<(Part, String)> {
    let mut frames = lines
        .find_frames(address)
        .map_err(|error| anyhow!("{error}"))?;
    while let Some(frame) = frames.next().map_err(|error| anyhow!("{error}"))? {
        if let Some(file) = frame.location.and_then(|location| location.file)
            && let Some(part) = by_name(file)
        {
            let file = file.rsplit_once("/../").map_or(file, |(_, file)| file);
            return Ok((part, file.to_owned()));
        }
    }
    Ok((by_name(symbol).unwrap_or(Part::Library), symbol.to_owned()))
}

fn by_name(name: &str) -> Option<Part> {
    PARTS
        .iter()
        .find(|(_, marks)| marks.iter().any(|mark| name.contains(mark)))
        .map(|&(part, _)| part)
}
