//! What wasmi asks before memories and tables grow: the core's policy decides.

use wasmi::ResourceLimiter;
use wasmi::errors::{MemoryError, TableError};
use wasmi_core::LimiterError;

use crate::store::Link;

impl ResourceLimiter for Link {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let data = self.store_data_mut();
        Ok(data.grow_memory(current as u64, desired as u64))
    }

    fn memory_grow_failed(&mut self, _error: &MemoryError) -> Result<(), LimiterError> {
        self.store_data_mut().growth_failed();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        if self.is_exempt {
            return Ok(true);
        }
        // Of memories, wasmi looks at the type before it asks.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let data = self.store_data_mut();
        Ok(data.grow_table(current as u64, desired as u64))
    }

    fn table_grow_failed(&mut self, _error: &TableError) -> Result<(), LimiterError> {
        if !self.is_exempt {
            self.store_data_mut().growth_failed();
        }
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
