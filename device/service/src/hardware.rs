//! What a board has to bring.

use thimble_shared::link::Memory;

/// What came in over the serial line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A byte.
    Byte(u8),
    /// Nothing so far.
    Nothing,
    /// Bytes came faster than they were taken, and some are lost.
    Overrun,
    /// There is no line any more. A chip never says this.
    Closed,
}

/// What a board is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Name as in `boards.toml`.
    pub board: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// Version of the image.
    pub firmware: &'static str,
}

/// Serial line, clock and memory of a board.
pub trait Hardware {
    /// Ticks a second of [`now`](Self::now).
    const TICKS_PER_SECOND: u32;

    /// Who it is.
    fn identity(&self) -> Identity;

    /// The next byte of the line; does not wait.
    fn receive(&mut self) -> Received;

    /// Sends bytes; waits until the line has taken them.
    fn send(&mut self, bytes: &[u8]);

    /// A counter of ticks that goes round at 2³².
    fn now(&mut self) -> u32;

    /// How the memory is used.
    fn memory(&self) -> Memory;
}

/// The flash did not do what it was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlashError;

/// The part of the flash that holds models.
pub trait Partition {
    /// Bytes that are erased together; the size of the partition is a multiple.
    const PAGE: usize;
    /// Whether [`erase`](Self::erase) and [`write`](Self::write) work.
    const WRITABLE: bool;

    /// All of its bytes.
    fn bytes(&self) -> &[u8];

    /// Sets the bytes of the page that begins at `offset` to 0xFF.
    ///
    /// # Errors
    /// A flash that stays as it is.
    fn erase(&mut self, offset: usize) -> Result<(), FlashError>;

    /// Writes erased bytes; `offset` and the number of bytes are multiples of 4.
    ///
    /// # Errors
    /// A flash that does not read back what was written.
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), FlashError>;
}
