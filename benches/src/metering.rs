//! What it costs to be able to stop a guest, by a deadline or by fuel: each backend
//! with it and without, beside Wasmtime with epochs or with fuel of its own.

use std::hint::black_box;

use enginebay::generic::{Component, Engine, Linker, Store};
use enginebay::wasmtime::wasmtime as wt;
use enginebay::{Backend, Interruption};

use crate::Work;
use crate::guests::GREET;
use crate::kernels::KERNELS;
use crate::work::{API, Person, engine, person};

/// What can be stopped, and what it is measured by.
pub struct Meter {
    /// The backend that is measured.
    pub backend: &'static str,
    /// What the guest does, or that it is compiled.
    pub name: &'static str,
    /// Whether it is one of the kernels, over which a median is taken.
    pub kernel: bool,
    /// By what the guest can be stopped.
    pub by: Interruption,
    /// By what Wasmtime's can.
    pub own: Own,
    /// The most that the ratio may be of Wasmtime's, if it is known.
    pub bar: Option<f64>,
    /// Makes what is measured.
    pub make: Box<dyn FnOnce() -> Quad>,
}

/// Wasmtime's own means to stop a guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Its fuel.
    pub fuel: bool,
    /// Its epochs, which are how it keeps a deadline.
    pub epochs: bool,
}

impl From<Interruption> for Own {
    /// Those that a bar is of: what `Fuel` costs beside fuel alone.
    fn from(by: Interruption) -> Own {
        Own {
            fuel: by.has_fuel(),
            epochs: by == Interruption::Deadline,
        }
    }
}

/// One work four times.
pub struct Quad {
    /// Our guest, which can be stopped.
    pub metered: Work,
    /// Our guest, which cannot.
    pub plain: Work,
    /// Wasmtime's, which can be stopped by Wasmtime's own means.
    pub their_metered: Work,
    /// Wasmtime's, which cannot.
    pub their_plain: Work,
}

/// Works by what can stop them: Wasmtime's are by a deadline that never comes,
/// and by fuel that nobody can use up.
trait Source: 'static {
    fn ours<B: Backend>(&self, by: Interruption) -> Work;
    fn theirs(&self, own: Own) -> Work;
}

/// Every meter of every backend.
pub fn meters() -> Vec<Meter> {
    let mut meters = Vec::new();
    macro_rules! one {
        ($name:ident, $backend:ty) => {
            of::<$backend>(&mut meters);
        };
    }
    enginebay::for_each_backend!(one);
    meters
}

fn of<B: Backend>(to: &mut Vec<Meter>) {
    for by in [
        Interruption::Deadline,
        Interruption::Fuel,
        Interruption::FuelOnly,
    ] {
        each::<B>(to, by, by.into());
    }
    if B::support().native {
        // Where both stand beside each other.
        let own = Own {
            fuel: true,
            epochs: true,
        };
        each::<B>(to, Interruption::Fuel, own);
    }
}

fn each<B: Backend>(to: &mut Vec<Meter>, by: Interruption, own: Own) {
    for kernel in &KERNELS {
        to.push(meter::<B>(kernel.name, true, by, own, kernel));
    }
    to.push(meter::<B>("a Rust guest", true, by, own, Describe));
    to.push(meter::<B>("loading a Rust guest", false, by, own, Load));
}

fn meter<B: Backend>(
    name: &'static str,
    kernel: bool,
    by: Interruption,
    own: Own,
    source: impl Source,
) -> Meter {
    Meter {
        backend: B::NAME,
        name,
        kernel,
        by,
        own,
        bar: (kernel && B::support().jit).then_some(1.1),
        make: Box::new(move || Quad {
            metered: source.ours::<B>(by),
            plain: source.ours::<B>(Interruption::None),
            their_metered: source.theirs(own),
            their_plain: source.theirs(Own::default()),
        }),
    }
}

/// Wasmtime, configured as our own engines but for what stops guests.
fn raw_engine(own: Own) -> wt::Engine {
    let mut config = enginebay::Config::new();
    config.interruption(Interruption::None);
    let mut config = enginebay::wasmtime::config(&config);
    config.consume_fuel(own.fuel).epoch_interruption(own.epochs);
    wt::Engine::new(&config).expect("the configuration is valid")
}

fn raw_store(engine: &wt::Engine, own: Own) -> wt::Store<()> {
    let mut store = wt::Store::new(engine, ());
    if own.fuel {
        store.set_fuel(u64::MAX).expect("the engine has fuel");
    }
    if own.epochs {
        store.set_epoch_deadline(1 << 40);
    }
    store
}

/// A typed call of an export, again and again.
fn ours<B, P, R>(
    by: Interruption,
    bytes: &[u8],
    name: &str,
    params: impl Fn() -> P + 'static,
) -> Work
where
    B: Backend,
    P: enginebay::ComponentNamedList + enginebay::Lower + 'static,
    R: enginebay::ComponentNamedList + enginebay::Lift + 'static,
{
    let engine = engine::<B>(by);
    let component = Component::new(&engine, bytes).expect("the guest is valid");
    let mut store = Store::new(&engine, ()).expect("the limits can be enforced");
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .expect("there are no imports");
    let func = instance
        .get_typed_func::<P, R>(&mut store, name)
        .expect("the export has this type");
    Box::new(move |n| {
        for _ in 0..n {
            let result = func.call(&mut store, params());
            black_box(result.expect("the guest does not fail"));
        }
    })
}

/// The same by Wasmtime's own API. The path is of an instance's exports.
fn theirs<P, R>(own: Own, bytes: &[u8], path: &[&str], params: impl Fn() -> P + 'static) -> Work
where
    P: wt::component::ComponentNamedList + wt::component::Lower + 'static,
    R: wt::component::ComponentNamedList + wt::component::Lift + 'static,
{
    let engine = raw_engine(own);
    let binary = enginebay::to_binary(bytes).expect("the guest is valid");
    let component =
        wt::component::Component::from_binary(&engine, &binary).expect("the guest is valid");
    let mut store = raw_store(&engine, own);
    let instance = wt::component::Linker::new(&engine)
        .instantiate(&mut store, &component)
        .expect("there are no imports");
    let mut index = None;
    for name in path {
        index = instance.get_export_index(&mut store, index.as_ref(), name);
    }
    let func = instance
        .get_typed_func::<P, R>(&mut store, index.expect("the export is there"))
        .expect("the export has this type");
    Box::new(move |n| {
        for _ in 0..n {
            let result = func.call(&mut store, params());
            black_box(result.expect("the guest does not fail"));
        }
    })
}

impl Source for &'static crate::kernels::Kernel {
    fn ours<B: Backend>(&self, by: Interruption) -> Work {
        let (bytes, times) = ((self.component)(), self.times);
        ours::<B, (u32,), (u32,)>(by, bytes.as_bytes(), "run", move || (black_box(times),))
    }

    fn theirs(&self, own: Own) -> Work {
        let (bytes, times) = ((self.component)(), self.times);
        theirs::<(u32,), (u32,)>(own, bytes.as_bytes(), &["run"], move || (black_box(times),))
    }
}

/// `describe` of `guests/greet`, for a person with a hundred tags: the guest's
/// allocator, copies and formatting, and the host's lowering.
struct Describe;

fn tagged() -> &'static Person {
    let mut person = person();
    person.tags = (0..100).map(|i| format!("tag number {i}")).collect();
    Box::leak(Box::new(person))
}

impl Source for Describe {
    fn ours<B: Backend>(&self, by: Interruption) -> Work {
        let (person, name) = (tagged(), format!("{API}#describe"));
        ours::<B, (&Person,), (String,)>(by, GREET, &name, move || (person,))
    }

    fn theirs(&self, own: Own) -> Work {
        let person = tagged();
        theirs::<(&Person,), (String,)>(own, GREET, &[API, "describe"], move || (person,))
    }
}

/// `guests/greet` is compiled.
struct Load;

impl Source for Load {
    fn ours<B: Backend>(&self, by: Interruption) -> Work {
        let engine: Engine<B> = engine(by);
        Box::new(move |n| {
            for _ in 0..n {
                black_box(Component::new(&engine, GREET).expect("the guest is valid"));
            }
        })
    }

    fn theirs(&self, own: Own) -> Work {
        let engine = raw_engine(own);
        Box::new(move |n| {
            for _ in 0..n {
                let component = wt::component::Component::from_binary(&engine, GREET);
                black_box(component.expect("the guest is valid"));
            }
        })
    }
}
