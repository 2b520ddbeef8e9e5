//! What a running script has made: definitions, instances and their stores.

use std::collections::{HashMap, HashSet};

use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::{Backend, Error, ErrorKind, ExternType, Feature, Features, Val};

use crate::adapt::{Export, Exports};
use crate::executor::block_on;
use crate::header::HeaderLimits;
use crate::outcome::Outcome;
use crate::script::{Action, Core, Script};
use crate::value;

use super::Step;

/// Something that can be instantiated.
pub(super) enum Definition<B: Backend> {
    Component(Component<B>),
    Core(Component<B>, Exports),
}

impl<B: Backend> Clone for Definition<B> {
    fn clone(&self) -> Self {
        match self {
            Definition::Component(component) => Definition::Component(component.clone()),
            Definition::Core(component, exports) => {
                Definition::Core(component.clone(), exports.clone())
            }
        }
    }
}

/// What a name stands for.
pub(super) enum Slot<B: Backend> {
    /// An instance, and the number of its store.
    Component(Instance<B>, usize),
    Core(Box<CoreInstance<B>>),
    /// It was not made; what came of the directive that was to make it.
    Broken(Outcome),
}

/// Where calls are made: the mode of all stores of a script.
struct Place<B: Backend> {
    engine: Engine<B>,
    limits: HeaderLimits,
    asynchronous: bool,
}

impl<B: Backend> Clone for Place<B> {
    fn clone(&self) -> Self {
        Place {
            engine: self.engine.clone(),
            limits: self.limits.clone(),
            asynchronous: self.asynchronous,
        }
    }
}

impl<B: Backend> Place<B> {
    fn store(&self) -> Result<Store<B, ()>, Error> {
        let limits = self.limits.apply(self.engine.default_limits());
        let builder = Store::builder(&self.engine).limits(limits);
        if self.asynchronous {
            builder.build_async(())
        } else {
            builder.build(())
        }
    }

    fn instantiate(
        &self,
        linker: &Linker<B, ()>,
        store: &mut Store<B, ()>,
        component: &Component<B>,
    ) -> Result<Instance<B>, Error> {
        if self.asynchronous {
            block_on(linker.instantiate_async(store, component))
        } else {
            linker.instantiate(store, component)
        }
    }

    fn call(
        &self,
        store: &mut Store<B, ()>,
        instance: &Instance<B>,
        name: &str,
        args: &[Val],
    ) -> Result<Vec<Val>, Error> {
        let func = instance.get_func(&mut *store, name)?;
        let args = &value::fit_all(args, &func.ty(&mut *store)?);
        if self.asynchronous {
            block_on(func.call_async(store, args))
        } else {
            func.call(store, args)
        }
    }
}

/// A core module's instance in a store of its own.
pub(super) struct CoreInstance<B: Backend> {
    place: Place<B>,
    component: Component<B>,
    pub(super) exports: Exports,
    made: (Store<B, ()>, Instance<B>),
    /// The calls that succeeded.
    calls: Vec<(String, Vec<Val>)>,
}

impl<B: Backend> CoreInstance<B> {
    fn make(place: Place<B>, component: Component<B>, exports: Exports) -> Result<Self, Error> {
        let mut store = place.store()?;
        let instance = place.instantiate(&Linker::new(&place.engine), &mut store, &component)?;
        Ok(CoreInstance {
            place,
            component,
            exports,
            made: (store, instance),
            calls: Vec::new(),
        })
    }

    /// Calls an export: the inner result is the guest's.
    pub(super) fn call(
        &mut self,
        export: &Export,
        args: Vec<Val>,
        changes: bool,
    ) -> Step<Result<Vec<Core>, Error>> {
        if self.made.0.poisoned().is_some() {
            self.revive()
                .map_err(|error| Outcome::fail(format!("cannot be made again: {error}")))?;
        }
        let (store, instance) = &mut self.made;
        let results = match self.place.call(store, instance, &export.name, &args) {
            Ok(results) => results,
            Err(error) => return Ok(Err(error)),
        };
        if changes {
            self.calls.push((export.name.clone(), args));
        }
        match export.lift(&results) {
            Some(cores) => Ok(Ok(cores)),
            None => Err(Outcome::fail("the results do not fit the function")),
        }
    }

    /// Makes the instance again, as it was before the trap.
    fn revive(&mut self) -> Result<(), Error> {
        let place = &self.place;
        let mut store = place.store()?;
        let linker = Linker::new(&place.engine);
        let instance = place.instantiate(&linker, &mut store, &self.component)?;
        for (name, args) in &self.calls {
            place.call(&mut store, &instance, name, args)?;
        }
        self.made = (store, instance);
        Ok(())
    }
}

/// The store of the instances that are imported by others.
const SHARED: usize = 0;

pub(super) struct World<B: Backend> {
    pub(super) engine: Engine<B>,
    place: Place<B>,
    /// The first is the one that instances share; it is made when it is needed,
    /// and anew when it was poisoned.
    stores: Vec<Option<Store<B, ()>>>,
    definitions: HashMap<String, Step<Definition<B>>>,
    last_definition: Option<Step<Definition<B>>>,
    slots: Vec<Slot<B>>,
    names: HashMap<String, usize>,
    registered: HashMap<String, usize>,
    /// Names of instances that are registered or imported somewhere.
    shared: HashSet<String>,
    /// Which of the instances without names are registered, by the number of
    /// the directive that makes them.
    shared_makers: HashSet<usize>,
    makers: usize,
}

impl<B: Backend> World<B> {
    /// Fuel that all stores have consumed, where it is metered.
    pub(super) fn fuel(&mut self) -> Option<u64> {
        let own = self.stores.iter_mut().flatten();
        let cores = self.slots.iter_mut().filter_map(|slot| match slot {
            Slot::Core(core) => Some(&mut core.made.0),
            Slot::Component(..) | Slot::Broken(_) => None,
        });
        let fuel = own.chain(cores).map(|store| store.usage().fuel);
        fuel.flatten().reduce(u64::saturating_add)
    }

    pub(super) fn new(engine: &Engine<B>, script: &Script, features: Features) -> Self {
        // An instance with an id can be imported by it.
        let mut shared = script.imports.clone();
        let mut shared_makers = HashSet::new();
        let mut makers = 0;
        for step in &script.steps {
            match &step.action {
                Action::Make(..) | Action::Instantiate(..) => makers += 1,
                Action::Register(_, Some(id)) => {
                    shared.insert(id.clone());
                }
                Action::Register(_, None) => {
                    shared_makers.insert(makers);
                }
                _ => {}
            }
        }
        World {
            engine: engine.clone(),
            place: Place {
                engine: engine.clone(),
                limits: script.header.limits.clone(),
                asynchronous: script.header.asynchronous
                    || features.contains(Feature::ComponentAsync),
            },
            stores: vec![None],
            definitions: HashMap::new(),
            last_definition: None,
            slots: Vec::new(),
            names: HashMap::new(),
            registered: HashMap::new(),
            shared,
            shared_makers,
            makers: 0,
        }
    }

    pub(super) fn define(&mut self, id: Option<String>, definition: Step<Definition<B>>) {
        if let Some(id) = id {
            self.definitions.insert(id, definition.clone());
        }
        self.last_definition = Some(definition);
    }

    pub(super) fn definition(&self, id: Option<&str>) -> Step<Definition<B>> {
        let definition = match id {
            Some(id) => self.definitions.get(id),
            None => self.last_definition.as_ref(),
        };
        match definition {
            Some(Ok(definition)) => Ok(definition.clone()),
            Some(Err(outcome)) => Err(outcome.clone()),
            None => Err(Outcome::fail("nothing of this name was defined")),
        }
    }

    pub(super) fn add(&mut self, id: Option<String>, slot: Slot<B>) {
        self.makers += 1;
        if let Some(id) = id {
            self.names.insert(id, self.slots.len());
        }
        self.slots.push(slot);
    }

    fn index(&self, id: Option<&str>) -> Step<usize> {
        let index = match id {
            Some(id) => self.names.get(id).copied(),
            None => self.slots.len().checked_sub(1),
        };
        index.ok_or_else(|| Outcome::fail("there is no instance of this name"))
    }

    pub(super) fn is_core(&self, id: Option<&str>) -> Step<bool> {
        match &self.slots[self.index(id)?] {
            Slot::Component(..) => Ok(false),
            Slot::Core(_) => Ok(true),
            Slot::Broken(outcome) => Err(dependent(outcome)),
        }
    }

    pub(super) fn core(&mut self, id: Option<&str>) -> Step<&mut CoreInstance<B>> {
        let index = self.index(id)?;
        match &mut self.slots[index] {
            Slot::Core(core) => Ok(core),
            Slot::Component(..) => Err(Outcome::fail("this is not a core module")),
            Slot::Broken(outcome) => Err(dependent(outcome)),
        }
    }

    pub(super) fn register(&mut self, name: &str, id: Option<&str>) -> Step<()> {
        let index = self.index(id)?;
        match &self.slots[index] {
            Slot::Component(..) => {
                self.registered.insert(name.to_owned(), index);
                Ok(())
            }
            Slot::Core(_) => Err(Outcome::unsupported(
                "core-linking",
                "core instances cannot be linked to each other through components",
            )),
            Slot::Broken(outcome) => Err(dependent(outcome)),
        }
    }

    /// Calls a component's function: the inner result is the guest's.
    pub(super) fn call(
        &mut self,
        id: Option<&str>,
        name: &str,
        args: &[Val],
    ) -> Step<Result<Vec<Val>, Error>> {
        let index = self.index(id)?;
        let Slot::Component(instance, store) = &self.slots[index] else {
            return Err(Outcome::fail("this is not a component"));
        };
        let Some(store) = &mut self.stores[*store] else {
            return Err(Outcome::fail("the instance's store is gone"));
        };
        let result = self.place.call(store, instance, name, args);
        match result {
            // Not the guest's: it was not entered.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::TypeMismatch) => {
                Err(Outcome::fail(error))
            }
            result => Ok(result),
        }
    }

    /// The instance that an import of this name gets.
    fn provider(&self, name: &str) -> Option<(&Instance<B>, usize)> {
        let index = self.registered.get(name).or_else(|| self.names.get(name))?;
        match &self.slots[*index] {
            Slot::Component(instance, store) => Some((instance, *store)),
            _ => None,
        }
    }

    /// The first import of a component that nothing in the script provides.
    pub(super) fn unknown_import(&self, component: &Component<B>) -> Option<String> {
        let known =
            |name: &String| self.registered.contains_key(name) || self.names.contains_key(name);
        let mut names = component.imports().iter().map(|import| &import.name);
        names.find(|name| !known(name)).cloned()
    }

    pub(super) fn instantiate(
        &mut self,
        definition: &Definition<B>,
        id: Option<&str>,
    ) -> Result<Slot<B>, Error> {
        match definition {
            Definition::Core(component, exports) => {
                let (component, exports) = (component.clone(), exports.clone());
                let core = CoreInstance::make(self.place.clone(), component, exports)?;
                Ok(Slot::Core(Box::new(core)))
            }
            Definition::Component(component) => {
                let imports = !component.imports().is_empty();
                let shared = imports
                    || id.is_some_and(|id| self.shared.contains(id))
                    || self.shared_makers.contains(&(self.makers + 1));
                let index = self.store(shared)?;
                let linker = self.linker(component, index)?;
                let Some(store) = &mut self.stores[index] else {
                    return Err(Error::new(ErrorKind::Engine, "the store is gone"));
                };
                let instance = self.place.instantiate(&linker, store, component)?;
                Ok(Slot::Component(instance, index))
            }
        }
    }

    /// The number of a store for a new instance.
    fn store(&mut self, shared: bool) -> Result<usize, Error> {
        if !shared {
            self.stores.push(Some(self.place.store()?));
            return Ok(self.stores.len() - 1);
        }
        let usable = |store: &Store<B, ()>| store.poisoned().is_none();
        if !self.stores[SHARED].as_ref().is_some_and(usable) {
            // Instances of the old store stay where they are.
            let old = self.stores[SHARED].replace(self.place.store()?);
            if old.is_some() {
                self.stores.push(old);
                let moved = self.stores.len() - 1;
                for slot in &mut self.slots {
                    if let Slot::Component(_, store) = slot
                        && *store == SHARED
                    {
                        *store = moved;
                    }
                }
            }
        }
        Ok(SHARED)
    }

    /// A linker with what the component imports, as far as it was registered.
    fn linker(&mut self, component: &Component<B>, store: usize) -> Result<Linker<B, ()>, Error> {
        let mut linker = Linker::new(&self.engine);
        for import in component.imports() {
            let Some((instance, of)) = self.provider(&import.name) else {
                continue;
            };
            if !matches!(import.ty, ExternType::Instance(_)) {
                continue;
            }
            if of != store {
                return Err(Error::new(
                    ErrorKind::Link,
                    format!("`{}` ended with a trap", import.name),
                ));
            }
            let instance = instance.clone();
            if let Some(store) = &mut self.stores[store] {
                linker
                    .instance(&import.name)?
                    .define_exports(store, &instance)?;
            }
        }
        Ok(linker)
    }
}

/// What becomes of a directive whose instance was not made.
fn dependent(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Unsupported { .. } => outcome.clone(),
        _ => Outcome::fail("its instance could not be made"),
    }
}
