//! Both ends of a request: the one that waits for an answer and the one that gives it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

use super::component::Component;
use super::inbox::Reply;
use super::timer::Sleep;
use super::{MessageId, MessagingError, Payload};
use crate::block::block_on;

/// How much of a reason for a rejection is passed on, in bytes.
const LONGEST_REASON: usize = 1024;

/// A request that was made: a future of its answer. It runs by itself, polled or not,
/// but its timeout is looked at when it is polled. Dropping it cancels the request.
///
/// # Errors
///
/// - [`Timeout`](MessagingError::Timeout): no answer in time, or no room in the mailbox.
/// - [`Abandoned`](MessagingError::Abandoned): the other component dropped the
///   [`Responder`] without an answer, as it does when its handler fails.
/// - [`ComponentGone`](MessagingError::ComponentGone): it was unregistered.
/// - [`Rejected`](MessagingError::Rejected): it says no.
/// - [`MessageTooLarge`](MessagingError::MessageTooLarge): its answer is larger than the
///   mailbox of the component that asks.
/// - [`Cancelled`](MessagingError::Cancelled): by a [`Canceller`].
#[must_use = "a request that is dropped is cancelled"]
pub struct PendingRequest {
    pub(super) asker: Arc<Component>,
    pub(super) target: Arc<Component>,
    pub(super) id: MessageId,
    /// None once there is an outcome.
    pub(super) reply: Option<oneshot::Receiver<Reply>>,
    pub(super) sleep: Sleep,
    pub(super) timeout: Duration,
}

impl PendingRequest {
    /// The request's number, which its message has as well.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// The component that was asked.
    pub fn target(&self) -> &str {
        &self.target.name
    }

    /// Cancels the request, unless it has been answered already: then this is the
    /// answer. The other component can see that it was cancelled, and if it answers
    /// nevertheless the answer is dropped.
    pub fn cancel(mut self) -> Option<Reply> {
        self.end()
    }

    /// Something that cancels this request from elsewhere, while this is waited for.
    pub fn canceller(&self) -> Canceller {
        Canceller {
            target: self.target.clone(),
            id: self.id,
        }
    }

    /// Waits for the answer on this thread. Every few milliseconds `interrupted` is
    /// asked whether to stop waiting; the request is cancelled then.
    ///
    /// # Errors
    ///
    /// Those of the future, and what `interrupted` returns.
    pub fn blocking_wait<E: From<MessagingError>>(
        self,
        interrupted: impl FnMut() -> Option<E>,
    ) -> Result<Payload, E> {
        Ok(block_on(self, interrupted)??)
    }

    /// Ends the request on this side; an outcome that came before is returned.
    fn end(&mut self) -> Option<Reply> {
        let mut reply = self.reply.take()?;
        self.sleep.forget();
        self.asker.in_flight.fetch_sub(1, Ordering::Relaxed);
        // What was sent before this is here, and what is sent after it is refused: an
        // answer is never believed to be delivered and lost.
        reply.close();
        let outcome = reply.try_recv().ok();
        if outcome.is_none() {
            self.target.inbox.withdraw(self.id);
        }
        outcome
    }
}

impl Future for PendingRequest {
    type Output = Reply;

    /// # Panics
    ///
    /// If it is polled after it returned the outcome.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply> {
        let this = &mut *self;
        let reply = this.reply.as_mut();
        let reply = reply.expect("a request is not polled after its outcome");
        if let Poll::Ready(outcome) = Pin::new(reply).poll(cx) {
            this.reply = None;
            this.sleep.forget();
            this.asker.in_flight.fetch_sub(1, Ordering::Relaxed);
            let component = || this.target.name.to_string();
            return Poll::Ready(outcome.unwrap_or_else(|_| {
                Err(MessagingError::ComponentGone {
                    component: component(),
                })
            }));
        }
        match this.sleep.poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(over) => {
                let timeout = || MessagingError::Timeout {
                    component: this.target.name.to_string(),
                    after: this.timeout,
                };
                let error = over.map_or_else(|error| error, |()| timeout());
                Poll::Ready(this.end().unwrap_or(Err(error)))
            }
        }
    }
}

impl Drop for PendingRequest {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for PendingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingRequest")
            .field("id", &self.id)
            .field("target", &self.target.name)
            .finish_non_exhaustive()
    }
}

/// Cancels a request while its answer is waited for elsewhere.
#[derive(Clone)]
pub struct Canceller {
    target: Arc<Component>,
    id: MessageId,
}

impl Canceller {
    /// Cancels the request, and says whether that was the outcome: false if it had one
    /// before.
    pub fn cancel(&self) -> bool {
        let reply = self.target.inbox.withdraw(self.id);
        reply.is_some_and(|reply| reply.send(Err(MessagingError::Cancelled)).is_ok())
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Canceller").field(&self.id).finish()
    }
}

/// The duty to answer a request. Dropping it gives the request up, which the asker is
/// told at once.
pub struct Responder {
    pub(super) component: Arc<Component>,
    pub(super) id: MessageId,
    /// The largest answer, in bytes, and whose bound that is.
    pub(super) limit: usize,
    pub(super) asker: Arc<str>,
    pub(super) settled: bool,
}

impl Responder {
    /// The request's number.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// Answers.
    ///
    /// # Errors
    ///
    /// - [`RequestEnded`](MessagingError::RequestEnded): nobody waits any more. The
    ///   answer is dropped, and counted as a late one.
    /// - [`MessageTooLarge`](MessagingError::MessageTooLarge): the answer is larger than
    ///   the asker's mailbox. The asker gets this error as well.
    pub fn respond(mut self, payload: impl Into<Payload>) -> Result<(), MessagingError> {
        let payload = payload.into();
        if payload.len() > self.limit {
            let error = MessagingError::MessageTooLarge {
                component: self.asker.to_string(),
                size: payload.len(),
                limit: self.limit,
            };
            self.settle(Err(error.clone()))?;
            return Err(error);
        }
        self.settle(Ok(payload))
    }

    /// Answers that the request will not be done, and why. Of the reason, 1024 bytes
    /// are passed on.
    ///
    /// # Errors
    ///
    /// [`RequestEnded`](MessagingError::RequestEnded), as of [`respond`](Self::respond).
    pub fn reject(mut self, reason: &str) -> Result<(), MessagingError> {
        let component = self.component.name.to_string();
        let end = reason.floor_char_boundary(LONGEST_REASON);
        self.settle(Err(MessagingError::Rejected {
            component,
            reason: reason[..end].to_owned(),
        }))
    }

    /// Whether the asker does not wait any more: it cancelled the request or its time
    /// is over.
    pub fn is_cancelled(&self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        self.component.inbox.poll_ended(self.id, &mut cx).is_ready()
    }

    /// Waits until the asker does not wait any more.
    pub async fn cancelled(&mut self) {
        poll_fn(|cx| self.component.inbox.poll_ended(self.id, cx)).await;
    }

    fn settle(&mut self, outcome: Reply) -> Result<(), MessagingError> {
        self.settled = true;
        let reply = self.component.inbox.settle(self.id);
        if reply.is_some_and(|reply| reply.send(outcome).is_ok()) {
            return Ok(());
        }
        self.component.inbox.count_late_reply();
        Err(MessagingError::RequestEnded)
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if !self.settled
            && let Some(reply) = self.component.inbox.settle(self.id)
        {
            let component = self.component.name.to_string();
            // An asker that does not wait any more needs not know.
            let _ = reply.send(Err(MessagingError::Abandoned { component }));
        }
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder")
            .field("id", &self.id)
            .field("asker", &self.asker)
            .finish_non_exhaustive()
    }
}
