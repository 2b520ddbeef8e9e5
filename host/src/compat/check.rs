//! A component against an offer.

use std::collections::BTreeMap;

use semver::Version;
use wit_parser::PackageName;

use super::differ::{Differ, Sides};
use super::fit::{Fit, Problem, Served, Side, Unfit, Warning};
use super::from_binary::{self, Component, Interface as Has, Item as Binary, ItemKind};
use super::gate::Gate;
use super::offer::{Entry, Interface, Item, Offer};
use super::text::{self, clip};
use super::types::{Function, Types, plain};
use super::version;

/// How many problems, and how many warnings, are kept.
const MAX_LISTED: usize = 100;
/// How many names of a package are suggested.
const MAX_OFFERED: usize = 8;

const SIDES: Sides = Sides {
    left: "the component",
    right: "the host",
};

pub(super) fn check(offer: &Offer, bytes: &[u8]) -> Result<Fit, Unfit> {
    let component = from_binary::read(bytes).map_err(|message| {
        Unfit::of(Problem::NotAComponent {
            message: clip(&message),
        })
    })?;
    let mut checker = Checker {
        offer,
        types: &component.types,
        differ: Differ::new(&component.types, &offer.types, SIDES),
        served: Vec::new(),
        problems: Vec::new(),
        omitted: 0,
        warnings: Vec::new(),
    };
    for import in &component.imports {
        checker.import(import);
    }
    checker.exports(&component);
    if checker.problems.is_empty() {
        return Ok(Fit {
            imports: checker.served,
            warnings: checker.warnings,
        });
    }
    Err(Unfit {
        problems: checker.problems,
        omitted: checker.omitted,
        warnings: checker.warnings,
    })
}

struct Checker<'a> {
    offer: &'a Offer,
    types: &'a Types,
    differ: Differ<'a>,
    served: Vec<Served>,
    problems: Vec<Problem>,
    omitted: usize,
    warnings: Vec<Warning>,
}

/// Whether what has the one version serves what needs the other.
fn serves(required: Option<&Version>, offered: Option<&Version>) -> bool {
    match (required, offered) {
        (None, None) => true,
        (Some(required), Some(offered)) => version::serves(required, offered),
        _ => false,
    }
}

/// Whether two versions are of one track, so that their types can be compared.
fn alike(a: Option<&Version>, b: Option<&Version>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            PackageName::version_compat_track(a) == PackageName::version_compat_track(b)
        }
        _ => false,
    }
}

impl<'a> Checker<'a> {
    fn problem(&mut self, problem: Problem) {
        if self.problems.len() < MAX_LISTED {
            self.problems.push(problem);
        } else {
            self.omitted += 1;
        }
    }

    fn is_on(&self, gate: &Gate) -> bool {
        let unstable = gate.unstable.as_ref();
        unstable.is_none_or(|feature| self.offer.features.contains(feature))
    }

    fn import(&mut self, import: &Binary) {
        let offer = self.offer;
        match &import.kind {
            ItemKind::Type => return,
            ItemKind::Other(what) => {
                return self.problem(Problem::Unsupported {
                    name: clip(&import.name),
                    what: (*what).to_owned(),
                });
            }
            ItemKind::Interface(_) | ItemKind::Function(_) | ItemKind::Resource => {}
        }
        let required = import.version.as_ref();
        let entries = offer
            .imports
            .get(&import.base)
            .map_or(&[][..], Vec::as_slice);
        let newest = |entries: &mut dyn Iterator<Item = &'a Entry>| {
            entries.max_by(|a, b| {
                let rank = |entry: &'a Entry| {
                    let is_here = !matches!(entry.item, Item::Absent(_));
                    (is_here, entry.version.as_ref())
                };
                rank(a).cmp(&rank(b))
            })
        };
        let mut serving = entries
            .iter()
            .filter(|entry| serves(required, entry.version.as_ref()));
        let serving = newest(&mut serving);
        let mut foreign = offer.foreign.iter().filter(|it| it.names(&import.base));
        let accepted = foreign
            .clone()
            .filter(|it| it.version.is_none() || serves(required, it.version.as_ref()))
            .max_by_key(|it| it.version.as_ref());
        match (serving, accepted) {
            (Some(entry), None) => return self.served_by(import, entry),
            (Some(entry), Some(_)) if !matches!(entry.item, Item::Absent(_)) => {
                return self.served_by(import, entry);
            }
            (_, Some(accepted)) => {
                return self.served.push(Served {
                    name: clip(&import.base),
                    required: import.version.clone(),
                    offered: accepted.version.clone(),
                    foreign: true,
                });
            }
            (None, None) => {}
        }
        if entries.is_empty() && foreign.next().is_none() {
            return self.problem(Problem::Unknown {
                name: clip(&import.name),
                offered: self.same_package(&import.base),
            });
        }
        let absent = entries.iter().find_map(|entry| match &entry.item {
            Item::Absent(reason) => Some(reason),
            _ => None,
        });
        let is_here = |entry: &Entry| !matches!(entry.item, Item::Absent(_));
        if let Some(reason) = absent
            && !entries.iter().any(is_here)
            && foreign.next().is_none()
        {
            return self.problem(Problem::NotOffered {
                name: clip(&import.name),
                reason: reason.clone(),
            });
        }
        self.other_version(import, entries);
        // What is missing in the version that comes nearest says what the difference
        // of the versions is about.
        let mut near = entries
            .iter()
            .filter(|entry| alike(required, entry.version.as_ref()));
        if let Some(entry) = newest(&mut near)
            && let (ItemKind::Interface(has), Item::Interface(offered)) =
                (&import.kind, &entry.item)
        {
            self.interface(import, has, entry, offered);
        }
    }

    fn other_version(&mut self, import: &Binary, entries: &[Entry]) {
        let foreign = &self.offer.foreign;
        let named = foreign.iter().filter(|it| it.names(&import.base));
        let mut host: Vec<Version> = entries
            .iter()
            .filter(|entry| !matches!(entry.item, Item::Absent(_)))
            .filter_map(|entry| entry.version.clone())
            .chain(named.filter_map(|it| it.version.clone()))
            .collect();
        host.sort();
        host.dedup();
        self.problem(Problem::Version {
            side: Side::Import,
            name: clip(&import.base),
            component: import.version.clone(),
            host,
        });
    }

    /// What is offered of the package that a name is of.
    fn same_package(&self, base: &str) -> Vec<String> {
        let Some((package, _)) = base.split_once('/') else {
            return Vec::new();
        };
        let prefix = format!("{package}/");
        let offered = self.offer.imports.range(prefix.clone()..);
        offered
            .take_while(|(name, _)| name.starts_with(&prefix))
            .flat_map(|(name, entries)| entries.iter().map(move |entry| (name, entry)))
            .filter(|(_, entry)| !matches!(entry.item, Item::Absent(_)))
            .map(|(name, entry)| versioned(name, entry.version.as_ref()))
            .take(MAX_OFFERED)
            .collect()
    }

    fn served_by(&mut self, import: &Binary, entry: &'a Entry) {
        if let Some(feature) = &entry.gate.unstable
            && !self.is_on(&entry.gate)
        {
            return self.problem(Problem::NotOffered {
                name: clip(&import.name),
                reason: format!("it is unstable, and the feature `{feature}` is not turned on"),
            });
        }
        self.served.push(Served {
            name: clip(&import.base),
            required: import.version.clone(),
            offered: entry.version.clone(),
            foreign: false,
        });
        match (&import.kind, &entry.item) {
            (_, Item::Absent(reason)) => self.problem(Problem::NotOffered {
                name: clip(&import.name),
                reason: reason.clone(),
            }),
            (ItemKind::Interface(has), Item::Interface(offered)) => {
                if let Some(deprecated) = &entry.gate.deprecated {
                    self.warn(Warning {
                        interface: versioned(&import.base, entry.version.as_ref()),
                        function: None,
                        deprecated: deprecated.clone(),
                        replacement: entry.replacement.clone(),
                    });
                }
                self.interface(import, has, entry, offered);
            }
            (ItemKind::Function(has), Item::Function(offered)) => {
                if let Some(deprecated) = &entry.gate.deprecated {
                    self.warn(Warning {
                        interface: String::new(),
                        function: Some(plain(&import.base)),
                        deprecated: deprecated.clone(),
                        replacement: entry.replacement.clone(),
                    });
                }
                self.function(Side::Import, "", &import.base, has, offered);
            }
            (ItemKind::Resource, Item::Resource) => {}
            _ => self.kinds(Side::Import, import, entry),
        }
    }

    fn warn(&mut self, warning: Warning) {
        if self.warnings.len() < MAX_LISTED {
            self.warnings.push(warning);
        }
    }

    fn kinds(&mut self, side: Side, item: &Binary, entry: &Entry) {
        let component = match &item.kind {
            ItemKind::Interface(_) => "an interface",
            ItemKind::Function(_) => "a function",
            ItemKind::Resource => "a resource",
            ItemKind::Type => "a type",
            ItemKind::Other(what) => what,
        };
        let host = match &entry.item {
            Item::Interface(_) => "an interface",
            Item::Function(_) => "a function",
            Item::Resource => "a resource",
            Item::Absent(_) => "nothing",
        };
        self.problem(Problem::Kind {
            side,
            name: clip(&item.name),
            component: component.to_owned(),
            host: host.to_owned(),
        });
    }

    fn interface(&mut self, import: &Binary, has: &Has, entry: &Entry, offered: &'a Interface) {
        for other in &has.others {
            self.problem(Problem::Unsupported {
                name: clip(&format!("{}: {other}", import.name)),
                what: "neither function nor type".to_owned(),
            });
        }
        for resource in &has.resources {
            if !offered.resources.contains(resource) {
                self.problem(Problem::MissingResource {
                    interface: clip(&import.name),
                    resource: clip(resource),
                });
            }
        }
        for (name, function) in &has.functions {
            let Some(known) = offered.functions.get(name) else {
                self.missing(import, name, function, None);
                continue;
            };
            if !self.is_on(&known.gate) {
                self.missing(import, name, function, known.gate.unstable.clone());
                continue;
            }
            if let Some(deprecated) = &known.gate.deprecated {
                self.warn(Warning {
                    interface: versioned(&import.base, entry.version.as_ref()),
                    function: Some(plain(name)),
                    deprecated: deprecated.clone(),
                    replacement: known.replacement.clone(),
                });
            }
            self.function(Side::Import, &import.name, name, function, &known.function);
        }
    }

    fn missing(
        &mut self,
        import: &Binary,
        name: &str,
        function: &Function,
        unstable: Option<String>,
    ) {
        let ty = text::function(self.types, function);
        self.problem(Problem::MissingFunction {
            side: Side::Import,
            interface: clip(&import.name),
            function: clip(&plain(name)),
            ty,
            unstable,
        });
    }

    fn function(
        &mut self,
        side: Side,
        interface: &str,
        name: &str,
        component: &Function,
        host: &Function,
    ) {
        if let Err(mismatch) = self.differ.functions(component, host) {
            self.problem(Problem::FunctionType {
                side,
                interface: clip(interface),
                function: clip(&plain(name)),
                component: text::function(self.types, component),
                host: text::function(&self.offer.types, host),
                difference: mismatch.text(),
            });
        }
    }

    fn exports(&mut self, component: &Component) {
        let offer = self.offer;
        let mut exports: BTreeMap<&str, Vec<&Binary>> = BTreeMap::new();
        for export in &component.exports {
            exports.entry(&export.base).or_default().push(export);
        }
        for (base, entry) in &offer.exports {
            if !self.is_on(&entry.gate) {
                continue;
            }
            let needed = entry.version.as_ref();
            let found = exports.get(base.as_str()).map_or(&[][..], Vec::as_slice);
            let fitting = found
                .iter()
                .filter(|export| serves(export.version.as_ref(), needed))
                .max_by_key(|export| export.version.as_ref());
            match (fitting, found.first()) {
                (Some(export), _) => self.export(export, entry),
                (None, Some(export)) => self.problem(Problem::Version {
                    side: Side::Export,
                    name: base.clone(),
                    component: export.version.clone(),
                    host: needed.cloned().into_iter().collect(),
                }),
                (None, None) => {
                    let ty = match &entry.item {
                        Item::Function(function) => Some(text::function(&offer.types, function)),
                        _ => None,
                    };
                    self.problem(Problem::MissingExport {
                        name: versioned(base, needed),
                        ty,
                    });
                }
            }
        }
    }

    fn export(&mut self, export: &Binary, entry: &'a Entry) {
        match (&export.kind, &entry.item) {
            (ItemKind::Interface(has), Item::Interface(needed)) => {
                for (name, needed) in &needed.functions {
                    if !self.is_on(&needed.gate) {
                        continue;
                    }
                    let Some(function) = has.functions.get(name) else {
                        self.problem(Problem::MissingFunction {
                            side: Side::Export,
                            interface: clip(&export.name),
                            function: clip(&plain(name)),
                            ty: text::function(&self.offer.types, &needed.function),
                            unstable: None,
                        });
                        continue;
                    };
                    self.function(Side::Export, &export.name, name, function, &needed.function);
                }
            }
            (ItemKind::Function(has), Item::Function(needed)) => {
                self.function(Side::Export, "", &export.base, has, needed);
            }
            (ItemKind::Resource, Item::Resource) => {}
            _ => self.kinds(Side::Export, export, entry),
        }
    }
}

fn versioned(base: &str, version: Option<&Version>) -> String {
    clip(&match version {
        Some(version) => format!("{base}@{version}"),
        None => base.to_owned(),
    })
}
