//! Who asks.

use std::sync::Arc;

use super::mode::TrustLevel;

/// A component, as the permissions know it. All instances of a component are one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    name: Arc<str>,
    version: Option<Arc<str>>,
    trust: TrustLevel,
}

impl Subject {
    /// The component of that name, which is unique in a host. It is not trusted.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Subject {
            name: name.into(),
            version: None,
            trust: TrustLevel::default(),
        }
    }

    /// With its version. What was approved in a review holds for one version.
    #[must_use]
    pub fn with_version(mut self, version: impl Into<Arc<str>>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// With what it is trusted.
    #[must_use]
    pub fn with_trust(mut self, trust: TrustLevel) -> Self {
        self.trust = trust;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version, if it was given.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// How far it is trusted.
    pub fn trust(&self) -> TrustLevel {
        self.trust
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }

    pub(super) fn shared_version(&self) -> Option<Arc<str>> {
        self.version.clone()
    }
}
