//! Panics of an engine: they become errors, and those of host functions do not.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use enginebay_core::{Error, ErrorKind, Result};

thread_local! {
    /// Whether the panic that was raised last on this thread left a host function.
    static FROM_HOST: Cell<bool> = const { Cell::new(false) };
}

/// Runs the engine's compiler, or an instantiation: a panic in it becomes an
/// error. A panic that came through a [`HostFrame`] goes on.
///
/// # Errors
///
/// Those of `run`, and `Engine` for a panic; `doing` says in which state it was
/// ("compiling a module").
pub fn contain<R>(doing: &str, run: impl FnOnce() -> Result<R>) -> Result<R> {
    FROM_HOST.set(false);
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result,
        Err(panic) if FROM_HOST.replace(false) => resume_unwind(panic),
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

/// Stands on the stack while a host function runs, in engines that carry panics
/// of host functions to the caller: tells them from the engine's own. Costs
/// nothing unless there is a panic.
#[derive(Debug)]
pub struct HostFrame(());

impl HostFrame {
    /// A host function begins.
    #[inline]
    pub fn enter() -> Self {
        HostFrame(())
    }

    /// It has returned.
    #[inline]
    pub fn leave(self) {
        std::mem::forget(self);
    }
}

impl Drop for HostFrame {
    #[cold]
    fn drop(&mut self) {
        FROM_HOST.set(true);
    }
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

    #[test]
    fn a_panic_of_a_host_function_goes_on_and_the_next_of_the_engine_does_not() {
        let panic = catch_unwind(|| {
            contain::<()>("testing", || {
                let _frame = HostFrame::enter();
                panic!("of the host")
            })
        })
        .unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"of the host"));
        contain::<()>("testing", || panic!("of the engine")).unwrap_err();
    }

    #[test]
    fn a_host_function_that_returned_leaves_no_mark() {
        contain::<()>("testing", || {
            HostFrame::enter().leave();
            panic!("of the engine")
        })
        .unwrap_err();
    }
}
