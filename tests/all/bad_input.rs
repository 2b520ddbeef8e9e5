//! Input that is wrong in every way that a file can be: a clear error with its
//! kind, never a panic, never a hang. The mutations are random from a fixed
//! seed, so that a failure can be repeated.

use std::time::Duration;

use crate::common::random::Random;
use crate::common::{GREET, GREET_HOST, on_each_backend};
use enginebay::generic::{Component, Engine, Linker, Store};
use enginebay::{Backend, Config, Error, ErrorKind, ExternType, Interruption, Type, Val};

on_each_backend! {
    random_bytes_are_no_components
    truncated_components_are_invalid
    mutated_components_compile_link_and_run_or_fail_clearly
    core_modules_are_told_apart
    unknown_imports_are_link_errors
    deep_nesting_is_survived
    huge_lists_are_survived
}

fn engine<B: Backend>() -> Engine<B> {
    // Mutated guests may run for ever if nothing stops them.
    let mut config = Config::new();
    Engine::new(config.interruption(Interruption::Deadline)).unwrap()
}

/// Compiles, links whatever is imported, and calls whatever is exported.
fn exercise<B: Backend>(engine: &Engine<B>, bytes: &[u8]) -> Result<(), Error> {
    let component = Component::new(engine, bytes)?;
    let mut linker = Linker::<B, ()>::new(engine);
    for import in component.imports() {
        if let ExternType::Instance(exports) = &import.ty {
            let mut instance = linker.instance(&import.name)?;
            for export in exports {
                if let ExternType::Func(_) = export.ty {
                    instance.func_new(&export.name, |_, _, _| Ok(()))?;
                }
            }
        }
    }
    let limits = engine.default_limits().memory(8 << 20).host_bytes(1 << 20);
    let limits = match limits.deadline {
        Some(_) => limits.deadline(Duration::from_millis(200)),
        None => limits,
    };
    let mut store = Store::<B, ()>::builder(engine).limits(limits).build(())?;
    let instance = linker.instantiate(&mut store, &component)?;
    for export in component.exports() {
        let ExternType::Func(ty) = &export.ty else {
            continue;
        };
        let params: Option<Vec<Val>> = ty.params.iter().map(|(_, ty)| sample(ty)).collect();
        if let Some(params) = params {
            instance
                .get_func(&mut store, &export.name)?
                .call(&mut store, &params)?;
        }
    }
    Ok(())
}

/// Some value of a simple type.
fn sample(ty: &Type) -> Option<Val> {
    Some(match ty {
        Type::Bool => Val::Bool(true),
        Type::U32 => Val::U32(7),
        Type::S32 => Val::S32(-7),
        Type::String => Val::String("text".into()),
        Type::List(ty) => Val::List(vec![sample(ty)?, sample(ty)?]),
        _ => return None,
    })
}

/// Errors that bad input may give; anything else is a fault of ours.
fn is_clear(error: &Error) -> bool {
    !error.message().is_empty()
        && !error.to_string().contains('\n')
        && !matches!(
            error.kind(),
            ErrorKind::Engine | ErrorKind::HostPanic | ErrorKind::Io
        )
}

fn random_bytes_are_no_components<B: Backend>() {
    let engine = engine::<B>();
    let mut random = Random(1);
    for round in 0..2000 {
        let len = random.below(300);
        let mut bytes: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
        if round % 2 == 0 {
            // A right header, so that the parser goes on.
            bytes.splice(0..0, *b"\0asm\x0d\0\x01\0");
        }
        let error = exercise(&engine, &bytes).err();
        match error {
            None => assert!(bytes.len() <= 8 || round % 2 == 0),
            Some(error) => assert!(is_clear(&error), "{error:?}"),
        }
    }
}

fn truncated_components_are_invalid<B: Backend>() {
    let engine = engine::<B>();
    for at in (0..GREET.len()).step_by(97) {
        match Component::new(&engine, &GREET[..at]) {
            // A cut between two sections can leave a smaller component.
            Ok(component) => assert!(component.exports().len() < 3),
            Err(error) => {
                assert_eq!(
                    *error.kind(),
                    ErrorKind::InvalidComponent,
                    "{at}: {error:?}"
                );
                assert!(is_clear(&error), "{error:?}");
            }
        }
    }
}

/// Small components with every kind of section, which compile fast.
const SMALL: &[&str] = &[
    r#"(component
        (core module $m
            (memory (export "memory") 1)
            (global $at (mut i32) (i32.const 1024))
            (table 2 funcref) (elem (i32.const 0) $id)
            (data (i32.const 16) "hello")
            (func $id (param i32) (result i32) (local.get 0))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                (global.get $at)
                (global.set $at (i32.add (global.get $at) (local.get 3))))
            (func (export "echo") (param i32 i32) (result i32)
                (i32.store (i32.const 0) (local.get 0))
                (i32.store (i32.const 4) (local.get 1))
                (i32.const 0))
            (func (export "add") (param i32 i32) (result i32)
                (i32.add (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0))
                    (local.get 1))))
        (core instance $i (instantiate $m))
        (func (export "echo") (param "s" string) (result string)
            (canon lift (core func $i "echo") (memory $i "memory")
                (realloc (func $i "realloc"))))
        (func (export "add") (param "a" u32) (param "b" u32) (result u32)
            (canon lift (core func $i "add"))))"#,
    r#"(component
        (import "test:a/b@1.0.0" (instance $b (export "f" (func (param "x" u32) (result u32)))))
        (core func $f (canon lower (func $b "f")))
        (type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (core func $drop (canon resource.drop $r))
        (core module $m
            (import "" "f" (func $f (param i32) (result i32)))
            (import "" "new" (func $new (param i32) (result i32)))
            (import "" "drop" (func $drop (param i32)))
            (func (export "run") (param i32) (result i32)
                (call $drop (call $new (local.get 0)))
                (call $f (local.get 0))))
        (core instance $i (instantiate $m (with "" (instance
            (export "f" (func $f)) (export "new" (func $new)) (export "drop" (func $drop))))))
        (func $run (param "x" u32) (result u32) (canon lift (core func $i "run")))
        (export "run" (func $run)))"#,
];

fn mutated_components_compile_link_and_run_or_fail_clearly<B: Backend>() {
    let engine = engine::<B>();
    let mut random = Random(2);
    let (mut ran, mut failed) = (0, 0);
    for text in SMALL {
        let original = enginebay::to_binary(text.as_bytes()).unwrap().into_owned();
        for _ in 0..2000 {
            let mut bytes = original.clone();
            for _ in 0..1 + random.below(3) {
                let at = 8 + random.below(bytes.len() - 8);
                match random.below(4) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => bytes[at] = random.next() as u8,
                    2 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, random.next() as u8),
                }
            }
            match exercise(&engine, &bytes) {
                Ok(()) => ran += 1,
                Err(error) => {
                    failed += 1;
                    assert!(is_clear(&error), "{error:?}\n{bytes:x?}");
                }
            }
        }
    }
    assert!(ran > 50, "{ran} of the mutated components still ran");
    assert!(failed > 1000, "{failed} of the mutated components failed");
}

fn core_modules_are_told_apart<B: Backend>() {
    let error = Component::new(&engine::<B>(), "(module (func))").unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::InvalidComponent);
    assert!(error.message().contains("core module"), "{error}");
}

fn unknown_imports_are_link_errors<B: Backend>() {
    let engine = engine::<B>();
    let component = Component::new(&engine, GREET_HOST).unwrap();
    let error = Linker::<B, ()>::new(&engine)
        .instantiate_pre(&component)
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Link);
    assert!(is_clear(&error), "{error:?}");
}

fn deep_nesting_is_survived<B: Backend>() {
    let engine = engine::<B>();
    let nested = format!("{}{}", "(component ".repeat(500), ")".repeat(500));
    let error = Component::new(&engine, nested).unwrap_err();
    assert!(is_clear(&error), "{error:?}");
    let lists = |levels: u32| {
        let mut text = String::from("(component (type $t0 (list u8))");
        for level in 1..=levels {
            text += &format!("(type $t{level} (list $t{}))", level - 1);
        }
        Component::new(&engine, text + ")").map(drop)
    };
    lists(50).unwrap();
    let error = lists(1000).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::InvalidComponent);
    let value = (0..10_000).fold(Val::Bool(true), |val, _| Val::Option(Some(Box::new(val))));
    let component = Component::new(&engine, GREET).unwrap();
    let mut store = Store::new(&engine, ()).unwrap();
    let instance = Linker::<B, ()>::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let greet = instance.get_func(&mut store, "greet").unwrap();
    let error = greet.call(&mut store, &[value]).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::TypeMismatch);
}

fn huge_lists_are_survived<B: Backend>() {
    let engine = engine::<B>();
    let component = Component::new(&engine, GREET).unwrap();
    let limits = engine.default_limits().memory(4 << 20);
    let mut store = Store::<B, ()>::builder(&engine)
        .limits(limits)
        .build(())
        .unwrap();
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let name = format!("{}#echo", crate::common::API);
    let echo = instance
        .get_typed_func::<(&[u8],), (Vec<u8>,)>(&mut store, &name)
        .unwrap();
    let error = echo.call(&mut store, (&vec![7; 64 << 20],)).unwrap_err();
    assert!(
        error.kind().is_trap() || error.kind().is_limit(),
        "{error:?}"
    );
}
