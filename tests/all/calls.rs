//! Calling components on every backend: typed and dynamic, from binary and
//! text, with instances prepared, several in a store, and inspected.

use std::time::Duration;

use crate::common::{API, Fixture, GREET, GREET_HOST, engine, on_each_backend_and_any};
use enginebay::generic::{Component, Linker, Store};
use enginebay::{
    Backend, ComponentType, Error, ErrorKind, Extern, ExternType, Interruption, Lift, Limits,
    Lower, Type, Val, flags,
};

on_each_backend_and_any! {
    typed_calls_carry_every_shape
    dynamic_calls_carry_every_shape
    wrong_arguments_are_refused_and_the_store_stays_usable
    wrong_signatures_name_both_types
    missing_exports_are_not_found
    exports_are_found_by_compatible_version
    exports_and_imports_have_their_types
    text_and_binary_give_the_same_component
    several_instances_live_in_one_store_and_share_nothing
    a_prepared_instance_is_instantiated_many_times
    nested_instances_are_reached_by_path
    artifacts_round_trip
    damaged_artifacts_are_refused
    stores_move_between_threads
    post_return_runs_after_each_call
    the_examples_in_text_do_what_they_say
}

#[derive(Clone, Debug, PartialEq, ComponentType, Lower, Lift)]
#[component(record)]
struct Person {
    name: String,
    age: u8,
    tags: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, ComponentType, Lower, Lift)]
#[component(variant)]
enum Shape {
    Circle(f64),
    Rectangle((f64, f64)),
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, ComponentType, Lower, Lift)]
#[component(enum)]
enum Color {
    Red,
    Green,
    Blue,
}

flags! {
    Permissions {
        const READ;
        const WRITE;
        const EXECUTE;
    }
}

fn api(name: &str) -> String {
    format!("{API}#{name}")
}

fn call<B: Backend, P, R>(f: &mut Fixture<B>, name: &str, params: P) -> R
where
    P: enginebay::ComponentNamedList + Lower,
    (R,): enginebay::ComponentNamedList + Lift,
{
    let func = f
        .instance
        .get_typed_func::<P, (R,)>(&mut f.store, &api(name))
        .unwrap();
    func.call(&mut f.store, params).unwrap().0
}

fn ada(age: u8) -> Person {
    Person {
        name: "Ada".into(),
        age,
        tags: vec!["x".into(), "y".into()],
    }
}

fn typed_calls_carry_every_shape<B: Backend>() {
    let f = &mut Fixture::<B>::new(GREET);
    assert_eq!(
        call::<B, _, String>(f, "describe", (ada(36),)),
        "Ada is 36 [x, y]"
    );
    assert_eq!(
        call::<B, _, Result<Person, String>>(f, "birthday", (ada(36),)),
        Ok(ada(37))
    );
    assert!(call::<B, _, Result<Person, String>>(f, "birthday", (ada(150),)).is_err());
    let area = |f: &mut _, shape: Shape| call::<B, _, Option<f64>>(f, "area", (shape,));
    assert_eq!(
        area(f, Shape::Circle(2.0)),
        Some(std::f64::consts::PI * 4.0)
    );
    assert_eq!(area(f, Shape::Rectangle((2.0, 3.5))), Some(7.0));
    assert_eq!(area(f, Shape::None), None);
    assert_eq!(
        call::<B, _, u64>(f, "sum", (&[1_u32, 2, u32::MAX][..],)),
        4_294_967_298
    );
    let words = vec!["a".to_owned(), String::new(), "grüße".to_owned()];
    let reversed: Vec<_> = words.iter().rev().cloned().collect();
    assert_eq!(call::<B, _, Vec<String>>(f, "reverse", (&words,)), reversed);
    assert_eq!(
        call::<B, _, Color>(f, "next-color", (Color::Blue,)),
        Color::Red
    );
    let both = Permissions::READ | Permissions::EXECUTE;
    let union = call::<B, _, Permissions>(f, "union", (Permissions::READ, Permissions::EXECUTE));
    assert_eq!(union, both);
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    assert_eq!(call::<B, _, Vec<u8>>(f, "echo", (&bytes,)), bytes);
}

fn dynamic<B: Backend>(f: &mut Fixture<B>, name: &str, params: &[Val]) -> Result<Val, Error> {
    let func = f.instance.get_func(&mut f.store, &api(name)).unwrap();
    let mut results = func.call(&mut f.store, params)?;
    assert_eq!(results.len(), 1);
    Ok(results.remove(0))
}

fn person(age: u8) -> Val {
    Val::Record(vec![
        ("name".into(), Val::String("Ada".into())),
        ("age".into(), Val::U8(age)),
        ("tags".into(), Val::List(vec![Val::String("x".into())])),
    ])
}

fn some(val: Val) -> Option<Box<Val>> {
    Some(Box::new(val))
}

fn dynamic_calls_carry_every_shape<B: Backend>() {
    let f = &mut Fixture::<B>::new(GREET);
    let expect = |f: &mut Fixture<B>, name: &str, params: &[Val], result: Val| {
        assert_eq!(dynamic(f, name, params).unwrap(), result, "{name}");
    };
    expect(
        f,
        "describe",
        &[person(1)],
        Val::String("Ada is 1 [x]".into()),
    );
    expect(
        f,
        "birthday",
        &[person(1)],
        Val::Result(Ok(some(person(2)))),
    );
    let circle = Val::Variant("circle".into(), some(Val::F64(0.0)));
    expect(f, "area", &[circle], Val::Option(some(Val::F64(0.0))));
    expect(
        f,
        "area",
        &[Val::Variant("none".into(), None)],
        Val::Option(None),
    );
    expect(
        f,
        "sum",
        &[Val::List(vec![Val::U32(1), Val::U32(2)])],
        Val::U64(3),
    );
    expect(
        f,
        "next-color",
        &[Val::Enum("red".into())],
        Val::Enum("green".into()),
    );
    let flags = |names: &[&str]| Val::Flags(names.iter().map(|s| (*s).to_owned()).collect());
    expect(
        f,
        "union",
        &[flags(&["write"]), flags(&["execute", "read"])],
        flags(&["read", "write", "execute"]),
    );
    let bytes = Val::List(vec![Val::U8(0), Val::U8(255)]);
    expect(f, "echo", std::slice::from_ref(&bytes), bytes.clone());
}

fn wrong_arguments_are_refused_and_the_store_stays_usable<B: Backend>() {
    let f = &mut Fixture::<B>::new(GREET);
    let wrong: &[(&str, Vec<Val>)] = &[
        ("sum", vec![]),
        ("sum", vec![Val::List(vec![]), Val::Bool(true)]),
        ("sum", vec![Val::U32(1)]),
        ("sum", vec![Val::List(vec![Val::U32(1), Val::U64(1)])]),
        ("describe", vec![Val::Record(vec![])]),
        (
            "describe",
            vec![Val::Record(vec![("name".into(), Val::String("a".into()))])],
        ),
        ("area", vec![Val::Variant("square".into(), None)]),
        ("area", vec![Val::Variant("circle".into(), None)]),
        (
            "area",
            vec![Val::Variant("none".into(), some(Val::F64(1.0)))],
        ),
        ("next-color", vec![Val::Enum("mauve".into())]),
        (
            "union",
            vec![Val::Flags(vec!["fly".into()]), Val::Flags(vec![])],
        ),
    ];
    for (name, params) in wrong {
        let error = dynamic(f, name, params).unwrap_err();
        assert_eq!(
            *error.kind(),
            ErrorKind::TypeMismatch,
            "{name} {params:?}: {error}"
        );
        let sum = dynamic(f, "sum", &[Val::List(vec![Val::U32(4)])]).unwrap();
        assert_eq!(sum, Val::U64(4));
    }
}

fn wrong_signatures_name_both_types<B: Backend>() {
    let f = &mut Fixture::<B>::new(GREET);
    let error = f
        .instance
        .get_typed_func::<(u32,), (u32,)>(&mut f.store, "greet")
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::TypeMismatch);
    let text = error.to_string();
    assert!(text.contains("func(name: string) -> string"), "{text}");
    assert!(text.contains("(u32) -> (u32)"), "{text}");
    assert_eq!(error.context_value("function"), Some("greet"));
}

fn missing_exports_are_not_found<B: Backend>() {
    let f = &mut Fixture::<B>::new(GREET);
    for name in [
        "nobody",
        "",
        "#",
        "example:greet/api@0.1.0",
        "example:greet/api@0.1.0#nobody",
    ] {
        let error = f.instance.get_func(&mut f.store, name).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::NotFound, "{name}");
    }
}

fn exports_are_found_by_compatible_version<B: Backend>() {
    let f = &mut Fixture::<B>::new(GREET);
    let found = |f: &mut Fixture<B>, version: &str| {
        f.instance
            .get_func(&mut f.store, &format!("example:greet/api@{version}#sum"))
            .is_ok()
    };
    assert!(found(f, "0.1.0"));
    assert!(found(f, "0.1.7"));
    assert!(!found(f, "0.2.0"));
    assert!(!found(f, "1.1.0"));
}

fn find<'a>(externs: &'a [Extern], name: &str) -> &'a ExternType {
    &externs.iter().find(|item| item.name == name).unwrap().ty
}

fn exports_and_imports_have_their_types<B: Backend>() {
    let engine = engine::<B>(Interruption::None);
    let component = Component::new(&engine, GREET_HOST).unwrap();
    let ExternType::Func(greet) = find(component.exports(), "greet") else {
        panic!()
    };
    assert_eq!(greet.to_string(), "func(name: string) -> string");
    let ExternType::Instance(api) = find(component.exports(), API) else {
        panic!()
    };
    let ExternType::Func(area) = find(api, "area") else {
        panic!()
    };
    let shape = "variant { circle(f64), rectangle(tuple<f64, f64>), none }";
    assert_eq!(area.to_string(), format!("func(s: {shape}) -> option<f64>"));
    assert!(matches!(find(api, "counter"), ExternType::Resource(_)));
    assert_eq!(
        *find(api, "color"),
        ExternType::Type(Type::enumeration(["red", "green", "blue"]))
    );
    let ExternType::Instance(host) = find(component.imports(), "example:greet/host@0.1.0") else {
        panic!()
    };
    let ExternType::Func(log) = find(host, "log") else {
        panic!()
    };
    assert_eq!(
        log.to_string(),
        "func(level: enum { debug, info, warn }, message: string)"
    );
}

const ANSWER: &str = r#"(component
    (core module $m (func (export "answer") (result i32) (i32.const 42)))
    (core instance $i (instantiate $m))
    (func (export "answer") (result u32) (canon lift (core func $i "answer"))))"#;

fn answer<B: Backend>(f: &mut Fixture<B>) -> u32 {
    let func = f
        .instance
        .get_typed_func::<(), (u32,)>(&mut f.store, "answer")
        .unwrap();
    func.call(&mut f.store, ()).unwrap().0
}

fn text_and_binary_give_the_same_component<B: Backend>() {
    assert_eq!(answer(&mut Fixture::<B>::new(ANSWER)), 42);
    let binary = enginebay::to_binary(ANSWER.as_bytes()).unwrap();
    assert!(binary.starts_with(b"\0asm"));
    assert_eq!(answer(&mut Fixture::<B>::new(binary)), 42);
}

/// Counts its calls in a global.
const COUNTER: &str = r#"(component
    (core module $m
        (global $n (mut i32) (i32.const 0))
        (func (export "next") (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (global.get $n)))
    (core instance $i (instantiate $m))
    (func (export "next") (result u32) (canon lift (core func $i "next"))))"#;

fn several_instances_live_in_one_store_and_share_nothing<B: Backend>() {
    let engine = engine::<B>(Interruption::None);
    let component = Component::new(&engine, COUNTER).unwrap();
    let linker = Linker::<B, ()>::new(&engine);
    let mut store = Store::new(&engine, ()).unwrap();
    let mut next = || {
        let instance = linker.instantiate(&mut store, &component).unwrap();
        instance
            .get_typed_func::<(), (u32,)>(&mut store, "next")
            .unwrap()
    };
    let (a, b) = (next(), next());
    assert_eq!(a.call(&mut store, ()).unwrap(), (1,));
    assert_eq!(a.call(&mut store, ()).unwrap(), (2,));
    assert_eq!(b.call(&mut store, ()).unwrap(), (1,));
}

fn a_prepared_instance_is_instantiated_many_times<B: Backend>() {
    let engine = engine::<B>(Interruption::None);
    let component = Component::new(&engine, COUNTER).unwrap();
    let pre = Linker::<B, u8>::new(&engine)
        .instantiate_pre(&component)
        .unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let pre = pre.clone();
            scope.spawn(move || {
                for _ in 0..50 {
                    let mut store = Store::new(pre.engine(), thread).unwrap();
                    let instance = pre.instantiate(&mut store).unwrap();
                    let next = instance
                        .get_typed_func::<(), (u32,)>(&mut store, "next")
                        .unwrap();
                    assert_eq!(next.call(&mut store, ()).unwrap(), (1,));
                    assert_eq!(*store.data(), thread);
                }
            });
        }
    });
}

fn nested_instances_are_reached_by_path<B: Backend>() {
    let text = r#"(component
        (core module $m (func (export "answer") (result i32) (i32.const 42)))
        (core instance $i (instantiate $m))
        (func $answer (result u32) (canon lift (core func $i "answer")))
        (instance $inner (export "answer" (func $answer)))
        (instance $outer (export "inner" (instance $inner)))
        (export "a:b/outer@1.2.0" (instance $outer)))"#;
    let f = &mut Fixture::<B>::new(text);
    let name = "a:b/outer@1.2.0#inner#answer";
    let func = f
        .instance
        .get_typed_func::<(), (u32,)>(&mut f.store, name)
        .unwrap();
    assert_eq!(func.call(&mut f.store, ()).unwrap(), (42,));
}

fn artifacts_round_trip<B: Backend>() {
    if !B::support().artifacts {
        return;
    }
    let engine = engine::<B>(Interruption::None);
    let bytes = Component::new(&engine, ANSWER)
        .unwrap()
        .serialize()
        .unwrap();
    assert!(enginebay::is_artifact(&bytes));
    // SAFETY: serialized just now, by the same engine.
    let component = unsafe { Component::deserialize(&engine, &bytes) }.unwrap();
    let mut store = Store::new(&engine, ()).unwrap();
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let func = instance
        .get_typed_func::<(), (u32,)>(&mut store, "answer")
        .unwrap();
    assert_eq!(func.call(&mut store, ()).unwrap(), (42,));
    assert_eq!(component.exports().len(), 1);
}

fn damaged_artifacts_are_refused<B: Backend>() {
    if !B::support().artifacts {
        return;
    }
    let engine = engine::<B>(Interruption::None);
    let bytes = Component::new(&engine, ANSWER)
        .unwrap()
        .serialize()
        .unwrap();
    let mut config = enginebay::Config::new();
    config.max_stack(config.get_max_stack() * 2);
    let other = enginebay::generic::Engine::<B>::new(&config).unwrap();
    let refused = |engine, bytes: &[u8]| {
        // SAFETY: damaged or foreign artifacts are refused by their header,
        // which is what this tests, before any of their code is looked at.
        let error = unsafe { Component::<B>::deserialize(engine, bytes) }.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Artifact, "{error}");
    };
    refused(&other, &bytes);
    refused(&engine, ANSWER.as_bytes());
    for at in (0..bytes.len()).step_by(bytes.len() / 97) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        refused(&engine, &damaged);
        refused(&engine, &bytes[..at]);
    }
}

fn stores_move_between_threads<B: Backend>() {
    let mut f = Fixture::<B>::new(COUNTER);
    let next = f
        .instance
        .get_typed_func::<(), (u32,)>(&mut f.store, "next")
        .unwrap();
    assert_eq!(next.call(&mut f.store, ()).unwrap(), (1,));
    let (mut store, next) = std::thread::spawn(move || {
        let mut store = f.store;
        assert_eq!(next.call(&mut store, ()).unwrap(), (2,));
        (store, next)
    })
    .join()
    .unwrap();
    assert_eq!(next.call(&mut store, ()).unwrap(), (3,));
}

fn post_return_runs_after_each_call<B: Backend>() {
    let text = r#"(component
        (core module $m
            (memory (export "memory") 1)
            (data (i32.const 16) "hello")
            (global $n (mut i32) (i32.const 0))
            (func (export "text") (result i32)
                (i32.store (i32.const 0) (i32.const 16))
                (i32.store (i32.const 4) (i32.const 5))
                (i32.const 0))
            (func (export "done") (param i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1))))
            (func (export "count") (result i32) (global.get $n)))
        (core instance $i (instantiate $m))
        (func (export "text") (result string)
            (canon lift (core func $i "text") (memory $i "memory")
                (post-return (func $i "done"))))
        (func (export "count") (result u32) (canon lift (core func $i "count"))))"#;
    let f = &mut Fixture::<B>::new(text);
    let typed = f
        .instance
        .get_typed_func::<(), (String,)>(&mut f.store, "text")
        .unwrap();
    assert_eq!(typed.call(&mut f.store, ()).unwrap().0, "hello");
    let dynamic = f.instance.get_func(&mut f.store, "text").unwrap();
    assert_eq!(
        dynamic.call(&mut f.store, &[]).unwrap(),
        [Val::String("hello".into())]
    );
    let count = f
        .instance
        .get_typed_func::<(), (u32,)>(&mut f.store, "count")
        .unwrap();
    assert_eq!(count.call(&mut f.store, ()).unwrap(), (2,));
}

fn the_examples_in_text_do_what_they_say<B: Backend>() {
    let f = &mut Fixture::<B>::new(include_str!("../../examples/add.wat"));
    let add = f
        .instance
        .get_typed_func::<(u32, u32), (u32,)>(&mut f.store, "add")
        .unwrap();
    assert_eq!(add.call(&mut f.store, (2, 3)).unwrap(), (5,));
    let f = &mut Fixture::<B>::new(include_str!("../../examples/shout.wat"));
    let shout = f
        .instance
        .get_typed_func::<(&str,), (String,)>(&mut f.store, "shout")
        .unwrap();
    assert_eq!(
        shout.call(&mut f.store, ("hello, Ada!",)).unwrap().0,
        "HELLO, ADA!"
    );
    let deadline = |limits: Limits| limits.deadline(Duration::from_millis(20));
    let forever = include_str!("../../examples/forever.wat");
    let mut f = Fixture::<B>::with(forever, Interruption::Deadline, deadline).unwrap();
    let error = f.run("forever").unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::DeadlineExceeded { .. }),
        "{error}"
    );
}
