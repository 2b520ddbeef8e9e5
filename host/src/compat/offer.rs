//! What a host offers to components, and what it needs of them.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use wit_parser::{InterfaceId, PackageId, Resolve, Stability, WorldId, WorldItem};

use super::check;
use super::fit::{Fit, Unfit};
use super::from_wit::FromWit;
use super::gate::{self, Gate};
use super::types::{Function, Types};
use super::version;
use super::wit::WitError;

/// What a host offers to components, and what they must export for it.
///
/// An offer knows interfaces by their WIT, with the version of their package. Several
/// versions of one interface can be offered side by side; a component gets the newest
/// that serves it. A version serves a component that was built against the same or an
/// older version of the same track: 1.5 serves 1.0, and neither serves 2.0.
///
/// ```
/// use enginebay_host::compat::{Offer, Wit};
///
/// let wit = Wit::parse(
///     "host.wit",
///     "package a:host@1.2.0;
///      interface log { write: func(line: string); }
///      world plugin { import log; export run: func(); }",
/// )?;
/// let offer = Offer::world(wit.resolve(), wit.select(Some("plugin"))?)?;
///
/// // The empty component imports nothing, but does not export `run` either.
/// let unfit = offer.check(b"\0asm\x0d\0\x01\0").unwrap_err();
/// assert_eq!(
///     unfit.to_string(),
///     "the component does not fit this host:\n  \
///      export `run`: it is missing, and this host needs it: `func()`\n",
/// );
/// # Ok::<(), enginebay_host::compat::WitError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Offer {
    pub(super) types: Types,
    /// By the name without the version.
    pub(super) imports: BTreeMap<String, Vec<Entry>>,
    pub(super) exports: BTreeMap<String, Entry>,
    pub(super) foreign: Vec<Foreign>,
    pub(super) features: BTreeSet<String>,
}

/// One version of something with a name.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) version: Option<Version>,
    pub(super) item: Item,
    pub(super) gate: Gate,
    pub(super) replacement: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Item {
    Interface(Interface),
    Function(Function),
    Resource,
    /// Known, but not here: why.
    Absent(String),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Interface {
    pub(super) functions: BTreeMap<String, Offered>,
    pub(super) resources: BTreeSet<String>,
}

/// A function of an interface.
#[derive(Clone, Debug)]
pub(super) struct Offered {
    pub(super) function: Function,
    pub(super) gate: Gate,
    pub(super) replacement: Option<String>,
}

/// Interfaces that are offered without their WIT.
#[derive(Clone, Debug)]
pub(super) struct Foreign {
    namespace: String,
    /// `None` for all.
    package: Option<String>,
    interface: Option<String>,
    pub(super) version: Option<Version>,
}

impl Foreign {
    fn parse(name: &str) -> Option<Self> {
        let (base, version) = match name.split_once('@') {
            Some((base, version)) => (base, Some(Version::parse(version).ok()?)),
            None => (name, None),
        };
        let (namespace, rest) = base.split_once(':')?;
        let (package, interface) = rest.split_once('/')?;
        wit_parser::validate_id(namespace).ok()?;
        let part = |text: &str| match text {
            "*" => Some(None),
            text => wit_parser::validate_id(text)
                .ok()
                .map(|()| Some(text.to_owned())),
        };
        Some(Foreign {
            namespace: namespace.to_owned(),
            package: part(package)?,
            interface: part(interface)?,
            version,
        })
    }

    pub(super) fn names(&self, base: &str) -> bool {
        let parts = base
            .split_once(':')
            .and_then(|(namespace, rest)| Some((namespace, rest.split_once('/')?)));
        let Some((namespace, (package, interface))) = parts else {
            return false;
        };
        let is = |wanted: &Option<String>, text| wanted.as_deref().is_none_or(|it| it == text);
        self.namespace == namespace && is(&self.package, package) && is(&self.interface, interface)
    }

    /// Whether some of it is of a package, or is an interface.
    fn is_of(&self, name: &str) -> bool {
        match name.split_once('/') {
            Some(_) => self.names(name),
            None => {
                let interface = self.interface.as_deref().unwrap_or("any");
                self.names(&format!("{name}/{interface}"))
            }
        }
    }
}

impl Offer {
    /// Offers nothing, and needs nothing.
    pub fn new() -> Self {
        Offer::default()
    }

    /// What a world's components can import is offered, and what they must export is
    /// needed. Other interfaces that are in the packages are known, but not offered.
    ///
    /// # Errors
    ///
    /// As [`Offer::interface`].
    pub fn world(resolve: &Resolve, world: WorldId) -> Result<Self, WitError> {
        let mut offer = Offer::new();
        let wit = FromWit::new(resolve, &mut offer.types)?;
        let world = &resolve.worlds[world];
        for (key, item) in &world.imports {
            let name = resolve.name_world_key(key);
            if let Some(entry) = entry(&wit, &name, item)? {
                offer.add(&name, entry);
            }
        }
        for (key, item) in &world.exports {
            let name = resolve.name_world_key(key);
            if let Some(entry) = entry(&wit, &name, item)? {
                let base = version::split(&name).0.to_owned();
                offer.exports.insert(base, entry);
            }
        }
        let reason = format!("the world `{}` does not have it", world.name);
        for (id, _) in resolve.interfaces.iter() {
            if let Some(name) = resolve.id_of(id) {
                let (base, version) = version::split(&name);
                let known = offer.imports.get(base).map_or(&[][..], Vec::as_slice);
                if !known.iter().any(|entry| entry.version == version) {
                    offer.absent(resolve, id, &reason);
                }
            }
        }
        Ok(offer)
    }

    /// All interfaces of a package are offered.
    ///
    /// # Errors
    ///
    /// As [`Offer::interface`].
    pub fn package(resolve: &Resolve, package: PackageId) -> Result<Self, WitError> {
        let mut offer = Offer::new();
        let wit = FromWit::new(resolve, &mut offer.types)?;
        for id in resolve.packages[package].interfaces.values() {
            offer.offered(&wit, *id)?;
        }
        Ok(offer)
    }

    /// Offers an interface besides what is offered. An interface of the same name and
    /// version is replaced.
    ///
    /// # Errors
    ///
    /// [`WitError::Depth`] for types that no component can have, [`WitError::Order`] for
    /// a [`Resolve`] that no parser made.
    pub fn interface(
        &mut self,
        resolve: &Resolve,
        interface: InterfaceId,
    ) -> Result<&mut Self, WitError> {
        let wit = FromWit::new(resolve, &mut self.types)?;
        self.offered(&wit, interface)?;
        Ok(self)
    }

    fn offered(&mut self, wit: &FromWit<'_>, id: InterfaceId) -> Result<(), WitError> {
        let resolve = wit.resolve();
        if let Some(name) = resolve.id_of(id) {
            let interface = &resolve.interfaces[id];
            let entry = Entry {
                version: version::split(&name).1,
                item: Item::Interface(read(wit, id)?),
                gate: Gate::new(&interface.stability),
                replacement: gate::replacement(&interface.docs),
            };
            self.add(&name, entry);
        }
        Ok(())
    }

    /// Notes an interface that exists, but that this host does not offer: what it is
    /// said of to components that import it, with the reason.
    pub fn not_offered(
        &mut self,
        resolve: &Resolve,
        interface: InterfaceId,
        reason: &str,
    ) -> &mut Self {
        self.absent(resolve, interface, reason);
        self
    }

    fn absent(&mut self, resolve: &Resolve, interface: InterfaceId, reason: &str) {
        if let Some(name) = resolve.id_of(interface) {
            let entry = Entry {
                version: version::split(&name).1,
                item: Item::Absent(reason.to_owned()),
                gate: Gate::default(),
                replacement: None,
            };
            self.add(&name, entry);
        }
    }

    fn add(&mut self, name: &str, entry: Entry) {
        let base = version::split(name).0.to_owned();
        let entries = self.imports.entry(base).or_default();
        entries.retain(|it| it.version != entry.version);
        entries.push(entry);
    }

    /// Offers interfaces whose WIT is not at hand, as `wasi:clocks/wall-clock@0.2.6`,
    /// `wasi:clocks/*@0.2.6` or `wasi:*/*@0.2.6`: their versions are checked, their
    /// types when the component is linked.
    ///
    /// # Errors
    ///
    /// [`WitError::Name`] for another form.
    pub fn foreign(&mut self, name: &str) -> Result<&mut Self, WitError> {
        let foreign = Foreign::parse(name).ok_or_else(|| WitError::Name(name.to_owned()))?;
        self.foreign.push(foreign);
        Ok(self)
    }

    /// The newest version that is offered of a package or of an interface, as
    /// `enginebay:storage` or `wasi:clocks/wall-clock`, whether its WIT is at hand or not.
    pub(crate) fn version_of(&self, name: &str) -> Option<&Version> {
        let interfaces = self.imports.iter().filter(|(base, _)| {
            let rest = base.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        let offered = interfaces.flat_map(|(_, entries)| entries);
        let offered = offered
            .filter(|entry| !matches!(entry.item, Item::Absent(_)))
            .filter_map(|entry| entry.version.as_ref());
        let foreign = self.foreign.iter().filter(|it| it.is_of(name));
        offered
            .chain(foreign.filter_map(|it| it.version.as_ref()))
            .max()
    }

    /// Offers what is `@unstable` with this feature. Without, it is not.
    pub fn feature(&mut self, feature: &str) -> &mut Self {
        self.features.insert(feature.to_owned());
        self
    }

    /// Checks whether a component fits: each of its imports is offered, in a version that
    /// serves it, with every function of the same type, and it exports what this host
    /// needs. Nothing is compiled. The bytes are a component, binary or text, and may be
    /// anything.
    ///
    /// # Errors
    ///
    /// All that does not fit, at once. Of very many problems the first are listed and the
    /// others counted.
    pub fn check(&self, component: &[u8]) -> Result<Fit, Unfit> {
        check::check(self, component)
    }
}

/// A world's import or export. `None` for a type that is another's name.
fn entry(wit: &FromWit<'_>, name: &str, item: &WorldItem) -> Result<Option<Entry>, WitError> {
    let resolve = wit.resolve();
    let (item, stability, docs) = match item {
        WorldItem::Interface { id, .. } => {
            let interface = &resolve.interfaces[*id];
            let item = Item::Interface(read(wit, *id)?);
            (item, &interface.stability, &interface.docs)
        }
        WorldItem::Function(function) => {
            let item = Item::Function(wit.function(function)?);
            (item, &function.stability, &function.docs)
        }
        WorldItem::Type { id, .. } => {
            let ty = &resolve.types[*id];
            if !matches!(ty.kind, wit_parser::TypeDefKind::Resource) {
                return Ok(None);
            }
            (Item::Resource, &ty.stability, &ty.docs)
        }
    };
    Ok(Some(Entry {
        version: version::split(name).1,
        item,
        gate: Gate::new(stability),
        replacement: gate::replacement(docs),
    }))
}

fn read(wit: &FromWit<'_>, id: InterfaceId) -> Result<Interface, WitError> {
    let resolve = wit.resolve();
    let mut interface = Interface::default();
    for (name, function) in &resolve.interfaces[id].functions {
        // A function of a resource is as stable as the resource.
        let resource = function.kind.resource().map(|id| &resolve.types[id]);
        let stability = match (&function.stability, resource) {
            (Stability::Unknown, Some(resource)) => &resource.stability,
            (stability, _) => stability,
        };
        let docs = resource.map(|resource| &resource.docs);
        interface.functions.insert(
            name.clone(),
            Offered {
                function: wit.function(function)?,
                gate: Gate::new(stability),
                replacement: gate::replacement(&function.docs)
                    .or_else(|| docs.and_then(gate::replacement)),
            },
        );
    }
    for (name, id) in &resolve.interfaces[id].types {
        let mut id = *id;
        // A resource of another interface is one here too.
        while let wit_parser::TypeDefKind::Type(wit_parser::Type::Id(target)) =
            resolve.types[id].kind
        {
            id = target;
        }
        if matches!(resolve.types[id].kind, wit_parser::TypeDefKind::Resource) {
            interface.resources.insert(name.clone());
        }
    }
    Ok(interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_packages_and_interfaces_are_known_with_and_without_wit() {
        let wit = super::super::Wit::parse(
            "host.wit",
            "package a:host@1.2.0; interface log {} interface more {} world w { import log; }",
        )
        .unwrap();
        let mut offer = Offer::world(wit.resolve(), wit.select(None).unwrap()).unwrap();
        offer.foreign("wasi:clocks/*@0.2.12").unwrap();
        offer.foreign("wasi:io/streams@0.2.6").unwrap();
        offer.foreign("b:*/*@2.0.0").unwrap();
        let version = |name| offer.version_of(name).map(Version::to_string);
        for (name, expected) in [
            ("a:host", Some("1.2.0")),
            ("a:host/log", Some("1.2.0")),
            ("a:host/more", None),
            ("a:host/lo", None),
            ("a:hos", None),
            ("wasi:clocks", Some("0.2.12")),
            ("wasi:clocks/wall-clock", Some("0.2.12")),
            ("wasi:io", Some("0.2.6")),
            ("wasi:io/streams", Some("0.2.6")),
            ("wasi:io/poll", None),
            ("wasi:http", None),
            ("b:anything", Some("2.0.0")),
        ] {
            assert_eq!(version(name).as_deref(), expected, "{name}");
        }
    }
}
