//! A backend without an engine: its components have fixed exports whose
//! behaviour is their name. It shows that the trait can be implemented by an
//! outsider, and lets the core's policy be tested on its own.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use enginebay_core::abi::{self, FlatWriter, LiftContext, LowerContext, MemoryPlace};
use enginebay_core::{
    Backend, ComponentNamedList, Config, Error, ErrorKind, Extern, ExternType, FuncType,
    HostContext, HostFuture, Lift, Lower, Resource, ResourceAny, ResourceType, Result, StoreData,
    StringEncoding, Support, TrapCode, Type, Val, WasmList,
};

/// The backend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nothing;

/// How often the engine was asked to interrupt its guests.
pub(crate) static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);

type Sync = Arc<dyn for<'a> Fn(HostContext<'a, Nothing>) -> Result<()> + Send + std::marker::Sync>;
type Running<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;
type Async =
    Arc<dyn for<'a> Fn(HostContext<'a, Nothing>) -> Running<'a> + Send + std::marker::Sync>;

#[derive(Clone)]
enum Host {
    Sync(Sync),
    Async(Async),
}

/// Host definitions by path and name.
#[derive(Clone, Default)]
pub(crate) struct Linker(HashMap<String, Host>);

/// A store: the core's data, the fuel, and what its instances import.
pub(crate) struct Store {
    data: StoreData,
    fuel: u64,
    imports: HashMap<String, Host>,
}

/// An exported function: a name, and the instance that it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Func(String);

/// A memory of no bytes.
struct NoMemory;

impl LowerContext for NoMemory {
    fn memory(&mut self) -> &mut [u8] {
        &mut []
    }
    fn string_encoding(&self) -> StringEncoding {
        StringEncoding::Utf8
    }
    fn realloc(&mut self, _: usize, _: usize, _: usize, _: usize) -> Result<usize> {
        Err(Error::trap(TrapCode::PointerOutOfBounds))
    }
    fn lower_own(&mut self, _: &ResourceType, _: u32) -> Result<u32> {
        Err(Error::unsupported("handles"))
    }
    fn lower_borrow(&mut self, _: &ResourceType, _: u32) -> Result<u32> {
        Err(Error::unsupported("handles"))
    }
    fn lower_any(&mut self, _: &Type, _: &ResourceAny) -> Result<u32> {
        Err(Error::unsupported("handles"))
    }
}

impl LiftContext for NoMemory {
    fn memory(&self) -> &[u8] {
        &[]
    }
    fn string_encoding(&self) -> StringEncoding {
        StringEncoding::Utf8
    }
    fn charge(&mut self, _: usize) -> Result<()> {
        Ok(())
    }
    fn place(&self) -> Result<MemoryPlace> {
        Err(Error::unsupported("lists that stay where they are"))
    }
    fn lift_own(&mut self, _: &ResourceType, _: u32) -> Result<u32> {
        Err(Error::unsupported("handles"))
    }
    fn lift_borrow(&mut self, _: &ResourceType, _: u32) -> Result<u32> {
        Err(Error::unsupported("handles"))
    }
    fn lift_any(&mut self, _: &Type, _: u32) -> Result<ResourceAny> {
        Err(Error::unsupported("handles"))
    }
}

fn key(path: &[String], name: &str) -> String {
    let mut key = path.join("/");
    key.push('#');
    key.push_str(name);
    key
}

fn asynchronous(
    func: impl for<'a> Fn(HostContext<'a, Nothing>) -> Running<'a> + Send + std::marker::Sync + 'static,
) -> Host {
    Host::Async(Arc::new(func))
}

/// Lifts a host function's parameters from zeros and lowers its results to
/// nowhere: typed host functions of numbers work.
fn typed<P, R, F>(func: F) -> impl for<'a> Fn(HostContext<'a, Nothing>) -> Result<()>
where
    P: ComponentNamedList + Lift + 'static,
    R: ComponentNamedList + Lower + 'static,
    F: for<'a> Fn(HostContext<'a, Nothing>, P) -> Result<R>,
{
    move |cx| {
        let params = abi::lift_params::<P, _>(&mut NoMemory, &P::component_type(), &[0; 16])?;
        let results = func(cx, params)?;
        let mut slots = [0; 16];
        results.lower_flat(
            &mut NoMemory,
            &R::component_type(),
            &mut FlatWriter::new(&mut slots),
        )
    }
}

impl Store {
    fn host(&mut self, name: &str) -> Result<Host> {
        self.imports
            .get(&key(&[], name))
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::Engine, "no such import"))
    }

    /// What the export of this name does.
    fn run(&mut self, name: &str) -> Result<()> {
        match name {
            "nop" => Ok(()),
            "burn" => match self.fuel.checked_sub(10) {
                Some(left) => {
                    self.fuel = left;
                    Ok(())
                }
                None => {
                    self.fuel = 0;
                    Err(Error::of(ErrorKind::OutOfFuel { consumed: 0 }))
                }
            },
            "unreachable" => Err(Error::trap(TrapCode::Unreachable)),
            "divide" => Err(Error::trap(TrapCode::IntegerDivisionByZero)),
            "grow" => {
                self.data.grow_memory(0, 65536);
                Ok(())
            }
            "grow-then-unreachable" => {
                while self.data.grow_memory(0, 65536) {}
                Err(Error::trap(TrapCode::Unreachable))
            }
            "grow-then-divide" => {
                while self.data.grow_memory(0, 65536) {}
                Err(Error::trap(TrapCode::IntegerDivisionByZero))
            }
            "spin" => loop {
                if let Some(error) = self.data.interrupted() {
                    return Err(error);
                }
                std::thread::yield_now();
            },
            "bad-argument" => Err(Error::new(ErrorKind::TypeMismatch, "no")),
            "refused" => Err(Error::unsupported("no").not_entered()),
            "host" => match self.host("f")? {
                Host::Sync(func) => func(HostContext(self)),
                Host::Async(_) => Err(Error::new(ErrorKind::Engine, "asynchronous import")),
            },
            other => Err(Error::new(
                ErrorKind::Engine,
                format!("unknown behaviour {other}"),
            )),
        }
    }

    async fn run_async(&mut self, name: &str) -> Result<()> {
        if name == "host" {
            return match self.host("f")? {
                Host::Sync(func) => func(HostContext(self)),
                Host::Async(func) => func(HostContext(self)).await,
            };
        }
        self.run(name)
    }
}

/// Results of numbers, all zero.
fn zeros<R: Lift>() -> Result<R> {
    abi::lift_results::<R, _>(&mut NoMemory, &R::component_type(), &[0; 16])
}

impl Backend for Nothing {
    const NAME: &'static str = "nothing";

    type Engine = ();
    type Component = ();
    type Linker = Linker;
    type InstancePre = Linker;
    type Store = Store;
    type Context<'a> = &'a mut Store;
    type Instance = ();
    type Func = Func;
    type TypedFunc = Func;
    type Module = ();

    fn support() -> Support {
        let mut support = Support::new("nothing", "0");
        support.deadline = true;
        support.fuel = true;
        support
    }

    fn new_engine(_: &Config) -> Result<()> {
        Ok(())
    }

    fn interrupt(_: &()) {
        INTERRUPTS.fetch_add(1, Ordering::Relaxed);
    }

    fn compile(_: &(), _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn serialize(_: &()) -> Result<Vec<u8>> {
        Ok(b"nothing".to_vec())
    }

    unsafe fn deserialize(_: &(), _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn imports(_: &()) -> Vec<Extern> {
        Vec::new()
    }

    fn exports(_: &()) -> Vec<Extern> {
        vec![Extern {
            name: "nop".into(),
            ty: ExternType::Func(FuncType::default()),
        }]
    }

    fn new_linker(_: &()) -> Linker {
        Linker::default()
    }

    fn allow_shadowing(_: &mut Linker, _: bool) {}

    fn define_instance(_: &mut Linker, _: &[String]) -> Result<()> {
        Ok(())
    }

    fn func_wrap<P, R, F>(linker: &mut Linker, path: &[String], name: &str, func: F) -> Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + Send + std::marker::Sync + 'static,
        F: for<'a> Fn(HostContext<'a, Self>, P) -> Result<R> + Send + std::marker::Sync + 'static,
    {
        linker.0.insert(
            key(path, name),
            Host::Sync(Arc::new(typed::<P, R, F>(func))),
        );
        Ok(())
    }

    fn func_wrap_async<P, R, F>(
        linker: &mut Linker,
        path: &[String],
        name: &str,
        func: F,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + Send + std::marker::Sync + 'static,
        R: ComponentNamedList + Lower + Send + std::marker::Sync + 'static,
        F: for<'a> Fn(HostContext<'a, Self>, P) -> HostFuture<'a, R>
            + Send
            + std::marker::Sync
            + 'static,
    {
        let func = Arc::new(func);
        let run = asynchronous(move |cx| {
            let func = func.clone();
            Box::pin(async move {
                let ty = P::component_type();
                let params = abi::lift_params::<P, _>(&mut NoMemory, &ty, &[0; 16])?;
                func(cx, params).await.map(drop)
            })
        });
        linker.0.insert(key(path, name), run);
        Ok(())
    }

    fn func_new<F>(linker: &mut Linker, path: &[String], name: &str, func: F) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, &[Val], &mut [Val]) -> Result<()>
            + Send
            + std::marker::Sync
            + 'static,
    {
        let run = move |cx: HostContext<'_, Self>| func(cx, &[], &mut []);
        linker.0.insert(key(path, name), Host::Sync(Arc::new(run)));
        Ok(())
    }

    fn func_new_async<F>(linker: &mut Linker, path: &[String], name: &str, func: F) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, Vec<Val>, usize) -> HostFuture<'a, Vec<Val>>
            + Send
            + std::marker::Sync
            + 'static,
    {
        let func = Arc::new(func);
        let run = asynchronous(move |cx| {
            let func = func.clone();
            Box::pin(async move { func(cx, Vec::new(), 0).await.map(drop) })
        });
        linker.0.insert(key(path, name), run);
        Ok(())
    }

    fn resource<F>(_: &mut Linker, _: &[String], _: &str, _: ResourceType, _: F) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, u32) -> Result<()>
            + Send
            + std::marker::Sync
            + 'static,
    {
        Err(Error::unsupported("resources"))
    }

    fn resource_async<F>(_: &mut Linker, _: &[String], _: &str, _: ResourceType, _: F) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, u32) -> HostFuture<'a, ()>
            + Send
            + std::marker::Sync
            + 'static,
    {
        Err(Error::unsupported("resources"))
    }

    fn module(_: &mut Linker, _: &[String], _: &str, (): &()) -> Result<()> {
        Err(Error::unsupported("core modules"))
    }

    fn instantiate_pre(linker: &Linker, _: &()) -> Result<Linker> {
        Ok(linker.clone())
    }

    fn new_store(_: &(), data: StoreData) -> Result<Store> {
        let fuel = data.limits().fuel.unwrap_or(u64::MAX);
        Ok(Store {
            data,
            fuel,
            imports: HashMap::new(),
        })
    }

    fn store_data(store: &Store) -> &StoreData {
        &store.data
    }

    fn store_data_mut(store: &mut Store) -> &mut StoreData {
        &mut store.data
    }

    fn into_store_data(store: Store) -> StoreData {
        store.data
    }

    fn context(store: &mut Store) -> &mut Store {
        store
    }

    fn reborrow<'a>(cx: &'a mut &mut Store) -> &'a mut Store {
        cx
    }

    fn data<'a>(cx: &'a &mut Store) -> &'a StoreData {
        &cx.data
    }

    fn data_mut<'a>(cx: &'a mut &mut Store) -> &'a mut StoreData {
        &mut cx.data
    }

    fn fuel(cx: &mut &mut Store) -> Option<u64> {
        (cx.data.interruption() == enginebay_core::Interruption::Fuel).then_some(cx.fuel)
    }

    fn set_fuel(cx: &mut &mut Store, fuel: u64) -> Result<()> {
        cx.fuel = fuel;
        Ok(())
    }

    fn instantiate(cx: &mut Store, pre: &Linker) -> Result<()> {
        cx.imports = pre.0.clone();
        if !cx.data.grow_memory(0, 65536) {
            return Err(cx.data.memory_refused());
        }
        if let Ok(Host::Sync(start)) = cx.host("start") {
            start(HostContext(cx))?;
        }
        Ok(())
    }

    async fn instantiate_async<'a>(cx: &'a mut Store, pre: &'a Linker) -> Result<()> {
        Self::instantiate(cx, pre)
    }

    fn get_func(_: &mut &mut Store, _: &(), path: &[&str]) -> Option<Func> {
        (path != ["missing"]).then(|| Func(path.join("#")))
    }

    fn get_resource(_: &mut &mut Store, _: &(), _: &[&str]) -> Option<ResourceType> {
        None
    }

    fn get_module(_: &mut &mut Store, _: &(), _: &[&str]) -> Option<()> {
        None
    }

    fn func_type(_: &&mut Store, _: &Func) -> FuncType {
        FuncType::default()
    }

    fn typed<P, R>(_: &&mut Store, func: &Func) -> Result<Func>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        Ok(func.clone())
    }

    unsafe fn call_typed<P, R>(cx: &mut Store, func: &Func, _: P) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        cx.run(&func.0)?;
        zeros()
    }

    async unsafe fn call_typed_async<'a, P, R>(cx: &'a mut Store, func: &'a Func, _: P) -> Result<R>
    where
        P: ComponentNamedList + Lower + Send + std::marker::Sync + 'a,
        R: ComponentNamedList + Lift + Send + std::marker::Sync + 'static,
    {
        cx.run_async(&func.0).await?;
        zeros()
    }

    fn call(cx: &mut Store, func: &Func, _: &[Val], results: &mut Vec<Val>) -> Result<()> {
        results.clear();
        cx.run(&func.0)
    }

    async fn call_async<'a>(
        cx: &'a mut Store,
        func: &'a Func,
        _: &'a [Val],
        results: &'a mut Vec<Val>,
    ) -> Result<()> {
        results.clear();
        cx.run_async(&func.0).await
    }

    fn list_bytes<'a, T: Lift>(_: &'a mut &mut Store, _: &WasmList<T>) -> Result<&'a [u8]> {
        Err(Error::unsupported("lists"))
    }

    fn list_get<T: Lift>(_: &mut &mut Store, _: &WasmList<T>, _: usize) -> Result<T> {
        Err(Error::unsupported("lists"))
    }

    fn list_iter<'a, 'c: 'a, T: Lift + 'a>(
        _: &'a mut &'c mut Store,
        _: &'a WasmList<T>,
    ) -> Result<impl Iterator<Item = Result<T>> + 'a> {
        Err::<std::iter::Empty<_>, _>(Error::unsupported("lists"))
    }

    fn resource_drop(_: &mut Store, _: ResourceAny) -> Result<()> {
        Ok(())
    }

    async fn resource_drop_async<'a>(_: &'a mut Store, _: &'a ResourceAny) -> Result<()> {
        Ok(())
    }

    fn resource_end(_: &mut Store, _: &(), _: ResourceType, _: u32) -> Result<()> {
        Ok(())
    }

    async fn resource_end_async<'a>(
        _: &'a mut Store,
        _: &'a (),
        _: ResourceType,
        _: u32,
    ) -> Result<()> {
        Ok(())
    }

    fn resource_to_any<T: 'static>(_: &mut &mut Store, _: Resource<T>) -> Result<ResourceAny> {
        Err(Error::unsupported("resources"))
    }

    fn resource_from_any<T: 'static>(_: &mut &mut Store, _: ResourceAny) -> Result<Resource<T>> {
        Err(Error::unsupported("resources"))
    }
}
