//! What Wasmtime asks before memories and tables grow: the core's policy
//! decides.

use std::fmt;

use enginebay_core::StoreData;
use enginebay_layer::Data;
use wasmtime::ResourceLimiter;

use super::WasmtimeCore;
use super::engine::FuncTypes;
use crate::limits::Policy;

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

impl Policy for CoreState {
    fn data(&mut self) -> &mut StoreData {
        self.data.store_data_mut()
    }
}

impl ResourceLimiter for CoreState {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow_memory(current, desired, maximum))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed(&error)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow_table(current, desired, maximum)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed(&error)
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
