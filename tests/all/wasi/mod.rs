//! WASI 0.2 on every backend, with real programs: that nothing is granted by
//! default, that each grant gives what it says and no more, how programs end,
//! and that limits hold while a guest waits for the outside world.

mod grants;
mod stops;

use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use crate::common::on_each_backend;
use crate::common::temp::{TempDir, kept};
use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::wasi::{self, AddressPattern, DirAccess, ExitStatus, OutputPipe};
use enginebay::wasi::{WasiCtx, WasiCtxBuilder, WasiView};
use enginebay::{Backend, Config, Error, ErrorKind, HostCall, Limits, Result, TrapCode};

/// `guests/wasi-command`: one part of WASI for each subcommand.
const COMMAND: &[u8] = include_bytes!("../../../guests/prebuilt/wasi-command.wasm");

/// Imports all of WASI.
const IMPORTS: &str = include_str!("../../guests/wasi-imports.wat");

/// Waits for a timer, and runs without an end.
const WAITS: &str = r#"(component
    (import "wasi:io/poll@0.2.0" (instance $poll
        (export "pollable" (type $pollable (sub resource)))
        (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
    (alias export $poll "pollable" (type $pollable))
    (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
        (alias outer 1 $pollable (type $outer))
        (export "pollable" (type $pollable (eq $outer)))
        (export "now" (func (result u64)))
        (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
    (core func $block (canon lower (func $poll "[method]pollable.block")))
    (core func $now (canon lower (func $clock "now")))
    (core func $subscribe (canon lower (func $clock "subscribe-duration")))
    (core func $drop (canon resource.drop $pollable))
    (core module $m
        (import "" "block" (func $block (param i32)))
        (import "" "now" (func $now (result i64)))
        (import "" "subscribe" (func $subscribe (param i64) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "sleep") (param i64) (local $pollable i32)
            (local.set $pollable (call $subscribe (local.get 0)))
            (call $block (local.get $pollable))
            (call $drop (local.get $pollable)))
        (func (export "now") (result i64) (call $now))
        (func (export "spin") (loop (drop (call $now)) (br 0))))
    (core instance $i (instantiate $m (with "" (instance
        (export "block" (func $block))
        (export "now" (func $now))
        (export "subscribe" (func $subscribe))
        (export "drop" (func $drop))))))
    (func (export "sleep") (param "nanoseconds" u64) (canon lift (core func $i "sleep")))
    (func (export "now") (result u64) (canon lift (core func $i "now")))
    (func (export "spin") (canon lift (core func $i "spin"))))"#;

/// A program that exits with a code, of other versions than the prebuilt one.
const EXITS: &str = r#"(component
    (import "wasi:cli/exit@0.2.12" (instance $exit
        (export "exit-with-code" (func (param "status-code" u8)))))
    (core func $exit (canon lower (func $exit "exit-with-code")))
    (core module $m
        (import "" "exit" (func $exit (param i32)))
        (func (export "run") (result i32) (call $exit (i32.const 42)) (i32.const 0)))
    (core instance $i (instantiate $m (with "" (instance (export "exit" (func $exit))))))
    (func $run (result (result)) (canon lift (core func $i "run")))
    (instance $program (export "run" (func $run)))
    (export "wasi:cli/run@0.2.9" (instance $program)))"#;

on_each_backend! {
    every_import_is_defined_with_its_type
    wasi_is_defined_once
    an_exit_is_a_status
    an_exit_can_have_any_code
    an_exit_is_found_on_the_error
    a_panic_is_a_trap
    other_components_are_no_programs
    asynchronous_stores_run_on_each_executor
    synchronous_stores_run_inside_of_runtimes
    a_guard_is_asked_for_wasi
    calls_of_wasi_are_counted
    stores_hold_more_than_wasi
}

/// The program, compiled.
struct Program<B: Backend> {
    engine: Engine<B>,
    component: Component<B>,
}

/// Compiled once for each backend.
fn program<B: Backend>() -> &'static Program<B> {
    let make = || {
        let engine = Engine::new(&Config::new()).unwrap();
        let component = Component::new(&engine, COMMAND).unwrap();
        Program { engine, component }
    };
    kept(|_: &Program<B>| true, make)
}

/// How a program ended, and what it wrote.
struct Ended {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl<B: Backend> Program<B> {
    fn store(&self, wasi: WasiCtx) -> (Store<B, WasiCtx>, Instance<B>) {
        let mut linker = Linker::new(&self.engine);
        wasi::add_to_linker(&mut linker).unwrap();
        let mut store = Store::new(&self.engine, wasi).unwrap();
        let instance = linker.instantiate(&mut store, &self.component).unwrap();
        (store, instance)
    }

    async fn run_async(&self, wasi: WasiCtx) -> Result<ExitStatus> {
        let mut linker = Linker::new(&self.engine);
        wasi::add_to_linker_async(&mut linker)?;
        let mut store = Store::new_async(&self.engine, wasi)?;
        let instance = linker
            .instantiate_async(&mut store, &self.component)
            .await?;
        wasi::run_async(&mut store, &instance).await
    }

    fn try_run(&self, args: &[&str], wasi: &mut WasiCtxBuilder) -> Result<Ended> {
        let (stdout, stderr) = (OutputPipe::new(1 << 20), OutputPipe::new(1 << 20));
        wasi.arg("wasi-command")
            .args(args.iter().copied())
            .stdout_pipe(&stdout)
            .stderr_pipe(&stderr);
        let (mut store, instance) = self.store(wasi.build()?);
        let status = wasi::run(&mut store, &instance)?;
        Ok(Ended {
            status,
            stdout: text(&stdout),
            stderr: text(&stderr),
        })
    }

    fn run(&self, args: &[&str], grant: impl FnOnce(&mut WasiCtxBuilder)) -> Ended {
        let mut wasi = WasiCtx::builder();
        grant(&mut wasi);
        self.try_run(args, &mut wasi).unwrap()
    }
}

/// Runs the program once.
fn run<B: Backend>(args: &[&str], grant: impl FnOnce(&mut WasiCtxBuilder)) -> Ended {
    program::<B>().run(args, grant)
}

fn text(pipe: &OutputPipe) -> String {
    String::from_utf8(pipe.contents()).unwrap()
}

impl Ended {
    #[track_caller]
    fn wrote(&self, text: &str) {
        assert!(self.status.success(), "{}: {}", self.status, self.stderr);
        assert_eq!(self.stdout, text);
    }

    #[track_caller]
    fn failed(&self, why: &str) {
        assert_eq!(self.status.code(), 1);
        assert_eq!(self.stdout, "");
        assert!(self.stderr.contains(why), "{}", self.stderr);
    }
}

fn nothing(_: &mut WasiCtxBuilder) {}

fn every_import_is_defined_with_its_type<B: Backend>() {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    for version in ["0.2.0", "0.2.6", "0.2.12", "0.2.99"] {
        let text = IMPORTS.replace("0.2.12", version);
        let component = Component::new(&engine, text).unwrap();
        for add in [
            wasi::add_to_linker::<B, WasiCtx> as fn(&mut _) -> _,
            wasi::add_to_linker_async::<B, WasiCtx>,
        ] {
            let mut linker = Linker::new(&engine);
            add(&mut linker).unwrap();
            linker.instantiate_pre(&component).unwrap();
        }
    }
}

fn wasi_is_defined_once<B: Backend>() {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let mut linker = Linker::<B, WasiCtx>::new(&engine);
    wasi::add_to_linker(&mut linker).unwrap();
    let error = wasi::add_to_linker(&mut linker).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Link);
}

fn an_exit_is_a_status<B: Backend>() {
    // What the stable part of WASI says is success or failure.
    for (code, status) in [("0", 0), ("1", 1), ("7", 1)] {
        let ended = run::<B>(&["exit", code], nothing);
        assert_eq!(ended.status.code(), status, "exit {code}");
        assert_eq!(ended.status.success(), status == 0);
    }
    // Programs that return.
    assert_eq!(run::<B>(&[], nothing).status.code(), 1);
    assert_eq!(
        run::<B>(&["args"], nothing).status.to_string(),
        "exit status 0"
    );
}

fn an_exit_can_have_any_code<B: Backend>() {
    let wasi = WasiCtx::builder().build().unwrap();
    let (mut store, instance) = instance::<B>(EXITS, wasi, crate::common::limits::<B>());
    assert_eq!(wasi::run(&mut store, &instance).unwrap().code(), 42);
}

fn an_exit_is_found_on_the_error<B: Backend>() {
    let program = program::<B>();
    let wasi = WasiCtx::builder()
        .args(["wasi-command", "exit", "7"])
        .build();
    let (mut store, instance) = program.store(wasi.unwrap());
    let run = instance
        .get_typed_func::<(), (Result<(), ()>,)>(&mut store, "wasi:cli/run@0.2.0#run")
        .unwrap();
    let error = run.call(&mut store, ()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Host);
    assert_eq!(wasi::exit_code(&error), Some(1));
    assert_eq!(error.downcast_ref::<wasi::Exit>().unwrap().code, 1);
    assert_eq!(error.context_value("function"), Some("exit"));
    assert_eq!(store.poisoned(), Some(&ErrorKind::Host));

    let error = wasi::run(&mut store, &instance).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Poisoned { .. }));
    assert_eq!(wasi::exit_code(&error), None);
}

fn a_panic_is_a_trap<B: Backend>() {
    let program = program::<B>();
    let stderr = OutputPipe::new(1 << 10);
    let wasi = WasiCtx::builder()
        .args(["wasi-command", "panic"])
        .stderr_pipe(&stderr)
        .build();
    let (mut store, instance) = program.store(wasi.unwrap());
    let error = wasi::run(&mut store, &instance).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
    assert_eq!(wasi::exit_code(&error), None);
    assert!(text(&stderr).contains("panic on request"));
}

fn other_components_are_no_programs<B: Backend>() {
    let (mut store, instance) = waits::<B>(
        WasiCtx::builder().build().unwrap(),
        crate::common::limits::<B>(),
    );
    let error = wasi::run(&mut store, &instance).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::NotFound);
}

/// A server that reads until the guest closes the connection.
fn server() -> (SocketAddr, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    });
    (address, thread)
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

/// What a program needs that waits for files, streams and sockets.
fn busy(args: &[&str], dir: &Path, address: SocketAddr) -> (WasiCtx, OutputPipe) {
    let stdout = OutputPipe::new(1 << 10);
    let wasi = WasiCtx::builder()
        .arg("wasi-command")
        .args(args.iter().copied())
        .stdin_bytes("abc")
        .stdout_pipe(&stdout)
        .dir(dir, "/", DirAccess::ReadWrite)
        .allow_tcp_connect(address)
        .build()
        .unwrap();
    (wasi, stdout)
}

async fn programs_end_asynchronously<B: Backend>(program: &Program<B>, name: &str) {
    let dir = TempDir::new(name);
    fs::write(dir.0.join("file"), "contents").unwrap();
    let (address, server) = server();
    for (args, output) in [
        (["stdin"].as_slice(), "ABC"),
        (&["cat", "/file"], "contents"),
        (&["write", "/new", "text"], ""),
        (&["ls", "/"], "file\nnew\n"),
        (&["connect", &address.to_string()], "connected\n"),
    ] {
        let (wasi, stdout) = busy(args, &dir.0, address);
        let status = program.run_async(wasi).await.unwrap();
        assert!(status.success(), "{args:?}");
        assert_eq!(text(&stdout), output, "{args:?}");
    }
    let wasi = WasiCtx::builder()
        .args(["wasi-command", "exit", "1"])
        .build();
    assert_eq!(program.run_async(wasi.unwrap()).await.unwrap().code(), 1);
    server.join().unwrap();
}

fn asynchronous_stores_run_on_each_executor<B: Backend>() {
    crate::common::block_on(programs_end_asynchronously(program::<B>(), "none"));
    single_threaded().block_on(programs_end_asynchronously(program::<B>(), "single"));
    let runtime = multi_threaded();
    let task = runtime.spawn(programs_end_asynchronously(program::<B>(), "multi"));
    runtime.block_on(task).unwrap();
}

fn programs_end<B: Backend>(program: &Program<B>, name: &str) {
    let dir = TempDir::new(name);
    fs::write(dir.0.join("file"), "contents").unwrap();
    let (address, server) = server();
    for (args, output) in [
        (["stdin"].as_slice(), "ABC"),
        (&["cat", "/file"], "contents"),
        (&["ls", "/"], "file\n"),
        (&["connect", &address.to_string()], "connected\n"),
    ] {
        let (wasi, stdout) = busy(args, &dir.0, address);
        let (mut store, instance) = program.store(wasi);
        let status = wasi::run(&mut store, &instance).unwrap();
        assert!(status.success(), "{args:?}");
        assert_eq!(text(&stdout), output, "{args:?}");
    }
    server.join().unwrap();
}

fn synchronous_stores_run_inside_of_runtimes<B: Backend>() {
    single_threaded().block_on(async {
        programs_end(program::<B>(), "in-single");
    });
    let runtime = multi_threaded();
    let task = runtime.spawn(async {
        programs_end(program::<B>(), "in-multi");
    });
    runtime.block_on(task).unwrap();
}

fn instance<B: Backend>(
    text: &str,
    wasi: WasiCtx,
    limits: Limits,
) -> (Store<B, WasiCtx>, Instance<B>) {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let component = Component::new(&engine, text).unwrap();
    let mut linker = Linker::new(&engine);
    wasi::add_to_linker(&mut linker).unwrap();
    let mut store = Store::<B, WasiCtx>::builder(&engine)
        .limits(limits)
        .build(wasi)
        .unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    (store, instance)
}

fn waits<B: Backend>(wasi: WasiCtx, limits: Limits) -> (Store<B, WasiCtx>, Instance<B>) {
    instance(WAITS, wasi, limits)
}

const HOUR: u64 = 3_600_000_000_000;

fn a_guard_is_asked_for_wasi<B: Backend>() {
    let Program { engine, component } = program::<B>();
    let mut linker = Linker::new(engine);
    wasi::add_to_linker(&mut linker).unwrap();
    let wasi = WasiCtx::builder().args(["wasi-command", "env"]).build();
    let mut store = Store::<B, WasiCtx>::builder(engine)
        .guard(|call: &HostCall<'_>| {
            if call.function == "get-environment" {
                return Err(Error::new(ErrorKind::Denied, "no environment here"));
            }
            Ok(())
        })
        .build(wasi.unwrap())
        .unwrap();
    let instance = linker.instantiate(&mut store, component).unwrap();
    let error = wasi::run(&mut store, &instance).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Denied);
    let interface = error.context_value("interface").unwrap();
    assert!(
        interface.starts_with("wasi:cli/environment@0.2."),
        "{interface}"
    );
}

fn calls_of_wasi_are_counted<B: Backend>() {
    let wasi = WasiCtx::builder().build().unwrap();
    let (mut store, instance) = waits::<B>(wasi, crate::common::limits::<B>());
    let sleep = instance
        .get_typed_func::<(u64,), ()>(&mut store, "sleep")
        .unwrap();
    sleep.call(&mut store, (0,)).unwrap();
    // To subscribe, to block, and the destructor.
    assert_eq!(store.last_call_usage().host_calls, 3);
}

fn stores_hold_more_than_wasi<B: Backend>() {
    struct Plugin {
        name: &'static str,
        wasi: WasiCtx,
    }

    impl WasiView for Plugin {
        fn wasi(&mut self) -> &mut WasiCtx {
            &mut self.wasi
        }
    }

    let Program { engine, component } = program::<B>();
    let mut linker = Linker::<B, Plugin>::new(engine);
    wasi::add_to_linker(&mut linker).unwrap();
    let stdout = OutputPipe::new(100);
    let wasi = WasiCtx::builder()
        .args(["wasi-command", "args", "a"])
        .stdout_pipe(&stdout)
        .build()
        .unwrap();
    let mut store = Store::new(engine, Plugin { name: "p", wasi }).unwrap();
    let instance = linker.instantiate(&mut store, component).unwrap();
    assert!(wasi::run(&mut store, &instance).unwrap().success());
    assert_eq!((store.data().name, text(&stdout).as_str()), ("p", "a\n"));
}
