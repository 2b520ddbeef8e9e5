//! A component as its broker knows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::error::shortened;
use super::inbox::{Body, Envelope, Inbox};
use super::{ComponentStats, MailboxOptions, Message, MessageKind, MessagingError, Responder};

/// One registration. A component that is registered again has another.
pub(super) struct Component {
    pub(super) number: u64,
    pub(super) name: Arc<str>,
    pub(super) inbox: Inbox,
    pub(super) sent: AtomicU64,
    /// Requests that it made and that have no outcome.
    pub(super) in_flight: AtomicUsize,
    pub(super) gone: AtomicBool,
}

impl Component {
    pub(super) fn new(number: u64, name: &str, options: MailboxOptions) -> Component {
        Component {
            number,
            name: name.into(),
            inbox: Inbox::new(options),
            sent: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            gone: AtomicBool::new(false),
        }
    }

    /// Fails if the component was unregistered.
    pub(super) fn check(&self) -> Result<(), MessagingError> {
        if self.gone.load(Ordering::Relaxed) {
            return Err(not_found(&self.name));
        }
        Ok(())
    }

    /// Counts a request that this component makes, if it may.
    pub(super) fn begin_request(&self) -> Result<(), MessagingError> {
        let limit = self.inbox.options().requests;
        self.in_flight
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |requests| {
                (requests < limit).then(|| requests + 1)
            })
            .map_err(|_| MessagingError::TooManyRequests {
                component: self.name.to_string(),
                limit,
            })?;
        Ok(())
    }

    /// A message that came to this component, as its code gets it.
    pub(super) fn open(self: &Arc<Self>, envelope: Envelope) -> Message {
        let kind = match envelope.body {
            Body::OneWay => MessageKind::OneWay,
            Body::Publication(topic) => MessageKind::Publication { topic },
            Body::Request { reply_limit } => MessageKind::Request(Responder {
                component: self.clone(),
                id: envelope.id,
                limit: reply_limit,
                asker: envelope.sender_name.clone(),
                settled: false,
            }),
        };
        Message {
            id: envelope.id,
            sender: envelope.sender_name,
            kind,
            time: envelope.time,
            payload: envelope.payload,
        }
    }

    pub(super) fn stats(&self) -> ComponentStats {
        let mut stats = ComponentStats {
            sent: self.sent.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            ..ComponentStats::default()
        };
        self.inbox.add_stats(&mut stats);
        stats
    }
}

/// What is said of a name that nobody has.
pub(super) fn not_found(name: &str) -> MessagingError {
    MessagingError::ComponentNotFound {
        component: shortened(name),
    }
}
