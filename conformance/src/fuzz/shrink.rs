//! An input in which something was found, made smaller as long as it still shows.

use std::time::{Duration, Instant};

use enginebay::to_binary;

use super::corpus::print;
use super::input::Input;
use super::oracle::CALLS;
use super::run::{Fault, Runs};
use super::tree::Node;

/// How many smaller inputs are tried, and for how long.
const ATTEMPTS: usize = 3_000;
const TIME: Duration = Duration::from_secs(90);

/// An input that still fails.
pub(crate) struct Small {
    pub(crate) wasm: Vec<u8>,
    pub(crate) tree: Option<Node>,
    pub(crate) calls: Option<Vec<usize>>,
    /// How it fails.
    pub(crate) text: String,
}

struct Shrink<'a> {
    runner: &'a mut dyn Runs,
    seed: u64,
    fault: Fault,
    attempts: usize,
    end: Instant,
}

impl Shrink<'_> {
    fn over(&self) -> bool {
        self.attempts == 0 || Instant::now() >= self.end
    }

    /// How an input fails, if it does in the same way.
    fn fails(&mut self, wasm: &[u8], calls: Option<&[usize]>) -> Option<String> {
        if self.over() {
            return None;
        }
        self.attempts -= 1;
        let Ok(ran) = self.runner.run(wasm, self.seed, calls) else {
            // What was found is told as it is, and the next input tells of this.
            self.attempts = 0;
            return None;
        };
        let (fault, text) = ran.fault?;
        (fault == self.fault).then_some(text)
    }

    fn tree_fails(&mut self, tree: &Node, calls: Option<&[usize]>) -> Option<(Vec<u8>, String)> {
        let wasm = to_binary(tree.text().as_bytes()).ok()?.into_owned();
        let text = self.fails(&wasm, calls)?;
        Some((wasm, text))
    }
}

/// Makes an input smaller.
pub(crate) fn shrink(
    runner: &mut dyn Runs,
    input: &Input,
    seed: u64,
    fault: Fault,
    text: &str,
) -> Small {
    let mut shrink = Shrink {
        runner,
        seed,
        fault,
        attempts: ATTEMPTS,
        end: Instant::now() + TIME,
    };
    let mut small = Small {
        wasm: input.wasm.clone(),
        tree: input.tree.clone(),
        calls: None,
        text: text.to_owned(),
    };
    fewer_calls(&mut shrink, &mut small);
    if small.tree.is_none() {
        // As text it can be read, if that is the same component.
        let tree = print(&small.wasm);
        if let Some(tree) = tree
            && let Some((wasm, text)) = shrink.tree_fails(&tree, small.calls.as_deref())
        {
            (small.wasm, small.text, small.tree) = (wasm, text, Some(tree));
        }
    }
    match small.tree.is_some() {
        true => fewer_nodes(&mut shrink, &mut small),
        false => fewer_bytes(&mut shrink, &mut small),
    }
    small
}

/// One call, if one is enough, or none.
fn fewer_calls(shrink: &mut Shrink<'_>, small: &mut Small) {
    let none = Vec::new();
    let singles = (0..CALLS).map(|call| vec![call]);
    for calls in std::iter::once(none).chain(singles) {
        if let Some(text) = shrink.fails(&small.wasm, Some(&calls)) {
            (small.calls, small.text) = (Some(calls), text);
            return;
        }
    }
    let mut calls: Vec<usize> = (0..CALLS).collect();
    let mut at = 0;
    while at < calls.len() {
        let mut fewer = calls.clone();
        fewer.remove(at);
        match shrink.fails(&small.wasm, Some(&fewer)) {
            Some(text) => (calls, small.text) = (fewer, text),
            None => at += 1,
        }
    }
    small.calls = Some(calls);
}

/// Leaves out nodes, or puts one of their parts in their place, large ones first.
fn fewer_nodes(shrink: &mut Shrink<'_>, small: &mut Small) {
    let Some(mut tree) = small.tree.clone() else {
        return;
    };
    // What is named is there in several places, and all of them go at once.
    let named = |node: &&Node| matches!(node, Node::Word(word) if word.starts_with('$'));
    let names: std::collections::BTreeSet<String> = tree
        .nodes()
        .into_iter()
        .filter(named)
        .map(Node::text)
        .collect();
    for name in names {
        let attempt = tree.without(&name);
        if attempt != tree
            && let Some((wasm, text)) = shrink.tree_fails(&attempt, small.calls.as_deref())
        {
            (small.wasm, small.text) = (wasm, text);
            tree = attempt;
        }
    }
    for least in [400, 60, 12, 1, 1] {
        let mut number = 1;
        while !shrink.over() {
            let nodes = tree.nodes();
            let Some(node) = nodes.get(number) else { break };
            let size = node.count();
            if size < least || size == 1 && !is_value(node) {
                number += 1;
                continue;
            }
            let attempts = smaller(node);
            let found = attempts.into_iter().find_map(|by| {
                let mut attempt = tree.clone();
                attempt.replace(number, by);
                let (wasm, text) = shrink.tree_fails(&attempt, small.calls.as_deref())?;
                Some((attempt, wasm, text))
            });
            match found {
                Some((attempt, wasm, text)) => {
                    (small.wasm, small.text) = (wasm, text);
                    tree = attempt;
                }
                None => number += 1,
            }
        }
    }
    small.tree = Some(tree);
}

fn is_value(node: &Node) -> bool {
    matches!(node, Node::Word(word) if word.len() > 1 && word.parse::<f64>().is_ok())
}

/// What may stand for a node: nothing, one of its parts, or a constant.
fn smaller(node: &Node) -> Vec<Vec<Node>> {
    let Node::List(parts) = node else {
        return vec![
            vec![Node::Word("0".to_owned())],
            vec![Node::Word("1".to_owned())],
        ];
    };
    let mut all = vec![Vec::new()];
    let inner = parts.iter().filter(|part| part.count() > 1);
    all.extend(inner.map(|part| vec![part.clone()]));
    if let Some(Node::Word(head)) = parts.first()
        && head.contains('.')
        && !head.ends_with(".const")
    {
        for ty in ["i32", "i64", "f32", "f64"] {
            let words = [format!("{ty}.const"), "1".to_owned()];
            all.push(vec![Node::List(words.map(Node::Word).to_vec())]);
        }
    }
    all
}

/// Leaves out bytes, many at a time first.
fn fewer_bytes(shrink: &mut Shrink<'_>, small: &mut Small) {
    let mut size = small.wasm.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < small.wasm.len() && !shrink.over() {
            let mut fewer = small.wasm.clone();
            fewer.drain(at..(at + size).min(fewer.len()));
            match shrink.fails(&fewer, small.calls.as_deref()) {
                Some(text) => (small.wasm, small.text) = (fewer, text),
                None => at += size,
            }
        }
        size /= 2;
    }
}
