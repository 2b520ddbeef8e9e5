//! Requests by TLS to a real server whose certificate comes from an authority of the
//! test's own.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::{self, JoinHandle};

use rustls::{ServerConnection, StreamOwned};

use super::certificate::{Authority, End};
use super::*;

on_each_backend! {
    a_server_of_an_added_authority_answers
    a_server_of_an_added_authority_answers_asynchronously
    a_server_of_an_unknown_authority_is_refused
    a_server_of_another_name_is_refused
    a_certificate_that_is_over_is_refused
    an_added_authority_allows_no_server
}

static KNOWN: LazyLock<Authority> = LazyLock::new(Authority::new);

/// A server of HTTP/1.1 over TLS. Its certificate is for `localhost`.
struct TlsServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    connections: AtomicUsize,
    /// First lines of the requests.
    asked: Mutex<Vec<String>>,
}

impl TlsServer {
    fn start(authority: &Authority, end: End) -> Self {
        let config = authority.server("localhost", end);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let ours = shared.clone();
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if ours.over.load(Ordering::SeqCst) {
                    break;
                }
                ours.connections.fetch_add(1, Ordering::SeqCst);
                let tls = ServerConnection::new(config.clone()).unwrap();
                // Clients that trust nobody go away.
                let _ = serve(&ours, StreamOwned::new(tls, stream.unwrap()));
            }
        });
        TlsServer {
            address,
            shared,
            thread: Some(thread),
        }
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/secret", self.address.port())
    }

    fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The requests of which it knows, when it is over.
    fn asked(mut self) -> Vec<String> {
        self.end();
        std::mem::take(&mut self.shared.asked.lock().unwrap())
    }

    fn end(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.end();
        }
    }
}

fn serve(
    shared: &Shared,
    mut stream: StreamOwned<ServerConnection, TcpStream>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(&mut stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    shared
        .asked
        .lock()
        .unwrap()
        .push(first.trim_end().to_owned());
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim_end().is_empty() {
            break;
        }
    }
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 7\r\n\r\nprivate";
    stream.write_all(answer.as_bytes())?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// A context whose program asks for this URL, where `localhost` and `127.0.0.1` are
/// allowed.
fn asking(url: &str, root: Option<&Authority>) -> (WasiCtx, OutputPipe) {
    let stdout = OutputPipe::new(1 << 16);
    let mut wasi = WasiCtx::builder();
    wasi.args(["http-client", "GET", url])
        .stdout_pipe(&stdout)
        .allow_http("localhost".parse().unwrap())
        .allow_http("127.0.0.1".parse().unwrap());
    if let Some(authority) = root {
        wasi.http_root_certificate(&*authority.root);
    }
    (wasi.build().unwrap(), stdout)
}

fn ask<B: Backend>(url: &str, root: Option<&Authority>) -> String {
    let program = client::<B>();
    let (wasi, stdout) = asking(url, root);
    let (mut store, instance) = program.store(wasi, program.limits());
    assert!(wasi::run(&mut store, &instance).unwrap().success());
    text(&stdout)
}

const REFUSED: &str = "ErrorCode::TlsCertificateError\n";

fn a_server_of_an_added_authority_answers<B: Backend>() {
    let server = TlsServer::start(&KNOWN, End::Future);
    let url = server.url("localhost");
    for _ in 0..2 {
        assert_eq!(ask::<B>(&url, Some(&KNOWN)), "200\n\nprivate");
    }
    assert_eq!(server.asked(), ["GET /secret HTTP/1.1"; 2]);
}

fn a_server_of_an_added_authority_answers_asynchronously<B: Backend>() {
    let server = TlsServer::start(&KNOWN, End::Future);
    let (wasi, stdout) = asking(&server.url("localhost"), Some(&KNOWN));
    let program = client::<B>();
    crate::common::block_on(async {
        let (mut store, instance) = program.store_async(wasi, program.limits()).await;
        let status = wasi::run_async(&mut store, &instance).await.unwrap();
        assert!(status.success());
    });
    assert_eq!(text(&stdout), "200\n\nprivate");
    assert_eq!(server.asked(), ["GET /secret HTTP/1.1"]);
}

fn a_server_of_an_unknown_authority_is_refused<B: Backend>() {
    let server = TlsServer::start(&KNOWN, End::Future);
    let url = server.url("localhost");
    assert_eq!(ask::<B>(&url, None), REFUSED);
    // Another one of the same name.
    assert_eq!(ask::<B>(&url, Some(&Authority::new())), REFUSED);
    assert_eq!(server.connections(), 2);
    assert!(server.asked().is_empty());
}

fn a_server_of_another_name_is_refused<B: Backend>() {
    let server = TlsServer::start(&KNOWN, End::Future);
    assert_eq!(ask::<B>(&server.url("127.0.0.1"), Some(&KNOWN)), REFUSED);
    assert_eq!(server.connections(), 1);
    assert!(server.asked().is_empty());
}

fn a_certificate_that_is_over_is_refused<B: Backend>() {
    let server = TlsServer::start(&KNOWN, End::Past);
    assert_eq!(ask::<B>(&server.url("localhost"), Some(&KNOWN)), REFUSED);
    assert!(server.asked().is_empty());
}

fn an_added_authority_allows_no_server<B: Backend>() {
    let server = TlsServer::start(&KNOWN, End::Future);
    let stdout = OutputPipe::new(1 << 10);
    let mut wasi = WasiCtx::builder();
    let wasi = wasi
        .args(["http-client", "GET", &server.url("localhost")])
        .stdout_pipe(&stdout)
        .allow_http("localhost:1".parse().unwrap())
        .http_root_certificate(&*KNOWN.root);
    let program = client::<B>();
    let (mut store, instance) = program.store(wasi.build().unwrap(), program.limits());
    assert!(wasi::run(&mut store, &instance).unwrap().success());
    assert_eq!(text(&stdout), DENIED);
    assert_eq!(server.connections(), 0);
}
