//! Whole programs of several languages on every backend: what they write to
//! their output and to files, what they return, and how they end. The sources
//! are in `guests/`.

mod c;
mod large;
mod pair;
mod reactor;
mod standard;

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use crate::common::on_each_backend;
use crate::common::temp::{TempDir, kept};
use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::wasi::{self, DirAccess, ExitStatus, OutputPipe, WasiCtx, WasiCtxBuilder};
use enginebay::{Backend, Config, Error, Limits};

/// A compiled component.
struct Program<B: Backend> {
    bytes: &'static [u8],
    engine: Engine<B>,
    component: Component<B>,
}

/// Compiled once for each backend.
fn program<B: Backend>(bytes: &'static [u8]) -> &'static Program<B> {
    let make = || {
        let engine = Engine::new(&Config::new()).unwrap();
        let component = Component::new(&engine, bytes).unwrap();
        Program {
            bytes,
            engine,
            component,
        }
    };
    kept(
        |known: &Program<B>| known.bytes.as_ptr() == bytes.as_ptr(),
        make,
    )
}

/// How a program ended, and what it wrote.
struct Ended {
    /// The error is what the guest was stopped by.
    status: Result<ExitStatus, Error>,
    stdout: Vec<u8>,
    stderr: String,
}

impl<B: Backend> Program<B> {
    fn instantiate(&self, limits: Limits, wasi: WasiCtx) -> (Store<B, WasiCtx>, Instance<B>) {
        let mut linker = Linker::new(&self.engine);
        wasi::add_to_linker(&mut linker).unwrap();
        // Programs in JavaScript import it, whether they use it or not.
        wasi::http::add_to_linker(&mut linker).unwrap();
        let store = Store::builder(&self.engine).limits(limits);
        let mut store = store.build(wasi).unwrap();
        let instance = linker.instantiate(&mut store, &self.component).unwrap();
        (store, instance)
    }

    fn run_within(
        &self,
        limits: Limits,
        args: &[&str],
        grant: impl FnOnce(&mut WasiCtxBuilder),
    ) -> Ended {
        let (stdout, stderr) = (OutputPipe::new(16 << 20), OutputPipe::new(1 << 20));
        let mut wasi = WasiCtx::builder();
        wasi.arg("program")
            .args(args.iter().copied())
            .stdout_pipe(&stdout)
            .stderr_pipe(&stderr);
        grant(&mut wasi);
        let (mut store, instance) = self.instantiate(limits, wasi.build().unwrap());
        let status = wasi::run(&mut store, &instance);
        Ended {
            status,
            stdout: stdout.contents(),
            stderr: String::from_utf8(stderr.contents()).unwrap(),
        }
    }

    fn run(&self, args: &[&str], grant: impl FnOnce(&mut WasiCtxBuilder)) -> Ended {
        self.run_within(self.engine.default_limits(), args, grant)
    }
}

impl Ended {
    /// The program ended by itself, with this code.
    #[track_caller]
    fn exited(&self, code: u8) -> &Self {
        match &self.status {
            Ok(status) => assert_eq!(status.code(), code, "{}", self.stderr),
            Err(error) => panic!("{error}: {}", self.stderr),
        }
        self
    }

    /// The program wrote this text to its standard output, and nothing else.
    #[track_caller]
    fn wrote(&self, text: &str) -> &Self {
        assert_eq!(String::from_utf8_lossy(&self.stdout), text);
        self
    }

    /// The host stopped the program, or a trap did.
    #[track_caller]
    fn stopped(&self) -> &Error {
        self.status
            .as_ref()
            .expect_err("the program ended by itself")
    }
}

fn nothing(_: &mut WasiCtxBuilder) {}
