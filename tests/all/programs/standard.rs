//! A program of Rust's standard library: `guests/wasi-command`. What is granted
//! and refused is tested in `tests/all/wasi`; this is about what such a program does
//! with what it has.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, SystemTime};

use enginebay::{ErrorKind, TrapCode};

use super::*;

const COMMAND: &[u8] = include_bytes!("../../../guests/prebuilt/wasi-command.wasm");

on_each_backend! {
    files_and_folders_change_on_the_host_as_the_program_says
    large_input_is_copied_to_the_output_byte_by_byte
    an_output_that_is_full_fails_the_program
    wall_time_is_the_hosts
    wall_time_is_the_one_that_was_given
    a_sleep_takes_its_time
    randomness_differs_between_runs_and_is_repeated_by_a_seed
    a_thread_is_refused_and_the_program_goes_on
    text_comes_back_from_a_server
    a_server_that_is_not_allowed_is_not_reached
    memory_is_there_up_to_the_limit_and_its_end_is_an_error
    a_panic_is_told_and_traps
    an_exit_code_is_the_hosts_to_see
}

fn run<B: Backend>(args: &[&str], grant: impl FnOnce(&mut WasiCtxBuilder)) -> Ended {
    program::<B>(COMMAND).run(args, grant)
}

fn files_and_folders_change_on_the_host_as_the_program_says<B: Backend>() {
    let dir = TempDir::on::<B>("files");
    let grant = |wasi: &mut WasiCtxBuilder| {
        wasi.dir(&dir.0, "/work", DirAccess::ReadWrite);
    };
    let long = "0123456789abcdef".repeat(4096);
    run::<B>(&["write", "/work/a", &long], grant)
        .exited(0)
        .wrote("");
    run::<B>(&["write", "/work/b", "\u{e4}\n"], grant).exited(0);
    assert_eq!(dir.names(), ["a", "b"]);
    assert_eq!(
        (dir.text("a"), dir.text("b")),
        (long.clone(), "\u{e4}\n".to_owned())
    );
    run::<B>(&["cat", "/work/a"], grant).exited(0).wrote(&long);
    run::<B>(&["ls", "/work"], grant).exited(0).wrote("a\nb\n");
    run::<B>(&["cat", "/work/c"], grant).exited(1).wrote("");
}

fn large_input_is_copied_to_the_output_byte_by_byte<B: Backend>() {
    // No text, and no whole number of any buffer.
    let mut bytes = vec![0; (8 << 20) + 12_345];
    let mut state = 1_u32;
    bytes.fill_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let ended = run::<B>(&["copy"], |wasi| _ = wasi.stdin_bytes(bytes.clone()));
    ended.exited(0);
    assert_eq!(ended.stderr, format!("{} bytes\n", bytes.len()));
    // Not `assert_eq`, which would print both.
    assert!(
        ended.stdout == bytes,
        "{} bytes came back",
        ended.stdout.len()
    );
}

fn an_output_that_is_full_fails_the_program<B: Backend>() {
    let full = OutputPipe::new(100_000);
    let ended = run::<B>(&["copy"], |wasi| {
        wasi.stdin_bytes(vec![b'x'; 200_000]).stdout_pipe(&full);
    });
    ended.exited(1);
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    assert_eq!(full.contents(), vec![b'x'; 100_000]);
}

fn wall_time_is_the_hosts<B: Backend>() {
    let seconds = || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.unwrap().as_secs()
    };
    let before = seconds();
    let ended = run::<B>(&["time"], nothing);
    let read = String::from_utf8(ended.stdout).unwrap();
    let read = read.trim_end().parse().unwrap();
    assert!((before..=seconds()).contains(&read), "{before} {read}");
}

fn wall_time_is_the_one_that_was_given<B: Backend>() {
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800);
    run::<B>(&["time"], |wasi| {
        wasi.fixed_clocks(start, Duration::ZERO);
    })
    .exited(0)
    .wrote("946684800\n");
}

fn a_sleep_takes_its_time<B: Backend>() {
    // The program compares its monotonic clock before and after.
    run::<B>(&["sleep", "30"], nothing).exited(0).wrote("ok\n");
    // And it is not the clock alone that goes on: an hour is not over in time.
    let program = program::<B>(COMMAND);
    let limits = program.engine.default_limits();
    let limits = limits.deadline(Duration::from_millis(100));
    let ended = program.run_within(limits, &["sleep", "3600000"], nothing);
    let error = ended.stopped();
    assert!(
        matches!(error.kind(), ErrorKind::DeadlineExceeded { .. }),
        "{error}"
    );
    ended.wrote("");
}

fn randomness_differs_between_runs_and_is_repeated_by_a_seed<B: Backend>() {
    let random = |seed: Option<u64>| {
        let ended = run::<B>(&["random"], |wasi| {
            if let Some(seed) = seed {
                wasi.seed(seed);
            }
        });
        ended.exited(0);
        ended.stdout
    };
    assert_ne!(random(None), random(None));
    assert_eq!(random(Some(7)), random(Some(7)));
    assert_ne!(random(Some(7)), random(Some(8)));
}

fn a_thread_is_refused_and_the_program_goes_on<B: Backend>() {
    run::<B>(&["thread"], nothing)
        .exited(0)
        .wrote("Unsupported\n");
}

/// Sends what one client writes back when the client has written all.
fn echo_server() -> (SocketAddr, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).unwrap();
        stream.write_all(&text).unwrap();
    });
    (address, thread)
}

fn text_comes_back_from_a_server<B: Backend>() {
    // More than a socket's buffers take at once.
    for text in ["to and fro", &"0123456789".repeat(100_000)] {
        let (address, server) = echo_server();
        run::<B>(&["echo", &address.to_string(), text], |wasi| {
            wasi.allow_tcp_connect(address);
        })
        .exited(0)
        .wrote(&format!("{text}\n"));
        server.join().unwrap();
    }
}

fn a_server_that_is_not_allowed_is_not_reached<B: Backend>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    run::<B>(&["echo", &address, "secret"], nothing)
        .exited(0)
        .wrote("PermissionDenied\n");
    assert!(listener.accept().is_err());
}

fn memory_is_there_up_to_the_limit_and_its_end_is_an_error<B: Backend>() {
    const LIMIT: u64 = 32 << 20;
    let program = program::<B>(COMMAND);
    let limits = || program.engine.default_limits().memory(LIMIT);
    // 262144 numbers in each of 20 blocks: 0, 1, 2 and so on.
    program
        .run_within(limits(), &["memory", "20"], nothing)
        .exited(0)
        .wrote("49807360\n");

    let ended = program.run_within(limits(), &["memory", "40"], nothing);
    let error = ended.stopped();
    let ErrorKind::MemoryLimit { limit, requested } = *error.kind() else {
        panic!("{error}");
    };
    assert_eq!(limit, LIMIT);
    assert!(requested > LIMIT, "{requested}");
    // The program was told as well, and could have gone on with less.
    assert!(
        ended.stderr.starts_with("memory allocation of"),
        "{}",
        ended.stderr
    );
    ended.wrote("");
}

fn a_panic_is_told_and_traps<B: Backend>() {
    let ended = run::<B>(&["panic"], nothing);
    assert_eq!(ended.stopped().trap_code(), Some(TrapCode::Unreachable));
    assert!(
        ended.stderr.contains("panic on request"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("main.rs"), "{}", ended.stderr);
}

fn an_exit_code_is_the_hosts_to_see<B: Backend>() {
    // The stable part of WASI 0.2 has success and failure.
    for (code, seen) in [("0", 0), ("3", 1)] {
        run::<B>(&["exit", code], nothing).exited(seen).wrote("");
    }
    let usage = run::<B>(&["fly"], nothing);
    usage.exited(1).wrote("");
    assert!(
        usage.stderr.starts_with("usage: wasi-command"),
        "{}",
        usage.stderr
    );
}
