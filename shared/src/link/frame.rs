//! Frames: a message with its sequence number in postcard, a CRC-32 behind it, COBS around both, a zero before and behind.

use cobs::decode_in_place;
use serde::{Deserialize, Serialize};

use crate::checksum::checksum;

/// The most bytes of a frame, its two zeros among them.
pub const FRAME_BYTES: usize = 320;
/// Bytes of the checksum.
const CRC_BYTES: usize = 4;
/// The most bytes of a message with its checksum: COBS adds one, and one more in each 254.
const MESSAGE_BYTES: usize = 316;

const _: () = assert!(cobs::max_encoding_length(MESSAGE_BYTES) + 2 <= FRAME_BYTES);

/// Why bytes between two zeros are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// They are longer than a frame can be.
    TooLong,
    /// They are no COBS, or the checksum is not that of the rest.
    Garbled,
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the frame is longer than a frame can be",
            Self::Garbled => "the frame arrived damaged",
        })
    }
}

impl core::error::Error for FrameError {}

/// The message is too long for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodeError;

impl core::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the message is too long for a frame")
    }
}

impl core::error::Error for EncodeError {}

/// Writes a frame to the front of `buffer` and gives its bytes.
///
/// # Errors
/// A message that does not fit into the buffer or is longer than a frame can be.
pub fn encode<'b>(
    sequence: u16,
    message: &impl Serialize,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], EncodeError> {
    let mut plain = [0; MESSAGE_BYTES];
    let (message_part, _) = plain.split_at_mut(MESSAGE_BYTES - CRC_BYTES);
    let length = postcard::to_slice(&(sequence, message), message_part)
        .map_err(|_| EncodeError)?
        .len();
    let crc = checksum(plain.get(..length).ok_or(EncodeError)?);
    let whole = length + CRC_BYTES;
    let place = plain.get_mut(length..whole).ok_or(EncodeError)?;
    place.copy_from_slice(&crc.to_le_bytes());
    let plain = plain.get(..whole).ok_or(EncodeError)?;
    // A zero before and behind.
    if buffer.len() < cobs::max_encoding_length(whole) + 2 {
        return Err(EncodeError);
    }
    buffer.fill(0);
    let encoded = cobs::encode(plain, buffer.get_mut(1..).ok_or(EncodeError)?);
    buffer.get(..encoded + 2).ok_or(EncodeError)
}

/// Reads what stood between two zeros: sequence number and message. The bytes are decoded in place.
///
/// # Errors
/// Damage of any kind.
pub fn decode<'b, M: Deserialize<'b>>(bytes: &'b mut [u8]) -> Result<(u16, M), FrameError> {
    let length = decode_in_place(bytes).map_err(|_| FrameError::Garbled)?;
    let (message, crc) = bytes
        .get(..length)
        .and_then(|bytes| bytes.split_last_chunk())
        .ok_or(FrameError::Garbled)?;
    if u32::from_le_bytes(*crc) != checksum(message) {
        return Err(FrameError::Garbled);
    }
    postcard::from_bytes(message).map_err(|_| FrameError::Garbled)
}

/// CRC-32 of the bytes between two zeros as they came: by it a request that comes again is known.
pub fn frame_checksum(bytes: &[u8]) -> u32 {
    checksum(bytes)
}

/// Collects bytes into frames of at most `N` bytes.
#[derive(Debug, Clone)]
pub struct Deframer<const N: usize> {
    bytes: [u8; N],
    /// Bytes of the frame; more than `N` if they do not fit.
    count: usize,
    /// Whether the frame is complete: the next byte begins another.
    ended: bool,
}

impl<const N: usize> Default for Deframer<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Deframer<N> {
    /// A deframer behind a zero.
    pub const fn new() -> Self {
        Self {
            bytes: [0; N],
            count: 0,
            ended: false,
        }
    }

    /// Takes the next byte of the line and tells whether it ended a frame, which [`frame`](Self::frame) then gives.
    pub fn push(&mut self, byte: u8) -> bool {
        if core::mem::take(&mut self.ended) {
            self.count = 0;
        }
        if byte == 0 {
            self.ended = self.count > 0;
            return self.ended;
        }
        if let Some(place) = self.bytes.get_mut(self.count) {
            *place = byte;
        }
        self.count = self.count.saturating_add(1);
        false
    }

    /// What stands before the last zero.
    ///
    /// # Errors
    /// More than `N` bytes without a zero.
    pub fn frame(&mut self) -> Result<&mut [u8], FrameError> {
        self.bytes.get_mut(..self.count).ok_or(FrameError::TooLong)
    }

    /// Forgets what was collected.
    pub fn clear(&mut self) {
        (self.count, self.ended) = (0, false);
    }
}
