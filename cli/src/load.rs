//! Files, and components from them: compiled, or loaded from an artifact if
//! that was allowed.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use enginebay::generic::{Component, Engine};
use enginebay::{Backend, Error, ErrorKind, is_artifact};

use crate::compiler::Source;
use crate::failure::Failure;

/// More than any component, and less than would fill a machine's memory.
const MAX_FILE: u64 = 1 << 30;

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let fail = |error| Failure::io("cannot read", path, error);
    let file = File::open(path).map_err(fail)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    if bytes.len() as u64 > MAX_FILE {
        let message = format!("{} has more than {MAX_FILE} bytes", path.display());
        return Err(Error::new(ErrorKind::TooLarge, message).into());
    }
    Ok(bytes)
}

/// Adds the file's name to an error about it.
pub(crate) fn named(error: Error, path: &Path) -> Failure {
    error.with_context("file", path.display()).into()
}

/// A component: from an artifact if that is what the bytes are and `precompiled`
/// allows it, or compiled.
pub(crate) fn component<B: Backend>(
    engine: &Engine<B>,
    source: &Source<'_>,
    precompiled: bool,
) -> Result<Component<B>, Failure> {
    if !is_artifact(source.bytes) {
        return source.compile(engine);
    }
    if !precompiled {
        return Err(Failure::advised(
            Error::new(
                ErrorKind::Artifact,
                "this is a precompiled component, which is machine code that nothing confines",
            )
            .with_context("file", source.path.display()),
            "run the component that it was made from, or give --allow-precompiled if you made \
             this file and nobody else can write to it",
        ));
    }
    #[allow(unsafe_code, reason = "artifacts are machine code")]
    // SAFETY: the user said, by --allow-precompiled, that the file is what
    // `enginebay compile` wrote and that nobody else can have changed it.
    let component = unsafe { Component::deserialize(engine, source.bytes) };
    component.map_err(|error| named(error, source.path))
}
