//! The Markdown files of the repository, read so far as the tests need it.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().expect("the repository is there")
}

/// A Markdown file.
pub(crate) struct Page {
    /// Its path from the root of the repository.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: String,
}

impl Page {
    /// What failures say.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Whether the page is a part of the book.
    pub(crate) fn in_book(&self) -> bool {
        self.path.starts_with("docs/src")
    }

    /// The lines outside of code blocks, with their numbers.
    pub(crate) fn prose(&self) -> Vec<(usize, &str)> {
        let mut fence = None;
        let mut lines = Vec::new();
        for (i, line) in self.text.lines().enumerate() {
            let start = line.trim_start();
            match fence {
                Some(end) if start.trim_end() == end => fence = None,
                Some(_) => {}
                None if start.starts_with("```") => fence = Some("```"),
                None => lines.push((i + 1, line)),
            }
        }
        lines
    }

    /// The info strings of the code blocks, with the numbers of their lines.
    pub(crate) fn blocks(&self) -> Vec<(usize, &str)> {
        let mut inside = false;
        let mut blocks = Vec::new();
        for (i, line) in self.text.lines().enumerate() {
            if let Some(info) = line.trim_start().strip_prefix("```") {
                if !inside {
                    blocks.push((i + 1, info.trim()));
                }
                inside = !inside;
            }
        }
        blocks
    }

    /// The rows of all tables, as trimmed cells.
    pub(crate) fn rows(&self) -> Vec<Vec<&str>> {
        self.prose()
            .into_iter()
            .filter_map(|(_, line)| line.strip_prefix('|')?.strip_suffix('|'))
            .map(|row| row.split('|').map(str::trim).collect())
            .collect()
    }
}

/// One page.
pub(crate) fn page(path: &str) -> Page {
    let text = fs::read_to_string(root().join(path));
    Page {
        path: path.into(),
        text: text.unwrap_or_else(|error| panic!("{path}: {error}")),
    }
}

/// Every Markdown file of the repository.
pub(crate) fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    collect(&root(), Path::new(""), &mut pages);
    pages.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(pages.len() > 10, "the repository's pages are not found");
    pages
}

fn collect(root: &Path, folder: &Path, pages: &mut Vec<Page>) {
    for entry in fs::read_dir(root.join(folder)).expect("a readable folder") {
        let entry = entry.expect("a readable folder");
        let name = entry.file_name().into_string().expect("names in UTF-8");
        let path = folder.join(&name);
        if entry.file_type().expect("a readable folder").is_dir() {
            let built = name == "target" || path == Path::new("docs/book");
            if !built && !name.starts_with('.') {
                collect(root, &path, pages);
            }
        } else if name.ends_with(".md") {
            let text = fs::read_to_string(root.join(&path)).expect("text in UTF-8");
            pages.push(Page { path, text });
        }
    }
}
