//! A hundred components on eight threads, on all backends at once in one process:
//! they trap, run out of what they have, fail in the host and finish, at random
//! from a fixed seed. Stores move between threads meanwhile, and each result is
//! checked.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::common::engine;
use crate::common::random::Random;
use enginebay::generic::{Component, Engine, Instance, InstancePre, Linker, Store};
use enginebay::{Backend, Error, ErrorKind, Interruption, Limits, TrapCode};

const COMPONENTS: u32 = 100;
const THREADS: u64 = 8;
const STEPS: usize = 400;

/// Traps by what they are and what does it.
const TRAPS: [(&str, &str, TrapCode); 6] = [
    ("unreachable", "unreachable", TrapCode::Unreachable),
    (
        "load",
        "(drop (i32.load (i32.const 0x7fffffff)))",
        TrapCode::MemoryOutOfBounds,
    ),
    (
        "divide",
        "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
        TrapCode::IntegerDivisionByZero,
    ),
    (
        "convert",
        "(drop (i32.trunc_f64_u (f64.const nan)))",
        TrapCode::BadConversionToInteger,
    ),
    (
        "null",
        "(call_indirect (i32.const 1))",
        TrapCode::IndirectCallToNull,
    ),
    ("deep", "(call $deep) (call $deep)", TrapCode::StackOverflow),
];

/// Counts its calls in its memory, and mixes the count with a number of its own.
fn guest(number: u32) -> String {
    let mut module = format!(
        r#"(import "" "host" (func $host (param i32)))
        (memory 1)
        (table 2 funcref)
        (func (export "next") (result i32)
            (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
            (i32.mul (i32.const {number}) (i32.load (i32.const 8))))
        (func (export "spin") (loop $again (br $again)))
        (func (export "grow")
            (if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable)))
        (func (export "host") (param i32) (call $host (local.get 0)))"#
    );
    let mut lifts = String::from(
        r#"(func (export "next") (result u32) (canon lift (core func $i "next")))
        (func (export "host") (param "how" u32) (canon lift (core func $i "host")))
        (func (export "spin") (canon lift (core func $i "spin")))
        (func (export "grow") (canon lift (core func $i "grow")))"#,
    );
    for (name, body, _) in TRAPS {
        module += &format!("(func ${name} (export \"{name}\") {body})");
        lifts += &format!("(func (export \"{name}\") (canon lift (core func $i \"{name}\")))");
    }
    format!(
        r#"(component
        (import "host" (func $host (param "how" u32)))
        (core func $host (canon lower (func $host)))
        (core module $m {module})
        (core instance $i (instantiate $m (with "" (instance (export "host" (func $host))))))
        {lifts})"#
    )
}

/// A store with an instance, and what is known of it.
struct Live<B: Backend> {
    store: Store<B, ()>,
    instance: Instance<B>,
    number: u32,
    calls: u32,
    has_fuel: bool,
}

/// Components of one backend, and stores that no thread has just now.
struct Set<B: Backend> {
    components: Vec<(u32, InstancePre<B, ()>, Engine<B>)>,
    idle: Mutex<Vec<Live<B>>>,
}

/// What threads do with a set, whatever the backend.
trait Steps: Sync {
    fn step(&self, random: &mut Random);
}

/// What a host function does.
const FAILS: u32 = 1;
const PANICS: u32 = 2;

const DEADLINE: Duration = Duration::from_millis(10);
const FUEL: u64 = 1_000_000;
const MEMORY: u64 = 4 << 16;

impl<B: Backend> Set<B> {
    fn new(numbers: impl Iterator<Item = u32>) -> Self {
        let engines = [Interruption::Deadline, Interruption::Fuel].map(engine::<B>);
        let linkers = engines.map(|engine| {
            let mut linker = Linker::<B, ()>::new(&engine);
            linker
                .root()
                .func_wrap("host", |_, (how,): (u32,)| match how {
                    FAILS => Err(Error::host(std::fmt::Error)),
                    // As a panic, without a message on the way.
                    PANICS => resume_unwind(Box::new(7_u8)),
                    _ => Ok(()),
                })
                .unwrap();
            linker
        });
        let components = numbers.map(|number| {
            let linker = &linkers[number as usize / 4 % 2];
            let component = Component::new(linker.engine(), guest(number)).unwrap();
            let pre = linker.instantiate_pre(&component).unwrap();
            (number, pre, linker.engine().clone())
        });
        Set {
            components: components.collect(),
            idle: Mutex::default(),
        }
    }

    fn begin(&self, random: &mut Random) -> Live<B> {
        let (number, pre, engine) = &self.components[random.below(self.components.len())];
        let has_fuel = engine.interruption() == Interruption::Fuel;
        let limits: Limits = engine
            .default_limits()
            .memory(MEMORY)
            .deadline(DEADLINE * 1000);
        let limits = if has_fuel { limits.fuel(FUEL) } else { limits };
        let mut store = Store::<B, ()>::builder(engine)
            .limits(limits)
            .build(())
            .unwrap();
        let instance = pre.instantiate(&mut store).unwrap();
        Live {
            store,
            instance,
            number: *number,
            calls: 0,
            has_fuel,
        }
    }
}

impl<B: Backend> Live<B> {
    fn run(&mut self, name: &str) -> Result<(), Error> {
        let run = self
            .instance
            .get_typed_func::<(), ()>(&mut self.store, name);
        run.unwrap().call(&mut self.store, ())
    }

    fn host(&mut self, how: u32) -> Result<(), Error> {
        let host = self
            .instance
            .get_typed_func::<(u32,), ()>(&mut self.store, "host");
        host.unwrap().call(&mut self.store, (how,))
    }

    /// Calls that work.
    fn go_on(&mut self, times: usize) {
        let next = self
            .instance
            .get_typed_func::<(), (u32,)>(&mut self.store, "next");
        let next = next.unwrap();
        for _ in 0..times {
            self.calls += 1;
            let expected = self.number.wrapping_mul(self.calls);
            assert_eq!(next.call(&mut self.store, ()).unwrap(), (expected,));
        }
        self.host(0).unwrap();
        assert_eq!(self.store.poisoned(), None);
    }

    /// One end of many. Says which.
    fn end(mut self, random: &mut Random) {
        let is_kind = |error: Error, kind: ErrorKind| assert_eq!(*error.kind(), kind, "{error:?}");
        let mut kind = None;
        match random.below(12) {
            0 => {
                let error = self.host(FAILS).unwrap_err();
                assert!(
                    error.downcast_ref::<std::fmt::Error>().is_some(),
                    "{error:?}"
                );
                is_kind(error, ErrorKind::Host);
            }
            1 => {
                let panic = catch_unwind(AssertUnwindSafe(|| self.host(PANICS))).unwrap_err();
                assert_eq!(panic.downcast_ref::<u8>(), Some(&7));
                kind = Some(ErrorKind::HostPanic);
            }
            2 => {
                let (limit, requested) = (MEMORY, 101 << 16);
                is_kind(
                    self.run("grow").unwrap_err(),
                    ErrorKind::MemoryLimit { limit, requested },
                );
            }
            3 if self.has_fuel => {
                self.store.set_fuel(10_000).unwrap();
                let consumed = 10_000;
                is_kind(
                    self.run("spin").unwrap_err(),
                    ErrorKind::OutOfFuel { consumed },
                );
            }
            3 => {
                let handle = self.store.cancel_handle().unwrap();
                let error = thread::scope(|scope| {
                    scope.spawn(|| {
                        thread::sleep(DEADLINE);
                        handle.cancel();
                    });
                    self.run("spin").unwrap_err()
                });
                is_kind(error, ErrorKind::Cancelled);
                kind = self.store.poisoned().cloned();
            }
            // It was not worth its own end: it goes as it is.
            4 => return self.go_on(1),
            _ => {
                let (name, _, code) = TRAPS[random.below(TRAPS.len())];
                is_kind(self.run(name).unwrap_err(), ErrorKind::Trap(code));
                kind = Some(ErrorKind::Trap(code));
            }
        }
        if let Some(kind) = kind {
            assert_eq!(self.store.poisoned(), Some(&kind));
        }
        if self.store.poisoned().is_some() {
            let error = self.run("grow").unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Poisoned { .. }),
                "{error:?}"
            );
        }
    }
}

impl<B: Backend> Steps for Set<B> {
    fn step(&self, random: &mut Random) {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let live = {
            let mut idle = idle();
            // Some of them, so that they get old.
            (idle.len() > 20).then(|| {
                let at = random.below(idle.len());
                idle.swap_remove(at)
            })
        };
        let mut live = live.unwrap_or_else(|| self.begin(random));
        live.go_on(random.below(5));
        if random.below(2) == 0 {
            live.end(random);
        } else {
            idle().push(live);
        }
    }
}

#[test]
fn a_hundred_components_crash_and_finish_on_all_backends_at_once() {
    let mut backends = 0;
    macro_rules! count {
        ($name:ident, $backend:ty) => {
            backends += 1;
        };
    }
    enginebay::for_each_backend!(count);
    let mut sets: Vec<Box<dyn Steps>> = Vec::new();
    macro_rules! make {
        ($name:ident, $backend:ty) => {
            let this = sets.len() as u32;
            let numbers = (1..=COMPONENTS).filter(|number| number % backends == this);
            sets.push(Box::new(Set::<$backend>::new(numbers)));
        };
    }
    enginebay::for_each_backend!(make);
    thread::scope(|scope| {
        for seed in 0..THREADS {
            let sets = &sets;
            scope.spawn(move || {
                let mut random = Random(seed);
                for _ in 0..STEPS {
                    sets[random.below(sets.len())].step(&mut random);
                }
            });
        }
    });
}
