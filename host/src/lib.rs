//! The host contract: what a host offers to components, what a component asks for in its
//! `Component.toml`, and who may do what. It is the same on every backend.
//!
//! Nothing is granted by default. What a component may do is what its manifest asks for
//! and the embedder's policy accepts; each function of the contract names the
//! [`Capability`] that it needs, and is checked before the host's code runs.
#![forbid(unsafe_code)]

mod block;
pub mod capability;
pub mod compat;
pub mod contract;
pub mod filesystem;
pub mod manifest;
pub mod messaging;
mod name;
pub mod pattern;
pub mod permission;
mod pool;
pub mod runner;
pub mod services;
pub mod storage;

pub use capability::Capability;
pub use name::{ComponentName, NameError};
pub use runner::{ComponentHandle, Host};
