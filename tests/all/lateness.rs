//! How late deadlines are: figures, for a machine that has nothing else to do. Run
//! it with `cargo test --workspace --test all -- lateness --ignored --nocapture`.

use std::fs;
use std::time::{Duration, Instant};

use crate::common::{Fixture, lift_all};
use enginebay::{Backend, ErrorKind, Interruption};

const DEADLINE: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_millis(300);
const RUNS: usize = 100;

/// What guests do until they are stopped.
const GUESTS: &str = r#"(memory 16)
    (func (export "spin") (loop $again (br $again)))
    (func (export "recurse") (loop $again (call $tree (i32.const 100)) (br $again)))
    (func $tree (param i32)
        (if (local.get 0) (then
            (call $tree (i32.sub (local.get 0) (i32.const 1)))
            (call $tree (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "fill")
        (drop (memory.grow (i32.const 4080)))
        (loop $again
            (memory.fill (i32.const 0) (i32.const 1) (i32.mul (memory.size) (i32.const 65536)))
            (br $again)))
    (func (export "copy")
        (drop (memory.grow (i32.const 4080)))
        (loop $again
            (memory.copy (i32.const 0) (i32.const 1)
                (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)))
            (br $again)))"#;

const NAMES: [&str; 4] = ["spin", "recurse", "fill", "copy"];

macro_rules! tests {
    ($($test:ident)*) => {
        macro_rules! module {
            ($name:ident, $backend:ty) => {
                mod $name {
                    $(
                        #[test]
                        #[ignore = "figures, of a machine that has nothing else to do"]
                        fn $test() {
                            super::$test::<$backend>();
                        }
                    )*
                }
            };
        }
        enginebay::for_each_backend!(module);
    };
}

tests! { deadlines_are_late_by }

fn deadlines_are_late_by<B: Backend>() {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load {}", load.trim());
    let text = lift_all(GUESTS, &NAMES);
    for interruption in [Interruption::Deadline, Interruption::Fuel] {
        for name in NAMES {
            let runs = if name == "spin" { RUNS } else { RUNS / 10 };
            // Time enough for the memory to be there.
            let deadline = if matches!(name, "fill" | "copy") {
                LONG
            } else {
                DEADLINE
            };
            let mut late: Vec<_> = (0..runs)
                .map(|_| {
                    let limits = |limits: enginebay::Limits| limits.deadline(deadline);
                    let mut f = Fixture::<B>::with(&text, interruption, limits).unwrap();
                    let start = Instant::now();
                    let error = f.run(name).unwrap_err();
                    let taken = start.elapsed();
                    assert!(matches!(error.kind(), ErrorKind::DeadlineExceeded { .. }));
                    taken - deadline
                })
                .collect();
            late.sort();
            println!(
                "{} {interruption} {name}: late by {:.2?} in the median, {:.2?} at worst of {runs}",
                B::NAME,
                late[runs / 2],
                late[runs - 1],
            );
        }
    }
}
