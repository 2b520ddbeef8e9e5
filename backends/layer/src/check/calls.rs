//! Calls in both directions.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use enginebay_core::{Error, ErrorKind, TrapCode};

use super::*;
use crate::engine::{MAX_SLOTS, SharedFunc};

/// Bits of each type, upper halves zero.
const SAMPLES: [(CoreType, &[u64]); 4] = [
    (I32, &[0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]),
    (I64, &[0, 1, u32::MAX as u64 + 1, 1 << 63, u64::MAX]),
    (
        F32,
        &[0, 0x3f80_0000, 0x8000_0000, 0x7fc0_0000, 0x7fa0_0001],
    ),
    (
        F64,
        &[0, 0x3ff0 << 48, 1 << 63, 0x7ff8 << 48, 0x7ff4 << 48 | 1],
    ),
];

/// Each type goes in and out with all of its bits, payloads of NaNs too, and
/// with zeros above them.
pub fn numbers_cross_as_raw_bits<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    for (ty, samples) in SAMPLES {
        let t = name(ty);
        let text =
            format!("(module (func (export \"same\") (param {t}) (result {t}) local.get 0))");
        let instance = host.instance(&text, &[]);
        let same = signature([ty], [ty]);
        for bits in samples {
            let results = host.call(&instance, "same", &same, &[*bits]).unwrap();
            assert_eq!(results, [*bits], "{t}");
        }
    }
    // What is left over from an argument does not show in a result.
    let wrap = "(module (func (export \"wrap\") (param i64) (result i32)
        (i32.wrap_i64 (local.get 0))))";
    let instance = host.instance(wrap, &[]);
    let ty = signature([I64], [I32]);
    let results = host.call(&instance, "wrap", &ty, &[u64::MAX]).unwrap();
    assert_eq!(results, [0xffff_ffff]);
}

/// Lists of parameters of every length, some with mixed types.
fn lists() -> Vec<Vec<CoreType>> {
    let all = [I32, I64, F32, F64];
    let mut lists: Vec<Vec<_>> = (0..=MAX_SLOTS).map(|count| vec![I32; count]).collect();
    lists.extend(all.map(|ty| vec![ty; MAX_SLOTS]));
    for a in all {
        for b in all {
            lists.push(vec![a, b]);
            lists.push(vec![a, I64, b]);
            lists.push(vec![b, I32, I32, a]);
        }
    }
    lists.extend((3..=MAX_SLOTS).map(|n| all.iter().copied().cycle().take(n).collect()));
    lists
}

/// An argument whose bits tell its place and its type.
fn argument(place: usize, ty: CoreType) -> u64 {
    let place = place as u64 + 1;
    match ty {
        I32 | F32 => place | 0xa000_0000,
        I64 | F64 => place | 0xb000_0000_0000_0000,
    }
}

/// Lists of parameters of every length and of mixed types arrive in order.
pub fn many_parameters_cross_in_order<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    for list in lists().into_iter().filter(|list| !list.is_empty()) {
        let params = names(&list);
        let mut funcs = String::new();
        for (place, ty) in list.iter().enumerate() {
            let t = name(*ty);
            funcs += &format!(
                "(func (export \"{place}\") (param {params}) (result {t}) local.get {place})"
            );
        }
        let instance = host.instance(&format!("(module {funcs})"), &[]);
        let args: Vec<_> = list
            .iter()
            .enumerate()
            .map(|(place, ty)| argument(place, *ty))
            .collect();
        for (place, ty) in list.iter().enumerate() {
            let ty = Signature::new(list.iter().copied(), [*ty]);
            let results = host
                .call(&instance, &place.to_string(), &ty, &args)
                .unwrap();
            assert_eq!(results, [args[place]], "({params}) at {place}");
        }
    }
}

/// Two results, and as many as there can be.
pub fn two_results_come_back<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    let swap = "(module (func (export \"swap\") (param i32 f64) (result f64 i32)
        local.get 1 local.get 0))";
    let instance = host.instance(swap, &[]);
    let ty = signature([I32, F64], [F64, I32]);
    let results = host.call(&instance, "swap", &ty, &[7, 9]).unwrap();
    assert_eq!(results, [9, 7]);

    let ty = Signature::new([], vec![I64; MAX_SLOTS]);
    let consts: String = (0..MAX_SLOTS).map(|n| format!("i64.const {n} ")).collect();
    let text = format!(
        "(module (func (export \"all\") (result {}) {consts}))",
        names(&ty.results)
    );
    let instance = host.instance(&text, &[]);
    let results = host.call(&instance, "all", &ty, &[]).unwrap();
    assert!(results.into_iter().eq(0..MAX_SLOTS as u64));
}

/// Host functions get their arguments in slots, as many as the signature needs,
/// and give their results there.
pub fn host_functions_of_every_signature_get_their_slots<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    let results: [&[CoreType]; 6] = [&[], &[I32], &[I64], &[F32], &[F64], &[I64, F32]];
    for list in lists() {
        for results in results {
            let ty = Signature::new(list.iter().copied(), results.iter().copied());
            let seen = Arc::new(Mutex::new(Vec::new()));
            let (keep, of) = (Arc::clone(&seen), ty.clone());
            let import = host.host_func(&ty, move |_cx, slots| {
                keep.lock().unwrap().extend_from_slice(slots);
                for (place, ty) in of.results.iter().enumerate() {
                    slots[place] = argument(place, *ty);
                }
                Ok(())
            });
            let (p, r) = (names(&list), names(results));
            let gets: String = (0..list.len()).map(|n| format!("local.get {n} ")).collect();
            let text = format!(
                "(module (import \"\" \"h\" (func $h (param {p}) (result {r})))
                (func (export \"f\") (param {p}) (result {r}) {gets} call $h))"
            );
            let instance = host.instance(&text, &[import]);
            let args: Vec<_> = list
                .iter()
                .enumerate()
                .map(|(place, ty)| argument(place, *ty))
                .collect();
            let wanted: Vec<_> = results
                .iter()
                .enumerate()
                .map(|(place, ty)| argument(place, *ty))
                .collect();
            let got = host.call(&instance, "f", &ty, &args).unwrap();
            assert_eq!(got, wanted, "({p}) -> ({r})");
            let seen = seen.lock().unwrap();
            assert_eq!(seen.len(), ty.slots(), "({p}) -> ({r})");
            assert_eq!(seen[..args.len()], args, "({p}) -> ({r})");
        }
    }
}

/// A host function uses the store that it is called in: it calls the guest, and
/// writes where the guest looks next.
pub fn a_host_function_calls_the_guest_again<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    let parts = Arc::new(Mutex::new(None));
    let inner = Arc::clone(&parts);
    let ty = signature([I32], [I32]);
    let again = ty.clone();
    let import = host.host_func(&ty, move |mut cx, slots| {
        let parts: Option<(E::Func, E::Memory)> = inner.lock().unwrap().clone();
        let (func, memory) = parts.unwrap();
        slots[0] = call::<E>(&mut cx, &func, &again, &[slots[0] + 1])?[0];
        E::memory(&mut cx, &memory)[8] += 1;
        Ok(())
    });
    let text = "(module
        (import \"\" \"h\" (func $h (param i32) (result i32)))
        (memory (export \"m\") 1)
        (func (export \"double\") (param i32) (result i32)
            (i32.store8 (i32.const 8) (i32.const 40))
            (i32.mul (local.get 0) (i32.const 2)))
        (func (export \"f\") (param i32) (result i32)
            (i32.add (call $h (local.get 0)) (i32.load8_u (i32.const 8)))))";
    let instance = host.instance(text, &[import]);
    let func = host.func(&instance, "double");
    let memory = match E::export(&mut host.cx(), &instance, "m") {
        Some(CoreExtern::Memory(memory)) => memory,
        other => panic!("{other:?}"),
    };
    *parts.lock().unwrap() = Some((func, memory));
    let results = host.call(&instance, "f", &ty, &[10]).unwrap();
    assert_eq!(results, [22 + 41]);
}

/// A host function that a guest exports again is one like any other.
pub fn a_host_function_can_be_called_by_the_host<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    let ty = signature([I32, I32], [I32]);
    let import = host.host_func(&ty, |_cx, slots| {
        slots[0] = slots[0] * 10 + slots[1];
        Ok(())
    });
    let text = "(module (import \"\" \"h\" (func $h (param i32 i32) (result i32)))
        (export \"h\" (func $h)))";
    let instance = host.instance(text, &[import]);
    assert_eq!(host.call(&instance, "h", &ty, &[4, 2]).unwrap(), [42]);
}

/// What an engine keeps of a function for all stores is that function in each of
/// them, and goes on when nobody else has it any more.
pub fn a_shared_function_works_in_every_store<E: CoreEngine>() {
    let engine = E::new_engine(&config()).unwrap();
    let unit = E::new_unit(&engine).unwrap();
    let ty = signature([I32], [I32]);
    let calls = Arc::new(AtomicU64::new(0));
    let shared = SharedFunc::new();
    let stores = [(); 2].map(|()| {
        let mut host = Host::<E>::of(&engine, unit.clone(), limits());
        let realm = host.realm;
        let func = E::shared_func(&mut host.cx(), realm, &ty, &shared, || {
            let calls = calls.clone();
            move |_cx: E::Context<'_>, slots: &mut [u64]| {
                slots[0] += calls.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        });
        let text = "(module (import \"\" \"h\" (func $h (param i32) (result i32)))
            (func (export \"f\") (param i32) (result i32) (call $h (local.get 0))))";
        let instance = host.instance(text, &[CoreExtern::Func(func)]);
        (host, instance)
    });
    drop(shared);
    for (mut host, instance) in stores {
        let before = calls.load(Ordering::Relaxed);
        let results = host.call(&instance, "f", &ty, &[40]).unwrap();
        assert_eq!(results, [40 + before]);
        assert_eq!(calls.load(Ordering::Relaxed), before + 1);
    }
}

/// An export of one instance is an import of another, directly and by a table.
pub fn guests_of_two_modules_call_each_other<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    let one = host.instance(
        "(module
            (table (export \"t\") 2 funcref)
            (type $f (func (result i32)))
            (func (export \"one\") (result i32) i32.const 1)
            (func (export \"by-table\") (result i32)
                (call_indirect (type $f) (i32.const 1))))",
        &[],
    );
    let imports = ["one", "t"].map(|name| E::export(&mut host.cx(), &one, name).unwrap());
    let two = host.instance(
        "(module
            (import \"\" \"one\" (func $one (result i32)))
            (import \"\" \"t\" (table 2 funcref))
            (func $two (result i32) (i32.add (call $one) (i32.const 1)))
            (export \"two\" (func $two))
            (elem (i32.const 1) func $two))",
        &imports,
    );
    assert_eq!(host.get(&two, "two").unwrap(), 2);
    assert_eq!(host.get(&one, "by-table").unwrap(), 2);
}

/// Guests of two components call each other through host functions of one store,
/// which may lead back to a component whose guest waits: each finds its memory as
/// it was left, also after a trap has gone through all of them.
pub fn guests_of_two_units_are_nested<E: CoreEngine>() {
    const TEXT: &str = "(module
        (import \"\" \"h\" (func $h (param i32) (result i32)))
        (memory (export \"m\") 1 8)
        (func (export \"f\") (param i32) (result i32)
            (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
            (if (i32.eqz (local.get 0)) (then unreachable))
            (drop (memory.grow (i32.const 1)))
            (local.set 0 (call $h (local.get 0)))
            (i32.store (i32.const 4) (local.get 0))
            (i32.add (local.get 0) (i32.load (i32.const 0)))))";
    let engine = E::new_engine(&config()).unwrap();
    let data = Data::new(StoreData::detached(USER, limits()));
    let mut store = E::new_store(&engine, data).unwrap();
    let mut cx = E::context(&mut store);
    let units = [(); 2].map(|()| E::new_unit(&engine).unwrap());
    let ty = signature([I32], [I32]);
    // The callee and the memory of each instance: two of the first component, and
    // between these one of the second.
    type Parts<E> = Vec<(<E as CoreEngine>::Callee, <E as CoreEngine>::Memory)>;
    let parts: Arc<Mutex<Parts<E>>> = Arc::default();
    for (index, unit) in [(0, &units[0]), (1, &units[1]), (2, &units[0])] {
        let realm = E::realm(&mut cx, unit).unwrap();
        let all = Arc::clone(&parts);
        let h = E::host_func(&mut cx, realm, &ty, move |mut cx, slots| {
            let next = all.lock().unwrap().get(index + 1).cloned();
            match next {
                Some((callee, memory)) => {
                    E::call(&mut cx, &callee, slots)?;
                    E::memory(&mut cx, &memory)[0] += 10;
                }
                // The last guest of all says whether it ends well.
                None if slots[0] == 1 => slots[0] = 100,
                None => {
                    let (first, _) = all.lock().unwrap()[0].clone();
                    slots[0] = 0;
                    E::call(&mut cx, &first, slots)?;
                }
            }
            Ok(())
        });
        let module = E::compile(unit, &wasm(TEXT)).unwrap();
        let instance = E::instantiate(&mut cx, realm, &module, &[CoreExtern::Func(h)]).unwrap();
        let func = E::export(&mut cx, &instance, "f");
        let memory = E::export(&mut cx, &instance, "m");
        let (Some(CoreExtern::Func(func)), Some(CoreExtern::Memory(memory))) = (func, memory)
        else {
            panic!("an export is missing");
        };
        let callee = E::callee(&mut cx, &func, &ty).unwrap();
        parts.lock().unwrap().push((callee, memory));
    }
    let parts = parts.lock().unwrap().clone();
    let state = |cx: &mut E::Context<'_>| {
        parts
            .iter()
            .map(|(_, memory)| {
                let memory = E::memory(cx, memory);
                (memory[0], memory[4], memory.len() >> 16)
            })
            .collect::<Vec<_>>()
    };
    let mut slots = [1];
    E::call(&mut cx, &parts[0].0, &mut slots).unwrap();
    assert_eq!(slots, [103]);
    assert_eq!(state(&mut cx), [(1, 102, 2), (11, 101, 2), (11, 100, 2)]);

    let mut slots = [2];
    let error = unwrap_err(E::call(&mut cx, &parts[0].0, &mut slots));
    assert_eq!(*error.kind(), ErrorKind::Trap(TrapCode::Unreachable));
    assert_eq!(state(&mut cx), [(3, 102, 3), (12, 101, 3), (12, 100, 3)]);

    let mut slots = [1];
    E::call(&mut cx, &parts[1].0, &mut slots).unwrap();
    assert_eq!(slots, [100 + 13 + 13]);
}

#[derive(Debug, PartialEq)]
struct Refusal(u32);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused {}", self.0)
    }
}

impl std::error::Error for Refusal {}

/// Calls a host function, from a call and from a start function.
pub(super) const CALLS_HOST: &str = "(module
    (import \"\" \"h\" (func $h))
    (func (export \"f\") call $h))";
const STARTS_WITH_HOST: &str = "(module
    (import \"\" \"h\" (func $h))
    (start $h))";

/// A host function's own error comes back by downcast, through guests and start
/// functions, and one that says "the guest was not entered" says so no longer.
pub fn the_error_of_a_host_function_comes_back_as_it_was<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    let import = host.host_func(&Signature::default(), |_cx, _slots| {
        Err(Error::host(Refusal(7)).with_context("function", "h"))
    });
    let instance = host.instance(CALLS_HOST, std::slice::from_ref(&import));
    let of_call = unwrap_err(host.call(&instance, "f", &Signature::default(), &[]));
    let of_start = unwrap_err(host.instantiate(STARTS_WITH_HOST, &[import]));
    for error in [of_call, of_start] {
        assert_eq!(*error.kind(), ErrorKind::Host);
        assert_eq!(error.context_value("function"), Some("h"));
        assert_eq!(error.downcast::<Refusal>().unwrap(), Refusal(7));
    }

    let mut host = Host::<E>::new();
    let import = host.host_func(&Signature::default(), |_cx, _slots| {
        Err(Error::new(ErrorKind::NotFound, "not here"))
    });
    let instance = host.instance(CALLS_HOST, &[import]);
    let error = unwrap_err(host.call(&instance, "f", &Signature::default(), &[]));
    assert_eq!(*error.kind(), ErrorKind::Host);
    assert_eq!(error.message(), "not here");
}

/// A store that has run a guest goes on in another thread.
pub fn a_used_store_moves_to_another_thread<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    let text = "(module (global $n (mut i32) (i32.const 0))
        (func (export \"next\") (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            global.get $n))";
    let instance = host.instance(text, &[]);
    assert_eq!(host.get(&instance, "next").unwrap(), 1);
    let mut host = std::thread::spawn({
        let instance = instance.clone();
        move || {
            assert_eq!(host.get(&instance, "next").unwrap(), 2);
            host
        }
    })
    .join()
    .unwrap();
    assert_eq!(host.get(&instance, "next").unwrap(), 3);
}
