//! Calls of guests that answer requests: components of the world
//! `wasi:http/proxy`, by their export `wasi:http/incoming-handler`.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use enginebay_core::{AsContextMut, Backend, Error, ErrorKind, Instance, Result, TypedFunc};
use http::response::Parts;
use http::uri::Scheme;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme as TheirScheme};

use super::Body;
use crate::ctx::WasiView;
use crate::host::http::{Handled, incoming};
use crate::runtime;

/// The exported function; an export of any version 0.2.x is found by it.
const HANDLE: &str = "wasi:http/incoming-handler@0.2.0#handle";

type Handle<B> = TypedFunc<B, Handled, ()>;

/// Lets a component answer a request, and gives the whole response: calls
/// `wasi:http/incoming-handler`, whichever version 0.2.x the component exports.
/// Its body has at most `max_body` bytes; trailers are left out.
///
/// The request's URI or its header `host` says for which host it is; the scheme is
/// `http` unless the URI has another.
///
/// # Errors
///
/// - `NotFound` if the component exports no `wasi:http/incoming-handler`.
/// - `InvalidConfig` for a request without a host.
/// - `Host` if the component gave an error or nothing for a response, did not
///   finish its body, or made it larger than `max_body`.
/// - As [`TypedFunc::call`], for a call that did not end by itself.
pub fn handle<B, S>(
    mut store: S,
    instance: &Instance<B>,
    request: Request<Body>,
    max_body: usize,
) -> Result<Response<Bytes>>
where
    B: Backend,
    S: AsContextMut<Backend = B, Data: WasiView>,
{
    let collector = Collector::default();
    let respond = collector.respond(max_body);
    handle_streamed(&mut store, instance, request, respond)?;
    let (collected, parts) = collector.returned()?;
    let body = runtime::block_on(async { joined(collected.await) }, || None)?;
    Ok(Response::from_parts(parts, body))
}

/// As [`handle`], in an asynchronous store.
///
/// # Errors
///
/// As [`handle`].
pub async fn handle_async<B, S>(
    mut store: S,
    instance: &Instance<B>,
    request: Request<Body>,
    max_body: usize,
) -> Result<Response<Bytes>>
where
    B: Backend,
    S: AsContextMut<Backend = B, Data: WasiView> + Send,
{
    let collector = Collector::default();
    let respond = collector.respond(max_body);
    handle_streamed_async(&mut store, instance, request, respond).await?;
    let (collected, parts) = collector.returned()?;
    let body = joined(collected.await)?;
    Ok(Response::from_parts(parts, body))
}

/// Lets a component answer a request, and hands over the response as soon as the
/// component has begun it, within the call. Its body has to be read by another
/// thread or task, as the component writes it: once a part of it waits to be read,
/// the component waits too.
///
/// # Errors
///
/// As [`handle`], except for what concerns the response's body. `respond` may have
/// been called before the component failed.
pub fn handle_streamed<B, S>(
    mut store: S,
    instance: &Instance<B>,
    request: Request<Body>,
    respond: impl FnOnce(Response<Body>) + Send + 'static,
) -> Result<()>
where
    B: Backend,
    S: AsContextMut<Backend = B, Data: WasiView>,
{
    let handle: Handle<B> = instance.get_typed_func(&mut store, HANDLE)?;
    let answered = Answered::default();
    let params = answered.params(&mut store, request, respond)?;
    handle.call(&mut store, params)?;
    answered.outcome()
}

/// As [`handle_streamed`], in an asynchronous store.
///
/// # Errors
///
/// As [`handle_streamed`].
pub async fn handle_streamed_async<B, S>(
    mut store: S,
    instance: &Instance<B>,
    request: Request<Body>,
    respond: impl FnOnce(Response<Body>) + Send + 'static,
) -> Result<()>
where
    B: Backend,
    S: AsContextMut<Backend = B, Data: WasiView> + Send,
{
    let handle: Handle<B> = instance.get_typed_func(&mut store, HANDLE)?;
    let answered = Answered::default();
    let params = answered.params(&mut store, request, respond)?;
    handle.call_async(&mut store, params).await?;
    answered.outcome()
}

/// What a component made of a request, if anything.
#[derive(Clone, Default)]
struct Answered(Arc<Mutex<Option<Result<(), ErrorCode>>>>);

impl Answered {
    /// What the component is called with.
    fn params<S>(
        &self,
        store: &mut S,
        request: Request<Body>,
        respond: impl FnOnce(Response<Body>) + Send + 'static,
    ) -> Result<Handled>
    where
        S: AsContextMut<Data: WasiView>,
    {
        let has_host = request.uri().authority().is_some()
            || request
                .headers()
                .get(http::header::HOST)
                .is_some_and(|host| host.to_str().is_ok());
        if !has_host {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "the request says for no host that it is: neither its URI nor a header does",
            ));
        }
        let scheme = match request.uri().scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => TheirScheme::Https,
            Some(scheme) if *scheme != Scheme::HTTP => TheirScheme::Other(scheme.to_string()),
            _ => TheirScheme::Http,
        };
        // The resource has to be `Sync`; it is called once, by whoever has it.
        let respond = Mutex::new(respond);
        let answered = self.clone();
        let callback = move |answer: Result<Response<_>, ErrorCode>| {
            let respond = respond.into_inner().unwrap_or_else(PoisonError::into_inner);
            let answer = answer.map(|response| respond(response.map(Body::of)));
            *answered.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        };
        let mut store = store.as_context_mut();
        incoming(store.data_mut().wasi().state()?, |http| {
            let request = request.map(Body::into_inner);
            let request = http.new_incoming_request(scheme, request)?;
            let response = http.new_response_outparam_from_callback(callback)?;
            Ok((request, response))
        })
    }

    fn outcome(&self) -> Result<()> {
        let answer = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match answer {
            Some(Ok(())) => Ok(()),
            Some(Err(code)) => Err(Error::new(
                ErrorKind::Host,
                format!("the component gave an error for a response: {code:?}"),
            )),
            None => Err(Error::new(
                ErrorKind::Host,
                "the component returned without a response",
            )),
        }
    }
}

/// Reads a response's body in the background, as the guest writes it.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Option<Collecting>>>);

struct Collecting {
    parts: Parts,
    /// To say that the guest returned.
    returned: oneshot::Sender<()>,
    task: JoinHandle<Result<Bytes>>,
}

impl Collector {
    fn respond(&self, max_body: usize) -> impl FnOnce(Response<Body>) + Send + 'static {
        let collector = self.clone();
        move |response| {
            let (parts, body) = response.into_parts();
            let (returned, has_returned) = oneshot::channel();
            let collect = tokio::task::unconstrained(collect(body, max_body, has_returned));
            // Without threads for it, there was no guest that waits either.
            if let Ok(task) = runtime::spawn(collect) {
                let collecting = Collecting {
                    parts,
                    returned,
                    task,
                };
                *collector.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(collecting);
            }
        }
    }

    /// The guest has returned: what it has written is all that there will be.
    fn returned(&self) -> Result<(JoinHandle<Result<Bytes>>, Parts)> {
        let collecting = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(collecting) = collecting else {
            return Err(Error::new(
                ErrorKind::Host,
                "the threads for WASI cannot be started",
            ));
        };
        // Fails if the body has ended.
        let _ = collecting.returned.send(());
        Ok((collecting.task, collecting.parts))
    }
}

fn joined(collected: Result<Result<Bytes>, tokio::task::JoinError>) -> Result<Bytes> {
    collected.map_err(Error::host)?
}

async fn collect(
    mut body: Body,
    max_body: usize,
    mut has_returned: oneshot::Receiver<()>,
) -> Result<Bytes> {
    let mut bytes = Vec::new();
    let mut over = false;
    loop {
        let frame = if over {
            // What the guest has written before it returned is there by now.
            let now = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx)));
            match now.await {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    return Err(Error::new(
                        ErrorKind::Host,
                        "the component returned without an end of the response's body",
                    ));
                }
            }
        } else {
            tokio::select! {
                frame = body.frame() => frame,
                _ = &mut has_returned => {
                    over = true;
                    continue;
                }
            }
        };
        let Some(frame) = frame else {
            return Ok(bytes.into());
        };
        if let Ok(data) = frame.map_err(Error::host)?.into_data() {
            if data.len() > max_body - bytes.len() {
                return Err(Error::new(
                    ErrorKind::Host,
                    format!("the response's body has more than {max_body} bytes"),
                ));
            }
            bytes.extend_from_slice(&data);
        }
    }
}
