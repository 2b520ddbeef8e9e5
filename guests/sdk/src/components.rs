//! The components of this host.

use crate::bindings::enginebay::core::host_services;

pub use crate::bindings::enginebay::core::host_services::ComponentInfo;

/// The components' names.
pub fn list() -> Vec<String> {
    host_services::list_components()
}

/// What is known of a component, if there is one of that name.
pub fn get(name: &str) -> Option<ComponentInfo> {
    host_services::get_component(name)
}
