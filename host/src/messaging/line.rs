//! The line before a mailbox: messages whose senders wait for room. Each sender has a
//! lane of its own, in which its messages keep their order, and lanes are served in
//! turns: a sender with many messages in line gets no more room than one with a single
//! message.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use super::MessageId;
use super::inbox::{Envelope, NumberMap};

#[derive(Default)]
pub(super) struct Line {
    lanes: NumberMap<u64, VecDeque<Waiting>>,
    /// The senders that have a lane, the next one first.
    turns: VecDeque<u64>,
    /// Whether the message whose turn it is waits for the mailbox as a whole. Nobody
    /// passes it then, or it might wait for ever.
    pub(super) blocked: bool,
}

/// A message in line.
pub(super) struct Waiting {
    pub(super) envelope: Envelope,
    /// Tells the sender that there was room; dropped if there never will be.
    pub(super) admitted: oneshot::Sender<()>,
}

impl Line {
    /// How many messages of a sender are in line.
    pub(super) fn of(&self, sender: u64) -> usize {
        self.lanes.get(&sender).map_or(0, VecDeque::len)
    }

    /// How many messages are in line.
    pub(super) fn len(&self) -> usize {
        self.lanes.values().map(VecDeque::len).sum()
    }

    pub(super) fn join(&mut self, waiting: Waiting) {
        let sender = waiting.envelope.sender;
        let lane = self.lanes.entry(sender).or_default();
        if lane.is_empty() {
            self.turns.push_back(sender);
        }
        lane.push_back(waiting);
    }

    /// Takes a message out of the line, wherever it is.
    pub(super) fn leave(&mut self, sender: u64, id: MessageId) -> Option<Waiting> {
        let lane = self.lanes.get_mut(&sender)?;
        let place = lane.iter().position(|it| it.envelope.id == id)?;
        let waiting = lane.remove(place);
        if lane.is_empty() {
            self.lanes.remove(&sender);
            self.turns.retain(|it| *it != sender);
        }
        waiting
    }

    /// Takes the next message that may enter, by turns. `waits_for` says what keeps a
    /// message out, if anything does.
    pub(super) fn next(
        &mut self,
        waits_for: impl Fn(&Envelope) -> Option<WaitsFor>,
    ) -> Option<Waiting> {
        self.blocked = false;
        for turn in 0..self.turns.len() {
            let sender = self.turns[turn];
            let lane = self.lanes.get_mut(&sender)?;
            match waits_for(&lane.front()?.envelope) {
                // It keeps its turn, but keeps nobody else waiting.
                Some(WaitsFor::Share) => {}
                Some(WaitsFor::Mailbox) => {
                    self.blocked = true;
                    return None;
                }
                None => {
                    let waiting = lane.pop_front();
                    self.turns.remove(turn);
                    if lane.is_empty() {
                        self.lanes.remove(&sender);
                    } else {
                        self.turns.push_back(sender);
                    }
                    return waiting;
                }
            }
        }
        None
    }

    /// Ends the line.
    pub(super) fn take_all(&mut self) -> Vec<Waiting> {
        self.blocked = false;
        self.turns.clear();
        self.lanes.drain().flat_map(|(_, lane)| lane).collect()
    }
}

/// What a message in line waits for.
pub(super) enum WaitsFor {
    /// Room in the mailbox.
    Mailbox,
    /// Room in its sender's share of it.
    Share,
}
