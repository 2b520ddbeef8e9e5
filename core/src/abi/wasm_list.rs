//! Lists that stay in the guest's memory and are read there.
#![allow(
    unsafe_code,
    reason = "bytes as the numbers that they are, beside the data of their store"
)]

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use super::{Abi, ComponentType, FlatReader, Lift, LiftContext, StringEncoding, list, spend};
use crate::__private::Sealed;
use crate::backend::Backend;
use crate::call::poisoned;
use crate::error::{Error, ErrorKind, Result};
use crate::resource::{ResourceAny, ResourceType};
use crate::store::{AsContextMut, StoreContextMut};
use crate::trap::TrapCode;
use crate::types::Type;

#[cfg(feature = "wasmtime")]
mod wasmtime;

#[cfg(feature = "wasmtime")]
pub use self::wasmtime::WasmtimeList;

/// A list as the parameter of a host function, which is not copied: it stays in
/// the guest's memory, and each access reads it there.
///
/// A [`Vec`] in its place is copied once and is the host's own. This allocates
/// nothing, and each access takes the store.
///
/// ```
/// # use enginebay_core::{Backend, Linker, Result, WasmList};
/// # fn example<B: Backend>(linker: &mut Linker<B, u64>) -> Result<()> {
/// linker.root().func_wrap("sum", |mut caller, (bytes,): (WasmList<u8>,)| {
///     let (bytes, sum) = bytes.as_le_slice_with_data(&mut caller)?;
///     *sum += bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
///     Ok(())
/// })?;
/// # Ok(())
/// # }
/// ```
///
/// # What it reads
///
/// What is in the guest's memory then. While the host function runs, nothing
/// changes it but what the host function itself has guests do. Afterwards it is the
/// guest's to use for something else: a list that the host keeps is safe to read
/// in the same store, and gives whatever is there.
///
/// A result of an exported function cannot be one: the guest's `post-return`
/// frees it before the call comes back. [`Func::typed`](crate::Func::typed)
/// refuses it with `Unsupported`.
///
/// Elements are of any type that has no handles, which can be lifted once only;
/// another does not compile. They are checked when they are read: one that breaks
/// the canonical ABI is an error of that access.
///
/// # What it costs
///
/// Of [`Limits::host_bytes`](crate::Limits) as much as a [`Vec`], when the guest
/// passes it. What elements allocate themselves, as strings do, is counted when
/// they are read: each [`get`](WasmList::get) and each [`iter`](WasmList::iter)
/// may allocate as much as a host function's parameters.
pub struct WasmList<T> {
    len: usize,
    source: Source<T>,
    _marker: PhantomData<fn() -> T>,
}

enum Source<T> {
    /// In a memory that a backend lifts from by [`LiftContext`].
    Memory(MemoryPlace, usize, PhantomData<fn() -> T>),
    #[cfg(feature = "wasmtime")]
    Wasmtime(WasmtimeList<T>),
}

/// Where a linear memory is: names that mean something to the backend, with which it
/// finds the memory again.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPlace {
    /// The core's number of the store.
    pub store: u64,
    /// The backend's number of the instance.
    pub instance: u32,
    /// Which of the instance's memories.
    pub memory: u32,
    /// How strings are encoded there.
    pub encoding: StringEncoding,
}

/// Numbers: in memory they are as the host has them, in the order of bytes of
/// WebAssembly.
///
/// # Safety
///
/// Any bytes make one.
#[doc(hidden)]
pub unsafe trait Number: Lift + Copy {}

/// Handles are lifted once, and elements may be read more often.
const fn without_handles<T: ComponentType>() {
    assert!(
        !T::HAS_HANDLES,
        "the elements of a `WasmList` cannot have handles: take a `Vec`"
    );
}

impl<T> WasmList<T> {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the list is, if that is in a memory of this store's.
    ///
    /// # Errors
    ///
    /// `WrongStore`, and `TypeMismatch` for a list of another backend.
    #[doc(hidden)]
    pub fn place(&self, store: u64) -> Result<MemoryPlace> {
        match &self.source {
            Source::Memory(place, ..) if place.store == store => Ok(*place),
            Source::Memory(..) => Err(wrong_store()),
            #[cfg(feature = "wasmtime")]
            Source::Wasmtime(_) => Err(wrong_backend()),
        }
    }
}

#[cold]
fn wrong_store() -> Error {
    Error::new(ErrorKind::WrongStore, "the list belongs to another store")
}

#[cfg(feature = "wasmtime")]
#[cold]
fn wrong_backend() -> Error {
    Error::new(
        ErrorKind::TypeMismatch,
        "the list belongs to another backend",
    )
}

/// Nothing shrinks a memory, so this is for a backend that found another one.
#[cold]
fn out_of_bounds() -> Error {
    Error::trap(TrapCode::ListOutOfBounds)
}

/// Nothing is read of a store that something went wrong in.
fn ready<B: Backend>(cx: &B::Context<'_>) -> Result<()> {
    match B::data(cx).policy.poison.as_deref() {
        None => Ok(()),
        Some(by) => Err(poisoned(by)),
    }
}

impl<T: Lift> WasmList<T> {
    /// Reads an element; `None` if there are not so many.
    ///
    /// # Errors
    ///
    /// - `WrongStore` for another store, and `Poisoned` for one that is.
    /// - A trap for an element that breaks the canonical ABI, which a host function
    ///   can pass on.
    /// - `HostAllocationLimit` for an element that would allocate too much.
    pub fn get<S: AsContextMut>(&self, mut store: S, index: usize) -> Option<Result<T>> {
        if index >= self.len {
            return None;
        }
        let mut cx = store.as_context_mut();
        Some(self.read::<S::Backend>(cx.inner_mut(), index))
    }

    fn read<B: Backend>(&self, cx: &mut B::Context<'_>, index: usize) -> Result<T> {
        ready::<B>(cx)?;
        if T::IS_NUMBER {
            let mut numbers = ListReader::numbers(B::list_bytes(cx, self)?, self.len);
            return numbers.get(index);
        }
        B::list_get(cx, self, index)
    }

    /// Reads the elements, one after the other.
    ///
    /// With a [`Store`](crate::Store) in place of a caller, it takes
    /// [`store.as_context_mut()`](AsContextMut).
    ///
    /// # Errors
    ///
    /// `WrongStore` for another store, and `Poisoned` for one that is; for each
    /// element those of [`WasmList::get`].
    pub fn iter<'a, B: Backend, D: 'static>(
        &'a self,
        store: &'a mut StoreContextMut<'_, B, D>,
    ) -> Result<impl ExactSizeIterator<Item = Result<T>> + 'a>
    where
        T: 'a,
    {
        let cx = store.inner_mut();
        ready::<B>(cx)?;
        let left = self.len;
        Ok(if T::IS_NUMBER {
            Iter::Numbers(ListReader::numbers(B::list_bytes(cx, self)?, left))
        } else {
            Iter::Elements(B::list_iter(cx, self)?, left)
        })
    }

    /// Reads all elements into a vector: what a host function keeps.
    ///
    /// # Errors
    ///
    /// As [`WasmList::iter`], and those of the first element that has any.
    pub fn to_vec<S: AsContextMut>(&self, mut store: S) -> Result<Vec<T>> {
        let mut cx = store.as_context_mut();
        if T::IS_NUMBER {
            let cx = cx.inner_mut();
            ready::<S::Backend>(cx)?;
            let bytes = S::Backend::list_bytes(cx, self)?;
            let mut numbers = ListReader::<T>::numbers(bytes, self.len);
            return T::lift_elements(&mut numbers.memory, &Type::Bool, 0, self.len);
        }
        self.iter(&mut cx)?.collect()
    }

    /// Where the list is in this memory.
    fn range_in(&self, memory: &[u8]) -> Result<Range<usize>> {
        let at = match self.source {
            Source::Memory(_, at, _) => at,
            #[cfg(feature = "wasmtime")]
            Source::Wasmtime(_) => return Err(wrong_backend()),
        };
        // It was in bounds when it was lifted, so this is no overflow.
        let range = at..at + self.len * T::LAYOUT.size;
        match range.end <= memory.len() {
            true => Ok(range),
            false => Err(out_of_bounds()),
        }
    }

    /// The list's bytes in this memory.
    #[doc(hidden)]
    pub fn bytes_in<'a>(&self, memory: &'a [u8]) -> Result<&'a [u8]> {
        Ok(&memory[self.range_in(memory)?])
    }

    /// Reads the list's elements in this memory, which may make the host allocate so
    /// many bytes.
    ///
    /// # Errors
    ///
    /// A trap if the list is not there.
    #[doc(hidden)]
    pub fn reader<'a>(
        &self,
        place: MemoryPlace,
        memory: &'a [u8],
        limit: u64,
    ) -> Result<ListReader<'a, T>> {
        let at = self.range_in(memory)?.start;
        Ok(ListReader {
            memory: Memory {
                bytes: memory,
                place: Some(place),
                limit,
                budget: limit,
            },
            at,
            next: 0,
            len: self.len,
            _marker: PhantomData,
        })
    }

    fn lift<C: LiftContext + ?Sized>(cx: &mut C, at: usize, len: usize) -> Result<Self> {
        const { without_handles::<T>() }
        list::check(cx, at, len, T::LAYOUT, size_of::<T>())?;
        Ok(WasmList {
            len,
            source: Source::Memory(cx.place()?, at, PhantomData),
            _marker: PhantomData,
        })
    }
}

impl<T: Number> WasmList<T> {
    /// The bytes of the numbers, which are in little-endian order.
    ///
    /// # Errors
    ///
    /// `WrongStore` for another store, and `Poisoned` for one that is.
    pub fn as_bytes<'a, B: Backend, D: 'static>(
        &self,
        store: &'a mut StoreContextMut<'_, B, D>,
    ) -> Result<&'a [u8]> {
        let cx = store.inner_mut();
        ready::<B>(cx)?;
        B::list_bytes(cx, self)
    }

    /// The numbers where they are, with their bytes in little-endian order: on a
    /// big-endian host they have to be swapped, with `from_le`.
    ///
    /// # Errors
    ///
    /// As [`WasmList::as_bytes`]; and `Unsupported` where the engine's memories are
    /// not aligned as the type is, which no engine of ours' are, and bytes always.
    pub fn as_le_slice<'a, B: Backend, D: 'static>(
        &self,
        store: &'a mut StoreContextMut<'_, B, D>,
    ) -> Result<&'a [T]> {
        numbers(self.as_bytes(store)?)
    }

    /// As [`WasmList::as_le_slice`], and the embedder's data beside it.
    ///
    /// # Errors
    ///
    /// As [`WasmList::as_le_slice`].
    pub fn as_le_slice_with_data<'a, B: Backend, D: 'static>(
        &self,
        store: &'a mut StoreContextMut<'_, B, D>,
    ) -> Result<(&'a [T], &'a mut D)> {
        let slice: *const [T] = self.as_le_slice(store)?;
        let data = store.data_mut();
        // SAFETY: a guest's memory is not part of the embedder's data, which its
        // store owns in a box. What is borrowed is that data alone, with which
        // nobody reaches the store: no guest runs that could write to the memory
        // or have it move, for as long as the store is borrowed.
        Ok((unsafe { &*slice }, data))
    }
}

/// Bytes as the numbers that they are.
fn numbers<T: Number>(bytes: &[u8]) -> Result<&[T]> {
    // SAFETY: any bytes make a number, which is what the trait promises.
    match unsafe { bytes.align_to() } {
        ([], numbers, []) => Ok(numbers),
        _ => Err(Error::unsupported(
            "a slice of these numbers: the engine's memory is not aligned",
        )),
    }
}

impl<T> fmt::Debug for WasmList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmList")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// Elements by the core, or by an engine.
enum Iter<'a, T, I> {
    Numbers(ListReader<'a, T>),
    Elements(I, usize),
}

impl<T: Lift, I: Iterator<Item = Result<T>>> Iterator for Iter<'_, T, I> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        match self {
            Iter::Numbers(numbers) => numbers.next(),
            Iter::Elements(elements, left) => {
                *left = left.checked_sub(1)?;
                elements.next()
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match self {
            Iter::Numbers(numbers) => numbers.len - numbers.next,
            Iter::Elements(_, left) => *left,
        };
        (left, Some(left))
    }
}

impl<T: Lift, I: Iterator<Item = Result<T>>> ExactSizeIterator for Iter<'_, T, I> {}

/// The elements of a list, which are lifted from a memory.
#[doc(hidden)]
#[derive(Debug)]
pub struct ListReader<'a, T> {
    memory: Memory<'a>,
    at: usize,
    next: usize,
    len: usize,
    _marker: PhantomData<fn() -> T>,
}

impl<'a, T: Lift> ListReader<'a, T> {
    /// Of numbers, whose bytes these are.
    fn numbers(bytes: &'a [u8], len: usize) -> Self {
        ListReader {
            memory: Memory {
                bytes,
                place: None,
                limit: 0,
                budget: 0,
            },
            at: 0,
            next: 0,
            len,
            _marker: PhantomData,
        }
    }

    /// The element at an index that the list has.
    ///
    /// # Errors
    ///
    /// Those of [`WasmList::get`].
    pub fn get(&mut self, index: usize) -> Result<T> {
        let at = self.at + index * T::LAYOUT.size;
        T::lift_memory(&mut self.memory, &Type::Bool, at)
    }
}

impl<T: Lift> Iterator for ListReader<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if self.next == self.len {
            return None;
        }
        let index = self.next;
        self.next += 1;
        Some(self.get(index))
    }
}

/// A memory that elements are lifted from while nothing else happens.
#[derive(Debug)]
struct Memory<'a> {
    bytes: &'a [u8],
    /// Nothing for numbers, which refer to nothing.
    place: Option<MemoryPlace>,
    limit: u64,
    budget: u64,
}

fn handle<T>() -> Result<T> {
    Err(Error::unsupported(
        "handles in a list that is read in place",
    ))
}

impl LiftContext for Memory<'_> {
    #[inline]
    fn memory(&self) -> &[u8] {
        self.bytes
    }

    fn string_encoding(&self) -> StringEncoding {
        match self.place {
            Some(place) => place.encoding,
            None => StringEncoding::Utf8,
        }
    }

    fn charge(&mut self, bytes: usize) -> Result<()> {
        if spend(&mut self.budget, bytes) {
            return Ok(());
        }
        Err(Error::of(ErrorKind::HostAllocationLimit {
            limit: self.limit,
        }))
    }

    fn place(&self) -> Result<MemoryPlace> {
        self.place
            .ok_or_else(|| Error::trap(TrapCode::CanonicalAbi))
    }

    fn lift_own(&mut self, _: &ResourceType, _: u32) -> Result<u32> {
        handle()
    }

    fn lift_borrow(&mut self, _: &ResourceType, _: u32) -> Result<u32> {
        handle()
    }

    fn lift_any(&mut self, _: &Type, _: u32) -> Result<ResourceAny> {
        handle()
    }
}

impl<T> Sealed for WasmList<T> {}

impl<T: ComponentType> ComponentType for WasmList<T> {
    const LAYOUT: Abi = Abi::POINTER_PAIR;
    const HAS_VIEWS: bool = true;

    fn component_type() -> Type {
        const { without_handles::<T>() }
        Type::list(T::component_type())
    }
}

impl<T: Lift> Lift for WasmList<T> {
    fn lift_flat<C: LiftContext + ?Sized>(
        cx: &mut C,
        _: &Type,
        src: &mut FlatReader<'_>,
    ) -> Result<Self> {
        let at = src.read_u32() as usize;
        let len = src.read_u32() as usize;
        Self::lift(cx, at, len)
    }

    fn lift_memory<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, offset: usize) -> Result<Self> {
        let at = u32::lift_memory(cx, ty, offset)? as usize;
        let len = u32::lift_memory(cx, ty, offset + 4)? as usize;
        Self::lift(cx, at, len)
    }
}
