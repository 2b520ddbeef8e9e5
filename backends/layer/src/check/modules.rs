//! Modules: what they import and export, and what they may use.

use enginebay_core::{ErrorKind, Feature};

use super::*;

/// Imports come in the order of the import section, whatever the kinds.
pub fn imports_of_each_kind_arrive_in_any_order<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    let exporter = host.instance(
        "(module
            (memory (export \"m\") 1)
            (table (export \"t\") 3 funcref)
            (global (export \"g\") i64 (i64.const 5)))",
        &[],
    );
    let [memory, table, global] =
        ["m", "t", "g"].map(|name| E::export(&mut host.cx(), &exporter, name).unwrap());
    let mut func = |value| {
        host.host_func(&signature([], [I32]), move |_cx, slots| {
            slots[0] = value;
            Ok(())
        })
    };
    let (one, two) = (func(1), func(2));
    let realm = host.realm;
    let own = CoreExtern::Global(E::new_global(&mut host.cx(), realm, I32, 40));
    let instance = host.instance(
        "(module
            (import \"\" \"global\" (global $g i64))
            (import \"\" \"one\" (func $one (result i32)))
            (import \"\" \"memory\" (memory 1))
            (import \"\" \"own\" (global $own (mut i32)))
            (import \"\" \"table\" (table 3 funcref))
            (import \"\" \"two\" (func $two (result i32)))
            (func (export \"f\") (result i32)
                (i32.store (i32.const 0) (i32.const 9))
                (i32.add (i32.mul (call $two) (i32.const 100))
                    (i32.add (call $one) (i32.add (global.get $own) (table.size)))))
            (func (export \"g\") (result i32) (i32.wrap_i64 (global.get $g))))",
        &[global, one, memory.clone(), own, table, two],
    );
    assert_eq!(host.get(&instance, "f").unwrap(), 200 + 1 + 40 + 3);
    assert_eq!(host.get(&instance, "g").unwrap(), 5);
    let CoreExtern::Memory(memory) = memory else {
        panic!("{memory:?}");
    };
    assert_eq!(E::memory(&mut host.cx(), &memory)[0], 9);
}

/// Exports are found by name, with their kind, imported ones too.
pub fn exports_of_each_kind_are_found<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    let import = host.host_func(&Signature::default(), |_cx, _slots| Ok(()));
    let text = "(module
        (import \"\" \"i\" (func $i))
        (func (export \"f\"))
        (memory (export \"m\") 1)
        (table (export \"t\") 1 funcref)
        (global (export \"g\") f32 (f32.const 0))
        (export \"\u{fc}\" (func $i)))";
    let instance = host.instance(text, &[import]);
    let mut kind = |name: &str| format!("{:?}", E::export(&mut host.cx(), &instance, name));
    assert_eq!(kind("f"), "Some(Func)");
    assert_eq!(kind("m"), "Some(Memory)");
    assert_eq!(kind("t"), "Some(Table)");
    assert_eq!(kind("g"), "Some(Global)");
    assert_eq!(kind("\u{fc}"), "Some(Func)");
    assert_eq!(kind("F"), "None");
}

/// The bytes of a memory are the guest's, before it grows and after.
pub fn memories_are_seen_and_written<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    let text = "(module (memory (export \"m\") 1)
        (data (i32.const 3) \"abc\")
        (func (export \"grow\") (result i32)
            (i32.add (memory.grow (i32.const 1)) (i32.load8_u (i32.const 65535)))))";
    let instance = host.instance(text, &[]);
    let Some(CoreExtern::Memory(memory)) = E::export(&mut host.cx(), &instance, "m") else {
        panic!("no memory");
    };
    let mut cx = host.cx();
    let bytes = E::memory(&mut cx, &memory);
    assert_eq!(bytes.len(), 1 << 16);
    assert_eq!(&bytes[2..7], b"\0abc\0");
    bytes[65535] = 200;
    drop(cx);
    assert_eq!(host.get(&instance, "grow").unwrap(), 201);
    let mut cx = host.cx();
    let bytes = E::memory(&mut cx, &memory);
    assert_eq!(bytes.len(), 2 << 16);
    assert_eq!((bytes[65535], bytes[65536], bytes[131_071]), (200, 0, 0));
    assert_eq!(&bytes[3..6], b"abc");
    drop(cx);

    let none = "(module (memory (export \"m\") 0))";
    let instance = host.instance(none, &[]);
    let Some(CoreExtern::Memory(memory)) = E::export(&mut host.cx(), &instance, "m") else {
        panic!("no memory");
    };
    assert!(E::memory(&mut host.cx(), &memory).is_empty());
}

/// The host's globals are the guest's as well.
pub fn globals_are_shared_with_the_guest<E: CoreEngine>() {
    for (ty, name, bits) in [(I32, "i32", u64::from(u32::MAX)), (I64, "i64", u64::MAX)] {
        let mut host = Host::<E>::new();
        let realm = host.realm;
        let lowest = bits / 2 + 1;
        let global = E::new_global(&mut host.cx(), realm, ty, lowest);
        let text = format!(
            "(module (import \"\" \"g\" (global $g (mut {name})))
                (func (export \"add\")
                    (global.set $g ({name}.add (global.get $g) ({name}.const 1)))))"
        );
        let instance = host.instance(&text, &[CoreExtern::Global(global.clone())]);
        assert_eq!(E::global(&mut host.cx(), &global), lowest);
        host.call(&instance, "add", &Signature::default(), &[])
            .unwrap();
        assert_eq!(E::global(&mut host.cx(), &global), lowest + 1);
        E::set_global(&mut host.cx(), &global, ty, bits);
        host.call(&instance, "add", &Signature::default(), &[])
            .unwrap();
        assert_eq!(E::global(&mut host.cx(), &global), 0);
    }
}

/// A module with an imported memory and one of its own, as adapters between
/// components have them.
pub fn modules_with_two_memories_run<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    let exporter = host.instance("(module (memory (export \"m\") 1))", &[]);
    let memory = E::export(&mut host.cx(), &exporter, "m").unwrap();
    let text = "(module
        (import \"\" \"m\" (memory $theirs 1))
        (memory $ours 1)
        (data (memory $ours) (i32.const 8) \"moved\")
        (func (export \"copy\") (result i32)
            (memory.copy $theirs $ours (i32.const 16) (i32.const 8) (i32.const 5))
            (i32.load8_u $theirs (i32.const 16))))";
    let instance = host.instance(text, std::slice::from_ref(&memory));
    assert_eq!(host.get(&instance, "copy").unwrap(), i32::from(b'm'));
    let CoreExtern::Memory(memory) = memory else {
        panic!("{memory:?}");
    };
    assert_eq!(&E::memory(&mut host.cx(), &memory)[16..21], b"moved");
}

/// Where there is compiled code to keep, it runs after it was loaded; damaged
/// code is refused, or at least no panic.
pub fn compiled_code_survives_as_bytes<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    let text = "(module (func (export \"f\") (result i32) i32.const 42))";
    let module = E::compile(&host.unit, &wasm(text)).unwrap();
    let Some(bytes) = E::serialize(&module).unwrap() else {
        return;
    };
    #[allow(unsafe_code, reason = "artifacts are machine code")]
    // SAFETY: the bytes are from `serialize`, unchanged.
    let module = unsafe { E::deserialize(&host.unit, &bytes) }.unwrap();
    let realm = host.realm;
    let instance = E::instantiate(&mut host.cx(), realm, &module, &[]).unwrap();
    assert_eq!(host.get(&instance, "f").unwrap(), 42);
    #[allow(unsafe_code, reason = "artifacts are machine code")]
    // SAFETY: no code is in these bytes, so none is run.
    let error = unwrap_err(unsafe { E::deserialize(&host.unit, b"no code") });
    assert_eq!(*error.kind(), ErrorKind::Artifact);
}

/// A module that uses one feature in a function `f` which gives 42.
fn uses(feature: Feature) -> Option<&'static str> {
    Some(match feature {
        Feature::Simd => {
            "(module (func (export \"f\") (result i32)
                (i32x4.extract_lane 2 (i32x4.splat (i32.const 42)))))"
        }
        Feature::RelaxedSimd => {
            "(module (func (export \"f\") (result i32)
                (i32.trunc_f32_s (f32x4.extract_lane 0 (f32x4.relaxed_madd
                    (f32x4.splat (f32.const 20))
                    (f32x4.splat (f32.const 2))
                    (f32x4.splat (f32.const 2)))))))"
        }
        Feature::MultiMemory => {
            "(module (memory 1) (memory $b 1) (data (memory $b) (i32.const 0) \"*\")
                (func (export \"f\") (result i32) (i32.load $b (i32.const 0))))"
        }
        Feature::TailCall => {
            "(module (func $g (result i32) i32.const 42)
                (func (export \"f\") (result i32) return_call $g))"
        }
        Feature::ExtendedConst => {
            "(module (global $g i32 (i32.add (i32.const 40) (i32.const 2)))
                (func (export \"f\") (result i32) global.get $g))"
        }
        Feature::Memory64 => {
            "(module (memory i64 1) (data (i64.const 0) \"*\")
                (func (export \"f\") (result i32) (i32.load (i64.const 0))))"
        }
        Feature::Exceptions => {
            "(module (tag $t (param i32))
                (func (export \"f\") (result i32)
                    (block $caught (result i32)
                        (try_table (catch $t $caught) (throw $t (i32.const 42)))
                        unreachable)))"
        }
        _ => return None,
    })
}

/// A unit of an engine that has one feature or has it not, as far as it goes.
fn unit<E: CoreEngine>(feature: Feature, on: bool) -> E::Unit {
    let mut config = config();
    config.feature(feature, on);
    if feature == Feature::Simd && !on {
        // It builds on the other.
        config.feature(Feature::RelaxedSimd, false);
    }
    E::new_unit(&E::new_engine(&config).unwrap()).unwrap()
}

/// What [`CoreEngine::support`] says is so.
pub fn every_feature_it_claims_runs<E: CoreEngine>() {
    for feature in E::support().features.iter() {
        let Some(text) = uses(feature) else {
            continue;
        };
        let mut config = config();
        config.feature(feature, true);
        let mut host = Host::<E>::with(&config, limits());
        let instance = host.instance(text, &[]);
        assert_eq!(host.get(&instance, "f").unwrap(), 42, "{feature}");
    }
}

fn refused<E: CoreEngine>(feature: Feature, on: bool) {
    let Some(text) = uses(feature) else {
        return;
    };
    let error = unwrap_err(E::compile(&unit::<E>(feature, on), &wasm(text)));
    assert_eq!(*error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert!(error.message().contains(feature.name()), "{error}");
}

/// A module that needs what the engine has not is refused when it is compiled.
pub fn features_it_lacks_are_refused_by_name<E: CoreEngine>() {
    let has = E::support().features;
    for feature in Feature::ALL
        .iter()
        .filter(|feature| !has.contains(**feature))
    {
        // On if it is by default, for the core would let the module through.
        refused::<E>(*feature, feature.default_on());
    }
}

/// So is one that needs what was switched off.
pub fn features_that_are_off_are_refused_by_name<E: CoreEngine>() {
    for feature in E::support().features.iter() {
        refused::<E>(feature, false);
    }
}

/// What is no module is an error of the engine, never a panic.
pub fn bytes_that_are_no_module_are_an_error<E: CoreEngine>() {
    let host = Host::<E>::new();
    for bytes in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0\x01\xff", b"(module)"] {
        let error = unwrap_err(E::compile(&host.unit, bytes));
        assert_eq!(*error.kind(), ErrorKind::Engine, "{error:?}");
    }
}

/// With `deterministic`, arithmetic on a NaN with a payload gives the one NaN,
/// in vectors too.
pub fn nans_are_canonical_where_it_says_so<E: CoreEngine>() {
    if !E::support().deterministic {
        return;
    }
    let mut config = config();
    config.deterministic(true);
    let mut host = Host::<E>::with(&config, limits());
    let text = "(module
        (func (export \"f32\") (param f32) (result f32)
            (f32.add (local.get 0) (f32.const 1)))
        (func (export \"f64\") (param f64) (result f64)
            (f64.sqrt (local.get 0)))
        (func (export \"demote\") (param f64) (result f32)
            (f32.demote_f64 (local.get 0)))
        (func (export \"f32x4\") (param f32) (result f32)
            (f32x4.extract_lane 3 (f32x4.mul
                (f32x4.splat (local.get 0)) (f32x4.splat (f32.const 2))))))";
    let instance = host.instance(text, &[]);
    let (nan32, nan64) = (0xffc1_2345, 0xfff8_0000_1234_5678);
    let cases = [
        ("f32", F32, nan32, F32),
        ("f64", F64, nan64, F64),
        ("demote", F64, nan64, F32),
        ("f32x4", F32, nan32, F32),
    ];
    for (name, param, bits, result) in cases {
        let ty = signature([param], [result]);
        let canonical = if result == F32 {
            0x7fc0_0000
        } else {
            0x7ff8 << 48
        };
        let results = host.call(&instance, name, &ty, &[bits]).unwrap();
        assert_eq!(results, [canonical], "{name}");
    }
}

/// What a store was made with is there while it lives and afterwards.
pub fn the_data_of_a_store_comes_back<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    let user = |data: &Data<E>| *data.store_data().user::<&str>().unwrap();
    assert_eq!(user(E::store_data(&host.store)), USER);
    assert_eq!(user(E::store_data_mut(&mut host.store)), USER);
    let mut outer = host.cx();
    let mut cx = E::reborrow(&mut outer);
    assert_eq!(user(E::data(&cx)), USER);
    *E::data_mut(&mut cx)
        .store_data_mut()
        .user_mut::<&str>()
        .unwrap() = "changed";
    drop(cx);
    drop(outer);
    assert_eq!(user(&E::into_data(host.store)), "changed");
}
