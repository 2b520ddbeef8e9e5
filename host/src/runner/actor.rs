//! The thread of a component.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use enginebay_core::{Backend, Engine, Error, InstancePre, Limits, Result, Store};
use tokio::sync::mpsc;

use super::event::{self, Command, Event};
use super::handle::{ComponentHandle, Control};
use super::outcome::{Execution, ExecutionContext, ExecutionOutcome, ResourceUsage};
use crate::block::wait;
use crate::contract::bindings::enginebay::core::types as wit;
use crate::contract::bindings::exports::enginebay::core::component_lifecycle as lifecycle;
use crate::manifest::{Lifecycle, Restart};
use crate::messaging::{Mailbox, Message, MessageKind, Payload, PendingRequest};
use crate::services::{ComponentContext, ContextOptions, HostView, Services, Status, convert};

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
    pub(super) limits: Limits,
    pub(super) lifecycle: Lifecycle,
    pub(super) services: Services,
    pub(super) context: ContextOptions,
    pub(super) environment: Vec<(String, String)>,
    pub(super) name: Arc<str>,
}

/// Starts the thread.
pub(super) fn spawn<B: Backend>(setup: Setup<B>, mailbox: Mailbox) -> io::Result<ComponentHandle> {
    let (sender, commands) = mpsc::channel(MOST_COMMANDS);
    let control = Arc::new(Control::new(setup.name.clone()));
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
        control.set(|state| state.last_failure = Some(failure));
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
    Failed(String),
}

impl<B: Backend> Actor<B> {
    /// Starts the component, and starts it again, until it has ended; as what.
    fn supervise(mut self) -> Status {
        let _removed = Removed(self.setup.services.clone(), self.setup.name.clone());
        let mut in_a_row = 0;
        let last = loop {
            let begun = Instant::now();
            let end = self.live();
            self.control.set_cancel(None);
            self.requests.clear();
            let failure = match end {
                End::Stopped => break Status::Terminated,
                End::Failed(failure) => failure,
            };
            let component = &*self.setup.name;
            tracing::warn!(target: "enginebay::host", component, "{failure}");
            self.control.set(|state| state.last_failure = Some(failure));
            if begun.elapsed() >= STEADY {
                in_a_row = 0;
            }
            let Lifecycle {
                restart,
                max_restarts,
                backoff,
                ..
            } = self.setup.lifecycle;
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

    /// Waits, and says whether the component is to stop.
    fn pause(&self, time: Duration) -> bool {
        let clock = &self.setup.services.inner.clock;
        let mut sleep = clock.sleep(time);
        let over = async {
            let mut stop = std::pin::pin!(self.control.stop.notified());
            std::future::poll_fn(|cx| {
                if stop.as_mut().poll(cx).is_ready() {
                    return std::task::Poll::Ready(true);
                }
                sleep.poll(cx).map(|_| false)
            })
            .await
        };
        wait(over) || self.control.is_stopping()
    }

    /// Starts the component, and works for as long as it runs.
    fn live(&mut self) -> End {
        self.status(Status::Initializing);
        let mut live = match self.start() {
            Ok(live) => live,
            Err(failure) => return End::Failed(failure),
        };
        loop {
            if self.control.is_stopping() {
                return self.shut_down(live);
            }
            self.status(Status::Ready);
            self.requests
                .extend(live.store.data_mut().component.take_requests());
            let event = event::next(
                &self.control.stop,
                &mut self.commands,
                &mut self.requests,
                &mut self.mailbox,
            );
            let event = wait(event);
            if let Event::Stop = event {
                return self.shut_down(live);
            }
            self.status(Status::Processing);
            if let Err(error) = self.handle(&mut live, event) {
                return End::Failed(error);
            }
        }
    }

    fn start(&self) -> Result<Live<B>, String> {
        let failed = |error: Error| format!("it could not be started: {error}");
        let (store, guest) = self.instantiate().map_err(failed)?;
        let mut live = Live { store, guest };
        let limits = &self.setup.limits;
        let config = lifecycle::ComponentConfig {
            environment: self.setup.environment.clone(),
            data: None,
            limits: lifecycle::ResourceLimits {
                memory_bytes: limits.memory,
                fuel: limits.fuel,
                deadline: limits.deadline.map(convert::nanoseconds),
            },
        };
        let started = live.call(limits, None, |store, guest| guest.call_init(store, &config));
        match started.map_err(failed)? {
            Ok(()) => {}
            Err(error) => return Err(format!("its `init` failed: {error:?}")),
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
            component: ComponentContext::new(&setup.services, &setup.name, setup.context.clone())?,
            #[cfg(feature = "wasi")]
            wasi: enginebay_wasi::WasiCtx::builder().build()?,
        };
        let mut store = Store::builder(&setup.engine)
            .limits(setup.limits.clone())
            .build(data)?;
        self.control.set_cancel(store.cancel_handle().ok());
        let instance = setup.instance.instantiate(&mut store)?;
        let guest = lifecycle::Guest::new(&mut store, &instance)?;
        Ok((store, guest))
    }

    /// Calls `shutdown`. However it ends, the component has stopped.
    fn shut_down(&self, mut live: Live<B>) -> End {
        self.status(Status::Terminating);
        let component = &*self.setup.name;
        match live.call(&self.setup.limits, None, |store, guest| {
            guest.call_shutdown(store)
        }) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(target: "enginebay::host", component, "its `shutdown` failed: {error:?}");
            }
            Err(error) => {
                tracing::warn!(target: "enginebay::host", component, "its `shutdown` failed: {error}");
            }
        }
        End::Stopped
    }

    /// Does what an event asks for. An error is the end of the component.
    fn handle(&self, live: &mut Live<B>, event: Event) -> Result<(), String> {
        match event {
            Event::Stop => Ok(()),
            Event::Command(command) => self.command(live, command),
            Event::Message(message) => self.message(live, message),
            Event::Answer(id, answer) => {
                live.store.data_mut().component.forget_request(id);
                let answer = answer.map_err(convert::message_error);
                let answer = answer.as_ref().map(|payload| &payload[..]);
                let handled = live.call(&self.setup.limits, None, |store, guest| {
                    guest.call_handle_callback(store, id, answer)
                });
                self.handled("handle-callback", handled).map(drop)
            }
        }
    }

    fn command(&self, live: &mut Live<B>, command: Command) -> Result<(), String> {
        let limits = &self.setup.limits;
        match command {
            Command::Execute {
                operation,
                input,
                context,
                reply,
            } => {
                let (execution, failure) = self.execute(live, &operation, &input, context);
                let _ = reply.send(execution);
                failure.map_or(Ok(()), Err)
            }
            Command::Health(reply) => {
                let health = live.call(limits, None, |store, guest| guest.call_health(store));
                let health = health.map_err(|error| format!("its `health` failed: {error}"))?;
                let _ = reply.send(health);
                Ok(())
            }
            Command::Metadata(reply) => {
                let said = live.call(limits, None, |store, guest| guest.call_metadata(store));
                let said = said.map_err(|error| format!("its `metadata` failed: {error}"))?;
                let _ = reply.send(said);
                Ok(())
            }
            Command::Usage(reply) => {
                let usage = live.store.usage();
                let _ = reply.send(ResourceUsage {
                    memory_bytes: usage.memory_peak,
                    fuel_consumed: usage.fuel.unwrap_or(0),
                    execution_time: usage.time.unwrap_or_default(),
                    storage_bytes: self.storage_bytes(),
                });
                Ok(())
            }
        }
    }

    fn execute(
        &self,
        live: &mut Live<B>,
        operation: &str,
        input: &[u8],
        context: ExecutionContext,
    ) -> (Execution, Option<String>) {
        let limits = &self.setup.limits;
        let deadline = match (context.deadline, limits.deadline) {
            (Some(own), Some(most)) => Some(own.min(most)),
            (own, most) => own.or(most),
        };
        let context = lifecycle::ExecutionContext {
            request: live.next_request(),
            caller: context.caller,
            deadline: deadline.map(convert::nanoseconds),
        };
        let result = live.call(limits, deadline, |store, guest| {
            guest.call_execute(store, operation, input, &context)
        });
        let used = live.store.last_call_usage();
        let usage = ResourceUsage {
            memory_bytes: used.memory_peak,
            fuel_consumed: used.fuel.unwrap_or(0),
            execution_time: used.time.unwrap_or_default(),
            storage_bytes: self.storage_bytes(),
        };
        let (outcome, failure) = match result {
            Ok(Ok(output)) => (ExecutionOutcome::Completed(output), None),
            Ok(Err(error)) => (ExecutionOutcome::Failed(error), None),
            Err(error) => {
                let failure = format!("its operation {operation:?} failed: {error}");
                (ExecutionOutcome::of(&error), Some(failure))
            }
        };
        (Execution { outcome, usage }, failure)
    }

    fn storage_bytes(&self) -> u64 {
        let storage = self.setup.services.storage();
        let usage = storage.and_then(|storage| storage.owner_usage(&self.setup.name).ok());
        usage.map_or(0, |usage| usage.bytes)
    }

    fn message(&self, live: &mut Live<B>, message: Message) -> Result<(), String> {
        let Message {
            sender,
            kind,
            time,
            payload,
            ..
        } = message;
        let version = self.setup.services.registry().version(&sender);
        let sender = wit::ComponentId {
            name: sender.to_string(),
            version: version.unwrap_or_default(),
        };
        let (kind, responder) = match kind {
            MessageKind::OneWay => (lifecycle::MessageKind::Plain, None),
            MessageKind::Request(responder) => (lifecycle::MessageKind::Request, Some(responder)),
            MessageKind::Publication { topic } => {
                (lifecycle::MessageKind::Published(topic.to_string()), None)
            }
        };
        // Nobody waits for it any more.
        if responder.as_ref().is_some_and(|it| it.is_cancelled()) {
            return Ok(());
        }
        let message = lifecycle::Message {
            sender,
            kind,
            sent: convert::timestamp(time),
            payload: payload.into_vec(),
        };
        let handled = live.call(&self.setup.limits, None, |store, guest| {
            guest.call_handle_message(store, &message)
        });
        // A responder that is dropped tells who asked that there is no answer.
        let answer = match self.handled("handle-message", handled)? {
            Ok(answer) => answer.ok_or_else(|| "it has no answer".to_string()),
            Err(error) => Err(format!("{error:?}")),
        };
        if let Some(responder) = responder {
            let _ = match answer {
                Ok(answer) => responder.respond(Payload::from(answer)),
                Err(reason) => responder.reject(&reason),
            };
        }
        Ok(())
    }

    /// What the component says that it failed at is noted, and it goes on.
    fn handled<R>(
        &self,
        what: &str,
        result: Result<Result<R, wit::ComponentError>>,
    ) -> Result<Result<R, wit::ComponentError>, String> {
        let result = result.map_err(|error| format!("its `{what}` failed: {error}"))?;
        if let Err(error) = &result {
            let component = &*self.setup.name;
            tracing::warn!(target: "enginebay::host", component, "its `{what}` failed: {error:?}");
        }
        Ok(result)
    }
}

impl<B: Backend> Live<B> {
    /// Calls the guest, with all of its fuel and its time.
    fn call<R>(
        &mut self,
        limits: &Limits,
        deadline: Option<Duration>,
        call: impl FnOnce(&mut Store<B, Data>, &lifecycle::Guest<B>) -> Result<R>,
    ) -> Result<R> {
        if let Some(fuel) = limits.fuel {
            self.store.set_fuel(fuel)?;
        }
        self.store.set_deadline(deadline.or(limits.deadline))?;
        call(&mut self.store, &self.guest)
    }

    /// A number that no other call of this store has.
    fn next_request(&mut self) -> u64 {
        self.store.data_mut().component.next_request()
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
