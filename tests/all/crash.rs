//! Host functions that fail, panic, call back or are given up in the middle of a
//! call, wherever a guest calls them from: the store is poisoned and says by
//! what, and all other stores go on.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use crate::common::places::{Data, PLACES, Place, World, guest, run_of};
use crate::common::{block_on, engine, on_each_backend};
use enginebay::generic::{Component, Instance, Linker, Store};
use enginebay::{
    Backend, Error, ErrorKind, HostFuture, Interruption, ResourceAny, Result, TrapCode,
};

on_each_backend! {
    a_host_error_ends_a_call_wherever_it_comes_from
    a_host_panic_resumes_in_the_caller_wherever_it_comes_from
    a_failure_that_the_host_ignores_still_poisons
    a_guest_is_not_entered_again_wherever_it_calls_from
    a_call_is_given_up_wherever_its_host_function_waits
}

const CALL: &str = "(call $host)";

/// Whether a guest must not call the host there. What runs after an adapter has
/// its result may, as Wasmtime's adapters have it on every backend.
fn cannot_leave(place: Place) -> bool {
    matches!(
        place,
        Place::Realloc | Place::PostReturn | Place::AdapterRealloc
    )
}

fn is_cannot_leave(place: Place, error: &Error) {
    let code = Some(TrapCode::CannotLeaveComponent);
    assert_eq!(error.trap_code(), code, "{place:?}: {error:?}");
}

fn a_host_error_ends_a_call_wherever_it_comes_from<B: Backend>() {
    for interruption in [Interruption::None, Interruption::Fuel] {
        World::<B>::with_host(interruption, CALL, |mut caller| {
            match caller.data_mut().take() {
                // Behind another host function.
                Some(run) => run.call(&mut caller, ()),
                None => Err(Error::host(std::fmt::Error)),
            }
        })
        .everywhere(
            |limits| limits,
            |_| None,
            |place, error, _, _| {
                if cannot_leave(place) {
                    return is_cannot_leave(place, error);
                }
                assert_eq!(*error.kind(), ErrorKind::Host, "{place:?}: {error:?}");
                assert!(error.downcast_ref::<std::fmt::Error>().is_some());
                assert_eq!(error.context_value("function"), Some("host"));
            },
        );
    }
}

fn a_host_panic_resumes_in_the_caller_wherever_it_comes_from<B: Backend>() {
    for interruption in [Interruption::None, Interruption::Fuel] {
        let mut world = World::<B>::with_host(interruption, CALL, |mut caller| {
            match caller.data_mut().take() {
                Some(run) => run.call(&mut caller, ()),
                None => std::panic::panic_any(7_u8),
            }
        });
        for place in PLACES {
            let mut store = world.store(|limits| limits);
            let call = AssertUnwindSafe(|| world.go(place, &mut store));
            match catch_unwind(call) {
                Err(panic) => {
                    assert_eq!(panic.downcast_ref::<u8>(), Some(&7), "{place:?}");
                    assert_eq!(store.poisoned(), Some(&ErrorKind::HostPanic), "{place:?}");
                }
                Ok(result) => {
                    assert!(cannot_leave(place), "{place:?}: {result:?}");
                    is_cannot_leave(place, &result.unwrap_err());
                }
            }
            let again = world.linker.instantiate(&mut store, &world.component);
            let error = again.unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Poisoned { .. }),
                "{error}"
            );
            world.others_go_on();
        }
    }
}

fn a_failure_that_the_host_ignores_still_poisons<B: Backend>() {
    let ignored = Arc::new(AtomicUsize::new(0));
    let mut world = World::<B>::with_host(Interruption::Deadline, "unreachable", {
        let ignored = ignored.clone();
        move |mut caller| {
            if let Some(run) = caller.data_mut().take() {
                let error = run.call(&mut caller, ()).unwrap_err();
                assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
                // Whatever is called from here on says what happened.
                let error = run.call(&mut caller, ()).unwrap_err();
                let by = Box::new(ErrorKind::Trap(TrapCode::Unreachable));
                assert_eq!(*error.kind(), ErrorKind::Poisoned { by });
                ignored.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        }
    });
    let mut store = world.store(|limits| limits);
    // How the call below ends is the host function's choice, or the engine's.
    let _ = world.go(Place::BehindHost, &mut store);
    assert_eq!(ignored.load(Ordering::SeqCst), 1);
    let by = ErrorKind::Trap(TrapCode::Unreachable);
    assert_eq!(store.poisoned(), Some(&by));
    world.others_go_on();
}

fn a_guest_is_not_entered_again_wherever_it_calls_from<B: Backend>() {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut world = World::<B>::with_host(Interruption::None, CALL, {
        let asked = asked.clone();
        move |mut caller| {
            if let Some(run) = caller.data_mut().take() {
                let error = run.call(&mut caller, ()).unwrap_err();
                let code = Some(TrapCode::CannotEnterComponent);
                assert_eq!(error.trap_code(), code, "{error:?}");
                asked.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        }
    });
    let places = [
        Place::Export,
        Place::DestructorByHost,
        Place::DestructorByGuest,
    ];
    for (count, place) in places.into_iter().enumerate() {
        let mut store = world.store(|limits| limits);
        let linker = &world.linker;
        let instance = linker.instantiate(&mut store, &world.component).unwrap();
        // The call that makes a resource does not come to the host.
        *store.data_mut() = Some(run_of("inner#run", &instance, &mut store));
        world.go_on(place, &instance, &mut store).unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), count + 1, "{place:?}");
        assert_eq!(store.poisoned(), None, "the host function went on");
    }
    world.others_go_on();
}

/// As [`World::go`], asynchronously.
async fn go<B: Backend>(
    place: Place,
    linker: &Linker<B, Data<B>>,
    [component, starts]: &[Component<B>; 2],
    store: &mut Store<B, Data<B>>,
) -> Result<()> {
    if place == Place::Start {
        return linker.instantiate_async(store, starts).await.map(drop);
    }
    let instance = linker.instantiate_async(&mut *store, component).await?;
    let run = |name: &str, instance: &Instance<B>, store: &mut Store<B, Data<B>>| {
        run_of(name, instance, store)
    };
    match place {
        Place::Start => unreachable!(),
        Place::Export => {
            let run = run("inner#run", &instance, store);
            run.call_async(store, ()).await
        }
        Place::Realloc => {
            let take = instance.get_typed_func::<(&str,), ()>(&mut *store, "inner#take")?;
            take.call_async(store, ("some text",)).await
        }
        Place::PostReturn => {
            let give = instance.get_typed_func::<(), (u32,)>(&mut *store, "inner#give")?;
            give.call_async(store, ()).await.map(drop)
        }
        Place::DestructorByHost => {
            let make = instance.get_typed_func::<(), (ResourceAny,)>(&mut *store, "inner#make")?;
            let (resource,) = make.call_async(&mut *store, ()).await?;
            resource.resource_drop_async(store).await
        }
        Place::DestructorByGuest => {
            let run = run("inner#drop", &instance, store);
            run.call_async(store, ()).await
        }
        Place::AdapterRealloc => {
            let run = run("outer#take", &instance, store);
            run.call_async(store, ()).await
        }
        Place::AdapterPostReturn => {
            let run = run("outer#give", &instance, store);
            run.call_async(store, ()).await
        }
        Place::BehindHost => {
            let other = linker.instantiate_async(&mut *store, component).await?;
            *store.data_mut() = Some(run("inner#run", &other, store));
            let run = run("inner#host", &instance, store);
            run.call_async(store, ()).await
        }
    }
}

fn a_call_is_given_up_wherever_its_host_function_waits<B: Backend>() {
    let engine = engine::<B>(Interruption::Deadline);
    let components =
        [false, true].map(|start| Component::new(&engine, guest(CALL, start)).unwrap());
    let waiting = Arc::new(AtomicUsize::new(0));
    let mut linker = Linker::<B, Data<B>>::new(&engine);
    linker
        .root()
        .func_wrap_async("host", {
            let waiting = waiting.clone();
            move |mut caller, ()| {
                let waiting = waiting.clone();
                HostFuture::new(async move {
                    if let Some(run) = caller.data_mut().take() {
                        return run.call_async(&mut caller, ()).await;
                    }
                    struct Waits(Arc<AtomicUsize>);
                    impl Drop for Waits {
                        fn drop(&mut self) {
                            self.0.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                    waiting.fetch_add(1, Ordering::SeqCst);
                    let _waits = Waits(waiting);
                    std::future::pending().await
                })
            }
        })
        .unwrap();
    for place in PLACES {
        let mut store = Store::new_async(&engine, None).unwrap();
        if cannot_leave(place) {
            let result = block_on(go(place, &linker, &components, &mut store));
            is_cannot_leave(place, &result.unwrap_err());
        } else {
            let mut call = pin!(go(place, &linker, &components, &mut store));
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(call.as_mut().poll(cx).is_pending(), "{place:?}");
            assert_eq!(waiting.load(Ordering::SeqCst), 1, "{place:?}");
        }
        assert_eq!(
            waiting.load(Ordering::SeqCst),
            0,
            "{place:?}: it still waits"
        );
        let by = if cannot_leave(place) {
            ErrorKind::Trap(TrapCode::CannotLeaveComponent)
        } else {
            ErrorKind::Cancelled
        };
        assert_eq!(store.poisoned(), Some(&by), "{place:?}");
        let again = block_on(linker.instantiate_async(&mut store, &components[0]));
        let error = again.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Poisoned { .. }),
            "{error}"
        );
        // Another guest, which does not come to wait.
        let mut other = Store::new_async(&engine, None).unwrap();
        let instance = block_on(linker.instantiate_async(&mut other, &components[0])).unwrap();
        let good = instance.get_typed_func::<(), (u32,)>(&mut other, "inner#good");
        let good = good.unwrap();
        assert_eq!(block_on(good.call_async(&mut other, ())).unwrap(), (7,));
    }
}
