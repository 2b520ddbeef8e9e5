//! A component of the world `wasi:http/proxy` that answers each path in another way, so
//! that a host can test what it hands over and what it takes back.

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingRequest,
    OutgoingResponse, ResponseOutparam, Scheme,
};
use wasip2::io::streams::StreamError;

struct Proxy;

wasip2::http::proxy::export!(Proxy);

impl Guest for Proxy {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        match path {
            "/echo" => echo(&request, out),
            "/large" => large(query.parse().unwrap_or(0), out),
            "/fetch" => fetch(query, out),
            "/error" => {
                let why = Some("on request".to_owned());
                ResponseOutparam::set(out, Err(ErrorCode::InternalError(why)));
            }
            "/nothing" => drop(out),
            "/panic" => panic!("on request"),
            "/then-panic" => {
                drop(start(200, Fields::new(), out));
                panic!("after the answer");
            }
            _ => finish(start(404, Fields::new(), out)),
        }
    }
}

/// Gives the answer; its body follows.
fn start(status: u16, headers: Fields, out: ResponseOutparam) -> OutgoingBody {
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).expect("a status");
    let body = response.body().expect("a body that was not taken");
    ResponseOutparam::set(out, Ok(response));
    body
}

fn finish(body: OutgoingBody) {
    // The host may have lost interest.
    let _ = OutgoingBody::finish(body, None);
}

/// Copies a body to its end.
fn copy(from: &IncomingBody, to: &OutgoingBody) -> Result<(), StreamError> {
    let (from, to) = (
        from.stream().expect("a stream"),
        to.write().expect("a stream"),
    );
    loop {
        match to.blocking_splice(&from, 64 << 10) {
            Ok(_) => {}
            Err(StreamError::Closed) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// What the request had: its parts as headers, its own `x-` headers, and its body.
fn echo(request: &IncomingRequest, out: ResponseOutparam) {
    let headers = Fields::new();
    let parts = [
        ("x-method", format!("{:?}", request.method())),
        ("x-path", request.path_with_query().unwrap_or_default()),
        ("x-scheme", format!("{:?}", request.scheme())),
        ("x-authority", request.authority().unwrap_or_default()),
    ];
    for (name, value) in parts {
        headers.append(name, value.as_bytes()).expect("a header");
    }
    for (name, value) in request.headers().entries() {
        if name.starts_with("x-") {
            headers.append(&name, &value).expect("a header");
        }
    }
    let from = request.consume().expect("a body");
    let to = start(200, headers, out);
    let _ = copy(&from, &to);
    finish(to);
}

/// A body of this many kibibytes.
fn large(kib: u64, out: ResponseOutparam) {
    let body = start(200, Fields::new(), out);
    let stream = body.write().expect("a stream");
    for _ in 0..kib {
        if stream.blocking_write_and_flush(&[b'x'; 1024]).is_err() {
            break;
        }
    }
    drop(stream);
    finish(body);
}

/// The answer of another server.
fn fetch(authority: &str, out: ResponseOutparam) {
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&Method::Get).expect("a method");
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request
        .set_authority(Some(authority))
        .expect("an authority");
    request.set_path_with_query(Some("/")).expect("a path");
    let answer = outgoing_handler::handle(request, None).and_then(|future| {
        future.subscribe().block();
        future
            .get()
            .expect("an answer")
            .expect("that was not taken")
    });
    match answer {
        Ok(response) => {
            let from = response.consume().expect("a body");
            let to = start(response.status(), Fields::new(), out);
            let _ = copy(&from, &to);
            finish(to);
        }
        Err(code) => ResponseOutparam::set(out, Err(code)),
    }
}
