//! Values of the options.

use std::path::PathBuf;

use clap::ValueEnum;
use enginebay::host::filesystem::Access;
use enginebay::host::permission::{SecurityMode, TrustLevel};
use tracing::level_filters::LevelFilter;

/// How much is written of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogLevel {
    /// Nothing.
    Off,
    /// What went wrong.
    Error,
    /// What was denied, too, and failures of components.
    Warn,
    /// What components say that they do, too.
    #[default]
    Info,
    /// What was granted, too.
    Debug,
    /// Everything.
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Off => LevelFilter::OFF,
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        }
    }
}

/// What happens beyond the grants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    #[default]
    Strict,
    Permissive,
    Development,
}

impl From<Mode> for SecurityMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Strict => SecurityMode::Strict,
            Mode::Permissive => SecurityMode::Permissive,
            Mode::Development => SecurityMode::Development,
        }
    }
}

/// How far components are trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Trust {
    /// Nothing is known about them.
    #[default]
    Unknown,
    /// You answer for them: in the mode `permissive` they may do what they ask.
    Trusted,
    /// They are being written.
    Development,
}

impl From<Trust> for TrustLevel {
    fn from(trust: Trust) -> Self {
        match trust {
            Trust::Unknown => TrustLevel::Unknown,
            Trust::Trusted => TrustLevel::Trusted,
            Trust::Development => TrustLevel::Development,
        }
    }
}

/// A folder of the host at a guest's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) guest: String,
    pub(super) host: PathBuf,
    pub(super) access: Access,
}

/// `GUEST=HOST`, or `GUEST=HOST:ro`.
pub(super) fn mount(text: &str) -> Result<Mount, String> {
    let (paths, access) = match text.strip_suffix(":ro") {
        Some(paths) => (paths, Access::ReadOnly),
        None => (text, Access::ReadWrite),
    };
    match paths.split_once('=') {
        Some((guest, host)) if guest.starts_with('/') && !host.is_empty() => Ok(Mount {
            guest: guest.to_owned(),
            host: host.into(),
            access,
        }),
        _ => Err("write GUEST=HOST or GUEST=HOST:ro, such as /data=./data".to_owned()),
    }
}

/// `NAME=VALUE`.
pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_name_both_sides() {
        let expected = Mount {
            guest: "/data".into(),
            host: "a=b".into(),
            access: Access::ReadWrite,
        };
        assert_eq!(mount("/data=a=b"), Ok(expected.clone()));
        let read_only = Mount {
            access: Access::ReadOnly,
            ..expected
        };
        assert_eq!(mount("/data=a=b:ro"), Ok(read_only));
        for wrong in ["", "/data", "/data=", "/data=:ro", "data=a", "=a"] {
            assert!(mount(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn variables_have_a_name() {
        assert_eq!(variable("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert_eq!(variable("A="), Ok(("A".into(), String::new())));
        assert!(variable("A").is_err());
        assert!(variable("=b").is_err());
    }
}
