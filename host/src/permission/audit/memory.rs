//! The latest events, in memory.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;

use super::{AuditEvent, AuditSink};
use crate::permission::lock;

/// Keeps the latest events, up to a number; older ones are dropped and counted.
pub struct MemoryAudit {
    capacity: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<AuditEvent>,
    dropped: u64,
}

impl MemoryAudit {
    /// Keeps up to `capacity` events, at least one.
    pub fn new(capacity: usize) -> Self {
        MemoryAudit {
            capacity: capacity.max(1),
            kept: Mutex::default(),
        }
    }

    /// What is kept, oldest first.
    pub fn events(&self) -> Vec<AuditEvent> {
        lock(&self.kept).events.iter().cloned().collect()
    }

    /// Takes out what is kept, oldest first.
    pub fn take(&self) -> Vec<AuditEvent> {
        std::mem::take(&mut lock(&self.kept).events).into()
    }

    /// How many events were dropped for newer ones.
    pub fn dropped(&self) -> u64 {
        lock(&self.kept).dropped
    }
}

impl AuditSink for MemoryAudit {
    fn record(&self, event: &AuditEvent) {
        let event = event.clone();
        let mut kept = lock(&self.kept);
        if kept.events.len() >= self.capacity {
            kept.events.pop_front();
            kept.dropped += 1;
        }
        kept.events.push_back(event);
    }
}

impl fmt::Debug for MemoryAudit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = lock(&self.kept).events.len();
        f.debug_struct("MemoryAudit")
            .field("capacity", &self.capacity)
            .field("kept", &kept)
            .finish_non_exhaustive()
    }
}
