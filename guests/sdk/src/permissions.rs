//! What this component may do. Nobody has to ask before a call: each function looks for
//! itself.

use crate::bindings::enginebay::core::permissions;
use crate::{Capability, Denial};

pub use crate::bindings::enginebay::core::capabilities::{
    FilesystemAction, FilesystemCapability, MessagingAction, MessagingCapability, NetworkAction,
    NetworkCapability, ProcessAction, ProcessCapability, StorageAction, StorageCapability,
};
pub use crate::bindings::enginebay::core::permissions::Grant;

/// Whether an operation would be allowed now.
///
/// # Errors
///
/// Why it would not.
pub fn check(capability: &Capability) -> Result<(), Denial> {
    permissions::check(capability)
}

/// All that is granted now.
pub fn grants() -> Vec<Grant> {
    permissions::grants()
}
