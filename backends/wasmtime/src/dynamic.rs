//! Calls whose types are known at run time only: values go straight into the
//! guest's memory and come straight out of it.
//!
//! Wasmtime's typed calls do the work around that. [`Params`] and [`Results`]
//! stand for whatever a function's type says: they walk Wasmtime's own tables
//! of types along with the values. The hidden methods are those of the pinned
//! version.
#![allow(unsafe_code, reason = "Wasmtime's traits are unsafe to implement")]

mod check;
mod lift;
mod lower;

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;

use enginebay_core::{Error, ErrorKind, Result, StoreNumber, Val};
use wasmtime::component as wt;
use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext, LowerContext,
};
use wasmtime::{StoreContextMut, ValRaw};
use wasmtime_environ::component::MAX_FLAT_PARAMS;

use crate::limits::State;
use crate::value;
use check::Misfit;

type EngineResult<T> = std::result::Result<T, wasmtime::Error>;

/// A function that is ready for the arguments it was checked against.
pub(crate) type Func<'a> = wt::TypedFunc<Params<'a>, Results>;

/// Checks arguments against a function's type. The guest is not entered, and
/// the store stays as it is.
///
/// # Errors
///
/// `TypeMismatch` where something differs, `WrongStore` for a resource of another
/// store, and `Unsupported` for types that
/// have no [`Val`].
#[inline]
pub(crate) fn typed<'a>(
    cx: &StoreContextMut<'_, State>,
    func: &wt::Func,
    params: &'a [Val],
) -> Result<Func<'a>> {
    let store = StoreNumber::of(func);
    check::with(params, store, || func.typed::<Params<'a>, Results>(cx))
        .map_err(|error| refused(cx, func, params, &error))
}

/// What to tell about arguments that were refused. The check only knows that
/// something is wrong; here is time to find out where.
#[cold]
fn refused(
    cx: &StoreContextMut<'_, State>,
    func: &wt::Func,
    params: &[Val],
    error: &wasmtime::Error,
) -> Error {
    let ty = func.ty(cx);
    let unsupported = |what: &str| {
        Error::unsupported(format!("values of type `{what}` are not supported")).not_entered()
    };
    match error.downcast_ref::<Misfit>() {
        Some(Misfit::Param(at, what)) => match ty.params().nth(*at) {
            Some((name, _)) => unsupported(what).with_context("argument", name),
            None => unsupported(what),
        },
        Some(Misfit::Result(what)) => unsupported(what),
        Some(Misfit::Store(at)) => {
            let error = Error::new(
                ErrorKind::WrongStore,
                "the resource belongs to another store",
            );
            match ty.params().nth(*at) {
                Some((name, _)) => error.with_context("argument", name),
                None => error,
            }
        }
        Some(Misfit::Value) | None => match value::check_params(&ty, params, StoreNumber::of(func))
        {
            Err(error) => error,
            Ok(()) => Error::new(ErrorKind::TypeMismatch, format!("{error:#}")),
        },
    }
}

/// The arguments of one call.
pub(crate) struct Params<'a>(pub(crate) &'a [Val]);

// SAFETY: `Lower` is a sequence of `ValRaw`, as many as a function can take at
// most. `typecheck` accepts what `lower::params` writes for the same type; that
// function checks again whatever memory safety needs. `ABI` is for values in
// memory, where these never are: `linear_lower_to_memory` refuses.
unsafe impl wt::ComponentType for Params<'_> {
    type Lower = [ValRaw; MAX_FLAT_PARAMS];

    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

    #[inline]
    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> EngineResult<()> {
        check::params(*ty, types)
    }
}

// SAFETY: `lower::params` writes one slot for each of the core function's
// parameters, and fails if it cannot. The slots after them stay uninitialised:
// Wasmtime passes on where the slots begin and how many there are, and the
// callee reads those of its own parameters only. Wasmtime itself calls with 16
// slots like that whenever a function's type is not known statically.
unsafe impl wt::Lower for Params<'_> {
    #[inline]
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> EngineResult<()> {
        lower::params(cx, ty, self.0, dst.as_mut())
    }

    fn linear_lower_to_memory<T>(
        &self,
        _cx: &mut LowerContext<'_, T>,
        _ty: InterfaceType,
        _offset: usize,
    ) -> EngineResult<()> {
        Err(Misfit::Value.into())
    }
}

// SAFETY: `typecheck` takes the tuple of all parameters.
unsafe impl wt::ComponentNamedList for Params<'_> {}

/// The results of one call: one or none.
///
/// Several functions of Wasmtime's hand this on, and look each time whether it
/// is an error instead. A number and a cell have room for all bits, so that the
/// compiler cannot store that among them, and all that is done to the value is
/// to copy it, in words. Taken apart and put together again, it would cost more
/// than to read it.
pub(crate) struct Results {
    count: usize,
    val: UnsafeCell<Val>,
}

// SAFETY: a shared reference gives no access to the cell.
unsafe impl Sync for Results {}

impl Results {
    #[inline]
    fn new(val: Val) -> Self {
        Results {
            count: 1,
            val: UnsafeCell::new(val),
        }
    }

    #[inline]
    fn none() -> Self {
        Results {
            count: 0,
            val: UnsafeCell::new(Val::Bool(false)),
        }
    }

    /// Gives the result to whoever asked for it, if there is one.
    #[inline]
    pub(crate) fn into(self, results: &mut Vec<Val>) {
        if self.count > 0 {
            results.push(self.val.into_inner());
        }
    }
}

// SAFETY: `Lower` is one `ValRaw`: the most that a function returns, be it the
// result itself or where it is in memory. `lift::results` tells them apart by
// the type. `ABI` is for values in memory, where `Results` itself never is:
// `linear_lift_from_memory` refuses.
unsafe impl wt::ComponentType for Results {
    type Lower = ValRaw;

    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

    #[inline]
    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> EngineResult<()> {
        check::results(*ty, types)
    }
}

// SAFETY: `lift::results` reads the slot only if the type has a result, and
// checks everything that it reads from memory.
unsafe impl wt::Lift for Results {
    #[inline]
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &Self::Lower,
    ) -> EngineResult<Self> {
        lift::results(cx, ty, src)
    }

    fn linear_lift_from_memory(
        _cx: &mut LiftContext<'_>,
        _ty: InterfaceType,
        _bytes: &[u8],
    ) -> EngineResult<Self> {
        Err(Misfit::Value.into())
    }
}

// SAFETY: `typecheck` takes the tuple of all results.
unsafe impl wt::ComponentNamedList for Results {}
