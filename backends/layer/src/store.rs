//! What a layered store holds.

use enginebay_core::StoreData;

use crate::engine::CoreEngine;

/// What an engine's store holds for the layer: the core's data, and what the
/// layer knows of the component instances in the store.
pub struct Data<E: CoreEngine> {
    store: StoreData,
    _marker: std::marker::PhantomData<fn() -> E>,
}

impl<E: CoreEngine> Data<E> {
    /// What a new store holds.
    #[doc(hidden)]
    pub fn new(store: StoreData) -> Self {
        Data {
            store,
            _marker: std::marker::PhantomData,
        }
    }

    /// The core's data, which an engine asks before memories and tables change.
    #[inline]
    pub fn store_data(&self) -> &StoreData {
        &self.store
    }

    /// The core's data, which an engine asks before memories and tables change.
    #[inline]
    pub fn store_data_mut(&mut self) -> &mut StoreData {
        &mut self.store
    }
}
