//! What host and device share: the tokenizer, the compact vocabulary, labels, the model file, fixed-point
//! arithmetic, the messages of a serial line.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "build")]
extern crate alloc;

mod bytes;
mod checksum;
pub mod fixed;
pub mod format;
pub mod labels;
pub mod link;
pub mod tokenizer;
pub mod vocab;

#[cfg(doctest)]
#[doc = include_str!("../../docs/numerics.md")]
struct Numerics;
