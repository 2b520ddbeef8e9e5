//! Growths of memories and tables: what the guest gets, what is counted, and what
//! comes of those for which the machine has no room.

use std::process::Command;

use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::{Backend, Config, Error, ErrorKind, Interruption, Limits, TrapCode};

use crate::common;

const PAGE: u64 = 1 << 16;

/// Two memories and two tables, of which the first ones have a maximum; and a
/// function that traps.
const GUEST: &str = r#"(component
    (core module $m
        (memory $a 1 3) (memory $b 1)
        (table $t 1 3 funcref) (table $u 1 funcref)
        (func (export "a") (param i32) (result i32) (memory.grow $a (local.get 0)))
        (func (export "b") (param i32) (result i32) (memory.grow $b (local.get 0)))
        (func (export "t") (param i32) (result i32)
            (table.grow $t (ref.null func) (local.get 0)))
        (func (export "u") (param i32) (result i32)
            (table.grow $u (ref.null func) (local.get 0)))
        (func (export "a-or-die") (param i32) (result i32)
            (if (i32.eq (memory.grow $a (local.get 0)) (i32.const -1)) (then unreachable))
            (i32.const 0)))
    (core instance $i (instantiate $m))
    (func (export "a") (param "by" u32) (result s32) (canon lift (core func $i "a")))
    (func (export "b") (param "by" u32) (result s32) (canon lift (core func $i "b")))
    (func (export "t") (param "by" u32) (result s32) (canon lift (core func $i "t")))
    (func (export "u") (param "by" u32) (result s32) (canon lift (core func $i "u")))
    (func (export "a-or-die") (param "by" u32) (result s32)
        (canon lift (core func $i "a-or-die"))))"#;

struct Guest<B: Backend>(Store<B, ()>, Instance<B>);

impl<B: Backend> Guest<B> {
    fn new(config: &Config, limits: impl FnOnce(Limits) -> Limits) -> Self {
        let engine = Engine::<B>::new(config).unwrap();
        let component = Component::new(&engine, GUEST).unwrap();
        let limits = limits(engine.default_limits());
        let mut store = Store::builder(&engine).limits(limits).build(()).unwrap();
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &component)
            .unwrap();
        Guest(store, instance)
    }

    fn call(&mut self, name: &str, by: u32) -> Result<i32, Error> {
        let Guest(store, instance) = self;
        let func = instance
            .get_typed_func::<(u32,), (i32,)>(&mut *store, name)
            .unwrap();
        Ok(func.call(store, (by,))?.0)
    }
}

fn config(interruption: Interruption) -> Config {
    let mut config = Config::new();
    config.deterministic(true).interruption(interruption);
    config
}

/// Six pages and six elements.
fn six(limits: Limits) -> Limits {
    limits.memory(6 * PAGE).table_elements(6)
}

pub(crate) fn limits_are_asked_before_types<B: Backend>() {
    // By so many, and whether a limit refuses that.
    for (by, refused) in [
        (3, false),
        (4, false),
        (5, true),
        (65_536, true),
        (u32::MAX, true),
    ] {
        for name in ["a", "t"] {
            let mut guest = Guest::<B>::new(&config(Interruption::None), six);
            assert_eq!(guest.call(name, by).unwrap(), -1, "{name} {by}");
            let usage = guest.0.usage();
            assert_eq!(usage.growth_refused, u64::from(refused), "{name} {by}");
            assert_eq!((usage.memory, usage.table_elements), (2 * PAGE, 2));
        }
        let mut guest = Guest::<B>::new(&config(Interruption::None), six);
        let error = guest.call("a-or-die", by).unwrap_err();
        let expected = match refused {
            false => ErrorKind::Trap(TrapCode::Unreachable),
            true => ErrorKind::MemoryLimit {
                limit: 6 * PAGE,
                requested: (2 + u64::from(by)) * PAGE,
            },
        };
        assert_eq!(*error.kind(), expected, "{by}");
    }
}

/// Sizes of what grows, and what they are counted in.
struct Model {
    sizes: [u64; 2],
    limit: u64,
    unit: u64,
}

impl Model {
    /// The result for the guest, and whether a limit refused the growth.
    fn grow(&mut self, which: usize, by: u64) -> (i32, bool) {
        let sum: u64 = self.sizes.iter().sum();
        if (sum + by) * self.unit > self.limit {
            return (-1, true);
        }
        let before = self.sizes[which];
        if which == 0 && before + by > 3 {
            return (-1, false);
        }
        self.sizes[which] += by;
        (before as i32, false)
    }

    fn used(&self) -> u64 {
        self.sizes.iter().sum::<u64>() * self.unit
    }
}

pub(crate) fn growths_have_the_same_results_and_usage<B: Backend>() {
    for interruption in [
        Interruption::None,
        Interruption::Deadline,
        Interruption::Fuel,
    ] {
        let mut random = 88_172_645_463_325_252_u64;
        for _ in 0..20 {
            let mut guest = Guest::<B>::new(&config(interruption), |limits| {
                let limits = six(limits);
                match interruption {
                    Interruption::Fuel => limits.fuel(1 << 50),
                    _ => limits,
                }
            });
            let mut memories = Model {
                sizes: [1, 1],
                limit: 6 * PAGE,
                unit: PAGE,
            };
            let mut tables = Model {
                sizes: [1, 1],
                limit: 6,
                unit: 1,
            };
            let mut all_refused = 0;
            for _ in 0..10 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let (name, model, which) = match random % 4 {
                    0 => ("a", &mut memories, 0),
                    1 => ("b", &mut memories, 1),
                    2 => ("t", &mut tables, 0),
                    _ => ("u", &mut tables, 1),
                };
                let by = [0, 1, 1, 1, 2, 2, 3, 5, 65_535, u32::MAX][(random >> 8) as usize % 10];
                let (expected, refused) = model.grow(which, by.into());
                all_refused += u64::from(refused);
                assert_eq!(guest.call(name, by).unwrap(), expected, "{name} {by}");
                let usage = guest.0.usage();
                assert_eq!(usage.growth_refused, all_refused, "{name} {by}");
                assert_eq!(usage.memory, memories.used());
                assert_eq!(usage.memory_peak, memories.used());
                assert_eq!(usage.table_elements, tables.used());
            }
        }
    }
}

/// What tells a test that it runs in a process with little memory.
const INSIDE: &str = "ENGINEBAY_TEST_WITHOUT_ROOM";

pub(crate) fn growths_without_room_on_the_machine_are_errors<B: Backend>() {
    if std::env::var_os(INSIDE).is_some() {
        return without_room::<B>();
    }
    if !cfg!(target_os = "linux") {
        return;
    }
    let name = common::name_of_test::<B>(
        super::TESTS,
        "growths_without_room_on_the_machine_are_errors",
    );
    let output = Command::new("sh")
        // In KiB; what is only reserved does not count.
        .args(["-c", "ulimit -d 1000000 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &name])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

fn without_room<B: Backend>() {
    // Two GiB, which the limits allow.
    for (name, by) in [("b", 32_768), ("u", 1 << 28)] {
        for deterministic in [false, true] {
            let mut config = Config::new();
            config.deterministic(deterministic);
            let mut guest = Guest::<B>::new(&config, |limits| {
                limits.memory(4 << 30).table_elements(1 << 30)
            });
            assert_eq!(guest.call(name, 1).unwrap(), 1);
            let grown = guest.call(name, by);
            if !deterministic {
                assert_eq!(grown.unwrap(), -1, "{name}");
                assert_eq!(guest.call(name, 1).unwrap(), 2, "{name}");
                assert_eq!(guest.0.usage().growth_refused, 0);
                continue;
            }
            let error = grown.unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Engine, "{name}: {error:?}");
            assert!(error.message().contains("has no room"), "{error}");
            let usage = guest.0.usage();
            let (pages, elements) = if name == "b" { (3, 2) } else { (2, 3) };
            assert_eq!(
                (usage.memory, usage.table_elements),
                (pages * PAGE, elements)
            );
            assert_eq!(usage.growth_refused, 0);
            let error = guest.call(name, 1).unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Poisoned { .. }),
                "{error}"
            );
        }
    }
}
