//! Instances, and components whose imports are resolved.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::abi::{ComponentNamedList, Lift, Lower};
use crate::backend::Backend;
use crate::call::{Call, Mode, Owner};
use crate::component::Types;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::func::{Func, TypedFunc};
use crate::resource::ResourceType;
use crate::store::{AsContextMut, StoreContextMut};
use crate::types::Extern;

/// A component with its imports resolved and their types checked: what is left
/// to do for each instance is the least.
pub struct InstancePre<B: Backend, T: 'static> {
    inner: B::InstancePre,
    engine: Engine<B>,
    needs_async: bool,
    /// The store of the instances that it is linked to.
    store: Option<u64>,
    shape: Arc<Shape>,
    _marker: PhantomData<fn() -> T>,
}

/// What all instances of one [`InstancePre`] have in common.
pub(crate) struct Shape {
    pub(crate) types: Arc<Types>,
    /// The resource types that were linked in.
    pub(crate) imported: Vec<ResourceType>,
}

impl<B: Backend, T: 'static> InstancePre<B, T> {
    pub(crate) fn new(
        inner: B::InstancePre,
        engine: Engine<B>,
        needs_async: bool,
        store: Option<u64>,
        shape: Shape,
    ) -> Self {
        InstancePre {
            inner,
            engine,
            needs_async,
            store,
            shape: Arc::new(shape),
            _marker: PhantomData,
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine<B> {
        &self.engine
    }

    fn begin<'a>(
        &self,
        mut cx: StoreContextMut<'a, B, T>,
        mode: Mode,
    ) -> Result<(Call<'a, B>, Owner)> {
        let policy = &mut B::data_mut(cx.inner_mut()).policy;
        if policy.engine != self.engine.identity() {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "the store was made by another engine than the component's",
            ));
        }
        if self.store.is_some_and(|store| store != policy.id) {
            return Err(Error::new(
                ErrorKind::WrongStore,
                "the linker has exports of an instance of another store",
            ));
        }
        if self.needs_async && mode == Mode::Sync {
            policy.check_mode(mode)?;
            return Err(Error::new(
                ErrorKind::WrongMode,
                "the linker has asynchronous host functions, or the component may suspend: \
                 make the store with `new_async` or `build_async`",
            ));
        }
        let owner = Owner {
            store: policy.id,
            instance: policy.next_instance,
        };
        let mut call = Call::begin(cx.into_inner(), mode, owner)?;
        B::data_mut(&mut call.cx()).policy.next_instance += 1;
        Ok((call, owner))
    }

    /// Remembers what the backend calls the new instance, unless it is what we
    /// call it: backends count, too.
    fn made(
        &self,
        mut cx: StoreContextMut<'_, B, T>,
        inner: B::Instance,
        owner: Owner,
    ) -> Instance<B> {
        if let Some(number) = B::instance_number(&inner)
            && number != owner.instance
        {
            let policy = &mut B::data_mut(cx.inner_mut()).policy;
            policy.numbers.push((number, owner.instance));
        }
        Instance {
            inner,
            owner,
            shape: self.shape.clone(),
        }
    }

    /// Makes an instance in a synchronous store and runs its start functions.
    ///
    /// # Errors
    ///
    /// - `WrongMode` for an asynchronous store, or if the component or the
    ///   linker needs one.
    /// - `WrongStore` if the linker has exports of an instance of another store.
    /// - `MemoryLimit`, `ResourceLimit` and the other limits.
    /// - `Trap`, `Host` and `Denied` from start functions.
    ///
    /// All but the first two poison the store.
    pub fn instantiate(
        &self,
        mut store: impl AsContextMut<Backend = B, Data = T>,
    ) -> Result<Instance<B>> {
        let (mut call, owner) = self.begin(store.as_context_mut(), Mode::Sync)?;
        let result = B::instantiate(call.cx(), &self.inner);
        let inner = call.finish(result)?;
        Ok(self.made(store.as_context_mut(), inner, owner))
    }

    /// As [`InstancePre::instantiate`], in an asynchronous store.
    ///
    /// # Errors
    ///
    /// As [`InstancePre::instantiate`]; `WrongMode` for a synchronous store.
    pub async fn instantiate_async(
        &self,
        mut store: impl AsContextMut<Backend = B, Data = T> + Send,
    ) -> Result<Instance<B>> {
        let (mut call, owner) = self.begin(store.as_context_mut(), Mode::Async)?;
        let result = B::instantiate_async(call.cx(), &self.inner).await;
        let inner = call.finish(result)?;
        Ok(self.made(store.as_context_mut(), inner, owner))
    }
}

impl<B: Backend, T> Clone for InstancePre<B, T> {
    fn clone(&self) -> Self {
        InstancePre {
            inner: self.inner.clone(),
            engine: self.engine.clone(),
            needs_async: self.needs_async,
            store: self.store,
            shape: self.shape.clone(),
            _marker: PhantomData,
        }
    }
}

impl<B: Backend, T> fmt::Debug for InstancePre<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstancePre")
            .field("backend", &B::NAME)
            .finish_non_exhaustive()
    }
}

/// An instance of a component in a store; a name for it, cheap to clone.
pub struct Instance<B: Backend> {
    inner: B::Instance,
    owner: Owner,
    shape: Arc<Shape>,
}

/// Splits `ns:pkg/iface@1.0.0#name`; more than one `#` reaches into nested
/// instances.
pub(crate) fn path(name: &str) -> Vec<&str> {
    name.split('#').collect()
}

impl<B: Backend> Instance<B> {
    pub(crate) fn check(
        &self,
        cx: &mut StoreContextMut<'_, B, impl Sized + 'static>,
    ) -> Result<()> {
        if B::data(cx.inner_mut()).policy.id == self.owner.store {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::WrongStore,
            "the instance belongs to another store",
        ))
    }

    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// What the instance exports, as its component does
    /// ([`Component::exports`](crate::Component::exports)).
    pub fn exports(&self) -> &[Extern] {
        &self.shape.types.exports
    }

    /// An exported function: `name` at the root, `ns:pkg/iface@version#name`
    /// inside an interface. Versions match as in a linker.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such function, `WrongStore` for another store.
    pub fn get_func(
        &self,
        mut store: impl AsContextMut<Backend = B>,
        name: &str,
    ) -> Result<Func<B>> {
        let mut cx = store.as_context_mut();
        self.check(&mut cx)?;
        match B::get_func(cx.inner_mut(), &self.inner, &path(name)) {
            Some(inner) => Ok(Func::new(inner, self.owner, name)),
            None => Err(Error::new(
                ErrorKind::NotFound,
                format!("the component exports no function `{name}`"),
            )),
        }
    }

    /// An exported function, checked against Rust types.
    ///
    /// # Errors
    ///
    /// As [`Instance::get_func`]; `TypeMismatch` if the types differ.
    pub fn get_typed_func<P, R>(
        &self,
        mut store: impl AsContextMut<Backend = B>,
        name: &str,
    ) -> Result<TypedFunc<B, P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        self.get_func(&mut store, name)?.typed(store)
    }

    /// An exported resource type, to compare with [`ResourceAny::ty`].
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such resource, `WrongStore` for another store.
    ///
    /// [`ResourceAny::ty`]: crate::ResourceAny::ty
    pub fn get_resource(
        &self,
        mut store: impl AsContextMut<Backend = B>,
        name: &str,
    ) -> Result<ResourceType> {
        let mut cx = store.as_context_mut();
        self.check(&mut cx)?;
        B::get_resource(cx.inner_mut(), &self.inner, &path(name)).ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("the component exports no resource `{name}`"),
            )
        })
    }

    /// The engine's own instance, for what is special to it.
    #[doc(hidden)]
    pub fn inner(&self) -> &B::Instance {
        &self.inner
    }
}

impl<B: Backend> Clone for Instance<B> {
    fn clone(&self) -> Self {
        Instance {
            inner: self.inner.clone(),
            owner: self.owner,
            shape: self.shape.clone(),
        }
    }
}

impl<B: Backend> fmt::Debug for Instance<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("backend", &B::NAME)
            .finish_non_exhaustive()
    }
}
