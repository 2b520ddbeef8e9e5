//! Standard output, which may be closed early, and text from components, which
//! may hold anything.

use std::borrow::Cow;
use std::io::{self, Write};

use enginebay::{Error, ErrorKind};
use serde::Serialize;

use crate::failure::Failure;

/// Writes results to standard output.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// Writes what a guest wrote to standard output.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::Closed),
        Err(error) => {
            let message = format!("cannot write to standard output: {error}");
            Err(Error::new(ErrorKind::Io, message).with_source(error).into())
        }
    }
}

/// Writes results to standard output as JSON.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(&json(value)?)
}

/// JSON as it is written, with the end of the line.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Failure> {
    let mut text = serde_json::to_string_pretty(value).map_err(Error::host)?;
    text.push('\n');
    Ok(text)
}

/// Writes a note to standard error.
pub(crate) fn note(text: &str) {
    // If standard error is gone there is nobody left to tell.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Text from a component without what would control a terminal. Lines and tabs
/// stay.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let harmful = |ch: char| {
        let steers = ch.is_control() && ch != '\n' && ch != '\t';
        let reorders = matches!(ch, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        steers || reorders
    };
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for ch in text.chars() {
        if harmful(ch) {
            safe.extend(ch.escape_unicode());
        } else {
            safe.push(ch);
        }
    }
    Cow::Owned(safe)
}

/// A number of things.
pub(crate) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// A number of bytes for people.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    for (unit, shift) in UNITS {
        if number >= 1 << shift {
            return format!("{:.1} {unit}", number as f64 / f64::from(1u32 << shift));
        }
    }
    count(number, "byte")
}

/// Rows with their columns aligned; the last column is not padded.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let pad = width - cell.chars().count();
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', pad + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_steers_a_terminal_is_escaped() {
        assert_eq!(clean("a\n\tb ä"), "a\n\tb ä");
        assert_eq!(clean("\x1b[2J\u{202e}x"), r"\u{1b}[2J\u{202e}x");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [
            vec!["a".to_owned(), "bb".to_owned()],
            vec!["ccc".to_owned(), "d".to_owned()],
        ];
        assert_eq!(table(&rows), "a    bb\nccc  d\n");
    }
}
