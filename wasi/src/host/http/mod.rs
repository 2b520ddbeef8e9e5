//! `wasi:http`: headers, messages and bodies, and requests to servers. To which
//! servers is decided by the context's allow-list.
//!
//! A guest's resources are counted, because there is more of the host's memory
//! behind one of them than behind others of WASI's.

mod bodies;
mod messages;
mod values;

use enginebay_core::{Backend, Linker, Resource, Result};
use wasmtime::component::Resource as Raw;
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};
use wasmtime_wasi_http::p2::types as theirs;
use wasmtime_wasi_http::p2::{HeaderResult, HttpResult, body};
use wasmtime_wasi_http::{Error as Failure, FieldMap, RequestOptions as Options, WasiHttpCtxView};

use super::io::IoError;
use super::{Imports, Interface, Kind, Mode, entry, failed, give, resources};
use crate::ctx::{State, WasiView};
use crate::http::code_of;
use values::{ErrorCode, HeaderError};

resources! {
    /// `wasi:http/types.fields`, and `headers` and `trailers`.
    Fields = FieldMap;
    /// `wasi:http/types.incoming-request`.
    IncomingRequest = theirs::HostIncomingRequest;
    /// `wasi:http/types.outgoing-request`.
    OutgoingRequest = theirs::HostOutgoingRequest;
    /// `wasi:http/types.request-options`.
    RequestOptions = Options;
    /// `wasi:http/types.response-outparam`.
    ResponseOutparam = theirs::HostResponseOutparam;
    /// `wasi:http/types.incoming-response`.
    IncomingResponse = theirs::HostIncomingResponse;
    /// `wasi:http/types.incoming-body`.
    IncomingBody = body::HostIncomingBody;
    /// `wasi:http/types.future-trailers`.
    FutureTrailers = body::HostFutureTrailers;
    /// `wasi:http/types.outgoing-response`.
    OutgoingResponse = theirs::HostOutgoingResponse;
    /// `wasi:http/types.outgoing-body`.
    OutgoingBody = body::HostOutgoingBody;
    /// `wasi:http/types.future-incoming-response`.
    FutureIncomingResponse = theirs::HostFutureIncomingResponse;
}

impl State {
    /// What the functions of `wasi:http` work on.
    pub(crate) fn http_view(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.http.hooks,
            table: &mut self.table,
            ctx: &mut self.http.ctx,
        }
    }

    /// A new resource for the guest, for which there has to be room.
    fn made<K: Kind>(
        &mut self,
        make: impl FnOnce(&mut WasiHttpCtxView<'_>) -> wasmtime::Result<Raw<K::Entry>>,
    ) -> Result<(Resource<K>,)> {
        self.gain_http()?;
        let made = make(&mut self.http_view());
        Ok((give(made.map_err(failed)?),))
    }

    /// As [`State::made`], where there may be none to give.
    fn perhaps_made<K: Kind>(
        &mut self,
        make: impl FnOnce(&mut WasiHttpCtxView<'_>) -> wasmtime::Result<Result<Raw<K::Entry>, ()>>,
    ) -> Result<(Result<Resource<K>, ()>,)> {
        self.gain_http()?;
        let made = make(&mut self.http_view()).map_err(failed)?;
        if made.is_err() {
            self.http.lose();
        }
        Ok((made.map(give),))
    }
}

/// The entry of a resource that the guest hands over.
fn taken<K: Kind>(handle: &Resource<K>) -> Raw<K::Entry> {
    Raw::new_own(handle.rep())
}

/// The result of a function of headers, as the guest gets it.
fn header_answer<R>(result: HeaderResult<R>) -> Result<Result<R, HeaderError>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => Ok(Err(error.downcast().map_err(failed)?.into())),
    }
}

/// The result of a function that sends something, as the guest gets it.
fn answer<R>(result: HttpResult<R>) -> Result<Result<R, ErrorCode>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => Ok(Err(error.downcast().map_err(failed)?.into())),
    }
}

/// A resource of `wasi:http`, whose destructor is one of the context's.
fn resource<K: Kind, B: Backend, T: WasiView + 'static>(
    interface: &mut Interface<'_, B, T>,
    name: &str,
    destructor: fn(&mut WasiHttpCtxView<'_>, Raw<K::Entry>) -> wasmtime::Result<()>,
) -> Result<()> {
    interface.resource::<K, _>(name, move |state, this| {
        state.http.lose();
        destructor(&mut state.http_view(), this)
    })
}

/// Defines `wasi:http`.
pub(crate) fn add<B: Backend, T: WasiView + 'static>(
    linker: &mut Linker<B, T>,
    mode: Mode,
) -> Result<()> {
    let mut imports = Imports { linker, mode };
    let mut types = imports.interface("wasi:http/types")?;
    types.func(
        "http-error-code",
        |state, (error,): (Resource<IoError>,)| {
            let raw = entry(&error);
            let known = types::Host::http_error_code(&mut state.http_view(), entry(&error));
            let code = match known.map_err(failed)? {
                Some(code) => Some(code),
                // Theirs knows what outgoing bodies fail with.
                None => {
                    let error = state.table.get(&raw);
                    let error = error.map_err(|error| failed(error.into()))?;
                    error.downcast_ref::<Failure>().and_then(code_of)
                }
            };
            Ok((code.map(ErrorCode::from),))
        },
    )?;
    messages::add(&mut types)?;
    bodies::add(&mut types)?;
    requests(&mut imports)
}

fn requests<B: Backend, T: WasiView + 'static>(imports: &mut Imports<'_, B, T>) -> Result<()> {
    type Request = Resource<OutgoingRequest>;
    type Options = Option<Resource<RequestOptions>>;

    let mut handler = imports.interface("wasi:http/outgoing-handler")?;
    handler.io("handle", |state, (request, options): (Request, Options)| {
        let future = outgoing_handler::Host::handle(
            &mut state.http_view(),
            taken(&request),
            options.as_ref().map(taken),
        );
        if let Some(options) = options {
            // They were read, and not removed.
            state.http.lose();
            let drop = types::HostRequestOptions::drop;
            drop(&mut state.http_view(), taken(&options)).map_err(failed)?;
        }
        let future = answer(future)?;
        let future = match (future, state.http.hooks.take_refusal()) {
            (Ok(future), Some(code)) => {
                let delete = types::HostFutureIncomingResponse::drop;
                delete(&mut state.http_view(), future).map_err(failed)?;
                Err(code.into())
            }
            (future, _) => future,
        };
        if future.is_err() {
            state.http.lose();
        }
        Ok((future.map(give::<FutureIncomingResponse>),))
    })
}

/// What a call of `wasi:http/incoming-handler` is made with.
pub(crate) type Handled = (Resource<IncomingRequest>, Resource<ResponseOutparam>);

/// Makes the resources for such a call.
pub(crate) fn incoming(
    state: &mut State,
    make: impl FnOnce(
        &mut WasiHttpCtxView<'_>,
    ) -> wasmtime::Result<(
        Raw<theirs::HostIncomingRequest>,
        Raw<theirs::HostResponseOutparam>,
    )>,
) -> Result<Handled> {
    state.gain_http()?;
    state.gain_http()?;
    let (request, response) = make(&mut state.http_view()).map_err(failed)?;
    Ok((give(request), give(response)))
}
