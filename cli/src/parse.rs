//! Values of options: sizes, times, folders and environment variables.

#[cfg(feature = "wasi")]
use std::path::PathBuf;
use std::time::Duration;
#[cfg(feature = "wasi")]
use std::time::SystemTime;

use enginebay_core::units;

/// `64MiB`, `512KB` or plain bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    units::size(text)
}

/// As [`size`], for what is addressed.
pub(crate) fn address_size(text: &str) -> Result<usize, String> {
    size(text)?
        .try_into()
        .map_err(|_| format!("`{text}` is more than this machine can address"))
}

/// A limit in bytes, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Option<u64>);

/// What a compiler needs before it has done anything: its stack, for one.
const LEAST_TO_COMPILE: u64 = 256 << 20;

/// As [`size`], or `none`.
pub(crate) fn compile_memory(text: &str) -> Result<Bytes, String> {
    if text == "none" {
        return Ok(Bytes(None));
    }
    match size(text)? {
        ..LEAST_TO_COMPILE => Err("too little to compile anything: 256MiB is the least".to_owned()),
        bytes => Ok(Bytes(Some(bytes))),
    }
}

/// A time limit, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeout(pub(crate) Option<Duration>);

/// `500ms`, `1m 30s` or `none`.
pub(crate) fn timeout(text: &str) -> Result<Timeout, String> {
    units::time_limit(text).map(Timeout)
}

/// `2000-01-01T00:00:00Z`.
#[cfg(feature = "wasi")]
pub(crate) fn instant(text: &str) -> Result<SystemTime, String> {
    match humantime::parse_rfc3339_weak(text) {
        Ok(time) if time >= SystemTime::UNIX_EPOCH => Ok(time),
        Ok(_) => Err("clocks begin in 1970 or later".to_owned()),
        Err(_) => Err(format!("`{text}` is no time: write 2000-01-01T00:00:00Z")),
    }
}

/// `1us`: any time, also none.
#[cfg(feature = "wasi")]
pub(crate) fn step(text: &str) -> Result<Duration, String> {
    units::duration(text)
}

/// A folder of the host that the guest may use.
#[cfg(feature = "wasi")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dir {
    pub(crate) host: PathBuf,
    pub(crate) guest: String,
    pub(crate) read_only: bool,
}

/// `HOST::GUEST`, or `HOST::GUEST:ro`; `::ro` is the same.
#[cfg(feature = "wasi")]
pub(crate) fn dir(text: &str) -> Result<Dir, String> {
    let (paths, read_only) = match text.strip_suffix(":ro") {
        Some(paths) => (paths.strip_suffix(':').unwrap_or(paths), true),
        None => (text, false),
    };
    let parts: Vec<&str> = paths.split("::").collect();
    let (host, guest) = match parts[..] {
        // Somebody who leaves the guest's path out wants no folder `ro` that
        // can be written to.
        [_] if read_only => {
            return Err("the guest's path is missing: write HOST::GUEST:ro".to_owned());
        }
        [_, "rw"] => return Err("write HOST::GUEST, without `rw`".to_owned()),
        // What is behind a colon was meant to say something else.
        [host, guest] if !guest.ends_with(':') && !guest.ends_with(":rw") => (host, guest),
        _ => return Err("write HOST::GUEST, or HOST::GUEST:ro".to_owned()),
    };
    if host.is_empty() || guest.is_empty() {
        return Err("both paths must be given: write HOST::GUEST".to_owned());
    }
    Ok(Dir {
        host: host.into(),
        guest: guest.to_owned(),
        read_only,
    })
}

/// Two names with `=` between them.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((left, right)) if !left.is_empty() && !right.is_empty() => {
            Ok((left.to_owned(), right.to_owned()))
        }
        _ => Err("two names with `=` between them are wanted".to_owned()),
    }
}

/// `KEY=VALUE`, or `KEY` for the value that this program was given.
#[cfg(feature = "wasi")]
pub(crate) fn env(text: &str) -> Result<(String, String), String> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, value.to_owned()),
        None => match std::env::var(text) {
            Ok(value) => (text, value),
            Err(error) => return Err(format!("cannot pass `{text}` on: {error}")),
        },
    };
    if key.is_empty() {
        return Err("the name is empty: write NAME=VALUE, or NAME".to_owned());
    }
    Ok((key.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_to_compile_may_be_none_and_not_too_little() {
        assert_eq!(compile_memory("none"), Ok(Bytes(None)));
        assert_eq!(compile_memory("256MiB"), Ok(Bytes(Some(256 << 20))));
        assert!(compile_memory("255MiB").is_err());
        assert!(compile_memory("much").is_err());
    }

    #[test]
    fn sizes_and_times_are_those_of_manifests_and_scripts() {
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("64M"), units::size("64M"));
        assert_eq!(timeout("none"), Ok(Timeout(None)));
        assert_eq!(
            timeout("1m 30s"),
            Ok(Timeout(Some(Duration::from_secs(90))))
        );
        assert!(timeout("0s").is_err());
    }

    #[cfg(feature = "wasi")]
    #[test]
    fn clocks_begin_at_a_time_and_go_on_by_a_step() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800);
        assert_eq!(instant("2000-01-01T00:00:00Z"), Ok(start));
        assert_eq!(instant("2000-01-01 00:00:00"), Ok(start));
        assert!(instant("1969-12-31T23:59:59Z").is_err());
        assert!(instant("now").is_err());
        assert_eq!(step("0s"), Ok(Duration::ZERO));
        assert_eq!(step("1us"), Ok(Duration::from_micros(1)));
        assert!(step("1").is_err());
    }

    #[cfg(feature = "wasi")]
    #[test]
    fn folders_name_both_sides() {
        let expected = Dir {
            host: "a".into(),
            guest: "/b".into(),
            read_only: false,
        };
        assert_eq!(dir("a::/b"), Ok(expected.clone()));
        let read_only = Dir {
            read_only: true,
            ..expected
        };
        assert_eq!(dir("a::/b:ro").as_ref(), Ok(&read_only));
        assert_eq!(dir("a::/b::ro"), Ok(read_only));
        for wrong in [
            "",
            "a",
            "a:ro",
            "a::ro",
            "a::rw",
            "a::/b:",
            "a::/b:rw",
            "a::",
            "::b",
            "a::b::rx",
            "a::b::ro::c",
        ] {
            assert!(dir(wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(feature = "wasi")]
    #[test]
    fn variables_have_a_value_or_an_inherited_one() {
        assert_eq!(env("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert_eq!(env("A="), Ok(("A".into(), String::new())));
        assert!(env("=x").is_err());
        assert!(env("ENGINEBAY_TEST_NO_SUCH_VARIABLE").is_err());
        assert_eq!(env("PATH").unwrap().0, "PATH");
    }
}
