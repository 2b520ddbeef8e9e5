//! Host functions: reentrance, errors, panics and the guard.

use super::*;

/// A store whose instance calls the host function `f` when `host` is called.
fn with_host(
    func: impl Fn(Caller<'_, Option<Export>>) -> Result<(), Error> + Send + Sync + 'static,
) -> (Store<Nothing, Option<Export>>, TypedFunc<Nothing, (), ()>) {
    let engine = engine(Interruption::None);
    let mut linker = Linker::new(&engine);
    linker
        .root()
        .func_wrap("f", move |caller, ()| func(caller))
        .unwrap();
    let mut store = Store::new(&engine, None).unwrap();
    let instance = instantiate(&linker, &mut store);
    let host = instance
        .get_typed_func::<(), ()>(&mut store, "host")
        .unwrap();
    (store, host)
}

#[test]
fn an_instance_on_the_stack_cannot_be_entered() {
    let (mut store, host) = with_host(|mut caller| {
        let again = caller.data().clone().unwrap();
        let error = again.call(&mut caller, ()).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::CannotEnterComponent));
        Ok(())
    });
    *store.data_mut() = Some(host.clone());
    host.call(&mut store, ()).unwrap();
    assert_eq!(store.poisoned(), None, "the host function chose to go on");
}

#[test]
fn another_instance_can_be_entered_from_a_host_function() {
    let (mut store, host) = with_host(|mut caller| match caller.data().clone() {
        Some(other) => other.call(&mut caller, ()),
        None => Ok(()),
    });
    let other = instantiate(&Linker::new(store.engine()), &mut store);
    let nop = other.get_typed_func::<(), ()>(&mut store, "nop").unwrap();
    *store.data_mut() = Some(nop);
    // The second instantiation replaced what this backend's store imports.
    assert!(host.call(&mut store, ()).is_err());
}

#[test]
fn a_host_error_comes_back_by_downcast_with_its_place() {
    let (mut store, host) = with_host(|_| Err(Error::host(std::fmt::Error)));
    let error = host.call(&mut store, ()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Host);
    assert_eq!(error.context_value("function"), Some("f"));
    assert!(error.downcast_ref::<std::fmt::Error>().is_some());
    let by = Box::new(ErrorKind::Host);
    assert_eq!(
        *host.call(&mut store, ()).unwrap_err().kind(),
        ErrorKind::Poisoned { by }
    );
}

#[test]
fn an_error_that_stopped_a_guest_poisons_whatever_its_kind() {
    let (mut store, host) = with_host(|_| Err(Error::new(ErrorKind::NotFound, "no such file")));
    let error = host.call(&mut store, ()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Host);
    let source = error.downcast_ref::<Error>().unwrap();
    assert_eq!(*source.kind(), ErrorKind::NotFound);
    assert_eq!(store.poisoned(), Some(&ErrorKind::Host));
}

#[test]
fn a_host_panic_resumes_in_the_caller_and_poisons() {
    let (mut store, host) = with_host(|_| std::panic::panic_any(7_u8));
    let panic = catch_unwind(AssertUnwindSafe(|| host.call(&mut store, ()))).unwrap_err();
    assert_eq!(panic.downcast_ref::<u8>(), Some(&7));
    assert_eq!(store.poisoned(), Some(&ErrorKind::HostPanic));
}

#[test]
fn the_guard_is_asked_before_every_host_function() {
    let engine = engine(Interruption::None);
    let mut linker = Linker::<Nothing, u32>::new(&engine);
    linker
        .root()
        .func_wrap("f", |mut caller, ()| {
            *caller.data_mut() += 1;
            Ok(())
        })
        .unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let guard = {
        let seen = seen.clone();
        move |call: &HostCall<'_>| {
            let mut seen = seen.lock().unwrap();
            seen.push((call.interface.to_owned(), call.function.to_owned()));
            if seen.len() < 2 {
                Ok(())
            } else {
                Err(Error::new(ErrorKind::Denied, "no"))
            }
        }
    };
    let mut store = Store::<Nothing, u32>::builder(&engine)
        .guard(guard)
        .build(0)
        .unwrap();
    let instance = instantiate(&linker, &mut store);
    let host = instance
        .get_typed_func::<(), ()>(&mut store, "host")
        .unwrap();
    host.call(&mut store, ()).unwrap();
    let error = host.call(&mut store, ()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Denied);
    assert_eq!(error.context_value("function"), Some("f"));
    assert_eq!(*store.data(), 1, "the refused function did not run");
    let call = (String::new(), "f".to_owned());
    assert_eq!(*seen.lock().unwrap(), [call.clone(), call]);
    assert_eq!(store.usage().host_calls, 2);
}

#[test]
fn a_guard_that_panics_resumes_in_the_caller() {
    let engine = engine(Interruption::None);
    let mut linker = Linker::<Nothing, ()>::new(&engine);
    linker.root().func_wrap("f", |_, ()| Ok(())).unwrap();
    let guard = |_: &HostCall<'_>| -> Result<(), Error> { std::panic::panic_any(7_u8) };
    let mut store = Store::<Nothing, ()>::builder(&engine)
        .guard(guard)
        .build(())
        .unwrap();
    let instance = instantiate(&linker, &mut store);
    let host = instance
        .get_typed_func::<(), ()>(&mut store, "host")
        .unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| host.call(&mut store, ()))).unwrap_err();
    assert_eq!(panic.downcast_ref::<u8>(), Some(&7));
    assert_eq!(store.poisoned(), Some(&ErrorKind::HostPanic));
}

#[test]
fn a_call_that_is_refused_before_its_guest_is_entered_does_not_poison() {
    let mut f = Fixture::new(Interruption::None, unlimited());
    let error = f.call("refused").unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unsupported);
    assert_eq!(f.store.poisoned(), None);
    f.call("nop").unwrap();

    // The same error stops the guest of a host function that fails with it.
    let refused = || Error::unsupported("no").not_entered();
    let (mut store, host) = with_host(move |_| Err(refused()));
    let error = host.call(&mut store, ()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unsupported);
    assert_eq!(store.poisoned(), Some(&ErrorKind::Unsupported));
}
