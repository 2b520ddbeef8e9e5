//! The thread of a component.

mod work;

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use enginebay_core::{Backend, Engine, Error, InstancePre, Result, Store};
use tokio::sync::mpsc;

use super::changes::Notifier;
use super::event::{self, Command, Event};
use super::handle::{ComponentHandle, Control};
use super::reload::Settings;
use super::say;
use crate::block::wait;
use crate::contract::bindings::exports::enginebay::core::component_lifecycle as lifecycle;
use crate::manifest::{Lifecycle, Restart};
use crate::messaging::{Mailbox, PendingRequest};
use crate::services::{ComponentContext, HostView, Services, Status, convert};

/// The target of the events of `tracing` by which a host tells that a component has failed:
/// `enginebay::host::failure`. Each failure is one event, a warning, with the field
/// `component`. If an operation failed so, the field `operation` names it, and who asked for
/// it is told the same by its [`ExecutionOutcome`](super::ExecutionOutcome).
pub const FAILURES: &str = "enginebay::host::failure";

/// How many commands wait for a component at once.
const MOST_COMMANDS: usize = 64;

/// A component that has run for so long without a failure starts to count anew.
const STEADY: Duration = Duration::from_secs(60);

/// The longest pause before a restart, unless the manifest's first one is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a component's store holds.
#[derive(Debug)]
pub(super) struct Data {
    component: ComponentContext,
    #[cfg(feature = "wasi")]
    wasi: enginebay_wasi::WasiCtx,
}

impl HostView for Data {
    fn component(&mut self) -> &mut ComponentContext {
        &mut self.component
    }
}

#[cfg(feature = "wasi")]
impl enginebay_wasi::WasiView for Data {
    fn wasi(&mut self) -> &mut enginebay_wasi::WasiCtx {
        &mut self.wasi
    }
}

/// What a component is started with, each time.
pub(super) struct Setup<B: Backend> {
    pub(super) engine: Engine<B>,
    pub(super) instance: InstancePre<B, Data>,
    pub(super) settings: Settings,
    pub(super) services: Services,
    pub(super) environment: Vec<(String, String)>,
    pub(super) name: Arc<str>,
}

/// Starts the thread.
pub(super) fn spawn<B: Backend>(
    setup: Setup<B>,
    mailbox: Mailbox,
    notifier: Notifier,
) -> io::Result<ComponentHandle> {
    let (sender, commands) = mpsc::channel(MOST_COMMANDS);
    let control = Arc::new(Control::new(setup.name.clone(), notifier));
    let handle = ComponentHandle {
        commands: sender,
        control: control.clone(),
    };
    let actor = Actor {
        setup,
        control,
        commands,
        mailbox,
        requests: Vec::new(),
    };
    thread::Builder::new()
        .name(format!("component {}", handle.name()))
        .spawn(move || run(actor))?;
    Ok(handle)
}

/// All that a component had is gone when it is said that it has ended.
fn run<B: Backend>(actor: Actor<B>) {
    let control = actor.control.clone();
    let supervised = panic::catch_unwind(AssertUnwindSafe(move || actor.supervise()));
    let last = supervised.unwrap_or_else(|_| {
        let failure = "the host's own code panicked".to_string();
        let component = &*control.name;
        tracing::warn!(target: FAILURES, component, "{failure}");
        control.set(|state| state.fail(failure));
        Status::Failed
    });
    control.set(|state| state.status = last);
}

struct Actor<B: Backend> {
    setup: Setup<B>,
    control: Arc<Control>,
    commands: mpsc::Receiver<Command>,
    mailbox: Mailbox,
    /// Those whose answer comes by a callback.
    requests: Vec<PendingRequest>,
}

/// A component that runs.
struct Live<B: Backend> {
    store: Store<B, Data>,
    guest: lifecycle::Guest<B>,
}

/// Why a component does not run any more.
enum End {
    Stopped,
    /// It is started again with other settings.
    Renewed,
    Failed(Failure),
}

/// Why a component failed.
struct Failure {
    text: String,
    /// The operation that failed, if who asked for it was told.
    operation: Option<String>,
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Failure {
            text,
            operation: None,
        }
    }
}

impl<B: Backend> Actor<B> {
    /// Starts the component, and starts it again, until it has ended; as what.
    fn supervise(mut self) -> Status {
        let _removed = Removed(self.setup.services.clone(), self.setup.name.clone());
        let mut in_a_row = 0;
        let last = loop {
            let begun = Instant::now();
            self.renew();
            let end = self.live();
            self.control.set_cancel(None);
            self.requests.clear();
            let failure = match end {
                End::Stopped => break Status::Terminated,
                End::Renewed => continue,
                End::Failed(failure) => failure,
            };
            let component = &*self.setup.name;
            let Failure { text, operation } = failure;
            let operation = operation.as_deref();
            tracing::warn!(target: FAILURES, component, operation, "{text}");
            self.control.set(|state| state.fail(text));
            if begun.elapsed() >= STEADY {
                in_a_row = 0;
            }
            let Lifecycle {
                restart,
                max_restarts,
                backoff,
                ..
            } = self.setup.settings.lifecycle;
            if restart == Restart::Never || in_a_row >= max_restarts {
                break Status::Failed;
            }
            self.status(Status::Suspended);
            if self.pause(pause(backoff.0, in_a_row)) {
                break Status::Terminated;
            }
            in_a_row += 1;
            self.control.set(|state| state.restarts += 1);
        };
        // Who waits is told, and why.
        self.control.set_last(last);
        self.commands.close();
        self.mailbox.close();
        while self.mailbox.try_recv().is_some() {}
        while self.commands.try_recv().is_ok() {}
        last
    }

    fn status(&self, status: Status) {
        let name = &self.setup.name;
        self.setup.services.registry().set_status(name, status);
        self.control.set(|state| state.status = status);
    }

    /// Takes up new settings, if there are some; whether they need a restart.
    fn renew(&mut self) -> bool {
        let Some(renewal) = self.control.take_renewal() else {
            return false;
        };
        self.setup.settings = renewal.settings;
        if renewal.restarts {
            let metadata = self.setup.settings.metadata.clone();
            let registry = self.setup.services.registry();
            registry.set(metadata, Status::Suspended);
        }
        renewal.restarts
    }

    /// Waits, and says whether the component is to stop. It waits no longer if its settings
    /// are renewed.
    fn pause(&self, time: Duration) -> bool {
        let clock = &self.setup.services.inner.clock;
        let mut sleep = clock.sleep(time);
        let over = async {
            let mut woken = std::pin::pin!(self.control.woken.notified());
            std::future::poll_fn(|cx| {
                if woken.as_mut().poll(cx).is_ready() {
                    return std::task::Poll::Ready(());
                }
                sleep.poll(cx).map(drop)
            })
            .await
        };
        wait(over);
        self.control.is_stopping()
    }

    /// Starts the component, and works for as long as it runs.
    fn live(&mut self) -> End {
        self.status(Status::Initializing);
        let mut live = match self.start() {
            Ok(live) => live,
            Err(failure) => return End::Failed(failure.into()),
        };
        loop {
            if self.control.is_stopping() {
                return self.shut_down(live);
            }
            if self.renew() {
                self.call_shutdown(live, Status::Suspended);
                return End::Renewed;
            }
            self.status(Status::Ready);
            self.requests
                .extend(live.store.data_mut().component.take_requests());
            let event = event::next(
                &self.control.woken,
                &mut self.commands,
                &mut self.requests,
                &mut self.mailbox,
            );
            let event = wait(event);
            match event {
                Event::Stop => return self.shut_down(live),
                Event::Woken => continue,
                _ => {}
            }
            self.status(Status::Processing);
            if let Err(failure) = self.handle(&mut live, event) {
                return End::Failed(failure);
            }
        }
    }

    fn start(&self) -> Result<Live<B>, String> {
        let failed = |error: Error| format!("it could not be started: {error}");
        let (store, guest) = self.instantiate().map_err(failed)?;
        let mut live = Live { store, guest };
        let limits = &self.setup.settings.limits;
        let config = lifecycle::ComponentConfig {
            environment: self.setup.environment.clone(),
            data: self.setup.settings.data.clone(),
            limits: lifecycle::ResourceLimits {
                memory_bytes: limits.memory,
                fuel: limits.fuel,
                deadline: limits.deadline.map(convert::nanoseconds),
            },
        };
        let started = live.call(limits, None, |store, guest| guest.call_init(store, &config));
        match started.map_err(failed)? {
            Ok(()) => {}
            Err(error) => {
                let why = say::component_error(&error);
                return Err(format!("its `init` failed: {why}"));
            }
        }
        let metadata = live.call(limits, None, |store, guest| guest.call_metadata(store));
        let mut metadata = metadata.map_err(failed)?;
        // Its name and version are those of its manifest, whatever it says.
        if let Some(known) = self.setup.services.registry().get(&self.setup.name) {
            metadata.id = known.metadata.id;
        }
        self.setup
            .services
            .registry()
            .set(metadata, Status::Initializing);
        Ok(live)
    }

    fn instantiate(&self) -> Result<(Store<B, Data>, lifecycle::Guest<B>)> {
        let setup = &self.setup;
        let data = Data {
            component: ComponentContext::new(
                &setup.services,
                &setup.name,
                setup.settings.context.clone(),
            )?,
            #[cfg(feature = "wasi")]
            wasi: enginebay_wasi::WasiCtx::builder().build()?,
        };
        let mut store = Store::builder(&setup.engine)
            .limits(setup.settings.limits.clone())
            .build(data)?;
        self.control.set_cancel(store.cancel_handle().ok());
        let instance = setup.instance.instantiate(&mut store)?;
        let guest = lifecycle::Guest::new(&mut store, &instance)?;
        Ok((store, guest))
    }

    fn shut_down(&self, live: Live<B>) -> End {
        self.call_shutdown(live, Status::Terminating);
        End::Stopped
    }

    /// Calls `shutdown`, with a status meanwhile. However it ends, the component has stopped.
    fn call_shutdown(&self, mut live: Live<B>, status: Status) {
        self.status(status);
        let component = &*self.setup.name;
        match live.call(&self.setup.settings.limits, None, |store, guest| {
            guest.call_shutdown(store)
        }) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let error = say::component_error(&error);
                tracing::warn!(target: "enginebay::host", component, "its `shutdown` failed: {error}");
            }
            Err(error) => {
                tracing::warn!(target: "enginebay::host", component, "its `shutdown` failed: {error}");
            }
        }
    }
}

/// The pause before a restart.
fn pause(first: Duration, in_a_row: u32) -> Duration {
    let doubled = first.saturating_mul(2u32.saturating_pow(in_a_row));
    doubled.min(LONGEST_PAUSE.max(first))
}

/// However the thread ends, the component's name is free again.
struct Removed(Services, Arc<str>);

impl Drop for Removed {
    fn drop(&mut self) {
        let Removed(services, name) = self;
        let _ = services.permissions().unregister(name);
        services.registry().remove(name);
    }
}
