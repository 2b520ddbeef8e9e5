//! Host functions behind a pointer: a backend's code around them is compiled once
//! for each signature, not for each function and each type of store data.

use std::sync::Arc;

use crate::abi::{ComponentNamedList, Lift, Lower};
use crate::backend::{Backend, HostContext};
use crate::call::{Site, host_call};
use crate::error::Result;
use crate::future::HostFuture;
use crate::linker::LinkerInstance;
use crate::names::Given;
use crate::resource::ResourceType;
use crate::store::Caller;

type Func<B, P, R> = Box<dyn for<'c> Fn(HostContext<'c, B>, P) -> Result<R> + Send + Sync>;

type AsyncFunc<B, P, R> =
    Box<dyn for<'c> Fn(HostContext<'c, B>, P) -> HostFuture<'c, R> + Send + Sync>;

/// What a backend is given for a function. It is not generic over the function,
/// which is the whole point.
fn call<B, P, R>(
    site: Arc<Site>,
    func: Func<B, P, R>,
) -> impl for<'c> Fn(HostContext<'c, B>, P) -> Result<R> + Send + Sync + 'static
where
    B: Backend,
    P: 'static,
    R: 'static,
{
    move |HostContext(cx), params| host_call::<B, R>(cx, &site, |cx| func(HostContext(cx), params))
}

/// As [`call`], for an asynchronous function.
fn start<B, P, R>(
    site: Arc<Site>,
    func: AsyncFunc<B, P, R>,
) -> impl for<'c> Fn(HostContext<'c, B>, P) -> HostFuture<'c, R> + Send + Sync + 'static
where
    B: Backend,
    P: 'static,
    R: Send + 'static,
{
    move |HostContext(cx), params| {
        HostFuture::start::<B>(cx, &site, |cx| func(HostContext(cx), params))
    }
}

/// Large interfaces.
///
/// These functions do what those without `_boxed` do. What a backend needs for a
/// host function is compiled once for each pair of parameter and result types
/// instead of once for each function, and a call goes through one more pointer,
/// which takes a nanosecond or two. With some hundred host functions, as WASI has
/// them, that decides how long a program takes to build.
impl<B: Backend, T: Send + 'static> LinkerInstance<'_, B, T> {
    /// As [`LinkerInstance::func_wrap`], with less code for each function.
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken or malformed.
    pub fn func_wrap_boxed<P, R, F>(&mut self, name: &str, func: F) -> Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: Fn(Caller<'_, B, T>, P) -> Result<R> + Send + Sync + 'static,
    {
        let func: Func<B, P, R> =
            Box::new(move |HostContext(cx), params| func(Caller::new(cx), params));
        let func = call(self.site(name), func);
        B::func_wrap(&mut self.linker.inner, &self.path, name, func)?;
        self.defined(name, Given::Typed(P::component_types, R::component_types));
        Ok(())
    }

    /// As [`LinkerInstance::func_wrap_async`], with less code for each function.
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken or malformed.
    pub fn func_wrap_async_boxed<P, R, F>(&mut self, name: &str, func: F) -> Result<()>
    where
        P: ComponentNamedList + Lift + Send + Sync + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'c> Fn(Caller<'c, B, T>, P) -> HostFuture<'c, R> + Send + Sync + 'static,
    {
        let func: AsyncFunc<B, P, R> =
            Box::new(move |HostContext(cx), params| func(Caller::new(cx), params));
        let func = start(self.site(name), func);
        self.linker.has_async = true;
        B::func_wrap_async(&mut self.linker.inner, &self.path, name, func)?;
        self.defined(name, Given::Typed(P::component_types, R::component_types));
        Ok(())
    }

    /// As [`LinkerInstance::resource`], with less code for each resource.
    ///
    /// # Errors
    ///
    /// As [`LinkerInstance::resource`].
    pub fn resource_boxed<F>(&mut self, name: &str, ty: ResourceType, destructor: F) -> Result<()>
    where
        F: Fn(Caller<'_, B, T>, u32) -> Result<()> + Send + Sync + 'static,
    {
        let destructor: Func<B, u32, ()> =
            Box::new(move |HostContext(cx), rep| destructor(Caller::new(cx), rep));
        let destructor = call(self.site(format!("[resource-drop]{name}")), destructor);
        B::resource(&mut self.linker.inner, &self.path, name, ty, destructor)?;
        self.defined(name, Given::Resource(ty));
        Ok(())
    }

    /// As [`LinkerInstance::resource_async`], with less code for each resource.
    ///
    /// # Errors
    ///
    /// As [`LinkerInstance::resource`].
    pub fn resource_async_boxed<F>(
        &mut self,
        name: &str,
        ty: ResourceType,
        destructor: F,
    ) -> Result<()>
    where
        F: for<'c> Fn(Caller<'c, B, T>, u32) -> HostFuture<'c, ()> + Send + Sync + 'static,
    {
        let destructor: AsyncFunc<B, u32, ()> =
            Box::new(move |HostContext(cx), rep| destructor(Caller::new(cx), rep));
        let destructor = start(self.site(format!("[resource-drop]{name}")), destructor);
        self.linker.has_async = true;
        B::resource_async(&mut self.linker.inner, &self.path, name, ty, destructor)?;
        self.defined(name, Given::Resource(ty));
        Ok(())
    }
}
