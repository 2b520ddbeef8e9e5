//! Calls without looking at types: wasmi's typed functions, chosen once by a
//! signature that is known at run time.
//!
//! wasmi's dynamic calls check each value against the function's type, and its
//! dynamic host functions allocate. Its typed functions do neither, so the
//! signatures that components have most are spelled out in a table, for both
//! directions. All others go the dynamic way, for 20 to 30 ns more. Each entry
//! takes the compiler a tenth of a second: the table is not to be complete.

use std::fmt;
use std::sync::Arc;

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{Error, ErrorKind};
use enginebay_layer::{CoreType, MAX_SLOTS, Signature};
use wasmi::{
    Caller, F32, F64, Func, ResumableCall, StoreContextMut, TypedFunc, TypedResumableCall,
};
use wasmi::{Val, WasmParams, WasmResults, WasmRet, WasmTy};

use crate::linker::{self, Host};
use crate::store::Link;
use crate::trap::{self, HostFailure};

type Context<'a> = StoreContextMut<'a, Link>;
type Result<T> = std::result::Result<T, wasmi::Error>;

/// A function, ready to be called with slots.
#[derive(Clone)]
pub(crate) struct Callee(Arc<Call>);

type Call = dyn Fn(&mut Context<'_>, &mut [u64]) -> Result<()> + Send + Sync;

impl Callee {
    #[inline]
    pub(crate) fn call(&self, cx: &mut Context<'_>, slots: &mut [u64]) -> Result<()> {
        (self.0)(cx, slots)
    }
}

impl fmt::Debug for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callee")
    }
}

/// Gets a function of one signature ready for calls.
type Make = fn(&Context<'_>, &Func) -> Result<Callee>;

/// Both directions of one signature.
pub(crate) struct Entry {
    callee: Make,
    pub(crate) host: fn(&mut Context<'_>, Arc<Host>) -> Func,
}

/// A type of core wasm, as wasmi's typed functions take it.
trait Value: WasmTy + 'static {
    fn read(slot: u64) -> Self;
    fn write(self) -> u64;
}

macro_rules! values {
    ($($ty:ty: |$slot:ident| $read:expr, |$value:ident| $write:expr;)*) => {$(
        impl Value for $ty {
            #[inline]
            fn read($slot: u64) -> Self {
                $read
            }

            #[inline]
            fn write(self) -> u64 {
                let $value = self;
                $write
            }
        }
    )*};
}

values! {
    u32: |slot| slot as u32, |value| value.into();
    u64: |slot| slot, |value| value;
    F32: |slot| F32::from_bits(slot as u32), |value| value.to_bits().into();
    F64: |slot| F64::from_bits(slot), |value| value.to_bits();
}

/// One result or none.
trait Results: WasmResults + 'static {
    fn read(slots: &[u64]) -> Self;
    fn write(self, slots: &mut [u64]);
}

impl Results for () {
    #[inline]
    fn read(_slots: &[u64]) -> Self {}

    #[inline]
    fn write(self, _slots: &mut [u64]) {}
}

impl<T: Value> Results for (T,) {
    #[inline]
    fn read(slots: &[u64]) -> Self {
        (T::read(slots[0]),)
    }

    #[inline]
    fn write(self, slots: &mut [u64]) {
        slots[0] = self.0.write();
    }
}

/// A list of parameters.
trait Params: WasmParams + 'static {
    fn read(slots: &[u64]) -> Self;

    fn host<R: Results>(cx: &mut Context<'_>, host: Arc<Host>) -> Func
    where
        Result<R>: WasmRet;
}

impl Params for () {
    #[inline]
    fn read(_slots: &[u64]) -> Self {}

    fn host<R: Results>(cx: &mut Context<'_>, host: Arc<Host>) -> Func
    where
        Result<R>: WasmRet,
    {
        Func::wrap(cx, move |mut caller: Caller<'_, Link>| -> Result<R> {
            // Room for a result.
            let mut slots = [0];
            let count = R::LEN;
            linker::run(&*host, &mut caller, &mut slots[..count])?;
            Ok(R::read(&slots))
        })
    }
}

macro_rules! params {
    ($($name:ident $index:tt)*) => {
        impl<$($name: Value),*> Params for ($($name,)*) {
            #[inline]
            fn read(slots: &[u64]) -> Self {
                ($($name::read(slots[$index]),)*)
            }

            fn host<R: Results>(cx: &mut Context<'_>, host: Arc<Host>) -> Func
            where
                Result<R>: WasmRet,
            {
                #[allow(non_snake_case)]
                Func::wrap(
                    cx,
                    move |mut caller: Caller<'_, Link>, $($name: $name),*| -> Result<R> {
                        let mut slots = [$($name.write()),*];
                        linker::run(&*host, &mut caller, &mut slots)?;
                        Ok(R::read(&slots))
                    },
                )
            }
        }
    };
}

params!(A 0);
params!(A 0 B 1);
params!(A 0 B 1 C 2);
params!(A 0 B 1 C 2 D 3);
params!(A 0 B 1 C 2 D 3 E 4);
params!(A 0 B 1 C 2 D 3 E 4 F 5);
params!(A 0 B 1 C 2 D 3 E 4 F 5 G 6);
params!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7);
params!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8);
params!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9);
params!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10);
params!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11);
params!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12);
params!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13);
params!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14);
params!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14 P 15);

fn typed<P: Params, R: Results>(cx: &Context<'_>, func: &Func) -> Result<Callee> {
    let func: TypedFunc<P, R> = func.typed(cx)?;
    Ok(Callee(Arc::new(move |cx, slots| {
        func.call(cx, P::read(slots))?.write(slots);
        Ok(())
    })))
}

/// As [`typed`], and stops when it has to.
fn typed_in_slices<P: Params, R: Results>(cx: &Context<'_>, func: &Func) -> Result<Callee> {
    let func: TypedFunc<P, R> = func.typed(cx)?;
    Ok(Callee(Arc::new(move |cx, slots| {
        let mut call = func.call_resumable(&mut *cx, P::read(slots))?;
        loop {
            let paused = match call {
                TypedResumableCall::Finished(results) => {
                    results.write(slots);
                    return Ok(());
                }
                TypedResumableCall::HostTrap(trap) => return Err(trap::taken(trap.host_error())),
                TypedResumableCall::OutOfFuel(paused) => paused,
            };
            go_on(cx, paused.required_fuel())?;
            call = paused.resume(&mut *cx)?;
        }
    })))
}

/// The signatures that `realloc`, `post-return` and most functions of pointers and
/// small numbers have.
fn in_slices<P: Params>(results: &[CoreType]) -> Option<Make> {
    Some(match results {
        [] => typed_in_slices::<P, ()>,
        [CoreType::I32] => typed_in_slices::<P, (u32,)>,
        _ => return None,
    })
}

fn with<P: Params, R: Results>() -> Entry
where
    Result<R>: WasmRet,
{
    Entry {
        callee: typed::<P, R>,
        host: P::host::<R>,
    }
}

/// With one result of any type, or none.
fn any<P: Params>(results: &[CoreType]) -> Option<Entry> {
    Some(match results {
        [CoreType::F32] => with::<P, (F32,)>(),
        [CoreType::F64] => with::<P, (F64,)>(),
        _ => return integer::<P>(results),
    })
}

/// With an integer for a result, or none.
fn integer<P: Params>(results: &[CoreType]) -> Option<Entry> {
    Some(match results {
        [CoreType::I64] => with::<P, (u64,)>(),
        _ => return pointer::<P>(results),
    })
}

/// With an `i32` for a result, or none.
fn pointer<P: Params>(results: &[CoreType]) -> Option<Entry> {
    Some(match results {
        [] => with::<P, ()>(),
        [CoreType::I32] => with::<P, (u32,)>(),
        _ => return None,
    })
}

macro_rules! value {
    (I32) => {
        u32
    };
    (I64) => {
        u64
    };
    (F32) => {
        F32
    };
    (F64) => {
        F64
    };
}

macro_rules! table {
    ($params:expr, $results:expr; $($kind:ident: $([$($ty:ident)*])*;)*) => {
        match $params {
            $($([$(CoreType::$ty),*] => $kind::<($(value!($ty),)*)>($results),)*)*
            _ => None,
        }
    };
}

/// The entry of a signature, if it is in the table.
pub(crate) fn entry(ty: &Signature) -> Option<Entry> {
    table! {
        &*ty.params, &ty.results;
        any:
        []
        [I32] [I64] [F32] [F64]
        [I32 I32] [I32 I64] [I32 F32] [I32 F64]
        [I64 I32] [I64 I64] [I64 F32] [I64 F64]
        [F32 I32] [F32 I64] [F32 F32] [F32 F64]
        [F64 I32] [F64 I64] [F64 F32] [F64 F64]
        [F32 F32 F32] [F64 F64 F64] [F32 F32 F32 F32] [F64 F64 F64 F64];
        integer:
        [I32 I32 I32] [I32 I32 I64] [I32 I64 I32] [I32 I64 I64]
        [I64 I32 I32] [I64 I32 I64] [I64 I64 I32] [I64 I64 I64]
        [I32 I32 I32 I32] [I64 I64 I64 I64];
        pointer:
        [I32 I32 I32 I64] [I32 I32 I64 I32] [I32 I32 I64 I64]
        [I32 I64 I32 I32] [I32 I64 I32 I64] [I32 I64 I64 I32] [I32 I64 I64 I64]
        [I32 I32 I32 I32 I32]
        [I32 I32 I32 I32 I32 I32]
        [I32 I32 I32 I32 I32 I32 I32]
        [I32 I32 I32 I32 I32 I32 I32 I32]
        [I32 I32 I32 I32 I32 I32 I32 I32 I32]
        [I32 I32 I32 I32 I32 I32 I32 I32 I32 I32]
        [I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32]
        [I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32]
        [I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32]
        [I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32]
        [I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32]
        [I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32 I32];
    }
}

/// The same for calls that can be stopped.
fn stopping(ty: &Signature) -> Option<Make> {
    table! {
        &*ty.params, &ty.results;
        in_slices:
        []
        [I32]
        [I32 I32]
        [I32 I32 I32]
        [I32 I32 I32 I32]
        [I32 I32 I32 I32 I32]
        [I32 I32 I32 I32 I32 I32];
    }
}

/// Gets a function ready for calls; for such that can be stopped, if the store's
/// guests have fuel.
pub(crate) fn callee(cx: &Context<'_>, func: &Func, ty: &Signature, stops: bool) -> Result<Callee> {
    if stops {
        return match stopping(ty) {
            Some(make) => make(cx, func),
            None => Ok(dynamic(*func, ty, run_in_slices)),
        };
    }
    match entry(ty) {
        Some(entry) => (entry.callee)(cx, func),
        None => Ok(dynamic(*func, ty, |cx, func, params, results| {
            func.call(cx, params, results)
        })),
    }
}

/// How much a guest consumes, of wasmi's fuel, between two looks at the time: 0.2
/// to 0.4 ms.
pub(crate) const SLICE: u64 = 100_000;

/// Calls a function. Whenever it runs out of fuel it gets more, unless it has to
/// stop.
pub(crate) fn run_in_slices(
    cx: &mut Context<'_>,
    func: &Func,
    params: &[Val],
    results: &mut [Val],
) -> Result<()> {
    let mut call = func.call_resumable(&mut *cx, params, results)?;
    loop {
        let paused = match call {
            ResumableCall::Finished => return Ok(()),
            ResumableCall::HostTrap(trap) => return Err(trap.into_host_error()),
            ResumableCall::OutOfFuel(paused) => paused,
        };
        go_on(cx, paused.required_fuel())?;
        call = paused.resume(&mut *cx, results)?;
    }
}

/// Gives a guest that has run out of fuel at least this much more, unless it has
/// to stop.
fn go_on(cx: &mut Context<'_>, required: u64) -> Result<()> {
    let mut reason = cx.data().interrupted();
    if mutant::active(Mutant::WasmiSliceStops) {
        reason = reason.or_else(|| Some(Error::of(ErrorKind::Cancelled)));
    }
    if let Some(reason) = reason {
        return Err(HostFailure::wrap(reason));
    }
    cx.set_fuel(required.max(SLICE))
}

/// A function that is called with values that say what they are, and that are
/// checked in each call.
fn dynamic(
    func: Func,
    ty: &Signature,
    call: fn(&mut Context<'_>, &Func, &[Val], &mut [Val]) -> Result<()>,
) -> Callee {
    let ty = ty.clone();
    Callee(Arc::new(move |cx, slots| {
        let mut params = [const { Val::I32(0) }; MAX_SLOTS];
        let mut results = [const { Val::I32(0) }; MAX_SLOTS];
        let params = &mut params[..ty.params.len()];
        let results = &mut results[..ty.results.len()];
        for ((param, ty), slot) in params.iter_mut().zip(&ty.params).zip(&*slots) {
            *param = to_val(*ty, *slot);
        }
        call(cx, &func, params, results)?;
        for (slot, result) in slots.iter_mut().zip(results) {
            *slot = from_val(result);
        }
        Ok(())
    }))
}

pub(crate) fn to_val(ty: CoreType, slot: u64) -> Val {
    match ty {
        CoreType::I32 => Val::I32(slot as i32),
        CoreType::I64 => Val::I64(slot as i64),
        CoreType::F32 => Val::F32(F32::from_bits(slot as u32)),
        CoreType::F64 => Val::F64(F64::from_bits(slot)),
    }
}

/// A value that no signature has becomes zero.
pub(crate) fn from_val(val: &Val) -> u64 {
    match val {
        Val::I32(value) => u64::from(*value as u32),
        Val::I64(value) => *value as u64,
        Val::F32(value) => value.to_bits().into(),
        Val::F64(value) => value.to_bits(),
        Val::V128(_) | Val::FuncRef(_) | Val::ExternRef(_) => 0,
    }
}
