//! The answers that a checker remembers. A guest chooses what is asked, so both their
//! number and their size are bounded, and no sequence of questions makes a lookup slow.

use super::denial::{Denial, Reason};
use super::request::Request;
use super::set::slot;

/// How many answers there can be: sets of two.
const SETS: usize = 32;
const WAYS: usize = 2;

/// Targets that are longer than this are not remembered.
pub(super) const MAX_KEY_BYTES: usize = 256;

/// What is remembered.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Granted(Reason),
    Denied(Denial),
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    /// Empty until the first answer.
    sets: Vec<Set>,
}

#[derive(Debug, Default)]
struct Set {
    ways: [Option<Entry>; WAYS],
    /// Which one was used last: the other makes room.
    latest: usize,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    slot: usize,
    port: u16,
    target: Box<str>,
    answer: Answer,
}

impl Cache {
    pub(super) fn clear(&mut self) {
        self.sets.clear();
    }

    pub(super) fn get(&mut self, request: &Request<'_>) -> Option<&Answer> {
        if request.target.len() > MAX_KEY_BYTES {
            return None;
        }
        let hash = hash(request);
        let set = self.sets.get_mut(index(hash))?;
        let found = set.ways.iter().position(|way| {
            way.as_ref().is_some_and(|it| {
                it.hash == hash
                    && it.slot == slot(request.operation)
                    && it.port == request.port
                    && *it.target == *request.target
            })
        })?;
        set.latest = found;
        set.ways[found].as_ref().map(|it| &it.answer)
    }

    pub(super) fn insert(&mut self, request: &Request<'_>, answer: Answer) {
        if request.target.len() > MAX_KEY_BYTES {
            return;
        }
        if self.sets.is_empty() {
            self.sets.resize_with(SETS, Set::default);
        }
        let hash = hash(request);
        let set = &mut self.sets[index(hash)];
        set.latest = (set.latest + 1) % WAYS;
        set.ways[set.latest] = Some(Entry {
            hash,
            slot: slot(request.operation),
            port: request.port,
            target: request.target.into(),
            answer,
        });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sets.iter().flat_map(|set| &set.ways).flatten().count()
    }
}

fn index(hash: u64) -> usize {
    // The low bits of a product depend on the low bits alone.
    (hash >> 40) as usize % SETS
}

/// Not for tables whose entries collide at a cost: here, a collision replaces.
fn hash(request: &Request<'_>) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    let first = (slot(request.operation) as u64) << 16 | u64::from(request.port);
    let mut hash = mix(request.target.len() as u64, first);
    let (words, rest) = request.target.as_bytes().as_chunks::<8>();
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(hash, u64::from_le_bytes(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::{FilesystemAction, NetworkAction};

    fn granted() -> Answer {
        Answer::Granted(Reason::Policy)
    }

    #[test]
    fn what_was_put_in_is_found_and_nothing_like_it() {
        let mut cache = Cache::default();
        let asked = Request::network(NetworkAction::Connect, "example.com", 443);
        assert!(cache.get(&asked).is_none());
        cache.insert(&asked, granted());
        assert!(cache.get(&asked).is_some());
        for other in [
            Request { port: 80, ..asked },
            Request {
                target: "example.org",
                ..asked
            },
            Request::network(NetworkAction::Listen, "example.com", 443),
        ] {
            assert!(cache.get(&other).is_none(), "{other}");
        }
        cache.clear();
        assert!(cache.get(&asked).is_none());
    }

    #[test]
    fn a_flood_of_targets_does_not_make_it_grow() {
        let mut cache = Cache::default();
        for n in 0..10_000 {
            let path = format!("/data/{n}");
            let request = Request::filesystem(FilesystemAction::Read, &path);
            cache.insert(&request, granted());
            assert!(cache.get(&request).is_some());
        }
        assert!(cache.len() <= SETS * WAYS, "{}", cache.len());
        assert!(
            cache.len() > SETS,
            "targets spread over few sets: {}",
            cache.len()
        );
    }

    #[test]
    fn a_long_target_is_not_kept() {
        let mut cache = Cache::default();
        let longest = "x".repeat(MAX_KEY_BYTES);
        let request = Request::filesystem(FilesystemAction::Read, &longest);
        cache.insert(&request, granted());
        assert!(cache.get(&request).is_some());
        let longer = "x".repeat(MAX_KEY_BYTES + 1);
        let request = Request::filesystem(FilesystemAction::Read, &longer);
        cache.insert(&request, granted());
        assert!(cache.get(&request).is_none());
        assert_eq!(cache.len(), 1);
    }
}
