//! What guests have consumed, where their code counts it: in globals that core
//! modules share with the layer.
//!
//! Fuel is counted up. At its checks, code compares what it has consumed with a
//! threshold and calls the layer once it is there. The layer looks at the time
//! then, and at the cancel flag, and raises the threshold, by a slice or up to
//! the limit. The count itself is the guest's alone, so that it is the same with
//! slices of any size.

use enginebay_core::{Error, ErrorKind, Result};

use crate::engine::{CoreEngine, CoreExtern, CoreType, Signature};

/// How much is consumed between two looks at the time: some 100 us of machine
/// code, and a millisecond at most where an engine interprets.
pub(crate) const SLICE: u64 = 100_000;

/// How many imports a metered module has besides its own.
pub(crate) const IMPORTS: usize = 3;

/// Fuel is compared as a signed number.
const MOST: u64 = i64::MAX as u64;

/// The fuel of a store.
pub(crate) struct Meters<E: CoreEngine> {
    /// What may be consumed, from when fuel was last set.
    limit: u64,
    slice: u64,
    /// By realm; a realm's modules share their globals.
    meters: Vec<Meter<E>>,
    /// Where the count is kept: in the realm whose code runs or ran last.
    current: u32,
}

struct Meter<E: CoreEngine> {
    realm: E::Realm,
    consumed: E::Global,
    threshold: E::Global,
    slow: E::Func,
}

impl<E: CoreEngine> Meters<E> {
    /// The meters of a new store whose guests are metered.
    pub(crate) fn new(fuel: Option<u64>, slice: u64) -> Self {
        Meters {
            limit: fuel.unwrap_or(MOST).min(MOST),
            slice,
            meters: Vec::new(),
            current: 0,
        }
    }

    fn threshold(&self, consumed: u64) -> u64 {
        consumed.saturating_add(self.slice).min(self.limit)
    }
}

fn meters<'a, E: CoreEngine>(cx: &'a mut E::Context<'_>) -> Option<&'a mut Meters<E>> {
    E::data_mut(cx).meters.as_mut()
}

/// The meter that the modules of a realm share.
pub(crate) fn meter<E: CoreEngine>(cx: &mut E::Context<'_>, realm: E::Realm) -> Option<u32> {
    let meters = meters::<E>(cx)?;
    if let Some(known) = meters.meters.iter().position(|it| it.realm == realm) {
        return Some(known as u32);
    }
    let index = meters.meters.len() as u32;
    // The first one counts from the start.
    let threshold = meters.threshold(0);
    let meter = Meter {
        realm,
        consumed: E::new_global(cx, realm, CoreType::I64, 0),
        threshold: E::new_global(cx, realm, CoreType::I64, threshold),
        slow: E::host_func(
            cx,
            realm,
            &Signature::new([CoreType::I64], []),
            move |mut cx, slots| slow::<E>(&mut cx, index, slots[0]),
        ),
    };
    self::meters::<E>(cx)?.meters.push(meter);
    Some(index)
}

/// What a metered module imports besides its own imports, in order.
pub(crate) fn imports<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    meter: u32,
) -> Option<[CoreExtern<E>; IMPORTS]> {
    let meter = &meters::<E>(cx)?.meters[meter as usize];
    Some([
        CoreExtern::Global(meter.consumed.clone()),
        CoreExtern::Global(meter.threshold.clone()),
        CoreExtern::Func(meter.slow.clone()),
    ])
}

/// A check has found that the threshold is reached.
#[cold]
fn slow<E: CoreEngine>(cx: &mut E::Context<'_>, index: u32, consumed: u64) -> Result<()> {
    let Some(meters) = &E::data(cx).meters else {
        return Ok(());
    };
    let meter = &meters.meters[index as usize];
    if consumed >= meters.limit {
        let global = meter.consumed.clone();
        E::set_global(cx, &global, CoreType::I64, consumed);
        return Err(Error::of(ErrorKind::OutOfFuel { consumed }));
    }
    let threshold = (meter.threshold.clone(), meters.threshold(consumed));
    if let Some(reason) = E::data(cx).store_data().interrupted() {
        return Err(reason);
    }
    E::set_global(cx, &threshold.0, CoreType::I64, threshold.1);
    Ok(())
}

/// Has code of a realm go on counting; gives the realm that did before, which
/// has to get the count back before its code runs again.
#[inline]
pub(crate) fn switch<E: CoreEngine>(cx: &mut E::Context<'_>, to: Option<u32>) -> Option<u32> {
    let to = to?;
    match &E::data(cx).meters {
        Some(meters) if meters.current != to => Some(hand_over::<E>(cx, to)),
        _ => Some(to),
    }
}

#[cold]
fn hand_over<E: CoreEngine>(cx: &mut E::Context<'_>, to: u32) -> u32 {
    let consumed = consumed::<E>(cx);
    let Some(meters) = meters::<E>(cx) else {
        return to;
    };
    let before = std::mem::replace(&mut meters.current, to);
    set::<E>(cx, consumed);
    before
}

/// What was consumed since fuel was last set.
fn consumed<E: CoreEngine>(cx: &mut E::Context<'_>) -> u64 {
    let meters = meters::<E>(cx);
    let meter = meters.and_then(|it| it.meters.get(it.current as usize));
    match meter.map(|it| it.consumed.clone()) {
        Some(global) => E::global(cx, &global),
        None => 0,
    }
}

/// Sets the count and the threshold of the current realm.
fn set<E: CoreEngine>(cx: &mut E::Context<'_>, consumed: u64) {
    let Some(meters) = meters::<E>(cx) else {
        return;
    };
    let threshold = meters.threshold(consumed);
    if let Some(meter) = meters.meters.get(meters.current as usize) {
        let globals = (meter.consumed.clone(), meter.threshold.clone());
        E::set_global(cx, &globals.0, CoreType::I64, consumed);
        E::set_global(cx, &globals.1, CoreType::I64, threshold);
    }
}

/// The fuel that is left.
pub(crate) fn fuel<E: CoreEngine>(cx: &mut E::Context<'_>) -> Option<u64> {
    let consumed = consumed::<E>(cx);
    let meters = meters::<E>(cx)?;
    Some(meters.limit.saturating_sub(consumed))
}

/// Sets the fuel that is left.
pub(crate) fn set_fuel<E: CoreEngine>(cx: &mut E::Context<'_>, fuel: u64) {
    if let Some(meters) = meters::<E>(cx) {
        meters.limit = fuel.min(MOST);
        set::<E>(cx, 0);
    }
}
