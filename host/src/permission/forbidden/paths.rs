//! Paths that are forbidden, indexed by their names: one walk along a path, whatever the
//! number of rules.

use std::collections::HashMap;

use super::fold::{fold, fold_case, fold_segment};
use crate::pattern::{PathPattern, PatternError};

/// Finds the rule that a path breaks. Rules are numbers here.
#[derive(Clone, Debug, Default)]
pub(super) struct PathIndex {
    /// Names from the root, by the first of them.
    rooted: HashMap<Box<str>, Vec<Names>>,
    /// Names at any depth, by the first of them.
    anywhere: HashMap<Box<str>, Vec<Names>>,
    /// The first bytes of the keys of `anywhere`: few names of a path begin with one.
    begins: Vec<u8>,
    /// What has other wildcards: as it was given, and folded.
    patterns: Vec<(PathPattern, PathPattern, usize)>,
}

/// The names that follow the first.
#[derive(Clone, Debug)]
struct Names {
    rest: Vec<Box<str>>,
    rule: usize,
}

impl PathIndex {
    /// Adds a pattern. One without wildcards is that path and all below; so is one that
    /// ends in `/**`. With `/**/` in front it is names at any depth. All others are
    /// [`PathPattern`]s of what is folded.
    pub(super) fn add(&mut self, pattern: &str, rule: usize) -> Result<(), PatternError> {
        // First of all it must be a pattern.
        let parsed = PathPattern::new(pattern)?;
        let below = pattern.strip_suffix("/**").unwrap_or(pattern);
        let (index, names) = match below.strip_prefix("/**/") {
            Some(names) => (&mut self.anywhere, names),
            None => (&mut self.rooted, below.strip_prefix('/').unwrap_or(below)),
        };
        if names.contains(['*', '?', '[', '{']) || names.is_empty() {
            let folded = PathPattern::new(&fold_case(pattern.chars()))?;
            self.patterns.push((parsed, folded, rule));
            return Ok(());
        }
        let mut names = names.split('/').map(|it| fold_segment(it).into_boxed_str());
        let first = names.next().unwrap_or_default();
        let rest = names.collect();
        index.entry(first).or_default().push(Names { rest, rule });
        self.begins = self
            .anywhere
            .keys()
            .filter_map(|it| it.bytes().next())
            .collect();
        self.begins.sort_unstable();
        self.begins.dedup();
        Ok(())
    }

    /// The rule that a path breaks, which is absolute and normalised.
    pub(super) fn find(&self, path: &str) -> Option<usize> {
        let folded = fold(path);
        self.find_names(&folded).or_else(|| {
            let mut patterns = self.patterns.iter();
            let found = patterns.find(|(raw, fold, _)| raw.matches(path) || fold.matches(&folded));
            found.map(|(_, _, rule)| *rule)
        })
    }

    /// The rule that a path breaks, with all that is below it.
    pub(super) fn find_tree(&self, path: &str) -> Option<usize> {
        self.find_names(&fold(path))
    }

    fn find_names(&self, folded: &str) -> Option<usize> {
        let mut names = folded.strip_prefix('/').unwrap_or(folded).split('/');
        let mut next = names.next();
        let rooted = next.and_then(|first| follow(self.rooted.get(first)?, &names));
        if rooted.is_some() {
            return rooted;
        }
        while let Some(first) = next {
            let begins = first
                .bytes()
                .next()
                .is_some_and(|it| self.begins.contains(&it));
            if begins {
                let found = self.anywhere.get(first).and_then(|it| follow(it, &names));
                if found.is_some() {
                    return found;
                }
            }
            next = names.next();
        }
        None
    }
}

/// The rule whose names are those that come next.
fn follow(candidates: &[Names], next: &std::str::Split<'_, char>) -> Option<usize> {
    let mut candidates = candidates.iter();
    let found = candidates.find(|it| {
        let mut next = next.clone();
        it.rest.iter().all(|name| next.next() == Some(name))
    });
    found.map(|it| it.rule)
}
