//! The values of `wasi:http/types`, which are those of `wasmtime-wasi-http` by
//! other names.

use enginebay_core::{ComponentType, Lift, Lower};
use wasmtime_wasi_http::p2::bindings::http::types;

/// A value of ours from one of theirs, or the reverse.
trait Convert<To> {
    fn convert(self) -> To;
}

macro_rules! same {
    ($($ty:ty)*) => {$(
        impl Convert<$ty> for $ty {
            fn convert(self) -> $ty {
                self
            }
        }
    )*};
}
same!(u16 u32 u64 u8 String);

impl<A: Convert<B>, B> Convert<Option<B>> for Option<A> {
    fn convert(self) -> Option<B> {
        self.map(A::convert)
    }
}

/// Declares records with the fields of one of theirs.
macro_rules! records {
    ($($(#[$doc:meta])* $name:ident = $theirs:ty { $($field:ident: $ty:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, ComponentType, Lift, Lower)]
        pub(crate) struct $name {
            $($field: $ty,)*
        }

        impl Convert<$name> for $theirs {
            fn convert(self) -> $name {
                $name { $($field: self.$field.convert(),)* }
            }
        }

        impl Convert<$theirs> for $name {
            fn convert(self) -> $theirs {
                type Theirs = $theirs;
                Theirs { $($field: self.$field.convert(),)* }
            }
        }
    )*};
}

/// Declares variants with the cases of one of theirs. Names have to be given,
/// as some of the interface's have upper case letters.
macro_rules! variants {
    ($(
        $(#[$doc:meta])*
        $name:ident = $theirs:ty { $($text:literal $case:ident $(($ty:ty))?,)* }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, ComponentType, Lift, Lower)]
        #[component(variant)]
        pub(crate) enum $name {
            $(#[component(name = $text)] $case $(($ty))?,)*
        }

        impl From<$theirs> for $name {
            fn from(value: $theirs) -> Self {
                type Theirs = $theirs;
                match value {
                    $(variants!(@pattern Theirs, $case, it $(, $ty)?) =>
                        variants!(@value $name, $case, it $(, $ty)?),)*
                }
            }
        }

        impl From<$name> for $theirs {
            fn from(value: $name) -> Self {
                type Theirs = $theirs;
                match value {
                    $(variants!(@pattern $name, $case, it $(, $ty)?) =>
                        variants!(@value Theirs, $case, it $(, $ty)?),)*
                }
            }
        }
    )*};
    (@pattern $name:ident, $case:ident, $it:ident) => { $name::$case };
    (@pattern $name:ident, $case:ident, $it:ident, $ty:ty) => { $name::$case($it) };
    (@value $name:ident, $case:ident, $it:ident) => { $name::$case };
    (@value $name:ident, $case:ident, $it:ident, $ty:ty) => { $name::$case($it.convert()) };
}

records! {
    /// `DNS-error-payload`.
    DnsErrorPayload = types::DnsErrorPayload {
        rcode: Option<String>,
        info_code: Option<u16>,
    }

    /// `TLS-alert-received-payload`.
    TlsAlertReceivedPayload = types::TlsAlertReceivedPayload {
        alert_id: Option<u8>,
        alert_message: Option<String>,
    }

    /// `field-size-payload`.
    FieldSizePayload = types::FieldSizePayload {
        field_name: Option<String>,
        field_size: Option<u32>,
    }
}

variants! {
    /// `method`.
    Method = types::Method {
        "get" Get,
        "head" Head,
        "post" Post,
        "put" Put,
        "delete" Delete,
        "connect" Connect,
        "options" Options,
        "trace" Trace,
        "patch" Patch,
        "other" Other(String),
    }

    /// `scheme`.
    Scheme = types::Scheme {
        "HTTP" Http,
        "HTTPS" Https,
        "other" Other(String),
    }

    /// `error-code`.
    ErrorCode = types::ErrorCode {
        "DNS-timeout" DnsTimeout,
        "DNS-error" DnsError(DnsErrorPayload),
        "destination-not-found" DestinationNotFound,
        "destination-unavailable" DestinationUnavailable,
        "destination-IP-prohibited" DestinationIpProhibited,
        "destination-IP-unroutable" DestinationIpUnroutable,
        "connection-refused" ConnectionRefused,
        "connection-terminated" ConnectionTerminated,
        "connection-timeout" ConnectionTimeout,
        "connection-read-timeout" ConnectionReadTimeout,
        "connection-write-timeout" ConnectionWriteTimeout,
        "connection-limit-reached" ConnectionLimitReached,
        "TLS-protocol-error" TlsProtocolError,
        "TLS-certificate-error" TlsCertificateError,
        "TLS-alert-received" TlsAlertReceived(TlsAlertReceivedPayload),
        "HTTP-request-denied" HttpRequestDenied,
        "HTTP-request-length-required" HttpRequestLengthRequired,
        "HTTP-request-body-size" HttpRequestBodySize(Option<u64>),
        "HTTP-request-method-invalid" HttpRequestMethodInvalid,
        "HTTP-request-URI-invalid" HttpRequestUriInvalid,
        "HTTP-request-URI-too-long" HttpRequestUriTooLong,
        "HTTP-request-header-section-size" HttpRequestHeaderSectionSize(Option<u32>),
        "HTTP-request-header-size" HttpRequestHeaderSize(Option<FieldSizePayload>),
        "HTTP-request-trailer-section-size" HttpRequestTrailerSectionSize(Option<u32>),
        "HTTP-request-trailer-size" HttpRequestTrailerSize(FieldSizePayload),
        "HTTP-response-incomplete" HttpResponseIncomplete,
        "HTTP-response-header-section-size" HttpResponseHeaderSectionSize(Option<u32>),
        "HTTP-response-header-size" HttpResponseHeaderSize(FieldSizePayload),
        "HTTP-response-body-size" HttpResponseBodySize(Option<u64>),
        "HTTP-response-trailer-section-size" HttpResponseTrailerSectionSize(Option<u32>),
        "HTTP-response-trailer-size" HttpResponseTrailerSize(FieldSizePayload),
        "HTTP-response-transfer-coding" HttpResponseTransferCoding(Option<String>),
        "HTTP-response-content-coding" HttpResponseContentCoding(Option<String>),
        "HTTP-response-timeout" HttpResponseTimeout,
        "HTTP-upgrade-failed" HttpUpgradeFailed,
        "HTTP-protocol-error" HttpProtocolError,
        "loop-detected" LoopDetected,
        "configuration-error" ConfigurationError,
        "internal-error" InternalError(Option<String>),
    }
}

/// `header-error`: a variant without payloads, which is not an enum to a
/// component.
#[derive(Clone, Copy, Debug, ComponentType, Lower)]
#[component(variant)]
pub(crate) enum HeaderError {
    InvalidSyntax,
    Forbidden,
    Immutable,
}

impl From<types::HeaderError> for HeaderError {
    fn from(error: types::HeaderError) -> Self {
        match error {
            types::HeaderError::InvalidSyntax => HeaderError::InvalidSyntax,
            types::HeaderError::Forbidden => HeaderError::Forbidden,
            types::HeaderError::Immutable => HeaderError::Immutable,
        }
    }
}
