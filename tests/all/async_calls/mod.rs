//! Calls that wait, on every backend: the caller's executor goes on, calls that
//! are dropped or leaked leave nothing that could run, and asynchronous host
//! functions work wherever a guest can call one.

mod dropped;
mod nested;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::common::{block_on, engine, on_each_backend_and_any, yield_once};
use dropped::*;
use enginebay::generic::{Caller, Component, Engine, Instance, Linker, Store, TypedFunc};
use enginebay::{
    Backend, Config, Error, ErrorKind, HostCall, HostFuture, Interruption, ResourceAny,
};
use nested::*;

on_each_backend_and_any! {
    a_hundred_calls_wait_at_once
    a_host_functions_code_runs_where_the_caller_polls
    dropped_calls_leave_nothing_behind
    a_leaked_call_and_its_store_can_be_forgotten
    start_functions_wait
    destructors_of_guests_wait
    composed_components_wait
    host_functions_call_other_instances_and_stores
    an_error_in_a_nested_call_comes_back
    a_nested_panic_resumes_in_the_caller
    a_nested_call_can_be_dropped
    a_future_that_panics_when_it_is_dropped_harms_nothing
    a_synchronous_host_function_blocks_on_a_call
    spurious_polls_do_no_harm
    a_waiting_call_is_cancelled
    a_call_moves_between_threads
    the_last_definition_of_a_name_counts_with_and_without_a_guard
    a_call_that_gets_no_stack_is_an_error
}

/// Calls its import `f` from its export `run`.
const CALL_F: &str = r#"(component
    (import "f" (func $f))
    (core func $f (canon lower (func $f)))
    (core module $m
        (import "" "f" (func $f))
        (func (export "run") (call $f) (call $f)))
    (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
    (func (export "run") (canon lift (core func $i "run"))))"#;

type Run<B> = TypedFunc<B, (), ()>;

fn linker<B: Backend, T: Send + 'static>(
    engine: &Engine<B>,
    f: impl for<'a> Fn(Caller<'a, B, T>) -> HostFuture<'a, ()> + Send + Sync + 'static,
) -> Linker<B, T> {
    let mut linker = Linker::new(engine);
    linker
        .root()
        .func_wrap_async("f", move |caller, ()| f(caller))
        .unwrap();
    linker
}

fn run_of<B: Backend, T: Send + 'static>(
    instance: &Instance<B>,
    store: &mut Store<B, T>,
) -> Run<B> {
    instance.get_typed_func(store, "run").unwrap()
}

/// A store with an instance of `text`.
fn one<B: Backend, T: Send + 'static>(
    linker: &Linker<B, T>,
    text: &str,
    data: T,
) -> (Store<B, T>, Instance<B>) {
    let component = Component::new(linker.engine(), text).unwrap();
    let mut store = Store::new_async(linker.engine(), data).unwrap();
    let instance = block_on(linker.instantiate_async(&mut store, &component)).unwrap();
    (store, instance)
}

fn plain<B: Backend>() -> Engine<B> {
    engine::<B>(Interruption::None)
}

/// A future that can be polled by hand.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn a_hundred_calls_wait_at_once<B: Backend>() {
    const CALLS: usize = 100;
    let engine = plain::<B>();
    // Each call waits once.
    let linker = linker::<B, bool>(&engine, |mut caller| {
        HostFuture::new(async move {
            if !std::mem::replace(caller.data_mut(), true) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        })
    });
    let mut calls = Vec::new();
    let component = Component::new(&engine, CALL_F).unwrap();
    let pre = linker.instantiate_pre(&component).unwrap();
    for _ in 0..CALLS {
        let mut store = Store::new_async(&engine, false).unwrap();
        let instance = block_on(pre.instantiate_async(&mut store)).unwrap();
        let run = run_of(&instance, &mut store);
        calls.push((store, run));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let (time, ticks) = runtime.block_on(tokio::task::LocalSet::new().run_until(async {
        let ticks = Arc::new(AtomicUsize::new(0));
        let ticking = ticks.clone();
        let ticker = tokio::task::spawn_local(async move {
            let mut interval = tokio::time::interval(Duration::from_millis(5));
            loop {
                interval.tick().await;
                ticking.fetch_add(1, Ordering::Relaxed);
            }
        });
        let start = Instant::now();
        let tasks: Vec<_> = calls
            .into_iter()
            .map(|(mut store, run)| {
                tokio::task::spawn_local(async move { run.call_async(&mut store, ()).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let time = start.elapsed();
        ticker.abort();
        (time, ticks.load(Ordering::Relaxed))
    }));
    assert!(time >= Duration::from_millis(50), "{time:?}");
    assert!(time < Duration::from_millis(500), "{time:?}");
    // While the calls waited, the other task went on.
    assert!(ticks >= 3, "{ticks} ticks in {time:?}");
}

/// All of a host function, not its `async` block alone, has the caller's runtime.
fn a_host_functions_code_runs_where_the_caller_polls<B: Backend>() {
    let engine = plain::<B>();
    let linker = linker::<B, ()>(&engine, |_| {
        let sleep = tokio::time::sleep(Duration::from_millis(1));
        HostFuture::new(async move {
            sleep.await;
            Ok(())
        })
    });
    let (mut store, instance) = one(&linker, CALL_F, ());
    let run = run_of(&instance, &mut store);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(run.call_async(&mut store, ())).unwrap();
}

/// Waits a few polls, and counts how often it was called.
fn counting<B: Backend>(engine: &Engine<B>) -> Linker<B, u32> {
    linker::<B, u32>(engine, |mut caller| {
        HostFuture::new(async move {
            yield_once().await;
            *caller.data_mut() += 1;
            yield_once().await;
            Ok(())
        })
    })
}

fn start_functions_wait<B: Backend>() {
    const START: &str = r#"(component
        (import "f" (func $f))
        (core func $f (canon lower (func $f)))
        (core module $m (import "" "f" (func $f)) (start $f))
        (core instance $i (instantiate $m (with "" (instance (export "f" (func $f)))))))"#;
    let engine = plain::<B>();
    let (store, _) = one(&counting(&engine), START, 0);
    assert_eq!(*store.data(), 1);

    // Dropped in the middle, and failing.
    let component = Component::new(&engine, START).unwrap();
    let linker = counting(&engine);
    let mut store = Store::new_async(&engine, 0).unwrap();
    {
        let mut start = pin!(linker.instantiate_async(&mut store, &component));
        assert!(poll_once(start.as_mut()).is_pending());
    }
    assert_eq!(store.poisoned(), Some(&ErrorKind::Cancelled));
    assert_eq!(*store.data(), 0);

    let linker = self::linker::<B, u32>(&engine, |_| {
        HostFuture::new(async {
            yield_once().await;
            Err(Error::host(std::fmt::Error))
        })
    });
    let mut store = Store::new_async(&engine, 0).unwrap();
    let error = block_on(linker.instantiate_async(&mut store, &component)).unwrap_err();
    assert!(error.downcast_ref::<std::fmt::Error>().is_some());
}

/// Its destructor calls `f`. The guest drops a resource itself in `run`.
const DESTRUCTOR: &str = r#"(component
    (import "f" (func $f))
    (core func $f (canon lower (func $f)))
    (core module $d (import "" "f" (func $f)) (func (export "dtor") (param i32) (call $f)))
    (core instance $d (instantiate $d (with "" (instance (export "f" (func $f))))))
    (type $r' (resource (rep i32) (dtor (func $d "dtor"))))
    (core func $new (canon resource.new $r'))
    (core func $drop (canon resource.drop $r'))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "make") (result i32) (call $new (i32.const 1)))
        (func (export "run") (call $drop (call $new (i32.const 1)))))
    (core instance $i (instantiate $m (with "" (instance
        (export "new" (func $new)) (export "drop" (func $drop))))))
    (export $r "r" (type $r'))
    (func (export "make") (result (own $r)) (canon lift (core func $i "make")))
    (func (export "run") (canon lift (core func $i "run"))))"#;

fn destructors_of_guests_wait<B: Backend>() {
    let engine = plain::<B>();
    let linker = counting(&engine);
    let (mut store, instance) = one(&linker, DESTRUCTOR, 0);
    let run = run_of(&instance, &mut store);
    block_on(run.call_async(&mut store, ())).unwrap();
    assert_eq!(*store.data(), 1);

    let make = instance
        .get_typed_func::<(), (ResourceAny,)>(&mut store, "make")
        .unwrap();
    let (handle,) = block_on(make.call_async(&mut store, ())).unwrap();
    block_on(handle.resource_drop_async(&mut store)).unwrap();
    assert_eq!(*store.data(), 2);

    // Dropped while the destructor waits.
    let (handle,) = block_on(make.call_async(&mut store, ())).unwrap();
    {
        let mut call = pin!(handle.resource_drop_async(&mut store));
        assert!(poll_once(call.as_mut()).is_pending());
    }
    assert_eq!(store.poisoned(), Some(&ErrorKind::Cancelled));
}

/// The outer component's core code calls the inner's through an adapter, whose
/// host function waits.
fn composed_components_wait<B: Backend>() {
    const COMPOSED: &str = r#"(component
        (import "f" (func $f))
        (component $inner
            (import "f" (func $f))
            (core func $f (canon lower (func $f)))
            (core module $m
                (import "" "f" (func $f))
                (func (export "g") (param i32) (result i32)
                    (call $f)
                    (i32.add (local.get 0) (i32.const 1))))
            (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
            (func (export "g") (param "x" u32) (result u32) (canon lift (core func $i "g"))))
        (component $outer
            (import "g" (func $g (param "x" u32) (result u32)))
            (core func $g (canon lower (func $g)))
            (core module $m
                (import "" "g" (func $g (param i32) (result i32)))
                (func (export "run") (if (i32.ne (call $g (i32.const 6)) (i32.const 7))
                    (then unreachable))))
            (core instance $i (instantiate $m (with "" (instance (export "g" (func $g))))))
            (func (export "run") (canon lift (core func $i "run"))))
        (instance $a (instantiate $inner (with "f" (func $f))))
        (instance $b (instantiate $outer (with "g" (func $a "g"))))
        (export "run" (func $b "run")))"#;
    let engine = plain::<B>();
    let (mut store, instance) = one(&counting(&engine), COMPOSED, 0);
    let run = run_of(&instance, &mut store);
    block_on(run.call_async(&mut store, ())).unwrap();
    assert_eq!(*store.data(), 1);
    {
        let mut call = pin!(run.call_async(&mut store, ()));
        assert!(poll_once(call.as_mut()).is_pending());
    }
    let error = block_on(run.call_async(&mut store, ())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Poisoned { .. }));
}

fn a_synchronous_host_function_blocks_on_a_call<B: Backend>() {
    let engine = plain::<B>();
    let mut linker = Linker::<B, Option<Run<B>>>::new(&engine);
    linker
        .root()
        .func_wrap(
            "f",
            |mut caller: Caller<'_, B, Option<Run<B>>>, ()| match caller.data_mut().take() {
                Some(next) => block_on(next.call_async(&mut caller, ())),
                None => Ok(()),
            },
        )
        .unwrap();
    // The store has an asynchronous function, too.
    linker
        .root()
        .func_wrap_async("g", |_, ()| HostFuture::new(async { Ok(()) }))
        .unwrap();
    let component = Component::new(&engine, CALL_F).unwrap();
    let (mut store, instance) = one(&linker, CALL_F, None);
    let run = run_of(&instance, &mut store);
    let other = block_on(linker.instantiate_async(&mut store, &component)).unwrap();
    *store.data_mut() = Some(run_of(&other, &mut store));
    block_on(run.call_async(&mut store, ())).unwrap();
    assert!(store.data().is_none());
    assert_eq!(store.usage().host_calls, 4);
}

fn spurious_polls_do_no_harm<B: Backend>() {
    let engine = plain::<B>();
    let linker = linker::<B, u32>(&engine, |mut caller| {
        *caller.data_mut() += 1;
        HostFuture::new(async {
            let mut polls = 0;
            std::future::poll_fn(move |_| {
                polls += 1;
                if polls > 50 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            Ok(())
        })
    });
    let (mut store, instance) = one(&linker, CALL_F, 0);
    let run = run_of(&instance, &mut store);
    let mut call = Box::pin(run.call_async(&mut store, ()));
    for _ in 0..100 {
        assert!(poll_once(call.as_mut()).is_pending());
    }
    assert!(matches!(poll_once(call.as_mut()), Poll::Ready(Ok(()))));
    // As any other future's, a poll after the end is a mistake that is found.
    let after = catch_unwind(AssertUnwindSafe(|| poll_once(call.as_mut()).is_ready()));
    assert!(after.is_err());
    drop(call);
    assert_eq!(*store.data(), 2);
    assert!(store.poisoned().is_none());
}

fn a_waiting_call_is_cancelled<B: Backend>() {
    let engine = engine::<B>(Interruption::Deadline);
    let linker = linker::<B, ()>(&engine, |_| HostFuture::new(std::future::pending()));
    let (mut store, instance) = one(&linker, CALL_F, ());
    let run = run_of(&instance, &mut store);
    let handle = store.cancel_handle().unwrap();
    let mut call = Box::pin(run.call_async(&mut store, ()));
    assert!(poll_once(call.as_mut()).is_pending());
    handle.cancel();
    let error = block_on(call).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Cancelled);
}

fn a_call_moves_between_threads<B: Backend>() {
    let engine = plain::<B>();
    let (mut store, instance) = one(&counting(&engine), CALL_F, 0);
    let run = run_of(&instance, &mut store);
    let mut call = Box::pin(run.call_async(&mut store, ()));
    for _ in 0..4 {
        call = std::thread::scope(|scope| {
            let poll = move || {
                assert!(poll_once(call.as_mut()).is_pending());
                call
            };
            scope.spawn(poll).join().unwrap()
        });
    }
    std::thread::scope(|scope| scope.spawn(|| block_on(call)).join().unwrap()).unwrap();
    assert_eq!(*store.data(), 2);
}

/// A backend may keep two forms of an asynchronous function, one for stores
/// whose calls nobody looks at.
fn the_last_definition_of_a_name_counts_with_and_without_a_guard<B: Backend>() {
    type Define<B> = fn(&mut Linker<B, Vec<&'static str>>) -> Result<(), Error>;
    let first: Define<B> = |linker| {
        linker.root().func_wrap_async("f", |mut caller, ()| {
            caller.data_mut().push("first");
            HostFuture::new(async { Ok(()) })
        })
    };
    let second: Define<B> = |linker| {
        linker.root().func_wrap_async("f", |mut caller, ()| {
            HostFuture::new(async move {
                yield_once().await;
                caller.data_mut().push("second");
                Ok(())
            })
        })
    };
    let sync: Define<B> = |linker| {
        linker.root().func_wrap("f", |mut caller, ()| {
            caller.data_mut().push("sync");
            Ok(())
        })
    };
    let instance: Define<B> = |linker| {
        linker
            .instance("f")?
            .func_wrap_async("f", |_, ()| HostFuture::new(async { Ok(()) }))
    };
    let engine = plain::<B>();
    let component = Component::new(&engine, CALL_F).unwrap();
    let cases: [(&[Define<B>], &str); 6] = [
        (&[first], "first"),
        (&[first, second], "second"),
        (&[first, sync], "sync"),
        (&[sync, first], "first"),
        (&[second, instance, first], "first"),
        (&[instance, sync], "sync"),
    ];
    for (place, (definitions, expected)) in cases.into_iter().enumerate() {
        let mut linker = Linker::<B, Vec<&'static str>>::new(&engine);
        linker.allow_shadowing(true);
        for define in definitions {
            // Resolving in between must not freeze what there is.
            let _ = linker.instantiate_pre(&component);
            define(&mut linker).unwrap();
        }
        let pre = linker.instantiate_pre(&component).unwrap();
        for guarded in [false, true] {
            let mut builder = Store::builder(&engine);
            let calls = Arc::new(AtomicUsize::new(0));
            if guarded {
                let calls = calls.clone();
                builder = builder.guard(move |_: &HostCall<'_>| {
                    calls.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                });
            }
            let mut store = builder.build_async(Vec::new()).unwrap();
            let instance = block_on(pre.instantiate_async(&mut store)).unwrap();
            let run = run_of(&instance, &mut store);
            block_on(run.call_async(&mut store, ())).unwrap();
            assert_eq!(*store.data(), [expected; 2], "case {place}");
            assert_eq!(store.usage().host_calls, 2);
            assert_eq!(calls.load(Ordering::Relaxed), if guarded { 2 } else { 0 });
        }
    }
}

/// A call whose guest may wait needs a stack of its own, on the layered backends
/// that of a thread. Here none is to be had: no system has so many addresses.
fn a_call_that_gets_no_stack_is_an_error<B: Backend>() {
    const PLAIN: &str = r#"(component
        (core module $m (func (export "run")))
        (core instance $i (instantiate $m))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    let mut config = Config::new();
    config
        .interruption(Interruption::None)
        .max_stack(isize::MAX as usize >> 4);
    let engine = Engine::<B>::new(&config).unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let linker = linker::<B, ()>(&engine, {
        let calls = calls.clone();
        move |_| {
            calls.fetch_add(1, Ordering::Relaxed);
            HostFuture::new(std::future::ready(Ok(())))
        }
    });
    let plain = Component::new(&engine, PLAIN).unwrap();
    let component = Component::new(&engine, CALL_F).unwrap();

    // Some engines have all guests on such stacks. The others run one that never
    // waits.
    let mut sync = Store::new(&engine, ()).unwrap();
    let instance = Linker::new(&engine).instantiate(&mut sync, &plain).unwrap();
    let ran = run_of(&instance, &mut sync).call(&mut sync, ());
    if let Err(error) = &ran {
        assert_eq!(*error.kind(), ErrorKind::Engine, "{error:?}");
        assert_eq!(sync.poisoned(), Some(&ErrorKind::Engine));
    }

    let mut store = Store::new_async(&engine, ()).unwrap();
    let before = Linker::<B, ()>::new(&engine);
    let before = block_on(before.instantiate_async(&mut store, &plain)).unwrap();
    let begin = async |store: &mut Store<B, ()>| {
        let instance = linker.instantiate_async(&mut *store, &component).await?;
        run_of(&instance, store).call_async(store, ()).await
    };
    let error = block_on(begin(&mut store)).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Engine, "{error:?}");
    assert!(error.to_string().contains("os error"), "{error}");
    assert_eq!(calls.load(Ordering::Relaxed), 0, "the guest ran");
    if B::support().native {
        // The engine does not say how far it came.
        assert_eq!(store.poisoned(), Some(&ErrorKind::Engine));
        return;
    }
    // No guest was entered: the store is as it was.
    assert_eq!(store.poisoned(), None);
    let error = block_on(begin(&mut store)).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Engine, "{error:?}");
    let again = block_on(run_of(&before, &mut store).call_async(&mut store, ()));
    assert_eq!(again.is_ok(), ran.is_ok(), "{again:?}");
}
