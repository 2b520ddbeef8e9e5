//! Each limit of a store and of an engine, on every backend: that it stops the
//! guest, with which error, that the rest goes on, and what `Usage` says.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Fixture, GREET, engine, lift_all, on_each_backend_and_any};
use enginebay::generic::{Component, Engine, Linker, Store};
use enginebay::{
    Backend, Complexity, Config, CountedResource, Error, ErrorKind, Interruption, Limits, TrapCode,
};

on_each_backend_and_any! {
    memory_growth_over_the_limit_gives_minus_one
    unreachable_after_a_refused_growth_is_the_memory_limit
    initial_memory_over_the_limit_refuses_the_instantiation
    memories_of_all_instances_count_together
    table_growth_over_the_limit_gives_minus_one
    tables_grow_alike_whatever_stops_guests
    growths_in_a_loop_are_no_more_than_a_loop
    initial_tables_over_the_limit_refuse_the_instantiation
    memories_are_made_and_counted_before_tables
    instances_memories_and_tables_are_counted
    handles_are_counted
    host_bytes_are_limited
    fuel_stops_a_loop_and_is_counted
    fuel_is_the_same_with_a_deadline_beside_it
    fuel_alone_stops_a_loop_and_nothing_else_does
    a_deadline_stops_a_loop_a_recursion_and_a_start_function
    a_deadline_stops_a_guest_that_only_calls_the_host
    a_deadline_is_seen_when_a_host_function_returns
    a_deadline_is_for_each_call
    cancellation_stops_a_loop
    the_stack_is_limited_and_the_process_survives
    sizes_and_counts_are_refused_before_compilation
    other_stores_go_on_after_a_limit
    usage_is_reported_after_a_failure
    a_parked_ticker_wakes_up_again
}

const GROW: &str = r#"(component
    (core module $m
        (memory 1)
        (table 1 funcref)
        (func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "table") (param i32) (result i32)
            (table.grow (ref.null func) (local.get 0)))
        (func (export "memory-or-die") (param i32)
            (if (i32.eq (memory.grow (local.get 0)) (i32.const -1)) (then unreachable)))
        (func (export "memory-or-divide") (param i32)
            (drop (memory.grow (local.get 0)))
            (drop (i32.div_u (i32.const 1) (i32.const 0)))))
    (core instance $i (instantiate $m))
    (func (export "memory") (param "pages" u32) (result s32)
        (canon lift (core func $i "memory")))
    (func (export "table") (param "elements" u32) (result s32)
        (canon lift (core func $i "table")))
    (func (export "memory-or-die") (param "pages" u32)
        (canon lift (core func $i "memory-or-die")))
    (func (export "memory-or-divide") (param "pages" u32)
        (canon lift (core func $i "memory-or-divide"))))"#;

fn grow<B: Backend>(f: &mut Fixture<B>, what: &str, by: u32) -> i32 {
    let func = f
        .instance
        .get_typed_func::<(u32,), (i32,)>(&mut f.store, what)
        .unwrap();
    func.call(&mut f.store, (by,)).unwrap().0
}

fn limited<B: Backend>(text: &str, limits: impl FnOnce(Limits) -> Limits) -> Fixture<B> {
    Fixture::with(text, Interruption::None, limits).unwrap()
}

fn refusal<B: Backend>(text: &str, limits: impl FnOnce(Limits) -> Limits) -> ErrorKind {
    match Fixture::<B>::with(text, Interruption::None, limits) {
        Ok(_) => panic!("instantiated"),
        Err(error) => error.kind().clone(),
    }
}

fn memory_growth_over_the_limit_gives_minus_one<B: Backend>() {
    let mut f = limited::<B>(GROW, |limits| limits.memory(3 << 16));
    assert_eq!(grow(&mut f, "memory", 1), 1);
    assert_eq!(grow(&mut f, "memory", 2), -1);
    assert_eq!(grow(&mut f, "memory", 1), 2);
    let usage = f.store.usage();
    assert_eq!(
        (usage.memory, usage.memory_peak, usage.growth_refused),
        (3 << 16, 3 << 16, 1)
    );
    assert_eq!(f.store.last_call_usage().growth_refused, 0);
    // What the memory's type forbids is no matter of limits and leaves no trace.
    assert_eq!(grow(&mut f, "memory", 65536), -1);
    assert_eq!(f.store.usage().memory, 3 << 16);
}

fn unreachable_after_a_refused_growth_is_the_memory_limit<B: Backend>() {
    let call = |name: &str| {
        let mut f = limited::<B>(GROW, |limits| limits.memory(1 << 16));
        let func = f
            .instance
            .get_typed_func::<(u32,), ()>(&mut f.store, name)
            .unwrap();
        func.call(&mut f.store, (7,)).unwrap_err()
    };
    let kind = ErrorKind::MemoryLimit {
        limit: 1 << 16,
        requested: 8 << 16,
    };
    assert_eq!(*call("memory-or-die").kind(), kind);
    let error = call("memory-or-divide");
    assert_eq!(error.trap_code(), Some(TrapCode::IntegerDivisionByZero));
    assert_eq!(error.context_value("growth_refused"), Some("1"));
}

fn initial_memory_over_the_limit_refuses_the_instantiation<B: Backend>() {
    let kind = refusal::<B>(GROW, |limits| limits.memory(65535));
    assert_eq!(
        kind,
        ErrorKind::MemoryLimit {
            limit: 65535,
            requested: 65536
        }
    );
}

fn memories_of_all_instances_count_together<B: Backend>() {
    let engine = engine::<B>(Interruption::None);
    let component = Component::new(&engine, GROW).unwrap();
    let limits = engine.default_limits().memory(2 << 16);
    let mut store = Store::<B, ()>::builder(&engine)
        .limits(limits)
        .build(())
        .unwrap();
    let linker = Linker::new(&engine);
    linker.instantiate(&mut store, &component).unwrap();
    linker.instantiate(&mut store, &component).unwrap();
    let error = linker.instantiate(&mut store, &component).unwrap_err();
    let kind = ErrorKind::MemoryLimit {
        limit: 2 << 16,
        requested: 3 << 16,
    };
    assert_eq!(*error.kind(), kind);
    assert_eq!(store.poisoned(), Some(&kind));
}

fn table_growth_over_the_limit_gives_minus_one<B: Backend>() {
    let mut f = limited::<B>(GROW, |limits| limits.table_elements(10));
    assert_eq!(grow(&mut f, "table", 10), -1);
    assert_eq!(grow(&mut f, "table", 9), 1);
    assert_eq!(f.store.usage().table_elements, 10);
    assert_eq!(grow(&mut f, "table", 1 << 30), -1);
}

const MODES: [Interruption; 3] = [
    Interruption::None,
    Interruption::Deadline,
    Interruption::Fuel,
];

/// Tables that are grown: own and imported, and by a start function.
const GROWN_TABLES: &str = r#"(component
    (core module $owner
        (table (export "funcs") 1 50 funcref)
        (func (export "size") (result i32) (table.size 0)))
    (core module $m
        (type $f (func (result i32)))
        (import "" "size" (func $size (type $f)))
        (import "" "funcs" (table $funcs 1 50 funcref))
        (table $others 3 funcref)
        (elem declare func $seven)
        (elem (table $own) (i32.const 1) func $size $nine)
        (table $own 3 funcref)
        (func $seven (type $f) (i32.const 7))
        (func $nine (type $f) (i32.const 9))
        (func $start
            (if (i32.ne (table.grow $funcs (ref.func $seven) (i32.const 2)) (i32.const 1))
                (then unreachable)))
        (start $start)
        (func (export "funcs") (param i32) (result i32)
            (table.grow $funcs (ref.func $seven) (local.get 0)))
        (func (export "others") (param i32) (result i32)
            (table.grow $others (ref.null func) (local.get 0)))
        (func (export "call") (param i32) (result i32)
            (call_indirect $funcs (type $f) (local.get 0)))
        (func (export "call-own") (param i32) (result i32)
            (call_indirect $own (type $f) (local.get 0)))
        (func (export "many") (param i32) (result i32) (local $grown i32)
            (loop $again
                (if (i32.ge_s (table.grow $funcs (ref.null func) (i32.const 1)) (i32.const 0))
                    (then (local.set $grown (i32.add (local.get $grown) (i32.const 1)))))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get $grown))
        (memory 1 3)
        (func (export "pages") (param i32) (result i32) (local $grown i32)
            (loop $again
                (if (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))
                    (then (local.set $grown (i32.add (local.get $grown) (i32.const 1)))))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (i32.store (i32.const 196604) (local.get $grown))
            (i32.load (i32.const 196604))))
    (core instance $owner (instantiate $owner))
    (core instance $i (instantiate $m (with "" (instance $owner))))
    (func (export "funcs") (param "by" u32) (result s32) (canon lift (core func $i "funcs")))
    (func (export "others") (param "by" u32) (result s32)
        (canon lift (core func $i "others")))
    (func (export "call") (param "at" u32) (result s32) (canon lift (core func $i "call")))
    (func (export "call-own") (param "at" u32) (result s32)
        (canon lift (core func $i "call-own")))
    (func (export "many") (param "times" u32) (result s32) (canon lift (core func $i "many")))
    (func (export "pages") (param "times" u32) (result s32)
        (canon lift (core func $i "pages"))))"#;

fn tables_grow_alike_whatever_stops_guests<B: Backend>() {
    for interruption in MODES {
        let limits = |limits: Limits| limits.table_elements(20);
        let mut f = Fixture::<B>::with(GROWN_TABLES, interruption, limits).unwrap();
        // One, three and three, and two by the start function.
        assert_eq!(grow(&mut f, "call", 1), 7);
        assert_eq!(grow(&mut f, "call", 2), 7);
        assert_eq!(grow(&mut f, "call-own", 1), 3);
        assert_eq!(grow(&mut f, "call-own", 2), 9);
        assert_eq!(grow(&mut f, "funcs", 0), 3);
        assert_eq!(grow(&mut f, "funcs", 4), 3);
        assert_eq!(grow(&mut f, "call", 6), 7);
        assert_eq!(grow(&mut f, "call-own", 1), 7);
        assert_eq!(grow(&mut f, "others", 5), 3);
        let usage = f.store.usage();
        assert_eq!((usage.table_elements, usage.growth_refused), (18, 0));
        assert_eq!(grow(&mut f, "others", 3), -1);
        assert_eq!(f.store.usage().growth_refused, 1);
        assert_eq!(f.store.last_call_usage().growth_refused, 1);
        assert_eq!(grow(&mut f, "others", 2), 8);
        assert_eq!(grow(&mut f, "funcs", 1), -1);
        let usage = f.store.usage();
        assert_eq!((usage.table_elements, usage.growth_refused), (20, 2));
    }
}

fn growths_in_a_loop_are_no_more_than_a_loop<B: Backend>() {
    for interruption in MODES {
        let mut f = Fixture::<B>::with(GROWN_TABLES, interruption, |limits| limits).unwrap();
        // What the types forbid is no matter of limits. Each time might take some of
        // the thread's stack.
        const MANY: u32 = 100_000;
        assert_eq!(grow(&mut f, "many", MANY), 47);
        assert_eq!(grow(&mut f, "pages", MANY), 2);
        assert_eq!(grow(&mut f, "funcs", 0), 50);
        let usage = f.store.usage();
        assert_eq!((usage.table_elements, usage.memory), (56, 3 << 16));
    }
}

fn initial_tables_over_the_limit_refuse_the_instantiation<B: Backend>() {
    let kind = refusal::<B>(GROW, |limits| limits.table_elements(0));
    let what = CountedResource::TableElements;
    assert_eq!(kind, ErrorKind::ResourceLimit { what, limit: 0 });
}

fn memories_are_made_and_counted_before_tables<B: Backend>() {
    let engine = engine::<B>(Interruption::None);
    let component = Component::new(&engine, GROW).unwrap();
    let refused = |limits: Limits| {
        let mut store = Store::<B, ()>::builder(&engine)
            .limits(limits)
            .build(())
            .unwrap();
        let error = Linker::new(&engine).instantiate(&mut store, &component);
        let usage = store.usage();
        let kind = error.unwrap_err().kind().clone();
        (
            kind,
            usage.memory,
            usage.table_elements,
            usage.growth_refused,
        )
    };
    let none = engine.default_limits().memory(0).table_elements(0);
    let by_memory = ErrorKind::MemoryLimit {
        limit: 0,
        requested: 65_536,
    };
    assert_eq!(refused(none.clone()), (by_memory.clone(), 0, 0, 1));
    assert_eq!(
        refused(none.clone().table_elements(9)),
        (by_memory, 0, 0, 1)
    );
    let what = CountedResource::TableElements;
    let by_table = ErrorKind::ResourceLimit { what, limit: 0 };
    assert_eq!(refused(none.memory(1 << 20)), (by_table, 65_536, 0, 1));
}

fn instances_memories_and_tables_are_counted<B: Backend>() {
    for (what, limits) in [
        (
            CountedResource::Instances,
            Limits::instances as fn(Limits, u64) -> Limits,
        ),
        (CountedResource::Memories, Limits::memories),
        (CountedResource::Tables, Limits::tables),
    ] {
        let kind = refusal::<B>(GROW, |all| limits(all, 0));
        assert_eq!(kind, ErrorKind::ResourceLimit { what, limit: 0 });
        limited::<B>(GROW, |all| limits(all, 1));
    }
}

fn handles_are_counted<B: Backend>() {
    let text = r#"(component
        (type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (core module $m
            (import "" "new" (func $new (param i32) (result i32)))
            (func (export "make") (param i32)
                (loop $again
                    (drop (call $new (i32.const 7)))
                    (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
        (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
        (func (export "make") (param "count" u32) (canon lift (core func $i "make"))))"#;
    let mut f = limited::<B>(text, |limits| limits.handles(100));
    let make = f
        .instance
        .get_typed_func::<(u32,), ()>(&mut f.store, "make")
        .unwrap();
    make.call(&mut f.store, (100,)).unwrap();
    let error = make.call(&mut f.store, (1,)).unwrap_err();
    let what = CountedResource::Handles;
    assert_eq!(*error.kind(), ErrorKind::ResourceLimit { what, limit: 100 });
}

fn host_bytes_are_limited<B: Backend>() {
    let mut f =
        Fixture::<B>::with(GREET, Interruption::None, |limits| limits.host_bytes(1000)).unwrap();
    let name = format!("{}#echo", crate::common::API);
    let echo = f
        .instance
        .get_typed_func::<(Vec<u8>,), (Vec<u8>,)>(&mut f.store, &name)
        .unwrap();
    assert_eq!(
        echo.call(&mut f.store, (vec![1; 1000],)).unwrap().0.len(),
        1000
    );
    let error = echo.call(&mut f.store, (vec![1; 1001],)).unwrap_err();
    assert_eq!(
        *error.kind(),
        ErrorKind::HostAllocationLimit { limit: 1000 }
    );
}

const LOOPS: &str = r#"
    (global $left (mut i32) (i32.const 1000))
    (func (export "count") (local i32)
        (local.set 0 (i32.const 1000))
        (loop $again
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "forever") (loop $again (br $again)))
    (func $tree (export "recurse") (call $tree-of (i32.const 100)))
    (func $tree-of (param i32)
        (if (local.get 0) (then
            (call $tree-of (i32.sub (local.get 0) (i32.const 1)))
            (call $tree-of (i32.sub (local.get 0) (i32.const 1))))))
    (func $deep (export "overflow") (call $deep) (call $deep))
    (memory 100)
    (func (export "fill")
        (loop $again
            (memory.fill (i32.const 0) (i32.const 1) (i32.const 6000000))
            (br $again)))"#;

fn loops() -> String {
    lift_all(LOOPS, &["count", "forever", "recurse", "overflow", "fill"])
}

fn fuel_stops_a_loop_and_is_counted<B: Backend>() {
    let mut f =
        Fixture::<B>::with(loops(), Interruption::Fuel, |limits| limits.fuel(1_000_000)).unwrap();
    f.run("count").unwrap();
    let count = f.store.last_call_usage().fuel.unwrap();
    assert!(
        (4000..6000).contains(&count),
        "{count} for 1,000 rounds of 4 operators"
    );
    f.run("count").unwrap();
    assert_eq!(f.store.usage().fuel, Some(2 * count));
    assert_eq!(f.store.fuel(), Some(1_000_000 - 2 * count));

    f.store.set_fuel(10_000).unwrap();
    let error = f.run("forever").unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::OutOfFuel { consumed: 10_000 });
    assert_eq!(f.store.usage().fuel, Some(2 * count + 10_000));
}

fn fuel_is_the_same_with_a_deadline_beside_it<B: Backend>() {
    let consumed = |deadline: Option<Duration>| {
        let limits = |limits: Limits| limits.fuel(1_000_000).deadline(deadline);
        let mut f = Fixture::<B>::with(loops(), Interruption::Fuel, limits).unwrap();
        f.run("count").unwrap();
        f.store.usage().fuel
    };
    assert_eq!(consumed(None), consumed(Some(Duration::from_secs(60))));
}

fn fuel_alone_stops_a_loop_and_nothing_else_does<B: Backend>() {
    let fuel = |limits: Limits| limits.fuel(10_000);
    let mut f = Fixture::<B>::with(loops(), Interruption::FuelOnly, fuel).unwrap();
    let error = f.store.cancel_handle().unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("fuel-only"), "{error}");
    let error = f.run("forever").unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::OutOfFuel { consumed: 10_000 });
    assert_eq!(f.store.usage().fuel, Some(10_000));

    let timed = |limits: Limits| fuel(limits).deadline(SHORT);
    let made = Fixture::<B>::with(loops(), Interruption::FuelOnly, timed);
    let error = made.err().unwrap();
    assert_eq!(*error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("limits.deadline"), "{error}");
}

fn is_deadline(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::DeadlineExceeded { elapsed } if *elapsed >= SHORT)
}

const SHORT: Duration = Duration::from_millis(100);

fn a_deadline_stops_a_loop_a_recursion_and_a_start_function<B: Backend>() {
    for interruption in [Interruption::Deadline, Interruption::Fuel] {
        for name in ["forever", "recurse", "fill"] {
            let mut f =
                Fixture::<B>::with(loops(), interruption, |limits| limits.deadline(SHORT)).unwrap();
            let error = f.run(name).unwrap_err();
            assert!(is_deadline(&error), "{name}: {error}");
            let by = Box::new(error.kind().clone());
            assert_eq!(
                *f.run("count").unwrap_err().kind(),
                ErrorKind::Poisoned { by }
            );
        }
        let start = lift_all(
            "(func $start (loop $again (br $again))) (start $start)",
            &[],
        );
        match Fixture::<B>::with(start, interruption, |limits| limits.deadline(SHORT)) {
            Ok(_) => panic!("an endless start function ended"),
            Err(error) => assert!(is_deadline(&error), "{error}"),
        }
        // Some engines cannot stop a guest by their own means everywhere.
        let grow = lift_all(
            r#"(table $t 0 100 funcref)
            (func (export "grow")
                (loop $again
                    (drop (table.grow $t (ref.null func) (i32.const 1)))
                    (br $again)))
            (func (export "size")
                (drop (table.grow $t (ref.null func) (i32.const 7)))
                (br_if 0 (i32.eq (table.size $t) (i32.const 7)))
                unreachable)"#,
            &["grow", "size"],
        );
        let limits = |limits: Limits| limits.deadline(SHORT);
        let mut f = Fixture::<B>::with(grow, interruption, limits).unwrap();
        f.run("size").unwrap();
        let error = f.run("grow").unwrap_err();
        assert!(is_deadline(&error), "{error}");
    }
}

/// A component that calls its import `f` as often as it is told.
const CALL_HOST: &str = r#"(component
    (import "f" (func $f))
    (core func $f (canon lower (func $f)))
    (core module $m
        (import "" "f" (func $f))
        (func (export "run") (param i32)
            (loop $again
                (call $f)
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
    (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
    (func (export "run") (param "times" u32) (canon lift (core func $i "run"))))"#;

fn call_host<B: Backend>(times: u32, nap: Option<Duration>) -> Result<(), Error> {
    let engine = engine::<B>(Interruption::Deadline);
    let component = Component::new(&engine, CALL_HOST).unwrap();
    let mut linker = Linker::<B, ()>::new(&engine);
    linker
        .root()
        .func_wrap("f", move |_, ()| {
            nap.into_iter().for_each(thread::sleep);
            Ok(())
        })
        .unwrap();
    let limits = engine.default_limits().deadline(SHORT);
    let mut store = Store::<B, ()>::builder(&engine)
        .limits(limits)
        .build(())
        .unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance
        .get_typed_func::<(u32,), ()>(&mut store, "run")
        .unwrap();
    run.call(&mut store, (times,))
}

fn a_deadline_stops_a_guest_that_only_calls_the_host<B: Backend>() {
    call_host::<B>(100, None).unwrap();
    let error = call_host::<B>(0, None).unwrap_err();
    assert!(is_deadline(&error), "{error}");
}

fn a_deadline_is_seen_when_a_host_function_returns<B: Backend>() {
    let error = call_host::<B>(1, Some(2 * SHORT)).unwrap_err();
    assert!(is_deadline(&error), "{error}");
}

fn a_deadline_is_for_each_call<B: Backend>() {
    let mut f = Fixture::<B>::with(loops(), Interruption::Deadline, |limits| {
        limits.deadline(SHORT)
    })
    .unwrap();
    let start = Instant::now();
    while start.elapsed() < 2 * SHORT {
        f.run("count").unwrap();
    }
}

fn cancellation_stops_a_loop<B: Backend>() {
    for interruption in [Interruption::Deadline, Interruption::Fuel] {
        let mut f = Fixture::<B>::with(loops(), interruption, |limits| limits).unwrap();
        let handle = f.store.cancel_handle().unwrap();
        let other = thread::spawn(move || {
            thread::sleep(Duration::from_millis(10));
            handle.cancel();
        });
        assert_eq!(*f.run("forever").unwrap_err().kind(), ErrorKind::Cancelled);
        other.join().unwrap();
        assert_eq!(f.store.poisoned(), Some(&ErrorKind::Cancelled));
    }
}

fn the_stack_is_limited_and_the_process_survives<B: Backend>() {
    for _ in 0..3 {
        let mut f = Fixture::<B>::new(loops());
        assert_eq!(
            f.run("overflow").unwrap_err().trap_code(),
            Some(TrapCode::StackOverflow)
        );
    }
}

fn sizes_and_counts_are_refused_before_compilation<B: Backend>() {
    let mut complexity = Complexity::default();
    complexity.functions = 3;
    let mut config = Config::new();
    config.complexity(complexity);
    let engine = Engine::<B>::new(&config).unwrap();
    let error = Component::new(&engine, loops()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::TooLarge);
    assert!(error.message().starts_with("functions: "), "{error}");
}

fn other_stores_go_on_after_a_limit<B: Backend>() {
    let engine = engine::<B>(Interruption::Fuel);
    let component = Component::new(&engine, loops()).unwrap();
    let pre = Linker::<B, ()>::new(&engine)
        .instantiate_pre(&component)
        .unwrap();
    let make = || {
        let limits = engine.default_limits().fuel(10_000);
        let mut store = Store::<B, ()>::builder(&engine)
            .limits(limits)
            .build(())
            .unwrap();
        let instance = pre.instantiate(&mut store).unwrap();
        (store, instance)
    };
    let ((mut good, good_instance), (mut bad, bad_instance)) = (make(), make());
    let forever = bad_instance
        .get_typed_func::<(), ()>(&mut bad, "forever")
        .unwrap();
    forever.call(&mut bad, ()).unwrap_err();
    let count = good_instance
        .get_typed_func::<(), ()>(&mut good, "count")
        .unwrap();
    count.call(&mut good, ()).unwrap();
}

fn usage_is_reported_after_a_failure<B: Backend>() {
    let mut f =
        Fixture::<B>::with(GROW, Interruption::Fuel, |limits| limits.fuel(1_000_000)).unwrap();
    let name = "memory-or-divide";
    let func = f
        .instance
        .get_typed_func::<(u32,), ()>(&mut f.store, name)
        .unwrap();
    func.call(&mut f.store, (2,)).unwrap_err();
    let (usage, last) = (f.store.usage(), f.store.last_call_usage());
    assert_eq!((usage.memory, last.memory_peak), (3 << 16, 3 << 16));
    assert!(
        usage.time > last.time && last.time.is_some(),
        "{usage:?} {last:?}"
    );
    assert!(usage.fuel >= last.fuel, "{usage:?} {last:?}");
}

fn a_parked_ticker_wakes_up_again<B: Backend>() {
    let mut f = Fixture::<B>::with(loops(), Interruption::Deadline, |limits| {
        limits.deadline(SHORT)
    })
    .unwrap();
    f.run("count").unwrap();
    // Long enough for the engine's ticker to have parked.
    thread::sleep(Duration::from_millis(200));
    assert!(is_deadline(&f.run("forever").unwrap_err()));
}
