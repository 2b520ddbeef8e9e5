//! A message that may have to wait for room.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

use super::component::Component;
use super::timer::Sleep;
use super::{MessageId, MessagingError};

/// A message that is being sent: a future of its number. The message has its place in
/// the mailbox, or in the line before it, from the call on; polled or not. Dropping this
/// takes the message out of the line.
///
/// # Errors
///
/// - [`ComponentNotFound`](MessagingError::ComponentNotFound): no such component.
/// - [`ComponentGone`](MessagingError::ComponentGone): unregistered while this waited.
/// - [`MailboxFull`](MessagingError::MailboxFull): no room, and no place in line.
/// - [`MessageTooLarge`](MessagingError::MessageTooLarge): there never will be room.
/// - [`Timeout`](MessagingError::Timeout): there was no room in time.
#[must_use = "a message that waits for room is taken back when this is dropped"]
pub struct Sending(pub(super) Stage);

pub(super) enum Stage {
    Done(Option<Result<MessageId, MessagingError>>),
    InLine(Box<InLine>),
}

pub(super) struct InLine {
    pub(super) sender: Arc<Component>,
    pub(super) target: Arc<Component>,
    pub(super) id: MessageId,
    pub(super) admitted: oneshot::Receiver<()>,
    pub(super) sleep: Sleep,
    pub(super) timeout: Duration,
}

impl Sending {
    pub(super) fn done(result: Result<MessageId, MessagingError>) -> Sending {
        Sending(Stage::Done(Some(result)))
    }
}

impl InLine {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<MessageId, MessagingError>> {
        let component = || self.target.name.to_string();
        match Pin::new(&mut self.admitted).poll(cx) {
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(self.id)),
            Poll::Ready(Err(_)) => {
                self.sender.sent.fetch_sub(1, Ordering::Relaxed);
                return Poll::Ready(Err(MessagingError::ComponentGone {
                    component: component(),
                }));
            }
            Poll::Pending => {}
        }
        match self.sleep.poll(cx) {
            // If it is not in line any more, then whoever took it out is about to say
            // what became of it.
            Poll::Ready(over) if self.leave() => Poll::Ready(Err(match over {
                Err(error) => error,
                Ok(()) => MessagingError::Timeout {
                    component: component(),
                    after: self.timeout,
                },
            })),
            _ => Poll::Pending,
        }
    }

    fn leave(&self) -> bool {
        let left = self.target.inbox.leave(self.sender.number, self.id);
        if left {
            self.sender.sent.fetch_sub(1, Ordering::Relaxed);
        }
        left
    }
}

impl Future for Sending {
    type Output = Result<MessageId, MessagingError>;

    /// # Panics
    ///
    /// If it is polled after it returned the outcome.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Stage::Done(result) => {
                let result = result.take();
                Poll::Ready(result.expect("a message is not polled after its outcome"))
            }
            Stage::InLine(waiting) => {
                let result = waiting.poll(cx);
                if result.is_ready() {
                    self.0 = Stage::Done(None);
                }
                result
            }
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Stage::InLine(waiting) = &self.0 {
            waiting.leave();
        }
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = matches!(self.0, Stage::InLine(_));
        f.debug_struct("Sending")
            .field("waits", &waits)
            .finish_non_exhaustive()
    }
}
