//! What Wasmtime asks before memories and tables grow: the core's policy
//! decides.

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{StoreData, StoreNumber, has_room_for_table};
use wasmtime::ResourceLimiter;
use wasmtime::component::Func;

use crate::component::Changed;

/// What our Wasmtime stores hold.
#[derive(Debug)]
pub struct State {
    pub(crate) data: StoreData,
    /// What destructors are run from, once one was ([`crate::destructor`]).
    pub(crate) destructors: Option<Func>,
    /// Wasmtime's number of the store, once somebody asked for it.
    pub(crate) number: Option<StoreNumber>,
    /// The components with instances in the store that were changed.
    pub(crate) changed: Vec<Changed>,
}

impl State {
    /// An instance of a component that was changed comes into the store.
    pub(crate) fn add(&mut self, changed: &Changed) {
        if !self.changed.iter().any(|it| it.code == changed.code) {
            self.changed.push(changed.clone());
        }
    }

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

/// What Wasmtime asks, for a store with this data.
pub(crate) trait Policy {
    fn data(&mut self) -> &mut StoreData;

    /// The limits come first, then what the memory's type allows. Wasmtime would
    /// look at that itself, and not tell it from a machine without room.
    fn grow_memory(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        let data = self.data();
        data.grow_memory(current as u64, desired as u64) && fits(data, desired, maximum)
    }

    /// As [`Policy::grow_memory`]. Where a table has no room, Wasmtime would stop
    /// the guest.
    fn grow_table(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let data = self.data();
        if !data.grow_table(current as u64, desired as u64) || !fits(data, desired, maximum) {
            return Ok(false);
        }
        if !has_room_for_table(desired as u64) {
            data.growth_failed().map_err(wasmtime::Error::new)?;
            return Ok(false);
        }
        Ok(true)
    }

    /// A growth failed that was allowed.
    fn grow_failed(&mut self, error: &wasmtime::Error) -> wasmtime::Result<()> {
        // Sizes that overflow fail without having been asked for.
        let text = error.root_cause().to_string();
        if text.starts_with("overflow calculating new") {
            return Ok(());
        }
        self.data().growth_failed().map_err(wasmtime::Error::new)
    }
}

fn fits(data: &mut StoreData, desired: usize, maximum: Option<usize>) -> bool {
    let fits = maximum.is_none_or(|maximum| desired <= maximum);
    if !fits {
        data.growth_undone();
    }
    fits
}

impl Policy for State {
    fn data(&mut self) -> &mut StoreData {
        &mut self.data
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
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.check_time()?;
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
        self.check_time()?;
        self.grow_table(current, desired, maximum)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        self.grow_failed(&error)
    }

    fn instances(&self) -> usize {
        if mutant::active(Mutant::InstanceLimitIgnored) {
            return usize::MAX;
        }
        count(self.data.limits().instances)
    }

    fn tables(&self) -> usize {
        count(self.data.limits().tables)
    }

    fn memories(&self) -> usize {
        count(self.data.limits().memories)
    }
}
