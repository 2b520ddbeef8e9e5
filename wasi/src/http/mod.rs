//! `wasi:http` 0.2: requests of guests to servers, and guests that answer
//! requests.

mod body;
mod handle;
mod hosts;
mod send;

use enginebay_core::{Backend, Linker, Result};

use crate::ctx::WasiView;
use crate::host;

pub use ::http::{Request, Response};
pub use body::{Body, BodyError};
pub use handle::{handle, handle_async, handle_streamed, handle_streamed_async};
pub use hosts::HostPattern;
pub(crate) use send::{Http, code_of};

/// Defines `wasi:http/types` and `wasi:http/outgoing-handler` for synchronous
/// stores, besides what [`add_to_linker`](crate::add_to_linker) defines.
///
/// # Errors
///
/// `Link` if one of the interfaces was defined before.
pub fn add_to_linker<B: Backend, T: WasiView + 'static>(linker: &mut Linker<B, T>) -> Result<()> {
    host::http::add(linker, host::Mode::Sync)
}

/// As [`add_to_linker`], for asynchronous stores, besides what
/// [`add_to_linker_async`](crate::add_to_linker_async) defines.
///
/// # Errors
///
/// `Link` if one of the interfaces was defined before.
pub fn add_to_linker_async<B: Backend, T: WasiView + 'static>(
    linker: &mut Linker<B, T>,
) -> Result<()> {
    host::http::add(linker, host::Mode::Async)
}
