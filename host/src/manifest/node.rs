//! One form for what TOML and JSON say, with where it is said.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use toml::de::{DeTable, DeValue};

use super::error::{ManifestError, Position};

/// The most tables and lists within each other: manifests need 4, and
/// a component's configuration up to 16.
const MAX_DEPTH: usize = 32;

/// A value, and where it is in the text.
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) value: Value,
}

pub(super) enum Value {
    Text(String),
    /// Any whole number, as wide as is needed to tell that it is too large.
    Integer(i128),
    List(Vec<Node>),
    Table(Vec<Entry>),
    // What only a component's own configuration has:
    Bool(bool),
    /// Or a number of JSON that is too large for a whole one.
    Fraction(f64),
    /// A date or time of TOML, as it writes it.
    Date(String),
    Null,
}

/// A key and its value.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) span: Range<usize>,
    pub(super) node: Node,
}

impl Node {
    pub(super) fn from_toml(text: &str) -> Result<Self, ManifestError> {
        // The parser nests a table for each dot of a key.
        let mut before = 0;
        for line in text.split_inclusive('\n') {
            let dots = line.bytes().filter(|byte| *byte == b'.').count();
            let is_key = |at| !line[..at].contains(['"', '\'', '#']);
            let nested = line.match_indices('.').nth(MAX_DEPTH);
            if dots > MAX_DEPTH && nested.is_some_and(|(at, _)| is_key(at)) {
                let position = Position::behind(&text[..before]);
                return Err(too_deep(Some(position)));
            }
            before += line.len();
        }
        let table = DeTable::parse(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let before = &text[..text.floor_char_boundary(start)];
            let message = error.message().replace('\n', ", ");
            ManifestError::syntax(Some(Position::behind(before)), message)
        })?;
        let span = table.span();
        let value = table_value(table.into_inner(), 0)?;
        Ok(Node { span, value })
    }

    pub(super) fn from_json(text: &str) -> Result<Self, ManifestError> {
        serde_json::from_str(text).map_err(|error| {
            let position = Position {
                line: error.line(),
                column: error.column(),
            };
            // The position is told apart.
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or(&message);
            ManifestError::syntax(Some(position), message.to_owned())
        })
    }
}

fn too_deep(position: Option<Position>) -> ManifestError {
    ManifestError::syntax(
        position,
        format!("there are more than {MAX_DEPTH} tables and lists within each other"),
    )
}

fn table_value(table: DeTable<'_>, depth: usize) -> Result<Value, ManifestError> {
    if depth > MAX_DEPTH {
        return Err(too_deep(None));
    }
    let mut entries = Vec::with_capacity(table.len());
    for (key, value) in table {
        let (key_span, span) = (key.span(), value.span());
        entries.push(Entry {
            key: key.into_inner().into_owned(),
            span: key_span,
            node: Node {
                span,
                value: value_of(value.into_inner(), depth)?,
            },
        });
    }
    entries.sort_by_key(|entry| entry.span.start);
    Ok(Value::Table(entries))
}

fn value_of(value: DeValue<'_>, depth: usize) -> Result<Value, ManifestError> {
    Ok(match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            let parsed = i128::from_str_radix(number.as_str(), number.radix());
            // What has more digits than that is too large for anything.
            Value::Integer(parsed.unwrap_or(i128::MAX))
        }
        DeValue::Array(items) => {
            if depth > MAX_DEPTH {
                return Err(too_deep(None));
            }
            let mut nodes = Vec::with_capacity(items.len());
            for item in items {
                let span = item.span();
                let value = value_of(item.into_inner(), depth + 1)?;
                nodes.push(Node { span, value });
            }
            Value::List(nodes)
        }
        DeValue::Table(table) => table_value(table, depth + 1)?,
        // What cannot be read is no number.
        DeValue::Float(number) => Value::Fraction(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Value::Bool(value),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
    })
}

impl Value {
    /// What it is, for people.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Value::Text(_) => "text",
            Value::Integer(_) => "a number",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Bool(_) => "true or false",
            Value::Fraction(_) => "a fraction, or a number that is too large,",
            Value::Date(_) => "a date",
            Value::Null => "null",
        }
    }
}

/// From JSON, with keys as often as they are there. Its parser bounds the depth.
impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(JsonVisitor)?;
        Ok(Node { span: 0..0, value })
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Integer(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Fraction(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element()? {
            nodes.push(node);
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, node)) = map.next_entry()? {
            entries.push(Entry {
                key,
                span: 0..0,
                node,
            });
        }
        Ok(Value::Table(entries))
    }
}
