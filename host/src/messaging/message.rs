//! What is sent.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::SystemTime;

use super::Responder;

/// The bytes of a message. Clones share them, so that a publication is not copied for
/// each of its subscribers.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Payload(Arc<Vec<u8>>);

impl Payload {
    /// The bytes; without a copy, unless others share them.
    pub fn into_vec(self) -> Vec<u8> {
        Arc::unwrap_or_clone(self.0)
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Vec<u8>> for Payload {
    /// Takes the bytes over. Room beyond them is given back, as mailboxes are bounded by
    /// what their messages hold.
    fn from(mut bytes: Vec<u8>) -> Self {
        bytes.shrink_to_fit();
        Payload(Arc::new(bytes))
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Payload(Arc::new(bytes.to_vec()))
    }
}

impl<const N: usize> From<&[u8; N]> for Payload {
    fn from(bytes: &[u8; N]) -> Self {
        Payload::from(&bytes[..])
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Payload::from(text.as_bytes())
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Payload::from(text.into_bytes())
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.len())
    }
}

/// A message's number, which no other message of its broker has. It is a request's
/// correlation id as well. To know it is no right: answers and cancels go through
/// [`Responder`] and [`PendingRequest`](super::PendingRequest).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub(super) u64);

impl MessageId {
    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A message that was delivered.
#[derive(Debug)]
#[non_exhaustive]
pub struct Message {
    /// Its number. The copies of a publication have the same.
    pub id: MessageId,
    /// The component that sent it.
    pub sender: Arc<str>,
    /// What it is.
    pub kind: MessageKind,
    /// When it was sent.
    pub time: SystemTime,
    /// Its bytes.
    pub payload: Payload,
}

/// What a message is.
#[derive(Debug)]
#[non_exhaustive]
pub enum MessageKind {
    /// Sent to this component, which owes no answer.
    OneWay,
    /// A request. It is answered through the responder.
    Request(Responder),
    /// Published to a topic that this component subscribes to.
    Publication {
        /// The topic.
        topic: Arc<str>,
    },
}
