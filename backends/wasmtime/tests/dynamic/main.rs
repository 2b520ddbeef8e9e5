//! Dynamic calls: every type both ways against Wasmtime's own dynamic values,
//! against typed calls, and what does not fit.

mod cases;
mod malformed;
mod mismatches;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use cases::{cases, echo, scalar_cases};
use enginebay_core::{
    Component, ComponentNamedList, Config, Engine, ErrorKind, Feature, Instance, Interruption,
    Lift, Linker, Lower, Result, Store, TrapCode, Val,
};
use enginebay_wasmtime::Wasmtime;
use enginebay_wasmtime::wasmtime::component as wt;

const GREET: &[u8] = include_bytes!("../../../../guests/prebuilt/greet.wasm");
const API: &str = "example:greet/api@0.1.0";

/// A bump allocator, with the number of its calls at address 0.
const MEMORY: &str = r#"
    (memory (export "memory") 4)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param $old i32) (param i32) (param $align i32) (param $size i32)
        (result i32)
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
        (if (local.get $old) (then (return (local.get $old))))
        (global.set $next (i32.and
            (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
            (i32.sub (i32.const 0) (local.get $align))))
        (global.get $next)
        (global.set $next (i32.add (global.get $next) (local.get $size))))"#;

struct Fixture {
    store: Store<Wasmtime, ()>,
    instance: Instance<Wasmtime>,
}

fn config(feature: Option<Feature>) -> Config {
    let mut config = Config::new();
    config.interruption(Interruption::None);
    if let Some(feature) = feature {
        config.feature(feature, true);
    }
    config
}

impl Fixture {
    fn new(component: impl AsRef<[u8]>) -> Self {
        Self::with(component, None)
    }

    fn with(component: impl AsRef<[u8]>, feature: Option<Feature>) -> Self {
        let engine = Engine::new(&config(feature)).unwrap();
        let component = Component::new(&engine, component).unwrap();
        let mut store = Store::<_, ()>::builder(&engine).build(()).unwrap();
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &component)
            .unwrap();
        Fixture { store, instance }
    }

    /// The component of a core module and of functions that are lifted from it.
    fn wat(module: &str, rest: &str) -> Self {
        Self::new(component(module, rest))
    }

    fn call(&mut self, name: &str, params: &[Val]) -> Result<Vec<Val>> {
        let func = self.instance.get_func(&mut self.store, name).unwrap();
        func.call(&mut self.store, params)
    }

    fn one(&mut self, name: &str, params: &[Val]) -> Val {
        let results = self.call(name, params).unwrap();
        let [result] = results.try_into().unwrap();
        result
    }

    fn typed<P, R>(&mut self, name: &str, params: P) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let func = self.instance.get_typed_func::<P, R>(&mut self.store, name);
        func.unwrap().call(&mut self.store, params)
    }

    /// The same with Wasmtime's own values.
    fn raw(&mut self, name: &str, params: &[Val]) -> Val {
        let store = self.store.inner_mut();
        let func = self.instance.inner().get_func(&mut *store, name).unwrap();
        let params: Vec<_> = params.iter().map(to_raw).collect();
        let mut results = [wt::Val::Bool(false)];
        func.call(store, &params, &mut results).unwrap();
        from_raw(&results[0])
    }

    fn reallocs(&mut self) -> u32 {
        let (count,) = self.typed::<(), (u32,)>("reallocs", ()).unwrap();
        count
    }
}

fn component(module: &str, rest: &str) -> String {
    format!("(component (core module $m {module}) (core instance $i (instantiate $m)) {rest})")
}

/// The options that lift `name` from the core module.
fn lift(name: &str) -> String {
    format!(
        r#"(canon lift (core func $i "{name}") (memory $i "memory")
            (realloc (func $i "realloc")))"#
    )
}

fn api(name: &str) -> String {
    format!("{API}#{name}")
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return output;
        }
    }
}

fn to_raw(val: &Val) -> wt::Val {
    let all = |vals: &[Val]| vals.iter().map(to_raw).collect();
    let boxed = |val: &Option<Box<Val>>| val.as_deref().map(|val| Box::new(to_raw(val)));
    match val {
        Val::Bool(v) => wt::Val::Bool(*v),
        Val::S8(v) => wt::Val::S8(*v),
        Val::U8(v) => wt::Val::U8(*v),
        Val::S16(v) => wt::Val::S16(*v),
        Val::U16(v) => wt::Val::U16(*v),
        Val::S32(v) => wt::Val::S32(*v),
        Val::U32(v) => wt::Val::U32(*v),
        Val::S64(v) => wt::Val::S64(*v),
        Val::U64(v) => wt::Val::U64(*v),
        Val::F32(v) => wt::Val::Float32(*v),
        Val::F64(v) => wt::Val::Float64(*v),
        Val::Char(v) => wt::Val::Char(*v),
        Val::String(v) => wt::Val::String(v.clone()),
        Val::List(v) => wt::Val::List(all(v)),
        Val::FixedLengthList(v) => wt::Val::FixedLengthList(all(v)),
        Val::Map(v) => wt::Val::Map(v.iter().map(|(k, v)| (to_raw(k), to_raw(v))).collect()),
        Val::Tuple(v) => wt::Val::Tuple(all(v)),
        Val::Record(v) => wt::Val::Record(v.iter().map(|(n, v)| (n.clone(), to_raw(v))).collect()),
        Val::Variant(name, v) => wt::Val::Variant(name.clone(), boxed(v)),
        Val::Enum(name) => wt::Val::Enum(name.clone()),
        Val::Option(v) => wt::Val::Option(boxed(v)),
        Val::Result(Ok(v)) => wt::Val::Result(Ok(boxed(v))),
        Val::Result(Err(v)) => wt::Val::Result(Err(boxed(v))),
        Val::Flags(v) => wt::Val::Flags(v.clone()),
        Val::Resource(_) => panic!("handles are told apart by more than their shape"),
    }
}

fn from_raw(val: &wt::Val) -> Val {
    let all = |vals: &[wt::Val]| vals.iter().map(from_raw).collect();
    let boxed = |val: &Option<Box<wt::Val>>| val.as_deref().map(|val| Box::new(from_raw(val)));
    match val {
        wt::Val::Bool(v) => Val::Bool(*v),
        wt::Val::S8(v) => Val::S8(*v),
        wt::Val::U8(v) => Val::U8(*v),
        wt::Val::S16(v) => Val::S16(*v),
        wt::Val::U16(v) => Val::U16(*v),
        wt::Val::S32(v) => Val::S32(*v),
        wt::Val::U32(v) => Val::U32(*v),
        wt::Val::S64(v) => Val::S64(*v),
        wt::Val::U64(v) => Val::U64(*v),
        wt::Val::Float32(v) => Val::F32(*v),
        wt::Val::Float64(v) => Val::F64(*v),
        wt::Val::Char(v) => Val::Char(*v),
        wt::Val::String(v) => Val::String(v.clone()),
        wt::Val::List(v) => Val::List(all(v)),
        wt::Val::FixedLengthList(v) => Val::FixedLengthList(all(v)),
        wt::Val::Map(v) => Val::Map(v.iter().map(|(k, v)| (from_raw(k), from_raw(v))).collect()),
        wt::Val::Tuple(v) => Val::Tuple(all(v)),
        wt::Val::Record(v) => {
            Val::Record(v.iter().map(|(n, v)| (n.clone(), from_raw(v))).collect())
        }
        wt::Val::Variant(name, v) => Val::Variant(name.clone(), boxed(v)),
        wt::Val::Enum(name) => Val::Enum(name.clone()),
        wt::Val::Option(v) => Val::Option(boxed(v)),
        wt::Val::Result(Ok(v)) => Val::Result(Ok(boxed(v))),
        wt::Val::Result(Err(v)) => Val::Result(Err(boxed(v))),
        wt::Val::Flags(v) => Val::Flags(v.clone()),
        other => panic!("{other:?}"),
    }
}

// Values, shorter.

fn s(text: &str) -> Val {
    Val::String(text.into())
}

fn some(val: Val) -> Val {
    Val::Option(Some(Box::new(val)))
}

fn ok(val: Val) -> Val {
    Val::Result(Ok(Some(Box::new(val))))
}

fn err(val: Val) -> Val {
    Val::Result(Err(Some(Box::new(val))))
}

fn case(name: &str, val: impl Into<Option<Val>>) -> Val {
    Val::Variant(name.into(), val.into().map(Box::new))
}

fn record<const N: usize>(fields: [(&str, Val); N]) -> Val {
    Val::Record(fields.map(|(name, val)| (name.to_owned(), val)).into())
}

fn flags(names: &[&str]) -> Val {
    Val::Flags(names.iter().map(|name| (*name).to_owned()).collect())
}

fn names(count: usize) -> String {
    (0..count).map(|i| format!(" \"n{i}\"")).collect()
}

#[test]
fn every_type_goes_both_ways() {
    for case in cases() {
        let ty = &case.ty;
        let wat = echo(&case);
        let (mut ours, mut raw) = (Fixture::new(&wat), Fixture::new(&wat));

        let list = Val::List(case.vals.clone());
        assert_eq!(ours.one("list", std::slice::from_ref(&list)), list, "{ty}");
        assert_eq!(raw.raw("list", std::slice::from_ref(&list)), list, "{ty}");
        assert_eq!(
            ours.one("list", &[Val::List(vec![])]),
            Val::List(vec![]),
            "{ty}"
        );

        for val in &case.vals {
            let first = [Val::List(vec![val.clone()])];
            assert_eq!(ours.one("one", &first), *val, "{ty}");

            let mut spill = vec![val.clone()];
            spill.extend((0..16).map(|i| Val::U64(i << 40 | i)));
            assert_eq!(ours.one("spill", &spill), Val::Tuple(spill), "{ty}");
        }
        let mut ours = Fixture::new(&wat);
        let mut raw = Fixture::new(&wat);
        for val in case.vals.iter().filter(|_| !case.flat.is_empty()) {
            let val = std::slice::from_ref(val);
            assert_eq!(ours.one("flat", val), raw.raw("flat", val), "{ty}: {val:?}");
        }
    }
}

#[test]
fn nan_stays_nan() {
    for case in scalar_cases() {
        let nan = match &*case.ty {
            "f32" => Val::F32(f32::NAN),
            "f64" => Val::F64(f64::NAN),
            _ => continue,
        };
        let mut fixture = Fixture::new(echo(&case));
        let list = fixture.one("list", &[Val::List(vec![nan])]);
        let text = format!("{list:?}");
        assert!(text.contains("NaN"), "{text}");
    }
}

#[test]
fn results_equal_those_of_typed_calls() {
    type Nested = Option<Result<Vec<Option<u8>>, (f64, f64)>>;
    type Parts = (u8, u64, char, Vec<u8>);
    let all = cases();
    let find = |ty: &str| {
        let case = all.iter().find(|case| case.ty == ty).unwrap();
        (Fixture::new(echo(case)), Val::List(case.vals.clone()))
    };

    let (mut fixture, list) = find("(option (result (list (option u8)) (error (tuple f64 f64))))");
    let typed: Vec<Nested> = vec![
        None,
        Some(Ok(vec![None, Some(4)])),
        Some(Err((0.1, f64::MAX))),
    ];
    let (back,): (Vec<Nested>,) = fixture.typed("list", (typed.clone(),)).unwrap();
    assert_eq!(back, typed);
    assert_eq!(fixture.one("list", std::slice::from_ref(&list)), list);

    let (mut fixture, list) = find("(tuple u8 u64 char (list u8))");
    let typed = vec![(200_u8, u64::MAX, 'ß', vec![1_u8, 2, 3])];
    let (back,): (Vec<Parts>,) = fixture.typed("list", (typed.clone(),)).unwrap();
    assert_eq!(back, typed);
    assert_eq!(fixture.one("list", std::slice::from_ref(&list)), list);

    // The same slots.
    let (mut fixture, _) = find("(result f32 (error string))");
    for (typed, val) in [
        (Ok(1.5_f32), ok(Val::F32(1.5))),
        (Err("text".to_owned()), err(s("text"))),
    ] {
        let (mut bits,): (Vec<u64>,) = fixture.typed("flat", (typed.clone(),)).unwrap();
        let Val::List(dynamic) = fixture.one("flat", &[val]) else {
            panic!()
        };
        if typed.is_err() {
            // Each call allocates elsewhere.
            bits[1] += 4;
        }
        assert_eq!(dynamic, bits.into_iter().map(Val::U64).collect::<Vec<_>>());
    }
}

fn person(name: &str, age: u8, tags: &[&str]) -> Val {
    let tags = Val::List(tags.iter().map(|tag| s(tag)).collect());
    record([("name", s(name)), ("age", Val::U8(age)), ("tags", tags)])
}

#[test]
fn a_real_guest() {
    let mut guest = Fixture::new(GREET);
    assert_eq!(guest.one("greet", &[s("Ada")]), s("Hello, Ada!"));
    assert_eq!(
        guest.one("add", &[Val::U32(u32::MAX), Val::U32(3)]),
        Val::U32(2)
    );
    let ada = person("Ada", 36, &["x", ""]);
    assert_eq!(
        guest.one(&api("describe"), std::slice::from_ref(&ada)),
        s("Ada is 36 [x, ]")
    );
    assert_eq!(
        guest.one(&api("birthday"), &[ada]),
        ok(person("Ada", 37, &["x", ""]))
    );
    assert!(matches!(
        guest.one(&api("birthday"), &[person("Old", 150, &[])]),
        Val::Result(Err(Some(_)))
    ));
    assert_eq!(
        guest.one(
            &api("area"),
            &[case(
                "rectangle",
                Val::Tuple(vec![Val::F64(2.0), Val::F64(3.5)])
            )]
        ),
        some(Val::F64(7.0))
    );
    assert_eq!(
        guest.one(&api("area"), &[case("none", None)]),
        Val::Option(None)
    );
    assert_eq!(
        guest.one(&api("sum"), &[Val::List((0..100).map(Val::U32).collect())]),
        Val::U64(4950)
    );
    assert_eq!(
        guest.one(&api("reverse"), &[Val::List(vec![s("a"), s("b")])]),
        Val::List(vec![s("b"), s("a")])
    );
    assert_eq!(
        guest.one(&api("next-color"), &[Val::Enum("blue".into())]),
        Val::Enum("red".into())
    );
    assert_eq!(
        guest.one(&api("union"), &[flags(&["read"]), flags(&["execute"])]),
        flags(&["read", "execute"])
    );
    let bytes = Val::List((0..=255).map(Val::U8).collect());
    assert_eq!(guest.one(&api("echo"), std::slice::from_ref(&bytes)), bytes);
}

#[test]
fn results_go_into_the_callers_vector() {
    let mut guest = Fixture::new(GREET);
    let add = guest.instance.get_func(&mut guest.store, "add").unwrap();
    let mut results = Vec::with_capacity(4);
    results.push(s("old"));
    for _ in 0..3 {
        add.call_into(&mut guest.store, &[Val::U32(1), Val::U32(2)], &mut results)
            .unwrap();
        assert_eq!(results, [Val::U32(3)]);
        assert_eq!(results.capacity(), 4);
    }
    let none = Fixture::wat(
        r#"(func (export "none"))"#,
        r#"(func (export "none") (canon lift (core func $i "none")))"#,
    );
    let Fixture {
        mut store,
        instance,
    } = none;
    let func = instance.get_func(&mut store, "none").unwrap();
    func.call_into(&mut store, &[], &mut results).unwrap();
    assert_eq!(results, []);
}

#[test]
fn resources_go_both_ways() {
    let mut guest = Fixture::new(GREET);
    let counter =
        |guest: &mut Fixture, start| guest.one(&api("[constructor]counter"), &[Val::U32(start)]);
    let (a, b) = (counter(&mut guest, 1), counter(&mut guest, 10));
    let method = api("[method]counter.increment");
    assert_eq!(guest.one(&method, &[a.clone(), Val::U32(4)]), Val::U32(5));
    let sum = api("[static]counter.sum");
    assert_eq!(guest.one(&sum, &[a.clone(), b.clone()]), Val::U32(15));
    assert_eq!(guest.one(&sum, &[a.clone(), a.clone()]), Val::U32(10));
    let into = api("[static]counter.into-value");
    assert_eq!(guest.one(&into, std::slice::from_ref(&b)), Val::U32(10));

    // Something else than a handle, and a handle of something else.
    let error = guest.call(&sum, &[a.clone(), Val::U32(1)]).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::TypeMismatch);
    let mut other = Fixture::new(GREET);
    let foreign = counter(&mut other, 1);
    let error = guest.call(&sum, &[a.clone(), foreign]).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::WrongStore);
    assert_eq!(guest.one(&sum, &[a.clone(), a.clone()]), Val::U32(10));

    // A handle that is gone.
    let error = guest.call(&into, &[b]).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Trap(TrapCode::UnknownHandle));
}

#[test]
fn calls_in_asynchronous_stores() {
    for feature in [None, Some(Feature::ComponentAsync)] {
        let engine = Engine::<Wasmtime>::new(&config(feature)).unwrap();
        let component = Component::new(&engine, GREET).unwrap();
        let mut store = Store::<_, ()>::builder(&engine).build_async(()).unwrap();
        block_on(async {
            let linker = Linker::new(&engine);
            let instance = linker
                .instantiate_async(&mut store, &component)
                .await
                .unwrap();
            let add = instance.get_func(&mut store, "add").unwrap();
            let birthday = instance.get_func(&mut store, &api("birthday")).unwrap();
            for _ in 0..3 {
                let params = [Val::U32(1), Val::U32(2)];
                let results = add.call_async(&mut store, &params).await.unwrap();
                assert_eq!(results, [Val::U32(3)]);
                let error = birthday
                    .call_async(&mut store, &[s("Ada")])
                    .await
                    .unwrap_err();
                assert_eq!(*error.kind(), ErrorKind::TypeMismatch);
                let params = [person("Ada", 1, &["x"])];
                let results = birthday.call_async(&mut store, &params).await.unwrap();
                assert_eq!(results, [ok(person("Ada", 2, &["x"]))]);
            }
        });
    }
}

#[test]
fn async_lifted_functions() {
    let wat = r#"(component
        (core module $m
            (import "" "return" (func $return (param i32 i32)))
            (func (export "f") (param i32) (result i32)
                (call $return (local.get 0) (i32.const 7))
                (i32.const 0))
            (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
        (core func $return (canon task.return (result (tuple u32 u32))))
        (core instance $i (instantiate $m
            (with "" (instance (export "return" (func $return))))))
        (func (export "f") async (param "x" u32) (result (tuple u32 u32))
            (canon lift (core func $i "f") async (callback (func $i "callback")))))"#;
    let engine = Engine::<Wasmtime>::new(&config(Some(Feature::ComponentAsync))).unwrap();
    let component = Component::new(&engine, wat).unwrap();
    let mut store = Store::<_, ()>::builder(&engine).build_async(()).unwrap();
    block_on(async {
        let linker = Linker::new(&engine);
        let instance = linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        let func = instance.get_func(&mut store, "f").unwrap();
        let error = func
            .call_async(&mut store, &[Val::U8(1)])
            .await
            .unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TypeMismatch);
        let results = func.call_async(&mut store, &[Val::U32(1)]).await.unwrap();
        assert_eq!(results, [Val::Tuple(vec![Val::U32(1), Val::U32(7)])]);
    });
}
