//! `cargo xtask size`: where the flash of an image goes, from its instructions' line tables.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use object::{Object, ObjectSection, SectionKind};

use crate::source::{Marks, Source, by_name};

/// What the parts of an image are known by.
const MARKS: &Marks<Part> = &[
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
    let source = Source::new(elf, &file)?;
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
            let symbol = source.symbol(address).unwrap_or("unnamed");
            let (part, detail) = if section.name() == Ok(".vector_table") {
                (Part::StartUp, "vector table".to_owned())
            } else if code {
                let library = || (Part::Library, symbol.to_owned());
                source.part(address, MARKS)?.unwrap_or_else(library)
            } else {
                let part = by_name(MARKS, symbol).unwrap_or(Part::Constants);
                (part, symbol.to_owned())
            };
            size.add(part, detail, 2);
        }
    }
    Ok(size)
}
