//! How much of the host's memory a guest takes that keeps all that it may, with as much
//! in each as it may. Each measurement is made in a process of its own, which does
//! nothing else.

use super::*;
use crate::common;
use enginebay::wasi::OutputPipe;

on_each_backend! {
    a_guest_that_keeps_all_it_may_takes_so_much
    a_stream_takes_no_more_than_it_says
    names_in_requests_have_a_length
    a_folder_is_listed_to_its_end
}

/// What a guest can make the host keep in resources of WASI, and what besides in those
/// of `wasi:http`, in bytes: the figures of `docs/src/how-to/wasi.md`.
const BOUND: u64 = 64 << 20;
const HTTP_BOUND: u64 = 192 << 20;

/// Files in the folder that is listed.
const MANY: usize = 5_000;

/// As many headers as there may be in one set: 77 bytes of 64 KiB are counted for each.
fn headers() -> String {
    "x".repeat((64 << 10) / 77)
}

/// As long as a path may be.
fn path() -> String {
    format!("/{}", "p".repeat(u16::MAX as usize - 2))
}

/// What is kept: the guest's function, its two texts, how many fit, and the bound.
fn kinds() -> Vec<(&'static str, String, String, u64, u64)> {
    let file = || "file".to_owned();
    let none = String::new;
    vec![
        // The folder is one.
        ("keep-files", file(), none(), 511, BOUND),
        ("keep-entries", file(), none(), 511, BOUND),
        // It and the file.
        ("keep-reading", file(), none(), 510, BOUND),
        ("keep-writing", file(), none(), 510, BOUND),
        // The time and what waits for it.
        ("keep-timers", file(), none(), 256, BOUND),
        ("keep-tcp", file(), none(), 512, BOUND),
        ("keep-fields", headers(), none(), 1024, HTTP_BOUND),
        ("keep-requests", headers(), path(), 512, HTTP_BOUND),
    ]
}

fn a_guest_that_keeps_all_it_may_takes_so_much<B: Backend>() {
    #[cfg(target_os = "linux")]
    {
        use std::env;
        use std::process::Command;

        const KIND: &str = "ENGINEBAY_TEST_KEEPS";

        if let Ok(kind) = env::var(KIND) {
            let taken = measured::<B>(&kind);
            println!("taken: {taken}");
            return;
        }
        let name = common::name_of_test::<B>(
            module_path!(),
            "a_guest_that_keeps_all_it_may_takes_so_much",
        );
        for (kind, _, _, _, bound) in kinds() {
            let child = Command::new(env::current_exe().unwrap())
                .args(["--exact", "--nocapture", &name])
                .env(KIND, kind)
                .output()
                .unwrap();
            let told = String::from_utf8(child.stdout).unwrap();
            assert!(child.status.success(), "{kind}: {told}");
            let taken = told.lines().find_map(|line| line.strip_prefix("taken: "));
            let taken: u64 = taken.unwrap_or_else(|| panic!("{told}")).parse().unwrap();
            println!("{}: {kind}: {} KiB", B::NAME, taken >> 10);
            assert!(taken <= bound, "{kind} takes {taken} bytes");
        }
    }
}

/// By how much the largest memory that this process ever had grows when a guest keeps
/// such things.
#[cfg(target_os = "linux")]
fn measured<B: Backend>(kind: &str) -> u64 {
    let (name, a, b, n, _) = kinds().into_iter().find(|it| it.0 == kind).unwrap();
    let (_dir, inner) = with_secret::<B>(&format!("memory-{kind}"));
    fs::write(inner.join("file"), vec![b'x'; 1 << 20]).unwrap();
    if kind == "keep-entries" {
        for i in 0..MANY {
            // As long as names are.
            let name = format!("{i:0>8}{}", "n".repeat(240));
            fs::File::create(inner.join(name)).unwrap();
        }
    }
    let mut guest = Guest::<B>::new(|wasi| {
        wasi.dir(&inner, "/", DirAccess::ReadWrite)
            .allow_tcp_connect(enginebay::wasi::AddressPattern::ANY);
    });
    // What is made once is there, and the guest's own memory is.
    assert_eq!(guest.run(name, &a, &b, 1), DONE);

    // Forgets how much it was until now.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmHWM");
    assert_eq!(guest.run(name, &a, &b, n - 1), DONE);
    // There is not room for one more.
    let error = match guest.try_run(name, &a, &b, 1) {
        Ok(code) => panic!("{name} gave {code}"),
        Err(error) => error,
    };
    assert!(
        matches!(
            error.kind(),
            ErrorKind::ResourceLimit { .. } | ErrorKind::Host
        ),
        "{error}"
    );
    // Files are read in the background.
    std::thread::sleep(Duration::from_millis(100));
    status("VmHWM").saturating_sub(before)
}

/// A line of `/proc/self/status`, in bytes.
#[cfg(target_os = "linux")]
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let words = line.unwrap().trim_start_matches(':');
    let kibibytes: u64 = words.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kibibytes << 10
}

fn a_stream_takes_no_more_than_it_says<B: Backend>() {
    let (_dir, inner) = with_secret::<B>("permit");
    let stdout = OutputPipe::new(1 << 10);
    let new = || {
        Guest::<B>::new(|wasi| {
            wasi.dir(&inner, "/", DirAccess::ReadWrite)
                .stdout_pipe(&stdout);
        })
    };
    let mut guest = new();
    assert_eq!(guest.run("write-file", "file", "", 64 << 10), DONE);
    for n in [(64 << 10) + 1, 4 << 20] {
        let error = new().stopped("write-file", "file", n);
        assert_eq!(*error.kind(), ErrorKind::Host, "{error}");
        assert!(error.message().contains("65536"), "{error}");
    }
}

fn names_in_requests_have_a_length<B: Backend>() {
    let mut guest = Guest::<B>::new(|_| {});
    for name in ["method", "authority"] {
        assert_eq!(guest.run(name, &"x".repeat(1024), "", 0), 0, "{name}");
        assert_eq!(guest.run(name, &"x".repeat(1025), "", 0), 1, "{name}");
        assert_eq!(guest.run(name, &"x".repeat(1 << 20), "", 0), 1, "{name}");
    }
    assert_eq!(guest.run("keep-fields", &headers(), "", 1), DONE);
    let error = guest.stopped("keep-fields", &"x".repeat(1000), 1);
    assert_eq!(*error.kind(), ErrorKind::Host, "{error}");
}

fn a_folder_is_listed_to_its_end<B: Backend>() {
    let dir = TempDir::on::<B>("listed");
    let mut guest = Guest::<B>::in_dir(&dir.0, DirAccess::ReadWrite);
    let mut files = 0;
    // Around what is read at once.
    for count in [0, 1, 31, 32, 33, 64, 1000] {
        for file in files..count {
            fs::write(dir.0.join(file.to_string()), "").unwrap();
        }
        files = count;
        assert_eq!(guest.run("count-entries", "", "", 0), count);
    }
    // Each list begins at the beginning.
    assert_eq!(guest.run("keep-entries", "", "", 10), DONE);
    assert_eq!(guest.run("count-entries", "", "", 0), 1000);
}
