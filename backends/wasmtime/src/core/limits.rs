//! What Wasmtime asks before memories and tables grow: the core's policy
//! decides.

use std::fmt;

use enginebay_layer::Data;
use wasmtime::ResourceLimiter;

use super::WasmtimeCore;
use super::engine::FuncTypes;
use crate::limits::{forbidden, grow_failed};

/// What our Wasmtime stores for core wasm hold.
pub struct CoreState {
    pub(super) data: Data<WasmtimeCore>,
    pub(super) types: FuncTypes,
}

impl fmt::Debug for CoreState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CoreState")
            .field(self.data.store_data())
            .finish()
    }
}

impl ResourceLimiter for CoreState {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if forbidden(desired, maximum) {
            return Ok(false);
        }
        let data = self.data.store_data_mut();
        Ok(data.grow_memory(current as u64, desired as u64))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        grow_failed(self.data.store_data_mut(), &error);
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if forbidden(desired, maximum) {
            return Ok(false);
        }
        let data = self.data.store_data_mut();
        Ok(data.grow_table(current as u64, desired as u64))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        grow_failed(self.data.store_data_mut(), &error);
        Ok(())
    }

    // The layer counts.

    fn instances(&self) -> usize {
        usize::MAX
    }

    fn tables(&self) -> usize {
        usize::MAX
    }

    fn memories(&self) -> usize {
        usize::MAX
    }
}
