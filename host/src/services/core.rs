//! Logging, clocks, the other components, and permissions.

use std::fmt::Write as _;
use std::time::{Duration, Instant, UNIX_EPOCH};

use enginebay_core::{Error, Result};

use super::convert;
use super::{ComponentContext, ComponentInfo};
use crate::capability::Capability;
use crate::contract::bindings::enginebay::core::capabilities as wit;
use crate::contract::bindings::enginebay::core::host_services::{self, ComponentInfo as WitInfo};
use crate::contract::bindings::enginebay::core::permissions::{self, Grant};
use crate::contract::bindings::enginebay::core::types::{LogLevel, Timestamp};
use crate::permission::Outcome;

/// The target of the events that components' lines become.
const TARGET: &str = "enginebay::component";

impl ComponentContext {
    /// Whether a line may be written now.
    fn may_log(&mut self) -> bool {
        let lines = &mut self.lines;
        if lines.since.elapsed() >= Duration::from_secs(1) {
            let left_out = std::mem::take(&mut lines.left_out);
            lines.since = Instant::now();
            lines.written = 0;
            if left_out > 0 {
                let component = self.checker.component();
                tracing::warn!(target: TARGET, component, left_out, "lines were left out");
            }
        }
        let lines = &mut self.lines;
        if lines.written >= self.options.log_lines_per_second {
            lines.left_out += 1;
            return false;
        }
        lines.written += 1;
        true
    }
}

/// The line, in which nothing of a guest looks like something of the host's.
fn line(message: &str, context: &[(String, String)], most: usize) -> String {
    let mut line = String::new();
    let mut push = |text: &str| {
        for it in text.chars() {
            if line.len() >= most {
                return;
            }
            match it {
                '\t' => line.push(' '),
                it if it.is_control() => line.extend(it.escape_default()),
                it => line.push(it),
            }
        }
    };
    push(message);
    for (name, value) in context {
        push(" ");
        push(name);
        push("=");
        push(value);
    }
    if line.len() >= most {
        let _ = write!(line, " ...");
    }
    line
}

impl host_services::Host for ComponentContext {
    fn log(
        &mut self,
        level: LogLevel,
        message: String,
        context: Vec<(String, String)>,
    ) -> Result<()> {
        if !self.may_log() {
            return Ok(());
        }
        let line = line(&message, &context, self.options.log_line);
        let component = self.checker.component();
        match level {
            LogLevel::Trace => tracing::trace!(target: TARGET, component, "{line}"),
            LogLevel::Debug => tracing::debug!(target: TARGET, component, "{line}"),
            LogLevel::Info => tracing::info!(target: TARGET, component, "{line}"),
            LogLevel::Warn => tracing::warn!(target: TARGET, component, "{line}"),
            LogLevel::Error => tracing::error!(target: TARGET, component, "{line}"),
        }
        Ok(())
    }

    fn now(&mut self) -> Result<Timestamp> {
        let time = self.services.inner.clock.time_of_day();
        Ok(convert::timestamp(time))
    }

    fn monotonic_now(&mut self) -> Result<u64> {
        Ok(convert::nanoseconds(self.started.elapsed()))
    }

    fn sleep(&mut self, time: u64) -> impl Future<Output = Result<()>> + Send + 'static {
        let mut sleep = self.services.inner.clock.sleep(Duration::from_nanos(time));
        async move {
            let slept = std::future::poll_fn(|cx| sleep.poll(cx)).await;
            slept.map_err(Error::host)
        }
    }

    fn list_components(&mut self) -> Result<Vec<String>> {
        Ok(self.services.registry().names())
    }

    fn get_component(&mut self, name: String) -> Result<Option<WitInfo>> {
        let info = self.services.registry().get(&name);
        Ok(info.map(|ComponentInfo { metadata, status }| WitInfo { metadata, status }))
    }
}

impl permissions::Host for ComponentContext {
    fn check(&mut self, capability: wit::Capability) -> Result<Result<(), wit::Denial>> {
        let capability = Capability::from(capability);
        // To ask is not to do: what is said here is not audited.
        Ok(match self.checker.explain(&capability) {
            (Outcome::Granted, _) => Ok(()),
            (Outcome::Denied, reason) => Err(wit::Denial {
                capability: (&capability).into(),
                reason: (&reason).into(),
                message: format!("{capability} is not granted: {reason}"),
            }),
        })
    }

    fn grants(&mut self) -> Result<Vec<Grant>> {
        let granted = self.services.permissions().granted(self.name());
        let granted = granted.map_err(Error::host)?;
        let grants = granted.iter().map(|grant| Grant {
            operation: grant.operation.to_string(),
            pattern: grant.pattern.to_string(),
        });
        Ok(grants.collect())
    }
}

/// Nobody asks before 1970.
pub(super) fn since_epoch(time: std::time::SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}
