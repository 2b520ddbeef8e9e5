//! The tests of the public API, on every backend, in one program: each program of
//! tests holds all engines, and to make one takes longer than to run it.
//!
//! What looks at the whole process has a program of its own: beside this folder.

#[path = "../common/mod.rs"]
mod common;

mod allocations;
mod any;
mod async_calls;
mod bad_input;
#[cfg(feature = "bindgen")]
mod bindgen;
mod calls;
mod clock;
#[cfg(all(feature = "host", feature = "wasi"))]
mod components;
mod concurrent;
mod config;
mod contract;
mod core_traps;
mod crash;
mod determinism;
mod foreign;
mod fuel;
mod host;
mod host_bytes;
mod in_parts;
mod late_linking;
mod lateness;
mod limits;
mod maps;
mod places;
#[cfg(feature = "wasi-http")]
mod programs;
mod traps;
mod views;
#[cfg(feature = "wasi")]
mod wasi;
#[cfg(feature = "wasi-http")]
mod wasi_hostile;
#[cfg(feature = "wasi-http")]
mod wasi_http;
#[cfg(feature = "wasi")]
mod wasi_system;
