//! Components that answer requests.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use enginebay::TrapCode;
use enginebay::wasi::http::{Body, Request, Response};
use http_body_util::{BodyExt, Empty};

use super::*;

/// `guests/http-proxy`: answers each path in another way.
const PROXY: &[u8] = include_bytes!("../../../guests/prebuilt/http-proxy.wasm");

on_each_backend! {
    a_component_gets_the_request_and_gives_the_response
    a_component_answers_asynchronously
    one_store_answers_many_requests
    bodies_are_streamed_both_ways
    a_response_is_not_larger_than_allowed
    what_is_no_response_is_an_error
    a_component_fetches_what_it_may
    a_deadline_stops_a_component_that_waits_for_the_request
    other_components_answer_nothing
}

fn proxy<B: Backend>() -> Program<B> {
    Program::new(PROXY)
}

fn started<B: Backend>(allowed: &[&str]) -> (Store<B, WasiCtx>, Instance<B>) {
    let program = proxy::<B>();
    program.store(context(&[], allowed).0, program.limits())
}

fn get(path: &str) -> Request<Body> {
    let uri = format!("http://proxy.example{path}");
    Request::get(uri).body(Body::empty()).unwrap()
}

fn post() -> Request<Body> {
    Request::post("https://proxy.example:8080/echo?a=b")
        .header("x-one", "1")
        .header("connection", "close")
        .body(Body::from("a body"))
        .unwrap()
}

fn was_echoed(response: &Response<impl AsRef<[u8]>>) {
    assert_eq!(response.status(), 200);
    for (name, value) in [
        ("x-method", "Method::Post"),
        ("x-path", "/echo?a=b"),
        ("x-scheme", "Some(Scheme::Https)"),
        ("x-authority", "proxy.example:8080"),
        ("x-one", "1"),
    ] {
        assert_eq!(response.headers()[name], value, "{name}");
    }
    assert_eq!(response.body().as_ref(), b"a body");
}

fn a_component_gets_the_request_and_gives_the_response<B: Backend>() {
    let (mut store, instance) = started::<B>(&[]);
    was_echoed(&http::handle(&mut store, &instance, post(), 100).unwrap());
    let response = http::handle(&mut store, &instance, get("/elsewhere"), 0).unwrap();
    assert_eq!(response.status(), 404);

    // A server's request has no host in its URI.
    let request = Request::get("/echo").body(Body::empty()).unwrap();
    let error = http::handle(&mut store, &instance, request, 0).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::InvalidConfig);
    let request = Request::get("/echo").header("host", "h.example");
    let request = request.body(Body::empty()).unwrap();
    let response = http::handle(&mut store, &instance, request, 0).unwrap();
    assert_eq!(response.headers()["x-authority"], "h.example");
    assert_eq!(response.headers()["x-scheme"], "Some(Scheme::Http)");
}

fn a_component_answers_asynchronously<B: Backend>() {
    let program = proxy::<B>();
    let answer = async move {
        let (mut store, instance) = program
            .store_async(context(&[], &[]).0, program.limits())
            .await;
        let response = http::handle_async(&mut store, &instance, post(), 100).await;
        was_echoed(&response.unwrap());
        let large = http::handle_async(&mut store, &instance, get("/large?1024"), 2 << 20);
        assert_eq!(large.await.unwrap().body().len(), 1 << 20);
    };
    let runtime = multi_threaded();
    runtime.block_on(runtime.spawn(answer)).unwrap();
}

/// More than a context may have resources at once: each is given back.
fn one_store_answers_many_requests<B: Backend>() {
    let server = Server::start();
    let (mut store, instance) = started::<B>(&["*"]);
    for _ in 0..700 {
        was_echoed(&http::handle(&mut store, &instance, post(), 100).unwrap());
    }
    // More than there may be connections at once.
    let request = format!("/fetch?{}", server.address);
    for _ in 0..200 {
        let response = http::handle(&mut store, &instance, get(&request), 100).unwrap();
        assert_eq!(response.body().as_ref(), b"not here");
    }
}

fn bodies_are_streamed_both_ways<B: Backend>() {
    let (mut store, instance) = started::<B>(&[]);
    // Many times what is buffered.
    let large = vec![b'y'; 3 << 20];
    let request = Request::post("http://proxy.example/echo");
    let request = request.body(Body::from(large.clone())).unwrap();
    let (send, receive) = mpsc::channel::<Response<Body>>();
    let reader = thread::spawn(move || {
        let body = receive.recv().unwrap().into_body();
        crate::common::block_on(body.collect()).unwrap().to_bytes()
    });
    let respond = move |response| send.send(response).unwrap();
    http::handle_streamed(&mut store, &instance, request, respond).unwrap();
    assert!(reader.join().unwrap() == large);
}

fn a_response_is_not_larger_than_allowed<B: Backend>() {
    let (mut store, instance) = started::<B>(&[]);
    let mut large = |max| http::handle(&mut store, &instance, get("/large?64"), max);
    assert_eq!(large(64 << 10).unwrap().body().len(), 64 << 10);
    let error = large((64 << 10) - 1).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Host);
    assert!(error.message().contains("65535 bytes"), "{error}");
}

fn what_is_no_response_is_an_error<B: Backend>() {
    let (mut store, instance) = started::<B>(&[]);
    for (path, why) in [
        ("/nothing", "without a response"),
        ("/error", "InternalError(Some(\"on request\"))"),
    ] {
        let error = http::handle(&mut store, &instance, get(path), 100).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Host);
        assert!(error.message().contains(why), "{error}");
    }
    for path in ["/panic", "/then-panic"] {
        let (mut store, instance) = started::<B>(&[]);
        let error = http::handle(&mut store, &instance, get(path), 100).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::Unreachable), "{path}");
    }
}

fn a_component_fetches_what_it_may<B: Backend>() {
    let server = Server::start();
    let request = || get(&format!("/fetch?{}", server.address));
    let (mut store, instance) = started::<B>(&["127.0.0.1"]);
    let response = http::handle(&mut store, &instance, request(), 100).unwrap();
    assert_eq!(response.status(), 404);
    assert_eq!(response.body().as_ref(), b"not here");
    let (mut store, instance) = started::<B>(&[]);
    let error = http::handle(&mut store, &instance, request(), 100).unwrap_err();
    assert!(error.message().contains("HttpRequestDenied"), "{error}");
    assert_eq!(server.connections(), 1);
}

fn a_deadline_stops_a_component_that_waits_for_the_request<B: Backend>() {
    let program = proxy::<B>();
    let limits = program.limits().deadline(Duration::from_millis(100));
    let (mut store, instance) = program.store(context(&[], &[]).0, limits);
    let never = Body::new(Empty::new().with_trailers(std::future::pending()));
    let request = Request::post("http://proxy.example/echo");
    let request = request.body(never).unwrap();
    let error = http::handle(&mut store, &instance, request, 100).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::DeadlineExceeded { .. }),
        "{error}"
    );
}

fn other_components_answer_nothing<B: Backend>() {
    let program = client::<B>();
    let (mut store, instance) = program.store(context(&[], &[]).0, program.limits());
    let error = http::handle(&mut store, &instance, get("/"), 0).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::NotFound);
}
