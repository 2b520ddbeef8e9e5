//! What a running script has made: definitions, instances and their stores.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use enginebay::generic::{Component, Engine, Instance, Linker, Store};
use enginebay::{Backend, Error, ErrorKind, ExternType, Feature, Features, Val};

use super::Step;
use super::host::{INTERFACE, Shared, State};
use super::place::{CoreInstance, Place};
use super::threads::add;
use crate::adapt::Exports;
use crate::annotation::{Annotation, Cancel};
use crate::header::HeaderLimits;
use crate::outcome::Outcome;
use crate::script::{Action, Script};

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

/// The store of the instances that are imported by others.
const SHARED: usize = 0;

pub(super) struct World<B: Backend> {
    place: Place<B>,
    /// The first is the one that instances share; it is made when it is needed,
    /// and anew when it was poisoned.
    stores: Vec<Option<Store<B, State<B>>>>,
    definitions: HashMap<String, Step<Definition<B>>>,
    last_definition: Option<Step<Definition<B>>>,
    slots: Vec<Slot<B>>,
    names: HashMap<String, usize>,
    registered: HashMap<String, usize>,
    /// Names of instances that are registered or imported somewhere.
    imported: HashSet<String>,
    /// Which of the instances without names are registered, by the number of
    /// the directive that makes them.
    shared_makers: HashSet<usize>,
    makers: usize,
    /// Where the directive's store is.
    last: Option<Last>,
    /// What the host keeps for scripts.
    kept: HashMap<String, Val>,
    canceller: Option<JoinHandle<()>>,
    /// How long the thread that cancels waits.
    pub(super) cancel_after: Duration,
    /// Fuel that stores consumed which are gone.
    pub(super) spent: Option<u64>,
    pub(super) shared: Shared,
}

/// The store that a directive is about.
#[derive(Clone, Copy)]
enum Last {
    Store(usize),
    /// That of a core instance.
    Slot(usize),
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
        add(self.spent, fuel.flatten().reduce(u64::saturating_add))
    }

    pub(super) fn new(engine: &Engine<B>, script: &Script, features: Features) -> Self {
        // An instance with an id can be imported by it.
        let mut imported = script.imports.clone();
        let mut shared_makers = HashSet::new();
        let mut makers = 0;
        for step in &script.steps {
            match &step.action {
                Action::Make(..) | Action::Instantiate(..) => makers += 1,
                Action::Register(_, Some(id)) => {
                    imported.insert(id.clone());
                }
                Action::Register(_, None) => {
                    shared_makers.insert(makers);
                }
                _ => {}
            }
        }
        let place = Place {
            engine: engine.clone(),
            limits: script.header.limits.clone(),
            deny: script.header.deny.clone().into(),
            asynchronous: script.header.asynchronous || features.contains(Feature::ComponentAsync),
            shared: Shared::default(),
            linker: Arc::default(),
        };
        World {
            shared_makers,
            ..World::empty(place, imported)
        }
    }

    /// A world with the same definitions, and nothing that was made.
    pub(super) fn fork(&self) -> Self {
        let mut place = self.place.clone();
        place.shared = Shared::default();
        World {
            definitions: self.definitions.clone(),
            last_definition: self.last_definition.clone(),
            ..World::empty(place, self.imported.clone())
        }
    }

    fn empty(place: Place<B>, imported: HashSet<String>) -> Self {
        World {
            shared: place.shared.clone(),
            place,
            stores: vec![None],
            definitions: HashMap::new(),
            last_definition: None,
            slots: Vec::new(),
            names: HashMap::new(),
            registered: HashMap::new(),
            imported,
            shared_makers: HashSet::new(),
            makers: 0,
            last: None,
            kept: HashMap::new(),
            canceller: None,
            cancel_after: Duration::ZERO,
            spent: None,
        }
    }

    pub(super) fn engine(&self) -> &Engine<B> {
        &self.place.engine
    }

    /// Forgets what the directive before did, and to which store.
    pub(super) fn begin(&mut self) {
        self.last = None;
        self.shared.lock().log.clear();
    }

    /// The store of the directive that was done last.
    pub(super) fn last_store(&mut self) -> Option<&mut Store<B, State<B>>> {
        match self.last? {
            Last::Store(index) => self.stores.get_mut(index)?.as_mut(),
            Last::Slot(index) => match self.slots.get_mut(index)? {
                Slot::Core(core) => Some(&mut core.made.0),
                Slot::Component(..) | Slot::Broken(_) => None,
            },
        }
    }

    /// Ends the store of the directive that was done last.
    pub(super) fn drop_last(&mut self) {
        let fuel = self.last_store().and_then(|store| store.usage().fuel);
        self.spent = add(self.spent, fuel);
        match self.last {
            Some(Last::Store(index)) => self.stores[index] = None,
            Some(Last::Slot(index)) => {
                self.slots[index] = Slot::Broken(Outcome::fail("the instance's store is gone"));
            }
            None => {}
        }
    }

    /// Drops what a directive made, to make it again.
    pub(super) fn unmake(&mut self) {
        self.drop_last();
        self.makers = self.makers.saturating_sub(1);
    }

    /// Does to a store what is to be done before the directive.
    fn prepare(&mut self, index: usize, annotation: &Annotation) -> Result<(), Error> {
        self.last = Some(Last::Store(index));
        let Some(store) = &mut self.stores[index] else {
            return Ok(());
        };
        if let Some(fuel) = annotation.set_fuel {
            store.set_fuel(fuel)?;
        }
        if annotation.reset_cancel {
            store.cancel_handle()?.reset();
        }
        match annotation.cancel {
            None => {}
            Some(Cancel::Before) => self.shared.cancel(&store.cancel_handle()?),
            Some(Cancel::Meanwhile) => {
                let (handle, shared) = (store.cancel_handle()?, self.shared.clone());
                let after = self.cancel_after;
                let later = move || {
                    thread::sleep(after);
                    shared.cancel(&handle);
                };
                let started = thread::Builder::new().spawn(later);
                let started =
                    started.map_err(|error| Error::unsupported(format!("threads: {error}")))?;
                self.canceller = Some(started);
            }
        }
        Ok(())
    }

    /// Waits for the thread that cancels. Whether it came too early for a call that
    /// ended like this: before the guest was entered, so that the store goes on.
    pub(super) fn cancelled_early(&mut self, ended: Option<&Error>) -> bool {
        let Some(canceller) = self.canceller.take() else {
            return false;
        };
        // It does nothing that panics.
        let _ = canceller.join();
        let cancelled = ended.is_some_and(|error| *error.kind() == ErrorKind::Cancelled);
        match self.last_store() {
            Some(store) if cancelled && store.poisoned().is_none() => {
                store.cancel_handle().is_ok_and(|handle| {
                    handle.reset();
                    true
                })
            }
            _ => false,
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
        if matches!(slot, Slot::Core(_)) {
            self.last = Some(Last::Slot(self.slots.len()));
        }
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
        self.last = Some(Last::Slot(index));
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
        mut args: Vec<Val>,
        annotation: &Annotation,
    ) -> Step<Result<Vec<Val>, Error>> {
        let index = self.index(id)?;
        let Slot::Component(instance, index) = &self.slots[index] else {
            return Err(Outcome::fail("this is not a component"));
        };
        let (instance, index) = (instance.clone(), *index);
        for name in &annotation.with {
            let kept = self.kept.get(name);
            args.push(kept.cloned().ok_or_else(|| nothing_kept(name))?);
        }
        if let Err(error) = self.prepare(index, annotation) {
            return Ok(Err(error));
        }
        let Some(store) = &mut self.stores[index] else {
            return Err(Outcome::fail("the instance's store is gone"));
        };
        if let Some(polls) = annotation.abandon_after {
            let ended = self.place.abandon(store, &instance, (name, &args), polls)?;
            return Ok(ended.map(|()| Vec::new()));
        }
        let results = match self.place.call(store, &instance, name, &args) {
            Ok(results) => results,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(name) = &annotation.keep {
            let result = results.first();
            let result = result.ok_or_else(|| Outcome::fail("there is no result to keep"))?;
            self.kept.insert(name.clone(), result.clone());
        }
        for name in &annotation.drop {
            let val = self.kept.get(name).ok_or_else(|| nothing_kept(name))?;
            if let Err(error) = self.place.drop_handle(store, val)? {
                return Ok(Err(error));
            }
        }
        Ok(Ok(results))
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
        let known = |name: &String| {
            name == INTERFACE || self.registered.contains_key(name) || self.names.contains_key(name)
        };
        let mut names = component.imports().iter().map(|import| &import.name);
        names.find(|name| !known(name)).cloned()
    }

    pub(super) fn instantiate(
        &mut self,
        definition: &Definition<B>,
        id: Option<&str>,
        annotation: &Annotation,
    ) -> Result<Slot<B>, Error> {
        self.last = None;
        let limits = &annotation.limits;
        match definition {
            Definition::Core(component, exports) => {
                let (component, exports) = (component.clone(), exports.clone());
                let core = CoreInstance::make(self.place.clone(), component, exports, limits)?;
                Ok(Slot::Core(Box::new(core)))
            }
            Definition::Component(component) => {
                let imports = component.imports().iter();
                let imports = imports.filter(|import| import.name != INTERFACE).count();
                let shared = imports > 0
                    || id.is_some_and(|id| self.imported.contains(id))
                    || self.shared_makers.contains(&(self.makers + 1));
                let index = self.store(shared, limits)?;
                self.prepare(index, annotation)?;
                let own;
                let linker = if imports > 0 {
                    own = self.linker(component, index)?;
                    &own
                } else if let Some(linker) = self.place.linker.get() {
                    linker
                } else {
                    let linker = self.place.linker()?;
                    self.place.linker.get_or_init(|| linker)
                };
                let Some(store) = &mut self.stores[index] else {
                    return Err(Error::new(ErrorKind::Engine, "the store is gone"));
                };
                let instance = self.place.instantiate(linker, store, component)?;
                let named = (id.map(str::to_owned), instance.clone());
                store.data_mut().instances.push(named);
                Ok(Slot::Component(instance, index))
            }
        }
    }

    /// The number of a store for a new instance.
    fn store(&mut self, shared: bool, limits: &HeaderLimits) -> Result<usize, Error> {
        if !shared {
            self.stores.push(Some(self.place.store(limits)?));
            return Ok(self.stores.len() - 1);
        }
        let usable = |store: &Store<B, State<B>>| store.poisoned().is_none();
        if !self.stores[SHARED].as_ref().is_some_and(usable) {
            // Instances of the old store stay where they are.
            let old = self.stores[SHARED].replace(self.place.store(limits)?);
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
    fn linker(
        &mut self,
        component: &Component<B>,
        store: usize,
    ) -> Result<Linker<B, State<B>>, Error> {
        let mut linker = self.place.linker()?;
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

fn nothing_kept(name: &str) -> Outcome {
    Outcome::fail(format!("nothing was kept as `{name}`"))
}

/// What becomes of a directive whose instance was not made.
fn dependent(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Unsupported { .. } => outcome.clone(),
        _ => Outcome::fail("its instance could not be made"),
    }
}
