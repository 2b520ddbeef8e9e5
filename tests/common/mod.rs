//! What the tests of the public API share. Each test is written once, generic
//! over the backend; `on_each_backend!` makes a module of them for every one.
#![allow(
    dead_code,
    unused_macros,
    unused_imports,
    reason = "each test file uses a part of it"
)]

pub(crate) mod places;
pub(crate) mod random;
pub(crate) mod temp;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::{Backend, Config, Error, ErrorKind, Interruption, Limits};

/// The prebuilt guest without imports: `guests/greet`.
pub(crate) const GREET: &[u8] = include_bytes!("../../guests/prebuilt/greet.wasm");
/// The prebuilt guest that imports `host.log`: `guests/greet-host`.
pub(crate) const GREET_HOST: &[u8] = include_bytes!("../../guests/prebuilt/greet-host.wasm");
/// The interface that both export.
pub(crate) const API: &str = "example:greet/api@0.1.0";

/// Makes `backend::test` for each backend and each generic function.
macro_rules! on_each_backend {
    ($($test:ident)*) => {
        macro_rules! module {
            ($name:ident, $backend:ty) => {
                mod $name {
                    $(
                        #[test]
                        fn $test() {
                            super::$test::<$backend>();
                        }
                    )*
                }
            };
        }
        enginebay::for_each_backend!(module);
    };
}
pub(crate) use on_each_backend;

/// As `on_each_backend!`, and makes `any_wasmtime::test` and `any_wasmi::test`:
/// the same on [`enginebay::any::Any`], with a native and with a layered backend
/// inside. One more copy of the tests is compiled for both.
macro_rules! on_each_backend_and_any {
    ($($test:ident)*) => {
        $crate::common::on_each_backend! { $($test)* }

        macro_rules! any_module {
            (wasmtime, $backend:ty) => { any_module! { any_wasmtime: Wasmtime } };
            (wasmi, $backend:ty) => { any_module! { any_wasmi: Wasmi } };
            ($name:ident, $backend:ty) => {};
            ($name:ident: $choice:ident) => {
                mod $name {
                    $(
                        #[test]
                        fn $test() {
                            let choice = enginebay::any::Choice::$choice;
                            enginebay::any::with_default(choice, || {
                                super::$test::<enginebay::any::Any>();
                            });
                        }
                    )*
                }
            };
        }
        enginebay::for_each_backend!(any_module);
    };
}
pub(crate) use on_each_backend_and_any;

/// The default limits on the backend's default engine.
pub(crate) fn limits<B: Backend>() -> Limits {
    Engine::<B>::new(&Config::new()).unwrap().default_limits()
}

/// An engine with this interruption.
pub(crate) fn engine<B: Backend>(interruption: Interruption) -> Engine<B> {
    let mut config = Config::new();
    config.interruption(interruption);
    Engine::new(&config).unwrap()
}

/// A store on a new engine, with one instance of a component without imports.
pub(crate) struct Fixture<B: Backend> {
    pub(crate) engine: Engine<B>,
    pub(crate) store: Store<B, ()>,
    pub(crate) instance: Instance<B>,
}

impl<B: Backend> Fixture<B> {
    pub(crate) fn new(component: impl AsRef<[u8]>) -> Self {
        Self::with(component, Interruption::None, |limits| limits).unwrap()
    }

    /// Changes the engine's default limits.
    pub(crate) fn with(
        component: impl AsRef<[u8]>,
        interruption: Interruption,
        limits: impl FnOnce(Limits) -> Limits,
    ) -> Result<Self, Error> {
        let engine = engine::<B>(interruption);
        let component = Component::new(&engine, component)?;
        let limits = limits(engine.default_limits());
        let mut store = Store::<B, ()>::builder(&engine).limits(limits).build(())?;
        let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
        Ok(Fixture {
            engine,
            store,
            instance,
        })
    }

    /// Calls an export without parameters and results.
    pub(crate) fn run(&mut self, name: &str) -> Result<(), Error> {
        self.instance
            .get_typed_func::<(), ()>(&mut self.store, name)?
            .call(&mut self.store, ())
    }
}

/// A component that lifts functions without parameters and results of a core
/// module that is given as text, by name.
pub(crate) fn lift_all(module: &str, names: &[&str]) -> String {
    let mut text =
        format!("(component (core module $m {module}) (core instance $i (instantiate $m))\n");
    for name in names {
        text += &format!("(func (export \"{name}\") (canon lift (core func $i \"{name}\")))\n");
    }
    text + ")"
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park_timeout(Duration::from_secs(10)),
        }
    }
}

/// Lets the executor go on once.
pub(crate) async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What the harness calls the test of a backend in a module (`module_path!()`).
pub(crate) fn name_of_test<B: Backend>(module: &str, test: &str) -> String {
    let (_program, module) = module.split_once("::").unwrap();
    format!("{module}::{}::{test}", B::NAME.replace('-', "_"))
}
