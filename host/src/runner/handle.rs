//! A component as its host has it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use enginebay_core::CancelHandle;
use tokio::sync::{Notify, mpsc, oneshot};

use super::changes::Notifier;
use super::event::Command;
use super::outcome::{
    Execution, ExecutionContext, ExecutionOutcome, NotRunning, ResourceUsage, State,
};
use super::reload::Renewal;
use crate::block::wait;
use crate::contract::bindings::enginebay::core::types as wit;
use crate::services::Status;

/// How long a component may take for what it works on, and for its `shutdown`, before it is
/// stopped in the middle.
const GRACE: Duration = Duration::from_secs(5);

/// A component that was loaded. Clones are for the same component; it runs on when all are
/// gone, for as long as its host.
#[derive(Clone, Debug)]
pub struct ComponentHandle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) control: Arc<Control>,
}

/// What the handle and the component's thread share.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) name: Arc<str>,
    state: Mutex<Shared>,
    changed: Condvar,
    /// Tells the host's [`Changes`](super::Changes).
    notifier: Notifier,
    /// The component is to stop, or to take up a renewal.
    pub(super) woken: Notify,
}

#[derive(Debug)]
struct Shared {
    state: State,
    stopping: bool,
    /// What it has not taken up yet.
    renewal: Option<Renewal>,
    /// What it is going to be, once all of it is gone.
    last: Option<Status>,
    /// What stops the store that runs.
    cancel: Option<CancelHandle>,
}

impl Control {
    pub(super) fn new(name: Arc<str>, notifier: Notifier) -> Self {
        Control {
            name,
            state: Mutex::new(Shared {
                state: State {
                    status: Status::Initializing,
                    restarts: 0,
                    failures: 0,
                    last_failure: None,
                },
                stopping: false,
                renewal: None,
                last: None,
                cancel: None,
            }),
            changed: Condvar::new(),
            notifier,
            woken: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Has the component take up settings, in place of those that it has not taken up yet.
    pub(super) fn renew(&self, mut renewal: Renewal) {
        let mut shared = self.lock();
        renewal.restarts |= shared.renewal.as_ref().is_some_and(|it| it.restarts);
        shared.renewal = Some(renewal);
        drop(shared);
        self.woken.notify_one();
    }

    pub(super) fn take_renewal(&self) -> Option<Renewal> {
        self.lock().renewal.take()
    }

    pub(super) fn set_cancel(&self, cancel: Option<CancelHandle>) {
        self.lock().cancel = cancel;
    }

    pub(super) fn set_last(&self, last: Status) {
        self.lock().last = Some(last);
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut State)) {
        let mut shared = self.lock();
        let before = shared.state.seen();
        change(&mut shared.state);
        // Whoever sees the new state finds that it was told.
        if shared.state.seen() != before {
            self.notifier.notify();
        }
        drop(shared);
        self.changed.notify_all();
    }

    /// Waits until the state is so, or the time is over.
    fn wait(&self, time: Duration, until: impl Fn(Status) -> bool) -> State {
        let end = Instant::now() + time;
        let mut shared = self.lock();
        while !until(shared.state.status) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(shared, left);
            shared = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        shared.state.clone()
    }
}

const fn has_ended(status: Status) -> bool {
    matches!(status, Status::Terminated | Status::Failed)
}

impl ComponentHandle {
    /// The component's name.
    pub fn name(&self) -> &str {
        &self.control.name
    }

    /// What it does at the moment.
    pub fn status(&self) -> Status {
        self.control.lock().state.status
    }

    /// How often it was started again after a failure, in all.
    pub fn restarts(&self) -> u32 {
        self.control.lock().state.restarts
    }

    /// Why it failed the last time.
    pub fn last_failure(&self) -> Option<String> {
        self.control.lock().state.last_failure.clone()
    }

    /// Waits until it has been started, has failed for good or has stopped, or the time is
    /// over; what it is then.
    pub fn wait_until_ready(&self, time: Duration) -> Status {
        let ready = |status| !matches!(status, Status::Initializing | Status::Suspended);
        self.control.wait(time, ready).status
    }

    /// Waits until it has failed for good or has stopped, or the time is over; what it is
    /// then.
    pub fn wait_until_ended(&self, time: Duration) -> Status {
        self.control.wait(time, has_ended).status
    }

    /// Carries out an operation, on this thread.
    pub fn execute(&self, operation: &str, input: &[u8], context: ExecutionContext) -> Execution {
        wait(self.execute_async(operation, input, context))
    }

    /// Carries out an operation. The future works on every executor; when it is dropped,
    /// the operation goes on.
    pub fn execute_async(
        &self,
        operation: &str,
        input: &[u8],
        context: ExecutionContext,
    ) -> impl Future<Output = Execution> + Send + 'static {
        let (reply, answer) = oneshot::channel();
        let command = Command::Execute {
            operation: operation.to_string(),
            input: input.to_vec(),
            context,
            reply,
        };
        let sent = self.commands.try_send(command);
        let control = self.control.clone();
        async move {
            let why = match sent {
                Ok(()) => match answer.await {
                    Ok(execution) => return execution,
                    Err(_) => control.why_not(),
                },
                Err(mpsc::error::TrySendError::Full(_)) => NotRunning::Busy,
                Err(mpsc::error::TrySendError::Closed(_)) => control.why_not(),
            };
            Execution {
                outcome: ExecutionOutcome::NotRunning(why),
                usage: ResourceUsage::default(),
            }
        }
    }

    /// How the component says that it is; `unhealthy` if it does not run or cannot say.
    pub fn health(&self) -> wit::HealthStatus {
        let answer = self.ask(Command::Health);
        answer.unwrap_or(wit::HealthStatus::Unhealthy)
    }

    /// What the component says of itself, if it runs.
    pub fn metadata(&self) -> Option<wit::ComponentMetadata> {
        self.ask(Command::Metadata)
    }

    /// What it has used since it was started the last time, if it runs.
    pub fn usage(&self) -> Option<ResourceUsage> {
        self.ask(Command::Usage)
    }

    fn ask<R: Send>(&self, command: impl FnOnce(oneshot::Sender<R>) -> Command) -> Option<R> {
        let (reply, answer) = oneshot::channel();
        self.commands.try_send(command(reply)).ok()?;
        wait(answer).ok()
    }

    /// Whether it has stopped, or failed for good: it is not started again.
    pub fn has_ended(&self) -> bool {
        has_ended(self.status())
    }

    /// Asks it to stop, and does not wait.
    pub(super) fn ask_to_stop(&self) {
        self.control.lock().stopping = true;
        self.control.woken.notify_one();
    }

    /// Stops the component: what it works on and its `shutdown` have five seconds together,
    /// then it is stopped in the middle. What waits in its mailbox is not handled any more,
    /// and who asked is told.
    pub fn stop(&self) {
        self.ask_to_stop();
        let state = self.control.wait(GRACE, has_ended);
        if has_ended(state.status) {
            return;
        }
        if let Some(cancel) = &self.control.lock().cancel {
            cancel.cancel();
        }
        self.control.wait(GRACE, has_ended);
    }
}

impl Control {
    fn why_not(&self) -> NotRunning {
        let shared = self.lock();
        match shared.last.unwrap_or(shared.state.status) {
            Status::Failed => NotRunning::Failed,
            _ => NotRunning::Stopped,
        }
    }
}
