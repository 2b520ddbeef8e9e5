//! Every trap that a synchronous component can provoke, on every backend: of
//! the core specification and of the canonical ABI, found by the guest's code,
//! by an adapter between components, and by the host on either side of a call.

use crate::common::{Fixture, engine, lift_all, on_each_backend_and_any};
use enginebay::generic::{Component, Linker, Store};
use enginebay::{
    Backend, ComponentNamedList, ComponentType, Error, Interruption, Lift, Lower, Resource,
    ResourceType, TrapCode,
};

on_each_backend_and_any! {
    traps_of_core_code_have_their_codes
    traps_carry_a_backtrace
    bad_results_trap_when_they_are_lifted
    bad_arguments_of_host_functions_trap_when_they_are_lifted
    bad_allocations_trap_when_arguments_are_lowered
    bad_handles_trap
    leaving_from_realloc_traps
    bad_values_between_components_trap_in_the_adapter
    other_stores_go_on_after_each_trap
}

fn traps_of_core_code_have_their_codes<B: Backend>() {
    let cases = [
        ("unreachable", "unreachable", TrapCode::Unreachable),
        (
            "load",
            "(drop (i32.load (i32.const 65533)))",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "copy",
            "(memory.copy (i32.const 0) (i32.const 65536) (i32.const 1))",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "table",
            "(call_indirect (i32.const 9))",
            TrapCode::TableOutOfBounds,
        ),
        (
            "get",
            "(drop (table.get (i32.const 9)))",
            TrapCode::TableOutOfBounds,
        ),
        (
            "null",
            "(call_indirect (i32.const 1))",
            TrapCode::IndirectCallToNull,
        ),
        (
            "signature",
            "(call_indirect (param i32) (i32.const 1) (i32.const 0))",
            TrapCode::BadSignature,
        ),
        (
            "overflow",
            "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
            TrapCode::IntegerOverflow,
        ),
        (
            "trunc",
            "(drop (i32.trunc_f32_s (f32.const 1e30)))",
            TrapCode::IntegerOverflow,
        ),
        (
            "zero",
            "(drop (i64.rem_u (i64.const 1) (i64.const 0)))",
            TrapCode::IntegerDivisionByZero,
        ),
        (
            "nan",
            "(drop (i32.trunc_f64_u (f64.const nan)))",
            TrapCode::BadConversionToInteger,
        ),
        (
            "stack",
            "(call $stack) (call $stack)",
            TrapCode::StackOverflow,
        ),
    ];
    let mut module = String::from("(memory 1) (table 2 funcref) (elem (i32.const 0) $unreachable)");
    for (name, body, _) in cases {
        module += &format!("(func ${name} (export \"{name}\") {body})\n");
    }
    let text = lift_all(&module, &cases.map(|(name, ..)| name));
    for (name, _, code) in cases {
        let error = Fixture::<B>::new(&text).run(name).unwrap_err();
        assert_eq!(error.trap_code(), Some(code), "{name}: {error}");
    }
    let start = lift_all("(func $f unreachable) (start $f)", &[]);
    let error = Fixture::<B>::with(start, Interruption::None, |limits| limits)
        .err()
        .unwrap();
    assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
}

fn traps_carry_a_backtrace<B: Backend>() {
    let text = r#"(component
        (core module $m
            (func $inner unreachable)
            (func (export "run") (call $inner)))
        (core instance $i (instantiate $m))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    let error = Fixture::<B>::new(text).run("run").unwrap_err();
    let frames = error.frames();
    if !B::support().backtraces {
        assert!(frames.is_empty(), "{error:?}");
        return;
    }
    assert_eq!(frames.len(), 2, "{error:?}");
    assert_eq!(
        (frames[0].function.as_deref(), frames[0].function_index),
        (Some("inner"), 0)
    );
    assert_eq!(frames[0].module.as_deref(), Some("m"));
    assert!(frames[0].offset.is_some());
    assert_eq!(frames[1].function_index, 1);
}

/// A component whose `run` gives `value`, of a WIT type, from memory that holds
/// `data` at 16.
fn gives(ty: &str, value: &str, data: &str, encoding: &str) -> String {
    format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (data (i32.const 16) "{data}")
                (func (export "run") (result i32) {value}))
            (core instance $i (instantiate $m))
            (type $e' (enum "a" "b"))
            (export $e "e" (type $e'))
            (type $t' {ty})
            (export $t "t" (type $t'))
            (func (export "run") (result $t)
                (canon lift (core func $i "run") (memory $i "memory") {encoding})))"#
    )
}

/// The trap of a typed call, which the dynamic call must give as well.
fn both<B: Backend, R>(text: &str) -> Option<TrapCode>
where
    (R,): ComponentNamedList + Lift,
{
    let f = &mut Fixture::<B>::new(text);
    let func = f
        .instance
        .get_typed_func::<(), (R,)>(&mut f.store, "run")
        .unwrap();
    let Err(typed) = func.call(&mut f.store, ()) else {
        panic!("no trap: {text}")
    };
    assert!(f.store.poisoned().is_some());
    let f = &mut Fixture::<B>::new(text);
    let func = f.instance.get_func(&mut f.store, "run").unwrap();
    let dynamic = func.call(&mut f.store, &[]).unwrap_err();
    assert_eq!(
        typed.kind(),
        dynamic.kind(),
        "{text}\n{typed:?}\n{dynamic:?}"
    );
    assert!(f.store.poisoned().is_some());
    typed.trap_code()
}

#[derive(Clone, Copy, Debug, ComponentType, Lower, Lift)]
#[component(enum)]
enum Two {
    A,
    B,
}

#[derive(Clone, Copy, Debug, ComponentType, Lower, Lift)]
#[component(variant)]
enum Either {
    A(u32),
    B(f32),
}

fn bad_results_trap_when_they_are_lifted<B: Backend>() {
    /// What `run` returns, by pointer: at 8, from memory at 16.
    fn pointer_pair(pointer: u32, len: u32) -> String {
        format!(
            "(i32.store (i32.const 8) (i32.const {pointer})) \
             (i32.store (i32.const 12) (i32.const {len})) (i32.const 8)"
        )
    }
    let utf16 = "string-encoding=utf16";
    let compact = "string-encoding=latin1+utf16";
    let strings = [
        (pointer_pair(16, 1), "\\ff", "", TrapCode::InvalidString),
        (pointer_pair(16, 2), "\\c3\\28", "", TrapCode::InvalidString),
        (
            pointer_pair(16, 1),
            "\\00\\d8",
            utf16,
            TrapCode::InvalidString,
        ),
        (
            pointer_pair(16, 0x8000_0001),
            "\\00\\dc",
            compact,
            TrapCode::InvalidString,
        ),
        (pointer_pair(65535, 2), "", "", TrapCode::StringOutOfBounds),
        (
            pointer_pair(16, 0x7fff_ffff),
            "",
            utf16,
            TrapCode::StringOutOfBounds,
        ),
        (pointer_pair(17, 1), "", utf16, TrapCode::UnalignedPointer),
        (pointer_pair(17, 1), "", compact, TrapCode::UnalignedPointer),
    ];
    for (value, data, encoding, code) in strings {
        let component = gives("(tuple string)", &value, data, encoding);
        assert_eq!(both::<B, (String,)>(&component), Some(code), "{component}");
    }
    let lists = [
        (pointer_pair(65532, 2), TrapCode::ListOutOfBounds),
        (pointer_pair(16, 0xffff_ffff), TrapCode::ListOutOfBounds),
        (pointer_pair(18, 1), TrapCode::UnalignedPointer),
    ];
    for (value, code) in lists {
        let component = gives("(list u32)", &value, "", "");
        assert_eq!(both::<B, Vec<u32>>(&component), Some(code), "{component}");
    }
    let pair = "(tuple u32 u32)";
    let unaligned = gives(pair, "(i32.const 2)", "", "");
    assert_eq!(
        both::<B, (u32, u32)>(&unaligned),
        Some(TrapCode::UnalignedPointer)
    );
    let outside = gives(pair, "(i32.const 65532)", "", "");
    assert_eq!(
        both::<B, (u32, u32)>(&outside),
        Some(TrapCode::PointerOutOfBounds)
    );

    let discriminant = Some(TrapCode::InvalidDiscriminant);
    let flat = gives("(enum \"a\" \"b\")", "(i32.const 2)", "", "");
    assert_eq!(both::<B, Two>(&flat), discriminant);
    let memory = |ty: &str| gives(ty, "(i32.const 16)", "\\02", "");
    assert_eq!(
        both::<B, (Two, u32)>(&memory("(tuple $e u32)")),
        discriminant
    );
    assert_eq!(
        both::<B, Option<u32>>(&memory("(option u32)")),
        discriminant
    );
    assert_eq!(
        both::<B, Result<u32, u32>>(&memory("(result u32 (error u32))")),
        discriminant
    );
    let either = memory("(variant (case \"a\" u32) (case \"b\" f32))");
    assert_eq!(both::<B, Either>(&either), discriminant);

    for bits in ["0xd800", "0xdfff", "0x110000", "0xffffffff"] {
        let component = gives("(tuple char)", &format!("(i32.const {bits})"), "", "");
        assert_eq!(
            both::<B, (char,)>(&component),
            Some(TrapCode::InvalidChar),
            "{bits}"
        );
    }
}

/// A component that calls its import `f`, of a type with one parameter, with
/// these flat arguments.
fn passes(param: &str, core: &str, args: &str, data: &str) -> String {
    format!(
        r#"(component
            (core module $libc
                (memory (export "memory") 1)
                (data (i32.const 16) "{data}")
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
            (core instance $libc (instantiate $libc))
            (import "f" (func $f (param "p" {param})))
            (core func $f (canon lower (func $f) (memory $libc "memory")
                (realloc (func $libc "realloc"))))
            (core module $m
                (import "" "f" (func $f (param {core})))
                (func (export "run") (call $f {args})))
            (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
            (func (export "run") (canon lift (core func $i "run"))))"#
    )
}

fn passed<B: Backend, P: ComponentType + Lift + 'static>(text: &str) -> Error
where
    (P,): ComponentNamedList + Lift,
{
    let mut dynamic = Linker::<B, ()>::new(&engine(Interruption::None));
    dynamic.root().func_new("f", |_, _, _| Ok(())).unwrap();
    let mut typed = Linker::<B, ()>::new(&engine(Interruption::None));
    typed.root().func_wrap("f", |_, _: (P,)| Ok(())).unwrap();
    let run = |linker: Linker<B, ()>| {
        let component = Component::new(linker.engine(), text).unwrap();
        let mut store = Store::new(linker.engine(), ()).unwrap();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let run = instance
            .get_typed_func::<(), ()>(&mut store, "run")
            .unwrap();
        run.call(&mut store, ()).unwrap_err()
    };
    let (dynamic, typed) = (run(dynamic), run(typed));
    assert_eq!(dynamic.kind(), typed.kind(), "{dynamic:?} {typed:?}");
    typed
}

fn bad_arguments_of_host_functions_trap_when_they_are_lifted<B: Backend>() {
    let two = "i32 i32";
    let string = |args, data| passed::<B, String>(&passes("string", two, args, data)).trap_code();
    let invalid = string("(i32.const 16) (i32.const 1)", "\\ff");
    assert_eq!(invalid, Some(TrapCode::InvalidString));
    let outside = string("(i32.const 65536) (i32.const 1)", "");
    assert_eq!(outside, Some(TrapCode::StringOutOfBounds));
    let list = |args| passed::<B, Vec<u64>>(&passes("(list u64)", two, args, "")).trap_code();
    assert_eq!(
        list("(i32.const 65536) (i32.const 1)"),
        Some(TrapCode::ListOutOfBounds)
    );
    assert_eq!(
        list("(i32.const 4) (i32.const 1)"),
        Some(TrapCode::UnalignedPointer)
    );
    let char = passed::<B, char>(&passes("char", "i32", "(i32.const -1)", ""));
    assert_eq!(char.trap_code(), Some(TrapCode::InvalidChar));
    let option = passes("(option u32)", two, "(i32.const 7) (i32.const 1)", "");
    assert_eq!(
        passed::<B, Option<u32>>(&option).trap_code(),
        Some(TrapCode::InvalidDiscriminant)
    );
    // More than 16 flat parameters go through memory.
    type Many = (
        u64,
        u64,
        u64,
        u64,
        u64,
        u64,
        u64,
        u64,
        u64,
        u64,
        u64,
        u64,
        u64,
        u64,
        u64,
        u64,
        u64,
    );
    let many = format!("(tuple {})", "u64 ".repeat(17));
    let spilled = |at: &str| passed::<B, Many>(&passes(&many, "i32", at, "")).trap_code();
    assert_eq!(spilled("(i32.const 4)"), Some(TrapCode::UnalignedPointer));
    assert_eq!(
        spilled("(i32.const 65528)"),
        Some(TrapCode::PointerOutOfBounds)
    );
}

fn bad_allocations_trap_when_arguments_are_lowered<B: Backend>() {
    let takes = |result: &str| {
        let text = format!(
            r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) {result})
                (func (export "run") (param i32 i32)))
            (core instance $i (instantiate $m))
            (func (export "run") (param "p" (list u64))
                (canon lift (core func $i "run") (memory $i "memory")
                    (realloc (func $i "realloc")))))"#
        );
        let f = &mut Fixture::<B>::new(text);
        let run = f
            .instance
            .get_typed_func::<(&[u64],), ()>(&mut f.store, "run")
            .unwrap();
        let error = run.call(&mut f.store, (&[1, 2],)).unwrap_err();
        assert!(f.store.poisoned().is_some(), "the guest was entered");
        error.trap_code()
    };
    assert_eq!(takes("(i32.const 4)"), Some(TrapCode::UnalignedPointer));
    assert_eq!(
        takes("(i32.const 65528)"),
        Some(TrapCode::PointerOutOfBounds)
    );
    assert_eq!(takes("(i32.const -8)"), Some(TrapCode::PointerOutOfBounds));
    assert_eq!(takes("unreachable"), Some(TrapCode::Unreachable));
}

struct Thing;
struct Other;

/// Exports that misuse handles to two resource types of the host's.
const HANDLES: &str = r#"(component
    (import "things" (instance $things
        (export "thing" (type $thing (sub resource)))
        (export "other" (type $other (sub resource)))
        (export "new" (func (result (own $thing))))
        (export "new-other" (func (result (own $other))))
        (export "look" (func (param "t" (borrow $thing))))
        (export "close" (func (param "t" (own $thing))))
        (export "both" (func (param "a" (borrow $thing)) (param "b" (own $thing))))))
    (alias export $things "thing" (type $thing))
    (alias export $things "other" (type $other))
    (core func $new (canon lower (func $things "new")))
    (core func $new-other (canon lower (func $things "new-other")))
    (core func $look (canon lower (func $things "look")))
    (core func $close (canon lower (func $things "close")))
    (core func $both (canon lower (func $things "both")))
    (core func $drop (canon resource.drop $thing))
    (core module $m
        (import "" "new" (func $new (result i32)))
        (import "" "new-other" (func $new-other (result i32)))
        (import "" "look" (func $look (param i32)))
        (import "" "close" (func $close (param i32)))
        (import "" "both" (func $both (param i32 i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "look-unknown") (param i32) (call $look (i32.const 99)))
        (func (export "close-unknown") (param i32) (call $close (i32.const 99)))
        (func (export "drop-unknown") (param i32) (call $drop (i32.const 99)))
        (func (export "drop-null") (param i32) (call $drop (i32.const 0)))
        (func (export "drop-twice") (param i32) (local $t i32)
            (call $drop (local.tee $t (call $new))) (call $drop (local.get $t)))
        (func (export "look-other") (param i32) (call $look (call $new-other)))
        (func (export "drop-other") (param i32) (call $drop (call $new-other)))
        (func (export "close-borrow") (param i32) (call $close (local.get 0)))
        (func (export "close-lent") (param i32) (local $t i32)
            (local.set $t (call $new))
            (call $both (local.get $t) (local.get $t)))
        (func (export "keep") (param i32)))
    (core instance $i (instantiate $m (with "" (instance
        (export "new" (func $new)) (export "new-other" (func $new-other))
        (export "look" (func $look)) (export "close" (func $close))
        (export "both" (func $both)) (export "drop" (func $drop))))))
"#;

fn bad_handles_trap<B: Backend>() {
    let cases = [
        ("look-unknown", TrapCode::UnknownHandle),
        ("close-unknown", TrapCode::UnknownHandle),
        ("drop-unknown", TrapCode::UnknownHandle),
        ("drop-null", TrapCode::UnknownHandle),
        ("drop-twice", TrapCode::UnknownHandle),
        ("look-other", TrapCode::HandleTypeMismatch),
        ("drop-other", TrapCode::HandleTypeMismatch),
        ("close-borrow", TrapCode::HandleTypeMismatch),
        ("close-lent", TrapCode::HandleLent),
        ("keep", TrapCode::BorrowStillHeld),
    ];
    let mut text = HANDLES.to_owned();
    for (name, _) in cases {
        text += &format!(
            "(func (export \"{name}\") (param \"t\" (borrow $thing)) \
             (canon lift (core func $i \"{name}\")))\n"
        );
    }
    text += ")";
    for (name, code) in cases {
        let mut linker = Linker::<B, ()>::new(&engine(Interruption::None));
        let mut things = linker.instance("things").unwrap();
        things
            .resource("thing", ResourceType::host::<Thing>(), |_, _| Ok(()))
            .unwrap();
        things
            .resource("other", ResourceType::host::<Other>(), |_, _| Ok(()))
            .unwrap();
        things
            .func_wrap("new", |_, ()| Ok((Resource::<Thing>::new_own(1),)))
            .unwrap();
        things
            .func_wrap("new-other", |_, ()| Ok((Resource::<Other>::new_own(2),)))
            .unwrap();
        things
            .func_wrap("look", |_, _: (Resource<Thing>,)| Ok(()))
            .unwrap();
        things
            .func_wrap("close", |_, _: (Resource<Thing>,)| Ok(()))
            .unwrap();
        things
            .func_wrap("both", |_, _: (Resource<Thing>, Resource<Thing>)| Ok(()))
            .unwrap();
        let component = Component::new(linker.engine(), &text).unwrap();
        let mut store = Store::new(linker.engine(), ()).unwrap();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let run = instance
            .get_typed_func::<(Resource<Thing>,), ()>(&mut store, name)
            .unwrap();
        let error = run
            .call(&mut store, (Resource::new_borrow(3),))
            .unwrap_err();
        assert_eq!(error.trap_code(), Some(code), "{name}: {error:?}");
    }
}

fn leaving_from_realloc_traps<B: Backend>() {
    let text = r#"(component
        (import "f" (func $f))
        (core func $f (canon lower (func $f)))
        (core module $m
            (import "" "f" (func $f))
            (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                (call $f) (i32.const 1024))
            (func (export "run") (param i32 i32)))
        (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
        (func (export "run") (param "p" string)
            (canon lift (core func $i "run") (memory $i "memory")
                (realloc (func $i "realloc")))))"#;
    let mut linker = Linker::<B, ()>::new(&engine(Interruption::None));
    linker.root().func_wrap("f", |_, ()| Ok(())).unwrap();
    let component = Component::new(linker.engine(), text).unwrap();
    let mut store = Store::new(linker.engine(), ()).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance
        .get_typed_func::<(&str,), ()>(&mut store, "run")
        .unwrap();
    let error = run.call(&mut store, ("a",)).unwrap_err();
    assert_eq!(
        error.trap_code(),
        Some(TrapCode::CannotLeaveComponent),
        "{error:?}"
    );
}

/// One component gives another a value.
fn composed(param: &str, core: &str, args: &str) -> String {
    format!(
        r#"(component
        (component $callee
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
                (func (export "f") (param {core})))
            (core instance $i (instantiate $m))
            (func (export "f") (param "p" {param}) (canon lift (core func $i "f")
                (memory $i "memory") (realloc (func $i "realloc")))))
        (component $caller
            (import "f" (func $f (param "p" {param})))
            (core module $libc
                (memory (export "memory") 1)
                (data (i32.const 16) "\ff"))
            (core instance $libc (instantiate $libc))
            (core func $f (canon lower (func $f) (memory $libc "memory")))
            (core module $m
                (import "" "f" (func $f (param {core})))
                (func (export "run") (call $f {args})))
            (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
            (func (export "run") (canon lift (core func $i "run"))))
        (instance $callee (instantiate $callee))
        (instance $caller (instantiate $caller (with "f" (func $callee "f"))))
        (func (export "run") (alias export $caller "run")))"#
    )
    .replace(
        "(func (export \"run\") (alias export $caller \"run\"))",
        "(export \"run\" (func $caller \"run\"))",
    )
}

fn bad_values_between_components_trap_in_the_adapter<B: Backend>() {
    let cases = [
        (
            "string",
            "i32 i32",
            "(i32.const 65536) (i32.const 1)",
            TrapCode::StringOutOfBounds,
        ),
        (
            "string",
            "i32 i32",
            "(i32.const 16) (i32.const 1)",
            TrapCode::InvalidString,
        ),
        (
            "(list u32)",
            "i32 i32",
            "(i32.const 65536) (i32.const 1)",
            TrapCode::ListOutOfBounds,
        ),
        (
            "(list u32)",
            "i32 i32",
            "(i32.const 2) (i32.const 1)",
            TrapCode::UnalignedPointer,
        ),
        ("char", "i32", "(i32.const 0xd800)", TrapCode::InvalidChar),
        (
            "(option u8)",
            "i32 i32",
            "(i32.const 2) (i32.const 1)",
            TrapCode::InvalidDiscriminant,
        ),
    ];
    for (param, core, args, code) in cases {
        let error = Fixture::<B>::new(composed(param, core, args))
            .run("run")
            .unwrap_err();
        assert_eq!(error.trap_code(), Some(code), "{param}: {error:?}");
    }
}

fn other_stores_go_on_after_each_trap<B: Backend>() {
    let text = lift_all(
        "(func (export \"good\")) (func (export \"bad\") unreachable)",
        &["good", "bad"],
    );
    let mut good = Fixture::<B>::new(&text);
    let component = Component::new(&good.engine, &text).unwrap();
    let linker = Linker::<B, ()>::new(&good.engine);
    for _ in 0..100 {
        let mut store = Store::new(&good.engine, ()).unwrap();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let bad = instance
            .get_typed_func::<(), ()>(&mut store, "bad")
            .unwrap();
        bad.call(&mut store, ()).unwrap_err();
        good.run("good").unwrap();
    }
}
