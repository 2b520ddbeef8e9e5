//! The Wasmer backend: components by enginebay's layer, core modules by Wasmer.
//!
//! Wasmer frees compiled code together with the engine that compiled it, so each
//! component gets an engine of its own (27 us). In a store the instances of all
//! components share one set of Wasmer's objects; only lifted values pass from one
//! component to another.
//!
//! Calls do not go through the functions of the `wasmer` crate, which box their
//! values unless a signature is known at compile time, but through what these
//! are made of ([`wasmer::sys::vm`]): one way for all signatures, without
//! allocation.
//!
//! # What is special
//!
//! - Not there: tail calls, 64-bit memories, exceptions (Wasmer has them, but not
//!   safely: a guest could lock up the process), component-model async. With the
//!   Cargo feature `singlepass`, SIMD is missing too.
//! - Errors of host functions come back without frames: what Wasmer puts between
//!   a guest and a host function has no unwind tables.
//! - Each linear memory reserves 4 GiB and 32 MiB of addresses, which spares
//!   bounds checks. A process has room for about 32,000 of them on most 64-bit
//!   systems.
//! - Guests run on stacks of their own, of
//!   [`Config::max_stack`](enginebay_core::Config::max_stack) bytes or more: Wasmer
//!   keeps stacks for later calls of any engine.

#![deny(unsafe_code)]

mod engine;
mod flags;
mod func;
mod hooks;
mod limits;
mod store;
mod trap;

use enginebay_core::{Config, Result, Support};
use enginebay_layer::{CoreEngine, CoreExtern, CoreType, Data, Signature};

pub use engine::{Engine, Module, Unit, support};
pub use func::{Callee, Func};
pub use store::{Context, Global, Instance, Memory, Realm, Store, Table, Tag};
/// Wasmer itself, in the version that the backend is built on.
pub use wasmer;

/// The Wasmer backend.
pub type Wasmer = enginebay_layer::Layer<WasmerCore>;

/// Wasmer as the layer drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WasmerCore;

impl CoreEngine for WasmerCore {
    const NAME: &'static str = "wasmer";

    const HAS_FLAGS: bool = true;

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
    type Tag = Tag;

    fn support() -> Support {
        engine::support()
    }

    fn new_engine(config: &Config) -> Result<Engine> {
        Engine::new(config)
    }

    fn interrupt(engine: &Engine) {
        engine.flags().set();
    }

    fn new_unit(engine: &Engine) -> Result<Unit> {
        Unit::new(engine)
    }

    fn compile(unit: &Unit, wasm: &[u8]) -> Result<Module> {
        Module::compile(unit, wasm)
    }

    fn adopt(unit: &Unit, module: &Module, wasm: &[u8]) -> Result<Module> {
        if module.unit().address() == unit.address() {
            return Ok(module.clone());
        }
        Module::compile(unit, wasm)
    }

    fn serialize(module: &Module) -> Result<Option<Vec<u8>>> {
        module.serialize().map(Some)
    }

    #[allow(unsafe_code, reason = "artifacts are machine code")]
    unsafe fn deserialize(unit: &Unit, bytes: &[u8]) -> Result<Module> {
        // SAFETY: the caller promises that the bytes come from `serialize`.
        unsafe { Module::deserialize(unit, bytes) }
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
        func::host(cx, realm, ty, func)
    }

    fn callee(cx: &mut Context<'_>, func: &Func, ty: &Signature) -> Result<Callee> {
        func::callee(cx, func, ty)
    }

    #[inline]
    fn call(cx: &mut Context<'_>, callee: &Callee, slots: &mut [u64]) -> Result<()> {
        func::call(cx, callee, slots)
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
    fn set_global(cx: &mut Context<'_>, global: &Global, _ty: CoreType, value: u64) {
        cx.set_global(global, value);
    }
}
