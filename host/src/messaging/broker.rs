//! The broker: who is there, and how a message finds its way.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::oneshot;

use super::component::{Component, not_found};
use super::error::shortened;
use super::inbox::{Body, Envelope, Placed, Refusal};
use super::send::{InLine, Sending, Stage};
use super::topics::Topics;
use super::{
    Clock, ComponentStats, Delivered, Endpoint, Mailbox, MailboxOptions, MessageId, MessagingError,
    Payload, PendingRequest,
};

/// Into how many parts the names are divided, so that those who look one up do not all
/// meet at one lock.
const SHARDS: usize = 16;

/// Passes messages between the components of one host. Clones are the same broker.
///
/// ```
/// use enginebay_host::messaging::{Broker, MailboxOptions, MessageKind};
/// use std::time::Duration;
///
/// let broker = Broker::new();
/// let mut adder = broker.register("adder", MailboxOptions::default())?;
/// let asker = broker.register("asker", MailboxOptions::default())?;
///
/// let second = Duration::from_secs(1);
/// let sum = asker.endpoint().request("adder", &[1, 2], second)?;
/// let message = adder.try_recv().expect("the request is there at once");
/// if let MessageKind::Request(responder) = message.kind {
///     responder.respond(vec![message.payload.iter().sum()])?;
/// }
/// assert_eq!(*sum.blocking_wait(|| None::<Box<dyn std::error::Error>>)?, [3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Broker(pub(super) Arc<Shared>);

pub(super) struct Shared {
    shards: [RwLock<HashMap<Arc<str>, Arc<Component>>>; SHARDS],
    registrations: AtomicU64,
    messages: AtomicU64,
    pub(super) topics: Topics,
    clock: Clock,
}

impl Broker {
    /// A broker with the machine's clock.
    pub fn new() -> Broker {
        Broker::with_clock(Clock::system())
    }

    /// A broker with another clock.
    pub fn with_clock(clock: Clock) -> Broker {
        Broker(Arc::new(Shared {
            shards: Default::default(),
            registrations: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            topics: Topics::default(),
            clock,
        }))
    }

    /// Registers a component, which is unregistered when its mailbox is dropped. Its name
    /// has the syntax of [`ComponentName`](crate::ComponentName).
    ///
    /// # Errors
    ///
    /// [`AlreadyRegistered`](MessagingError::AlreadyRegistered),
    /// [`InvalidName`](MessagingError::InvalidName),
    /// [`InvalidOptions`](MessagingError::InvalidOptions).
    pub fn register(&self, name: &str, options: MailboxOptions) -> Result<Mailbox, MessagingError> {
        check_name(name)?;
        options.check()?;
        let number = self.0.registrations.fetch_add(1, Ordering::Relaxed);
        let component = Arc::new(Component::new(number, name, options));
        let mut shard = self.0.shard(name).write();
        let shard = shard.as_mut().unwrap_or_else(|error| error.get_mut());
        if shard.contains_key(name) {
            return Err(MessagingError::AlreadyRegistered {
                component: name.to_owned(),
            });
        }
        shard.insert(component.name.clone(), component.clone());
        Ok(Mailbox {
            broker: self.0.clone(),
            component,
        })
    }

    /// Unregisters a component, and says whether it was there. What is in its mailbox is
    /// discarded, and whoever waits for it gets
    /// [`ComponentGone`](MessagingError::ComponentGone) at once. Its name is free then.
    pub fn unregister(&self, name: &str) -> bool {
        let Ok(component) = self.0.find(name) else {
            return false;
        };
        self.0.unregister(&component, true)
    }

    /// The names of all registered components, sorted.
    pub fn components(&self) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        for shard in &self.0.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            names.extend(shard.keys().cloned());
        }
        names.sort_unstable();
        names
    }

    /// The sending end of a component. Whoever sends often should keep it, as the methods
    /// below look it up.
    ///
    /// # Errors
    ///
    /// [`ComponentNotFound`](MessagingError::ComponentNotFound).
    pub fn endpoint(&self, name: &str) -> Result<Endpoint, MessagingError> {
        Ok(Endpoint {
            component: self.0.find(name)?,
            broker: self.0.clone(),
        })
    }

    /// [`Endpoint::send`] of the component `from`.
    pub fn send(
        &self,
        from: &str,
        to: &str,
        payload: impl Into<Payload>,
        timeout: Duration,
    ) -> Sending {
        match self.0.find(from) {
            Ok(from) => self.0.send(&from, to, payload.into(), timeout),
            Err(error) => Sending::done(Err(error)),
        }
    }

    /// [`Endpoint::try_send`] of the component `from`.
    pub fn try_send(
        &self,
        from: &str,
        to: &str,
        payload: impl Into<Payload>,
    ) -> Result<MessageId, MessagingError> {
        self.0.try_send(&*self.0.find(from)?, to, payload.into())
    }

    /// [`Endpoint::request`] of the component `from`.
    pub fn request(
        &self,
        from: &str,
        to: &str,
        payload: impl Into<Payload>,
        timeout: Duration,
    ) -> Result<PendingRequest, MessagingError> {
        let from = self.0.find(from)?;
        self.0.request(&from, to, payload.into(), timeout)
    }

    /// [`Endpoint::publish`] of the component `from`.
    pub fn publish(
        &self,
        from: &str,
        topic: &str,
        payload: impl Into<Payload>,
    ) -> Result<Delivered, MessagingError> {
        self.0.publish(&*self.0.find(from)?, topic, payload.into())
    }

    /// [`Endpoint::subscribe`] of the component `name`.
    pub fn subscribe(&self, name: &str, pattern: &str) -> Result<(), MessagingError> {
        self.0.topics.subscribe(&self.0.find(name)?, pattern)
    }

    /// [`Endpoint::unsubscribe`] of the component `name`.
    pub fn unsubscribe(&self, name: &str, pattern: &str) -> Result<bool, MessagingError> {
        Ok(self.0.topics.unsubscribe(&*self.0.find(name)?, pattern))
    }

    /// A component's figures.
    ///
    /// # Errors
    ///
    /// [`ComponentNotFound`](MessagingError::ComponentNotFound).
    pub fn stats(&self, name: &str) -> Result<ComponentStats, MessagingError> {
        Ok(self.0.stats(&*self.0.find(name)?))
    }
}

impl Default for Broker {
    fn default() -> Self {
        Broker::new()
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("components", &self.components())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn shard(&self, name: &str) -> &RwLock<HashMap<Arc<str>, Arc<Component>>> {
        let sum = name.bytes().fold(0_usize, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(usize::from(byte))
        });
        &self.shards[sum % SHARDS]
    }

    fn find(&self, name: &str) -> Result<Arc<Component>, MessagingError> {
        let shard = self.shard(name).read();
        let shard = shard.unwrap_or_else(PoisonError::into_inner);
        shard.get(name).cloned().ok_or_else(|| not_found(name))
    }

    /// Ends a registration, and says whether it was the one that has the name.
    pub(super) fn unregister(&self, component: &Component, discard: bool) -> bool {
        let removed = {
            let mut shard = self.shard(&component.name).write();
            let shard = shard.as_mut().unwrap_or_else(|error| error.get_mut());
            // Another component may have the name by now.
            let registered = shard.get(&component.name);
            let same = registered.is_some_and(|it| it.number == component.number);
            same.then(|| shard.remove(&component.name)).is_some()
        };
        if discard {
            component.gone.store(true, Ordering::Relaxed);
        }
        component.inbox.close(&component.name, discard);
        self.topics.remove(component);
        removed
    }

    pub(super) fn stats(&self, component: &Component) -> ComponentStats {
        let mut stats = component.stats();
        stats.subscriptions = self.topics.subscriptions(component);
        stats
    }

    pub(super) fn send(
        &self,
        from: &Arc<Component>,
        to: &str,
        payload: Payload,
        timeout: Duration,
    ) -> Sending {
        let target = match from.check().and_then(|()| self.find(to)) {
            Ok(target) => target,
            Err(error) => return Sending::done(Err(error)),
        };
        // A component that waits for room in its own mailbox may wait for itself.
        let wait = !timeout.is_zero() && target.number != from.number;
        let size = payload.len();
        let envelope = self.envelope(from, Body::OneWay, payload);
        let id = envelope.id;
        match target.inbox.push(envelope, None, wait) {
            Ok(placed) => {
                from.sent.fetch_add(1, Ordering::Relaxed);
                match placed {
                    Placed::InMailbox => Sending::done(Ok(id)),
                    Placed::InLine(admitted) => Sending(Stage::InLine(Box::new(InLine {
                        sender: from.clone(),
                        target,
                        id,
                        admitted,
                        sleep: self.clock.sleep(timeout),
                        timeout,
                    }))),
                }
            }
            Err(refusal) => Sending::done(Err(refused(refusal, &target, size))),
        }
    }

    pub(super) fn try_send(
        &self,
        from: &Component,
        to: &str,
        payload: Payload,
    ) -> Result<MessageId, MessagingError> {
        from.check()?;
        let target = self.find(to)?;
        let size = payload.len();
        let envelope = self.envelope(from, Body::OneWay, payload);
        let id = envelope.id;
        let placed = target.inbox.push(envelope, None, false);
        placed.map_err(|refusal| refused(refusal, &target, size))?;
        from.sent.fetch_add(1, Ordering::Relaxed);
        Ok(id)
    }

    pub(super) fn request(
        &self,
        from: &Arc<Component>,
        to: &str,
        payload: Payload,
        timeout: Duration,
    ) -> Result<PendingRequest, MessagingError> {
        from.check()?;
        let target = self.find(to)?;
        from.begin_request()?;
        let size = payload.len();
        let reply_limit = from.inbox.options().bytes;
        let envelope = self.envelope(from, Body::Request { reply_limit }, payload);
        let (sender, receiver) = oneshot::channel();
        // From here on, the end of this is the end of the request.
        let mut pending = PendingRequest {
            asker: from.clone(),
            target,
            id: envelope.id,
            reply: Some(receiver),
            sleep: self.clock.sleep(timeout),
            timeout,
        };
        if let Err(refusal) = pending.target.inbox.push(envelope, Some(sender), true) {
            pending.reply = None;
            from.in_flight.fetch_sub(1, Ordering::Relaxed);
            return Err(refused(refusal, &pending.target, size));
        }
        from.sent.fetch_add(1, Ordering::Relaxed);
        Ok(pending)
    }

    pub(super) fn publish(
        &self,
        from: &Component,
        topic: &str,
        payload: Payload,
    ) -> Result<Delivered, MessagingError> {
        from.check()?;
        let audience = self.topics.audience(topic)?;
        let mut result = Delivered::default();
        let (id, time) = (self.next_id(), self.clock.time_of_day());
        for component in audience.components.iter() {
            let envelope = Envelope {
                id,
                sender: from.number,
                sender_name: from.name.clone(),
                body: Body::Publication(audience.topic.clone()),
                time,
                payload: payload.clone(),
            };
            match component.inbox.push(envelope, None, false) {
                Ok(_) => result.delivered += 1,
                // It was unregistered in this moment, and is no subscriber any more.
                Err(Refusal::Gone) => {}
                Err(_) => result.dropped += 1,
            }
        }
        from.sent.fetch_add(1, Ordering::Relaxed);
        Ok(result)
    }

    fn envelope(&self, from: &Component, body: Body, payload: Payload) -> Envelope {
        Envelope {
            id: self.next_id(),
            sender: from.number,
            sender_name: from.name.clone(),
            body,
            time: self.clock.time_of_day(),
            payload,
        }
    }

    fn next_id(&self) -> MessageId {
        MessageId(self.messages.fetch_add(1, Ordering::Relaxed))
    }
}

fn refused(refusal: Refusal, target: &Component, size: usize) -> MessagingError {
    let component = target.name.to_string();
    match refusal {
        Refusal::Gone => not_found(&target.name),
        Refusal::Full => MessagingError::MailboxFull { component },
        Refusal::TooLarge => MessagingError::MessageTooLarge {
            component,
            size,
            limit: target.inbox.options().bytes,
        },
        Refusal::TooManyRequests { limit } => MessagingError::TooManyRequests { component, limit },
    }
}

fn check_name(name: &str) -> Result<(), MessagingError> {
    match crate::name::problem(name) {
        None => Ok(()),
        Some(reason) => Err(MessagingError::InvalidName {
            name: shortened(name),
            reason,
        }),
    }
}
