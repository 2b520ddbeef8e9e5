//! The settings that a host's permissions begin with.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::audit::{AuditSink, Auditor};
use super::clock::{Clock, SystemClock};
use super::forbidden::ForbiddenList;
use super::mode::SecurityMode;
use super::permissions::{Permissions, Shared};
use super::policy::{ManifestPolicy, SecurityPolicy};
use super::quota::Quotas;
use super::registry::Registry;

/// The settings of [`Permissions`].
#[must_use]
pub struct PermissionsBuilder {
    mode: SecurityMode,
    policy: Arc<dyn SecurityPolicy>,
    forbidden: ForbiddenList,
    sinks: Vec<Arc<dyn AuditSink>>,
    clock: Arc<dyn Clock>,
    quotas: Quotas,
}

impl PermissionsBuilder {
    pub(super) fn new() -> Self {
        PermissionsBuilder {
            mode: SecurityMode::default(),
            policy: Arc::new(ManifestPolicy),
            forbidden: ForbiddenList::standard(),
            sinks: Vec::new(),
            clock: Arc::new(SystemClock::new()),
            quotas: Quotas::default(),
        }
    }

    /// The mode.
    pub fn mode(mut self, mode: SecurityMode) -> Self {
        self.mode = mode;
        self
    }

    /// Who decides.
    pub fn policy(mut self, policy: impl SecurityPolicy + 'static) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// What is forbidden, in place of the standard list. To add to that, begin with
    /// [`ForbiddenList::standard`].
    pub fn forbidden(mut self, forbidden: ForbiddenList) -> Self {
        self.forbidden = forbidden;
        self
    }

    /// One more sink for the audit.
    pub fn audit(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Where the time comes from.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The quotas that components begin with.
    pub fn quotas(mut self, quotas: Quotas) -> Self {
        self.quotas = quotas;
        self
    }

    /// The handle.
    pub fn build(self) -> Permissions {
        let PermissionsBuilder {
            mode,
            policy,
            forbidden,
            sinks,
            clock,
            quotas,
        } = self;
        let auditor = Auditor::new(sinks, clock.clone());
        let registry = Mutex::new(Registry::new(mode));
        Permissions(Arc::new(Shared {
            policy,
            forbidden,
            auditor,
            clock,
            quotas,
            registry,
        }))
    }
}

impl fmt::Debug for PermissionsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermissionsBuilder")
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
