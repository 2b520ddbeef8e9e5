//! Components that are driven by a host: loaded after their manifest, started, called,
//! supervised and stopped, the same on every backend.
//!
//! Each component has a thread and a synchronous store: one that spins or blocks holds up
//! nobody else, and its limits stop it. What a component does is one thing after the
//! other: operations, messages and answers in the order in which they came. When it traps
//! or reaches a limit, its store is gone; it is started again after its manifest's
//! `[lifecycle]`, and what is in its mailbox meanwhile is kept.

mod actor;
mod changes;
mod event;
mod handle;
mod load;
mod outcome;
mod reload;
mod say;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use enginebay_core::{Backend, Component, Engine, Linker};

use crate::compat::Offer;
use crate::manifest::Manifest;
use crate::messaging::MailboxOptions;
use crate::permission::{Quotas, TrustLevel};
use crate::services::{self, ContextOptions, Services};

pub use actor::FAILURES;
pub use changes::Changes;
pub use handle::ComponentHandle;
pub use load::LoadError;
pub use outcome::{
    Caller, Execution, ExecutionContext, ExecutionError, ExecutionOutcome, NotRunning,
    ResourceUsage,
};

pub use reload::Reload;

use actor::Data;
use changes::Notifier;

/// A host of components on one engine. Clones are the same host.
pub struct Host<B: Backend> {
    inner: Arc<Inner<B>>,
}

impl<B: Backend> Clone for Host<B> {
    fn clone(&self) -> Self {
        Host {
            inner: self.inner.clone(),
        }
    }
}

struct Inner<B: Backend> {
    engine: Engine<B>,
    linker: Linker<B, Data>,
    offer: Offer,
    services: Services,
    options: HostOptions,
    components: Mutex<BTreeMap<String, Loaded>>,
    /// One reload at a time.
    reloading: Mutex<()>,
    notifier: Notifier,
}

/// A component, and what it was loaded after.
#[derive(Clone)]
struct Loaded {
    handle: ComponentHandle,
    manifest: Manifest,
    /// The most that its manifest could have asked for.
    quotas: Quotas,
}

/// What a host does the same for all its components.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HostOptions {
    /// The bounds of their side of the services. What a manifest says of storage comes
    /// before it, where it is less.
    pub context: ContextOptions,
    /// The bounds of their mailboxes.
    pub mailbox: MailboxOptions,
    /// How far they are trusted, which decides what they may do beyond their grants in the
    /// mode [`Permissive`](crate::permission::SecurityMode::Permissive). Default: nothing
    /// is known about them. Of a component that is loaded,
    /// [`Permissions::set_trust`](crate::permission::Permissions::set_trust) changes it.
    pub trust: TrustLevel,
    /// Names and values that each is started with.
    pub environment: Vec<(String, String)>,
}

impl<B: Backend> Host<B> {
    /// A host on an engine, with services.
    ///
    /// # Errors
    ///
    /// What the engine cannot link.
    pub fn new(
        engine: &Engine<B>,
        services: Services,
        options: HostOptions,
    ) -> enginebay_core::Result<Self> {
        let mut linker = Linker::new(engine);
        services::add_to_linker_blocking(&mut linker)?;
        #[cfg(feature = "wasi")]
        enginebay_wasi::add_to_linker(&mut linker)?;
        let offer = crate::contract::offer(cfg!(feature = "wasi"));
        let offer = offer.map_err(enginebay_core::Error::host)?;
        Ok(Host {
            inner: Arc::new(Inner {
                engine: engine.clone(),
                linker,
                offer,
                services,
                options,
                components: Mutex::default(),
                reloading: Mutex::default(),
                notifier: Notifier::new(),
            }),
        })
    }

    /// Loads a component, and starts it: checks what it imports and exports against this
    /// host, compiles it, takes its manifest's grants in, and gives it a thread, on which
    /// its `init` is called. [`ComponentHandle::wait_until_ready`] says what came of that.
    ///
    /// # Errors
    ///
    /// [`LoadError`]: nothing of it is left then.
    pub fn load(
        &self,
        manifest: &Manifest,
        component: &[u8],
    ) -> Result<ComponentHandle, LoadError> {
        self.load_with(manifest, component, |engine| {
            Ok::<_, LoadError>(Component::new(engine, component)?)
        })
    }

    /// As [`load`](Self::load), with a compiler of the embedder's: one in another process,
    /// or a cache of artifacts. `component` is what is checked, and `compile` is called when
    /// that was found to fit, with this host's engine; it gives the same component, compiled.
    ///
    /// # Errors
    ///
    /// [`LoadError`], as it is or within an error of the embedder's, and those of `compile`:
    /// nothing of the component is left then.
    pub fn load_with<E: From<LoadError>>(
        &self,
        manifest: &Manifest,
        component: &[u8],
        compile: impl FnOnce(&Engine<B>) -> Result<Component<B>, E>,
    ) -> Result<ComponentHandle, E> {
        let inner = &self.inner;
        load::check(inner, manifest, component)?;
        let component = compile(&inner.engine)?;
        let loaded = load::start(inner, manifest, &component)?;
        let handle = loaded.handle.clone();
        inner.lock().insert(handle.name().to_string(), loaded);
        inner.notifier.notify();
        Ok(handle)
    }

    /// What the components share.
    pub fn services(&self) -> &Services {
        &self.inner.services
    }

    /// A component that was loaded and has not been removed.
    pub fn component(&self, name: &str) -> Option<ComponentHandle> {
        self.inner.lock().get(name).map(|it| it.handle.clone())
    }

    /// All of them, by name.
    pub fn components(&self) -> Vec<ComponentHandle> {
        let components = self.inner.lock();
        components.values().map(|it| it.handle.clone()).collect()
    }

    /// Tells when something of its components changes, from now on.
    pub fn changes(&self) -> Changes {
        self.inner.notifier.changes()
    }

    /// Stops a component, and takes it out. Says whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        let removed = self.inner.lock().remove(name);
        if let Some(Loaded { handle, .. }) = &removed {
            handle.stop();
            self.inner.notifier.notify();
        }
        removed.is_some()
    }

    /// Stops all components: each gets its `shutdown` called, if it does not work on
    /// something for longer than [`ComponentHandle::stop`] waits.
    pub fn stop(&self) {
        self.inner.stop();
    }
}

impl<B: Backend> Inner<B> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Loaded>> {
        let components = self.components.lock();
        components.unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        let components = std::mem::take(&mut *self.lock());
        // First all are asked, so that they stop beside one another.
        for Loaded { handle, .. } in components.values() {
            handle.ask_to_stop();
        }
        for Loaded { handle, .. } in components.values() {
            handle.stop();
        }
    }
}

/// The components are stopped with their host.
impl<B: Backend> Drop for Inner<B> {
    fn drop(&mut self) {
        self.stop();
    }
}

impl<B: Backend> fmt::Debug for Host<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.inner.lock().keys().cloned().collect();
        f.debug_struct("Host")
            .field("backend", &B::NAME)
            .field("components", &names)
            .finish_non_exhaustive()
    }
}
