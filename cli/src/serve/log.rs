//! What components and the host log, on standard error: a line for each event of
//! enginebay. Spans are not written, and engines have logs of their own. That a component
//! has failed is no matter of the log: it is told as every error of this program is, once,
//! by whoever learns of it first.

use std::fmt::{self, Write};

use enginebay::host::runner::FAILURES;
use enginebay::{Error, ErrorKind};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::options::LogLevel;
use crate::failure::Failure;
use crate::output::{clean, note};

/// Begins to write them.
pub(super) fn init(level: LogLevel, verbose: bool) {
    let lines = Lines {
        level: level.into(),
        verbose,
    };
    // There is none before: this is the program's only command that has one.
    let _ = tracing::subscriber::set_global_default(lines);
}

struct Lines {
    level: LevelFilter,
    verbose: bool,
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let is_wanted = target.starts_with("enginebay") && *metadata.level() <= self.level;
        metadata.is_event() && (is_wanted || target == FAILURES)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Failures are warnings.
        Some(self.level.max(LevelFilter::WARN))
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        if event.metadata().target() == FAILURES {
            if let Some(failure) = line.failure() {
                failure.tell(self.verbose);
            }
            return;
        }
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
    /// It is about an operation, and who asked for it is told.
    has_asker: bool,
}

impl Line {
    /// The failure of a component. That of an operation is the call's to tell.
    fn failure(self) -> Option<Failure> {
        let message = format!("`{}`: {}", self.component, self.message);
        let failure = Failure::advised(Error::new(ErrorKind::Host, message), "");
        (!self.has_asker).then_some(failure)
    }

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
            "operation" => {
                self.has_asker = true;
                write!(self.more, " operation={value:?}")
            }
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
            has_asker: false,
        };
        assert_eq!(
            line.text(&Level::WARN),
            r"log: warn: asker: a error: b\u{1b}[2J port=80"
        );
    }
}
