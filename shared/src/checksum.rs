//! The one checksum: CRC-32 as in Ethernet and zip files (CRC-32/ISO-HDLC), from a library.

use crc::{CRC_32_ISO_HDLC, Crc};

/// A chip saves the kilobyte of a table; a workstation takes tables to be fast.
#[cfg(target_os = "none")]
type Tables = crc::NoTable;
#[cfg(not(target_os = "none"))]
type Tables = crc::Table<16>;

/// Static, so that its tables are in a program once.
static CRC_32: Crc<u32, Tables> = Crc::<u32, Tables>::new(&CRC_32_ISO_HDLC);

/// A checksum over bytes that come in pieces.
#[derive(Clone)]
pub(crate) struct Digest(crc::Digest<'static, u32, Tables>);

impl Digest {
    pub(crate) fn new() -> Self {
        Self(CRC_32.digest())
    }

    #[inline(never)]
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> u32 {
        self.0.finalize()
    }
}

/// The checksum of some bytes.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    let mut digest = Digest::new();
    digest.update(bytes);
    digest.finish()
}
