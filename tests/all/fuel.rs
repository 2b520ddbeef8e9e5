//! Fuel is one number: for the same component and calls, every backend has
//! consumed the same after each step, whether it succeeds, traps, or runs out of
//! fuel anywhere.

use std::fmt;
use std::sync::OnceLock;

use crate::common::{GREET, on_each_backend};
use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::{Backend, Config, Error, ErrorKind, Frame, Interruption, Limits, Val};

on_each_backend! {
    counts_are_those_of_the_first_backend
    slices_change_no_count
    fuel_alone_is_counted_alike
    frames_are_those_of_the_module_as_it_was
}

/// Enough for anything here.
const PLENTY: u64 = 1_000_000_000;

/// A component, what it imports, and what is called.
struct Case {
    name: &'static str,
    component: Vec<u8>,
    /// Another component in the same store, whose exports it may import.
    other: Option<&'static str>,
    calls: &'static [(&'static str, &'static [&'static str])],
}

impl Case {
    const fn new(
        name: &'static str,
        component: Vec<u8>,
        calls: &'static [(&'static str, &'static [&'static str])],
    ) -> Self {
        Case {
            name,
            component,
            other: None,
            calls,
        }
    }
}

/// What came of one step, and the fuel that was left after it.
#[derive(Clone, PartialEq, Eq)]
struct Step {
    name: &'static str,
    outcome: String,
    left: Option<u64>,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step {
            name,
            outcome,
            left,
        } = self;
        write!(f, "{name}: {outcome}, {left:?} left")
    }
}

/// The steps of a case by the fuel that it began with.
type Sweep = Vec<(u64, Vec<Step>)>;

/// The name of an outcome: the same on every backend.
fn outcome<T>(result: &Result<T, Error>) -> String {
    match result {
        Ok(_) => "ok".into(),
        // The count is compared, and it is not in the kind of a poisoned store.
        Err(error) => match error.kind() {
            ErrorKind::Poisoned { .. } => "poisoned".into(),
            kind => format!("{kind:?}"),
        },
    }
}

fn engine<B: Backend>(by: Interruption, slice: u64) -> Engine<B> {
    let mut config = Config::new();
    config.interruption(by).slice(slice);
    Engine::new(&config).unwrap()
}

/// A case, compiled.
struct Ready<'a, B: Backend> {
    case: &'a Case,
    engine: Engine<B>,
    component: Component<B>,
    other: Option<Component<B>>,
}

impl<'a, B: Backend> Ready<'a, B> {
    fn new(case: &'a Case, by: Interruption, slice: u64) -> Self {
        let engine = engine::<B>(by, slice);
        Ready {
            component: Component::new(&engine, &case.component).unwrap(),
            other: case.other.map(|it| Component::new(&engine, it).unwrap()),
            engine,
            case,
        }
    }

    /// Runs everything with this much fuel.
    fn run(&self, fuel: u64) -> Vec<Step> {
        let limits = Limits::new().fuel(fuel).deadline(None);
        let mut store = Store::builder(&self.engine)
            .limits(limits)
            .build(None::<Instance<B>>)
            .unwrap();
        let mut steps = Vec::new();
        let mut linker = Linker::<B, Option<Instance<B>>>::new(&self.engine);
        linker
            .root()
            .func_wrap("twice", |_, (n,): (u32,)| Ok((n.wrapping_mul(2),)))
            .unwrap();
        // The host calls the other component back.
        linker
            .root()
            .func_wrap("through", |mut caller, (n,): (u32,)| {
                let Some(other) = caller.data().clone() else {
                    return Ok((n,));
                };
                let func = other.get_typed_func::<(u32,), (u32,)>(&mut caller, "count")?;
                func.call(&mut caller, (n,))
            })
            .unwrap();
        if let Some(other) = &self.other {
            let made = Linker::new(&self.engine).instantiate(&mut store, other);
            steps.push(Step {
                name: "instantiate the other",
                outcome: outcome(&made),
                left: store.fuel(),
            });
            let Ok(made) = made else { return steps };
            linker
                .instance("other")
                .unwrap()
                .define_exports(&mut store, &made)
                .unwrap();
            *store.data_mut() = Some(made);
        }
        let made = linker.instantiate(&mut store, &self.component);
        steps.push(Step {
            name: "instantiate",
            outcome: outcome(&made),
            left: store.fuel(),
        });
        let Ok(made) = made else { return steps };
        for (name, arguments) in self.case.calls {
            let func = made.get_func(&mut store, name);
            let result = func.and_then(|func| {
                let ty = func.ty(&mut store)?;
                let arguments: Vec<Val> = arguments
                    .iter()
                    .zip(&ty.params)
                    .map(|(text, (_, ty))| Val::from_wave(ty, text).unwrap())
                    .collect();
                func.call(&mut store, &arguments)
            });
            steps.push(Step {
                name,
                outcome: outcome(&result),
                left: store.fuel(),
            });
        }
        steps
    }

    /// Runs with plenty of fuel, and then with amounts that run out: every one
    /// of them, or a sample if there are many. Gives all steps by the amount.
    fn sweep(&self) -> Sweep {
        let all = self.run(PLENTY);
        let left = all.last().and_then(|step| step.left).unwrap();
        let mut steps = vec![(PLENTY, all)];
        for fuel in amounts(PLENTY - left) {
            steps.push((fuel, self.run(fuel)));
        }
        steps
    }
}

/// From none to a little more than `total`: all of them or some 150.
fn amounts(total: u64) -> Vec<u64> {
    if total < 150 {
        return (0..=total + 2).collect();
    }
    let mut amounts: Vec<u64> = (0..40).chain(total - 20..=total + 2).collect();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..90 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        amounts.push(random % total);
    }
    amounts
}

/// Runs a case with the amounts of the first backend's sweep, and compares.
fn compare<B: Backend>(case: &Case, expected: &[(u64, Vec<Step>)], by: Interruption, slice: u64) {
    let ready = Ready::<B>::new(case, by, slice);
    for (fuel, expected) in expected {
        assert_eq!(
            *expected,
            ready.run(*fuel),
            "{} with {fuel} fuel, interruption {by}, in slices of {slice}",
            case.name
        );
    }
}

/// The sweep on the first backend: made once for all tests.
fn expected() -> &'static [Sweep] {
    static EXPECTED: OnceLock<Vec<Sweep>> = OnceLock::new();
    EXPECTED.get_or_init(|| {
        cases()
            .iter()
            .map(|case| {
                Ready::<enginebay::DefaultBackend>::new(case, Interruption::Fuel, 100_000).sweep()
            })
            .collect()
    })
}

fn counts_are_those_of_the_first_backend<B: Backend>() {
    for (case, expected) in cases().iter().zip(expected()) {
        compare::<B>(case, expected, Interruption::Fuel, 100_000);
        // A test that compares nothing would pass as well.
        let mut steps = expected.iter().flat_map(|(_, steps)| steps);
        assert!(steps.any(|step| step.outcome.contains("OutOfFuel")));
    }
}

fn slices_change_no_count<B: Backend>() {
    for slice in [1, 100, 10_000] {
        for (case, expected) in cases().iter().zip(expected()) {
            compare::<B>(case, expected, Interruption::Fuel, slice);
        }
    }
}

fn fuel_alone_is_counted_alike<B: Backend>() {
    for (case, expected) in cases().iter().zip(expected()) {
        compare::<B>(case, expected, Interruption::FuelOnly, 100_000);
    }
}

/// Code that counts is other code, which nobody is to see.
fn frames_are_those_of_the_module_as_it_was<B: Backend>() {
    if !B::support().backtraces {
        return;
    }
    let frames = |interruption| {
        let mut config = Config::new();
        let engine = Engine::<B>::new(config.interruption(interruption)).unwrap();
        let frames_of = |text: &str, name: &str| {
            let component = Component::new(&engine, text).unwrap();
            let limits = engine.default_limits();
            let mut store = Store::builder(&engine).limits(limits).build(()).unwrap();
            let result = Linker::new(&engine)
                .instantiate(&mut store, &component)
                .and_then(|made| {
                    let func = made.get_typed_func::<(u32,), (u32,)>(&mut store, name)?;
                    func.call(&mut store, (3,))
                });
            result.unwrap_err().frames().to_vec()
        };
        [
            frames_of(TRAPS, "lost"),
            frames_of(TRAPS, "kept"),
            frames_of(START_TRAPS, ""),
        ]
    };
    let expected = frames(Interruption::None);
    assert_eq!(expected, frames(Interruption::Fuel));
    // With epochs, Wasmtime gives a function's first operator for `unreachable`
    // after code that does nothing.
    let functions = |all: &[Vec<Frame>; 3]| {
        let function = |it: &Frame| (it.module.clone(), it.function_index, it.function.clone());
        all.clone()
            .map(|frames| frames.iter().map(function).collect::<Vec<_>>())
    };
    let stopped = frames(Interruption::Deadline);
    assert_eq!(functions(&expected), functions(&stopped));
    let [divide, lost] = &expected[0][..] else {
        panic!("{expected:#?}");
    };
    assert_eq!(divide.function.as_deref(), Some("divide"));
    assert_eq!(divide.function_index, 0);
    assert_eq!(lost.function_index, 2);
    assert_eq!(divide.module.as_deref(), Some("m"));
    assert!(divide.offset > Some(0));
    assert_eq!(expected[2].len(), 2, "{expected:#?}");
}

fn cases() -> Vec<Case> {
    let mut linked = Case::new("late linking", LINKED.into(), LINKED_CALLS);
    linked.other = Some(COUNTER);
    vec![
        Case::new("numbers", NUMBERS.into(), NUMBER_CALLS),
        Case::new("traps", TRAPS.into(), &[("lost", &["3"])]),
        Case::new("traps below", TRAPS.into(), &[("kept", &["3"])]),
        Case::new("start", START.into(), &[("get", &[])]),
        Case::new("a start that traps", START_TRAPS.into(), &[]),
        Case::new("bulk", BULK.into(), BULK_CALLS),
        Case::new(
            "a bulk that traps",
            BULK.into(),
            &[("fill", &["65530", "7"])],
        ),
        Case::new("large bulks", LARGE.into(), LARGE_CALLS),
        Case::new(
            "a large bulk that traps",
            LARGE.into(),
            &[("fill", &["1000000", "3200000"])],
        ),
        Case::new("resources", RESOURCES.into(), &[("run", &["5"])]),
        linked,
        Case::new("a Rust guest", GREET.into(), GREET_CALLS),
    ]
}

const NUMBERS: &str = r#"(component
    (import "twice" (func $twice (param "n" u32) (result u32)))
    (core func $twice (canon lower (func $twice)))
    (core module $m
        (import "" "twice" (func $twice (param i32) (result i32)))
        (type $op (func (param i32) (result i32)))
        (table funcref (elem $double $square $fib))
        (func $double (param i32) (result i32) (call $twice (local.get 0)))
        (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
        (func $fib (export "fib") (param i32) (result i32)
            (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
                (then (local.get 0))
                (else (i32.add
                    (call $fib (i32.sub (local.get 0) (i32.const 1)))
                    (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
        (func (export "select") (param i32) (result i32)
            (block $c (block $b (block $a
                (br_table $a $b $c (local.get 0)))
                (return (call_indirect (type $op) (i32.const 7) (i32.const 0))))
                (return (call_indirect (type $op) (i32.const 7) (i32.const 1))))
            (call_indirect (type $op) (i32.const 7) (i32.const 2)))
        (func (export "sum") (param i32) (result i32)
            (local i32 i64 f64)
            (loop $again
                (local.set 2 (i64.add (local.get 2) (i64.extend_i32_u (local.get 0))))
                (local.set 3 (f64.sqrt (f64.convert_i64_u (local.get 2))))
                (if (i32.and (local.get 0) (i32.const 1))
                    (then (local.set 1 (call $twice (local.get 0)))))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (i32.wrap_i64 (local.get 2))))
    (core instance $i (instantiate $m (with "" (instance (export "twice" (func $twice))))))
    (func (export "fib") (param "n" u32) (result u32) (canon lift (core func $i "fib")))
    (func (export "select") (param "n" u32) (result u32) (canon lift (core func $i "select")))
    (func (export "sum") (param "n" u32) (result u32) (canon lift (core func $i "sum"))))"#;

const NUMBER_CALLS: &[(&str, &[&str])] = &[
    ("fib", &["7"]),
    ("select", &["0"]),
    ("select", &["1"]),
    ("select", &["2"]),
    ("select", &["9"]),
    ("sum", &["20"]),
];

const TRAPS: &str = r#"(component
    (core module $m
        (func $divide (param i32) (result i32)
            (local i32)
            (loop $again
                (local.set 1 (i32.add (local.get 1) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get 1) (local.get 0))))
            (i32.div_u (local.get 1) (i32.sub (local.get 1) (local.get 0))))
        (func $nothing)
        (func (export "lost") (param i32) (result i32) (call $divide (local.get 0)))
        (func (export "kept") (param i32) (result i32)
            (call $nothing) (drop (i32.const 1)) (call $nothing)
            (drop (i32.add (i32.const 1) (i32.const 2)))
            unreachable))
    (core instance $i (instantiate $m))
    (func (export "lost") (param "n" u32) (result u32) (canon lift (core func $i "lost")))
    (func (export "kept") (param "n" u32) (result u32) (canon lift (core func $i "kept"))))"#;

const START: &str = r#"(component
    (core module $base
        (global (export "base") i32 (i32.const 16))
        (memory (export "memory") 1)
        (table (export "table") 10 funcref))
    (core instance $base (instantiate $base))
    (core module $m
        (import "base" "base" (global $base i32))
        (import "base" "memory" (memory 1))
        (import "base" "table" (table 10 funcref))
        (global $g i32 (i32.add (global.get $base) (i32.const 4)))
        (data (global.get $base) "some bytes that are copied when it starts")
        (data (i32.const 0) "zero")
        (elem (i32.const 1) $get)
        (elem (global.get $base) func)
        (func $get (export "get") (result i32) (i32.load (global.get $g)))
        (func $start
            (local i32)
            (loop $again
                (br_if $again (i32.lt_u
                    (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 5)))))
        (start $start))
    (core instance $i (instantiate $m (with "base" (instance $base))))
    (func (export "get") (result u32) (canon lift (core func $i "get"))))"#;

const START_TRAPS: &str = r#"(component
    (core module $m
        (func $deep (drop (i32.const 1)) unreachable)
        (func $start (drop (i32.const 1)) (drop (i32.const 1)) (call $deep))
        (start $start))
    (core instance (instantiate $m)))"#;

const BULK: &str = r#"(component
    (core module $m
        (memory 1 3)
        (table $t 4 20 funcref)
        (data $d "0123456789")
        (func (export "fill") (param i32 i32)
            (memory.fill (local.get 0) (i32.const 1) (local.get 1))
            (memory.copy (i32.const 100) (i32.const 0) (i32.const 200))
            (memory.copy (i32.const 9) (i32.const 0) (local.get 1))
            (memory.init $d (i32.const 0) (i32.const 0) (i32.const 10)))
        (func (export "grow") (param i32) (result i32)
            (drop (table.grow $t (ref.null func) (local.get 0)))
            (table.fill $t (i32.const 0) (ref.null func) (local.get 0))
            (memory.grow (local.get 0))))
    (core instance $i (instantiate $m))
    (func (export "fill") (param "at" u32) (param "n" u32) (canon lift (core func $i "fill")))
    (func (export "grow") (param "n" u32) (result s32) (canon lift (core func $i "grow"))))"#;

const BULK_CALLS: &[(&str, &[&str])] = &[
    ("fill", &["0", "50"]),
    ("grow", &["2"]),
    ("grow", &["4"]),
    ("fill", &["65530", "7"]),
    ("fill", &["196600", "9"]),
];

/// A component that makes resources of another one and drops them.
/// Some of which are made in parts.
const LARGE: &str = r#"(component
    (core module $m
        (memory 64)
        (func (export "fill") (param i32 i32) (result i32)
            (memory.fill (local.get 0) (i32.const 7) (local.get 1))
            (local.get 1))
        (func (export "copy") (param i32 i32) (result i32)
            (memory.copy (local.get 0) (i32.const 100) (local.get 1))
            (memory.copy (i32.const 100) (local.get 0) (local.get 1))
            (i32.load8_u (i32.const 9)))
        (func (export "lose") (param i32 i32) (result i32)
            (memory.fill (local.get 0) (i32.const 7) (local.get 1))
            (i32.div_u (local.get 1) (i32.const 0))))
    (core instance $m (instantiate $m))
    (func (export "fill") (param "at" u32) (param "len" u32) (result u32)
        (canon lift (core func $m "fill")))
    (func (export "copy") (param "to" u32) (param "len" u32) (result u32)
        (canon lift (core func $m "copy")))
    (func (export "lose") (param "at" u32) (param "len" u32) (result u32)
        (canon lift (core func $m "lose"))))"#;

const LARGE_CALLS: &[(&str, &[&str])] = &[
    ("fill", &["7", "0"]),
    ("fill", &["7", "46340"]),
    ("fill", &["7", "46341"]),
    ("fill", &["7", "3000000"]),
    ("copy", &["1000000", "2500001"]),
    ("copy", &["1", "47000"]),
    ("lose", &["5", "2097152"]),
];

const RESOURCES: &str = r#"(component
    (component $maker
        (core module $dtor
            (func (export "dtor") (param i32)
                (loop $again
                    (br_if $again
                        (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
        (core instance $dtor (instantiate $dtor))
        (type $r (resource (rep i32) (dtor (func $dtor "dtor"))))
        (core func $new (canon resource.new $r))
        (core module $m
            (import "" "new" (func $new (param i32) (result i32)))
            (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
            (func (export "peek") (param i32) (result i32) (local.get 0)))
        (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
        (export $r2 "r" (type $r))
        (func (export "make") (param "n" u32) (result (own $r2)) (canon lift (core func $m "make")))
        (func (export "peek") (param "r" (borrow $r2)) (result u32)
            (canon lift (core func $m "peek"))))
    (instance $maker (instantiate $maker))
    (alias export $maker "r" (type $r))
    (alias export $maker "make" (func $make))
    (alias export $maker "peek" (func $peek))
    (core func $make (canon lower (func $make)))
    (core func $peek (canon lower (func $peek)))
    (core func $drop (canon resource.drop $r))
    (core module $m
        (import "" "make" (func $make (param i32) (result i32)))
        (import "" "peek" (func $peek (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "run") (param i32) (result i32)
            (local i32 i32)
            (loop $again
                (local.set 1 (call $make (local.get 0)))
                (local.set 2 (i32.add (local.get 2) (call $peek (local.get 1))))
                (call $drop (local.get 1))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get 2)))
    (core instance $i (instantiate $m (with "" (instance
        (export "make" (func $make)) (export "peek" (func $peek)) (export "drop" (func $drop))))))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))"#;

const COUNTER: &str = r#"(component
    (core module $m
        (global $n (mut i32) (i32.const 0))
        (func (export "count") (param i32) (result i32)
            (loop $again
                (global.set $n (i32.add (global.get $n) (i32.const 1)))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (global.get $n)))
    (core instance $i (instantiate $m))
    (func (export "count") (param "n" u32) (result u32) (canon lift (core func $i "count"))))"#;

/// Calls another component of the store, linked and through the host.
const LINKED: &str = r#"(component
    (import "other" (instance $other (export "count" (func (param "n" u32) (result u32)))))
    (import "through" (func $through (param "n" u32) (result u32)))
    (core func $count (canon lower (func $other "count")))
    (core func $through (canon lower (func $through)))
    (core module $m
        (import "" "count" (func $count (param i32) (result i32)))
        (import "" "through" (func $through (param i32) (result i32)))
        (func (export "run") (param i32) (result i32)
            (i32.add (call $through (i32.const 3))
                (i32.add (call $count (local.get 0)) (call $through (local.get 0)))))
        (func (export "trap") (param i32) (result i32)
            (drop (call $count (local.get 0)))
            (drop (i32.add (i32.const 1) (i32.const 2)))
            (i32.div_u (i32.const 1) (i32.const 0))))
    (core instance $i (instantiate $m (with "" (instance
        (export "count" (func $count)) (export "through" (func $through))))))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run")))
    (func (export "trap") (param "n" u32) (result u32) (canon lift (core func $i "trap"))))"#;

const LINKED_CALLS: &[(&str, &[&str])] = &[("run", &["4"]), ("run", &["9"]), ("trap", &["2"])];

const GREET_CALLS: &[(&str, &[&str])] = &[
    ("greet", &[r#""Ada""#]),
    ("add", &["1", "2"]),
    (
        "example:greet/api@0.1.0#describe",
        &[r#"{name: "Ada", age: 36, tags: ["mathematics", "poetry"]}"#],
    ),
    (
        "example:greet/api@0.1.0#birthday",
        &[r#"{name: "Ada", age: 36, tags: []}"#],
    ),
    ("example:greet/api@0.1.0#area", &["circle(1.5)"]),
    ("example:greet/api@0.1.0#sum", &["[1, 2, 3, 4, 5, 6, 7]"]),
    (
        "example:greet/api@0.1.0#reverse",
        &[r#"["one", "two", "three"]"#],
    ),
    ("example:greet/api@0.1.0#echo", &["[1, 2, 3]"]),
];
