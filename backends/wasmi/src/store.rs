//! Stores, instances, and calls.

use enginebay_core::{Error, ErrorKind, Result, TrapCode};
use enginebay_layer::{CoreExtern, CoreType, Data, Signature, contain};
use wasmi::{Extern, Func, Global, Instance, Mutability, Store, StoreContextMut, Val};

use crate::engine::{Engine, Module};
use crate::limits::State;
use crate::signature::{self, Callee};
use crate::{WasmiCore, trap};

type Context<'a> = StoreContextMut<'a, State>;

/// How deep calls are nested in each other through host functions. wasmi gives
/// each a stack of its own on the heap and uses the thread's stack for itself,
/// and counts neither.
pub(crate) struct Nesting {
    /// Where the thread's stack was when the outermost call began.
    base: usize,
    depth: u32,
    max_stack: usize,
}

/// With the default of 512 KiB of stack, a guest that nests calls as deep as it
/// can makes wasmi keep at most 180 MiB.
const MAX_DEPTH: u32 = 200;

impl Nesting {
    #[inline]
    fn enter(&mut self) -> Result<()> {
        let here = 0u8;
        let here = (&raw const here).addr();
        if self.depth == 0 {
            self.base = here;
        } else if self.depth == MAX_DEPTH || self.base.abs_diff(here) > self.max_stack {
            return Err(Error::trap(TrapCode::StackOverflow));
        }
        self.depth += 1;
        Ok(())
    }

    #[inline]
    fn leave(&mut self) {
        self.depth -= 1;
    }
}

pub(crate) fn new(engine: &Engine, data: Data<WasmiCore>) -> Store<State> {
    let nesting = Nesting {
        base: 0,
        depth: 0,
        max_stack: engine.max_stack(),
    };
    let mut store = Store::new(engine.inner(), State { data, nesting });
    store.limiter(|state| state);
    store
}

/// wasmi wants the imports of a module by kind, and in order within each.
fn rank(item: &Extern) -> u8 {
    match item {
        Extern::Func(_) => 0,
        Extern::Table(_) => 1,
        Extern::Memory(_) => 2,
        Extern::Global(_) => 3,
    }
}

pub(crate) fn instantiate(
    cx: &mut Context<'_>,
    module: &Module,
    imports: &[CoreExtern<WasmiCore>],
) -> Result<Instance> {
    let item = |item: &CoreExtern<WasmiCore>| match item {
        CoreExtern::Func(it) => Extern::Func(*it),
        CoreExtern::Memory(it) => Extern::Memory(*it),
        CoreExtern::Table(it) => Extern::Table(*it),
        CoreExtern::Global(it) => Extern::Global(*it),
        CoreExtern::Tag(it) => match *it {},
    };
    let (one, mut several);
    let externs = match imports {
        [import] => {
            one = [item(import)];
            &one[..]
        }
        imports => {
            several = imports.iter().map(item).collect::<Vec<_>>();
            // Stable, and one pass over what is in order, as most modules are.
            several.sort_by_key(rank);
            &several[..]
        }
    };
    cx.data_mut().nesting.enter()?;
    let result = contain("instantiating a module", || {
        match Instance::new(&mut *cx, &module.0, externs) {
            Ok(instance) => Ok(instance),
            Err(error) => Err(trap::error(cx.data().data.store_data(), error)),
        }
    });
    cx.data_mut().nesting.leave();
    result
}

pub(crate) fn export(
    cx: &Context<'_>,
    instance: &Instance,
    name: &str,
) -> Option<CoreExtern<WasmiCore>> {
    Some(match instance.get_export(cx, name)? {
        Extern::Func(it) => CoreExtern::Func(it),
        Extern::Memory(it) => CoreExtern::Memory(it),
        Extern::Table(it) => CoreExtern::Table(it),
        Extern::Global(it) => CoreExtern::Global(it),
    })
}

pub(crate) fn callee(cx: &mut Context<'_>, func: &Func, ty: &Signature) -> Result<Callee> {
    signature::callee(cx, func, ty).map_err(|error| {
        Error::new(
            ErrorKind::Engine,
            format!("a core function is not of the type that it is called with: {error}"),
        )
        .with_source(error)
    })
}

#[inline]
pub(crate) fn call(cx: &mut Context<'_>, callee: &Callee, slots: &mut [u64]) -> Result<()> {
    cx.data_mut().nesting.enter()?;
    let result = callee.call(cx, slots);
    cx.data_mut().nesting.leave();
    match result {
        Ok(()) => Ok(()),
        Err(error) => Err(trap::error(cx.data().data.store_data(), error)),
    }
}

/// A value of a type that our globals have.
#[inline]
fn global_value(ty: CoreType, value: u64) -> Val {
    match ty {
        CoreType::I64 => Val::I64(value.cast_signed()),
        _ => Val::I32((value as u32).cast_signed()),
    }
}

pub(crate) fn new_global(cx: &mut Context<'_>, ty: CoreType, value: u64) -> Global {
    Global::new(cx, global_value(ty, value), Mutability::Var)
}

#[inline]
pub(crate) fn global(cx: &Context<'_>, global: &Global) -> u64 {
    match global.get(cx) {
        Val::I32(value) => value.cast_unsigned().into(),
        Val::I64(value) => value.cast_unsigned(),
        _ => 0,
    }
}

#[inline]
pub(crate) fn set_global(cx: &mut Context<'_>, global: &Global, ty: CoreType, value: u64) {
    let set = global.set(cx, global_value(ty, value));
    debug_assert!(set.is_ok(), "a global of ours is mutable and of this type");
}
