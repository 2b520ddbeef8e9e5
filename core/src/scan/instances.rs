//! How many instances a component comes to when it is instantiated. A component
//! can instantiate another more than once, and that one a third: what is counted
//! in the file says little. So they are instantiated here, in the mind, until
//! there are more than are allowed.

use std::collections::HashMap;

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Encoding, Instance, Payload,
};

use super::{malformed, within};
use crate::config::Complexity;
use crate::error::Result;

/// A name, as a number: all that is asked of names is which are the same.
type Name = u32;

/// An item of a component that has to do with components and instances, in the
/// order in which they are defined.
enum Item {
    /// So many core instances.
    Core(u64),
    Component(u32),
    OuterComponent {
        count: u32,
        index: u32,
    },
    /// Items given and bundled are in the order of their names.
    Instantiate {
        component: u32,
        args: Box<[Named]>,
    },
    Bundle(Box<[Named]>),
    Import(Sort, Name),
    Alias {
        sort: Sort,
        instance: u32,
        name: Name,
    },
    Export(Named),
}

#[derive(Clone, Copy)]
enum Sort {
    Component,
    Instance,
}

struct Named {
    sort: Sort,
    name: Name,
    index: u32,
}

fn sort(kind: ComponentExternalKind) -> Option<Sort> {
    match kind {
        ComponentExternalKind::Component => Some(Sort::Component),
        ComponentExternalKind::Instance => Some(Sort::Instance),
        _ => None,
    }
}

/// How many items there may be for each instance that is allowed, on the average:
/// aliases, exports and arguments. It holds for those of the file and for those
/// that are gone through, and so bounds what is allocated for either.
const STEPS: u64 = 100;

fn within_steps(steps: u64, limits: &Complexity) -> Result<()> {
    let limit = limits.instances.max(1_000).saturating_mul(STEPS);
    within("parts of instances", steps, limit)
}

/// The components of a file, as far as they have been gone through: the first is
/// that which has all the others.
#[derive(Default)]
pub(super) struct Graph<'a> {
    components: Vec<Vec<Item>>,
    /// Which components enclose the place; nothing for a core module.
    open: Vec<Option<u32>>,
    names: HashMap<&'a str, Name>,
    /// Items that were added, and those in them.
    items: u64,
}

impl<'a> Graph<'a> {
    /// Takes what it needs from a part of the file. What it keeps is limited,
    /// however much the file has of it.
    pub(super) fn see(&mut self, payload: &Payload<'a>, limits: &Complexity) -> Result<()> {
        match payload {
            Payload::Version { encoding, .. } => {
                // They are items, of which there are not so many.
                let index = self.components.len() as u32;
                let component = (*encoding == Encoding::Component).then_some(index);
                if let Some(index) = component {
                    self.add(Item::Component(index), limits)?;
                    self.components.push(Vec::new());
                }
                self.open.push(component);
            }
            Payload::End(_) => {
                self.open.pop();
            }
            Payload::InstanceSection(reader) => {
                for instance in reader.clone() {
                    if let Instance::Instantiate { .. } = instance.map_err(malformed)? {
                        self.add_core(limits)?;
                    }
                }
            }
            Payload::ComponentInstanceSection(reader) => {
                for instance in reader.clone() {
                    let item = match instance.map_err(malformed)? {
                        ComponentInstance::Instantiate {
                            component_index,
                            args,
                        } => {
                            let args = args.iter().map(|arg| (arg.name, arg.kind, arg.index));
                            Item::Instantiate {
                                component: component_index,
                                args: self.all_named(args, limits)?,
                            }
                        }
                        ComponentInstance::FromExports(exports) => {
                            let exports =
                                exports.iter().map(|it| (it.name.name, it.kind, it.index));
                            Item::Bundle(self.all_named(exports, limits)?)
                        }
                    };
                    self.add(item, limits)?;
                }
            }
            Payload::ComponentAliasSection(reader) => {
                for alias in reader.clone() {
                    match alias.map_err(malformed)? {
                        ComponentAlias::InstanceExport {
                            kind,
                            instance_index: instance,
                            name,
                        } => {
                            if let Some(sort) = sort(kind) {
                                let name = self.name(name);
                                let alias = Item::Alias {
                                    sort,
                                    instance,
                                    name,
                                };
                                self.add(alias, limits)?;
                            }
                        }
                        ComponentAlias::Outer {
                            kind: ComponentOuterAliasKind::Component,
                            count,
                            index,
                        } => self.add(Item::OuterComponent { count, index }, limits)?,
                        _ => {}
                    }
                }
            }
            Payload::ComponentImportSection(reader) => {
                for import in reader.clone() {
                    let import = import.map_err(malformed)?;
                    let sort = match import.ty {
                        ComponentTypeRef::Component(_) => Sort::Component,
                        ComponentTypeRef::Instance(_) => Sort::Instance,
                        _ => continue,
                    };
                    let name = self.name(import.name.name);
                    self.add(Item::Import(sort, name), limits)?;
                }
            }
            Payload::ComponentExportSection(reader) => {
                for export in reader.clone() {
                    let export = export.map_err(malformed)?;
                    if let Some(sort) = sort(export.kind) {
                        let name = self.name(export.name.name);
                        let index = export.index;
                        self.add(Item::Export(Named { sort, name, index }), limits)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The number of a name. There are no more names than items.
    fn name(&mut self, name: &'a str) -> Name {
        let next = self.names.len() as Name;
        *self.names.entry(name).or_insert(next)
    }

    fn all_named(
        &mut self,
        all: impl Iterator<Item = (&'a str, ComponentExternalKind, u32)>,
        limits: &Complexity,
    ) -> Result<Box<[Named]>> {
        let mut items = Vec::new();
        for (name, kind, index) in all {
            if let Some(sort) = sort(kind) {
                self.item(limits)?;
                let name = self.name(name);
                items.push(Named { sort, name, index });
            }
        }
        items.sort_unstable_by_key(|item| item.name);
        Ok(items.into())
    }

    fn item(&mut self, limits: &Complexity) -> Result<()> {
        self.items += 1;
        within_steps(self.items, limits)
    }

    fn opened(&mut self) -> Option<&mut Vec<Item>> {
        let open = (*self.open.last()?)?;
        self.components.get_mut(open as usize)
    }

    fn add(&mut self, item: Item, limits: &Complexity) -> Result<()> {
        self.item(limits)?;
        if let Some(items) = self.opened() {
            items.push(item);
        }
        Ok(())
    }

    /// Adds a core instance, to those before it if it follows some.
    fn add_core(&mut self, limits: &Complexity) -> Result<()> {
        if let Some(Item::Core(count)) = self.opened().and_then(|items| items.last_mut()) {
            *count += 1;
            return Ok(());
        }
        self.add(Item::Core(1), limits)
    }

    /// Counts the instances that the component comes to.
    pub(super) fn count(&self, limits: &Complexity) -> Result<()> {
        let mut count = Count {
            components: &self.components,
            limits,
            frames: Vec::new(),
            exports: Vec::new(),
            instances: 0,
            steps: 0,
        };
        count.instantiate(0, None, &[], 0).map(drop)
    }
}

/// A component that may be instantiated, with the instance in which it is defined.
#[derive(Clone, Copy)]
enum Component {
    Known(u32, Option<u32>),
    /// The host's, or one that is not there: the component is not valid then, or
    /// no backend takes it.
    Unknown,
}

/// What an instance exports: where it is in [`Count::exports`]. Instances that
/// export each other make a chain as long as the file likes, so they do not own
/// each other.
#[derive(Clone, Copy, Default)]
struct Exports {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy)]
enum Value {
    Component(Component),
    Instance(Exports),
}

fn find(values: &[(Name, Value)], name: Name) -> Option<Value> {
    let found = values.binary_search_by_key(&name, |(name, _)| *name);
    found.ok().map(|index| values[index].1)
}

/// An instance: the components that it knows, and the instance in which its own
/// component is defined.
struct Frame {
    components: Vec<Component>,
    outer: Option<u32>,
}

struct Count<'a> {
    components: &'a [Vec<Item>],
    limits: &'a Complexity,
    frames: Vec<Frame>,
    /// What all instances export, each one's in the order of names.
    exports: Vec<(Name, Value)>,
    instances: u64,
    /// Every item that is gone through and every part of it, and so all that is
    /// kept: each adds one component, instance, argument or export.
    steps: u64,
}

impl Count<'_> {
    fn instances(&mut self, count: u64) -> Result<()> {
        self.instances = self.instances.saturating_add(count);
        within("instances", self.instances, self.limits.instances)
    }

    fn steps(&mut self, count: usize) -> Result<()> {
        self.steps = self.steps.saturating_add(count as u64);
        within_steps(self.steps, self.limits)
    }

    /// Keeps what an instance exports, in the order of names.
    fn export(&mut self, exports: impl IntoIterator<Item = (Name, Value)>) -> Exports {
        let start = self.exports.len() as u32;
        self.exports.extend(exports);
        let end = self.exports.len() as u32;
        Exports { start, end }
    }

    fn exported(&self, instance: Exports, name: Name) -> Option<Value> {
        let exports = self
            .exports
            .get(instance.start as usize..instance.end as usize)?;
        find(exports, name)
    }

    fn instantiate(
        &mut self,
        component: u32,
        outer: Option<u32>,
        args: &[(Name, Value)],
        depth: u64,
    ) -> Result<Exports> {
        within("instances inside of each other", depth, self.limits.nesting)?;
        let this = self.frames.len() as u32;
        self.frames.push(Frame {
            components: Vec::new(),
            outer,
        });
        let mut instances: Vec<Exports> = Vec::new();
        let mut exports = Vec::new();
        let all = self.components;
        for item in all.get(component as usize).into_iter().flatten() {
            self.steps(1)?;
            let get = |count: &Self, named: &Named| match named.sort {
                Sort::Component => Value::Component(count.component(this, named.index)),
                Sort::Instance => {
                    let instance = instances.get(named.index as usize).copied();
                    Value::Instance(instance.unwrap_or_default())
                }
            };
            let (sort, value) = match item {
                Item::Core(count) => {
                    self.instances(*count)?;
                    continue;
                }
                Item::Component(index) => {
                    let known = Component::Known(*index, Some(this));
                    (Sort::Component, Some(Value::Component(known)))
                }
                Item::OuterComponent { count, index } => {
                    let outer = self.outer(this, *count);
                    let found = outer.map(|outer| self.component(outer, *index));
                    (Sort::Component, found.map(Value::Component))
                }
                Item::Instantiate { component, args } => {
                    self.instances(1)?;
                    self.steps(args.len())?;
                    let exports = match self.component(this, *component) {
                        Component::Unknown => Exports::default(),
                        Component::Known(index, outer) => {
                            let args = args.iter().map(|arg| (arg.name, get(self, arg)));
                            let args: Vec<_> = args.collect();
                            self.instantiate(index, outer, &args, depth + 1)?
                        }
                    };
                    (Sort::Instance, Some(Value::Instance(exports)))
                }
                Item::Bundle(items) => {
                    self.steps(items.len())?;
                    let items = items.iter().map(|it| (it.name, get(self, it)));
                    let items: Vec<_> = items.collect();
                    (Sort::Instance, Some(Value::Instance(self.export(items))))
                }
                Item::Import(sort, name) => (*sort, find(args, *name)),
                Item::Alias {
                    sort,
                    instance,
                    name,
                } => {
                    let instance = instances.get(*instance as usize).copied();
                    let value = instance.and_then(|it| self.exported(it, *name));
                    (*sort, value)
                }
                Item::Export(named) => {
                    let value = get(self, named);
                    exports.push((named.name, value));
                    (named.sort, Some(value))
                }
            };
            match (sort, value) {
                (Sort::Component, Some(Value::Component(it))) => self.know(this, it),
                (Sort::Component, _) => self.know(this, Component::Unknown),
                (Sort::Instance, Some(Value::Instance(it))) => instances.push(it),
                (Sort::Instance, _) => instances.push(Exports::default()),
            }
        }
        exports.sort_unstable_by_key(|(name, _)| *name);
        Ok(self.export(exports))
    }

    fn know(&mut self, frame: u32, component: Component) {
        self.frames[frame as usize].components.push(component);
    }

    fn component(&self, frame: u32, index: u32) -> Component {
        let components = &self.frames[frame as usize].components;
        let found = components.get(index as usize).copied();
        found.unwrap_or(Component::Unknown)
    }

    /// The instance so many levels further out.
    fn outer(&self, mut frame: u32, count: u32) -> Option<u32> {
        for _ in 0..count {
            frame = self.frames[frame as usize].outer?;
        }
        Some(frame)
    }
}

#[cfg(all(test, feature = "wat"))]
mod tests {
    use wasmparser::Parser;

    use super::*;

    fn graph(wasm: &[u8]) -> Graph<'_> {
        let mut graph = Graph::default();
        for payload in Parser::new(0).parse_all(wasm) {
            graph
                .see(&payload.unwrap(), &Complexity::default())
                .unwrap();
        }
        graph
    }

    /// How many instances a component comes to.
    fn instances(text: &str) -> u64 {
        let wasm = wat::parse_str(text).unwrap();
        let graph = graph(&wasm);
        let mut limits = Complexity::default();
        let fits = (0..10_000).find(|limit| {
            limits.instances = *limit;
            graph.count(&limits).is_ok()
        });
        fits.unwrap()
    }

    #[test]
    fn instances_are_counted_wherever_they_come_from() {
        let one = "(component $c (core module $m) (core instance (instantiate $m)))";
        for (content, count) in [
            (String::new(), 0),
            (one.to_owned(), 0),
            (format!("{one} (instance (instantiate $c))"), 2),
            (
                format!("{one} (instance (instantiate $c)) (instance (instantiate $c))"),
                4,
            ),
            (
                "(core module $m) (core instance (instantiate $m))".into(),
                1,
            ),
            (
                format!(
                    "{one} (component $d (alias outer 1 $c (component $c))
                        (instance (instantiate $c)) (instance (instantiate $c)))
                    (instance (instantiate $d)) (instance (instantiate $d))"
                ),
                10,
            ),
            // By an argument, and by an export.
            (
                format!(
                    r#"{one} (component $d (import "c" (component $x))
                        (instance (instantiate $x)) (instance (instantiate $x)))
                    (instance (instantiate $d (with "c" (component $c))))"#
                ),
                5,
            ),
            (
                format!(
                    r#"{one} (component $e (component $f (core module $m)
                            (core instance (instantiate $m)) (core instance (instantiate $m)))
                        (export "f" (component $f)))
                    (instance $e (instantiate $e)) (alias export $e "f" (component $f))
                    (instance $b (export "f" (component $f)))
                    (alias export $b "f" (component $g))
                    (instance (instantiate $g))"#
                ),
                4,
            ),
        ] {
            let text = format!("(component {content})");
            assert_eq!(instances(&text), count, "{text}");
        }
    }

    #[test]
    fn what_doubles_is_not_gone_through() {
        let mut text = String::from("(component $out (component $c0)");
        for i in 0..60 {
            let next = i + 1;
            text += &format!(
                "(component $c{next} (alias outer $out $c{i} (component $c))
                    (instance (instantiate $c)) (instance (instantiate $c)))"
            );
        }
        text += "(instance (instantiate $c60)))";
        let wasm = wat::parse_str(text).unwrap();
        let graph = graph(&wasm);
        let error = graph.count(&Complexity::default()).unwrap_err();
        assert_eq!(*error.kind(), crate::error::ErrorKind::TooLarge);
    }
}
