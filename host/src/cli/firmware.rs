//! `thimble firmware`: image and model in one file for a board.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use serde::Serialize;
use thimble_boards::{Board, FileKind};

use super::common::Common;
use super::model::ModelArgs;
use super::target::{self, ImageArgs};
use super::{UsageError, output};
use crate::files;

/// Arguments of `thimble firmware`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thimble firmware --list
  thimble firmware microbit --model models/sentiment-en/224k.thimble -o thimble.hex    # drag it onto the drive MICROBIT
  thimble firmware pico -o thimble.uf2
  thimble firmware nrf52840-dk --flash                                            # through a debug probe, by probe-rs

The image has to be built once: cargo xtask firmware")]
pub struct Args {
    /// Name of the board
    #[arg(value_name = "BOARD", required_unless_present = "list")]
    board: Option<String>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    image: ImageArgs,
    /// Where to write the file; its extension tells the kind: hex, uf2, bin or elf [default: thimble-BOARD and the kind that
    /// the board likes best]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Put it onto the board through a debug probe; needs probe-rs
    #[arg(long)]
    flash: bool,
    /// List the boards
    #[arg(long)]
    list: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer {
    board: String,
    file: PathBuf,
    file_bytes: usize,
    image_bytes: usize,
    image_room: u32,
    model_bytes: usize,
    model_room: u32,
    arena_bytes: usize,
    arena_room: u32,
}

/// Writes the file, or lists the boards.
///
/// # Errors
/// No such board, no image, a model that does not fit, a kind of file that the board does not take.
pub fn run(args: &Args, common: &Common) -> anyhow::Result<()> {
    if args.list {
        return list(args.json);
    }
    let board = target::board(args.board.as_deref().unwrap_or_default())?;
    let (path, kind) = place(args, &board)?;
    let file = args.model.open()?;
    let model = file.parse()?;
    let merged = args.image.merge(&board, &model)?;
    let bytes = merged
        .file(kind)
        .with_context(|| format!("{} takes no {} files", board.name, kind.extension()))?;
    files::write_whole(&path, &bytes)?;
    let answer = Answer {
        board: board.name.clone(),
        file: path.clone(),
        file_bytes: bytes.len(),
        image_bytes: merged.image_bytes,
        image_room: board.image().bytes,
        model_bytes: model.bytes().len(),
        model_room: board.model.bytes,
        arena_bytes: model.arena_bytes(),
        arena_room: board.arena,
    };
    let mut out = output::stdout();
    if args.json {
        output::json(&mut out, &answer)?;
    } else {
        print(&mut out, &board, kind, &answer)?;
    }
    out.flush()?;
    if args.flash {
        let elf = merged
            .file(FileKind::Elf)
            .context("image and model make no ELF file")?;
        flash(&board, &elf)?;
        common.note(format!("{}: done", board.title));
    }
    Ok(())
}

fn print(
    out: &mut impl Write,
    board: &Board,
    kind: FileKind,
    answer: &Answer,
) -> anyhow::Result<()> {
    let of = |used: usize, room: u32| {
        format!(
            "{} of {} bytes",
            output::thousands(used as u64),
            output::thousands(room)
        )
    };
    writeln!(out, "{}: for {}", answer.file.display(), board.title)?;
    writeln!(
        out,
        "  image  {}",
        of(answer.image_bytes, answer.image_room)
    )?;
    writeln!(
        out,
        "  model  {}",
        of(answer.model_bytes, answer.model_room)
    )?;
    writeln!(
        out,
        "  RAM    {} for the session's arena",
        of(answer.arena_bytes, answer.arena_room)
    )?;
    if let Some(drive) = &board.drive
        && kind != FileKind::Elf
    {
        writeln!(out, "Drag it onto the drive {drive}.")?;
    }
    Ok(())
}

/// Path and kind of the file.
fn place(args: &Args, board: &Board) -> anyhow::Result<(PathBuf, FileKind)> {
    let extensions = |kinds: &[FileKind]| {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.extension()).collect();
        names.join(", ")
    };
    let Some(path) = &args.out else {
        let kind = board.files.first().copied().unwrap_or(FileKind::Elf);
        let path = PathBuf::from(format!("thimble-{}.{}", board.name, kind.extension()));
        return Ok((path, kind));
    };
    let extension = path.extension().and_then(|extension| extension.to_str());
    let kind = FileKind::ALL
        .into_iter()
        .find(|kind| Some(kind.extension()) == extension);
    match kind {
        Some(kind) if board.files.contains(&kind) => Ok((path.clone(), kind)),
        _ => Err(UsageError(format!(
            "{} is no file for {}; it takes {}",
            path.display(),
            board.name,
            extensions(&board.files)
        ))
        .into()),
    }
}

fn flash(board: &Board, elf: &[u8]) -> anyhow::Result<()> {
    let chip = board.probe.as_deref().ok_or_else(|| {
        UsageError(format!(
            "{} is there in emulators only; `--target qemu:{}` asks it",
            board.name, board.name
        ))
    })?;
    let file = tempfile::Builder::new().suffix(".elf").tempfile()?;
    std::fs::write(file.path(), elf)?;
    let status = Command::new("probe-rs")
        .args(["download", "--chip", chip])
        .arg(file.path())
        .status()
        .context("probe-rs cannot be started; https://probe.rs tells how to install it")?;
    anyhow::ensure!(status.success(), "probe-rs: {status}");
    let status = Command::new("probe-rs")
        .args(["reset", "--chip", chip])
        .status()?;
    anyhow::ensure!(status.success(), "probe-rs: {status}");
    Ok(())
}

#[derive(Serialize)]
struct Listed {
    name: String,
    title: String,
    core: String,
    image_room: u32,
    model_room: u32,
    arena_room: u32,
    emulated: bool,
    writable: bool,
}

fn list(json: bool) -> anyhow::Result<()> {
    let boards = thimble_boards::all()?.into_iter().map(|board| Listed {
        image_room: board.image().bytes,
        model_room: board.model.bytes,
        arena_room: board.arena,
        emulated: board.qemu.is_some(),
        writable: board.model.writable,
        name: board.name,
        title: board.title,
        core: board.core,
    });
    let mut out = output::stdout();
    if json {
        output::json(&mut out, &boards.collect::<Vec<_>>())?;
    } else {
        writeln!(
            out,
            "{:14} {:11} {:>15} {:>14}  emulated",
            "board", "core", "model, at most", "arena, at most"
        )?;
        for board in boards {
            writeln!(
                out,
                "{:14} {:11} {:>15} {:>14}  {:8}  {}",
                board.name,
                board.core,
                output::thousands(board.model_room),
                output::thousands(board.arena_room),
                if board.emulated { "yes" } else { "no" },
                board.title
            )?;
        }
    }
    out.flush()?;
    Ok(())
}
