//! What a guest sees of how its strings and lists are lowered is the same on
//! every backend: each call of its `realloc`, with each argument. A guest pays
//! fuel for what it does there.

use crate::common::{Fixture, on_each_backend};
use enginebay::{Backend, Val};

on_each_backend! {
    typed_values_are_allocated_alike
    dynamic_values_are_allocated_alike
    spilled_parameters_are_allocated_first
}

/// Keeps the arguments of each `realloc`, which moves whatever grows.
fn guest(encoding: &str) -> String {
    format!(
        r#"(component
        (core module $m
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 1024))
            (global $log (mut i32) (i32.const 64))
            (func (export "realloc") (param $old i32) (param $size i32) (param $align i32)
                (param $new i32) (result i32)
                (i32.store (global.get $log) (local.get $old))
                (i32.store offset=4 (global.get $log) (local.get $size))
                (i32.store offset=8 (global.get $log) (local.get $align))
                (i32.store offset=12 (global.get $log) (local.get $new))
                (global.set $log (i32.add (global.get $log) (i32.const 16)))
                (if (i32.gt_u (local.get $size) (local.get $new))
                    (then (return (local.get $old))))
                (global.set $next (i32.and
                    (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
                    (i32.sub (i32.const 0) (local.get $align))))
                (memory.copy (global.get $next) (local.get $old) (local.get $size))
                (global.get $next)
                (global.set $next (i32.add (global.get $next) (local.get $new))))
            (func $log (result i32)
                (i32.store (i32.const 16) (i32.const 64))
                (i32.store (i32.const 20)
                    (i32.div_u (i32.sub (global.get $log) (i32.const 64)) (i32.const 16)))
                (i32.const 16))
            (func (export "text") (param i32 i32) (result i32) (call $log))
            (func (export "list") (param i32 i32) (result i32) (call $log))
            (func (export "many") (param i32) (result i32) (call $log)))
        (core instance $i (instantiate $m))
        (func (export "text") (param "s" string) (result (list (tuple u32 u32 u32 u32)))
            (canon lift (core func $i "text") (memory $i "memory") (realloc (func $i "realloc"))
                string-encoding={encoding}))
        (func (export "list") (param "l" (list (tuple u8 string)))
            (result (list (tuple u32 u32 u32 u32)))
            (canon lift (core func $i "list") (memory $i "memory") (realloc (func $i "realloc"))
                string-encoding={encoding}))
        (func (export "many") (param "t" (tuple u64 u64 u64 u64 u64 u64 u64 u64))
            (param "u" (tuple u64 u64 u64 u64 u64 u64 u64 u64)) (param "s" string)
            (result (list (tuple u32 u32 u32 u32)))
            (canon lift (core func $i "many") (memory $i "memory") (realloc (func $i "realloc"))
                string-encoding={encoding}))
    )"#
    )
}

type Log = Vec<(u32, u32, u32, u32)>;

/// How each string is allocated in each encoding, from address 1024 on.
fn cases() -> Vec<(&'static str, &'static str, Log)> {
    vec![
        ("utf8", "", vec![(0, 0, 1, 0)]),
        ("utf8", "plain", vec![(0, 0, 1, 5)]),
        ("utf8", "né€", vec![(0, 0, 1, 6)]),
        ("utf16", "", vec![(0, 0, 2, 0)]),
        ("utf16", "plain", vec![(0, 0, 2, 10)]),
        ("utf16", "né€", vec![(0, 0, 2, 12), (1024, 12, 2, 6)]),
        ("utf16", "😀", vec![(0, 0, 2, 8), (1024, 8, 2, 4)]),
        ("latin1+utf16", "", vec![(0, 0, 2, 0)]),
        ("latin1+utf16", "plain", vec![(0, 0, 2, 5)]),
        ("latin1+utf16", "né", vec![(0, 0, 2, 3), (1024, 3, 2, 2)]),
        (
            "latin1+utf16",
            "né€",
            vec![(0, 0, 2, 6), (1024, 6, 2, 12), (1030, 12, 2, 6)],
        ),
        (
            "latin1+utf16",
            "😀",
            vec![(0, 0, 2, 4), (1024, 4, 2, 8), (1028, 8, 2, 4)],
        ),
    ]
}

fn typed_values_are_allocated_alike<B: Backend>() {
    for (encoding, text, expected) in cases() {
        let mut guest = Fixture::<B>::new(guest(encoding));
        let (log,): (Log,) = guest
            .instance
            .get_typed_func::<(&str,), _>(&mut guest.store, "text")
            .unwrap()
            .call(&mut guest.store, (text,))
            .unwrap();
        assert_eq!(log, expected, "{encoding} {text}");
    }
}

fn dynamic<B: Backend>(encoding: &str, name: &str, params: &[Val]) -> Val {
    let mut guest = Fixture::<B>::new(guest(encoding));
    let func = guest.instance.get_func(&mut guest.store, name).unwrap();
    let [log] = func
        .call(&mut guest.store, params)
        .unwrap()
        .try_into()
        .unwrap();
    log
}

fn val(log: Log) -> Val {
    let entry = |(a, b, c, d)| Val::Tuple([a, b, c, d].map(Val::U32).into());
    Val::List(log.into_iter().map(entry).collect())
}

fn dynamic_values_are_allocated_alike<B: Backend>() {
    for (encoding, text, expected) in cases() {
        let log = dynamic::<B>(encoding, "text", &[Val::String(text.into())]);
        assert_eq!(log, val(expected), "{encoding} {text}");
    }
    // A list first, then what its elements have elsewhere.
    let item = |text: &str| Val::Tuple(vec![Val::U8(1), Val::String(text.into())]);
    let list = Val::List(vec![item("ab"), item("é")]);
    let expected = vec![(0, 0, 4, 24), (0, 0, 2, 4), (0, 0, 2, 4), (1052, 4, 2, 2)];
    assert_eq!(dynamic::<B>("utf16", "list", &[list]), val(expected));
    let empty = dynamic::<B>("utf16", "list", &[Val::List(vec![])]);
    assert_eq!(empty, val(vec![(0, 0, 4, 0)]));
}

fn spilled_parameters_are_allocated_first<B: Backend>() {
    let eight = || Val::Tuple([1, 2, 3, 4, 5, 6, 7, 8].map(Val::U64).into());
    let params = [eight(), eight(), Val::String("ab".into())];
    let expected = val(vec![(0, 0, 8, 136), (0, 0, 1, 2)]);
    assert_eq!(dynamic::<B>("utf8", "many", &params), expected);
}
