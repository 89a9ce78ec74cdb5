//! The part of the flash that holds models.

use core::ptr;

use thimble_service::{FlashError, Partition};

use crate::board::{MODEL_BYTES, MODEL_PAGE, MODEL_START, MODEL_WRITABLE};
use crate::driver;

/// The partition. There is one.
pub(crate) struct Flash(());

impl Flash {
    /// The partition, for `main` to take once.
    pub(crate) fn take() -> Self {
        Self(())
    }

    fn reads(&self, offset: usize, bytes: impl Iterator<Item = u8>) -> Result<(), FlashError> {
        let written = self.bytes().get(offset..).unwrap_or_default();
        if bytes.zip(written).all(|(wanted, &got)| wanted == got) {
            Ok(())
        } else {
            Err(FlashError)
        }
    }
}

impl Partition for Flash {
    const PAGE: usize = MODEL_PAGE;
    const WRITABLE: bool = MODEL_WRITABLE;

    fn bytes(&self) -> &[u8] {
        // SAFETY: the partition is memory-mapped flash that belongs to no variable. It changes only in `erase` and `write`,
        // which take `&mut self`, so not while this slice is alive.
        unsafe {
            core::slice::from_raw_parts(ptr::with_exposed_provenance(MODEL_START), MODEL_BYTES)
        }
    }

    fn erase(&mut self, offset: usize) -> Result<(), FlashError> {
        if !offset.is_multiple_of(MODEL_PAGE) || offset >= MODEL_BYTES {
            return Err(FlashError);
        }
        driver::flash::erase(MODEL_START + offset);
        self.reads(offset, core::iter::repeat_n(0xff, MODEL_PAGE))
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), FlashError> {
        let fits = offset
            .checked_add(bytes.len())
            .is_some_and(|end| end <= MODEL_BYTES);
        if !offset.is_multiple_of(4) || !fits {
            return Err(FlashError);
        }
        let (words, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(FlashError);
        }
        let words = words.iter().map(|&word| u32::from_le_bytes(word));
        driver::flash::write(MODEL_START + offset, words);
        self.reads(offset, bytes.iter().copied())
    }
}
