//! What goes out: replies in frames, the last of them kept.

use thimble_shared::link::{FRAME_BYTES, Reply, encode};

use crate::hardware::Hardware;

/// By what a request is known when it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// Its sequence number.
    pub(crate) sequence: u16,
    /// The checksum of its frame.
    pub(crate) checksum: u32,
}

/// Sends replies. The last is kept: if it is lost on the line, the request comes again and is answered without being done
/// again.
#[derive(Debug)]
pub(crate) struct Sender {
    frame: [u8; FRAME_BYTES],
    length: usize,
    /// The request that was answered last.
    answered: Option<Key>,
}

impl Sender {
    pub(crate) fn new() -> Self {
        Self {
            frame: [0; FRAME_BYTES],
            length: 0,
            answered: None,
        }
    }

    /// Answers a request that was answered just before; `false` if it is another.
    pub(crate) fn repeat(&self, hardware: &mut impl Hardware, request: Key) -> bool {
        let repeated = self.answered == Some(request);
        if repeated {
            hardware.send(self.frame.get(..self.length).unwrap_or_default());
        }
        repeated
    }

    /// Answers a request.
    pub(crate) fn reply(&mut self, hardware: &mut impl Hardware, request: Key, reply: &Reply<'_>) {
        self.length = encode(request.sequence, reply, &mut self.frame).map_or(0, <[u8]>::len);
        self.answered = Some(request);
        hardware.send(self.frame.get(..self.length).unwrap_or_default());
    }

    /// Asks for the same again.
    pub(crate) fn again(&mut self, hardware: &mut impl Hardware) {
        let mut frame = [0; 16];
        if let Ok(bytes) = encode(0, &Reply::Again, &mut frame) {
            hardware.send(bytes);
        }
    }
}
