//! The layered backends beside their engines' own APIs, with the adapters that
//! one would write by hand for the core module that the component is around.

use std::hint::black_box;

use enginebay::Backend;
use enginebay::Interruption;
use enginebay::generic::Component;
use enginebay::{wasmer, wasmi, wasmtime_layered};

use crate::guests::{CALLS_MODULE, ECHO_MODULE, GREET, PAGE_MODULE, calls, echo, page};
use crate::raw::{self, Raw};
use crate::work::{
    ASYNC_READY, ASYNC_WAITS, DYNAMIC_ADD, HOST_CALL, INSTANCE_PAGE, Person, SIZES, TYPED_ADD,
    engine, ours_async, ours_dynamic, ours_instantiate, ours_repeat, ours_typed, person, text,
};
use crate::{Bar, Bench, Pair, Work};

/// Every pair of each layered backend.
pub(crate) fn list(to: &mut Vec<Bench>) {
    against_core::<wasmtime_layered::WasmtimeLayered, raw::Wasmtime>(to);
    against_core::<wasmer::Wasmer, raw::Wasmer>(to);
    against_core::<wasmi::Wasmi, raw::Wasmi>(to);
    translation::<wasmi::Wasmi, raw::Wasmtime>(to);
}

fn module(text: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {text})")).expect("the module is valid")
}

/// The core modules of a component.
fn modules(component: &[u8]) -> Vec<Vec<u8>> {
    let mut modules = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        if let wasmparser::Payload::ModuleSection {
            unchecked_range, ..
        } = payload.expect("the component is valid")
        {
            modules.push(component[unchecked_range].to_vec());
        }
    }
    modules
}

/// Makes a pair.
type Make = Box<dyn FnOnce() -> Pair>;

const fn either(ratio: f64, more: f64) -> Option<Bar> {
    Some(Bar {
        ratio,
        more,
        either: true,
    })
}

fn against_core<B: Backend, R: Raw>(to: &mut Vec<Bench>) {
    let mut add = |name: String, against, bar, make: Box<dyn FnOnce() -> Pair>| {
        to.push(Bench {
            backend: B::NAME,
            name,
            against,
            bar,
            make,
        });
    };
    add(
        TYPED_ADD.into(),
        R::NAME,
        either(1.5, 25.0),
        Box::new(|| Pair::new((ours_add::<B>(), raw::add::<R>(&module(CALLS_MODULE))))),
    );
    add(
        DYNAMIC_ADD.into(),
        R::NAME,
        Some(Bar {
            ratio: 1.3,
            more: 60.0,
            either: false,
        }),
        Box::new(|| {
            let params = vec![enginebay::Val::U32(2), enginebay::Val::U32(3)];
            let ours = ours_dynamic::<B>(calls().as_bytes(), &["add"], params);
            Pair::new((ours, raw::add_dynamic::<R>(&module(CALLS_MODULE))))
        }),
    );
    add(
        HOST_CALL.into(),
        R::NAME,
        either(1.5, 25.0),
        Box::new(|| {
            let ours = ours_repeat::<B>(Interruption::None, false);
            Pair::of_host_calls((ours, raw::host_call::<R>(&module(CALLS_MODULE))))
        }),
    );
    for (name, once) in [(ASYNC_READY, false), (ASYNC_WAITS, true)] {
        add(
            name.into(),
            "its synchronous host call",
            None,
            Box::new(move || {
                let sync = ours_repeat::<B>(Interruption::None, false);
                Pair::of_host_calls((ours_async::<B>(once), sync))
            }),
        );
    }
    payloads::<B, R>(&mut add);
    for (name, text, core) in [
        (INSTANCE_PAGE, page as fn() -> String, PAGE_MODULE),
        ("store and instance, one import", calls, CALLS_MODULE),
        ("store and instance, four exports", echo, ECHO_MODULE),
    ] {
        add(
            name.into(),
            R::NAME,
            Bar::ratio(1.2),
            Box::new(move || {
                let ours = ours_instantiate::<B>(Interruption::None, text().as_bytes());
                Pair::new((ours, raw::instantiate::<R>(&module(core))))
            }),
        );
    }
    add(
        "loading a Rust guest".into(),
        R::NAME,
        None,
        Box::new(|| Pair::new((ours_load::<B>(GREET), raw::compile::<R>(modules(GREET))))),
    );
}

/// The engine compiles next to nothing here: what takes time is the translation.
fn translation<B: Backend, R: Raw>(to: &mut Vec<Bench>) {
    to.push(Bench {
        backend: B::NAME,
        name: "translating a Rust guest".into(),
        against: "Wasmtime's compilation",
        bar: Bar::ratio(0.1),
        make: Box::new(|| Pair::new((ours_load::<B>(GREET), raw::compile::<R>(modules(GREET))))),
    });
}

fn payloads<B: Backend, R: Raw>(add: &mut impl FnMut(String, &'static str, Option<Bar>, Make)) {
    let bar = Bar::ratio(1.3);
    add(
        "typed call, record with strings in and out".into(),
        R::NAME,
        bar,
        Box::new(|| {
            let person: &'static Person = Box::leak(Box::new(person()));
            let ours = ours_echo::<B, (&Person,), (Person,)>("record", move || (person,));
            Pair::new((ours, raw::record::<R>(&module(ECHO_MODULE), person)))
        }),
    );
    for size in SIZES {
        add(
            format!("typed call, string of {size} bytes in and out"),
            R::NAME,
            bar,
            Box::new(move || {
                let text = text(size);
                let ours = ours_echo::<B, (&str,), (String,)>("string", move || (text,));
                Pair::new((ours, raw::string::<R>(&module(ECHO_MODULE), text)))
            }),
        );
        add(
            format!("typed call, list<u8> of {size} bytes in and out"),
            R::NAME,
            bar,
            Box::new(move || {
                let bytes = text(size).as_bytes();
                let ours = ours_echo::<B, (&[u8],), (Vec<u8>,)>("bytes", move || (bytes,));
                Pair::new((ours, raw::bytes::<R>(&module(ECHO_MODULE), bytes)))
            }),
        );
        add(
            format!("typed call, list<u64> of {size} bytes in and out"),
            R::NAME,
            bar,
            Box::new(move || {
                let words: Vec<u64> = (0..size as u64 / 8).collect();
                let words: &'static [u64] = words.leak();
                let ours = ours_echo::<B, (&[u64],), (Vec<u64>,)>("words", move || (words,));
                Pair::new((ours, raw::words::<R>(&module(ECHO_MODULE), words)))
            }),
        );
    }
}

fn ours_add<B: Backend>() -> Work {
    ours_typed::<B, (u32, u32), (u32,)>(calls().as_bytes(), &["add"], || (black_box(2), 3))
}

fn ours_echo<B: Backend, P, R>(name: &str, params: impl Fn() -> P + Copy + 'static) -> Work
where
    P: enginebay::ComponentNamedList + enginebay::Lower + 'static,
    R: enginebay::ComponentNamedList + enginebay::Lift + 'static,
{
    ours_typed::<B, P, R>(echo().as_bytes(), &[name], params)
}

fn ours_load<B: Backend>(bytes: &'static [u8]) -> Work {
    let engine = engine::<B>(Interruption::None);
    Box::new(move |n| {
        for _ in 0..n {
            black_box(Component::new(&engine, bytes).expect("the guest is valid"));
        }
    })
}
