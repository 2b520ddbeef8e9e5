//! Stores, instances, and calls in both directions.

use std::fmt;
use std::mem::MaybeUninit;
use std::ptr;

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{Error, ErrorKind, Interruption, Result};
use enginebay_layer::{CoreExtern, CoreType, Data, MAX_SLOTS, SharedFunc, Signature, contain};
use wasmtime::{
    AsContext, AsContextMut, Caller, Extern, Func, FuncType, Global, GlobalType, Instance, Linker,
    Module, Mutability, Store, StoreContextMut, TypedFunc, UpdateDeadline, Val, ValRaw, ValType,
};

use super::WasmtimeCore;
use super::engine::Engine;
use super::limits::CoreState;
use crate::trap;

type Context<'a> = StoreContextMut<'a, CoreState>;

pub(super) fn new(engine: &Engine, data: Data<WasmtimeCore>) -> Store<CoreState> {
    let interruption = data.store_data().interruption();
    let mut store = Store::new(
        engine.inner(),
        CoreState {
            data,
            types: engine.types(),
        },
    );
    store.limiter(|state| state);
    if interruption == Interruption::Deadline {
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|cx| match cx.data().data.store_data().interrupted() {
            None => Ok(UpdateDeadline::Continue(1)),
            Some(error) => Err(wasmtime::Error::new(error)),
        });
    }
    store
}

fn finish<T>(cx: &Context<'_>, result: wasmtime::Result<T>) -> Result<T> {
    match result {
        Ok(value) => Ok(value),
        Err(error) => Err(trap::core_error(cx.data().data.store_data(), error)),
    }
}

pub(super) fn instantiate(
    cx: &mut Context<'_>,
    module: &Module,
    imports: &[CoreExtern<WasmtimeCore>],
) -> Result<Instance> {
    let item = |item: &CoreExtern<WasmtimeCore>| match item {
        CoreExtern::Func(it) => Extern::Func(*it),
        CoreExtern::Memory(it) => Extern::Memory(*it),
        CoreExtern::Table(it) => Extern::Table(*it),
        CoreExtern::Global(it) => Extern::Global(*it),
        CoreExtern::Tag(it) => Extern::Tag(*it),
    };
    let (one, several);
    let imports = match imports {
        [import] => {
            one = [item(import)];
            &one[..]
        }
        imports => {
            several = imports.iter().map(item).collect::<Vec<_>>();
            &several[..]
        }
    };
    contain("instantiating a module", || {
        let result = Instance::new(&mut *cx, module, imports);
        let result = finish(cx, result);
        if mutant::active(Mutant::WasmtimeStartTrapLost) {
            return result.map_err(|error| Error::new(ErrorKind::Engine, error.to_string()));
        }
        result
    })
}

pub(super) fn export(
    cx: &mut Context<'_>,
    instance: &Instance,
    name: &str,
) -> Option<CoreExtern<WasmtimeCore>> {
    Some(match instance.get_export(cx, name)? {
        Extern::Func(it) => CoreExtern::Func(it),
        Extern::Memory(it) => CoreExtern::Memory(it),
        Extern::Table(it) => CoreExtern::Table(it),
        Extern::Global(it) => CoreExtern::Global(it),
        Extern::Tag(it) => CoreExtern::Tag(it),
        // Threads are off.
        Extern::SharedMemory(_) => return None,
    })
}

/// How many values of a signature there are and which of them have 64 bits, by
/// bits from the lowest.
#[derive(Clone, Copy, Debug)]
struct Shape {
    params: usize,
    results: usize,
    wide_params: u32,
    wide_results: u32,
}

impl Shape {
    fn new(ty: &Signature) -> Self {
        let wide = |types: &[CoreType]| {
            types.iter().enumerate().fold(0, |bits, (place, ty)| {
                let wide = matches!(ty, CoreType::I64 | CoreType::F64);
                bits | u32::from(wide) << place
            })
        };
        Shape {
            params: ty.params.len(),
            results: ty.results.len(),
            wide_params: wide(&ty.params),
            wide_results: wide(&ty.results),
        }
    }

    fn slots(&self) -> usize {
        self.params.max(self.results)
    }
}

/// The value at a place. Wasmtime's code leaves the upper half of a narrow one
/// as it was.
#[inline]
fn read(value: &ValRaw, wide: u32, place: usize) -> u64 {
    if wide >> place & 1 != 0 && !mutant::active(Mutant::WasmtimeResultsCut) {
        value.get_u64()
    } else {
        value.get_u32().into()
    }
}

/// A function, ready to be called with slots.
#[derive(Clone)]
pub struct Callee(Call);

impl fmt::Debug for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callee").finish_non_exhaustive()
    }
}

/// The results of Wasmtime's typed calls, as slots.
trait Results {
    fn write(self, slots: &mut [u64]);
}

impl Results for () {
    #[inline]
    fn write(self, _: &mut [u64]) {}
}

impl Results for u32 {
    #[inline]
    fn write(self, slots: &mut [u64]) {
        slots[0] = self.into();
    }
}

macro_rules! narrow {
    ($place:literal) => {
        u32
    };
}

macro_rules! calls {
    ($($name:ident: $params:literal [$($place:literal)*], $results:literal $result:ty;)*) => {
        /// How a function is called. Wasmtime's typed calls are 10 ns faster
        /// than those with values in an array, but their types have to be spelled
        /// out: here are those that `realloc`, `post-return` and most functions
        /// of pointers and small numbers have.
        #[derive(Clone)]
        enum Call {
            $($name(TypedFunc<($(narrow!($place),)*), $result>),)*
            Raw(Func, Shape),
        }

        impl Call {
            /// The function's type is `ty`.
            fn new(cx: &Context<'_>, func: &Func, ty: &Signature) -> Self {
                let mut types = ty.params.iter().chain(&ty.results);
                if types.all(|ty| *ty == CoreType::I32) {
                    match (ty.params.len(), ty.results.len()) {
                        $(($params, $results) => if let Ok(func) = func.typed(cx) {
                            return Call::$name(func);
                        })*
                        _ => {}
                    }
                }
                Call::Raw(*func, Shape::new(ty))
            }

            #[inline]
            fn call(&self, cx: &mut Context<'_>, slots: &mut [u64]) -> wasmtime::Result<()> {
                match self {
                    $(Call::$name(func) => {
                        let params = ($(slots[$place] as u32,)*);
                        func.call(cx.as_context_mut(), params)?.write(slots);
                        Ok(())
                    })*
                    Call::Raw(func, shape) => call_raw(cx, func, shape, slots),
                }
            }
        }
    };
}

calls! {
    NoneToNone: 0 [], 0 ();
    NoneToOne: 0 [], 1 u32;
    OneToNone: 1 [0], 0 ();
    OneToOne: 1 [0], 1 u32;
    TwoToNone: 2 [0 1], 0 ();
    TwoToOne: 2 [0 1], 1 u32;
    ThreeToNone: 3 [0 1 2], 0 ();
    ThreeToOne: 3 [0 1 2], 1 u32;
    FourToNone: 4 [0 1 2 3], 0 ();
    FourToOne: 4 [0 1 2 3], 1 u32;
    FiveToNone: 5 [0 1 2 3 4], 0 ();
    FiveToOne: 5 [0 1 2 3 4], 1 u32;
    SixToNone: 6 [0 1 2 3 4 5], 0 ();
    SixToOne: 6 [0 1 2 3 4 5], 1 u32;
}

/// Whether a type of Wasmtime's is that of a signature.
fn is_of(has: &FuncType, ty: &Signature) -> bool {
    let same = |(has, ty): (ValType, &CoreType)| {
        matches!(
            (has, ty),
            (ValType::I32, CoreType::I32)
                | (ValType::I64, CoreType::I64)
                | (ValType::F32, CoreType::F32)
                | (ValType::F64, CoreType::F64)
        )
    };
    has.params().len() == ty.params.len()
        && has.results().len() == ty.results.len()
        && has.params().zip(&ty.params).all(same)
        && has.results().zip(&ty.results).all(same)
}

pub(super) fn callee(cx: &Context<'_>, func: &Func, ty: &Signature) -> Result<Callee> {
    if ty.slots() > MAX_SLOTS || !is_of(&func.ty(cx.as_context()), ty) {
        return Err(Error::new(
            ErrorKind::Engine,
            "a core function is not of the type that it is called with",
        ));
    }
    Ok(Callee(Call::new(cx, func, ty)))
}

#[inline]
pub(super) fn call(cx: &mut Context<'_>, callee: &Callee, slots: &mut [u64]) -> Result<()> {
    match callee.0.call(cx, slots) {
        Ok(()) => Ok(()),
        Err(error) => Err(trap::core_error(cx.data().data.store_data(), error)),
    }
}

#[allow(unsafe_code, reason = "Wasmtime's calls by raw values")]
fn call_raw(
    cx: &mut Context<'_>,
    func: &Func,
    shape: &Shape,
    slots: &mut [u64],
) -> wasmtime::Result<()> {
    let count = shape.slots();
    let mut values = [const { MaybeUninit::<ValRaw>::uninit() }; MAX_SLOTS];
    for (value, slot) in values.iter_mut().zip(&slots[..count]) {
        value.write(ValRaw::u64(*slot));
    }
    let raw: *mut [ValRaw] = ptr::slice_from_raw_parts_mut(values.as_mut_ptr().cast(), count);
    // SAFETY: `raw` is an array of `count` initialized values, which `callee` has
    // found to be enough for the function's parameters and results, at most
    // `MAX_SLOTS`. All of them are numbers, and each number is in the lowest bits.
    // Stores of ours are synchronous: `call_async` is never used on them. A
    // function of another store panics in Wasmtime.
    unsafe { func.call_unchecked(cx.as_context_mut(), raw) }?;
    let values = values.iter().take(shape.results).enumerate();
    for (slot, (place, value)) in slots.iter_mut().zip(values) {
        // SAFETY: the first `count` values are initialized, above, and there are
        // no more results than that.
        let value = unsafe { value.assume_init_ref() };
        *slot = read(value, shape.wide_results, place);
    }
    Ok(())
}

/// What Wasmtime calls for a host function, with values of a type of this shape.
#[allow(unsafe_code, reason = "Wasmtime's host functions by raw values")]
fn entry<F>(
    shape: Shape,
    func: F,
) -> impl Fn(Caller<'_, CoreState>, &mut [MaybeUninit<ValRaw>]) -> wasmtime::Result<()>
where
    F: for<'a> Fn(Context<'a>, &mut [u64]) -> Result<()>,
{
    move |mut caller, values| {
        let mut slots = [0; MAX_SLOTS];
        let slots = &mut slots[..shape.slots()];
        let params = values.iter().take(shape.params).enumerate();
        for (slot, (place, value)) in slots.iter_mut().zip(params) {
            // SAFETY: the first values are the arguments, as many as there are
            // parameters in the function's type, which `shape` is of.
            let value = unsafe { value.assume_init_ref() };
            *slot = read(value, shape.wide_params, place);
        }
        func(caller.as_context_mut(), slots).map_err(wasmtime::Error::new)?;
        for (value, slot) in values.iter_mut().zip(&slots[..shape.results]) {
            value.write(ValRaw::u64(*slot));
        }
        Ok(())
    }
}

#[allow(unsafe_code, reason = "Wasmtime's host functions by raw values")]
pub(super) fn host_func<F>(cx: &mut Context<'_>, ty: &Signature, func: F) -> Func
where
    F: for<'a> Fn(Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
{
    let run = entry(Shape::new(ty), func);
    let ty = cx.data().types.get(cx.engine(), ty);
    // SAFETY: `run` reads arguments and writes results of the type `ty`, all of
    // them numbers.
    unsafe { Func::new_unchecked(cx.as_context_mut(), ty, run) }
}

/// A host function that Wasmtime makes once for all stores, which it does in a
/// linker.
pub(super) fn shared_func<F>(
    cx: &mut Context<'_>,
    ty: &Signature,
    shared: &SharedFunc,
    make: impl FnOnce() -> F,
) -> Func
where
    F: for<'a> Fn(Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
{
    let made = shared.get_or_init(|| Box::new(link(cx, ty, make())));
    // All that it has: by its name it would take as long as to make it anew.
    let found = made
        .downcast_ref::<Linker<CoreState>>()
        .and_then(|linker| linker.iter(&mut *cx).next());
    match found {
        Some((_, _, Extern::Func(func))) => func,
        other => unreachable!("a linker with a function was put there, not {other:?}"),
    }
}

#[allow(unsafe_code, reason = "Wasmtime's host functions by raw values")]
fn link<F>(cx: &Context<'_>, ty: &Signature, func: F) -> Linker<CoreState>
where
    F: for<'a> Fn(Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
{
    let run = entry(Shape::new(ty), func);
    let mut linker = Linker::new(cx.engine());
    let ty = cx.data().types.get(cx.engine(), ty);
    // SAFETY: `run` reads arguments and writes results of the type `ty`, all of
    // them numbers.
    let defined = unsafe { linker.func_new_unchecked("", "", ty, run) };
    if let Err(error) = defined {
        // The linker was empty: only memory can be short.
        panic!("Wasmtime cannot make a function: {error:#}");
    }
    linker
}

/// A value of a type that our globals have.
#[inline]
fn global_value(ty: CoreType, value: u64) -> Val {
    match ty {
        CoreType::I64 => Val::I64(value.cast_signed()),
        _ => Val::I32((value as u32).cast_signed()),
    }
}

pub(super) fn new_global(cx: &mut Context<'_>, ty: CoreType, value: u64) -> Global {
    let value = global_value(ty, value);
    let ty = match value {
        Val::I64(_) => ValType::I64,
        _ => ValType::I32,
    };
    match Global::new(cx, GlobalType::new(ty, Mutability::Var), value) {
        Ok(global) => global,
        // The value has the global's type: only memory can be short.
        Err(error) => panic!("Wasmtime cannot make a global: {error:#}"),
    }
}

#[inline]
pub(super) fn global(cx: &mut Context<'_>, global: &Global) -> u64 {
    match global.get(cx) {
        Val::I32(value) => value.cast_unsigned().into(),
        Val::I64(value) => value.cast_unsigned(),
        _ => 0,
    }
}

#[inline]
pub(super) fn set_global(cx: &mut Context<'_>, global: &Global, ty: CoreType, value: u64) {
    let set = global.set(cx, global_value(ty, value));
    debug_assert!(set.is_ok(), "a global of ours is mutable and of this type");
}
