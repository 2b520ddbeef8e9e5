//! Counts what is in a file, and writes the counts to another.

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

/// Writes the counts of a file to one of its name in `/data/out`; gives the path of that.
fn process(path: &str) -> Result<Vec<u8>, ExecutionError> {
    let contents = files::read(path)?;
    match files::create_directory(OUT) {
        Ok(()) | Err(FileError::AlreadyExists) => {}
        Err(error) => return Err(error.into()),
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let out = format!("{OUT}/{name}.count");
    files::write(&out, count(&contents).as_bytes())?;
    Ok(out.into_bytes())
}

/// As `wc` counts.
fn count(contents: &[u8]) -> String {
    let lines = contents.iter().filter(|&&byte| byte == b'\n').count();
    let words = contents.split(u8::is_ascii_whitespace);
    let words = words.filter(|word| !word.is_empty()).count();
    let bytes = contents.len();
    format!("lines {lines}, words {words}, bytes {bytes}\n")
}

/// The files in `/data/out`, one a line.
fn list() -> Result<Vec<u8>, ExecutionError> {
    let entries = files::list(OUT)?;
    let names: Vec<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    Ok(names.join("\n").into_bytes())
}

enginebay_guest::export!(FileProcessor);
