//! What Wasmtime asks before memories and tables grow: the core's policy
//! decides.

use enginebay_core::{StoreData, StoreNumber};
use wasmtime::ResourceLimiter;
use wasmtime::component::Func;

/// What our Wasmtime stores hold.
#[derive(Debug)]
pub struct State {
    pub(crate) data: StoreData,
    /// What destructors are run from, once one was ([`crate::destructor`]).
    pub(crate) destructors: Option<Func>,
    /// Wasmtime's number of the store, once somebody asked for it.
    pub(crate) number: Option<StoreNumber>,
}

impl State {
    /// An instantiation looks at the time wherever it runs a guest's code. This
    /// is for the instances between.
    fn check_time(&self) -> wasmtime::Result<()> {
        match self.data.interrupted_lately() {
            None => Ok(()),
            Some(error) => Err(wasmtime::Error::new(error)),
        }
    }

    /// The embedder's data, if it has this type.
    pub fn user<T: 'static>(&self) -> Option<&T> {
        self.data.user()
    }

    /// The embedder's data, if it has this type.
    pub fn user_mut<T: 'static>(&mut self) -> Option<&mut T> {
        self.data.user_mut()
    }
}

/// Takes the last growth back, if it is the one that failed: sizes that overflow
/// fail without having been asked for.
pub(crate) fn grow_failed(data: &mut StoreData, error: &wasmtime::Error) {
    if !error
        .root_cause()
        .to_string()
        .starts_with("overflow calculating new")
    {
        data.growth_failed();
    }
}

/// Whether the type of a memory or table forbids it to be as large: that is no
/// matter of limits.
pub(crate) fn forbidden(desired: usize, maximum: Option<usize>) -> bool {
    maximum.is_some_and(|maximum| desired > maximum)
}

fn count(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.check_time()?;
        if forbidden(desired, maximum) {
            return Ok(false);
        }
        Ok(self.data.grow_memory(current as u64, desired as u64))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        grow_failed(&mut self.data, &error);
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.check_time()?;
        if forbidden(desired, maximum) {
            return Ok(false);
        }
        Ok(self.data.grow_table(current as u64, desired as u64))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        grow_failed(&mut self.data, &error);
        Ok(())
    }

    fn instances(&self) -> usize {
        count(self.data.limits().instances)
    }

    fn tables(&self) -> usize {
        count(self.data.limits().tables)
    }

    fn memories(&self) -> usize {
        count(self.data.limits().memories)
    }
}
