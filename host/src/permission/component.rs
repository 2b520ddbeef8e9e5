//! A registered component: what its instances share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use super::quota::Meter;
use super::rules::Rules;

/// What checkers look at: the rules, and a number that says whether they are still the
/// same.
pub(super) struct Component {
    pub(super) name: Arc<str>,
    pub(super) meter: Arc<Meter>,
    generation: AtomicU64,
    rules: RwLock<Arc<Rules>>,
}

impl Component {
    pub(super) fn new(rules: Rules, meter: Arc<Meter>) -> Self {
        Component {
            name: rules.subject.shared_name(),
            meter,
            generation: AtomicU64::new(0),
            rules: RwLock::new(Arc::new(rules)),
        }
    }

    /// Changes with every change of the rules.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// The rules: those of the generation that was read before, or newer ones.
    pub(super) fn rules(&self) -> Arc<Rules> {
        self.rules
            .read()
            .unwrap_or_else(|poison| poison.into_inner())
            .clone()
    }

    /// The new rules hold from here on. The number changes after them: who reads the new
    /// number gets the new rules, and who reads the old one asks again next time.
    pub(super) fn replace(&self, rules: Rules) {
        let mut current = self
            .rules
            .write()
            .unwrap_or_else(|poison| poison.into_inner());
        let old = std::mem::replace(&mut *current, Arc::new(rules));
        self.generation.fetch_add(1, Ordering::SeqCst);
        drop(current);
        drop(old);
    }
}
