//! The receiving end of a component.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::coop::poll_proceed;

use super::broker::Shared;
use super::component::Component;
use super::{ComponentStats, Endpoint, Message};
use crate::block::block_on;

/// A component's mailbox: what is sent to it comes out here, in order. Dropping it
/// unregisters the component.
#[must_use = "a component is unregistered when its mailbox is dropped"]
pub struct Mailbox {
    pub(super) broker: Arc<Shared>,
    pub(super) component: Arc<Component>,
}

impl Mailbox {
    /// The component's name.
    pub fn name(&self) -> &str {
        &self.component.name
    }

    /// The sending end of this component.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            broker: self.broker.clone(),
            component: self.component.clone(),
        }
    }

    /// The next message; waits for one. None once the component is unregistered or the
    /// mailbox closed, and nothing is left in it.
    ///
    /// No message is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`recv`](Self::recv) as a poll, for futures that are written by hand.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        // A task that always finds a message must let others run at times.
        let budget = ready!(poll_proceed(cx));
        let envelope = ready!(self.component.inbox.poll_take(cx));
        budget.made_progress();
        Poll::Ready(envelope.map(|it| self.component.open(it)))
    }

    /// The next message, if one is there now.
    pub fn try_recv(&mut self) -> Option<Message> {
        let envelope = self.component.inbox.try_take()?;
        Some(self.component.open(envelope))
    }

    /// [`recv`](Self::recv) on this thread. Every few milliseconds `interrupted` is asked
    /// whether to stop waiting.
    ///
    /// # Errors
    ///
    /// What `interrupted` returns.
    pub fn blocking_recv<E>(
        &mut self,
        interrupted: impl FnMut() -> Option<E>,
    ) -> Result<Option<Message>, E> {
        block_on(self.recv(), interrupted)
    }

    /// Takes the component's name away, so that nothing comes in any more; what is in
    /// the mailbox can be received and answered. Senders that wait for room are told
    /// that the component is gone, and its subscriptions end.
    pub fn close(&mut self) {
        self.broker.unregister(&self.component, false);
    }

    /// The component's figures.
    pub fn stats(&self) -> ComponentStats {
        self.broker.stats(&self.component)
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.broker.unregister(&self.component, true);
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("name", &self.component.name)
            .finish_non_exhaustive()
    }
}
