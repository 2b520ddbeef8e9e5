//! Calls whose futures are leaked after they were polled: nobody tells the store
//! that they ended, and it must find out. Apart from the other tests, because
//! one of these counts interrupts in the whole process.

#[allow(dead_code, reason = "other tests use the rest")]
mod nothing;

use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use enginebay_core::{
    AsContextMut, Component, Config, Engine, Error, ErrorKind, HostFuture, Interruption, Limits,
    Linker, Store, TypedFunc,
};
use nothing::{INTERRUPTS, Nothing};

type Export = TypedFunc<Nothing, (), ()>;
type Data = Option<Export>;

/// One test at a time: each has an engine that counts its interrupts.
fn alone() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Polls a call once and forgets it, with its loan of the store.
fn leak(call: impl Future<Output = Result<(), Error>>) {
    let mut call = Box::pin(call);
    let poll = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll.is_pending());
    mem::forget(call);
}

fn ready<T>(future: impl Future<Output = T>) -> T {
    match Box::pin(future)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

/// A store with two instances, and their functions that call `f`. That leaks a
/// call of the function in the store's data, or waits for ever.
fn store(interruption: Interruption) -> (Store<Nothing, Data>, Export, Export) {
    let mut config = Config::new();
    config.interruption(interruption);
    let engine = Engine::<Nothing>::new(&config).unwrap();
    let mut linker = Linker::<Nothing, Data>::new(&engine);
    linker
        .root()
        .func_wrap_async("f", |mut caller, ()| {
            HostFuture::new(async move {
                match caller.data_mut().take() {
                    Some(other) => leak(other.call_async(&mut caller, ())),
                    None => std::future::pending().await,
                }
                Ok(())
            })
        })
        .unwrap();
    let component = Component::new(&engine, b"\0asm\x0d\0\x01\0").unwrap();
    let limits = match interruption {
        Interruption::Fuel => Limits::new().fuel(1000),
        Interruption::Deadline => Limits::new(),
        _ => Limits::new().deadline(None),
    };
    let builder = Store::<Nothing, Data>::builder(&engine).limits(limits);
    let mut store = builder.build_async(None).unwrap();
    let [a, b] = [(); 2].map(|()| {
        let instance = ready(linker.instantiate_async(&mut store, &component)).unwrap();
        instance.get_typed_func(&mut store, "host").unwrap()
    });
    (store, a, b)
}

fn is_poisoned(error: &Error) -> bool {
    let by = Box::new(ErrorKind::Cancelled);
    *error.kind() == ErrorKind::Poisoned { by }
}

#[test]
fn a_leaked_call_poisons_as_a_dropped_one_does() {
    let _alone = alone();
    for interruption in [
        Interruption::None,
        Interruption::Deadline,
        Interruption::Fuel,
    ] {
        let (mut store, a, b) = store(interruption);
        leak(a.call_async(&mut store, ()));
        assert_eq!(store.poisoned(), Some(&ErrorKind::Cancelled));
        for func in [a, b] {
            let error = ready(func.call_async(&mut store, ())).unwrap_err();
            assert!(is_poisoned(&error), "{interruption:?}: {error}");
        }
        assert_eq!(store.poisoned(), Some(&ErrorKind::Cancelled));
        let usage = store.last_call_usage();
        let limited = interruption != Interruption::None;
        assert_eq!(usage.time.is_some(), limited);
        assert_eq!(
            usage.fuel,
            (interruption == Interruption::Fuel).then_some(0)
        );
    }
}

#[test]
fn a_call_that_a_host_function_leaked_poisons_when_the_outer_one_ends() {
    let _alone = alone();
    for interruption in [Interruption::None, Interruption::Deadline] {
        let (mut store, a, b) = store(interruption);
        *store.data_mut() = Some(b.clone());
        let error = ready(a.call_async(&mut store, ())).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Cancelled);
        assert_eq!(store.poisoned(), Some(&ErrorKind::Cancelled));
        for func in [a, b] {
            let error = ready(func.call_async(&mut store, ())).unwrap_err();
            assert!(is_poisoned(&error), "{interruption:?}: {error}");
        }
    }
}

#[test]
fn a_call_of_a_host_function_is_not_taken_for_a_leaked_one() {
    let _alone = alone();
    let (mut store, a, _) = store(Interruption::None);
    let mut call = Box::pin(a.call_async(&mut store, ()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    drop(call);
    let _ = store.as_context_mut();
    assert_eq!(store.poisoned(), Some(&ErrorKind::Cancelled));
}

/// Whether guests are interrupted now.
fn ticks() -> bool {
    let before = INTERRUPTS.load(Ordering::Relaxed);
    thread::sleep(Duration::from_millis(100));
    INTERRUPTS.load(Ordering::Relaxed) > before + 1
}

#[test]
fn a_leaked_call_does_not_keep_the_ticker_busy() {
    let _alone = alone();
    let (mut store, a, _) = self::store(Interruption::Deadline);
    leak(a.call_async(&mut store, ()));
    assert!(ticks(), "the call is not known to have been leaked");
    let _ = store.as_context_mut();
    assert!(!ticks(), "the call was ended when its store was used again");

    let (mut store, a, _) = self::store(Interruption::Deadline);
    leak(a.call_async(&mut store, ()));
    drop(store);
    assert!(!ticks(), "the call ended with its store");
}
