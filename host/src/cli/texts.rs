//! The texts that a subcommand works on: arguments, a file, or standard input, one text a line.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::common::Common;
use crate::data::{self, Compression, Format, ReadOptions};

/// Where the texts come from.
#[derive(Debug, clap::Args)]
pub(super) struct TextArgs {
    /// Texts; without any and without --file, standard input, one text a line
    #[arg(value_name = "TEXT", conflicts_with = "file")]
    texts: Vec<OsString>,
    /// Texts of a file, one a line, or the text column of a TSV, CSV or JSON Lines file; `-` is standard input
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Column that holds the text [default: text, sentence, review, ... whichever exists]
    #[arg(long, value_name = "NAME", requires = "file")]
    text_column: Option<String>,
}

/// A text, as bytes that need not be UTF-8.
pub(super) struct Text<'a> {
    /// Without the end of its line.
    pub(super) bytes: &'a [u8],
    /// Whether the next text, if there is one, may take its time: what has been printed should go out now.
    pub(super) last_for_now: bool,
}

/// Texts of a file, for subcommands that take no others.
#[derive(Debug, clap::Args)]
pub(super) struct TextFileArgs {
    /// Texts of a file, one a line, or the text column of a TSV, CSV or JSON Lines file
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Column that holds the text [default: text, sentence, review, ... whichever exists]
    #[arg(long, value_name = "NAME", requires = "file")]
    text_column: Option<String>,
}

impl TextFileArgs {
    /// All texts of the file; none without a file.
    pub(super) fn read(&self) -> anyhow::Result<Vec<Vec<u8>>> {
        let mut texts = Vec::new();
        if let Some(path) = &self.file {
            of_file(path, self.text_column.as_ref(), |text: Text<'_>| {
                texts.push(text.bytes.to_vec());
                Ok(())
            })?;
        }
        Ok(texts)
    }
}

impl TextArgs {
    /// Passes every text to `visit`, in order; empty lines are texts as well. Texts from a pipe are passed on line by line, as
    /// they come.
    pub(super) fn for_each(
        &self,
        common: &Common,
        mut visit: impl FnMut(Text<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match &self.file {
            None if !self.texts.is_empty() => {
                for text in &self.texts {
                    visit(Text {
                        bytes: text.as_encoded_bytes(),
                        last_for_now: false,
                    })?;
                }
                Ok(())
            }
            Some(path) if path.as_os_str() != "-" => {
                of_file(path, self.text_column.as_ref(), visit)
            }
            _ => {
                if io::stdin().is_terminal() {
                    common.note("Reading texts from the keyboard, one a line; Ctrl-D ends.");
                }
                lines(&mut BufReader::new(io::stdin().lock()), visit).context("standard input")
            }
        }
    }
}

/// Passes on the texts of a file.
fn of_file(
    path: &Path,
    text_column: Option<&String>,
    mut visit: impl FnMut(Text<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let columns = matches!(
        Format::from_path(path),
        Some(Format::Tsv | Format::Csv | Format::JsonLines)
    );
    if columns || text_column.is_some() {
        let text_column = text_column.cloned();
        let options = ReadOptions {
            text_column,
            texts_only: true,
            ..ReadOptions::default()
        };
        for example in data::read(path, &options)?.examples {
            visit(Text {
                bytes: example.text.as_bytes(),
                last_for_now: false,
            })?;
        }
        return Ok(());
    }
    let name = || format!("{} cannot be read", path.display());
    anyhow::ensure!(
        !path.is_dir(),
        "{} is a folder; name a file in it",
        path.display()
    );
    let mut reader = BufReader::new(File::open(path).with_context(name)?);
    let reader: Box<dyn Read> =
        match Compression::detect(path, reader.fill_buf().with_context(name)?) {
            Compression::None => Box::new(reader),
            Compression::Zstd => Box::new(zstd::Decoder::with_buffer(reader).with_context(name)?),
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
        };
    lines(&mut BufReader::new(reader), visit).with_context(|| path.display().to_string())
}

/// Passes on the lines without LF or CRLF, and without a byte order mark before the first.
fn lines(
    reader: &mut BufReader<impl Read>,
    mut visit: impl FnMut(Text<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut line = Vec::new();
    let mut first = true;
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let mut bytes = &line[..];
        if let Some(rest) = bytes.strip_suffix(b"\n") {
            bytes = rest.strip_suffix(b"\r").unwrap_or(rest);
        }
        if first {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            first = false;
        }
        visit(Text {
            bytes,
            last_for_now: !reader.buffer().contains(&b'\n'),
        })?;
    }
}
