//! The wasmi backend: an interpreter, for where no machine code may be made.
//!
//! Nothing here needs a JIT, a signal handler or memory that can be mapped: it
//! runs wherever Rust does.
//!
//! wasmi frees a module's functions together with the engine that they were
//! compiled in, so each component gets an engine of its own (4 KiB, and as much
//! again for its stack once it has run), and a store has a wasmi store for each
//! component that is used in it. Only lifted values pass from one component to
//! another.

#![deny(unsafe_code)]

mod engine;
mod growth;
mod initial;
mod large;
mod limits;
mod linker;
mod sections;
mod select;
mod signature;
mod start;
mod store;
mod trap;
mod unroll;

use enginebay_core::{Config, Result, Support};
use enginebay_layer::{CoreEngine, CoreExtern, CoreType, Data, Layer, Signature};

pub use engine::{Engine, Module, Unit};
pub use store::{Callee, Context, Func, Global, Instance, Memory, Realm, Store, Table};
/// wasmi itself, in the version that the backend is built on.
pub use wasmi;

/// The wasmi backend.
pub type Wasmi = Layer<WasmiCore>;

/// wasmi as an engine for core wasm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct WasmiCore;

impl CoreEngine for WasmiCore {
    const NAME: &'static str = "wasmi";

    type Engine = Engine;
    type Unit = Unit;
    type Module = Module;
    type Store = Store;
    type Context<'a> = Context<'a>;
    type Realm = Realm;
    type Instance = Instance;
    type Func = Func;
    type Callee = Callee;
    type Memory = Memory;
    type Table = Table;
    type Global = Global;
    // There are no exceptions, and so no tags.
    type Tag = std::convert::Infallible;

    fn support() -> Support {
        engine::support()
    }

    fn new_engine(config: &Config) -> Result<Engine> {
        Engine::new(config)
    }

    fn new_unit(engine: &Engine) -> Result<Unit> {
        Ok(Unit::new(engine))
    }

    fn compile(unit: &Unit, wasm: &[u8]) -> Result<Module> {
        unit.compile(wasm)
    }

    fn adopt(unit: &Unit, module: &Module, wasm: &[u8]) -> Result<Module> {
        if unit.owns(module) {
            return Ok(module.clone());
        }
        unit.compile(wasm)
    }

    fn new_store(engine: &Engine, data: Data<Self>) -> Result<Store> {
        Ok(Store::new(engine, data))
    }

    #[inline]
    fn store_data(store: &Store) -> &Data<Self> {
        store.data()
    }

    #[inline]
    fn store_data_mut(store: &mut Store) -> &mut Data<Self> {
        store.data_mut()
    }

    fn into_data(store: Store) -> Data<Self> {
        store.into_data()
    }

    #[inline]
    fn context(store: &mut Store) -> Context<'_> {
        store.context()
    }

    #[inline]
    fn reborrow<'a>(cx: &'a mut Context<'_>) -> Context<'a> {
        cx.reborrow()
    }

    #[inline]
    fn data<'a>(cx: &'a Context<'_>) -> &'a Data<Self> {
        cx.data()
    }

    #[inline]
    fn data_mut<'a>(cx: &'a mut Context<'_>) -> &'a mut Data<Self> {
        cx.data_mut()
    }

    fn realm(cx: &mut Context<'_>, unit: &Unit) -> Result<Realm> {
        Ok(cx.realm(unit))
    }

    fn instantiate(
        cx: &mut Context<'_>,
        realm: Realm,
        module: &Module,
        imports: &[CoreExtern<Self>],
    ) -> Result<Instance> {
        cx.instantiate(realm, module, imports)
    }

    fn export(cx: &mut Context<'_>, instance: &Instance, name: &str) -> Option<CoreExtern<Self>> {
        cx.export(instance, name)
    }

    fn host_func<F>(cx: &mut Context<'_>, realm: Realm, ty: &Signature, func: F) -> Func
    where
        F: for<'a> Fn(Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
    {
        cx.host_func(realm, ty, func)
    }

    fn callee(cx: &mut Context<'_>, func: &Func, ty: &Signature) -> Result<Callee> {
        cx.callee(func, ty)
    }

    #[inline]
    fn call(cx: &mut Context<'_>, callee: &Callee, slots: &mut [u64]) -> Result<()> {
        cx.call(callee, slots)
    }

    #[inline]
    fn memory<'a>(cx: &'a mut Context<'_>, memory: &Memory) -> &'a mut [u8] {
        cx.memory(memory)
    }

    fn new_global(cx: &mut Context<'_>, realm: Realm, ty: CoreType, value: u64) -> Global {
        cx.new_global(realm, ty, value)
    }

    #[inline]
    fn global(cx: &mut Context<'_>, global: &Global) -> u64 {
        cx.global(global)
    }

    #[inline]
    fn set_global(cx: &mut Context<'_>, global: &Global, ty: CoreType, value: u64) {
        cx.set_global(global, ty, value);
    }
}

#[cfg(test)]
mod tests {
    use enginebay_core::{Config, ErrorKind, Interruption, Limits, StoreData};
    use enginebay_layer::{CoreEngine, CoreExtern, Data};

    use crate::WasmiCore;

    enginebay_layer::core_engine_tests!(crate::WasmiCore);

    /// Exports a function.
    const EXPORTS: &[u8] = b"\0asm\x01\0\0\0\
        \x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x05\x01\x01f\0\0\x0a\x04\x01\x02\0\x0b";

    /// Imports a function.
    const IMPORTS: &[u8] = b"\0asm\x01\0\0\0\
        \x01\x04\x01\x60\0\0\x02\x06\x01\0\x01f\0\0";

    fn engine() -> crate::Engine {
        let mut config = Config::new();
        config.interruption(Interruption::None);
        WasmiCore::new_engine(&config).unwrap()
    }

    fn store(engine: &crate::Engine) -> crate::Store {
        let limits = Limits::for_interruption(Interruption::None);
        WasmiCore::new_store(engine, Data::new(StoreData::detached((), limits))).unwrap()
    }

    #[test]
    fn what_a_component_was_compiled_to_goes_with_it() {
        let engine = engine();
        let unit = WasmiCore::new_unit(&engine).unwrap();
        let module = WasmiCore::compile(&unit, EXPORTS).unwrap();
        let code = unit.engine().weak();
        let mut store = store(&engine);
        let mut cx = WasmiCore::context(&mut store);
        let realm = WasmiCore::realm(&mut cx, &unit).unwrap();
        WasmiCore::instantiate(&mut cx, realm, &module, &[]).unwrap();
        drop((unit, module));
        assert!(code.upgrade().is_some(), "the store needs it");
        drop(store);
        assert!(code.upgrade().is_none(), "the engine still has it");
    }

    #[test]
    fn a_module_of_another_component_is_compiled_once_more() {
        let engine = engine();
        let [own, other] = [(); 2].map(|()| WasmiCore::new_unit(&engine).unwrap());
        let module = WasmiCore::compile(&other, EXPORTS).unwrap();
        assert!(other.owns(&WasmiCore::adopt(&other, &module, &[]).unwrap()));
        let adopted = WasmiCore::adopt(&own, &module, EXPORTS).unwrap();
        assert!(own.owns(&adopted));

        let mut store = store(&engine);
        let mut cx = WasmiCore::context(&mut store);
        let [first, second] = [&own, &other].map(|unit| WasmiCore::realm(&mut cx, unit).unwrap());
        let error = WasmiCore::instantiate(&mut cx, first, &module, &[]).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Engine);
        let instance = WasmiCore::instantiate(&mut cx, first, &adopted, &[]).unwrap();

        // What one component has is no import of another.
        let func = WasmiCore::export(&mut cx, &instance, "f").unwrap();
        assert!(matches!(func, CoreExtern::Func(_)));
        let importer = WasmiCore::compile(&other, IMPORTS).unwrap();
        let error = WasmiCore::instantiate(&mut cx, second, &importer, &[func]).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Engine);
        assert_eq!(
            WasmiCore::realm(&mut cx, &other).unwrap(),
            second,
            "a component has one place in a store"
        );
    }
}
