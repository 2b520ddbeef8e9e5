//! Lists: slices and vectors. Numbers are copied in bulk.

use super::{
    Abi, ComponentType, FlatReader, FlatWriter, Lift, LiftContext, Lower, LowerContext, See,
    part_type,
};
use crate::__private::Sealed;
use crate::error::{Error, Result};
use crate::trap::TrapCode;
use crate::types::Type;

/// The longest list in bytes that may cross (Canonical ABI,
/// `MAX_LIST_BYTE_LENGTH`).
const MAX_BYTES: usize = (1 << 28) - 1;

fn too_long() -> Error {
    Error::trap(TrapCode::TooLong)
}

/// Memory of the guest's for a list of `len` elements.
pub(super) fn allocate<C: LowerContext + ?Sized>(
    cx: &mut C,
    len: usize,
    element: Abi,
) -> Result<usize> {
    let size = len
        .checked_mul(element.size)
        .filter(|size| *size <= MAX_BYTES)
        .ok_or_else(too_long)?;
    cx.realloc(0, 0, element.align, size)
}

/// Checks where a list of the guest's lies, and charges what its elements take
/// in the host, `host` bytes each: in Wasmtime's order.
pub(super) fn check<C: LiftContext + ?Sized>(
    cx: &mut C,
    at: usize,
    len: usize,
    element: Abi,
    host: usize,
) -> Result<()> {
    let size = len
        .checked_mul(element.size)
        .filter(|size| {
            at.checked_add(*size)
                .is_some_and(|end| end <= cx.memory().len())
        })
        .ok_or_else(|| Error::trap(TrapCode::ListOutOfBounds))?;
    cx.charge(len.saturating_mul(host))?;
    if !at.is_multiple_of(element.align) {
        return Err(Error::trap(TrapCode::UnalignedPointer));
    }
    if size > MAX_BYTES {
        return Err(too_long());
    }
    Ok(())
}

// Its result is two words, which are written to two slots: by way of memory that
// stalls.
#[inline(always)]
fn store<T: Lower, C: LowerContext + ?Sized>(
    cx: &mut C,
    ty: &Type,
    items: &[T],
) -> Result<(usize, usize)> {
    let at = allocate(cx, items.len(), T::LAYOUT)?;
    T::lower_elements(items, cx, part_type::<T>(ty, 0), at)?;
    Ok((at, items.len()))
}

#[inline]
fn load<T: Lift, C: LiftContext + ?Sized>(
    cx: &mut C,
    ty: &Type,
    at: usize,
    len: usize,
) -> Result<Vec<T>> {
    check(cx, at, len, T::LAYOUT, size_of::<T>())?;
    T::lift_elements(cx, part_type::<T>(ty, 0), at, len)
}

impl<T> Sealed for [T] {}

impl<T: ComponentType> ComponentType for [T] {
    const LAYOUT: Abi = Abi::POINTER_PAIR;
    const HAS_HANDLES: bool = T::HAS_HANDLES;
    const HAS_VIEWS: bool = T::HAS_VIEWS;

    fn component_type() -> Type {
        Type::list(T::component_type())
    }
}

impl<T: Lower> Lower for [T] {
    fn lower_flat<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        dst: &mut FlatWriter<'_>,
    ) -> Result<()> {
        let (at, len) = store(cx, ty, self)?;
        dst.write(at as u64);
        dst.write(len as u64);
        Ok(())
    }

    fn lower_memory<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        offset: usize,
    ) -> Result<()> {
        let (at, len) = store(cx, ty, self)?;
        (at as u32).lower_memory(cx, ty, offset)?;
        (len as u32).lower_memory(cx, ty, offset + 4)
    }

    fn handles(&self, see: &mut See<'_>) -> Result<()> {
        self.iter().try_for_each(|item| item.handles(see))
    }
}

impl<T> Sealed for Vec<T> {}

impl<T: ComponentType> ComponentType for Vec<T> {
    const LAYOUT: Abi = Abi::POINTER_PAIR;
    const HAS_HANDLES: bool = T::HAS_HANDLES;
    const HAS_VIEWS: bool = T::HAS_VIEWS;

    fn component_type() -> Type {
        Type::list(T::component_type())
    }
}

impl<T: Lift> Lift for Vec<T> {
    fn lift_flat<C: LiftContext + ?Sized>(
        cx: &mut C,
        ty: &Type,
        src: &mut FlatReader<'_>,
    ) -> Result<Self> {
        let at = src.read_u32() as usize;
        let len = src.read_u32() as usize;
        load(cx, ty, at, len)
    }

    fn lift_memory<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, offset: usize) -> Result<Self> {
        let at = u32::lift_memory(cx, ty, offset)? as usize;
        let len = u32::lift_memory(cx, ty, offset + 4)? as usize;
        load(cx, ty, at, len)
    }
}

impl<T> Sealed for Box<[T]> {}

impl<T: ComponentType> ComponentType for Box<[T]> {
    const LAYOUT: Abi = Abi::POINTER_PAIR;
    const HAS_HANDLES: bool = T::HAS_HANDLES;
    const HAS_VIEWS: bool = T::HAS_VIEWS;

    fn component_type() -> Type {
        Type::list(T::component_type())
    }
}

impl<T: Lift> Lift for Box<[T]> {
    fn lift_flat<C: LiftContext + ?Sized>(
        cx: &mut C,
        ty: &Type,
        src: &mut FlatReader<'_>,
    ) -> Result<Self> {
        Vec::lift_flat(cx, ty, src).map(Into::into)
    }

    fn lift_memory<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, offset: usize) -> Result<Self> {
        Vec::lift_memory(cx, ty, offset).map(Into::into)
    }
}

impl<T: ?Sized> Sealed for &T {}

impl<T: ComponentType + ?Sized> ComponentType for &T {
    const LAYOUT: Abi = T::LAYOUT;
    const HAS_HANDLES: bool = T::HAS_HANDLES;
    const HAS_VIEWS: bool = T::HAS_VIEWS;

    fn component_type() -> Type {
        T::component_type()
    }
}

lower_by_reference! {
    (T: Lower) Vec<T> => [T],
    (T: Lower) Box<[T]> => [T],
    (T: Lower + ?Sized) &T => T,
}
