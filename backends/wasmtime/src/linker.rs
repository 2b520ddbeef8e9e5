//! Host functions and resources in Wasmtime's linker.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use enginebay_core::{
    ComponentNamedList, Error, ErrorKind, HostContext, HostFuture, Lift, Lower, ResourceType,
    Result, Val,
};
use wasmtime::AsContextMut;
use wasmtime::component as wt;

use crate::component::{Changed, Component};
use crate::limits::State;
use crate::{Wasmtime, store, trap, value};

type Cx<'a> = wasmtime::StoreContextMut<'a, State>;

fn refused(error: wasmtime::Error) -> Error {
    Error::new(ErrorKind::Link, format!("{error:#}")).with_source(error)
}

/// The path of an instance, and a name in it.
type Name = (Vec<String>, String);

/// Defines a function by its name.
type Define = Box<dyn Fn(&Name, &mut wt::Linker<State>) -> Result<()> + Send + Sync>;

/// Host definitions by name.
pub struct Linker {
    inner: wt::Linker<State>,
    /// Functions that are others in stores that are not watched.
    unwatched: BTreeMap<Name, Define>,
    /// All definitions with those functions, once they have been asked for.
    merged: OnceLock<wt::Linker<State>>,
}

/// A component with its imports resolved.
#[derive(Clone)]
pub struct InstancePre {
    watched: wt::InstancePre<State>,
    /// The same where a store is not watched; nothing if there is no difference.
    unwatched: Option<wt::InstancePre<State>>,
    changed: Option<Changed>,
}

impl InstancePre {
    /// For an instance in a store.
    pub(crate) fn of(&self, store: &mut State) -> &wt::InstancePre<State> {
        if let Some(changed) = &self.changed {
            store.add(changed);
        }
        match &self.unwatched {
            Some(unwatched) if !store.data.is_watched() => unwatched,
            _ => &self.watched,
        }
    }
}

/// Opens the instance at a path, the root if it is empty.
fn at<'a>(
    linker: &'a mut wt::Linker<State>,
    path: &[String],
) -> Result<wt::LinkerInstance<'a, State>> {
    let mut instance = linker.root();
    for name in path {
        instance = instance.into_instance(name).map_err(refused)?;
    }
    Ok(instance)
}

/// Takes an error of ours through Wasmtime.
#[cold]
fn carry(error: Error) -> wasmtime::Error {
    wasmtime::Error::new(error)
}

fn host_type(ty: ResourceType) -> Result<wt::ResourceType> {
    ty.to_wasmtime().ok_or_else(|| {
        Error::new(
            ErrorKind::TypeMismatch,
            "only types of the host's or of an instance's can be defined",
        )
    })
}

impl Linker {
    pub(crate) fn new(engine: &wasmtime::Engine) -> Self {
        Linker {
            inner: wt::Linker::new(engine),
            unwatched: BTreeMap::new(),
            merged: OnceLock::new(),
        }
    }

    pub(crate) fn allow_shadowing(&mut self, allow: bool) {
        self.inner.allow_shadowing(allow);
    }

    pub(crate) fn define_instance(&mut self, path: &[String]) -> Result<()> {
        self.merged = OnceLock::new();
        at(&mut self.inner, path).map(drop)
    }

    /// Opens the instance at a path for a definition, which may take the place
    /// of an earlier one.
    fn at(&mut self, path: &[String], name: &str) -> Result<wt::LinkerInstance<'_, State>> {
        self.merged = OnceLock::new();
        self.unwatched.retain(|(at, function), _| {
            let inside = at.strip_prefix(path).and_then(|rest| rest.first());
            !(at == path && function == name || inside.is_some_and(|it| it == name))
        });
        at(&mut self.inner, path)
    }

    /// The definitions for stores that are not watched.
    fn merged(&self) -> Result<&wt::Linker<State>> {
        if let Some(merged) = self.merged.get() {
            return Ok(merged);
        }
        let mut merged = self.inner.clone();
        merged.allow_shadowing(true);
        for (name, define) in &self.unwatched {
            define(name, &mut merged)?;
        }
        Ok(self.merged.get_or_init(|| merged))
    }

    pub(crate) fn instantiate_pre(&self, component: &Component) -> Result<InstancePre> {
        let resolve =
            |linker: &wt::Linker<State>| linker.instantiate_pre(component).map_err(trap::link);
        Ok(InstancePre {
            changed: component.changed.clone(),
            watched: resolve(&self.inner)?,
            unwatched: if self.unwatched.is_empty() {
                None
            } else {
                Some(resolve(self.merged()?)?)
            },
        })
    }

    /// Defines a function again that [`Linker::func_wrap_async`] has defined last.
    pub(crate) fn func_wrap_unwatched<P, R, F>(&mut self, path: &[String], name: &str, func: F)
    where
        P: ComponentNamedList + Lift + Send + Sync + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'a> Fn(HostContext<'a, Wasmtime>, P) -> HostFuture<'a, R>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        let key = (path.to_vec(), name.to_owned());
        let define = move |(path, name): &Name, linker: &mut wt::Linker<State>| {
            let func = func.clone();
            at(linker, path)?
                .func_wrap_async(name, move |cx: Cx<'_>, params: P| {
                    func(HostContext(cx), params).into_wasmtime()
                })
                .map_err(refused)
        };
        self.unwatched.insert(key, Box::new(define));
    }

    pub(crate) fn func_wrap<P, R, F>(&mut self, path: &[String], name: &str, func: F) -> Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'a> Fn(HostContext<'a, Wasmtime>, P) -> Result<R> + Send + Sync + 'static,
    {
        self.at(path, name)?
            .func_wrap(name, move |cx: Cx<'_>, params: P| {
                func(HostContext(cx), params).map_err(carry)
            })
            .map_err(refused)
    }

    pub(crate) fn func_wrap_async<P, R, F>(
        &mut self,
        path: &[String],
        name: &str,
        func: F,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + Send + Sync + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'a> Fn(HostContext<'a, Wasmtime>, P) -> HostFuture<'a, R> + Send + Sync + 'static,
    {
        self.at(path, name)?
            .func_wrap_async(name, move |cx: Cx<'_>, params: P| {
                func(HostContext(cx), params).into_wasmtime()
            })
            .map_err(refused)
    }

    pub(crate) fn func_new<F>(&mut self, path: &[String], name: &str, func: F) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Wasmtime>, &[Val], &mut [Val]) -> Result<()>
            + Send
            + Sync
            + 'static,
    {
        self.at(path, name)?
            .func_new(name, move |mut cx, ty, params, results| {
                let mut store = || store::number(&mut cx);
                let params = value::lift_params(params, &mut store).map_err(carry)?;
                let mut out = vec![Val::Bool(false); results.len()];
                func(HostContext(cx.as_context_mut()), &params, &mut out).map_err(carry)?;
                let mut store = || store::number(&mut cx);
                value::lower_results(&ty, out, results, &mut store).map_err(carry)
            })
            .map_err(refused)
    }

    pub(crate) fn func_new_async<F>(&mut self, path: &[String], name: &str, func: F) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Wasmtime>, Vec<Val>, usize) -> HostFuture<'a, Vec<Val>>
            + Send
            + Sync
            + 'static,
    {
        let func = Arc::new(func);
        self.at(path, name)?
            .func_new_async(name, move |mut cx, ty, params, results| {
                let func = func.clone();
                Box::new(async move {
                    let mut store = || store::number(&mut cx);
                    let params = value::lift_params(params, &mut store).map_err(carry)?;
                    let out = func(HostContext(cx.as_context_mut()), params, results.len())
                        .await
                        .map_err(carry)?;
                    let mut store = || store::number(&mut cx);
                    value::lower_results(&ty, out, results, &mut store).map_err(carry)
                })
            })
            .map_err(refused)
    }

    pub(crate) fn module(
        &mut self,
        path: &[String],
        name: &str,
        module: &wasmtime::Module,
    ) -> Result<()> {
        self.at(path, name)?.module(name, module).map_err(refused)
    }

    pub(crate) fn resource<F>(
        &mut self,
        path: &[String],
        name: &str,
        ty: ResourceType,
        destructor: F,
    ) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Wasmtime>, u32) -> Result<()> + Send + Sync + 'static,
    {
        self.at(path, name)?
            .resource(name, host_type(ty)?, move |cx, rep| {
                destructor(HostContext(cx), rep).map_err(carry)
            })
            .map_err(refused)
    }

    pub(crate) fn resource_async<F>(
        &mut self,
        path: &[String],
        name: &str,
        ty: ResourceType,
        destructor: F,
    ) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Wasmtime>, u32) -> HostFuture<'a, ()> + Send + Sync + 'static,
    {
        self.at(path, name)?
            .resource_async(name, host_type(ty)?, move |cx, rep| {
                destructor(HostContext(cx), rep).into_wasmtime()
            })
            .map_err(refused)
    }
}
