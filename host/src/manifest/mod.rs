//! `Component.toml`: what a component is, what it asks for and what it may use.
//!
//! A [`Manifest`] is read from TOML or JSON by one reader. It refuses what it does not
//! know, and gathers all that is wrong before it answers; each [`Problem`] has its line
//! and column, names the key, and says what is allowed. What a manifest may ask for is
//! bounded by a [`ResourcePolicy`], which is the embedder's: a manifest cannot widen it.
//!
//! ```
//! use enginebay_host::manifest::Manifest;
//! let manifest = Manifest::parse(r#"
//! [component]
//! name = "word-count"
//! version = "1.0.0"
//!
//! [resources]
//! memory = "2MiB"
//! deadline = "500ms"
//!
//! [permissions.filesystem]
//! read = ["/data/**"]
//! write = { optional = ["/data/counts.txt"] }
//! "#)?;
//! assert_eq!(manifest.component.name.as_str(), "word-count");
//! assert_eq!(manifest.limits().memory, 2 << 20);
//! assert_eq!(manifest.grants().len(), 2);
//! # Ok::<(), enginebay_host::manifest::ManifestError>(())
//! ```

mod component;
mod config;
mod dependencies;
mod error;
mod lifecycle;
mod node;
mod permissions;
mod policy;
mod reader;
mod resources;
mod template;
mod units;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use enginebay_core::Limits;
use schemars::JsonSchema;
use semver::VersionReq;
use serde::Serialize;

pub use component::{ComponentFile, ComponentInfo, ComponentName};
pub use config::{Config, MAX_CONFIG};
pub use dependencies::DependencyName;
pub use error::{ManifestError, Position, Problem, ProblemKind};
pub use lifecycle::{Lifecycle, Restart};
pub use permissions::{
    FilesystemPermissions, Grants, MessagingPermissions, NetworkPermissions, Permissions,
    ProcessPermissions, StoragePermissions,
};
pub use policy::ResourcePolicy;
pub use resources::Resources;
pub use template::template;
pub use units::{ByteSize, Deadline, Span};

use crate::permission::{Grant, Quotas};
use node::Node;
use reader::{Reader, Table};

/// The most bytes that a manifest may have.
pub const MAX_MANIFEST: usize = 256 << 10;
/// The most patterns that a manifest may have.
pub const MAX_PATTERNS: usize = 256;
/// The most dependencies that a manifest may have.
pub const MAX_DEPENDENCIES: usize = 128;

/// What a component is, what it asks for and what it may use.
///
/// The fields are the sections of the file; what was left out is `None` or empty, and the
/// defaults are said where they are used.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Component.toml of enginebay")]
#[non_exhaustive]
pub struct Manifest {
    /// What the component is.
    pub component: ComponentInfo,
    /// The WIT interfaces and packages that it needs, with the versions that fit:
    /// `"enginebay:storage" = "^1.0"`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    #[schemars(with = "BTreeMap<DependencyName, String>")]
    pub dependencies: BTreeMap<DependencyName, VersionReq>,
    /// What it may use of the machine.
    pub resources: Resources,
    /// When it is started again.
    #[serde(skip_serializing_if = "Lifecycle::is_default", default)]
    pub lifecycle: Lifecycle,
    /// What it is told when it starts.
    #[serde(skip_serializing_if = "Config::is_empty", default)]
    pub config: Config,
    /// What it may touch. Nothing else is.
    #[serde(skip_serializing_if = "Permissions::is_empty", default)]
    pub permissions: Permissions,
}

impl Manifest {
    /// The name of the file.
    pub const FILE: &'static str = "Component.toml";

    /// Reads TOML, with the default [`ResourcePolicy`].
    ///
    /// # Errors
    ///
    /// All that is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        Manifest::parse_with(text, &ResourcePolicy::default())
    }

    /// Reads TOML, of a manifest that may ask for what a policy allows.
    ///
    /// # Errors
    ///
    /// All that is wrong with the text.
    pub fn parse_with(text: &str, policy: &ResourcePolicy) -> Result<Self, ManifestError> {
        // Editors put one before the text; it says nothing.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        check_length(text.len())?;
        let node = Node::from_toml(text)?;
        Manifest::read(node, Reader::new(Some(text), policy))
    }

    /// Reads a file of TOML, with the default [`ResourcePolicy`].
    ///
    /// # Errors
    ///
    /// The file cannot be read, and all that is wrong with it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ManifestError> {
        Manifest::from_file_with(path, &ResourcePolicy::default())
    }

    /// Reads a file of TOML, of a manifest that may ask for what a policy allows.
    ///
    /// # Errors
    ///
    /// The file cannot be read, and all that is wrong with it.
    pub fn from_file_with(
        path: impl AsRef<Path>,
        policy: &ResourcePolicy,
    ) -> Result<Self, ManifestError> {
        let path = path.as_ref();
        let io = |source| ManifestError::Io {
            path: path.to_owned(),
            source,
        };
        let bytes = read_bounded(path).map_err(io)?;
        check_length(bytes.len()).map_err(|error| error.in_file(path))?;
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let (before, _) = bytes.split_at(error.valid_up_to());
            ManifestError::encoding(before).in_file(path)
        })?;
        Manifest::parse_with(text, policy).map_err(|error| error.in_file(path))
    }

    /// Reads the JSON form: the same keys and values. Positions are known of what is no
    /// JSON; of all else, the keys.
    ///
    /// # Errors
    ///
    /// All that is wrong with the text.
    pub fn from_json(text: &str, policy: &ResourcePolicy) -> Result<Self, ManifestError> {
        check_length(text.len())?;
        let node = Node::from_json(text)?;
        Manifest::read(node, Reader::new(None, policy))
    }

    /// The manifest as TOML, without what is the default.
    pub fn to_toml(&self) -> String {
        // Every type in a manifest has a form in TOML; what could fail would be a
        // defect here, and shows in the text.
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}\n"))
    }

    /// The manifest as JSON, without what is the default.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The JSON Schema of manifests, for editors, which apply it to TOML too.
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Manifest).to_value()
    }

    /// What a store of the component may use: what `[resources]` says, and the defaults
    /// of [`Limits`] for what it leaves out.
    pub fn limits(&self) -> Limits {
        self.resources.limits()
    }

    /// The quotas of a component that gets no more than `most`: what the manifest says,
    /// where that is less.
    pub fn quotas(&self, most: Quotas) -> Quotas {
        let Permissions {
            network,
            storage,
            messaging,
            ..
        } = &self.permissions;
        let less = |own: Option<u64>, most: u64| own.map_or(most, |own| own.min(most));
        let bytes = |own: Option<ByteSize>| own.map(|ByteSize(bytes)| bytes);
        Quotas {
            storage_bytes: less(bytes(storage.max_bytes), most.storage_bytes),
            network_bytes_per_day: less(
                bytes(network.max_bytes_per_day),
                most.network_bytes_per_day,
            ),
            network_requests_per_minute: less(
                network.max_requests_per_minute.map(u64::from),
                most.network_requests_per_minute,
            ),
            messages_per_minute: less(
                messaging.max_per_minute.map(u64::from),
                most.messages_per_minute,
            ),
        }
    }

    /// What the component asks for, in the order of the file's sections.
    pub fn grants(&self) -> Vec<Grant> {
        self.permissions.grants()
    }

    fn read(node: Node, mut reader: Reader<'_>) -> Result<Self, ManifestError> {
        let manifest = Manifest::read_table(node, &mut reader);
        match manifest {
            Some(manifest) if reader.problems.is_empty() => Ok(manifest),
            _ => Err(ManifestError::invalid(reader.problems)),
        }
    }

    fn read_table(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        let mut table = reader.table(node, "")?;
        let component = reader.section(&mut table, "component", component::EXAMPLE);
        let resources = reader.section(&mut table, "resources", resources::EXAMPLE);
        let component = component.map(|table| ComponentInfo::read(table, reader));
        let resources = resources.map(|table| Resources::read(table, reader));
        let dependencies = subtable(&mut table, "dependencies", reader)
            .map(|table| dependencies::read(table, reader));
        let lifecycle =
            subtable(&mut table, "lifecycle", reader).map(|table| Lifecycle::read(table, reader));
        let config = table.take("config");
        let config = config.map(|node| Config::read(node, reader));
        let permissions = subtable(&mut table, "permissions", reader)
            .map(|table| Permissions::read(table, reader));
        reader.finish(table);
        Some(Manifest {
            component: component??,
            dependencies: dependencies.unwrap_or_default(),
            resources: resources??,
            lifecycle: lifecycle.unwrap_or_default(),
            config: config.unwrap_or_default(),
            permissions: permissions.unwrap_or_default(),
        })
    }
}

/// A section that may be left out.
fn subtable(table: &mut Table, key: &'static str, reader: &mut Reader<'_>) -> Option<Table> {
    let path = table.path(key);
    let node = table.take(key)?;
    reader.table(node, &path)
}

fn check_length(length: usize) -> Result<(), ManifestError> {
    match length > MAX_MANIFEST {
        true => Err(ManifestError::TooLarge {
            path: None,
            limit: MAX_MANIFEST,
        }),
        false => Ok(()),
    }
}

/// The file's bytes, and no more than say that they are too many.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    // What is no file may never end, or never begin.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(MAX_MANIFEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
