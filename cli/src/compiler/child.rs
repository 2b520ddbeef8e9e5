//! The child: compiles what it reads from its standard input and writes the
//! message about it to its standard output. It bounds itself before it reads a
//! byte of what it does not trust, and it ends when its parent does.

use std::io::{self, Read, Write};
use std::process;
use std::thread;

use clap::Args;
use enginebay::generic::{Component, Engine};
use enginebay::{Backend, Error, ErrorKind};

use super::message;
use crate::args::EngineArgs;
use crate::dispatch::{self, Task};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// Not for users: what `run`, `serve` and `compile` start themselves.
#[derive(Args, Clone, Debug)]
pub(crate) struct ChildArgs {
    #[arg(long)]
    pub(crate) backend: String,

    /// Bytes of memory, if they are bounded.
    #[arg(long)]
    pub(crate) memory: Option<u64>,

    /// Seconds of processor time on each processor, if they are bounded.
    #[arg(long)]
    pub(crate) time: Option<u64>,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

/// Whether memory can be bounded here. Apple's systems have the call and do not
/// count.
pub(crate) const BOUNDS_MEMORY: bool = cfg!(all(unix, not(target_vendor = "apple")));

struct Compile<'a> {
    args: &'a ChildArgs,
    wasm: &'a [u8],
}

impl Task for Compile<'_> {
    type Output = Result<Vec<u8>, Error>;

    fn run<B: Backend>(&self) -> Self::Output {
        let engine = Engine::<B>::new(&self.args.engine.config(false))?;
        Component::new(&engine, self.wasm)?.serialize()
    }
}

pub(crate) fn child(args: &ChildArgs) -> Result<Exit, Failure> {
    let result = match prepare(args) {
        Ok(wasm) => dispatch::on(&args.backend, &Compile { args, wasm: &wasm })?,
        // It is told as what it is: a child that says nothing has crashed.
        Err(error) => Err(error),
    };
    output::print_bytes(&message::write(result))?;
    Ok(Exit::SUCCESS)
}

/// What is done before the compiler runs.
fn prepare(args: &ChildArgs) -> Result<Vec<u8>, Error> {
    let io = |what: &str, error: io::Error| {
        Error::new(ErrorKind::Io, format!("{what}: {error}")).with_source(error)
    };
    bound(args).map_err(|error| io("the process that compiles cannot be bounded", error))?;
    read().map_err(|error| io("the process that compiles gets no component", error))
}

/// Reads the component, with its length before it. The parent keeps the pipe open:
/// when it closes, the parent has ended, however it did.
fn read() -> io::Result<Vec<u8>> {
    let mut stdin = io::stdin();
    let mut len = [0; 8];
    stdin.read_exact(&mut len)?;
    let mut wasm = Vec::new();
    stdin
        .by_ref()
        .take(u64::from_le_bytes(len))
        .read_to_end(&mut wasm)?;
    thread::Builder::new()
        .name("parent".to_owned())
        .spawn(move || {
            let _ = stdin.read(&mut [0]);
            process::exit(i32::from(Exit::HOST.0));
        })?;
    Ok(wasm)
}

/// What is sent to the child before its input ends.
pub(crate) fn send(mut stdin: impl Write, wasm: &[u8]) -> io::Result<()> {
    stdin.write_all(&(wasm.len() as u64).to_le_bytes())?;
    stdin.write_all(wasm)?;
    stdin.flush()
}

/// A bound of a child, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) value: u64,
    /// It is the system's limit on this program, and no option raises it.
    pub(crate) is_inherited: bool,
}

impl Bound {
    /// The lower one of what is asked for and what the system allows.
    fn least(asked: Option<u64>, allowed: Option<u64>) -> Option<Self> {
        let is_inherited = match (asked, allowed) {
            (Some(asked), Some(allowed)) => allowed < asked,
            _ => asked.is_none(),
        };
        let value = asked.into_iter().chain(allowed).min()?;
        Some(Bound {
            value,
            is_inherited,
        })
    }

    /// The bytes of memory that a child of this process gets, of those asked for.
    pub(crate) fn memory(asked: Option<u64>) -> Option<Self> {
        let asked = asked.filter(|_| BOUNDS_MEMORY);
        Self::least(asked, allowed::memory())
    }

    /// The seconds of processor time that a child of this process gets, of the
    /// seconds asked for on each processor.
    pub(crate) fn time(asked: Option<u64>) -> Option<Self> {
        // The parent looks at the clock; this is for when it cannot.
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let asked = asked.map(|seconds| {
            let all = seconds.saturating_mul(processors as u64);
            all.saturating_add(1)
        });
        Self::least(asked, allowed::time())
    }
}

/// The system's limits on this process, which hold for its children.
#[cfg(unix)]
mod allowed {
    use rustix::process::{Resource, getrlimit, setrlimit};

    /// Linux counts as data what can be written to, others all addresses: with
    /// those, what allocators and engines reserve and never use counts as well.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "openbsd"))]
    const MEMORY: Resource = Resource::Data;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "openbsd")))]
    const MEMORY: Resource = Resource::As;

    pub(super) fn memory() -> Option<u64> {
        let memory = getrlimit(MEMORY).current;
        // Who limits addresses limits what can be written to.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let memory = memory
            .into_iter()
            .chain(getrlimit(Resource::As).current)
            .min();
        memory.filter(|_| super::BOUNDS_MEMORY)
    }

    /// One second before a process is killed at its hard limit: at the soft limit
    /// there is a signal that says why.
    pub(super) fn time() -> Option<u64> {
        let limit = getrlimit(Resource::Cpu);
        let maximum = limit
            .maximum
            .map(|seconds| seconds.saturating_sub(1).max(1));
        limit.current.into_iter().chain(maximum).min()
    }

    /// Lowers a limit for this process; one that is lower stays.
    fn lower(resource: Resource, soft: u64, hard: u64) -> std::io::Result<()> {
        let mut limit = getrlimit(resource);
        limit.current = limit.current.into_iter().chain([soft]).min();
        limit.maximum = limit.maximum.into_iter().chain([hard]).min();
        Ok(setrlimit(resource, limit)?)
    }

    /// Has a crash leave no file behind.
    pub(super) fn no_core() -> std::io::Result<()> {
        lower(Resource::Core, 0, 0)
    }

    pub(super) fn lower_memory(bytes: u64) -> std::io::Result<()> {
        lower(MEMORY, bytes, bytes)
    }

    pub(super) fn lower_time(seconds: u64) -> std::io::Result<()> {
        lower(Resource::Cpu, seconds, seconds.saturating_add(1))
    }
}

#[cfg(not(unix))]
mod allowed {
    pub(super) fn memory() -> Option<u64> {
        None
    }

    pub(super) fn time() -> Option<u64> {
        None
    }
}

#[cfg(unix)]
fn bound(args: &ChildArgs) -> io::Result<()> {
    allowed::no_core()?;
    if let Some(memory) = Bound::memory(args.memory) {
        allowed::lower_memory(memory.value)?;
    }
    if let Some(time) = Bound::time(args.time) {
        allowed::lower_time(time.value)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn bound(_: &ChildArgs) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_bound_holds_and_says_whose_it_is() {
        let least = |asked, allowed| {
            let bound = Bound::least(asked, allowed)?;
            Some((bound.value, bound.is_inherited))
        };
        assert_eq!(least(None, None), None);
        assert_eq!(least(Some(2), None), Some((2, false)));
        assert_eq!(least(None, Some(2)), Some((2, true)));
        assert_eq!(least(Some(2), Some(1)), Some((1, true)));
        assert_eq!(least(Some(2), Some(2)), Some((2, false)));
        assert_eq!(least(Some(2), Some(3)), Some((2, false)));
    }
}
