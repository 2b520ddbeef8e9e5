//! Host functions and resources in Wasmtime's linker.

use enginebay_core::{
    ComponentNamedList, Error, ErrorKind, HostContext, HostFuture, Lift, Lower, ResourceType,
    Result, Val,
};
use wasmtime::AsContextMut;
use wasmtime::component as wt;

use crate::limits::State;
use crate::{Wasmtime, store, value};

type Linker = wt::Linker<State>;
type Cx<'a> = wasmtime::StoreContextMut<'a, State>;

fn refused(error: wasmtime::Error) -> Error {
    Error::new(ErrorKind::Link, format!("{error:#}")).with_source(error)
}

/// Opens the instance at a path, the root if it is empty.
pub(crate) fn at<'a>(
    linker: &'a mut Linker,
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

pub(crate) fn func_wrap<P, R, F>(
    linker: &mut Linker,
    path: &[String],
    name: &str,
    func: F,
) -> Result<()>
where
    P: ComponentNamedList + Lift + 'static,
    R: ComponentNamedList + Lower + Send + Sync + 'static,
    F: for<'a> Fn(HostContext<'a, Wasmtime>, P) -> Result<R> + Send + Sync + 'static,
{
    at(linker, path)?
        .func_wrap(name, move |cx: Cx<'_>, params: P| {
            func(HostContext(cx), params).map_err(carry)
        })
        .map_err(refused)
}

pub(crate) fn func_wrap_async<P, R, F>(
    linker: &mut Linker,
    path: &[String],
    name: &str,
    func: F,
) -> Result<()>
where
    P: ComponentNamedList + Lift + Send + Sync + 'static,
    R: ComponentNamedList + Lower + Send + Sync + 'static,
    F: for<'a> Fn(HostContext<'a, Wasmtime>, P) -> HostFuture<'a, R> + Send + Sync + 'static,
{
    at(linker, path)?
        .func_wrap_async(name, move |cx: Cx<'_>, params: P| {
            func(HostContext(cx), params).into_wasmtime()
        })
        .map_err(refused)
}

pub(crate) fn func_new<F>(linker: &mut Linker, path: &[String], name: &str, func: F) -> Result<()>
where
    F: for<'a> Fn(HostContext<'a, Wasmtime>, &[Val], &mut [Val]) -> Result<()>
        + Send
        + Sync
        + 'static,
{
    at(linker, path)?
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

pub(crate) fn func_new_async<F>(
    linker: &mut Linker,
    path: &[String],
    name: &str,
    func: F,
) -> Result<()>
where
    F: for<'a> Fn(HostContext<'a, Wasmtime>, Vec<Val>, usize) -> HostFuture<'a, Vec<Val>>
        + Send
        + Sync
        + 'static,
{
    let func = std::sync::Arc::new(func);
    at(linker, path)?
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
    linker: &mut Linker,
    path: &[String],
    name: &str,
    module: &wasmtime::Module,
) -> Result<()> {
    at(linker, path)?.module(name, module).map_err(refused)
}

fn host_type(ty: ResourceType) -> Result<wt::ResourceType> {
    ty.to_wasmtime().ok_or_else(|| {
        Error::new(
            ErrorKind::TypeMismatch,
            "only types of the host's or of an instance's can be defined",
        )
    })
}

pub(crate) fn resource<F>(
    linker: &mut Linker,
    path: &[String],
    name: &str,
    ty: ResourceType,
    destructor: F,
) -> Result<()>
where
    F: for<'a> Fn(HostContext<'a, Wasmtime>, u32) -> Result<()> + Send + Sync + 'static,
{
    at(linker, path)?
        .resource(name, host_type(ty)?, move |cx, rep| {
            destructor(HostContext(cx), rep).map_err(carry)
        })
        .map_err(refused)
}

pub(crate) fn resource_async<F>(
    linker: &mut Linker,
    path: &[String],
    name: &str,
    ty: ResourceType,
    destructor: F,
) -> Result<()>
where
    F: for<'a> Fn(HostContext<'a, Wasmtime>, u32) -> HostFuture<'a, ()> + Send + Sync + 'static,
{
    at(linker, path)?
        .resource_async(name, host_type(ty)?, move |cx, rep| {
            destructor(HostContext(cx), rep).into_wasmtime()
        })
        .map_err(refused)
}
