//! Events as lines of JSON.

use std::fmt;
use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{AuditEvent, AuditSink, Outcome};
use crate::permission::lock;

/// Writes each event as one line of JSON, with one call to the writer, so that lines of
/// several processes that append to one file stay whole. With a file as the writer, each
/// event is with the system before the call goes on.
///
/// An event that cannot be written is lost and counted.
pub struct JsonLinesAudit<W> {
    writer: Mutex<W>,
    denied_only: bool,
    failed: AtomicU64,
}

impl<W: Write + Send> JsonLinesAudit<W> {
    /// Writes all events.
    pub fn new(writer: W) -> Self {
        JsonLinesAudit {
            writer: Mutex::new(writer),
            denied_only: false,
            failed: 0.into(),
        }
    }

    /// Writes what was denied, and not what was granted.
    #[must_use]
    pub fn denied_only(mut self) -> Self {
        self.denied_only = true;
        self
    }

    /// How many events could not be written.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Makes the writer hand on what it holds back.
    ///
    /// # Errors
    /// The writer's.
    pub fn flush(&self) -> io::Result<()> {
        lock(&self.writer).flush()
    }

    /// The writer.
    pub fn into_inner(self) -> W {
        self.writer
            .into_inner()
            .unwrap_or_else(|poison| poison.into_inner())
    }
}

impl<W: Write + Send> AuditSink for JsonLinesAudit<W> {
    fn record(&self, event: &AuditEvent) {
        let line = serde_json::to_vec(event).map(|mut line| {
            line.push(b'\n');
            line
        });
        let written = line
            .map_err(io::Error::from)
            .and_then(|line| lock(&self.writer).write_all(&line));
        if written.is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn wants(&self, outcome: Outcome) -> bool {
        !self.denied_only || outcome == Outcome::Denied
    }
}

impl<W> fmt::Debug for JsonLinesAudit<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLinesAudit")
            .field("denied_only", &self.denied_only)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
