//! Errors of who registers components and changes their permissions. A call that is
//! denied has a [`Denial`](super::Denial).

use std::fmt;
use std::sync::Arc;

use super::denial::Reason;
use super::grant::Grant;
use super::review::ReviewId;

/// Why permissions were not changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PermissionError {
    /// The component requires what it does not get.
    Refused {
        /// The component.
        component: Arc<str>,
        /// All that it requires and does not get.
        grants: Vec<RefusedGrant>,
    },
    /// A component of that name is registered.
    Registered {
        /// The component.
        component: Arc<str>,
    },
    /// No component of that name is registered.
    NotRegistered {
        /// The name.
        component: Arc<str>,
    },
    /// The component asks for more grants than there may be.
    TooManyGrants {
        /// The component.
        component: Arc<str>,
        /// How many there may be.
        limit: usize,
    },
    /// What was to be granted is on the forbidden list.
    Forbidden {
        /// The grant.
        grant: Grant,
        /// Why it is forbidden.
        reason: Arc<str>,
    },
    /// No review of that number waits.
    NoSuchReview {
        /// The number.
        id: ReviewId,
    },
}

/// A grant that a component asked for and does not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedGrant {
    /// The grant.
    pub grant: Grant,
    /// Why.
    pub reason: Reason,
}

/// As `filesystem.read(/dev/**): forbidden in every mode: ...`.
impl fmt::Display for RefusedGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.grant, self.reason)
    }
}

impl fmt::Display for PermissionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PermissionError::Refused { component, grants } => {
                write!(f, "`{component}` requires what it does not get: ")?;
                for (n, grant) in grants.iter().enumerate() {
                    let separator = if n == 0 { "" } else { "; " };
                    write!(f, "{separator}{grant}")?;
                }
                Ok(())
            }
            PermissionError::Registered { component } => write!(
                f,
                "`{component}` is registered already: reload it, or give this one another name"
            ),
            PermissionError::NotRegistered { component } => {
                write!(f, "`{component}` is not registered: register it first")
            }
            PermissionError::TooManyGrants { component, limit } => write!(
                f,
                "`{component}` asks for more than {limit} grants: use patterns that cover more"
            ),
            PermissionError::Forbidden { grant, reason } => {
                write!(
                    f,
                    "{grant} cannot be granted: forbidden in every mode: {reason}"
                )
            }
            PermissionError::NoSuchReview { id } => {
                write!(
                    f,
                    "no review {id} waits: it was decided, or its component is gone"
                )
            }
        }
    }
}

impl PermissionError {
    pub(super) fn not_registered(component: &str) -> Self {
        PermissionError::NotRegistered {
            component: component.into(),
        }
    }
}

impl std::error::Error for PermissionError {}
