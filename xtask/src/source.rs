//! Whose an instruction of an image is: by the line tables, inlined functions included, and by the symbols.

use std::path::Path;

use addr2line::Loader;
use anyhow::anyhow;
use object::{Object, ObjectSymbol, SymbolKind};

/// Parts of an image and the marks that they are known by: what stands in the name of a symbol, or in that of a source file and, behind
/// a colon, of a function there. The first match counts.
pub(crate) type Marks<Part> = [(Part, &'static [&'static str])];

/// The part of this name.
pub(crate) fn by_name<Part: Copy>(marks: &Marks<Part>, name: &str) -> Option<Part> {
    marks
        .iter()
        .find(|(_, marks)| marks.iter().any(|mark| name.contains(mark)))
        .map(|&(part, _)| part)
}

/// Line tables and symbols of an image.
pub(crate) struct Source {
    lines: Loader,
    /// Address, bytes and name.
    symbols: Vec<(u64, u64, String)>,
}

impl Source {
    /// Those of the file `elf`, whose content is `file`.
    pub(crate) fn new(elf: &Path, file: &object::File<'_>) -> anyhow::Result<Self> {
        let lines = Loader::new(elf).map_err(|error| anyhow!("{}: {error}", elf.display()))?;
        let mut symbols: Vec<_> = file
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
        Ok(Self { lines, symbols })
    }

    /// The symbol that an address belongs to.
    pub(crate) fn symbol(&self, address: u64) -> Option<&str> {
        let behind = self
            .symbols
            .partition_point(|(start, ..)| *start <= address);
        let (start, size, name) = self.symbols.get(behind.checked_sub(1)?)?;
        (address < start + size).then_some(name.as_str())
    }

    /// The part of an instruction: that of the innermost function inlined there that has one, else that of its symbol; and the file or
    /// the symbol that says so.
    pub(crate) fn part<Part: Copy>(
        &self,
        address: u64,
        marks: &Marks<Part>,
    ) -> anyhow::Result<Option<(Part, String)>> {
        let mut frames = self
            .lines
            .find_frames(address)
            .map_err(|error| anyhow!("{error}"))?;
        while let Some(frame) = frames.next().map_err(|error| anyhow!("{error}"))? {
            let Some(file) = frame.location.and_then(|location| location.file) else {
                continue;
            };
            let name = frame
                .function
                .as_ref()
                .and_then(|name| name.demangle().ok());
            let name = name.unwrap_or_default();
            let name = name.rsplit("::").next().unwrap_or_default();
            if let Some(part) = by_name(marks, &format!("{file}:{name}")) {
                let file = file.rsplit_once("/../").map_or(file, |(_, file)| file);
                return Ok(Some((part, file.to_owned())));
            }
        }
        let symbol = self.symbol(address).unwrap_or_default();
        Ok(by_name(marks, symbol).map(|part| (part, symbol.to_owned())))
    }
}
