//! Reads tables key by key, and gathers what is wrong instead of stopping at it.

use std::collections::HashSet;
use std::fmt::Display;
use std::ops::Range;

use super::error::{MAX_PROBLEMS, Position, Problem, ProblemKind};
use super::node::{Entry, Node, Value};
use super::policy::ResourcePolicy;

/// The largest whole number of TOML.
pub(super) const MAX_INTEGER: u64 = i64::MAX as u64;

pub(super) struct Reader<'a> {
    /// The text, if positions in it are known.
    text: Option<&'a str>,
    pub(super) policy: &'a ResourcePolicy,
    pub(super) problems: Vec<Problem>,
    /// How many patterns there were.
    pub(super) patterns: usize,
}

/// A table that is being read: what was not taken is unknown.
pub(super) struct Table {
    /// Its key with its sections; empty for the whole.
    path: String,
    span: Range<usize>,
    entries: Vec<Entry>,
    /// The keys that were asked for.
    known: Vec<&'static str>,
}

impl Table {
    /// A key of it, with its sections.
    pub(super) fn path(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    /// The value of a key.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at).node)
    }

    /// All that is left.
    pub(super) fn take_rest(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: Option<&'a str>, policy: &'a ResourcePolicy) -> Self {
        Reader {
            text,
            policy,
            problems: Vec::new(),
            patterns: 0,
        }
    }

    /// Notes what is wrong. Only the first ones are kept.
    pub(super) fn problem(
        &mut self,
        kind: ProblemKind,
        span: &Range<usize>,
        key: &str,
        message: impl Into<String>,
    ) -> &mut Problem {
        // Of a hostile file there may be more than it is worth to look for.
        if self.problems.len() > MAX_PROBLEMS {
            self.problems.truncate(MAX_PROBLEMS);
        }
        let full = self.problems.len() == MAX_PROBLEMS;
        let position = self.text.filter(|_| !full).map(|text| {
            let start = text.floor_char_boundary(span.start);
            Position::behind(&text[..start])
        });
        self.problems.push(Problem {
            kind,
            position,
            key: shorten(key),
            message: message.into(),
            example: None,
        });
        let last = self.problems.len() - 1;
        &mut self.problems[last]
    }

    pub(super) fn wrong_type(&mut self, node: &Node, key: &str, wanted: &str) {
        let message = format!("{} is not what it has: write {wanted}", node.value.name());
        self.problem(ProblemKind::WrongType, &node.span, key, message);
    }

    /// The node as a table.
    pub(super) fn table(&mut self, node: Node, path: &str) -> Option<Table> {
        let Value::Table(mut entries) = node.value else {
            self.wrong_type(&node, path, "a table of keys and values");
            return None;
        };
        // Of TOML, the parser has refused them.
        let mut seen = HashSet::new();
        let mut twice = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            if !seen.insert(entry.key.as_str()) {
                twice.push(at);
            }
        }
        for at in twice.into_iter().take(MAX_PROBLEMS).rev() {
            let entry = entries.remove(at);
            let message = format!("{:?} is there twice: remove one", clip(&entry.key));
            self.problem(ProblemKind::DuplicateKey, &entry.span, path, message);
        }
        Some(Table {
            path: path.to_owned(),
            span: node.span,
            entries,
            known: Vec::new(),
        })
    }

    /// A section that must be there.
    pub(super) fn section(
        &mut self,
        table: &mut Table,
        key: &'static str,
        example: &str,
    ) -> Option<Table> {
        let path = table.path(key);
        if let Some(node) = table.take(key) {
            return self.table(node, &path);
        }
        let end = self.text.map_or(0, str::len);
        let message = format!("the section `[{path}]` is missing: add");
        let problem = self.problem(ProblemKind::Missing, &(end..end), &path, message);
        problem.example = Some(example.to_owned());
        None
    }

    /// The value of a key that must be there.
    pub(super) fn required(
        &mut self,
        table: &mut Table,
        key: &'static str,
        example: &str,
    ) -> Option<Node> {
        let node = table.take(key);
        if node.is_none() {
            let message = format!("it is missing: add `{example}` to `[{}]`", table.path);
            let path = table.path(key);
            self.problem(ProblemKind::Missing, &table.span, &path, message);
        }
        node
    }

    /// Text of a bounded length without control characters.
    pub(super) fn text(&mut self, node: Node, key: &str, most: usize) -> Option<String> {
        let Value::Text(text) = node.value else {
            self.wrong_type(&node, key, "text in quotes");
            return None;
        };
        if text.len() > most {
            let message = format!("it has {} bytes, and {most} is the most", text.len());
            self.problem(ProblemKind::OutOfRange, &node.span, key, message);
            return None;
        }
        if text.trim().is_empty() {
            self.problem(
                ProblemKind::Invalid,
                &node.span,
                key,
                "it is empty: write something, or remove the key",
            );
            return None;
        }
        if let Some(c) = text
            .chars()
            .find(|c| c.is_control() && !"\n\t".contains(*c))
        {
            let message = format!("it has the control character {c:?}: remove it");
            self.problem(ProblemKind::Invalid, &node.span, key, message);
            return None;
        }
        Some(text)
    }

    /// Text that something is parsed of, whose error says what is allowed.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        node: Node,
        key: &str,
        example: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Value::Text(text) = &node.value else {
            self.wrong_type(&node, key, &format!("text, such as {example}"));
            return None;
        };
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                let message = error.to_string();
                self.problem(ProblemKind::Invalid, &node.span, key, message);
                None
            }
        }
    }

    /// A whole number of a range.
    pub(super) fn number(&mut self, node: Node, key: &str, least: u64, most: u64) -> Option<u64> {
        let Value::Integer(number) = node.value else {
            self.wrong_type(&node, key, "a whole number");
            return None;
        };
        let most = most.min(MAX_INTEGER);
        match u64::try_from(number) {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                let message = format!("{least} to {most} is allowed");
                self.problem(ProblemKind::OutOfRange, &node.span, key, message);
                None
            }
        }
    }

    /// The items of a list of texts.
    pub(super) fn list(
        &mut self,
        node: Node,
        key: &str,
        most: usize,
        example: &str,
    ) -> Option<Vec<Node>> {
        let Value::List(items) = node.value else {
            self.wrong_type(&node, key, &format!("a list, such as {example}"));
            return None;
        };
        if items.len() > most {
            let message = format!("it has {} items, and {most} is the most", items.len());
            self.problem(ProblemKind::TooMany, &node.span, key, message);
            return None;
        }
        Some(items)
    }

    /// Refuses what was not taken.
    pub(super) fn finish(&mut self, mut table: Table) {
        let known = std::mem::take(&mut table.known);
        for entry in table.take_rest() {
            let key = table.path(&entry.key);
            let message = match nearest(&entry.key, &known) {
                Some(name) => format!("there is no such key: write `{name}`"),
                None => format!("there is no such key: allowed are {}", known.join(", ")),
            };
            self.problem(ProblemKind::UnknownKey, &entry.span, &key, message);
        }
    }
}

/// A key of a hostile file, as much of it as says what it is.
fn shorten(key: &str) -> String {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    clip(key).chars().map(clean).collect()
}

pub(super) fn clip(text: &str) -> &str {
    const MAX: usize = 120;
    &text[..text.floor_char_boundary(MAX)]
}

/// The known key that somebody may have meant.
fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    if key.len() > 64 {
        return None;
    }
    let key = key.to_lowercase().replace('_', "-");
    let distances = known.iter().map(|name| (distance(&key, name), *name));
    let (distance, name) = distances.min()?;
    (distance <= 2 && distance < name.len() / 2).then_some(name)
}

/// How many characters must be changed, added or removed, or swapped with the next.
fn distance(a: &str, b: &str) -> usize {
    let [a, b]: [Vec<char>; 2] = [a, b].map(|text| text.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = row[j] + usize::from(x != y);
            let mut least = changed.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}
