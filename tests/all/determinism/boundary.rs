//! Floats on their way between host and guest, and from guest to guest: they keep
//! their bits, NaNs too, wherever they are in a value.

use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::{Backend, Config, Val};

use super::deterministic;
use super::model::{F32, F64, inputs};

/// Floats alone, in tuples, in lists, and in variants whose cases share a slot with
/// an integer or another float.
type Floats = (
    f32,
    f64,
    (f32, f64),
    Result<f32, u32>,
    Result<f32, u64>,
    Result<f64, u64>,
    Result<f32, f64>,
    Vec<f32>,
    Vec<f64>,
);

const TYPES: [&str; 9] = [
    "f32",
    "f64",
    "(tuple f32 f64)",
    "(result f32 (error u32))",
    "(result f32 (error u64))",
    "(result f64 (error u64))",
    "(result f32 (error f64))",
    "(list f32)",
    "(list f64)",
];

/// Two components that pass on what they are called with, to each other and then
/// to the host, and pass its results back.
fn relays() -> String {
    let params: String = (0..)
        .zip(TYPES)
        .map(|(i, ty)| format!("(param \"p{i}\" {ty})"))
        .collect();
    let echo = format!("{params} (result (tuple {}))", TYPES.join(" "));
    let flat = "f32 f64 f32 f64 i32 i32 i32 i64 i32 i64 i32 i64 i32 i32 i32 i32";
    let gets: String = (0..16).map(|i| format!("(local.get {i})")).collect();
    let single = "(param \"x\" f32) (result f32)";
    let double = "(param \"x\" f64) (result f64)";
    format!(
        r#"(component
        (import "echo" (func $echo {echo}))
        (import "single" (func $single {single}))
        (import "double" (func $double {double}))
        (component $relay
            (import "echo" (func $echo {echo}))
            (import "single" (func $single {single}))
            (import "double" (func $double {double}))
            (core module $memory
                (memory (export "m") 64)
                (global $next (mut i32) (i32.const 1024))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (global.set $next
                        (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                    (global.get $next)
                    (global.set $next (i32.add (global.get $next) (local.get 3)))))
            (core instance $memory (instantiate $memory))
            (core func $echo' (canon lower (func $echo)
                (memory $memory "m") (realloc (func $memory "realloc"))))
            (core func $single' (canon lower (func $single)))
            (core func $double' (canon lower (func $double)))
            (core module $m
                (import "" "echo" (func $echo (param {flat} i32)))
                (import "" "single" (func $single (param f32) (result f32)))
                (import "" "double" (func $double (param f64) (result f64)))
                (func (export "echo") (param {flat}) (result i32)
                    {gets} (call $echo (i32.const 64)) (i32.const 64))
                (func (export "single") (param f32) (result f32)
                    (call $single (local.get 0)))
                (func (export "double") (param f64) (result f64)
                    (call $double (local.get 0))))
            (core instance $i (instantiate $m (with "" (instance
                (export "echo" (func $echo'))
                (export "single" (func $single'))
                (export "double" (func $double'))))))
            (func (export "echo") {echo} (canon lift (core func $i "echo")
                (memory $memory "m") (realloc (func $memory "realloc"))))
            (func (export "single") {single} (canon lift (core func $i "single")))
            (func (export "double") {double} (canon lift (core func $i "double"))))
        (instance $a (instantiate $relay (with "echo" (func $echo))
            (with "single" (func $single)) (with "double" (func $double))))
        (instance $b (instantiate $relay (with "echo" (func $a "echo"))
            (with "single" (func $a "single")) (with "double" (func $a "double"))))
        (export "echo" (func $b "echo"))
        (export "single" (func $b "single"))
        (export "double" (func $b "double")))"#
    )
}

/// Floats with the inputs at some place first in each part.
fn floats(at: usize) -> Floats {
    let (x, y) = (inputs(F32), inputs(F64));
    let single = |i: usize| f32::from_bits(x[i % x.len()] as u32);
    let double = |i: usize| f64::from_bits(y[i % y.len()]);
    let even = at.is_multiple_of(2);
    (
        single(at),
        double(at),
        (single(at + 1), double(at + 1)),
        if even {
            Ok(single(at + 2))
        } else {
            Err(x[at % x.len()] as u32)
        },
        if even {
            Err(y[at % y.len()])
        } else {
            Ok(single(at + 3))
        },
        if even {
            Ok(double(at + 2))
        } else {
            Err(y[at % y.len()])
        },
        if even {
            Err(double(at + 3))
        } else {
            Ok(single(at + 4))
        },
        (at..at + 5).map(single).collect(),
        (at..at + 5).map(double).collect(),
    )
}

/// The bits of all floats, for NaNs are equal to nothing.
fn bits(floats: &Floats) -> Vec<u64> {
    let (a, b, (c, d), e, f, g, h, i, j) = floats;
    let single = |x: &f32| u64::from(x.to_bits());
    let double = |x: &f64| x.to_bits();
    let mut bits = vec![single(a), double(b), single(c), double(d)];
    bits.push(e.as_ref().map_or_else(|x| u64::from(*x), single));
    bits.push(f.as_ref().map_or_else(|x| *x, single));
    bits.push(g.as_ref().map_or_else(|x| *x, double));
    bits.push(h.as_ref().map_or_else(double, single));
    bits.extend(i.iter().map(single));
    bits.extend(j.iter().map(double));
    bits.extend([e.is_ok(), f.is_ok(), g.is_ok(), h.is_ok()].map(u64::from));
    bits
}

fn val_bits(val: &Val, bits: &mut Vec<u64>) {
    match val {
        Val::F32(x) => bits.push(x.to_bits().into()),
        Val::F64(x) => bits.push(x.to_bits()),
        Val::U32(x) => bits.push((*x).into()),
        Val::U64(x) => bits.push(*x),
        Val::Tuple(vals) | Val::List(vals) => vals.iter().for_each(|val| val_bits(val, bits)),
        Val::Result(Ok(Some(val)) | Err(Some(val))) => val_bits(val, bits),
        other => panic!("{other:?}"),
    }
}

fn vals(floats: &Floats) -> Vec<Val> {
    fn result<T, E>(
        result: &Result<T, E>,
        ok: impl FnOnce(&T) -> Val,
        err: impl FnOnce(&E) -> Val,
    ) -> Val {
        Val::Result(match result {
            Ok(it) => Ok(Some(Box::new(ok(it)))),
            Err(it) => Err(Some(Box::new(err(it)))),
        })
    }
    let (a, b, (c, d), e, f, g, h, i, j) = floats;
    let single = |x: &f32| Val::F32(*x);
    let double = |x: &f64| Val::F64(*x);
    let u64 = |x: &u64| Val::U64(*x);
    vec![
        single(a),
        double(b),
        Val::Tuple(vec![single(c), double(d)]),
        result(e, single, |x| Val::U32(*x)),
        result(f, single, u64),
        result(g, double, u64),
        result(h, single, double),
        Val::List(i.iter().map(single).collect()),
        Val::List(j.iter().map(double).collect()),
    ]
}

/// What the host saw.
type Seen = Vec<Vec<u64>>;

fn instantiate<B: Backend>(linker: &Linker<B, Seen>) -> (Store<B, Seen>, Instance<B>) {
    let component = Component::new(linker.engine(), relays()).unwrap();
    let mut store = Store::new(linker.engine(), Seen::new()).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    (store, instance)
}

/// As is said in the decision about determinism, with it and without.
fn engines<B: Backend>() -> [Engine<B>; 2] {
    [deterministic(), Engine::new(&Config::new()).unwrap()]
}

pub(crate) fn floats_cross_the_boundary_with_their_bits<B: Backend>() {
    for engine in engines::<B>() {
        let mut linker = Linker::<B, Seen>::new(&engine);
        let mut root = linker.root();
        root.func_wrap("echo", |mut caller, floats: Floats| {
            caller.data_mut().push(bits(&floats));
            Ok((floats,))
        })
        .unwrap();
        root.func_wrap("single", |_, (x,): (f32,)| Ok((x,)))
            .unwrap();
        root.func_wrap("double", |_, (x,): (f64,)| Ok((x,)))
            .unwrap();
        let (mut store, instance) = instantiate(&linker);
        let echo = instance
            .get_typed_func::<Floats, (Floats,)>(&mut store, "echo")
            .unwrap();
        for at in 0..inputs(F64).len() {
            let given = floats(at);
            let expected = bits(&given);
            let (result,) = echo.call(&mut store, given).unwrap();
            assert_eq!(
                store.data_mut().pop(),
                Some(expected.clone()),
                "to the host"
            );
            assert_eq!(bits(&result), expected, "back");
        }
        let single = instance
            .get_typed_func::<(f32,), (f32,)>(&mut store, "single")
            .unwrap();
        for bits in inputs(F32) {
            let (x,) = single
                .call(&mut store, (f32::from_bits(bits as u32),))
                .unwrap();
            assert_eq!(u64::from(x.to_bits()), bits);
        }
        let double = instance
            .get_typed_func::<(f64,), (f64,)>(&mut store, "double")
            .unwrap();
        for bits in inputs(F64) {
            let (x,) = double.call(&mut store, (f64::from_bits(bits),)).unwrap();
            assert_eq!(x.to_bits(), bits);
        }
    }
}

pub(crate) fn dynamic_floats_cross_the_boundary_with_their_bits<B: Backend>() {
    for engine in engines::<B>() {
        let mut linker = Linker::<B, Seen>::new(&engine);
        let mut root = linker.root();
        root.func_new("echo", |mut caller, params, results| {
            let mut bits = Vec::new();
            params.iter().for_each(|val| val_bits(val, &mut bits));
            caller.data_mut().push(bits);
            results[0] = Val::Tuple(params.to_vec());
            Ok(())
        })
        .unwrap();
        for name in ["single", "double"] {
            root.func_new(name, |_, params, results| {
                results[0] = params[0].clone();
                Ok(())
            })
            .unwrap();
        }
        let (mut store, instance) = instantiate(&linker);
        let echo = instance.get_func(&mut store, "echo").unwrap();
        for at in 0..inputs(F64).len() {
            let given = vals(&floats(at));
            let mut expected = Vec::new();
            given.iter().for_each(|val| val_bits(val, &mut expected));
            let results = echo.call(&mut store, &given).unwrap();
            assert_eq!(
                store.data_mut().pop(),
                Some(expected.clone()),
                "to the host"
            );
            let mut bits = Vec::new();
            val_bits(&results[0], &mut bits);
            assert_eq!(bits, expected, "back");
        }
        let single = instance.get_func(&mut store, "single").unwrap();
        for bits in inputs(F32) {
            let x = Val::F32(f32::from_bits(bits as u32));
            let mut given = Vec::new();
            val_bits(&single.call(&mut store, &[x]).unwrap()[0], &mut given);
            assert_eq!(given, [bits]);
        }
    }
}
