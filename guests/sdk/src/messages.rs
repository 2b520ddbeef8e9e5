//! Messages to other components of this host. What one component sends to another arrives
//! in order, at most once, by [`Component::handle_message`](crate::Component::handle_message).

use std::time::Duration;

use crate::bindings::enginebay::messaging::messages;
use crate::clock::nanoseconds;
use crate::{MessageError, RequestId};

pub use crate::bindings::enginebay::messaging::messages::{Delivery, Subscription};

/// Sends a message to a component. Waits while its mailbox is full. Needs
/// `messaging.send`.
///
/// # Errors
///
/// It was not delivered.
pub fn send(target: &str, payload: &[u8]) -> Result<(), MessageError> {
    messages::send(target, payload)
}

/// Asks a component, and waits for its answer. Needs `messaging.request`.
///
/// # Errors
///
/// There was no answer.
pub fn request(target: &str, payload: &[u8], timeout: Duration) -> Result<Vec<u8>, MessageError> {
    messages::request(target, payload, nanoseconds(timeout))
}

/// Asks a component. Its answer comes by
/// [`Component::handle_callback`](crate::Component::handle_callback). Needs
/// `messaging.request`.
///
/// # Errors
///
/// It was not delivered.
pub fn send_request(
    target: &str,
    payload: &[u8],
    timeout: Duration,
) -> Result<RequestId, MessageError> {
    messages::send_request(target, payload, nanoseconds(timeout))
}

/// Gives a request up: no answer comes.
///
/// # Errors
///
/// There is no such request, or it has been answered.
pub fn cancel_request(request: RequestId) -> Result<(), MessageError> {
    messages::cancel_request(request)
}

/// Publishes a message to a topic: words with dots between. Needs `messaging.publish`.
///
/// # Errors
///
/// It was not published. That there are no subscribers is no error.
pub fn publish(topic: &str, payload: &[u8]) -> Result<Delivery, MessageError> {
    messages::publish(topic, payload)
}

/// Subscribes to topics: in a pattern, `*` is one word, `**` any number of them. What is
/// published arrives for as long as the [`Subscription`] is not dropped. Needs
/// `messaging.subscribe`.
///
/// # Errors
///
/// The pattern is malformed, more than is granted, or one too many.
pub fn subscribe(pattern: &str) -> Result<Subscription, MessageError> {
    messages::subscribe(pattern)
}
