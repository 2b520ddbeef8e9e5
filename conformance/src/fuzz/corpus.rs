//! What inputs are made of that are not made from nothing: components that do
//! something sensible, from the cases of this crate and from files.

use std::fs;
use std::path::Path;

use enginebay::{Error, ErrorKind, to_binary};
use wasmparser::Parser;
use wasmprinter::PrintFmtWrite;

use super::tree::Node;
use crate::adapt;
use crate::script::Script;
use crate::suite::CASES;

/// The groups of this crate's cases whose components are changed: those that do
/// something by themselves, and not only with what a script does around them.
const GROUPS: [&str; 11] = [
    "composition",
    "core",
    "determinism",
    "fuel",
    "invalid",
    "limits",
    "linking",
    "resources",
    "strings",
    "traps",
    "values",
];

/// A component to start from.
pub(crate) struct Seed {
    pub(crate) name: String,
    pub(crate) wasm: Vec<u8>,
    /// Its text.
    pub(crate) tree: Node,
}

/// The components that the fuzzer changes: those of this crate's cases, and whatever
/// is added.
pub struct Corpus {
    pub(crate) seeds: Vec<Seed>,
}

impl Default for Corpus {
    fn default() -> Self {
        Corpus::new()
    }
}

/// Larger ones take so long to compile that they keep others from being run.
const LARGE: usize = 300 << 10;

impl Corpus {
    /// The components of this crate's cases.
    pub fn new() -> Self {
        let mut corpus = Corpus { seeds: Vec::new() };
        for (name, text) in CASES {
            let group = name.split_once('/').map_or("", |(group, _)| group);
            if GROUPS.contains(&group) {
                // A test looks that each group gives something.
                let _ = corpus.add_script(name, text);
            }
        }
        corpus
    }

    /// Adds the components of a file, and says how many: a script (`.wast`), or a
    /// component or core module, binary or text. Those that are invalid, and those
    /// over 300 KiB, are left out. Of a folder, adds the files that end with `.wast`,
    /// `.wat` or `.wasm`, without those that are none of these.
    ///
    /// # Errors
    ///
    /// `Io` for a file that cannot be read, `InvalidComponent` for one that is none
    /// of these.
    pub fn add(&mut self, path: &Path) -> Result<usize, Error> {
        let name = path.display().to_string();
        let named = |error: Error| error.with_context("file", &name);
        if path.is_dir() {
            let entries = fs::read_dir(path).and_then(|entries| {
                let paths = entries.map(|entry| Ok(entry?.path()));
                paths.collect::<std::io::Result<Vec<_>>>()
            });
            let mut entries = entries.map_err(|error| named(error.into()))?;
            // Seeds stand for the same inputs on every machine.
            entries.sort();
            let known = |path: &Path| {
                let end = path.extension();
                path.is_dir()
                    || end.is_some_and(|end| ["wast", "wat", "wasm"].iter().any(|it| end == *it))
            };
            let found = entries.iter().filter(|path| known(path));
            return Ok(found.filter_map(|path| self.add(path).ok()).sum());
        }
        let bytes = fs::read(path).map_err(|error| named(error.into()))?;
        if path.extension().is_some_and(|end| end == "wast") {
            return self.add_script(&name, &String::from_utf8_lossy(&bytes));
        }
        let wasm = to_binary(&bytes).map_err(named)?;
        Ok(usize::from(self.add_wasm(&name, &wasm)))
    }

    fn add_script(&mut self, name: &str, text: &str) -> Result<usize, Error> {
        let script = Script::parse(name, text)
            .map_err(|error| Error::new(ErrorKind::InvalidComponent, error.to_string()))?;
        let sources = script.steps.iter().filter_map(|step| {
            let wasm = step.runs()?.wasm.as_ref().ok()?;
            Some((step.line, wasm))
        });
        let mut added = 0;
        for (line, wasm) in sources {
            added += usize::from(self.add_wasm(&format!("{name}:{line}"), wasm));
        }
        Ok(added)
    }

    fn add_wasm(&mut self, name: &str, wasm: &[u8]) -> bool {
        let adapted = Parser::is_core_wasm(wasm).then(|| adapt::adapt(wasm));
        let wasm = match adapted {
            None => wasm.to_vec(),
            Some(Ok(adapted)) => adapted.component,
            // It imports what a component cannot give it.
            Some(Err(_)) => return false,
        };
        if wasm.len() > LARGE {
            return false;
        }
        let Some(tree) = print(&wasm) else {
            return false;
        };
        self.seeds.push(Seed {
            name: name.to_owned(),
            wasm,
            tree,
        });
        true
    }
}

/// The text of a component as a tree, if what it says is the same.
pub(crate) fn print(wasm: &[u8]) -> Option<Node> {
    let mut text = String::new();
    let mut config = wasmprinter::Config::new();
    config.fold_instructions(true);
    config.print(wasm, &mut PrintFmtWrite(&mut text)).ok()?;
    let tree = Node::parse(&text)?;
    to_binary(tree.text().as_bytes()).ok()?;
    Some(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_gives_components() {
        let corpus = Corpus::new();
        for group in GROUPS {
            let start = format!("{group}/");
            let mut names = corpus.seeds.iter().map(|seed| &seed.name);
            assert!(names.any(|name| name.starts_with(&start)), "{group}");
        }
        assert!(corpus.seeds.len() > 80, "{}", corpus.seeds.len());
    }
}
