//! Sizes and times with their units.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use enginebay_core::units;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::reader::MAX_INTEGER;

/// A number of bytes: `4MiB`, `512KiB`, `10MB` or plain bytes. `KiB`, `MiB` and `GiB` are
/// powers of 1024, `KB`, `MB` and `GB` of 1000. It is shown in the largest of the former
/// in which it is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        units::size(text).map(ByteSize)
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
                { "type": "string", "pattern": "^[0-9]+ *(([KkMmGg][Ii]?)?[Bb])?$" },
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
        units::duration(text).and_then(Span::of)
    }
}

impl Span {
    /// A time that TOML and JSON can have as a number of seconds.
    fn of(time: Duration) -> Result<Self, String> {
        match time.as_secs() <= MAX_INTEGER {
            true => Ok(Span(time)),
            false => Err(format!("a time has up to {MAX_INTEGER} seconds")),
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
        match units::time_limit(text)? {
            None => Ok(Deadline::None),
            Some(time) => Span::of(time).map(|Span(time)| Deadline::After(time)),
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
