//! The board as the service knows it.

use thimble_service::{Hardware, Identity, Received};
use thimble_shared::link::Memory;

use crate::driver::Driver;
use crate::{defects, memory};

#[allow(dead_code, reason = "each driver uses the constants that it needs")]
mod constants {
    include!(concat!(env!("OUT_DIR"), "/board.rs"));
}
pub(crate) use constants::*;

/// The serial line and clock of the driver, with what all boards share.
pub(crate) struct Board(Driver);

impl Board {
    /// Sets up serial line and clock.
    pub(crate) fn start() -> Self {
        Self(Driver::start())
    }
}

impl Hardware for Board {
    const TICKS_PER_SECOND: u32 = CLOCK_HZ;

    fn identity(&self) -> Identity {
        Identity {
            board: NAME,
            title: TITLE,
            firmware: env!("CARGO_PKG_VERSION"),
        }
    }

    fn receive(&mut self) -> Received {
        self.0.receive()
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.send(bytes);
    }

    fn now(&mut self) -> u32 {
        self.0.now()
    }

    fn memory(&self) -> Memory {
        Memory {
            ram: RAM_BYTES,
            statics: memory::statics(),
            arena: ARENA_BYTES as u32,
            stack_peak: memory::stack_peak(),
            defects: defects::count(),
        }
    }
}
