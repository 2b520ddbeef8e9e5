//! `[permissions]`: what a component may touch.

use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::MAX_PATTERNS;
use super::error::ProblemKind;
use super::node::{Node, Value};
use super::reader::{MAX_INTEGER, Reader, Table};
use super::resources::size;
use super::units::ByteSize;
use crate::capability::{
    FilesystemAction, MessagingAction, NetworkAction, Operation, ProcessAction, StorageAction,
};
use crate::pattern::{
    CommandPattern, ComponentPattern, Endpoint, HostPattern, NamespacePattern, PathPattern,
    PatternError, TopicPattern,
};
use crate::permission::{Grant, GrantPattern};

/// The patterns of one operation, by whether the component can do without.
///
/// Written as a list, which is of required ones, or as
/// `{ required = [...], optional = [...] }`. What is required and not granted refuses the
/// load; what is optional and not granted is denied at the call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grants<T> {
    /// What it cannot do without.
    pub required: Vec<T>,
    /// What it can do without.
    pub optional: Vec<T>,
}

impl<T> Default for Grants<T> {
    fn default() -> Self {
        Grants {
            required: Vec::new(),
            optional: Vec::new(),
        }
    }
}

impl<T> Grants<T> {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.required.is_empty() && self.optional.is_empty()
    }

    /// All patterns, with whether each is required.
    pub fn iter(&self) -> impl Iterator<Item = (&T, bool)> {
        let required = self.required.iter().map(|pattern| (pattern, true));
        required.chain(self.optional.iter().map(|pattern| (pattern, false)))
    }
}

impl<T: FromStr<Err = PatternError>> Grants<T> {
    fn read(
        table: &mut Table,
        key: &'static str,
        example: &'static str,
        reader: &mut Reader<'_>,
    ) -> Self {
        let mut grants = Grants::default();
        let path = table.path(key);
        let Some(node) = table.take(key) else {
            return grants;
        };
        if !matches!(node.value, Value::Table(_)) {
            grants.required = patterns(node, &path, example, reader);
            return grants;
        }
        let Some(mut table) = reader.table(node, &path) else {
            return grants;
        };
        for (key, list) in [
            ("required", &mut grants.required),
            ("optional", &mut grants.optional),
        ] {
            let path = table.path(key);
            if let Some(node) = table.take(key) {
                *list = patterns(node, &path, example, reader);
            }
        }
        reader.finish(table);
        grants
    }
}

fn patterns<T: FromStr<Err = PatternError>>(
    node: Node,
    key: &str,
    example: &str,
    reader: &mut Reader<'_>,
) -> Vec<T> {
    let span = node.span.clone();
    let list = format!("[{example}]");
    let items = reader
        .list(node, key, MAX_PATTERNS, &list)
        .unwrap_or_default();
    // Of all lists together: each pattern may cost what it may.
    reader.patterns += items.len();
    if reader.patterns > MAX_PATTERNS {
        let message = format!("the manifest has more than {MAX_PATTERNS} patterns: use wildcards");
        reader.problem(ProblemKind::TooMany, &span, key, message);
        return Vec::new();
    }
    let items = items.into_iter().enumerate();
    let parsed = items.filter_map(|(at, item)| {
        reader.parsed(item, &format!("{key}[{at}]"), example, T::from_str)
    });
    parsed.collect()
}

/// What a section says about how much.
trait Quota: Sized {
    fn read(table: &mut Table, key: &'static str, reader: &mut Reader<'_>) -> Option<Self>;
}

impl Quota for ByteSize {
    fn read(table: &mut Table, key: &'static str, reader: &mut Reader<'_>) -> Option<Self> {
        let path = table.path(key);
        let node = table.take(key)?;
        size(node, &path, 0, MAX_INTEGER, reader)
    }
}

impl Quota for u32 {
    fn read(table: &mut Table, key: &'static str, reader: &mut Reader<'_>) -> Option<Self> {
        let path = table.path(key);
        let node = table.take(key)?;
        let number = reader.number(node, &path, 0, u32::MAX.into())?;
        number.try_into().ok()
    }
}

impl<T: Serialize> Serialize for Grants<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.optional.is_empty() {
            return self.required.serialize(serializer);
        }
        let required = usize::from(!self.required.is_empty());
        let mut table = serializer.serialize_struct("Grants", required + 1)?;
        match self.required.is_empty() {
            true => table.skip_field("required")?,
            false => table.serialize_field("required", &self.required)?,
        }
        table.serialize_field("optional", &self.optional)?;
        table.end()
    }
}

impl<T: JsonSchema> JsonSchema for Grants<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("GrantsOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let list = json_schema!({
            "type": "array",
            "items": generator.subschema_for::<T>(),
            "maxItems": MAX_PATTERNS,
        });
        json_schema!({
            "description": "A list of patterns, all required, or `{ required = [...], optional = [...] }`.",
            "oneOf": [
                list,
                {
                    "type": "object",
                    "properties": { "required": list, "optional": list },
                    "additionalProperties": false,
                },
            ],
        })
    }
}

/// Declares a family's section: its actions with their patterns, and its quotas.
macro_rules! family {
    (
        $(#[$doc:meta])*
        $name:ident: $family:ident($action:ident), $example:literal;
        $($(#[$grant_doc:meta])* $grant:ident = $case:ident($key:literal): $pattern:ident => $kind:ident,)*
        $(; $($(#[$quota_doc:meta])* $quota:ident($quota_key:literal): $quota_type:ident,)*)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, JsonSchema)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
        #[non_exhaustive]
        pub struct $name {
            $(
                $(#[$grant_doc])*
                #[serde(skip_serializing_if = "Grants::is_empty")]
                pub $grant: Grants<$pattern>,
            )*
            $($(
                $(#[$quota_doc])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $quota: Option<$quota_type>,
            )*)?
        }

        impl $name {
            fn is_empty(&self) -> bool {
                *self == $name::default()
            }

            fn read(mut table: Table, reader: &mut Reader<'_>) -> Self {
                let section = $name {
                    $($grant: Grants::read(&mut table, $key, $example, reader),)*
                    $($($quota: <$quota_type as Quota>::read(&mut table, $quota_key, reader),)*)?
                };
                reader.finish(table);
                section
            }

            fn grants(&self, grants: &mut Vec<Grant>) {
                $(
                    grants.extend(self.$grant.iter().map(|(pattern, required)| Grant {
                        operation: Operation::$family($action::$case),
                        pattern: GrantPattern::$kind(pattern.clone()),
                        required,
                    }));
                )*
            }
        }
    };
}

family! {
    /// What is done to files and directories, by the paths that the component sees.
    FilesystemPermissions: Filesystem(FilesystemAction), "\"/data/**\"";
    /// What may be read.
    read = Read("read"): PathPattern => Path,
    /// What may be created and changed.
    write = Write("write"): PathPattern => Path,
    /// What may be removed.
    delete = Delete("delete"): PathPattern => Path,
    /// Directories whose entries may be listed.
    list = List("list"): PathPattern => Path,
}

family! {
    /// What is done on the network.
    NetworkPermissions: Network(NetworkAction), "\"*.example.com:443\"";
    /// Where it may connect and send to.
    connect = Connect("connect"): Endpoint => Endpoint,
    /// Where it may accept connections and packets.
    listen = Listen("listen"): Endpoint => Endpoint,
    /// Names whose addresses it may look up.
    resolve = Resolve("resolve"): HostPattern => Host,
    ;
    /// Bytes in a day, in both directions together. Default: the host's. As the next, it
    /// takes effect where a host offers the network, which none does so far.
    max_bytes_per_day("max-bytes-per-day"): ByteSize,
    /// Connections and requests in a minute. Default: the host's.
    max_requests_per_minute("max-requests-per-minute"): u32,
}

family! {
    /// What is done to processes, by their commands.
    ProcessPermissions: Process(ProcessAction), "\"/usr/bin/git\"";
    /// What may be started.
    spawn = Spawn("spawn"): CommandPattern => Command,
    /// What may be sent signals.
    signal = Signal("signal"): CommandPattern => Command,
    /// What may be ended.
    kill = Kill("kill"): CommandPattern => Command,
    /// What may be looked at.
    inspect = Inspect("inspect"): CommandPattern => Command,
}

family! {
    /// What is done to stored values, by their namespaces.
    StoragePermissions: Storage(StorageAction), "\"my-component:*\"";
    /// Where values may be read.
    read = Read("read"): NamespacePattern => Namespace,
    /// Where values may be written.
    write = Write("write"): NamespacePattern => Namespace,
    /// Where values may be removed.
    delete = Delete("delete"): NamespacePattern => Namespace,
    /// Where keys may be listed.
    list = List("list"): NamespacePattern => Namespace,
    ;
    /// Bytes of all keys and values that the component stores. Default: the host's.
    max_bytes("max-bytes"): ByteSize,
}

family! {
    /// What is done with messages, by components' names and by topics.
    MessagingPermissions: Messaging(MessagingAction), "\"events.*\"";
    /// Components that may be sent messages.
    send = Send("send"): ComponentPattern => Component,
    /// Components that may be asked for answers.
    request = Request("request"): ComponentPattern => Component,
    /// Topics to which it may publish.
    publish = Publish("publish"): TopicPattern => Topic,
    /// Topics to which it may subscribe.
    subscribe = Subscribe("subscribe"): TopicPattern => Topic,
    ;
    /// Messages and requests that it may send in a minute. Default: the host's.
    max_per_minute("max-per-minute"): u32,
}

/// What a component may touch, by families. Nothing else is granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Permissions {
    /// Files and directories.
    #[serde(skip_serializing_if = "FilesystemPermissions::is_empty")]
    pub filesystem: FilesystemPermissions,
    /// The network.
    #[serde(skip_serializing_if = "NetworkPermissions::is_empty")]
    pub network: NetworkPermissions,
    /// Processes.
    #[serde(skip_serializing_if = "ProcessPermissions::is_empty")]
    pub process: ProcessPermissions,
    /// Stored values.
    #[serde(skip_serializing_if = "StoragePermissions::is_empty")]
    pub storage: StoragePermissions,
    /// Messages.
    #[serde(skip_serializing_if = "MessagingPermissions::is_empty")]
    pub messaging: MessagingPermissions,
}

impl Permissions {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Permissions::default()
    }

    /// All that is asked for, by families and actions.
    pub fn grants(&self) -> Vec<Grant> {
        let mut grants = Vec::new();
        self.filesystem.grants(&mut grants);
        self.network.grants(&mut grants);
        self.process.grants(&mut grants);
        self.storage.grants(&mut grants);
        self.messaging.grants(&mut grants);
        grants
    }

    pub(super) fn read(mut table: Table, reader: &mut Reader<'_>) -> Self {
        let mut permissions = Permissions::default();
        let mut section = |key, reader: &mut Reader<'_>| super::subtable(&mut table, key, reader);
        if let Some(table) = section("filesystem", reader) {
            permissions.filesystem = FilesystemPermissions::read(table, reader);
        }
        if let Some(table) = section("network", reader) {
            permissions.network = NetworkPermissions::read(table, reader);
        }
        if let Some(table) = section("process", reader) {
            permissions.process = ProcessPermissions::read(table, reader);
        }
        if let Some(table) = section("storage", reader) {
            permissions.storage = StoragePermissions::read(table, reader);
        }
        if let Some(table) = section("messaging", reader) {
            permissions.messaging = MessagingPermissions::read(table, reader);
        }
        reader.finish(table);
        permissions
    }
}
