//! What host and device share: the tokenizer, the compact vocabulary, labels, the model file, fixed-point arithmetic.
#![no_std]
#![forbid(unsafe_code)]

mod bytes;
pub mod tokenizer;
pub mod vocab;
