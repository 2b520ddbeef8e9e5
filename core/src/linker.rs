//! Linkers: what the host offers to components, by name.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::abi::{ComponentNamedList, Lift, Lower};
use crate::backend::{Backend, HostContext};
use crate::call::{Site, host_call};
use crate::component::Component;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::future::HostFuture;
use crate::instance::{Instance, InstancePre, Shape};
use crate::names::{self, Given, Names};
use crate::resource::ResourceType;
use crate::store::{AsContextMut, Caller};
use crate::val::Val;

/// What the host offers to components whose stores hold a `T`.
///
/// Names are those of the component's imports. Interfaces are found by their
/// versions as the ecosystem does it: a component that imports `ns:pkg/i@1.2.0`
/// gets `ns:pkg/i@1.3.1`, and the reverse, but not `@2.0.0`.
///
/// A linker that was given an asynchronous function takes asynchronous stores,
/// and one that was given an instance's exports takes that instance's store
/// ([`LinkerInstance::define_exports`]).
pub struct Linker<B: Backend, T: 'static> {
    pub(crate) inner: B::Linker,
    engine: Engine<B>,
    pub(crate) has_async: bool,
    pub(crate) names: Names,
    /// The store of the instances whose exports are defined here.
    pub(crate) store: Option<u64>,
    _marker: PhantomData<fn() -> T>,
}

impl<B: Backend, T: Send + 'static> Linker<B, T> {
    /// An empty linker.
    pub fn new(engine: &Engine<B>) -> Self {
        Linker {
            inner: B::new_linker(engine.inner()),
            engine: engine.clone(),
            has_async: false,
            names: Names::default(),
            store: None,
            _marker: PhantomData,
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine<B> {
        &self.engine
    }

    /// Lets later definitions replace earlier ones of the same name. Default:
    /// they are refused.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        B::allow_shadowing(&mut self.inner, allow);
        self
    }

    /// Where functions are defined that a component imports by their own names.
    pub fn root(&mut self) -> LinkerInstance<'_, B, T> {
        LinkerInstance {
            linker: self,
            path: Vec::new(),
        }
    }

    /// An interface, `ns:pkg/iface@version`, or another named instance. Opening
    /// it again adds to it.
    ///
    /// # Errors
    ///
    /// `Link` if the name is malformed or belongs to a function.
    pub fn instance(&mut self, name: &str) -> Result<LinkerInstance<'_, B, T>> {
        self.root().into_instance(name)
    }

    /// Resolves a component's imports once, for many instantiations.
    ///
    /// # Errors
    ///
    /// - `Link` for an import that is missing or has another type.
    /// - `InvalidConfig` for a component of another engine.
    /// - `Unsupported` for an instance's function whose values cannot cross.
    pub fn instantiate_pre(&self, component: &Component<B>) -> Result<InstancePre<B, T>> {
        if !component.engine().same(&self.engine) {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "the component was compiled by another engine than the linker's",
            ));
        }
        let imported = names::check(&self.names, component.imports())?;
        let inner = B::instantiate_pre(&self.inner, component.inner())?;
        let needs_async = self.has_async || component.uses_async();
        let shape = Shape {
            types: component.types().clone(),
            imported,
        };
        Ok(InstancePre::new(
            inner,
            self.engine.clone(),
            needs_async,
            self.store,
            shape,
        ))
    }

    /// Instantiates a component in a synchronous store.
    ///
    /// # Errors
    ///
    /// As [`Linker::instantiate_pre`] and [`InstancePre::instantiate`].
    pub fn instantiate(
        &self,
        store: impl AsContextMut<Backend = B, Data = T>,
        component: &Component<B>,
    ) -> Result<Instance<B>> {
        self.instantiate_pre(component)?.instantiate(store)
    }

    /// Instantiates a component in an asynchronous store.
    ///
    /// # Errors
    ///
    /// As [`Linker::instantiate_pre`] and [`InstancePre::instantiate_async`].
    pub async fn instantiate_async(
        &self,
        store: impl AsContextMut<Backend = B, Data = T> + Send,
        component: &Component<B>,
    ) -> Result<Instance<B>> {
        self.instantiate_pre(component)?
            .instantiate_async(store)
            .await
    }

    /// The engine's own linker, for what is special to it. Functions that are
    /// defined there are not seen by guards and not counted in `Usage`.
    #[doc(hidden)]
    pub fn inner_mut(&mut self) -> &mut B::Linker {
        &mut self.inner
    }

    /// Says that [`Linker::inner_mut`] was given asynchronous functions.
    #[doc(hidden)]
    pub fn set_has_async(&mut self) {
        self.has_async = true;
    }
}

impl<B: Backend, T> fmt::Debug for Linker<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linker")
            .field("backend", &B::NAME)
            .field("has_async", &self.has_async)
            .finish_non_exhaustive()
    }
}

/// One instance in a [`Linker`], to which functions and resources are added.
pub struct LinkerInstance<'a, B: Backend, T: 'static> {
    pub(crate) linker: &'a mut Linker<B, T>,
    pub(crate) path: Vec<String>,
}

impl<'a, B: Backend, T: Send + 'static> LinkerInstance<'a, B, T> {
    /// An instance inside this one.
    ///
    /// # Errors
    ///
    /// `Link` if the name is malformed or belongs to a function.
    pub fn instance(&mut self, name: &str) -> Result<LinkerInstance<'_, B, T>> {
        let mut path = self.path.clone();
        path.push(name.to_owned());
        LinkerInstance {
            linker: &mut *self.linker,
            path,
        }
        .define()
    }

    /// An instance inside this one.
    ///
    /// # Errors
    ///
    /// As [`LinkerInstance::instance`].
    pub fn into_instance(mut self, name: &str) -> Result<LinkerInstance<'a, B, T>> {
        self.path.push(name.to_owned());
        self.define()
    }

    fn define(self) -> Result<Self> {
        B::define_instance(&mut self.linker.inner, &self.path)?;
        self.linker.names.instance(&self.path);
        Ok(self)
    }

    /// Notes a definition that the backend has accepted.
    pub(crate) fn defined(&mut self, name: &str, given: Given) {
        self.linker.names.define(&self.path, name, given);
    }

    pub(crate) fn site(&self, function: impl Into<String>) -> Arc<Site> {
        Arc::new(Site {
            interface: self.path.join("/"),
            function: function.into(),
        })
    }

    /// Defines a host function with typed parameters and result; both are
    /// tuples.
    ///
    /// ```
    /// # use enginebay_core::{Backend, Linker, Result};
    /// # fn example<B: Backend>(linker: &mut Linker<B, ()>) -> Result<()> {
    /// linker
    ///     .instance("example:math/add@1.0.0")?
    ///     .func_wrap("add", |_caller, (a, b): (u32, u32)| Ok((a + b,)))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// An error of the function stops the guest and comes back from the call; a
    /// panic stops the guest and resumes in the caller.
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken or malformed.
    pub fn func_wrap<P, R, F>(&mut self, name: &str, func: F) -> Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: Fn(Caller<'_, B, T>, P) -> Result<R> + Send + Sync + 'static,
    {
        let site = self.site(name);
        B::func_wrap(
            &mut self.linker.inner,
            &self.path,
            name,
            move |HostContext(cx): HostContext<'_, B>, params: P| {
                host_call::<B, R>(cx, &site, |cx| func(Caller::new(cx), params))
            },
        )?;
        self.defined(name, Given::Typed(P::component_types, R::component_types));
        Ok(())
    }

    /// As [`LinkerInstance::func_wrap`], for an asynchronous function: it
    /// suspends the guest and not the caller's thread.
    ///
    /// ```
    /// # use enginebay_core::{Backend, HostFuture, Linker, Result};
    /// # async fn sleep(ms: u64) {}
    /// # fn example<B: Backend>(linker: &mut Linker<B, ()>) -> Result<()> {
    /// linker.root().func_wrap_async("sleep", |_caller, (ms,): (u64,)| {
    ///     HostFuture::new(async move {
    ///         sleep(ms).await;
    ///         Ok(())
    ///     })
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken or malformed.
    pub fn func_wrap_async<P, R, F>(&mut self, name: &str, func: F) -> Result<()>
    where
        P: ComponentNamedList + Lift + Send + Sync + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'c> Fn(Caller<'c, B, T>, P) -> HostFuture<'c, R> + Send + Sync + 'static,
    {
        let site = self.site(name);
        self.linker.has_async = true;
        let shared = Arc::new((site, func));
        let this = shared.clone();
        B::func_wrap_async(
            &mut self.linker.inner,
            &self.path,
            name,
            move |HostContext(cx): HostContext<'_, B>, params: P| {
                let (site, func) = &*this;
                HostFuture::start::<B>(cx, site, |cx| func(Caller::new(cx), params))
            },
        )?;
        B::func_wrap_unwatched(
            &mut self.linker.inner,
            &self.path,
            name,
            move |HostContext(cx): HostContext<'_, B>, params: P| {
                let (site, func) = &*shared;
                HostFuture::start_unwatched::<B>(cx, site, |cx| func(Caller::new(cx), params))
            },
        )?;
        self.defined(name, Given::Typed(P::component_types, R::component_types));
        Ok(())
    }

    /// Defines a host function whose types are whatever the component imports.
    /// It gets the parameters, and one placeholder per result to overwrite.
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken or malformed.
    pub fn func_new<F>(&mut self, name: &str, func: F) -> Result<()>
    where
        F: Fn(Caller<'_, B, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    {
        let site = self.site(name);
        B::func_new(
            &mut self.linker.inner,
            &self.path,
            name,
            move |HostContext(cx): HostContext<'_, B>, params: &[Val], results: &mut [Val]| {
                host_call::<B, ()>(cx, &site, |cx| func(Caller::new(cx), params, results))
            },
        )?;
        self.defined(name, Given::Unchecked);
        Ok(())
    }

    /// As [`LinkerInstance::func_new`], for an asynchronous function. It gets
    /// the parameters and the number of results, and gives the results.
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken or malformed.
    pub fn func_new_async<F>(&mut self, name: &str, func: F) -> Result<()>
    where
        F: for<'c> Fn(Caller<'c, B, T>, Vec<Val>, usize) -> HostFuture<'c, Vec<Val>>
            + Send
            + Sync
            + 'static,
    {
        let site = self.site(name);
        self.linker.has_async = true;
        B::func_new_async(
            &mut self.linker.inner,
            &self.path,
            name,
            move |HostContext(cx): HostContext<'_, B>, params: Vec<Val>, results: usize| {
                HostFuture::start::<B>(cx, &site, |cx| func(Caller::new(cx), params, results))
            },
        )?;
        self.defined(name, Given::Unchecked);
        Ok(())
    }

    /// Defines a resource type of the host's. The destructor runs when a guest
    /// drops an owned handle; it gets the representation.
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken or malformed, `TypeMismatch` unless `ty` is
    /// a [`ResourceType::host`].
    pub fn resource<F>(&mut self, name: &str, ty: ResourceType, destructor: F) -> Result<()>
    where
        F: Fn(Caller<'_, B, T>, u32) -> Result<()> + Send + Sync + 'static,
    {
        let site = self.site(format!("[resource-drop]{name}"));
        B::resource(
            &mut self.linker.inner,
            &self.path,
            name,
            ty,
            move |HostContext(cx): HostContext<'_, B>, rep: u32| {
                host_call::<B, ()>(cx, &site, |cx| destructor(Caller::new(cx), rep))
            },
        )?;
        self.defined(name, Given::Resource(ty));
        Ok(())
    }

    /// As [`LinkerInstance::resource`], with an asynchronous destructor.
    ///
    /// # Errors
    ///
    /// As [`LinkerInstance::resource`].
    pub fn resource_async<F>(&mut self, name: &str, ty: ResourceType, destructor: F) -> Result<()>
    where
        F: for<'c> Fn(Caller<'c, B, T>, u32) -> HostFuture<'c, ()> + Send + Sync + 'static,
    {
        let site = self.site(format!("[resource-drop]{name}"));
        self.linker.has_async = true;
        B::resource_async(
            &mut self.linker.inner,
            &self.path,
            name,
            ty,
            move |HostContext(cx): HostContext<'_, B>, rep: u32| {
                HostFuture::start::<B>(cx, &site, |cx| destructor(Caller::new(cx), rep))
            },
        )?;
        self.defined(name, Given::Resource(ty));
        Ok(())
    }
}

impl<B: Backend, T> fmt::Debug for LinkerInstance<'_, B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkerInstance")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
