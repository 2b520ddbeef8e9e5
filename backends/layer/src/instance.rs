//! Instantiation: the steps of a program, and the functions that the layer
//! gives to core code.

use std::sync::{Arc, OnceLock};

use enginebay_core::abi::MemoryPlace;
use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{Error, ErrorKind, Result, TrapCode};
use wasmtime_environ::EntityRef;
use wasmtime_environ::component::{
    DefinedResourceIndex, RuntimeComponentInstanceIndex, RuntimeMemoryIndex, RuntimeReallocIndex,
    Trampoline, TrampolineIndex, Transcode, TypeResourceTableIndex, UnsafeIntrinsic,
};

use crate::contain::{caught, host_func};
use crate::engine::{CoreEngine, CoreExtern, CoreType, SharedFunc, Signature};
use crate::few::Few;
use crate::linker::{Import, Pre};
use crate::meters;
use crate::program::{Def, ExportRef, Module, Step};
use crate::store::{Flag, Instance, Origin, check_may_leave, func};
use crate::transcode::{self, Memory};
use crate::trap;

/// Instantiates a component; gives its number in the store.
pub(crate) fn instantiate<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    pre: &Arc<Pre<E>>,
) -> Result<u32> {
    let program = &pre.program;
    let realm = E::realm(cx, &program.unit)?;
    let meter = meters::meter::<E>(cx, realm);
    let mut flags = Few::None;
    for (_, shared) in &program.shared_flags {
        flags.push(if *shared {
            Flag::Global(E::new_global(cx, realm, CoreType::I32, 1))
        } else {
            Flag::Local(true)
        });
    }
    let data = E::data_mut(cx);
    let index = data.instances.len() as u32;
    // Most stores have one instance.
    data.instances
        .reserve_exact(usize::from(data.instances.is_empty()));
    data.instances
        .push(Instance::new(pre.clone(), realm, meter, flags));
    let mut run = Instantiation::<E> {
        index,
        realm,
        meter,
        pre,
    };
    let before = meters::switch::<E>(cx, meter);
    let result = program.steps.iter().try_for_each(|step| {
        run.step(cx, step)?;
        // Not every step runs code that looks at the time.
        E::data(cx)
            .store_data()
            .interrupted_lately()
            .map_or(Ok(()), Err)
    });
    meters::switch::<E>(cx, before);
    match result {
        Ok(()) => Ok(index),
        Err(error) => Err(meters::original_frames::<E>(cx, error)),
    }
}

struct Instantiation<'a, E: CoreEngine> {
    index: u32,
    realm: E::Realm,
    meter: Option<u32>,
    pre: &'a Pre<E>,
}

impl<E: CoreEngine> Instantiation<'_, E> {
    fn step(&mut self, cx: &mut E::Context<'_>, step: &Step) -> Result<()> {
        match step {
            Step::Instantiate { module, args } => {
                let mut imports = Few::None;
                for def in args {
                    imports.push(self.def(cx, def)?);
                }
                for item in self.counter(cx) {
                    imports.push(item);
                }
                let module = &self.pre.program.modules[*module];
                self.core(cx, module, &module.code, &imports)
            }
            Step::InstantiateImport { import, args } => {
                let Import::Module(module, code) = &self.pre.imports[*import] else {
                    return Err(Error::new(ErrorKind::Link, "an import is no core module"));
                };
                let mut imports = Vec::with_capacity(module.ty.imports.len() + meters::IMPORTS);
                for (from, name, _) in &module.ty.imports {
                    let def = args.get(from).and_then(|names| names.get(name));
                    let def = def.ok_or_else(|| {
                        Error::new(
                            ErrorKind::Link,
                            format!("the core module's import `{from}` `{name}` is missing"),
                        )
                    })?;
                    imports.push(self.def(cx, def)?);
                }
                imports.extend(self.counter(cx));
                self.core(cx, module, code, &imports)
            }
        }
    }

    fn state<'a>(&self, cx: &'a mut E::Context<'_>) -> &'a mut Instance<E> {
        E::data_mut(cx).instance(self.index)
    }

    /// What a metered module imports after its own imports.
    fn counter(&self, cx: &mut E::Context<'_>) -> impl Iterator<Item = CoreExtern<E>> + use<E> {
        let items = self.meter.and_then(|meter| meters::imports::<E>(cx, meter));
        items.into_iter().flatten().flatten()
    }

    fn core(
        &mut self,
        cx: &mut E::Context<'_>,
        module: &Module<E>,
        code: &E::Module,
        imports: &[CoreExtern<E>],
    ) -> Result<()> {
        E::data_mut(cx).count(module.memories, module.tables)?;
        let instance = E::instantiate(cx, self.realm, code, imports)?;
        self.state(cx).core.push(instance);
        Ok(())
    }

    fn callee(&mut self, cx: &mut E::Context<'_>, def: &Def, ty: &Signature) -> Result<E::Callee> {
        let func = func(self.def(cx, def)?)?;
        E::callee(cx, &func, ty)
    }

    fn export(&self, cx: &mut E::Context<'_>, export: &ExportRef) -> Result<CoreExtern<E>> {
        core_export(cx, self.index, export)
    }

    fn def(&mut self, cx: &mut E::Context<'_>, def: &Def) -> Result<CoreExtern<E>> {
        Ok(match def {
            Def::Export(export) => self.export(cx, export)?,
            Def::Flags(owner) => match &self.state(cx).may_leave[owner.index()] {
                Flag::Global(global) => CoreExtern::Global(global.clone()),
                Flag::Local(_) => return Err(wrong_kind("global")),
            },
            Def::Trampoline(index) => CoreExtern::Func(self.trampoline(cx, *index)?),
            Def::Intrinsic(intrinsic) => CoreExtern::Func(self.intrinsic(cx, *intrinsic)?),
            Def::MayBlock => {
                let global = match self.state(cx).may_block.clone() {
                    Some(global) => global,
                    None => {
                        let global = E::new_global(cx, self.realm, CoreType::I32, 0);
                        self.state(cx).may_block = Some(global.clone());
                        global
                    }
                };
                CoreExtern::Global(global)
            }
        })
    }

    /// `context.get` and `context.set`.
    fn intrinsic(&self, cx: &mut E::Context<'_>, intrinsic: UnsafeIntrinsic) -> Result<E::Func> {
        let (slot, set) = match intrinsic {
            UnsafeIntrinsic::ContextGetI32_0 => (0, false),
            UnsafeIntrinsic::ContextGetI32_1 => (1, false),
            UnsafeIntrinsic::ContextSetI32_0 => (0, true),
            UnsafeIntrinsic::ContextSetI32_1 => (1, true),
            other => {
                return Err(Error::unsupported(format!(
                    "the intrinsic `{}` is not supported by layered backends",
                    other.name()
                )));
            }
        };
        Ok(if set {
            let ty = Signature::new([CoreType::I32], []);
            host_func::<E, _>(cx, self.realm, &ty, move |mut cx, slots| {
                E::data_mut(&mut cx).context[slot] = slots[0] as u32;
                Ok(())
            })
        } else {
            let ty = Signature::new([], [CoreType::I32]);
            host_func::<E, _>(cx, self.realm, &ty, move |cx, slots| {
                slots[0] = u64::from(E::data(&cx).context[slot]);
                Ok(())
            })
        })
    }

    fn trampoline(&mut self, cx: &mut E::Context<'_>, index: TrampolineIndex) -> Result<E::Func> {
        if !self.pre.program.reused[index] {
            return self.new_trampoline(cx, index);
        }
        if let Some(func) = self.state(cx).trampolines.get(&index) {
            return Ok(func.clone());
        }
        let func = self.new_trampoline(cx, index)?;
        let known = &mut self.state(cx).trampolines;
        known.insert(index, func.clone());
        Ok(func)
    }

    /// Where a function is used.
    fn place(&self, index: TrampolineIndex) -> Place<'_, E> {
        Place {
            realm: self.realm,
            ty: &self.pre.program.signatures[index],
            shared: Some(&self.pre.shared[index]).filter(|_| self.index == 0),
        }
    }

    fn new_trampoline(&self, cx: &mut E::Context<'_>, at: TrampolineIndex) -> Result<E::Func> {
        let this = self.index;
        let program = &self.pre.program;
        Ok(match program.trampolines[at] {
            Trampoline::LowerImport { index, .. } => {
                let import = program.lowered[index];
                let (Import::Func(func), Some(boundary)) =
                    (&self.pre.imports[import], &self.pre.lowered[index])
                else {
                    return Err(Error::new(ErrorKind::Link, "an import is no function"));
                };
                let func = func.clone();
                func.lower(self.place(at), cx, this, (index, boundary))
            }
            Trampoline::Transcoder { op, from, to, .. } => {
                let ends = (Ends::<E>::default(), Ends::<E>::default());
                let ty = &program.signatures[at];
                host_func::<E, _>(cx, self.realm, ty, move |mut cx, slots| {
                    let ends = (&ends.0, &ends.1);
                    transcode::<E>(&mut cx, this, op, (from, to), ends, slots)
                })
            }
            Trampoline::ResourceNew { instance, ty: of } => self.place(at).host_func(cx, || {
                move |mut cx, slots| {
                    check_may_leave::<E>(&mut cx, this, instance)?;
                    let index = E::data_mut(&mut cx).insert_own(this, of, slots[0] as u32)?;
                    slots[0] = u64::from(index);
                    Ok(())
                }
            }),
            Trampoline::ResourceRep {
                instance: _,
                ty: of,
            } => self.place(at).host_func(cx, || {
                move |mut cx, slots| {
                    let handles = E::data_mut(&mut cx).instance(this).handles(of);
                    slots[0] = u64::from(handles.rep(Some(of), slots[0] as u32)?);
                    Ok(())
                }
            }),
            Trampoline::ResourceDrop { instance, ty: of } => self.place(at).host_func(cx, || {
                move |mut cx, slots| {
                    check_may_leave::<E>(&mut cx, this, instance)?;
                    resource_drop::<E>(&mut cx, this, of, slots[0] as u32)
                }
            }),
            Trampoline::ResourceTransferOwn => self.place(at).host_func(cx, || {
                move |mut cx, slots| {
                    let (from, to) = tables(slots);
                    let data = E::data_mut(&mut cx);
                    let rep = data.take_own(this, from, slots[0] as u32)?;
                    slots[0] = u64::from(data.insert_own(this, to, rep)?);
                    Ok(())
                }
            }),
            Trampoline::ResourceTransferBorrow => self.place(at).host_func(cx, || {
                move |mut cx, slots| {
                    let (from, to) = tables(slots);
                    let data = E::data_mut(&mut cx);
                    let rep = data.lend(this, from, slots[0] as u32)?;
                    slots[0] = u64::from(data.insert_borrow(this, to, rep)?);
                    Ok(())
                }
            }),
            Trampoline::EnterSyncCall => self.place(at).host_func(cx, || {
                |mut cx, _| {
                    E::data_mut(&mut cx).enter_scope();
                    Ok(())
                }
            }),
            Trampoline::ExitSyncCall => self
                .place(at)
                .host_func(cx, || |mut cx, _| E::data_mut(&mut cx).exit_scope()),
            Trampoline::Trap => self
                .place(at)
                .host_func(cx, || |_, slots| Err(trap::error(slots[0] as u32))),
            // Nothing waits here, so nothing is held back; but it is counted.
            Trampoline::BackpressureInc { instance } => self.place(at).host_func(cx, || {
                move |mut cx, _| {
                    let state = E::data_mut(&mut cx).instance(this);
                    change(state.backpressure(instance), |count| count.checked_add(1))
                }
            }),
            Trampoline::BackpressureDec { instance } => self.place(at).host_func(cx, || {
                move |mut cx, _| {
                    let state = E::data_mut(&mut cx).instance(this);
                    change(state.backpressure(instance), |count| count.checked_sub(1))
                }
            }),
            // Tasks that wait, and threads: all but the first check `may_leave`.
            ref other => {
                let name = other.symbol_name();
                let owner = owner(other);
                self.place(at).host_func(cx, || {
                    move |mut cx, _| {
                        if let Some(owner) = owner {
                            check_may_leave::<E>(&mut cx, this, owner)?;
                        }
                        Err(Error::unsupported(format!(
                            "component-async: `{name}` is not supported by layered backends"
                        )))
                    }
                })
            }
        })
    }
}

/// Where a function that the layer makes is used.
pub(crate) struct Place<'a, E: CoreEngine> {
    realm: E::Realm,
    ty: &'a Signature,
    shared: Option<&'a SharedFunc>,
}

impl<E: CoreEngine> Place<'_, E> {
    /// Makes the function. `make` depends on nothing but the place, and on the
    /// number of the instance if that is not the store's first.
    pub(crate) fn host_func<F>(self, cx: &mut E::Context<'_>, make: impl FnOnce() -> F) -> E::Func
    where
        F: for<'a> Fn(E::Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
    {
        match self.shared {
            Some(shared) => {
                let make = || caught::<E, F>(make());
                E::shared_func(cx, self.realm, self.ty, shared, make)
            }
            None => host_func::<E, F>(cx, self.realm, self.ty, make()),
        }
    }
}

#[cold]
fn wrong_kind(what: &str) -> Error {
    Error::new(
        ErrorKind::Engine,
        format!("the engine gave something else where a {what} is exported"),
    )
}

/// A core function of an instance, ready for calls from the host. If the
/// instance has not come to it yet, that is a trap.
pub(crate) fn callee<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    index: u32,
    def: &Def,
    ty: &Signature,
) -> Result<E::Callee> {
    let state = E::data_mut(cx).instance(index);
    let (realm, meter, pre) = (state.realm, state.meter, state.pre.clone());
    let mut run = Instantiation::<E> {
        index,
        realm,
        meter,
        pre: &pre,
    };
    run.callee(cx, def, ty)
}

/// The memory and the `realloc` that one function's values need in one instance,
/// each looked up when it is needed first.
pub(crate) struct Ends<E: CoreEngine> {
    memory: OnceLock<E::Memory>,
    realloc: OnceLock<E::Callee>,
}

impl<E: CoreEngine> Default for Ends<E> {
    fn default() -> Self {
        Ends {
            memory: OnceLock::new(),
            realloc: OnceLock::new(),
        }
    }
}

impl<E: CoreEngine> Ends<E> {
    #[inline]
    pub(crate) fn memory(
        &self,
        cx: &mut E::Context<'_>,
        instance: u32,
        index: RuntimeMemoryIndex,
    ) -> Result<&E::Memory> {
        match self.memory.get() {
            Some(memory) => Ok(memory),
            None => {
                let memory = memory::<E>(cx, instance, index)?;
                Ok(self.memory.get_or_init(|| memory))
            }
        }
    }

    #[inline]
    pub(crate) fn realloc(
        &self,
        cx: &mut E::Context<'_>,
        instance: u32,
        index: RuntimeReallocIndex,
    ) -> Result<&E::Callee> {
        match self.realloc.get() {
            Some(realloc) => Ok(realloc),
            None => {
                let realloc = realloc::<E>(cx, instance, index)?;
                Ok(self.realloc.get_or_init(|| realloc))
            }
        }
    }
}

/// The bytes of a memory that a list lies in.
pub(crate) fn memory_at<'a, E: CoreEngine>(
    cx: &'a mut E::Context<'_>,
    place: MemoryPlace,
) -> Result<&'a [u8]> {
    let at = place.memory as usize;
    let known = E::data_mut(cx).instance(place.instance).memories.get(at);
    let memory = match known {
        Some(Some(memory)) => memory.clone(),
        _ => {
            let index = RuntimeMemoryIndex::from_u32(place.memory);
            let memory = memory::<E>(cx, place.instance, index)?;
            let memories = &mut E::data_mut(cx).instance(place.instance).memories;
            if memories.len() <= at {
                memories.resize_with(at + 1, || None);
            }
            memories[at] = Some(memory.clone());
            memory
        }
    };
    Ok(E::memory(cx, &memory))
}

#[cold]
fn memory<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    instance: u32,
    index: RuntimeMemoryIndex,
) -> Result<E::Memory> {
    let pre = E::data_mut(cx).instance(instance).pre.clone();
    let index = if mutant::active(Mutant::MemoryOfAnotherInstance) {
        RuntimeMemoryIndex::from_u32(0)
    } else {
        index
    };
    match core_export::<E>(cx, instance, &pre.program.extracts.memories[index])? {
        CoreExtern::Memory(memory) => Ok(memory),
        _ => Err(wrong_kind("memory")),
    }
}

#[cold]
#[inline(never)]
fn realloc<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    instance: u32,
    index: RuntimeReallocIndex,
) -> Result<E::Callee> {
    let pre = E::data_mut(cx).instance(instance).pre.clone();
    let index = if mutant::active(Mutant::ReallocOfAnotherInstance) {
        RuntimeReallocIndex::from_u32(0)
    } else {
        index
    };
    let ty = Signature::new([CoreType::I32; 4], [CoreType::I32]);
    callee::<E>(cx, instance, &pre.program.extracts.reallocs[index], &ty)
}

/// What a core instance of a component instance exports.
pub(crate) fn core_export<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    index: u32,
    export: &ExportRef,
) -> Result<CoreExtern<E>> {
    let state = E::data_mut(cx).instance(index);
    let instance = state.core.get(export.instance.index());
    let instance = instance.cloned().ok_or_else(too_early)?;
    E::export(cx, &instance, &export.name).ok_or_else(|| {
        Error::new(
            ErrorKind::Engine,
            format!("the engine does not find the export `{}`", export.name),
        )
    })
}

/// A start function ran into something that its component has not come to yet.
#[cold]
fn too_early() -> Error {
    Error::trap(TrapCode::CanonicalAbi)
        .with_context("while", "the component is still being instantiated")
}

fn change(count: &mut u16, by: impl FnOnce(u16) -> Option<u16>) -> Result<()> {
    *count = by(*count).ok_or_else(|| Error::trap(TrapCode::AsyncViolation))?;
    Ok(())
}

/// The two tables that adapters name when they pass a handle on.
fn tables(slots: &[u64]) -> (TypeResourceTableIndex, TypeResourceTableIndex) {
    let table = |slot: u64| TypeResourceTableIndex::from_u32(slot as u32);
    (table(slots[1]), table(slots[2]))
}

/// Drops a component's handle, with its resource if that is owned.
fn resource_drop<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    instance: u32,
    ty: TypeResourceTableIndex,
    handle: u32,
) -> Result<()> {
    let data = E::data_mut(cx);
    match data.drop_handle(instance, ty, handle)? {
        Some(rep) => {
            let origin = data.instance(instance).origin(instance, ty);
            destroy(cx, &origin, rep)
        }
        None => Ok(()),
    }
}

/// Runs a resource's destructor.
pub(crate) fn destroy<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    origin: &Origin<E>,
    rep: u32,
) -> Result<()> {
    match origin {
        Origin::None => Ok(()),
        Origin::Guest { instance, resource } => match destructor::<E>(cx, *instance, *resource)? {
            Some(destructor) => {
                let context = std::mem::take(&mut E::data_mut(cx).context);
                for _ in 0..mutant::destructor_runs() {
                    meters::call::<E>(cx, *instance, &destructor, &mut [u64::from(rep)])?;
                }
                E::data_mut(cx).context = context;
                Ok(())
            }
            None => Ok(()),
        },
        Origin::Host(resource) => (resource.destructor)(E::reborrow(cx), rep),
    }
}

/// The destructor of a resource that an instance defines.
fn destructor<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    instance: u32,
    resource: DefinedResourceIndex,
) -> Result<Option<E::Callee>> {
    let state = E::data_mut(cx).instance(instance);
    let at = resource.index();
    if let Some(Some(known)) = state.destructors.get(at) {
        return Ok(Some(known.clone()));
    }
    let pre = state.pre.clone();
    let Some(def) = &pre.program.extracts.destructors[resource] else {
        return Ok(None);
    };
    let ty = Signature::new([CoreType::I32], []);
    let callee = callee::<E>(cx, instance, def, &ty)?;
    let known = &mut E::data_mut(cx).instance(instance).destructors;
    if known.len() <= at {
        known.resize_with(at + 1, || None);
    }
    known[at] = Some(callee.clone());
    Ok(Some(callee))
}

#[allow(unsafe_code, reason = "two memories are used at a time")]
fn transcode<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    instance: u32,
    op: Transcode,
    (from, to): (RuntimeMemoryIndex, RuntimeMemoryIndex),
    (from_end, to_end): (&Ends<E>, &Ends<E>),
    slots: &mut [u64],
) -> Result<()> {
    let from = from_end.memory(cx, instance, from)?;
    let to = to_end.memory(cx, instance, to)?;
    let mut memory = |memory: &E::Memory| {
        let bytes = E::memory(cx, memory);
        // SAFETY: the engine gave these bytes, no guest code runs before the
        // transcoder is done, and the reference ends here.
        unsafe { Memory::new(bytes.as_mut_ptr(), bytes.len()) }
    };
    let (from, to) = (memory(from), memory(to));
    transcode::transcode(op, from, to, slots)
}

/// The instance whose built-in this is.
fn owner(trampoline: &Trampoline) -> Option<RuntimeComponentInstanceIndex> {
    use Trampoline::*;
    match trampoline {
        TaskReturn { instance, .. }
        | TaskCancel { instance }
        | WaitableSetNew { instance }
        | WaitableSetWait { instance, .. }
        | WaitableSetPoll { instance, .. }
        | WaitableSetDrop { instance }
        | WaitableJoin { instance }
        | SubtaskDrop { instance }
        | SubtaskCancel { instance, .. }
        | StreamNew { instance, .. }
        | StreamRead { instance, .. }
        | StreamWrite { instance, .. }
        | StreamCancelRead { instance, .. }
        | StreamCancelWrite { instance, .. }
        | StreamDropReadable { instance, .. }
        | StreamDropWritable { instance, .. }
        | FutureNew { instance, .. }
        | FutureRead { instance, .. }
        | FutureWrite { instance, .. }
        | FutureCancelRead { instance, .. }
        | FutureCancelWrite { instance, .. }
        | FutureDropReadable { instance, .. }
        | FutureDropWritable { instance, .. }
        | ErrorContextNew { instance, .. }
        | ErrorContextDebugMessage { instance, .. }
        | ErrorContextDrop { instance, .. }
        | ThreadIndex { instance }
        | ThreadNewIndirect { instance, .. }
        | ThreadResumeLater { instance }
        | ThreadSuspend { instance, .. }
        | ThreadYield { instance, .. }
        | ThreadSuspendThenResume { instance, .. }
        | ThreadYieldThenResume { instance, .. }
        | ThreadSuspendThenPromote { instance, .. }
        | ThreadYieldThenPromote { instance, .. } => Some(*instance),
        _ => None,
    }
}
