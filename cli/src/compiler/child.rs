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

/// Not for users: what `run` and `compile` start themselves.
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
    bound(args).map_err(|error| {
        let message = format!("the compiling process cannot be bounded: {error}");
        Error::new(ErrorKind::Io, message).with_source(error)
    })?;
    let wasm = read().map_err(|error| Error::new(ErrorKind::Io, "no input").with_source(error))?;
    let result = dispatch::on(&args.backend, &Compile { args, wasm: &wasm })?;
    output::print_bytes(&message::write(result))?;
    Ok(Exit::SUCCESS)
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

/// Linux counts as data what can be written to, others all addresses: with those,
/// what allocators and engines reserve and never use counts as well.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "openbsd"))]
const MEMORY: rustix::process::Resource = rustix::process::Resource::Data;
#[cfg(all(
    unix,
    not(any(target_os = "linux", target_os = "android", target_os = "openbsd"))
))]
const MEMORY: rustix::process::Resource = rustix::process::Resource::As;

#[cfg(unix)]
fn bound(args: &ChildArgs) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let set = |resource, limit: u64| {
        let limit = Some(limit);
        setrlimit(
            resource,
            Rlimit {
                current: limit,
                maximum: limit,
            },
        )
    };
    // A crash leaves no file behind.
    set(Resource::Core, 0)?;
    if let Some(bytes) = args.memory {
        set(MEMORY, bytes)?;
    }
    if let Some(seconds) = args.time {
        // The parent looks at the clock; this is for when it cannot.
        let processors = thread::available_parallelism().map_or(1, usize::from);
        set(
            Resource::Cpu,
            seconds.saturating_mul(processors as u64).saturating_add(1),
        )?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn bound(_: &ChildArgs) -> io::Result<()> {
    Ok(())
}
