//! The work: each function makes one pair, with enginebay on one side and
//! Wasmtime's own API, configured as fast, on the other.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use enginebay::wasmtime::wasmtime::component as wt;
use enginebay::wasmtime::wasmtime::{AsContextMut as _, Engine as RawEngine, Store as RawStore};
use enginebay::wasmtime::{Component, Engine, Instance, Linker, Store};
use enginebay::{
    ComponentNamedList, ComponentType, Config, HostFuture, Interruption, Lift, Lower, Val,
};

use crate::guests::{CALLS, GREET, PAGE};
use crate::{Pair, Work};

const API: &str = "example:greet/api@0.1.0";
const RAW: &str = "Wasmtime's own API";

/// How often the guest calls the host in one iteration.
const HOST_CALLS: u32 = 1000;

#[derive(Clone, Debug, ComponentType, Lower, Lift)]
#[component(record)]
struct Person {
    name: String,
    age: u8,
    tags: Vec<String>,
}

fn person() -> Person {
    Person {
        name: "Ada Lovelace".into(),
        age: 36,
        tags: vec!["mathematics".into(), "engines".into()],
    }
}

/// Every pair.
pub fn pairs() -> Vec<Pair> {
    let mut pairs = vec![typed_add(), dynamic_add(), typed_record(), dynamic_record()];
    pairs.extend([host_call(), host_call_with_data()]);
    pairs.push(async_host_call(
        "asynchronous host call that is ready at once",
        false,
    ));
    pairs.push(async_host_call(
        "asynchronous host call that suspends once",
        true,
    ));
    for size in [16, 1 << 10, 64 << 10, 1 << 20] {
        pairs.push(string(size));
        pairs.push(list(size));
    }
    pairs.extend([instantiation(PAGE, "one page"), instantiation_greet()]);
    pairs.extend([
        default_limits_add(),
        default_limits_host_call(),
        default_limits_instantiation(),
    ]);
    pairs
}

fn engine(interruption: Interruption) -> Engine {
    let mut config = Config::new();
    config.interruption(interruption);
    Engine::new(&config).expect("the configuration is supported")
}

/// Wasmtime configured as our engines without interruption are.
fn raw_engine() -> RawEngine {
    let mut config = Config::new();
    config.interruption(Interruption::None);
    RawEngine::new(&enginebay::wasmtime::config(&config)).expect("the configuration is valid")
}

fn ours(engine: &Engine, bytes: impl AsRef<[u8]>) -> (Store<u64>, Instance) {
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

fn raw_func(store: &mut RawStore<u64>, instance: &wt::Instance, path: &[&str]) -> wt::Func {
    let mut index = None;
    for name in path {
        index = instance.get_export_index(&mut *store, index.as_ref(), name);
    }
    instance
        .get_func(store, index.expect("the export is there"))
        .expect("it is a function")
}

fn typed<P, R>(
    bytes: &'static [u8],
    path: &[&str],
    params: impl Fn() -> P + Copy + 'static,
) -> (Work, Work)
where
    P: ComponentNamedList + Lower + Clone + 'static,
    R: ComponentNamedList + Lift + 'static,
{
    let (mut store, instance) = ours(&engine(Interruption::None), bytes);
    let func = instance
        .get_typed_func::<P, R>(&mut store, &path.join("#"))
        .expect("the export has this type");
    let ours: Work = Box::new(move |n| {
        for _ in 0..n {
            black_box(
                func.call(&mut store, params())
                    .expect("the guest does not fail"),
            );
        }
    });
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

fn pair(name: impl Into<String>, (ours, theirs): (Work, Work)) -> Pair {
    Pair {
        name: name.into(),
        operations: 1,
        ours,
        theirs,
        against: RAW,
    }
}

fn typed_add() -> Pair {
    pair(
        "typed call, add(u32, u32)",
        typed::<(u32, u32), (u32,)>(CALLS.as_bytes(), &["add"], || (black_box(2), 3)),
    )
}

fn typed_record() -> Pair {
    let person: &'static Person = Box::leak(Box::new(person()));
    pair(
        "typed call, record with strings in and out",
        typed::<(&Person,), (Result<Person, String>,)>(
            GREET,
            &[API, "birthday"],
            move || (person,),
        ),
    )
}

fn text(size: usize) -> &'static str {
    Box::leak("x".repeat(size).into_boxed_str())
}

fn string(size: usize) -> Pair {
    let text = text(size);
    pair(
        format!("typed call, string of {size} bytes in and out"),
        typed::<(&str,), (String,)>(GREET, &["greet"], move || (text,)),
    )
}

fn list(size: usize) -> Pair {
    let bytes = text(size).as_bytes();
    pair(
        format!("typed call, list<u8> of {size} bytes in and out"),
        typed::<(&[u8],), (Vec<u8>,)>(GREET, &[API, "echo"], move || (bytes,)),
    )
}

fn dynamic(
    name: &str,
    bytes: &'static [u8],
    path: &[&str],
    params: Vec<Val>,
    raw_params: Vec<wt::Val>,
) -> Pair {
    let (mut store, instance) = ours(&engine(Interruption::None), bytes);
    let func = instance
        .get_func(&mut store, &path.join("#"))
        .expect("the export is there");
    let mut results = Vec::new();
    let ours: Work = Box::new(move |n| {
        for _ in 0..n {
            func.call_into(&mut store, &params, &mut results)
                .expect("the guest does not fail");
            black_box(&results);
        }
    });
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
    pair(name, (ours, theirs))
}

fn dynamic_add() -> Pair {
    dynamic(
        "dynamic call, add(u32, u32)",
        CALLS.as_bytes(),
        &["add"],
        vec![Val::U32(2), Val::U32(3)],
        vec![wt::Val::U32(2), wt::Val::U32(3)],
    )
}

fn dynamic_record() -> Pair {
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
    dynamic(
        "dynamic call, record with strings in and out",
        GREET,
        &path,
        vec![record],
        vec![raw],
    )
}

fn ours_repeat(interruption: Interruption, with_data: bool) -> Work {
    let engine = engine(interruption);
    let component = Component::new(&engine, CALLS).expect("the guest is valid");
    let mut linker = Linker::<u64>::new(&engine);
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
    let mut store = Store::new(&engine, 0).expect("the limits can be enforced");
    let instance = linker
        .instantiate(&mut store, &component)
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
        &*enginebay::to_binary(CALLS.as_bytes()).expect("valid"),
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
    let mut store = RawStore::new(&engine, 0);
    let instance = linker
        .instantiate(&mut store, &component)
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

fn host_call() -> Pair {
    let work = (ours_repeat(Interruption::None, false), raw_repeat(false));
    Pair {
        operations: HOST_CALLS.into(),
        ..pair("host call, f(u32) -> u32", work)
    }
}

fn host_call_with_data() -> Pair {
    let work = (ours_repeat(Interruption::None, true), raw_repeat(true));
    let name = "host call that uses the store's data";
    Pair {
        operations: HOST_CALLS.into(),
        ..pair(name, work)
    }
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

fn async_host_call(name: &str, once: bool) -> Pair {
    let engine = engine(Interruption::None);
    let component = Component::new(&engine, CALLS).expect("the guest is valid");
    let mut linker = Linker::<u64>::new(&engine);
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
    let ours: Work = Box::new(move |n| {
        for _ in 0..n {
            let call = func.call_async(&mut store, (HOST_CALLS,));
            black_box(run(call).expect("the guest does not fail"));
        }
    });

    let engine = raw_engine();
    let binary = enginebay::to_binary(CALLS.as_bytes()).expect("the guest is valid");
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
    Pair {
        operations: HOST_CALLS.into(),
        ..pair(name, (ours, theirs))
    }
}

fn ours_instantiate(interruption: Interruption, bytes: &[u8]) -> Work {
    let engine = engine(interruption);
    let component = Component::new(&engine, bytes).expect("the guest is valid");
    let pre = Linker::<u64>::new(&engine)
        .instantiate_pre(&component)
        .expect("no imports");
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

fn instantiation(text: &str, what: &str) -> Pair {
    let work = (
        ours_instantiate(Interruption::None, text.as_bytes()),
        raw_instantiate(text.as_bytes()),
    );
    pair(format!("store and instance, {what}"), work)
}

fn instantiation_greet() -> Pair {
    let work = (
        ours_instantiate(Interruption::None, GREET),
        raw_instantiate(GREET),
    );
    pair("store and instance, a Rust guest", work)
}

const UNLIMITED: &str = "enginebay without interruption";

fn ours_add(interruption: Interruption) -> Work {
    let (mut store, instance) = ours(&engine(interruption), CALLS);
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

fn default_limits_add() -> Pair {
    let work = (
        ours_add(Interruption::Deadline),
        ours_add(Interruption::None),
    );
    Pair {
        against: UNLIMITED,
        ..pair("default limits: typed call, add(u32, u32)", work)
    }
}

fn default_limits_host_call() -> Pair {
    let work = (
        ours_repeat(Interruption::Deadline, false),
        ours_repeat(Interruption::None, false),
    );
    Pair {
        against: UNLIMITED,
        operations: HOST_CALLS.into(),
        ..pair("default limits: host call, f(u32) -> u32", work)
    }
}

fn default_limits_instantiation() -> Pair {
    let work = (
        ours_instantiate(Interruption::Deadline, PAGE.as_bytes()),
        ours_instantiate(Interruption::None, PAGE.as_bytes()),
    );
    Pair {
        against: UNLIMITED,
        ..pair("default limits: store and instance, one page", work)
    }
}
