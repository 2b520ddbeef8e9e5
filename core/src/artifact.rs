//! The envelope of precompiled components: what made them, and a hash that
//! detects damage.
//!
//! A file is `MAGIC`, the hash of all that follows (32 bytes), one byte of
//! flags, the length of the identity (4 bytes, little endian), the identity as
//! text, and the engine's own bytes.

use crate::backend::Backend;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::scan::Scan;

/// Changes whenever the envelope does.
const MAGIC: &[u8; 16] = b"\0enginebay-aot-1";
const HASH: usize = 32;
const USES_ASYNC: u8 = 1;

/// What two engines must have in common to share artifacts, as a line of text.
pub(crate) fn identity<B: Backend>(engine: &Engine<B>) -> String {
    let support = engine.support();
    format!(
        "backend={} engine={} version={} target={}-{} {}",
        engine.backend(),
        support.engine,
        support.version,
        std::env::consts::ARCH,
        std::env::consts::OS,
        engine.config().fingerprint(&support),
    )
}

pub(crate) fn is_artifact(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

pub(crate) fn write(identity: &str, scan: Scan, code: &[u8]) -> Vec<u8> {
    let start = MAGIC.len() + HASH;
    let mut bytes = Vec::with_capacity(start + 5 + identity.len() + code.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[0; HASH]);
    bytes.push(if scan.uses_async { USES_ASYNC } else { 0 });
    bytes.extend_from_slice(&(identity.len() as u32).to_le_bytes());
    bytes.extend_from_slice(identity.as_bytes());
    bytes.extend_from_slice(code);
    let hash = blake3::hash(&bytes[start..]);
    bytes[MAGIC.len()..start].copy_from_slice(hash.as_bytes());
    bytes
}

pub(crate) fn read<'a>(bytes: &'a [u8], identity: &str) -> Result<(Scan, &'a [u8])> {
    let refuse = |text: &'static str| Error::new(ErrorKind::Artifact, text);
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or_else(|| refuse("this is not a precompiled component of this version"))?;
    let damaged = || refuse("the precompiled component is damaged: its hash does not match");
    let (hash, rest) = rest.split_at_checked(HASH).ok_or_else(damaged)?;
    if blake3::hash(rest).as_bytes() != hash {
        return Err(damaged());
    }
    let (flags, rest) = rest.split_first().ok_or_else(damaged)?;
    let (len, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
    let len = u32::from_le_bytes(*len) as usize;
    let (theirs, code) = rest.split_at_checked(len).ok_or_else(damaged)?;
    if theirs != identity.as_bytes() {
        let (made_by, wanted) = differences(&String::from_utf8_lossy(theirs), identity);
        return Err(refuse(
            "the precompiled component was made by another engine, version or configuration",
        )
        .with_context("made by", made_by)
        .with_context("wanted", wanted));
    }
    Ok((
        Scan {
            uses_async: flags & USES_ASYNC != 0,
        },
        code,
    ))
}

/// The words of each identity that the other does not have.
fn differences(theirs: &str, ours: &str) -> (String, String) {
    let without = |a: &str, b: &str| {
        let other: Vec<_> = b.split(' ').collect();
        let words: Vec<_> = a.split(' ').filter(|word| !other.contains(word)).collect();
        words.join(" ")
    };
    (without(theirs, ours), without(ours, theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        for uses_async in [false, true] {
            let scan = Scan { uses_async };
            let bytes = write("me", scan, b"code");
            assert!(is_artifact(&bytes));
            assert_eq!(read(&bytes, "me").unwrap(), (scan, &b"code"[..]));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_detected() {
        let bytes = write("me", Scan::default(), b"code");
        for i in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[i] ^= 1 << bit;
                assert_eq!(
                    *read(&damaged, "me").unwrap_err().kind(),
                    ErrorKind::Artifact
                );
            }
            assert_eq!(
                *read(&bytes[..i], "me").unwrap_err().kind(),
                ErrorKind::Artifact
            );
        }
    }

    #[test]
    fn another_identity_is_named() {
        let bytes = write("engine=a fuel=on stack=1", Scan::default(), b"code");
        let error = read(&bytes, "engine=a fuel=off stack=1").unwrap_err();
        assert_eq!(error.context_value("made by"), Some("fuel=on"));
        assert_eq!(error.context_value("wanted"), Some("fuel=off"));
    }
}
