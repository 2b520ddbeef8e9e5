//! `[resources]`: what a component may use of the machine.

use std::time::Duration;

use enginebay_core::Limits;
use schemars::JsonSchema;
use serde::Serialize;

use super::error::ProblemKind;
use super::node::{Node, Value};
use super::reader::{MAX_INTEGER, Reader, Table};
use super::units::{ByteSize, Deadline, Span, count};

pub(super) const EXAMPLE: &str = "[resources]\nmemory = \"4MiB\"\ndeadline = \"500ms\"";

/// What a component may use of the machine. What is `None` is the default of
/// [`Limits`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Resources {
    /// Bytes of all linear memories: `"4MiB"`. There is no default.
    pub memory: ByteSize,
    /// Fuel for each call: about one unit per instruction. Default: not counted.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "count")]
    #[serde(default)]
    pub fuel: Option<u64>,
    /// Time for each call: `"500ms"`, or `"none"`. Default: 30 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Deadline>,
    /// Elements of all tables. Default: 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "count")]
    #[serde(default)]
    pub table_elements: Option<u64>,
    /// Core instances. Default: 1,000.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "count")]
    #[serde(default)]
    pub instances: Option<u64>,
    /// Linear memories. Default: 100.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "count")]
    #[serde(default)]
    pub memories: Option<u64>,
    /// Tables. Default: 1,000.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "count")]
    #[serde(default)]
    pub tables: Option<u64>,
    /// Live handles to resources. Default: 100,000.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "count")]
    #[serde(default)]
    pub handles: Option<u64>,
    /// Bytes that the component may make the host allocate in one crossing of the
    /// boundary. Default: 128 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_bytes: Option<ByteSize>,
}

impl Resources {
    /// That much memory, and the defaults.
    pub fn new(memory: ByteSize) -> Self {
        Resources {
            memory,
            fuel: None,
            deadline: None,
            table_elements: None,
            instances: None,
            memories: None,
            tables: None,
            handles: None,
            host_bytes: None,
        }
    }

    /// As limits of a store.
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::new().memory(self.memory.0).fuel(self.fuel);
        if let Some(deadline) = self.deadline {
            limits.deadline = deadline.duration();
        }
        let host_bytes = self.host_bytes.map(|ByteSize(bytes)| bytes);
        for (own, limit) in [
            (self.table_elements, &mut limits.table_elements),
            (self.instances, &mut limits.instances),
            (self.memories, &mut limits.memories),
            (self.tables, &mut limits.tables),
            (self.handles, &mut limits.handles),
            (host_bytes, &mut limits.host_bytes),
        ] {
            *limit = own.unwrap_or(*limit);
        }
        limits
    }

    pub(super) fn read(mut table: Table, reader: &mut Reader<'_>) -> Option<Self> {
        let range = reader.policy.memory_range();
        let most = reader.policy.limits().clone();
        let memory = reader.required(&mut table, "memory", "memory = \"4MiB\"");
        let memory = memory.and_then(|node| {
            size(
                node,
                &table.path("memory"),
                *range.start(),
                *range.end(),
                reader,
            )
        });
        let fuel = number(&mut table, "fuel", most.fuel.unwrap_or(MAX_INTEGER), reader);
        let deadline = deadline(&mut table, most.deadline, reader);
        let table_elements = number(&mut table, "table-elements", most.table_elements, reader);
        let instances = number(&mut table, "instances", most.instances, reader);
        let memories = number(&mut table, "memories", most.memories, reader);
        let tables = number(&mut table, "tables", most.tables, reader);
        let handles = number(&mut table, "handles", most.handles, reader);
        let path = table.path("host-bytes");
        let host_bytes = table.take("host-bytes");
        let host_bytes = host_bytes.and_then(|node| size(node, &path, 0, most.host_bytes, reader));
        reader.finish(table);
        Some(Resources {
            memory: memory?,
            fuel,
            deadline,
            table_elements,
            instances,
            memories,
            tables,
            handles,
            host_bytes,
        })
    }
}

fn number(table: &mut Table, key: &'static str, most: u64, reader: &mut Reader<'_>) -> Option<u64> {
    let path = table.path(key);
    let node = table.take(key)?;
    reader.number(node, &path, 0, most)
}

/// A size of a range.
pub(super) fn size(
    node: Node,
    key: &str,
    least: u64,
    most: u64,
    reader: &mut Reader<'_>,
) -> Option<ByteSize> {
    let span = node.span.clone();
    let size = match node.value {
        Value::Integer(bytes) => ByteSize(u64::try_from(bytes).unwrap_or(u64::MAX)),
        _ => reader.parsed(node, key, "\"4MiB\"", str::parse)?,
    };
    let most = most.min(MAX_INTEGER);
    if (least..=most).contains(&size.0) {
        return Some(size);
    }
    let (least, most) = (ByteSize(least), ByteSize(most));
    let message = format!("{least} to {most} is allowed; who embeds the component can widen that");
    reader.problem(ProblemKind::OutOfRange, &span, key, message);
    None
}

fn deadline(
    table: &mut Table,
    most: Option<Duration>,
    reader: &mut Reader<'_>,
) -> Option<Deadline> {
    let path = table.path("deadline");
    let node = table.take("deadline")?;
    let span = node.span.clone();
    let deadline: Deadline = reader.parsed(node, &path, "\"500ms\"", str::parse)?;
    match (deadline, most) {
        (_, None) => Some(deadline),
        (Deadline::After(time), Some(most)) if time <= most => Some(deadline),
        (_, Some(most)) => {
            let most = Span(most);
            let message = format!(
                "{deadline} is not allowed: up to {most} is; who embeds the component can widen that"
            );
            reader.problem(ProblemKind::OutOfRange, &span, &path, message);
            None
        }
    }
}
