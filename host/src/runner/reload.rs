//! A component that runs takes up another manifest.

use std::sync::PoisonError;

use enginebay_core::{Backend, Limits, Store};

use super::load::{self, LoadError};
use super::{ContextOptions, Host, HostOptions};
use crate::contract::bindings::enginebay::core::types as wit;
use crate::manifest::{Lifecycle, Manifest};
use crate::permission::{Quotas, Subject};

/// What a component's manifest says of how it is run.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) limits: Limits,
    pub(super) lifecycle: Lifecycle,
    pub(super) context: ContextOptions,
    /// What it is told when it starts.
    pub(super) data: Option<Vec<u8>>,
    /// What is known of it before it has said something itself.
    pub(super) metadata: wit::ComponentMetadata,
}

impl Settings {
    pub(super) fn new(options: &HostOptions, manifest: &Manifest, quotas: Quotas) -> Self {
        let mut context = options.context.clone();
        // What is stored is counted by the storage, where it outlives the host; namespaces of
        // other owners count each for itself.
        let storage = &mut context.storage;
        storage.max_bytes = storage.max_bytes.min(quotas.storage_bytes);
        storage.max_owner_bytes = storage.max_owner_bytes.min(quotas.storage_bytes);
        Settings {
            limits: manifest.limits(),
            lifecycle: manifest.lifecycle,
            context,
            data: manifest.config.to_data(),
            metadata: load::metadata(manifest),
        }
    }
}

/// Settings that a component is to take up.
#[derive(Clone, Debug)]
pub(super) struct Renewal {
    pub(super) settings: Settings,
    /// It has to be started again for them.
    pub(super) restarts: bool,
}

/// What came of another manifest, from [`Host::reload`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reload {
    /// It says what the one before said.
    Unchanged,
    /// All of it holds, and the component runs on.
    Applied,
    /// What it may do holds. For the rest, in these sections and keys, the component is
    /// started again, when it has done what it works on.
    Restarts(Vec<&'static str>),
}

impl<B: Backend> Host<B> {
    /// Has a component that is loaded take up another manifest of the same name.
    ///
    /// - `[permissions]` hold at once: the very next call is checked after them. What an
    ///   embedder has granted and revoked by hand stands, and so does how far the component
    ///   is trusted. What is used of quotas stays used.
    /// - `[lifecycle]` holds from the next failure on.
    /// - `[dependencies]` are looked at, and change nothing else.
    /// - `[resources]`, `[config]`, `max-bytes` of `[permissions.storage]` and what
    ///   `[component]` says of it need a restart, which this begins: its `shutdown` is
    ///   called, and then its `init`. It is no failure and counts as no restart. Its mailbox
    ///   and what handles ask of it wait meanwhile, and come after it. A component that waits
    ///   to be started again is started at once.
    ///
    /// # Errors
    ///
    /// [`LoadError`]: what [`load`](Self::load) would refuse, except that nothing is
    /// compiled; [`NotLoaded`](LoadError::NotLoaded); [`File`](LoadError::File) if another
    /// file is named, which has to be loaded anew. Then all is as it was.
    pub fn reload(&self, manifest: &Manifest) -> Result<Reload, LoadError> {
        let inner = &self.inner;
        let _one = inner.reloading.lock();
        let _one = _one.unwrap_or_else(PoisonError::into_inner);
        let name = manifest.component.name.as_str();
        let loaded = inner.lock().get(name).cloned();
        let loaded = loaded.filter(|it| !it.handle.has_ended());
        let Some(mut loaded) = loaded else {
            return Err(LoadError::NotLoaded { name: name.into() });
        };
        let old = &loaded.manifest;
        if *manifest == *old {
            return Ok(Reload::Unchanged);
        }
        if manifest.component.file != old.component.file {
            return Err(LoadError::File {
                loaded: old.component.file.to_string(),
                named: manifest.component.file.to_string(),
            });
        }
        load::dependencies(inner, manifest)?;
        Store::<B, ()>::builder(&inner.engine)
            .limits(manifest.limits())
            .build(())?;
        let permissions = inner.services.permissions();
        let trust = permissions.trust(name).map_err(LoadError::Permissions)?;
        let subject = Subject::new(name)
            .with_version(manifest.component.version.to_string())
            .with_trust(trust);
        let meter = permissions.meter(name).map_err(LoadError::Permissions)?;
        permissions
            .reload(subject, manifest.grants())
            .map_err(LoadError::Permissions)?;
        // Nothing is refused from here on.
        let quotas = manifest.quotas(loaded.quotas);
        meter.set_quotas(quotas);
        let why = restarts(old, manifest);
        loaded.handle.control.renew(Renewal {
            settings: Settings::new(&inner.options, manifest, quotas),
            restarts: !why.is_empty(),
        });
        loaded.manifest = manifest.clone();
        if let Some(known) = inner.lock().get_mut(name) {
            *known = loaded;
        }
        Ok(match why.is_empty() {
            true => Reload::Applied,
            false => Reload::Restarts(why),
        })
    }
}

/// What of a manifest needs a restart.
fn restarts(old: &Manifest, new: &Manifest) -> Vec<&'static str> {
    let stored = |it: &Manifest| it.permissions.storage.max_bytes;
    let changed = [
        ("component", old.component != new.component),
        ("resources", old.resources != new.resources),
        ("config", old.config != new.config),
        ("permissions.storage.max-bytes", stored(old) != stored(new)),
    ];
    let changed = changed.into_iter().filter(|(_, changed)| *changed);
    changed.map(|(what, _)| what).collect()
}
