//! What host and device share: the tokenizer, the compact vocabulary, labels, the model file, fixed-point arithmetic.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "build")]
extern crate alloc;

mod bytes;
pub mod fixed;
pub mod format;
pub mod labels;
pub mod tokenizer;
pub mod vocab;

#[cfg(doctest)]
#[doc = include_str!("../../docs/numerics.md")]
struct Numerics;
