//! `wasi:http` 0.2: requests of guests to servers, and guests that answer
//! requests, by `wasmtime-wasi-http`, hyper and rustls.
//!
//! ```
//! use enginebay_core::{Component, Config, Engine, Linker, Store};
//! use enginebay_wasi::http::{self, Body, Request};
//! use enginebay_wasi::WasiCtx;
//! use enginebay_wasmtime::Wasmtime;
//!
//! # fn main() -> enginebay_core::Result<()> {
//! # let proxy = include_bytes!("../../../guests/prebuilt/http-proxy.wasm");
//! let engine = Engine::<Wasmtime>::new(&Config::new())?;
//! let component = Component::new(&engine, proxy)?;
//! let mut linker = Linker::new(&engine);
//! enginebay_wasi::add_to_linker(&mut linker)?;
//! http::add_to_linker(&mut linker)?;
//!
//! let wasi = WasiCtx::builder()
//!     .allow_http("*.example.com:443".parse()?)
//!     .build()?;
//! let mut store = Store::new(&engine, wasi)?;
//! let instance = linker.instantiate(&mut store, &component)?;
//! let request = Request::post("http://localhost/echo").body(Body::from("hello"));
//! let request = request.map_err(enginebay_core::Error::host)?;
//! let response = http::handle(&mut store, &instance, request, 1 << 20)?;
//! assert_eq!(&response.body()[..], b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! # Where requests go
//!
//! [`WasiCtxBuilder::allow_http`](crate::WasiCtxBuilder::allow_http) is an
//! allow-list of hosts and ports, empty by default. A request to another server
//! is not sent, and the guest gets `HTTP-request-denied`.
//!
//! What is checked is the name in the request, not the address that it stands
//! for: whoever has the name in DNS decides where the request goes, also to
//! addresses of the host's own network. Where that matters, keep the host's
//! process from reaching them.
//!
//! Requests are HTTP/1.1, over TLS for `https`, to servers whose certificates
//! come from the authorities of `webpki-roots`, which are those of Mozilla's
//! browser, or from one of
//! [`WasiCtxBuilder::http_root_certificate`](crate::WasiCtxBuilder::http_root_certificate).
//! TLS is done with the provider that the process has chosen for rustls; if there
//! is none, with `ring`. Redirections are not followed. Headers that belong to the
//! connection (such as `host`, `connection` and `transfer-encoding`) are neither
//! the guest's to set nor there to be seen.
//!
//! The guest chooses how long it waits for a connection, TLS included, for the
//! beginning of the response, and for each next part of its body: ten minutes
//! each unless it says otherwise.
//!
//! # What a guest can take
//!
//! Bodies are streams with little in them; whoever is faster waits. A context has
//! at most 128 connections at a time, and 1,024 resources of `wasi:http`: a guest
//! that makes one more is stopped. Waits end with the call's deadline and by
//! cancellation. Connections of a guest that was stopped are closed when the
//! context is dropped.

mod body;
mod client;
mod handle;
mod hosts;
mod send;

use enginebay_core::{Backend, Linker, Result};

use crate::ctx::WasiView;
use crate::host;

pub use ::http::{Request, Response};
pub use body::{Body, BodyError};
pub(crate) use client::Roots;
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
