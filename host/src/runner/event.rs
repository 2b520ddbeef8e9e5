//! What a component's thread waits for.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::sync::{Notify, mpsc, oneshot};

use super::outcome::{Execution, ExecutionContext, ResourceUsage};
use crate::contract::bindings::enginebay::core::types as wit;
use crate::messaging::{Mailbox, Message, MessagingError, Payload, PendingRequest};

/// What a handle asks of a component.
#[derive(Debug)]
pub(super) enum Command {
    Execute {
        operation: String,
        input: Vec<u8>,
        context: ExecutionContext,
        reply: oneshot::Sender<Execution>,
    },
    Health(oneshot::Sender<wit::HealthStatus>),
    Metadata(oneshot::Sender<wit::ComponentMetadata>),
    Usage(oneshot::Sender<ResourceUsage>),
}

/// What happened.
#[derive(Debug)]
pub(super) enum Event {
    Command(Command),
    Message(Message),
    Answer(u64, Result<Payload, MessagingError>),
    /// The component is to stop, or to take up a renewal.
    Woken,
    /// Nobody is left who could ask for anything.
    Stop,
}

/// Waits for what comes first. To be woken comes before all, then what a handle asks, answers,
/// and messages; nothing is lost that is not taken.
pub(super) async fn next(
    woken: &Notify,
    commands: &mut mpsc::Receiver<Command>,
    requests: &mut Vec<PendingRequest>,
    mailbox: &mut Mailbox,
) -> Event {
    let mut woken = pin!(woken.notified());
    poll_fn(|cx| {
        if woken.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Event::Woken);
        }
        match commands.poll_recv(cx) {
            Poll::Ready(Some(command)) => return Poll::Ready(Event::Command(command)),
            // No handle is left, and no host.
            Poll::Ready(None) => return Poll::Ready(Event::Stop),
            Poll::Pending => {}
        }
        for at in 0..requests.len() {
            if let Poll::Ready(answer) = Pin::new(&mut requests[at]).poll(cx) {
                let id = requests.swap_remove(at).id().get();
                return Poll::Ready(Event::Answer(id, answer));
            }
        }
        match mailbox.poll_recv(cx) {
            Poll::Ready(Some(message)) => Poll::Ready(Event::Message(message)),
            Poll::Ready(None) => Poll::Ready(Event::Stop),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
