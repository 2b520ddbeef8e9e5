//! Messages between the components of one host.
//!
//! A [`Broker`] passes messages between components that are registered with it. Each has
//! a [`Mailbox`], which it receives from, and an [`Endpoint`], which it sends with: a
//! message to one component, a request that is answered once, or a publication to all
//! that subscribe to its topic.
//!
//! # Delivery
//!
//! Messages are in the memory of the host. A message is delivered at most once: not at
//! all if its receiver is unregistered before it takes it, or, for a publication, if the
//! receiver's mailbox is full. Nothing is lost in other ways, and senders of messages
//! and requests are told.
//!
//! # Order
//!
//! What one component sends to another is received in the order in which it was sent,
//! messages, requests and publications alike. A call counts as sent when it was made: a
//! [`Sending`] keeps its place though others are polled first. Not ordered are messages
//! of different senders, calls made at the same time by several threads of one sender,
//! and answers.
//!
//! # Bounds
//!
//! A mailbox is bounded by messages and by bytes, and of both one sender may fill its
//! share ([`MailboxOptions::sender_share`]). Who waits for room waits in a line, in which
//! senders take turns, and nobody passes a message whose turn it is. So one sender that
//! floods a mailbox leaves room for others that try or publish, and a turn for those that
//! wait. Requests, subscriptions and places in line are bounded as well. How many
//! messages a minute a component may send is not looked at here, but where its
//! permissions are.
//!
//! # Waiting for each other
//!
//! A component never waits for room in its own mailbox, and a request to itself that
//! blocks is refused: [`WouldDeadlock`](MessagingError::WouldDeadlock). It may ask itself
//! without blocking. Components that wait for each other's answers in a circle are not
//! found out; their timeouts end it.
//!
//! # Executors
//!
//! The futures work on every executor, and the blocking forms on every thread. Timeouts
//! need no runtime: a thread of this crate's own wakes whoever waits.

mod broker;
mod component;
mod endpoint;
mod error;
mod inbox;
mod line;
mod mailbox;
mod message;
mod options;
mod request;
mod send;
mod stats;
mod timer;
mod topics;

#[cfg(test)]
mod tests;

pub use broker::Broker;
pub use endpoint::Endpoint;
pub use error::MessagingError;
pub use mailbox::Mailbox;
pub use message::{Message, MessageId, MessageKind, Payload};
pub use options::MailboxOptions;
pub use request::{Canceller, PendingRequest, Responder};
pub use send::Sending;
pub use stats::{ComponentStats, Delivered};
pub use timer::{Clock, ManualClock};
