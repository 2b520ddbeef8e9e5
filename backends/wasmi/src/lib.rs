//! The wasmi backend: an interpreter, for where no machine code may be made.
//!
//! Nothing here needs a JIT, a signal handler or memory that can be mapped: it
//! runs wherever Rust does.

#![forbid(unsafe_code)]

mod engine;
mod limits;
mod linker;
mod signature;
mod store;
mod trap;

use enginebay_core::{Config, Result, Support};
use enginebay_layer::{CoreEngine, CoreExtern, CoreType, Data, Layer, Signature};
use wasmi::{AsContextMut, StoreContextMut};

pub use engine::{Engine, Module};
pub use limits::State;
pub use signature::Callee;
/// wasmi itself, in the version that the backend is built on.
pub use wasmi;

/// The wasmi backend.
pub type Wasmi = Layer<WasmiCore>;

/// wasmi as an engine for core wasm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct WasmiCore;

impl CoreEngine for WasmiCore {
    const NAME: &'static str = "wasmi";

    // wasmi's handlers are functions that a panic cannot unwind through: the
    // core has to catch those of host functions.
    const RESUMES_HOST_PANICS: bool = false;

    type Engine = Engine;
    type Unit = Engine;
    type Module = Module;
    type Store = wasmi::Store<State>;
    type Context<'a> = StoreContextMut<'a, State>;
    type Realm = ();
    type Instance = wasmi::Instance;
    type Func = wasmi::Func;
    type Callee = Callee;
    type Memory = wasmi::Memory;
    type Table = wasmi::Table;
    type Global = wasmi::Global;
    // There are no exceptions, and so no tags.
    type Tag = std::convert::Infallible;

    fn support() -> Support {
        engine::support()
    }

    fn new_engine(config: &Config) -> Result<Engine> {
        Engine::new(config)
    }

    fn new_unit(engine: &Engine) -> Result<Engine> {
        Ok(engine.clone())
    }

    fn compile(engine: &Engine, wasm: &[u8]) -> Result<Module> {
        engine.compile(wasm)
    }

    fn new_store(engine: &Engine, data: Data<Self>) -> Result<Self::Store> {
        Ok(store::new(engine, data))
    }

    #[inline]
    fn store_data(store: &Self::Store) -> &Data<Self> {
        &store.data().data
    }

    #[inline]
    fn store_data_mut(store: &mut Self::Store) -> &mut Data<Self> {
        &mut store.data_mut().data
    }

    fn into_data(store: Self::Store) -> Data<Self> {
        store.into_data().data
    }

    #[inline]
    fn context(store: &mut Self::Store) -> Self::Context<'_> {
        store.as_context_mut()
    }

    #[inline]
    fn reborrow<'a>(cx: &'a mut Self::Context<'_>) -> Self::Context<'a> {
        cx.as_context_mut()
    }

    #[inline]
    fn data<'a>(cx: &'a Self::Context<'_>) -> &'a Data<Self> {
        &cx.data().data
    }

    #[inline]
    fn data_mut<'a>(cx: &'a mut Self::Context<'_>) -> &'a mut Data<Self> {
        &mut cx.data_mut().data
    }

    fn realm(_cx: &mut Self::Context<'_>, _unit: &Engine) -> Result<()> {
        Ok(())
    }

    fn instantiate(
        cx: &mut Self::Context<'_>,
        (): (),
        module: &Module,
        imports: &[CoreExtern<Self>],
    ) -> Result<wasmi::Instance> {
        store::instantiate(cx, module, imports)
    }

    fn export(
        cx: &mut Self::Context<'_>,
        instance: &wasmi::Instance,
        name: &str,
    ) -> Option<CoreExtern<Self>> {
        store::export(cx, instance, name)
    }

    fn host_func<F>(cx: &mut Self::Context<'_>, (): (), ty: &Signature, func: F) -> wasmi::Func
    where
        F: for<'a> Fn(Self::Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
    {
        linker::host_func(cx, ty, func)
    }

    fn callee(cx: &mut Self::Context<'_>, func: &wasmi::Func, ty: &Signature) -> Result<Callee> {
        store::callee(cx, func, ty)
    }

    #[inline]
    fn call(cx: &mut Self::Context<'_>, callee: &Callee, slots: &mut [u64]) -> Result<()> {
        store::call(cx, callee, slots)
    }

    #[inline]
    fn memory<'a>(cx: &'a mut Self::Context<'_>, memory: &wasmi::Memory) -> &'a mut [u8] {
        memory.data_mut(cx)
    }

    fn new_global(cx: &mut Self::Context<'_>, (): (), ty: CoreType, value: u64) -> wasmi::Global {
        store::new_global(cx, ty, value)
    }

    #[inline]
    fn global(cx: &mut Self::Context<'_>, global: &wasmi::Global) -> u64 {
        store::global(cx, global)
    }

    #[inline]
    fn set_global(cx: &mut Self::Context<'_>, global: &wasmi::Global, ty: CoreType, value: u64) {
        store::set_global(cx, global, ty, value);
    }
}

#[cfg(test)]
mod tests {
    enginebay_layer::core_engine_tests!(crate::WasmiCore);
}
