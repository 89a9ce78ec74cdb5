//! Widened inputs of cores whose one multiplication is that of words.
//!
//! With 8-bit weights an input is a word. With 4-bit weights a word has the inputs of two positions, the second 2^16 times itself:
//! one multiplication gives both products, of at most 2^10 each, and up to 31 of them have room beside each other.

use core::num::NonZeroUsize;

use thimble_shared::format::BLOCK;

use super::GROUP;

/// Words of a channel with 8-bit weights: its positions.
pub(super) const WORDS_INT8: usize = BLOCK;
/// Words of a channel with 4-bit weights. Channels are in the order of the halves of the bytes of weights, low before high.
pub(super) const WORDS_INT4: usize = BLOCK / 2;
/// Groups of 4-bit weights whose products have room in half a word.
pub(super) const MOST_GROUPS_INT4: NonZeroUsize = NonZeroUsize::new(31 / GROUP).unwrap();
