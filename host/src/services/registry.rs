//! The components of a host, as they see one another.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::contract::bindings::enginebay::core::types as wit;

/// What a component does at the moment.
pub type Status = wit::ComponentStatus;

/// What others may know of a component.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ComponentInfo {
    /// What it says of itself, and before it has said so what its manifest says.
    pub metadata: wit::ComponentMetadata,
    /// What it does at the moment.
    pub status: Status,
}

/// The components of a host by name.
#[derive(Debug, Default)]
pub struct Registry(Mutex<BTreeMap<String, ComponentInfo>>);

impl Registry {
    /// Their names, in order.
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// What is known of one.
    pub fn get(&self, name: &str) -> Option<ComponentInfo> {
        self.lock().get(name).cloned()
    }

    /// The version of one.
    pub fn version(&self, name: &str) -> Option<String> {
        let components = self.lock();
        components
            .get(name)
            .map(|it| it.metadata.id.version.clone())
    }

    /// Adds a component, or replaces what was known of it.
    pub fn set(&self, metadata: wit::ComponentMetadata, status: Status) {
        let name = metadata.id.name.clone();
        self.lock().insert(name, ComponentInfo { metadata, status });
    }

    /// Says what a component does now.
    pub fn set_status(&self, name: &str, status: Status) {
        if let Some(info) = self.lock().get_mut(name) {
            info.status = status;
        }
    }

    /// Removes a component.
    pub fn remove(&self, name: &str) -> Option<ComponentInfo> {
        self.lock().remove(name)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, ComponentInfo>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
