//! The parent: starts this program once more, hands it a component, and waits for
//! the message, for as long as that may take.

use std::io::{self, Read};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use enginebay::{Error, ErrorKind};
use enginebay_conformance::this_program;

use super::child::Bound;
use super::{Source, child, message};
use crate::cancel;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::load::named;
use crate::output;

/// The name of the command that the child is.
pub(crate) const COMMAND: &str = "compile-in-child";

/// How much is kept of what a child says before it crashes.
const MAX_WORDS: u64 = 64 << 10;

/// For how long a child may end that has said everything before it is looked at
/// again, at first; each time is twice as long.
const FIRST_LOOK: Duration = Duration::from_micros(50);

/// No time is longer than this.
const LAST_LOOK: Duration = Duration::from_millis(10);

/// How a child ended.
struct Ended {
    status: ExitStatus,
    message: Vec<u8>,
    words: String,
    /// It had no more time, and was ended.
    is_late: bool,
}

/// Compiles in a child.
pub(crate) fn compile(source: &Source<'_>, backend: &'static str) -> Result<Vec<u8>, Failure> {
    if cancel::is_interrupted() {
        return Err(Failure::Interrupted);
    }
    let limits = source.compiler;
    let memory = limits.memory().filter(|_| child::BOUNDS_MEMORY);
    if memory != limits.memory() && limits.compile_memory.is_some() {
        return Err(Failure::Usage(
            "--compile-memory cannot be enforced on this system: leave it away, or write `none`"
                .to_owned(),
        ));
    }
    let timeout = limits.timeout();
    let cannot = |error: io::Error| {
        let text = format!("a process that compiles cannot be started: {error}");
        Failure::advised(
            Error::new(ErrorKind::Io, text).with_source(error),
            "give --trusted to compile without",
        )
    };
    let mut command = Command::new(this_program().map_err(cannot)?);
    command
        .arg(COMMAND)
        .args(["--backend", backend])
        .args(source.engine.to_args(source.fuel))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(bytes) = memory {
        command.arg("--memory").arg(bytes.to_string());
    }
    if let Some(timeout) = timeout {
        let seconds = whole_seconds(timeout);
        command.arg("--time").arg(seconds.to_string());
    }
    apart(&mut command);
    let mut child = command.spawn().map_err(cannot)?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let child = Arc::new(Mutex::new(child));
    let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
        kill(&child);
        return Err(cannot(io::Error::other("it has no pipes")));
    };
    cancel::on_interrupt_kill(child.clone());
    let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let ended = attend(&child, (stdin, stdout, stderr), source.bytes, end).map_err(cannot);
    cancel::done();
    if cancel::is_interrupted() {
        return Err(Failure::Interrupted);
    }
    result(ended?, source, backend)
}

/// More seconds than this time has.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(1)
}

/// Keeps what is typed on the terminal from the child: Ctrl-C is for the parent.
fn apart(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(windows)]
    {
        /// `CREATE_NEW_PROCESS_GROUP`: Ctrl-C is off in the processes of a new group.
        const NEW_PROCESS_GROUP: u32 = 0x200;
        std::os::windows::process::CommandExt::creation_flags(command, NEW_PROCESS_GROUP);
    }
    #[cfg(not(any(unix, windows)))]
    let _ = command;
}

fn kill(child: &Mutex<Child>) {
    // It fails where the child has ended.
    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
}

/// Hands a child its input and waits until it has ended, which it does, as it is
/// killed if it has not by then.
fn attend(
    child: &Mutex<Child>,
    (mut stdin, mut stdout, mut stderr): (ChildStdin, ChildStdout, ChildStderr),
    input: &[u8],
    end: Option<Instant>,
) -> io::Result<Ended> {
    thread::scope(|scope| {
        // The pipe stays open until the child has ended, by which it knows that we
        // are there; a child that does not read is one that has ended.
        let writer = scope.spawn(move || {
            let _ = child::send(&mut stdin, input);
            stdin
        });
        let words = scope.spawn(move || {
            let mut words = Vec::new();
            let _ = stderr.by_ref().take(MAX_WORDS).read_to_end(&mut words);
            let _ = io::copy(&mut stderr, &mut io::sink());
            String::from_utf8_lossy(&words).into_owned()
        });
        let (done, wait) = channel();
        scope.spawn(move || {
            let mut message = Vec::new();
            let read = stdout.read_to_end(&mut message).map(|_| message);
            // Nobody waits any more if there was no more time.
            let _ = done.send(read);
        });
        let received = match end {
            None => wait.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(end) => wait.recv_timeout(end.saturating_duration_since(Instant::now())),
        };
        let status = match &received {
            Ok(_) => wait_until(child, end).inspect_err(|_| kill(child))?,
            Err(_) => None,
        };
        let is_late = status.is_none();
        let status = match status {
            Some(status) => status,
            None => {
                kill(child);
                child
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .wait()?
            }
        };
        drop(writer);
        Ok(Ended {
            status,
            message: received.unwrap_or_else(|_| Ok(Vec::new()))?,
            words: words.join().unwrap_or_default(),
            is_late,
        })
    })
}

/// How a child has ended, if it has by then.
fn wait_until(child: &Mutex<Child>, end: Option<Instant>) -> io::Result<Option<ExitStatus>> {
    let mut look = FIRST_LOOK;
    loop {
        let status = child
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .try_wait()?;
        if status.is_some() || end.is_some_and(|end| Instant::now() >= end) {
            return Ok(status);
        }
        thread::sleep(look);
        look = (2 * look).min(LAST_LOOK);
    }
}

/// What comes of a child that has ended.
fn result(ended: Ended, source: &Source<'_>, backend: &'static str) -> Result<Vec<u8>, Failure> {
    let timeout = source.compiler.timeout();
    let failed = |error: Error, advice: &str| {
        let error = error
            .with_context("file", source.path.display())
            .with_context("backend", backend);
        Failure::Error {
            error,
            advice: advice.to_owned(),
            exit: Exit::COMPILER,
        }
    };
    if ended.is_late {
        let time = humantime::format_duration(timeout.unwrap_or_default());
        return Err(failed(
            engine_error(format!("compiling took longer than {time}")),
            "raise it with --compile-timeout",
        ));
    }
    if signal(ended.status) == Some(SIGXCPU) {
        let seconds = Bound::time(timeout.map(whole_seconds));
        let (seconds, is_inherited) = seconds.map_or((0, false), |it| (it.value, it.is_inherited));
        let advice = match is_inherited {
            true => "raise the system's limit on it (`ulimit -t`)",
            false => "raise it with --compile-timeout",
        };
        return Err(failed(
            engine_error(format!(
                "compiling took more than {seconds}s of processor time"
            )),
            advice,
        ));
    }
    let message = match ended.status.success() {
        true => message::read(ended.message),
        false => None,
    };
    let no_memory = match &message {
        Some(Ok(_)) => false,
        Some(Err(error)) => {
            *error.kind() == ErrorKind::Engine && says_no_memory(&error.to_string())
        }
        None => says_no_memory(&ended.words),
    };
    if no_memory {
        let more_than = |bytes| {
            let bytes = output::bytes(bytes);
            format!("compiling needs more than {bytes} of memory")
        };
        let (text, advice) = match Bound::memory(source.compiler.memory()) {
            None => (
                "compiling needs more memory than the system has".to_owned(),
                "",
            ),
            Some(Bound {
                value,
                is_inherited: false,
            }) => (more_than(value), "raise it with --compile-memory"),
            Some(Bound { value, .. }) => (
                more_than(value),
                "raise the system's limit on it (`ulimit`)",
            ),
        };
        return Err(failed(engine_error(text), advice));
    }
    match message {
        Some(Ok(artifact)) => Ok(artifact),
        Some(Err(error)) => Err(named(error, source.path)),
        None => {
            let (error, advice) = crash(ended.status, &ended.words);
            Err(failed(error, advice))
        }
    }
}

/// The error about a child that has ended without a message, and what to do.
fn crash(status: ExitStatus, words: &str) -> (Error, &'static str) {
    const DEFECT: &str = "this is a defect of the engine or of enginebay, please report it";
    let crashed = |how: String| match gist(words) {
        Some(gist) => format!("the compiler crashed ({how}): {gist}"),
        None => format!("the compiler crashed ({how})"),
    };
    let (text, advice) = match signal(status) {
        Some(SIGKILL) => (
            "the compiler was killed by the system, perhaps for want of memory or time".to_owned(),
            "see which memory is free, and the system's limits (`ulimit -a`)",
        ),
        Some(signal) => (crashed(format!("signal {signal}")), DEFECT),
        None => (crashed(status.to_string()), DEFECT),
    };
    let error = engine_error(text);
    let error = match words.trim() {
        "" => error,
        words => error.with_source(words),
    };
    (error, advice)
}

fn engine_error(text: String) -> Error {
    Error::new(ErrorKind::Engine, text)
}

/// The line that says most about why a process has crashed: a panic tells that
/// after its place, others at the end.
fn gist(words: &str) -> Option<&str> {
    let mut lines = words
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("note:"));
    let panic = lines
        .clone()
        .skip_while(|line| !line.contains(" panicked at "))
        .nth(1);
    panic.or_else(|| lines.next_back())
}

/// Whether the words of a process that has failed say that it got no memory: from
/// the allocator, from the system, or for a thread, whose stack is memory too.
fn says_no_memory(words: &str) -> bool {
    const ALLOCATOR: &str = "memory allocation of ";
    const SYSTEM: [&str; 3] = ["os error 12", "Cannot allocate memory", "out of memory"];
    const THREAD: &str = "Resource temporarily unavailable";
    let says = |part: &str| words.contains(part);
    says(ALLOCATOR) || SYSTEM.into_iter().any(says) || says(THREAD)
}

const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;

/// The signal that ended a process.
fn signal(status: ExitStatus) -> Option<i32> {
    #[cfg(unix)]
    return std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    {
        let _ = status;
        None
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    const PANIC: &str = "a warning\n\nthread 'main' (7) panicked at src/x.rs:1:2:\nno such thing\n  \
        left: 1\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";

    #[test]
    fn crashes_are_told_by_what_says_why() {
        assert_eq!(gist(PANIC), Some("no such thing"));
        let overflow = "\nthread 'main' has overflowed its stack\nfatal error\nnote: a hint\n\n";
        assert_eq!(gist(overflow), Some("fatal error"));
        let place = "thread 'main' panicked at 'old', src/x.rs:1:2\nnote: a hint";
        assert_eq!(gist(place), place.lines().next());
        assert_eq!(gist("\n \nnote: a hint"), None);
    }

    #[test]
    fn crashes_have_all_words_as_their_cause() {
        let (error, _) = crash(ExitStatus::default(), PANIC);
        assert!(error.message().ends_with("): no such thing"), "{error}");
        assert_eq!(error.source().unwrap().to_string(), PANIC.trim());
        assert!(crash(ExitStatus::default(), " \n").0.source().is_none());
    }
}
