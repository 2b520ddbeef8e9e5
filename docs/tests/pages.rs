//! What every page keeps to, and tables that must say what the code says.

mod common;

use std::path::Path;
use std::time::Duration;

use common::{Page, page, pages, root};
use enginebay::{CountedResource, ErrorKind, TrapCode};

fn is_rust(info: &str) -> bool {
    info.split([',', ' ']).next() == Some("rust")
}

/// The pages whose blocks are tested: those of the book, and the README.
fn tested() -> Vec<Page> {
    let readme = Path::new("README.md");
    let pages = pages().into_iter();
    pages
        .filter(|page| page.in_book() || page.path == readme)
        .collect()
}

#[test]
fn pages_with_rust_blocks_are_tested() {
    let list = std::fs::read_to_string(root().join("docs/lib.rs")).expect("docs/lib.rs");
    for page in tested() {
        let from_docs = match page.path.strip_prefix("docs") {
            Ok(path) => path.display().to_string(),
            Err(_) => format!("../{}", page.name()),
        };
        let wanted = page.blocks().iter().any(|(_, info)| is_rust(info));
        let listed = list.contains(&format!("\"{from_docs}\""));
        assert_eq!(listed, wanted, "{from_docs} in docs/lib.rs");
    }
}

#[test]
fn code_blocks_say_what_they_are() {
    // A block without a language would be taken for Rust by rustdoc.
    for page in tested() {
        for (number, info) in page.blocks() {
            assert!(!info.is_empty(), "{}:{number}", page.name());
            let skipped = is_rust(info) && (info.contains("ignore") || info.contains("no_run"));
            assert!(!skipped, "{}:{number} is not run", page.name());
        }
    }
}

#[test]
fn no_placeholder_is_left() {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let mut found = Vec::new();
    for page in pages() {
        for (number, line) in page.prose() {
            if line.split("@@").skip(1).step_by(2).any(is_name) {
                found.push(format!("{}:{number}: {line}", page.name()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_readme_names_each_of_its_commands_once() {
    let readme = page("README.md");
    for start in ["cargo run --release ", "cargo test --workspace"] {
        let lines = readme.text.lines().filter(|line| line.starts_with(start));
        assert_eq!(lines.count(), 1, "`{start}`");
    }
}

#[test]
fn the_table_of_traps_is_that_of_the_code() {
    let page = page("docs/src/reference/errors.md");
    let rows: Vec<_> = page
        .rows()
        .into_iter()
        .filter(|row| row.len() == 2)
        .map(|row| (row[0].to_owned(), row[1].to_owned()))
        .collect();
    for code in TrapCode::ALL {
        let wanted = (format!("`{code:?}`"), code.description().to_owned());
        assert!(rows.contains(&wanted), "{wanted:?}");
    }
    let first = rows.iter().position(|row| row.0 == "`Unreachable`");
    let last = rows.iter().position(|row| row.0 == "`CanonicalAbi`");
    let count = last.expect("the last code") - first.expect("the first code") + 1;
    assert_eq!(count, TrapCode::ALL.len());
}

#[test]
fn the_table_of_kinds_is_that_of_the_code() {
    let kinds = [
        ErrorKind::InvalidComponent,
        ErrorKind::TooLarge,
        ErrorKind::Unsupported,
        ErrorKind::InvalidConfig,
        ErrorKind::Artifact,
        ErrorKind::Link,
        ErrorKind::NotFound,
        ErrorKind::TypeMismatch,
        ErrorKind::WrongStore,
        ErrorKind::WrongMode,
        ErrorKind::Trap(TrapCode::Unreachable),
        ErrorKind::MemoryLimit {
            limit: 0,
            requested: 0,
        },
        ErrorKind::ResourceLimit {
            what: CountedResource::Handles,
            limit: 0,
        },
        ErrorKind::OutOfFuel { consumed: 0 },
        ErrorKind::DeadlineExceeded {
            elapsed: Duration::ZERO,
        },
        ErrorKind::Cancelled,
        ErrorKind::HostAllocationLimit { limit: 0 },
        ErrorKind::Poisoned {
            by: Box::new(ErrorKind::Host),
        },
        ErrorKind::Host,
        ErrorKind::HostPanic,
        ErrorKind::Denied,
        ErrorKind::Io,
        ErrorKind::Engine,
    ];
    let page = page("docs/src/reference/errors.md");
    let rows: Vec<_> = page
        .rows()
        .into_iter()
        .filter(|row| row.len() == 4 && row[1].starts_with('`'))
        .collect();
    assert_eq!(rows.len(), kinds.len());
    for (kind, row) in kinds.iter().zip(rows) {
        let variant = format!("{kind:?}");
        let variant = variant.split([' ', '(']).next().expect("a name");
        assert!(
            row[0].starts_with(&format!("`{variant}")),
            "{variant}: {row:?}"
        );
        assert_eq!(row[1], format!("`{}`", kind.name()));
        assert_eq!(row[3] == "yes", kind.poisons(), "{variant}");
    }
}
