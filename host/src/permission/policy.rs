//! Who decides: the embedder's policy.

use super::grant::Grant;
use super::mode::{SecurityMode, TrustLevel};
use super::subject::Subject;
use crate::capability::Capability;

/// What a policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// It is allowed.
    Allow,
    /// It is denied.
    Deny {
        /// Why.
        reason: String,
    },
    /// A person has to look at it. Until then it is denied, and
    /// [pending](super::Permissions::pending).
    NeedsReview {
        /// Why.
        reason: String,
    },
}

impl Decision {
    /// Denied, with the reason.
    pub fn deny(reason: impl Into<String>) -> Self {
        Decision::Deny {
            reason: reason.into(),
        }
    }

    /// To be looked at, with the reason.
    pub fn needs_review(reason: impl Into<String>) -> Self {
        Decision::NeedsReview {
            reason: reason.into(),
        }
    }
}

/// Decides what components may do. What is [forbidden](super::ForbiddenList) is denied
/// before a policy is asked.
///
/// A policy is called without any lock, by whichever thread loads or checks. What
/// [`check`](Self::check) says is kept until something about the component changes; a
/// policy that changes its mind calls [`Permissions::refresh`](super::Permissions::refresh).
///
/// ```
/// use enginebay_host::capability::Operation;
/// use enginebay_host::permission::{Decision, Grant, SecurityMode, SecurityPolicy, Subject};
///
/// /// No component starts processes.
/// struct NoProcesses;
///
/// impl SecurityPolicy for NoProcesses {
///     fn review(&self, _: &Subject, grant: &Grant, _: SecurityMode) -> Decision {
///         match grant.operation {
///             Operation::Process(_) => Decision::deny("no component starts processes here"),
///             _ => Decision::Allow,
///         }
///     }
/// }
/// ```
pub trait SecurityPolicy: Send + Sync {
    /// Whether a component gets a grant that its manifest asks for: called at load and at
    /// reload, for each. What is refused here stays refused in every mode.
    fn review(&self, component: &Subject, grant: &Grant, mode: SecurityMode) -> Decision;

    /// Whether a component may do what no grant of it covers: called at a call, when the
    /// answer is not known yet. By default what the [mode](SecurityMode) says.
    fn check(&self, component: &Subject, capability: &Capability, mode: SecurityMode) -> Decision {
        let _ = capability;
        mode.beyond_grants(component.trust())
    }
}

/// What the manifest asks for is accepted. The default: who starts the component has
/// read the manifest.
#[derive(Clone, Copy, Debug, Default)]
pub struct ManifestPolicy;

impl SecurityPolicy for ManifestPolicy {
    fn review(&self, _: &Subject, _: &Grant, _: SecurityMode) -> Decision {
        Decision::Allow
    }
}

/// Nothing is accepted, and nothing is allowed in any mode: only what the embedder grants
/// itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct DenyAll;

const NOTHING: &str = "this host accepts nothing that a manifest asks for";

impl SecurityPolicy for DenyAll {
    fn review(&self, _: &Subject, _: &Grant, _: SecurityMode) -> Decision {
        Decision::deny(NOTHING)
    }

    fn check(&self, _: &Subject, _: &Capability, _: SecurityMode) -> Decision {
        Decision::deny(NOTHING)
    }
}

/// What trusted components ask for is accepted; what others ask for needs review.
/// Components in development are accepted where the host's mode is
/// [`SecurityMode::Development`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ReviewUnknown;

impl SecurityPolicy for ReviewUnknown {
    fn review(&self, component: &Subject, _: &Grant, mode: SecurityMode) -> Decision {
        match (component.trust(), mode) {
            (TrustLevel::Trusted, _) => Decision::Allow,
            (TrustLevel::Development, SecurityMode::Development) => Decision::Allow,
            _ => Decision::needs_review("the component is not trusted"),
        }
    }
}
