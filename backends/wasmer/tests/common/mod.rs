//! A store with one component, driven as the layer drives it.

#![allow(dead_code, reason = "each test uses its part of it")]

use enginebay_core::{Config, Error, Features, Limits, Result, StoreData};
use enginebay_layer::{CoreEngine, CoreExtern, CoreType, Data, Signature};
use enginebay_wasmer::WasmerCore as E;

pub(crate) type Store = <E as CoreEngine>::Store;
pub(crate) type Context<'a> = <E as CoreEngine>::Context<'a>;
pub(crate) type Engine = <E as CoreEngine>::Engine;
pub(crate) type Unit = <E as CoreEngine>::Unit;
pub(crate) type Realm = <E as CoreEngine>::Realm;
pub(crate) type Instance = <E as CoreEngine>::Instance;
pub(crate) type Func = <E as CoreEngine>::Func;
pub(crate) type Memory = <E as CoreEngine>::Memory;

/// Our features, as far as the engine has them.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    let features: Features = E::support().features;
    for feature in enginebay_core::Feature::ALL {
        config.feature(*feature, features.contains(*feature));
    }
    config
}

pub(crate) fn engine() -> Engine {
    E::new_engine(&config()).unwrap()
}

pub(crate) fn store(engine: &Engine, limits: Limits) -> Store {
    E::new_store(engine, Data::new(StoreData::detached((), limits))).unwrap()
}

/// One component's modules in a store.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) unit: Unit,
    pub(crate) realm: Realm,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Fixture::limited(Limits::new())
    }

    pub(crate) fn limited(limits: Limits) -> Self {
        Fixture::configured(&config(), limits)
    }

    pub(crate) fn configured(config: &Config, limits: Limits) -> Self {
        let engine = E::new_engine(config).unwrap();
        let unit = E::new_unit(&engine).unwrap();
        let mut store = store(&engine, limits);
        let realm = E::realm(&mut E::context(&mut store), &unit).unwrap();
        Fixture { store, unit, realm }
    }

    pub(crate) fn cx(&mut self) -> Context<'_> {
        E::context(&mut self.store)
    }

    pub(crate) fn instantiate(&mut self, wat: &str, imports: &[CoreExtern<E>]) -> Result<Instance> {
        let module = E::compile(&self.unit, &wat::parse_str(wat).unwrap())?;
        let realm = self.realm;
        E::instantiate(&mut self.cx(), realm, &module, imports)
    }

    pub(crate) fn instance(&mut self, wat: &str) -> Instance {
        self.instantiate(wat, &[]).unwrap()
    }

    pub(crate) fn host(
        &mut self,
        ty: &str,
        func: impl for<'a> Fn(Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
    ) -> Func {
        let realm = self.realm;
        E::host_func(&mut self.cx(), realm, &signature(ty), func)
    }

    pub(crate) fn export(&mut self, instance: &Instance, name: &str) -> CoreExtern<E> {
        E::export(&mut self.cx(), instance, name).unwrap()
    }

    pub(crate) fn memory(&mut self, instance: &Instance, name: &str) -> Memory {
        match self.export(instance, name) {
            CoreExtern::Memory(memory) => memory,
            other => panic!("{other:?}"),
        }
    }

    /// Calls an export of a type like `iI:F`.
    pub(crate) fn call(
        &mut self,
        instance: &Instance,
        name: &str,
        ty: &str,
        args: &[u64],
    ) -> Result<Vec<u64>> {
        call(&mut self.cx(), instance, name, ty, args)
    }

    /// The error of a call without arguments and results.
    pub(crate) fn fails(&mut self, instance: &Instance, name: &str) -> Error {
        self.call(instance, name, ":", &[]).unwrap_err()
    }
}

pub(crate) fn call(
    cx: &mut Context<'_>,
    instance: &Instance,
    name: &str,
    ty: &str,
    args: &[u64],
) -> Result<Vec<u64>> {
    let Some(CoreExtern::Func(func)) = E::export(cx, instance, name) else {
        panic!("no function {name}")
    };
    call_func(cx, &func, ty, args)
}

pub(crate) fn call_func(
    cx: &mut Context<'_>,
    func: &Func,
    ty: &str,
    args: &[u64],
) -> Result<Vec<u64>> {
    let ty = signature(ty);
    let callee = E::callee(cx, func, &ty)?;
    // What was there before must not show in the results.
    let mut slots = vec![u64::MAX; ty.slots()];
    slots[..args.len()].copy_from_slice(args);
    E::call(cx, &callee, &mut slots)?;
    slots.truncate(ty.results.len());
    Ok(slots)
}

/// Parameters, a colon and results: `i` and `I` are integers of 32 and 64 bits,
/// `f` and `F` are floats.
pub(crate) fn signature(text: &str) -> Signature {
    let (params, results) = text.split_once(':').unwrap();
    let all = |text: &str| {
        text.chars()
            .map(|c| match c {
                'i' => CoreType::I32,
                'I' => CoreType::I64,
                'f' => CoreType::F32,
                'F' => CoreType::F64,
                other => panic!("{other}"),
            })
            .collect::<Vec<_>>()
    };
    Signature::new(all(params), all(results))
}
