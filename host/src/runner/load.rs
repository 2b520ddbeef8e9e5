//! From a manifest and bytes to a component that runs.

use std::fmt;
use std::sync::Arc;

use enginebay_core::{Backend, Component, Error};

use super::actor::{self, Setup};
use super::reload::Settings;
use super::{Inner, Loaded};
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
    /// To be reloaded, it has to be loaded and not to have ended.
    NotLoaded {
        /// Its name.
        name: String,
    },
    /// To be reloaded, its manifest has to name the file that was loaded.
    File {
        /// That file.
        loaded: String,
        /// The one that the manifest names now.
        named: String,
    },
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
            LoadError::NotLoaded { name } => write!(
                f,
                "`{name}` does not run: a manifest can be reloaded for a component that is \
                 loaded and has not ended"
            ),
            LoadError::File { loaded, named } => write!(
                f,
                "the manifest names the file {named}, and {loaded} was loaded: another file is \
                 loaded when the component is, and not by a reload"
            ),
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
    dependencies(inner, manifest)
}

/// Looks at what the manifest depends on.
pub(super) fn dependencies<B: Backend>(
    inner: &Inner<B>,
    manifest: &Manifest,
) -> Result<(), LoadError> {
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
pub(super) fn metadata(manifest: &Manifest) -> wit::ComponentMetadata {
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
) -> Result<Loaded, LoadError> {
    let services = &inner.services;
    let name = manifest.component.name.as_str();
    let instance = inner.linker.instantiate_pre(component)?;
    // A store that the engine could not make is found out now.
    enginebay_core::Store::builder(&inner.engine)
        .limits(manifest.limits())
        .build(())?;
    let subject = Subject::new(name)
        .with_version(manifest.component.version.to_string())
        .with_trust(inner.options.trust);
    let permissions = services.permissions();
    permissions
        .register(subject, manifest.grants())
        .map_err(LoadError::Permissions)?;
    let meter = permissions.meter(name).map_err(LoadError::Permissions)?;
    let most = meter.quotas();
    let quotas = manifest.quotas(most);
    meter.set_quotas(quotas);
    let mailbox = match services.broker().register(name, inner.options.mailbox) {
        Ok(mailbox) => mailbox,
        Err(error) => {
            let _ = permissions.unregister(name);
            return Err(LoadError::Messaging(error));
        }
    };
    let settings = Settings::new(&inner.options, manifest, quotas);
    services
        .registry()
        .set(settings.metadata.clone(), Status::Initializing);
    let setup = Setup {
        engine: inner.engine.clone(),
        instance,
        settings,
        services: services.clone(),
        environment: inner.options.environment.clone(),
        name: Arc::from(name),
    };
    let spawned = actor::spawn(setup, mailbox, inner.notifier.clone());
    let handle = spawned.map_err(|error| {
        services.registry().remove(name);
        let _ = permissions.unregister(name);
        LoadError::Engine(Error::host(error))
    })?;
    Ok(Loaded {
        handle,
        manifest: manifest.clone(),
        quotas: most,
    })
}
