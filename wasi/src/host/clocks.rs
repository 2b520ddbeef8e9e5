//! `wasi:clocks`: monotonic time, its timers, and wall time.

use enginebay_core::{Backend, ComponentType, Lift, Lower, Result};
use wasmtime_wasi::clocks::WasiClocksView;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};

use super::io::Pollable;
use super::{Imports, failed, give};
use crate::ctx::WasiView;

#[derive(Clone, Copy, Debug, ComponentType, Lift, Lower)]
pub(super) struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

impl From<wall_clock::Datetime> for Datetime {
    fn from(time: wall_clock::Datetime) -> Self {
        Datetime {
            seconds: time.seconds,
            nanoseconds: time.nanoseconds,
        }
    }
}

impl From<Datetime> for wall_clock::Datetime {
    fn from(time: Datetime) -> Self {
        wall_clock::Datetime {
            seconds: time.seconds,
            nanoseconds: time.nanoseconds,
        }
    }
}

pub(super) fn add<B: Backend, T: WasiView + 'static>(
    imports: &mut Imports<'_, B, T>,
) -> Result<()> {
    let mut monotonic = imports.interface("wasi:clocks/monotonic-clock")?;
    monotonic.func("now", |state, ()| {
        let now = monotonic_clock::Host::now(&mut state.clocks());
        Ok((now.map_err(failed)?,))
    })?;
    monotonic.func("resolution", |state, ()| {
        let resolution = monotonic_clock::Host::resolution(&mut state.clocks());
        Ok((resolution.map_err(failed)?,))
    })?;
    monotonic.func("subscribe-instant", |state, (when,): (u64,)| {
        let pollable = monotonic_clock::Host::subscribe_instant(&mut state.clocks(), when);
        let pollable = pollable.map_err(failed)?;
        if let Some(timers) = &mut state.timers {
            timers.set_instant(pollable.rep(), when);
        }
        Ok((give::<Pollable>(pollable),))
    })?;
    monotonic.func("subscribe-duration", |state, (time,): (u64,)| {
        let pollable = monotonic_clock::Host::subscribe_duration(&mut state.clocks(), time);
        let pollable = pollable.map_err(failed)?;
        if let Some(timers) = &mut state.timers {
            timers.set_duration(pollable.rep(), time);
        }
        Ok((give::<Pollable>(pollable),))
    })?;

    let mut wall = imports.interface("wasi:clocks/wall-clock")?;
    wall.func("now", |state, ()| {
        let now = wall_clock::Host::now(&mut state.clocks());
        Ok((Datetime::from(now.map_err(failed)?),))
    })?;
    wall.func("resolution", |state, ()| {
        let resolution = wall_clock::Host::resolution(&mut state.clocks());
        Ok((Datetime::from(resolution.map_err(failed)?),))
    })
}
