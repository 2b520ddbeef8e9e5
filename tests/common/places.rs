//! A guest that does one thing in each place where code of a guest runs, for
//! tests of what happens then.

use std::thread;

use enginebay::generic::{Caller, Component, Engine, Instance, Linker, Store, TypedFunc};
use enginebay::{Backend, Error, ErrorKind, Interruption, Limits, ResourceAny, Result, Usage};

use super::engine;

/// A guest that does the same thing, `bad`, in each place. Calls that do not come
/// to a place work.
pub(crate) fn guest(bad: &str, start: bool) -> String {
    let start = if start { "(start $bad)" } else { "" };
    format!(
        r#"(component
        (component $inner
            (import "host" (func $host))
            (core func $host (canon lower (func $host)))
            (core module $bad
                (import "" "host" (func $host))
                (memory (export "memory") 1)
                (table $t 1 funcref)
                (func $deep (call $deep) (call $deep))
                (func $bad {bad})
                {start}
                (func (export "run") (call $bad))
                (func (export "good") (result i32) (i32.const 7))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (call $bad) (i32.const 1024))
                (func (export "take") (param i32 i32))
                (func (export "post-return") (param i32) (call $bad))
                (func (export "destroy") (param i32) (call $bad)))
            (core instance $bad (instantiate $bad
                (with "" (instance (export "host" (func $host))))))
            (type $r (resource (rep i32) (dtor (func $bad "destroy"))))
            (core func $new (canon resource.new $r))
            (core func $drop (canon resource.drop $r))
            (core module $m
                (import "" "new" (func $new (param i32) (result i32)))
                (import "" "drop" (func $drop (param i32)))
                (import "" "host" (func $host))
                (func (export "make") (result i32) (call $new (i32.const 1)))
                (func (export "drop") (call $drop (call $new (i32.const 2))))
                (func (export "host") (call $host)))
            (core instance $m (instantiate $m (with "" (instance
                (export "new" (func $new))
                (export "drop" (func $drop))
                (export "host" (func $host))))))
            (export $r' "r" (type $r))
            (func (export "good") (result u32) (canon lift (core func $bad "good")))
            (func (export "run") (canon lift (core func $bad "run")))
            (func (export "take") (param "s" string) (canon lift (core func $bad "take")
                (memory $bad "memory") (realloc (func $bad "realloc"))))
            (func (export "give") (result u32) (canon lift (core func $bad "good")
                (post-return (func $bad "post-return"))))
            (func (export "make") (result (own $r')) (canon lift (core func $m "make")))
            (func (export "drop") (canon lift (core func $m "drop")))
            (func (export "host") (canon lift (core func $m "host"))))
        (component $outer
            (import "take" (func $take (param "s" string)))
            (import "give" (func $give (result u32)))
            (core module $libc (memory (export "memory") 1))
            (core instance $libc (instantiate $libc))
            (core func $take (canon lower (func $take) (memory $libc "memory")))
            (core func $give (canon lower (func $give)))
            (core module $m
                (import "" "take" (func $take (param i32 i32)))
                (import "" "give" (func $give (result i32)))
                (func (export "take") (call $take (i32.const 16) (i32.const 8)))
                (func (export "give") (drop (call $give))))
            (core instance $m (instantiate $m (with "" (instance
                (export "take" (func $take))
                (export "give" (func $give))))))
            (func (export "take") (canon lift (core func $m "take")))
            (func (export "give") (canon lift (core func $m "give"))))
        (import "host" (func $host))
        (instance $inner (instantiate $inner (with "host" (func $host))))
        (instance $outer (instantiate $outer
            (with "take" (func $inner "take"))
            (with "give" (func $inner "give"))))
        (export "inner" (instance $inner))
        (export "outer" (instance $outer)))"#
    )
}

/// Where a guest does it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    Export,
    Start,
    Realloc,
    PostReturn,
    DestructorByHost,
    DestructorByGuest,
    AdapterRealloc,
    AdapterPostReturn,
    BehindHost,
}

pub(crate) const PLACES: [Place; 9] = [
    Place::Export,
    Place::Start,
    Place::Realloc,
    Place::PostReturn,
    Place::DestructorByHost,
    Place::DestructorByGuest,
    Place::AdapterRealloc,
    Place::AdapterPostReturn,
    Place::BehindHost,
];

pub(crate) type Run<B> = TypedFunc<B, (), ()>;

/// What the host function `host` is to call.
pub(crate) type Data<B> = Option<Run<B>>;

/// Components that do `bad`, and what else the tests need.
pub(crate) struct World<B: Backend> {
    pub(crate) engine: Engine<B>,
    pub(crate) linker: Linker<B, Data<B>>,
    pub(crate) component: Component<B>,
    pub(crate) starts: Component<B>,
    pub(crate) good: (Store<B, Data<B>>, Instance<B>),
}

pub(crate) fn run_of<B: Backend>(
    name: &str,
    instance: &Instance<B>,
    store: &mut Store<B, Data<B>>,
) -> Run<B> {
    instance.get_typed_func(store, name).unwrap()
}

impl<B: Backend> World<B> {
    /// Its host function calls what it is told to.
    pub(crate) fn new(interruption: Interruption, bad: &str) -> Self {
        let call = |mut caller: Caller<'_, B, Data<B>>| match caller.data().clone() {
            Some(run) => run.call(&mut caller, ()),
            None => Ok(()),
        };
        Self::with_host(interruption, bad, call)
    }

    pub(crate) fn with_host(
        interruption: Interruption,
        bad: &str,
        host: impl Fn(Caller<'_, B, Data<B>>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        let engine = engine::<B>(interruption);
        let mut linker = Linker::<B, Data<B>>::new(&engine);
        linker
            .root()
            .func_wrap("host", move |caller, ()| host(caller))
            .unwrap();
        let component = Component::new(&engine, guest(bad, false)).unwrap();
        let starts = Component::new(&engine, guest(bad, true)).unwrap();
        let mut store = Store::new(&engine, None).unwrap();
        let instance = linker.instantiate(&mut store, &component).unwrap();
        World {
            engine,
            linker,
            component,
            starts,
            good: (store, instance),
        }
    }

    pub(crate) fn store(&self, limits: impl FnOnce(Limits) -> Limits) -> Store<B, Data<B>> {
        let limits = limits(self.engine.default_limits());
        Store::builder(&self.engine)
            .limits(limits)
            .build(None)
            .unwrap()
    }

    /// Has a guest do it.
    pub(crate) fn go(&self, place: Place, store: &mut Store<B, Data<B>>) -> Result<()> {
        if place == Place::Start {
            return self.linker.instantiate(store, &self.starts).map(drop);
        }
        let instance = self.linker.instantiate(&mut *store, &self.component)?;
        self.go_on(place, &instance, store)
    }

    /// Has the guest of an instance do it.
    pub(crate) fn go_on(
        &self,
        place: Place,
        instance: &Instance<B>,
        store: &mut Store<B, Data<B>>,
    ) -> Result<()> {
        match place {
            Place::Start => panic!("it is instantiated already"),
            Place::Export => run_of("inner#run", instance, store).call(store, ()),
            Place::Realloc => {
                let take = instance.get_typed_func::<(&str,), ()>(&mut *store, "inner#take")?;
                take.call(store, ("some text",))
            }
            Place::PostReturn => {
                let give = instance.get_typed_func::<(), (u32,)>(&mut *store, "inner#give")?;
                give.call(store, ()).map(drop)
            }
            Place::DestructorByHost => {
                let make = instance.get_typed_func::<(), (ResourceAny,)>(&mut *store, "inner#make");
                let (resource,) = make?.call(&mut *store, ())?;
                resource.resource_drop(store)
            }
            Place::DestructorByGuest => run_of("inner#drop", instance, store).call(store, ()),
            Place::AdapterRealloc => run_of("outer#take", instance, store).call(store, ()),
            Place::AdapterPostReturn => run_of("outer#give", instance, store).call(store, ()),
            Place::BehindHost => {
                let other = self.linker.instantiate(&mut *store, &self.component)?;
                let run = run_of("inner#run", &other, store);
                *store.data_mut() = Some(run);
                run_of("inner#host", instance, store).call(store, ())
            }
        }
    }

    /// Has a guest do it in each place, and looks at what is left.
    pub(crate) fn everywhere(
        &mut self,
        limits: impl Fn(Limits) -> Limits,
        during: impl Fn(&Store<B, Data<B>>) -> Option<thread::JoinHandle<()>>,
        check: impl Fn(Place, &Error, Usage, Usage),
    ) {
        for place in PLACES {
            let (mut store, error) = self.failed(place, &limits, &during);
            check(place, &error, store.usage(), store.last_call_usage());
            assert_eq!(store.poisoned(), Some(error.kind()), "{place:?}");
            let again = self.linker.instantiate(&mut store, &self.component);
            let by = Box::new(error.kind().clone());
            assert_eq!(
                *again.unwrap_err().kind(),
                ErrorKind::Poisoned { by },
                "{place:?}"
            );
            self.others_go_on();
        }
    }

    /// A guest that has done it, and the error.
    fn failed(
        &self,
        place: Place,
        limits: impl Fn(Limits) -> Limits,
        during: impl Fn(&Store<B, Data<B>>) -> Option<thread::JoinHandle<()>>,
    ) -> (Store<B, Data<B>>, Error) {
        for _ in 0..10 {
            let mut store = self.store(&limits);
            let during = during(&store);
            let Err(error) = self.go(place, &mut store) else {
                panic!("{place:?}: nothing happened");
            };
            if let Some(during) = during {
                during.join().unwrap();
            }
            // Cancelled by another thread before the guest was entered.
            if *error.kind() != ErrorKind::Cancelled || store.poisoned().is_some() {
                return (store, error);
            }
        }
        panic!("{place:?}: it was always too late");
    }

    /// A store that nothing happened to works.
    pub(crate) fn others_go_on(&mut self) {
        let (store, instance) = &mut self.good;
        let good = instance.get_typed_func::<(), (u32,)>(&mut *store, "inner#good");
        assert_eq!(good.unwrap().call(store, ()).unwrap(), (7,));
    }
}
