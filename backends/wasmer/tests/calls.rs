//! Calls both ways: values, errors, panics, re-entrance, threads.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::{Fixture, call, call_func, engine, signature, store};
use enginebay_core::{Error, ErrorKind, Limits, TrapCode};
use enginebay_layer::{CoreEngine, CoreExtern, CoreType};
use enginebay_wasmer::WasmerCore as E;

#[derive(Debug, PartialEq)]
struct Mine(u32);

impl std::fmt::Display for Mine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "mine: {}", self.0)
    }
}

impl std::error::Error for Mine {}

/// Passes arguments on to the import and its results back.
fn forwards(ty: &str) -> String {
    let wat = |c: char| match c {
        'i' => "i32 ",
        'I' => "i64 ",
        'f' => "f32 ",
        'F' => "f64 ",
        other => panic!("{other}"),
    };
    let (params, results) = ty.split_once(':').unwrap();
    let list = |types: &str| types.chars().map(wat).collect::<String>();
    let ty = format!("(param {}) (result {})", list(params), list(results));
    let gets: String = (0..params.len())
        .map(|i| format!("local.get {i} "))
        .collect();
    format!(
        r#"(module (import "" "f" (func $f {ty}))
            (func (export "f") {ty} {gets} call $f))"#
    )
}

#[test]
fn values_of_every_type_pass_both_ways() {
    let params = "iIfFiIfFiIfFiIfFi";
    for (params, results) in [
        ("", ""),
        ("i", ""),
        ("", "F"),
        ("i", "i"),
        ("I", "I"),
        ("f", "f"),
        ("F", "F"),
        (params, "i"),
        (params, params),
        ("", params),
        ("i", "IiFf"),
    ] {
        if cfg!(feature = "singlepass") && results.len() > 1 {
            // Singlepass cannot compile such imports; no component has them.
            continue;
        }
        let ty = format!("{params}:{results}");
        let narrow = |c: char| matches!(c, 'i' | 'f');
        let of = |i: usize, c: char| {
            let value = 0xf1e2_d3c4_b5a6_9788_u64.rotate_left(i as u32);
            if narrow(c) {
                value & 0xffff_ffff
            } else {
                value
            }
        };
        let args: Vec<_> = params.chars().enumerate().map(|(i, c)| of(i, c)).collect();
        let wanted: Vec<_> = results
            .chars()
            .enumerate()
            .map(|(i, c)| of(i + 20, c))
            .collect();
        let (expected, returned) = (args.clone(), wanted.clone());
        let mut it = Fixture::new();
        let func = it.host(&ty, move |_, slots| {
            assert_eq!(slots.len(), expected.len().max(returned.len()));
            assert_eq!(slots[..expected.len()], expected);
            slots[..returned.len()].copy_from_slice(&returned);
            Ok(())
        });
        let imports = [CoreExtern::Func(func.clone())];
        let instance = it.instantiate(&forwards(&ty), &imports).unwrap();
        assert_eq!(it.call(&instance, "f", &ty, &args).unwrap(), wanted, "{ty}");
        // A host function can be called without a guest in between, too.
        assert_eq!(call_func(&mut it.cx(), &func, &ty, &args).unwrap(), wanted);
    }
}

#[test]
fn a_function_is_not_called_with_another_type() {
    let mut it = Fixture::new();
    let instance = it.instance(r#"(module (func (export "f") (param i32)))"#);
    let error = it.call(&instance, "f", "I:", &[0]).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Engine);
}

#[test]
fn an_error_of_a_host_function_comes_back() {
    let mut it = Fixture::new();
    let func = it.host("i:", |_, slots| Err(Error::host(Mine(slots[0] as u32))));
    let instance = it
        .instantiate(
            r#"(module $m (import "" "f" (func $f (param i32)))
                (func $inner (call $f (i32.const 7)))
                (func $outer (export "f") (call $inner)))"#,
            &[CoreExtern::Func(func)],
        )
        .unwrap();
    let error = it.fails(&instance, "f");
    assert_eq!(*error.kind(), ErrorKind::Host);
    assert_eq!(error.downcast::<Mine>().unwrap(), Mine(7));
    // Nothing of it stays.
    let error = it.fails(&instance, "f");
    assert_eq!(error.downcast::<Mine>().unwrap(), Mine(7));
}

#[test]
fn an_error_of_the_core_s_stays_what_it_is() {
    let mut it = Fixture::new();
    let func = it.host(":", |_, _| Err(Error::trap(TrapCode::CannotLeaveComponent)));
    let instance = it
        .instantiate(&forwards(":"), &[CoreExtern::Func(func)])
        .unwrap();
    let error = it.fails(&instance, "f");
    assert_eq!(error.trap_code(), Some(TrapCode::CannotLeaveComponent));
}

#[test]
fn a_panic_of_a_host_function_resumes_and_the_store_stays_usable() {
    let mut it = Fixture::new();
    let dropped = Arc::new(AtomicU32::new(0));
    struct Guard(Arc<AtomicU32>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let count = dropped.clone();
    let func = it.host("i:i", move |_, slots| {
        let _guard = Guard(count.clone());
        if slots[0] == 0 {
            panic!("of the host");
        }
        Ok(())
    });
    let instance = it
        .instantiate(&forwards("i:i"), &[CoreExtern::Func(func)])
        .unwrap();
    for round in 1..=3 {
        let payload = catch_unwind(AssertUnwindSafe(|| it.call(&instance, "f", "i:i", &[0])))
            .expect_err("the panic resumes");
        assert_eq!(payload.downcast_ref(), Some(&"of the host"));
        assert_eq!(it.call(&instance, "f", "i:i", &[5]).unwrap(), [5]);
        assert_eq!(dropped.load(Ordering::Relaxed), 2 * round);
    }
}

#[test]
fn a_panic_under_a_start_function_resumes() {
    let mut it = Fixture::new();
    let func = it.host(":", |_, _| panic!("of the host"));
    let wat = r#"(module (import "" "f" (func $f)) (start $f))"#;
    let payload = catch_unwind(AssertUnwindSafe(|| {
        it.instantiate(wat, &[CoreExtern::Func(func)])
    }))
    .expect_err("the panic resumes");
    assert_eq!(payload.downcast_ref(), Some(&"of the host"));
}

#[test]
fn a_start_function_s_failures_are_those_of_a_call() {
    let mut it = Fixture::new();
    let error = it
        .instantiate("(module (func $f unreachable) (start $f))", &[])
        .unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
    assert_eq!(error.frames()[0].function.as_deref(), Some("f"));

    let func = it.host(":", |_, _| Err(Error::host(Mine(1))));
    let error = it
        .instantiate(
            r#"(module (import "" "f" (func $f)) (start $f))"#,
            &[CoreExtern::Func(func)],
        )
        .unwrap_err();
    assert_eq!(error.downcast::<Mine>().unwrap(), Mine(1));
}

#[test]
fn host_functions_reach_memory_and_call_back_into_the_store() {
    let mut it = Fixture::new();
    let base = it.instance(
        r#"(module (memory (export "m") 1)
            (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
            (func (export "grow") (result i32) (memory.grow (i32.const 1))))"#,
    );
    let memory = it.memory(&base, "m");
    let inner = base.clone();
    let func = it.host("i:i", move |mut cx, slots| {
        let at = slots[0] as usize;
        E::memory(&mut cx, &memory)[at..at + 4].copy_from_slice(&77_i32.to_le_bytes());
        assert_eq!(call(&mut cx, &inner, "grow", ":i", &[])?, [1]);
        assert_eq!(E::memory(&mut cx, &memory).len(), 2 << 16);
        slots[0] = call(&mut cx, &inner, "load", "i:i", &[at as u64])?[0];
        Ok(())
    });
    let instance = it
        .instantiate(&forwards("i:i"), &[CoreExtern::Func(func)])
        .unwrap();
    assert_eq!(it.call(&instance, "f", "i:i", &[40]).unwrap(), [77]);
    let memory = it.memory(&base, "m");
    assert_eq!(E::memory(&mut it.cx(), &memory)[40], 77);
    let export = it.export(&base, "m");
    assert!(matches!(export, CoreExtern::Memory(_)));
}

#[test]
fn a_host_function_calls_a_guest_of_another_component_and_makes_instances() {
    let mut it = Fixture::new();
    let other = E::new_unit(&engine()).unwrap();
    let realm = E::realm(&mut it.cx(), &other).unwrap();
    assert_eq!(E::realm(&mut it.cx(), &other).unwrap(), realm);
    assert_ne!(it.realm, realm);
    let wasm = wat::parse_str(
        r#"(module (func (export "double") (param i32) (result i32)
                (if (i32.eqz (local.get 0)) (then unreachable))
                (i32.mul (local.get 0) (i32.const 2))))"#,
    )
    .unwrap();
    let module = E::compile(&other, &wasm).unwrap();
    let func = it.host("i:i", move |mut cx, slots| {
        let cx = &mut E::reborrow(&mut cx);
        let instance = E::instantiate(cx, realm, &module, &[])?;
        slots[0] = call(cx, &instance, "double", "i:i", &slots[..1])?[0];
        Ok(())
    });
    let instance = it
        .instantiate(&forwards("i:i"), &[CoreExtern::Func(func)])
        .unwrap();
    for i in 1..100 {
        assert_eq!(it.call(&instance, "f", "i:i", &[i]).unwrap(), [2 * i]);
    }
    // A trap in there goes through the guest that called the host.
    let error = it.call(&instance, "f", "i:i", &[0]).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
    assert_eq!(it.call(&instance, "f", "i:i", &[3]).unwrap(), [6]);
}

#[test]
fn functions_do_not_pass_to_another_component() {
    let mut it = Fixture::new();
    let instance = it.instance(r#"(module (func (export "f")))"#);
    let func = it.export(&instance, "f");
    let home = it.realm;
    let other = E::new_unit(&engine()).unwrap();
    let mut cx = it.cx();
    let realm = E::realm(&mut cx, &other).unwrap();
    let wasm = wat::parse_str(r#"(module (import "" "f" (func)))"#).unwrap();
    let module = E::compile(&other, &wasm).unwrap();
    let error = E::instantiate(&mut cx, realm, &module, &[func]).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Engine, "{error}");
    let error = E::instantiate(&mut cx, home, &module, &[]).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Engine, "{error}");
}

#[test]
#[should_panic = "another store"]
fn handles_do_not_pass_to_another_store() {
    let mut it = Fixture::new();
    let instance = it.instance(r#"(module (func (export "f")))"#);
    let CoreExtern::Func(func) = it.export(&instance, "f") else {
        panic!()
    };
    let callee = E::callee(&mut it.cx(), &func, &signature(":")).unwrap();
    let mut other = store(&engine(), Limits::new());
    _ = E::call(&mut E::context(&mut other), &callee, &mut []);
}

#[test]
fn one_guest_s_host_function_enters_another_store() {
    let mut inner = Fixture::new();
    let instance = inner.instance(
        r#"(module (table 1 funcref)
            (func (export "f") (result i32) (table.grow (ref.null func) (i32.const 2))))"#,
    );
    let inner = std::sync::Mutex::new(inner);
    let mut outer = Fixture::new();
    let func = outer.host(":i", move |_, slots| {
        slots[0] = inner.lock().unwrap().call(&instance, "f", ":i", &[])?[0];
        Ok(())
    });
    let instance = outer
        .instantiate(
            r#"(module (import "" "f" (func $f (result i32))) (table $t 10 funcref)
                (func (export "f") (result i32 i32 i32)
                    (table.grow $t (ref.null func) (i32.const 1))
                    (call $f)
                    (table.grow $t (ref.null func) (i32.const 1))))"#,
            &[CoreExtern::Func(func)],
        )
        .unwrap();
    // Each table was counted in its own store, so that both have their sizes.
    assert_eq!(
        outer.call(&instance, "f", ":iii", &[]).unwrap(),
        [10, 1, 11]
    );
    assert_eq!(E::store_data(&outer.store).store_data().sizes().1, 12);
}

#[test]
fn a_used_store_moves_to_another_thread() {
    let mut it = Fixture::new();
    let func = it.host("i:i", |_, slots| {
        slots[0] += 1;
        Ok(())
    });
    let instance = it
        .instantiate(
            r#"(module (import "" "f" (func $f (param i32) (result i32)))
                (memory (export "m") 1)
                (func (export "f") (param i32) (result i32)
                    (i32.store (i32.const 0) (call $f (local.get 0)))
                    (drop (memory.grow (i32.const 1)))
                    (i32.load (i32.const 0)))
                (func $deep (export "deep") (call $deep)))"#,
            &[CoreExtern::Func(func)],
        )
        .unwrap();
    for round in 0..10 {
        assert_eq!(
            it.call(&instance, "f", "i:i", &[round]).unwrap(),
            [round + 1]
        );
        let code = it.fails(&instance, "deep").trap_code();
        assert_eq!(code, Some(TrapCode::StackOverflow));
        it = std::thread::scope(|scope| {
            let instance = &instance;
            scope
                .spawn(move || {
                    assert_eq!(
                        it.call(instance, "f", "i:i", &[round]).unwrap(),
                        [round + 1]
                    );
                    let code = it.fails(instance, "deep").trap_code();
                    assert_eq!(code, Some(TrapCode::StackOverflow));
                    it
                })
                .join()
                .unwrap()
        });
    }
    let memory = it.memory(&instance, "m");
    assert_eq!(E::memory(&mut it.cx(), &memory).len(), 21 << 16);
    std::thread::spawn(move || drop(it)).join().unwrap();
}

#[test]
fn a_host_function_may_use_its_context_on_another_thread() {
    let mut it = Fixture::new();
    let inner = it.instance(
        r#"(module (func (export "div") (param i32) (result i32)
            (i32.div_u (i32.const 12) (local.get 0))))"#,
    );
    let func = it.host("i:i", move |mut cx, slots| {
        let run = || call(&mut cx, &inner, "div", "i:i", &slots[..1]);
        let result = std::thread::scope(|scope| scope.spawn(run).join().unwrap())?;
        slots[0] = result[0];
        Ok(())
    });
    let instance = it
        .instantiate(&forwards("i:i"), &[CoreExtern::Func(func)])
        .unwrap();
    assert_eq!(it.call(&instance, "f", "i:i", &[4]).unwrap(), [3]);
    let error = it.call(&instance, "f", "i:i", &[0]).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::IntegerDivisionByZero));
    assert_eq!(it.call(&instance, "f", "i:i", &[3]).unwrap(), [4]);
}

#[test]
fn globals_are_shared_with_guests() {
    let mut it = Fixture::new();
    let realm = it.realm;
    let global = E::new_global(&mut it.cx(), realm, CoreType::I32, 0xffff_fffd);
    let instance = it
        .instantiate(
            r#"(module (import "" "g" (global $g (mut i32)))
                (func (export "inc") (result i32)
                    (global.set $g (i32.add (global.get $g) (i32.const 1)))
                    (global.get $g)))"#,
            &[CoreExtern::Global(global.clone())],
        )
        .unwrap();
    assert_eq!(it.call(&instance, "inc", ":i", &[]).unwrap(), [0xffff_fffe]);
    assert_eq!(E::global(&mut it.cx(), &global), 0xffff_fffe);
    E::set_global(&mut it.cx(), &global, CoreType::I32, 40);
    assert_eq!(it.call(&instance, "inc", ":i", &[]).unwrap(), [41]);
}

#[test]
fn an_imported_host_function_works_in_tables() {
    let mut it = Fixture::new();
    let func = it.host("i:i", |_, slots| {
        slots[0] *= 3;
        Ok(())
    });
    let instance = it
        .instantiate(
            r#"(module (type $t (func (param i32) (result i32)))
                (import "" "f" (func $f (type $t)))
                (table funcref (elem $f))
                (export "same" (func $f))
                (func (export "f") (param i32) (result i32)
                    (call_indirect (type $t) (local.get 0) (i32.const 0))))"#,
            &[CoreExtern::Func(func)],
        )
        .unwrap();
    assert_eq!(it.call(&instance, "f", "i:i", &[5]).unwrap(), [15]);
    assert_eq!(it.call(&instance, "same", "i:i", &[5]).unwrap(), [15]);
}

#[test]
fn modules_share_memories_tables_and_tags() {
    let mut it = Fixture::new();
    let base = it.instance(
        r#"(module (memory (export "m") 1) (table (export "t") 2 funcref)
            (global (export "g") i64 (i64.const 9)))"#,
    );
    let imports = ["m", "t", "g"].map(|name| it.export(&base, name));
    let instance = it
        .instantiate(
            r#"(module (import "" "m" (memory $a 1)) (import "" "t" (table 2 funcref))
                (import "" "g" (global $g i64)) (memory $b 1)
                (elem (i32.const 0) $nine)
                (func $nine (result i64) (global.get $g))
                (func (export "copy") (result i64)
                    (i64.store $a (i32.const 0) (call_indirect (result i64) (i32.const 0)))
                    (memory.copy $b $a (i32.const 8) (i32.const 0) (i32.const 8))
                    (i64.load $b (i32.const 8))))"#,
            &imports,
        )
        .unwrap();
    assert_eq!(it.call(&instance, "copy", ":I", &[]).unwrap(), [9]);
    let memory = it.memory(&base, "m");
    assert_eq!(E::memory(&mut it.cx(), &memory)[..2], [9, 0]);
    assert!(E::export(&mut it.cx(), &base, "none").is_none());
}
