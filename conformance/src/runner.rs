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

mod check;
mod compare;
mod compile;
mod host;
mod place;
mod threads;
mod world;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use enginebay::generic::Engine;
use enginebay::{Backend, Config, Error, ErrorKind, Feature, Features, TrapCode, Val};

use crate::annotation::Annotation;
use crate::header::Header;
use crate::outcome::{FileReport, Outcome, StepReport};
use crate::script::{self, Action, Core, Exec, Script, Source};
use crate::traps;
use crate::value::{self, Nans};
use compare::{compare, component_args, core_args};
use compile::refuse;
use host::{HostError, HostPanic};
use threads::Thread;
use world::{Definition, Slot, World};

/// Runs scripts on one backend. Engines are made once for each configuration
/// that scripts need, and shared.
#[derive(Debug)]
pub struct Runner<B: Backend> {
    engines: Mutex<Vec<(Config, Engine<B>)>>,
    stops_at_failure: bool,
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
            stops_at_failure: false,
        }
    }

    /// Has scripts end with the first directive that fails: those after it are not
    /// run, and are not in the report.
    #[must_use]
    pub fn stop_at_failure(mut self) -> Self {
        self.stops_at_failure = true;
        self
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
    /// failed, the next ones run all the same. A script that may be
    /// [tried again](Header::retries) is, if one failed.
    pub fn run(&self, script: &Script) -> FileReport {
        let mut report = self.run_once(script);
        for _ in 0..script.header.retries {
            if report.count().failed == 0 {
                break;
            }
            report = self.run_once(script);
        }
        report
    }

    fn run_once(&self, script: &Script) -> FileReport {
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
                let world = World::new(&engine, script, features);
                let run = Run::new(world, &script.header);
                run.all(&script.steps, self.stops_at_failure)
            }
            Err(error) => {
                let refused = refused(&error);
                let all = script.steps.iter().flat_map(script::Step::with_nested);
                all.map(|step| report(step, refused.clone(), None))
                    .collect()
            }
        };
        FileReport {
            name: script.name.clone(),
            backend: B::NAME,
            steps,
        }
    }
}

fn report(step: &script::Step, outcome: Outcome, fuel: Option<u64>) -> StepReport {
    StepReport {
        line: step.line,
        directive: step.directive,
        outcome,
        fuel,
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

/// When a call is cancelled by another thread.
const CANCEL_AFTER: Duration = Duration::from_millis(10);

/// A script that is being run.
struct Run<B: Backend> {
    world: World<B>,
    header: Header,
    nans: Nans,
    /// Threads that were not waited for, and where their reports are.
    threads: HashMap<String, (Thread, usize)>,
    reports: Vec<StepReport>,
    /// How long the last call took.
    took: Duration,
}

/// What a directive gives that cannot go on: an outcome that is not a pass.
type Step<T> = Result<T, Outcome>;

impl<B: Backend> Run<B> {
    fn new(world: World<B>, header: &Header) -> Self {
        Run {
            world,
            header: header.clone(),
            nans: header.nans(),
            threads: HashMap::new(),
            reports: Vec::new(),
            took: Duration::ZERO,
        }
    }

    fn all(mut self, steps: &[script::Step], stop_at_failure: bool) -> Vec<StepReport> {
        for step in steps {
            let outcome = self.step(step);
            let fuel = self.world.fuel();
            let is_last = stop_at_failure && matches!(outcome, Outcome::Fail(_));
            self.reports.push(report(step, outcome, fuel));
            // Their outcomes are known when the thread was waited for.
            for nested in step.nested() {
                let outcome = Outcome::fail("the thread was not started");
                self.reports.push(report(nested, outcome, fuel));
            }
            if is_last {
                break;
            }
        }
        let left: Vec<_> = self.threads.keys().cloned().collect();
        for name in left {
            if let Err(outcome) = self.wait(&name) {
                self.reports.extend(steps.last().map(|step| {
                    let fuel = self.world.fuel();
                    report(step, outcome, fuel)
                }));
            }
        }
        self.reports
    }

    fn step(&mut self, step: &script::Step) -> Outcome {
        let threads = matches!(step.action, Action::Thread(..));
        let times = step.annotation.repeat.unwrap_or(1);
        for turn in 1..=if threads { 1 } else { times } {
            if turn > 1 && step.makes() {
                self.world.unmake();
            }
            let outcome = self.once(step);
            if outcome == Outcome::Pass {
                continue;
            }
            return match outcome {
                Outcome::Fail(text) if times > 1 => {
                    Outcome::fail(format!("in turn {turn} of {times}: {text}"))
                }
                outcome => outcome,
            };
        }
        Outcome::Pass
    }

    fn once(&mut self, step: &script::Step) -> Outcome {
        self.world.begin();
        // A backend that should panic has found a defect of it, and its
        // other directives may still say something.
        let done = catch_unwind(AssertUnwindSafe(|| {
            self.perform_step(step)?;
            self.after(&step.annotation)
        }));
        match done {
            Ok(Ok(())) => Outcome::Pass,
            Ok(Err(outcome)) => outcome,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                let host = panic.downcast_ref::<HostPanic>().map(|panic| &*panic.0);
                let text = match host {
                    Some(text) => format!("a host function panicked: {text}"),
                    None => format!("the backend panicked: {}", text.unwrap_or("?")),
                };
                let outcome = Outcome::fail(text);
                self.lost(&step.action, &outcome);
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

    fn perform_step(&mut self, step: &script::Step) -> Step<()> {
        let annotation = &step.annotation;
        match &step.action {
            Action::Define(id, source) => {
                let definition = self.definition(source);
                let outcome = definition.as_ref().err().cloned();
                self.world.define(id.clone(), definition);
                outcome.map_or(Ok(()), Err)
            }
            Action::Instantiate(id, definition) => {
                let made = self
                    .world
                    .definition(definition.as_deref())
                    .and_then(|definition| {
                        self.instantiate(&definition, id.as_deref(), annotation)
                    });
                self.keep(id.clone(), made)
            }
            Action::Make(id, source) => {
                let definition = self.definition(source);
                self.world.define(id.clone(), definition.clone());
                let made = definition.and_then(|definition| {
                    self.instantiate(&definition, id.as_deref(), annotation)
                });
                self.keep(id.clone(), made)
            }
            Action::Register(name, id) => self.world.register(name, id.as_deref()),
            Action::Perform(exec) => self.perform(exec, annotation).map(drop),
            Action::Return(exec, expected) => {
                let results = self.perform(exec, annotation)?;
                compare(expected, &results, self.nans)
            }
            Action::Trap(exec, text) => self.trap(exec, text, annotation),
            Action::Refuse(source) => refuse(source, &self.header, annotation),
            Action::Unlinkable(source) => self.unlinkable(source),
            Action::Thread(name, steps) => self.thread(name, steps, annotation),
            Action::Wait(name) => self.wait(name),
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

    fn instantiate(
        &mut self,
        definition: &Definition<B>,
        id: Option<&str>,
        annotation: &Annotation,
    ) -> Step<Slot<B>> {
        if matches!(definition, Definition::Core(..)) {
            component_only(annotation)?;
        }
        self.world
            .instantiate(definition, id, annotation)
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

    fn perform(&mut self, exec: &Exec, annotation: &Annotation) -> Step<Results> {
        self.execute(exec, annotation)?
            .map_err(|error| failed(&error))
    }

    /// Does something: the inner result is the guest's.
    fn execute(&mut self, exec: &Exec, annotation: &Annotation) -> Step<Result<Results, Error>> {
        let mut after = CANCEL_AFTER;
        loop {
            self.world.cancel_after = after;
            let ended = self.execute_once(exec, annotation);
            let error = ended.as_ref().ok().and_then(|ended| ended.as_ref().err());
            // On a busy machine the other thread may be first: it is asked to wait
            // longer, so that what is cancelled is a guest that runs.
            if !self.world.cancelled_early(error) || after > 32 * CANCEL_AFTER {
                return ended;
            }
            after *= 2;
        }
    }

    fn execute_once(
        &mut self,
        exec: &Exec,
        annotation: &Annotation,
    ) -> Step<Result<Results, Error>> {
        match exec {
            Exec::Instantiate(source) => {
                let definition = match self.compile(source)? {
                    Ok(definition) => definition,
                    Err(error) => return Ok(Err(error)),
                };
                let began = Instant::now();
                let made = self.world.instantiate(&definition, None, annotation);
                self.took = began.elapsed();
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
                    component_only(annotation)?;
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
                    let began = Instant::now();
                    let results = self.world.call(id.as_deref(), name, args, annotation);
                    self.took = began.elapsed();
                    Ok(results?.map(Results::Component))
                }
            },
        }
    }

    fn trap(&mut self, exec: &Exec, text: &str, annotation: &Annotation) -> Step<()> {
        if let Some(expected) = text.strip_prefix("panic: ") {
            return self.panics(exec, expected, annotation);
        }
        let error = match self.execute(exec, annotation)? {
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
        match ends_with(text, &error) {
            Ok(true) => self.check_error(&annotation.error, &error),
            Ok(false) => Err(Outcome::fail(format!(
                "expected the trap `{text}`, and it ended with: {error}"
            ))),
            Err(outcome) => Err(outcome),
        }
    }

    /// Expects that a host function's panic resumes here.
    fn panics(&mut self, exec: &Exec, expected: &str, annotation: &Annotation) -> Step<()> {
        let ended = catch_unwind(AssertUnwindSafe(|| self.execute(exec, annotation)));
        let panic = match ended {
            Err(panic) => panic,
            Ok(Ok(Err(error))) => {
                return Err(Outcome::fail(format!(
                    "expected the panic `{expected}`, and it ended with: {error}"
                )));
            }
            Ok(Ok(Ok(_))) => {
                return Err(Outcome::fail(format!(
                    "expected the panic `{expected}`, and it returned"
                )));
            }
            Ok(Err(outcome)) => return Err(outcome),
        };
        match panic.downcast::<HostPanic>() {
            Ok(panic) if panic.0 == expected => Ok(()),
            Ok(panic) => Err(Outcome::fail(format!(
                "expected the panic `{expected}`, and it was `{}`",
                panic.0
            ))),
            Err(other) => resume_unwind(other),
        }
    }

    fn unlinkable(&mut self, source: &Source) -> Step<()> {
        let definition = self.definition(source)?;
        match self
            .world
            .instantiate(&definition, None, &Annotation::default())
        {
            Err(error) if *error.kind() == ErrorKind::Link => Ok(()),
            Err(error) => Err(failed(&error)),
            Ok(_) => Err(Outcome::fail(
                "expected imports that do not fit, and they do",
            )),
        }
    }
}

/// Core modules have none of the keys that say what is done.
fn component_only(annotation: &Annotation) -> Step<()> {
    match annotation.of_components() {
        Some(key) => Err(Outcome::fail(format!(
            "annotation: `{key}` is for components, and this is a core module"
        ))),
        None => Ok(()),
    }
}

/// Whether an error is the one that a text stands for.
fn ends_with(text: &str, error: &Error) -> Step<bool> {
    let kind = error.kind();
    if let Some(expected) = text.strip_prefix("host error: ") {
        let own = error.downcast_ref::<HostError>();
        return Ok(*kind == ErrorKind::Host && own.is_some_and(|own| own.0 == expected));
    }
    if let Some(expected) = text.strip_prefix("poisoned: ") {
        return Ok(match kind {
            ErrorKind::Poisoned { by } => by.to_string().starts_with(expected),
            _ => false,
        });
    }
    if kind.name().replace('-', " ") == text {
        return Ok(true);
    }
    match (traps::codes(text), kind) {
        (_, ErrorKind::Unsupported) => Err(failed(error)),
        (Some(codes), ErrorKind::Trap(code)) => Ok(codes.contains(code)),
        // What was entered before and trapped is not entered again.
        (Some(codes), ErrorKind::Poisoned { .. }) => {
            Ok(codes.contains(&TrapCode::CannotEnterComponent))
        }
        (_, kind) if kind.is_limit() => Ok(kind.to_string().starts_with(text)),
        (None, _) => Err(Outcome::fail(format!(
            "no trap is known by the text `{text}`; it ended with: {error}"
        ))),
        _ => Ok(false),
    }
}

/// The outcome of an error where none was expected.
fn failed(error: &Error) -> Outcome {
    match error.kind() {
        ErrorKind::Unsupported => Outcome::unsupported(named(error), error),
        _ => Outcome::fail(error),
    }
}
