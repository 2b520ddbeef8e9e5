//! `wasi:http/types`: headers, requests and responses.

use enginebay_core::{Backend, Resource, Result};
use wasmtime_wasi_http::p2::bindings::http::types::{
    self, HostFields, HostIncomingRequest, HostIncomingResponse, HostOutgoingRequest,
    HostOutgoingResponse, HostRequestOptions, HostResponseOutparam,
};

use super::super::{Interface, entry, failed};
use super::values::{ErrorCode, Method, Scheme};
use super::{
    Fields, IncomingBody, IncomingRequest, IncomingResponse, OutgoingBody, OutgoingRequest,
    OutgoingResponse, RequestOptions, ResponseOutparam, header_answer, resource, taken,
};
use crate::ctx::WasiView;

/// Bytes of a method's name and of an authority, of which the libraries below take
/// any number. Names of hosts have 253 at most.
const MAX_NAME: usize = 1024;

/// Methods that give a value, made ours by a function.
macro_rules! gets {
    ($interface:ident, $this:ty; $($name:literal: $method:path => $ours:expr;)*) => {$(
        $interface.func($name, |state, (this,): (Resource<$this>,)| {
            let value = $method(&mut state.http_view(), entry(&this));
            Ok((($ours)(value.map_err(failed)?),))
        })?;
    )*};
}

/// Methods that take a value, made theirs by a function, and say whether it was
/// one.
macro_rules! sets {
    ($interface:ident, $this:ty; $($name:literal: $method:path: $ty:ty => $theirs:expr;)*) => {$(
        $interface.func($name, |state, (this, value): (Resource<$this>, $ty)| {
            let done = $method(&mut state.http_view(), entry(&this), ($theirs)(value));
            Ok((done.map_err(failed)?,))
        })?;
    )*};
}

/// Methods that give the headers of a message: a resource of their own.
macro_rules! headers {
    ($interface:ident, $this:ty; $name:literal: $method:path) => {
        $interface.func($name, |state, (this,): (Resource<$this>,)| {
            state.made::<Fields>(|http| $method(http, entry(&this)))
        })?;
    };
}

pub(super) fn add<B: Backend, T: WasiView + 'static>(
    types: &mut Interface<'_, B, T>,
) -> Result<()> {
    fields(types)?;
    outgoing_requests(types)?;
    request_options(types)?;
    incoming_responses(types)?;
    incoming_requests(types)?;
    outgoing_responses(types)
}

fn fields<B: Backend, T: WasiView + 'static>(types: &mut Interface<'_, B, T>) -> Result<()> {
    type This = Resource<Fields>;
    type Value = Vec<u8>;

    resource::<Fields, _, _>(types, "fields", |http, this| HostFields::drop(http, this))?;
    types.func("[constructor]fields", |state, ()| {
        state.made::<Fields>(|http| HostFields::new(http))
    })?;
    types.func(
        "[static]fields.from-list",
        |state, (entries,): (Vec<(String, Value)>,)| {
            state.gain_http()?;
            let fields = HostFields::from_list(&mut state.http_view(), entries);
            let fields = header_answer(fields)?;
            if fields.is_err() {
                state.http.lose();
            }
            Ok((fields.map(super::give::<Fields>),))
        },
    )?;
    types.func(
        "[method]fields.get",
        |state, (this, name): (This, String)| {
            let values = HostFields::get(&mut state.http_view(), entry(&this), name);
            Ok((values.map_err(failed)?,))
        },
    )?;
    types.func(
        "[method]fields.has",
        |state, (this, name): (This, String)| {
            let has = HostFields::has(&mut state.http_view(), entry(&this), name);
            Ok((has.map_err(failed)?,))
        },
    )?;
    types.func(
        "[method]fields.set",
        |state, (this, name, values): (This, String, Vec<Value>)| {
            let done = HostFields::set(&mut state.http_view(), entry(&this), name, values);
            Ok((header_answer(done)?,))
        },
    )?;
    types.func(
        "[method]fields.delete",
        |state, (this, name): (This, String)| {
            let done = HostFields::delete(&mut state.http_view(), entry(&this), name);
            Ok((header_answer(done)?,))
        },
    )?;
    types.func(
        "[method]fields.append",
        |state, (this, name, value): (This, String, Value)| {
            let done = HostFields::append(&mut state.http_view(), entry(&this), name, value);
            Ok((header_answer(done)?,))
        },
    )?;
    types.func("[method]fields.entries", |state, (this,): (This,)| {
        let entries = HostFields::entries(&mut state.http_view(), entry(&this));
        Ok((entries.map_err(failed)?,))
    })?;
    headers!(types, Fields; "[method]fields.clone": HostFields::clone);
    Ok(())
}

fn outgoing_requests<B: Backend, T: WasiView + 'static>(
    types: &mut Interface<'_, B, T>,
) -> Result<()> {
    resource::<OutgoingRequest, _, _>(types, "outgoing-request", |http, this| {
        HostOutgoingRequest::drop(http, this)
    })?;
    types.func(
        "[constructor]outgoing-request",
        |state, (headers,): (Resource<Fields>,)| {
            // Headers become a part of the request.
            state.http.lose();
            state.made::<OutgoingRequest>(|http| HostOutgoingRequest::new(http, taken(&headers)))
        },
    )?;
    types.func(
        "[method]outgoing-request.body",
        |state, (this,): (Resource<OutgoingRequest>,)| {
            state.perhaps_made::<OutgoingBody>(|http| HostOutgoingRequest::body(http, entry(&this)))
        },
    )?;
    headers!(types, OutgoingRequest;
        "[method]outgoing-request.headers": HostOutgoingRequest::headers);
    gets!(types, OutgoingRequest;
        "[method]outgoing-request.method": HostOutgoingRequest::method => Method::from;
        "[method]outgoing-request.path-with-query": HostOutgoingRequest::path_with_query => same;
        "[method]outgoing-request.scheme": HostOutgoingRequest::scheme => our_scheme;
        "[method]outgoing-request.authority": HostOutgoingRequest::authority => same;
    );
    types.func(
        "[method]outgoing-request.set-method",
        |state, (this, method): (Resource<OutgoingRequest>, Method)| {
            if matches!(&method, Method::Other(name) if name.len() > MAX_NAME) {
                return Ok((Err(()),));
            }
            let done = HostOutgoingRequest::set_method(
                &mut state.http_view(),
                entry(&this),
                method.into(),
            );
            Ok((done.map_err(failed)?,))
        },
    )?;
    types.func(
        "[method]outgoing-request.set-authority",
        |state, (this, authority): (Resource<OutgoingRequest>, Option<String>)| {
            if authority.as_ref().is_some_and(|it| it.len() > MAX_NAME) {
                return Ok((Err(()),));
            }
            let done =
                HostOutgoingRequest::set_authority(&mut state.http_view(), entry(&this), authority);
            Ok((done.map_err(failed)?,))
        },
    )?;
    sets!(types, OutgoingRequest;
        "[method]outgoing-request.set-path-with-query":
            HostOutgoingRequest::set_path_with_query: Option<String> => same;
        "[method]outgoing-request.set-scheme":
            HostOutgoingRequest::set_scheme: Option<Scheme> => their_scheme;
    );
    Ok(())
}

fn same<V>(value: V) -> V {
    value
}

fn our_scheme(scheme: Option<types::Scheme>) -> Option<Scheme> {
    scheme.map(Scheme::from)
}

fn their_scheme(scheme: Option<Scheme>) -> Option<types::Scheme> {
    scheme.map(types::Scheme::from)
}

fn request_options<B: Backend, T: WasiView + 'static>(
    types: &mut Interface<'_, B, T>,
) -> Result<()> {
    resource::<RequestOptions, _, _>(types, "request-options", |http, this| {
        HostRequestOptions::drop(http, this)
    })?;
    types.func("[constructor]request-options", |state, ()| {
        state.made::<RequestOptions>(|http| HostRequestOptions::new(http))
    })?;
    gets!(types, RequestOptions;
        "[method]request-options.connect-timeout": HostRequestOptions::connect_timeout => same;
        "[method]request-options.first-byte-timeout":
            HostRequestOptions::first_byte_timeout => same;
        "[method]request-options.between-bytes-timeout":
            HostRequestOptions::between_bytes_timeout => same;
    );
    sets!(types, RequestOptions;
        "[method]request-options.set-connect-timeout":
            HostRequestOptions::set_connect_timeout: Option<u64> => same;
        "[method]request-options.set-first-byte-timeout":
            HostRequestOptions::set_first_byte_timeout: Option<u64> => same;
        "[method]request-options.set-between-bytes-timeout":
            HostRequestOptions::set_between_bytes_timeout: Option<u64> => same;
    );
    Ok(())
}

fn incoming_responses<B: Backend, T: WasiView + 'static>(
    types: &mut Interface<'_, B, T>,
) -> Result<()> {
    resource::<IncomingResponse, _, _>(types, "incoming-response", |http, this| {
        HostIncomingResponse::drop(http, this)
    })?;
    gets!(types, IncomingResponse;
        "[method]incoming-response.status": HostIncomingResponse::status => same;
    );
    headers!(types, IncomingResponse;
        "[method]incoming-response.headers": HostIncomingResponse::headers);
    types.func(
        "[method]incoming-response.consume",
        |state, (this,): (Resource<IncomingResponse>,)| {
            state.perhaps_made::<IncomingBody>(|http| {
                HostIncomingResponse::consume(http, entry(&this))
            })
        },
    )
}

fn incoming_requests<B: Backend, T: WasiView + 'static>(
    types: &mut Interface<'_, B, T>,
) -> Result<()> {
    resource::<IncomingRequest, _, _>(types, "incoming-request", |http, this| {
        HostIncomingRequest::drop(http, this)
    })?;
    gets!(types, IncomingRequest;
        "[method]incoming-request.method": HostIncomingRequest::method => Method::from;
        "[method]incoming-request.path-with-query": HostIncomingRequest::path_with_query => same;
        "[method]incoming-request.scheme": HostIncomingRequest::scheme => our_scheme;
        "[method]incoming-request.authority": HostIncomingRequest::authority => same;
    );
    headers!(types, IncomingRequest;
        "[method]incoming-request.headers": HostIncomingRequest::headers);
    types.func(
        "[method]incoming-request.consume",
        |state, (this,): (Resource<IncomingRequest>,)| {
            state.perhaps_made::<IncomingBody>(|http| {
                HostIncomingRequest::consume(http, entry(&this))
            })
        },
    )
}

fn outgoing_responses<B: Backend, T: WasiView + 'static>(
    types: &mut Interface<'_, B, T>,
) -> Result<()> {
    type Outcome = Result<Resource<OutgoingResponse>, ErrorCode>;

    resource::<OutgoingResponse, _, _>(types, "outgoing-response", |http, this| {
        HostOutgoingResponse::drop(http, this)
    })?;
    types.func(
        "[constructor]outgoing-response",
        |state, (headers,): (Resource<Fields>,)| {
            state.http.lose();
            state.made::<OutgoingResponse>(|http| HostOutgoingResponse::new(http, taken(&headers)))
        },
    )?;
    gets!(types, OutgoingResponse;
        "[method]outgoing-response.status-code": HostOutgoingResponse::status_code => same;
    );
    sets!(types, OutgoingResponse;
        "[method]outgoing-response.set-status-code":
            HostOutgoingResponse::set_status_code: u16 => same;
    );
    headers!(types, OutgoingResponse;
        "[method]outgoing-response.headers": HostOutgoingResponse::headers);
    types.func(
        "[method]outgoing-response.body",
        |state, (this,): (Resource<OutgoingResponse>,)| {
            state
                .perhaps_made::<OutgoingBody>(|http| HostOutgoingResponse::body(http, entry(&this)))
        },
    )?;

    resource::<ResponseOutparam, _, _>(types, "response-outparam", |http, this| {
        HostResponseOutparam::drop(http, this)
    })?;
    types.func(
        "[static]response-outparam.set",
        |state, (this, outcome): (Resource<ResponseOutparam>, Outcome)| {
            state.http.lose();
            if outcome.is_ok() {
                state.http.lose();
            }
            let outcome = match &outcome {
                Ok(response) => Ok(taken(response)),
                Err(code) => Err(code.clone().into()),
            };
            let done = HostResponseOutparam::set(&mut state.http_view(), taken(&this), outcome);
            done.map_err(failed)
        },
    )
}
