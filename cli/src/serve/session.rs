//! From components that were found to the end of all of them.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use enginebay::generic::Engine;
use enginebay::host::runner::{Host, HostOptions, LoadError};
use enginebay::{Backend, Error, ErrorKind};

use super::find::Found;
use super::services::Given;
use super::watch::Watch;
use super::{Problems, ServeArgs, calls, signals};
use crate::args::{EngineArgs, Stop};
use crate::cancel;
use crate::compiler::Source;
use crate::dispatch::Task;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::load;
use crate::output::{count, note, print};

/// How often it is looked whether a component has changed.
const TICK: Duration = Duration::from_millis(20);

/// One run of the command.
pub(super) struct Session<'a> {
    pub(super) args: &'a ServeArgs,
    pub(super) found: Vec<Found>,
    pub(super) problems: Problems,
    pub(super) given: Given,
}

/// What happens besides what components do.
enum Event {
    /// Ctrl-C was pressed.
    Interrupted,
    /// The calls are over.
    Called(Result<(), Failure>),
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
        let (sender, events) = channel();
        listen(&sender)?;
        let compiled = self.compiled();
        let mut options = HostOptions::default();
        options.environment = self.args.grants.env.clone();
        let engine = Engine::<B>::new(&compiled.config(false))?;
        let host = Host::new(&engine, self.given.services.clone(), options)?;

        let mut watch = Watch::default();
        let mut problems = self.problems.clone();
        let mut calling = None;
        let end = match self.load(&host, &compiled, &mut watch, &mut problems, &events) {
            Some(end) => end,
            None => {
                calling = self.call(&watch, sender.clone())?;
                self.supervise(&mut watch, &events)
            }
        };
        if let End::Interrupted = end {
            note("stopping; once more ends it at once");
        }
        stop(&host, &mut watch);
        if let Some(calling) = calling {
            // A panic there has been told.
            let _ = calling.join();
        }
        self.given.close();
        self.exit(end, &watch, problems.first)
    }
}

/// Has Ctrl-C be an event.
fn listen(sender: &Sender<Event>) -> Result<(), Failure> {
    let sender = sender.clone();
    cancel::no_handler();
    let listening = signals::listen(move || {
        // When nobody takes it any more, the program is about to end.
        let _ = sender.send(Event::Interrupted);
        cancel::interrupt();
    });
    listening.map_err(|error| {
        let message = format!("cannot listen for Ctrl-C: {error}");
        Error::new(ErrorKind::Host, message)
            .with_source(error)
            .into()
    })
}

/// Stops all, and tells what they do meanwhile.
fn stop<B: Backend>(host: &Host<B>, watch: &mut Watch) {
    thread::scope(|scope| {
        let stopping = scope.spawn(|| host.stop());
        while !stopping.is_finished() {
            watch.tell();
            thread::sleep(TICK);
        }
    });
    watch.tell();
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
        events: &Receiver<Event>,
    ) -> Option<End> {
        for found in &self.found {
            let source = Source {
                path: &found.path,
                bytes: &found.bytes,
                engine: compiled,
                fuel: false,
                compiler: &self.args.compiler,
            };
            let loaded = host.load_with(&found.manifest, &found.bytes, |engine| {
                source.compile(engine).map_err(NotLoaded::Compiler)
            });
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
            if let Ok(Event::Interrupted) = events.try_recv() {
                return Some(End::Interrupted);
            }
        }
        None
    }

    /// Has the calls carried out, beside what else there is to do.
    fn call(
        &self,
        watch: &Watch,
        sender: Sender<Event>,
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
    fn supervise(&self, watch: &mut Watch, events: &Receiver<Event>) -> End {
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
            match events.recv_timeout(TICK) {
                Ok(Event::Interrupted) => return End::Interrupted,
                Ok(Event::Called(result)) if once => return End::Called(result),
                Ok(Event::Called(Err(failure))) => failure.tell(self.problems.verbose),
                Ok(Event::Called(Ok(()))) | Err(RecvTimeoutError::Timeout) => {}
                // There are no signals any more.
                Err(RecvTimeoutError::Disconnected) => thread::sleep(TICK),
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
enum NotLoaded {
    Host(LoadError),
    Compiler(Failure),
}

impl From<LoadError> for NotLoaded {
    fn from(error: LoadError) -> Self {
        NotLoaded::Host(error)
    }
}

impl NotLoaded {
    fn failure(self, found: &Found) -> Failure {
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
