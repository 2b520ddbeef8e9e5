//! What a layered store holds: the component instances in it, their handles,
//! and the calls that are on the stack.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{
    CountedResource, Error, ResourceAny, ResourceType, Result, StoreData, TrapCode,
};
use wasmtime_environ::EntityRef;
use wasmtime_environ::component::{
    DefinedResourceIndex, ExportIndex, LoweredIndex, ResourceIndex, RuntimeComponentInstanceIndex,
    TrampolineIndex, TypeResourceTableIndex,
};

use crate::coroutine::Coroutine;
use crate::engine::{CoreEngine, CoreExtern, CoreType};
use crate::few::Few;
use crate::func::Export;
use crate::handles::{Counter, Handles, Lender, Removed, Scope};
use crate::instance::Ends;
use crate::linker::{HostResource, Import, Pre};
use crate::meters::Meters;

/// What an engine's store holds for the layer: the core's data, and what the
/// layer knows of the component instances in the store.
pub struct Data<E: CoreEngine> {
    store: StoreData,
    pub(crate) instances: Vec<Instance<E>>,
    pub(crate) host: HostHandles<E>,
    pub(crate) counter: Counter,
    pub(crate) scopes: Vec<Scope>,
    /// The slots of `context.get` and `context.set`.
    pub(crate) context: [u32; 2],
    counts: Counts,
    /// What guests have consumed, where their code counts.
    pub(crate) meters: Option<Meters<E>>,
    /// What an asynchronous host function waits in, while a call runs that may.
    pub(crate) coroutine: Option<Coroutine>,
    /// How much stack a guest needs that may wait, and the host functions that it
    /// calls.
    pub(crate) stack: usize,
    /// Whether any instance may call an asynchronous host function.
    pub(crate) suspends: bool,
}

#[derive(Default)]
struct Counts {
    instances: u64,
    memories: u64,
    tables: u64,
}

impl<E: CoreEngine> Data<E> {
    /// What a new store holds.
    #[doc(hidden)]
    pub fn new(store: StoreData) -> Self {
        Data {
            counter: Counter {
                live: 0,
                limit: store.limits().handles,
            },
            store,
            instances: Vec::new(),
            host: HostHandles::default(),
            scopes: Vec::new(),
            context: [0; 2],
            counts: Counts::default(),
            meters: None,
            coroutine: None,
            stack: 0,
            suspends: false,
        }
    }

    /// The core's data, which an engine asks before memories and tables change.
    #[inline]
    pub fn store_data(&self) -> &StoreData {
        &self.store
    }

    /// The core's data, which an engine asks before memories and tables change.
    #[inline]
    pub fn store_data_mut(&mut self) -> &mut StoreData {
        &mut self.store
    }

    pub(crate) fn into_store_data(self) -> StoreData {
        self.store
    }

    /// Counts a core instance and what it defines against the limits.
    pub(crate) fn count(&mut self, memories: u64, tables: u64) -> Result<()> {
        let limits = self.store.limits();
        let add = |count: &mut u64, more: u64, limit: u64, what: CountedResource| {
            *count += more;
            let ignored =
                mutant::active(Mutant::InstanceLimitIgnored) && what == CountedResource::Instances;
            if *count > limit && !ignored {
                Err(what)
            } else {
                Ok(())
            }
        };
        let counts = &mut self.counts;
        let counted = add(
            &mut counts.instances,
            1,
            limits.instances,
            CountedResource::Instances,
        )
        .and_then(|()| {
            let what = CountedResource::Memories;
            add(&mut counts.memories, memories, limits.memories, what)
        })
        .and_then(|()| {
            let what = CountedResource::Tables;
            add(&mut counts.tables, tables, limits.tables, what)
        });
        counted.map_err(|what| self.store.resource_refused(what))
    }

    #[inline]
    pub(crate) fn instance(&mut self, index: u32) -> &mut Instance<E> {
        &mut self.instances[index as usize]
    }

    /// Begins a call in which handles may be lent.
    pub(crate) fn enter_scope(&mut self) {
        let context = std::mem::take(&mut self.context);
        self.scopes.push(Scope {
            context,
            ..Scope::default()
        });
    }

    /// Ends the call that was begun last.
    pub(crate) fn exit_scope(&mut self) -> Result<()> {
        self.close_scope()?;
        self.pop_scope();
        Ok(())
    }

    /// Has all given back that the call that was begun last was lent.
    pub(crate) fn close_scope(&mut self) -> Result<()> {
        let (_, scope) = self.scope()?;
        if scope.borrows > 0 && !mutant::active(Mutant::BorrowOutlivesCall) {
            return Err(Error::trap(TrapCode::BorrowStillHeld));
        }
        for Lender { table, index } in std::mem::take(&mut scope.lenders) {
            match table {
                Some((instance, ty)) => self.instances[instance as usize]
                    .handles(ty)
                    .unlend(&mut self.counter, index),
                None => self.host.table.unlend(&mut self.counter, index),
            }
        }
        Ok(())
    }

    /// Goes back to the caller of the call that was begun last.
    pub(crate) fn pop_scope(&mut self) {
        if let Some(scope) = self.scopes.pop() {
            self.context = scope.context;
        }
    }

    fn scope(&mut self) -> Result<(u32, &mut Scope)> {
        let last = self.scopes.len().wrapping_sub(1);
        match self.scopes.last_mut() {
            Some(scope) => Ok((last as u32, scope)),
            None => Err(Error::trap(TrapCode::CanonicalAbi)),
        }
    }

    /// Puts an owned resource into a component's table.
    pub(crate) fn insert_own(
        &mut self,
        instance: u32,
        ty: TypeResourceTableIndex,
        rep: u32,
    ) -> Result<u32> {
        self.instances[instance as usize]
            .handles(ty)
            .insert_own(&mut self.counter, Some(ty), rep)
    }

    /// Lends a resource to a component for the call that was begun last.
    pub(crate) fn insert_borrow(
        &mut self,
        instance: u32,
        ty: TypeResourceTableIndex,
        rep: u32,
    ) -> Result<u32> {
        // A component gets the representation of its own resources.
        if self.instances[instance as usize].owns(ty) {
            return Ok(rep);
        }
        let (at, scope) = self.scope()?;
        scope.borrows += 1;
        self.instances[instance as usize].handles(ty).insert_borrow(
            &mut self.counter,
            Some(ty),
            rep,
            at,
        )
    }

    /// Takes an owned resource out of a component's table.
    pub(crate) fn take_own(
        &mut self,
        instance: u32,
        ty: TypeResourceTableIndex,
        index: u32,
    ) -> Result<u32> {
        self.instances[instance as usize]
            .handles(ty)
            .take_own(&mut self.counter, Some(ty), index)
    }

    /// Lends a component's handle for the call that was begun last.
    pub(crate) fn lend(
        &mut self,
        instance: u32,
        ty: TypeResourceTableIndex,
        index: u32,
    ) -> Result<u32> {
        let table = Some((instance, ty));
        let (rep, owned) = self.instances[instance as usize].handles(ty).lend(
            &mut self.counter,
            Some(ty),
            index,
        )?;
        if owned {
            self.scope()?.1.lenders.push(Lender { table, index });
        }
        Ok(rep)
    }

    /// Drops a component's handle; gives the representation of a resource that
    /// has to be destroyed.
    pub(crate) fn drop_handle(
        &mut self,
        instance: u32,
        ty: TypeResourceTableIndex,
        index: u32,
    ) -> Result<Option<u32>> {
        let removed = self.instances[instance as usize].handles(ty).remove(
            &mut self.counter,
            Some(ty),
            index,
        )?;
        Ok(self.removed(removed))
    }

    fn removed(&mut self, removed: Removed) -> Option<u32> {
        match removed {
            Removed::Own(rep) => Some(rep),
            Removed::Borrow(scope) => {
                if let Some(scope) = self.scopes.get_mut(scope as usize) {
                    scope.borrows -= 1;
                }
                None
            }
        }
    }

    /// Gives the host an owned resource.
    pub(crate) fn host_own(
        &mut self,
        ty: ResourceType,
        rep: u32,
        origin: Origin<E>,
    ) -> Result<ResourceAny> {
        let index = self.host.table.insert_own(&mut self.counter, None, rep)?;
        let store = self.store.number();
        Ok(self.host.name(index, ty, store, true, origin))
    }

    /// Lends the host a resource for the call that was begun last.
    pub(crate) fn host_borrow(&mut self, ty: ResourceType, rep: u32) -> Result<ResourceAny> {
        let (at, scope) = self.scope()?;
        scope.borrows += 1;
        let index = self
            .host
            .table
            .insert_borrow(&mut self.counter, None, rep, at)?;
        let store = self.store.number();
        Ok(self.host.name(index, ty, store, false, Origin::None))
    }

    /// The slot of a handle of the host's that is still good.
    fn find(&self, resource: &ResourceAny) -> Result<u32> {
        let (index, generation) = resource.slot(self.store.number())?;
        match self.host.slots.get(index as usize) {
            Some((current, _)) if *current == generation => Ok(index),
            _ => Err(Error::trap(TrapCode::UnknownHandle)),
        }
    }

    /// Takes an owned resource from the host.
    pub(crate) fn host_take(&mut self, resource: &ResourceAny) -> Result<u32> {
        let index = self.find(resource)?;
        let rep = self.host.table.take_own(&mut self.counter, None, index)?;
        self.host.retire(index);
        Ok(rep)
    }

    /// Lends a resource of the host's for the call that was begun last.
    pub(crate) fn host_lend(&mut self, resource: &ResourceAny) -> Result<u32> {
        let index = self.find(resource)?;
        let (rep, owned) = self.host.table.lend(&mut self.counter, None, index)?;
        if owned {
            let table = None;
            self.scope()?.1.lenders.push(Lender { table, index });
        }
        Ok(rep)
    }

    /// The representation behind a handle of the host's.
    pub(crate) fn host_rep(&mut self, resource: &ResourceAny) -> Result<u32> {
        let index = self.find(resource)?;
        self.host.table.rep(None, index)
    }

    /// Drops a handle of the host's; gives what is left to destroy.
    pub(crate) fn host_drop(&mut self, resource: &ResourceAny) -> Result<Option<(u32, Origin<E>)>> {
        let index = self.find(resource)?;
        let removed = self.host.table.remove(&mut self.counter, None, index)?;
        let origin = self.host.retire(index);
        Ok(self.removed(removed).map(|rep| (rep, origin)))
    }
}

impl<E: CoreEngine> fmt::Debug for Data<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Data")
            .field("store", &self.store)
            .field("instances", &self.instances.len())
            .finish_non_exhaustive()
    }
}

/// Where a resource that the host owns is destroyed.
pub(crate) enum Origin<E: CoreEngine> {
    /// Nowhere.
    None,
    /// In the component instance that defines it.
    Guest {
        instance: u32,
        resource: DefinedResourceIndex,
    },
    /// By the host, which defines it.
    Host(Arc<HostResource<E>>),
}

impl<E: CoreEngine> Clone for Origin<E> {
    fn clone(&self) -> Self {
        match self {
            Origin::None => Origin::None,
            Origin::Guest { instance, resource } => Origin::Guest {
                instance: *instance,
                resource: *resource,
            },
            Origin::Host(resource) => Origin::Host(resource.clone()),
        }
    }
}

/// The handles that the host holds.
pub(crate) struct HostHandles<E: CoreEngine> {
    table: Handles,
    /// By index; the first is never used.
    slots: Vec<(u32, Origin<E>)>,
}

impl<E: CoreEngine> Default for HostHandles<E> {
    fn default() -> Self {
        HostHandles {
            table: Handles::default(),
            slots: Vec::new(),
        }
    }
}

impl<E: CoreEngine> HostHandles<E> {
    fn name(
        &mut self,
        index: u32,
        ty: ResourceType,
        store: u64,
        owned: bool,
        origin: Origin<E>,
    ) -> ResourceAny {
        let owner = match origin {
            Origin::Guest { instance, .. } => Some(instance),
            Origin::None | Origin::Host(_) => None,
        };
        let at = index as usize;
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || (0, Origin::None));
        }
        let slot = &mut self.slots[at];
        slot.1 = origin;
        ResourceAny::new(ty, store, (index, slot.0), owned, owner)
    }

    /// Has no handle that was given out for the slot be good any more.
    fn retire(&mut self, index: u32) -> Origin<E> {
        let slot = &mut self.slots[index as usize];
        slot.0 = slot.0.wrapping_add(1);
        std::mem::replace(&mut slot.1, Origin::None)
    }
}

/// A flag of a component instance: a global where core code looks at it.
pub(crate) enum Flag<E: CoreEngine> {
    Local(bool),
    Global(E::Global),
}

/// A component instance.
pub(crate) struct Instance<E: CoreEngine> {
    pub(crate) pre: Arc<Pre<E>>,
    pub(crate) realm: E::Realm,
    /// What its code counts with, if it does.
    pub(crate) meter: Option<u32>,
    pub(crate) core: Few<E::Instance>,
    /// Of the resources that the component defines, as far as they are known.
    pub(crate) destructors: Vec<Option<E::Callee>>,
    /// Those that are used in several places, as far as they are made.
    pub(crate) trampolines: BTreeMap<TrampolineIndex, E::Func>,
    pub(crate) may_leave: Few<Flag<E>>,
    pub(crate) may_block: Option<E::Global>,
    /// How often each inner instance has asked for fewer calls, as far as any
    /// has.
    backpressure: Vec<u16>,
    /// What host functions need of the instance, as far as they were called.
    ends: Vec<Option<Arc<Ends<E>>>>,
    /// Those that lists were read in, as far as any was.
    pub(crate) memories: Vec<Option<E::Memory>>,
    /// Of the inner instances, as far as they have had handles.
    handles: Vec<Handles>,
    /// The identity of the first resource type that the component defines.
    first_type: u64,
    pub(crate) exports: BTreeMap<ExportIndex, Arc<Export<E>>>,
}

impl<E: CoreEngine> Instance<E> {
    pub(crate) fn new(
        pre: Arc<Pre<E>>,
        realm: E::Realm,
        meter: Option<u32>,
        may_leave: Few<Flag<E>>,
    ) -> Self {
        let resources = pre.program.resources.len();
        Instance {
            realm,
            meter,
            core: Few::None,
            destructors: Vec::new(),
            trampolines: BTreeMap::new(),
            may_leave,
            may_block: None,
            backpressure: Vec::new(),
            ends: Vec::new(),
            memories: Vec::new(),
            handles: Vec::new(),
            // Without a resource type, nobody asks for its identity.
            first_type: match resources {
                0 => 0,
                count => crate::program::new_types(count),
            },
            exports: BTreeMap::new(),
            pre,
        }
    }

    /// The table that has a component's handles of a resource type.
    pub(crate) fn handles(&mut self, ty: TypeResourceTableIndex) -> &mut Handles {
        let owner = self.pre.program.types[ty].unwrap_concrete_instance();
        let at = owner.index();
        if self.handles.len() <= at {
            self.handles.resize_with(at + 1, Handles::default);
        }
        &mut self.handles[at]
    }

    /// What a host function needs of the instance.
    #[inline]
    pub(crate) fn ends(&mut self, of: LoweredIndex) -> *const Ends<E> {
        match self.ends.get(of.index()) {
            Some(Some(ends)) => Arc::as_ptr(ends),
            _ => self.new_ends(of),
        }
    }

    #[cold]
    #[inline(never)]
    fn new_ends(&mut self, of: LoweredIndex) -> *const Ends<E> {
        let at = of.index();
        if self.ends.len() <= at {
            self.ends.resize_with(at + 1, || None);
        }
        Arc::as_ptr(self.ends[at].insert(Arc::default()))
    }

    /// How often an inner instance has asked for fewer calls.
    pub(crate) fn backpressure(&mut self, of: RuntimeComponentInstanceIndex) -> &mut u16 {
        let at = of.index();
        if self.backpressure.len() <= at {
            self.backpressure.resize(at + 1, 0);
        }
        &mut self.backpressure[at]
    }

    /// Whether a table belongs to the component instance that defines the
    /// resource type.
    pub(crate) fn owns(&self, ty: TypeResourceTableIndex) -> bool {
        let program = &self.pre.program;
        let table = &program.types[ty];
        program
            .component
            .defined_resource_index(table.unwrap_concrete_ty())
            .is_some_and(|defined| program.resources[defined] == table.unwrap_concrete_instance())
    }

    /// The identity of a resource type in this instance.
    pub(crate) fn resource_type(&self, index: ResourceIndex) -> ResourceType {
        match self.pre.program.component.defined_resource_index(index) {
            Some(defined) => ResourceType::component(self.first_type + u64::from(defined.as_u32())),
            None => self.pre.resources[index],
        }
    }

    /// Where resources of a type are destroyed.
    pub(crate) fn origin(&self, this: u32, ty: TypeResourceTableIndex) -> Origin<E> {
        let program = &self.pre.program;
        let index = program.types[ty].unwrap_concrete_ty();
        match program.component.defined_resource_index(index) {
            Some(resource) => Origin::Guest {
                instance: this,
                resource,
            },
            None => match &self.pre.imports[program.component.imported_resources[index]] {
                Import::Resource(resource) => Origin::Host(resource.clone()),
                _ => Origin::None,
            },
        }
    }

    /// Where resources of a type that the component exports are destroyed.
    pub(crate) fn origin_of(&self, this: u32, ty: ResourceType) -> Origin<E> {
        let defined = ty
            .component_id()
            .and_then(|id| u32::try_from(id.checked_sub(self.first_type)?).ok())
            .filter(|index| (*index as usize) < self.pre.program.resources.len());
        if let Some(index) = defined {
            return Origin::Guest {
                instance: this,
                resource: DefinedResourceIndex::from_u32(index),
            };
        }
        let component = &self.pre.program.component;
        let imported = component
            .imported_resources
            .iter()
            .find(|(index, _)| self.pre.resources.get(*index) == Some(&ty));
        match imported.map(|(_, import)| &self.pre.imports[*import]) {
            Some(Import::Resource(resource)) => Origin::Host(resource.clone()),
            _ => Origin::None,
        }
    }
}

/// Whether an instance may be left: calls of imports are allowed.
#[inline]
pub(crate) fn may_leave<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    instance: u32,
    owner: RuntimeComponentInstanceIndex,
) -> bool {
    let global = match &E::data_mut(cx).instance(instance).may_leave[owner.index()] {
        Flag::Local(flag) => return *flag,
        Flag::Global(global) => global.clone(),
    };
    E::global(cx, &global) != 0
}

#[inline]
pub(crate) fn set_may_leave<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    instance: u32,
    owner: RuntimeComponentInstanceIndex,
    may: bool,
) {
    let global = match &mut E::data_mut(cx).instance(instance).may_leave[owner.index()] {
        Flag::Local(flag) => {
            *flag = may;
            return;
        }
        Flag::Global(global) => global.clone(),
    };
    E::set_global(cx, &global, CoreType::I32, u64::from(may));
}

#[inline]
pub(crate) fn check_may_leave<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    instance: u32,
    owner: RuntimeComponentInstanceIndex,
) -> Result<()> {
    if may_leave::<E>(cx, instance, owner) || mutant::active(Mutant::MayLeaveIgnored) {
        Ok(())
    } else {
        Err(Error::trap(TrapCode::CannotLeaveComponent))
    }
}

/// A core definition that has to be a function.
pub(crate) fn func<E: CoreEngine>(item: CoreExtern<E>) -> Result<E::Func> {
    match item {
        CoreExtern::Func(func) => Ok(func),
        other => Err(Error::new(
            enginebay_core::ErrorKind::Engine,
            format!("the engine gave a {other:?} where a function is exported"),
        )),
    }
}
