//! From a manifest and bytes to a component that runs.

use std::fmt;
use std::sync::Arc;

use enginebay_core::{Backend, Component, Error};

use super::actor::{self, Setup};
use super::handle::ComponentHandle;
use super::{HostOptions, Inner};
use crate::compat::Unfit;
use crate::contract::bindings::enginebay::core::types as wit;
use crate::manifest::Manifest;
use crate::messaging::MessagingError;
use crate::permission::{PermissionError, Subject};
use crate::services::Status;

/// Why a component was not loaded.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// It does not fit this host: what it imports or exports.
    Unfit(Unfit),
    /// Its manifest depends on what this host does not have.
    Dependency {
        /// What it depends on.
        name: String,
        /// The versions that would fit.
        wanted: String,
        /// The version that there is, if any.
        offered: Option<String>,
    },
    /// What it requires is not granted, or its name is taken.
    Permissions(PermissionError),
    /// Its mailbox.
    Messaging(MessagingError),
    /// The engine does not take it.
    Engine(Error),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Unfit(unfit) => unfit.fmt(f),
            LoadError::Dependency {
                name,
                wanted,
                offered: Some(offered),
            } => write!(
                f,
                "the manifest needs `{name}` {wanted}, and this host has {offered}"
            ),
            LoadError::Dependency { name, wanted, .. } => {
                write!(
                    f,
                    "the manifest needs `{name}` {wanted}, which this host does not have"
                )
            }
            LoadError::Permissions(error) => error.fmt(f),
            LoadError::Messaging(error) => error.fmt(f),
            LoadError::Engine(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            LoadError::Permissions(error) => Some(error),
            LoadError::Messaging(error) => Some(error),
            LoadError::Engine(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for LoadError {
    fn from(error: Error) -> Self {
        LoadError::Engine(error)
    }
}

/// Looks at the component and its manifest before anything is compiled.
pub(super) fn check<B: Backend>(
    inner: &Inner<B>,
    manifest: &Manifest,
    component: &[u8],
) -> Result<(), LoadError> {
    let fit = inner.offer.check(component).map_err(LoadError::Unfit)?;
    for warning in &fit.warnings {
        let component = manifest.component.name.as_str();
        tracing::warn!(target: "enginebay::host", component, "{warning}");
    }
    for (name, wanted) in &manifest.dependencies {
        let version = inner.offer.version_of(name.as_str());
        if !version.is_some_and(|version| wanted.matches(version)) {
            return Err(LoadError::Dependency {
                name: name.as_str().to_string(),
                wanted: wanted.to_string(),
                offered: version.map(|it| it.to_string()),
            });
        }
    }
    Ok(())
}

/// What is known before the component has said something of itself.
fn metadata(manifest: &Manifest) -> wit::ComponentMetadata {
    let about = &manifest.component;
    let memory = manifest.resources.limits().memory;
    wit::ComponentMetadata {
        id: wit::ComponentId {
            name: about.name.as_str().to_string(),
            version: about.version.to_string(),
        },
        description: about.description.clone().unwrap_or_default(),
        authors: about.authors.clone(),
        operations: Vec::new(),
        memory: wit::MemoryRequirements {
            minimum: 0,
            preferred: memory,
            maximum: Some(memory),
        },
    }
}

/// Gives it a name, a mailbox and a thread.
pub(super) fn start<B: Backend>(
    inner: &Inner<B>,
    manifest: &Manifest,
    component: &Component<B>,
) -> Result<ComponentHandle, LoadError> {
    let services = &inner.services;
    let name = manifest.component.name.as_str();
    let instance = inner.linker.instantiate_pre(component)?;
    // A store that the engine could not make is found out now.
    let limits = manifest.limits();
    enginebay_core::Store::builder(&inner.engine)
        .limits(limits.clone())
        .build(())?;
    let subject = Subject::new(name).with_version(manifest.component.version.to_string());
    let permissions = services.permissions();
    permissions
        .register(subject, manifest.grants())
        .map_err(LoadError::Permissions)?;
    let HostOptions {
        mut context,
        mailbox,
        environment,
    } = inner.options.clone();
    let meter = permissions.meter(name).map_err(LoadError::Permissions)?;
    let quotas = manifest.quotas(meter.quotas());
    meter.set_quotas(quotas);
    // What is stored is counted by the storage, where it outlives the host; namespaces of
    // other owners count each for itself.
    let storage = &mut context.storage;
    storage.max_bytes = storage.max_bytes.min(quotas.storage_bytes);
    storage.max_owner_bytes = storage.max_owner_bytes.min(quotas.storage_bytes);
    let mailbox = match services.broker().register(name, mailbox) {
        Ok(mailbox) => mailbox,
        Err(error) => {
            let _ = permissions.unregister(name);
            return Err(LoadError::Messaging(error));
        }
    };
    services
        .registry()
        .set(metadata(manifest), Status::Initializing);
    let setup = Setup {
        engine: inner.engine.clone(),
        instance,
        limits,
        lifecycle: manifest.lifecycle,
        services: services.clone(),
        context,
        environment,
        name: Arc::from(name),
    };
    actor::spawn(setup, mailbox).map_err(|error| {
        services.registry().remove(name);
        let _ = permissions.unregister(name);
        LoadError::Engine(Error::host(error))
    })
}
