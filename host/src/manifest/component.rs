//! `[component]`: what a component is.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use semver::Version;
use serde::Serialize;

use super::reader::{Reader, Table, clip};
pub use crate::name::ComponentName;
use crate::pattern::normalise;

pub(super) const EXAMPLE: &str =
    "[component]\nname = \"my-component\"\nversion = \"0.1.0\"\ndescription = \"What it does\"";

/// What a component is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ComponentInfo {
    /// The name by which others know it.
    pub name: ComponentName,
    /// Its version.
    pub version: Version,
    /// What it does, in up to 4096 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who made it: up to 32, of up to 256 bytes.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub authors: Vec<String>,
    /// Under which licence it is, as an SPDX expression: `MIT OR Apache-2.0`. It is not
    /// interpreted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// The component's file, below the manifest's folder. Default: `component.wasm`.
    #[serde(skip_serializing_if = "ComponentFile::is_default", default)]
    pub file: ComponentFile,
}

impl ComponentInfo {
    /// That name and version, and nothing else.
    pub fn new(name: ComponentName, version: Version) -> Self {
        ComponentInfo {
            name,
            version,
            description: None,
            authors: Vec::new(),
            license: None,
            file: ComponentFile::default(),
        }
    }

    pub(super) fn read(mut table: Table, reader: &mut Reader<'_>) -> Option<Self> {
        let name = reader.required(&mut table, "name", "name = \"my-component\"");
        let name = name.and_then(|node| {
            reader.parsed(node, &table.path("name"), "\"my-component\"", str::parse)
        });
        let version = reader.required(&mut table, "version", "version = \"0.1.0\"");
        let version = version.and_then(|node| {
            reader.parsed(node, &table.path("version"), "\"0.1.0\"", parse_version)
        });
        let description = text(&mut table, "description", 4096, reader);
        let authors = authors(&mut table, reader);
        let license = text(&mut table, "license", 256, reader);
        let path = table.path("file");
        let file = table.take("file");
        let file = file.map(|node| reader.parsed(node, &path, "\"component.wasm\"", str::parse));
        reader.finish(table);
        Some(ComponentInfo {
            name: name?,
            version: version?,
            description,
            authors,
            license,
            file: match file {
                Some(file) => file?,
                None => ComponentFile::default(),
            },
        })
    }
}

fn parse_version(text: &str) -> Result<Version, String> {
    Version::parse(text).map_err(|error| {
        let text = clip(text);
        format!("{text:?} is no version ({error}): write three numbers, as \"1.0.0\"")
    })
}

fn text(
    table: &mut Table,
    key: &'static str,
    most: usize,
    reader: &mut Reader<'_>,
) -> Option<String> {
    let path = table.path(key);
    let node = table.take(key)?;
    reader.text(node, &path, most)
}

fn authors(table: &mut Table, reader: &mut Reader<'_>) -> Vec<String> {
    let path = table.path("authors");
    let Some(node) = table.take("authors") else {
        return Vec::new();
    };
    let items = reader.list(node, &path, 32, "[\"Ada <ada@example.com>\"]");
    let items = items.unwrap_or_default().into_iter();
    items
        .filter_map(|item| reader.text(item, &path, 256))
        .collect()
}

/// A file below the manifest's folder: a relative path with `/` between its segments,
/// without `.`, `..`, backslashes and control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ComponentFile(String);

impl ComponentFile {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_default(&self) -> bool {
        *self == ComponentFile::default()
    }
}

/// `component.wasm`.
impl Default for ComponentFile {
    fn default() -> Self {
        ComponentFile("component.wasm".to_owned())
    }
}

impl FromStr for ComponentFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let absolute = format!("/{text}");
        let normal = normalise(&absolute).is_ok_and(|normal| normal == absolute);
        if normal && !text.is_empty() && !text.contains(|c: char| c.is_control() || c == ':') {
            return Ok(ComponentFile(text.to_owned()));
        }
        let text = clip(text);
        Err(format!(
            "{text:?} is no file below the manifest's folder: write a relative path without `.` and `..`, as \"component.wasm\""
        ))
    }
}

impl fmt::Display for ComponentFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for ComponentFile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ComponentFile".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "default": "component.wasm",
            "examples": ["target/wasm32-wasip2/release/my_component.wasm"],
        })
    }
}
