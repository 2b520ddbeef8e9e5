//! Maps and fixed-length lists, on the backends that have them: both ways, to
//! host functions and back, what does not fit, and what traps.

use std::fmt::Debug;

use crate::common::on_each_backend;
use enginebay::generic::{Caller, Component, Engine, Instance, Linker, Store};
use enginebay::{Backend, ComponentNamedList, Config, Error, ErrorKind, Feature, Lift, Limits};
use enginebay::{Lower, Map, Result, TrapCode, Type, Val};

on_each_backend! {
    values_go_both_ways
    the_guest_finds_them_where_it_expects_them
    host_functions_take_and_return_them
    what_a_host_function_returns_is_checked
    typed_values_go_both_ways
    a_host_function_has_them_typed
    the_guest_gets_entries_in_the_order_of_their_keys
    types_are_shown
    arguments_that_do_not_fit_are_refused
    malformed_maps_trap
    what_is_lifted_is_charged
}

const FEATURES: [Feature; 2] = [Feature::Maps, Feature::FixedLengthLists];

/// Host bytes that a value inside another costs.
const VAL_COST: u64 = 40;

/// Functions that return what they are given, functions that compute with it,
/// one that asks the host, and some that return or pass on any pointer.
const GUEST: &str = r#"(component
    (import "host" (func $host (param "m" (map string u32)) (param "l" (list u16 2))
        (result (map u32 (list u16 2)))))
    (core module $memory
        (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.set $next (i32.and
                (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
                (i32.sub (i32.const 0) (local.get 2))))
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3)))))
    (core instance $i (instantiate $memory))
    (core func $host (canon lower (func $host)
        (memory $i "memory") (realloc (func $i "realloc"))))
    (core module $m
        (import "" "memory" (memory 1))
        (import "" "host" (func $host (param i32 i32 i32 i32 i32)))
        (func $pair (export "pair") (param i32 i32) (result i32)
            (i32.store (i32.const 16) (local.get 0))
            (i32.store (i32.const 20) (local.get 1))
            (i32.const 16))
        (func (export "four") (param i32 i32 i32 i32) (result i32)
            (i32.store16 (i32.const 16) (local.get 0))
            (i32.store16 (i32.const 18) (local.get 1))
            (i32.store16 (i32.const 20) (local.get 2))
            (i32.store16 (i32.const 22) (local.get 3))
            (i32.const 16))
        (func (export "same") (param i32) (result i32) (local.get 0))
        ;; The sum of key * value.
        (func (export "weigh") (param $at i32) (param $len i32) (result i64)
            (local $sum i64)
            (loop $next
                (if (local.get $len) (then
                    (local.set $sum (i64.add (local.get $sum) (i64.mul
                        (i64.load8_u (local.get $at))
                        (i64.load offset=8 (local.get $at)))))
                    (local.set $at (i32.add (local.get $at) (i32.const 16)))
                    (local.set $len (i32.sub (local.get $len) (i32.const 1)))
                    (br $next))))
            (local.get $sum))
        ;; a * 1000 + b of the last list.
        (func (export "last") (param $at i32) (param $len i32) (result i32)
            (local.set $at (i32.add (local.get $at)
                (i32.mul (i32.const 4) (i32.sub (local.get $len) (i32.const 1)))))
            (i32.add
                (i32.mul (i32.load16_u (local.get $at)) (i32.const 1000))
                (i32.load16_u offset=2 (local.get $at))))
        (func (export "ask") (param i32 i32 i32 i32) (result i32)
            (call $host (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i32.const 32))
            (i32.const 32))
        (func (export "ask-with") (param i32 i32)
            (call $host (local.get 0) (local.get 1) (i32.const 1) (i32.const 2) (i32.const 32))))
    (core instance $m (instantiate $m (with "" (instance
        (export "memory" (memory $i "memory"))
        (export "host" (func $host))))))
    (func (export "map") (param "m" (map string u32)) (result (map string u32))
        (canon lift (core func $m "pair") (memory $i "memory") (realloc (func $i "realloc"))))
    (func (export "nested") (param "l" (list (map u8 (list char 2))))
        (result (list (map u8 (list char 2))))
        (canon lift (core func $m "pair") (memory $i "memory") (realloc (func $i "realloc"))))
    (func (export "four") (param "l" (list s16 4)) (result (list s16 4))
        (canon lift (core func $m "four") (memory $i "memory") (realloc (func $i "realloc"))))
    (func (export "one") (param "l" (list s8 1)) (result (list s8 1))
        (canon lift (core func $m "same")))
    (func (export "twenty") (param "l" (list u64 20)) (result (list u64 20))
        (canon lift (core func $m "same") (memory $i "memory") (realloc (func $i "realloc"))))
    (func (export "strings") (param "l" (list string 9)) (result (list string 9))
        (canon lift (core func $m "same") (memory $i "memory") (realloc (func $i "realloc"))))
    (func (export "weigh") (param "m" (map u8 u64)) (result u64)
        (canon lift (core func $m "weigh") (memory $i "memory") (realloc (func $i "realloc"))))
    (func (export "last") (param "l" (list (list u16 2))) (result u32)
        (canon lift (core func $m "last") (memory $i "memory") (realloc (func $i "realloc"))))
    (func (export "ask") (param "m" (map string u32)) (param "l" (list u16 2))
        (result (map u32 (list u16 2)))
        (canon lift (core func $m "ask") (memory $i "memory") (realloc (func $i "realloc"))))
    (func (export "any-map") (param "at" u32) (param "len" u32) (result (map u8 u32))
        (canon lift (core func $m "pair") (memory $i "memory")))
    (func (export "ask-with") (param "at" u32) (param "len" u32)
        (canon lift (core func $m "ask-with")))
)"#;

type Host = fn(&[Val]) -> Val;

struct Fixture<B: Backend> {
    store: Store<B, ()>,
    instance: Instance<B>,
}

impl<B: Backend> Fixture<B> {
    /// Nothing if the backend has no such types.
    fn new() -> Option<Self> {
        Self::with(|_| Val::Map(Vec::new()), |limits| limits)
    }

    fn with(host: Host, limits: impl FnOnce(Limits) -> Limits) -> Option<Self> {
        let define = |linker: &mut Linker<B, ()>| {
            linker.root().func_new("host", move |_, params, results| {
                results[0] = host(params);
                Ok(())
            })
        };
        Self::define(define, limits)
    }

    fn define(
        define: impl FnOnce(&mut Linker<B, ()>) -> Result<()>,
        limits: impl FnOnce(Limits) -> Limits,
    ) -> Option<Self> {
        let mut config = Config::new();
        for feature in FEATURES {
            config.feature(feature, true);
        }
        let engine = match Engine::<B>::new(&config) {
            Ok(engine) => engine,
            Err(error) => {
                let has = |feature| B::support().features.contains(feature);
                assert!(!FEATURES.into_iter().all(has), "{error:?}");
                return None;
            }
        };
        let component = Component::new(&engine, GUEST).unwrap();
        let mut linker = Linker::<B, ()>::new(&engine);
        define(&mut linker).unwrap();
        let limits = limits(engine.default_limits());
        let mut store = Store::builder(&engine).limits(limits).build(()).unwrap();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        Some(Fixture { store, instance })
    }

    fn call(&mut self, name: &str, params: &[Val]) -> Result<Vec<Val>> {
        let func = self.instance.get_func(&mut self.store, name).unwrap();
        func.call(&mut self.store, params)
    }

    fn typed<P, R>(&mut self, name: &str, params: P) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let func = self
            .instance
            .get_typed_func::<P, R>(&mut self.store, name)
            .unwrap();
        func.call(&mut self.store, params)
    }

    fn gives<P, R>(&mut self, name: &str, params: P, expected: R)
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift + PartialEq + Debug,
    {
        assert_eq!(
            self.typed::<P, R>(name, params).unwrap(),
            expected,
            "{name}"
        );
    }

    fn one(&mut self, name: &str, params: &[Val]) -> Val {
        let [result] = self.call(name, params).unwrap().try_into().unwrap();
        result
    }
}

fn s(text: &str) -> Val {
    Val::String(text.into())
}

fn fixed<const N: usize>(items: [Val; N]) -> Val {
    Val::FixedLengthList(items.into())
}

fn map<const N: usize>(entries: [(Val, Val); N]) -> Val {
    Val::Map(entries.into())
}

fn values_go_both_ways<B: Backend>() {
    let Some(mut guest) = Fixture::<B>::new() else {
        return;
    };
    let pair = |a, b| fixed([Val::Char(a), Val::Char(b)]);
    let cases = [
        ("map", map([])),
        ("map", map([(s("a"), Val::U32(1))])),
        // A key can be there twice, and in any order.
        (
            "map",
            map([
                (s("é"), Val::U32(2)),
                (s(""), Val::U32(3)),
                (s("é"), Val::U32(0)),
            ]),
        ),
        ("nested", Val::List(vec![])),
        (
            "nested",
            Val::List(vec![
                map([]),
                map([(Val::U8(7), pair('a', '😀')), (Val::U8(8), pair('\0', 'b'))]),
            ]),
        ),
        ("four", fixed([-1, 2, i16::MIN, 4].map(Val::S16))),
        ("one", fixed([Val::S8(-128)])),
        (
            "twenty",
            fixed(std::array::from_fn::<_, 20, _>(|i| Val::U64(1 << (3 * i)))),
        ),
        (
            "strings",
            fixed(["a", "", "é", "b", "c", "d", "e", "f", "g"].map(s)),
        ),
    ];
    for (name, val) in cases {
        assert_eq!(guest.one(name, std::slice::from_ref(&val)), val, "{name}");
    }
}

fn the_guest_finds_them_where_it_expects_them<B: Backend>() {
    let Some(mut guest) = Fixture::<B>::new() else {
        return;
    };
    let weights = map([
        (Val::U8(2), Val::U64(1 << 40)),
        (Val::U8(200), Val::U64(5)),
        (Val::U8(0), Val::U64(9)),
    ]);
    assert_eq!(guest.one("weigh", &[weights]), Val::U64((1 << 41) + 1000));
    assert_eq!(guest.one("weigh", &[map([])]), Val::U64(0));
    let pair = |a, b| fixed([Val::U16(a), Val::U16(b)]);
    let pairs = Val::List(vec![pair(1, 2), pair(3, 4), pair(65, 999)]);
    assert_eq!(guest.one("last", &[pairs]), Val::U32(65_999));
}

fn host_functions_take_and_return_them<B: Backend>() {
    let host: Host = |params| {
        let [Val::Map(entries), list @ Val::FixedLengthList(_)] = params else {
            panic!("{params:?}");
        };
        let entries = entries.iter().rev().map(|(key, val)| {
            let (Val::String(_), Val::U32(_)) = (key, val) else {
                panic!("{entries:?}");
            };
            (val.clone(), list.clone())
        });
        Val::Map(entries.collect())
    };
    let Some(mut guest) = Fixture::<B>::with(host, |limits| limits) else {
        return;
    };
    let list = || fixed([Val::U16(7), Val::U16(8)]);
    let params = [map([(s("a"), Val::U32(1)), (s("b"), Val::U32(2))]), list()];
    let expected = map([(Val::U32(2), list()), (Val::U32(1), list())]);
    assert_eq!(guest.one("ask", &params), expected);
}

fn what_a_host_function_returns_is_checked<B: Backend>() {
    let hosts: [(Host, &str); 3] = [
        (
            |_| map([(Val::U8(1), fixed([]))]),
            "expected `u32`, found `u8` (at [0].key)",
        ),
        (
            |_| map([(Val::U32(1), fixed([Val::U16(1)]))]),
            "`list<u16, 2>` has 2 elements, 1 were given (at [0].value)",
        ),
        (
            |_| Val::List(vec![]),
            "expected `map<u32, list<u16, 2>>`, found `list`",
        ),
    ];
    for (host, text) in hosts {
        let Some(mut guest) = Fixture::<B>::with(host, |limits| limits) else {
            return;
        };
        let params = [map([]), fixed([Val::U16(7), Val::U16(8)])];
        let error = guest.call("ask", &params).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Host, "{error:?}");
        assert!(error.message().contains(text), "{error}");
    }
}

fn typed_values_go_both_ways<B: Backend>() {
    let Some(mut guest) = Fixture::<B>::new() else {
        return;
    };
    let ages = Map::from([("b".to_string(), 2_u32), ("é".to_string(), 3)]);
    guest.gives("map", (&ages,), (ages.clone(),));
    let nested = vec![
        Map::default(),
        Map::from([(8_u8, ['a', '😀']), (7, ['\0', 'b'])]),
    ];
    guest.gives("nested", (&*nested,), (nested.clone(),));
    let four = [-1_i16, 2, i16::MIN, 4];
    guest.gives("four", (four,), (four,));
    guest.gives("one", ([-128_i8],), ([-128_i8],));
    let twenty: [u64; 20] = std::array::from_fn(|at| 1 << (3 * at));
    guest.gives("twenty", (twenty,), (twenty,));
    let strings = ["a", "", "é", "b", "c", "d", "e", "f", "g"].map(String::from);
    guest.gives("strings", (&strings,), (strings.clone(),));

    // Another length is another type.
    let func = guest
        .instance
        .get_typed_func::<([i16; 3],), ([i16; 3],)>(&mut guest.store, "four");
    assert_eq!(*func.unwrap_err().kind(), ErrorKind::TypeMismatch);

    // What a guest says of a map is looked at before there is room for it.
    for (at, len, code) in [
        (0_u32, u32::MAX, TrapCode::ListOutOfBounds),
        (65_528, 2, TrapCode::ListOutOfBounds),
        (2, 1, TrapCode::UnalignedPointer),
    ] {
        let Some(mut guest) = Fixture::<B>::new() else {
            return;
        };
        let result = guest.typed::<_, (Map<u8, u32>,)>("any-map", (at, len));
        assert_eq!(result.unwrap_err().trap_code(), Some(code), "{at} {len}");
    }
}

fn a_host_function_has_them_typed<B: Backend>() {
    let define = |linker: &mut Linker<B, ()>| {
        linker.root().func_wrap(
            "host",
            |_: Caller<'_, B, ()>, (ages, pair): (Map<String, u32>, [u16; 2])| {
                let turned = ages.into_iter().map(|(_, age)| (age, pair));
                Ok((turned.collect::<Map<_, _>>(),))
            },
        )
    };
    let Some(mut guest) = Fixture::<B>::define(define, |limits| limits) else {
        return;
    };
    let ages = Map::from([("a".to_string(), 9_u32), ("b".to_string(), 2)]);
    let (turned,) = guest
        .typed::<_, (Map<u32, [u16; 2]>,)>("ask", (&ages, [7_u16, 8]))
        .unwrap();
    assert_eq!(turned, Map::from([(2, [7, 8]), (9, [7, 8])]));
}

fn the_guest_gets_entries_in_the_order_of_their_keys<B: Backend>() {
    let Some(mut guest) = Fixture::<B>::new() else {
        return;
    };
    let weights: Map<u8, u64> = (0..40).rev().map(|key| (key, 1)).collect();
    let (sum,) = guest.typed::<_, (u64,)>("weigh", (&weights,)).unwrap();
    assert_eq!(sum, (0..40).sum::<u64>());
    // They are the first that its memory was asked for. Read as entries of half the size,
    // every other key is one of theirs.
    let Val::Map(entries) = guest.one("any-map", &[Val::U32(1024), Val::U32(80)]) else {
        panic!("no map");
    };
    let keys = entries.into_iter().step_by(2).map(|(key, _)| key);
    assert!(keys.eq((0..40).map(Val::U8)));
}

fn types_are_shown<B: Backend>() {
    let Some(mut guest) = Fixture::<B>::new() else {
        return;
    };
    let mut ty = |name: &str| {
        let func = guest.instance.get_func(&mut guest.store, name).unwrap();
        func.ty(&mut guest.store).unwrap()
    };
    assert_eq!(
        ty("ask").to_string(),
        "func(m: map<string, u32>, l: list<u16, 2>) -> map<u32, list<u16, 2>>"
    );
    let pair = Type::fixed_length_list(Type::Char, 2);
    let nested = Type::list(Type::map(Type::U8, pair));
    assert_eq!(ty("nested").result, Some(nested));
}

fn arguments_that_do_not_fit_are_refused<B: Backend>() {
    let Some(mut guest) = Fixture::<B>::new() else {
        return;
    };
    let one = || Val::S16(1);
    for (name, val, text, argument) in [
        (
            "map",
            map([(s("a"), Val::U32(1)), (s("b"), Val::S32(1))]),
            "expected `u32`, found `s32` (at [1].value)",
            "m",
        ),
        (
            "map",
            Val::List(vec![]),
            "expected `map<string, u32>`, found `list`",
            "m",
        ),
        (
            "four",
            fixed([one(), one(), one()]),
            "`list<s16, 4>` has 4 elements, 3 were given",
            "l",
        ),
        (
            "four",
            fixed([one(), one(), one(), Val::U16(1)]),
            "expected `s16`, found `u16` (at [3])",
            "l",
        ),
        (
            "four",
            Val::List(vec![one(); 4]),
            "expected `list<s16, 4>`, found `list`",
            "l",
        ),
        (
            "last",
            Val::List(vec![fixed([Val::U16(1)])]),
            "`list<u16, 2>` has 2 elements, 1 were given (at [0])",
            "l",
        ),
    ] {
        let error = guest.call(name, &[val]).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TypeMismatch);
        assert_eq!(error.message(), text);
        assert_eq!(error.context_value("argument"), Some(argument));
    }
    // The guest was not entered.
    assert_eq!(guest.one("map", &[map([])]), map([]));
}

fn trap(result: Result<Vec<Val>>) -> TrapCode {
    let error: Error = result.unwrap_err();
    error.trap_code().unwrap_or_else(|| panic!("{error:?}"))
}

fn malformed_maps_trap<B: Backend>() {
    // For `any-map`, entries of 8 bytes; for `ask-with`, of 12.
    for (at, len, code) in [
        (0x1_0000 - 8, 2, TrapCode::ListOutOfBounds),
        (0xffff_fff8, 1, TrapCode::ListOutOfBounds),
        (0, 0x2000_0000, TrapCode::ListOutOfBounds),
        (2, 1, TrapCode::UnalignedPointer),
        (3, 0, TrapCode::UnalignedPointer),
    ] {
        for name in ["any-map", "ask-with"] {
            let Some(mut guest) = Fixture::<B>::new() else {
                return;
            };
            let result = guest.call(name, &[Val::U32(at), Val::U32(len)]);
            assert_eq!(trap(result), code, "{name} {at:#x} {len}");
        }
    }
}

fn what_is_lifted_is_charged<B: Backend>() {
    let entry = 2 * VAL_COST;
    for (limit, fits) in [(4 * entry, true), (4 * entry - 1, false)] {
        let host: Host = |_| Val::Map(Vec::new());
        let limits = |limits: Limits| limits.host_bytes(limit);
        let Some(mut guest) = Fixture::<B>::with(host, limits) else {
            return;
        };
        let result = guest.call("any-map", &[Val::U32(0), Val::U32(4)]);
        assert_eq!(result.is_ok(), fits);
        if let Err(error) = result {
            let limited = matches!(error.kind(), ErrorKind::HostAllocationLimit { .. });
            assert!(limited, "{error:?}");
        }
    }
    for (limit, fits) in [(20 * VAL_COST, true), (20 * VAL_COST - 1, false)] {
        let host: Host = |_| Val::Map(Vec::new());
        let limits = |limits: Limits| limits.host_bytes(limit);
        let Some(mut guest) = Fixture::<B>::with(host, limits) else {
            return;
        };
        let twenty = fixed([(); 20].map(|()| Val::U64(1)));
        assert_eq!(guest.call("twenty", &[twenty]).is_ok(), fits);
    }
}
