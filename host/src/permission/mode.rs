//! How strict a host is, and how far it trusts a component.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::policy::Decision;

/// What happens beyond the grants. The accepted grants are allowed in every mode, and the
/// [forbidden list](super::ForbiddenList) is denied in every mode.
///
/// | mode | [`Trusted`](TrustLevel::Trusted) | [`Unknown`](TrustLevel::Unknown) | [`Development`](TrustLevel::Development) |
/// | --- | --- | --- | --- |
/// | `Strict` | denied | denied | denied |
/// | `Permissive` | allowed, audited with the mode | denied | denied |
/// | `Development` | allowed with a warning | allowed with a warning | allowed with a warning |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecurityMode {
    /// What is not granted is denied.
    #[default]
    Strict,
    /// A trusted component may do what it asks, and the audit says that only the mode
    /// allowed it.
    Permissive,
    /// Everything is allowed with a warning. For a developer's own machine.
    Development,
}

impl SecurityMode {
    /// All of them, from the strictest on.
    pub const ALL: [SecurityMode; 3] = [
        SecurityMode::Strict,
        SecurityMode::Permissive,
        SecurityMode::Development,
    ];

    /// What this mode says of a call that no grant covers, by a component that is trusted
    /// so far: the table above. It never needs review.
    pub fn beyond_grants(self, trust: TrustLevel) -> Decision {
        match (self, trust) {
            (SecurityMode::Development, _) => Decision::Allow,
            (SecurityMode::Permissive, TrustLevel::Trusted) => Decision::Allow,
            (SecurityMode::Permissive | SecurityMode::Strict, _) => {
                Decision::deny("no grant covers it")
            }
        }
    }

    /// The name, as in `strict`.
    pub const fn name(self) -> &'static str {
        match self {
            SecurityMode::Strict => "strict",
            SecurityMode::Permissive => "permissive",
            SecurityMode::Development => "development",
        }
    }
}

impl fmt::Display for SecurityMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How far a component is trusted. The embedder says so, from where the component came;
/// a manifest cannot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustLevel {
    /// The embedder answers for it.
    Trusted,
    /// Nothing is known about it.
    #[default]
    Unknown,
    /// It is being written. The same as `Unknown`, except where the host's mode is
    /// [`SecurityMode::Development`].
    Development,
}

impl TrustLevel {
    /// All of them.
    pub const ALL: [TrustLevel; 3] = [
        TrustLevel::Trusted,
        TrustLevel::Unknown,
        TrustLevel::Development,
    ];

    /// The name, as in `trusted`.
    pub const fn name(self) -> &'static str {
        match self {
            TrustLevel::Trusted => "trusted",
            TrustLevel::Unknown => "unknown",
            TrustLevel::Development => "development",
        }
    }
}

impl fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
