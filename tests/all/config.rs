//! Options of the engine, on every backend: features that are off are refused
//! by name, results can be made deterministic, stacks have the size that was
//! asked for.

use crate::common::{lift_all, on_each_backend};
use enginebay::generic::{Component, Engine, Instance, InstancePre, Linker, Store};
use enginebay::{Backend, Config, ErrorKind, Feature, Interruption};

on_each_backend! {
    features_that_are_off_are_refused_by_name
    features_that_the_engine_lacks_refuse_the_engine
    deterministic_results_have_canonical_nans
    deterministic_results_exclude_relaxed_simd
    a_larger_stack_is_deeper
    options_without_sense_are_refused
    names_of_exports_that_are_reserved_are_refused
    shared_types_are_send_and_sync
}

/// A component that uses a feature.
fn component_using(feature: Feature) -> Option<String> {
    let part = match feature {
        Feature::Maps => "(type (map string u8))".to_owned(),
        Feature::FixedLengthLists => "(type (list u8 4))".to_owned(),
        _ => format!("(core module {})", using(feature)?),
    };
    Some(format!("(component {part})"))
}

/// A module that uses a feature.
fn using(feature: Feature) -> Option<&'static str> {
    Some(match feature {
        Feature::Simd => "(func (drop (v128.const i64x2 0 0)))",
        Feature::RelaxedSimd => {
            "(func (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0))))"
        }
        Feature::MultiMemory => "(memory 1) (memory 1)",
        Feature::TailCall => "(func $f (return_call $f))",
        Feature::ExtendedConst => "(global i32 (i32.add (i32.const 1) (i32.const 2)))",
        Feature::Memory64 => "(memory i64 1)",
        Feature::Exceptions => "(tag) (func (throw 0))",
        _ => return None,
    })
}

/// What SIMD off takes with it.
fn needs(feature: Feature) -> &'static [Feature] {
    match feature {
        Feature::Simd => &[Feature::RelaxedSimd],
        _ => &[],
    }
}

/// Backends find what they put into a module by such names: a guest's own global by
/// one of them would be written to by another thread.
fn names_of_exports_that_are_reserved_are_refused<B: Backend>() {
    for interruption in [
        Interruption::None,
        Interruption::Deadline,
        Interruption::Fuel,
    ] {
        let mut config = Config::new();
        config.interruption(interruption);
        let engine = Engine::<B>::new(&config).unwrap();
        let module = |name: &str| {
            format!(
                r#"(component (core module
                    (global (export "{name}") (mut funcref) (ref.null func))))"#
            )
        };
        for name in ["flag", "start", ""] {
            let text = module(&format!("\\00enginebay:{name}"));
            let error = Component::new(&engine, text).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.message().contains("reserved"), "{error}");
        }
        Component::new(&engine, module("enginebay:flag")).unwrap();
    }
}

fn features_that_are_off_are_refused_by_name<B: Backend>() {
    for feature in Feature::ALL.iter().copied() {
        let Some(text) = component_using(feature) else {
            continue;
        };
        let mut config = Config::new();
        config.feature(feature, false);
        for other in needs(feature) {
            config.feature(*other, false);
        }
        let engine = Engine::<B>::new(&config).unwrap();
        let error = Component::new(&engine, &text).unwrap_err();
        assert_eq!(
            *error.kind(),
            ErrorKind::Unsupported,
            "{feature}: {error:?}"
        );
        assert!(
            error.message().contains(feature.name()),
            "{feature}: {error}"
        );
        if B::support().features.contains(feature) {
            config = Config::new();
            config.feature(feature, true);
            Component::new(&Engine::<B>::new(&config).unwrap(), &text).unwrap();
        }
    }
}

fn features_that_the_engine_lacks_refuse_the_engine<B: Backend>() {
    for feature in Feature::ALL
        .iter()
        .copied()
        .filter(|feature| !feature.default_on())
    {
        let mut config = Config::new();
        config.feature(feature, true);
        if matches!(feature, Feature::ComponentThreads | Feature::ErrorContext) {
            let error = Engine::<B>::new(&config).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::InvalidConfig, "{error}");
            config.feature(Feature::ComponentAsync, true);
        }
        match Engine::<B>::new(&config) {
            Ok(_) => assert!(B::support().features.contains(feature), "{feature}"),
            Err(error) => {
                assert!(
                    !B::support().features.contains(feature),
                    "{feature}: {error:?}"
                );
                assert_eq!(*error.kind(), ErrorKind::Unsupported);
                assert!(error.message().contains(feature.name()), "{error}");
            }
        }
    }
}

fn deterministic<B: Backend>() -> Option<Engine<B>> {
    let mut config = Config::new();
    config.deterministic(true);
    if B::support().deterministic {
        Some(Engine::new(&config).unwrap())
    } else {
        None
    }
}

fn deterministic_results_have_canonical_nans<B: Backend>() {
    let Some(engine) = deterministic::<B>() else {
        return;
    };
    let text = r#"(component
        (core module $m (func (export "bits") (param f32 f32) (result i32)
            (i32.reinterpret_f32 (f32.div (local.get 0) (local.get 1)))))
        (core instance $i (instantiate $m))
        (func (export "bits") (param "a" f32) (param "b" f32) (result u32)
            (canon lift (core func $i "bits"))))"#;
    let component = Component::new(&engine, text).unwrap();
    let mut store = Store::<B, ()>::new(&engine, ()).unwrap();
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let bits = instance
        .get_typed_func::<(f32, f32), (u32,)>(&mut store, "bits")
        .unwrap();
    for (a, b) in [
        (0.0, 0.0),
        (-0.0, 0.0),
        (f32::NAN, 1.0),
        (f32::INFINITY, -f32::INFINITY),
    ] {
        assert_eq!(
            bits.call(&mut store, (a, b)).unwrap(),
            (0x7fc0_0000,),
            "{a} / {b}"
        );
    }
    assert_eq!(
        bits.call(&mut store, (1.0, 2.0)).unwrap(),
        (0.5_f32.to_bits(),)
    );
}

fn deterministic_results_exclude_relaxed_simd<B: Backend>() {
    let Some(engine) = deterministic::<B>() else {
        return;
    };
    let module = using(Feature::RelaxedSimd).unwrap();
    let error = Component::new(&engine, format!("(component (core module {module}))")).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("relaxed-simd"), "{error}");
}

fn a_larger_stack_is_deeper<B: Backend>() {
    let module = r#"
        (global $depth (mut i32) (i32.const 0))
        (func $down (export "down")
            (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
            (memory.fill (i32.const 0) (global.get $depth) (i32.const 4))
            (i32.store (i32.const 0) (global.get $depth))
            (call $down) (call $down))
        (memory (export "memory") 1)"#;
    let depth = |stack: usize| {
        let mut config = Config::new();
        config.max_stack(stack).interruption(Interruption::Fuel);
        let engine = Engine::<B>::new(&config).unwrap();
        let component = Component::new(&engine, lift_all(module, &["down"])).unwrap();
        let mut store = Store::<B, ()>::new(&engine, ()).unwrap();
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &component)
            .unwrap();
        let down = instance
            .get_typed_func::<(), ()>(&mut store, "down")
            .unwrap();
        down.call(&mut store, ()).unwrap_err();
        // Each level costs the same fuel.
        store.usage().fuel.unwrap()
    };
    let (small, large) = (depth(64 << 10), depth(512 << 10));
    assert!(large > 4 * small, "{small} {large}");
}

fn options_without_sense_are_refused<B: Backend>() {
    type Change = fn(&mut Config) -> &mut Config;
    let changes: [Change; 3] = [
        |config| config.max_stack(0),
        |config| config.tick(std::time::Duration::ZERO),
        |config| config.tick(std::time::Duration::from_secs(1)),
    ];
    for change in changes {
        let mut config = Config::new();
        let error = Engine::<B>::new(change(&mut config)).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidConfig, "{error}");
    }
}

fn shared_types_are_send_and_sync<B: Backend>() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<Engine<B>>();
    shared::<Component<B>>();
    shared::<Linker<B, std::cell::Cell<u8>>>();
    shared::<InstancePre<B, std::cell::Cell<u8>>>();
    shared::<Instance<B>>();
    shared::<enginebay::generic::Func<B>>();
    shared::<enginebay::generic::TypedFunc<B, (&str,), (String,)>>();
    sent::<Store<B, std::cell::Cell<u8>>>();
}
