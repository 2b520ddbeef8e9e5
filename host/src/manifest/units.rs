//! Sizes and times with their units.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::reader::MAX_INTEGER;

/// A number of bytes: `4MiB`, `512KiB`, `10MB` or plain bytes. `KiB`, `MiB` and `GiB` are
/// powers of 1024, `KB`, `MB` and `GB` of 1000. It is shown in the largest of the former
/// in which it is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 8] = [
    ("gib", 1 << 30),
    ("mib", 1 << 20),
    ("kib", 1 << 10),
    ("gb", 1_000_000_000),
    ("mb", 1_000_000),
    ("kb", 1_000),
    ("b", 1),
    ("", 1),
];

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            let text = super::reader::clip(text);
            format!("{text:?} is no size: write \"4MiB\", \"512KiB\", \"10MB\" or plain bytes")
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| refuse())?;
        let unit = unit.trim_start().to_ascii_lowercase();
        let unit = UNITS.iter().find(|(name, _)| *name == unit);
        let (_, factor) = unit.ok_or_else(refuse)?;
        let bytes = number.checked_mul(*factor);
        bytes.map(ByteSize).ok_or_else(refuse)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |factor: u64| self.0 >= factor && self.0.is_multiple_of(factor);
        for (name, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
            if whole(1 << shift) {
                return write!(f, "{}{name}", self.0 >> shift);
            }
        }
        write!(f, "{}B", self.0)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ByteSize".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Bytes: a number, or text with a unit.",
            "oneOf": [
                { "type": "string", "pattern": "^[0-9]+ *([KkMmGg][Ii]?)?[Bb]?$" },
                { "type": "integer", "minimum": 0 },
            ],
            "examples": ["4MiB"],
        })
    }
}

/// A time: `500ms`, `2s`, `1m 30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match humantime::parse_duration(text) {
            Ok(time) if time.as_secs() <= MAX_INTEGER => Ok(Span(time)),
            _ => {
                let text = super::reader::clip(text);
                Err(format!(
                    "{text:?} is no time: write \"500ms\", \"2s\" or \"1m 30s\""
                ))
            }
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A time with its unit.",
            "examples": ["500ms", "2s", "1m 30s"],
        })
    }
}

/// A time limit: a [`Span`] that is not zero, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deadline {
    /// There is none.
    None,
    /// The time.
    After(Duration),
}

impl Deadline {
    /// As in [`Limits`](enginebay_core::Limits).
    pub fn duration(self) -> Option<Duration> {
        match self {
            Deadline::None => None,
            Deadline::After(time) => Some(time),
        }
    }
}

impl FromStr for Deadline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Deadline::None);
        }
        match text.parse()? {
            Span(Duration::ZERO) => Err("no call could run in no time: write \"500ms\"".to_owned()),
            Span(time) => Ok(Deadline::After(time)),
        }
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Deadline::None => f.write_str("none"),
            Deadline::After(time) => Span(*time).fmt(f),
        }
    }
}

impl Serialize for Deadline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Deadline {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Deadline".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A time with its unit, or `none`.",
            "examples": ["500ms", "30s", "none"],
        })
    }
}

/// A number as TOML can have it.
pub(super) fn count<S: Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => serializer.serialize_u64(*number.min(&MAX_INTEGER)),
        None => serializer.serialize_none(),
    }
}
