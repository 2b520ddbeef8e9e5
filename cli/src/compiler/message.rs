//! What a compiling child tells its parent: an artifact, or an error, so that it
//! is the same error as if the parent had compiled.

use std::error::Error as StdError;
use std::fmt;

use enginebay::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// The first byte says what the others are.
const ARTIFACT: u8 = b'A';
const ERROR: u8 = b'E';

/// The kinds of error that come of making an engine and compiling.
const KINDS: [ErrorKind; 7] = [
    ErrorKind::InvalidComponent,
    ErrorKind::TooLarge,
    ErrorKind::Unsupported,
    ErrorKind::InvalidConfig,
    ErrorKind::Artifact,
    ErrorKind::Io,
    ErrorKind::Engine,
];

#[derive(Serialize, Deserialize)]
struct Sent {
    kind: String,
    message: String,
    context: Vec<(String, String)>,
    sources: Vec<String>,
}

/// The message as bytes.
pub(crate) fn write(result: Result<Vec<u8>, Error>) -> Vec<u8> {
    match result {
        Ok(mut artifact) => {
            artifact.insert(0, ARTIFACT);
            artifact
        }
        Err(error) => {
            let mut sources = Vec::new();
            let mut source = error.source();
            while let Some(error) = source {
                sources.push(error.to_string());
                source = error.source();
            }
            let sent = Sent {
                kind: error.kind().name().to_owned(),
                message: error.message().to_owned(),
                context: error
                    .context()
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect(),
                sources,
            };
            let mut bytes = vec![ERROR];
            // Writing strings to memory does not fail.
            let _ = serde_json::to_writer(&mut bytes, &sent);
            bytes
        }
    }
}

/// The message in these bytes, if that is what they are.
pub(crate) fn read(mut bytes: Vec<u8>) -> Option<Result<Vec<u8>, Error>> {
    match *bytes.first()? {
        ARTIFACT => {
            bytes.remove(0);
            Some(Ok(bytes))
        }
        ERROR => {
            let sent: Sent = serde_json::from_slice(&bytes[1..]).ok()?;
            let kind = KINDS.iter().find(|kind| kind.name() == sent.kind)?.clone();
            let mut error = Error::new(kind, sent.message);
            for (key, value) in sent.context {
                // There are a few keys, and one message.
                error = error.with_context(key.leak(), value);
            }
            let source = sent
                .sources
                .into_iter()
                .rev()
                .fold(None, |source, message| {
                    let source = source.map(Box::new);
                    Some(Source { message, source })
                });
            Some(Err(match source {
                None => error,
                Some(source) => error.with_source(source),
            }))
        }
        _ => None,
    }
}

/// A cause of an error, of which the text is left.
#[derive(Debug)]
struct Source {
    message: String,
    source: Option<Box<Source>>,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Source {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_come_as_they_are() {
        for artifact in [&b""[..], b"E", b"code"] {
            let bytes = write(Ok(artifact.to_vec()));
            assert_eq!(read(bytes).unwrap().unwrap(), artifact);
        }
    }

    #[test]
    fn errors_come_with_their_kind_context_and_causes() {
        let inner = Error::new(ErrorKind::Io, "the disk");
        let outer = Error::new(ErrorKind::Engine, "the file").with_source(inner);
        let error = Error::new(ErrorKind::TooLarge, "much")
            .with_context("backend", "b")
            .with_context("limit", 3)
            .with_source(outer);
        let text = error.to_string();
        let came = read(write(Err(error))).unwrap().unwrap_err();
        assert_eq!(*came.kind(), ErrorKind::TooLarge);
        assert_eq!(came.to_string(), text);
        assert_eq!(came.context_value("limit"), Some("3"));
        let cause = came.source().unwrap();
        assert_eq!(cause.to_string(), "the file");
        assert_eq!(cause.source().unwrap().to_string(), "the disk");
    }

    #[test]
    fn what_is_no_message_is_none() {
        for bytes in [&b""[..], b"X", b"E", b"E{}"] {
            assert!(read(bytes.to_vec()).is_none(), "{bytes:?}");
        }
    }
}
