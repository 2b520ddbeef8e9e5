//! A component's mailbox from the inside: its queue, the line before it, and the
//! requests that wait for its answers, all under one lock. The lock is held for some
//! instructions and never while anything waits or anybody is woken.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use tokio::sync::oneshot;

use super::line::{Line, Waiting, WaitsFor};
use super::{ComponentStats, MailboxOptions, MessageId, MessagingError, Payload};

/// The outcome of a request.
pub(super) type Reply = Result<Payload, MessagingError>;

/// A message on its way.
pub(super) struct Envelope {
    pub(super) id: MessageId,
    /// The sender's registration.
    pub(super) sender: u64,
    pub(super) sender_name: Arc<str>,
    pub(super) body: Body,
    pub(super) time: SystemTime,
    pub(super) payload: Payload,
}

pub(super) enum Body {
    OneWay,
    Request {
        /// The largest answer, in bytes.
        reply_limit: usize,
    },
    Publication(Arc<str>),
}

/// Where a message went.
pub(super) enum Placed {
    InMailbox,
    /// Into the line. The channel tells when it leaves it for the mailbox.
    InLine(oneshot::Receiver<()>),
}

/// Why a message was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Gone,
    Full,
    TooLarge,
    TooManyRequests { limit: usize },
}

pub(super) struct Inbox {
    options: MailboxOptions,
    sender_messages: usize,
    sender_bytes: usize,
    sender_requests: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    phase: Phase,
    queue: VecDeque<Envelope>,
    /// Of the payloads in the queue.
    bytes: usize,
    line: Line,
    /// What senders have here; those that have nothing are not in it.
    uses: NumberMap<u64, Use>,
    /// The requests that have no answer.
    open: NumberMap<MessageId, Open>,
    receiver: Option<Waker>,
    counts: Counts,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// Nothing comes in any more, what is there can be taken.
    Closing,
    Gone,
}

#[derive(Default)]
struct Use {
    messages: usize,
    bytes: usize,
    requests: usize,
}

struct Open {
    sender: u64,
    /// None if the asker does not wait any more.
    reply: Option<oneshot::Sender<Reply>>,
    /// Whether the component has the request.
    taken: bool,
    /// Who wants to know that the asker gave up.
    waker: Option<Waker>,
}

#[derive(Default)]
struct Counts {
    received: u64,
    dropped: u64,
    refused: u64,
    withdrawn: u64,
    late_replies: u64,
}

/// Numbers of our own are spread well enough by one multiplication.
#[derive(Default)]
pub(super) struct NumberHasher(u64);

pub(super) type NumberMap<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Inbox {
    pub(super) fn new(options: MailboxOptions) -> Inbox {
        Inbox {
            options,
            sender_messages: options.share(options.messages),
            sender_bytes: options.share(options.bytes),
            sender_requests: options.share(options.open_requests),
            state: Mutex::default(),
        }
    }

    pub(super) fn options(&self) -> &MailboxOptions {
        &self.options
    }

    /// No code of others runs under the lock, so a panic of theirs leaves the state as
    /// it should be.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message into the mailbox, or if it is to `wait` into the line before it.
    /// A request comes with where its answer goes.
    pub(super) fn push(
        &self,
        envelope: Envelope,
        reply: Option<oneshot::Sender<Reply>>,
        wait: bool,
    ) -> Result<Placed, Refusal> {
        let sender = envelope.sender;
        let mut guard = self.lock();
        let state = &mut *guard;
        if state.phase != Phase::Open {
            return Err(Refusal::Gone);
        }
        if let Err(refusal) = self.may_join(state, &envelope, reply.is_some()) {
            return Err(state.counts.refuse(&envelope, refusal));
        }
        let waits_for = if state.line.of(sender) > 0 {
            Some(WaitsFor::Share)
        } else if state.line.blocked {
            Some(WaitsFor::Mailbox)
        } else {
            self.waits_for(state.queue.len(), state.bytes, &state.uses, &envelope)
        };
        if waits_for.is_some() && (!wait || state.line.of(sender) >= self.options.waiting) {
            return Err(state.counts.refuse(&envelope, Refusal::Full));
        }
        if let Some(reply) = reply {
            state.uses.entry(sender).or_default().requests += 1;
            let open = Open {
                sender,
                reply: Some(reply),
                taken: false,
                waker: None,
            };
            state.open.insert(envelope.id, open);
        }
        let Some(waits_for) = waits_for else {
            state.enter(envelope);
            let receiver = state.receiver.take();
            drop(guard);
            wake(receiver);
            return Ok(Placed::InMailbox);
        };
        state.line.blocked |= matches!(waits_for, WaitsFor::Mailbox);
        let (admitted, told) = oneshot::channel();
        state.line.join(Waiting { envelope, admitted });
        Ok(Placed::InLine(told))
    }

    /// Whether a message could ever be taken, and a request be opened.
    fn may_join(&self, state: &State, envelope: &Envelope, request: bool) -> Result<(), Refusal> {
        if envelope.payload.len() > self.options.bytes {
            return Err(Refusal::TooLarge);
        }
        if request {
            let limit = self.options.open_requests;
            if state.open.len() >= limit {
                return Err(Refusal::TooManyRequests { limit });
            }
            let limit = self.sender_requests;
            let requests = state.uses.get(&envelope.sender).map_or(0, |it| it.requests);
            if requests >= limit {
                return Err(Refusal::TooManyRequests { limit });
            }
        }
        Ok(())
    }

    /// What a message waits for, if there is no room for it now.
    fn waits_for(
        &self,
        messages: usize,
        bytes: usize,
        uses: &NumberMap<u64, Use>,
        envelope: &Envelope,
    ) -> Option<WaitsFor> {
        let size = envelope.payload.len();
        if let Some(used) = uses.get(&envelope.sender)
            && used.messages > 0
            && (used.messages >= self.sender_messages
                || size > self.sender_bytes.saturating_sub(used.bytes))
        {
            return Some(WaitsFor::Share);
        }
        let full = messages >= self.options.messages || size > self.options.bytes - bytes;
        full.then_some(WaitsFor::Mailbox)
    }

    /// Lets in whom there is room for. The senders are to be told when the lock is
    /// released.
    fn admit(&self, state: &mut State) -> Vec<oneshot::Sender<()>> {
        let mut admitted = Vec::new();
        while let Some(waiting) = state
            .line
            .next(|envelope| self.waits_for(state.queue.len(), state.bytes, &state.uses, envelope))
        {
            state.enter(waiting.envelope);
            admitted.push(waiting.admitted);
        }
        admitted
    }

    /// The next message, or None if there will be none.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Envelope>> {
        let mut guard = self.lock();
        let (envelope, admitted) = self.take(&mut guard);
        let result = match envelope {
            Some(envelope) => Poll::Ready(Some(envelope)),
            None if guard.phase != Phase::Open => Poll::Ready(None),
            None => {
                match &mut guard.receiver {
                    Some(waker) => waker.clone_from(cx.waker()),
                    receiver => *receiver = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
        };
        drop(guard);
        tell(admitted);
        result
    }

    /// The next message, if there is one.
    pub(super) fn try_take(&self) -> Option<Envelope> {
        let mut guard = self.lock();
        let (envelope, admitted) = self.take(&mut guard);
        drop(guard);
        tell(admitted);
        envelope
    }

    fn take(&self, state: &mut State) -> (Option<Envelope>, Vec<oneshot::Sender<()>>) {
        let mut admitted = Vec::new();
        while let Some(envelope) = state.queue.pop_front() {
            state.bytes -= envelope.payload.len();
            let size = envelope.payload.len();
            state.release(envelope.sender, |used| {
                used.messages -= 1;
                used.bytes -= size;
            });
            admitted.append(&mut self.admit(state));
            if let Body::Request { .. } = envelope.body {
                match state.open.get_mut(&envelope.id) {
                    Some(open) => open.taken = true,
                    // It was withdrawn.
                    None => continue,
                }
            }
            state.counts.received += 1;
            return (Some(envelope), admitted);
        }
        (None, admitted)
    }

    /// Takes a message out of the line, and says whether it was there.
    pub(super) fn leave(&self, sender: u64, id: MessageId) -> bool {
        let mut guard = self.lock();
        let left = guard.line.leave(sender, id);
        let (admitted, receiver) = self.after_leaving(&mut guard);
        drop(guard);
        wake(receiver);
        tell(admitted);
        left.is_some()
    }

    /// The one who left may have kept others waiting.
    fn after_leaving(&self, state: &mut State) -> (Vec<oneshot::Sender<()>>, Option<Waker>) {
        let admitted = self.admit(state);
        let receiver = (!admitted.is_empty()).then(|| state.receiver.take());
        (admitted, receiver.flatten())
    }

    /// Ends a request for the one who asked. The answer's channel is returned if there
    /// was no answer yet.
    pub(super) fn withdraw(&self, id: MessageId) -> Option<oneshot::Sender<Reply>> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let open = state.open.get_mut(&id)?;
        let reply = open.reply.take();
        if open.taken {
            // The one who answers learns of it, and then removes the entry.
            let waker = open.waker.take();
            drop(guard);
            wake(waker);
            return reply;
        }
        let sender = open.sender;
        state.open.remove(&id);
        state.release(sender, |used| used.requests -= 1);
        state.counts.withdrawn += 1;
        let left = state.line.leave(sender, id);
        let (admitted, receiver) = self.after_leaving(state);
        drop(guard);
        wake(receiver);
        tell(admitted);
        drop(left);
        reply
    }

    /// Ends a request for the one who answers. The answer's channel is returned if the
    /// asker still waits.
    pub(super) fn settle(&self, id: MessageId) -> Option<oneshot::Sender<Reply>> {
        let mut guard = self.lock();
        let open = guard.open.remove(&id)?;
        guard.release(open.sender, |used| used.requests -= 1);
        drop(guard);
        open.reply
    }

    /// Whether the asker of a request that was taken gave it up.
    pub(super) fn poll_ended(&self, id: MessageId, cx: &mut Context<'_>) -> Poll<()> {
        let mut guard = self.lock();
        match guard.open.get_mut(&id) {
            Some(open) if open.reply.is_some() => {
                match &mut open.waker {
                    Some(waker) => waker.clone_from(cx.waker()),
                    waker => *waker = Some(cx.waker().clone()),
                }
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }

    pub(super) fn count_late_reply(&self) {
        self.lock().counts.late_replies += 1;
    }

    /// Ends the mailbox: nothing comes in any more. What is in it can still be taken,
    /// unless it is to be discarded.
    pub(super) fn close(&self, name: &str, discard: bool) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let waiting = state.line.take_all();
        let mut ended = Vec::new();
        let mut queue = VecDeque::new();
        if discard {
            state.phase = Phase::Gone;
            state.bytes = 0;
            queue = std::mem::take(&mut state.queue);
            state.uses = NumberMap::default();
            ended.extend(state.open.drain().map(|(_, open)| open));
        } else if state.phase == Phase::Open {
            state.phase = Phase::Closing;
            for it in &waiting {
                if let Some(open) = state.open.remove(&it.envelope.id) {
                    state.release(open.sender, |used| used.requests -= 1);
                    ended.push(open);
                }
            }
        }
        let receiver = state.receiver.take();
        drop(guard);
        wake(receiver);
        for open in ended {
            if let Some(reply) = open.reply {
                let component = name.to_owned();
                // An asker that does not wait any more needs not know.
                let _ = reply.send(Err(MessagingError::ComponentGone { component }));
            }
            wake(open.waker);
        }
        drop((waiting, queue));
    }

    /// Whether all was discarded.
    pub(super) fn is_gone(&self) -> bool {
        self.lock().phase == Phase::Gone
    }

    pub(super) fn add_stats(&self, stats: &mut ComponentStats) {
        let state = self.lock();
        stats.received = state.counts.received;
        stats.dropped = state.counts.dropped;
        stats.refused = state.counts.refused;
        stats.withdrawn = state.counts.withdrawn;
        stats.late_replies = state.counts.late_replies;
        stats.open_requests = state.open.len();
        stats.depth = state.queue.len();
        stats.bytes = state.bytes;
        stats.waiting = state.line.len();
    }

    /// How many senders have an entry.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.lock().uses.len()
    }
}

impl State {
    fn enter(&mut self, envelope: Envelope) {
        let size = envelope.payload.len();
        let used = self.uses.entry(envelope.sender).or_default();
        used.messages += 1;
        used.bytes += size;
        self.bytes += size;
        self.queue.push_back(envelope);
    }

    /// Lowers what a sender has here, and forgets it if that was all.
    fn release(&mut self, sender: u64, lower: impl FnOnce(&mut Use)) {
        if let Some(used) = self.uses.get_mut(&sender) {
            lower(used);
            if used.messages == 0 && used.requests == 0 {
                self.uses.remove(&sender);
            }
        }
    }
}

impl Counts {
    fn refuse(&mut self, envelope: &Envelope, refusal: Refusal) -> Refusal {
        match envelope.body {
            Body::Publication(_) => self.dropped += 1,
            Body::OneWay | Body::Request { .. } => self.refused += 1,
        }
        refusal
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn tell(admitted: Vec<oneshot::Sender<()>>) {
    for sender in admitted {
        // Who was told to stop waiting in the meantime finds it admitted.
        let _ = sender.send(());
    }
}
