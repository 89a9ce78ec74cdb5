//! The boards that the firmware knows, as data: `boards.toml` beside this crate. The image is built from it, and the host
//! merges, emulates and flashes by it.

use std::collections::HashSet;

use serde::Deserialize;

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// First address.
    pub start: u32,
    /// Number of bytes.
    pub bytes: u32,
}

impl Region {
    /// The address behind the last.
    pub fn end(&self) -> u64 {
        u64::from(self.start) + u64::from(self.bytes)
    }

    fn holds(&self, start: u32, end: u64) -> bool {
        self.start <= start && end <= self.end()
    }
}

/// The part of the flash that holds models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// First address.
    pub start: u32,
    /// Number of bytes, a multiple of `page`.
    pub bytes: u32,
    /// Bytes that are erased together; a model begins at such a page.
    pub page: u32,
    /// Whether the image can write there.
    pub writable: bool,
}

/// The serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serial {
    /// Bits a second, 8 data bits, no parity, one stop bit.
    pub baud: u32,
    /// Address of the UART, where the driver does not know it.
    #[serde(default)]
    pub base: u32,
    /// Number of the pin that sends, where the driver asks for it.
    #[serde(default)]
    pub tx: u8,
    /// Number of the pin that receives, where the driver asks for it.
    #[serde(default)]
    pub rx: u8,
}

/// The timer, where the driver does not know its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timer {
    /// Its address.
    pub base: u32,
}

/// The machine of QEMU that emulates the board.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qemu {
    /// Argument of `-machine`.
    pub machine: String,
}

/// A kind of file that a board can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// Executable and Linkable Format, for debuggers and emulators.
    Elf,
    /// Intel HEX, for the drives of DAPLink and J-Link.
    Hex,
    /// The bytes of the flash from its start.
    Bin,
    /// USB Flashing Format, for the drives of UF2 boot loaders.
    Uf2,
}

impl FileKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Elf, Self::Hex, Self::Bin, Self::Uf2];

    /// The extension of its files.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Elf => "elf",
            Self::Hex => "hex",
            Self::Bin => "bin",
            Self::Uf2 => "uf2",
        }
    }
}

/// A board.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Board {
    /// Name on command lines.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// Its processor.
    pub core: String,
    /// Rust's name of the target.
    pub target: String,
    /// Feature of the image that holds its serial line, clock and flash.
    pub driver: String,
    /// Flash, or what stands for it.
    pub flash: Region,
    /// RAM.
    pub ram: Region,
    /// The part of the flash that holds models; the image lies before it.
    pub model: Partition,
    /// Bytes of RAM for the arena of a session.
    pub arena: u32,
    /// Ticks a second of the clock that texts are timed with.
    pub clock_hz: u32,
    /// The serial line.
    pub serial: Serial,
    /// The timer.
    #[serde(default)]
    pub timer: Timer,
    /// Files that can be made for it, the most useful first.
    pub files: Vec<FileKind>,
    /// Family number of UF2 files.
    #[serde(default)]
    pub uf2_family: Option<u32>,
    /// Name of the drive that it shows on USB.
    #[serde(default)]
    pub drive: Option<String>,
    /// Name of the chip for probe-rs.
    #[serde(default)]
    pub probe: Option<String>,
    /// Its emulator, if there is one.
    #[serde(default)]
    pub qemu: Option<Qemu>,
}

impl Board {
    /// The flash before the partition for models: room for the image.
    pub fn image(&self) -> Region {
        Region {
            start: self.flash.start,
            bytes: self.model.start - self.flash.start,
        }
    }

    fn check(&self) -> Result<(), &'static str> {
        let model_end = u64::from(self.model.start) + u64::from(self.model.bytes);
        if !self.flash.holds(self.model.start, model_end) {
            return Err("the model partition is not in the flash");
        }
        let page = self.model.page;
        if page == 0
            || !self.model.bytes.is_multiple_of(page)
            || !(self.model.start - self.flash.start).is_multiple_of(page)
        {
            return Err("the model partition does not consist of pages");
        }
        if self.arena == 0 || !self.arena.is_multiple_of(8) || self.arena >= self.ram.bytes {
            return Err("the arena is no multiple of 8 bytes within the RAM");
        }
        if self.files.is_empty() {
            return Err("no kind of file is named");
        }
        if self.files.contains(&FileKind::Uf2) != self.uf2_family.is_some() {
            return Err("UF2 files and uf2-family belong together");
        }
        if self.clock_hz < 1000 {
            return Err("the clock is slower than 1000 ticks a second");
        }
        Ok(())
    }
}

/// Why a table of boards is no such thing.
#[derive(Debug, thiserror::Error)]
pub enum BoardsError {
    /// It is no TOML of this shape.
    #[error("the table of boards cannot be read")]
    Toml(#[from] toml::de::Error),
    /// Values of a board contradict each other.
    #[error("board {board}: {problem}")]
    Board {
        /// Name of the board.
        board: String,
        /// What is wrong.
        problem: &'static str,
    },
}

/// Reads a table of boards.
///
/// # Errors
/// What is no table of boards, two boards of one name, values that contradict each other.
pub fn parse(table: &str) -> Result<Vec<Board>, BoardsError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        board: Vec<Board>,
    }
    let boards = toml::from_str::<File>(table)?.board;
    let mut names = HashSet::new();
    for board in &boards {
        let once = names.insert(&board.name);
        let problem = if once {
            board.check()
        } else {
            Err("there are two of this name")
        };
        problem.map_err(|problem| BoardsError::Board {
            board: board.name.clone(),
            problem,
        })?;
    }
    Ok(boards)
}

/// The boards that ship with Thimble.
///
/// # Errors
/// Those of [`parse`]; a test shows that there are none.
pub fn all() -> Result<Vec<Board>, BoardsError> {
    parse(include_str!("../boards.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        let boards = all().unwrap();
        assert!(boards.len() >= 10);
        assert!(boards.iter().filter(|board| board.qemu.is_some()).count() >= 6);
    }

    #[test]
    fn contradictions_are_told() {
        let table = include_str!("../boards.toml");
        let told = |from: &str, to: &str| {
            assert!(table.contains(from));
            parse(&table.replace(from, to)).unwrap_err().to_string()
        };
        assert!(told("bytes = 0x3_8000", "bytes = 0x3_9000").contains("microbit"));
        assert!(told("page = 0x400,", "page = 0x300,").contains("pages"));
        assert!(told("arena = 5632", "arena = 0x5000").contains("arena"));
        assert!(told("name = \"pico\"", "name = \"microbit\"").contains("two"));
        assert!(told("uf2-family = 0xe48b_ff56", "").contains("UF2"));
        assert!(told("drive = \"RPI-RP2\"", "drove = 1").contains("cannot be read"));
    }
}
