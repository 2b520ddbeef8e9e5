//! Bodies of requests and responses that pass between the embedder and a guest.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use wasmtime_wasi_http::{Error as Failure, WasiBody};

/// The body of a request to a guest, or of its response: a stream of bytes, for
/// whatever works with [`http_body::Body`], such as hyper.
///
/// ```
/// use enginebay_wasi::http::{Body, Request};
///
/// let request = Request::post("http://example.com/").body(Body::from("text"))?;
/// # Ok::<(), http::Error>(())
/// ```
pub struct Body(WasiBody);

impl Body {
    /// A body of bytes that come as they come. The guest is told of its errors by
    /// their text.
    pub fn new<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: fmt::Display,
    {
        let failed = |error: B::Error| Failure::InternalError(Some(error.to_string()));
        Body(body.map_err(failed).boxed_unsync())
    }

    /// No bytes.
    pub fn empty() -> Self {
        Body::new(Empty::new())
    }

    pub(super) fn of(body: WasiBody) -> Self {
        Body(body)
    }

    pub(super) fn into_inner(self) -> WasiBody {
        self.0
    }
}

impl Default for Body {
    fn default() -> Self {
        Body::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Body::new(Full::new(bytes))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from(text).into()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = Pin::new(&mut self.0).poll_frame(cx);
        frame.map(|frame| frame.map(|frame| frame.map_err(BodyError)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

/// Why a [`Body`] ended before its time: the guest did not finish it.
#[derive(Debug)]
pub struct BodyError(Failure);

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body was not finished: {}", self.0)
    }
}

impl StdError for BodyError {}
