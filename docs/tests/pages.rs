//! What every page keeps to, and tables that must say what the code says.

mod common;

use std::path::Path;
use std::time::Duration;

use common::{Page, page, pages, root};
use enginebay::{Backend, CountedResource, ErrorKind, Feature, Support, TrapCode};
use enginebay_core::mutant::Mutant;

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

fn each_support() -> Vec<(&'static str, Support)> {
    let mut all = Vec::new();
    macro_rules! add {
        ($name:ident, $backend:ty) => {
            all.push((<$backend>::NAME, <$backend>::support()));
        };
    }
    enginebay::for_each_backend!(add);
    all
}

fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

#[test]
fn the_table_of_backends_is_that_of_the_code() {
    let page = page("docs/src/reference/backends.md");
    let rows = page.rows();
    let rows: Vec<_> = rows.iter().filter(|row| row.len() == 8).collect();
    let all = each_support();
    // A header and a rule.
    assert_eq!(rows.len(), 2 + all.len());
    for ((name, support), row) in all.into_iter().zip(&rows[2..]) {
        let mut version = support.version.split('.');
        let major = version.next().expect("a version");
        let mut interruption = "none".to_owned();
        interruption += if support.deadline { ", deadline" } else { "" };
        interruption += if support.fuel {
            ", fuel, fuel-only"
        } else {
            ""
        };
        assert_eq!(row[0], format!("`{name}`"));
        let engine = format!("{} {major}", support.engine).to_lowercase();
        assert!(row[1].to_lowercase().starts_with(&engine), "{row:?}");
        assert_eq!(row[2].contains("layer"), !support.native, "{row:?}");
        assert_eq!(row[3] == "compiled", support.jit, "{row:?}");
        assert_eq!(row[4], interruption, "{name}");
        assert_eq!(row[5], yes(support.deterministic), "{name}");
        assert_eq!(row[6], yes(support.artifacts), "{name}");
        assert_eq!(row[7], yes(support.backtraces), "{name}");
    }
}

#[test]
fn the_table_of_features_is_that_of_the_code() {
    let page = page("docs/src/reference/backends.md");
    let all = each_support();
    let rows = page.rows();
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| row.len() == 1 + all.len())
        .collect();
    let names = all.iter().map(|(name, _)| format!("`{name}`"));
    assert_eq!(rows[0][1..], names.collect::<Vec<_>>());
    assert_eq!(rows.len(), 2 + Feature::ALL.len());
    for (feature, row) in Feature::ALL.iter().zip(&rows[2..]) {
        let has = all
            .iter()
            .map(|(_, support)| yes(support.features.contains(*feature)));
        assert_eq!(row[0], format!("`{feature}`"));
        assert_eq!(row[1..], has.collect::<Vec<_>>(), "{feature}");
    }
}

#[test]
fn the_table_of_mutants_is_that_of_the_code() {
    let page = page("docs/src/reference/mutants.md");
    let rows = page.rows();
    let all = Mutant::ALL.iter().map(|it| {
        let touches = it.touches().to_string();
        vec![format!("`{}`", it.name()), touches, it.what()]
    });
    // A header and a rule.
    assert_eq!(rows[2..], all.collect::<Vec<_>>());
}

#[test]
fn fragments_of_the_example_engine_are_its_code() {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.trim().to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    };
    let engine = std::fs::read_to_string(root().join("backends/layer/tests/engine/mod.rs"));
    let engine = lines(&engine.expect("the engine"));
    assert!(engine.len() < 500, "{} lines", engine.len());
    let page = page("docs/src/how-to/add-an-engine.md");
    let mut count = 0;
    for fragment in page.text.split("```rs\n").skip(1) {
        let fragment = lines(fragment.split("```").next().unwrap_or_default());
        let found = engine.windows(fragment.len()).any(|part| part == fragment);
        assert!(found, "not in the engine:\n{}", fragment.join("\n"));
        count += 1;
    }
    assert!(count > 3, "the fragments are not found");
}
