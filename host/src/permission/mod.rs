//! Who may do what: grants, policies, quotas, and the record of what was decided. There
//! is no engine in here; glue asks before a host function runs.
//!
//! [`Permissions`] is one per host. A component is [registered](Permissions::register)
//! with the [`Grant`]s that its manifest asks for, the [`SecurityPolicy`] accepts or
//! refuses each, and every instance gets a [`Checker`]. A check goes through these, and
//! the first that says something decides:
//!
//! 1. what is named is in the one form that has one meaning, or it is denied;
//! 2. the [`ForbiddenList`] denies, in every mode;
//! 3. an accepted grant that covers it allows;
//! 4. what was refused, waits for review or was revoked is denied;
//! 5. the policy's [`check`](SecurityPolicy::check) decides: by default the
//!    [`SecurityMode`], which is strict by default, so it denies.
//!
//! ```
//! use enginebay_host::capability::{FilesystemAction, Operation};
//! use enginebay_host::permission::{Grant, Permissions, Request, Subject};
//!
//! let read = Operation::Filesystem(FilesystemAction::Read);
//! let permissions = Permissions::new();
//! permissions.register(Subject::new("counter"), [Grant::required(read, "/data/**")?])?;
//!
//! let checker = permissions.checker("counter")?;
//! let request = Request::filesystem(FilesystemAction::Read, "/data/a");
//! checker.check("enginebay:ext-filesystem/files#read", request)?;
//!
//! permissions.revoke("counter", read, "/data/**")?;
//! checker.check("enginebay:ext-filesystem/files#read", request).unwrap_err();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod audit;
mod builder;
mod cache;
mod checker;
mod clock;
mod component;
mod denial;
mod error;
mod forbidden;
mod grant;
mod mode;
mod permissions;
mod policy;
mod quota;
mod registry;
mod request;
mod review;
mod rules;
mod set;
mod subject;

use std::sync::{Mutex, MutexGuard};

pub use audit::{AuditEvent, AuditSink, JsonLinesAudit, MemoryAudit, Outcome};
pub use builder::PermissionsBuilder;
pub use checker::Checker;
pub use clock::{Clock, ManualClock, SystemClock};
pub use denial::{Denial, Reason};
pub use error::{PermissionError, RefusedGrant};
pub use forbidden::{ForbiddenList, ForbiddenRule};
pub use grant::{Grant, GrantPattern};
pub use mode::{SecurityMode, TrustLevel};
pub use permissions::{MAX_GRANTS, Permissions};
pub use policy::{Decision, DenyAll, ManifestPolicy, ReviewUnknown, SecurityPolicy};
pub use quota::{Meter, QuotaExceeded, QuotaKind, QuotaReport, QuotaUsage, Quotas};
pub use request::{MAX_TARGET_BYTES, Request};
pub use review::{MAX_PENDING, PendingReview, ReviewId};
pub use set::CapabilitySet;
pub use subject::Subject;

/// Locks. No code of an embedder runs under a lock of this module, and what is locked is
/// replaced as a whole, so a poisoned lock protects nothing that is broken.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poison| poison.into_inner())
}
