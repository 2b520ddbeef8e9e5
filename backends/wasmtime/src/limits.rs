//! What Wasmtime asks before memories and tables grow: the core's policy
//! decides.

use enginebay_core::{StoreData, StoreNumber};
use wasmtime::ResourceLimiter;

/// What our Wasmtime stores hold: the core's data, and Wasmtime's number of the
/// store once somebody asked for it.
#[derive(Debug)]
pub struct State(pub(crate) StoreData, pub(crate) Option<StoreNumber>);

impl State {
    /// Takes the last growth back, if it is the one that failed: sizes that
    /// overflow fail without having been asked for.
    fn grow_failed(&mut self, error: &wasmtime::Error) {
        if !error
            .root_cause()
            .to_string()
            .starts_with("overflow calculating new")
        {
            self.0.growth_failed();
        }
    }

    /// The embedder's data, if it has this type.
    pub fn user<T: 'static>(&self) -> Option<&T> {
        self.0.user()
    }

    /// The embedder's data, if it has this type.
    pub fn user_mut<T: 'static>(&mut self) -> Option<&mut T> {
        self.0.user_mut()
    }
}

fn count(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.0.grow_memory(current as u64, desired as u64))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed(&error);
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.0.grow_table(current as u64, desired as u64))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed(&error);
        Ok(())
    }

    fn instances(&self) -> usize {
        count(self.0.limits().instances)
    }

    fn tables(&self) -> usize {
        count(self.0.limits().tables)
    }

    fn memories(&self) -> usize {
        count(self.0.limits().memories)
    }
}
