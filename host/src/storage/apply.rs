//! Writes within a transaction: each is looked at as a whole, and made only if all of
//! it can be made.

use std::collections::HashMap;
use std::sync::Arc;

use redb::{ReadableTable, Table, WriteTransaction};

use super::engine::{COUNTERS, DATA, META, META_NEXT};
use super::error::StorageError;
use super::limits::{Quota, StorageLimits};
use super::name::owner_of;
use super::operation::{Operation, StorageUsage};

/// A change to one namespace.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) namespace: Arc<str>,
    pub(super) limits: StorageLimits,
    pub(super) change: Change,
}

/// What to change.
#[derive(Debug)]
pub(super) enum Change {
    /// All the operations, or none.
    Batch(Vec<Operation>),
    /// Remove all keys.
    Clear,
}

impl Write {
    /// Bytes that it holds while it waits.
    pub(super) fn bytes(&self) -> u64 {
        match &self.change {
            Change::Batch(operations) => operations.iter().map(Operation::bytes).sum(),
            Change::Clear => 0,
        }
    }
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// How many keys that were there were removed.
    pub(super) removed: u64,
}

/// Why a write was not made.
pub(super) enum Failure {
    /// It may not be made, and nothing has changed.
    Refused(StorageError),
    /// The database failed in its middle: the transaction must be given up.
    Broken(StorageError),
}

impl<E: Into<StorageError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Broken(error.into())
    }
}

/// The tables, open in a transaction.
pub(super) struct Tables<'txn> {
    data: Table<'txn, (u64, &'static str), &'static [u8]>,
    counters: Table<'txn, &'static str, (u64, u64, u64)>,
    meta: Table<'txn, &'static str, u64>,
    /// Whether anything was changed.
    pub(super) changed: bool,
}

/// What a batch would come to.
struct Plan {
    after: StorageUsage,
    removed: u64,
    changes: bool,
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(txn: &'txn WriteTransaction) -> Result<Self, StorageError> {
        Ok(Tables {
            data: txn.open_table(DATA)?,
            counters: txn.open_table(COUNTERS)?,
            meta: txn.open_table(META)?,
            changed: false,
        })
    }

    /// Makes a write. What it was before is seen as it is in this transaction.
    pub(super) fn apply(&mut self, write: &Write) -> Result<Outcome, Failure> {
        let (id, before) = self.counters(&write.namespace)?;
        match &write.change {
            Change::Clear => {
                if let Some(id) = id {
                    self.data
                        .retain_in((id, "")..(id.saturating_add(1), ""), |_, _| false)?;
                    self.account(&write.namespace, id, before, StorageUsage::default())?;
                }
                Ok(Outcome {
                    removed: before.keys,
                })
            }
            Change::Batch(operations) => {
                let plan = self.plan(id, before, operations)?;
                self.check_quotas(write, before, plan.after)?;
                if plan.changes {
                    let id = match id {
                        Some(id) => id,
                        None => self.next_id()?,
                    };
                    self.make(id, operations)?;
                    self.account(&write.namespace, id, before, plan.after)?;
                }
                Ok(Outcome {
                    removed: plan.removed,
                })
            }
        }
    }

    /// A namespace's number, if it has keys, and what it uses. An owner has no number.
    fn counters(&self, name: &str) -> Result<(Option<u64>, StorageUsage), StorageError> {
        Ok(match self.counters.get(name)? {
            Some(row) => {
                let (id, keys, bytes) = row.value();
                (Some(id), StorageUsage { keys, bytes })
            }
            None => (None, StorageUsage::default()),
        })
    }

    /// Makes all checks of a batch, and counts what it comes to.
    fn plan(
        &self,
        id: Option<u64>,
        before: StorageUsage,
        operations: &[Operation],
    ) -> Result<Plan, Failure> {
        let mut plan = Plan {
            after: before,
            removed: 0,
            changes: false,
        };
        for operation in operations {
            if let Operation::Check { key, expected } = operation {
                let stored = match id {
                    Some(id) => self.data.get((id, key.as_str()))?,
                    None => None,
                };
                if stored.as_ref().map(|value| value.value()) != expected.as_deref() {
                    return Err(Failure::Refused(StorageError::Conflict {
                        key: key.clone(),
                    }));
                }
            }
        }
        // The length of each key's value, as the batch has left it so far.
        let mut lengths: HashMap<&str, Option<u64>> = HashMap::new();
        for operation in operations {
            let (key, new) = match operation {
                Operation::Set { key, value } => (key, Some(value.len() as u64)),
                Operation::Delete { key } => (key, None),
                Operation::Check { .. } => continue,
            };
            let old = match (lengths.get(key.as_str()), id) {
                (Some(length), _) => *length,
                (None, Some(id)) => self
                    .data
                    .get((id, key.as_str()))?
                    .map(|value| value.value().len() as u64),
                (None, None) => None,
            };
            if let Some(old) = old {
                plan.after = plan.after.without(key, old)?;
                plan.removed += u64::from(new.is_none());
            }
            if let Some(new) = new {
                plan.after = plan.after.with(key, new)?;
            }
            plan.changes |= old.is_some() || new.is_some();
            lengths.insert(key, new);
        }
        Ok(plan)
    }

    fn check_quotas(
        &self,
        write: &Write,
        before: StorageUsage,
        after: StorageUsage,
    ) -> Result<(), Failure> {
        let (_, owner) = self.counters(owner_of(&write.namespace))?;
        let owner_after = owner
            .bytes
            .checked_sub(before.bytes)
            .and_then(|others| others.checked_add(after.bytes))
            .ok_or_else(miscounted)?;
        let limits = &write.limits;
        for (quota, limit, used, requested) in [
            (
                Quota::NamespaceBytes,
                limits.max_bytes,
                before.bytes,
                after.bytes,
            ),
            (
                Quota::OwnerBytes,
                limits.max_owner_bytes,
                owner.bytes,
                owner_after,
            ),
            (
                Quota::NamespaceKeys,
                limits.max_keys,
                before.keys,
                after.keys,
            ),
        ] {
            if requested > limit && requested > used {
                return Err(Failure::Refused(StorageError::QuotaExceeded {
                    quota,
                    limit,
                    used,
                    requested,
                }));
            }
        }
        Ok(())
    }

    /// A number that no namespace has had.
    fn next_id(&mut self) -> Result<u64, StorageError> {
        let id = self.meta.get(META_NEXT)?.map_or(1, |next| next.value());
        self.meta
            .insert(META_NEXT, id.checked_add(1).ok_or_else(miscounted)?)?;
        Ok(id)
    }

    fn make(&mut self, id: u64, operations: &[Operation]) -> Result<(), StorageError> {
        self.changed = true;
        for operation in operations {
            match operation {
                Operation::Set { key, value } => {
                    self.data.insert((id, key.as_str()), value.as_slice())?;
                }
                Operation::Delete { key } => {
                    self.data.remove((id, key.as_str()))?;
                }
                Operation::Check { .. } => {}
            }
        }
        Ok(())
    }

    /// Writes down what a namespace and its owner use now.
    fn account(
        &mut self,
        namespace: &str,
        id: u64,
        before: StorageUsage,
        after: StorageUsage,
    ) -> Result<(), StorageError> {
        self.changed = true;
        let owner_name = owner_of(namespace);
        let (_, owner) = self.counters(owner_name)?;
        let changed = |sum: u64, before: u64, after: u64| {
            sum.checked_sub(before)
                .and_then(|others| others.checked_add(after))
                .ok_or_else(miscounted)
        };
        let owner = StorageUsage {
            keys: changed(owner.keys, before.keys, after.keys)?,
            bytes: changed(owner.bytes, before.bytes, after.bytes)?,
        };
        for (name, id, usage) in [(namespace, id, after), (owner_name, 0, owner)] {
            if usage.keys == 0 {
                self.counters.remove(name)?;
            } else {
                self.counters.insert(name, (id, usage.keys, usage.bytes))?;
            }
        }
        Ok(())
    }
}

impl StorageUsage {
    /// With one key more.
    fn with(self, key: &str, value: u64) -> Result<Self, StorageError> {
        let bytes = value + key.len() as u64;
        Ok(StorageUsage {
            keys: self.keys.checked_add(1).ok_or_else(miscounted)?,
            bytes: self.bytes.checked_add(bytes).ok_or_else(miscounted)?,
        })
    }

    /// With one key less.
    fn without(self, key: &str, value: u64) -> Result<Self, StorageError> {
        let bytes = value + key.len() as u64;
        Ok(StorageUsage {
            keys: self.keys.checked_sub(1).ok_or_else(miscounted)?,
            bytes: self.bytes.checked_sub(bytes).ok_or_else(miscounted)?,
        })
    }
}

/// Counters and data are written in the same transactions: that they differ is damage.
fn miscounted() -> StorageError {
    StorageError::Corrupted {
        reason: "what is counted is not what is stored".to_owned(),
    }
}
