//! What guests have consumed, where their code counts it: in a counter that core
//! modules share with the layer (see [`crate::meter`]).
//!
//! Each realm has a counter of its own, as globals cannot be shared between
//! realms. The count is kept in that of the realm whose code runs, and moves
//! with the calls that go from one to another.

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{Error, ErrorKind, Result};

use crate::contain::host_func;
use crate::engine::{CoreEngine, CoreExtern, CoreType, Signature};
use crate::meter::{Gauge, LOOK, Label, MOST, Mode};

/// How many imports a metered module has besides its own, at most.
pub(crate) const IMPORTS: usize = 2;

/// What the guests of a store are stopped by.
pub(crate) struct Meters<E: CoreEngine> {
    mode: Mode,
    gauge: Gauge,
    slice: u64,
    /// What the first realm's counter begins with.
    begin: i64,
    /// Fuel that is more than a counter can count, and than anybody can use.
    beyond: u64,
    /// By realm.
    meters: Vec<Meter<E>>,
    /// Whose counter has the count.
    current: u32,
}

struct Meter<E: CoreEngine> {
    realm: E::Realm,
    /// Where guests count.
    counter: Option<E::Global>,
    slow: E::Func,
}

impl<E: CoreEngine> Meters<E> {
    /// The meters of a store whose guests are metered; without limit if there
    /// is no fuel.
    pub(crate) fn new(mode: Mode, fuel: Option<u64>, slice: u64) -> Self {
        let fuel = fuel.unwrap_or(u64::MAX);
        let (gauge, begin) = Gauge::new(fuel, slice);
        Meters {
            mode,
            gauge,
            slice,
            begin,
            beyond: beyond(fuel),
            meters: Vec::new(),
            current: 0,
        }
    }

    fn counter(&self) -> Option<E::Global> {
        let meter = self.meters.get(self.current as usize)?;
        meter.counter.clone()
    }
}

fn beyond(fuel: u64) -> u64 {
    fuel.saturating_sub(MOST.unsigned_abs())
}

fn meters<'a, E: CoreEngine>(cx: &'a mut E::Context<'_>) -> Option<&'a mut Meters<E>> {
    E::data_mut(cx).meters.as_mut()
}

fn get<E: CoreEngine>(cx: &mut E::Context<'_>, counter: &E::Global) -> i64 {
    E::global(cx, counter).cast_signed()
}

fn set<E: CoreEngine>(cx: &mut E::Context<'_>, counter: &E::Global, value: i64) {
    E::set_global(cx, counter, CoreType::I64, value.cast_unsigned());
}

/// The meter of a realm; nothing if guests are not metered.
pub(crate) fn meter<E: CoreEngine>(cx: &mut E::Context<'_>, realm: E::Realm) -> Option<u32> {
    let meters = meters::<E>(cx)?;
    if let Some(known) = meters.meters.iter().position(|it| it.realm == realm) {
        return Some(known as u32);
    }
    let begin = meters.begin.cast_unsigned();
    let (counter, slow) = match meters.mode {
        Mode::Fuel { .. } => counter::<E>(cx, realm, begin),
        Mode::Flag => (None, look::<E>(cx, realm)),
    };
    let meters = self::meters::<E>(cx)?;
    meters.meters.push(Meter {
        realm,
        counter,
        slow,
    });
    Some(meters.meters.len() as u32 - 1)
}

fn counter<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    realm: E::Realm,
    begin: u64,
) -> (Option<E::Global>, E::Func) {
    let counter = E::new_global(cx, realm, CoreType::I64, begin);
    let global = counter.clone();
    let ty = Signature::new([CoreType::I64], [CoreType::I64]);
    let slow = host_func::<E, _>(cx, realm, &ty, move |mut cx, slots| {
        let copy = slow::<E>(&mut cx, &global, slots[0].cast_signed())?;
        slots[0] = copy.cast_unsigned();
        Ok(())
    });
    (Some(counter), slow)
}

/// What is called after a flag was set, and is not any more: what is set after
/// this is looked at once more.
fn look<E: CoreEngine>(cx: &mut E::Context<'_>, realm: E::Realm) -> E::Func {
    host_func::<E, _>(
        cx,
        realm,
        &Signature::default(),
        move |cx, _| match E::data(&cx).store_data().interrupted() {
            None => Ok(()),
            Some(reason) => Err(reason),
        },
    )
}

/// What a metered module imports after its own imports.
pub(crate) fn imports<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    meter: u32,
) -> Option<[Option<CoreExtern<E>>; IMPORTS]> {
    let meter = meters::<E>(cx)?.meters.get(meter as usize)?;
    Some([
        meter.counter.clone().map(CoreExtern::Global),
        Some(CoreExtern::Func(meter.slow.clone())),
    ])
}

/// A check has found that the slice is used up, by the function's copy of the
/// counter: gives what the copy goes on with.
#[cold]
fn slow<E: CoreEngine>(cx: &mut E::Context<'_>, counter: &E::Global, copy: i64) -> Result<i64> {
    let data = E::data(cx);
    let Some(meters) = &data.meters else {
        return Ok(copy);
    };
    if copy == LOOK {
        return data.store_data().interrupted().map_or(Ok(copy), Err);
    }
    if meters.gauge.is_exhausted(copy) && !mutant::active(Mutant::FuelNeverStops) {
        set::<E>(cx, counter, copy);
        return Err(Error::of(ErrorKind::OutOfFuel { consumed: 0 }));
    }
    if let Some(reason) = data.store_data().interrupted() {
        return Err(reason);
    }
    let before = get::<E>(cx, counter);
    let Some(meters) = self::meters::<E>(cx) else {
        return Ok(copy);
    };
    let (copy, after) = meters.gauge.next(meters.slice, copy, before);
    set::<E>(cx, counter, after);
    Ok(copy + i64::from(mutant::active(Mutant::FuelSliceCharged)))
}

/// Calls a function of an instance's, which counts in the instance's realm.
#[inline]
pub(crate) fn call<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    instance: u32,
    callee: &E::Callee,
    slots: &mut [u64],
) -> Result<()> {
    if E::data(cx).meters.is_none() {
        let result = E::call(cx, callee, slots);
        return result.map_err(|error| original_frames::<E>(cx, error));
    }
    call_metered::<E>(cx, instance, callee, slots)
}

#[inline(never)]
fn call_metered<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    instance: u32,
    callee: &E::Callee,
    slots: &mut [u64],
) -> Result<()> {
    let meter = E::data_mut(cx).instance(instance).meter;
    let before = switch::<E>(cx, meter);
    let result = E::call(cx, callee, slots);
    switch::<E>(cx, before);
    result.map_err(|error| original_frames::<E>(cx, error))
}

/// Has a realm's code go on counting; gives the meter that did before, which has
/// to get the count back before its code runs again.
#[inline]
pub(crate) fn switch<E: CoreEngine>(cx: &mut E::Context<'_>, to: Option<u32>) -> Option<u32> {
    let to = to?;
    match &E::data(cx).meters {
        Some(meters) if meters.current != to && meters.mode != Mode::Flag => hand_over::<E>(cx, to),
        _ => Some(to),
    }
}

#[cold]
fn hand_over<E: CoreEngine>(cx: &mut E::Context<'_>, to: u32) -> Option<u32> {
    let from = meters::<E>(cx)?.counter()?;
    let count = get::<E>(cx, &from);
    let meters = meters::<E>(cx)?;
    let before = std::mem::replace(&mut meters.current, to);
    let counter = meters.counter()?;
    if !mutant::active(Mutant::FuelLostBetweenComponents) {
        set::<E>(cx, &counter, count);
    }
    Some(before)
}

/// The fuel that is left; nothing if guests are metered for other reasons.
pub(crate) fn fuel<E: CoreEngine>(cx: &mut E::Context<'_>) -> Option<u64> {
    let data = E::data(cx);
    if !data.store_data().interruption().has_fuel() {
        return None;
    }
    let meters = data.meters.as_ref()?;
    let (gauge, begin, beyond) = (meters.gauge, meters.begin, meters.beyond);
    let count = match meters.counter() {
        Some(counter) => get::<E>(cx, &counter),
        None => begin,
    };
    Some(gauge.left(count) + beyond)
}

/// Sets the fuel that is left.
pub(crate) fn set_fuel<E: CoreEngine>(cx: &mut E::Context<'_>, fuel: u64) {
    if let Some(meters) = meters::<E>(cx) {
        (meters.gauge, meters.begin) = Gauge::new(fuel, meters.slice);
        meters.beyond = beyond(fuel);
        let begin = meters.begin;
        if let Some(counter) = meters.counter() {
            set::<E>(cx, &counter, begin);
        }
    }
}

/// Leads an error's frames back from the modules that are changed to those that
/// users have.
#[cold]
pub(crate) fn original_frames<E: CoreEngine>(cx: &E::Context<'_>, mut error: Error) -> Error {
    let data = E::data(cx);
    error.frames_mut().retain_mut(|frame| {
        let Some((label, name)) = frame.module.as_deref().and_then(Label::take) else {
            return true;
        };
        frame.module = name.map(str::to_owned);
        let Some(places) = data.instances.iter().find_map(|it| it.pre.places(label)) else {
            return true;
        };
        frame.offset = frame.offset.and_then(|offset| places.offset(offset));
        match places.function(frame.function_index) {
            Some(original) => {
                frame.function_index = original;
                true
            }
            // What initializes a module is no function of it.
            None => false,
        }
    });
    error
}
