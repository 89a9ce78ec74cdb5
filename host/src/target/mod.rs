//! Boards: images with a model in them, emulators and serial lines, and the protocol that a board speaks.
//!
//! ```text
//! image + model ─► merge ─► file for a drive, a probe, an emulator
//! text ─► Target (requests) ─► Line (bytes) ─► emulator or serial port ─► replies ─► Answer
//! ```

mod client;
mod image;
mod line;
mod replay;

pub use client::{About, AboutModel, Answer, ClientError, Target};
pub use image::{ImageError, Merged, merge};
pub use line::{Line, LineError};
pub use replay::{ReplayError, Replayed, replay};

use std::path::{Path, PathBuf};

use thimble_boards::Board;

/// Where a model runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The engine in this program.
    Host,
    /// The emulator of the board of this name.
    Qemu(String),
    /// The board at this serial port, at this rate in bits a second.
    Serial(String, u32),
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not host, qemu:BOARD, serial:PORT or serial:PORT@BAUD");
        match text.split_once(':') {
            None if text == "host" => Ok(Self::Host),
            Some(("qemu", board)) if !board.is_empty() => Ok(Self::Qemu(board.to_owned())),
            Some(("serial", port)) if !port.is_empty() => match port.rsplit_once('@') {
                None => Ok(Self::Serial(port.to_owned(), 115_200)),
                Some((port, baud)) => {
                    let baud = baud.parse().map_err(|_| wrong())?;
                    Ok(Self::Serial(port.to_owned(), baud))
                }
            },
            _ => Err(wrong()),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Qemu(board) => write!(f, "qemu:{board}"),
            Self::Serial(port, _) => write!(f, "serial:{port}"),
        }
    }
}

/// There is no board of this name.
#[derive(Debug, thiserror::Error)]
#[error("{name:?} is no board; there are {}", known.join(", "))]
pub struct UnknownBoard {
    name: String,
    known: Vec<String>,
}

/// The board of this name.
///
/// # Errors
/// No board of that name.
pub fn board(name: &str) -> Result<Board, UnknownBoard> {
    let mut known = Vec::new();
    // The table that ships is sound: a test of its crate shows it.
    for board in thimble_boards::all().unwrap_or_default() {
        if board.name == name {
            return Ok(board);
        }
        known.push(board.name);
    }
    Err(UnknownBoard {
        name: name.to_owned(),
        known,
    })
}

/// Where `cargo xtask firmware` puts the image of a board: below the current folder, else where the program was built.
pub fn default_image(board: &Board) -> PathBuf {
    let file = Path::new("target/firmware").join(format!("{}.elf", board.name));
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&file);
    if !file.exists() && built.exists() {
        built.canonicalize().unwrap_or(built)
    } else {
        file
    }
}
