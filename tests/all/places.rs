//! Each limit, and a trap, in each place where a guest's code runs: in exports,
//! start functions, `realloc`, `post-return`, destructors, adapters between
//! components and behind host functions; on every backend and with each
//! interruption that can stop it. Whatever it is and wherever: the error says so,
//! the store is poisoned by it, and other stores go on.

use std::thread;
use std::time::Duration;

use crate::common::on_each_backend;
use crate::common::places::{Place, World};
use enginebay::{Backend, ErrorKind, Interruption, TrapCode};

on_each_backend! {
    a_trap_ends_a_call_wherever_it_happens
    an_exhausted_stack_ends_a_call_wherever_it_happens
    a_memory_limit_ends_a_call_wherever_it_is_met
    a_limit_of_table_elements_refuses_growth_everywhere
    fuel_runs_out_wherever_it_is_consumed
    a_deadline_is_kept_everywhere
    a_cancellation_is_seen_everywhere
}

const ALL: [Interruption; 3] = [
    Interruption::None,
    Interruption::Deadline,
    Interruption::Fuel,
];

/// Interruptions that stop guests by time.
const TIMED: [Interruption; 2] = [Interruption::Deadline, Interruption::Fuel];

fn a_trap_ends_a_call_wherever_it_happens<B: Backend>() {
    for interruption in ALL {
        World::<B>::new(interruption, "(drop (i32.load (i32.const 65536)))").everywhere(
            |limits| limits,
            |_| None,
            |place, error, _, _| {
                let code = Some(TrapCode::MemoryOutOfBounds);
                assert_eq!(error.trap_code(), code, "{place:?}: {error:?}");
                // In a nested call it is the host function's error as well.
                let function = error.context_value("function").is_some();
                assert_eq!(function, place == Place::BehindHost, "{error:?}");
            },
        );
    }
}

fn an_exhausted_stack_ends_a_call_wherever_it_happens<B: Backend>() {
    for interruption in ALL {
        World::<B>::new(interruption, "(call $deep)").everywhere(
            |limits| limits,
            |_| None,
            |place, error, _, _| {
                let code = Some(TrapCode::StackOverflow);
                assert_eq!(error.trap_code(), code, "{place:?}: {error:?}");
            },
        );
    }
}

fn a_memory_limit_ends_a_call_wherever_it_is_met<B: Backend>() {
    // Each instance has two pages to begin with.
    let bad = "(if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))";
    for interruption in ALL {
        World::<B>::new(interruption, bad).everywhere(
            |limits| limits.memory(10 << 16),
            |_| None,
            |place, error, usage, call| {
                // What came before a start function is there by then, no more.
                let before = match place {
                    Place::BehindHost => 4,
                    Place::Start => 1,
                    _ => 2,
                };
                let kind = ErrorKind::MemoryLimit {
                    limit: 10 << 16,
                    requested: (before + 1000) << 16,
                };
                assert_eq!(*error.kind(), kind, "{place:?}: {error:?}");
                let used = (usage.memory, usage.memory_peak, usage.growth_refused);
                assert_eq!(used, (before << 16, before << 16, 1), "{place:?}");
                assert_eq!((call.memory_peak, call.growth_refused), (before << 16, 1));
            },
        );
    }
}

fn a_limit_of_table_elements_refuses_growth_everywhere<B: Backend>() {
    let bad = "(if (i32.eq (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))
        (then unreachable))";
    World::<B>::new(Interruption::Deadline, bad).everywhere(
        |limits| limits.table_elements(100),
        |_| None,
        |place, error, usage, call| {
            assert_eq!(error.trap_code(), Some(TrapCode::Unreachable), "{place:?}");
            assert_eq!(error.context_value("growth_refused"), Some("1"));
            assert_eq!((usage.growth_refused, call.growth_refused), (1, 1));
        },
    );
}

const SPIN: &str = "(loop $again (br $again))";

fn fuel_runs_out_wherever_it_is_consumed<B: Backend>() {
    World::<B>::new(Interruption::Fuel, SPIN).everywhere(
        |limits| limits.fuel(50_000),
        |_| None,
        |place, error, usage, call| {
            let kind = ErrorKind::OutOfFuel { consumed: 50_000 };
            assert_eq!(*error.kind(), kind, "{place:?}: {error:?}");
            assert_eq!(usage.fuel, Some(50_000), "{place:?}");
            assert!(
                call.fuel <= usage.fuel && call.fuel > Some(49_000),
                "{call:?}"
            );
        },
    );
}

const SHORT: Duration = Duration::from_millis(20);

fn a_deadline_is_kept_everywhere<B: Backend>() {
    for interruption in TIMED {
        World::<B>::new(interruption, SPIN).everywhere(
            |limits| limits.deadline(SHORT),
            |_| None,
            |place, error, usage, call| {
                let ErrorKind::DeadlineExceeded { elapsed } = *error.kind() else {
                    panic!("{place:?}: {error:?}");
                };
                assert!(elapsed >= SHORT, "{place:?}: {error:?}");
                assert!(call.time >= Some(elapsed), "{place:?}: {call:?}");
                assert!(usage.time >= call.time, "{place:?}: {usage:?}");
            },
        );
    }
}

fn a_cancellation_is_seen_everywhere<B: Backend>() {
    for interruption in TIMED {
        World::<B>::new(interruption, SPIN).everywhere(
            |limits| limits,
            |store| {
                let handle = store.cancel_handle().unwrap();
                Some(thread::spawn(move || {
                    thread::sleep(SHORT);
                    handle.cancel();
                }))
            },
            |place, error, _, _| {
                assert_eq!(*error.kind(), ErrorKind::Cancelled, "{place:?}: {error:?}");
            },
        );
    }
}
