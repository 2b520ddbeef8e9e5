//! `[dependencies]`: the interfaces and packages that a component needs.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use semver::VersionReq;
use serde::Serialize;

use super::MAX_DEPENDENCIES;
use super::error::ProblemKind;
use super::reader::{Reader, Table, clip};

/// The name of a WIT package or of an interface in one: `enginebay:storage`,
/// `enginebay:storage/key-value`. Without a version, which is the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct DependencyName(String);

impl DependencyName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The package: `enginebay:storage`.
    pub fn package(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }

    /// The interface, if it is one: `key-value`.
    pub fn interface(&self) -> Option<&str> {
        self.0.split_once('/').map(|(_, interface)| interface)
    }
}

impl FromStr for DependencyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (package, interface) = match text.split_once('/') {
            Some((package, interface)) => (package, Some(interface)),
            None => (text, None),
        };
        let valid = package
            .split_once(':')
            .is_some_and(|(namespace, name)| is_label(namespace) && is_label(name))
            && interface.is_none_or(is_label);
        if valid && text.len() <= 256 {
            return Ok(DependencyName(text.to_owned()));
        }
        let text = clip(text);
        Err(match text.contains('@') {
            true => format!("{text:?}: the version is the value: write \"ns:package\" = \"^1.0\""),
            false => format!(
                "{text:?} is no WIT package or interface: write \"ns:package\" or \"ns:package/interface\""
            ),
        })
    }
}

/// A word or several with hyphens between them, as WIT has names.
fn is_label(label: &str) -> bool {
    let word = |word: &str| {
        word.bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphabetic())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    label.split('-').all(word)
}

impl fmt::Display for DependencyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for DependencyName {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DependencyName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[A-Za-z][A-Za-z0-9-]*:[A-Za-z][A-Za-z0-9-]*(/[A-Za-z][A-Za-z0-9-]*)?$",
            "examples": ["enginebay:storage"],
        })
    }
}

pub(super) fn read(
    mut table: Table,
    reader: &mut Reader<'_>,
) -> BTreeMap<DependencyName, VersionReq> {
    let mut dependencies = BTreeMap::new();
    for (number, entry) in table.take_rest().into_iter().enumerate() {
        let path = table.path(&entry.key);
        if number >= MAX_DEPENDENCIES {
            let message = format!("there are more than {MAX_DEPENDENCIES} dependencies");
            reader.problem(ProblemKind::TooMany, &entry.span, &path, message);
            break;
        }
        let name = entry.key.parse::<DependencyName>();
        let name = match name {
            Ok(name) => Some(name),
            Err(message) => {
                reader.problem(ProblemKind::Invalid, &entry.span, "dependencies", message);
                None
            }
        };
        let version = reader.parsed(entry.node, &path, "\"^1.0\"", parse_range);
        if let (Some(name), Some(version)) = (name, version) {
            dependencies.insert(name, version);
        }
    }
    dependencies
}

fn parse_range(text: &str) -> Result<VersionReq, String> {
    let range = VersionReq::parse(text);
    match range {
        Ok(range) if range.comparators.is_empty() => Err(
            "any version is too much to promise: write the one that you built with, as \"^1.0\""
                .to_owned(),
        ),
        Ok(range) => Ok(range),
        Err(error) => {
            let text = clip(text);
            Err(format!(
                "{text:?} is no range of versions ({error}): write \"^1.0\" or \"~1.2.0\""
            ))
        }
    }
}
