//! Pages of the documentation that tests write.

use std::env;
use std::fs;
use std::path::Path;

/// Writes a page if this is set, and compares it otherwise.
const BLESS: &str = "ENGINEBAY_BLESS";

/// Compares a page with what it should be, or writes it. `name` is its path in the book.
#[track_caller]
pub(crate) fn compare(name: &str, page: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src");
    let path = folder.join(name);
    if env::var_os(BLESS).is_some() {
        fs::write(&path, page).unwrap();
        return;
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    let known = known.replace("\r\n", "\n");
    if known == page {
        return;
    }
    let mut lines = page.lines().zip(known.lines());
    let (now, then) = lines
        .find(|(now, then)| now != then)
        .unwrap_or(("(its end)", "(its end)"));
    panic!(
        "docs/src/{name} is out of date: {BLESS}=1 writes it anew\n  now:  {now}\n  page: {then}"
    );
}

/// The book's anchor of a heading that is this interface.
pub(crate) fn anchor(interface: &str) -> String {
    interface.replace('/', "")
}

/// A function's name as readers know it: `file.read`, or `file (drop)`.
pub(crate) fn shown(function: &str) -> String {
    let (kind, name) = match function.strip_prefix('[') {
        Some(rest) => rest.split_once(']').unwrap_or(("", function)),
        None => ("", function),
    };
    match kind {
        "resource-drop" => format!("{name} (drop)"),
        "constructor" => format!("{name} (constructor)"),
        _ => name.to_string(),
    }
}
