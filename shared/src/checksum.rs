//! The one checksum: CRC-32 as in Ethernet and zip files (CRC-32/ISO-HDLC), from a library.

use crc::{CRC_32_ISO_HDLC, Crc, Table};

/// Static, so that its table is in an image once.
pub(crate) static CRC_32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// A checksum over bytes that come in pieces.
pub(crate) type Digest = crc::Digest<'static, u32, Table<1>>;
