//! Fixed-length lists: arrays.

use std::array;

use super::layout::fixed_length_list_abi;
use super::{
    Abi, ComponentType, FlatReader, FlatWriter, Lift, LiftContext, Lower, LowerContext, See,
    part_type,
};
use crate::__private::Sealed;
use crate::error::Result;
use crate::types::Type;

impl<T, const N: usize> Sealed for [T; N] {}

impl<T: ComponentType, const N: usize> ComponentType for [T; N] {
    const LAYOUT: Abi = fixed_length_list_abi(T::LAYOUT, length::<N>());
    const HAS_HANDLES: bool = T::HAS_HANDLES;
    const HAS_VIEWS: bool = T::HAS_VIEWS;

    fn component_type() -> Type {
        Type::fixed_length_list(T::component_type(), length::<N>())
    }
}

/// How many elements there are: at least one, and no more than a type can say.
const fn length<const N: usize>() -> u32 {
    assert!(
        N > 0 && N <= u32::MAX as usize,
        "no fixed-length list is so long"
    );
    N as u32
}

impl<T: Lower, const N: usize> Lower for [T; N] {
    fn lower_flat<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        dst: &mut FlatWriter<'_>,
    ) -> Result<()> {
        self.iter()
            .try_for_each(|item| item.lower_flat(cx, part_type::<T>(ty, 0), dst))
    }

    fn lower_memory<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        offset: usize,
    ) -> Result<()> {
        T::lower_elements(self, cx, part_type::<T>(ty, 0), offset)
    }

    fn handles(&self, see: &mut See<'_>) -> Result<()> {
        self.iter().try_for_each(|item| item.handles(see))
    }
}

impl<T: Lift, const N: usize> Lift for [T; N] {
    fn lift_flat<C: LiftContext + ?Sized>(
        cx: &mut C,
        ty: &Type,
        src: &mut FlatReader<'_>,
    ) -> Result<Self> {
        collect(|_| T::lift_flat(cx, part_type::<T>(ty, 0), src))
    }

    fn lift_memory<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, offset: usize) -> Result<Self> {
        collect(|at| T::lift_memory(cx, part_type::<T>(ty, 0), offset + at * T::LAYOUT.size))
    }
}

/// An array of what `item` gives for each index, up to the first error.
fn collect<T, const N: usize>(mut item: impl FnMut(usize) -> Result<T>) -> Result<[T; N]> {
    let mut failure = None;
    let items = array::from_fn::<_, N, _>(|at| match failure {
        None => item(at).map_err(|error| failure = Some(error)).ok(),
        Some(_) => None,
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(items.map(|item| item.expect("there was no error"))),
    }
}
