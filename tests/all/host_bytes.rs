//! What a guest makes the host allocate costs the same on every backend, to the
//! byte: as results of calls and as arguments of host functions, in each
//! encoding of strings.

use crate::common::{engine, on_each_backend};
use enginebay::generic::{Component, Linker, Store};
use enginebay::{Backend, ErrorKind, Interruption, Result, Val};

on_each_backend! {
    dynamic_results_cost_what_they_consist_of
    dynamic_arguments_cost_what_they_consist_of
    typed_values_cost_what_they_consist_of
}

/// Host bytes that a value inside another costs.
const VAL_COST: u64 = 40;

/// `echo` returns its list, `give` passes it on to the host.
fn guest(encoding: &str) -> String {
    format!(
        r#"(component
        (type $kinds (variant (case "nothing") (case "both" (tuple u8 u64))))
        (import "kind" (type $kind (eq $kinds)))
        (type $sets (flags "alpha" "be" "c"))
        (import "set" (type $set (eq $sets)))
        (type $colors (enum "red" "dark-green"))
        (import "color" (type $color (eq $colors)))
        (type $items (record
            (field "name" string)
            (field "tags" (list string))
            (field "bytes" (list u8))
            (field "kind" $kind)
            (field "set" $set)
            (field "color" (option $color))
            (field "outcome" (result char (error string)))))
        (import "item" (type $item (eq $items)))
        (import "take" (func $take (param "items" (list $item))))
        (import "take-strings" (func $take-strings (param "items" (list string))))
        (core module $memory
            (memory (export "memory") 4)
            (global $next (mut i32) (i32.const 1024))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                (if (local.get 0) (then (return (local.get 0))))
                (global.set $next (i32.and
                    (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
                    (i32.sub (i32.const 0) (local.get 2))))
                (global.get $next)
                (global.set $next (i32.add (global.get $next) (local.get 3)))))
        (core instance $i (instantiate $memory))
        (core func $take (canon lower (func $take) (memory $i "memory")
            string-encoding={encoding}))
        (core func $take-strings (canon lower (func $take-strings) (memory $i "memory")
            string-encoding={encoding}))
        (core module $m
            (import "" "memory" (memory 1))
            (import "" "take" (func $take (param i32 i32)))
            (import "" "take-strings" (func $take-strings (param i32 i32)))
            (func (export "echo") (param i32 i32) (result i32)
                (i32.store (i32.const 16) (local.get 0))
                (i32.store (i32.const 20) (local.get 1))
                (i32.const 16))
            (func (export "give") (param i32 i32)
                (call $take (local.get 0) (local.get 1)))
            (func (export "give-strings") (param i32 i32)
                (call $take-strings (local.get 0) (local.get 1))))
        (core instance $m (instantiate $m (with "" (instance
            (export "memory" (memory $i "memory"))
            (export "take" (func $take))
            (export "take-strings" (func $take-strings))))))
        (func (export "echo") (param "items" (list $item)) (result (list $item))
            (canon lift (core func $m "echo") (memory $i "memory") (realloc (func $i "realloc"))
                string-encoding={encoding}))
        (func (export "give") (param "items" (list $item))
            (canon lift (core func $m "give") (memory $i "memory") (realloc (func $i "realloc"))
                string-encoding={encoding}))
        (func (export "echo-strings") (param "items" (list string)) (result (list string))
            (canon lift (core func $m "echo") (memory $i "memory") (realloc (func $i "realloc"))
                string-encoding={encoding}))
        (func (export "give-strings") (param "items" (list string))
            (canon lift (core func $m "give-strings") (memory $i "memory")
                (realloc (func $i "realloc")) string-encoding={encoding}))
    )"#
    )
}

const ENCODINGS: [&str; 3] = ["utf8", "utf16", "latin1+utf16"];

/// What a string takes in the guest's memory.
fn bytes(text: &str, encoding: &str) -> u64 {
    let utf16 = text.encode_utf16().count() * 2;
    let size = match encoding {
        "utf8" => text.len(),
        "latin1+utf16" if text.chars().all(|c| c <= 'ÿ') => text.chars().count(),
        _ => utf16,
    };
    size as u64
}

fn cost(val: &Val, encoding: &str) -> u64 {
    let inner = |val: &Val| VAL_COST + cost(val, encoding);
    let payload = |val: &Option<Box<Val>>| val.as_deref().map_or(0, inner);
    match val {
        Val::String(text) => bytes(text, encoding),
        Val::List(items) | Val::Tuple(items) => items.iter().map(inner).sum(),
        Val::Record(fields) => {
            let field = |(name, val): &(String, Val)| name.len() as u64 + inner(val);
            fields.iter().map(field).sum()
        }
        Val::Variant(name, val) => name.len() as u64 + payload(val),
        Val::Enum(name) => name.len() as u64,
        Val::Option(val) | Val::Result(Ok(val) | Err(val)) => payload(val),
        Val::Flags(names) => names.iter().map(|name| name.len() as u64).sum(),
        _ => 0,
    }
}

fn s(text: &str) -> Val {
    Val::String(text.into())
}

fn item(kind: Val, set: &[&str], color: Option<&str>, outcome: Val) -> Val {
    let color = color.map(|color| Val::Enum(color.into()).into());
    let fields = [
        ("name", s("Grüße")),
        ("tags", Val::List(vec![s(""), s("a"), s("日本 😀")])),
        ("bytes", Val::List(vec![Val::U8(7); 9])),
        ("kind", kind),
        (
            "set",
            Val::Flags(set.iter().map(ToString::to_string).collect()),
        ),
        ("color", Val::Option(color)),
        ("outcome", outcome),
    ];
    Val::Record(fields.map(|(name, val)| (name.to_owned(), val)).into())
}

fn items() -> Val {
    let both = Val::Tuple(vec![Val::U8(1), Val::U64(2)]);
    let ok = Val::Result(Ok(Some(Val::Char('x').into())));
    let err = Val::Result(Err(Some(s("né").into())));
    Val::List(vec![
        item(Val::Variant("nothing".into(), None), &[], None, ok),
        item(
            Val::Variant("both".into(), Some(both.into())),
            &["alpha", "c"],
            Some("dark-green"),
            err,
        ),
    ])
}

/// Runs `call` with exactly the host bytes that it costs, and with one less.
fn costs<B: Backend>(
    encoding: &str,
    cost: u64,
    call: impl Fn(&mut Store<B, ()>, enginebay::generic::Instance<B>) -> Result<()>,
) {
    let engine = engine::<B>(Interruption::None);
    let component = Component::new(&engine, guest(encoding)).unwrap();
    let mut linker = Linker::<B, ()>::new(&engine);
    linker
        .root()
        .func_new("take", |_, params, _| {
            assert_eq!(params, [items()]);
            Ok(())
        })
        .unwrap();
    linker
        .root()
        .func_wrap("take-strings", |_, (strings,): (Vec<String>,)| {
            assert_eq!(strings, STRINGS);
            Ok(())
        })
        .unwrap();
    for (limit, fits) in [(cost, true), (cost - 1, false)] {
        let limits = engine.default_limits().host_bytes(limit);
        let mut store = Store::builder(&engine).limits(limits).build(()).unwrap();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        match call(&mut store, instance) {
            Ok(()) => assert!(fits, "{encoding}: {limit} was enough"),
            Err(error) => {
                let limited = matches!(error.kind(), ErrorKind::HostAllocationLimit { .. });
                assert!(limited && !fits, "{encoding} {limit}: {error:?}");
            }
        }
    }
}

const STRINGS: [&str; 4] = ["", "plain", "Grüße", "日本 😀"];

fn dynamic_results_cost_what_they_consist_of<B: Backend>() {
    for encoding in ENCODINGS {
        costs::<B>(encoding, cost(&items(), encoding), |store, instance| {
            let echo = instance.get_func(&mut *store, "echo")?;
            assert_eq!(echo.call(store, &[items()])?, [items()]);
            Ok(())
        });
    }
}

fn dynamic_arguments_cost_what_they_consist_of<B: Backend>() {
    for encoding in ENCODINGS {
        costs::<B>(encoding, cost(&items(), encoding), |store, instance| {
            let give = instance.get_func(&mut *store, "give")?;
            give.call(store, &[items()]).map(drop)
        });
    }
}

fn typed_values_cost_what_they_consist_of<B: Backend>() {
    for encoding in ENCODINGS {
        let texts: u64 = STRINGS.iter().map(|text| bytes(text, encoding)).sum();
        let cost = texts + (STRINGS.len() * size_of::<String>()) as u64;
        costs::<B>(encoding, cost, |store, instance| {
            let echo = instance
                .get_typed_func::<(&[&str],), (Vec<String>,)>(&mut *store, "echo-strings")?;
            let (back,) = echo.call(store, (&STRINGS,))?;
            assert_eq!(back, STRINGS);
            Ok(())
        });
        costs::<B>(encoding, cost, |store, instance| {
            let give = instance.get_typed_func::<(&[&str],), ()>(&mut *store, "give-strings")?;
            give.call(store, (&STRINGS,))
        });
    }
}
