//! Stores, and the calls into them that are not typed.

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{Lower, Result, StoreData, StoreNumber, Val};
use wasmtime::component as wt;
use wasmtime::{StoreContextMut, UpdateDeadline};

use crate::dynamic::{self, Params};
use crate::limits::State;
use crate::{trap, value};

type Context<'a> = StoreContextMut<'a, State>;

pub(crate) fn new(engine: &wasmtime::Engine, data: StoreData) -> Result<wasmtime::Store<State>> {
    let mut limits = data.limits().clone();
    if mutant::active(Mutant::HandleLimitIgnored) {
        limits.handles = u64::MAX;
    }
    if mutant::active(Mutant::HostBytesIgnored) {
        limits.host_bytes = u64::MAX;
    }
    if mutant::active(Mutant::FuelNeverStops) {
        limits.fuel = None;
    }
    let interruption = data.interruption();
    let mut store = wasmtime::Store::new(
        engine,
        State {
            data,
            destructors: None,
            number: None,
            changed: Vec::new(),
        },
    );
    store.limiter(|state| state);
    store.set_max_component_handles(usize::try_from(limits.handles).unwrap_or(usize::MAX));
    store.set_hostcall_fuel(usize::try_from(limits.host_bytes).unwrap_or(usize::MAX));
    if interruption.has_deadline() {
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|cx| match cx.data().data.interrupted() {
            None => Ok(UpdateDeadline::Continue(1)),
            Some(error) => Err(wasmtime::Error::new(error)),
        });
    }
    if interruption.has_fuel() {
        let fuel = limits.fuel.unwrap_or(u64::MAX);
        store
            .set_fuel(fuel)
            .map_err(|error| trap::error(store.data(), error))?;
    }
    Ok(store)
}

pub(crate) fn fuel(cx: &Context<'_>) -> Option<u64> {
    if cx.data().data.interruption().has_fuel() {
        cx.get_fuel().ok()
    } else {
        None
    }
}

pub(crate) fn set_fuel(cx: &mut Context<'_>, fuel: u64) -> Result<()> {
    cx.set_fuel(fuel)
        .map_err(|error| trap::error(cx.data(), error))
}

/// Wasmtime's number of the store. It keeps that to itself; whatever belongs to
/// a store has it, so the first to ask makes a function.
pub(crate) fn number(cx: &mut Context<'_>) -> StoreNumber {
    if let Some(number) = cx.data().number {
        return number;
    }
    let number = StoreNumber::of(&wasmtime::Func::wrap(&mut *cx, || {}));
    cx.data_mut().number = Some(number);
    number
}

/// Checks that no handle is of another store than the function. To be done
/// before Wasmtime has begun the call: it would not come out of it unharmed.
#[inline]
pub(crate) fn check<P: Lower>(func: &wt::Func, params: &P) -> Result<()> {
    if !P::HAS_HANDLES {
        return Ok(());
    }
    let store = StoreNumber::of(func);
    params.handles(&mut |any| any.to_wasmtime(store).map(drop))
}

/// The export at a path of instances and a name.
pub(crate) fn export(
    cx: &mut Context<'_>,
    instance: &wt::Instance,
    path: &[&str],
) -> Option<wt::ComponentExportIndex> {
    let mut index = None;
    for name in path {
        index = Some(instance.get_export_index(&mut *cx, index.as_ref(), name)?);
    }
    index
}

pub(crate) fn call(
    mut cx: Context<'_>,
    func: &wt::Func,
    params: &[Val],
    results: &mut Vec<Val>,
) -> Result<()> {
    results.clear();
    let func = dynamic::typed(&cx, func, params)?;
    match func.call(&mut cx, Params(params)) {
        Ok(vals) => {
            vals.into(results);
            Ok(())
        }
        Err(error) => Err(trap::error(cx.data(), error)),
    }
}

pub(crate) async fn call_async(
    mut cx: Context<'_>,
    func: &wt::Func,
    params: &[Val],
    results: &mut Vec<Val>,
) -> Result<()> {
    results.clear();
    let typed = dynamic::typed(&cx, func, params)?;
    if func.ty(&cx).async_() {
        return call_async_lifted(cx, func, params, results).await;
    }
    let result = typed.call_async(&mut cx, Params(params)).await;
    match result {
        Ok(vals) => {
            vals.into(results);
            Ok(())
        }
        Err(error) => Err(trap::error(cx.data(), error)),
    }
}

/// An async-lifted function returns as many slots as its result has, while a
/// typed call wants to know their number at compile time. Arguments are checked.
async fn call_async_lifted(
    mut cx: Context<'_>,
    func: &wt::Func,
    params: &[Val],
    results: &mut Vec<Val>,
) -> Result<()> {
    let number = StoreNumber::of(func);
    let params = value::lower_all(params, &mut || number)?;
    let mut out = value::placeholders(func.ty(&cx).results().len());
    let result = func.call_async(&mut cx, &params, &mut out).await;
    trap::finish(&cx, result)?;
    value::lift_results(out, results, number)
}
