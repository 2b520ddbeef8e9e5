//! From components that were found to the end of all of them.

use std::thread::{self, JoinHandle};

use enginebay::generic::Engine;
use enginebay::host::runner::{Changes, ComponentHandle, Host, HostOptions, LoadError};
use enginebay::{Backend, Error, ErrorKind};
use tokio::sync::mpsc::UnboundedSender;

use super::events::{Event, Events};
use super::find::Found;
use super::services::Given;
use super::watch::Watch;
use super::{Problems, ServeArgs, calls};
use crate::args::{EngineArgs, Stop};
use crate::compiler::Source;
use crate::dispatch::Task;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::load;
use crate::output::{count, note, print};

/// One run of the command.
pub(super) struct Session<'a> {
    pub(super) args: &'a ServeArgs,
    pub(super) found: Vec<Found>,
    pub(super) problems: Problems,
    pub(super) given: Given,
}

/// Why the components are stopped.
enum End {
    Interrupted,
    /// They have ended by themselves.
    Ended,
    /// All have begun, which was to be checked.
    Checked,
    /// The calls are over, and nothing else was asked for.
    Called(Result<(), Failure>),
    NotLoaded,
}

impl Task for Session<'_> {
    type Output = Result<Exit, Failure>;

    fn run<B: Backend>(&self) -> Result<Exit, Failure> {
        let mut events = Events::new().map_err(Error::host)?;
        events.listen()?;
        let compiled = self.compiled();
        let mut options = HostOptions::default();
        options.environment = self.args.grants.env.clone();
        options.trust = self.args.grants.trust_level.into();
        let engine = Engine::<B>::new(&compiled.config(false))?;
        let host = Host::new(&engine, self.given.services.clone(), options)?;

        let mut changes = host.changes();
        let mut watch = Watch::default();
        let mut problems = self.problems.clone();
        let mut calling = None;
        let end = match self.load(&host, &compiled, &mut watch, &mut problems, &mut events) {
            Some(end) => end,
            None => {
                calling = self.call(&watch, events.sender())?;
                self.supervise(&host, &compiled, &mut watch, &mut events, &mut changes)
            }
        };
        if let End::Interrupted = end {
            note("stopping; once more ends it at once");
        }
        stop(&host, &mut watch, &mut events, &mut changes);
        if let Some(calling) = calling {
            // A panic there has been told.
            let _ = calling.join();
        }
        self.given.close();
        self.exit(end, &watch, problems.first)
    }
}

/// Stops all, and tells what they do meanwhile.
fn stop<B: Backend>(host: &Host<B>, watch: &mut Watch, events: &mut Events, changes: &mut Changes) {
    let stopped = Stopped(events.sender());
    thread::scope(|scope| {
        scope.spawn(move || {
            let _stopped = stopped;
            host.stop();
        });
        loop {
            watch.tell();
            if let Some(Event::Stopped) = events.next(changes) {
                break;
            }
        }
    });
    watch.tell();
}

/// Says so when it is dropped.
struct Stopped(UnboundedSender<Event>);

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.send(Event::Stopped);
    }
}

impl Session<'_> {
    /// How the engine and those that compile for it are made: with fuel, if somebody counts
    /// it.
    fn compiled(&self) -> EngineArgs {
        let fuel = |it: &Found| it.manifest.resources.fuel.is_some();
        EngineArgs {
            interruption: Some(match self.found.iter().any(fuel) {
                true => Stop::Fuel,
                false => Stop::Deadline,
            }),
            stack: None,
            deterministic: false,
            feature: Vec::new(),
        }
    }

    /// Loads them, one after the other. Says why it ended before all were.
    fn load<B: Backend>(
        &self,
        host: &Host<B>,
        compiled: &EngineArgs,
        watch: &mut Watch,
        problems: &mut Problems,
        events: &mut Events,
    ) -> Option<End> {
        for found in &self.found {
            let loaded = self.load_one(host, compiled, found);
            match loaded {
                Ok(handle) => watch.add(handle),
                Err(NotLoaded::Compiler(Failure::Interrupted)) => return Some(End::Interrupted),
                Err(why) => {
                    problems.add(&why.failure(found));
                    if !problems.keep_going {
                        return Some(End::NotLoaded);
                    }
                }
            }
            watch.tell();
            if let Some(Event::Interrupted) = events.try_next() {
                return Some(End::Interrupted);
            }
        }
        None
    }

    pub(super) fn load_one<B: Backend>(
        &self,
        host: &Host<B>,
        compiled: &EngineArgs,
        found: &Found,
    ) -> Result<ComponentHandle, NotLoaded> {
        let source = Source {
            path: &found.path,
            bytes: &found.bytes,
            engine: compiled,
            fuel: false,
            compiler: &self.args.compiler,
        };
        host.load_with(&found.manifest, &found.bytes, |engine| {
            source.compile(engine).map_err(NotLoaded::Compiler)
        })
    }

    /// Has the calls carried out, beside what else there is to do.
    fn call(
        &self,
        watch: &Watch,
        sender: UnboundedSender<Event>,
    ) -> Result<Option<JoinHandle<()>>, Failure> {
        let calls = self.args.calls.calls.clone();
        if calls.is_empty() {
            return Ok(None);
        }
        let handles = watch.handles();
        let call = move || {
            let result = calls::carry_out(&calls, &handles);
            let _ = sender.send(Event::Called(result));
        };
        let thread = thread::Builder::new().name("calls".to_owned());
        let thread = thread.spawn(call).map_err(Error::host)?;
        Ok(Some(thread))
    }

    /// Tells what becomes of them, until there is a reason to stop.
    fn supervise<B: Backend>(
        &self,
        host: &Host<B>,
        compiled: &EngineArgs,
        watch: &mut Watch,
        events: &mut Events,
        changes: &mut Changes,
    ) -> End {
        let once = self.args.calls.once;
        loop {
            watch.tell();
            if self.args.check && watch.all_have_begun() {
                return End::Checked;
            }
            // A call that ends the last component says more.
            if !once && watch.all_have_ended() {
                return End::Ended;
            }
            match events.next(changes) {
                Some(Event::Interrupted) => return End::Interrupted,
                Some(Event::Called(result)) if once => return End::Called(result),
                Some(Event::Called(Err(failure))) => failure.tell(self.problems.verbose),
                Some(Event::Reload) => self.reload(host, compiled, watch),
                Some(Event::Called(Ok(())) | Event::Stopped) | None => {}
            }
        }
    }

    fn exit(&self, end: End, watch: &Watch, problem: Option<Exit>) -> Result<Exit, Failure> {
        let failed = match end {
            End::Interrupted if self.args.check || self.args.calls.once => {
                return Err(Failure::Interrupted);
            }
            End::Called(result) => {
                result?;
                0
            }
            End::Checked | End::Ended => watch.failed(),
            End::Interrupted | End::NotLoaded => 0,
        };
        let all = watch.handles().len();
        if failed > 0 {
            let message = match self.args.check {
                true => format!("{failed} of {all} could not be started"),
                false => format!(
                    "all have failed for good: {}",
                    count(all as u64, "component")
                ),
            };
            return Err(Failure::Error {
                error: Error::new(ErrorKind::Host, message),
                advice: String::new(),
                exit: Exit::TRAP,
            });
        }
        if self.args.check && problem.is_none() {
            let all = count(all as u64, "component");
            print(&format!("{all}: all can be started\n"))?;
        }
        Ok(problem.unwrap_or(Exit::SUCCESS))
    }
}

/// Why a component was not loaded.
pub(super) enum NotLoaded {
    Host(LoadError),
    Compiler(Failure),
}

impl From<LoadError> for NotLoaded {
    fn from(error: LoadError) -> Self {
        NotLoaded::Host(error)
    }
}

impl NotLoaded {
    pub(super) fn failure(self, found: &Found) -> Failure {
        let error = match self {
            NotLoaded::Host(error) => error,
            NotLoaded::Compiler(failure) => return failure,
        };
        let (error, advice) = match error {
            LoadError::Engine(error) => return load::named(error, &found.path),
            LoadError::Unfit(unfit) => (
                Error::new(ErrorKind::Link, unfit.to_string()),
                "see `enginebay inspect` for what it imports and exports",
            ),
            LoadError::Messaging(error) => (Error::new(ErrorKind::Host, error.to_string()), ""),
            // What the manifest asks for, and this host does not give.
            other => (Error::new(ErrorKind::Link, other.to_string()), ""),
        };
        Failure::advised(error.with_context("file", found.path.display()), advice)
    }
}
