//! Write a component that an enginebay host drives, in Rust.
//!
//! A component is a type that implements [`Component`], and [`export!`]. Everything but
//! [`Component::init`] has a default. Its crate is a `cdylib`, built for `wasm32-wasip2`;
//! its name, version, description and authors are what its `Cargo.toml` says.
//!
//! ```no_run
//! use enginebay_guest::{
//!     Component, ComponentConfig, ComponentError, ExecutionContext, ExecutionError, log,
//!     storage::Namespace, text, unknown_operation,
//! };
//!
//! struct Notes(Namespace);
//!
//! impl Component for Notes {
//!     const OPERATIONS: &'static [&'static str] = &["keep"];
//!
//!     fn init(_: ComponentConfig) -> Result<Self, ComponentError> {
//!         Ok(Notes(Namespace::new("notes:data")))
//!     }
//!
//!     fn execute(
//!         &mut self,
//!         operation: &str,
//!         input: &[u8],
//!         _: &ExecutionContext,
//!     ) -> Result<Vec<u8>, ExecutionError> {
//!         match operation {
//!             "keep" => {
//!                 self.0.set("latest", text(input)?.as_bytes())?;
//!                 log::info("kept a note");
//!                 Ok(Vec::new())
//!             }
//!             other => unknown_operation(other),
//!         }
//!     }
//! }
//!
//! enginebay_guest::export!(Notes);
//! # fn main() {}
//! ```
//!
//! What the host offers is in a module for each interface: [`log`], [`clock`],
//! [`components`], [`permissions`], [`storage`], [`messages`], [`files`]. A component
//! imports only what it calls. Whatever its `Component.toml` does not grant fails with
//! the `Denied` of the function's error; `?` makes any of these errors one of the
//! component's own.
#![deny(unsafe_code)]
#![warn(missing_docs)]

// The code is generated, and so are its items' docs: from the WIT, where there are any.
#[allow(missing_docs, unsafe_code)]
#[doc(hidden)]
pub mod bindings;
pub mod clock;
mod component;
pub mod components;
mod error;
mod export;
pub mod files;
pub mod log;
pub mod messages;
pub mod permissions;
#[doc(hidden)]
pub mod state;
pub mod storage;

pub use bindings::enginebay::core::capabilities::{Capability, Denial, DenialReason};
pub use bindings::enginebay::core::types::{
    ComponentError, ComponentId, ComponentMetadata, ComponentStatus, ExecutionError, HealthStatus,
    LogLevel, MemoryRequirements, MessageError, RequestId, Timestamp,
};
pub use bindings::exports::enginebay::core::component_lifecycle::{
    Caller, ComponentConfig, ExecutionContext, Message, MessageKind, ResourceLimits,
};
pub use component::Component;
pub use error::{Denied, text, unknown_operation};
