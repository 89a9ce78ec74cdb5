//! From a path to the unpacked bytes of a file, and from bytes to numbered lines.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::{DataError, DataErrorKind};
use super::format::Compression;

/// Reads a file whole, unpacks it and removes a UTF-8 byte order mark.
pub(super) fn load(path: &Path) -> Result<Vec<u8>, DataError> {
    let fail = |kind| DataError::whole(path, kind);
    if path.is_dir() {
        return Err(fail(DataErrorKind::Directory));
    }
    let mut raw = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut raw))
        .map_err(|error| fail(error.into()))?;
    let compression = Compression::detect(path, &raw);
    let mut bytes = Vec::new();
    let unpacked = match compression {
        Compression::None => {
            bytes = raw;
            Ok(0)
        }
        Compression::Zstd if raw.is_empty() => Err(std::io::ErrorKind::UnexpectedEof.into()),
        Compression::Zstd => zstd::stream::read::Decoder::new(&raw[..])
            .and_then(|mut decoder| decoder.read_to_end(&mut bytes)),
        Compression::Gzip => flate2::read::MultiGzDecoder::new(&raw[..]).read_to_end(&mut bytes),
    };
    unpacked.map_err(|source| {
        fail(DataErrorKind::Unpack {
            packing: compression.name(),
            source,
        })
    })?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(fail(DataErrorKind::Utf16));
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    Ok(bytes)
}

/// The lines of a file with their numbers from 1, without LF or CRLF. A final line feed starts no further line.
pub(super) fn lines<'a>(
    path: &'a Path,
    bytes: &'a [u8],
) -> impl Iterator<Item = Result<(u64, &'a str), DataError>> {
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let count = if bytes.is_empty() { 0 } else { usize::MAX };
    body.split(|&byte| byte == b'\n')
        .take(count)
        .zip(1..)
        .map(|(line, number)| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            Ok((number, utf8(path, number, line)?))
        })
}

/// A line as text, or the error that names its first wrong byte.
pub(super) fn utf8<'a>(path: &Path, number: u64, line: &'a [u8]) -> Result<&'a str, DataError> {
    std::str::from_utf8(line).map_err(|error| {
        DataError::at(
            path,
            number,
            DataErrorKind::InvalidUtf8 {
                column: error.valid_up_to() + 1,
            },
        )
    })
}
