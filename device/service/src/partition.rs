//! Finding the model: a file that begins at a page of the partition, the first that is sound.

use core::ops::Range;

use thimble_shared::format::{Announced, FormatError, MAGIC, Model};
use thimble_shared::link::Problem;

use crate::hardware::Partition;

/// What stands in the partition.
#[derive(Debug)]
pub struct Found<'p> {
    /// The checked view of a sound model that this board can run.
    pub model: Option<Model<'p>>,
    /// Where its bytes lie.
    pub range: Range<usize>,
    /// Why there is none.
    pub problem: Problem<'static>,
}

impl Default for Found<'_> {
    fn default() -> Self {
        Self {
            model: None,
            range: 0..0,
            problem: Problem::Empty,
        }
    }
}

impl Found<'_> {
    /// Where the model lies, if there is one.
    pub fn active(&self) -> Option<Range<usize>> {
        self.model.is_some().then(|| self.range.clone())
    }
}

/// Looks for the first sound model that `arena_bytes` suffice for and tells `found`, which is empty. If there is none, the reason is that of the first file
/// that announces itself.
pub fn find<'p, P: Partition>(partition: &'p P, arena_bytes: usize, found: &mut Found<'p>) {
    let bytes = partition.bytes();
    for start in (0..bytes.len()).step_by(P::PAGE) {
        let rest = bytes.get(start..).unwrap_or_default();
        if !rest.starts_with(&MAGIC) {
            continue;
        }
        match sound(rest, arena_bytes, &mut found.model) {
            Ok(length) => {
                found.range = start..start + length;
                return;
            }
            Err(problem) if found.problem == Problem::Empty => found.problem = problem,
            Err(_) => {}
        }
    }
}

/// Reads the model at the front of some bytes into `place`, so that it is on the stack once only; gives its bytes.
#[inline(never)]
pub(crate) fn sound<'p>(
    bytes: &'p [u8],
    arena_bytes: usize,
    place: &mut Option<Model<'p>>,
) -> Result<usize, Problem<'static>> {
    let unsound = |error: FormatError| Problem::Unsound(error.brief());
    let announced = Announced::read(bytes).map_err(unsound)?;
    let file = bytes.get(..announced.bytes as usize).unwrap_or(bytes);
    let needed = Model::parse_into(file, place)
        .map_err(unsound)?
        .arena_bytes();
    if needed > arena_bytes {
        *place = None;
        return Err(Problem::Arena {
            needed: needed as u32,
            has: arena_bytes as u32,
        });
    }
    Ok(file.len())
}
