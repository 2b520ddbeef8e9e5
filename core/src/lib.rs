//! The engine-neutral core of enginebay.
#![deny(unsafe_code)]

pub mod abi;
mod artifact;
mod backend;
mod call;
mod component;
mod config;
mod engine;
mod error;
mod func;
mod instance;
mod interrupt;
mod limits;
mod linker;
mod resource;
mod scan;
mod store;
mod trap;
mod types;
mod val;

pub use abi::{ComponentNamedList, ComponentType, Lift, Lower, StringEncoding};
pub use backend::{Backend, HostContext, HostFuture};
pub use component::{Component, is_artifact, to_binary, validate};
pub use config::{Complexity, Config, Feature, Features, Interruption, Support};
pub use engine::Engine;
pub use error::{Error, ErrorKind, Frame, Resource as CountedResource, Result};
pub use func::{Func, TypedFunc};
pub use instance::{Instance, InstancePre};
pub use interrupt::CancelHandle;
pub use limits::{Limits, Usage};
pub use linker::{BoxFuture, Linker, LinkerInstance};
pub use resource::{Resource, ResourceAny, ResourceType};
pub use store::{
    AsContextMut, Caller, Guard, HostCall, Store, StoreBuilder, StoreContextMut, StoreData,
};
pub use trap::TrapCode;
pub use types::{Case, Extern, ExternType, Field, FuncType, ResultType, Type};
pub use val::Val;

/// What macros expand to. Not part of the API.
#[doc(hidden)]
pub mod __private {
    /// Implemented by derive and by this crate only.
    pub trait Sealed {}
}
