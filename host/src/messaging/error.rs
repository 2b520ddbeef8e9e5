//! What can go wrong with a message.

use std::fmt;
use std::time::Duration;

/// Why a message was not sent, or a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessagingError {
    /// No component of that name is registered, or its mailbox was closed.
    ComponentNotFound {
        /// The name.
        component: String,
    },
    /// The component was unregistered before it answered, or before there was room for
    /// the message.
    ComponentGone {
        /// Its name.
        component: String,
    },
    /// A component of that name is registered already.
    AlreadyRegistered {
        /// The name.
        component: String,
    },
    /// That is no name for a component.
    InvalidName {
        /// The name, in part.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A bound of [`MailboxOptions`](super::MailboxOptions) that does not work.
    InvalidOptions {
        /// Which bound.
        option: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The mailbox has no room for the message, and the sender does not wait: it did not
    /// ask to, or sends to itself, or has as many sends waiting as it may.
    MailboxFull {
        /// Whose mailbox.
        component: String,
    },
    /// The payload is larger than the mailbox.
    MessageTooLarge {
        /// Whose mailbox.
        component: String,
        /// The payload's size in bytes.
        size: usize,
        /// What the mailbox holds, in bytes.
        limit: usize,
    },
    /// Too many requests are open.
    TooManyRequests {
        /// The component whose bound was reached: the one that asks, or the one asked.
        component: String,
        /// The bound.
        limit: usize,
    },
    /// The time is over: there was no room for the message, or no answer.
    Timeout {
        /// The component that was sent to, or asked.
        component: String,
        /// How long was waited.
        after: Duration,
    },
    /// The request was cancelled by the component that made it.
    Cancelled,
    /// The component took the request and gave it up without an answer: it failed while
    /// handling it, or has no answer.
    Abandoned {
        /// The component that was asked.
        component: String,
    },
    /// The component answered that it will not do what it was asked for.
    Rejected {
        /// The component that was asked.
        component: String,
        /// Its reason.
        reason: String,
    },
    /// An answer came after the request had ended: timed out, cancelled, or given up by
    /// the end of either component. The answer is dropped.
    RequestEnded,
    /// A component that waits for its own answer would wait in vain.
    WouldDeadlock {
        /// The component.
        component: String,
    },
    /// Nothing can be published to a topic of that name.
    InvalidTopic {
        /// The topic, in part.
        topic: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// That is no pattern of topics.
    InvalidPattern {
        /// The pattern, in part.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The component has as many subscriptions as it may have.
    TooManySubscriptions {
        /// The component.
        component: String,
        /// How many it may have.
        limit: usize,
    },
    /// The thread that ends waits could not be started.
    NoTimer {
        /// What the system says.
        reason: String,
    },
}

impl fmt::Display for MessagingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use MessagingError::*;
        match self {
            ComponentNotFound { component } => write!(
                f,
                "no component {component:?} is registered; the names of those that are can be listed"
            ),
            ComponentGone { component } => write!(
                f,
                "component {component:?} was unregistered in the meantime; send again when it is back"
            ),
            AlreadyRegistered { component } => write!(
                f,
                "a component {component:?} is registered already; unregister it first or take another name"
            ),
            InvalidName { name, reason } => write!(
                f,
                "{name:?} is no component name: {reason}; {}",
                crate::name::RULE
            ),
            InvalidOptions { option, allowed } => {
                write!(f, "the mailbox option `{option}` must be {allowed}")
            }
            MailboxFull { component } => write!(
                f,
                "the mailbox of {component:?} has no room for this sender; wait for room or send less"
            ),
            MessageTooLarge {
                component,
                size,
                limit,
            } => write!(
                f,
                "{size} bytes are too many for the mailbox of {component:?}, which holds {limit}; \
                 send it in parts or enlarge the mailbox"
            ),
            TooManyRequests { component, limit } => write!(
                f,
                "component {component:?} has its {limit} requests open; wait for answers, or raise the bound"
            ),
            Timeout { component, after } => write!(
                f,
                "component {component:?} did not take the message or answer within {after:?}"
            ),
            Cancelled => f.write_str("the request was cancelled by the component that made it"),
            Abandoned { component } => write!(
                f,
                "component {component:?} gave the request up without an answer"
            ),
            Rejected { component, reason } => {
                write!(f, "component {component:?} rejected the request: {reason}")
            }
            RequestEnded => {
                f.write_str("the request has ended and nobody waits for this answer; it is dropped")
            }
            WouldDeadlock { component } => write!(
                f,
                "component {component:?} would wait for its own answer; do the work without a request"
            ),
            InvalidTopic { topic, reason } => write!(
                f,
                "{topic:?} is no topic: {reason}; write segments with dots between, as `events.created`"
            ),
            InvalidPattern { pattern, reason } => {
                write!(f, "{pattern:?} is no pattern of topics: {reason}")
            }
            TooManySubscriptions { component, limit } => write!(
                f,
                "component {component:?} has its {limit} subscriptions; end one, or raise the bound"
            ),
            NoTimer { reason } => {
                write!(f, "the thread for timeouts cannot be started: {reason}")
            }
        }
    }
}

impl std::error::Error for MessagingError {}

/// The first part of a text that somebody else chose the length of.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 64;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
