//! What runs an input: a small trait, so that whatever can be compared with a backend
//! can stand beside it, and each backend by it.

use std::sync::Arc;
use std::time::Duration;

use enginebay::generic::{Component, Engine, Instance, Linker, LinkerInstance, Store};
use enginebay::{
    Backend, Complexity, Config, Error, ErrorKind, Extern, ExternType, Feature, Interruption,
    Limits, ResourceAny, ResourceType, Type, Val, needed_features,
};

use super::trace::{End, Step, Trace, Used, timeless};
use crate::differential::{bits, value_within};
use crate::random::Random;

/// How code is compiled, in the ways that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// With fuel, and so much stack that fuel is what runs out in a recursion.
    Fuel,
    /// With fuel in other slices, and little stack.
    Sliced,
    /// Without fuel.
    Deadline,
    /// With nothing that could stop a guest.
    Free,
}

impl Mode {
    pub(crate) const ALL: [Mode; 4] = [Mode::Fuel, Mode::Sliced, Mode::Deadline, Mode::Free];

    pub(crate) fn has_fuel(self) -> bool {
        matches!(self, Mode::Fuel | Mode::Sliced)
    }

    pub(crate) fn config(self) -> Config {
        let mut config = Config::new();
        config
            .interruption(match self {
                Mode::Fuel | Mode::Sliced => Interruption::Fuel,
                Mode::Deadline => Interruption::Deadline,
                Mode::Free => Interruption::None,
            })
            .deterministic(true)
            .feature(Feature::Maps, true)
            .feature(Feature::FixedLengthLists, true)
            .max_stack(if self == Mode::Sliced {
                64 << 10
            } else {
                STACK
            });
        if self == Mode::Sliced {
            config.slice(777);
        }
        let mut complexity = Complexity::default();
        complexity.functions = 2_000;
        complexity.modules = 100;
        complexity.locals = 5_000;
        complexity.nesting = 10;
        complexity.instances = 200;
        complexity.initial_memory = 64 << 20;
        complexity.initial_table_elements = 100_000;
        config.complexity(complexity);
        config
    }
}

/// The guest's stack. Whoever runs inputs needs twice as much on the thread.
pub(crate) const STACK: usize = 8 << 20;

/// A safety net: the limit of fuel is reached long before, also where many others
/// want the processor.
const DEADLINE: Duration = Duration::from_secs(60);

/// What stores may use, and what is called with what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) limits: Limits,
    /// What arguments, and results of the host's functions, are made of.
    pub(crate) seed: u64,
    /// Which calls are made, by their number; all of them without.
    pub(crate) calls: Option<Vec<usize>>,
}

/// The most calls that are made.
pub(crate) const CALLS: usize = 24;
/// Stores that are made for one input: the first, and others when one is poisoned.
const STORES: usize = 5;

/// Something that runs components.
pub(crate) trait Oracle: Send {
    fn name(&self) -> &'static str;

    /// Loads a component. `None` if it needs what the backend says that it has not:
    /// it then takes no part.
    fn setup(&self, wasm: &[u8]) -> Option<Result<Box<dyn Loaded + '_>, Error>>;
}

/// A component that is loaded.
pub(crate) trait Loaded {
    /// Its imports and exports.
    fn types(&self) -> String;

    /// Instantiates it, calls what it exports, and drops all of it.
    fn run(&self, plan: &Plan) -> Trace;
}

/// An oracle for each backend.
pub(crate) fn oracles(mode: Mode) -> Result<Vec<Box<dyn Oracle>>, Error> {
    let mut oracles: Vec<Box<dyn Oracle>> = Vec::new();
    macro_rules! add {
        ($name:ident, $backend:ty) => {
            oracles.push(Box::new(Runner::<$backend>(Engine::new(&mode.config())?)));
        };
    }
    enginebay::for_each_backend!(add);
    Ok(oracles)
}

struct Runner<B: Backend>(Engine<B>);

impl<B: Backend> Oracle for Runner<B> {
    fn name(&self) -> &'static str {
        B::NAME
    }

    fn setup(&self, wasm: &[u8]) -> Option<Result<Box<dyn Loaded + '_>, Error>> {
        match Component::new(&self.0, wasm) {
            Ok(component) => Some(Ok(Box::new(Ready {
                engine: &self.0,
                component,
            }))),
            Err(error) if *error.kind() == ErrorKind::Unsupported && lacks::<B>(&self.0, wasm) => {
                None
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// Whether a component needs a feature that is on and that the backend's `Support`
/// does not have. Nothing else is a reason to refuse what others run.
fn lacks<B: Backend>(engine: &Engine<B>, wasm: &[u8]) -> bool {
    let Ok(needed) = needed_features(wasm) else {
        return false;
    };
    let on = engine.config().get_features();
    let has = engine.support().features;
    needed.iter().all(|feature| on.contains(feature))
        && needed.iter().any(|feature| !has.contains(feature))
}

struct Ready<'a, B: Backend> {
    engine: &'a Engine<B>,
    component: Component<B>,
}

/// The store's data: what the host's functions make their results of, and a number
/// made of what they got.
struct Host {
    random: Random,
    heard: u64,
}

/// A function, by its path of names, and with its type.
type Export = (String, enginebay::FuncType);

fn exports(externs: &[Extern]) -> Vec<Export> {
    let mut found = Vec::new();
    for export in externs {
        match &export.ty {
            ExternType::Func(ty) => found.push((export.name.clone(), ty.clone())),
            ExternType::Instance(inner) => {
                let inner = exports(inner).into_iter();
                found.extend(inner.map(|(name, ty)| (format!("{}#{name}", export.name), ty)));
            }
            _ => {}
        }
    }
    found
}

impl<B: Backend> Loaded for Ready<'_, B> {
    fn types(&self) -> String {
        format!(
            "imports {}; exports {}",
            externs(self.component.imports()),
            externs(self.component.exports())
        )
    }

    fn run(&self, plan: &Plan) -> Trace {
        let mut run = Run {
            ready: self,
            plan,
            trace: Vec::new(),
            stores: 0,
        };
        run.all();
        run.trace
    }
}

/// Types as text: resources have other numbers on each backend.
fn externs(all: &[Extern]) -> String {
    let each = all.iter().map(|it| {
        let ty = match &it.ty {
            ExternType::Func(ty) => {
                let params = ty
                    .params
                    .iter()
                    .map(|(name, ty)| format!("{name}: {}", shape(ty)));
                let params: Vec<_> = params.collect();
                let result = ty.result.as_ref().map(shape).unwrap_or_default();
                format!("func({}) -> {result}", params.join(", "))
            }
            ExternType::Instance(inner) => externs(inner),
            ExternType::Type(ty) => shape(ty),
            other => other.kind().to_owned(),
        };
        format!("{} {ty}", it.name)
    });
    let each: Vec<_> = each.collect();
    format!("{{{}}}", each.join(", "))
}

/// A type as text, without the numbers of its resources.
fn shape(ty: &Type) -> String {
    let text = ty.to_string();
    let mut parts = text.split("resource ");
    let mut shape = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shape.push_str("resource");
        shape.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    shape
}

/// One instance, and what belongs to it.
struct Alive<B: Backend> {
    store: Store<B, Host>,
    instance: Instance<B>,
    /// Handles that it gave, in this order.
    handles: Vec<ResourceAny>,
}

struct Run<'a, B: Backend> {
    ready: &'a Ready<'a, B>,
    plan: &'a Plan,
    trace: Trace,
    stores: usize,
}

impl<B: Backend> Run<'_, B> {
    fn note(&mut self, what: String, end: End, store: &mut Store<B, Host>) {
        let used = Used::new(&store.usage(), store.data().heard);
        self.trace.push(Step { what, end, used });
    }

    fn all(&mut self) {
        let exports = exports(self.ready.component.exports());
        let mut alive = self.make();
        for number in 0..(exports.len() * 2).min(CALLS) {
            let Some(it) = &mut alive else { return };
            if let Some(calls) = &self.plan.calls
                && !calls.contains(&number)
            {
                continue;
            }
            let (name, ty) = &exports[number % exports.len()];
            self.call(it, number, name, ty);
            if it.store.poisoned().is_some() {
                // It stays so, whatever is called.
                self.call(it, number, name, ty);
                alive = self.make();
            }
        }
        if let Some(it) = alive {
            self.drop_handles(it);
        }
    }

    /// Makes an instance in a store of its own.
    fn make(&mut self) -> Option<Alive<B>> {
        self.stores += 1;
        if self.stores > STORES {
            return None;
        }
        let engine = self.ready.engine;
        let mut limits = self.plan.limits.clone();
        let interruption = engine.interruption();
        if interruption != Interruption::Fuel {
            limits = limits.fuel(None);
        }
        limits = limits.deadline((interruption != Interruption::None).then_some(DEADLINE));
        let host = Host {
            random: Random::new(self.plan.seed),
            heard: 0,
        };
        let store = Store::builder(engine).limits(limits).build(host);
        let mut store = match store {
            Ok(store) => store,
            Err(error) => {
                self.trace.push(Step {
                    what: "store".to_owned(),
                    end: end(&error),
                    used: Used::default(),
                });
                return None;
            }
        };
        let made = self
            .linker()
            .and_then(|linker| linker.instantiate(&mut store, &self.ready.component));
        let (end, instance) = match made {
            Ok(instance) => (End::Values(Vec::new()), Some(instance)),
            Err(error) => (end(&error), None),
        };
        self.note("instantiate".to_owned(), end, &mut store);
        Some(Alive {
            store,
            instance: instance?,
            handles: Vec::new(),
        })
    }

    fn linker(&self) -> Result<Linker<B, Host>, Error> {
        let mut linker = Linker::new(self.ready.engine);
        offer(&mut linker.root(), self.ready.component.imports(), &mut 0)?;
        Ok(linker)
    }

    fn call(&mut self, it: &mut Alive<B>, number: usize, name: &str, ty: &enginebay::FuncType) {
        let mut random = Random::new(self.plan.seed ^ (number as u64 + 1).wrapping_mul(0x9e37));
        let params = ty.params.iter();
        let params: Option<Vec<_>> = params
            .map(|(_, ty)| argument(&mut random, ty, &it.handles))
            .collect();
        // There is no value of one of the types.
        let Some(params) = params else { return };
        let result = it
            .instance
            .get_func(&mut it.store, name)
            .and_then(|func| func.call(&mut it.store, &params));
        let end = match result {
            Ok(values) => {
                let plain = values.iter().map(|value| plain(value, &mut it.handles));
                End::Values(plain.map(|value| bits(&value)).collect())
            }
            Err(error) => end(&error),
        };
        let Alive { store, .. } = it;
        self.note(format!("call {number} of {name}"), end, store);
    }

    fn drop_handles(&mut self, it: Alive<B>) {
        let Alive {
            mut store, handles, ..
        } = it;
        for (number, handle) in handles.into_iter().enumerate() {
            let end = match handle.resource_drop(&mut store) {
                Ok(()) => End::Values(Vec::new()),
                Err(error) => end(&error),
            };
            self.note(format!("drop of handle {number}"), end, &mut store);
        }
    }
}

fn end(error: &Error) -> End {
    let refused = error.context_value("growth_refused").is_some();
    End::Error(timeless(error.kind()), refused)
}

/// A value of a type; handles are those that the instance gave.
fn argument(random: &mut Random, ty: &Type, handles: &[ResourceAny]) -> Option<Val> {
    if let Type::Own(_) | Type::Borrow(_) = ty {
        if handles.is_empty() {
            return None;
        }
        return Some(Val::Resource(random.pick(handles)));
    }
    // Inside of others they would be no handles.
    let text = ty.to_string();
    if text.contains("own<") || text.contains("borrow<") {
        return None;
    }
    Some(value_within(random, ty, 40))
}

/// A value with its handles as numbers, which are added to those that there are.
fn plain(value: &Val, handles: &mut Vec<ResourceAny>) -> Val {
    let mut boxed =
        |value: &Option<Box<Val>>| value.as_ref().map(|value| Box::new(plain(value, handles)));
    match value {
        Val::Option(payload) => Val::Option(boxed(payload)),
        Val::Variant(name, payload) => Val::Variant(name.clone(), boxed(payload)),
        Val::Result(Ok(payload)) => Val::Result(Ok(boxed(payload))),
        Val::Result(Err(payload)) => Val::Result(Err(boxed(payload))),
        Val::Resource(handle) => {
            handles.push(*handle);
            Val::String(format!("handle {}", handles.len() - 1))
        }
        Val::List(values) => Val::List(values.iter().map(|it| plain(it, handles)).collect()),
        Val::FixedLengthList(values) => {
            Val::FixedLengthList(values.iter().map(|it| plain(it, handles)).collect())
        }
        Val::Tuple(values) => Val::Tuple(values.iter().map(|it| plain(it, handles)).collect()),
        Val::Record(fields) => {
            let fields = fields.iter();
            Val::Record(
                fields
                    .map(|(name, it)| (name.clone(), plain(it, handles)))
                    .collect(),
            )
        }
        Val::Map(entries) => {
            let entries = entries.iter();
            Val::Map(
                entries
                    .map(|(k, v)| (plain(k, handles), plain(v, handles)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

/// Which of the host's resource types it is.
struct Resource0;
struct Resource1;
struct Resource2;

/// Gives a component what it imports: functions whose results are made of the plan's
/// seed, and resources. What cannot be given is missing on every backend.
fn offer<B: Backend>(
    linker: &mut LinkerInstance<'_, B, Host>,
    imports: &[Extern],
    resources: &mut usize,
) -> Result<(), Error> {
    for import in imports {
        match &import.ty {
            ExternType::Instance(inner) => {
                offer(&mut linker.instance(&import.name)?, inner, resources)?;
            }
            ExternType::Func(ty) => {
                let result: Arc<Option<Type>> = Arc::new(ty.result.clone());
                linker.func_new(&import.name, move |mut caller, params, results| {
                    let host = caller.data_mut();
                    for param in params {
                        host.heard = mix(host.heard, &format!("{:?}", bits(&nameless(param))));
                    }
                    let handles = params.iter().any(has_handle);
                    if handles && host.random.one_in(4) {
                        return Err(Error::host("no handles today"));
                    }
                    for (result, ty) in results.iter_mut().zip(result.iter()) {
                        *result = argument(&mut host.random, ty, &[])
                            .ok_or_else(|| Error::host("the host has no handles"))?;
                    }
                    match host.random.one_in(24) {
                        true => Err(Error::host("the host does not feel like it")),
                        false => Ok(()),
                    }
                })?;
            }
            ExternType::Resource(_) => {
                let ty = match *resources % 3 {
                    0 => ResourceType::host::<Resource0>(),
                    1 => ResourceType::host::<Resource1>(),
                    _ => ResourceType::host::<Resource2>(),
                };
                *resources += 1;
                linker.resource(&import.name, ty, |mut caller, rep| {
                    let host = caller.data_mut();
                    host.heard = mix(host.heard, &rep.to_string());
                    Ok(())
                })?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// FNV, by Fowler, Noll and Vo.
fn mix(mut hash: u64, text: &str) -> u64 {
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^ 0xcbf2
}

fn has_handle(value: &Val) -> bool {
    let mut handles = Vec::new();
    plain(value, &mut handles);
    !handles.is_empty()
}

/// A value without what tells handles apart.
fn nameless(value: &Val) -> Val {
    plain(value, &mut Vec::new())
}
