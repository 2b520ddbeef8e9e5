//! The engine-neutral core of enginebay.
#![deny(unsafe_code)]

pub mod abi;
mod access;
mod artifact;
mod backend;
mod block;
mod call;
mod component;
mod config;
mod engine;
mod error;
mod func;
mod future;
mod instance;
mod interrupt;
mod late;
mod limits;
mod linker;
mod linker_boxed;
#[doc(hidden)]
pub mod mutant;
mod names;
#[doc(hidden)]
pub mod parts;
mod policy;
mod resource;
mod scan;
mod store;
mod trap;
mod types;
#[cfg(feature = "units")]
#[doc(hidden)]
pub mod units;
mod val;
mod wave;

pub use abi::{ComponentNamedList, ComponentType, Lift, Lower, Map, StringEncoding, WasmList};
pub use access::Access;
pub use backend::{Backend, HostContext};
#[doc(hidden)]
pub use block::block_on;
#[doc(hidden)]
pub use component::refused_features;
pub use component::{Component, is_artifact, needed_features, to_binary, validate};
pub use config::{Complexity, Config, Feature, Features, Interruption, Support};
pub use engine::Engine;
pub use error::{Error, ErrorKind, Frame, Resource as CountedResource, Result};
pub use func::{Func, TypedFunc};
pub use future::{HostFuture, Started};
pub use instance::{Instance, InstancePre};
pub use interrupt::CancelHandle;
pub use limits::{Limits, Usage};
pub use linker::{Linker, LinkerInstance};
#[doc(hidden)]
pub use names::{func_fits, func_mismatch};
#[doc(hidden)]
pub use policy::has_room_for_table;
pub use policy::{Guard, HostCall, StoreData};
pub use resource::{Resource, ResourceAny, ResourceType};
#[cfg(feature = "wasmtime")]
#[doc(hidden)]
pub use resource::{StoreNumber, instance_number};
#[doc(hidden)]
pub use scan::{RESERVED, wasm_features};
pub use store::{AsContextMut, Caller, Store, StoreBuilder, StoreContextMut};
pub use trap::TrapCode;
pub use types::{Case, Extern, ExternType, Field, FuncType, MapType, ResultType, Type};
pub use val::Val;

/// ```
/// use enginebay_core::{ComponentType, Lift, Lower};
///
/// #[derive(ComponentType, Lower, Lift)]
/// struct Line {
///     from: Point,
///     #[component(name = "to")]
///     until: Point,
/// }
///
/// #[derive(ComponentType, Lower, Lift)]
/// struct Point {
///     x_axis: i32,
///     y_axis: i32,
/// }
///
/// #[derive(ComponentType, Lower, Lift)]
/// enum Event {
///     Closed,
///     Resized(u32),
/// }
///
/// assert_eq!(
///     Point::component_type().to_string(),
///     "record { x-axis: s32, y-axis: s32 }",
/// );
/// assert_eq!(
///     Event::component_type().to_string(),
///     "variant { closed, resized(u32) }",
/// );
/// ```
pub use enginebay_macros::ComponentType;
/// ```
/// enginebay_core::flags! {
///     /// What a guest may do with a file.
///     pub Permissions {
///         const READ;
///         const WRITE;
///         #[component(name = "exec")]
///         const EXECUTE;
///     }
/// }
///
/// let mut permissions = Permissions::READ | Permissions::EXECUTE;
/// permissions.remove(Permissions::READ);
/// assert!(permissions.contains(Permissions::EXECUTE));
/// assert_eq!(format!("{permissions:?}"), "Permissions(EXECUTE)");
/// ```
pub use enginebay_macros::flags;
pub use enginebay_macros::{Lift, Lower};

/// What macros expand to. Not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use enginebay_macros::erase;
    #[cfg(feature = "wasmtime")]
    pub use wasmtime;

    pub use crate::__if_wasmtime as if_wasmtime;
    pub use crate::{Error, Result, TrapCode, Type, abi};

    /// Implemented by derive and by this crate only.
    pub trait Sealed {}
}

/// The part of an expansion that is for the `wasmtime` feature only. Features
/// are those of the crate that defines a macro, so a user's crate need not know
/// whether this one is on.
#[cfg(feature = "wasmtime")]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_wasmtime {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// The part of an expansion that is for the `wasmtime` feature only.
#[cfg(not(feature = "wasmtime"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __if_wasmtime {
    ($($tokens:tt)*) => {};
}
