//! Rows of TSV and CSV files.

use std::path::Path;

use super::columns::{self, Columns};
use super::error::{DataError, DataErrorKind};
use super::read::{ReadOptions, Row, Rows};
use super::source;

/// Rows of a TSV file: quotes are text, a tab always ends a field.
pub(super) fn read_tsv(
    path: &Path,
    bytes: &[u8],
    options: &ReadOptions,
) -> Result<Rows, DataError> {
    let mut lines = source::lines(path, bytes).filter(|line| !matches!(line, Ok((_, ""))));
    let Some(first) = lines.next() else {
        return Err(DataError::whole(
            path,
            DataErrorKind::Empty {
                expected: "a header line and rows",
            },
        ));
    };
    let header: Vec<String> = first?.1.split('\t').map(str::to_owned).collect();
    let columns = find(path, &header, options)?;
    let mut rows = Vec::new();
    let mut fields = Vec::new();
    for line in lines {
        let (number, line) = line?;
        fields.clear();
        fields.extend(line.split('\t'));
        check_count(
            path,
            number,
            fields.len(),
            &header,
            "a tab inside a text must be a space",
        )?;
        rows.push(row(number, &columns, |index| fields[index]));
    }
    Ok(Rows {
        rows,
        label_column: columns.label.map(|index| header[index].clone()),
    })
}

/// Rows of a CSV file with RFC 4180 quoting. The separator is a comma or, where the header has none outside of quotes, a
/// semicolon or a tab.
pub(super) fn read_csv(
    path: &Path,
    bytes: &[u8],
    options: &ReadOptions,
) -> Result<Rows, DataError> {
    let delimiter = delimiter(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(bytes);
    let mut header: Option<(Vec<String>, Columns)> = None;
    let mut rows = Vec::new();
    let mut record = csv::ByteRecord::new();
    let mut last = (0, 0);
    while reader
        .read_byte_record(&mut record)
        .map_err(|error| DataError::whole(path, DataErrorKind::Io(error.into())))?
    {
        // The position is that of the end of the record before: skip the line ends between the two.
        let (line, start) = record
            .position()
            .map_or((0, 0), |at| (at.line(), at.byte() as usize));
        let skipped = bytes[start..]
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let line = line + skipped.filter(|&&byte| byte == b'\n').count() as u64;
        last = (line, start);
        let mut fields = Vec::with_capacity(record.len());
        for field in &record {
            fields.push(source::utf8(path, line, field)?);
        }
        match &header {
            None => {
                let names: Vec<String> = fields.iter().map(|name| (*name).to_owned()).collect();
                let columns = find(path, &names, options)?;
                header = Some((names, columns));
            }
            Some((names, columns)) => {
                let hint = "quote texts that hold the separator: \"a, b\"";
                check_count(path, line, fields.len(), names, hint)?;
                rows.push(row(line, columns, |index| fields[index]));
            }
        }
    }
    if ends_inside_quotes(&bytes[last.1..], delimiter) {
        return Err(DataError::at(path, last.0, DataErrorKind::UnclosedQuote));
    }
    let Some((names, columns)) = header else {
        return Err(DataError::whole(
            path,
            DataErrorKind::Empty {
                expected: "a header line and rows",
            },
        ));
    };
    Ok(Rows {
        rows,
        label_column: columns.label.map(|index| names[index].clone()),
    })
}

fn find(path: &Path, header: &[String], options: &ReadOptions) -> Result<Columns, DataError> {
    columns::find(
        path,
        header,
        options.text_column.as_deref(),
        options.label_column.as_deref(),
    )
}

fn row<'a>(line: u64, columns: &Columns, field: impl Fn(usize) -> &'a str) -> Row {
    let label = columns
        .label
        .map(|index| field(index).trim())
        .filter(|label| !label.is_empty());
    Row {
        line,
        text: field(columns.text).to_owned(),
        label: label.map(str::to_owned),
        logits: None,
    }
}

fn check_count(
    path: &Path,
    line: u64,
    found: usize,
    header: &[String],
    hint: &'static str,
) -> Result<(), DataError> {
    if found == header.len() {
        return Ok(());
    }
    let kind = DataErrorKind::FieldCount {
        found,
        expected: header.len(),
        columns: header.to_vec(),
        hint,
    };
    Err(DataError::at(path, line, kind))
}

/// The separator that the header shows outside of quotes.
fn delimiter(bytes: &[u8]) -> u8 {
    let mut quoted = false;
    let mut seen = [false; 3];
    for &byte in bytes {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            b',' if !quoted => seen[0] = true,
            b';' if !quoted => seen[1] = true,
            b'\t' if !quoted => seen[2] = true,
            _ => {}
        }
    }
    match seen {
        [true, ..] => b',',
        [_, true, _] => b';',
        [_, _, true] => b'\t',
        _ => b',',
    }
}

/// Whether a record, from its start to the end of the file, ends inside a quoted field. A quote opens a field only as
/// its first byte; inside, two quotes are one.
fn ends_inside_quotes(record: &[u8], delimiter: u8) -> bool {
    enum At {
        FieldStart,
        Plain,
        Quoted,
        QuoteInQuoted,
    }
    let mut at = At::FieldStart;
    for &byte in record {
        let ends = byte == delimiter || byte == b'\n' || byte == b'\r';
        at = match (at, byte) {
            (At::FieldStart | At::QuoteInQuoted, b'"') => At::Quoted,
            (At::Quoted, b'"') => At::QuoteInQuoted,
            (At::Quoted, _) => At::Quoted,
            (_, _) if ends => At::FieldStart,
            (_, _) => At::Plain,
        };
    }
    matches!(at, At::Quoted)
}
