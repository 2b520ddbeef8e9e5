//! `[lifecycle]`: when a component is started again.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::error::ProblemKind;
use super::reader::{Reader, Table, clip};
use super::units::Span;

/// The longest first pause between restarts.
const MAX_BACKOFF: Duration = Duration::from_secs(3600);

/// When a component is started again by a host that supervises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Lifecycle {
    /// After what. Default: `on-failure`.
    #[serde(default)]
    pub restart: Restart,
    /// How often in a row before the host gives up: up to 1000. Default: 5.
    #[serde(default = "default_restarts")]
    #[schemars(range(max = 1000))]
    pub max_restarts: u32,
    /// The pause before the first restart; each further one in a row is twice as long, up
    /// to a minute or to this, whichever is more. Up to an hour. Default: `100ms`.
    #[serde(default = "default_backoff")]
    pub backoff: Span,
}

fn default_restarts() -> u32 {
    Lifecycle::default().max_restarts
}

fn default_backoff() -> Span {
    Lifecycle::default().backoff
}

impl Default for Lifecycle {
    fn default() -> Self {
        Lifecycle {
            restart: Restart::OnFailure,
            max_restarts: 5,
            backoff: Span(Duration::from_millis(100)),
        }
    }
}

/// After what a component is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// After it failed: it trapped, reached a limit, or said so.
    #[default]
    OnFailure,
    /// Also after it ended well.
    Always,
    /// Never.
    Never,
}

impl Restart {
    /// As manifests have it.
    pub const fn name(self) -> &'static str {
        match self {
            Restart::OnFailure => "on-failure",
            Restart::Always => "always",
            Restart::Never => "never",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let all = [Restart::OnFailure, Restart::Always, Restart::Never];
        let found = all.into_iter().find(|it| it.name() == text);
        found.ok_or_else(|| {
            let text = clip(text);
            format!("{text:?} is none: write \"on-failure\", \"always\" or \"never\"")
        })
    }
}

impl Lifecycle {
    pub(super) fn is_default(&self) -> bool {
        *self == Lifecycle::default()
    }

    pub(super) fn read(mut table: Table, reader: &mut Reader<'_>) -> Self {
        let mut lifecycle = Lifecycle::default();
        let path = table.path("restart");
        let restart = table.take("restart");
        let restart =
            restart.and_then(|node| reader.parsed(node, &path, "\"on-failure\"", Restart::parse));
        lifecycle.restart = restart.unwrap_or(lifecycle.restart);
        let path = table.path("max-restarts");
        let restarts = table.take("max-restarts");
        let restarts = restarts.and_then(|node| reader.number(node, &path, 0, 1000));
        let restarts = restarts.and_then(|number| u32::try_from(number).ok());
        lifecycle.max_restarts = restarts.unwrap_or(lifecycle.max_restarts);
        let path = table.path("backoff");
        if let Some(node) = table.take("backoff") {
            let span = node.span.clone();
            match reader.parsed(node, &path, "\"100ms\"", str::parse) {
                Some(Span(time)) if time > MAX_BACKOFF => {
                    let message = "up to 1h is allowed";
                    reader.problem(ProblemKind::OutOfRange, &span, &path, message);
                }
                Some(time) => lifecycle.backoff = time,
                None => {}
            }
        }
        reader.finish(table);
        lifecycle
    }
}
