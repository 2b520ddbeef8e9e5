//! How many instances a component comes to when it is instantiated. A component
//! can instantiate another more than once, and that one a third: what is counted
//! in the file says little. So they are instantiated here, in the mind, until
//! there are more than are allowed.

use std::collections::HashMap;
use std::rc::Rc;

use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, Encoding, Instance, Payload,
};

use super::within;
use crate::config::Complexity;
use crate::error::Result;

/// An item of a component that has to do with components and instances, in the
/// order in which they are defined.
enum Item {
    /// A core instance.
    Core,
    Component(usize),
    OuterComponent {
        count: u32,
        index: u32,
    },
    Instantiate {
        component: u32,
        args: Vec<Named>,
    },
    Bundle(Vec<Named>),
    Import(Sort, String),
    Alias {
        sort: Sort,
        instance: u32,
        name: String,
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
    name: String,
    index: u32,
}

fn sort(kind: ComponentExternalKind) -> Option<Sort> {
    match kind {
        ComponentExternalKind::Component => Some(Sort::Component),
        ComponentExternalKind::Instance => Some(Sort::Instance),
        _ => None,
    }
}

fn named(name: &str, kind: ComponentExternalKind, index: u32) -> Option<Named> {
    let sort = sort(kind)?;
    let name = name.to_owned();
    Some(Named { sort, name, index })
}

/// The components of a file, as far as they have been gone through: the first is
/// that which has all the others.
#[derive(Default)]
pub(super) struct Graph {
    components: Vec<Vec<Item>>,
    /// Which components enclose the place; nothing for a core module.
    open: Vec<Option<usize>>,
}

impl Graph {
    /// Takes what it needs from a part of the file.
    pub(super) fn see(&mut self, payload: &Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::Version { encoding, .. } => {
                let component = (*encoding == Encoding::Component).then_some(self.components.len());
                if let Some(index) = component {
                    self.add([Item::Component(index)]);
                    self.components.push(Vec::new());
                }
                self.open.push(component);
            }
            Payload::End(_) => {
                self.open.pop();
            }
            Payload::InstanceSection(reader) => {
                for instance in reader.clone() {
                    if let Instance::Instantiate { .. } = instance? {
                        self.add([Item::Core]);
                    }
                }
            }
            Payload::ComponentInstanceSection(reader) => {
                for instance in reader.clone() {
                    let item = match instance? {
                        ComponentInstance::Instantiate {
                            component_index,
                            args,
                        } => Item::Instantiate {
                            component: component_index,
                            args: args
                                .iter()
                                .filter_map(|arg| named(arg.name, arg.kind, arg.index))
                                .collect(),
                        },
                        ComponentInstance::FromExports(exports) => Item::Bundle(
                            exports
                                .iter()
                                .filter_map(|it| named(it.name.name, it.kind, it.index))
                                .collect(),
                        ),
                    };
                    self.add([item]);
                }
            }
            Payload::ComponentAliasSection(reader) => {
                for alias in reader.clone() {
                    let item = match alias? {
                        ComponentAlias::InstanceExport {
                            kind,
                            instance_index,
                            name,
                        } => sort(kind).map(|sort| Item::Alias {
                            sort,
                            instance: instance_index,
                            name: name.to_owned(),
                        }),
                        ComponentAlias::Outer {
                            kind: ComponentOuterAliasKind::Component,
                            count,
                            index,
                        } => Some(Item::OuterComponent { count, index }),
                        _ => None,
                    };
                    self.add(item);
                }
            }
            Payload::ComponentImportSection(reader) => {
                for import in reader.clone() {
                    let import = import?;
                    let sort = match import.ty {
                        ComponentTypeRef::Component(_) => Some(Sort::Component),
                        ComponentTypeRef::Instance(_) => Some(Sort::Instance),
                        _ => None,
                    };
                    self.add(sort.map(|sort| Item::Import(sort, import.name.name.to_owned())));
                }
            }
            Payload::ComponentExportSection(reader) => {
                for export in reader.clone() {
                    let export = export?;
                    let export = named(export.name.name, export.kind, export.index);
                    self.add(export.map(Item::Export));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add(&mut self, items: impl IntoIterator<Item = Item>) {
        if let Some(Some(open)) = self.open.last() {
            self.components[*open].extend(items);
        }
    }

    /// Counts the instances that the component comes to.
    pub(super) fn count(&self, limits: &Complexity) -> Result<()> {
        let mut count = Count {
            components: &self.components,
            limits,
            frames: Vec::new(),
            instances: 0,
            steps: 0,
        };
        count.instantiate(0, None, &HashMap::new(), 0).map(drop)
    }
}

/// A component that may be instantiated, with the instance in which it is defined.
#[derive(Clone, Copy)]
enum Component {
    Known(usize, Option<usize>),
    /// The host's, or one that is not there: the component is not valid then, or
    /// no backend takes it.
    Unknown,
}

type Exports = Rc<HashMap<String, Value>>;

#[derive(Clone)]
enum Value {
    Component(Component),
    Instance(Exports),
}

/// An instance: the components that it knows, and the instance in which its own
/// component is defined.
struct Frame {
    components: Vec<Component>,
    outer: Option<usize>,
}

struct Count<'a> {
    components: &'a [Vec<Item>],
    limits: &'a Complexity,
    frames: Vec<Frame>,
    instances: u64,
    steps: u64,
}

/// How many items there may be to go through for each instance that is allowed,
/// on the average: aliases, exports and arguments.
const STEPS: u64 = 100;

impl Count<'_> {
    fn instance(&mut self) -> Result<()> {
        self.instances += 1;
        within("instances", self.instances, self.limits.instances)
    }

    fn instantiate(
        &mut self,
        component: usize,
        outer: Option<usize>,
        args: &HashMap<&str, Value>,
        depth: u64,
    ) -> Result<Exports> {
        within("instances inside of each other", depth, self.limits.nesting)?;
        let this = self.frames.len();
        self.frames.push(Frame {
            components: Vec::new(),
            outer,
        });
        let mut instances: Vec<Exports> = Vec::new();
        let mut exports = HashMap::new();
        let nothing = Exports::default();
        let all = self.components;
        for item in all.get(component).into_iter().flatten() {
            self.steps += 1;
            let find = |count: &Self, named: &Named| match named.sort {
                Sort::Component => Value::Component(count.component(this, named.index)),
                Sort::Instance => {
                    let instance = instances.get(named.index as usize);
                    Value::Instance(instance.unwrap_or(&nothing).clone())
                }
            };
            let (sort, value) = match item {
                Item::Core => {
                    self.instance()?;
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
                    self.instance()?;
                    self.steps += args.len() as u64;
                    let exports = match self.component(this, *component) {
                        Component::Unknown => nothing.clone(),
                        Component::Known(index, outer) => {
                            let args = args.iter();
                            let args = args.map(|arg| (&*arg.name, find(self, arg))).collect();
                            self.instantiate(index, outer, &args, depth + 1)?
                        }
                    };
                    (Sort::Instance, Some(Value::Instance(exports)))
                }
                Item::Bundle(items) => {
                    self.steps += items.len() as u64;
                    let items = items.iter();
                    let items = items.map(|it| (it.name.clone(), find(self, it)));
                    (
                        Sort::Instance,
                        Some(Value::Instance(Rc::new(items.collect()))),
                    )
                }
                Item::Import(sort, name) => (*sort, args.get(&**name).cloned()),
                Item::Alias {
                    sort,
                    instance,
                    name,
                } => {
                    let instance = instances.get(*instance as usize);
                    (*sort, instance.and_then(|it| it.get(name)).cloned())
                }
                Item::Export(named) => {
                    let value = find(self, named);
                    exports.insert(named.name.clone(), value.clone());
                    (named.sort, Some(value))
                }
            };
            match (sort, value) {
                (Sort::Component, Some(Value::Component(it))) => {
                    self.frames[this].components.push(it);
                }
                (Sort::Component, _) => self.frames[this].components.push(Component::Unknown),
                (Sort::Instance, Some(Value::Instance(it))) => instances.push(it),
                (Sort::Instance, _) => instances.push(nothing.clone()),
            }
        }
        within(
            "parts of instances",
            self.steps,
            self.limits.instances.max(1_000).saturating_mul(STEPS),
        )?;
        Ok(Rc::new(exports))
    }

    fn component(&self, frame: usize, index: u32) -> Component {
        let found = self.frames[frame].components.get(index as usize);
        found.copied().unwrap_or(Component::Unknown)
    }

    /// The instance so many levels further out.
    fn outer(&self, mut frame: usize, count: u32) -> Option<usize> {
        for _ in 0..count {
            frame = self.frames[frame].outer?;
        }
        Some(frame)
    }
}

#[cfg(all(test, feature = "wat"))]
mod tests {
    use wasmparser::Parser;

    use super::*;

    /// How many instances a component comes to.
    fn instances(text: &str) -> u64 {
        let wasm = wat::parse_str(text).unwrap();
        let mut graph = Graph::default();
        for payload in Parser::new(0).parse_all(&wasm) {
            graph.see(&payload.unwrap()).unwrap();
        }
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
        let mut graph = Graph::default();
        for payload in Parser::new(0).parse_all(&wasm) {
            graph.see(&payload.unwrap()).unwrap();
        }
        let error = graph.count(&Complexity::default()).unwrap_err();
        assert_eq!(*error.kind(), crate::error::ErrorKind::TooLarge);
    }
}
