//! The core's policy, tested without an engine: limits that cannot be enforced
//! are refused, failures poison, re-entry and wrong modes are errors, host
//! panics resume in the caller, and what was used is counted.

#[path = "../nothing/mod.rs"]
mod nothing;

mod futures;
mod host;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use enginebay_core::{
    AsContextMut, Config, CountedResource, Engine, Error, ErrorKind, Feature, Func, HostCall,
    HostFuture, Instance, InstancePre, Interruption, Limits, Linker, Store, TrapCode, TypedFunc,
};
use nothing::Nothing;

type Caller<'a, T> = enginebay_core::Caller<'a, Nothing, T>;
type Export = TypedFunc<Nothing, (), ()>;

fn engine(interruption: Interruption) -> Engine<Nothing> {
    let mut config = Config::new();
    config.interruption(interruption);
    Engine::new(&config).unwrap()
}

fn component(engine: &Engine<Nothing>) -> enginebay_core::Component<Nothing> {
    enginebay_core::Component::new(engine, b"\0asm\x0d\0\x01\0").unwrap()
}

fn instantiate<T: Send + 'static>(
    linker: &Linker<Nothing, T>,
    store: &mut Store<Nothing, T>,
) -> Instance<Nothing> {
    linker
        .instantiate(store, &component(linker.engine()))
        .unwrap()
}

struct Fixture {
    store: Store<Nothing, ()>,
    instance: Instance<Nothing>,
}

impl Fixture {
    fn new(interruption: Interruption, limits: Limits) -> Self {
        let engine = engine(interruption);
        let mut store = Store::<Nothing, ()>::builder(&engine)
            .limits(limits)
            .build(())
            .unwrap();
        let instance = instantiate(&Linker::new(&engine), &mut store);
        Fixture { store, instance }
    }

    fn call(&mut self, name: &str) -> Result<(), Error> {
        self.instance
            .get_typed_func::<(), ()>(&mut self.store, name)?
            .call(&mut self.store, ())
    }
}

fn unlimited() -> Limits {
    Limits::new().deadline(None)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park_timeout(Duration::from_secs(10)),
        }
    }
}

#[test]
fn shared_types_are_send_and_sync_and_stores_are_send() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<Engine<Nothing>>();
    sync::<Engine<Nothing>>();
    send::<enginebay_core::Component<Nothing>>();
    sync::<enginebay_core::Component<Nothing>>();
    send::<Linker<Nothing, AtomicBool>>();
    sync::<Linker<Nothing, AtomicBool>>();
    send::<InstancePre<Nothing, AtomicBool>>();
    sync::<InstancePre<Nothing, AtomicBool>>();
    send::<Store<Nothing, std::cell::Cell<u8>>>();
    send::<Func<Nothing>>();
    sync::<Instance<Nothing>>();
}

#[test]
fn limits_that_the_engine_cannot_enforce_refuse_the_store() {
    let refused = |interruption, limits: Limits| {
        let engine = engine(interruption);
        Store::<Nothing, ()>::builder(&engine)
            .limits(limits)
            .build(())
            .unwrap_err()
    };
    for (error, option) in [
        (
            refused(Interruption::None, Limits::new()),
            "limits.deadline",
        ),
        (
            refused(Interruption::None, unlimited().fuel(1)),
            "limits.fuel",
        ),
        (
            refused(Interruption::Deadline, Limits::new().fuel(1)),
            "limits.fuel",
        ),
    ] {
        assert_eq!(*error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains(option), "{error}");
    }
    let error = refused(
        Interruption::Deadline,
        Limits::new().deadline(Duration::ZERO),
    );
    assert_eq!(*error.kind(), ErrorKind::InvalidConfig);
}

#[test]
fn default_limits_follow_the_engine() {
    for interruption in [
        Interruption::None,
        Interruption::Deadline,
        Interruption::Fuel,
    ] {
        let engine = engine(interruption);
        let store = Store::<Nothing, ()>::new(&engine, ()).unwrap();
        assert_eq!(
            store.limits().deadline.is_some(),
            interruption != Interruption::None
        );
    }
}

#[test]
fn options_that_the_backend_lacks_refuse_the_engine() {
    let mut config = Config::new();
    config.deterministic(true);
    let error = Engine::<Nothing>::new(&config).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Unsupported);
    assert_eq!(error.context_value("backend"), Some("nothing"));
    let mut config = Config::new();
    config.feature(Feature::Exceptions, true);
    let error = Engine::<Nothing>::new(&config).unwrap_err();
    assert!(error.message().contains("exceptions"), "{error}");
    let mut config = Config::new();
    config.max_stack(1);
    assert_eq!(
        *Engine::<Nothing>::new(&config).unwrap_err().kind(),
        ErrorKind::InvalidConfig
    );
}

#[test]
fn a_trap_poisons_the_store_and_says_by_what() {
    let mut f = Fixture::new(Interruption::None, unlimited());
    let error = f.call("unreachable").unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
    assert_eq!(error.context_value("export"), Some("unreachable"));
    let by = Box::new(ErrorKind::Trap(TrapCode::Unreachable));
    assert_eq!(f.store.poisoned(), Some(&*by));
    assert_eq!(
        *f.call("nop").unwrap_err().kind(),
        ErrorKind::Poisoned { by }
    );
}

#[test]
fn an_argument_that_does_not_fit_does_not_poison() {
    let mut f = Fixture::new(Interruption::None, unlimited());
    assert_eq!(
        *f.call("bad-argument").unwrap_err().kind(),
        ErrorKind::TypeMismatch
    );
    f.call("nop").unwrap();
}

#[test]
fn a_missing_export_is_not_found() {
    let mut f = Fixture::new(Interruption::None, unlimited());
    assert_eq!(*f.call("missing").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_refused_growth_explains_unreachable_and_nothing_else() {
    let limits = unlimited().memory(4 * 65536);
    let mut f = Fixture::new(Interruption::None, limits.clone());
    let kind = f.call("grow-then-unreachable").unwrap_err().kind().clone();
    let (limit, requested) = (4 * 65536, 5 * 65536);
    assert_eq!(kind, ErrorKind::MemoryLimit { limit, requested });

    let mut f = Fixture::new(Interruption::None, limits.clone());
    let error = f.call("grow-then-divide").unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::IntegerDivisionByZero));
    assert_eq!(error.context_value("growth_refused"), Some("1"));

    let mut f = Fixture::new(Interruption::None, limits);
    assert_eq!(
        f.call("unreachable").unwrap_err().trap_code(),
        Some(TrapCode::Unreachable)
    );
}

#[test]
fn an_instantiation_over_the_memory_limit_is_refused_and_poisons() {
    let engine = engine(Interruption::None);
    let limits = unlimited().memory(1);
    let mut store = Store::<Nothing, ()>::builder(&engine)
        .limits(limits)
        .build(())
        .unwrap();
    let linker = Linker::new(&engine);
    let error = linker
        .instantiate(&mut store, &component(&engine))
        .unwrap_err();
    assert_eq!(
        *error.kind(),
        ErrorKind::MemoryLimit {
            limit: 1,
            requested: 65536
        }
    );
    assert!(store.poisoned().is_some());
}

#[test]
fn memory_use_is_counted_per_store_and_per_call() {
    let mut f = Fixture::new(Interruption::None, unlimited());
    f.call("grow").unwrap();
    f.call("nop").unwrap();
    let (usage, last) = (f.store.usage(), f.store.last_call_usage());
    assert_eq!((usage.memory, usage.memory_peak), (2 * 65536, 2 * 65536));
    assert_eq!(
        (last.memory_peak, last.fuel, last.time),
        (2 * 65536, None, None)
    );
}

#[test]
fn fuel_is_counted_across_refills() {
    let mut f = Fixture::new(Interruption::Fuel, Limits::new().fuel(15));
    f.call("burn").unwrap();
    assert_eq!(
        (f.store.fuel(), f.store.last_call_usage().fuel),
        (Some(5), Some(10))
    );
    f.store.set_fuel(100).unwrap();
    f.call("burn").unwrap();
    assert_eq!(f.store.usage().fuel, Some(20));
    f.store.set_fuel(3).unwrap();
    let kind = f.call("burn").unwrap_err().kind().clone();
    assert_eq!(kind, ErrorKind::OutOfFuel { consumed: 3 });
    assert_eq!(f.store.usage().fuel, Some(23));
}

#[test]
fn fuel_cannot_be_set_where_it_is_not_metered() {
    let mut f = Fixture::new(Interruption::Deadline, Limits::new());
    assert_eq!(
        *f.store.set_fuel(1).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn a_deadline_stops_a_call_and_poisons() {
    let limits = Limits::new().deadline(Duration::from_millis(20));
    let mut f = Fixture::new(Interruption::Deadline, limits);
    match f.call("spin").unwrap_err().kind() {
        ErrorKind::DeadlineExceeded { elapsed } => assert!(*elapsed >= Duration::from_millis(20)),
        other => panic!("{other}"),
    }
    assert!(f.store.last_call_usage().time.is_some());
    assert!(
        nothing::INTERRUPTS.load(Ordering::Relaxed) > 0,
        "the ticker ran"
    );
    assert!(matches!(
        f.store.poisoned(),
        Some(ErrorKind::DeadlineExceeded { .. })
    ));
}

#[test]
fn cancellation_from_another_thread_is_sticky_until_reset() {
    let mut f = Fixture::new(Interruption::Deadline, Limits::new());
    let handle = f.store.cancel_handle().unwrap();
    let other = thread::spawn({
        let handle = handle.clone();
        move || handle.cancel()
    });
    assert_eq!(*f.call("spin").unwrap_err().kind(), ErrorKind::Cancelled);
    other.join().unwrap();

    let mut f = Fixture::new(Interruption::Deadline, Limits::new());
    let handle = f.store.cancel_handle().unwrap();
    handle.cancel();
    assert_eq!(*f.call("nop").unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(f.store.poisoned(), None, "the guest was not entered");
    handle.reset();
    f.call("nop").unwrap();
}

#[test]
fn nothing_can_be_cancelled_without_interruption() {
    let f = Fixture::new(Interruption::None, unlimited());
    assert_eq!(
        *f.store.cancel_handle().unwrap_err().kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn what_belongs_to_another_store_is_refused() {
    let mut a = Fixture::new(Interruption::None, unlimited());
    let mut b = Fixture::new(Interruption::None, unlimited());
    let func = a.instance.get_func(&mut a.store, "nop").unwrap();
    let typed = func.typed::<(), ()>(&mut a.store).unwrap();
    let wrong = ErrorKind::WrongStore;
    assert_eq!(*func.call(&mut b.store, &[]).unwrap_err().kind(), wrong);
    assert_eq!(*typed.call(&mut b.store, ()).unwrap_err().kind(), wrong);
    assert_eq!(*func.ty(&mut b.store).unwrap_err().kind(), wrong);
    assert_eq!(
        *a.instance.get_func(&mut b.store, "nop").unwrap_err().kind(),
        wrong
    );
    b.call("nop").unwrap();
}

#[test]
fn a_start_function_runs_under_the_policy_too() {
    let engine = engine(Interruption::None);
    let mut linker = Linker::<Nothing, ()>::new(&engine);
    linker
        .root()
        .func_wrap("start", |_, ()| Err::<(), _>(Error::host("no")))
        .unwrap();
    let mut store = Store::<Nothing, ()>::new(&engine, ()).unwrap();
    let error = linker
        .instantiate(&mut store, &component(&engine))
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Host);
    assert_eq!(store.poisoned(), Some(&ErrorKind::Host));
}

#[test]
fn counted_limits_say_which_one() {
    let mut f = Fixture::new(Interruption::None, unlimited().tables(3));
    let mut cx = f.store.as_context_mut();
    let data = <Nothing as enginebay_core::Backend>::data(cx.inner_mut());
    let kind = data
        .resource_refused(CountedResource::Tables)
        .kind()
        .clone();
    assert_eq!(
        kind,
        ErrorKind::ResourceLimit {
            what: CountedResource::Tables,
            limit: 3
        }
    );
}

#[test]
fn data_comes_back_out_of_a_store() {
    let engine = engine(Interruption::None);
    let mut store = Store::<Nothing, String>::new(&engine, "a".into()).unwrap();
    store.data_mut().push('b');
    assert_eq!(store.into_data(), "ab");
}

#[test]
fn a_component_of_another_engine_is_refused() {
    let (a, b) = (engine(Interruption::None), engine(Interruption::None));
    let error = Linker::<Nothing, ()>::new(&a)
        .instantiate_pre(&component(&b))
        .unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::InvalidConfig);
}

#[test]
fn a_store_of_another_engine_is_refused_and_stays_usable() {
    let (a, b) = (engine(Interruption::None), engine(Interruption::None));
    let pre = Linker::<Nothing, ()>::new(&a)
        .instantiate_pre(&component(&a))
        .unwrap();
    let mut store = Store::<Nothing, ()>::new(&b, ()).unwrap();
    assert_eq!(
        *pre.instantiate(&mut store).unwrap_err().kind(),
        ErrorKind::InvalidConfig
    );
    assert_eq!(store.poisoned(), None);
}

#[test]
fn artifacts_of_another_configuration_are_refused() {
    let (a, b) = (engine(Interruption::None), engine(Interruption::Deadline));
    let bytes = component(&a).serialize().unwrap();
    // SAFETY: the bytes were serialized just now, and hold no code.
    unsafe {
        enginebay_core::Component::deserialize(&a, &bytes).unwrap();
        let error = enginebay_core::Component::deserialize(&b, &bytes).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Artifact);
        assert!(
            error.context_value("wanted").unwrap().contains("deadline"),
            "{error}"
        );
    }
    assert_ne!(a.artifact_identity(), b.artifact_identity());
    let same = engine(Interruption::None);
    assert_eq!(a.artifact_identity(), same.artifact_identity());
}
