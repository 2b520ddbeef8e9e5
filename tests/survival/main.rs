//! The process lives, whatever a guest does and whatever a component is made
//! like: each group of cases runs in a child process, the test binary started
//! once more, whose time and memory the parent bounds.
//!
//! The cases are small enough for every run; `ENGINEBAY_SURVIVAL_SIZE=1000` makes
//! them as large as the default limits let them be, other numbers so many
//! thousandths of that, and what they take is printed; `ENGINEBAY_SURVIVAL_CASE`
//! names the one that is to run. Linux tells what a process
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

/// The one case of a group that is to run.
const CASE: &str = "ENGINEBAY_SURVIVAL_CASE";

/// From what size on each case has the bounds for itself, in thousandths.
const LARGE: usize = 100;

/// What a group of cases may take: memory, and time of the processor, so that a
/// machine that has other work to do changes nothing.
const MAX_RESIDENT: u64 = 1 << 30;
const MAX_TIME: Duration = Duration::from_secs(600);

/// When a group that takes no such time is given up: it waits for what does not come.
const MAX_WAIT: Duration = Duration::from_secs(3600);

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
    let task = format!("{group} {backend}");
    let lines = bounded(
        Command::new(env::current_exe().unwrap()).env(TASK, &task),
        &task,
    );
    println!("{group} on {backend}:\n{}", lines.join("\n"));
    lines
}

/// Runs what a child does, within the bounds.
fn bounded(child: &mut Command, task: &str) -> Vec<String> {
    let mut child = child
        .args(["child", "--exact", "--ignored", "--nocapture"])
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
        let too_long = processor_time(child.id()).is_some_and(|time| time > MAX_TIME);
        if too_large || too_long || start.elapsed() > MAX_WAIT {
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
        Ok(status) => panic!("{task} ended with {status}\n{out}\n{err}"),
        Err(what) => panic!("{task} took too much {what}\n{out}\n{err}"),
    }
    assert!(!lines.is_empty(), "{task} has no cases\n{out}");
    lines.into_iter().map(str::to_owned).collect()
}

/// Says that a case is over, and how it went.
fn report(name: &str, outcome: impl std::fmt::Display) {
    println!("case: {name}: {outcome}");
}

/// Processor time that a process has taken, of all its threads.
fn processor_time(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // What comes first is a name in parentheses, which may have spaces.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let mut ticks = || times.next()?.parse::<u64>().ok();
    let ticks = ticks()? + ticks()?;
    // A tick is a hundredth of a second on every Linux.
    Some(Duration::from_millis(10 * ticks))
}

/// Runs a case that takes time, and says how much of what it took. A large one has
/// a process of its own.
fn measured(name: &str, case: impl FnOnce()) {
    match env::var(CASE) {
        Ok(only) if only != name => return,
        Ok(_) => {}
        // What an allocator keeps of one would count for the next.
        Err(_) if per_mille() >= LARGE => {
            let task = format!("{}, {name}", env::var(TASK).unwrap_or_default());
            let mut child = Command::new(env::current_exe().unwrap());
            let lines = bounded(child.env(CASE, name), &task);
            lines.iter().for_each(|line| println!("case: {line}"));
            return;
        }
        Err(_) => {}
    }
    // Each has a peak of its own.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let pid = std::process::id();
    let time = || processor_time(pid).unwrap_or_default();
    let before = time();
    case();
    let took = time() - before;
    let peak = resident(pid, "VmHWM").unwrap_or(0) >> 20;
    report(
        name,
        format!("{took:.2?} of processor time, peak {peak} MiB"),
    );
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
