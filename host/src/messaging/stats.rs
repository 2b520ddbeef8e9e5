//! What is counted.

/// Figures of one component, since it was registered. Each is exact; taken while
/// messages go on, they are not all of the same instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentStats {
    /// Messages, requests and publications that this component sent and that were
    /// accepted, be it into a line before a mailbox. A publication counts once.
    pub sent: u64,
    /// Messages, requests and publications that it took from its mailbox.
    pub received: u64,
    /// Publications that its mailbox had no room for.
    pub dropped: u64,
    /// Messages and requests to it that were refused, since its mailbox was full or
    /// smaller than the message, or too many requests were open.
    pub refused: u64,
    /// Requests to it that ended before it took them: cancelled or timed out.
    pub withdrawn: u64,
    /// Answers of this component that came after the request had ended.
    pub late_replies: u64,
    /// Requests of this component that have no outcome yet.
    pub in_flight: usize,
    /// Requests to it that it has not answered, be they in its mailbox or taken. It has
    /// those as well that the asker has given up, until it gives them up itself.
    pub open_requests: usize,
    /// Messages in its mailbox.
    pub depth: usize,
    /// Bytes of payloads in its mailbox.
    pub bytes: usize,
    /// Messages in line before its mailbox.
    pub waiting: usize,
    /// Its subscriptions.
    pub subscriptions: usize,
}

/// What became of a publication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// How many subscribers have it in their mailbox.
    pub delivered: usize,
    /// How many did not get it, as their mailbox had no room. It is dropped for them.
    pub dropped: usize,
}
