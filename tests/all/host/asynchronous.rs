//! Host functions that suspend the guest.

use super::*;

on_each_backend_and_any! {
    async_host_functions_suspend_the_guest
    dynamic_async_host_functions_work
    an_async_linker_needs_an_async_store
    a_deadline_cuts_an_async_host_function
    dropping_an_async_call_poisons
    leaking_an_async_call_poisons
    leaking_an_async_call_in_a_host_function_poisons
    a_component_that_may_suspend_needs_an_async_store
    an_async_host_error_comes_back_with_its_place
    an_async_host_panic_resumes_in_the_caller
}

fn with_async_f<B: Backend>(
    interruption: Interruption,
    limits: impl FnOnce(Limits) -> Limits,
    define: impl FnOnce(&mut Linker<B, u32>),
) -> (Linker<B, u32>, Store<B, u32>, Run<B>) {
    let mut linker = Linker::<B, u32>::new(&engine::<B>(interruption));
    define(&mut linker);
    let limits = limits(linker.engine().default_limits());
    let builder = Store::<B, u32>::builder(linker.engine()).limits(limits);
    let mut store = builder.build_async(0).unwrap();
    let component = Component::new(linker.engine(), CALL_F).unwrap();
    let instance = block_on(linker.instantiate_async(&mut store, &component)).unwrap();
    let run = run_of(&instance, &mut store);
    (linker, store, run)
}

fn counting<B: Backend>(linker: &mut Linker<B, u32>) {
    linker
        .root()
        .func_wrap_async("f", |mut caller, ()| {
            HostFuture::new(async move {
                yield_once().await;
                *caller.data_mut() += 1;
                Ok(())
            })
        })
        .unwrap();
}

fn async_host_functions_suspend_the_guest<B: Backend>() {
    let (_, mut store, run) = with_async_f(Interruption::None, |limits| limits, counting::<B>);
    block_on(async {
        run.call_async(&mut store, ()).await.unwrap();
        assert_eq!(*store.data(), 1);
        run.call_async(store.as_context_mut(), ()).await.unwrap();
        assert_eq!(*store.data(), 2);
    });
    fn is_send<F: Send>(future: F) -> F {
        future
    }
    block_on(is_send(run.call_async(&mut store, ()))).unwrap();
}

fn dynamic_async_host_functions_work<B: Backend>() {
    let define = |linker: &mut Linker<B, u32>| {
        linker
            .root()
            .func_new_async("f", |mut caller, params, results| {
                HostFuture::new(async move {
                    yield_once().await;
                    assert_eq!((params.len(), results), (0, 0));
                    *caller.data_mut() += 1;
                    Ok(vec![])
                })
            })
            .unwrap();
    };
    let (_, mut store, run) = with_async_f(Interruption::None, |limits| limits, define);
    block_on(run.call_async(&mut store, ())).unwrap();
    assert_eq!(*store.data(), 1);
}

fn an_async_linker_needs_an_async_store<B: Backend>() {
    let mut linker = Linker::<B, u32>::new(&engine::<B>(Interruption::None));
    counting(&mut linker);
    let component = Component::new(linker.engine(), CALL_F).unwrap();
    let mut store = Store::new(linker.engine(), 0).unwrap();
    let error = linker.instantiate(&mut store, &component).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::WrongMode);
}

fn pending<B: Backend>(linker: &mut Linker<B, u32>) {
    linker
        .root()
        .func_wrap_async("f", |_, ()| {
            HostFuture::new(std::future::pending::<Result<(), Error>>())
        })
        .unwrap();
}

fn a_deadline_cuts_an_async_host_function<B: Backend>() {
    let limits = |limits: Limits| limits.deadline(Duration::from_millis(30));
    let (_, mut store, run) = with_async_f(Interruption::Deadline, limits, pending::<B>);
    let error = block_on(run.call_async(&mut store, ())).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::DeadlineExceeded { .. }),
        "{error}"
    );
}

fn dropping_an_async_call_poisons<B: Backend>() {
    let (linker, mut store, run) = with_async_f(Interruption::None, |limits| limits, pending::<B>);
    {
        let mut call = Box::pin(run.call_async(&mut store, ()));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(store.poisoned(), Some(&ErrorKind::Cancelled));
    let error = block_on(run.call_async(&mut store, ())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Poisoned { .. }));
    drop((store, linker));
}

/// Polls a call once and forgets it, with its loan of the store.
fn leak<R>(call: impl Future<Output = Result<R, Error>>) {
    let mut call = Box::pin(call);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    std::mem::forget(call);
}

fn leaking_an_async_call_poisons<B: Backend>() {
    for interruption in [Interruption::None, Interruption::Deadline] {
        let (_, mut store, run) = with_async_f(interruption, |limits| limits, pending::<B>);
        leak(run.call_async(&mut store, ()));
        assert_eq!(store.poisoned(), Some(&ErrorKind::Cancelled));
        let error = block_on(run.call_async(&mut store, ())).unwrap_err();
        let by = Box::new(ErrorKind::Cancelled);
        assert_eq!(*error.kind(), ErrorKind::Poisoned { by });
        assert_eq!(store.last_call_usage().host_calls, 1);
    }
}

fn leaking_an_async_call_in_a_host_function_poisons<B: Backend>() {
    let mut linker = Linker::<B, Option<Run<B>>>::new(&engine::<B>(Interruption::None));
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
    let component = Component::new(linker.engine(), CALL_F).unwrap();
    let mut store = Store::<B, _>::new_async(linker.engine(), None).unwrap();
    let mut run = || {
        let instance = block_on(linker.instantiate_async(&mut store, &component)).unwrap();
        run_of(&instance, &mut store)
    };
    let (outer, inner) = (run(), run());
    *store.data_mut() = Some(inner.clone());
    // The guest below the leaked call does not go on.
    let error = block_on(outer.call_async(&mut store, ())).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Cancelled);
    for run in [outer, inner] {
        let error = block_on(run.call_async(&mut store, ())).unwrap_err();
        let by = Box::new(ErrorKind::Cancelled);
        assert_eq!(*error.kind(), ErrorKind::Poisoned { by });
    }
}

fn a_component_that_may_suspend_needs_an_async_store<B: Backend>() {
    if !B::support().features.contains(Feature::ComponentAsync) {
        return;
    }
    // Waits for an event that never comes, from a function that is lifted
    // without a callback.
    let text = r#"(component
        (core func $new (canon waitable-set.new))
        (core module $libc (memory (export "memory") 1))
        (core instance $libc (instantiate $libc))
        (core func $wait (canon waitable-set.wait (memory $libc "memory")))
        (core module $m
            (import "" "new" (func $new (result i32)))
            (import "" "wait" (func $wait (param i32 i32) (result i32)))
            (func (export "run") (drop (call $wait (call $new) (i32.const 0)))))
        (core instance $i (instantiate $m (with "" (instance
            (export "new" (func $new)) (export "wait" (func $wait))))))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    let refused = Component::new(&engine::<B>(Interruption::None), text).unwrap_err();
    assert_eq!(*refused.kind(), ErrorKind::Unsupported);
    assert!(refused.message().contains("component-async"), "{refused}");

    let mut config = Config::new();
    config.feature(Feature::ComponentAsync, true);
    let engine = enginebay::generic::Engine::<B>::new(&config).unwrap();
    let component = Component::new(&engine, text).unwrap();
    let linker = Linker::<B, ()>::new(&engine);
    let mut store = Store::new(&engine, ()).unwrap();
    let error = linker.instantiate(&mut store, &component).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::WrongMode);

    let mut store = Store::new_async(&engine, ()).unwrap();
    let instance = block_on(linker.instantiate_async(&mut store, &component)).unwrap();
    let run = instance
        .get_typed_func::<(), ()>(&mut store, "run")
        .unwrap();
    let error = block_on(run.call_async(&mut store, ())).unwrap_err();
    if B::support().native {
        assert!(error.kind().is_trap(), "{error}");
    } else {
        assert_eq!(*error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("waitable-set-new"), "{error}");
    }
}

fn an_async_host_error_comes_back_with_its_place<B: Backend>() {
    let define = |linker: &mut Linker<B, u32>| {
        linker
            .root()
            .func_wrap_async("f", |_, ()| {
                HostFuture::new(async move {
                    yield_once().await;
                    Err::<(), _>(Error::new(ErrorKind::NotFound, "no such thing"))
                })
            })
            .unwrap();
    };
    let (_, mut store, run) = with_async_f(Interruption::None, |limits| limits, define);
    let error = block_on(run.call_async(&mut store, ())).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Host);
    assert_eq!(error.context_value("function"), Some("f"));
    assert_eq!(
        *error.downcast_ref::<Error>().unwrap().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(store.poisoned(), Some(&ErrorKind::Host));
}

fn an_async_host_panic_resumes_in_the_caller<B: Backend>() {
    for late in [false, true] {
        let define = |linker: &mut Linker<B, u32>| {
            linker
                .root()
                .func_wrap_async("f", move |_, ()| {
                    HostFuture::<()>::new(async move {
                        if late {
                            yield_once().await;
                        }
                        std::panic::panic_any(7_u8)
                    })
                })
                .unwrap();
        };
        let (_, mut store, run) = with_async_f(Interruption::None, |limits| limits, define);
        let call = AssertUnwindSafe(|| block_on(run.call_async(&mut store, ())));
        let panic = catch_unwind(call).unwrap_err();
        assert_eq!(panic.downcast_ref::<u8>(), Some(&7));
        assert_eq!(store.poisoned(), Some(&ErrorKind::HostPanic));
    }
}
