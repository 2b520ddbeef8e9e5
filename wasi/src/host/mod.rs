//! The interfaces of WASI, each as a list of its functions in the linker: ours
//! is the signature and the name, `wasmtime-wasi`'s the work. This file has what
//! the lists are written with.

mod cli;
mod clocks;
mod filesystem;
#[cfg(feature = "http")]
pub(crate) mod http;
mod io;
mod listing;
mod random;
mod sockets;

use std::pin::Pin;
use std::sync::Arc;

use enginebay_core::{
    Backend, Caller, ComponentNamedList, Error, HostFuture, Lift, Linker, LinkerInstance, Lower,
    Resource, ResourceType, Result,
};
use wasmtime::component::{Resource as Raw, ResourceTableError};

use crate::ctx::{State, TableFull, WasiView};
use crate::runtime;

/// The version under which the interfaces are defined. Linkers give it to
/// components that import any other 0.2.x.
const VERSION: &str = "0.2.12";

/// What an implementation that waits gives.
type Waiting<'a, R> = Pin<Box<dyn Future<Output = Result<R>> + Send + 'a>>;

/// For which stores functions that wait are defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Sync,
    Async,
}

/// Defines everything.
pub(crate) fn add<B: Backend, T: WasiView + 'static>(
    linker: &mut Linker<B, T>,
    mode: Mode,
) -> Result<()> {
    let mut imports = Imports { linker, mode };
    io::add(&mut imports)?;
    clocks::add(&mut imports)?;
    random::add(&mut imports)?;
    cli::add(&mut imports)?;
    filesystem::add(&mut imports)?;
    sockets::add(&mut imports)
}

/// Whatever is no answer for the guest: it stops the guest.
#[cold]
pub(crate) fn failed(error: wasmtime::Error) -> Error {
    match error.downcast_ref() {
        Some(ResourceTableError::Full) => Error::host(TableFull),
        _ => Error::host(error),
    }
}

/// A resource of ours, and what stands for it in the context's table.
trait Kind: Send + Sync + 'static {
    type Entry: 'static;
}

/// Declares resources.
macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident = $entry:ty;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl super::Kind for $name {
            type Entry = $entry;
        }
    )*};
}
use resources;

/// The entry that a guest's handle is for: both are an index into the table.
fn entry<K: Kind>(handle: &Resource<K>) -> Raw<K::Entry> {
    Raw::new_borrow(handle.rep())
}

/// A handle for the guest, which owns the entry from then on.
fn give<K: Kind>(entry: Raw<K::Entry>) -> Resource<K> {
    Resource::new_own(entry.rep())
}

/// Declares enums that are cases of an enum of `wasmtime-wasi`'s by the same
/// names, in the same order.
macro_rules! enums {
    ($($(#[$doc:meta])* $name:ident = $theirs:ty { $($case:ident,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, ComponentType, Lift, Lower)]
        pub(super) enum $name {
            $($case,)*
        }

        impl From<$theirs> for $name {
            fn from(value: $theirs) -> Self {
                type Theirs = $theirs;
                match value {
                    $(Theirs::$case => $name::$case,)*
                }
            }
        }

        impl From<$name> for $theirs {
            fn from(value: $name) -> Self {
                type Theirs = $theirs;
                match value {
                    $($name::$case => Theirs::$case,)*
                }
            }
        }
    )*};
}
use enums;

/// A linker, and which stores it is for.
struct Imports<'a, B: Backend, T: 'static> {
    linker: &'a mut Linker<B, T>,
    mode: Mode,
}

impl<B: Backend, T: WasiView + 'static> Imports<'_, B, T> {
    /// An interface, by its name without the version.
    fn interface(&mut self, name: &str) -> Result<Interface<'_, B, T>> {
        Ok(Interface {
            instance: self.linker.instance(&format!("{name}@{VERSION}"))?,
            mode: self.mode,
        })
    }
}

/// An interface to which functions are added, of three sorts:
///
/// - `func`: gives its result at once and needs nothing but the context;
/// - `io`: gives its result at once, and may start work in the background;
/// - `waits`: may have to wait.
struct Interface<'a, B: Backend, T: 'static> {
    instance: LinkerInstance<'a, B, T>,
    mode: Mode,
}

/// The work of a function, without its type: so little is compiled for each function
/// once more for each backend and each type of store data.
type Work<P, R> = Box<dyn Fn(&mut State, P) -> Result<R> + Send + Sync>;

/// As [`Work`], of a function that may have to wait.
type WaitingWork<P, R> = Arc<dyn for<'s> Fn(&'s mut State, P) -> Waiting<'s, R> + Send + Sync>;

impl<B: Backend, T: WasiView + 'static> Interface<'_, B, T> {
    fn func<P, R, F>(&mut self, name: &str, func: F) -> Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: Fn(&mut State, P) -> Result<R> + Send + Sync + 'static,
    {
        self.define(name, Box::new(func))
    }

    fn io<P, R, F>(&mut self, name: &str, func: F) -> Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: Fn(&mut State, P) -> Result<R> + Send + Sync + 'static,
    {
        self.func(name, move |state, params| {
            let _entered = runtime::enter()?;
            func(state, params)
        })
    }

    fn define<P, R>(&mut self, name: &str, func: Work<P, R>) -> Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
    {
        self.instance
            .func_wrap_boxed(name, move |mut caller, params| {
                let state = caller.data_mut().wasi().state()?;
                let result = func(state, params);
                state.settle();
                result.map_err(|error| state.explained(error))
            })
    }

    fn waits<P, R, F>(&mut self, name: &str, func: F) -> Result<()>
    where
        P: ComponentNamedList + Lift + Send + Sync + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'s> Fn(&'s mut State, P) -> Waiting<'s, R> + Send + Sync + 'static,
    {
        self.define_waiting(name, Arc::new(func))
    }

    fn define_waiting<P, R>(&mut self, name: &str, func: WaitingWork<P, R>) -> Result<()>
    where
        P: ComponentNamedList + Lift + Send + Sync + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
    {
        match self.mode {
            Mode::Sync => self.instance.func_wrap_boxed(name, move |caller, params| {
                wait(caller, |state| func(state, params))
            }),
            Mode::Async => self
                .instance
                .func_wrap_async_boxed(name, move |mut caller, params| {
                    let func = func.clone();
                    HostFuture::new(async move {
                        let state = caller.data_mut().wasi().state()?;
                        let result = runtime::entered(func(state, params)).await;
                        state.settle();
                        result.map_err(|error| state.explained(error))
                    })
                }),
        }
    }

    /// A resource whose destructor gives its result at once.
    fn resource<K: Kind, F>(&mut self, name: &str, destructor: F) -> Result<()>
    where
        F: Fn(&mut State, Raw<K::Entry>) -> wasmtime::Result<()> + Send + Sync + 'static,
    {
        let destructor: Work<u32, ()> = Box::new(move |state, rep| {
            let done = destructor(state, Raw::new_own(rep));
            done.map_err(failed)
        });
        let ty = ResourceType::host::<K>();
        self.instance
            .resource_boxed(name, ty, move |mut caller, rep| {
                let state = caller.data_mut().wasi().state()?;
                let done = destructor(state, rep);
                state.settle();
                done
            })
    }

    /// A resource whose destructor may have to wait.
    fn resource_waits<K: Kind, F>(&mut self, name: &str, destructor: F) -> Result<()>
    where
        F: for<'s> Fn(&'s mut State, Raw<K::Entry>) -> Waiting<'s, ()> + Send + Sync + 'static,
    {
        let destructor: WaitingWork<u32, ()> =
            Arc::new(move |state, rep| destructor(state, Raw::new_own(rep)));
        let ty = ResourceType::host::<K>();
        match self.mode {
            Mode::Sync => self.instance.resource_boxed(name, ty, move |caller, rep| {
                wait(caller, |state| destructor(state, rep))
            }),
            Mode::Async => self
                .instance
                .resource_async_boxed(name, ty, move |mut caller, rep| {
                    let destructor = destructor.clone();
                    HostFuture::new(async move {
                        let state = caller.data_mut().wasi().state()?;
                        let done = runtime::entered(destructor(state, rep)).await;
                        state.settle();
                        done
                    })
                }),
        }
    }
}

/// Waits on this thread, until the store's guest has to stop.
///
/// The context is taken out of the store's data meanwhile, so that the store
/// can be asked while the future has the context.
fn wait<B: Backend, T: WasiView + 'static, R>(
    mut caller: Caller<'_, B, T>,
    func: impl for<'s> FnOnce(&'s mut State) -> Waiting<'s, R>,
) -> Result<R> {
    let mut state = caller.data_mut().wasi().take()?;
    let result = runtime::block_on(func(&mut state), || {
        B::data(caller.inner_mut()).interrupted()
    });
    state.settle();
    let result = result.map_err(|error| state.explained(error));
    caller.data_mut().wasi().put_back(state);
    result
}
