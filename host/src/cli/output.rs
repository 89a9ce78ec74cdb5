//! What goes to standard output.

use std::io::{self, BufWriter, StdoutLock, Write};

use serde::{Serialize, Serializer};

/// What [`stdout`] gives.
pub(super) type Stdout = BufWriter<StdoutLock<'static>>;

/// Standard output, locked and buffered; errors, a closed pipe among them, are returned and never panic.
pub(super) fn stdout() -> Stdout {
    BufWriter::new(io::stdout().lock())
}

/// Prints a value as one line of JSON.
pub(super) fn json(out: &mut impl Write, value: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Rows of cells in columns, the first column and those marked aligned to the left, the others to the right.
pub(super) struct Table {
    left: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a heading; a heading that ends in `<` makes its column aligned to the left.
    pub(super) fn new(headings: &[&str]) -> Self {
        let left = headings
            .iter()
            .map(|heading| heading.ends_with('<'))
            .collect();
        let names = headings
            .iter()
            .map(|heading| heading.trim_end_matches('<').to_owned())
            .collect();
        Self {
            left,
            rows: vec![names],
        }
    }

    /// Adds a row; missing cells are empty.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Prints the table, each line after `indent`.
    pub(super) fn print(&self, out: &mut impl Write, indent: &str) -> io::Result<()> {
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.left.len()).map(width).collect();
        for row in &self.rows {
            let mut line = indent.to_owned();
            for ((cell, &width), &left) in row.iter().zip(&widths).zip(&self.left) {
                let padding = " ".repeat(width - cell.chars().count());
                line += &if left {
                    format!("{cell}{padding}  ")
                } else {
                    format!("{padding}{cell}  ")
                };
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Serializes pairs as a JSON object that keeps their order.
pub(super) fn in_order<S: Serializer>(
    pairs: &[(&str, f64)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().copied())
}

/// A text on one line of a terminal: control characters, which could steer the terminal, become spaces.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

/// A whole number with a comma between groups of three digits.
pub(super) fn thousands(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share as a percentage with two decimals.
pub(super) fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0u64, 999, 1000, 1234567].map(thousands),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(percent(0.12345), "12.35 %");
    }

    #[test]
    fn tables_are_aligned() {
        let mut table = Table::new(&["name<", "n"]);
        table.row(["é".to_owned(), "10".to_owned()]);
        table.row(["longer".to_owned()]);
        let mut out = Vec::new();
        table.print(&mut out, " ").unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            " name     n\n é       10\n longer\n"
        );
    }
}
