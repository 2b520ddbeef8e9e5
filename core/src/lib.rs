//! The engine-neutral core of enginebay.
#![cfg_attr(not(feature = "wasmtime"), forbid(unsafe_code))]
#![cfg_attr(feature = "wasmtime", deny(unsafe_code))]

pub mod abi;
mod error;
mod resource;
mod trap;
mod types;

pub use abi::{ComponentNamedList, ComponentType, Lift, Lower, StringEncoding};
pub use error::{Error, ErrorKind, Frame, Resource as CountedResource, Result};
pub use resource::{Resource, ResourceAny, ResourceType};
pub use trap::TrapCode;
pub use types::{Case, Extern, ExternType, Field, FuncType, ResultType, Type};

/// What macros expand to. Not part of the API.
#[doc(hidden)]
pub mod __private {
    /// Implemented by derive and by this crate only.
    pub trait Sealed {}
}
