//! Which format and which packing a file has.

use std::path::Path;

use super::columns;

/// How rows are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Tab separated, header line, no quoting.
    Tsv,
    /// Comma (or semicolon, or tab) separated, header line, RFC 4180 quoting.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// One text a line, no header and no labels.
    PlainText,
}

impl Format {
    /// The format that a file name promises, looking past `.zst` and `.gz`.
    pub fn from_path(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = [".zst", ".zstd", ".gz"]
            .iter()
            .find_map(|packed| name.strip_suffix(packed))
            .unwrap_or(&name);
        match name.rsplit_once('.')?.1 {
            "tsv" | "tab" => Some(Self::Tsv),
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            "txt" | "text" => Some(Self::PlainText),
            _ => None,
        }
    }

    /// The format that the unpacked beginning of a file shows: an opening brace, or a header with a usual name of a
    /// text column. Plain text is never guessed.
    pub(super) fn from_content(bytes: &[u8]) -> Option<Self> {
        let line = bytes
            .split(|&byte| byte == b'\n')
            .find(|line| !line.trim_ascii().is_empty())?;
        if line.trim_ascii_start().starts_with(b"{") {
            return Some(Self::JsonLines);
        }
        let line = std::str::from_utf8(line).ok()?;
        let knows = |separator: char| {
            let names: Vec<String> = line
                .split(separator)
                .map(|name| name.trim_matches('"').to_owned())
                .collect();
            names.len() > 1 && columns::usual(&names, columns::TEXT).is_some()
        };
        if knows('\t') {
            Some(Self::Tsv)
        } else if knows(',') || knows(';') {
            Some(Self::Csv)
        } else {
            None
        }
    }
}

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// Zstandard frames, one or more.
    Zstd,
    /// Gzip members, one or more.
    Gzip,
}

impl Compression {
    /// The packing by the first bytes, or by the extension if the bytes say nothing. A file called `.zst` or `.gz` is
    /// therefore never taken for text.
    pub fn detect(path: &Path, bytes: &[u8]) -> Self {
        if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            return Self::Zstd;
        }
        if bytes.starts_with(&[0x1f, 0x8b]) {
            return Self::Gzip;
        }
        match path
            .extension()
            .and_then(|extension| extension.to_str())
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            Some("zst" | "zstd") => Self::Zstd,
            Some("gz") => Self::Gzip,
            _ => Self::None,
        }
    }

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "plain",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}
