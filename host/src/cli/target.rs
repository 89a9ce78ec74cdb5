//! The board that a subcommand speaks with.

use std::path::PathBuf;

use anyhow::Context;
use thimble_boards::Board;
use thimble_shared::format::Model;

use super::UsageError;
use super::model::ModelFile;
use crate::target::{self, ClientError, Line, Merged, Place, Target};

/// Which image an emulator runs.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ImageArgs {
    /// Image of the board, an ELF file [default: target/firmware/BOARD.elf, where `cargo xtask firmware` puts it]
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
}

impl ImageArgs {
    /// The image joined with a model.
    pub(super) fn merge(&self, board: &Board, model: &Model<'_>) -> anyhow::Result<Merged> {
        let image = self
            .image
            .clone()
            .unwrap_or_else(|| target::default_image(board));
        Ok(target::merge(board, &image, model)?)
    }
}

/// The board of this name; a usage error if there is none.
pub(super) fn board(name: &str) -> anyhow::Result<Board> {
    Ok(target::board(name).map_err(|error| UsageError(error.to_string()))?)
}

/// Opens the line to a place that is not this program, and greets the board. An emulator is given `model`, and counts its
/// instructions exactly if it is `counting`.
pub(super) fn open(
    place: &Place,
    model: Option<&Model<'_>>,
    image: &ImageArgs,
    counting: bool,
) -> anyhow::Result<Target> {
    let line = match (place, model) {
        (Place::Qemu(name), Some(model)) => {
            let board = board(name)?;
            let options = if counting { Line::COUNTING } else { &[] };
            Line::emulate(&board, &image.merge(&board, model)?, options)?
        }
        (Place::Serial(port, baud), _) => Line::serial(port, *baud)?,
        (Place::Host | Place::Qemu(_), _) => {
            return Err(UsageError(format!(
                "{place} keeps nothing; name a board that does: --target serial:PORT"
            ))
            .into());
        }
    };
    Target::greet(line).with_context(|| place.to_string())
}

/// Makes sure that the board has this very model.
pub(super) fn expect_model(
    target: &mut Target,
    file: &ModelFile,
    model: &Model<'_>,
) -> anyhow::Result<()> {
    let there = target.model()?;
    let same = (there.bytes as usize, there.checksum) == (model.bytes().len(), model.checksum());
    if !same || hex(&target.digest()?) != file.digest() {
        let name = file.path.display().to_string();
        return Err(ClientError::OtherModel { name }.into());
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
