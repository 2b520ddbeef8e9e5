//! `enginebay::any`: backends by name, the same program on each of them, and
//! objects of two that are mixed.

use crate::common::{GREET_HOST, block_on, lift_all};
use enginebay::any::{self, Any, Caller, Choice, Component, Engine, Linker, Store};
use enginebay::{Backend, Config, Error, ErrorKind, HostFuture, TrapCode, Val};

const HOST: &str = "example:greet/host@0.1.0";
const API: &str = crate::common::API;

fn engines() -> impl Iterator<Item = Engine> {
    let engine = |name: &&str| any::engine(name, Config::new().interruption(NONE)).unwrap();
    enginebay::BACKENDS.iter().map(engine)
}

const NONE: enginebay::Interruption = enginebay::Interruption::None;

#[test]
fn names_are_parsed_and_printed() {
    let on: Vec<_> = Choice::on().map(Choice::name).collect();
    assert_eq!(on, enginebay::BACKENDS);
    for choice in Choice::ALL {
        assert_eq!(choice.to_string().parse::<Choice>().unwrap(), *choice);
        assert_eq!(choice.support().is_some(), choice.is_on());
    }
    assert_eq!(Choice::default().name(), enginebay::BACKENDS[0]);
    assert_eq!(format!("[{:>10}]", Choice::Wasmi), "[     wasmi]");
}

/// What the generic tests' runs on `Any` rely on.
#[test]
fn the_tests_have_each_backend_inside() {
    let inside = || {
        let engine = Engine::new(&Config::new()).unwrap();
        assert_eq!(Any::support(), engine.support());
        engine.backend()
    };
    for choice in Choice::on() {
        assert_eq!(any::with_default(choice, inside), choice.name());
        let panics = || any::with_default(choice, || panic!("out of it"));
        assert!(std::panic::catch_unwind(panics).is_err());
        assert_eq!(inside(), Choice::default().name());
    }
}

#[test]
fn an_unknown_name_is_refused_with_those_that_are_on() {
    for name in ["", "Wasmtime", "v8", "any", "wasmtime "] {
        let error = any::engine(name, &Config::new()).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidConfig);
        let text = error.to_string();
        assert!(text.contains(&format!("`{name}`")), "{text}");
        assert!(text.contains(&enginebay::BACKENDS.join(", ")), "{text}");
    }
}

#[test]
fn a_backend_that_is_off_is_refused_with_those_that_are_on() {
    for choice in Choice::ALL {
        match choice.engine(&Config::new()) {
            Ok(engine) => {
                assert!(choice.is_on());
                assert_eq!(engine.backend(), choice.name());
                assert_eq!(Some(engine.support()), choice.support());
            }
            Err(error) => {
                assert!(!choice.is_on());
                assert_eq!(*error.kind(), ErrorKind::Unsupported);
                let text = error.to_string();
                assert!(text.contains(&format!("`{choice}`")), "{text}");
                assert!(text.contains(&enginebay::BACKENDS.join(", ")), "{text}");
            }
        }
    }
}

#[test]
fn an_engine_is_the_one_that_was_chosen() {
    macro_rules! same {
        ($name:ident, $backend:ty) => {
            let name = <$backend as Backend>::NAME;
            let engine = any::engine(name, &Config::new()).unwrap();
            let own = enginebay::$name::Engine::new(&Config::new()).unwrap();
            assert_eq!(engine.backend(), name);
            assert_eq!(engine.support(), own.support());
            assert_eq!(engine.interruption(), own.interruption());
            assert_eq!(engine.artifact_identity(), own.artifact_identity());
            // What the backend cannot do is refused in its name.
            let mut config = Config::new();
            config.interruption(enginebay::Interruption::Fuel);
            match (
                any::engine(name, &config),
                enginebay::$name::Engine::new(&config),
            ) {
                (Ok(_), Ok(_)) => assert!(own.support().fuel),
                (Err(a), Err(b)) => {
                    assert_eq!(a.to_string(), b.to_string());
                    assert_eq!(a.context_value("backend"), Some(name));
                }
                (a, b) => panic!("{a:?}, {b:?}"),
            }
        };
    }
    enginebay::for_each_backend!(same);
    let default = Engine::new(&Config::new()).unwrap();
    assert_eq!(default.backend(), enginebay::BACKENDS[0]);
}

/// Everything that a program does, once per engine.
fn program(engine: &Engine) -> Result<Vec<String>, Error> {
    let component = Component::new(engine, GREET_HOST)?;
    let mut seen: Vec<String> = component.exports().iter().map(|e| e.name.clone()).collect();
    let mut linker = Linker::<Vec<Val>>::new(engine);
    linker.instance(HOST)?.func_new(
        "log",
        |mut caller: Caller<'_, Vec<Val>>, params: &[Val], _: &mut [Val]| {
            caller.data_mut().extend_from_slice(params);
            Ok(())
        },
    )?;
    let pre = linker.instantiate_pre(&component)?;
    let mut store = Store::new(engine, Vec::new())?;
    let instance = pre.instantiate(&mut store)?;
    let greet = instance.get_typed_func::<(&str,), (String,)>(&mut store, "greet-logged")?;
    seen.push(greet.call(&mut store, ("Ada",))?.0);
    let name = format!("{API}#[constructor]counter");
    let new = instance.get_func(&mut store, &name)?;
    let counter = new.call(&mut store, &[Val::U32(5)])?.remove(0);
    let Val::Resource(counter) = counter else {
        panic!("{counter:?}");
    };
    let name = format!("{API}#[method]counter.increment");
    let increment = instance.get_func(&mut store, &name)?;
    seen.push(format!("{:?}", increment.ty(&mut store)?.params.len()));
    let arguments = [Val::Resource(counter), Val::U32(3)];
    seen.push(format!("{:?}", increment.call(&mut store, &arguments)?));
    counter.resource_drop(&mut store)?;
    seen.push(format!("{:?}", store.data()));
    seen.push(store.usage().host_calls.to_string());
    let bytes = component.serialize()?;
    // SAFETY: `serialize` has just made them.
    #[allow(unsafe_code, reason = "artifacts are machine code")]
    let again = unsafe { Component::deserialize(engine, &bytes) }?;
    seen.push(format!("{}", again.imports().len()));
    Ok(seen)
}

#[test]
fn the_same_program_runs_on_every_backend() {
    let all: Vec<_> = engines().map(|engine| program(&engine).unwrap()).collect();
    assert!(all[0].contains(&"Hello, Ada!".to_owned()), "{:?}", all[0]);
    for one in &all {
        assert_eq!(*one, all[0]);
    }
}

#[test]
fn traps_and_panics_come_through() {
    for engine in engines() {
        let wasm = lift_all(r#"(func (export "trap") unreachable)"#, &["trap"]);
        let component = Component::new(&engine, wasm).unwrap();
        let mut store = Store::new(&engine, ()).unwrap();
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &component)
            .unwrap();
        let trap = instance
            .get_typed_func::<(), ()>(&mut store, "trap")
            .unwrap();
        let error = trap.call(&mut store, ()).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
        assert!(store.poisoned().is_some());

        let mut linker = Linker::<()>::new(&engine);
        linker
            .root()
            .func_wrap("f", |_, ()| -> Result<(), Error> {
                std::panic::panic_any(7_u8)
            })
            .unwrap();
        let component = Component::new(&engine, CALL_F).unwrap();
        let mut store = Store::new(&engine, ()).unwrap();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let run = instance
            .get_typed_func::<(), ()>(&mut store, "run")
            .unwrap();
        let call = std::panic::AssertUnwindSafe(|| run.call(&mut store, ()));
        let panic = std::panic::catch_unwind(call).unwrap_err();
        assert_eq!(panic.downcast_ref::<u8>(), Some(&7));
    }
}

/// Calls its import `f` from its export `run`.
const CALL_F: &str = r#"(component
    (import "f" (func $f))
    (core func $f (canon lower (func $f)))
    (core module $m
        (import "" "f" (func $f))
        (func (export "run") (call $f)))
    (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
    (func (export "run") (canon lift (core func $i "run"))))"#;

#[test]
fn calls_wait_on_every_backend() {
    for engine in engines() {
        let mut linker = Linker::<u32>::new(&engine);
        linker
            .root()
            .func_wrap_async("f", |mut caller: Caller<'_, u32>, ()| {
                HostFuture::new(async move {
                    for _ in 0..3 {
                        crate::common::yield_once().await;
                        *caller.data_mut() += 1;
                    }
                    Ok(())
                })
            })
            .unwrap();
        let component = Component::new(&engine, CALL_F).unwrap();
        let mut store = Store::new_async(&engine, 0).unwrap();
        block_on(async {
            let instance = linker
                .instantiate_async(&mut store, &component)
                .await
                .unwrap();
            let run = instance
                .get_typed_func::<(), ()>(&mut store, "run")
                .unwrap();
            run.call_async(&mut store, ()).await.unwrap();
            let run = instance.get_func(&mut store, "run").unwrap();
            run.call_async(&mut store, &[]).await.unwrap();
        });
        assert_eq!(*store.data(), 6);
    }
}

/// Objects of two engines, of whichever backends, are refused and nothing panics.
#[test]
fn two_engines_do_not_mix() {
    let wasm = lift_all(r#"(func (export "f"))"#, &["f"]);
    for a in engines() {
        for b in engines() {
            let component = Component::new(&a, &wasm).unwrap();
            let error = Linker::<()>::new(&b)
                .instantiate_pre(&component)
                .unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::InvalidConfig);

            let pre = Linker::<()>::new(&a).instantiate_pre(&component).unwrap();
            let mut of_a = Store::new(&a, ()).unwrap();
            let mut of_b = Store::new(&b, ()).unwrap();
            let error = pre.instantiate(&mut of_b).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::InvalidConfig);

            let instance = pre.instantiate(&mut of_a).unwrap();
            let error = instance.get_func(&mut of_b, "f").unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::WrongStore);
            let error = instance
                .get_typed_func::<(), ()>(&mut of_b, "f")
                .unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::WrongStore);
            let f = instance.get_func(&mut of_a, "f").unwrap();
            assert_eq!(*f.ty(&mut of_b).unwrap_err().kind(), ErrorKind::WrongStore);
            let error = f.call(&mut of_b, &[]).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::WrongStore);
            let error = f.typed::<(), ()>(&mut of_b).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::WrongStore);
            let f = f.typed::<(), ()>(&mut of_a).unwrap();
            assert_eq!(
                *f.call(&mut of_b, ()).unwrap_err().kind(),
                ErrorKind::WrongStore
            );

            // Nothing of it has done any harm.
            assert!(of_b.poisoned().is_none());
            f.call(&mut of_a, ()).unwrap();

            let bytes = component.serialize().unwrap();
            // SAFETY: `serialize` has just made them.
            #[allow(unsafe_code, reason = "artifacts are machine code")]
            let loaded = unsafe { Component::deserialize(&b, &bytes) };
            assert_eq!(loaded.is_ok(), a.backend() == b.backend());
        }
    }
}

/// A handle that one backend gave is nothing to another.
#[test]
fn handles_do_not_mix() {
    const MAKE: &str = r#"(component
        (type $r' (resource (rep i32)))
        (core func $new (canon resource.new $r'))
        (core module $m
            (import "" "new" (func $new (param i32) (result i32)))
            (func (export "make") (result i32) (call $new (i32.const 1))))
        (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
        (export $r "r" (type $r'))
        (func (export "make") (result (own $r)) (canon lift (core func $i "make"))))"#;
    for a in engines() {
        for b in engines().filter(|b| b.support().native != a.support().native) {
            let component = Component::new(&a, MAKE).unwrap();
            let mut of_a = Store::new(&a, ()).unwrap();
            let mut of_b = Store::new(&b, ()).unwrap();
            let instance = Linker::new(&a).instantiate(&mut of_a, &component).unwrap();
            let make = instance.get_func(&mut of_a, "make").unwrap();
            let Val::Resource(handle) = make.call(&mut of_a, &[]).unwrap().remove(0) else {
                panic!("not a handle");
            };
            let error = handle.resource_drop(&mut of_b).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::TypeMismatch, "{error}");
            handle.resource_drop(&mut of_a).unwrap();
        }
    }
}

/// `Any` is a backend: what is generic takes it.
#[test]
fn it_is_a_backend() {
    fn name<B: Backend>(engine: &enginebay::generic::Engine<B>) -> &'static str {
        engine.backend()
    }
    for engine in engines() {
        assert!(enginebay::BACKENDS.contains(&name(&engine)));
        assert!(format!("{engine:?}").contains(engine.backend()));
    }
    assert_eq!(Any::NAME, "any");
}
