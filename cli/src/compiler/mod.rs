//! Compilers are programs of a million lines, and components come from anywhere:
//! a component is compiled in a child process, which is bounded in time and memory
//! and may crash without this program. Unless the user trusts the component, or
//! the engine is an interpreter, which has no machine code to make: what it does is
//! what this program would do again with its artifact.

#[cfg(not(target_family = "wasm"))]
mod child;
#[cfg(not(target_family = "wasm"))]
mod message;
#[cfg(not(target_family = "wasm"))]
mod parent;

use std::path::Path;

use enginebay::generic::{Component, Engine};
use enginebay::{Backend, Result};

use crate::args::{CompilerArgs, EngineArgs};
use crate::failure::Failure;
use crate::load::named;
use crate::progress::spinner;

#[cfg(not(target_family = "wasm"))]
pub(crate) use child::{ChildArgs, child};

/// A component that is to be compiled, and how.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    target_family = "wasm",
    expect(dead_code, reason = "there is no child that options are handed to")
)]
pub(crate) struct Source<'a> {
    pub(crate) path: &'a Path,
    pub(crate) bytes: &'a [u8],
    pub(crate) engine: &'a EngineArgs,
    /// Whether fuel is asked for.
    pub(crate) fuel: bool,
    pub(crate) compiler: &'a CompilerArgs,
}

impl Source<'_> {
    /// Compiles it, with a sign of life if it takes long.
    pub(crate) fn compile<B: Backend>(&self, engine: &Engine<B>) -> Result<Component<B>, Failure> {
        self.spinning::<B, _>(|| match self.confined::<B>()? {
            None => self.here(engine),
            Some(artifact) => {
                #[allow(unsafe_code, reason = "artifacts are machine code")]
                // SAFETY: the bytes are what `Component::serialize` gave in a process
                // that this process has started for that and which ended with
                // success: on Linux of the very executable that runs here, which
                // `/proc/self/exe` is, elsewhere of the file that has its name now,
                // and whoever can replace that is trusted with the program. They came through a pipe without a name, of which nobody
                // else has an end, and their hash says that they are whole. A compiler
                // that a component talks into bad code does no more harm there than
                // it would have done here. An artifact of a layered engine has the
                // component besides the code: that is validated and metered again
                // here, after the child has survived the same.
                let component = unsafe { Component::deserialize(engine, artifact) };
                component.map_err(|error| named(error, self.path))
            }
        })
    }

    /// As [`Source::compile`], to an artifact.
    pub(crate) fn artifact<B: Backend>(&self, engine: &Engine<B>) -> Result<Vec<u8>, Failure> {
        self.spinning::<B, _>(|| match self.confined::<B>()? {
            None => Ok(self.here(engine)?.serialize()?),
            Some(artifact) => Ok(artifact),
        })
    }

    fn spinning<B: Backend, R>(&self, work: impl FnOnce() -> R) -> R {
        spinner(
            format!("compiling {} for {}", self.path.display(), B::NAME),
            work,
        )
    }

    fn here<B: Backend>(&self, engine: &Engine<B>) -> Result<Component<B>, Failure> {
        Component::new(engine, self.bytes).map_err(|error| named(error, self.path))
    }

    /// The artifact that a child made; nothing where it is to be compiled in this
    /// process.
    #[cfg(not(target_family = "wasm"))]
    fn confined<B: Backend>(&self) -> Result<Option<Vec<u8>>, Failure> {
        let support = B::support();
        if self.compiler.trusted || !(support.jit && support.artifacts) {
            return Ok(None);
        }
        parent::compile(self, B::NAME).map(Some)
    }

    /// WebAssembly has no processes: its host bounds it.
    #[cfg(target_family = "wasm")]
    fn confined<B: Backend>(&self) -> Result<Option<Vec<u8>>, Failure> {
        if self.compiler.compile_timeout.is_some() || self.compiler.compile_memory.is_some() {
            let text = "compilation cannot be bounded on this system: give --trusted instead";
            return Err(Failure::Usage(text.to_owned()));
        }
        Ok(None)
    }
}
