//! Turns the board named by THIMBLE_BOARD into a memory map for the linker and constants for the image.

use std::path::PathBuf;
use std::{env, fs};

use thimble_boards::Board;

fn main() {
    println!("cargo::rerun-if-env-changed=THIMBLE_BOARD");
    let Ok(name) = env::var("THIMBLE_BOARD") else {
        println!("cargo::error=THIMBLE_BOARD names no board; `cargo xtask firmware` builds all");
        return;
    };
    let boards = match thimble_boards::all() {
        Ok(boards) => boards,
        Err(error) => return println!("cargo::error={error}"),
    };
    let Some(board) = boards.iter().find(|board| board.name == name) else {
        return println!("cargo::error=THIMBLE_BOARD={name} is no board of boards.toml");
    };
    let feature = format!("CARGO_FEATURE_{}", board.driver.to_uppercase());
    if env::var_os(feature).is_none() {
        return println!(
            "cargo::error=board {name} wants `--features {}`",
            board.driver
        );
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("memory.x"), memory(board)).expect("OUT_DIR can be written");
    fs::write(out.join("board.rs"), constants(board)).expect("OUT_DIR can be written");
    println!("cargo::rustc-link-search={}", out.display());
}

/// The memory map as cortex-m-rt's linker script includes it.
fn memory(board: &Board) -> String {
    let (image, ram) = (board.image(), board.ram);
    // The RP2040's first 256 bytes of flash are its second boot loader.
    let boot = if board.driver == "rp2040" { 0x100 } else { 0 };
    let mut map = format!(
        "MEMORY {{\n  FLASH : ORIGIN = {:#x}, LENGTH = {:#x}\n  RAM : ORIGIN = {:#x}, LENGTH = {:#x}\n",
        image.start + boot,
        image.bytes - boot,
        ram.start,
        ram.bytes,
    );
    if boot > 0 {
        map += &format!(
            "  BOOT2 : ORIGIN = {:#x}, LENGTH = {boot:#x}\n}}\n\
             SECTIONS {{ .boot2 ORIGIN(BOOT2) : {{ KEEP(*(.boot2)); }} > BOOT2 }} INSERT BEFORE .text;\n",
            image.start
        );
    } else {
        map += "}\n";
    }
    map
}

/// The constants of `board.rs`.
fn constants(board: &Board) -> String {
    let Board { name, title, .. } = board;
    format!(
        "pub(crate) const NAME: &str = {name:?};
pub(crate) const TITLE: &str = {title:?};
pub(crate) const RAM_BYTES: u32 = {};
pub(crate) const MODEL_START: usize = {};
pub(crate) const MODEL_BYTES: usize = {};
pub(crate) const MODEL_PAGE: usize = {};
pub(crate) const MODEL_WRITABLE: bool = {};
pub(crate) const ARENA_BYTES: usize = {};
pub(crate) const CLOCK_HZ: u32 = {};
pub(crate) const BAUD: u32 = {};
pub(crate) const SERIAL_BASE: usize = {};
pub(crate) const SERIAL_TX: u8 = {};
pub(crate) const SERIAL_RX: u8 = {};
pub(crate) const TIMER_BASE: usize = {};
",
        board.ram.bytes,
        board.model.start,
        board.model.bytes,
        board.model.page,
        board.model.writable,
        board.arena,
        board.clock_hz,
        board.serial.baud,
        board.serial.base,
        board.serial.tx,
        board.serial.rx,
        board.timer.base,
    )
}
