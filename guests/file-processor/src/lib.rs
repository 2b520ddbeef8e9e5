//! Counts what is in a file, and writes the counts to another.

use std::fmt;

use enginebay_guest::files::{self, FileError};
use enginebay_guest::{
    Component, ComponentConfig, ComponentError, ExecutionContext, ExecutionError, text,
    unknown_operation,
};

const OUT: &str = "/data/out";

struct FileProcessor;

impl Component for FileProcessor {
    const OPERATIONS: &'static [&'static str] = &["process", "list"];

    fn init(_: ComponentConfig) -> Result<Self, ComponentError> {
        Ok(FileProcessor)
    }

    fn execute(
        &mut self,
        operation: &str,
        input: &[u8],
        _: &ExecutionContext,
    ) -> Result<Vec<u8>, ExecutionError> {
        match operation {
            "process" => process(text(input)?),
            "list" => list(),
            other => unknown_operation(other),
        }
    }
}

/// Bytes that are read at once, so that the size of a file does not matter.
const CHUNK: u32 = 64 << 10;

/// Writes the counts of a file to one of its name in `/data/out`; gives the path of that.
fn process(path: &str) -> Result<Vec<u8>, ExecutionError> {
    let file = files::open_read(path)?;
    let mut counts = Counts::default();
    loop {
        let chunk = file.read(CHUNK)?;
        counts.add(&chunk.data);
        if chunk.end {
            break;
        }
    }
    match files::create_directory(OUT) {
        Ok(()) | Err(FileError::AlreadyExists) => {}
        Err(error) => return Err(error.into()),
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let out = format!("{OUT}/{name}.count");
    files::write(&out, counts.to_string().as_bytes())?;
    Ok(out.into_bytes())
}

/// What `wc` counts.
#[derive(Default)]
struct Counts {
    lines: u64,
    words: u64,
    bytes: u64,
    in_word: bool,
}

impl Counts {
    fn add(&mut self, data: &[u8]) {
        for byte in data {
            self.lines += u64::from(*byte == b'\n');
            let in_word = !byte.is_ascii_whitespace();
            self.words += u64::from(in_word && !self.in_word);
            self.in_word = in_word;
        }
        self.bytes += data.len() as u64;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            lines,
            words,
            bytes,
            ..
        } = self;
        writeln!(f, "lines {lines}, words {words}, bytes {bytes}")
    }
}

/// The files in `/data/out`, one a line.
fn list() -> Result<Vec<u8>, ExecutionError> {
    let entries = files::list(OUT)?;
    let names: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    Ok(names.join("\n").into_bytes())
}

enginebay_guest::export!(FileProcessor);
