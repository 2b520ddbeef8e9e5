//! Wasmtime's view of lists that are read in place: its own `WasmList`, which ours
//! wraps. Of numbers it has the bytes, for a slice of any kind of them.
#![allow(unsafe_code, reason = "Wasmtime's traits are unsafe to implement")]

use std::marker::PhantomData;

use wasmtime::ValRaw;
use wasmtime::component as wt;
use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext};

use super::{Source, WasmList, without_handles, wrong_backend, wrong_store};
use crate::abi::{ComponentType, Lift};
use crate::error::Result;
use crate::resource::StoreNumber;

type EngineResult<T> = std::result::Result<T, wasmtime::Error>;

/// A list in a memory of Wasmtime's.
#[doc(hidden)]
pub struct WasmtimeList<T> {
    /// Wasmtime keeps it to itself.
    store: StoreNumber,
    list: List<T>,
}

enum List<T> {
    /// The bytes of numbers.
    Numbers(wt::WasmList<u8>),
    Elements(wt::WasmList<T>),
}

impl<T> WasmList<T> {
    fn wasmtime(&self, store: StoreNumber) -> Result<&List<T>> {
        match &self.source {
            Source::Wasmtime(list) if list.store == store => Ok(&list.list),
            Source::Wasmtime(_) => Err(wrong_store()),
            Source::Memory(..) => Err(wrong_backend()),
        }
    }

    /// Wasmtime's list of a list of numbers' bytes, if it is of this store.
    ///
    /// # Errors
    ///
    /// `WrongStore`, and `TypeMismatch` for a list of another backend.
    #[doc(hidden)]
    pub fn wasmtime_bytes(&self, store: StoreNumber) -> Result<&wt::WasmList<u8>> {
        match self.wasmtime(store)? {
            List::Numbers(bytes) => Ok(bytes),
            List::Elements(_) => Err(wrong_backend()),
        }
    }

    /// Wasmtime's list of anything but numbers, if it is of this store.
    ///
    /// # Errors
    ///
    /// As [`WasmList::wasmtime_bytes`].
    #[doc(hidden)]
    pub fn wasmtime_elements(&self, store: StoreNumber) -> Result<&wt::WasmList<T>> {
        match self.wasmtime(store)? {
            List::Elements(list) => Ok(list),
            List::Numbers(_) => Err(wrong_backend()),
        }
    }
}

impl<T: Lift> WasmList<T> {
    fn lifted(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        [at, len]: [u32; 2],
    ) -> EngineResult<Self> {
        const { without_handles::<T>() }
        let list = if T::IS_NUMBER {
            let size = u64::from(len) * T::LAYOUT.size as u64;
            // More than any memory has, and than what Wasmtime reads here holds.
            let size = u32::try_from(size)
                .map_err(|_| wasmtime::Error::msg("list pointer/length out of bounds of memory"))?;
            let bytes = wt::Lift::linear_lift_from_flat(cx, ty, &pair(at, size))?;
            if !(at as usize).is_multiple_of(T::LAYOUT.align) {
                return Err(wasmtime::Error::msg("list pointer is not aligned"));
            }
            List::Numbers(bytes)
        } else {
            List::Elements(wt::Lift::linear_lift_from_flat(cx, ty, &pair(at, len))?)
        };
        let store = StoreNumber::of(&cx.instance_handle());
        Ok(WasmList {
            len: len as usize,
            source: Source::Wasmtime(WasmtimeList { store, list }),
            _marker: PhantomData,
        })
    }
}

fn pair(at: u32, len: u32) -> [ValRaw; 2] {
    [ValRaw::u32(at), ValRaw::u32(len)]
}

// SAFETY: everything is `wt::WasmList<T>`'s own.
unsafe impl<T: ComponentType> wt::ComponentType for WasmList<T> {
    const ABI: CanonicalAbiInfo = <wt::WasmList<T> as wt::ComponentType>::ABI;
    const MAY_REQUIRE_REALLOC: bool = <wt::WasmList<T> as wt::ComponentType>::MAY_REQUIRE_REALLOC;
    type Lower = [ValRaw; 2];

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> EngineResult<()> {
        <wt::WasmList<T> as wt::ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: a pointer and a length, in the storage of `wt::WasmList<T>`, which is what is
// made of them.
unsafe impl<T: Lift> wt::Lift for WasmList<T> {
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &Self::Lower,
    ) -> EngineResult<Self> {
        Self::lifted(cx, ty, src.map(|slot| slot.get_u32()))
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> EngineResult<Self> {
        let (words, _) = bytes.as_chunks();
        let word = |at: usize| u32::from_le_bytes(words[at]);
        Self::lifted(cx, ty, [word(0), word(1)])
    }
}
