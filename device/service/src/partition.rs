//! Finding the model: a file that begins at a page of the partition, the first that is sound.

use core::fmt::{Display, Write};
use core::ops::Range;

use thimble_shared::format::{Announced, FormatError, MAGIC, Model};
use thimble_shared::link::Text;

use crate::hardware::Partition;

/// What stands in the partition.
#[derive(Debug)]
pub enum Found<'p> {
    /// A sound model that this board can run, and where its bytes lie.
    Model {
        /// Its checked view.
        model: Model<'p>,
        /// Its bytes in the partition.
        range: Range<usize>,
    },
    /// None, and why.
    None(Text),
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
    let mut why = None;
    for (page, start) in bytes.chunks(P::PAGE).zip((0..).step_by(P::PAGE)) {
        if !page.starts_with(&MAGIC) {
            continue;
        }
        match sound(bytes.get(start..).unwrap_or_default(), arena_bytes) {
            Ok(model) => {
                let range = start..start + model.bytes().len();
                return Found::Model { model, range };
            }
            Err(error) => {
                why.get_or_insert(error);
            }
        }
    }
    Found::None(why.unwrap_or_else(|| {
        text(format_args!(
            "the model partition is empty: write a model with `thimble write` or `thimble firmware`"
        ))
    }))
}

/// The model at the front of some bytes.
pub(crate) fn sound(bytes: &[u8], arena_bytes: usize) -> Result<Model<'_>, Text> {
    let file = Announced::read(bytes).and_then(|announced| {
        bytes
            .get(..announced.bytes as usize)
            .ok_or(FormatError::Length {
                expected: announced.bytes,
                got: bytes.len() as u32,
            })
    });
    let model = file.and_then(Model::parse).map_err(text)?;
    if model.arena_bytes() > arena_bytes {
        return Err(text(format_args!(
            "the model needs an arena of {} bytes of RAM and this board has {arena_bytes}",
            model.arena_bytes()
        )));
    }
    Ok(model)
}

/// A text as a reply can carry it, cut if it is too long.
pub(crate) fn text(shown: impl Display) -> Text {
    struct Cut(Text);
    impl Write for Cut {
        fn write_str(&mut self, s: &str) -> core::fmt::Result {
            for character in s.chars() {
                self.0.push(character).map_err(|_| core::fmt::Error)?;
            }
            Ok(())
        }
    }
    let mut cut = Cut(Text::new());
    // The one error is that the text was cut.
    let _ = write!(cut, "{shown}");
    cut.0
}
