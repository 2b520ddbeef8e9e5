//! The bounds of a component's messages.

use super::MessagingError;

/// The bounds of one component: of its mailbox, and of what it has open.
///
/// ```
/// use enginebay_host::messaging::MailboxOptions;
///
/// let options = MailboxOptions::default().messages(64).bytes(64 << 10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxOptions {
    pub(super) messages: usize,
    pub(super) bytes: usize,
    pub(super) sender_share: u8,
    pub(super) waiting: usize,
    pub(super) requests: usize,
    pub(super) open_requests: usize,
    pub(super) subscriptions: usize,
}

impl Default for MailboxOptions {
    fn default() -> Self {
        MailboxOptions {
            messages: 1024,
            bytes: 1 << 20,
            sender_share: 50,
            waiting: 16,
            requests: 64,
            open_requests: 256,
            subscriptions: 64,
        }
    }
}

impl MailboxOptions {
    /// How many messages the mailbox holds: 1024 unless set.
    pub fn messages(mut self, messages: usize) -> Self {
        self.messages = messages;
        self
    }

    /// How many bytes of payloads the mailbox holds, which is the size of the largest
    /// message as well, and of the largest answer that this component takes: 1 MiB
    /// unless set.
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// How much of the mailbox one sender may fill, in percent of its messages, of its
    /// bytes and of its open requests: 50 unless set. A sender that has nothing in the
    /// mailbox may always put one message there, if there is room.
    ///
    /// At 100 a single sender can keep all others from trying and from publishing;
    /// those that wait are served in turns whatever this is.
    pub fn sender_share(mut self, percent: u8) -> Self {
        self.sender_share = percent;
        self
    }

    /// How many messages of one sender may wait for room in this mailbox: 16 unless set.
    /// Those beyond it are refused as if they did not wait.
    pub fn waiting(mut self, messages: usize) -> Self {
        self.waiting = messages;
        self
    }

    /// How many requests this component may have made that have no outcome yet: 64
    /// unless set.
    pub fn requests(mut self, requests: usize) -> Self {
        self.requests = requests;
        self
    }

    /// How many requests to this component may be without an answer, in its mailbox and
    /// taken: 256 unless set.
    pub fn open_requests(mut self, requests: usize) -> Self {
        self.open_requests = requests;
        self
    }

    /// How many patterns of topics this component may subscribe to: 64 unless set.
    pub fn subscriptions(mut self, patterns: usize) -> Self {
        self.subscriptions = patterns;
        self
    }

    pub(super) fn check(&self) -> Result<(), MessagingError> {
        let invalid = |option, allowed| Err(MessagingError::InvalidOptions { option, allowed });
        if self.messages == 0 {
            return invalid("messages", "at least 1");
        }
        if self.bytes == 0 {
            return invalid("bytes", "at least 1");
        }
        if !(1..=100).contains(&self.sender_share) {
            return invalid("sender_share", "a percentage from 1 to 100");
        }
        Ok(())
    }

    /// A sender's share of a bound.
    pub(super) fn share(&self, whole: usize) -> usize {
        let share = whole as u128 * u128::from(self.sender_share) / 100;
        usize::try_from(share).unwrap_or(usize::MAX).max(1)
    }
}
