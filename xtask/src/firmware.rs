//! `cargo xtask firmware`: builds the images of boards.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use object::{Object, ObjectSymbol};
use thimble_boards::Board;

use crate::arm::{self, Library};

/// Where the images lie: `BOARD.elf`.
pub(crate) fn folder() -> PathBuf {
    crate::root().join("target/firmware")
}

/// Builds the images of the boards named, of all if none is.
pub(crate) fn run(names: &[String]) -> anyhow::Result<()> {
    let boards = select(names)?;
    std::fs::create_dir_all(folder())?;
    for board in &boards {
        let elf = build(board)?;
        check(board, &elf)?;
        let image = folder().join(format!("{}.elf", board.name));
        std::fs::copy(&elf, &image)
            .with_context(|| format!("{} cannot be written", image.display()))?;
        println!("{}: {}", board.name, image.display());
    }
    Ok(())
}

/// The boards of these names, all of them if there are none.
pub(crate) fn select(names: &[String]) -> anyhow::Result<Vec<Board>> {
    let mut boards = thimble_boards::all()?;
    for name in names {
        let known = boards.iter().any(|board| board.name == *name);
        ensure!(known, "{name} is no board of device/boards/boards.toml");
    }
    boards.retain(|board| names.is_empty() || names.contains(&board.name));
    Ok(boards)
}

fn build(board: &Board) -> anyhow::Result<PathBuf> {
    let mut command = arm::cargo(&board.target, Library::Core, None)?;
    command
        .current_dir(crate::root().join("device/firmware"))
        .env("THIMBLE_BOARD", &board.name)
        .args(["build", "--features", &board.driver]);
    if board.target.starts_with("thumbv6m") {
        // What is hot is in assembler; the smallest chips need the flash.
        command.args([
            "--config",
            "profile.release.package.thimble-device.opt-level='z'",
        ]);
    }
    if board.target.starts_with("thumbv8m.main") {
        // The target is for cores with the DSP extension and for those without, with vectors and without; its board's core says.
        command.env(
            arm::variable(&board.target, "RUSTFLAGS"),
            format!("-C target-cpu={}", board.core.to_lowercase()),
        );
    }
    let built = arm::build(command, &board.target, "firmware-build")
        .with_context(|| format!("the image of {} was not built", board.name))?;
    Ok(built.join("thimble-firmware"))
}

/// Names of routines that compute with floating point, as compilers call them (Arm's run-time ABI, IHI 0043, 4.1.2; GCC's
/// and LLVM's of the same purpose).
const FLOAT_ROUTINES: &[&str] = &[
    "__aeabi_f",
    "__aeabi_d",
    "__aeabi_cf",
    "__aeabi_cd",
    "__aeabi_i2",
    "__aeabi_ui2",
    "__aeabi_l2",
    "__aeabi_ul2",
    "__aeabi_h2",
    "__addsf",
    "__adddf",
    "__mulsf",
    "__muldf",
    "__divsf",
    "__divdf",
];

/// Refuses an image with an allocator or with floating-point routines.
fn check(board: &Board, elf: &std::path::Path) -> anyhow::Result<()> {
    let bytes = std::fs::read(elf)?;
    let file = object::File::parse(&*bytes)?;
    let mut refused = BTreeMap::new();
    for name in file.symbols().filter_map(|symbol| symbol.name().ok()) {
        if FLOAT_ROUTINES
            .iter()
            .any(|routine| name.starts_with(routine))
        {
            refused.insert(name, "computes with floating point");
        }
        if name.contains("__rust_alloc") || name == "malloc" {
            refused.insert(name, "allocates memory");
        }
    }
    ensure!(
        refused.is_empty(),
        "the image of {} has routines that it must not have: {refused:?}",
        board.name
    );
    Ok(())
}
