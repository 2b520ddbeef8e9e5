//! The process lives, whatever a guest does and whatever a component is made
//! like: each group of cases runs in a child process, the test binary started
//! once more, whose time and memory the parent bounds.
//!
//! The cases are small enough for every run; `ENGINEBAY_SURVIVAL_SIZE=1000` makes
//! them as large as the default limits let them be, other numbers so many
//! thousandths of that, and what they take is printed. Linux tells what a process
//! holds, so they run there.
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;

mod shapes;
mod stacks;
mod values;

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use enginebay::Backend;

/// Says to a child what it is to run: a group and a backend.
const TASK: &str = "ENGINEBAY_SURVIVAL";

/// What a group of cases may take, of each.
const MAX_RESIDENT: u64 = 1 << 30;
const MAX_TIME: Duration = Duration::from_secs(300);

/// How large cases are, in thousandths of what is allowed.
fn per_mille() -> usize {
    let size = env::var("ENGINEBAY_SURVIVAL_SIZE").ok();
    size.and_then(|size| size.parse().ok()).unwrap_or(2)
}

/// Bytes of a process in memory: now, or at most so far.
fn resident(pid: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}

/// Runs a group of cases on a backend in a process of its own; gives the lines
/// that it printed about them.
fn run(group: &str, backend: &str) -> Vec<String> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["child", "--exact", "--ignored", "--nocapture"])
        .env(TASK, format!("{group} {backend}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let read = |mut pipe: Box<dyn Read + Send>| {
        thread::spawn(move || {
            let mut text = Vec::new();
            let _ = pipe.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let out = read(Box::new(child.stdout.take().unwrap()));
    let err = read(Box::new(child.stderr.take().unwrap()));
    let start = Instant::now();
    let ended = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Ok(status);
        }
        let too_large = resident(child.id(), "VmRSS").is_some_and(|bytes| bytes > MAX_RESIDENT);
        if too_large || start.elapsed() > MAX_TIME {
            child.kill().unwrap();
            child.wait().unwrap();
            break Err(if too_large { "memory" } else { "time" });
        }
        thread::sleep(Duration::from_millis(10));
    };
    let (out, err) = (out.join().unwrap(), err.join().unwrap());
    let lines: Vec<_> = out
        .lines()
        .filter_map(|it| it.strip_prefix("case: "))
        .collect();
    match ended {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("{group} on {backend} ended with {status}\n{out}\n{err}"),
        Err(what) => panic!("{group} on {backend} took too much {what}\n{out}\n{err}"),
    }
    assert!(
        !lines.is_empty(),
        "{group} on {backend} has no cases\n{out}"
    );
    println!("{group} on {backend}:\n{}", lines.join("\n"));
    lines.into_iter().map(str::to_owned).collect()
}

/// Says that a case is over, and how it went.
fn report(name: &str, outcome: impl std::fmt::Display) {
    println!("case: {name}: {outcome}");
}

/// Runs a case that takes time, and says how much of what it took.
fn measured<R>(name: &str, case: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = case();
    let peak = resident(std::process::id(), "VmHWM").unwrap_or(0) >> 20;
    report(name, format!("{:.2?}, peak {peak} MiB", start.elapsed()));
    // The next one has a peak of its own.
    let _ = fs::write("/proc/self/clear_refs", "5");
    result
}

macro_rules! groups {
    ($($group:ident::$case:ident)*) => {
        /// What a child does.
        #[test]
        #[ignore = "the other tests run it, in processes of their own"]
        fn child() {
            let task = env::var(TASK).expect("a task");
            macro_rules! on {
                ($name:ident, $backend:ty) => {
                    $(
                        if task == format!(
                            concat!(stringify!($case), " {}"),
                            <$backend as Backend>::NAME
                        ) {
                            $group::$case::<$backend>();
                        }
                    )*
                };
            }
            enginebay::for_each_backend!(on);
        }

        macro_rules! parent {
            ($name:ident, $backend:ty) => {
                mod $name {
                    use enginebay::Backend;
                    $(
                        #[test]
                        fn $case() {
                            super::run(stringify!($case), <$backend>::NAME);
                        }
                    )*
                }
            };
        }
        enginebay::for_each_backend!(parent);
    };
}

groups! {
    stacks::stacks_are_exhausted
    stacks::frames_are_large
    stacks::calls_are_nested_through_the_host
    values::lengths_are_near_their_limits
    values::small_lists_are_of_large_parts
    values::memories_and_tables_are_huge
    shapes::there_are_many_of_each
    shapes::functions_are_long
    shapes::what_is_too_much_is_refused_at_once
}

/// The same lengths are refused for the same reason everywhere.
#[test]
fn lengths_end_alike_on_all_backends() {
    let mut all = Vec::new();
    macro_rules! on {
        ($name:ident, $backend:ty) => {
            let name = <$backend as Backend>::NAME;
            all.push((name, run("lengths_are_near_their_limits", name)));
        };
    }
    enginebay::for_each_backend!(on);
    let (first, others) = all.split_first().unwrap();
    for other in others {
        for (left, right) in first.1.iter().zip(&other.1) {
            assert_eq!(left, right, "{} and {}", first.0, other.0);
        }
        assert_eq!(first.1.len(), other.1.len());
    }
}
