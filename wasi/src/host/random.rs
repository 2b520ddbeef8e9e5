//! `wasi:random`: numbers for secrets, others, and a seed for hash maps.

use enginebay_core::{Backend, Result};

use super::Imports;
use crate::ctx::WasiView;

pub(super) fn add<B: Backend, T: WasiView + 'static>(
    imports: &mut Imports<'_, B, T>,
) -> Result<()> {
    let mut random = imports.interface("wasi:random/random")?;
    random.func("get-random-bytes", |state, (len,): (u64,)| {
        Ok((state.random.bytes(state.ctx.random(), len)?,))
    })?;
    random.func("get-random-u64", |state, ()| {
        Ok((state.random.u64(state.ctx.random())?,))
    })?;

    let mut insecure = imports.interface("wasi:random/insecure")?;
    insecure.func("get-insecure-random-bytes", |state, (len,): (u64,)| {
        Ok((state.random.insecure_bytes(state.ctx.random(), len)?,))
    })?;
    insecure.func("get-insecure-random-u64", |state, ()| {
        Ok((state.random.insecure_u64(state.ctx.random())?,))
    })?;

    let mut seed = imports.interface("wasi:random/insecure-seed")?;
    seed.func("insecure-seed", |state, ()| {
        Ok((state.random.seed(state.ctx.random())?,))
    })
}
