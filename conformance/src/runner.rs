//! Runs scripts on one backend.
//!
//! # What lives where
//!
//! An instance that no other one imports has a store of its own: a trap ends a
//! store, and with it nothing else. Instances that are registered, or whose names
//! are imported, share a store with those that import from them. Each core module
//! has a store of its own; after a trap it is made again, and the calls that
//! succeeded before are repeated, because a core instance outlives a trap and a
//! component's does not.

mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use enginebay::generic::{Component, Engine};
use enginebay::{
    Backend, Config, Error, ErrorKind, Feature, Features, TrapCode, Val, needed_features, validate,
};

use crate::adapt;
use crate::outcome::{FileReport, Outcome, StepReport};
use crate::script::{Action, Arg, Core, Exec, Expected, Script, Source};
use crate::traps;
use crate::value;
use world::{Definition, Slot, World};

/// Runs scripts on one backend. Engines are made once for each configuration
/// that scripts need, and shared.
#[derive(Debug)]
pub struct Runner<B: Backend> {
    engines: Mutex<Vec<(Config, Engine<B>)>>,
}

impl<B: Backend> Default for Runner<B> {
    fn default() -> Self {
        Runner::new()
    }
}

/// What a call gave.
enum Results {
    Component(Vec<Val>),
    Core(Vec<Core>),
}

impl<B: Backend> Runner<B> {
    /// A runner without engines yet.
    pub fn new() -> Self {
        Runner {
            engines: Mutex::default(),
        }
    }

    fn engine(&self, config: &Config) -> Result<Engine<B>, Error> {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, engine)) = engines.iter().find(|(known, _)| known == config) {
            return Ok(engine.clone());
        }
        let engine = Engine::new(config)?;
        engines.push((config.clone(), engine.clone()));
        Ok(engine)
    }

    /// Runs a script. Every directive of it has an outcome; after one that
    /// failed, the next ones run all the same.
    pub fn run(&self, script: &Script) -> FileReport {
        self.run_while(script, |_| true)
    }

    /// As [`Runner::run`], up to the first directive that fails, which is the last
    /// one of the report.
    pub fn run_to_failure(&self, script: &Script) -> FileReport {
        self.run_while(script, |outcome| !matches!(outcome, Outcome::Fail(_)))
    }

    /// Runs a script up to the first directive whose outcome `goes_on` does not
    /// like.
    fn run_while(&self, script: &Script, goes_on: impl Fn(&Outcome) -> bool) -> FileReport {
        // What the backend lacks is refused component by component, by name.
        let support = B::support().features;
        let mut features: Features = script
            .features
            .iter()
            .filter(|feature| support.contains(*feature))
            .collect();
        if !features.contains(Feature::ComponentAsync) {
            for needs_async in [Feature::ComponentThreads, Feature::ErrorContext] {
                features = features.with(needs_async, false);
            }
        }
        let config = script.header.config(features);
        let steps = match self.engine(&config) {
            Ok(engine) => {
                let mut run = Run {
                    world: World::new(&engine, script, features),
                };
                let mut steps = Vec::new();
                for step in &script.steps {
                    let outcome = run.step(&step.action);
                    let goes_on = goes_on(&outcome);
                    steps.push(StepReport {
                        line: step.line,
                        directive: step.directive,
                        outcome,
                        fuel: run.world.fuel(),
                    });
                    if !goes_on {
                        break;
                    }
                }
                steps
            }
            Err(error) => script
                .steps
                .iter()
                .map(|step| StepReport {
                    line: step.line,
                    directive: step.directive,
                    outcome: refused(&error),
                    fuel: None,
                })
                .collect(),
        };
        FileReport {
            name: script.name.clone(),
            backend: B::NAME,
            steps,
        }
    }
}

/// The outcome of an engine or a store that the backend does not make.
fn refused(error: &Error) -> Outcome {
    match error.kind() {
        ErrorKind::Unsupported => Outcome::unsupported(named(error), error),
        _ => Outcome::fail(error),
    }
}

/// What an error of the kind `Unsupported` names.
fn named(error: &Error) -> &str {
    let text = error.message();
    let mut features = Feature::ALL.iter().map(|feature| feature.name());
    let name = features.find(|name| {
        text.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(':'))
    });
    name.unwrap_or_else(|| {
        text.split_once(" is not supported")
            .map_or(text, |(name, _)| name)
    })
}

/// A script that is being run.
struct Run<B: Backend> {
    world: World<B>,
}

/// Ends a step early.
type Step<T> = Result<T, Outcome>;

impl<B: Backend> Run<B> {
    fn step(&mut self, action: &Action) -> Outcome {
        // A script that makes a backend panic has found a defect of it, and its
        // other directives may still say something.
        match catch_unwind(AssertUnwindSafe(|| self.try_step(action))) {
            Ok(Ok(())) => Outcome::Pass,
            Ok(Err(outcome)) => outcome,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                let text = format!("the backend panicked: {}", text.unwrap_or("?"));
                let outcome = Outcome::fail(text);
                self.lost(action, &outcome);
                outcome
            }
        }
    }

    /// Notes that what a directive was to make is not there.
    fn lost(&mut self, action: &Action, outcome: &Outcome) {
        if let Action::Define(id, _) | Action::Make(id, _) = action {
            self.world.define(id.clone(), Err(outcome.clone()));
        }
        if let Action::Make(id, _) | Action::Instantiate(id, _) = action {
            self.world.add(id.clone(), Slot::Broken(outcome.clone()));
        }
    }

    fn try_step(&mut self, action: &Action) -> Step<()> {
        match action {
            Action::Define(id, source) => {
                let definition = self.compile(source);
                let outcome = definition.as_ref().err().cloned();
                self.world.define(id.clone(), definition);
                outcome.map_or(Ok(()), Err)
            }
            Action::Instantiate(id, definition) => {
                let made = self
                    .world
                    .definition(definition.as_deref())
                    .and_then(|definition| self.instantiate(&definition, id.as_deref()));
                self.keep(id.clone(), made)
            }
            Action::Make(id, source) => {
                let definition = self.compile(source);
                self.world.define(id.clone(), definition.clone());
                let made =
                    definition.and_then(|definition| self.instantiate(&definition, id.as_deref()));
                self.keep(id.clone(), made)
            }
            Action::Register(name, id) => self.world.register(name, id.as_deref()),
            Action::Perform(exec) => self.perform(exec).map(drop),
            Action::Return(exec, expected) => {
                let results = self.perform(exec)?;
                compare(expected, &results)
            }
            Action::Trap(exec, text) => self.trap(exec, text),
            Action::Refuse(source) => refuse(source),
            Action::Unlinkable(source) => self.unlinkable(source),
            Action::Lacking(feature, reason) => Err(Outcome::unsupported(feature, reason)),
        }
    }

    fn keep(&mut self, id: Option<String>, made: Step<Slot<B>>) -> Step<()> {
        let (slot, result) = match made {
            Ok(slot) => (slot, Ok(())),
            Err(outcome) => (Slot::Broken(outcome.clone()), Err(outcome)),
        };
        self.world.add(id, slot);
        result
    }

    fn compile(&self, source: &Source) -> Step<Definition<B>> {
        let wasm = match &source.wasm {
            Ok(wasm) => wasm,
            Err(text) => return Err(Outcome::fail(format!("the text does not parse: {text}"))),
        };
        if !source.core {
            return Ok(Definition::Component(self.component(wasm)?));
        }
        let adapted = adapt::adapt(wasm)
            .map_err(|lacking| Outcome::unsupported(lacking.feature, lacking.reason))?;
        let component = self.component(&adapted.component)?;
        Ok(Definition::Core(component, adapted.exports))
    }

    fn component(&self, wasm: &[u8]) -> Step<Component<B>> {
        Component::new(&self.world.engine, wasm).map_err(|error| match error.kind() {
            ErrorKind::Unsupported => Outcome::unsupported(self.lacking(wasm, &error), error),
            ErrorKind::InvalidComponent => match proposals(wasm) {
                Some(names) => Outcome::unsupported(names, error),
                None => Outcome::fail(error),
            },
            _ => Outcome::fail(error),
        })
    }

    /// The features that a component needs and the backend lacks.
    fn lacking(&self, wasm: &[u8], error: &Error) -> String {
        let needed = needed_features(wasm).unwrap_or(Features::none());
        let support = B::support().features;
        let mut lacking = needed.iter().filter(|feature| !support.contains(*feature));
        match lacking.next() {
            Some(feature) => lacking.fold(feature.name().to_owned(), |names, feature| {
                names + ", " + feature.name()
            }),
            None => named(error).to_owned(),
        }
    }

    fn instantiate(&mut self, definition: &Definition<B>, id: Option<&str>) -> Step<Slot<B>> {
        self.world
            .instantiate(definition, id)
            .map_err(|error| self.linked(definition, error))
    }

    /// The outcome of an instantiation that was meant to succeed.
    fn linked(&self, definition: &Definition<B>, error: Error) -> Outcome {
        if *error.kind() == ErrorKind::Link
            && let Definition::Component(component) = definition
            && let Some(import) = self.world.unknown_import(component)
        {
            let feature = format!("import `{import}`");
            let reason = "nothing of this name is registered: it is the script's environment";
            return Outcome::unsupported(feature, reason);
        }
        failed(&error)
    }

    fn perform(&mut self, exec: &Exec) -> Step<Results> {
        self.execute(exec)?.map_err(|error| failed(&error))
    }

    /// Does something: the inner result is the guest's.
    fn execute(&mut self, exec: &Exec) -> Step<Result<Results, Error>> {
        match exec {
            Exec::Instantiate(source) => {
                let definition = self.compile(source)?;
                let made = self.world.instantiate(&definition, None);
                Ok(made.map(|_| Results::Component(Vec::new())))
            }
            Exec::Get(id, name) => {
                let core = self.world.core(id.as_deref())?;
                let Some(export) = core.exports.globals.get(name).cloned() else {
                    return Err(Outcome::unsupported(
                        "global",
                        format!("`{name}` is no global of a type that can be read"),
                    ));
                };
                core.call(&export, Vec::new(), false)
                    .map(|results| results.map(Results::Core))
            }
            Exec::Invoke(id, name, args) => match self.world.is_core(id.as_deref())? {
                true => {
                    let args = core_args(args)?;
                    let core = self.world.core(id.as_deref())?;
                    let Some(export) = core.exports.funcs.get(name).cloned() else {
                        return Err(Outcome::unsupported(
                            "reference values",
                            format!("`{name}` is no function of numbers, or takes too many"),
                        ));
                    };
                    let Some(args) = export.lower(&args) else {
                        return Err(Outcome::fail("the arguments do not fit the function"));
                    };
                    core.call(&export, args, true)
                        .map(|results| results.map(Results::Core))
                }
                false => {
                    let args = component_args(args)?;
                    let results = self.world.call(id.as_deref(), name, &args)?;
                    Ok(results.map(Results::Component))
                }
            },
        }
    }

    fn trap(&mut self, exec: &Exec, text: &str) -> Step<()> {
        let error = match self.execute(exec)? {
            Err(error) => error,
            Ok(Results::Component(vals)) => {
                let vals = value::show(&vals);
                return Err(Outcome::fail(format!(
                    "expected the trap `{text}`, and it returned {vals}"
                )));
            }
            Ok(Results::Core(vals)) => {
                return Err(Outcome::fail(format!(
                    "expected the trap `{text}`, and it returned {vals:?}"
                )));
            }
        };
        let holds = match (traps::codes(text), error.kind()) {
            (_, ErrorKind::Unsupported) => return Err(failed(&error)),
            (Some(codes), ErrorKind::Trap(code)) => codes.contains(code),
            // What was entered before and trapped is not entered again.
            (Some(codes), ErrorKind::Poisoned { .. }) => {
                codes.contains(&TrapCode::CannotEnterComponent)
            }
            (_, kind) if kind.is_limit() => kind.to_string().starts_with(text),
            (None, _) => {
                return Err(Outcome::fail(format!(
                    "no trap is known by the text `{text}`; it ended with: {error}"
                )));
            }
            _ => false,
        };
        if holds {
            Ok(())
        } else {
            Err(Outcome::fail(format!(
                "expected the trap `{text}`, and it ended with: {error}"
            )))
        }
    }

    fn unlinkable(&mut self, source: &Source) -> Step<()> {
        let definition = self.compile(source)?;
        match self.world.instantiate(&definition, None) {
            Err(error) if *error.kind() == ErrorKind::Link => Ok(()),
            Err(error) => Err(failed(&error)),
            Ok(_) => Err(Outcome::fail(
                "expected imports that do not fit, and they do",
            )),
        }
    }
}

/// The outcome of an error where none was expected.
fn failed(error: &Error) -> Outcome {
    match error.kind() {
        ErrorKind::Unsupported => Outcome::unsupported(named(error), error),
        _ => Outcome::fail(error),
    }
}

/// The proposals that a component needs and that enginebay has no switch for.
/// `None` if it is not valid with every proposal of the validator on.
fn proposals(wasm: &[u8]) -> Option<String> {
    use wasmparser::WasmFeatures;
    // What core has, or has a switch for.
    let known = WasmFeatures::WASM2
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::MEMORY64
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::CM_ASYNC
        | WasmFeatures::CM_ASYNC_STACKFUL
        | WasmFeatures::CM_MORE_ASYNC_BUILTINS
        | WasmFeatures::CM_THREADING
        | WasmFeatures::CM_ERROR_CONTEXT
        | WasmFeatures::CM_FIXED_LENGTH_LISTS
        | WasmFeatures::CM_MAP
        | WasmFeatures::CM_IMPLEMENTS;
    let valid = |features| {
        let mut validator = wasmparser::Validator::new_with_features(features);
        validator.validate_all(wasm).is_ok()
    };
    let all = WasmFeatures::all();
    if !valid(all) {
        return None;
    }
    let unknown = all.difference(known).iter_names();
    let needed = unknown.filter(|(_, feature)| !valid(all.difference(*feature)));
    let names: Vec<_> = needed
        .map(|(name, _)| name.to_lowercase().replace('_', "-"))
        .collect();
    Some(if names.is_empty() {
        "proposal".to_owned()
    } else {
        names.join(", ")
    })
}

/// Expects that something is refused before an engine sees it, with every
/// feature on: so that it is not refused for the lack of one.
fn refuse(source: &Source) -> Step<()> {
    // What does not parse was refused even before.
    let Ok(wasm) = &source.wasm else {
        return Ok(());
    };
    if source.core {
        let mut validator =
            wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all());
        return match validator.validate_all(wasm) {
            Err(_) => Ok(()),
            Ok(_) => Err(Outcome::fail("the module is valid")),
        };
    }
    let mut config = Config::new();
    for feature in Feature::ALL {
        config.feature(*feature, true);
    }
    match validate(wasm, &config) {
        Ok(()) => Err(Outcome::fail("the component is valid")),
        Err(error) => match error.kind() {
            ErrorKind::InvalidComponent | ErrorKind::TooLarge => Ok(()),
            _ => Err(Outcome::fail(error)),
        },
    }
}

fn component_args(args: &[Arg]) -> Step<Vec<Val>> {
    let args = args.iter().map(|arg| match arg {
        Arg::Component(val) | Arg::Core(_, Some(val)) => Ok(val.clone()),
        Arg::Core(_, None) => Err(Outcome::fail("a core value for a component's function")),
        Arg::Lacking(what) => Err(Outcome::unsupported(what, "they cannot be passed")),
    });
    args.collect()
}

fn core_args(args: &[Arg]) -> Step<Vec<Core>> {
    let args = args.iter().map(|arg| match arg {
        Arg::Core(core, _) => Ok(*core),
        Arg::Component(_) => Err(Outcome::fail("a component's value for a core function")),
        Arg::Lacking(what) => Err(Outcome::unsupported(what, "they cannot be passed")),
    });
    args.collect()
}

/// What is expected of a component's function.
fn component(expected: &Expected) -> Option<&Val> {
    match expected {
        Expected::Component(val) | Expected::Core(_, Some(val)) => Some(val),
        _ => None,
    }
}

fn compare(expected: &[Expected], results: &Results) -> Step<()> {
    for expected in expected {
        if let Expected::Lacking(what) = expected {
            return Err(Outcome::unsupported(what, "they cannot be compared"));
        }
    }
    match results {
        Results::Component(vals) => {
            let same = vals.len() == expected.len()
                && expected.iter().zip(vals).all(|(expected, val)| {
                    component(expected).is_some_and(|e| value::same(e, val))
                });
            if same {
                return Ok(());
            }
            let wanted: Vec<_> = expected.iter().filter_map(component).cloned().collect();
            Err(Outcome::fail(format!(
                "expected {}, and it returned {}",
                value::show(&wanted),
                value::show(vals)
            )))
        }
        Results::Core(vals) => {
            let same = vals.len() == expected.len()
                && expected.iter().zip(vals).all(|(expected, val)| {
                    matches!(expected, Expected::Core(patterns, _) if value::fits(patterns, *val))
                });
            if same {
                return Ok(());
            }
            Err(Outcome::fail(format!(
                "expected {expected:x?}, and it returned {vals:x?}"
            )))
        }
    }
}
