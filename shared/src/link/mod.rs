//! What a program and a board say to each other over a serial line: [`Request`] and [`Reply`], each in a frame that shows
//! whether it arrived whole. `docs/serial-link.md` describes the line byte by byte.

mod frame;
mod message;

pub use frame::{Deframer, EncodeError, FRAME_BYTES, FrameError, decode, encode, frame_checksum};
pub use message::{
    Hello, Memory, ModelState, NewModel, Outcome, Problem, Refusal, Reply, Request, SCORES_AT_ONCE,
    Scored, WriteMode,
};

/// The version of the protocol that this crate speaks.
pub const PROTOCOL: u8 = 1;
/// The most bytes of a text or a model that one request carries.
pub const CHUNK_BYTES: usize = 128;
/// After so many milliseconds of silence a board takes what comes next for typed text, until it sees a zero byte.
pub const SILENCE_MS: u32 = 2000;
