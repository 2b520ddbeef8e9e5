//! What bindings give a host function that reads where its guest's memory is.

use std::fmt;

use crate::abi::{Number, WasmList};
use crate::backend::Backend;
use crate::error::Result;
use crate::store::{AsContextMut, Caller, StoreContextMut};

/// The store from within a host function, and the part of its data that is the
/// host: what a trait function of `bindgen!` gets in place of `&mut self` if its
/// lists are read in place (the option `views`).
///
/// ```
/// # use enginebay_core::{Access, Backend, Result, WasmList};
/// struct Output(Vec<u8>);
///
/// fn write<B: Backend, T: Send + 'static>(
///     mut access: Access<'_, B, T, Output>,
///     bytes: WasmList<u8>,
/// ) -> Result<()> {
///     let (bytes, output) = access.read(&bytes)?;
///     output.0.extend_from_slice(bytes);
///     Ok(())
/// }
/// ```
pub struct Access<'a, B: Backend, T: 'static, H: 'static> {
    caller: Caller<'a, B, T>,
    get: &'a Get<T, H>,
}

type Get<T, H> = dyn Fn(&mut T) -> &mut H + Send + Sync;

impl<'a, B: Backend, T: 'static, H: 'static> Access<'a, B, T, H> {
    /// `get` finds the host in the store's data.
    pub fn new(
        caller: Caller<'a, B, T>,
        get: &'a (impl Fn(&mut T) -> &mut H + Send + Sync + 'static),
    ) -> Self {
        Access { caller, get }
    }

    /// The host.
    pub fn host(&mut self) -> &mut H {
        (self.get)(self.caller.data_mut())
    }

    /// The store, for all that takes one: [`WasmList::get`] and
    /// [`WasmList::iter`], and calls of other instances.
    pub fn caller(&mut self) -> &mut Caller<'a, B, T> {
        &mut self.caller
    }

    /// A list's numbers as [`WasmList::as_le_slice`] gives them, and the host beside
    /// them.
    ///
    /// # Errors
    ///
    /// As [`WasmList::as_le_slice`].
    pub fn read<N: Number>(&mut self, list: &WasmList<N>) -> Result<(&[N], &mut H)> {
        let (numbers, data) = list.as_le_slice_with_data(&mut self.caller)?;
        Ok((numbers, (self.get)(data)))
    }
}

impl<B: Backend, T: 'static, H: 'static> AsContextMut for Access<'_, B, T, H> {
    type Backend = B;
    type Data = T;

    fn as_context_mut(&mut self) -> StoreContextMut<'_, B, T> {
        self.caller.as_context_mut()
    }
}

impl<B: Backend, T, H> fmt::Debug for Access<'_, B, T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("backend", &B::NAME)
            .finish_non_exhaustive()
    }
}
