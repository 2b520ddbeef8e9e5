//! Panics, on either side of an engine: the engine's own become errors, and those
//! of host functions do not get into it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use enginebay_core::{Error, ErrorKind, Result};

use crate::engine::{CoreEngine, Signature};

/// Runs the engine's compiler, or an instantiation: a panic in it becomes an
/// error.
///
/// # Errors
///
/// Those of `run`, and `Engine` for a panic; `doing` says in which state it was
/// ("compiling a module").
pub fn contain<R>(doing: &str, run: impl FnOnce() -> Result<R>) -> Result<R> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result,
        Err(panic) => Err(panicked(doing, &*panic)),
    }
}

#[cold]
fn panicked(doing: &str, panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::new(
        ErrorKind::Engine,
        format!("the engine panicked while {doing}: {message}"),
    )
}

/// A host function that lets no panic into the engine: it becomes an error that
/// resumes the panic in the caller of the guest. All host functions of an engine
/// are made of this.
///
/// The core has caught what the embedder's function itself raises. But before and
/// behind it, values of the embedder's types are made and dropped, and their
/// destructors may panic.
pub(crate) fn caught<E, F>(
    func: F,
) -> impl for<'a> Fn(E::Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static
where
    E: CoreEngine,
    F: for<'a> Fn(E::Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
{
    move |cx: E::Context<'_>, slots: &mut [u64]| match catch_unwind(AssertUnwindSafe(|| {
        func(cx, slots)
    })) {
        Ok(result) => result,
        Err(panic) => Err(Error::host_panic(panic)),
    }
}

/// Makes a host function of an engine that is [`caught`].
pub(crate) fn host_func<E, F>(
    cx: &mut E::Context<'_>,
    realm: E::Realm,
    ty: &Signature,
    func: F,
) -> E::Func
where
    E: CoreEngine,
    F: for<'a> Fn(E::Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
{
    E::host_func(cx, realm, ty, caught::<E, F>(func))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_engine_becomes_an_error() {
        let error = contain::<()>("testing", || panic!("no {}", "way")).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Engine);
        assert_eq!(error.message(), "the engine panicked while testing: no way");
    }
}
