//! The record of what was decided: who, by which function, on what, with what result and
//! why.
//!
//! Each decision is a `tracing` event at the target [`TARGET`], and goes to the sinks of
//! the host.
//!
//! | decision | level |
//! | --- | --- |
//! | allowed by a grant | `DEBUG` |
//! | allowed by the mode permissive, or by the policy | `INFO` |
//! | allowed by the mode development | `WARN` |
//! | denied | `WARN` |

mod json;
mod memory;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};
use tracing::Level;

pub use json::JsonLinesAudit;
pub use memory::MemoryAudit;

use super::clock::Clock;
use super::denial::Reason;
use super::mode::SecurityMode;
use super::request::Request;
use crate::capability::Capability;

/// The target of the `tracing` events.
pub const TARGET: &str = "enginebay::audit";

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The call went on.
    Granted,
    /// The host's code was not reached.
    Denied,
}

impl Outcome {
    /// The name, as in `granted`.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Granted => "granted",
            Outcome::Denied => "denied",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One decision.
///
/// As JSON it has `time` (milliseconds since the Unix epoch), `component`, `function`,
/// `operation`, `target`, `port` (0 where there is none), `outcome`, `by` (the
/// [kind](Reason::kind) of the reason) and `reason` (in words).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEvent {
    /// When.
    pub time: SystemTime,
    /// The component's name.
    pub component: Arc<str>,
    /// The function of the contract that was called, by its name in WIT.
    pub function: String,
    /// What it asked for.
    pub capability: Capability,
    /// What came out.
    pub outcome: Outcome,
    /// What decided.
    pub reason: Reason,
}

impl Serialize for AuditEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let request = Request::from(&self.capability);
        let since = self
            .time
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let mut event = serializer.serialize_struct("AuditEvent", 9)?;
        event.serialize_field(
            "time",
            &u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        )?;
        event.serialize_field("component", &*self.component)?;
        event.serialize_field("function", &self.function)?;
        event.serialize_field("operation", &request.operation.to_string())?;
        event.serialize_field("target", request.target)?;
        event.serialize_field("port", &request.port)?;
        event.serialize_field("outcome", &self.outcome)?;
        event.serialize_field("by", self.reason.kind())?;
        event.serialize_field("reason", &self.reason.to_string())?;
        event.end()
    }
}

/// Where audit events go.
///
/// A sink is called by the thread whose call was decided, and that thread waits for it; no
/// lock is held meanwhile, so a slow sink slows that component and no other. A sink that
/// panics is reported through `tracing`; the decision stands.
pub trait AuditSink: Send + Sync {
    /// Takes an event.
    fn record(&self, event: &AuditEvent);

    /// Whether the sink wants events of that outcome. What no sink wants is not made.
    fn wants(&self, outcome: Outcome) -> bool {
        let _ = outcome;
        true
    }
}

/// Tells `tracing` and the sinks.
pub(super) struct Auditor {
    sinks: Vec<Arc<dyn AuditSink>>,
    clock: Arc<dyn Clock>,
}

impl Auditor {
    pub(super) fn new(sinks: Vec<Arc<dyn AuditSink>>, clock: Arc<dyn Clock>) -> Self {
        Auditor { sinks, clock }
    }

    /// Whether anybody listens to such a decision.
    pub(super) fn hears(&self, outcome: Outcome, reason: &Reason) -> bool {
        if !self.sinks.is_empty() {
            return true;
        }
        match level(outcome, reason) {
            Level::WARN => tracing::enabled!(target: TARGET, Level::WARN),
            Level::INFO => tracing::enabled!(target: TARGET, Level::INFO),
            _ => tracing::enabled!(target: TARGET, Level::DEBUG),
        }
    }

    pub(super) fn record(
        &self,
        component: &Arc<str>,
        function: &str,
        request: &Request<'_>,
        outcome: Outcome,
        reason: &Reason,
    ) {
        trace(component, function, request, outcome, reason);
        if self.sinks.is_empty() {
            return;
        }
        self.tell_sinks(component, function, request, outcome, reason);
    }

    #[cold]
    fn tell_sinks(
        &self,
        component: &Arc<str>,
        function: &str,
        request: &Request<'_>,
        outcome: Outcome,
        reason: &Reason,
    ) {
        let mut event = None;
        for sink in &self.sinks {
            // A panic of the embedder's code must not become one of the guest's call.
            let told = catch_unwind(AssertUnwindSafe(|| {
                if sink.wants(outcome) {
                    sink.record(event.get_or_insert_with(|| AuditEvent {
                        time: self.clock.now(),
                        component: component.clone(),
                        function: function.to_owned(),
                        capability: request.to_capability(),
                        outcome,
                        reason: reason.clone(),
                    }));
                }
            }));
            if told.is_err() {
                tracing::error!(target: TARGET, "an audit sink panicked: an event is lost to it");
            }
        }
    }
}

fn trace(
    component: &str,
    function: &str,
    request: &Request<'_>,
    outcome: Outcome,
    reason: &Reason,
) {
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: TARGET,
                Level::$level,
                component,
                function,
                capability = %request,
                outcome = outcome.name(),
                by = reason.kind(),
                reason = %reason,
            )
        };
    }
    match level(outcome, reason) {
        Level::WARN => event!(WARN),
        Level::INFO => event!(INFO),
        _ => event!(DEBUG),
    }
}

/// The table of the module's documentation.
fn level(outcome: Outcome, reason: &Reason) -> Level {
    match (outcome, reason) {
        (Outcome::Denied, _) | (_, Reason::Mode(SecurityMode::Development)) => Level::WARN,
        (Outcome::Granted, Reason::Grant(_)) => Level::DEBUG,
        (Outcome::Granted, _) => Level::INFO,
    }
}
