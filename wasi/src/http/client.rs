//! How one request is sent: by a connection of its own, over TLS where that is asked
//! for, with the times that the guest waits.
//!
//! `wasmtime-wasi-http` can send requests too, and trusts the certificate
//! authorities that it brings and no others. Errors and times are the same here.

use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use enginebay_core::{Error, ErrorKind, Result};
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Interval, interval, timeout};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error as Failure, RequestOptions, WasiBody};

/// How long a guest waits that does not say.
const WAIT: Duration = Duration::from_secs(600);

/// How long it waits at most: not each clock can tell when centuries are over.
const MAX_WAIT: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Bytes that a connection reads ahead at most: also the longest headers of a
/// response, which the guest keeps when the connection is gone.
const BUFFER: usize = 64 << 10;

/// The authorities of `webpki-roots`.
static PUBLIC: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let roots = webpki_roots::TLS_SERVER_ROOTS.into();
    Arc::new(RootCertStore { roots })
});

/// Whose word on servers is taken.
#[derive(Clone)]
pub(crate) struct Roots(Arc<RootCertStore>);

impl Default for Roots {
    fn default() -> Self {
        Roots(PUBLIC.clone())
    }
}

impl Roots {
    /// The public ones and these, in DER form.
    ///
    /// # Errors
    ///
    /// `InvalidConfig` if one is no certificate.
    pub(crate) fn with(added: &[Vec<u8>]) -> Result<Self> {
        let mut roots = Roots::default();
        for (i, der) in added.iter().enumerate() {
            let store = Arc::make_mut(&mut roots.0);
            store
                .add(CertificateDer::from(&**der).into_owned())
                .map_err(|error| {
                    let message = format!(
                        "the root certificate {} of {} is no certificate in DER form: {error}",
                        i + 1,
                        added.len()
                    );
                    Error::new(ErrorKind::InvalidConfig, message).with_source(error)
                })?;
        }
        Ok(roots)
    }

    /// TLS for one connection. Nothing is kept for a next one, so that each server
    /// shows its certificate each time.
    fn connector(&self) -> Result<TlsConnector, Failure> {
        // rustls itself panics if nothing was chosen and it was compiled with more
        // than one provider, as it is with an embedder that has another.
        let provider = match CryptoProvider::get_default() {
            Some(chosen) => chosen.clone(),
            None => Arc::new(ring::default_provider()),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::InternalError(Some(error.to_string())))?
            .with_root_certificates(self.0.clone())
            .with_no_client_auth();
        Ok(Arc::new(config).into())
    }
}

/// What bytes go over.
trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

type Io = TokioIo<Box<dyn Transport>>;

/// Sends a request and waits for the beginning of its response. What else there is
/// to do for the connection is done by the future that comes with it.
pub(super) async fn send(
    mut request: Request<WasiBody>,
    options: RequestOptions,
    roots: &Roots,
) -> Result<
    (
        Response<Answer>,
        impl Future<Output = Result<(), Failure>> + use<>,
    ),
    Failure,
> {
    let wait = |time: Option<Duration>| time.unwrap_or(WAIT).min(MAX_WAIT);
    let io = within(wait(options.connect_timeout), connect(request.uri(), roots));
    let io = io.await.ok_or(Failure::ConnectionTimeout)??;
    let (mut sender, mut connection) = http1::Builder::new()
        .max_buf_size(BUFFER)
        .handshake(TokioIo::new(io))
        .await?;

    // Only a proxy is told which server it is for.
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.unwrap_or(PathAndQuery::from_static("/")).into();

    let first_byte = wait(options.first_byte_timeout);
    let mut response = Box::pin(within(first_byte, sender.send_request(request)));
    let mut open = true;
    let response = loop {
        tokio::select! {
            biased;
            response = &mut response => break response,
            closed = &mut connection, if open => {
                closed?;
                open = false;
            }
        }
    };
    let response = response.ok_or(Failure::ConnectionReadTimeout)??;

    let between = wait(options.between_bytes_timeout);
    let response = response.map(|body| Answer::new(body, between));
    Ok((response, finish(open.then_some(connection))))
}

/// What the future gives, if it does in time.
async fn within<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    timeout(time, future).await.ok()
}

async fn connect(uri: &Uri, roots: &Roots) -> Result<Box<dyn Transport>, Failure> {
    let authority = uri.authority().ok_or(Failure::HttpRequestUriInvalid)?;
    let secure = uri.scheme() == Some(&Scheme::HTTPS);
    let port = authority
        .port_u16()
        .unwrap_or(if secure { 443 } else { 80 });
    let host = authority.host();
    // Brackets are for URIs alone.
    let v6 = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let host = v6.unwrap_or(host);

    let stream = TcpStream::connect((host, port)).await;
    let stream = stream.map_err(Failure::Connect)?;
    if !secure {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(host).map_err(|_| Failure::HttpRequestUriInvalid)?;
    let connector = roots.connector()?;
    let stream = connector.connect(name.to_owned(), stream).await;
    Ok(Box::new(stream.map_err(Failure::Tls)?))
}

async fn finish(connection: Option<Connection<Io, WasiBody>>) -> Result<(), Failure> {
    match connection {
        None => Ok(()),
        Some(connection) => connection.await.map_err(failure),
    }
}

fn failure(error: hyper::Error) -> Failure {
    if error.is_timeout() {
        return Failure::HttpResponseTimeout;
    }
    error.into()
}

/// The body of a response.
pub(super) struct Answer {
    incoming: Incoming,
    /// Ticks when nothing has come for too long.
    silence: Interval,
    connection: Option<Arc<()>>,
}

impl Answer {
    fn new(incoming: Incoming, between: Duration) -> Self {
        // There are no intervals of nothing.
        let mut silence = interval(between.max(Duration::from_nanos(1)));
        silence.reset();
        Answer {
            incoming,
            silence,
            connection: None,
        }
    }

    /// Keeps this as long as there is the body.
    pub(super) fn keeping(mut self, connection: Arc<()>) -> Self {
        self.connection = Some(connection);
        self
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.silence.reset();
                Poll::Ready(frame.map(|frame| frame.map_err(failure)))
            }
            Poll::Pending => {
                ready!(self.silence.poll_tick(cx));
                Poll::Ready(Some(Err(Failure::ConnectionReadTimeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Empty};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    /// What comes of a request to a server that answers with this and goes on
    /// listening.
    fn ask(scheme: &str, answer: &'static str, options: RequestOptions) -> Result<Bytes, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let uri = format!("{scheme}://{}", listener.local_addr().unwrap());
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = [0; 1024];
                assert_ne!(stream.read(&mut asked).await.unwrap(), 0);
                // Who has heard enough goes away.
                let _ = stream.write_all(answer.as_bytes()).await;
                while stream.read(&mut asked).await.is_ok_and(|read| read > 0) {}
            });
            let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
            let request = Request::get(uri).body(body).unwrap();
            let (response, io) = send(request, options, &Roots::default()).await?;
            tokio::spawn(io);
            Ok(response.into_body().collect().await?.to_bytes())
        })
    }

    #[test]
    fn a_server_without_a_word_is_waited_for_as_long_as_asked() {
        let first_byte = RequestOptions {
            first_byte_timeout: Some(SHORT),
            ..RequestOptions::default()
        };
        let error = ask("http", "", first_byte).unwrap_err();
        assert!(matches!(error, Failure::ConnectionReadTimeout), "{error}");

        // TLS is part of the connection.
        let connect = RequestOptions {
            connect_timeout: Some(SHORT),
            ..RequestOptions::default()
        };
        let error = ask("https", "", connect).unwrap_err();
        assert!(matches!(error, Failure::ConnectionTimeout), "{error}");
    }

    #[test]
    fn headers_without_an_end_are_not_kept() {
        let long = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(2 * BUFFER));
        let error = ask("http", long.leak(), RequestOptions::default()).unwrap_err();
        let Failure::Hyper(error) = error else {
            panic!("{error}");
        };
        assert!(error.is_parse_too_large(), "{error}");
    }

    #[test]
    fn a_body_that_stops_is_waited_for_as_long_as_asked() {
        let half = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf";
        for between in [SHORT, Duration::ZERO] {
            let options = RequestOptions {
                between_bytes_timeout: Some(between),
                ..RequestOptions::default()
            };
            let error = ask("http", half, options).unwrap_err();
            assert!(matches!(error, Failure::ConnectionReadTimeout), "{error}");
        }
        let full = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfull";
        let longest = Some(Duration::MAX);
        let options = RequestOptions {
            connect_timeout: longest,
            first_byte_timeout: longest,
            between_bytes_timeout: longest,
        };
        assert_eq!(ask("http", full, options).unwrap(), "full");
    }
}
