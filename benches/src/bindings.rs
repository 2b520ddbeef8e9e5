//! Generated bindings: ours beside those of Wasmtime's `bindgen!`, for the same worlds.

use std::hint::black_box;

use enginebay::generic::{Component, Linker, Store};
use enginebay::wasmtime::Wasmtime;
use enginebay::wasmtime::wasmtime::Store as RawStore;
use enginebay::wasmtime::wasmtime::component::{
    Component as RawComponent, HasSelf, Linker as RawLinker,
};
use enginebay::wasmtime_layered::WasmtimeLayered;
use enginebay::{Backend, Interruption};

use crate::guests::{GREET, calls};
use crate::work::{engine, raw_engine};
use crate::{Bar, Bench, HOST_CALLS, Pair, Work};

mod ours {
    pub(crate) mod calls {
        enginebay::bindgen!({ path: "wit/calls.wit" });
    }
    pub(crate) mod greet {
        enginebay::bindgen!({ path: "../guests/greet/wit", world: "greeter" });
    }
}

#[allow(missing_docs, unreachable_pub, reason = "they are Wasmtime's")]
mod theirs {
    pub(crate) mod calls {
        wasmtime::component::bindgen!({
            path: "wit/calls.wit",
        });
    }
    pub(crate) mod greet {
        wasmtime::component::bindgen!({
            path: "../guests/greet/wit",
            world: "greeter",
        });
    }
}

const AGAINST: &str = "Wasmtime's bindgen!";

pub(crate) fn list(to: &mut Vec<Bench>) {
    of::<Wasmtime>(to);
    of::<WasmtimeLayered>(to);
}

fn of<B: Backend>(to: &mut Vec<Bench>) {
    let mut add = |name: &str, make: fn() -> Pair| {
        to.push(Bench {
            backend: B::NAME,
            name: format!("bindings: {name}"),
            against: AGAINST,
            bar: Bar::ratio(1.05),
            make: Box::new(make),
        });
    };
    add("call, add(u32, u32)", add_numbers::<B>);
    add(
        "call, record with strings in and out, a Rust guest",
        record::<B>,
    );
    add(
        "call, list<u8> of 1024 bytes in and out, a Rust guest",
        bytes::<B>,
    );
    add("host call, f(u32) -> u32", host_call::<B>);
}

/// The host of both sides.
struct Host;

impl ours::calls::CallsImports for Host {
    fn f(&mut self, a: u32) -> u32 {
        a
    }
}

impl theirs::calls::CallsImports for Host {
    fn f(&mut self, a: u32) -> u32 {
        a
    }
}

fn ours_calls<B: Backend>() -> (Store<B, Host>, ours::calls::Calls<B>) {
    let engine = engine::<B>(Interruption::None);
    let component = Component::new(&engine, calls()).expect("the guest is valid");
    let mut linker = Linker::new(&engine);
    ours::calls::Calls::add_to_linker(&mut linker, |host: &mut Host| host)
        .expect("the name is free");
    let mut store = Store::new(&engine, Host).expect("the limits can be enforced");
    let calls = ours::calls::Calls::instantiate(&mut store, &component, &linker)
        .expect("it is of this world");
    (store, calls)
}

fn their_calls() -> (RawStore<Host>, theirs::calls::Calls) {
    let engine = raw_engine();
    let binary = enginebay::to_binary(calls().as_bytes())
        .expect("the guest is valid")
        .into_owned();
    let component = RawComponent::from_binary(&engine, &binary).expect("the guest is valid");
    let mut linker = RawLinker::new(&engine);
    theirs::calls::Calls::add_to_linker::<_, HasSelf<_>>(&mut linker, |host: &mut Host| host)
        .expect("the name is free");
    let mut store = RawStore::new(&engine, Host);
    let calls = theirs::calls::Calls::instantiate(&mut store, &component, &linker)
        .expect("it is of this world");
    (store, calls)
}

fn ours_greeter<B: Backend>() -> (Store<B, ()>, ours::greet::Greeter<B>) {
    let engine = engine::<B>(Interruption::None);
    let component = Component::new(&engine, GREET).expect("the guest is valid");
    let linker = Linker::new(&engine);
    let mut store = Store::new(&engine, ()).expect("the limits can be enforced");
    let greeter = ours::greet::Greeter::instantiate(&mut store, &component, &linker)
        .expect("it is of this world");
    (store, greeter)
}

fn their_greeter() -> (RawStore<()>, theirs::greet::Greeter) {
    let engine = raw_engine();
    let component = RawComponent::from_binary(&engine, GREET).expect("the guest is valid");
    let linker = RawLinker::new(&engine);
    let mut store = RawStore::new(&engine, ());
    let greeter = theirs::greet::Greeter::instantiate(&mut store, &component, &linker)
        .expect("it is of this world");
    (store, greeter)
}

/// Does something again and again that does not fail.
fn again<R, E: std::fmt::Debug>(mut once: impl FnMut() -> Result<R, E> + 'static) -> Work {
    Box::new(move |n| {
        for _ in 0..n {
            black_box(once().expect("the guest does not fail"));
        }
    })
}

fn add_numbers<B: Backend>() -> Pair {
    let (mut store, calls) = ours_calls::<B>();
    let ours = again(move || calls.call_add(&mut store, black_box(2), 3));
    let (mut store, calls) = their_calls();
    let theirs = again(move || calls.call_add(&mut store, black_box(2), 3));
    Pair::new((ours, theirs))
}

fn record<B: Backend>() -> Pair {
    use ours::greet::exports::example::greet::api::Person;
    use theirs::greet::exports::example::greet::api::Person as TheirPerson;

    let crate::work::Person { name, age, tags } = crate::work::person();
    let person = Person {
        name: name.clone(),
        age,
        tags: tags.clone(),
    };
    let (mut store, greeter) = ours_greeter::<B>();
    let ours = again(move || {
        let api = greeter.example_greet_api();
        api.call_birthday(&mut store, &person)
    });
    let person = TheirPerson { name, age, tags };
    let (mut store, greeter) = their_greeter();
    let theirs = again(move || {
        let api = greeter.example_greet_api();
        api.call_birthday(&mut store, &person)
    });
    Pair::new((ours, theirs))
}

fn bytes<B: Backend>() -> Pair {
    let bytes = [b'x'; 1024];
    let (mut store, greeter) = ours_greeter::<B>();
    let ours = again(move || greeter.example_greet_api().call_echo(&mut store, &bytes));
    let (mut store, greeter) = their_greeter();
    let theirs = again(move || greeter.example_greet_api().call_echo(&mut store, &bytes));
    Pair::new((ours, theirs))
}

fn host_call<B: Backend>() -> Pair {
    let (mut store, calls) = ours_calls::<B>();
    let ours = again(move || calls.call_repeat(&mut store, HOST_CALLS));
    let (mut store, calls) = their_calls();
    let theirs = again(move || calls.call_repeat(&mut store, HOST_CALLS));
    Pair::of_host_calls((ours, theirs))
}
