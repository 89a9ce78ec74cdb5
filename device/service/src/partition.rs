//! Finding the model: a file that begins at a page of the partition, the first that is sound.

use core::ops::Range;

use thimble_shared::format::{Announced, FormatError, MAGIC, Model};
use thimble_shared::link::Problem;

use crate::hardware::Partition;

/// What stands in the partition.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and no heap"
)]
pub enum Found<'p> {
    /// A sound model that this board can run, and where its bytes lie.
    Model {
        /// Its checked view.
        model: Model<'p>,
        /// Its bytes in the partition.
        range: Range<usize>,
    },
    /// None, and why.
    None(Problem<'static>),
}

impl Found<'_> {
    /// Where the model lies, if there is one.
    pub fn range(&self) -> Option<Range<usize>> {
        match self {
            Self::Model { range, .. } => Some(range.clone()),
            Self::None(_) => None,
        }
    }
}

/// Looks for the first sound model that `arena_bytes` suffice for. If there is none, the reason is that of the first file
/// that announces itself.
pub fn find<P: Partition>(partition: &P, arena_bytes: usize) -> Found<'_> {
    let bytes = partition.bytes();
    let mut why = Problem::Empty;
    for start in (0..bytes.len()).step_by(P::PAGE) {
        let rest = bytes.get(start..).unwrap_or_default();
        if !rest.starts_with(&MAGIC) {
            continue;
        }
        match sound(rest, arena_bytes) {
            Ok(model) => {
                let range = start..start + model.bytes().len();
                return Found::Model { model, range };
            }
            Err(problem) if why == Problem::Empty => why = problem,
            Err(_) => {}
        }
    }
    Found::None(why)
}

/// The model at the front of some bytes.
#[inline(never)]
pub(crate) fn sound(bytes: &[u8], arena_bytes: usize) -> Result<Model<'_>, Problem<'static>> {
    let unsound = |error: FormatError| Problem::Unsound(error.brief());
    let announced = Announced::read(bytes).map_err(unsound)?;
    let file = bytes.get(..announced.bytes as usize).unwrap_or(bytes);
    let model = Model::parse(file).map_err(unsound)?;
    if model.arena_bytes() > arena_bytes {
        return Err(Problem::Arena {
            needed: model.arena_bytes() as u32,
            has: arena_bytes as u32,
        });
    }
    Ok(model)
}
