//! What components and the host log, on standard error: a line for each event of
//! enginebay. Spans are not written, and engines have logs of their own.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::options::LogLevel;
use crate::output::{clean, note};

/// Begins to write them.
pub(super) fn init(level: LogLevel) {
    // There is none before: this is the program's only command that has one.
    let _ = tracing::subscriber::set_global_default(Lines(level.into()));
}

struct Lines(LevelFilter);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        metadata.is_event() && target.starts_with("enginebay") && *metadata.level() <= self.0
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        note(&line.text(event.metadata().level()));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The fields of an event.
#[derive(Debug, Default)]
struct Line {
    component: String,
    message: String,
    more: String,
}

impl Line {
    fn text(&self, level: &Level) -> String {
        let level = match *level {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let mut text = format!("log: {level}:");
        if !self.component.is_empty() {
            let _ = write!(text, " {}:", self.component);
        }
        if !self.message.is_empty() {
            let _ = write!(text, " {}", self.message);
        }
        text.push_str(&self.more);
        // Nothing that a component writes looks like two lines.
        clean(&text).replace('\n', " ")
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            "component" => write!(self.component, "{value:?}"),
            name => write!(self.more, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let line = Line {
            component: "asker".to_owned(),
            message: "a\nerror: b\x1b[2J".to_owned(),
            more: " port=80".to_owned(),
        };
        assert_eq!(
            line.text(&Level::WARN),
            r"log: warn: asker: a error: b\u{1b}[2J port=80"
        );
    }
}
