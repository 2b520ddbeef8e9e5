//! `wasi:http/types`: bodies as streams, trailers, and responses that are waited
//! for.

use enginebay_core::{Backend, Resource, Result};
use wasmtime_wasi_http::p2::bindings::http::types::{
    HostFutureIncomingResponse, HostFutureTrailers, HostIncomingBody, HostOutgoingBody,
};

use super::super::io::{InputStream, OutputStream, Pollable};
use super::super::{Interface, entry, failed, give};
use super::values::ErrorCode;
use super::{
    Fields, FutureIncomingResponse, FutureTrailers, IncomingBody, IncomingResponse, OutgoingBody,
    answer, resource, taken,
};
use crate::ctx::WasiView;

/// What the guest finds that looks whether something is there: nothing yet, that it
/// has it already, why it failed, or it.
type Arrived<V> = Option<Result<Result<V, ErrorCode>, ()>>;

pub(super) fn add<B: Backend, T: WasiView + 'static>(
    types: &mut Interface<'_, B, T>,
) -> Result<()> {
    outgoing(types)?;
    incoming(types)?;
    responses(types)
}

fn outgoing<B: Backend, T: WasiView + 'static>(types: &mut Interface<'_, B, T>) -> Result<()> {
    type This = Resource<OutgoingBody>;
    type Trailers = Option<Resource<Fields>>;

    resource::<OutgoingBody, _, _>(types, "outgoing-body", |http, this| {
        HostOutgoingBody::drop(http, this)
    })?;
    types.func("[method]outgoing-body.write", |state, (this,): (This,)| {
        let stream = HostOutgoingBody::write(&mut state.http_view(), entry(&this));
        Ok((stream.map_err(failed)?.map(give::<OutputStream>),))
    })?;
    types.func(
        "[static]outgoing-body.finish",
        |state, (this, trailers): (This, Trailers)| {
            state.http.lose();
            if trailers.is_some() {
                state.http.lose();
            }
            let trailers = trailers.as_ref().map(taken);
            let done = HostOutgoingBody::finish(&mut state.http_view(), taken(&this), trailers);
            Ok((answer(done)?,))
        },
    )
}

fn incoming<B: Backend, T: WasiView + 'static>(types: &mut Interface<'_, B, T>) -> Result<()> {
    resource::<IncomingBody, _, _>(types, "incoming-body", |http, this| {
        HostIncomingBody::drop(http, this)
    })?;
    types.func(
        "[method]incoming-body.stream",
        |state, (this,): (Resource<IncomingBody>,)| {
            let stream = HostIncomingBody::stream(&mut state.http_view(), entry(&this));
            Ok((stream.map_err(failed)?.map(give::<InputStream>),))
        },
    )?;
    types.func(
        "[static]incoming-body.finish",
        |state, (this,): (Resource<IncomingBody>,)| {
            // The trailers are in the body's place.
            state.http.lose();
            state.made::<FutureTrailers>(|http| HostIncomingBody::finish(http, taken(&this)))
        },
    )?;

    resource::<FutureTrailers, _, _>(types, "future-trailers", |http, this| {
        HostFutureTrailers::drop(http, this)
    })?;
    types.func(
        "[method]future-trailers.subscribe",
        |state, (this,): (Resource<FutureTrailers>,)| {
            let pollable = HostFutureTrailers::subscribe(&mut state.http_view(), entry(&this));
            Ok((give::<Pollable>(pollable.map_err(failed)?),))
        },
    )?;
    types.func(
        "[method]future-trailers.get",
        |state, (this,): (Resource<FutureTrailers>,)| {
            state.gain_http()?;
            let trailers = HostFutureTrailers::get(&mut state.http_view(), entry(&this));
            let trailers: Arrived<Option<Resource<Fields>>> = match trailers.map_err(failed)? {
                None => None,
                Some(Err(())) => Some(Err(())),
                Some(Ok(Err(code))) => Some(Ok(Err(code.into()))),
                Some(Ok(Ok(fields))) => Some(Ok(Ok(fields.map(give)))),
            };
            if !matches!(trailers, Some(Ok(Ok(Some(_))))) {
                state.http.lose();
            }
            Ok((trailers,))
        },
    )
}

fn responses<B: Backend, T: WasiView + 'static>(types: &mut Interface<'_, B, T>) -> Result<()> {
    type This = Resource<FutureIncomingResponse>;

    resource::<FutureIncomingResponse, _, _>(types, "future-incoming-response", |http, this| {
        HostFutureIncomingResponse::drop(http, this)
    })?;
    types.func(
        "[method]future-incoming-response.subscribe",
        |state, (this,): (This,)| {
            let subscribe = HostFutureIncomingResponse::subscribe;
            let pollable = subscribe(&mut state.http_view(), entry(&this));
            Ok((give::<Pollable>(pollable.map_err(failed)?),))
        },
    )?;
    types.func(
        "[method]future-incoming-response.get",
        |state, (this,): (This,)| {
            state.gain_http()?;
            let response = HostFutureIncomingResponse::get(&mut state.http_view(), entry(&this));
            let response: Arrived<Resource<IncomingResponse>> = match response.map_err(failed)? {
                None => None,
                Some(Err(())) => Some(Err(())),
                Some(Ok(Err(code))) => Some(Ok(Err(code.into()))),
                Some(Ok(Ok(response))) => Some(Ok(Ok(give(response)))),
            };
            if !matches!(response, Some(Ok(Ok(_)))) {
                state.http.lose();
            }
            Ok((response,))
        },
    )
}
