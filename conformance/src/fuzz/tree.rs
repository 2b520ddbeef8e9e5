//! WebAssembly text as a tree of lists and words: what is changed in a text, and
//! what is left out of one, is a node, so that most of what comes of it parses.

use super::operators;
use crate::random::Random;

/// A node: a list in parentheses, or a word, number or string as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Word(String),
    List(Vec<Node>),
}

/// The most that lists are nested in what is read; a text from anywhere must not
/// use up the stack.
const DEPTH: usize = 200;

impl Node {
    /// The first list of a text, without its comments.
    pub(crate) fn parse(text: &str) -> Option<Node> {
        let bytes = text.as_bytes();
        let mut open: Vec<Vec<Node>> = Vec::new();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let start = at;
            match byte {
                b'(' if bytes.get(at + 1) == Some(&b';') => {
                    at = block_comment(bytes, at)?;
                    continue;
                }
                b';' if bytes.get(at + 1) == Some(&b';') => {
                    at += bytes[at..].iter().position(|byte| *byte == b'\n')?;
                    continue;
                }
                b'(' => {
                    open.push(Vec::new());
                    at += 1;
                    if open.len() > DEPTH {
                        return None;
                    }
                    continue;
                }
                b')' => {
                    let list = Node::List(open.pop()?);
                    at += 1;
                    match open.last_mut() {
                        Some(outer) => outer.push(list),
                        None => return Some(list),
                    }
                    continue;
                }
                b'"' => at = string(bytes, at)?,
                byte if byte.is_ascii_whitespace() => {
                    at += 1;
                    continue;
                }
                _ => {
                    while let Some(&byte) = bytes.get(at) {
                        match byte {
                            // A name may be a string: `$"a b"`.
                            b'"' => at = string(bytes, at)?,
                            b'(' | b')' | b';' => break,
                            byte if byte.is_ascii_whitespace() => break,
                            _ => at += 1,
                        }
                    }
                    // A lone semicolon.
                    at = at.max(start + 1);
                }
            }
            let word = Node::Word(text.get(start..at)?.to_owned());
            open.last_mut()?.push(word);
        }
        None
    }

    /// The text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) {
        match self {
            Node::Word(word) => text.push_str(word),
            Node::List(nodes) => {
                text.push('(');
                for (index, node) in nodes.iter().enumerate() {
                    if index > 0 {
                        text.push(' ');
                    }
                    node.write(text);
                }
                text.push(')');
            }
        }
    }

    /// As [`Node::text`], with a line for each list that is long.
    pub(crate) fn lines(&self) -> String {
        let mut text = String::new();
        self.write_lines(&mut text, 0);
        text
    }

    fn write_lines(&self, text: &mut String, indent: usize) {
        const WIDTH: usize = 90;
        let whole = self.text();
        let Node::List(nodes) = self else {
            return text.push_str(&whole);
        };
        if whole.len() + indent <= WIDTH {
            return text.push_str(&whole);
        }
        text.push('(');
        for (index, node) in nodes.iter().enumerate() {
            if index > 0 && matches!(node, Node::List(_)) {
                text.push('\n');
                text.extend(std::iter::repeat_n(' ', indent + 2));
            } else if index > 0 {
                text.push(' ');
            }
            node.write_lines(text, indent + 2);
        }
        text.push(')');
    }

    /// How many nodes there are, this one included.
    pub(crate) fn count(&self) -> usize {
        match self {
            Node::Word(_) => 1,
            Node::List(nodes) => 1 + nodes.iter().map(Node::count).sum::<usize>(),
        }
    }

    /// Every node in the order of the text, by which they are numbered: 0 is this one.
    pub(crate) fn nodes(&self) -> Vec<&Node> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect<'a>(&'a self, found: &mut Vec<&'a Node>) {
        found.push(self);
        if let Node::List(nodes) = self {
            for node in nodes {
                node.collect(found);
            }
        }
    }

    /// Puts others in the place of the node of this number, which is not 0.
    pub(crate) fn replace(&mut self, mut number: usize, by: Vec<Node>) {
        let Node::List(nodes) = self else { return };
        number -= 1;
        for index in 0..nodes.len() {
            if number == 0 {
                nodes.splice(index..=index, by);
                return;
            }
            let count = nodes[index].count();
            if number < count {
                return nodes[index].replace(number, by);
            }
            number -= count;
        }
    }

    /// Without what stands in a component and has this word somewhere inside.
    pub(crate) fn without(&self, name: &str) -> Node {
        let Node::List(nodes) = self else {
            return self.clone();
        };
        let is_component = |node: &Node| head(node) == Some("component");
        if !is_component(self) {
            return self.clone();
        }
        let own = |node: &Node| match node {
            Node::List(nodes) => nodes.get(1) == Some(&Node::Word(name.to_owned())),
            Node::Word(_) => false,
        };
        let has = |node: &Node| {
            let mut nodes = node.nodes().into_iter();
            nodes.any(|node| matches!(node, Node::Word(word) if word == name))
        };
        let kept = nodes.iter().filter(|node| match node {
            Node::Word(_) => true,
            node if is_component(node) => !own(node),
            node => !has(node),
        });
        Node::List(kept.map(|node| node.without(name)).collect())
    }

    fn is_list(&self) -> bool {
        matches!(self, Node::List(_))
    }
}

fn block_comment(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0;
    loop {
        match bytes.get(at..at + 2)? {
            b"(;" => (depth, at) = (depth + 1, at + 2),
            b";)" if depth == 1 => return Some(at + 2),
            b";)" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
}

fn string(bytes: &[u8], mut at: usize) -> Option<usize> {
    at += 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Words that can often stand for each other, and leave a text valid.
const ALIKE: &[&[&str]] = &[
    operators::I32_ARITHMETIC,
    operators::I32_BITS,
    operators::I64_ARITHMETIC,
    operators::I64_BITS,
    operators::F32_BINARY,
    operators::F64_BINARY,
    &[
        "i32.eq", "i32.ne", "i32.lt_s", "i32.lt_u", "i32.gt_s", "i32.gt_u", "i32.le_s", "i32.ge_u",
    ],
    &[
        "i64.eq", "i64.ne", "i64.lt_s", "i64.lt_u", "i64.gt_s", "i64.gt_u", "i64.le_s", "i64.ge_u",
    ],
    operators::I32_LOAD,
    &[
        "i64.load",
        "i64.load8_s",
        "i64.load16_u",
        "i64.load32_s",
        "i64.load32_u",
    ],
    operators::I32_STORE,
    operators::I64_STORE,
    &["br", "br_if", "return", "unreachable", "nop", "drop"],
    &["block", "loop", "if"],
    &["call", "return_call", "ref.func"],
    &["memory.copy", "memory.fill", "memory.init"],
    &["table.copy", "table.fill", "table.init"],
    &["memory.size", "memory.grow", "table.size", "table.grow"],
    &["i32", "i64", "f32", "f64", "v128", "funcref", "externref"],
    &["bool", "u8", "s8", "u16", "s16", "u32", "s32", "char"],
    &["u64", "s64", "f32", "f64", "string"],
    &["list", "option", "own", "borrow"],
    &["tuple", "record", "variant", "flags", "enum"],
    &[
        "string-encoding=utf8",
        "string-encoding=utf16",
        "string-encoding=latin1+utf16",
    ],
    &[
        "lift",
        "lower",
        "resource.new",
        "resource.drop",
        "resource.rep",
    ],
    &["realloc", "post-return", "memory"],
    &["mut", "shared"],
];

fn is_number(word: &str) -> bool {
    let digits = word.trim_start_matches(['-', '+']);
    digits.starts_with(|first: char| first.is_ascii_digit())
}

/// A number like another one, or one at a limit.
fn other_number(random: &mut Random, word: &str) -> String {
    let value = word.parse::<i128>().unwrap_or(0);
    match random.below(6) {
        0 => (value + 1).to_string(),
        1 => (value - 1).max(0).to_string(),
        2 => random.below(10).to_string(),
        3 => (value.unsigned_abs() * 2).to_string(),
        4 => {
            let bit = 1_u64 << random.pick(&[3, 7, 8, 10, 15, 16, 17, 24, 31]);
            bit.wrapping_sub(random.below(2) as u64).to_string()
        }
        _ => (-value).to_string(),
    }
}

/// A word that may stand for another one, if one is known.
fn other_word(random: &mut Random, word: &str) -> Option<String> {
    if is_number(word) {
        return Some(other_number(random, word));
    }
    if let Some((key, value)) = word.split_once('=')
        && is_number(value)
    {
        let value = match key {
            "align" => (1 << random.below(5)).to_string(),
            _ => other_number(random, value)
                .trim_start_matches('-')
                .to_owned(),
        };
        return Some(format!("{key}={value}"));
    }
    let group = ALIKE.iter().find(|group| group.contains(&word))?;
    Some(random.pick(group).to_owned())
}

/// Whether a word is a number, or ends with one: `offset=3`.
fn has_number(node: &Node) -> bool {
    match node {
        Node::Word(word) => {
            is_number(word)
                || word
                    .split_once('=')
                    .is_some_and(|(_, value)| is_number(value))
        }
        Node::List(_) => false,
    }
}

/// Changes numbers only: what is left is most often valid, and does something else.
pub(crate) fn change_numbers(random: &mut Random, tree: &Node) -> Node {
    let nodes = tree.nodes();
    let numbers: Vec<usize> = (0..nodes.len())
        .filter(|at| has_number(nodes[*at]))
        .collect();
    if numbers.is_empty() {
        return tree.clone();
    }
    let mut changed = tree.clone();
    for _ in 0..1 + random.below(3) {
        let at = random.pick(&numbers);
        if let Node::Word(word) = nodes[at]
            && let Some(word) = other_word(random, word)
        {
            // A word for a word: the numbers of the nodes stay what they are.
            changed.replace(at, vec![Node::Word(word)]);
        }
    }
    changed
}

/// Changes a word, or leaves out, repeats, moves or replaces a node.
pub(crate) fn change(random: &mut Random, tree: &Node) -> Node {
    let mut tree = tree.clone();
    for _ in 0..1 + random.below(3) {
        let nodes = tree.nodes();
        let Some(most) = nodes.len().checked_sub(1).filter(|most| *most > 1) else {
            break;
        };
        // Not each word has others like it.
        let found = (0..100).find_map(|_| {
            let at = 1 + random.below(most);
            Some((at, instead(random, &nodes, nodes[at])?))
        });
        let Some((at, by)) = found else { break };
        tree.replace(at, by);
    }
    tree
}

/// What may stand in the place of a node.
fn instead(random: &mut Random, nodes: &[&Node], node: &Node) -> Option<Vec<Node>> {
    let list = match node {
        Node::Word(word) => return Some(vec![Node::Word(other_word(random, word)?)]),
        list if list.count() > nodes.len() / 2 => return None,
        list => list,
    };
    Some(match random.below(6) {
        0 => Vec::new(),
        1 => vec![list.clone(), list.clone()],
        2 => vec![other_list(random, nodes, list)?],
        3 => vec![other_list(random, nodes, list)?, list.clone()],
        _ => {
            // One of its own parts.
            let inner = list.nodes();
            let inner: Vec<_> = inner[1..].iter().filter(|node| node.is_list()).collect();
            let at = random.below(inner.len().max(1));
            vec![(**inner.get(at)?).clone()]
        }
    })
}

/// The word that a list begins with, up to its first dot.
fn head(node: &Node) -> Option<&str> {
    match node {
        Node::List(nodes) => match nodes.first() {
            Some(Node::Word(word)) => word.split('.').next(),
            _ => None,
        },
        Node::Word(_) => None,
    }
}

/// Another list that begins with the same kind of word.
fn other_list(random: &mut Random, nodes: &[&Node], like: &Node) -> Option<Node> {
    let wanted = head(like)?;
    (0..50).find_map(|_| {
        let node = nodes[random.below(nodes.len())];
        let fits = head(node) == Some(wanted) && node.count() <= 200;
        fits.then(|| node.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_and_written() {
        let text = r#";; first
            (a $"x y" (; (; ;) ;) (b "c\")" 0x1) ;; last
            offset=3)"#;
        let tree = Node::parse(text).unwrap();
        assert_eq!(tree.text(), r#"(a $"x y" (b "c\")" 0x1) offset=3)"#);
        assert_eq!(tree.count(), 8);
        assert_eq!(tree.nodes()[5], &Node::Word(r#""c\")""#.to_owned()));
        assert_eq!(Node::parse("(a (b)"), None);
    }
}
