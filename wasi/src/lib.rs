//! WASI 0.2 for every backend of enginebay, by one implementation: the host
//! traits of `wasmtime-wasi`, which need no engine, behind [`enginebay_core`]'s
//! linker. Whatever holds for host functions holds for WASI: guards are asked
//! before each function, [`Usage`](enginebay_core::Usage) counts it, deadlines
//! and cancellation cut it, and its panics and errors come back as those of any
//! other host function.
//!
//! A [`WasiCtx`] is what one store's guest may reach of the outside world.
//! Nothing is granted by default; see [`WasiCtxBuilder`]. The store's data is a
//! `WasiCtx`, or has one and implements [`WasiView`].
//!
//! ```
//! use enginebay_core::{Component, Config, Engine, Linker, Store};
//! use enginebay_wasi::{OutputPipe, WasiCtx};
//! use enginebay_wasmtime::Wasmtime;
//!
//! # fn main() -> enginebay_core::Result<()> {
//! # let command = include_bytes!("../../guests/prebuilt/wasi-command.wasm");
//! let engine = Engine::<Wasmtime>::new(&Config::new())?;
//! let component = Component::new(&engine, command)?;
//! let mut linker = Linker::new(&engine);
//! enginebay_wasi::add_to_linker(&mut linker)?;
//!
//! let stdout = OutputPipe::new(64 << 10);
//! let wasi = WasiCtx::builder()
//!     .args(["wasi-command", "args", "hello"])
//!     .stdout_pipe(&stdout)
//!     .build()?;
//! let mut store = Store::new(&engine, wasi)?;
//! let instance = linker.instantiate(&mut store, &component)?;
//! let status = enginebay_wasi::run(&mut store, &instance)?;
//! assert!(status.success());
//! assert_eq!(stdout.contents(), b"hello\n");
//! # Ok(())
//! # }
//! ```
//!
//! # What is there
//!
//! All of `wasi:cli/imports@0.2.12` that is stable: `wasi:cli`, `wasi:clocks`,
//! `wasi:random`, `wasi:io`, `wasi:filesystem` and `wasi:sockets`. Components
//! that import any version 0.2.x get it. With the feature `http`, the module
//! `http` has the rest of `wasi:http/proxy`. The unstable `wasi:clocks/timezone` and
//! `wasi:sockets/network.network-error-code` are not there.
//!
//! # Threads and runtimes
//!
//! Timers, sockets and files are served by a few threads of this crate's own,
//! shared by all stores of the process and started when a guest first needs
//! them. It makes no difference whether the embedder has an asynchronous
//! runtime, which one, and whether a call is made from inside of it:
//!
//! - In a synchronous store ([`add_to_linker`]) a function that waits blocks the
//!   calling thread, and does not panic inside a runtime. Blocking a thread of a
//!   runtime holds up the other tasks on it: there, use asynchronous stores or a
//!   thread for blocking work.
//! - In an asynchronous store ([`add_to_linker_async`]) a function that waits
//!   suspends the guest. The future may be polled by any executor.
//!
//! In both, a guest that waits is stopped by its deadline and by cancellation.
//! What a stopped guest has started already, such as a write to a file, goes on
//! to its end.
#![forbid(unsafe_code)]

mod clocks;
mod command;
mod ctx;
mod host;
#[cfg(feature = "http")]
pub mod http;
mod network;
mod pipe;
mod random;
mod runtime;

use enginebay_core::{Backend, Linker, Result};

pub use command::{Exit, ExitStatus, exit_code, run, run_async};
pub use ctx::{DirAccess, WasiCtx, WasiCtxBuilder, WasiView};
pub use network::AddressPattern;
pub use pipe::OutputPipe;

/// Defines WASI for synchronous stores.
///
/// # Errors
///
/// `Link` if one of WASI's interfaces was defined before.
pub fn add_to_linker<B: Backend, T: WasiView + 'static>(linker: &mut Linker<B, T>) -> Result<()> {
    host::add(linker, host::Mode::Sync)
}

/// Defines WASI for asynchronous stores: functions that wait suspend the guest.
/// The linker takes asynchronous stores from then on.
///
/// # Errors
///
/// `Link` if one of WASI's interfaces was defined before.
pub fn add_to_linker_async<B: Backend, T: WasiView + 'static>(
    linker: &mut Linker<B, T>,
) -> Result<()> {
    host::add(linker, host::Mode::Async)
}
