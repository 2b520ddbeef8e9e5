//! Every link between files of the repository leads somewhere.

mod common;

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};

use common::{Page, pages, root};

/// The targets of a line's links: `[text](target)` and `[name]: target`.
fn targets(line: &str) -> Vec<String> {
    let line = without_code(line);
    let mut targets = Vec::new();
    let mut rest = line.as_str();
    while let Some(at) = rest.find("](") {
        rest = &rest[at + 2..];
        let Some(end) = rest.find(')') else { break };
        targets.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
    if line.starts_with('[')
        && let Some((_, target)) = line.split_once("]: ")
    {
        targets.push(target.trim().to_owned());
    }
    targets
}

/// The line without what is between backticks.
fn without_code(line: &str) -> String {
    let parts = line.split('`').enumerate();
    let outside = parts.filter(|(i, _)| i % 2 == 0);
    outside.map(|(_, part)| part).collect()
}

/// The anchor of a heading, as mdBook and GitHub make it.
fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

fn anchors(page: &Page) -> Vec<String> {
    let mut seen = HashMap::new();
    let headings = page.prose().into_iter().filter_map(|(_, line)| {
        let text = line.trim_start_matches('#');
        let level = line.len() - text.len();
        (level > 0 && text.starts_with(' ')).then(|| slug(text))
    });
    headings
        .map(|slug| {
            let count = seen.entry(slug.clone()).or_insert(0);
            *count += 1;
            match *count {
                1 => slug,
                n => format!("{slug}-{}", n - 1),
            }
        })
        .collect()
}

/// `folder/target` without `.` and `..`; nothing if it leads out of the
/// repository.
fn resolve(folder: &Path, target: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in folder.join(target).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => path.pop().then_some(())?,
            Component::Normal(part) => path.push(part),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// What is wrong with a link, if something is.
fn fault(page: &Page, target: &str, anchors: &BTreeMap<PathBuf, Vec<String>>) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (target, None),
    };
    let path = if file.is_empty() {
        page.path.clone()
    } else {
        let folder = page.path.parent().unwrap_or(Path::new(""));
        match resolve(folder, file) {
            Some(path) => path,
            None => return Some("leads out of the repository".into()),
        }
    };
    if path != page.path && !root().join(&path).exists() {
        return Some(format!("there is no {}", path.display()));
    }
    if page.in_book() && !path.starts_with("docs/src") {
        return Some("leads out of the book, where it will not be rendered".into());
    }
    match (anchor, anchors.get(&path)) {
        (Some(anchor), Some(known)) if !known.iter().any(|a| a == anchor) => {
            Some(format!("{} has no heading for it", path.display()))
        }
        _ => None,
    }
}

#[test]
fn every_relative_link_leads_somewhere() {
    let pages = pages();
    let anchors = pages
        .iter()
        .map(|page| (page.path.clone(), anchors(page)))
        .collect();
    let mut count = 0;
    let mut faults = Vec::new();
    for page in &pages {
        for (number, line) in page.prose() {
            for target in targets(line) {
                count += 1;
                if let Some(fault) = fault(page, &target, &anchors) {
                    faults.push(format!("{}:{number}: {target}: {fault}", page.name()));
                }
            }
        }
    }
    assert!(count > 50, "the links are not found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_page_of_the_book_is_in_its_summary_once() {
    let pages = pages();
    let is_summary = |page: &&Page| page.path == Path::new("docs/src/SUMMARY.md");
    let summary = pages.iter().find(is_summary).expect("a summary");
    let lines = summary.prose();
    let listed: Vec<_> = lines
        .iter()
        .flat_map(|(_, line)| targets(line))
        .map(|target| Path::new("docs/src").join(target))
        .collect();
    for page in pages.iter().filter(|page| page.in_book()) {
        let count = listed.iter().filter(|path| **path == page.path).count();
        let wanted = if is_summary(&page) { 0 } else { 1 };
        assert_eq!(count, wanted, "{} in SUMMARY.md", page.name());
    }
}

#[test]
fn faults_are_found() {
    let page = Page {
        path: "docs/src/a/b.md".into(),
        text: "# One, two: `Three`\n```text\n# Not this\n```\n## Same\n## Same\n".into(),
    };
    let known = anchors(&page);
    assert_eq!(known, ["one-two-three", "same", "same-1"]);
    let anchors = BTreeMap::from([(page.path.clone(), known)]);
    let fault = |target| fault(&page, target, &anchors);
    assert_eq!(fault("#same-1"), None);
    assert_eq!(fault("https://example.com/#x"), None);
    assert!(fault("#four").is_some());
    assert!(fault("missing.md").is_some());
    assert!(fault("../../../README.md").is_some(), "out of the book");
    assert!(fault("../../../../x.md").is_some(), "out of the repository");
    assert_eq!(
        targets("[a](b.md) `[c](d.md)` [e](f.md#g)"),
        ["b.md", "f.md#g"]
    );
    assert_eq!(targets("[name]: h.md"), ["h.md"]);
}
