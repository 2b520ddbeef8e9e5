//! Dynamic calls: every type both ways against Wasmtime's own dynamic values,
//! against typed calls, and what does not fit.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use enginebay_core::{
    Component, ComponentNamedList, Config, Engine, Error, ErrorKind, Feature, Instance,
    Interruption, Lift, Linker, Lower, Result, Store, TrapCode, Val,
};
use enginebay_wasmtime::Wasmtime;
use enginebay_wasmtime::wasmtime::component as wt;

const GREET: &[u8] = include_bytes!("../../../guests/prebuilt/greet.wasm");
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

/// A type, how it is passed in core wasm, and some of its values.
struct Case {
    /// What `T` is.
    ty: String,
    /// Types of slots; empty if there are too many.
    flat: &'static str,
    /// Loads the value from an address, if it is one slot.
    load: &'static str,
    vals: Vec<Val>,
}

fn scalar_cases() -> Vec<Case> {
    fn of<V>(
        ty: &str,
        flat: &'static str,
        load: &'static str,
        val: fn(V) -> Val,
        vals: Vec<V>,
    ) -> Case {
        let vals = vals.into_iter().map(val).collect();
        Case {
            ty: ty.into(),
            flat,
            load,
            vals,
        }
    }
    vec![
        of("bool", "i32", "i32.load8_u", Val::Bool, vec![true, false]),
        of(
            "s8",
            "i32",
            "i32.load8_s",
            Val::S8,
            vec![0, -1, i8::MIN, i8::MAX],
        ),
        of("u8", "i32", "i32.load8_u", Val::U8, vec![0, 1, u8::MAX]),
        of(
            "s16",
            "i32",
            "i32.load16_s",
            Val::S16,
            vec![0, -1, i16::MIN, i16::MAX],
        ),
        of("u16", "i32", "i32.load16_u", Val::U16, vec![0, 1, u16::MAX]),
        of(
            "s32",
            "i32",
            "i32.load",
            Val::S32,
            vec![0, -1, i32::MIN, i32::MAX],
        ),
        of("u32", "i32", "i32.load", Val::U32, vec![0, 1, u32::MAX]),
        of(
            "s64",
            "i64",
            "i64.load",
            Val::S64,
            vec![0, -1, i64::MIN, i64::MAX],
        ),
        of("u64", "i64", "i64.load", Val::U64, vec![0, 1, u64::MAX]),
        of(
            "f32",
            "f32",
            "f32.load",
            Val::F32,
            vec![0.0, -0.0, 1.5, f32::NEG_INFINITY],
        ),
        of(
            "f64",
            "f64",
            "f64.load",
            Val::F64,
            vec![0.0, -0.0, 1.5, f64::MIN_POSITIVE],
        ),
        of(
            "char",
            "i32",
            "i32.load",
            Val::Char,
            vec!['a', '\0', '€', char::MAX],
        ),
    ]
}

fn cases() -> Vec<Case> {
    fn of(ty: impl Into<String>, flat: &'static str, vals: Vec<Val>) -> Case {
        let load = match flat {
            "i32" => "i32.load8_u",
            _ => "",
        };
        Case {
            ty: ty.into(),
            flat,
            load,
            vals,
        }
    }
    let long = "ä€😀".repeat(500);
    let mut cases = scalar_cases();
    let lists: Vec<_> = cases
        .iter()
        .map(|case| {
            let vals = vec![Val::List(vec![]), Val::List(case.vals.clone())];
            of(format!("(list {})", case.ty), "i32 i32", vals)
        })
        .collect();
    cases.extend(lists);
    cases.push(of(
        "string",
        "i32 i32",
        vec![s(""), s("a"), s("ä€😀\0"), s(&long)],
    ));
    cases.push(of(
        "(list (list string))",
        "i32 i32",
        vec![
            Val::List(vec![]),
            Val::List(vec![
                Val::List(vec![]),
                Val::List(vec![s("x"), s(""), s(&long)]),
            ]),
        ],
    ));

    // Records and tuples.
    let point = |x: u8, name: &str| {
        let d = some(Val::U16(u16::from(x) * 3));
        record([
            ("x", Val::U8(x)),
            ("y", Val::F64(2.5)),
            ("name", s(name)),
            ("d", d),
        ])
    };
    let point_ty = r#"(record (field "x" u8) (field "y" f64) (field "name" string)
        (field "d" (option u16)))"#;
    cases.push(of(
        point_ty,
        "i32 f64 i32 i32 i32 i32",
        vec![point(1, ""), point(255, "p"), point(7, &long)],
    ));
    cases.push(of(
        "(tuple u8 u64 char (list u8))",
        "i32 i64 i32 i32 i32",
        vec![Val::Tuple(vec![
            Val::U8(200),
            Val::U64(u64::MAX),
            Val::Char('ß'),
            Val::List(vec![Val::U8(1), Val::U8(2), Val::U8(3)]),
        ])],
    ));
    // One slot, however deep.
    cases.push(of(
        r#"(tuple (tuple u8))"#,
        "i32",
        vec![Val::Tuple(vec![Val::Tuple(vec![Val::U8(9)])])],
    ));
    cases.push(of(
        r#"(record (field "only" bool))"#,
        "i32",
        vec![record([("only", Val::Bool(true))])],
    ));
    // More slots than there are.
    let fields: String = (0..20)
        .map(|i| format!(" (field \"n{i}\" (option u64))"))
        .collect();
    let big = (0..20_u64)
        .map(|i| {
            let val = if i % 3 == 0 {
                Val::Option(None)
            } else {
                some(Val::U64(i << 60 | i))
            };
            (format!("n{i}"), val)
        })
        .collect();
    cases.push(of(format!("(record{fields})"), "", vec![Val::Record(big)]));

    // Variants whose cases share slots of other types.
    cases.push(of(
        r#"(variant (case "u" u32) (case "d" f64) (case "s" string) (case "none") (case "f" f32)
            (case "t" (tuple u64 f32)) (case "i" s8))"#,
        "i32 i64 i32",
        vec![
            case("u", Val::U32(u32::MAX)),
            case("d", Val::F64(-1.25)),
            case("s", s("text")),
            case("none", None),
            case("f", Val::F32(-0.5)),
            case("t", Val::Tuple(vec![Val::U64(u64::MAX - 1), Val::F32(3.5)])),
            case("i", Val::S8(-1)),
        ],
    ));
    cases.push(of(
        "(option f32)",
        "i32 f32",
        vec![Val::Option(None), some(Val::F32(0.25))],
    ));
    cases.push(of(
        "(option (option string))",
        "i32 i32 i32 i32",
        vec![
            Val::Option(None),
            some(Val::Option(None)),
            some(some(s("deep"))),
        ],
    ));
    cases.push(of(
        "(result)",
        "i32",
        vec![Val::Result(Ok(None)), Val::Result(Err(None))],
    ));
    cases.push(of(
        "(result f32 (error string))",
        "i32 i32 i32",
        vec![ok(Val::F32(1.0)), err(s("e"))],
    ));
    cases.push(of(
        "(result (error u64))",
        "i32 i64",
        vec![Val::Result(Ok(None)), err(Val::U64(u64::MAX))],
    ));
    cases.push(of(
        "(result string)",
        "i32 i32 i32",
        vec![ok(s("")), Val::Result(Err(None))],
    ));
    cases.push(of(
        "(option (result (list (option u8)) (error (tuple f64 f64))))",
        "i32 i32 i64 i64",
        vec![
            Val::Option(None),
            some(ok(Val::List(vec![Val::Option(None), some(Val::U8(4))]))),
            some(err(Val::Tuple(vec![Val::F64(0.1), Val::F64(f64::MAX)]))),
        ],
    ));

    // Enums, flags and variants of few and many names.
    let enums = |names: &[&str]| names.iter().map(|n| Val::Enum((*n).into())).collect();
    cases.push(of(r#"(enum "r" "g" "b")"#, "i32", enums(&["r", "g", "b"])));
    let mut many = of(
        format!("(enum{})", names(300)),
        "i32",
        enums(&["n0", "n255", "n256", "n299"]),
    );
    many.load = "i32.load16_u";
    cases.push(many);
    for (count, load, last) in [
        (3, "i32.load8_u", "n2"),
        (8, "i32.load8_u", "n7"),
        (9, "i32.load16_u", "n8"),
        (17, "i32.load", "n16"),
        (32, "i32.load", "n31"),
    ] {
        let vals = vec![flags(&[]), flags(&["n0"]), flags(&["n1", last])];
        let mut case = of(format!("(flags{})", names(count)), "i32", vals);
        case.load = load;
        cases.push(case);
    }
    let payloads: String = (0..300)
        .map(|i| {
            format!(
                " (case \"c{i}\"{})",
                if i % 2 == 0 { "" } else { " string" }
            )
        })
        .collect();
    cases.push(of(
        format!("(variant{payloads})"),
        "i32 i32 i32",
        vec![
            case("c0", None),
            case("c255", s("x")),
            case("c256", None),
            case("c299", s("y")),
        ],
    ));
    cases
}

/// What a case's component exports:
/// - `list`, from a list of the type to the same;
/// - `one`, the first of a list;
/// - `spill`, more parameters than there are slots, to a tuple of them;
/// - `flat`, from one value to its slots as bits.
fn echo(case: &Case) -> String {
    let slots: Vec<&str> = case.flat.split_whitespace().collect();
    let one = match case.load {
        "" => "i32".to_owned(),
        load => load.split('.').next().unwrap().to_owned(),
    };
    let bits: String = slots
        .iter()
        .enumerate()
        .map(|(i, slot)| format!("({slot}.store (i32.const {}) (local.get {i}))", 64 + i * 8))
        .collect();
    let module = format!(
        r#"{MEMORY}
        (func (export "list") (param i32 i32) (result i32)
            (i32.store (i32.const 16) (local.get 0))
            (i32.store (i32.const 20) (local.get 1))
            (i32.const 16))
        (func (export "one") (param i32 i32) (result {one}) ({load} (local.get 0)))
        (func (export "spill") (param i32) (result i32) (local.get 0))
        (func (export "flat") (param {flat}) (result i32)
            (memory.fill (i32.const 64) (i32.const 0) (i32.const 128))
            {bits}
            (i32.store (i32.const 16) (i32.const 64))
            (i32.store (i32.const 20) (i32.const {count}))
            (i32.const 16))"#,
        load = if case.load.is_empty() {
            "i32.add (i32.const 0)"
        } else {
            case.load
        },
        flat = case.flat,
        count = slots.len(),
    );
    let pad: String = (0..16).map(|i| format!(" (param \"p{i}\" u64)")).collect();
    let flat = if slots.is_empty() {
        String::new()
    } else {
        format!(
            r#"(func (export "flat") (param "v" $t) (result (list u64)) {})"#,
            lift("flat")
        )
    };
    let rest = format!(
        r#"(type $u {ty})
        (export $t "t" (type $u))
        (func (export "list") (param "v" (list $t)) (result (list $t)) {})
        (func (export "one") (param "v" (list $t)) (result $t) {})
        (func (export "spill") (param "v" $t){pad} (result (tuple $t{})) {})
        {flat}"#,
        lift("list"),
        lift("one"),
        " u64".repeat(16),
        lift("spill"),
        ty = case.ty,
    );
    component(&module, &rest)
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
fn mismatches_are_found_before_anything_is_entered() {
    let mut guest = Fixture::wat(
        &format!(
            r#"{MEMORY}
            (func (export "reallocs") (result i32) (i32.load (i32.const 0)))
            (func (export "f") (param i32 i32 i32) (result i32) (local.get 2))"#
        ),
        &format!(
            r#"(func (export "f") (param "text" string) (param "number" u8) (result u8) {})
            (func (export "reallocs") (result u32) {})"#,
            lift("f"),
            lift("reallocs")
        ),
    );
    let cases: [(&[Val], &str); 4] = [
        (&[], "the function takes 2 arguments, 0 were given"),
        (&[s("a")], "the function takes 2 arguments, 1 were given"),
        (&[s("a"), Val::U16(1)], "expected `u8`, found `u16`"),
        (&[Val::U8(1), Val::U8(1)], "expected `string`, found `u8`"),
    ];
    for (params, message) in cases {
        let error = guest.call("f", params).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TypeMismatch, "{error}");
        assert_eq!(error.message(), message);
        assert_eq!(guest.reallocs(), 0);
        assert!(guest.store.poisoned().is_none());
    }
    let text = guest.call("f", &[s("a"), s("b")]).unwrap_err().to_string();
    assert!(text.contains("number"), "{text}");
    assert_eq!(guest.one("f", &[s("a"), Val::U8(7)]), Val::U8(7));
    assert_eq!(guest.reallocs(), 1);
}

#[test]
fn mismatches_say_where() {
    let mut guest = Fixture::new(GREET);
    let mut tags = person("a", 1, &["x"]);
    if let Val::Record(fields) = &mut tags {
        fields[2].1 = Val::List(vec![s("x"), Val::U8(1)]);
    }
    let mut order = person("a", 1, &[]);
    if let Val::Record(fields) = &mut order {
        fields.swap(0, 1);
    }
    let mut short = person("a", 1, &[]);
    if let Val::Record(fields) = &mut short {
        fields.pop();
    }
    let fields = "the record's fields must be `name`, `age`, `tags`, in this order";
    let cases = [
        (
            "describe",
            tags,
            "expected `string`, found `u8` (at tags[1])",
        ),
        ("describe", order, fields),
        ("describe", short, fields),
        ("describe", s("a"), "found `string`"),
        (
            "area",
            case("square", Val::F64(1.0)),
            "there is no case `square`",
        ),
        (
            "area",
            case("circle", None),
            "case `circle` has a payload, `f64`",
        ),
        (
            "area",
            case("none", Val::F64(1.0)),
            "case `none` has no payload",
        ),
        (
            "area",
            case("circle", Val::F32(1.0)),
            "found `f32` (at circle)",
        ),
        (
            "area",
            case("rectangle", Val::Tuple(vec![Val::F64(1.0)])),
            "found `tuple` (at rectangle)",
        ),
        (
            "sum",
            Val::List(vec![Val::U32(1), Val::S32(1)]),
            "found `s32` (at [1])",
        ),
        (
            "next-color",
            Val::Enum("pink".into()),
            "there is no case `pink`",
        ),
    ];
    for (name, val, message) in cases {
        let error = guest.call(&api(name), &[val]).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TypeMismatch, "{name}: {error}");
        assert!(error.message().contains(message), "{name}: {error}");
        assert_eq!(
            guest.one(&api("describe"), &[person("Ada", 1, &[])]),
            s("Ada is 1")
        );
    }
    let error = guest.call(&api("union"), &[flags(&["read"]), flags(&["fly"])]);
    let error = error.unwrap_err();
    assert!(
        error.message().contains("there is no flag `fly`"),
        "{error}"
    );
    assert!(error.to_string().contains('b'), "{error}");
}

/// The kinds of error that a typed and a dynamic call of one export end with,
/// each in a store of its own.
fn both<P, R>(wat: &str, name: &str, typed: P, dynamic: &[Val]) -> (ErrorKind, ErrorKind)
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    let kind = |error: Error| error.kind().clone();
    let typed = match Fixture::new(wat).typed::<P, R>(name, typed) {
        Err(error) => kind(error),
        Ok(_) => panic!("{name}: the typed call succeeded"),
    };
    let dynamic = Fixture::new(wat).call(name, dynamic);
    (typed, kind(dynamic.expect_err(name)))
}

#[test]
fn malformed_results_give_the_errors_of_typed_calls() {
    let data = r#"
        ;; 256: a pointer beyond the end and a length; 264: one byte too many
        (data (i32.const 256) "\ff\ff\ff\ff\01\00\00\00" "\ff\ff\03\00\02\00\00\00")
        ;; 272: not aligned; 280: a length that overflows
        (data (i32.const 272) "\01\01\00\00\01\00\00\00" "\00\01\00\00\ff\ff\ff\ff")
        ;; 288: invalid UTF-8 at 296; 304: discriminant 2
        (data (i32.const 288) "\28\01\00\00\02\00\00\00" "\ff\fe\00\00\00\00\00\00")
        (data (i32.const 304) "\02\00\00\00\00\00\00\00")
        ;; 312: a list of one surrogate at 320
        (data (i32.const 312) "\40\01\00\00\01\00\00\00" "\00\d8\00\00\00\00\00\00")
        ;; 328: a list of one discriminant 2
        (data (i32.const 328) "\30\01\00\00\01\00\00\00")"#;
    let wat = component(
        &format!(
            r#"{MEMORY} {data}
            (func (export "number") (param i32) (result i32) (local.get 0))"#
        ),
        &format!(
            r#"(func (export "char") (param "at" u32) (result char) {lift})
            (func (export "string") (param "at" u32) (result string) {lift})
            (func (export "utf16") (param "at" u32) (result string)
                (canon lift (core func $i "number") (memory $i "memory") string-encoding=utf16))
            (func (export "bytes") (param "at" u32) (result (list u8)) {lift})
            (func (export "numbers") (param "at" u32) (result (list u32)) {lift})
            (func (export "chars") (param "at" u32) (result (list char)) {lift})
            (func (export "strings") (param "at" u32) (result (list string)) {lift})
            (func (export "options") (param "at" u32) (result (list (option u8))) {lift})
            (func (export "option") (param "at" u32) (result (option u32)) {lift})
            (func (export "result") (param "at" u32) (result (result u32 (error u32))) {lift})
            (func (export "empty") (param "n" u32) (result (result)) {lift})"#,
            lift = lift("number"),
        ),
    );
    macro_rules! check {
        ($($name:literal ($at:expr) -> $ty:ty = $code:ident;)*) => {$(
            let (typed, dynamic) =
                both::<(u32,), ($ty,)>(&wat, $name, ($at,), &[Val::U32($at)]);
            assert_eq!(typed, dynamic, "{} {}", $name, $at);
            assert_eq!(dynamic, ErrorKind::Trap(TrapCode::$code), "{} {}", $name, $at);
        )*};
    }
    check! {
        "char" (0xd800) -> char = InvalidChar;
        "char" (0x11_0000) -> char = InvalidChar;
        "chars" (312) -> Vec<char> = InvalidChar;
        "empty" (2) -> Result<(), ()> = InvalidDiscriminant;
        "option" (304) -> Option<u32> = InvalidDiscriminant;
        "options" (328) -> Vec<Option<u8>> = InvalidDiscriminant;
        "result" (304) -> Result<u32, u32> = InvalidDiscriminant;
        "string" (256) -> String = StringOutOfBounds;
        "string" (264) -> String = StringOutOfBounds;
        "string" (280) -> String = StringOutOfBounds;
        "string" (288) -> String = InvalidString;
        "utf16" (272) -> String = UnalignedPointer;
        "utf16" (312) -> String = InvalidString;
        "bytes" (256) -> Vec<u8> = ListOutOfBounds;
        "bytes" (264) -> Vec<u8> = ListOutOfBounds;
        "bytes" (280) -> Vec<u8> = ListOutOfBounds;
        "numbers" (256) -> Vec<u32> = ListOutOfBounds;
        "numbers" (272) -> Vec<u32> = UnalignedPointer;
        "numbers" (280) -> Vec<u32> = ListOutOfBounds;
        "strings" (272) -> Vec<String> = UnalignedPointer;
        "strings" (280) -> Vec<String> = ListOutOfBounds;
        "bytes" (2) -> Vec<u8> = UnalignedPointer;
        "bytes" (0x4_0000 - 4) -> Vec<u8> = PointerOutOfBounds;
        "bytes" (0xffff_fffc_u32) -> Vec<u8> = PointerOutOfBounds;
        "option" (0x4_0000) -> Option<u32> = PointerOutOfBounds;
    }
}

#[test]
fn malformed_discriminants_of_named_cases_trap() {
    let wat = component(
        &format!(
            r#"{MEMORY}
            (data (i32.const 256) "\02\00\00\00\00\00\00\00")
            (func (export "number") (param i32) (result i32) (local.get 0))"#
        ),
        &format!(
            r#"(type $u (variant (case "a") (case "b" u32)))
            (export $v "v" (type $u))
            (type $w (enum "a" "b"))
            (export $e "e" (type $w))
            (type $x (flags "a" "b"))
            (export $f "f" (type $x))
            (func (export "variant") (param "at" u32) (result $v) {lift})
            (func (export "enum") (param "at" u32) (result $e) {lift})
            (func (export "flags") (param "at" u32) (result $f) {lift})"#,
            lift = lift("number"),
        ),
    );
    for (name, number) in [("variant", 256), ("enum", 2), ("enum", u32::MAX)] {
        let error = Fixture::new(&wat)
            .call(name, &[Val::U32(number)])
            .unwrap_err();
        assert_eq!(
            *error.kind(),
            ErrorKind::Trap(TrapCode::InvalidDiscriminant)
        );
    }
    // Bits without a flag are ignored, as the canonical ABI says.
    let val = Fixture::new(&wat).one("flags", &[Val::U32(0xffff_fffe)]);
    assert_eq!(val, flags(&["b"]));
}

#[test]
fn malformed_allocations_give_the_errors_of_typed_calls() {
    for (pointer, code) in [
        (1, TrapCode::UnalignedPointer),
        (0x1_0000, TrapCode::PointerOutOfBounds),
        (0xffff_fff8_u32, TrapCode::PointerOutOfBounds),
    ] {
        let parts: String = (0..17).map(|i| format!("(param \"p{i}\" u32)")).collect();
        let wat = component(
            &format!(
                r#"(memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (i32.const {pointer}))
                (func (export "list") (param i32 i32))
                (func (export "spill") (param i32))"#
            ),
            &format!(
                r#"(func (export "list") (param "v" (list u32)) {})
                (func (export "strings") (param "v" (list string)) {})
                (func (export "spill") {parts} {})"#,
                lift("list"),
                lift("list"),
                lift("spill"),
            ),
        );
        let expected = ErrorKind::Trap(code);
        let list = [Val::List(vec![Val::U32(1)])];
        let got = both::<(Vec<u32>,), ()>(&wat, "list", (vec![1],), &list);
        assert_eq!(got, (expected.clone(), expected.clone()));
        let list = [Val::List(vec![s("a")])];
        let got = both::<(Vec<String>,), ()>(&wat, "strings", (vec!["a".into()],), &list);
        assert_eq!(got, (expected.clone(), expected.clone()));
        let error = Fixture::new(&wat).call("spill", &vec![Val::U32(1); 17]);
        assert_eq!(*error.unwrap_err().kind(), expected);
    }
}

#[test]
fn host_bytes_are_charged() {
    let engine = Engine::<Wasmtime>::new(&config(None)).unwrap();
    let component = Component::new(&engine, GREET).unwrap();
    let limit = 64 << 10;
    let limits = engine.default_limits().host_bytes(limit as u64);
    let mut store = Store::<_, ()>::builder(&engine)
        .limits(limits)
        .build(())
        .unwrap();
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let echo = instance.get_func(&mut store, &api("echo")).unwrap();
    let bytes = |n| [Val::List(vec![Val::U8(0); n])];
    let fits = limit / enginebay_core::abi::VAL_COST;
    echo.call(&mut store, &bytes(fits)).unwrap();
    let error = echo.call(&mut store, &bytes(fits + 1)).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::HostAllocationLimit { .. }),
        "{error}"
    );
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
fn mismatches_leave_no_trace_where_calls_are_concurrent() {
    let mut guest = Fixture::with(GREET, Some(Feature::ComponentAsync));
    for _ in 0..3 {
        let error = guest.call("greet", &[Val::U8(1)]).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TypeMismatch);
        assert_eq!(guest.one("greet", &[s("Ada")]), s("Hello, Ada!"));
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

#[test]
fn types_without_values_are_refused() {
    let wat = component(
        r#"(memory (export "memory") 1)
        (func (export "param") (param i32 i32) unreachable)
        (func (export "result") (result i32) unreachable)
        (func (export "seven") (result i32) (i32.const 7))"#,
        r#"(type $s (stream u8))
        (func (export "seven") (result u8) (canon lift (core func $i "seven")))
        (func (export "param") (param "maybe" (option $s))
            (canon lift (core func $i "param") (memory $i "memory")))
        (func (export "result") (result (tuple u8 (list (option $s))))
            (canon lift (core func $i "result") (memory $i "memory")))"#,
    );
    let cases: [(&str, &[Val]); 2] = [("param", &[some(Val::U32(1))]), ("result", &[])];
    for (name, params) in cases {
        let mut guest = Fixture::with(&wat, Some(Feature::ComponentAsync));
        let error = guest.call(name, params).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.message().contains("`stream`"), "{error}");
        assert_eq!(
            error.to_string().contains("maybe"),
            name == "param",
            "{error}"
        );
        // Nothing was entered.
        assert_eq!(guest.store.poisoned(), None);
        assert_eq!(guest.one("seven", &[]), Val::U8(7));
    }
}
