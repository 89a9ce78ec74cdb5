//! What comes in: requests in frames between zeros, or typed lines.

use heapless::Vec;
use thimble_shared::link::{Deframer, FRAME_BYTES, Request, SILENCE_MS, decode, frame_checksum};

use crate::hardware::{Hardware, Received};
use crate::sender::{Key, Sender};

/// The most bytes of a typed line that wait for the engine.
const LINE_BYTES: usize = 128;

/// What came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A frame; [`Receiver::request`] reads it.
    Frame,
    /// A part of a typed line; [`Receiver::line`] gives it. It comes again until it is cleared.
    Typed,
    /// There is no line any more.
    Closed,
}

/// A typed line or a part of one.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// What was typed.
    pub(crate) bytes: Vec<u8, LINE_BYTES>,
    /// Whether the line ends here.
    pub(crate) ended: bool,
    /// Whether bytes of the line were lost.
    pub(crate) lost: bool,
}

impl Line {
    /// Makes room for what is typed next.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.lost &= !self.ended;
        self.ended = false;
    }
}

/// Takes bytes off the line. A zero begins frames; [`SILENCE_MS`] without a byte end them.
#[derive(Debug)]
pub(crate) struct Receiver {
    deframer: Deframer<FRAME_BYTES>,
    line: Line,
    framed: bool,
    /// When the last byte came.
    heard: u32,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        Self {
            deframer: Deframer::new(),
            line: Line::default(),
            framed: false,
            heard: 0,
        }
    }

    /// Takes what comes next for typed text.
    pub(crate) fn leave_frames(&mut self) {
        self.framed = false;
        self.line = Line::default();
    }

    /// Waits for a frame or for typed text that is ready: a line, or a part as long as the memory for it.
    pub(crate) fn next<H: Hardware>(&mut self, hardware: &mut H) -> Event {
        loop {
            // What was typed stays until it is taken.
            if self.line.ended || self.line.bytes.is_full() {
                return Event::Typed;
            }
            let byte = match hardware.receive() {
                Received::Byte(byte) => byte,
                Received::Overrun => {
                    self.line.lost = true;
                    continue;
                }
                Received::Closed => return Event::Closed,
                Received::Nothing => {
                    let silent = hardware.now().wrapping_sub(self.heard);
                    if self.framed && silent / (H::TICKS_PER_SECOND / 1000) > SILENCE_MS {
                        self.leave_frames();
                    }
                    continue;
                }
            };
            self.heard = hardware.now();
            if self.framed {
                if self.deframer.push(byte) {
                    return Event::Frame;
                }
            } else if byte == 0 {
                self.framed = true;
                self.deframer.clear();
            } else {
                self.typed(hardware, byte);
            }
        }
    }

    /// What was typed.
    pub(crate) fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    /// The request in the frame that came; `None` if it was damaged or answered before, which has been seen to.
    pub(crate) fn request(
        &mut self,
        hardware: &mut impl Hardware,
        sender: &mut Sender,
    ) -> Option<(Key, Request<'_>)> {
        let Ok(bytes) = self.deframer.frame() else {
            sender.again(hardware);
            return None;
        };
        let checksum = frame_checksum(bytes);
        let Ok((sequence, request)) = decode(bytes) else {
            sender.again(hardware);
            return None;
        };
        let key = Key { sequence, checksum };
        (!sender.repeat(hardware, key)).then_some((key, request))
    }

    /// Takes a typed byte and shows it to whoever types.
    fn typed(&mut self, hardware: &mut impl Hardware, byte: u8) {
        let line = &mut self.line.bytes;
        match byte {
            b'\r' | b'\n' => {
                hardware.send(b"\r\n");
                self.line.ended = true;
            }
            // Backspace takes a whole character away.
            0x08 | 0x7f => {
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
                hardware.send(b"\x08 \x08");
            }
            _ => {
                // There is room: a full line has been taken.
                let _ = line.push(byte);
                hardware.send(&[byte]);
            }
        }
    }
}
