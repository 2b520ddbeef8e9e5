//! The Component Model over any core-wasm engine.
//!
//! An engine implements [`CoreEngine`], which is core wasm and nothing else;
//! [`Layer<E>`](Layer) makes it a [`Backend`](enginebay_core::Backend).

#[cfg(feature = "check")]
pub mod check;
mod contain;
mod engine;
mod store;

pub use contain::{HostFrame, contain};
pub use engine::{CoreEngine, CoreExtern, CoreType, MAX_SLOTS, Signature};
pub use store::Data;

/// The backend that runs components on the core engine `E`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Layer<E>(std::marker::PhantomData<fn() -> E>);
