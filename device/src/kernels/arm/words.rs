//! Cores whose one multiplication is that of words.
//!
//! With 8-bit weights a widened input is a word. With 4-bit weights a word has the inputs of two positions, the second 2^16 times
//! itself: one multiplication gives both products, of at most 2^10 each, and up to 31 of them have room beside each other. Channels
//! are in the order of the halves of the bytes of weights then, low before high.

use core::num::NonZeroUsize;

use thimble_shared::format::BLOCK;

#[cfg(kernel = "v6m")]
use super::v6m as core_loops;
#[cfg(kernel = "v7m")]
use super::v7m as core_loops;
use super::{GROUP, Loops, most_groups};

pub(super) const INT8: Loops = Loops {
    group_bytes: NonZeroUsize::new(GROUP).unwrap(),
    wide_bytes: 4 * BLOCK,
    most_groups: most_groups(4 * BLOCK),
    widen: core_loops::widen_int8,
    add_products: core_loops::add_products_int8,
    shift: 0,
};

pub(super) const INT4: Loops = Loops {
    group_bytes: NonZeroUsize::new(GROUP / 2).unwrap(),
    wide_bytes: 2 * BLOCK,
    most_groups: NonZeroUsize::new(31 / GROUP).unwrap(),
    widen: core_loops::widen_int4,
    add_products: core_loops::add_products_int4,
    shift: 0,
};
