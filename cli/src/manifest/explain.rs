//! What a manifest means, in plain language.

use std::fmt::Write as _;

use enginebay::Limits;
use enginebay::host::capability::{
    FilesystemAction, MessagingAction, NetworkAction, Operation, ProcessAction, StorageAction,
};
use enginebay::host::manifest::{Manifest, Span};
use enginebay::host::permission::Grant;
use serde::Serialize;

use super::size;
use crate::args::Format;
use crate::failure::Failure;
use crate::output::{clean, print, print_json, table};

#[derive(Serialize)]
struct Explained<'a> {
    manifest: &'a Manifest,
    limits: Limits,
    grants: Vec<GrantReport>,
}

#[derive(Serialize)]
struct GrantReport {
    operation: String,
    pattern: String,
    required: bool,
}

pub(super) fn explain(manifest: &Manifest, format: Format) -> Result<(), Failure> {
    if format == Format::Text {
        return print(&clean(&text(manifest)));
    }
    let grants = manifest.grants().into_iter().map(|grant| GrantReport {
        operation: grant.operation.to_string(),
        pattern: grant.pattern.to_string(),
        required: grant.required,
    });
    print_json(&Explained {
        manifest,
        limits: manifest.limits(),
        grants: grants.collect(),
    })
}

fn text(manifest: &Manifest) -> String {
    let component = &manifest.component;
    let mut text = format!("{} {}", component.name, component.version);
    if let Some(description) = &component.description {
        let _ = write!(text, ": {}", description.replace('\n', " "));
    }
    let _ = writeln!(text, "\n  file: {}", component.file);
    for (what, value) in [
        ("by", component.authors.join(", ")),
        ("licence", component.license.clone().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "  {what}: {value}");
        }
    }
    if !manifest.dependencies.is_empty() {
        text.push_str("\nIt needs\n");
        for (name, range) in &manifest.dependencies {
            let _ = writeln!(text, "  {name} {range}");
        }
    }
    text.push_str("\nIt may use\n");
    text.push_str(&indent(&table(&limits(manifest))));
    let grants = manifest.grants();
    for (required, title) in [
        (true, "It is not loaded unless it may"),
        (false, "It asks for, and can do without"),
    ] {
        let rows: Vec<_> = grants
            .iter()
            .filter(|grant| grant.required == required)
            .map(|grant| vec![verb(grant.operation).to_owned(), target(grant)])
            .collect();
        if !rows.is_empty() {
            let _ = write!(text, "\n{title}\n{}", indent(&table(&rows)));
        }
    }
    let asked = |family: &str| {
        grants
            .iter()
            .any(|grant| grant.operation.family() == family)
    };
    let mut nothing = Vec::new();
    for operation in Operation::all() {
        let family = operation.family();
        if !asked(family) && !nothing.contains(&family) {
            nothing.push(family);
        }
    }
    if !nothing.is_empty() {
        let _ = writeln!(text, "\nIt may touch nothing of: {}", nothing.join(", "));
    }
    text
}

fn limits(manifest: &Manifest) -> Vec<Vec<String>> {
    let limits = manifest.limits();
    let deadline = limits.deadline.map(|time| Span(time).to_string());
    let fuel = limits.fuel.map(|fuel| fuel.to_string());
    let mut rows = vec![
        ("memory", size(limits.memory)),
        ("time for each call", deadline.unwrap_or("any".to_owned())),
        ("fuel", fuel.unwrap_or("not counted".to_owned())),
        ("elements of tables", limits.table_elements.to_string()),
        ("core instances", limits.instances.to_string()),
        ("memories", limits.memories.to_string()),
        ("tables", limits.tables.to_string()),
        ("handles to resources", limits.handles.to_string()),
        ("of the host, for each call", size(limits.host_bytes)),
    ];
    let permissions = &manifest.permissions;
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let network = &permissions.network;
    for (what, quota) in [
        (
            "stored",
            permissions.storage.max_bytes.map(|it| it.to_string()),
        ),
        (
            "over the network in a day",
            network.max_bytes_per_day.map(|it| it.to_string()),
        ),
        (
            "requests in a minute",
            number(network.max_requests_per_minute),
        ),
        (
            "messages in a minute",
            number(permissions.messaging.max_per_minute),
        ),
    ] {
        rows.extend(quota.map(|quota| (what, quota)));
    }
    let cells = rows
        .into_iter()
        .map(|(what, value)| vec![what.to_owned(), value]);
    cells.collect()
}

/// What is done, for people.
fn verb(operation: Operation) -> &'static str {
    match operation {
        Operation::Filesystem(FilesystemAction::Read) => "read files",
        Operation::Filesystem(FilesystemAction::Write) => "create and change files",
        Operation::Filesystem(FilesystemAction::Delete) => "remove files",
        Operation::Filesystem(FilesystemAction::List) => "list directories",
        Operation::Network(NetworkAction::Connect) => "connect to",
        Operation::Network(NetworkAction::Listen) => "listen at",
        Operation::Network(NetworkAction::Resolve) => "look up",
        Operation::Process(ProcessAction::Spawn) => "start",
        Operation::Process(ProcessAction::Signal) => "send signals to",
        Operation::Process(ProcessAction::Kill) => "end",
        Operation::Process(ProcessAction::Inspect) => "look at",
        Operation::Storage(StorageAction::Read) => "read stored values of",
        Operation::Storage(StorageAction::Write) => "store values in",
        Operation::Storage(StorageAction::Delete) => "remove stored values of",
        Operation::Storage(StorageAction::List) => "list stored keys of",
        Operation::Messaging(MessagingAction::Send) => "send messages to",
        Operation::Messaging(MessagingAction::Request) => "ask for answers of",
        Operation::Messaging(MessagingAction::Publish) => "publish to",
        Operation::Messaging(MessagingAction::Subscribe) => "subscribe to",
        _ => "do what this program does not know to",
    }
}

/// To what, and what that is if it is easily overlooked.
fn target(grant: &Grant) -> String {
    let pattern = grant.pattern.to_string();
    let note = match (pattern.as_str(), grant.operation) {
        ("*:*", _) => " (every host and port)",
        ("*", Operation::Network(_)) => " (every host)",
        ("*", Operation::Messaging(_)) => " (every component, or topic of one segment)",
        ("**", Operation::Messaging(_)) => " (everything)",
        ("/**", _) => " (everything below the root)",
        (text, Operation::Filesystem(_)) if text.ends_with("/**") => " (everything below)",
        _ => "",
    };
    pattern + note
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
