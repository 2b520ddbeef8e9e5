//! Things of a component by the numbers that its handles have.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use enginebay_core::{Error, Result};

/// A bounded table. Clones are the same table, so that what is waited for without the
/// store can be put in.
#[derive(Debug)]
pub(super) struct Table<T>(Arc<Mutex<Entries<T>>>);

impl<T> Clone for Table<T> {
    fn clone(&self) -> Self {
        Table(self.0.clone())
    }
}

#[derive(Debug)]
struct Entries<T> {
    /// Nothing, where something is to come.
    by_number: BTreeMap<u32, Option<T>>,
    next: u32,
    most: usize,
}

/// There is no room for another.
#[derive(Debug)]
pub(super) struct Full;

impl<T> Table<T> {
    /// A table of so many, at most.
    pub(super) fn new(most: usize) -> Self {
        Table(Arc::new(Mutex::new(Entries {
            by_number: BTreeMap::new(),
            next: 0,
            most,
        })))
    }

    /// Room for one that is to come.
    pub(super) fn reserve(&self) -> Result<Slot<T>, Full> {
        let mut entries = self.lock();
        if entries.by_number.len() >= entries.most {
            return Err(Full);
        }
        // Numbers are used again when all have been used.
        while entries.by_number.contains_key(&entries.next) {
            entries.next = entries.next.wrapping_add(1);
        }
        let number = entries.next;
        entries.next = entries.next.wrapping_add(1);
        entries.by_number.insert(number, None);
        Ok(Slot {
            table: self.clone(),
            number,
            filled: false,
        })
    }

    /// Adds one, and gives its number.
    pub(super) fn push(&self, entry: T) -> Result<u32, Full> {
        Ok(self.reserve()?.fill(entry))
    }

    /// Removes one.
    pub(super) fn remove(&self, number: u32) -> Option<T> {
        self.lock().by_number.remove(&number).flatten()
    }

    fn lock(&self) -> MutexGuard<'_, Entries<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Table<T> {
    /// # Errors
    ///
    /// A handle of a guest is for nothing here, which no guest can bring about.
    pub(super) fn get(&self, number: u32) -> Result<T> {
        let entry = self.lock().by_number.get(&number).cloned().flatten();
        entry.ok_or_else(|| Error::host("a handle is for nothing of this component"))
    }

    /// All that are there.
    pub(super) fn all(&self) -> Vec<T> {
        self.lock().by_number.values().flatten().cloned().collect()
    }
}

/// Room in a table. It is given back when this is dropped and was not filled.
#[derive(Debug)]
pub(super) struct Slot<T> {
    table: Table<T>,
    number: u32,
    filled: bool,
}

impl<T> Slot<T> {
    /// Puts in what came, and gives its number.
    pub(super) fn fill(mut self, entry: T) -> u32 {
        self.table.lock().by_number.insert(self.number, Some(entry));
        self.filled = true;
        self.number
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        if !self.filled {
            self.table.remove(self.number);
        }
    }
}
