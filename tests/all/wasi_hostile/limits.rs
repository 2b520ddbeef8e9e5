//! More of everything than there is.

use super::*;
use enginebay::CountedResource;
use enginebay::wasi::{AddressPattern, OutputPipe};

on_each_backend! {
    resources_are_limited
    how_many_resources_is_chosen
    resources_of_http_leave_no_room_for_others
    handles_are_limited
    other_stores_go_on
    a_guest_that_opens_and_drops_has_a_deadline
    a_poll_of_a_million
    lengths_without_an_end
    arguments_are_what_the_host_makes
}

const MILLION: u64 = 1_000_000;

/// Everything that can be kept.
const KEPT: [&str; 8] = [
    "keep-files",
    "keep-dirs",
    "keep-lists",
    "keep-streams",
    "keep-timers",
    "keep-stdin",
    "keep-tcp",
    "keep-udp",
];

fn everything(dir: &Path, wasi: &mut WasiCtxBuilder) {
    wasi.dir(dir, "/", DirAccess::ReadOnly)
        .allow_tcp_connect(AddressPattern::ANY)
        .allow_udp(AddressPattern::ANY);
}

#[track_caller]
fn too_many(error: &Error, limit: u64) {
    let what = CountedResource::Handles;
    assert_eq!(
        *error.kind(),
        ErrorKind::ResourceLimit { what, limit },
        "{error}"
    );
}

fn resources_are_limited<B: Backend>() {
    let (_dir, inner) = with_secret::<B>("kept");
    for name in KEPT {
        let mut guest = Guest::<B>::new(|wasi| everything(&inner, wasi));
        // By the limit, and not by the guest's deadline.
        let error = guest.stopped(name, "file", MILLION);
        too_many(&error, 512);
        assert!(
            error.message().contains("`max_resources`"),
            "{name}: {error}"
        );
        assert!(guest.store.poisoned().is_some(), "{name}");
    }
}

fn how_many_resources_is_chosen<B: Backend>() {
    let (_dir, inner) = with_secret::<B>("chosen");
    // The folder's own descriptor is one.
    for (limit, fits) in [(9, 8), (1001, 1000)] {
        let grant = |wasi: &mut WasiCtxBuilder| {
            everything(&inner, wasi);
            wasi.max_resources(limit);
        };
        let mut guest = Guest::<B>::new(grant);
        assert_eq!(guest.run("keep-files", "file", "", fits), DONE);
        too_many(&guest.stopped("keep-files", "file", 1), limit as u64);
    }
    let mut guest = Guest::<B>::new(|wasi| {
        wasi.max_resources(0);
    });
    too_many(&guest.stopped("keep-timers", "", 1), 0);
}

fn resources_of_http_leave_no_room_for_others<B: Backend>() {
    let (_dir, inner) = with_secret::<B>("apart");
    let mut guest = Guest::<B>::new(|wasi| everything(&inner, wasi));
    for _ in 0..2 {
        assert_eq!(guest.run("drop-fields", "", "", 1000), DONE);
    }
    assert_eq!(guest.run("keep-files", "file", "", 511), DONE);
    assert_eq!(guest.run("drop-fields", "", "", 1000), DONE);
    too_many(&guest.stopped("keep-files", "file", 1), 512);
}

fn handles_are_limited<B: Backend>() {
    // Without that limit, there is the store's.
    let limits = Limits::new()
        .handles(1_000)
        .deadline(Duration::from_secs(20));
    let mut guest = Guest::<B>::with(limits, |wasi| {
        wasi.max_resources(usize::MAX);
    });
    let error = guest.stopped("keep-timers", "", MILLION);
    too_many(&error, 1_000);
    assert!(!error.message().contains("max_resources"), "{error}");
}

fn other_stores_go_on<B: Backend>() {
    let (_dir, inner) = with_secret::<B>("others");
    let mut other = Guest::<B>::in_dir(&inner, DirAccess::ReadOnly);
    let mut stopped = Vec::new();
    for _ in 0..4 {
        let mut guest = Guest::<B>::in_dir(&inner, DirAccess::ReadOnly);
        guest.stopped("keep-streams", "file", MILLION);
        stopped.push(guest);
        assert_eq!(other.run("file-dropped", "file", "", 0), 8);
    }
    drop(stopped);
    assert_eq!(other.run("keep-files", "file", "", 100), DONE);
}

fn a_guest_that_opens_and_drops_has_a_deadline<B: Backend>() {
    let (_dir, inner) = with_secret::<B>("churn");
    let limits = Limits::new().deadline(Duration::from_millis(100));
    let mut guest = Guest::<B>::with(limits, |wasi| everything(&inner, wasi));
    // By itself it ends in a million years.
    let error = guest.stopped("churn", "file", u64::MAX);
    assert!(
        matches!(error.kind(), ErrorKind::DeadlineExceeded { .. }),
        "{error}"
    );
}

fn a_poll_of_a_million<B: Backend>() {
    // Handles that are lent count for the call.
    let mut guest = Guest::<B>::new(|_| {});
    assert_eq!(guest.run("poll", "", "", 50_000), 50_000);
    too_many(&guest.stopped("poll", "", MILLION), 100_000);

    let limits = || {
        let limits = Limits::new().handles(2 * MILLION);
        limits.deadline(Duration::from_secs(30))
    };
    let mut guest = Guest::<B>::with(limits(), |_| {});
    assert_eq!(guest.run("poll", "", "", MILLION), MILLION as u32);
    let mut guest = Guest::<B>::with(limits().host_bytes(1 << 20), |_| {});
    let error = guest.stopped("poll", "", MILLION);
    let limit = 1 << 20;
    assert_eq!(
        *error.kind(),
        ErrorKind::HostAllocationLimit { limit },
        "{error}"
    );

    // With clocks that are ours, it is another poll.
    let mut guest = Guest::<B>::with(limits(), |wasi| {
        wasi.deterministic();
    });
    assert_eq!(guest.run("poll", "", "", MILLION), MILLION as u32);

    for fixed in [false, true] {
        let mut guest = Guest::<B>::new(|wasi| {
            if fixed {
                wasi.deterministic();
            }
        });
        let error = guest.stopped("poll", "", 0);
        assert_eq!(*error.kind(), ErrorKind::Host, "{error}");
        assert!(error.message().contains("empty poll list"), "{error}");
    }
    for n in [1 << 22, 1 << 28, u64::from(u32::MAX)] {
        let mut guest = Guest::<B>::with(limits(), |_| {});
        let error = guest.stopped("poll-outside", "", n);
        let code = error.trap_code();
        assert!(
            [Some(TrapCode::ListOutOfBounds), Some(TrapCode::TooLong)].contains(&code),
            "{n}: {error}"
        );
    }
}

fn lengths_without_an_end<B: Backend>() {
    let (_dir, inner) = with_secret::<B>("lengths");
    let stdout = OutputPipe::new(1 << 10);
    let grant = |wasi: &mut WasiCtxBuilder| {
        wasi.dir(&inner, "/", DirAccess::ReadWrite)
            .stdin_bytes("input")
            .stdout_pipe(&stdout);
    };
    let mut guest = Guest::<B>::new(grant);
    for n in [u64::MAX, u64::MAX / 2, u64::from(u32::MAX) + 1] {
        assert_eq!(guest.run("read", "file", "", n), 8);
        assert_eq!(guest.run("read-stream", "file", "", n), 8);
        assert_eq!(guest.run("skip-stream", "file", "", n), 8);
        let code = guest.run("read-far", "file", "", n);
        assert!(code == 0 || code == INVALID, "{n}: {code}");
        let code = guest.run("set-size", "file", "", n);
        assert_ne!(code, DONE, "{n}");
    }
    assert_eq!(guest.run("read-stdin", "", "", u64::MAX), 5);
    assert_eq!(fs::read(inner.join("file")).unwrap(), b"contents");

    for (name, n) in [
        ("zeroes", u64::MAX),
        ("zeroes", 1 << 40),
        ("zeroes", 1 << 11),
        ("random", u64::MAX),
        ("random", 1 << 40),
        ("write-out", 4097),
        ("write-out", 1 << 22),
    ] {
        let mut guest = Guest::<B>::new(grant);
        let error = guest.stopped(name, "", n);
        assert_eq!(*error.kind(), ErrorKind::Host, "{name} {n}: {error}");
    }
    // More than there is of the memory.
    let mut guest = Guest::<B>::new(grant);
    let error = guest.stopped("write-out", "", u64::from(u32::MAX));
    assert_eq!(
        error.trap_code(),
        Some(TrapCode::ListOutOfBounds),
        "{error}"
    );
}

fn arguments_are_what_the_host_makes<B: Backend>() {
    // The host chose them: they cost the guest its memory, and the host nothing
    // that the guest decides.
    let limits = || Limits::new().host_bytes(1 << 16);
    let many = |wasi: &mut WasiCtxBuilder| {
        wasi.args((0..10_000).map(|i| format!("argument {i}")));
    };
    let mut guest = Guest::<B>::with(limits(), many);
    assert_eq!(guest.run("args", "", "", 0), 10_000);
    let mut guest = Guest::<B>::with(limits().memory(4 << 20), |wasi| {
        wasi.arg("x".repeat(8 << 20));
    });
    let error = guest.stopped("args", "", 0);
    assert!(
        matches!(error.kind(), ErrorKind::MemoryLimit { .. }),
        "{error}"
    );
}
