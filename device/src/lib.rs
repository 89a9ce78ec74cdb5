//! The engine: runs a student on text that comes in pieces, integers only, in memory whose size is known beforehand.
//!
//! ```
//! use thimble_device::Session;
//! use thimble_shared::format::{FormatError, Model};
//!
//! fn label<'a>(file: &'a [u8], arena: &mut [u64], text: &str) -> Result<&'a str, FormatError> {
//!     let model = Model::parse(file)?;
//!     let Ok(mut session) = Session::new(&model, arena) else { return Ok("the arena is too small") };
//!     session.push_str(text);
//!     Ok(model.labels().name(session.finish().label()))
//! }
//! assert_eq!(label(b"no model", &mut [], "fine"), Err(FormatError::Magic));
//! ```
//!
//! The way of a text: bytes → ids of pieces (the tokenizer of `thimble-shared`) → [`kernels`] for a block of positions at a
//! time → pooling over time → dense layers → [`Scores`].
#![no_std]
#![deny(unsafe_code)]

#[cfg(feature = "std")]
extern crate std;

pub mod kernels;
mod scores;
mod session;
mod stream;

pub use scores::Scores;
pub use session::{ArenaTooSmall, Session};
