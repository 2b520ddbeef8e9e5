//! One Rust host API for WebAssembly components, on any engine.
//!
//! Write host code once, pick the engine with a Cargo feature, and get the same
//! results, the same limits and the same errors on each.
//!
//! ```
//! use enginebay::prelude::*;
//!
//! let engine = Engine::new(&Config::new())?;
//! let component = Component::new(&engine, r#"(component
//!     (core module $m
//!         (func (export "add") (param i32 i32) (result i32)
//!             local.get 0
//!             local.get 1
//!             i32.add))
//!     (core instance $i (instantiate $m))
//!     (func (export "add") (param "a" u32) (param "b" u32) (result u32)
//!         (canon lift (core func $i "add"))))"#)?;
//!
//! let mut store = Store::builder(&engine)
//!     .limits(Limits::new().memory(16 << 20))
//!     .build(())?;
//! let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
//! let add = instance.get_typed_func::<(u32, u32), (u32,)>(&mut store, "add")?;
//! assert_eq!(add.call(&mut store, (2, 3))?, (5,));
//! # Ok::<(), Error>(())
//! ```
//!
//! # Backends
//!
//! Each backend is a Cargo feature and a module: `wasmtime` (the default
//! feature) is [`wasmtime`]. `Engine`, `Store` and the others at the root are
//! those of the default backend: the first that is on, in the order
//! `wasmtime`, `wasmer`, `wasmi`. Cargo unifies features, so libraries should
//! name a backend or be generic over [`Backend`].
//!
//! A program that chooses when it runs, by a name in its configuration say, uses
//! [`any`]: the same types once more, for whichever backend was chosen.
#![deny(unsafe_code)]

#[macro_use]
mod registry;

pub mod any;

pub use enginebay_core::{
    Access, AsContextMut, Backend, CancelHandle, Case, Complexity, ComponentNamedList,
    ComponentType, Config, CountedResource, Error, ErrorKind, Extern, ExternType, Feature,
    Features, Field, Frame, FuncType, Guard, HostCall, HostFuture, Interruption, Lift, Limits,
    Lower, Map, MapType, Resource, ResourceAny, ResourceType, Result, ResultType, Support,
    TrapCode, Type, Usage, Val, WasmList, flags, is_artifact, needed_features, to_binary, validate,
};

/// The engine-neutral core: the generic types, and the traits that a backend
/// implements.
pub use enginebay_core as generic;

#[doc(hidden)]
pub use enginebay_core::__private;

#[cfg(feature = "bindgen")]
pub use enginebay_macros::bindgen;

/// WASI 0.2 for every backend.
#[cfg(feature = "wasi")]
pub use enginebay_wasi as wasi;

#[cfg(all(feature = "wasi", debug_assertions))]
#[doc(hidden)]
#[path = "shared.rs"]
pub mod __shared;

pub use registry::*;

/// The host contract: manifest, permissions and services.
#[cfg(feature = "host")]
pub use enginebay_host as host;

/// What most programs need: `use enginebay::prelude::*`.
pub mod prelude {
    pub use crate::registry::{
        Caller, Component, Engine, Func, Instance, InstancePre, Linker, Store, TypedFunc,
    };
    pub use crate::{
        AsContextMut, ComponentType, Config, Error, ErrorKind, HostFuture, Interruption, Lift,
        Limits, Lower, Resource, ResourceAny, ResourceType, Result, TrapCode, Usage, Val, WasmList,
    };
}
