//! Why something was allowed or denied, and the error of a call that was denied.

use std::fmt;
use std::sync::Arc;

use super::mode::SecurityMode;
use super::quota::QuotaExceeded;
use super::request::Request;
use crate::capability::Capability;

/// What decided.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Allowed: a grant with that pattern covers it.
    Grant(Arc<str>),
    /// Allowed: no grant covers it, and the mode lets it pass.
    Mode(SecurityMode),
    /// Allowed: no grant covers it, and the policy lets it pass.
    Policy,
    /// Denied: nothing allows it.
    NotGranted,
    /// Denied: the forbidden list has it, for this reason.
    Forbidden(Arc<str>),
    /// Denied: the policy refused it, or who looked at it, for this reason.
    Refused(Arc<str>),
    /// Denied until somebody has looked at it, for this reason.
    NeedsReview(Arc<str>),
    /// Denied: it was granted, and was taken back.
    Revoked,
    /// Denied: what is named is not in the one form that has one meaning.
    Malformed(&'static str),
    /// Denied: the component is not registered any more.
    Unregistered,
    /// Denied: it is granted, and used up.
    Quota(QuotaExceeded),
}

impl Reason {
    /// The kind, in a word: `grant`, `mode`, `policy`, `not-granted`, `forbidden`,
    /// `refused`, `needs-review`, `revoked`, `malformed`, `unregistered`, `quota`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Reason::Grant(_) => "grant",
            Reason::Mode(_) => "mode",
            Reason::Policy => "policy",
            Reason::NotGranted => "not-granted",
            Reason::Forbidden(_) => "forbidden",
            Reason::Refused(_) => "refused",
            Reason::NeedsReview(_) => "needs-review",
            Reason::Revoked => "revoked",
            Reason::Malformed(_) => "malformed",
            Reason::Unregistered => "unregistered",
            Reason::Quota(_) => "quota",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Grant(pattern) => write!(f, "granted by `{pattern}`"),
            Reason::Mode(mode) => write!(f, "allowed by the mode {mode} alone"),
            Reason::Policy => f.write_str("allowed by the policy"),
            Reason::NotGranted => f.write_str("no grant covers it"),
            Reason::Forbidden(why) => write!(f, "forbidden in every mode: {why}"),
            Reason::Refused(why) => write!(f, "refused: {why}"),
            Reason::NeedsReview(why) => write!(f, "waits for review: {why}"),
            Reason::Revoked => f.write_str("the grant was taken back"),
            Reason::Malformed(why) => f.write_str(why),
            Reason::Unregistered => f.write_str("the component is not registered any more"),
            Reason::Quota(exceeded) => exceeded.fmt(f),
        }
    }
}

/// The error of a call that was denied. One pointer; a clone copies nothing.
///
/// ```
/// use enginebay_host::capability::FilesystemAction;
/// use enginebay_host::permission::{Permissions, Request, Subject};
///
/// let permissions = Permissions::new();
/// permissions.register(Subject::new("counter"), [])?;
/// let checker = permissions.checker("counter")?;
/// let request = Request::filesystem(FilesystemAction::Read, "/etc/x");
/// let denial = checker.check("enginebay:ext-filesystem/files#read", request).unwrap_err();
/// assert_eq!(denial.to_string(), "denied: filesystem.read(/etc/x) is not granted to `counter`");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    subject: Arc<str>,
    capability: Capability,
    reason: Reason,
}

impl Denial {
    pub(super) fn new(subject: Arc<str>, request: &Request<'_>, reason: Reason) -> Self {
        Denial(Arc::new(Inner {
            subject,
            capability: request.to_capability(),
            reason,
        }))
    }

    /// The component's name.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// What it asked for.
    pub fn capability(&self) -> &Capability {
        &self.0.capability
    }

    /// Why it was denied.
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }
}

/// One form for all operations. A reason other than that nothing was granted follows in
/// brackets. Characters that could mislead in a log are escaped.
impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            subject,
            capability,
            reason,
        } = &*self.0;
        write!(
            f,
            "denied: {} is not granted to `{subject}`",
            Request::from(capability)
        )?;
        match reason {
            Reason::NotGranted => Ok(()),
            reason => write!(f, " ({reason})"),
        }
    }
}

impl std::error::Error for Denial {}
