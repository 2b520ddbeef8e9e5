//! Host functions and host resources on every backend: typed and dynamic,
//! synchronous and asynchronous, their errors and panics, guards, and links
//! that do not fit.

mod asynchronous;
mod destructors;
mod resources;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{API, GREET, GREET_HOST, block_on, engine, on_each_backend_and_any};
use enginebay::generic::{Caller, Component, Instance, Linker, Store, TypedFunc};
use enginebay::{
    AsContextMut, Backend, ComponentType, Config, Error, ErrorKind, Feature, HostCall, HostFuture,
    Interruption, Lift, Limits, Lower, Resource, ResourceAny, ResourceType, TrapCode, Val,
};

on_each_backend_and_any! {
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
    nested_instances_are_imported
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
