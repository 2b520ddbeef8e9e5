//! Two versions of a package, item by item.

use std::collections::BTreeSet;

use semver::Version;
use wit_parser::{
    Package, PackageId, PackageName, Resolve, Stability, WorldId, WorldItem, WorldKey,
};

use super::differ::{Differ, Sides};
use super::from_wit::{self, FromWit};
use super::report::{Change, ChangeKind, GateProblem, Level, Report};
use super::text::clip;
use super::types::Types;
use super::wit::{Wit, WitError};

mod items;

const SIDES: Sides = Sides {
    left: "the old version",
    right: "the new version",
};

/// Compares two versions of a package: what changed, whether that is a major, a minor or
/// a patch change, and whether the declared version says so.
///
/// Major is what can break a component that was built before, or a host: what is removed,
/// renamed or of another type, any change of the fields, cases or flags of a type, and a
/// new item in an interface that a world of the folder exports, because components that
/// were built before do not export it. Minor is what is new otherwise, and what became
/// deprecated. Docs and gates are patches. What is `@unstable` may change at any time.
///
/// ```
/// use enginebay_host::compat::{Level, Wit, compare};
///
/// let old = Wit::parse("old.wit", "package a:b@1.2.0; interface i { f: func(); }")?;
/// let new = Wit::parse("new.wit", "package a:b@1.2.1; interface i { f: func(); g: func(); }")?;
/// let report = compare(&old, &new)?;
/// assert_eq!(report.level, Some(Level::Minor));
/// assert_eq!(
///     report.to_string(),
///     "a:b 1.2.0 -> 1.2.1: minor changes; the version must be at least 1.3.0\n  \
///        minor  i.g: added\n         \
///               after:  func()\n",
/// );
/// # Ok::<(), enginebay_host::compat::WitError>(())
/// ```
///
/// # Errors
///
/// [`WitError::Depth`] for types that no component can have, and [`WitError::Package`]
/// for packages of different names.
pub fn compare(old: &Wit, new: &Wit) -> Result<Report, WitError> {
    packages(
        (old.resolve(), old.package()),
        (new.resolve(), new.package()),
    )
}

/// Compares the package as [`compare`] does, and with it every package of the same
/// namespace that is in both, by its newest version. What is in one of them only is not
/// compared.
///
/// # Errors
///
/// As [`compare`].
pub fn compare_all(old: &Wit, new: &Wit) -> Result<Vec<Report>, WitError> {
    let mut reports = vec![compare(old, new)?];
    let main = old.name();
    let newest = |wit: &Wit, name: &PackageName| {
        let packages = wit.resolve().packages.iter();
        packages
            .filter(|(_, it)| it.name.namespace == name.namespace && it.name.name == name.name)
            .max_by(|(_, a), (_, b)| a.name.version.cmp(&b.name.version))
            .map(|(id, _)| id)
    };
    let names: BTreeSet<&str> = old
        .resolve()
        .packages
        .iter()
        .filter(|(_, it)| it.name.namespace == main.namespace && it.name.name != main.name)
        .map(|(_, it)| it.name.name.as_str())
        .collect();
    for name in names {
        let name = PackageName {
            name: name.to_owned(),
            ..main.clone()
        };
        if let (Some(a), Some(b)) = (newest(old, &name), newest(new, &name)) {
            reports.push(packages((old.resolve(), a), (new.resolve(), b))?);
        }
    }
    Ok(reports)
}

fn packages(old: (&Resolve, PackageId), new: (&Resolve, PackageId)) -> Result<Report, WitError> {
    let (a, b) = (&old.0.packages[old.1], &new.0.packages[new.1]);
    let id = |package: &Package| format!("{}:{}", package.name.namespace, package.name.name);
    if id(a) != id(b) {
        return Err(WitError::Package {
            old: a.name.to_string(),
            new: b.name.to_string(),
        });
    }
    let (mut old_types, mut new_types) = (Types::default(), Types::default());
    let old_wit = FromWit::new(old.0, &mut old_types)?;
    let new_wit = FromWit::new(new.0, &mut new_types)?;
    let mut comparison = Comparison {
        old: Edition {
            resolve: old.0,
            wit: &old_wit,
            types: &old_types,
        },
        new: Edition {
            resolve: new.0,
            wit: &new_wit,
            types: &new_types,
        },
        differ: Differ::new(&old_types, &new_types, SIDES).by_name(format!("{}/", id(a))),
        old_version: a.name.version.clone(),
        version: b.name.version.clone(),
        exported: exported(old.0),
        is_gated: is_gated(old.0, a) || is_gated(new.0, b),
        changes: Vec::new(),
        gates: Vec::new(),
    };
    comparison.docs("package", &a.docs, &b.docs);
    comparison.dependencies(old.1, new.1);
    comparison.interfaces(a, b)?;
    comparison.worlds(a, b)?;
    let Comparison { changes, gates, .. } = comparison;
    let (old, new) = (a.name.version.clone(), b.name.version.clone());
    Ok(Report::new(id(a), old, new, changes, gates))
}

/// The interfaces that a world exports, of this package or of one that is with it, by
/// name without version.
fn exported(resolve: &Resolve) -> BTreeSet<String> {
    let worlds = resolve.worlds.iter().map(|(_, world)| world);
    let items = worlds.flat_map(|world| world.exports.values());
    let ids = items.filter_map(|item| match item {
        WorldItem::Interface { id, .. } => Some(*id),
        WorldItem::Function(_) | WorldItem::Type { .. } => None,
    });
    ids.map(|id| from_wit::scope(resolve, id))
        .filter(|scope| !scope.is_empty())
        .collect()
}

/// Whether the package uses `@since` at all.
fn is_gated(resolve: &Resolve, package: &Package) -> bool {
    let interfaces = package
        .interfaces
        .values()
        .map(|id| &resolve.interfaces[*id]);
    let mut in_interfaces = interfaces.flat_map(|interface| {
        let functions = interface.functions.values().map(|it| &it.stability);
        let types = interface
            .types
            .values()
            .map(|id| &resolve.types[*id].stability);
        functions.chain(types).chain([&interface.stability])
    });
    let worlds = package.worlds.values().map(|id| &resolve.worlds[*id]);
    let mut in_worlds = worlds.flat_map(|world| {
        let items = world.imports.values().chain(world.exports.values());
        items
            .map(|item| item.stability(resolve))
            .chain([&world.stability])
    });
    in_interfaces.any(Stability::is_stable) || in_worlds.any(Stability::is_stable)
}

/// One of the two versions of a package.
#[derive(Clone, Copy)]
struct Edition<'a> {
    resolve: &'a Resolve,
    wit: &'a FromWit<'a>,
    types: &'a Types,
}

struct Comparison<'a> {
    old: Edition<'a>,
    new: Edition<'a>,
    differ: Differ<'a>,
    old_version: Option<Version>,
    /// The new version.
    version: Option<Version>,
    exported: BTreeSet<String>,
    is_gated: bool,
    changes: Vec<Change>,
    gates: Vec<GateProblem>,
}

/// Who must have what is in an interface.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The host, or nobody yet.
    Offered,
    /// Components.
    Needed,
}

impl Comparison<'_> {
    fn change(&mut self, level: Level, kind: ChangeKind, item: &str, text: impl Into<String>) {
        self.changes.push(Change {
            level,
            kind,
            item: item.to_owned(),
            text: text.into(),
            before: None,
            after: None,
        });
    }

    /// Adds the types to the last change.
    fn with_types(&mut self, before: Option<String>, after: Option<String>) {
        if let Some(change) = self.changes.last_mut() {
            change.before = before;
            change.after = after;
        }
    }

    fn dependencies(&mut self, old: PackageId, new: PackageId) {
        // Each once, however many items use it.
        let names = |resolve: &Resolve, id| -> BTreeSet<PackageName> {
            let ids = resolve.package_direct_deps(id);
            ids.map(|id| resolve.packages[id].name.clone()).collect()
        };
        let (old, new) = (names(self.old.resolve, old), names(self.new.resolve, new));
        for before in &old {
            if new.contains(before) {
                continue;
            }
            let same = |it: &&PackageName| {
                it.namespace == before.namespace && it.name == before.name && !old.contains(it)
            };
            // What is no longer used is told of what used it.
            let Some(after) = new.iter().find(same) else {
                continue;
            };
            let track = |name: &PackageName| {
                let version = name.version.as_ref();
                version.map(PackageName::version_compat_track)
            };
            let level = if track(before) == track(after) {
                Level::Minor
            } else {
                Level::Major
            };
            let text = format!("uses {after}, and before {before}");
            self.change(level, ChangeKind::Dependency, "package", text);
        }
    }

    fn interfaces(&mut self, old: &Package, new: &Package) -> Result<(), WitError> {
        for (name, id) in &old.interfaces {
            match new.interfaces.get(name) {
                None => {
                    let stability = &self.old.resolve.interfaces[*id].stability;
                    self.removed(name, stability);
                }
                Some(new) => {
                    let role = if self
                        .exported
                        .contains(&from_wit::scope(self.old.resolve, *id))
                    {
                        Role::Needed
                    } else {
                        Role::Offered
                    };
                    self.interface(name, role, *id, *new)?;
                }
            }
        }
        for (name, id) in &new.interfaces {
            if !old.interfaces.contains_key(name) {
                let stability = &self.new.resolve.interfaces[*id].stability;
                self.added(name, stability, Role::Offered);
                self.since(name, stability);
            }
        }
        Ok(())
    }

    fn worlds(&mut self, old: &Package, new: &Package) -> Result<(), WitError> {
        for (name, id) in &old.worlds {
            let path = format!("world {name}");
            match new.worlds.get(name) {
                None => {
                    let stability = &self.old.resolve.worlds[*id].stability;
                    self.removed(&path, stability);
                }
                Some(new) => self.world(&path, *id, *new)?,
            }
        }
        for (name, id) in &new.worlds {
            if !old.worlds.contains_key(name) {
                let stability = &self.new.resolve.worlds[*id].stability;
                let path = format!("world {name}");
                self.added(&path, stability, Role::Offered);
                self.since(&path, stability);
            }
        }
        Ok(())
    }

    fn world(&mut self, path: &str, old: WorldId, new: WorldId) -> Result<(), WitError> {
        let (a, b) = (self.old, self.new);
        let (old, new) = (&a.resolve.worlds[old], &b.resolve.worlds[new]);
        let from = self.changes.len();
        self.docs(path, &old.docs, &new.docs);
        for (word, role, before, after) in [
            ("import", Role::Offered, &old.imports, &new.imports),
            ("export", Role::Needed, &old.exports, &new.exports),
        ] {
            for (key, item) in before {
                let name = unversioned(a.resolve, key);
                let path = format!("{path}: {word} {name}");
                let found = after
                    .iter()
                    .find(|(it, _)| unversioned(b.resolve, it) == name);
                match found {
                    None => self.removed(&path, item.stability(a.resolve)),
                    Some((_, new)) => self.world_item(&path, role, key, item, new)?,
                }
            }
            for (key, item) in after {
                let name = unversioned(b.resolve, key);
                if !before.keys().any(|it| unversioned(a.resolve, it) == name) {
                    let path = format!("{path}: {word} {name}");
                    // Not each has a gate of its own: some are there for their types.
                    self.added(&path, item.stability(b.resolve), role);
                }
            }
        }
        self.gate(
            path,
            Role::Offered,
            from,
            &old.stability,
            &new.stability,
            &new.docs,
        );
        Ok(())
    }
}

/// The name of an import or export, without a version.
fn unversioned(resolve: &Resolve, key: &WorldKey) -> String {
    match key {
        WorldKey::Name(name) => clip(name),
        WorldKey::Interface(id) => from_wit::scope(resolve, *id),
    }
}
