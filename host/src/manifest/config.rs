//! `[config]`: what a component is told when it starts, in words of its own.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Number, Value as Json};

use super::error::ProblemKind;
use super::node::{Node, Value};
use super::reader::Reader;

/// The most bytes that the JSON text of a configuration may have.
pub const MAX_CONFIG: usize = 64 << 10;

/// The most tables and lists within each other, with the section itself.
const MAX_DEPTH: usize = 16;

/// What a component is told when it starts: keys and values that it knows and its host does
/// not. It gets them as JSON text, up to [`MAX_CONFIG`] bytes of it.
///
/// Values are those that TOML and JSON have in common: texts, whole numbers of 64 bits with
/// a sign, fractions, true and false, lists and tables, up to 16 of these within each other.
/// A date of TOML becomes a text. Null, infinities and what is no number are refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Config(Map<String, Json>);

impl Config {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.0.get(key)
    }

    /// What the component gets as `data` of its `component-config`: a JSON object as UTF-8
    /// text, or nothing if nothing is said.
    pub fn to_data(&self) -> Option<Vec<u8>> {
        // What is in it has keys that are texts, and finite numbers: it can be written.
        (!self.is_empty()).then(|| serde_json::to_vec(&self.0).unwrap_or_default())
    }

    pub(super) fn read(node: Node, reader: &mut Reader<'_>) -> Self {
        let span = node.span.clone();
        if !matches!(node.value, Value::Table(_)) {
            reader.wrong_type(&node, KEY, "a table of keys and values");
            return Config::default();
        }
        let Some(Json::Object(map)) = value(node, KEY, 1, reader) else {
            return Config::default();
        };
        let config = Config(map);
        let length = config.to_data().map_or(0, |data| data.len());
        if length > MAX_CONFIG {
            let message = format!("it has {length} bytes as JSON, and {MAX_CONFIG} is the most");
            reader.problem(ProblemKind::OutOfRange, &span, KEY, message);
        }
        config
    }
}

const KEY: &str = "config";

/// A value as JSON, unless something is wrong with it, which is noted.
fn value(node: Node, key: &str, depth: usize, reader: &mut Reader<'_>) -> Option<Json> {
    let is_nested = matches!(node.value, Value::List(_) | Value::Table(_));
    if is_nested && depth > MAX_DEPTH {
        let message = format!("there are more than {MAX_DEPTH} tables and lists within each other");
        reader.problem(ProblemKind::OutOfRange, &node.span, key, message);
        return None;
    }
    let span = node.span.clone();
    let mut refuse = |kind, message: &str| {
        reader.problem(kind, &span, key, message);
        None
    };
    match node.value {
        Value::Text(text) | Value::Date(text) => Some(Json::String(text)),
        Value::Bool(value) => Some(Json::Bool(value)),
        Value::Integer(number) => match i64::try_from(number) {
            Ok(number) => Some(Json::Number(number.into())),
            Err(_) => {
                let message = format!("{} to {} is allowed", i64::MIN, i64::MAX);
                refuse(ProblemKind::OutOfRange, &message)
            }
        },
        Value::Fraction(number) => match Number::from_f64(number) {
            Some(number) => Some(Json::Number(number)),
            None => refuse(
                ProblemKind::Invalid,
                "JSON, in which the component gets it, has no such number: write a finite one, \
                 or text",
            ),
        },
        Value::Null => refuse(
            ProblemKind::WrongType,
            "null is not allowed: leave the key out",
        ),
        Value::List(items) => {
            let mut list = Vec::with_capacity(items.len());
            for (at, item) in items.into_iter().enumerate() {
                list.push(value(item, &format!("{key}[{at}]"), depth + 1, reader)?);
            }
            Some(Json::Array(list))
        }
        Value::Table(_) => {
            let mut table = reader.table(node, key)?;
            let mut map = Map::new();
            for entry in table.take_rest() {
                let path = table.path(&entry.key);
                map.insert(entry.key, value(entry.node, &path, depth + 1, reader)?);
            }
            Some(Json::Object(map))
        }
    }
}

impl JsonSchema for Config {
    fn schema_name() -> Cow<'static, str> {
        "Config".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": format!("What the component is told when it starts, as JSON text of up to {MAX_CONFIG} bytes."),
            "type": "object",
            "examples": [{"greeting": "Hello", "retries": 3}],
        })
    }
}
