//! Contracts: WIT whose functions say which capability they require.
//!
//! The documentation of each function has a line of its own for it:
//!
//! ```text
//! /// Reads a file.
//! ///
//! /// @requires filesystem.read(path)
//! read-file: func(path: string) -> result<list<u8>, file-error>;
//! ```
//!
//! A capability is `family.action(subject)`: the action is a case of the enum
//! `<family>-action` of the contract's interface `capabilities`, and the subject is a
//! parameter, or a field of one (`options.command`): a text, a resource, or a list of
//! these. The family `network` may name a port besides (`to.host, to.port`). Several
//! capabilities are separated by commas; `none` says that there is none. What requires one
//! fails with an error that has a case `denied(denial)`.

use std::fmt;
use std::path::{Path, PathBuf};

use wit_parser::{
    Docs, Function, InterfaceId, PackageId, Resolve, Span, Stability, Type, TypeDefKind, TypeId,
    WorldItem,
};

use crate::{Error, Result};

mod requires;

pub use requires::Requirement;

/// The contract of a folder: its package, and those in its `deps/`.
#[derive(Clone, Debug)]
pub struct Contract {
    resolve: Resolve,
    package: PackageId,
    interfaces: Vec<Interface>,
    files: Vec<PathBuf>,
}

/// An interface of a contract.
#[derive(Clone, Debug)]
pub struct Interface {
    id: InterfaceId,
    name: String,
    functions: Vec<Requires>,
}

/// A function, and what it requires.
#[derive(Clone, Debug)]
pub struct Requires {
    name: String,
    exported: bool,
    requirements: Vec<Requirement>,
}

impl Contract {
    /// Reads a contract, and checks it.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, with file, line and column: WIT that does not resolve
    /// (packages that need one another among it); a package without a version; an item
    /// without documentation or `@since`; a function that does not say what it requires,
    /// requires what is not in `capabilities` or could not say that it was denied; a type
    /// that two interfaces define.
    pub fn read(folder: &Path) -> Result<Contract> {
        let mut resolve = Resolve {
            all_features: true,
            ..Resolve::default()
        };
        let (package, sources) = match resolve.push_path(folder) {
            Ok(it) => it,
            Err(error) => return Err(Error::new(resolve.render_error(&error))),
        };
        let mut files: Vec<PathBuf> = sources.paths().map(Into::into).collect();
        files.sort();
        files.dedup();
        let mut reader = Reader {
            resolve: &resolve,
            problems: Vec::new(),
        };
        let interfaces = reader.read(package);
        let problems = reader.problems;
        if !problems.is_empty() {
            return Err(Error::new(problems.join("\n")));
        }
        Ok(Contract {
            resolve,
            package,
            interfaces,
            files,
        })
    }

    /// The WIT.
    pub fn resolve(&self) -> &Resolve {
        &self.resolve
    }

    /// The package of the folder itself.
    pub fn package(&self) -> PackageId {
        self.package
    }

    /// The interfaces with functions, by name.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// The files that were read.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

impl Interface {
    /// Its name with the package's version: `enginebay:storage/store@1.0.0`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is in [`Contract::resolve`].
    pub fn id(&self) -> InterfaceId {
        self.id
    }

    /// Its functions, in the order of the WIT.
    pub fn functions(&self) -> &[Requires] {
        &self.functions
    }
}

impl Requires {
    /// The function's name in the component model: `[method]file.read`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is one that components offer to a host, in each world that has it.
    pub fn is_exported(&self) -> bool {
        self.exported
    }

    /// What it requires; nothing if it says `none`.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }
}

/// Finds what is wrong.
struct Reader<'a> {
    resolve: &'a Resolve,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn problem(&mut self, span: Span, text: impl fmt::Display) {
        let place = self.resolve.render_location(span);
        self.problems.push(format!("{place}: {text}"));
    }

    fn read(&mut self, package: PackageId) -> Vec<Interface> {
        let resolve = self.resolve;
        let families = requires::Families::of(resolve);
        self.packages();
        self.types();
        let exported = |id: InterfaceId| {
            let worlds = || resolve.packages[package].worlds.values();
            let is_in = |items: &wit_parser::IndexMap<_, WorldItem>| {
                items
                    .values()
                    .any(|item| matches!(item, WorldItem::Interface { id: it, .. } if *it == id))
            };
            let imported = worlds().any(|world| is_in(&resolve.worlds[*world].imports));
            let exported = worlds().any(|world| is_in(&resolve.worlds[*world].exports));
            exported && !imported
        };
        let mut interfaces = Vec::new();
        for (id, interface) in resolve.interfaces.iter() {
            let Some(name) = resolve.id_of(id) else {
                continue;
            };
            self.item(
                interface.span,
                &format!("the interface `{name}`"),
                &interface.docs,
                &interface.stability,
            );
            let functions = interface.functions.values().map(|func| {
                let what = format!("the function `{}` of `{name}`", func.name);
                self.item(func.span, &what, &func.docs, &func.stability);
                let requirements = self.requirements(&families, func, &what);
                Requires {
                    name: func.name.clone(),
                    exported: exported(id),
                    requirements,
                }
            });
            let functions: Vec<_> = functions.collect();
            if !functions.is_empty() {
                interfaces.push(Interface {
                    id,
                    name,
                    functions,
                });
            }
        }
        interfaces.sort_by(|a, b| a.name.cmp(&b.name));
        for (_, world) in resolve.worlds.iter() {
            let what = format!("the world `{}`", world.name);
            self.item(world.span, &what, &world.docs, &world.stability);
        }
        interfaces
    }

    /// Each item says what it is, and since when it is there.
    fn item(&mut self, span: Span, what: &str, docs: &Docs, stability: &Stability) {
        self.documented(span, what, docs);
        if stability.is_unknown() {
            self.problem(
                span,
                format!("{what} has no `@since(version = ...)` or `@unstable(...)`"),
            );
        }
    }

    fn documented(&mut self, span: Span, what: &str, docs: &Docs) {
        let says = |line: &str| !line.trim().is_empty() && !requires::is_requires(line);
        let contents = docs.contents.as_deref().unwrap_or_default();
        if !contents.lines().any(says) {
            self.problem(span, format!("{what} is not documented"));
        }
    }

    fn packages(&mut self) {
        let resolve = self.resolve;
        for (_, package) in resolve.packages.iter() {
            if package.name.version.is_some() {
                continue;
            }
            let interfaces = package.interfaces.values();
            let worlds = package.worlds.values();
            let mut spans = interfaces
                .map(|id| resolve.interfaces[*id].span)
                .chain(worlds.map(|id| resolve.worlds[*id].span));
            let text = format!("the package `{}` has no version", package.name);
            match spans.next() {
                Some(span) => self.problem(span, text),
                None => self.problems.push(text),
            }
        }
    }

    /// Documentation of types; and each is defined once.
    fn types(&mut self) {
        let resolve = self.resolve;
        let mut defined: Vec<(&str, TypeId)> = Vec::new();
        for (id, def) in resolve.types.iter() {
            let (Some(name), wit_parser::TypeOwner::Interface(owner)) = (&def.name, def.owner)
            else {
                continue;
            };
            // A name for what another interface defines.
            if let TypeDefKind::Type(Type::Id(origin)) = def.kind
                && resolve.types[origin].name.as_ref() == Some(name)
                && resolve.types[origin].owner != def.owner
            {
                continue;
            }
            let of = resolve.id_of(owner).unwrap_or_default();
            let what = format!("the type `{name}` of `{of}`");
            self.item(def.span, &what, &def.docs, &def.stability);
            self.parts(&what, def);
            match defined.iter().find(|(other, _)| other == name) {
                None => defined.push((name, id)),
                Some((_, other)) => {
                    let place = resolve.render_location(resolve.types[*other].span);
                    self.problem(
                        def.span,
                        format!("{what} is defined at {place} too; `use` that one"),
                    );
                }
            }
        }
    }

    fn parts(&mut self, of: &str, def: &wit_parser::TypeDef) {
        let mut part = |kind, name: &str, span, docs| {
            self.documented(span, &format!("the {kind} `{name}` of {of}"), docs);
        };
        match &def.kind {
            TypeDefKind::Record(it) => {
                for field in &it.fields {
                    part("field", &field.name, field.span, &field.docs);
                }
            }
            TypeDefKind::Variant(it) => {
                for case in &it.cases {
                    part("case", &case.name, case.span, &case.docs);
                }
            }
            TypeDefKind::Enum(it) => {
                for case in &it.cases {
                    part("case", &case.name, case.span, &case.docs);
                }
            }
            TypeDefKind::Flags(it) => {
                for flag in &it.flags {
                    part("flag", &flag.name, flag.span, &flag.docs);
                }
            }
            _ => {}
        }
    }

    fn requirements(
        &mut self,
        families: &requires::Families,
        func: &Function,
        what: &str,
    ) -> Vec<Requirement> {
        match requires::read(self.resolve, families, func) {
            Ok(requirements) => requirements,
            Err(text) => {
                self.problem(func.span, format!("{what} {text}"));
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests;
