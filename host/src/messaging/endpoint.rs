//! The sending end of a component.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::broker::Shared;
use super::component::Component;
use super::{
    ComponentStats, Delivered, MessageId, MessagingError, Payload, PendingRequest, Sending,
};
use crate::block::block_on;

/// What a component sends with. All that goes out through it has the component as its
/// sender. Once the component is unregistered every call fails with
/// [`ComponentNotFound`](MessagingError::ComponentNotFound).
#[derive(Clone)]
pub struct Endpoint {
    pub(super) broker: Arc<Shared>,
    pub(super) component: Arc<Component>,
}

impl Endpoint {
    /// The component's name.
    pub fn name(&self) -> &str {
        &self.component.name
    }

    /// Sends a message, and waits for room in the mailbox for at most `timeout`. With a
    /// timeout of zero, and to itself, a component does not wait.
    ///
    /// # Errors
    ///
    /// Those of [`Sending`].
    pub fn send(&self, to: &str, payload: impl Into<Payload>, timeout: Duration) -> Sending {
        self.broker
            .send(&self.component, to, payload.into(), timeout)
    }

    /// Sends a message if there is room for it now.
    ///
    /// # Errors
    ///
    /// [`ComponentNotFound`](MessagingError::ComponentNotFound),
    /// [`MailboxFull`](MessagingError::MailboxFull),
    /// [`MessageTooLarge`](MessagingError::MessageTooLarge).
    pub fn try_send(
        &self,
        to: &str,
        payload: impl Into<Payload>,
    ) -> Result<MessageId, MessagingError> {
        self.broker.try_send(&self.component, to, payload.into())
    }

    /// Makes a request, whose answer is to come within `timeout`; waiting for room in
    /// the mailbox included. It has its place in the mailbox or in the line before it
    /// when this returns.
    ///
    /// # Errors
    ///
    /// Those of [`try_send`](Self::try_send), where `MailboxFull` means that there is no
    /// place in the line either, and
    /// [`TooManyRequests`](MessagingError::TooManyRequests). What can happen later is at
    /// [`PendingRequest`].
    pub fn request(
        &self,
        to: &str,
        payload: impl Into<Payload>,
        timeout: Duration,
    ) -> Result<PendingRequest, MessagingError> {
        self.broker
            .request(&self.component, to, payload.into(), timeout)
    }

    /// Sends to all components that subscribe to the topic, this one included if it
    /// does. It never waits: a subscriber whose mailbox has no room does not get it.
    ///
    /// # Errors
    ///
    /// [`InvalidTopic`](MessagingError::InvalidTopic).
    pub fn publish(
        &self,
        topic: &str,
        payload: impl Into<Payload>,
    ) -> Result<Delivered, MessagingError> {
        self.broker.publish(&self.component, topic, payload.into())
    }

    /// Subscribes to all topics of a [pattern](crate::pattern::TopicPattern). What was
    /// published before is not delivered. To subscribe twice is the same as once.
    ///
    /// # Errors
    ///
    /// [`InvalidPattern`](MessagingError::InvalidPattern),
    /// [`TooManySubscriptions`](MessagingError::TooManySubscriptions).
    pub fn subscribe(&self, pattern: &str) -> Result<(), MessagingError> {
        self.broker.topics.subscribe(&self.component, pattern)
    }

    /// Ends a subscription, and says whether there was one with this very pattern. What
    /// is in the mailbox already is still delivered.
    pub fn unsubscribe(&self, pattern: &str) -> bool {
        self.broker.topics.unsubscribe(&self.component, pattern)
    }

    /// [`send`](Self::send) on this thread. Every few milliseconds of a wait,
    /// `interrupted` is asked whether to stop; the message is taken back then.
    ///
    /// # Errors
    ///
    /// Those of [`Sending`], and what `interrupted` returns.
    pub fn blocking_send<E: From<MessagingError>>(
        &self,
        to: &str,
        payload: impl Into<Payload>,
        timeout: Duration,
        interrupted: impl FnMut() -> Option<E>,
    ) -> Result<MessageId, E> {
        Ok(block_on(self.send(to, payload, timeout), interrupted)??)
    }

    /// [`request`](Self::request) on this thread, and its answer. Every few milliseconds
    /// of the wait, `interrupted` is asked whether to stop; the request is cancelled
    /// then.
    ///
    /// # Errors
    ///
    /// Those of [`request`](Self::request) and of [`PendingRequest`], what `interrupted`
    /// returns, and [`WouldDeadlock`](MessagingError::WouldDeadlock) if the component
    /// asks itself.
    pub fn blocking_request<E: From<MessagingError>>(
        &self,
        to: &str,
        payload: impl Into<Payload>,
        timeout: Duration,
        interrupted: impl FnMut() -> Option<E>,
    ) -> Result<Payload, E> {
        if to == self.name() {
            let component = to.to_owned();
            return Err(MessagingError::WouldDeadlock { component }.into());
        }
        self.request(to, payload, timeout)?
            .blocking_wait(interrupted)
    }

    /// The component's figures.
    pub fn stats(&self) -> ComponentStats {
        self.broker.stats(&self.component)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.component.name)
            .finish_non_exhaustive()
    }
}
