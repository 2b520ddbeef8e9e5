//! What wasmi asks before memories and tables grow: the core's policy decides.

use std::fmt;

use enginebay_layer::Data;
use wasmi::ResourceLimiter;
use wasmi::errors::{MemoryError, TableError};
use wasmi_core::LimiterError;

use crate::WasmiCore;
use crate::store::Nesting;

/// What our wasmi stores hold.
pub struct State {
    pub(crate) data: Data<WasmiCore>,
    pub(crate) nesting: Nesting,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("store", self.data.store_data())
            .finish_non_exhaustive()
    }
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let data = self.data.store_data_mut();
        Ok(data.grow_memory(current as u64, desired as u64))
    }

    fn memory_grow_failed(&mut self, _error: &MemoryError) -> Result<(), LimiterError> {
        self.data.store_data_mut().growth_failed();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let data = self.data.store_data_mut();
        Ok(data.grow_table(current as u64, desired as u64))
    }

    fn table_grow_failed(&mut self, _error: &TableError) -> Result<(), LimiterError> {
        self.data.store_data_mut().growth_failed();
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
