//! What wasmi asks before memories and tables grow: the core's policy decides.
//!
//! Why a growth failed is known here only, and what comes of it is decided where
//! guests ask for growths (`growth.rs`): [`Asked`] says it there.

use wasmi::errors::{MemoryError, TableError};
use wasmi::{ResourceLimiter, StoreContextMut};
use wasmi_core::LimiterError;

use crate::store::Link;

/// What wasmi has asked about a growth.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    /// Nothing: it is for others than guests, or the type forbids it.
    Nothing,
    /// Whether it is within the limits. If it is, and fails, the type forbids it.
    Answered,
    /// That, and there was no room for it.
    NoRoom,
}

/// What wasmi does without asking for it.
pub(crate) fn uncounted<R>(
    cx: &mut StoreContextMut<'_, Link>,
    run: impl FnOnce(&mut StoreContextMut<'_, Link>) -> R,
) -> R {
    cx.data_mut().is_exempt = true;
    let result = run(cx);
    cx.data_mut().is_exempt = false;
    result
}

impl ResourceLimiter for Link {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        if self.is_exempt {
            return Ok(true);
        }
        self.asked = Asked::Answered;
        let data = self.store_data_mut();
        Ok(data.grow_memory(current as u64, desired as u64))
    }

    fn memory_grow_failed(&mut self, _error: &MemoryError) -> Result<(), LimiterError> {
        if !self.is_exempt {
            // wasmi has looked at the memory's type before.
            self.asked = Asked::NoRoom;
            self.store_data_mut().growth_undone();
        }
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, LimiterError> {
        if self.is_exempt {
            return Ok(true);
        }
        self.asked = Asked::Answered;
        let data = self.store_data_mut();
        Ok(data.grow_table(current as u64, desired as u64))
    }

    fn table_grow_failed(&mut self, error: &TableError) -> Result<(), LimiterError> {
        if !self.is_exempt {
            if matches!(error, TableError::OutOfSystemMemory) {
                self.asked = Asked::NoRoom;
            }
            self.store_data_mut().growth_undone();
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
