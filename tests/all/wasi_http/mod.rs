//! `wasi:http` on every backend, with real programs and a real server: that requests
//! go where they are allowed to and nowhere else, what comes back, and that limits
//! hold while a guest waits for an answer.

mod certificate;
mod proxy;
mod server;
mod stops;
mod tls;

use std::net::TcpListener;

use crate::common::on_each_backend;
use crate::common::temp::kept;
use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::wasi::http;
use enginebay::wasi::{self, OutputPipe, WasiCtx};
use enginebay::{Backend, Config, Error, ErrorKind, Limits, Result};
use server::Server;

/// `guests/http-client`: sends one request.
const CLIENT: &[u8] = include_bytes!("../../../guests/prebuilt/http-client.wasm");

/// Imports all of `wasi:http`.
const IMPORTS: &str = include_str!("../../guests/wasi-http-imports.wat");

on_each_backend! {
    every_import_is_defined_with_its_type
    http_is_defined_once
    guests_of_each_version_send_requests
    a_request_gets_its_answer
    methods_headers_and_bodies_go_there_and_back
    large_bodies_go_there_and_back
    the_host_is_not_the_guests_to_choose
    a_body_has_the_length_that_was_said
    nothing_is_allowed_by_default
    servers_are_allowed_by_host_and_port
    what_may_be_another_server_is_no_server
    redirections_are_the_guests_to_follow
    a_server_that_is_not_there_is_an_error
    answers_that_break_off_are_errors
    tls_is_spoken_with_servers_that_do
    asynchronous_stores_run_on_each_executor
    synchronous_stores_run_inside_of_runtimes
}

/// A component, compiled.
struct Program<B: Backend> {
    engine: Engine<B>,
    component: Component<B>,
}

/// Compiled once for each backend.
fn client<B: Backend>() -> &'static Program<B> {
    kept(|_: &Program<B>| true, || Program::new(CLIENT))
}

impl<B: Backend> Program<B> {
    fn new(component: impl AsRef<[u8]>) -> Self {
        let engine = Engine::new(&Config::new()).unwrap();
        let component = Component::new(&engine, component).unwrap();
        Program { engine, component }
    }

    fn limits(&self) -> Limits {
        self.engine.default_limits()
    }

    fn store(&self, wasi: WasiCtx, limits: Limits) -> (Store<B, WasiCtx>, Instance<B>) {
        let mut linker = Linker::new(&self.engine);
        wasi::add_to_linker(&mut linker).unwrap();
        http::add_to_linker(&mut linker).unwrap();
        let mut store = Store::<B, WasiCtx>::builder(&self.engine)
            .limits(limits)
            .build(wasi)
            .unwrap();
        let instance = linker.instantiate(&mut store, &self.component).unwrap();
        (store, instance)
    }

    async fn store_async(&self, wasi: WasiCtx, limits: Limits) -> (Store<B, WasiCtx>, Instance<B>) {
        let mut linker = Linker::new(&self.engine);
        wasi::add_to_linker_async(&mut linker).unwrap();
        http::add_to_linker_async(&mut linker).unwrap();
        let mut store = Store::<B, WasiCtx>::builder(&self.engine)
            .limits(limits)
            .build_async(wasi)
            .unwrap();
        let instance = linker.instantiate_async(&mut store, &self.component);
        let instance = instance.await.unwrap();
        (store, instance)
    }

    /// What the client prints, with these servers allowed.
    fn run(&self, args: &[&str], allowed: &[&str]) -> String {
        let (wasi, stdout) = context(args, allowed);
        let (mut store, instance) = self.store(wasi, self.limits());
        let status = wasi::run(&mut store, &instance).unwrap();
        assert!(status.success(), "{args:?}");
        text(&stdout)
    }

    async fn run_async(&self, args: &[&str], allowed: &[&str]) -> String {
        let (wasi, stdout) = context(args, allowed);
        let (mut store, instance) = self.store_async(wasi, self.limits()).await;
        let status = wasi::run_async(&mut store, &instance).await.unwrap();
        assert!(status.success(), "{args:?}");
        text(&stdout)
    }
}

fn context(args: &[&str], allowed: &[&str]) -> (WasiCtx, OutputPipe) {
    let stdout = OutputPipe::new(8 << 20);
    let mut wasi = WasiCtx::builder();
    wasi.arg("http-client")
        .args(args.iter().copied())
        .stdout_pipe(&stdout)
        .stderr_pipe(&stdout);
    for servers in allowed {
        wasi.allow_http(servers.parse().unwrap());
    }
    (wasi.build().unwrap(), stdout)
}

fn text(pipe: &OutputPipe) -> String {
    String::from_utf8(pipe.contents()).unwrap()
}

fn run<B: Backend>(args: &[&str], allowed: &[&str]) -> String {
    client::<B>().run(args, allowed)
}

fn every_import_is_defined_with_its_type<B: Backend>() {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    for version in ["0.2.0", "0.2.6", "0.2.12", "0.2.99"] {
        let text = IMPORTS.replace("0.2.12", version);
        let component = Component::new(&engine, text).unwrap();
        type Add<B> = fn(&mut Linker<B, WasiCtx>) -> Result<()>;
        for (wasi, http) in [
            (
                wasi::add_to_linker::<B, WasiCtx> as Add<B>,
                http::add_to_linker::<B, WasiCtx> as Add<B>,
            ),
            (wasi::add_to_linker_async, http::add_to_linker_async),
        ] {
            let mut linker = Linker::new(&engine);
            wasi(&mut linker).unwrap();
            let error = linker.instantiate_pre(&component).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Link, "without http");
            http(&mut linker).unwrap();
            linker.instantiate_pre(&component).unwrap();
        }
    }
}

fn http_is_defined_once<B: Backend>() {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let mut linker = Linker::<B, WasiCtx>::new(&engine);
    http::add_to_linker(&mut linker).unwrap();
    let error = http::add_to_linker(&mut linker).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Link);
}

fn guests_of_each_version_send_requests<B: Backend>() {
    let server = Server::start();
    let text = wasmprinter::print_bytes(CLIENT).unwrap();
    for version in ["0.2.0", "0.2.99"] {
        // The component's own imports: those of its core modules are names within it.
        let line = |line: &str| match line.starts_with("  (import ") {
            true => line.replacen("@0.2.12\"", &format!("@{version}\""), 1) + "\n",
            false => line.to_owned() + "\n",
        };
        let imports: String = text.lines().map(line).collect();
        assert!(imports.contains(&format!("  (import \"wasi:http/types@{version}\"")));
        let program = Program::<B>::new(imports);
        let output = program.run(&["GET", &server.url("/text")], &["*"]);
        assert_eq!(output, "200\nx-answer: yes\n\nhello");
    }
}

fn a_request_gets_its_answer<B: Backend>() {
    let server = Server::start();
    let output = run::<B>(&["GET", &server.url("/text")], &["127.0.0.1"]);
    assert_eq!(output, "200\nx-answer: yes\n\nhello");
    let output = run::<B>(&["GET", &server.url("/elsewhere")], &["127.0.0.1"]);
    assert_eq!(output, "404\n\nnot here");
    assert_eq!(server.connections(), 2);
}

fn methods_headers_and_bodies_go_there_and_back<B: Backend>() {
    let server = Server::start();
    let (url, host) = (server.url("/echo"), server.address);
    for method in ["POST", "PUT", "DELETE", "PROPFIND"] {
        let args = [
            method, &url, "-h", "X-One", "1", "-h", "x-two", "a b", "-b", "body",
        ];
        let output = run::<B>(&args, &["*"]);
        let expected =
            format!("200\nx-one: 1\nx-two: a b\nx-method: {method}\nx-host: {host}\n\nbody");
        assert_eq!(output, expected);
    }
}

fn large_bodies_go_there_and_back<B: Backend>() {
    let server = Server::start();
    let output = run::<B>(&["POST", &server.url("/echo"), "-n", "4096", "-c"], &["*"]);
    assert!(output.ends_with("\n\n4194304\n"), "{output}");
}

fn the_host_is_not_the_guests_to_choose<B: Backend>() {
    let server = Server::start();
    for name in [
        "host",
        "Connection",
        "transfer-encoding",
        "proxy-authorization",
    ] {
        let args = ["GET", &server.url("/text"), "-h", name, "value"];
        assert_eq!(run::<B>(&args, &["*"]), "HeaderError::Forbidden\n");
    }
    let args = ["GET", &server.url("/text"), "-h", "two words", "value"];
    assert_eq!(run::<B>(&args, &["*"]), "HeaderError::InvalidSyntax\n");
    assert_eq!(server.connections(), 0);
}

fn a_body_has_the_length_that_was_said<B: Backend>() {
    let server = Server::start();
    let url = server.url("/echo");
    let output = run::<B>(&["POST", &url, "-l", "4", "-b", "body"], &["*"]);
    assert!(output.ends_with("\n\nbody"), "{output}");
    let output = run::<B>(&["POST", &url, "-l", "9", "-b", "body"], &["*"]);
    assert_eq!(output, "ErrorCode::HttpRequestBodySize(Some(4))\n");
}

const DENIED: &str = "refused: ErrorCode::HttpRequestDenied\n";

fn nothing_is_allowed_by_default<B: Backend>() {
    let server = Server::start();
    assert_eq!(run::<B>(&["GET", &server.url("/text")], &[]), DENIED);
    assert_eq!(run::<B>(&["GET", "https://example.com/"], &[]), DENIED);
    assert_eq!(server.connections(), 0);
}

fn servers_are_allowed_by_host_and_port<B: Backend>() {
    let server = Server::start();
    let port = server.address.port();
    let by_address = server.url("/text");
    let by_name = format!("http://LocalHost:{port}/text");
    let [here, here_and_name] = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    for (url, allowed) in [
        (&by_address, "127.0.0.1"),
        (&by_address, &here),
        (&by_address, "*"),
        (&by_address, &format!("*:{port}")),
        (&by_name, "localhost"),
        (&by_name, &here_and_name),
    ] {
        let output = run::<B>(&["GET", url], &["other.example", allowed]);
        assert!(output.starts_with("200\n"), "{url} {allowed}: {output}");
    }
    let connections = server.connections();
    for (url, allowed) in [
        (&by_address, "127.0.0.2"),
        (&by_address, &format!("127.0.0.1:{}", port ^ 1)),
        (&by_address, "127.0.0.1:80"),
        (&by_address, "*:443"),
        (&by_address, "localhost"),
        (&by_name, "127.0.0.1"),
        (&by_name, "*.localhost"),
        (&by_name, "localhost.example"),
    ] {
        assert_eq!(
            run::<B>(&["GET", url], &[allowed]),
            DENIED,
            "{url} {allowed}"
        );
    }
    assert_eq!(server.connections(), connections);
}

fn what_may_be_another_server_is_no_server<B: Backend>() {
    let server = Server::start();
    let port = server.address.port();
    for authority in [
        format!("allowed.example@127.0.0.1:{port}"),
        format!("allowed.example:80@127.0.0.1:{port}"),
        format!("127.1:{port}"),
        format!("2130706433:{port}"),
    ] {
        let output = run::<B>(&["GET", &format!("http://{authority}/text")], &["*"]);
        let expected = "refused: ErrorCode::HttpRequestUriInvalid\n";
        assert_eq!(output, expected, "{authority}");
    }
    let url = format!("http://127.0.0.1:{port}#@allowed.example/text");
    assert_eq!(
        run::<B>(&["GET", &url], &["allowed.example"]),
        "invalid authority\n"
    );
    assert_eq!(server.connections(), 0);
}

fn redirections_are_the_guests_to_follow<B: Backend>() {
    let server = Server::start();
    let output = run::<B>(&["GET", &server.url("/redirect")], &["*"]);
    assert_eq!(output, "302\n\nmoved");
    assert_eq!(server.connections(), 1);
}

fn a_server_that_is_not_there_is_an_error<B: Backend>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let output = run::<B>(&["GET", &url], &["*"]);
    assert_eq!(output, "ErrorCode::ConnectionRefused\n");
}

fn answers_that_break_off_are_errors<B: Backend>() {
    let server = Server::start();
    let output = run::<B>(&["GET", &server.url("/close")], &["*"]);
    assert_eq!(output, "ErrorCode::HttpResponseIncomplete\n");
    let output = run::<B>(&["GET", &server.url("/half")], &["*"]);
    assert_eq!(output, "200\n\nhalfErrorCode::HttpResponseIncomplete\n");
    let output = run::<B>(&["GET", &server.url("/never"), "-t", "50"], &["*"]);
    assert_eq!(output, "ErrorCode::ConnectionReadTimeout\n");
}

fn tls_is_spoken_with_servers_that_do<B: Backend>() {
    let server = Server::start();
    let url = format!("https://{}/text", server.address);
    let output = run::<B>(&["GET", &url], &["*"]);
    assert_eq!(output, "ErrorCode::TlsProtocolError\n");
    assert_eq!(server.connections(), 1);
    let output = run::<B>(&["GET", "ftp://127.0.0.1/"], &["*"]);
    assert_eq!(output, "refused: ErrorCode::HttpProtocolError\n");
}

async fn requests_asynchronously<B: Backend>() {
    let server = Server::start();
    let client = client::<B>();
    let url = server.url("/text");
    let output = client.run_async(&["GET", &url], &["127.0.0.1"]).await;
    assert_eq!(output, "200\nx-answer: yes\n\nhello");
    let args = ["POST", &server.url("/echo"), "-n", "1024", "-c"];
    let output = client.run_async(&args, &["*"]).await;
    assert!(output.ends_with("\n\n1048576\n"), "{output}");
    assert_eq!(client.run_async(&["GET", &url], &[]).await, DENIED);
}

fn single_threaded() -> tokio::runtime::Runtime {
    // Without timers and sockets of its own.
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

fn multi_threaded() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

fn asynchronous_stores_run_on_each_executor<B: Backend>() {
    crate::common::block_on(requests_asynchronously::<B>());
    single_threaded().block_on(requests_asynchronously::<B>());
    let runtime = multi_threaded();
    let task = runtime.spawn(requests_asynchronously::<B>());
    runtime.block_on(task).unwrap();
}

fn synchronous_stores_run_inside_of_runtimes<B: Backend>() {
    for runtime in [single_threaded(), multi_threaded()] {
        runtime.block_on(async { large_bodies_go_there_and_back::<B>() });
    }
}
