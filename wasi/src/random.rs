//! Random numbers: the host's own, or a sequence that a seed determines and
//! that is the same on every machine and in every version.

use blake3::{Hasher, OutputReader};
use enginebay_core::{Error, ErrorKind, Result};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::random::WasiRandomCtx;

/// Bytes that a guest may ask for at a time.
const MAX_BYTES: u64 = 64 << 20;

pub(crate) enum Random {
    Host,
    Seeded(Box<Seeded>),
}

/// One sequence for each of the three interfaces.
pub(crate) struct Seeded {
    secure: OutputReader,
    insecure: OutputReader,
    seed: (u64, u64),
}

impl Seeded {
    fn new(seed: u64) -> Self {
        let sequence = |context| {
            let mut hasher = Hasher::new_derive_key(context);
            hasher.update(&seed.to_le_bytes());
            hasher.finalize_xof()
        };
        let mut insecure_seed = sequence("enginebay-wasi 0.1 wasi:random/insecure-seed");
        Seeded {
            secure: sequence("enginebay-wasi 0.1 wasi:random/random"),
            insecure: sequence("enginebay-wasi 0.1 wasi:random/insecure"),
            seed: (number(&mut insecure_seed), number(&mut insecure_seed)),
        }
    }
}

fn number(sequence: &mut OutputReader) -> u64 {
    let mut bytes = [0; 8];
    sequence.fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

fn fill(sequence: &mut OutputReader, len: u64) -> Vec<u8> {
    let mut bytes = vec![0; len as usize];
    sequence.fill(&mut bytes);
    bytes
}

fn check(len: u64) -> Result<()> {
    if len > MAX_BYTES {
        return Err(Error::new(
            ErrorKind::Host,
            format!("{len} random bytes asked for at a time, {MAX_BYTES} allowed"),
        ));
    }
    Ok(())
}

impl Random {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        match seed {
            None => Random::Host,
            Some(seed) => Random::Seeded(Box::new(Seeded::new(seed))),
        }
    }

    pub(crate) fn bytes(&mut self, host: &mut WasiRandomCtx, len: u64) -> Result<Vec<u8>> {
        check(len)?;
        match self {
            Random::Host => random::Host::get_random_bytes(host, len).map_err(crate::host::failed),
            Random::Seeded(seeded) => Ok(fill(&mut seeded.secure, len)),
        }
    }

    pub(crate) fn u64(&mut self, host: &mut WasiRandomCtx) -> Result<u64> {
        match self {
            Random::Host => random::Host::get_random_u64(host).map_err(crate::host::failed),
            Random::Seeded(seeded) => Ok(number(&mut seeded.secure)),
        }
    }

    pub(crate) fn insecure_bytes(&mut self, host: &mut WasiRandomCtx, len: u64) -> Result<Vec<u8>> {
        check(len)?;
        match self {
            Random::Host => {
                insecure::Host::get_insecure_random_bytes(host, len).map_err(crate::host::failed)
            }
            Random::Seeded(seeded) => Ok(fill(&mut seeded.insecure, len)),
        }
    }

    pub(crate) fn insecure_u64(&mut self, host: &mut WasiRandomCtx) -> Result<u64> {
        match self {
            Random::Host => {
                insecure::Host::get_insecure_random_u64(host).map_err(crate::host::failed)
            }
            Random::Seeded(seeded) => Ok(number(&mut seeded.insecure)),
        }
    }

    pub(crate) fn seed(&mut self, host: &mut WasiRandomCtx) -> Result<(u64, u64)> {
        match self {
            Random::Host => insecure_seed::Host::insecure_seed(host).map_err(crate::host::failed),
            Random::Seeded(seeded) => Ok(seeded.seed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_bytes(seed: u64) -> Vec<u8> {
        let mut host = WasiRandomCtx::default();
        Random::new(Some(seed)).bytes(&mut host, 4).unwrap()
    }

    #[test]
    fn a_seed_gives_the_same_bytes_in_every_version() {
        assert_eq!(first_bytes(7), [0x84, 0x21, 0x2f, 0x9b]);
    }

    #[test]
    fn a_sequence_does_not_depend_on_how_it_is_read() {
        let mut host = WasiRandomCtx::default();
        let mut at_once = Random::new(Some(1));
        let mut in_parts = Random::new(Some(1));
        let whole = at_once.bytes(&mut host, 24).unwrap();
        let mut parts = in_parts.bytes(&mut host, 5).unwrap();
        parts.extend(in_parts.bytes(&mut host, 11).unwrap());
        parts.extend(in_parts.u64(&mut host).unwrap().to_le_bytes());
        assert_eq!(whole, parts);
    }

    #[test]
    fn the_interfaces_have_sequences_of_their_own() {
        let mut host = WasiRandomCtx::default();
        let mut random = Random::new(Some(1));
        let secure = random.u64(&mut host).unwrap();
        let insecure = random.insecure_u64(&mut host).unwrap();
        let (low, high) = random.seed(&mut host).unwrap();
        let mut all = [secure, insecure, low, high];
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "{all:?}");
    }

    #[test]
    fn too_many_bytes_are_refused() {
        let mut host = WasiRandomCtx::default();
        for seed in [None, Some(1)] {
            let mut random = Random::new(seed);
            assert!(random.bytes(&mut host, MAX_BYTES + 1).is_err());
            assert!(random.insecure_bytes(&mut host, u64::MAX).is_err());
        }
    }
}
