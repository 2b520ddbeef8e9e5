//! What a component's thread does for an event: calls of the guest, and what comes of them.

use std::time::Duration;

use enginebay_core::{Backend, Limits, Result, Store};

use super::{Actor, Data, Failure, Live};
use crate::contract::bindings::enginebay::core::types as wit;
use crate::contract::bindings::exports::enginebay::core::component_lifecycle as lifecycle;
use crate::messaging::{Message, MessageKind, Payload};
use crate::runner::event::{Command, Event};
use crate::runner::outcome::{Execution, ExecutionContext, ExecutionOutcome, ResourceUsage};
use crate::runner::say;
use crate::services::convert;

impl<B: Backend> Actor<B> {
    /// Does what an event asks for. An error is the end of the component.
    pub(super) fn handle(&self, live: &mut Live<B>, event: Event) -> Result<(), Failure> {
        match event {
            Event::Stop | Event::Woken => Ok(()),
            Event::Command(command) => self.command(live, command),
            Event::Message(message) => Ok(self.message(live, message)?),
            Event::Answer(id, answer) => {
                live.store.data_mut().component.forget_request(id);
                let answer = answer.map_err(convert::message_error);
                let answer = answer.as_ref().map(|payload| &payload[..]);
                let handled = live.call(&self.setup.settings.limits, None, |store, guest| {
                    guest.call_handle_callback(store, id, answer)
                });
                // What it says has been noted.
                self.handled("handle-callback", handled)?.ok();
                Ok(())
            }
        }
    }

    fn command(&self, live: &mut Live<B>, command: Command) -> Result<(), Failure> {
        let limits = &self.setup.settings.limits;
        match command {
            Command::Execute {
                operation,
                input,
                context,
                reply,
            } => {
                let (execution, failure) = self.execute(live, &operation, &input, context);
                let _ = reply.send(execution);
                failure.map_or(Ok(()), |text| {
                    Err(Failure {
                        text,
                        operation: Some(operation),
                    })
                })
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
        let limits = &self.setup.settings.limits;
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
        let handled = live.call(&self.setup.settings.limits, None, |store, guest| {
            guest.call_handle_message(store, &message)
        });
        // A responder that is dropped tells who asked that there is no answer.
        let answer = match self.handled("handle-message", handled)? {
            Ok(answer) => answer.ok_or_else(|| "it has no answer".to_string()),
            Err(error) => Err(say::component_error(&error)),
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
            let error = say::component_error(error);
            tracing::warn!(target: "enginebay::host", component, "its `{what}` failed: {error}");
        }
        Ok(result)
    }
}

impl<B: Backend> Live<B> {
    /// Calls the guest, with all of its fuel and its time.
    pub(super) fn call<R>(
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
