//! The work: each function makes one pair, with enginebay on one side and
//! Wasmtime's own component API, configured as fast, on the other.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::wasmtime::Wasmtime;
use enginebay::wasmtime::wasmtime::component as wt;
use enginebay::wasmtime::wasmtime::{AsContextMut as _, Engine as RawEngine, Store as RawStore};
use enginebay::wasmtime_layered::WasmtimeLayered;
use enginebay::{
    Backend, ComponentNamedList, ComponentType, Config, HostFuture, Interruption, Lift, Lower, Val,
};

use crate::guests::{GREET, calls, page};
use crate::{Bar, Bench, HOST_CALLS, Pair, Work};

pub(crate) const API: &str = "example:greet/api@0.1.0";
pub(crate) const RAW: &str = "Wasmtime's component API";

pub(crate) const TYPED_ADD: &str = "typed call, add(u32, u32)";
pub(crate) const DYNAMIC_ADD: &str = "dynamic call, add(u32, u32)";
pub(crate) const HOST_CALL: &str = "host call, f(u32) -> u32";
pub(crate) const ASYNC_READY: &str = "asynchronous host call that is ready at once";
pub(crate) const ASYNC_WAITS: &str = "asynchronous host call that suspends once";
pub(crate) const INSTANCE_PAGE: &str = "store and instance, one page";
const INSTANCE_GREET: &str = "store and instance, a Rust guest";
const RECORD: &str = "typed call, record with strings in and out, a Rust guest";

/// Bytes of strings and lists.
pub(crate) const SIZES: [usize; 4] = [16, 1 << 10, 64 << 10, 1 << 20];

#[derive(Clone, Debug, ComponentType, Lower, Lift)]
#[component(record)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) age: u8,
    pub(crate) tags: Vec<String>,
}

pub(crate) fn person() -> Person {
    Person {
        name: "Ada Lovelace".into(),
        age: 36,
        tags: vec!["mathematics".into(), "engines".into()],
    }
}

/// Every pair against Wasmtime's component API, of the backends that run on
/// Wasmtime.
pub(crate) fn list(to: &mut Vec<Bench>) {
    against_wasmtime::<Wasmtime>(to);
    defaults::<Wasmtime>(to);
    against_wasmtime::<WasmtimeLayered>(to);
}

fn against_wasmtime<B: Backend>(to: &mut Vec<Bench>) {
    let native = B::support().native;
    let mut add = |name: String, layered: Option<Bar>, make: Box<dyn FnOnce() -> Pair>| {
        let bar = if native { Bar::ratio(1.05) } else { layered };
        to.push(Bench {
            backend: B::NAME,
            name,
            against: RAW,
            bar,
            make,
        });
    };
    let (call, payload) = (Bar::ratio(1.0), Bar::ratio(1.2));
    add(TYPED_ADD.into(), call, Box::new(typed_add::<B>));
    add(DYNAMIC_ADD.into(), call, Box::new(dynamic_add::<B>));
    add(RECORD.into(), payload, Box::new(typed_record::<B>));
    add(
        "dynamic call, record with strings in and out".into(),
        payload,
        Box::new(dynamic_record::<B>),
    );
    add(HOST_CALL.into(), None, Box::new(|| host_call::<B>(false)));
    add(
        "host call that uses the store's data".into(),
        None,
        Box::new(|| host_call::<B>(true)),
    );
    for (name, once) in [(ASYNC_READY, false), (ASYNC_WAITS, true)] {
        add(
            name.into(),
            None,
            Box::new(move || async_host_call::<B>(once)),
        );
    }
    for size in SIZES {
        add(
            format!("typed call, string of {size} bytes in and out, a Rust guest"),
            payload,
            Box::new(move || string::<B>(size)),
        );
        add(
            format!("typed call, list<u8> of {size} bytes in and out, a Rust guest"),
            payload,
            Box::new(move || list_of_bytes::<B>(size)),
        );
    }
    add(
        INSTANCE_PAGE.into(),
        None,
        Box::new(|| instantiation::<B>(page().as_bytes())),
    );
    add(
        INSTANCE_GREET.into(),
        None,
        Box::new(|| instantiation::<B>(GREET)),
    );
}

fn defaults<B: Backend>(to: &mut Vec<Bench>) {
    let mut add = |name: &str, make: Box<dyn FnOnce() -> Pair>| {
        to.push(Bench {
            backend: B::NAME,
            name: format!("default limits: {name}"),
            against: "enginebay without interruption",
            bar: None,
            make,
        });
    };
    let both =
        |work: fn(Interruption) -> Work| (work(Interruption::Deadline), work(Interruption::None));
    add(TYPED_ADD, Box::new(move || Pair::new(both(ours_add::<B>))));
    add(
        HOST_CALL,
        Box::new(move || Pair::of_host_calls(both(|on| ours_repeat::<B>(on, false)))),
    );
    add(
        INSTANCE_PAGE,
        Box::new(move || Pair::new(both(|on| ours_instantiate::<B>(on, page().as_bytes())))),
    );
}

pub(crate) fn engine<B: Backend>(interruption: Interruption) -> Engine<B> {
    let mut config = Config::new();
    config.interruption(interruption);
    Engine::new(&config).expect("the configuration is supported")
}

/// Wasmtime configured as our engines without interruption are.
pub(crate) fn raw_engine() -> RawEngine {
    let mut config = Config::new();
    config.interruption(Interruption::None);
    RawEngine::new(&enginebay::wasmtime::config(&config)).expect("the configuration is valid")
}

pub(crate) fn ours<B: Backend>(
    engine: &Engine<B>,
    bytes: impl AsRef<[u8]>,
) -> (Store<B, u64>, Instance<B>) {
    let component = Component::new(engine, bytes).expect("the guest is valid");
    let mut linker = Linker::new(engine);
    linker
        .root()
        .func_wrap("f", |_, (a,): (u32,)| Ok((a,)))
        .expect("the name is free");
    let mut store = Store::new(engine, 0).expect("the limits can be enforced");
    let instance = linker
        .instantiate(&mut store, &component)
        .expect("the imports are there");
    (store, instance)
}

fn raw(bytes: &[u8]) -> (RawStore<u64>, wt::Instance) {
    let engine = raw_engine();
    let binary = enginebay::to_binary(bytes).expect("the guest is valid");
    let component = wt::Component::from_binary(&engine, &binary).expect("the guest is valid");
    let mut linker = wt::Linker::new(&engine);
    linker
        .root()
        .func_wrap("f", |_, (a,): (u32,)| Ok((a,)))
        .expect("the name is free");
    let mut store = RawStore::new(&engine, 0);
    let instance = linker
        .instantiate(&mut store, &component)
        .expect("the imports are there");
    (store, instance)
}

pub(crate) fn raw_func(
    store: &mut RawStore<u64>,
    instance: &wt::Instance,
    path: &[&str],
) -> wt::Func {
    let mut index = None;
    for name in path {
        index = instance.get_export_index(&mut *store, index.as_ref(), name);
    }
    instance
        .get_func(store, index.expect("the export is there"))
        .expect("it is a function")
}

/// A typed call of an export, again and again.
pub(crate) fn ours_typed<B: Backend, P, R>(
    bytes: &[u8],
    path: &[&str],
    params: impl Fn() -> P + Copy + 'static,
) -> Work
where
    P: ComponentNamedList + Lower + 'static,
    R: ComponentNamedList + Lift + 'static,
{
    let (mut store, instance) = ours(&engine::<B>(Interruption::None), bytes);
    let func = instance
        .get_typed_func::<P, R>(&mut store, &path.join("#"))
        .expect("the export has this type");
    Box::new(move |n| {
        for _ in 0..n {
            black_box(
                func.call(&mut store, params())
                    .expect("the guest does not fail"),
            );
        }
    })
}

fn typed<B: Backend, P, R>(
    bytes: &[u8],
    path: &[&str],
    params: impl Fn() -> P + Copy + 'static,
) -> (Work, Work)
where
    P: ComponentNamedList + Lower + Clone + 'static,
    R: ComponentNamedList + Lift + 'static,
{
    let ours = ours_typed::<B, P, R>(bytes, path, params);
    let (mut store, instance) = raw(bytes);
    let func = raw_func(&mut store, &instance, path);
    let func = func
        .typed::<P, R>(&store)
        .expect("the export has this type");
    let theirs: Work = Box::new(move |n| {
        for _ in 0..n {
            black_box(
                func.call(&mut store, params())
                    .expect("the guest does not fail"),
            );
        }
    });
    (ours, theirs)
}

fn typed_add<B: Backend>() -> Pair {
    let params = || (black_box(2), 3);
    Pair::new(typed::<B, (u32, u32), (u32,)>(
        calls().as_bytes(),
        &["add"],
        params,
    ))
}

fn typed_record<B: Backend>() -> Pair {
    let person: &'static Person = Box::leak(Box::new(person()));
    Pair::new(typed::<B, (&Person,), (Result<Person, String>,)>(
        GREET,
        &[API, "birthday"],
        move || (person,),
    ))
}

pub(crate) fn text(size: usize) -> &'static str {
    Box::leak("x".repeat(size).into_boxed_str())
}

fn string<B: Backend>(size: usize) -> Pair {
    let text = text(size);
    let path = ["greet"];
    Pair::new(typed::<B, (&str,), (String,)>(
        GREET,
        &path,
        move || (text,),
    ))
}

fn list_of_bytes<B: Backend>(size: usize) -> Pair {
    let bytes = text(size).as_bytes();
    Pair::new(typed::<B, (&[u8],), (Vec<u8>,)>(
        GREET,
        &[API, "echo"],
        move || (bytes,),
    ))
}

/// A dynamic call of an export, again and again.
pub(crate) fn ours_dynamic<B: Backend>(bytes: &[u8], path: &[&str], params: Vec<Val>) -> Work {
    let (mut store, instance) = ours(&engine::<B>(Interruption::None), bytes);
    let func = instance
        .get_func(&mut store, &path.join("#"))
        .expect("the export is there");
    let mut results = Vec::new();
    Box::new(move |n| {
        for _ in 0..n {
            func.call_into(&mut store, &params, &mut results)
                .expect("the guest does not fail");
            black_box(&results);
        }
    })
}

fn dynamic<B: Backend>(
    bytes: &[u8],
    path: &[&str],
    params: Vec<Val>,
    raw_params: Vec<wt::Val>,
) -> Pair {
    let ours = ours_dynamic::<B>(bytes, path, params);
    let (mut store, instance) = raw(bytes);
    let func = raw_func(&mut store, &instance, path);
    let mut results = [wt::Val::Bool(false)];
    let theirs: Work = Box::new(move |n| {
        for _ in 0..n {
            func.call(&mut store, &raw_params, &mut results)
                .expect("the guest does not fail");
            black_box(&results);
        }
    });
    Pair::new((ours, theirs))
}

fn dynamic_add<B: Backend>() -> Pair {
    dynamic::<B>(
        calls().as_bytes(),
        &["add"],
        vec![Val::U32(2), Val::U32(3)],
        vec![wt::Val::U32(2), wt::Val::U32(3)],
    )
}

fn dynamic_record<B: Backend>() -> Pair {
    let person = person();
    let tags = |make: fn(String) -> Val| person.tags.iter().cloned().map(make).collect();
    let record = Val::Record(vec![
        ("name".into(), Val::String(person.name.clone())),
        ("age".into(), Val::U8(person.age)),
        ("tags".into(), Val::List(tags(Val::String))),
    ]);
    let raw = wt::Val::Record(vec![
        ("name".into(), wt::Val::String(person.name.clone())),
        ("age".into(), wt::Val::U8(person.age)),
        (
            "tags".into(),
            wt::Val::List(person.tags.iter().cloned().map(wt::Val::String).collect()),
        ),
    ]);
    let path = [API, "birthday"];
    dynamic::<B>(GREET, &path, vec![record], vec![raw])
}

pub(crate) fn ours_repeat<B: Backend>(interruption: Interruption, with_data: bool) -> Work {
    repeat_on(&engine::<B>(interruption), with_data)
}

/// Host calls on an engine, again and again.
pub(crate) fn repeat_on<B: Backend>(engine: &Engine<B>, with_data: bool) -> Work {
    let component = Component::new(engine, calls()).expect("the guest is valid");
    let mut linker = Linker::<B, u64>::new(engine);
    let mut root = linker.root();
    if with_data {
        root.func_wrap("f", |mut caller, (a,): (u32,)| {
            *caller.data_mut() += u64::from(a);
            Ok((a,))
        })
    } else {
        root.func_wrap("f", |_, (a,): (u32,)| Ok((a,)))
    }
    .expect("the name is free");
    calls_repeat(&linker, &component)
}

/// Has a guest call the host again and again.
pub(crate) fn calls_repeat<B: Backend>(linker: &Linker<B, u64>, component: &Component<B>) -> Work {
    let mut store = Store::new(linker.engine(), 0).expect("the limits can be enforced");
    let instance = linker
        .instantiate(&mut store, component)
        .expect("the imports are there");
    let func = instance
        .get_typed_func::<(u32,), (u32,)>(&mut store, "repeat")
        .expect("the export has this type");
    Box::new(move |n| {
        for _ in 0..n {
            black_box(
                func.call(&mut store, (HOST_CALLS,))
                    .expect("the guest does not fail"),
            );
        }
    })
}

fn raw_repeat(with_data: bool) -> Work {
    let engine = raw_engine();
    let component = wt::Component::new(
        &engine,
        &*enginebay::to_binary(calls().as_bytes()).expect("valid"),
    )
    .expect("the guest is valid");
    let mut linker = wt::Linker::<u64>::new(&engine);
    let mut root = linker.root();
    if with_data {
        root.func_wrap("f", |mut store, (a,): (u32,)| {
            *store.data_mut() += u64::from(a);
            Ok((a,))
        })
    } else {
        root.func_wrap("f", |_, (a,): (u32,)| Ok((a,)))
    }
    .expect("the name is free");
    raw_calls_repeat(&linker, &component)
}

/// As [`calls_repeat`], on Wasmtime's own API.
pub(crate) fn raw_calls_repeat(linker: &wt::Linker<u64>, component: &wt::Component) -> Work {
    let mut store = RawStore::new(linker.engine(), 0);
    let instance = linker
        .instantiate(&mut store, component)
        .expect("the imports are there");
    let func = raw_func(&mut store, &instance, &["repeat"]);
    let func = func
        .typed::<(u32,), (u32,)>(&store)
        .expect("the export has this type");
    Box::new(move |n| {
        for _ in 0..n {
            black_box(
                func.call(&mut store, (HOST_CALLS,))
                    .expect("the guest does not fail"),
            );
        }
    })
}

fn host_call<B: Backend>(with_data: bool) -> Pair {
    let ours = ours_repeat::<B>(Interruption::None, with_data);
    Pair::of_host_calls((ours, raw_repeat(with_data)))
}

/// Runs a future that never waits for anything outside of itself.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}

/// Ready when it has been polled once more, if it is to wait.
async fn wait(once: bool) {
    let mut waiting = once;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut waiting, false) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

/// Calls an asynchronous host function, that is ready at once or waits once.
pub(crate) fn ours_async<B: Backend>(once: bool) -> Work {
    let engine = engine::<B>(Interruption::None);
    let component = Component::new(&engine, calls()).expect("the guest is valid");
    let mut linker = Linker::<B, u64>::new(&engine);
    linker
        .root()
        .func_wrap_async("f", move |_, (a,): (u32,)| {
            HostFuture::new(async move {
                wait(once).await;
                Ok((a,))
            })
        })
        .expect("the name is free");
    let mut store = Store::new_async(&engine, 0).expect("the limits can be enforced");
    let instance =
        run(linker.instantiate_async(&mut store, &component)).expect("the imports are there");
    let func = instance
        .get_typed_func::<(u32,), (u32,)>(&mut store, "repeat")
        .expect("the export has this type");
    Box::new(move |n| {
        for _ in 0..n {
            let call = func.call_async(&mut store, (HOST_CALLS,));
            black_box(run(call).expect("the guest does not fail"));
        }
    })
}

fn async_host_call<B: Backend>(once: bool) -> Pair {
    let engine = raw_engine();
    let text = calls();
    let binary = enginebay::to_binary(text.as_bytes()).expect("the guest is valid");
    let component = wt::Component::from_binary(&engine, &binary).expect("the guest is valid");
    let mut linker = wt::Linker::<u64>::new(&engine);
    linker
        .root()
        .func_wrap_async("f", move |_, (a,): (u32,)| {
            Box::new(async move {
                wait(once).await;
                Ok((a,))
            })
        })
        .expect("the name is free");
    let mut store = RawStore::new(&engine, 0);
    let instance =
        run(linker.instantiate_async(&mut store, &component)).expect("the imports are there");
    let func = raw_func(&mut store, &instance, &["repeat"]);
    let func = func
        .typed::<(u32,), (u32,)>(&store)
        .expect("the export has this type");
    let theirs: Work = Box::new(move |n| {
        for _ in 0..n {
            let call = func.call_async(&mut store, (HOST_CALLS,));
            black_box(run(call).expect("the guest does not fail"));
        }
    });
    Pair::of_host_calls((ours_async::<B>(once), theirs))
}

pub(crate) fn ours_instantiate<B: Backend>(interruption: Interruption, bytes: &[u8]) -> Work {
    let engine = engine::<B>(interruption);
    let component = Component::new(&engine, bytes).expect("the guest is valid");
    let mut linker = Linker::<B, u64>::new(&engine);
    linker
        .root()
        .func_wrap("f", |_, (a,): (u32,)| Ok((a,)))
        .expect("the name is free");
    let pre = linker
        .instantiate_pre(&component)
        .expect("the imports are there");
    Box::new(move |n| {
        for _ in 0..n {
            let mut store = Store::new(&engine, 0).expect("the limits can be enforced");
            black_box(
                pre.instantiate(&mut store)
                    .expect("the guest does not fail"),
            );
        }
    })
}

fn raw_instantiate(bytes: &[u8]) -> Work {
    let engine = raw_engine();
    let binary = enginebay::to_binary(bytes).expect("the guest is valid");
    let component = wt::Component::from_binary(&engine, &binary).expect("the guest is valid");
    let pre = wt::Linker::<u64>::new(&engine)
        .instantiate_pre(&component)
        .expect("no imports");
    Box::new(move |n| {
        for _ in 0..n {
            let mut store = RawStore::new(&engine, 0);
            black_box(
                pre.instantiate(store.as_context_mut())
                    .expect("the guest does not fail"),
            );
        }
    })
}

fn instantiation<B: Backend>(bytes: &[u8]) -> Pair {
    let ours = ours_instantiate::<B>(Interruption::None, bytes);
    Pair::new((ours, raw_instantiate(bytes)))
}

fn ours_add<B: Backend>(interruption: Interruption) -> Work {
    add_on(&engine::<B>(interruption))
}

/// Typed calls on an engine, again and again.
pub(crate) fn add_on<B: Backend>(engine: &Engine<B>) -> Work {
    let (mut store, instance) = ours(engine, calls());
    let func = instance
        .get_typed_func::<(u32, u32), (u32,)>(&mut store, "add")
        .expect("the export has this type");
    Box::new(move |n| {
        for _ in 0..n {
            black_box(
                func.call(&mut store, (black_box(2), 3))
                    .expect("the guest does not fail"),
            );
        }
    })
}
