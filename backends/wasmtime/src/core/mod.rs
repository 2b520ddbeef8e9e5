//! Wasmtime as an engine for core wasm only: components run on it through
//! enginebay's layer. The same machine code under two component runtimes, so
//! that whatever differs between them is the layer's.

mod engine;
mod limits;
mod store;

use enginebay_core::{Config, Result, Support};
use enginebay_layer::{CoreEngine, CoreExtern, CoreType, Data, Layer, SharedFunc, Signature};
use wasmtime::{AsContextMut, StoreContextMut};

pub use engine::Engine;
pub use limits::CoreState;
pub use store::Callee;

/// The backend that runs components on Wasmtime's core wasm, by the layer.
pub type WasmtimeLayered = Layer<WasmtimeCore>;

/// Wasmtime as an engine for core wasm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct WasmtimeCore;

impl CoreEngine for WasmtimeCore {
    const NAME: &'static str = "wasmtime-layered";

    type Engine = engine::Engine;
    type Unit = engine::Engine;
    type Module = wasmtime::Module;
    type Store = wasmtime::Store<CoreState>;
    type Context<'a> = StoreContextMut<'a, CoreState>;
    type Realm = ();
    type Instance = wasmtime::Instance;
    type Func = wasmtime::Func;
    type Callee = Callee;
    type Memory = wasmtime::Memory;
    type Table = wasmtime::Table;
    type Global = wasmtime::Global;
    type Tag = wasmtime::Tag;

    fn support() -> Support {
        engine::support()
    }

    fn new_engine(config: &Config) -> Result<Self::Engine> {
        engine::Engine::new(config)
    }

    fn interrupt(engine: &Self::Engine) {
        engine.inner().increment_epoch();
    }

    fn new_unit(engine: &Self::Engine) -> Result<Self::Unit> {
        Ok(engine.clone())
    }

    fn compile(engine: &Self::Unit, wasm: &[u8]) -> Result<wasmtime::Module> {
        engine.compile(wasm)
    }

    fn serialize(module: &wasmtime::Module) -> Result<Option<Vec<u8>>> {
        engine::serialize(module).map(Some)
    }

    #[allow(unsafe_code, reason = "artifacts are machine code")]
    unsafe fn deserialize(engine: &Self::Unit, bytes: &[u8]) -> Result<wasmtime::Module> {
        // SAFETY: the caller promises that the bytes come from `serialize`.
        unsafe { engine.deserialize(bytes) }
    }

    fn new_store(engine: &Self::Engine, data: Data<Self>) -> Result<Self::Store> {
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

    fn realm(_cx: &mut Self::Context<'_>, _unit: &Self::Unit) -> Result<()> {
        Ok(())
    }

    fn instantiate(
        cx: &mut Self::Context<'_>,
        (): (),
        module: &wasmtime::Module,
        imports: &[CoreExtern<Self>],
    ) -> Result<wasmtime::Instance> {
        store::instantiate(cx, module, imports)
    }

    fn export(
        cx: &mut Self::Context<'_>,
        instance: &wasmtime::Instance,
        name: &str,
    ) -> Option<CoreExtern<Self>> {
        store::export(cx, instance, name)
    }

    fn host_func<F>(cx: &mut Self::Context<'_>, (): (), ty: &Signature, func: F) -> wasmtime::Func
    where
        F: for<'a> Fn(Self::Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
    {
        store::host_func(cx, ty, func)
    }

    fn shared_func<F>(
        cx: &mut Self::Context<'_>,
        (): (),
        ty: &Signature,
        shared: &SharedFunc,
        make: impl FnOnce() -> F,
    ) -> wasmtime::Func
    where
        F: for<'a> Fn(Self::Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
    {
        store::shared_func(cx, ty, shared, make)
    }

    fn callee(cx: &mut Self::Context<'_>, func: &wasmtime::Func, ty: &Signature) -> Result<Callee> {
        store::callee(cx, func, ty)
    }

    #[inline]
    fn call(cx: &mut Self::Context<'_>, callee: &Callee, slots: &mut [u64]) -> Result<()> {
        store::call(cx, callee, slots)
    }

    #[inline]
    fn memory<'a>(cx: &'a mut Self::Context<'_>, memory: &wasmtime::Memory) -> &'a mut [u8] {
        memory.data_mut(cx)
    }

    fn new_global(
        cx: &mut Self::Context<'_>,
        (): (),
        ty: CoreType,
        value: u64,
    ) -> wasmtime::Global {
        store::new_global(cx, ty, value)
    }

    #[inline]
    fn global(cx: &mut Self::Context<'_>, global: &wasmtime::Global) -> u64 {
        store::global(cx, global)
    }

    #[inline]
    fn set_global(cx: &mut Self::Context<'_>, global: &wasmtime::Global, ty: CoreType, value: u64) {
        store::set_global(cx, global, ty, value);
    }
}

#[cfg(test)]
mod tests {
    enginebay_layer::core_engine_tests!(crate::WasmtimeCore);

    #[test]
    fn errors_have_frames() {
        enginebay_layer::check::errors_have_frames::<crate::WasmtimeCore>();
    }
}
