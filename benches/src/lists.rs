//! Lists as arguments of host functions: read in the guest's memory, and copied out
//! of it. The host looks at the first and the last byte.

use enginebay::generic::{Component, Linker};
use enginebay::wasmer::Wasmer;
use enginebay::wasmi::Wasmi;
use enginebay::wasmtime::Wasmtime;
use enginebay::wasmtime::wasmtime::component as wt;
use enginebay::wasmtime_layered::WasmtimeLayered;
use enginebay::{Backend, Interruption, WasmList};

use crate::guests::lists;
use crate::work::{RAW, calls_repeat, engine, raw_calls_repeat, raw_engine};
use crate::{Bar, Bench, Pair, Work};

/// Bytes of the lists.
const SIZES: [usize; 3] = [16, 1 << 10, 64 << 10];

pub(crate) fn list(to: &mut Vec<Bench>) {
    against_wasmtime::<Wasmtime>(to);
    against_wasmtime::<WasmtimeLayered>(to);
    against_copies::<Wasmtime>(to);
    against_copies::<WasmtimeLayered>(to);
    against_copies::<Wasmer>(to);
    against_copies::<Wasmi>(to);
}

/// What the host function takes.
#[derive(Clone, Copy)]
enum As {
    View,
    Copy,
}

fn against_wasmtime<B: Backend>(to: &mut Vec<Bench>) {
    let native = B::support().native;
    for (how, name) in [(As::View, "read in place"), (As::Copy, "copied")] {
        for size in SIZES {
            to.push(Bench {
                backend: B::NAME,
                name: format!("host call, list<u8> of {size} bytes, {name}"),
                against: RAW,
                bar: if native { Bar::ratio(1.05) } else { None },
                make: Box::new(move || {
                    Pair::of_host_calls((ours::<B>(how, size), theirs(how, size)))
                }),
            });
        }
    }
}

fn against_copies<B: Backend>(to: &mut Vec<Bench>) {
    for size in SIZES {
        to.push(Bench {
            backend: B::NAME,
            name: format!("host call, list<u8> of {size} bytes, in place and not"),
            against: "enginebay with a Vec",
            bar: None,
            make: Box::new(move || {
                let (view, copy) = (ours::<B>(As::View, size), ours::<B>(As::Copy, size));
                Pair::of_host_calls((view, copy))
            }),
        });
    }
}

/// The first byte and the last one.
fn ends(bytes: &[u8]) -> u32 {
    let end = |byte: Option<&u8>| byte.map_or(0, |byte| u32::from(*byte));
    end(bytes.first()) + end(bytes.last())
}

fn ours<B: Backend>(how: As, size: usize) -> Work {
    let engine = engine::<B>(Interruption::None);
    let component = Component::new(&engine, lists(size)).expect("the guest is valid");
    let mut linker = Linker::<B, u64>::new(&engine);
    let mut root = linker.root();
    match how {
        As::View => root.func_wrap("f", |mut caller, (list,): (WasmList<u8>,)| {
            Ok((ends(list.as_le_slice(&mut caller)?),))
        }),
        As::Copy => root.func_wrap("f", |_, (list,): (Vec<u8>,)| Ok((ends(&list),))),
    }
    .expect("the name is free");
    calls_repeat(&linker, &component)
}

fn theirs(how: As, size: usize) -> Work {
    let engine = raw_engine();
    let guest = lists(size);
    let binary = enginebay::to_binary(guest.as_bytes()).expect("the guest is valid");
    let component = wt::Component::new(&engine, &*binary).expect("the guest is valid");
    let mut linker = wt::Linker::<u64>::new(&engine);
    let mut root = linker.root();
    match how {
        As::View => root.func_wrap("f", |cx, (list,): (wt::WasmList<u8>,)| {
            Ok((ends(list.as_le_slice(&cx)),))
        }),
        As::Copy => root.func_wrap("f", |_, (list,): (Vec<u8>,)| Ok((ends(&list),))),
    }
    .expect("the name is free");
    raw_calls_repeat(&linker, &component)
}
