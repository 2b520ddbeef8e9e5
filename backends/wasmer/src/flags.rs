//! Flags by which guests are stopped: the ticker sets them, and guests look at
//! them wherever a function or a loop begins.
#![allow(unsafe_code, reason = "globals of guests, from another thread")]

use std::collections::BTreeSet;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmer::sys::vm::VMGlobalDefinition;

/// The flags of an engine's stores.
#[derive(Clone, Default)]
pub(crate) struct Flags(Arc<Mutex<BTreeSet<Flag>>>);

/// A global of type `i32`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Flag(NonNull<VMGlobalDefinition>);

// SAFETY: what it points to is written by `set` only, from any thread.
unsafe impl Send for Flag {}

impl Flags {
    fn all(&self) -> MutexGuard<'_, BTreeSet<Flag>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets all flags.
    pub(crate) fn set(&self) {
        for flag in &*self.all() {
            // SAFETY: a flag is here as long as its store lives (`OfStore`).
            unsafe { set(flag.0, 1) };
        }
    }
}

/// Sets a global's bits, while guests and other threads may look at them.
///
/// # Safety
///
/// The global is alive.
#[inline]
pub(crate) unsafe fn set(global: NonNull<VMGlobalDefinition>, value: u64) {
    // SAFETY: the caller promises that the global is there. It is at least 16
    // bytes, aligned to 16. Machine code reads and writes it by plain instructions
    // of the size of its type, which are atomic on all of our targets.
    unsafe { AtomicU64::from_ptr(global.as_ptr().cast()) }.store(value, Ordering::Relaxed);
}

/// The flags of one store, which are forgotten when this is dropped: before the
/// globals are.
pub(crate) struct OfStore {
    all: Flags,
    own: Vec<Flag>,
}

impl OfStore {
    pub(crate) fn new(all: Flags) -> Self {
        OfStore {
            all,
            own: Vec::new(),
        }
    }

    /// # Safety
    ///
    /// The global lives until this is dropped.
    pub(crate) unsafe fn add(&mut self, global: NonNull<VMGlobalDefinition>) {
        self.own.push(Flag(global));
        self.all.all().insert(Flag(global));
    }
}

impl Drop for OfStore {
    fn drop(&mut self) {
        if self.own.is_empty() {
            return;
        }
        let mut all = self.all.all();
        for flag in &self.own {
            all.remove(flag);
        }
    }
}
