//! Whole programs of several languages on every backend: what they write to
//! their output and to files, what they return, and how they end. The sources
//! are in `guests/`.

#[path = "../common/mod.rs"]
mod common;

mod c;
mod large;
mod pair;
mod reactor;
mod standard;

use std::any::Any;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use common::on_each_backend;
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
    static PROGRAMS: Mutex<Vec<&'static (dyn Any + Send + Sync)>> = Mutex::new(Vec::new());
    let mut programs = PROGRAMS.lock().unwrap();
    let known = programs.iter().filter_map(|p| p.downcast_ref());
    if let Some(program) = { known }.find(|p: &&Program<B>| p.bytes.as_ptr() == bytes.as_ptr()) {
        return program;
    }
    let engine = Engine::new(&Config::new()).unwrap();
    let component = Component::new(&engine, bytes).unwrap();
    let program: &'static Program<B> = Box::leak(Box::new(Program {
        bytes,
        engine,
        component,
    }));
    programs.push(program);
    program
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

/// An empty directory that is removed at the end.
struct TempDir(PathBuf);

impl TempDir {
    /// The name must not be that of another test, and differ between backends.
    fn new<B: Backend>(name: &str) -> Self {
        let name = format!("programs-{name}-{}-{}", B::NAME, std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap()
    }

    /// The sorted names of what is in it.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn nothing(_: &mut WasiCtxBuilder) {}
