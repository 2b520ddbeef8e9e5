//! What calls that wait leave behind, and what they cost. In a process of its
//! own, because threads and mappings are counted.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use common::random::Random;
use common::{block_on, yield_once};
use enginebay::generic::{Caller, Component, Engine, InstancePre, Linker, Store, TypedFunc};
use enginebay::{Backend, Config, HostFuture, Interruption};

/// Calls its import `f` as often as it is told.
const REPEAT: &str = r#"(component
    (import "f" (func $f))
    (core func $f (canon lower (func $f)))
    (core module $m
        (import "" "f" (func $f))
        (func (export "run") (param $n i32)
            (block $end (loop $again
                (br_if $end (i32.eqz (local.get $n)))
                (call $f)
                (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                (br $again)))))
    (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
    (func (export "run") (param "n" u32) (canon lift (core func $i "run"))))"#;

type Run<B> = TypedFunc<B, (u32,), ()>;

fn pre<B: Backend>(
    f: impl for<'a> Fn(Caller<'a, B, ()>) -> HostFuture<'a, ()> + Send + Sync + 'static,
) -> InstancePre<B, ()> {
    let engine = Engine::<B>::new(Config::new().interruption(Interruption::None)).unwrap();
    let mut linker = Linker::new(&engine);
    let root = &mut linker.root();
    root.func_wrap_async("f", move |caller, ()| f(caller))
        .unwrap();
    let component = Component::new(&engine, REPEAT).unwrap();
    linker.instantiate_pre(&component).unwrap()
}

fn instance<B: Backend>(pre: &InstancePre<B, ()>) -> (Store<B, ()>, Run<B>) {
    let mut store = Store::new_async(pre.engine(), ()).unwrap();
    let instance = block_on(pre.instantiate_async(&mut store)).unwrap();
    let run = instance.get_typed_func(&mut store, "run").unwrap();
    (store, run)
}

/// Threads of this process, and mappings.
fn counts() -> (usize, usize) {
    let threads = fs::read_dir("/proc/self/task").unwrap().count();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    (threads, maps.lines().count())
}

/// A number of kilobytes in `/proc/self/status`.
fn status(key: &str) -> usize {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Makes calls and drops each at another point.
fn drop_calls<B: Backend>(pre: &InstancePre<B, ()>, count: &AtomicUsize, random: &mut Random) {
    let mut stores: Vec<_> = (0..20).map(|_| instance(pre)).collect();
    let mut calls: Vec<_> = stores
        .iter_mut()
        .map(|(store, run)| Box::pin(run.call_async(store, (100,))))
        .collect();
    while !calls.is_empty() {
        let at = random.below(calls.len());
        let polled = calls[at]
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        if random.below(8) == 0 {
            drop(calls.swap_remove(at));
        }
    }
    assert_eq!(count.load(Ordering::Relaxed), 0, "futures are left");
}

fn leaves_nothing<B: Backend>() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let pre = pre::<B>(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        let alive = Alive(counted.clone());
        HostFuture::new(async move {
            let _alive = alive;
            yield_once().await;
            Ok(())
        })
    });
    let (before, _) = counts();
    let mut random = Random(7);
    // Allocators and engines keep what they may need again.
    for _ in 0..5 {
        drop_calls(&pre, &count, &mut random);
    }
    let settle = |wanted: &dyn Fn(usize, usize) -> bool, what: &str| {
        let start = Instant::now();
        loop {
            let (threads, maps) = counts();
            if wanted(threads, maps) {
                return maps;
            }
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{}: {what}: {before} threads before; {threads} threads, {maps} mappings",
                B::NAME
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let maps = settle(
        &|threads, _| threads <= before,
        "threads after the first calls",
    );
    for _ in 0..25 {
        drop_calls(&pre, &count, &mut random);
    }
    // A mapping or two may be split or merged; 500 calls were dropped.
    let fits = |threads, now| threads <= before && now <= maps + 8;
    settle(&fits, &format!("{maps} mappings after the first calls"));
}

#[test]
fn dropped_calls_leave_no_thread_and_no_mapping() {
    macro_rules! each {
        ($name:ident, $backend:ty) => {
            leaves_nothing::<$backend>();
        };
    }
    enginebay::for_each_backend!(each);
}

const IN_FLIGHT: usize = 1000;

fn in_flight<B: Backend>() {
    let pre = pre::<B>(|_| {
        HostFuture::new(async {
            yield_once().await;
            Ok(())
        })
    });
    let mut stores: Vec<_> = (0..IN_FLIGHT).map(|_| instance(&pre)).collect();
    std::thread::sleep(Duration::from_millis(200));
    let (threads, maps) = counts();
    let (resident, size) = (status("VmRSS:"), status("VmSize:"));
    let start = Instant::now();
    let mut calls: Vec<_> = stores
        .iter_mut()
        .map(|(store, run)| Box::pin(run.call_async(store, (2,))))
        .collect();
    let mut poll = || -> usize {
        let context = &mut Context::from_waker(Waker::noop());
        let polled = calls.iter_mut().map(|call| call.as_mut().poll(context));
        polled
            .filter(|poll| matches!(poll, Poll::Ready(Ok(()))))
            .count()
    };
    assert_eq!(poll(), 0);
    let begun = start.elapsed();
    let (threads_now, maps_now) = counts();
    let (resident_now, size_now) = (status("VmRSS:"), status("VmSize:"));
    let start = Instant::now();
    assert_eq!(poll(), 0);
    let resumed = start.elapsed();
    let start = Instant::now();
    assert_eq!(poll(), IN_FLIGHT);
    let ended = start.elapsed();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / IN_FLIGHT as f64;
    println!(
        "{}: {} threads, {} mappings, {:.1} KiB resident and {:.0} KiB of addresses per call; \
         begin {:.1} us, suspend again {:.1} us, end {:.1} us",
        B::NAME,
        threads_now - threads,
        maps_now - maps,
        (resident_now - resident) as f64 / IN_FLIGHT as f64,
        (size_now - size) as f64 / IN_FLIGHT as f64,
        each(begun),
        each(resumed),
        each(ended),
    );
}

fn hand_over<B: Backend>() {
    let time = |suspends: bool| {
        let pre = pre::<B>(move |_| {
            HostFuture::new(async move {
                if suspends {
                    yield_once().await;
                }
                Ok(())
            })
        });
        let (mut store, run) = instance(&pre);
        let mut calls = |n: u32| {
            let start = Instant::now();
            let mut call = Box::pin(run.call_async(&mut store, (n,)));
            let context = &mut Context::from_waker(Waker::noop());
            while call.as_mut().poll(context).is_pending() {}
            start.elapsed().as_nanos() as f64
        };
        let few: f64 = (0..20).map(|_| calls(0)).fold(f64::MAX, f64::min);
        let many = (0..5).map(|_| calls(2000)).fold(f64::MAX, f64::min);
        ((many - few) / 2000.0, few)
    };
    let ((ready, call), (suspends, _)) = (time(false), time(true));
    println!(
        "{}: a call {call:.0} ns; a host function that is ready {ready:.0} ns, that suspends \
         once {suspends:.0} ns",
        B::NAME
    );
}

#[test]
#[ignore = "measures: cargo test --test async_cost -- --ignored --nocapture --test-threads 1"]
fn cost_of_waiting() {
    macro_rules! each {
        ($name:ident, $backend:ty) => {
            in_flight::<$backend>();
            hand_over::<$backend>();
        };
    }
    enginebay::for_each_backend!(each);
}
