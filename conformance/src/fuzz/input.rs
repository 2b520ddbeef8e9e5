//! Inputs: each is made from a number, so that it can be made again.

use enginebay::to_binary;
use wasmparser::{Parser, Payload};

use super::corpus::{Corpus, Seed};
use super::generate;
use super::tree::{Node, change, change_numbers};
use crate::random::Random;

/// How inputs are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Any bytes, behind the header of a component more often than not.
    Bytes,
    /// A real component as it is.
    Unchanged,
    /// A real component with bytes, sections or operators changed.
    Changed,
    /// A real component's text with numbers changed.
    Numbers,
    /// A real component's text with other words, and nodes moved about.
    Rewritten,
    /// Generated.
    Generated,
    /// Generated, and then changed as text.
    Broken,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Bytes => "arbitrary bytes",
            Kind::Unchanged => "unchanged",
            Kind::Changed => "changed bytes",
            Kind::Numbers => "changed numbers",
            Kind::Rewritten => "changed text",
            Kind::Generated => "generated",
            Kind::Broken => "generated, changed",
        }
    }
}

/// Something to run.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) kind: Kind,
    /// What it was made from, if from something.
    pub(crate) from: Option<String>,
    pub(crate) wasm: Vec<u8>,
    /// Its text, if it was made as text.
    pub(crate) tree: Option<Node>,
}

/// How often a text is changed again that does not parse.
const ATTEMPTS: usize = 4;

impl Input {
    /// The input of this number.
    pub(crate) fn make(seed: u64, corpus: &Corpus) -> Self {
        let mut random = Random::new(seed);
        let random = &mut random;
        let kind = match random.below(21) {
            0 => Kind::Bytes,
            1..=4 => Kind::Changed,
            5..=7 => Kind::Numbers,
            8..=10 => Kind::Rewritten,
            11..=17 => Kind::Generated,
            18 => Kind::Unchanged,
            _ => Kind::Broken,
        };
        let plain = |wasm| Input {
            kind,
            from: None,
            wasm,
            tree: None,
        };
        let text = |tree: Node| {
            let wasm = to_binary(tree.text().as_bytes()).ok()?.into_owned();
            Some(Input {
                kind,
                from: None,
                wasm,
                tree: Some(tree),
            })
        };
        match kind {
            Kind::Bytes => plain(bytes(random)),
            Kind::Changed | Kind::Unchanged => {
                let Some(seed) = pick(random, corpus) else {
                    return plain(bytes(random));
                };
                let wasm = match kind {
                    Kind::Unchanged => seed.wasm.clone(),
                    _ => changed(random, &seed.wasm),
                };
                Input {
                    from: Some(seed.name.clone()),
                    ..plain(wasm)
                }
            }
            Kind::Numbers | Kind::Rewritten => {
                let Some(seed) = pick(random, corpus) else {
                    return plain(bytes(random));
                };
                let made = (0..ATTEMPTS).find_map(|_| {
                    text(match kind {
                        Kind::Numbers => change_numbers(random, &seed.tree),
                        _ => change(random, &seed.tree),
                    })
                });
                Input {
                    from: Some(seed.name.clone()),
                    ..made.unwrap_or_else(|| plain(seed.wasm.clone()))
                }
            }
            Kind::Generated | Kind::Broken => {
                let tree = Node::parse(&generate::component(random));
                let made = tree.and_then(|tree| match kind {
                    Kind::Generated => text(tree),
                    _ => (0..ATTEMPTS).find_map(|_| text(change(random, &tree))),
                });
                made.unwrap_or_else(|| plain(Vec::new()))
            }
        }
    }
}

/// One of the corpus, a large one seldom: it takes as long as a hundred small ones.
fn pick<'a>(random: &mut Random, corpus: &'a Corpus) -> Option<&'a Seed> {
    const LARGE: usize = 8 << 10;
    let large = random.one_in(50);
    let fits = |seed: &&Seed| large || seed.wasm.len() < LARGE;
    let all: Vec<_> = corpus.seeds.iter().filter(fits).collect();
    (!all.is_empty()).then(|| random.pick(&all))
}

fn bytes(random: &mut Random) -> Vec<u8> {
    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    let mut bytes = match random.below(4) {
        0 => Vec::new(),
        1 => b"(component ".to_vec(),
        _ => HEADER.to_vec(),
    };
    for _ in 0..random.below(300) {
        // Sections begin with small numbers.
        let small = random.one_in(2);
        let byte = random.next() as u8;
        bytes.push(if small { byte % 16 } else { byte });
    }
    bytes
}

/// Changes bytes: anywhere, sections as a whole, or operators where they stand.
fn changed(random: &mut Random, wasm: &[u8]) -> Vec<u8> {
    let mut wasm = wasm.to_vec();
    for _ in 0..1 + random.below(3) {
        match random.below(6) {
            0 => anywhere(random, &mut wasm),
            1 => sections(random, &mut wasm),
            _ => operator(random, &mut wasm),
        }
    }
    wasm
}

fn anywhere(random: &mut Random, wasm: &mut Vec<u8>) {
    if wasm.len() <= 8 {
        return;
    }
    let at = 8 + random.below(wasm.len() - 8);
    match random.below(5) {
        0 => wasm[at] ^= 1 << random.below(8),
        1 => wasm[at] = random.next() as u8,
        2 => drop(wasm.remove(at)),
        3 => wasm.insert(at, random.next() as u8),
        _ => wasm.truncate(at),
    }
}

/// The sections of the outermost component, with their heads.
fn all_sections(wasm: &[u8]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 8;
    while at + 1 < wasm.len() {
        let mut size = 0usize;
        let mut body = at + 1;
        for shift in (0..35).step_by(7) {
            let Some(&byte) = wasm.get(body) else {
                return found;
            };
            body += 1;
            size |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let end = body.saturating_add(size);
        if end > wasm.len() {
            return found;
        }
        found.push((at, end));
        at = end;
    }
    found
}

/// Leaves out, repeats or moves a section.
fn sections(random: &mut Random, wasm: &mut Vec<u8>) {
    let all = all_sections(wasm);
    if all.is_empty() {
        return;
    }
    let (start, end) = random.pick(&all);
    let section = wasm[start..end].to_vec();
    let to = random.pick(&all).0;
    match random.below(3) {
        0 => drop(wasm.drain(start..end)),
        1 => drop(wasm.splice(to..to, section)),
        _ => {
            wasm.drain(start..end);
            let to = to.min(wasm.len());
            wasm.splice(to..to, section);
        }
    }
}

/// Operators of one byte that take and give the same types.
const ALIKE: &[(u8, u8)] = &[
    (0x46, 0x4f), // i32.eq ...
    (0x51, 0x5a), // i64.eq ...
    (0x5b, 0x60), // f32.eq ...
    (0x61, 0x66), // f64.eq ...
    (0x67, 0x69), // i32.clz ...
    (0x6a, 0x78), // i32.add ...
    (0x79, 0x7b), // i64.clz ...
    (0x7c, 0x8a), // i64.add ...
    (0x8b, 0x91), // f32.abs ...
    (0x92, 0x98), // f32.add ...
    (0x99, 0x9f), // f64.abs ...
    (0xa0, 0xa6), // f64.add ...
];

/// Puts another operator, or another number, where one is in the code; the sizes stay
/// what they are.
fn operator(random: &mut Random, wasm: &mut Vec<u8>) {
    let mut places = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let Ok(payload) = payload else { break };
        let Payload::CodeSectionEntry(body) = payload else {
            continue;
        };
        let Ok(operators) = body.get_operators_reader() else {
            continue;
        };
        let starts = operators.into_iter_with_offsets().flatten();
        places.extend(starts.map(|(_, at)| at));
    }
    if places.is_empty() {
        return anywhere(random, wasm);
    }
    for _ in 0..20 {
        let at = random.pick(&places);
        let byte = wasm[at];
        if let Some((first, last)) = ALIKE.iter().find(|(a, b)| (*a..=*b).contains(&byte)) {
            wasm[at] = first + random.below(usize::from(last - first) + 1) as u8;
            return;
        }
        // `local.get`, `global.get`, `i32.const` and the like: a number follows.
        let numbered = matches!(byte, 0x0c | 0x0d | 0x10 | 0x20..=0x24 | 0x41 | 0x42);
        if numbered && let Some(number) = wasm.get_mut(at + 1) {
            let mask = if *number & 0x80 == 0 { 0x3f } else { 0x7f };
            let keep = *number & !mask;
            *number = keep | (random.next() as u8 & mask & random.pick(&[3, 0x3f]));
            return;
        }
    }
    anywhere(random, wasm);
}

#[cfg(test)]
mod tests {
    use super::*;
    use enginebay::validate;

    use crate::fuzz::oracle::Mode;

    #[test]
    fn the_same_number_makes_the_same_input() {
        let corpus = Corpus::new();
        for seed in 0..40 {
            let (a, b) = (Input::make(seed, &corpus), Input::make(seed, &corpus));
            assert_eq!(a.wasm, b.wasm, "{seed}");
        }
    }

    #[test]
    fn what_is_generated_is_valid() {
        for seed in 0..300 {
            let text = generate::component(&mut Random::new(seed));
            let told = |error: &dyn std::fmt::Display| format!("{seed}: {error}\n{text}");
            let wasm =
                to_binary(text.as_bytes()).unwrap_or_else(|error| panic!("{}", told(&error)));
            if let Err(error) = validate(&wasm, &Mode::Fuel.config()) {
                panic!("{}", told(&error));
            }
        }
    }

    #[test]
    fn much_of_what_is_changed_is_valid() {
        let corpus = Corpus::new();
        let mut counts = std::collections::BTreeMap::<Kind, (usize, usize)>::new();
        for seed in 0..600 {
            let input = Input::make(seed, &corpus);
            let count = counts.entry(input.kind).or_default();
            count.0 += 1;
            count.1 += usize::from(validate(&input.wasm, &Mode::Fuel.config()).is_ok());
        }
        for (kind, least) in [(Kind::Changed, 6), (Kind::Numbers, 3), (Kind::Rewritten, 6)] {
            let (all, valid) = counts[&kind];
            assert!(valid * least > all, "{kind:?}: {valid} of {all}");
        }
    }
}
