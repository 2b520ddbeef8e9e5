//! The Component Model over any core-wasm engine.
//!
//! An engine implements [`CoreEngine`], which is core wasm and nothing else;
//! [`Layer<E>`](Layer) makes it a [`Backend`](enginebay_core::Backend).
#![deny(unsafe_code)]

mod backend;
#[cfg(feature = "check")]
pub mod check;
mod contain;
mod context;
mod coroutine;
mod engine;
mod few;
mod func;
mod handles;
mod host;
mod instance;
mod linker;
mod meter;
mod meters;
mod module;
mod program;
mod rewrite;
mod store;
mod threads;
mod transcode;
mod trap;
mod types;

pub use backend::{Component, Engine, Func, InstancePre, Module};
pub use contain::contain;
pub use engine::{CoreEngine, CoreExtern, CoreType, FLAG, MAX_SLOTS, SharedFunc, Signature};
pub use linker::Linker;
#[doc(hidden)]
pub use meter::known_lengths;
pub use store::Data;

/// The backend that runs components on the core engine `E`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Layer<E>(std::marker::PhantomData<fn() -> E>);
