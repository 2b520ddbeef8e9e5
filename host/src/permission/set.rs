//! A set of grants, indexed so that looking one up takes about the same time with one
//! grant and with hundreds.

use std::collections::HashMap;
use std::sync::Arc;

use super::grant::Grant;
use super::request::Request;
use crate::capability::{
    Capability, FilesystemAction, MessagingAction, NetworkAction, Operation, ProcessAction,
    StorageAction,
};

/// Grants, each once: two are the same if their operation and their pattern's text are.
///
/// ```
/// use enginebay_host::Capability;
/// use enginebay_host::capability::{FilesystemAction, Operation};
/// use enginebay_host::permission::{CapabilitySet, Grant};
///
/// let read = Operation::Filesystem(FilesystemAction::Read);
/// let set: CapabilitySet = [Grant::required(read, "/data/**")?].into_iter().collect();
/// let asked = Capability::Filesystem {
///     action: FilesystemAction::Read,
///     path: "/data/a".to_owned(),
/// };
/// assert!(set.matches(&asked));
/// assert_eq!(set.which(&asked).unwrap().to_string(), "filesystem.read(/data/**)");
/// # Ok::<(), enginebay_host::pattern::PatternError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CapabilitySet {
    slots: Vec<Slot>,
    len: usize,
}

/// The grants of one operation.
#[derive(Clone, Debug, Default)]
struct Slot {
    entries: Vec<Entry>,
    /// The entries whose pattern begins with the key, up to a whole segment.
    by_prefix: HashMap<Box<str>, Vec<usize>>,
    longest_prefix: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    grant: Grant,
    text: Arc<str>,
}

impl CapabilitySet {
    /// An empty set.
    pub fn new() -> Self {
        CapabilitySet::default()
    }

    /// Adds a grant. `false` if the set has it; it is required if either is.
    pub fn grant(&mut self, grant: Grant) -> bool {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, Slot::default);
        }
        let added = self.slots[slot(grant.operation)].insert(grant);
        self.len += usize::from(added);
        added
    }

    /// Takes the grant out that has this operation and whose pattern's text is this one.
    pub fn revoke(&mut self, operation: Operation, pattern: &str) -> Option<Grant> {
        let slot = self.slots.get_mut(slot(operation))?;
        let grant = slot.remove(pattern)?;
        self.len -= 1;
        Some(grant)
    }

    /// Takes all grants of an operation out.
    pub fn revoke_operation(&mut self, operation: Operation) -> Vec<Grant> {
        let Some(slot) = self.slots.get_mut(slot(operation)) else {
            return Vec::new();
        };
        let removed = std::mem::take(slot);
        self.len -= removed.entries.len();
        removed.entries.into_iter().map(|it| it.grant).collect()
    }

    /// Whether a grant covers this.
    pub fn matches(&self, capability: &Capability) -> bool {
        self.find(&Request::from(capability)).is_some()
    }

    /// A grant that covers this.
    pub fn which(&self, capability: &Capability) -> Option<&Grant> {
        self.find(&Request::from(capability))
            .map(|(grant, _)| grant)
    }

    /// The same for the borrowed form.
    pub fn which_request(&self, request: &Request<'_>) -> Option<&Grant> {
        self.find(request).map(|(grant, _)| grant)
    }

    /// The grant of this operation whose pattern's text is this one.
    pub fn get(&self, operation: Operation, pattern: &str) -> Option<&Grant> {
        let slot = self.slots.get(slot(operation))?;
        slot.entries
            .iter()
            .find(|it| *it.text == *pattern)
            .map(|it| &it.grant)
    }

    /// Whether the set has the grant itself, required or not.
    pub fn contains(&self, grant: &Grant) -> bool {
        self.get(grant.operation, &grant.pattern.to_string())
            .is_some()
    }

    /// All grants, by operation, and those of one operation as they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.slots
            .iter()
            .flat_map(|slot| slot.entries.iter().map(|it| &it.grant))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A grant that covers the request, and its pattern's text.
    pub(super) fn find(&self, request: &Request<'_>) -> Option<(&Grant, &Arc<str>)> {
        let entry = self.slots.get(slot(request.operation))?.find(request)?;
        Some((&entry.grant, &entry.text))
    }
}

impl Slot {
    fn insert(&mut self, grant: Grant) -> bool {
        let text: Arc<str> = grant.pattern.to_string().into();
        if let Some(entry) = self.entries.iter_mut().find(|it| it.text == text) {
            entry.grant.required |= grant.required;
            return false;
        }
        self.index(self.entries.len(), grant.pattern.literal_prefix());
        self.entries.push(Entry { grant, text });
        true
    }

    fn index(&mut self, at: usize, prefix: &str) {
        self.longest_prefix = self.longest_prefix.max(prefix.len());
        self.by_prefix.entry(prefix.into()).or_default().push(at);
    }

    fn remove(&mut self, pattern: &str) -> Option<Grant> {
        let at = self.entries.iter().position(|it| *it.text == *pattern)?;
        let removed = self.entries.remove(at);
        let entries = std::mem::take(&mut self.entries);
        *self = Slot::default();
        for (at, entry) in entries.iter().enumerate() {
            self.index(at, entry.grant.pattern.literal_prefix());
        }
        self.entries = entries;
        Some(removed.grant)
    }

    fn find(&self, request: &Request<'_>) -> Option<&Entry> {
        if self.entries.is_empty() {
            return None;
        }
        let target = request.target;
        // No prefix is longer, so a target of many segments costs no more than a pattern.
        let end = target.len().min(self.longest_prefix + 1);
        let separator = match request.operation {
            Operation::Filesystem(_) | Operation::Process(_) => b'/',
            Operation::Storage(_) => b':',
            Operation::Messaging(_) => b'.',
            Operation::Network(_) => {
                return self.find_under("", request).or_else(|| self.whole(request));
            }
        };
        let separators = target.as_bytes()[..end].iter().enumerate();
        let prefixes = separators.filter(|(at, byte)| **byte == separator && *at > 0);
        self.find_under("", request)
            .or_else(|| {
                prefixes
                    .into_iter()
                    .find_map(|(at, _)| self.find_under(&target[..at], request))
            })
            .or_else(|| self.whole(request))
    }

    /// Looks among the patterns that have the whole target as their prefix.
    fn whole(&self, request: &Request<'_>) -> Option<&Entry> {
        match request.target.len() <= self.longest_prefix {
            true => self.find_under(request.target, request),
            false => None,
        }
    }

    fn find_under(&self, prefix: &str, request: &Request<'_>) -> Option<&Entry> {
        let entries = self
            .by_prefix
            .get(prefix)?
            .iter()
            .map(|at| &self.entries[*at]);
        entries
            .into_iter()
            .find(|it| it.grant.pattern.matches(request))
    }
}

const NETWORK: usize = FilesystemAction::ALL.len();
const PROCESS: usize = NETWORK + NetworkAction::ALL.len();
const STORAGE: usize = PROCESS + ProcessAction::ALL.len();
const MESSAGING: usize = STORAGE + StorageAction::ALL.len();
const SLOTS: usize = MESSAGING + MessagingAction::ALL.len();

pub(super) const fn slot(operation: Operation) -> usize {
    match operation {
        Operation::Filesystem(action) => action as usize,
        Operation::Network(action) => NETWORK + action as usize,
        Operation::Process(action) => PROCESS + action as usize,
        Operation::Storage(action) => STORAGE + action as usize,
        Operation::Messaging(action) => MESSAGING + action as usize,
    }
}

impl FromIterator<Grant> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Self {
        let mut set = CapabilitySet::new();
        set.extend(grants);
        set
    }
}

impl Extend<Grant> for CapabilitySet {
    fn extend<I: IntoIterator<Item = Grant>>(&mut self, grants: I) {
        for grant in grants {
            self.grant(grant);
        }
    }
}
