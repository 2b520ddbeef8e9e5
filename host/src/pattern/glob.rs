//! The glob syntax of paths: braces are expanded as a shell does, and what comes out is
//! checked and translated segment by segment to a regular expression.

use super::automaton::{ANY, push_literal};
use super::error::{PatternError, PatternKind};
use super::{MAX_ALTERNATIVES, MAX_PATTERN};

/// How deep braces may be in braces.
const MAX_DEPTH: usize = 4;

fn malformed(text: &str, reason: &'static str) -> PatternError {
    PatternError::malformed(PatternKind::Path, text, reason)
}

/// The patterns that a pattern with braces stands for.
pub(super) fn expand(text: &str) -> Result<Vec<String>, PatternError> {
    let mut done = Vec::new();
    // To be expanded: the last one is the next.
    let mut open = vec![text.to_owned()];
    while let Some(pattern) = open.pop() {
        if pattern.len() > MAX_PATTERN || done.len() + open.len() >= MAX_ALTERNATIVES {
            return Err(PatternError::TooManyAlternatives {
                limit: MAX_ALTERNATIVES,
            });
        }
        let Some(braces) = Braces::first(&pattern)? else {
            done.push(pattern);
            continue;
        };
        if braces.depth > MAX_DEPTH {
            return Err(malformed(text, "there are more than 4 braces in braces"));
        }
        let (before, after) = (&pattern[..braces.start], &pattern[braces.end..]);
        for part in braces.parts.iter().rev() {
            let stars = |left: &str, right: &str| left.ends_with('*') && right.starts_with('*');
            let joined = if part.is_empty() { after } else { part };
            if stars(before, joined) || stars(part, after) {
                return Err(malformed(
                    text,
                    "two `*` come together at a brace: write `**` as a segment of its own, or one `*`",
                ));
            }
            open.push(format!("{before}{part}{after}"));
        }
    }
    Ok(done)
}

/// The first braces of a pattern.
struct Braces<'a> {
    start: usize,
    /// Behind the last brace.
    end: usize,
    parts: Vec<&'a str>,
    /// 1 if there are none inside.
    depth: usize,
}

impl<'a> Braces<'a> {
    fn first(pattern: &'a str) -> Result<Option<Self>, PatternError> {
        let (mut start, mut part) = (0, 0);
        let (mut open, mut depth) = (0, 0);
        let mut parts = Vec::new();
        let mut in_class = false;
        for (at, character) in pattern.char_indices() {
            match character {
                ']' => in_class = false,
                _ if in_class => {}
                '[' => in_class = true,
                '{' => {
                    if open == 0 {
                        (start, part) = (at, at + 1);
                    }
                    open += 1;
                    depth = depth.max(open);
                }
                ',' if open == 1 => {
                    parts.push(&pattern[part..at]);
                    part = at + 1;
                }
                '}' if open == 0 => {
                    return Err(malformed(
                        pattern,
                        "a `}` has no `{` before it: write `[}]` for the character",
                    ));
                }
                '}' if open == 1 => {
                    parts.push(&pattern[part..at]);
                    if parts.iter().all(|part| part.is_empty()) {
                        return Err(malformed(
                            pattern,
                            "braces hold alternatives: write `{a,b}`",
                        ));
                    }
                    return Ok(Some(Braces {
                        start,
                        end: at + 1,
                        parts,
                        depth,
                    }));
                }
                '}' => open -= 1,
                _ => {}
            }
        }
        match open {
            0 => Ok(None),
            _ => Err(malformed(
                pattern,
                "a `{` has no `}` behind it: write `{a,b}`, or `[{]` for the character",
            )),
        }
    }
}

/// Whether the text has wildcards.
pub(super) fn is_wild(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Checks an absolute pattern without braces, and adds it to a regular expression.
pub(super) fn translate(pattern: &str, expression: &mut String) -> Result<(), PatternError> {
    let Some(rest) = pattern.strip_prefix('/') else {
        return Err(malformed(pattern, "it must be absolute: begin it with `/`"));
    };
    if rest.is_empty() {
        push_literal(expression, '/');
        return Ok(());
    }
    let mut segments = Segments { rest: Some(rest) }.peekable();
    let mut across = false;
    while let Some(segment) = segments.next() {
        let was_across = across;
        across = segment == "**";
        match segment {
            "" => {
                return Err(malformed(
                    pattern,
                    "a segment is empty: write one `/` between segments and none at the end",
                ));
            }
            "." | ".." => {
                return Err(malformed(
                    pattern,
                    "`.` and `..` are never in a path that is checked: write the path itself",
                ));
            }
            "**" if was_across => {
                return Err(malformed(pattern, "one `**` is enough: remove the other"));
            }
            "**" => {
                let often = if segments.peek().is_some() { '*' } else { '+' };
                expression.push_str("(?:/");
                expression.push_str(ANY);
                expression.push_str("+)");
                expression.push(often);
            }
            // A segment is never empty: the root is none.
            "*" => {
                expression.push('/');
                expression.push_str(ANY);
                expression.push('+');
            }
            _ => {
                push_literal(expression, '/');
                translate_segment(pattern, segment, expression)?;
            }
        }
    }
    Ok(())
}

/// What is between slashes, which are no slashes in classes.
struct Segments<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Segments<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        match rest.split_once('/') {
            Some((segment, rest)) => {
                self.rest = Some(rest);
                Some(segment)
            }
            None => self.rest.take(),
        }
    }
}

fn translate_segment(
    pattern: &str,
    segment: &str,
    expression: &mut String,
) -> Result<(), PatternError> {
    let mut characters = segment.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' if characters.as_str().starts_with('*') => {
                return Err(malformed(
                    pattern,
                    "`**` is a segment of its own: write `/**/`, or `*` within a segment",
                ));
            }
            '*' => {
                expression.push_str(ANY);
                expression.push('*');
            }
            '?' => expression.push_str(ANY),
            '[' => {
                let Some((class, rest)) = characters.as_str().split_once(']') else {
                    return Err(malformed(
                        pattern,
                        "a `[` has no `]` behind it in its segment: write `[abc]`, or `[[]` for the character",
                    ));
                };
                translate_class(pattern, class, expression)?;
                characters = rest.chars();
            }
            ']' => {
                return Err(malformed(
                    pattern,
                    "a `]` has no `[` before it: a file whose name has one is matched by `?`",
                ));
            }
            _ => push_literal(expression, character),
        }
    }
    Ok(())
}

/// What is between `[` and `]`.
fn translate_class(
    pattern: &str,
    class: &str,
    expression: &mut String,
) -> Result<(), PatternError> {
    let (negated, members) = match class.strip_prefix('!') {
        Some(members) => (true, members),
        None => (false, class),
    };
    if members.is_empty() {
        return Err(malformed(pattern, "a class is empty: write `[abc]`"));
    }
    if members.starts_with('^') {
        return Err(malformed(
            pattern,
            "a class begins with `^`: write `[!abc]` for all but these",
        ));
    }
    if members.contains("[:") || members.contains("[.") || members.contains("[=") {
        return Err(malformed(
            pattern,
            "a class has no names like `[:alpha:]`: write `[a-z]`",
        ));
    }
    expression.push_str(if negated { "[[^" } else { "[[" });
    let members: Vec<char> = members.chars().collect();
    let mut rest = &members[..];
    while let [first, tail @ ..] = rest {
        // A hyphen at the beginning or at the end is one.
        if let ['-', last, tail @ ..] = tail {
            if first > last {
                return Err(malformed(
                    pattern,
                    "a range ends before it begins: write `[a-z]`",
                ));
            }
            push_literal(expression, *first);
            expression.push('-');
            push_literal(expression, *last);
            rest = tail;
        } else {
            push_literal(expression, *first);
            rest = tail;
        }
    }
    // Whatever the class has, it stays in its segment.
    expression.push_str("]&&[^/]]");
    Ok(())
}
