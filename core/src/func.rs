//! Exported functions: dynamic with [`Val`]s, typed with Rust types.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::abi::{ComponentNamedList, Lift, Lower};
use crate::backend::Backend;
use crate::call::{Call, Mode, NO_INSTANCE, Owner};
use crate::error::{Error, ErrorKind, Result};
use crate::mutant;
use crate::resource::{Resource, ResourceAny};
use crate::store::AsContextMut;
use crate::types::FuncType;
use crate::val::Val;

/// A function that an instance exports; a name for it, cheap to clone.
pub struct Func<B: Backend> {
    inner: B::Func,
    owner: Owner,
    name: Arc<str>,
}

impl<B: Backend> Func<B> {
    pub(crate) fn new(inner: B::Func, owner: Owner, name: &str) -> Self {
        Func {
            inner,
            owner,
            name: name.into(),
        }
    }

    fn check(&self, store: &mut impl AsContextMut<Backend = B>) -> Result<()> {
        if B::data(store.as_context_mut().inner_mut()).policy.id == self.owner.store {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::WrongStore,
            "the function belongs to another store",
        ))
    }

    /// The name under which the function was found.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The function's type.
    ///
    /// # Errors
    ///
    /// `WrongStore` for another store.
    pub fn ty(&self, mut store: impl AsContextMut<Backend = B>) -> Result<FuncType> {
        self.check(&mut store)?;
        Ok(B::func_type(
            store.as_context_mut().inner_mut(),
            &self.inner,
        ))
    }

    /// Checks the function's type against Rust types, once for many calls.
    ///
    /// # Errors
    ///
    /// `TypeMismatch` if they differ, `WrongStore` for another store, and
    /// `Unsupported` for a [`WasmList`](crate::WasmList) in a result: it would be
    /// read after the guest has freed it.
    pub fn typed<P, R>(
        &self,
        mut store: impl AsContextMut<Backend = B>,
    ) -> Result<TypedFunc<B, P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        self.check(&mut store)?;
        if R::HAS_VIEWS {
            return Err(Error::unsupported(
                "a `WasmList` in a result: the guest has freed its memory when the call comes \
                 back; take a `Vec`",
            )
            .with_context("function", &self.name));
        }
        let mut cx = store.as_context_mut();
        let inner = B::typed::<P, R>(cx.inner_mut(), &self.inner)
            .map_err(|error| error.with_context("function", &self.name))?;
        Ok(TypedFunc {
            inner,
            owner: self.owner,
            name: self.name.clone(),
            _marker: PhantomData,
        })
    }

    /// Calls the function. A component function has one result or none.
    ///
    /// # Errors
    ///
    /// - `TypeMismatch` for arguments that do not fit; the guest is not
    ///   entered.
    /// - `WrongStore`, also for resources among the arguments; `WrongMode`,
    ///   `Poisoned`, and the trap `CannotEnterComponent` for an instance that is
    ///   on the stack.
    /// - Traps, limits, and errors of host functions; these poison the store.
    pub fn call(&self, store: impl AsContextMut<Backend = B>, params: &[Val]) -> Result<Vec<Val>> {
        let mut results = Vec::new();
        self.call_into(store, params, &mut results)?;
        Ok(results)
    }

    /// As [`Func::call`], with the results in a vector of the caller's, which
    /// is cleared first: no allocation for calls in a row.
    ///
    /// # Errors
    ///
    /// As [`Func::call`].
    pub fn call_into(
        &self,
        mut store: impl AsContextMut<Backend = B>,
        params: &[Val],
        results: &mut Vec<Val>,
    ) -> Result<()> {
        let mut cx = store.as_context_mut();
        let mut call = Call::<B>::begin(B::reborrow(cx.inner_mut()), Mode::Sync, self.owner)?;
        let result = B::call(call.cx(), &self.inner, params, results);
        let result = mutant::swallowed(result);
        call.finish(result).map_err(|error| self.named(error))
    }

    /// As [`Func::call`], in an asynchronous store.
    ///
    /// Dropping the future cancels the call and poisons the store.
    ///
    /// # Errors
    ///
    /// As [`Func::call`].
    pub async fn call_async(
        &self,
        mut store: impl AsContextMut<Backend = B> + Send,
        params: &[Val],
    ) -> Result<Vec<Val>> {
        let mut results = Vec::new();
        let mut cx = store.as_context_mut();
        let cx = B::reborrow(cx.inner_mut());
        let mut call = Call::<B>::begin(cx, Mode::Async, self.owner)?;
        let result = B::call_async(call.cx(), &self.inner, params, &mut results).await;
        let result = mutant::swallowed(result);
        call.finish(result).map_err(|error| self.named(error))?;
        Ok(results)
    }

    #[cold]
    fn named(&self, error: Error) -> Error {
        error.with_context("export", &self.name)
    }
}

impl<B: Backend> Clone for Func<B> {
    fn clone(&self) -> Self {
        Func {
            inner: self.inner.clone(),
            owner: self.owner,
            name: self.name.clone(),
        }
    }
}

impl<B: Backend> fmt::Debug for Func<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Func")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A function whose type was checked against the tuples `P` and `R`.
pub struct TypedFunc<B: Backend, P, R>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    inner: B::TypedFunc,
    owner: Owner,
    name: Arc<str>,
    // Covariant, so that one function takes arguments of any lifetime, and
    // `Send` and `Sync` whatever the arguments are: none is stored.
    _marker: PhantomData<fn() -> (P, R)>,
}

impl<B, P, R> TypedFunc<B, P, R>
where
    B: Backend,
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    /// The name under which the function was found.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls the function.
    ///
    /// # Errors
    ///
    /// As [`Func::call`].
    #[inline]
    #[allow(unsafe_code, reason = "the types were checked")]
    pub fn call(&self, mut store: impl AsContextMut<Backend = B>, params: P) -> Result<R> {
        let mut cx = store.as_context_mut();
        let mut call = Call::<B>::begin(B::reborrow(cx.inner_mut()), Mode::Sync, self.owner)?;
        // SAFETY: `inner` was checked against `P` and `R` when this was made, and
        // `begin` has seen that it belongs to this store.
        let result = unsafe { B::call_typed(call.cx(), &self.inner, params) };
        call.finish(result).map_err(|error| self.named(error))
    }

    /// As [`TypedFunc::call`], in an asynchronous store.
    ///
    /// Dropping the future cancels the call and poisons the store.
    ///
    /// # Errors
    ///
    /// As [`Func::call`].
    #[allow(unsafe_code, reason = "the types were checked")]
    pub async fn call_async(
        &self,
        mut store: impl AsContextMut<Backend = B> + Send,
        params: P,
    ) -> Result<R>
    where
        P: Send + Sync,
        R: Send + Sync + 'static,
    {
        let mut cx = store.as_context_mut();
        let cx = B::reborrow(cx.inner_mut());
        let mut call = Call::<B>::begin(cx, Mode::Async, self.owner)?;
        // SAFETY: as in `call`.
        let result = unsafe { B::call_typed_async(call.cx(), &self.inner, params) }.await;
        call.finish(result).map_err(|error| self.named(error))
    }

    #[cold]
    fn named(&self, error: Error) -> Error {
        error.with_context("export", &self.name)
    }
}

impl<B, P, R> Clone for TypedFunc<B, P, R>
where
    B: Backend,
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    fn clone(&self) -> Self {
        TypedFunc {
            inner: self.inner.clone(),
            owner: self.owner,
            name: self.name.clone(),
            _marker: PhantomData,
        }
    }
}

impl<B, P, R> fmt::Debug for TypedFunc<B, P, R>
where
    B: Backend,
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedFunc")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What is entered when the handle is dropped: the instance whose destructor
/// runs, if it is known.
fn destructor<S: AsContextMut>(any: &ResourceAny, store: &mut S) -> Owner {
    let mut cx = store.as_context_mut();
    let policy = &S::Backend::data(cx.inner_mut()).policy;
    let ours = |number| {
        let mut numbers = policy.numbers.iter();
        numbers
            .find(|(backends, _)| *backends == number)
            .map_or(number, |(_, ours)| *ours)
    };
    Owner {
        store: policy.id,
        instance: any.owner().map_or(NO_INSTANCE, ours),
    }
}

impl ResourceAny {
    /// Drops the handle; an owned one's destructor runs, in the guest or in the
    /// host.
    ///
    /// # Errors
    ///
    /// `TypeMismatch` for a handle that is gone or lent, `WrongStore` for one of
    /// another store, and the trap `CannotEnterComponent` while the instance that
    /// defines the resource is on the stack; otherwise as a call.
    pub fn resource_drop<S: AsContextMut>(self, mut store: S) -> Result<()> {
        let owner = destructor(&self, &mut store);
        let mut cx = store.as_context_mut();
        let cx = S::Backend::reborrow(cx.inner_mut());
        let mut call = Call::<S::Backend>::begin(cx, Mode::Sync, owner)?;
        let result = S::Backend::resource_drop(call.cx(), self);
        call.finish(result)
    }

    /// As [`ResourceAny::resource_drop`], in an asynchronous store.
    ///
    /// # Errors
    ///
    /// As [`ResourceAny::resource_drop`].
    pub async fn resource_drop_async<S: AsContextMut + Send>(self, mut store: S) -> Result<()> {
        let owner = destructor(&self, &mut store);
        let mut cx = store.as_context_mut();
        let cx = S::Backend::reborrow(cx.inner_mut());
        let mut call = Call::<S::Backend>::begin(cx, Mode::Async, owner)?;
        let result = S::Backend::resource_drop_async(call.cx(), &self).await;
        call.finish(result)
    }

    /// Puts a host resource into the store's tables, to pass it as a [`Val`].
    ///
    /// # Errors
    ///
    /// `TypeMismatch` for an owned resource that was already passed on.
    pub fn from_resource<T: 'static, S: AsContextMut>(
        resource: Resource<T>,
        mut store: S,
    ) -> Result<Self> {
        S::Backend::resource_to_any(store.as_context_mut().inner_mut(), resource)
    }

    /// The host resource that the handle stands for.
    ///
    /// # Errors
    ///
    /// `TypeMismatch` for a resource of another type, or one that is gone;
    /// `WrongStore` for one of another store.
    pub fn into_resource<T: 'static, S: AsContextMut>(self, mut store: S) -> Result<Resource<T>> {
        S::Backend::resource_from_any(store.as_context_mut().inner_mut(), self)
    }
}
