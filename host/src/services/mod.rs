//! The host's side of the contract: what stands behind its interfaces, and a
//! [`ComponentContext`] for each component, which is what a store of it holds.
//!
//! [`add_to_linker`] defines all of the contract that hosts implement, for asynchronous
//! stores, [`add_to_linker_blocking`] for synchronous ones. A component's calls wait there
//! without holding anything of the store; deadlines and cancellation cut them.

mod context;
pub(crate) mod convert;
mod core;
mod files;
mod messages;
mod registry;
mod store;
mod table;

use std::sync::Arc;

use enginebay_core::{Backend, Linker, Result};

use crate::contract::bindings::enginebay as wit;
use crate::filesystem::Filesystem;
use crate::messaging::{Broker, Clock};
use crate::permission::Permissions;
use crate::storage::Storage;

pub use context::{ComponentContext, ContextOptions, HostView};
pub use registry::{ComponentInfo, Registry, Status};

/// What stands behind the contract's interfaces, for all components of a host. Clones are
/// the same services.
#[derive(Clone, Debug)]
pub struct Services {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) storage: Option<Storage>,
    pub(crate) filesystem: Filesystem,
    pub(crate) broker: Broker,
    pub(crate) permissions: Permissions,
    pub(crate) registry: Registry,
    pub(crate) clock: Clock,
}

impl Services {
    /// Messages between components, and nothing else: no storage, and no files.
    pub fn new() -> Self {
        Services::builder().build()
    }

    /// To begin with more than that.
    pub fn builder() -> ServicesBuilder {
        ServicesBuilder::default()
    }

    /// Who may do what.
    pub fn permissions(&self) -> &Permissions {
        &self.inner.permissions
    }

    /// The messages between the components.
    pub fn broker(&self) -> &Broker {
        &self.inner.broker
    }

    /// The components.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// The database, if there is one.
    pub fn storage(&self) -> Option<&Storage> {
        self.inner.storage.as_ref()
    }
}

impl Default for Services {
    fn default() -> Self {
        Services::new()
    }
}

/// Makes [`Services`].
#[derive(Debug, Default)]
pub struct ServicesBuilder {
    storage: Option<Storage>,
    filesystem: Option<Filesystem>,
    permissions: Option<Permissions>,
    clock: Option<Clock>,
}

impl ServicesBuilder {
    /// The database. Default: none, and the functions of the storage say that they are
    /// unavailable.
    #[must_use]
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = Some(storage);
        self
    }

    /// The files. Default: none.
    #[must_use]
    pub fn filesystem(mut self, filesystem: Filesystem) -> Self {
        self.filesystem = Some(filesystem);
        self
    }

    /// Who may do what. Default: what manifests ask for, in the strict mode.
    #[must_use]
    pub fn permissions(mut self, permissions: Permissions) -> Self {
        self.permissions = Some(permissions);
        self
    }

    /// The clock of timeouts and pauses. Default: the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The services.
    pub fn build(self) -> Services {
        let clock = self.clock.unwrap_or_default();
        Services {
            inner: Arc::new(Inner {
                storage: self.storage,
                filesystem: self.filesystem.unwrap_or_else(Filesystem::empty),
                broker: Broker::with_clock(clock.clone()),
                permissions: self.permissions.unwrap_or_default(),
                registry: Registry::default(),
                clock,
            }),
        }
    }
}

/// Defines what hosts implement of the contract, for asynchronous stores.
///
/// # Errors
///
/// `Link` if one of the interfaces was defined before.
pub fn add_to_linker<B: Backend, T: HostView + 'static>(linker: &mut Linker<B, T>) -> Result<()> {
    let get = T::component;
    wit::core::host_services::add_to_linker(linker, get)?;
    wit::core::permissions::add_to_linker(linker, get)?;
    wit::storage::store::add_to_linker(linker, get)?;
    wit::messaging::messages::add_to_linker(linker, get)?;
    wit::ext_filesystem::filesystem::add_to_linker(linker, get)?;
    wit::ext_filesystem::metadata::add_to_linker(linker, get)
}

/// As [`add_to_linker`], for synchronous stores.
///
/// # Errors
///
/// `Link` if one of the interfaces was defined before.
pub fn add_to_linker_blocking<B: Backend, T: HostView + 'static>(
    linker: &mut Linker<B, T>,
) -> Result<()> {
    let get = T::component;
    wit::core::host_services::add_to_linker_blocking(linker, get)?;
    wit::core::permissions::add_to_linker_blocking(linker, get)?;
    wit::storage::store::add_to_linker_blocking(linker, get)?;
    wit::messaging::messages::add_to_linker_blocking(linker, get)?;
    wit::ext_filesystem::filesystem::add_to_linker_blocking(linker, get)?;
    wit::ext_filesystem::metadata::add_to_linker_blocking(linker, get)
}
