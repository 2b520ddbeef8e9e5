//! WASI 0.2 on every backend, with a guest that wants what it is not given:
//! paths and links out of its folder, files that are none, more of everything
//! than there is, and handles that it does not have. What it gets is an error of
//! WASI's or its end, the same on each backend and in time.

mod files;
mod guest;
mod handles;
mod limits;
mod memory;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::common::on_each_backend;
use crate::common::temp::{TempDir, kept};
use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::wasi::{self, DirAccess, WasiCtx, WasiCtxBuilder};
use enginebay::{Backend, Config, Error, ErrorKind, Limits, Result, TrapCode};
use guest::DONE;

/// Cases of `wasi:filesystem/types.error-code`.
const BAD_DESCRIPTOR: u32 = 3;
const INVALID: u32 = 12;
const LOOP: u32 = 15;
const NAME_TOO_LONG: u32 = 18;
const NO_ENTRY: u32 = 20;
const UNSUPPORTED: u32 = 27;
const NOT_PERMITTED: u32 = 31;

/// Flags of `open`: of the path, of the opening and of the descriptor.
const FOLLOW: u64 = 1;
const CREATE: u64 = 1 << 8;
const DIRECTORY: u64 = 2 << 8;
const TRUNCATE: u64 = 8 << 8;
const READ: u64 = 1 << 16;
const WRITE: u64 = 2 << 16;

/// The guest, compiled once for each backend.
fn compiled<B: Backend>() -> &'static (Engine<B>, Component<B>) {
    let make = || {
        let engine = Engine::<B>::new(&Config::new()).unwrap();
        let component = Component::new(&engine, guest::text()).unwrap();
        (engine, component)
    };
    kept(|_: &(Engine<B>, Component<B>)| true, make)
}

struct Guest<B: Backend> {
    store: Store<B, WasiCtx>,
    instance: Instance<B>,
}

impl<B: Backend> Guest<B> {
    fn new(grant: impl FnOnce(&mut WasiCtxBuilder)) -> Self {
        Self::with(Limits::new().deadline(Duration::from_secs(20)), grant)
    }

    fn with(limits: Limits, grant: impl FnOnce(&mut WasiCtxBuilder)) -> Self {
        let (engine, component) = compiled::<B>();
        let mut linker = Linker::new(engine);
        wasi::add_to_linker(&mut linker).unwrap();
        wasi::http::add_to_linker(&mut linker).unwrap();
        let mut wasi = WasiCtx::builder();
        grant(&mut wasi);
        let mut store = Store::<B, WasiCtx>::builder(engine)
            .limits(limits)
            .build(wasi.build().unwrap())
            .unwrap();
        let instance = linker.instantiate(&mut store, component).unwrap();
        Guest { store, instance }
    }

    /// One that has a folder as `/`.
    fn in_dir(dir: &Path, access: DirAccess) -> Self {
        Self::new(|wasi| {
            wasi.dir(dir, "/", access);
        })
    }

    fn try_run(&mut self, name: &str, a: &str, b: &str, n: u64) -> Result<u32> {
        let func = self
            .instance
            .get_typed_func::<(&str, &str, u64), (u32,)>(&mut self.store, name)?;
        Ok(func.call(&mut self.store, (a, b, n))?.0)
    }

    #[track_caller]
    fn run(&mut self, name: &str, a: &str, b: &str, n: u64) -> u32 {
        match self.try_run(name, a, b, n) {
            Ok(code) => code,
            Err(error) => panic!("{name} {a:.40} {b:.40} {n}: {error}"),
        }
    }

    #[track_caller]
    fn stopped(&mut self, name: &str, a: &str, n: u64) -> Error {
        match self.try_run(name, a, "", n) {
            Ok(code) => panic!("{name} {a:.40} {n} gave {code}"),
            Err(error) => error,
        }
    }
}

/// A folder with a folder `inner` for the guest, that has a file and a folder, and a
/// file beside it.
fn with_secret<B: Backend>(name: &str) -> (TempDir, PathBuf) {
    let dir = TempDir::on::<B>(name);
    let inner = dir.0.join("inner");
    fs::create_dir_all(inner.join("a")).unwrap();
    fs::write(inner.join("file"), "contents").unwrap();
    fs::write(dir.0.join("secret"), "secret").unwrap();
    (dir, inner)
}
