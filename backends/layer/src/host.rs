//! Host functions: what a guest's call of an import does.

use std::sync::Arc;

use enginebay_core::abi;
use enginebay_core::{
    ComponentNamedList, FuncType, HostContext, HostFuture, Lift, Lower, Result, Val, func_fits,
    func_mismatch,
};

use crate::Layer;
use crate::contain::host_func;
use crate::context::{Boundary, Crossing};
use crate::coroutine;
use crate::engine::{CoreEngine, Signature};
use crate::instance::Ends;
use crate::store::check_may_leave;

/// A host function in a linker.
pub(crate) trait HostFunc<E: CoreEngine>: Send + Sync {
    /// Checks the function against the type with which an interface has it
    /// imported.
    ///
    /// # Errors
    ///
    /// `Link` if it has another type.
    fn check(&self, interface: &str, name: &str, wanted: &FuncType) -> Result<()>;

    fn is_async(&self) -> bool;

    /// Makes the core function that an instance's code calls.
    fn lower(
        self: Arc<Self>,
        cx: &mut E::Context<'_>,
        realm: E::Realm,
        ty: &Signature,
        instance: u32,
        boundary: Arc<Boundary>,
    ) -> E::Func;
}

type Check = fn(&str, &str, &FuncType) -> Result<()>;

fn check_typed<P: ComponentNamedList, R: ComponentNamedList>(
    interface: &str,
    name: &str,
    wanted: &FuncType,
) -> Result<()> {
    if func_fits::<P, R>(wanted) {
        Ok(())
    } else {
        Err(func_mismatch::<P, R>(interface, name, wanted))
    }
}

/// A function that takes whatever type it is imported with.
fn unchecked(_: &str, _: &str, _: &FuncType) -> Result<()> {
    Ok(())
}

/// Where a host function is called from.
struct Site<E: CoreEngine> {
    instance: u32,
    boundary: Arc<Boundary>,
    ends: Ends<E>,
}

struct Host<F> {
    check: Check,
    is_async: bool,
    run: F,
}

fn host<E, F>(check: Check, is_async: bool, run: F) -> Arc<dyn HostFunc<E>>
where
    E: CoreEngine,
    F: for<'a> Fn(E::Context<'a>, &Site<E>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
{
    Arc::new(Host {
        check,
        is_async,
        run,
    })
}

impl<E, F> HostFunc<E> for Host<F>
where
    E: CoreEngine,
    F: for<'a> Fn(E::Context<'a>, &Site<E>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
{
    fn check(&self, interface: &str, name: &str, wanted: &FuncType) -> Result<()> {
        (self.check)(interface, name, wanted)
    }

    fn is_async(&self) -> bool {
        self.is_async
    }

    fn lower(
        self: Arc<Self>,
        cx: &mut E::Context<'_>,
        realm: E::Realm,
        ty: &Signature,
        instance: u32,
        boundary: Arc<Boundary>,
    ) -> E::Func {
        let site = Site {
            instance,
            boundary,
            ends: Ends::default(),
        };
        host_func::<E, _>(cx, realm, ty, move |cx, slots| (self.run)(cx, &site, slots))
    }
}

/// From the guest's flat values to the host's.
#[inline]
fn begin<E: CoreEngine, P>(
    cx: &mut E::Context<'_>,
    site: &Site<E>,
    lift: impl FnOnce(&mut Crossing<'_, '_, E>, &Boundary) -> Result<P>,
) -> Result<P> {
    let boundary = &*site.boundary;
    check_may_leave::<E>(cx, site.instance, boundary.owner)?;
    if boundary.is_scoped() {
        E::data_mut(cx).enter_scope();
    }
    let mut crossing = Crossing::new(cx, site.instance, boundary, &site.ends);
    crossing.lifting(&boundary.uses.params)?;
    lift(&mut crossing, boundary)
}

/// From the host's values to the guest's, after [`begin`]. `lower` gets the
/// pointer to where the guest wants a result that is not flat.
#[inline]
fn finish<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    site: &Site<E>,
    slots: &mut [u64],
    lower: impl FnOnce(&mut Crossing<'_, '_, E>, &Boundary, u64, &mut [u64]) -> Result<usize>,
) -> Result<()> {
    let boundary = &*site.boundary;
    if boundary.is_scoped() {
        E::data_mut(cx).exit_scope()?;
    }
    let mut crossing = Crossing::new(cx, site.instance, boundary, &site.ends);
    crossing.lowering(&boundary.uses.results)?;
    // It comes after the parameters.
    let pointer = match boundary.uses.results.flat {
        Some(_) => 0,
        None => slots[boundary.uses.params.flat.unwrap_or(1)],
    };
    lower(&mut crossing, boundary, pointer, slots).map(drop)
}

#[inline]
fn begin_typed<E: CoreEngine, P: Lift>(
    cx: &mut E::Context<'_>,
    site: &Site<E>,
    slots: &[u64],
) -> Result<P> {
    begin(cx, site, |crossing, boundary| {
        abi::lift_params(crossing, &boundary.params, slots)
    })
}

#[inline]
fn finish_typed<E: CoreEngine, R: Lower>(
    cx: &mut E::Context<'_>,
    site: &Site<E>,
    results: &R,
    slots: &mut [u64],
) -> Result<()> {
    finish(cx, site, slots, |crossing, boundary, pointer, slots| {
        abi::lower_results(results, crossing, &boundary.results, pointer, slots)
    })
}

fn begin_dynamic<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    site: &Site<E>,
    slots: &[u64],
) -> Result<Vec<Val>> {
    begin(cx, site, |crossing, boundary| {
        let mut params = Vec::new();
        let shapes = &boundary.shapes().params;
        shapes.lift(crossing, slots, &mut params)?;
        Ok(params)
    })
}

fn finish_dynamic<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    site: &Site<E>,
    results: &[Val],
    slots: &mut [u64],
) -> Result<()> {
    let shape = &site.boundary.shapes().result;
    shape.check(results)?;
    finish(cx, site, slots, |crossing, _, pointer, slots| {
        shape.lower(results, crossing, pointer, slots)
    })
}

/// How many results a function has: one or none.
fn results<E: CoreEngine>(site: &Site<E>) -> usize {
    usize::from(site.boundary.ty.result.is_some())
}

/// A synchronous function of Rust types.
pub(crate) fn typed<E, P, R, F>(func: F) -> Arc<dyn HostFunc<E>>
where
    E: CoreEngine,
    P: ComponentNamedList + Lift + 'static,
    R: ComponentNamedList + Lower + 'static,
    F: for<'a> Fn(HostContext<'a, Layer<E>>, P) -> Result<R> + Send + Sync + 'static,
{
    host(check_typed::<P, R>, false, move |mut cx, site, slots| {
        let params = begin_typed::<E, P>(&mut cx, site, slots)?;
        let results = func(HostContext(E::reborrow(&mut cx)), params)?;
        finish_typed(&mut cx, site, &results, slots)
    })
}

/// An asynchronous function of Rust types.
pub(crate) fn typed_async<E, P, R, F>(func: F) -> Arc<dyn HostFunc<E>>
where
    E: CoreEngine,
    P: ComponentNamedList + Lift + Send + 'static,
    R: ComponentNamedList + Lower + Send + 'static,
    F: for<'a> Fn(HostContext<'a, Layer<E>>, P) -> HostFuture<'a, R> + Send + Sync + 'static,
{
    host(check_typed::<P, R>, true, move |mut cx, site, slots| {
        let params = begin_typed::<E, P>(&mut cx, site, slots)?;
        let coroutine = coroutine::current::<E>(&cx)?;
        let inner = E::reborrow(&mut cx);
        let results = coroutine.wait(|| func(HostContext(inner), params))?;
        finish_typed(&mut cx, site, &results, slots)
    })
}

/// A synchronous function of whatever type it is imported with.
pub(crate) fn dynamic<E, F>(func: F) -> Arc<dyn HostFunc<E>>
where
    E: CoreEngine,
    F: for<'a> Fn(HostContext<'a, Layer<E>>, &[Val], &mut [Val]) -> Result<()>
        + Send
        + Sync
        + 'static,
{
    host(unchecked, false, move |mut cx, site, slots| {
        let params = begin_dynamic::<E>(&mut cx, site, slots)?;
        let mut results = vec![Val::Bool(false); self::results(site)];
        func(HostContext(E::reborrow(&mut cx)), &params, &mut results)?;
        finish_dynamic(&mut cx, site, &results, slots)
    })
}

/// An asynchronous function of whatever type it is imported with.
pub(crate) fn dynamic_async<E, F>(func: F) -> Arc<dyn HostFunc<E>>
where
    E: CoreEngine,
    F: for<'a> Fn(HostContext<'a, Layer<E>>, Vec<Val>, usize) -> HostFuture<'a, Vec<Val>>
        + Send
        + Sync
        + 'static,
{
    host(unchecked, true, move |mut cx, site, slots| {
        let params = begin_dynamic::<E>(&mut cx, site, slots)?;
        let coroutine = coroutine::current::<E>(&cx)?;
        let inner = E::reborrow(&mut cx);
        let results = coroutine.wait(|| func(HostContext(inner), params, self::results(site)))?;
        finish_dynamic(&mut cx, site, &results, slots)
    })
}
