//! Host functions and host resources on every backend: typed and dynamic,
//! synchronous and asynchronous, their errors and panics, guards, and links
//! that do not fit.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{API, GREET, GREET_HOST, block_on, engine, on_each_backend};
use enginebay::generic::{Caller, Component, Instance, Linker, Store, TypedFunc};
use enginebay::{
    AsContextMut, Backend, ComponentType, Config, Error, ErrorKind, Feature, HostCall, HostFuture,
    Interruption, Lift, Limits, Lower, Resource, ResourceAny, ResourceType, TrapCode, Val,
};

on_each_backend! {
    typed_host_functions_get_arguments_and_the_stores_data
    dynamic_host_functions_get_values
    imports_are_found_by_compatible_version
    missing_imports_are_named
    imports_of_another_type_are_named
    a_name_is_defined_once_unless_shadowing_is_allowed
    a_host_error_comes_back_by_downcast
    a_host_panic_resumes_in_the_caller
    a_panic_of_a_value_that_is_dropped_resumes_in_the_caller
    the_guard_sees_interface_and_function
    a_host_function_calls_another_instance
    an_instance_on_the_stack_cannot_be_entered
    guest_resources_cross_both_ways
    dropped_guest_resources_are_gone
    host_resources_are_passed_lent_and_destroyed
    async_host_functions_suspend_the_guest
    dynamic_async_host_functions_work
    an_async_linker_needs_an_async_store
    a_deadline_cuts_an_async_host_function
    dropping_an_async_call_poisons
    leaking_an_async_call_poisons
    leaking_an_async_call_in_a_host_function_poisons
    a_component_that_may_suspend_needs_an_async_store
    nested_instances_are_imported
    asynchronous_destructors_run
    the_guard_sees_destructors
    an_instance_whose_destructor_runs_cannot_be_entered
    a_resource_of_an_instance_on_the_stack_is_not_dropped
    an_async_host_error_comes_back_with_its_place
    an_async_host_panic_resumes_in_the_caller
}

#[derive(Clone, Copy, Debug, PartialEq, ComponentType, Lower, Lift)]
#[component(enum)]
enum Level {
    Debug,
    Info,
    Warn,
}

const HOST: &str = "example:greet/host@0.1.0";

type Log = Vec<(Level, String)>;

fn logging<B: Backend>(interface: &str) -> Linker<B, Log> {
    let mut linker = Linker::new(&engine::<B>(Interruption::None));
    linker
        .instance(interface)
        .unwrap()
        .func_wrap(
            "log",
            |mut caller: Caller<'_, B, Log>, entry: (Level, String)| {
                caller.data_mut().push(entry);
                Ok(())
            },
        )
        .unwrap();
    linker
}

fn greet<B: Backend, T: Send + 'static>(
    linker: &Linker<B, T>,
    store: &mut Store<B, T>,
) -> TypedFunc<B, (&'static str,), (String,)> {
    let component = Component::new(linker.engine(), GREET_HOST).unwrap();
    let instance = linker.instantiate(&mut *store, &component).unwrap();
    instance.get_typed_func(store, "greet-logged").unwrap()
}

fn typed_host_functions_get_arguments_and_the_stores_data<B: Backend>() {
    let linker = logging::<B>(HOST);
    let mut store = Store::new(linker.engine(), Vec::new()).unwrap();
    let greet = greet(&linker, &mut store);
    assert_eq!(greet.call(&mut store, ("Ada",)).unwrap().0, "Hello, Ada!");
    assert_eq!(*store.data(), [(Level::Info, "greeting Ada".to_owned())]);
    assert_eq!(store.usage().host_calls, 1);
}

fn dynamic_host_functions_get_values<B: Backend>() {
    let mut linker = Linker::<B, Vec<Val>>::new(&engine::<B>(Interruption::None));
    linker
        .instance(HOST)
        .unwrap()
        .func_new("log", |mut caller, params, results| {
            assert!(results.is_empty());
            caller.data_mut().extend_from_slice(params);
            Ok(())
        })
        .unwrap();
    let mut store = Store::new(linker.engine(), Vec::new()).unwrap();
    greet(&linker, &mut store)
        .call(&mut store, ("Bo",))
        .unwrap();
    assert_eq!(
        *store.data(),
        [Val::Enum("info".into()), Val::String("greeting Bo".into())]
    );
}

fn imports_are_found_by_compatible_version<B: Backend>() {
    let engine = engine::<B>(Interruption::None);
    let component = Component::new(&engine, GREET_HOST).unwrap();
    let links = |version: &str| {
        let mut linker = Linker::<B, ()>::new(&engine);
        linker
            .instance(&format!("example:greet/host@{version}"))
            .unwrap()
            .func_wrap("log", |_, _: (Level, String)| Ok(()))
            .unwrap();
        linker.instantiate_pre(&component).is_ok()
    };
    assert!(links("0.1.0"));
    assert!(links("0.1.3"));
    assert!(!links("0.2.0"));
    assert!(!links("1.1.0"));
}

fn link_error<B: Backend>(define: impl FnOnce(&mut Linker<B, ()>)) -> Error {
    let engine = engine::<B>(Interruption::None);
    let component = Component::new(&engine, GREET_HOST).unwrap();
    let mut linker = Linker::<B, ()>::new(&engine);
    define(&mut linker);
    let error = linker.instantiate_pre(&component).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Link);
    error
}

fn missing_imports_are_named<B: Backend>() {
    let error = link_error::<B>(|_| {});
    assert!(error.to_string().contains(HOST), "{error}");
    let error = link_error::<B>(|linker| drop(linker.instance(HOST).unwrap()));
    assert!(error.to_string().contains("log"), "{error}");
}

fn imports_of_another_type_are_named<B: Backend>() {
    let error = link_error::<B>(|linker| {
        let mut host = linker.instance(HOST).unwrap();
        host.func_wrap("log", |_, _: (u32, String)| Ok(())).unwrap();
    });
    assert!(error.to_string().contains(HOST), "{error}");
    assert!(error.to_string().contains("log"), "{error}");
}

fn a_name_is_defined_once_unless_shadowing_is_allowed<B: Backend>() {
    let mut linker = Linker::<B, ()>::new(&engine::<B>(Interruption::None));
    let define = |linker: &mut Linker<B, ()>| linker.root().func_wrap("f", |_, ()| Ok(()));
    define(&mut linker).unwrap();
    assert_eq!(*define(&mut linker).unwrap_err().kind(), ErrorKind::Link);
    linker.allow_shadowing(true);
    define(&mut linker).unwrap();
}

/// Calls its import `f` from its export `run`.
const CALL_F: &str = r#"(component
    (import "f" (func $f))
    (core func $f (canon lower (func $f)))
    (core module $m
        (import "" "f" (func $f))
        (func (export "run") (call $f)))
    (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
    (func (export "run") (canon lift (core func $i "run"))))"#;

type Run<B> = TypedFunc<B, (), ()>;

fn run_of<B: Backend, T: Send + 'static>(
    instance: &Instance<B>,
    store: &mut Store<B, T>,
) -> Run<B> {
    instance.get_typed_func(store, "run").unwrap()
}

fn with_f<B: Backend, T: Send + 'static>(
    data: T,
    f: impl Fn(Caller<'_, B, T>) -> Result<(), Error> + Send + Sync + 'static,
) -> (Linker<B, T>, Store<B, T>, Run<B>) {
    let mut linker = Linker::<B, T>::new(&engine::<B>(Interruption::None));
    linker
        .root()
        .func_wrap("f", move |caller, ()| f(caller))
        .unwrap();
    let mut store = Store::new(linker.engine(), data).unwrap();
    let component = Component::new(linker.engine(), CALL_F).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = run_of(&instance, &mut store);
    (linker, store, run)
}

fn a_host_error_comes_back_by_downcast<B: Backend>() {
    let (_, mut store, run) = with_f::<B, _>((), |_| Err(Error::host(std::fmt::Error)));
    let error = run.call(&mut store, ()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Host);
    assert!(
        error.downcast_ref::<std::fmt::Error>().is_some(),
        "{error:?}"
    );
    assert_eq!(error.context_value("function"), Some("f"));
    let on_the_stack = error.frames().iter();
    assert!(on_the_stack.clone().all(|frame| frame.function_index == 1));
    assert!(!B::support().native || on_the_stack.count() > 0);
    assert_eq!(store.poisoned(), Some(&ErrorKind::Host));
}

fn a_host_panic_resumes_in_the_caller<B: Backend>() {
    let (linker, mut store, run) = with_f::<B, _>((), |_| std::panic::panic_any(7_u8));
    let panic = catch_unwind(AssertUnwindSafe(|| run.call(&mut store, ()))).unwrap_err();
    assert_eq!(panic.downcast_ref::<u8>(), Some(&7));
    assert_eq!(store.poisoned(), Some(&ErrorKind::HostPanic));
    Store::<B, ()>::new(linker.engine(), ()).unwrap();
}

/// Panics when it is dropped, which may be behind a host function's end or, if
/// what comes after it is malformed, before its beginning.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Fragile {
    n: u32,
}

impl Drop for Fragile {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::panic::panic_any(self.n);
        }
    }
}

fn a_panic_of_a_value_that_is_dropped_resumes_in_the_caller<B: Backend>() {
    const TEXT: &str = r#"(component
        (type $fragile (record (field "n" u32)))
        (import "fragile" (type $f (eq $fragile)))
        (import "give" (func $give (result $f)))
        (import "take" (func $take (param "f" $f) (param "c" char)))
        (core func $give (canon lower (func $give)))
        (core func $take (canon lower (func $take)))
        (core module $m
            (import "" "give" (func $give (result i32)))
            (import "" "take" (func $take (param i32 i32)))
            (func (export "call-give") (drop (call $give)))
            (func (export "call-take") (call $take (i32.const 7) (i32.const 0x110000))))
        (core instance $i (instantiate $m (with "" (instance
            (export "give" (func $give))
            (export "take" (func $take))))))
        (func (export "call-give") (canon lift (core func $i "call-give")))
        (func (export "call-take") (canon lift (core func $i "call-take"))))"#;
    let engine = engine::<B>(Interruption::None);
    let component = Component::new(&engine, TEXT).unwrap();
    let mut linker = Linker::<B, ()>::new(&engine);
    let mut root = linker.root();
    root.func_wrap("give", |_, ()| Ok((Fragile { n: 7 },)))
        .unwrap();
    root.func_wrap("take", |_, (_, _): (Fragile, char)| Ok(()))
        .unwrap();
    for name in ["call-give", "call-take"] {
        let mut store = Store::new(&engine, ()).unwrap();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let call: Run<B> = instance.get_typed_func(&mut store, name).unwrap();
        let panic = catch_unwind(AssertUnwindSafe(|| call.call(&mut store, ()))).unwrap_err();
        assert_eq!(panic.downcast_ref::<u32>(), Some(&7), "{name}");
        assert_eq!(store.poisoned(), Some(&ErrorKind::HostPanic), "{name}");
    }
}

fn the_guard_sees_interface_and_function<B: Backend>() {
    let linker = logging::<B>(HOST);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let guard = {
        let seen = seen.clone();
        move |call: &HostCall<'_>| {
            seen.lock()
                .unwrap()
                .push(format!("{}#{}", call.interface, call.function));
            Err(Error::new(ErrorKind::Denied, "nothing is allowed"))
        }
    };
    let mut store = Store::<B, Log>::builder(linker.engine())
        .guard(guard)
        .build(vec![])
        .unwrap();
    let error = greet(&linker, &mut store)
        .call(&mut store, ("Ada",))
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Denied);
    assert!(store.data().is_empty(), "the function did not run");
    assert_eq!(*seen.lock().unwrap(), [format!("{HOST}#log")]);
}

fn a_host_function_calls_another_instance<B: Backend>() {
    let (linker, mut store, run) =
        with_f::<B, Vec<Run<B>>>(vec![], |mut caller| match caller.data_mut().pop() {
            Some(next) => next.call(&mut caller, ()),
            None => Ok(()),
        });
    let component = Component::new(linker.engine(), CALL_F).unwrap();
    for _ in 0..3 {
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let run = run_of(&instance, &mut store);
        store.data_mut().push(run);
    }
    run.call(&mut store, ()).unwrap();
    assert_eq!(store.last_call_usage().host_calls, 4);
}

fn an_instance_on_the_stack_cannot_be_entered<B: Backend>() {
    let (_, mut store, run) = with_f::<B, Option<Run<B>>>(None, |mut caller| {
        let again = caller.data().clone().unwrap();
        again.call(&mut caller, ())
    });
    *store.data_mut() = Some(run.clone());
    let error = run.call(&mut store, ()).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::CannotEnterComponent));
}

struct Counter<B: Backend> {
    instance: Instance<B>,
    store: Store<B, ()>,
}

impl<B: Backend> Counter<B> {
    fn new() -> Self {
        let engine = engine::<B>(Interruption::None);
        let component = Component::new(&engine, GREET).unwrap();
        let mut store = Store::new(&engine, ()).unwrap();
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &component)
            .unwrap();
        Counter { instance, store }
    }

    fn call<P, R>(&mut self, name: &str, params: P) -> Result<R, Error>
    where
        P: enginebay::ComponentNamedList + Lower,
        (R,): enginebay::ComponentNamedList + Lift,
    {
        let name = format!("{API}#{name}");
        let func = self
            .instance
            .get_typed_func::<P, (R,)>(&mut self.store, &name)?;
        Ok(func.call(&mut self.store, params)?.0)
    }
}

fn guest_resources_cross_both_ways<B: Backend>() {
    let mut c = Counter::<B>::new();
    let a: ResourceAny = c.call("[constructor]counter", (5_u32,)).unwrap();
    let b: ResourceAny = c.call("[constructor]counter", (7_u32,)).unwrap();
    assert!(a.owned());
    let name = format!("{API}#counter");
    assert_eq!(
        a.ty(),
        c.instance.get_resource(&mut c.store, &name).unwrap()
    );
    assert_eq!(
        c.call::<_, u32>("[method]counter.increment", (a, 3_u32))
            .unwrap(),
        8
    );
    assert_eq!(c.call::<_, u32>("[method]counter.value", (a,)).unwrap(), 8);
    assert_eq!(c.call::<_, u32>("[static]counter.sum", (a, b)).unwrap(), 15);
    // The dynamic form takes the same handles.
    let name = format!("{API}#[method]counter.value");
    let value = c.instance.get_func(&mut c.store, &name).unwrap();
    assert_eq!(
        value.call(&mut c.store, &[Val::Resource(b)]).unwrap(),
        [Val::U32(7)]
    );
    assert_eq!(
        c.call::<_, u32>("[static]counter.into-value", (a,))
            .unwrap(),
        8
    );
    b.resource_drop(&mut c.store).unwrap();
}

fn dropped_guest_resources_are_gone<B: Backend>() {
    let mut c = Counter::<B>::new();
    let a: ResourceAny = c.call("[constructor]counter", (5_u32,)).unwrap();
    a.resource_drop(&mut c.store).unwrap();
    // To drop it again is refused before anything runs.
    let error = a.resource_drop(&mut c.store).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::TypeMismatch, "{error}");
    let b: ResourceAny = c.call("[constructor]counter", (1_u32,)).unwrap();
    b.resource_drop(&mut c.store).unwrap();
    // To pass it is found out in the middle of a call.
    let error = c.call::<_, u32>("[method]counter.value", (b,)).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::UnknownHandle), "{error}");
    assert!(c.store.poisoned().is_some());
}

/// Makes, lends, passes on and drops a resource that the host defines.
const FILES: &str = r#"(component
    (import "test:host/files@1.0.0" (instance $files
        (export "file" (type $file (sub resource)))
        (export "open" (func (param "id" u32) (result (own $file))))
        (export "size" (func (param "f" (borrow $file)) (result u32)))))
    (alias export $files "file" (type $file))
    (core func $open (canon lower (func $files "open")))
    (core func $size (canon lower (func $files "size")))
    (core func $drop (canon resource.drop $file))
    (core module $m
        (import "" "open" (func $open (param i32) (result i32)))
        (import "" "size" (func $size (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "once") (param i32) (result i32)
            (local $f i32)
            (local.set $f (call $open (local.get 0)))
            (call $size (local.get $f))
            (call $drop (local.get $f)))
        (func (export "take") (param i32) (result i32)
            (call $size (local.get 0))
            (call $drop (local.get 0)))
        (func (export "look") (param i32) (result i32)
            (call $size (local.get 0))
            (call $drop (local.get 0)))
        (func (export "give") (param i32) (result i32) (call $open (local.get 0)))
        (func (export "keep") (param i32)))
    (core instance $i (instantiate $m (with "" (instance
        (export "open" (func $open)) (export "size" (func $size)) (export "drop" (func $drop))))))
    (func (export "once") (param "id" u32) (result u32) (canon lift (core func $i "once")))
    (func (export "take") (param "f" (own $file)) (result u32) (canon lift (core func $i "take")))
    (func (export "look") (param "f" (borrow $file)) (result u32)
        (canon lift (core func $i "look")))
    (func (export "give") (param "id" u32) (result (own $file)) (canon lift (core func $i "give")))
    (func (export "keep") (param "f" (borrow $file)) (canon lift (core func $i "keep"))))"#;

struct File;

/// The ids of files that were destroyed.
type Closed = Vec<u32>;

fn files_linker<B: Backend>() -> Linker<B, Closed> {
    let mut linker = Linker::<B, Closed>::new(&engine::<B>(Interruption::None));
    let mut files = linker.instance("test:host/files@1.0.0").unwrap();
    files
        .resource("file", ResourceType::host::<File>(), |mut caller, rep| {
            caller.data_mut().push(rep);
            Ok(())
        })
        .unwrap();
    files
        .func_wrap("open", |_, (id,): (u32,)| {
            Ok((Resource::<File>::new_own(id),))
        })
        .unwrap();
    files
        .func_wrap("size", |_, (file,): (Resource<File>,)| {
            assert!(!file.owned());
            Ok((file.rep() * 100,))
        })
        .unwrap();
    linker
}

fn files<B: Backend>() -> (Store<B, Closed>, Instance<B>) {
    let linker = files_linker::<B>();
    let component = Component::new(linker.engine(), FILES).unwrap();
    let mut store = Store::new(linker.engine(), vec![]).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    (store, instance)
}

fn host_resources_are_passed_lent_and_destroyed<B: Backend>() {
    let (mut store, instance) = files::<B>();
    let once = instance
        .get_typed_func::<(u32,), (u32,)>(&mut store, "once")
        .unwrap();
    assert_eq!(once.call(&mut store, (3,)).unwrap(), (300,));
    assert_eq!(*store.data(), [3], "the guest dropped it");

    let take = instance
        .get_typed_func::<(&Resource<File>,), (u32,)>(&mut store, "take")
        .unwrap();
    let file = Resource::new_own(4);
    assert_eq!(take.call(&mut store, (&file,)).unwrap(), (400,));
    assert_eq!(*store.data(), [3, 4]);

    let look = instance
        .get_typed_func::<(Resource<File>,), (u32,)>(&mut store, "look")
        .unwrap();
    assert_eq!(
        look.call(&mut store, (Resource::new_borrow(5),)).unwrap(),
        (500,)
    );
    assert_eq!(*store.data(), [3, 4], "a borrow destroys nothing");

    let give = instance
        .get_typed_func::<(u32,), (Resource<File>,)>(&mut store, "give")
        .unwrap();
    let (file,) = give.call(&mut store, (6,)).unwrap();
    assert_eq!((file.rep(), file.owned()), (6, true));
    let any = ResourceAny::from_resource(file, &mut store).unwrap();
    let look = instance.get_func(&mut store, "look").unwrap();
    assert_eq!(
        look.call(&mut store, &[Val::Resource(any)]).unwrap(),
        [Val::U32(600)]
    );
    let file = any.into_resource::<File, _>(&mut store).unwrap();
    assert_eq!(file.rep(), 6);

    let keep = instance
        .get_typed_func::<(Resource<File>,), ()>(&mut store, "keep")
        .unwrap();
    let error = keep
        .call(&mut store, (Resource::new_borrow(7),))
        .unwrap_err();
    assert_eq!(
        error.trap_code(),
        Some(TrapCode::BorrowStillHeld),
        "{error}"
    );
}

/// Ready when it has been polled twice.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await
}

fn with_async_f<B: Backend>(
    interruption: Interruption,
    limits: impl FnOnce(Limits) -> Limits,
    define: impl FnOnce(&mut Linker<B, u32>),
) -> (Linker<B, u32>, Store<B, u32>, Run<B>) {
    let mut linker = Linker::<B, u32>::new(&engine::<B>(interruption));
    define(&mut linker);
    let limits = limits(linker.engine().default_limits());
    let builder = Store::<B, u32>::builder(linker.engine()).limits(limits);
    let mut store = builder.build_async(0).unwrap();
    let component = Component::new(linker.engine(), CALL_F).unwrap();
    let instance = block_on(linker.instantiate_async(&mut store, &component)).unwrap();
    let run = run_of(&instance, &mut store);
    (linker, store, run)
}

fn counting<B: Backend>(linker: &mut Linker<B, u32>) {
    linker
        .root()
        .func_wrap_async("f", |mut caller, ()| {
            HostFuture::new(async move {
                yield_once().await;
                *caller.data_mut() += 1;
                Ok(())
            })
        })
        .unwrap();
}

fn async_host_functions_suspend_the_guest<B: Backend>() {
    let (_, mut store, run) = with_async_f(Interruption::None, |limits| limits, counting::<B>);
    block_on(async {
        run.call_async(&mut store, ()).await.unwrap();
        assert_eq!(*store.data(), 1);
        run.call_async(store.as_context_mut(), ()).await.unwrap();
        assert_eq!(*store.data(), 2);
    });
    fn is_send<F: Send>(future: F) -> F {
        future
    }
    block_on(is_send(run.call_async(&mut store, ()))).unwrap();
}

fn dynamic_async_host_functions_work<B: Backend>() {
    let define = |linker: &mut Linker<B, u32>| {
        linker
            .root()
            .func_new_async("f", |mut caller, params, results| {
                HostFuture::new(async move {
                    yield_once().await;
                    assert_eq!((params.len(), results), (0, 0));
                    *caller.data_mut() += 1;
                    Ok(vec![])
                })
            })
            .unwrap();
    };
    let (_, mut store, run) = with_async_f(Interruption::None, |limits| limits, define);
    block_on(run.call_async(&mut store, ())).unwrap();
    assert_eq!(*store.data(), 1);
}

fn an_async_linker_needs_an_async_store<B: Backend>() {
    let mut linker = Linker::<B, u32>::new(&engine::<B>(Interruption::None));
    counting(&mut linker);
    let component = Component::new(linker.engine(), CALL_F).unwrap();
    let mut store = Store::new(linker.engine(), 0).unwrap();
    let error = linker.instantiate(&mut store, &component).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::WrongMode);
}

fn pending<B: Backend>(linker: &mut Linker<B, u32>) {
    linker
        .root()
        .func_wrap_async("f", |_, ()| {
            HostFuture::new(std::future::pending::<Result<(), Error>>())
        })
        .unwrap();
}

fn a_deadline_cuts_an_async_host_function<B: Backend>() {
    if !common::stops::<B>() {
        return;
    }
    let limits = |limits: Limits| limits.deadline(Duration::from_millis(30));
    let (_, mut store, run) = with_async_f(Interruption::Deadline, limits, pending::<B>);
    let error = block_on(run.call_async(&mut store, ())).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::DeadlineExceeded { .. }),
        "{error}"
    );
}

fn dropping_an_async_call_poisons<B: Backend>() {
    let (linker, mut store, run) = with_async_f(Interruption::None, |limits| limits, pending::<B>);
    {
        let mut call = Box::pin(run.call_async(&mut store, ()));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(store.poisoned(), Some(&ErrorKind::Cancelled));
    let error = block_on(run.call_async(&mut store, ())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Poisoned { .. }));
    drop((store, linker));
}

/// Polls a call once and forgets it, with its loan of the store.
fn leak<R>(call: impl Future<Output = Result<R, Error>>) {
    let mut call = Box::pin(call);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    std::mem::forget(call);
}

fn leaking_an_async_call_poisons<B: Backend>() {
    for interruption in [Interruption::None, Interruption::Deadline] {
        if interruption == Interruption::Deadline && !common::stops::<B>() {
            continue;
        }
        let (_, mut store, run) = with_async_f(interruption, |limits| limits, pending::<B>);
        leak(run.call_async(&mut store, ()));
        assert_eq!(store.poisoned(), Some(&ErrorKind::Cancelled));
        let error = block_on(run.call_async(&mut store, ())).unwrap_err();
        let by = Box::new(ErrorKind::Cancelled);
        assert_eq!(*error.kind(), ErrorKind::Poisoned { by });
        assert_eq!(store.last_call_usage().host_calls, 1);
    }
}

fn leaking_an_async_call_in_a_host_function_poisons<B: Backend>() {
    let mut linker = Linker::<B, Option<Run<B>>>::new(&engine::<B>(Interruption::None));
    linker
        .root()
        .func_wrap_async("f", |mut caller, ()| {
            HostFuture::new(async move {
                match caller.data_mut().take() {
                    Some(other) => leak(other.call_async(&mut caller, ())),
                    None => std::future::pending().await,
                }
                Ok(())
            })
        })
        .unwrap();
    let component = Component::new(linker.engine(), CALL_F).unwrap();
    let mut store = Store::<B, _>::new_async(linker.engine(), None).unwrap();
    let mut run = || {
        let instance = block_on(linker.instantiate_async(&mut store, &component)).unwrap();
        run_of(&instance, &mut store)
    };
    let (outer, inner) = (run(), run());
    *store.data_mut() = Some(inner.clone());
    // The guest below the leaked call does not go on.
    let error = block_on(outer.call_async(&mut store, ())).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Cancelled);
    for run in [outer, inner] {
        let error = block_on(run.call_async(&mut store, ())).unwrap_err();
        let by = Box::new(ErrorKind::Cancelled);
        assert_eq!(*error.kind(), ErrorKind::Poisoned { by });
    }
}

fn a_component_that_may_suspend_needs_an_async_store<B: Backend>() {
    if !B::support().features.contains(Feature::ComponentAsync) {
        return;
    }
    // Waits for an event that never comes, from a function that is lifted
    // without a callback.
    let text = r#"(component
        (core func $new (canon waitable-set.new))
        (core module $libc (memory (export "memory") 1))
        (core instance $libc (instantiate $libc))
        (core func $wait (canon waitable-set.wait (memory $libc "memory")))
        (core module $m
            (import "" "new" (func $new (result i32)))
            (import "" "wait" (func $wait (param i32 i32) (result i32)))
            (func (export "run") (drop (call $wait (call $new) (i32.const 0)))))
        (core instance $i (instantiate $m (with "" (instance
            (export "new" (func $new)) (export "wait" (func $wait))))))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    let refused = Component::new(&engine::<B>(Interruption::None), text).unwrap_err();
    assert_eq!(*refused.kind(), ErrorKind::Unsupported);
    assert!(refused.message().contains("component-async"), "{refused}");

    let mut config = Config::new();
    config.feature(Feature::ComponentAsync, true);
    let engine = enginebay::generic::Engine::<B>::new(&config).unwrap();
    let component = Component::new(&engine, text).unwrap();
    let linker = Linker::<B, ()>::new(&engine);
    let mut store = Store::new(&engine, ()).unwrap();
    let error = linker.instantiate(&mut store, &component).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::WrongMode);

    let mut store = Store::new_async(&engine, ()).unwrap();
    let instance = block_on(linker.instantiate_async(&mut store, &component)).unwrap();
    let run = instance
        .get_typed_func::<(), ()>(&mut store, "run")
        .unwrap();
    let error = block_on(run.call_async(&mut store, ())).unwrap_err();
    if B::support().native {
        assert!(error.kind().is_trap(), "{error}");
    } else {
        assert_eq!(*error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("waitable-set-new"), "{error}");
    }
}

fn nested_instances_are_imported<B: Backend>() {
    let text = r#"(component
        (import "outer" (instance $outer
            (export "inner" (instance (export "f" (func (result u32)))))))
        (alias export $outer "inner" (instance $inner))
        (core func $f (canon lower (func $inner "f")))
        (core module $m
            (import "" "f" (func $f (result i32)))
            (func (export "run") (result i32) (call $f)))
        (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
        (func (export "run") (result u32) (canon lift (core func $i "run"))))"#;
    let mut linker = Linker::<B, ()>::new(&engine(Interruption::None));
    let component = Component::new(linker.engine(), text).unwrap();
    assert_eq!(
        *linker.instantiate_pre(&component).unwrap_err().kind(),
        ErrorKind::Link
    );
    let mut outer = linker.instance("outer").unwrap();
    outer
        .instance("inner")
        .unwrap()
        .func_wrap("f", |_, ()| Ok((9_u32,)))
        .unwrap();
    let mut store = Store::new(linker.engine(), ()).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance
        .get_typed_func::<(), (u32,)>(&mut store, "run")
        .unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), (9,));
}

fn asynchronous_destructors_run<B: Backend>() {
    let mut linker = Linker::<B, Closed>::new(&engine::<B>(Interruption::None));
    let mut files = linker.instance("test:host/files@1.0.0").unwrap();
    files
        .resource_async("file", ResourceType::host::<File>(), |mut caller, rep| {
            HostFuture::new(async move {
                yield_once().await;
                caller.data_mut().push(rep);
                Ok(())
            })
        })
        .unwrap();
    files
        .func_wrap("open", |_, (id,): (u32,)| {
            Ok((Resource::<File>::new_own(id),))
        })
        .unwrap();
    files
        .func_wrap("size", |_, _: (Resource<File>,)| Ok((1_u32,)))
        .unwrap();
    let component = Component::new(linker.engine(), FILES).unwrap();
    let mut store = Store::new_async(linker.engine(), vec![]).unwrap();
    block_on(async {
        let instance = linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        let once = instance
            .get_typed_func::<(u32,), (u32,)>(&mut store, "once")
            .unwrap();
        assert_eq!(once.call_async(&mut store, (3,)).await.unwrap(), (1,));
        assert_eq!(*store.data(), [3]);
        let give = instance.get_func(&mut store, "give").unwrap();
        let given = give.call_async(&mut store, &[Val::U32(4)]).await.unwrap();
        let [Val::Resource(file)] = given[..] else {
            panic!("{given:?}")
        };
        file.resource_drop_async(&mut store).await.unwrap();
        assert_eq!(*store.data(), [3, 4]);
    });
}

fn the_guard_sees_destructors<B: Backend>() {
    let linker = files_linker::<B>();
    let guard = |call: &HostCall<'_>| match call.function {
        "[resource-drop]file" => Err(Error::new(ErrorKind::Denied, "files stay open")),
        _ => Ok(()),
    };
    let component = Component::new(linker.engine(), FILES).unwrap();
    let builder = Store::<B, Closed>::builder(linker.engine());
    let mut store = builder.guard(guard).build(vec![]).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let once = instance
        .get_typed_func::<(u32,), (u32,)>(&mut store, "once")
        .unwrap();
    assert_eq!(
        *once.call(&mut store, (3,)).unwrap_err().kind(),
        ErrorKind::Denied
    );
    assert!(store.data().is_empty());
}

/// A resource whose destructor calls the host.
const DESTRUCTOR: &str = r#"(component
    (import "f" (func $f))
    (core func $f (canon lower (func $f)))
    (core module $dtor
        (import "" "f" (func $f))
        (func (export "dtor") (param i32) (call $f)))
    (core instance $dtor (instantiate $dtor (with "" (instance (export "f" (func $f))))))
    (type $r' (resource (rep i32) (dtor (func $dtor "dtor"))))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r'))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "f" (func $f))
        (func (export "make") (result i32) (call $new (i32.const 5)))
        (func (export "call") (call $f))
        (func (export "nop")))
    (core instance $i (instantiate $m (with "" (instance
        (export "new" (func $new)) (export "f" (func $f))))))
    (func (export "call") (canon lift (core func $i "call")))
    (func (export "make") (result (own $r)) (canon lift (core func $i "make")))
    (func (export "nop") (canon lift (core func $i "nop"))))"#;

/// Two instances whose destructors call `f`.
fn with_destructors<B: Backend, T: Send + 'static>(
    data: T,
    f: impl Fn(Caller<'_, B, T>) -> Result<(), Error> + Send + Sync + 'static,
) -> (Store<B, T>, [Instance<B>; 2]) {
    let mut linker = Linker::<B, T>::new(&engine(Interruption::None));
    let f = move |caller: Caller<'_, B, T>, ()| f(caller);
    linker.root().func_wrap("f", f).unwrap();
    let component = Component::new(linker.engine(), DESTRUCTOR).unwrap();
    let mut store = Store::new(linker.engine(), data).unwrap();
    let instances = [(); 2].map(|()| linker.instantiate(&mut store, &component).unwrap());
    (store, instances)
}

fn made<B: Backend, T: Send + 'static>(
    instance: &Instance<B>,
    store: &mut Store<B, T>,
) -> ResourceAny {
    let make = instance.get_typed_func::<(), (ResourceAny,)>(&mut *store, "make");
    make.unwrap().call(store, ()).unwrap().0
}

fn cannot_enter<R>(result: Result<R, Error>) {
    let error = result.err().expect("the instance is on the stack");
    assert_eq!(error.trap_code(), Some(TrapCode::CannotEnterComponent));
}

fn an_instance_whose_destructor_runs_cannot_be_entered<B: Backend>() {
    let (mut store, instances) = with_destructors::<B, Option<[Run<B>; 2]>>(None, |mut caller| {
        let [own, other] = caller.data_mut().take().unwrap();
        cannot_enter(own.call(&mut caller, ()));
        other.call(&mut caller, ())
    });
    let nop = |instance: &Instance<B>, store: &mut Store<B, Option<[Run<B>; 2]>>| {
        instance.get_typed_func(store, "nop").unwrap()
    };
    for [own, other] in [[0, 1], [1, 0]] {
        let run = [own, other].map(|i: usize| nop(&instances[i], &mut store));
        *store.data_mut() = Some(run);
        let resource = made(&instances[own], &mut store);
        resource.resource_drop(&mut store).unwrap();
        assert!(store.data().is_none(), "the destructor called the host");
        nop(&instances[own], &mut store)
            .call(&mut store, ())
            .unwrap();
    }
}

fn a_resource_of_an_instance_on_the_stack_is_not_dropped<B: Backend>() {
    type Data = Vec<[ResourceAny; 2]>;
    let (mut store, instances) = with_destructors::<B, Data>(vec![], |mut caller| {
        // Destructors call this as well.
        if let Some([own, other]) = caller.data_mut().pop() {
            cannot_enter(own.resource_drop(&mut caller));
            other.resource_drop(&mut caller)?;
        }
        Ok(())
    });
    for [own, other] in [[0, 1], [1, 0]] {
        let both = [own, other].map(|i: usize| made(&instances[i], &mut store));
        store.data_mut().push(both);
        let call: Run<B> = instances[own].get_typed_func(&mut store, "call").unwrap();
        call.call(&mut store, ()).unwrap();
        assert!(store.data().is_empty());
        assert_eq!(store.last_call_usage().host_calls, 2);
        // It is still there.
        both[0].resource_drop(&mut store).unwrap();
        let error = both[1].resource_drop(&mut store).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TypeMismatch);
    }
}

fn an_async_host_error_comes_back_with_its_place<B: Backend>() {
    let define = |linker: &mut Linker<B, u32>| {
        linker
            .root()
            .func_wrap_async("f", |_, ()| {
                HostFuture::new(async move {
                    yield_once().await;
                    Err::<(), _>(Error::new(ErrorKind::NotFound, "no such thing"))
                })
            })
            .unwrap();
    };
    let (_, mut store, run) = with_async_f(Interruption::None, |limits| limits, define);
    let error = block_on(run.call_async(&mut store, ())).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Host);
    assert_eq!(error.context_value("function"), Some("f"));
    assert_eq!(
        *error.downcast_ref::<Error>().unwrap().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(store.poisoned(), Some(&ErrorKind::Host));
}

fn an_async_host_panic_resumes_in_the_caller<B: Backend>() {
    for late in [false, true] {
        let define = |linker: &mut Linker<B, u32>| {
            linker
                .root()
                .func_wrap_async("f", move |_, ()| {
                    HostFuture::<()>::new(async move {
                        if late {
                            yield_once().await;
                        }
                        std::panic::panic_any(7_u8)
                    })
                })
                .unwrap();
        };
        let (_, mut store, run) = with_async_f(Interruption::None, |limits| limits, define);
        let call = AssertUnwindSafe(|| block_on(run.call_async(&mut store, ())));
        let panic = catch_unwind(call).unwrap_err();
        assert_eq!(panic.downcast_ref::<u8>(), Some(&7));
        assert_eq!(store.poisoned(), Some(&ErrorKind::HostPanic));
    }
}
