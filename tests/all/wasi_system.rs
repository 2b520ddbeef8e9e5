//! WASI 0.2 on every backend, where a program changes files and where it waits
//! for others: datagrams, connections that it accepts, and a folder that it
//! works in. With a real program.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::common::on_each_backend;
use crate::common::temp::TempDir;
use enginebay::generic::{Component, Engine, Linker, Store};
use enginebay::wasi::{self, AddressPattern, DirAccess, OutputPipe, WasiCtx, WasiCtxBuilder};
use enginebay::{Backend, Config};

/// `guests/wasi-command`: one part of WASI for each subcommand.
const COMMAND: &[u8] = include_bytes!("../../guests/prebuilt/wasi-command.wasm");

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

on_each_backend! {
    datagrams_are_sent_and_received_where_that_is_allowed
    datagrams_go_nowhere_else
    connections_are_accepted_where_that_is_allowed
    nothing_is_bound_without_a_grant
    a_folder_is_worked_in
}

/// What the program wrote to its output, when it ended with success.
fn run<B: Backend>(
    args: &[&str],
    stdout: &OutputPipe,
    grant: impl FnOnce(&mut WasiCtxBuilder),
) -> String {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let component = Component::new(&engine, COMMAND).unwrap();
    let mut linker = Linker::new(&engine);
    wasi::add_to_linker(&mut linker).unwrap();
    let stderr = OutputPipe::new(1 << 16);
    let mut wasi = WasiCtx::builder();
    wasi.arg("wasi-command")
        .args(args.iter().copied())
        .stdout_pipe(stdout)
        .stderr_pipe(&stderr);
    grant(&mut wasi);
    let mut store = Store::new(&engine, wasi.build().unwrap()).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let status = wasi::run(&mut store, &instance).unwrap();
    assert!(status.success(), "{status}: {}", text(&stderr));
    text(stdout)
}

fn pipe() -> OutputPipe {
    OutputPipe::new(1 << 16)
}

fn text(pipe: &OutputPipe) -> String {
    String::from_utf8(pipe.contents()).unwrap()
}

/// Answers one datagram with its text backwards.
fn answering() -> (SocketAddr, thread::JoinHandle<()>) {
    let socket = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let mut text = [0; 64];
        let (len, from) = socket.recv_from(&mut text).unwrap();
        text[..len].reverse();
        socket.send_to(&text[..len], from).unwrap();
    });
    (address, thread)
}

fn datagrams_are_sent_and_received_where_that_is_allowed<B: Backend>() {
    let (address, thread) = answering();
    let to = address.to_string();
    let wrote = run::<B>(&["udp", &to, "live"], &pipe(), |wasi| {
        wasi.allow_udp(address)
            .allow_udp_bind(AddressPattern::from(LOCALHOST));
    });
    assert_eq!(wrote, format!("evil\n{to}\n"));
    thread.join().unwrap();
}

fn datagrams_go_nowhere_else<B: Backend>() {
    let socket = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let other = AddressPattern::new(LOCALHOST, address.port() ^ 1);
    let wrote = run::<B>(&["udp", &address.to_string(), "live"], &pipe(), |wasi| {
        wasi.allow_udp(other)
            .allow_udp_bind(AddressPattern::from(LOCALHOST))
            .allow_tcp_connect(AddressPattern::ANY)
            .allow_tcp_listen(AddressPattern::ANY);
    });
    assert_eq!(wrote, "PermissionDenied\n");
    assert!(socket.recv_from(&mut [0; 8]).is_err());
}

fn connections_are_accepted_where_that_is_allowed<B: Backend>() {
    let stdout = pipe();
    // Its other end goes when the guest has ended.
    let (runs, ended) = mpsc::channel::<()>();
    let client = thread::spawn({
        let stdout = stdout.clone();
        move || {
            let address = loop {
                if let Some(line) = text(&stdout).strip_suffix('\n') {
                    break line.parse::<SocketAddr>().unwrap();
                }
                let ended = ended.recv_timeout(Duration::from_millis(5));
                assert_eq!(ended, Err(RecvTimeoutError::Timeout), "it does not listen");
            };
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"Hello\n").unwrap();
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).unwrap();
            (address, line)
        }
    });
    let wrote = run::<B>(&["serve", "127.0.0.1:0"], &stdout, |wasi| {
        wasi.allow_tcp_listen(AddressPattern::from(LOCALHOST));
    });
    drop(runs);
    let (address, line) = client.join().unwrap();
    assert_eq!(line, "HELLO\n");
    assert_eq!(wrote, format!("{address}\n"));
    assert_eq!(address.ip(), LOCALHOST);
}

fn nothing_is_bound_without_a_grant<B: Backend>() {
    let taken = TcpListener::bind((LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    drop(taken);
    let address = format!("127.0.0.1:{port}");
    for other in [
        AddressPattern::new(LOCALHOST, port ^ 1),
        AddressPattern::new(IpAddr::from([127, 0, 0, 2]), port),
    ] {
        let wrote = run::<B>(&["serve", &address], &pipe(), |wasi| {
            wasi.allow_tcp_listen(other)
                .allow_tcp_connect(AddressPattern::ANY)
                .allow_udp(AddressPattern::ANY)
                .allow_udp_bind(AddressPattern::ANY);
        });
        assert_eq!(wrote, "PermissionDenied\n");
    }
}

fn a_folder_is_worked_in<B: Backend>() {
    let dir = TempDir::on::<B>("work");
    let wrote = run::<B>(&["files", "/work"], &pipe(), |wasi| {
        wasi.dir(&dir.0, "/work", DirAccess::ReadWrite);
    });
    let found = [
        "appended 8",
        "overwritten \"one\\nsix\\n\"",
        "cut 3",
        "dated true",
        "moved \"one\"",
        "deep",
        "linked",
        "moved",
        "Err(NotFound) Err(AlreadyExists) true",
        "left 0",
    ];
    assert_eq!(wrote.lines().collect::<Vec<_>>(), found);
    assert_eq!(fs::read_dir(&dir.0).unwrap().count(), 0);
}
