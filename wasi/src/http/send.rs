//! Which requests are sent: whether they may be, by how many connections at once,
//! and what the guest is told of what goes wrong.

use std::error::Error as _;
use std::io;
use std::sync::Arc;

use enginebay_core::{Error, ErrorKind, Result};
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::{Error as Failure, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpHooks};

use super::client::{self, Roots};
use super::hosts::{HostPattern, Verdict, verdict};

/// Connections of one context at a time. Each has buffers for headers and for a
/// part of the body, of less than a megabyte in all.
const MAX_CONNECTIONS: usize = 128;

/// Live resources of `wasi:http` of one context. What each of them takes of the
/// host's memory is bounded by [`MAX_FIELDS`], by the longest URI that there is,
/// which has 64 KiB, and by [`BODY_CHUNK`].
const MAX_RESOURCES: usize = 1024;

/// Bytes of one set of headers, with 72 for each name and value. The map in which
/// they are may take three times as much.
const MAX_FIELDS: usize = 64 << 10;

/// Bytes of one write to a body; two of them wait at most.
const BODY_CHUNK: usize = 64 << 10;

/// What a context has for `wasi:http`.
pub(crate) struct Http {
    pub(crate) ctx: WasiHttpCtx,
    pub(crate) hooks: Hooks,
    resources: usize,
}

impl Http {
    pub(crate) fn new(hosts: &[HostPattern], roots: Roots) -> Self {
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(MAX_FIELDS);
        Http {
            ctx,
            hooks: Hooks {
                hosts: hosts.into(),
                roots,
                connections: Arc::new(()),
                refused: None,
            },
            resources: 0,
        }
    }

    /// Room for one more resource.
    ///
    /// # Errors
    ///
    /// `Host` if there are too many.
    pub(crate) fn gain(&mut self) -> Result<usize> {
        if self.resources >= MAX_RESOURCES {
            return Err(Error::new(
                ErrorKind::Host,
                format!("the guest has {MAX_RESOURCES} resources of `wasi:http` at once"),
            ));
        }
        self.resources += 1;
        Ok(self.resources)
    }

    /// How many there are.
    pub(crate) fn resources(&self) -> usize {
        self.resources
    }

    /// A resource is gone.
    pub(crate) fn lose(&mut self) {
        self.resources = self.resources.saturating_sub(1);
    }
}

/// What `wasmtime-wasi-http` asks for.
pub(crate) struct Hooks {
    hosts: Box<[HostPattern]>,
    roots: Roots,
    /// One more reference for each connection.
    connections: Arc<()>,
    /// Why the last request was not sent.
    refused: Option<ErrorCode>,
}

impl Hooks {
    /// Why the request that was just handed over was not sent.
    pub(crate) fn take_refusal(&mut self) -> Option<ErrorCode> {
        self.refused.take()
    }

    /// A connection for a request to this URI, if it may be sent.
    fn connection(&self, uri: &Uri) -> Result<Arc<()>, ErrorCode> {
        match verdict(&self.hosts, uri) {
            Verdict::Invalid => Err(ErrorCode::HttpRequestUriInvalid),
            Verdict::Denied => Err(ErrorCode::HttpRequestDenied),
            Verdict::Allowed if Arc::strong_count(&self.connections) > MAX_CONNECTIONS => {
                Err(ErrorCode::ConnectionLimitReached)
            }
            Verdict::Allowed => Ok(self.connections.clone()),
        }
    }
}

type Io = Box<dyn Future<Output = Result<(), Failure>> + Send>;
type Sending = Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Failure>> + Send>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Sending {
        match self.connection(request.uri()) {
            Ok(connection) => {
                let roots = self.roots.clone();
                let options = options.unwrap_or_default();
                Box::new(async move {
                    let (response, io) = client::send(request, options, &roots).await?;
                    let response = response.map(|body| body.keeping(connection).boxed_unsync());
                    Ok((response, Box::new(io) as Io))
                })
            }
            Err(code) => {
                self.refused = Some(code.clone());
                Box::new(async { Err(code.into()) })
            }
        }
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }

    fn p2_error_from_hyper(&mut self, error: &hyper::Error) -> ErrorCode {
        of_hyper(error)
    }

    fn p2_error_from_connect(&mut self, error: &io::Error) -> ErrorCode {
        of_connect(error.kind())
    }

    fn p2_error_from_tls(&mut self, error: &io::Error) -> ErrorCode {
        of_tls(error)
    }
}

fn of_connect(kind: io::ErrorKind) -> ErrorCode {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable,
        TimedOut,
    };
    match kind {
        ConnectionRefused => ErrorCode::ConnectionRefused,
        ConnectionAborted | ConnectionReset => ErrorCode::ConnectionTerminated,
        TimedOut => ErrorCode::ConnectionTimeout,
        HostUnreachable | NetworkUnreachable => ErrorCode::DestinationIpUnroutable,
        _ => ErrorCode::DestinationUnavailable,
    }
}

fn of_tls(error: &io::Error) -> ErrorCode {
    let inner = error.get_ref().and_then(|it| it.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidCertificate(_)) => ErrorCode::TlsCertificateError,
        _ => ErrorCode::TlsProtocolError,
    }
}

fn of_hyper(error: &hyper::Error) -> ErrorCode {
    let io = error.source().and_then(|it| it.downcast_ref::<io::Error>());
    if error.is_timeout() {
        ErrorCode::HttpResponseTimeout
    } else if error.is_parse_too_large() {
        ErrorCode::HttpResponseHeaderSectionSize(None)
    } else if error.is_incomplete_message()
        || io.is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof)
    {
        ErrorCode::HttpResponseIncomplete
    } else if error.is_closed() || error.is_canceled() || io.is_some() {
        ErrorCode::ConnectionTerminated
    } else {
        ErrorCode::HttpProtocolError
    }
}

/// What went wrong with a body that is read, by the error that its stream gave.
pub(crate) fn code_of(error: &Failure) -> Option<ErrorCode> {
    Some(match error {
        Failure::Hyper(error) => of_hyper(error),
        Failure::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        Failure::HttpResponseTimeout => ErrorCode::HttpResponseTimeout,
        Failure::HttpProtocolError => ErrorCode::HttpProtocolError,
        Failure::InternalError(why) => ErrorCode::InternalError(why.clone()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_resources_are_counted() {
        let mut http = Http::new(&[HostPattern::ANY], Roots::default());
        let uri: Uri = "http://example.com/".parse().unwrap();
        let mut connections: Vec<_> = (0..MAX_CONNECTIONS)
            .map(|_| http.hooks.connection(&uri).unwrap())
            .collect();
        assert!(matches!(
            http.hooks.connection(&uri),
            Err(ErrorCode::ConnectionLimitReached)
        ));
        connections.pop();
        http.hooks.connection(&uri).unwrap();

        for _ in 0..MAX_RESOURCES {
            http.gain().unwrap();
        }
        assert_eq!(*http.gain().unwrap_err().kind(), ErrorKind::Host);
        http.lose();
        http.gain().unwrap();
    }
}
