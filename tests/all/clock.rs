//! Deadlines and cancellation by a clock that the tests put forward: which limit
//! fires first, what the error says, and what each call and store has used. No
//! test waits, and none depends on how fast the machine is.

use std::pin::pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use crate::common::{block_on, engine, on_each_backend};
use enginebay::generic::{Component, Engine, Instance, Linker, Store, TypedFunc};
use enginebay::{
    Backend, CancelHandle, Error, ErrorKind, HostFuture, Interruption, ResourceAny, Result,
};

on_each_backend! {
    a_deadline_that_passes_in_the_host_ends_the_call
    a_deadline_comes_before_a_cancellation
    fuel_runs_out_however_much_time_is_left
    what_fired_first_is_what_the_store_is_poisoned_by
    each_call_has_a_deadline_of_its_own
    a_nested_call_has_no_more_time_than_the_one_below
    instantiations_and_destructors_have_deadlines
    a_deadline_cuts_a_host_function_that_never_answers
    a_cancellation_is_sticky_until_it_is_reset
}

const HOUR: Duration = Duration::from_secs(3600);

/// Calls the host in its start function, in exports and in a destructor.
const GUEST: &str = r#"(component
    (import "f" (func $f))
    (core func $f (canon lower (func $f)))
    (core module $d
        (import "" "f" (func $f))
        (func (export "drop") (param i32) (call $f)))
    (core instance $d (instantiate $d (with "" (instance (export "f" (func $f))))))
    (type $r (resource (rep i32) (dtor (func $d "drop"))))
    (export $r' "r" (type $r))
    (core func $new (canon resource.new $r))
    (core module $m
        (import "" "f" (func $f))
        (import "" "new" (func $new (param i32) (result i32)))
        (start $f)
        (func (export "run") (call $f))
        (func (export "spin") (call $f) (loop $again (br $again)))
        (func (export "nop"))
        (func (export "make") (result i32) (call $new (i32.const 1))))
    (core instance $i (instantiate $m (with "" (instance
        (export "f" (func $f)) (export "new" (func $new))))))
    (func (export "run") (canon lift (core func $i "run")))
    (func (export "spin") (canon lift (core func $i "spin")))
    (func (export "nop") (canon lift (core func $i "nop")))
    (func (export "make") (result (own $r')) (canon lift (core func $i "make"))))"#;

type Run<B> = TypedFunc<B, (), ()>;

/// What the host function does the next time that it is called.
struct Plan<B: Backend> {
    forward: Duration,
    cancels: Option<CancelHandle>,
    calls: Option<Run<B>>,
}

impl<B: Backend> Plan<B> {
    fn nothing() -> Self {
        Plan {
            forward: Duration::ZERO,
            cancels: None,
            calls: None,
        }
    }
}

struct World<B: Backend> {
    linker: Linker<B, Plan<B>>,
    component: Component<B>,
    store: Store<B, Plan<B>>,
    instance: Instance<B>,
}

impl<B: Backend> World<B> {
    /// Each call has an hour.
    fn new(interruption: Interruption) -> Self {
        let engine = engine::<B>(interruption);
        let mut linker = Linker::<B, Plan<B>>::new(&engine);
        let clock = engine.clone();
        linker
            .root()
            .func_wrap("f", move |mut caller, ()| {
                let plan = std::mem::replace(caller.data_mut(), Plan::nothing());
                clock.put_clock_forward(plan.forward);
                plan.cancels.iter().for_each(CancelHandle::cancel);
                match plan.calls {
                    Some(run) => run.call(&mut caller, ()),
                    None => Ok(()),
                }
            })
            .unwrap();
        let component = Component::new(&engine, GUEST).unwrap();
        let mut store = hour(&engine, None);
        let instance = linker.instantiate(&mut store, &component).unwrap();
        World {
            linker,
            component,
            store,
            instance,
        }
    }

    fn forward(&mut self, by: Duration) -> &mut Self {
        self.store.data_mut().forward = by;
        self
    }

    fn run(&mut self, name: &str) -> Result<()> {
        let run: Run<B> = self.instance.get_typed_func(&mut self.store, name).unwrap();
        run.call(&mut self.store, ())
    }
}

fn hour<B: Backend>(engine: &Engine<B>, fuel: Option<u64>) -> Store<B, Plan<B>> {
    let limits = engine.default_limits().deadline(HOUR).fuel(fuel);
    let builder = Store::<B, Plan<B>>::builder(engine).limits(limits);
    builder.build(Plan::nothing()).unwrap()
}

const TIMED: [Interruption; 2] = [Interruption::Deadline, Interruption::Fuel];

#[track_caller]
fn is_deadline(error: &Error) {
    let late = matches!(error.kind(), ErrorKind::DeadlineExceeded { elapsed } if *elapsed >= HOUR);
    assert!(late, "{error:?}");
    assert_eq!(error.context_value("limit"), Some("3600s"), "{error:?}");
}

fn a_deadline_that_passes_in_the_host_ends_the_call<B: Backend>() {
    for interruption in TIMED {
        let mut world = World::<B>::new(interruption);
        world.forward(HOUR / 2).run("run").unwrap();
        is_deadline(&world.forward(HOUR).run("run").unwrap_err());
        let (all, last) = (world.store.usage(), world.store.last_call_usage());
        assert!(last.time >= Some(HOUR) && last.time < Some(HOUR + HOUR / 2));
        assert!(all.time >= Some(HOUR + HOUR / 2), "{all:?}");
        assert_eq!(last.host_calls, 1);
        // Of the start function, and of the call before.
        assert_eq!(all.host_calls, 3);
    }
}

fn a_deadline_comes_before_a_cancellation<B: Backend>() {
    for interruption in TIMED {
        let mut world = World::<B>::new(interruption);
        let handle = world.store.cancel_handle().unwrap();
        world.store.data_mut().cancels = Some(handle.clone());
        is_deadline(&world.forward(HOUR).run("run").unwrap_err());

        let mut world = World::<B>::new(interruption);
        let handle = world.store.cancel_handle().unwrap();
        world.store.data_mut().cancels = Some(handle);
        let error = world.forward(HOUR / 2).run("spin").unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Cancelled);
    }
}

fn fuel_runs_out_however_much_time_is_left<B: Backend>() {
    let mut world = World::<B>::new(Interruption::Fuel);
    world.store.set_fuel(20_000).unwrap();
    let error = world.forward(HOUR / 2).run("spin").unwrap_err();
    let consumed = 20_000;
    assert_eq!(*error.kind(), ErrorKind::OutOfFuel { consumed });
    assert_eq!(error.context_value("limit"), Some("20000"), "{error:?}");
    assert_eq!(world.store.last_call_usage().fuel, Some(20_000));
}

fn what_fired_first_is_what_the_store_is_poisoned_by<B: Backend>() {
    for interruption in TIMED {
        let mut world = World::<B>::new(interruption);
        let handle = world.store.cancel_handle().unwrap();
        let error = world.forward(HOUR).run("run").unwrap_err();
        is_deadline(&error);
        // What comes later changes nothing.
        handle.cancel();
        let by = Box::new(error.kind().clone());
        let poisoned = ErrorKind::Poisoned { by: by.clone() };
        assert_eq!(*world.run("nop").unwrap_err().kind(), poisoned);
        handle.reset();
        assert_eq!(*world.run("nop").unwrap_err().kind(), poisoned);
        assert_eq!(world.store.poisoned(), Some(&*by));
    }
}

fn each_call_has_a_deadline_of_its_own<B: Backend>() {
    for interruption in TIMED {
        let mut world = World::<B>::new(interruption);
        for _ in 0..3 {
            world.forward(HOUR / 10 * 9).run("run").unwrap();
            // Time between calls is nobody's.
            world.linker.engine().put_clock_forward(HOUR);
        }
        let time = world.store.usage().time.unwrap();
        assert!(time > HOUR * 2 && time < HOUR * 3, "{time:?}");
    }
}

fn a_nested_call_has_no_more_time_than_the_one_below<B: Backend>() {
    for interruption in TIMED {
        let mut world = World::<B>::new(interruption);
        let other = world
            .linker
            .instantiate(&mut world.store, &world.component)
            .unwrap();
        let run: Run<B> = other.get_typed_func(&mut world.store, "spin").unwrap();
        world.store.data_mut().calls = Some(run);
        // The nested guest has not begun when the time is over.
        is_deadline(&world.forward(HOUR).run("run").unwrap_err());
        assert!(world.store.poisoned().is_some());
    }
}

fn instantiations_and_destructors_have_deadlines<B: Backend>() {
    for interruption in TIMED {
        let mut world = World::<B>::new(interruption);
        let make = world
            .instance
            .get_typed_func::<(), (ResourceAny,)>(&mut world.store, "make")
            .unwrap();
        let (resource,) = make.call(&mut world.store, ()).unwrap();
        world.forward(HOUR);
        is_deadline(&resource.resource_drop(&mut world.store).unwrap_err());
        assert!(world.store.poisoned().is_some());

        let mut store = hour(world.linker.engine(), None);
        store.data_mut().forward = HOUR;
        let error = world
            .linker
            .instantiate(&mut store, &world.component)
            .unwrap_err();
        is_deadline(&error);
        assert!(store.poisoned().is_some());
    }
}

fn a_deadline_cuts_a_host_function_that_never_answers<B: Backend>() {
    for interruption in TIMED {
        let engine = engine::<B>(interruption);
        let mut linker = Linker::<B, bool>::new(&engine);
        linker
            .root()
            .func_wrap_async("f", |caller, ()| {
                let waits = *caller.data();
                HostFuture::new(async move {
                    if waits {
                        std::future::pending::<()>().await;
                    }
                    Ok(())
                })
            })
            .unwrap();
        let component = Component::new(&engine, GUEST).unwrap();
        let limits = engine.default_limits().deadline(HOUR);
        let builder = Store::<B, bool>::builder(&engine).limits(limits);
        let mut store = builder.build_async(false).unwrap();
        let instance = block_on(linker.instantiate_async(&mut store, &component)).unwrap();
        let run: Run<B> = instance.get_typed_func(&mut store, "run").unwrap();
        block_on(run.call_async(&mut store, ())).unwrap();
        *store.data_mut() = true;
        let error = {
            let mut call = pin!(run.call_async(&mut store, ()));
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(call.as_mut().poll(cx).is_pending());
            let engine = engine.clone();
            let other = thread::spawn(move || engine.put_clock_forward(HOUR));
            let error = block_on(call).unwrap_err();
            other.join().unwrap();
            error
        };
        is_deadline(&error);
        assert_eq!(error.context_value("function"), Some("f"));
        assert!(store.poisoned().is_some());
    }
}

fn a_cancellation_is_sticky_until_it_is_reset<B: Backend>() {
    for interruption in TIMED {
        let mut world = World::<B>::new(interruption);
        let make = world
            .instance
            .get_typed_func::<(), (ResourceAny,)>(&mut world.store, "make")
            .unwrap();
        let (resource,) = make.call(&mut world.store, ()).unwrap();
        let handle = world.store.cancel_handle().unwrap();
        handle.cancel();
        let cancelled = |result: Result<()>| {
            assert_eq!(*result.unwrap_err().kind(), ErrorKind::Cancelled);
        };
        for _ in 0..2 {
            cancelled(world.run("nop"));
            cancelled(
                world
                    .linker
                    .instantiate(&mut world.store, &world.component)
                    .map(drop),
            );
            cancelled(resource.resource_drop(&mut world.store));
        }
        assert_eq!(world.store.poisoned(), None, "no guest was entered");
        handle.reset();
        world.run("nop").unwrap();
        resource.resource_drop(&mut world.store).unwrap();
        world
            .linker
            .instantiate(&mut world.store, &world.component)
            .unwrap();
    }
}
