//! Asynchronous calls and host functions.

use super::*;

#[test]
fn sync_and_async_do_not_mix() {
    let engine = engine(Interruption::None);
    let linker = Linker::<Nothing, ()>::new(&engine);
    let pre = linker.instantiate_pre(&component(&engine)).unwrap();
    let mut store = Store::<Nothing, ()>::new_async(&engine, ()).unwrap();
    let wrong = ErrorKind::WrongMode;
    assert_eq!(*pre.instantiate(&mut store).unwrap_err().kind(), wrong);
    let instance = block_on(pre.instantiate_async(&mut store)).unwrap();
    let func = instance.get_func(&mut store, "nop").unwrap();
    assert_eq!(*func.call(&mut store, &[]).unwrap_err().kind(), wrong);
    block_on(func.call_async(&mut store, &[])).unwrap();

    let mut f = Fixture::new(Interruption::None, unlimited());
    let func = f.instance.get_func(&mut f.store, "nop").unwrap();
    assert_eq!(
        *block_on(func.call_async(&mut f.store, &[]))
            .unwrap_err()
            .kind(),
        wrong
    );
    f.call("nop").unwrap();
}

#[test]
fn a_linker_with_async_functions_takes_async_stores_only() {
    let engine = engine(Interruption::None);
    let mut linker = Linker::<Nothing, ()>::new(&engine);
    linker
        .root()
        .func_wrap_async("f", |_, ()| HostFuture::new(async { Ok(()) }))
        .unwrap();
    let mut store = Store::<Nothing, ()>::new(&engine, ()).unwrap();
    let error = linker
        .instantiate(&mut store, &component(&engine))
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::WrongMode);
    assert_eq!(store.poisoned(), None);
}

/// A store whose `host` waits for a future of the host's.
fn with_future<F, Fut>(limits: Option<Limits>, future: F) -> (Store<Nothing, ()>, Export)
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Error>> + Send + 'static,
{
    let engine = engine(Interruption::Deadline);
    let mut linker = Linker::<Nothing, ()>::new(&engine);
    linker
        .root()
        .func_wrap_async("f", move |_, ()| HostFuture::new(future()))
        .unwrap();
    let mut builder = Store::<Nothing, ()>::builder(&engine);
    if let Some(limits) = limits {
        builder = builder.limits(limits);
    }
    let mut store = builder.build_async(()).unwrap();
    let component = component(&engine);
    let instance = block_on(linker.instantiate_async(&mut store, &component)).unwrap();
    let host = instance
        .get_typed_func::<(), ()>(&mut store, "host")
        .unwrap();
    (store, host)
}

#[test]
fn a_deadline_cuts_a_host_future_that_never_answers() {
    let limits = Limits::new().deadline(Duration::from_millis(20));
    let (mut store, host) = with_future(Some(limits), std::future::pending);
    let error = block_on(host.call_async(&mut store, ())).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::DeadlineExceeded { .. }),
        "{error}"
    );
}

#[test]
fn cancellation_cuts_a_host_future_that_never_answers() {
    let (mut store, host) = with_future(None, std::future::pending);
    let handle = store.cancel_handle().unwrap();
    let other = thread::spawn(move || {
        thread::sleep(Duration::from_millis(10));
        handle.cancel();
    });
    let error = block_on(host.call_async(&mut store, ())).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Cancelled);
    other.join().unwrap();
}

#[test]
fn a_panic_in_a_host_future_resumes_in_the_caller() {
    let (mut store, host) = with_future(None, || async { std::panic::panic_any(7_u8) });
    let call = AssertUnwindSafe(|| block_on(host.call_async(&mut store, ())));
    assert_eq!(
        catch_unwind(call).unwrap_err().downcast_ref::<u8>(),
        Some(&7)
    );
    assert_eq!(store.poisoned(), Some(&ErrorKind::HostPanic));
}

#[test]
fn dropping_a_call_poisons_the_store_and_drops_the_host_future() {
    struct Flag(Arc<AtomicBool>);
    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let (mut store, host) = with_future(None, {
        let dropped = dropped.clone();
        move || {
            let flag = Flag(dropped.clone());
            async move {
                let _flag = flag;
                std::future::pending().await
            }
        }
    });
    {
        let mut call: Pin<Box<dyn Future<Output = _>>> = Box::pin(host.call_async(&mut store, ()));
        assert!(
            call.as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        assert!(!dropped.load(Ordering::SeqCst));
    }
    assert!(dropped.load(Ordering::SeqCst));
    assert_eq!(store.poisoned(), Some(&ErrorKind::Cancelled));
    let error = block_on(host.call_async(&mut store, ())).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Poisoned { .. }));
}
