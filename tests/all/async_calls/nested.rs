//! Host functions that call other instances, of other stores, and wait for them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use enginebay::generic::{Component, Store};
use enginebay::{Backend, Error, ErrorKind, HostFuture, TrapCode};

use super::{CALL_F, Run, counting, linker, one, plain, poll_once, run_of};
use crate::common::{block_on, yield_once};

/// What a host function is to call: each call takes the last.
struct Chain<B: Backend> {
    next: Vec<Run<B>>,
    trace: Vec<usize>,
    end: fn() -> Result<(), Error>,
}

/// `depth` instances, each of which is called by the one before; the last one's
/// host function ends as `end` says.
fn chain<B: Backend>(depth: usize, end: fn() -> Result<(), Error>) -> (Store<B, Chain<B>>, Run<B>) {
    let engine = plain::<B>();
    let linker = linker::<B, Chain<B>>(&engine, |mut caller| {
        HostFuture::new(async move {
            yield_once().await;
            let left = caller.data().next.len();
            caller.data_mut().trace.push(left);
            match caller.data_mut().next.pop() {
                Some(next) => next.call_async(&mut caller, ()).await?,
                None => (caller.data().end)()?,
            }
            yield_once().await;
            Ok(())
        })
    });
    let component = Component::new(&engine, CALL_F).unwrap();
    let data = Chain {
        next: Vec::new(),
        trace: Vec::new(),
        end,
    };
    let mut store = Store::new_async(&engine, data).unwrap();
    let mut run = || {
        let instance = block_on(linker.instantiate_async(&mut store, &component)).unwrap();
        run_of(&instance, &mut store)
    };
    let mut runs: Vec<_> = (0..depth).map(|_| run()).collect();
    let first = runs.pop().unwrap();
    store.data_mut().next = runs;
    (store, first)
}

pub(crate) fn host_functions_call_other_instances_and_stores<B: Backend>() {
    let (mut store, run) = chain::<B>(5, || Ok(()));
    block_on(run.call_async(&mut store, ())).unwrap();
    // Each guest calls twice; all but the first calls find nothing to do.
    assert_eq!(store.data().trace, [4, 3, 2, 1, 0, 0, 0, 0, 0, 0]);

    // The same instance is refused.
    let engine = plain::<B>();
    let linker = linker::<B, Option<Run<B>>>(&engine, |mut caller| {
        HostFuture::new(async move {
            let own = caller.data().clone().unwrap();
            own.call_async(&mut caller, ()).await
        })
    });
    let (mut store, instance) = one(&linker, CALL_F, None);
    let run = run_of(&instance, &mut store);
    *store.data_mut() = Some(run.clone());
    let error = block_on(run.call_async(&mut store, ())).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::CannotEnterComponent));

    // Another store, in the middle of a call.
    let linker = self::linker::<B, Option<(Store<B, u32>, Run<B>)>>(&engine, |mut caller| {
        HostFuture::new(async move {
            let (store, run) = caller.data_mut().as_mut().unwrap();
            run.call_async(store, ()).await
        })
    });
    let (mut other, instance) = one(&counting(&engine), CALL_F, 0);
    let other_run = run_of(&instance, &mut other);
    let (mut store, instance) = one(&linker, CALL_F, Some((other, other_run)));
    let run = run_of(&instance, &mut store);
    block_on(run.call_async(&mut store, ())).unwrap();
    assert_eq!(*store.data().as_ref().unwrap().0.data(), 4);
}

pub(crate) fn an_error_in_a_nested_call_comes_back<B: Backend>() {
    let (mut store, run) = chain::<B>(4, || Err(Error::host(std::fmt::Error)));
    let error = block_on(run.call_async(&mut store, ())).unwrap_err();
    assert!(error.downcast_ref::<std::fmt::Error>().is_some());
    assert_eq!(store.data().trace, [3, 2, 1, 0]);
    assert_eq!(store.poisoned(), Some(&ErrorKind::Host));
}

pub(crate) fn a_nested_panic_resumes_in_the_caller<B: Backend>() {
    let (mut store, run) = chain::<B>(4, || std::panic::panic_any(7_u8));
    let call = AssertUnwindSafe(|| block_on(run.call_async(&mut store, ())));
    let panic = catch_unwind(call).unwrap_err();
    assert_eq!(panic.downcast_ref::<u8>(), Some(&7));
    assert_eq!(store.poisoned(), Some(&ErrorKind::HostPanic));
}

pub(crate) fn a_nested_call_can_be_dropped<B: Backend>() {
    // Wherever the call is dropped, nothing hangs and the store is poisoned.
    for polls in 0..16 {
        let (mut store, run) = chain::<B>(4, || Ok(()));
        {
            let mut call = pin!(run.call_async(&mut store, ()));
            for _ in 0..polls {
                assert!(poll_once(call.as_mut()).is_pending());
            }
        }
        if polls > 0 {
            assert_eq!(store.poisoned(), Some(&ErrorKind::Cancelled));
        }
    }
    // A host function that gives up a call that it made goes on itself.
    let engine = plain::<B>();
    let linker = linker::<B, (Option<Run<B>>, u32)>(&engine, |mut caller| {
        HostFuture::new(async move {
            match caller.data_mut().0.take() {
                Some(other) => {
                    let mut call = pin!(other.call_async(&mut caller, ()));
                    assert!(poll_once(call.as_mut()).is_pending());
                }
                None => {
                    caller.data_mut().1 += 1;
                    std::future::pending().await
                }
            }
            Ok(())
        })
    });
    let component = Component::new(&engine, CALL_F).unwrap();
    let (mut store, instance) = one(&linker, CALL_F, (None, 0));
    let run = run_of(&instance, &mut store);
    let other = block_on(linker.instantiate_async(&mut store, &component)).unwrap();
    store.data_mut().0 = Some(run_of(&other, &mut store));
    let mut call = Box::pin(run.call_async(&mut store, ()));
    // The store is poisoned, but the guest on the stack is let go on until it
    // comes to its second call.
    let _ = poll_once(call.as_mut());
    drop(call);
    assert_eq!(store.poisoned(), Some(&ErrorKind::Cancelled));
}
