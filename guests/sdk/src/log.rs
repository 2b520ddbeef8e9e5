//! Lines for the host's log.

use crate::LogLevel;
use crate::bindings::enginebay::core::host_services;

/// Writes a line with names and values. The host may shorten what is long, and leave
/// lines out when there are too many.
pub fn write(level: LogLevel, message: &str, context: &[(&str, &str)]) {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    let context: Vec<_> = context.iter().map(owned).collect();
    host_services::log(level, message, &context);
}

/// Writes a line about a step.
pub fn trace(message: &str) {
    write(LogLevel::Trace, message, &[]);
}

/// Writes a line for who looks for a mistake.
pub fn debug(message: &str) {
    write(LogLevel::Debug, message, &[]);
}

/// Writes a line about what was done.
pub fn info(message: &str) {
    write(LogLevel::Info, message, &[]);
}

/// Writes a line about what may become a failure.
pub fn warn(message: &str) {
    write(LogLevel::Warn, message, &[]);
}

/// Writes a line about a failure.
pub fn error(message: &str) {
    write(LogLevel::Error, message, &[]);
}
