//! Calls that are dropped or leaked before they end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use enginebay::generic::{Component, Store};
use enginebay::{Backend, ErrorKind, HostFuture};

use super::{CALL_F, linker, one, plain, poll_once, run_of};
use crate::common::random::Random;
use crate::common::{block_on, yield_once};

/// Counts the futures that live.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Alive(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) fn dropped_calls_leave_nothing_behind<B: Backend>() {
    let engine = plain::<B>();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let linker = linker::<B, ()>(&engine, move |_| {
        let alive = Alive::new(&counted);
        HostFuture::new(async move {
            let _alive = alive;
            for _ in 0..3 {
                yield_once().await;
            }
            Ok(())
        })
    });
    let component = Component::new(&engine, CALL_F).unwrap();
    let pre = linker.instantiate_pre(&component).unwrap();
    let mut random = Random(42);
    let (mut dropped, mut finished) = (0, 0);
    for _ in 0..40 {
        let mut stores = Vec::new();
        for _ in 0..8 {
            let mut store = Store::new_async(&engine, ()).unwrap();
            let instance = block_on(pre.instantiate_async(&mut store)).unwrap();
            let run = run_of(&instance, &mut store);
            stores.push((store, run));
        }
        let mut calls: Vec<_> = stores
            .iter_mut()
            .map(|(store, run)| (Box::pin(run.call_async(store, ())), random.below(9)))
            .collect();
        // Seven polls are a whole call.
        while let Some((mut call, polls)) = calls.pop() {
            if polls == 0 {
                dropped += 1;
                continue;
            }
            match poll_once(call.as_mut()) {
                Poll::Pending => {
                    let at = random.below(calls.len() + 1);
                    calls.insert(at, (call, polls - 1));
                }
                Poll::Ready(result) => {
                    result.unwrap();
                    finished += 1;
                }
            }
        }
        drop(calls);
        assert_eq!(count.load(Ordering::Relaxed), 0);
        for (store, _) in stores {
            assert!(matches!(
                store.poisoned(),
                None | Some(ErrorKind::Cancelled)
            ));
        }
    }
    assert!(
        dropped > 50 && finished > 20,
        "{dropped} dropped, {finished} finished"
    );
}

/// The memory of a leaked call's store is given back while its guest still waits
/// somewhere, for ever.
pub(crate) fn a_leaked_call_and_its_store_can_be_forgotten<B: Backend>() {
    let engine = plain::<B>();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let linker = linker::<B, Vec<u8>>(&engine, move |mut caller| {
        let alive = Alive::new(&counted);
        HostFuture::new(async move {
            let _alive = alive;
            std::future::pending::<()>().await;
            caller.data_mut().push(1);
            Ok(())
        })
    });
    for drop_store in [true, false] {
        let (mut store, instance) = one(&linker, CALL_F, vec![0; 1 << 16]);
        let run = run_of(&instance, &mut store);
        let mut call = Box::pin(run.call_async(&mut store, ()));
        assert!(poll_once(call.as_mut()).is_pending());
        std::mem::forget(call);
        if drop_store {
            drop(store);
        } else {
            assert_eq!(store.into_data(), [0; 1 << 16]);
        }
    }
    // New calls are not disturbed.
    let (mut store, instance) = one(&linker, CALL_F, vec![]);
    let run = run_of(&instance, &mut store);
    let mut call = Box::pin(run.call_async(&mut store, ()));
    assert!(poll_once(call.as_mut()).is_pending());
    assert!(count.load(Ordering::Relaxed) >= 1);
    drop(call);
    assert_eq!(store.poisoned(), Some(&ErrorKind::Cancelled));
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::panic::panic_any(9_u8);
        }
    }
}

pub(crate) fn a_future_that_panics_when_it_is_dropped_harms_nothing<B: Backend>() {
    let engine = plain::<B>();
    let linker = linker::<B, ()>(&engine, |_| {
        HostFuture::new(async {
            let _bomb = Bomb;
            std::future::pending().await
        })
    });
    let (mut store, instance) = one(&linker, CALL_F, ());
    let run = run_of(&instance, &mut store);
    let mut call = Box::pin(run.call_async(&mut store, ()));
    assert!(poll_once(call.as_mut()).is_pending());
    let panic = catch_unwind(AssertUnwindSafe(|| drop(call))).unwrap_err();
    assert_eq!(panic.downcast_ref::<u8>(), Some(&9));
    assert!(store.poisoned().is_some());
    drop(store);
}
