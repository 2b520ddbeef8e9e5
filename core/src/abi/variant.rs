//! `Option` and `Result`, and what derived variants share with them.

use super::{
    Abi, ComponentType, FlatReader, FlatWriter, Lift, LiftContext, Lower, LowerContext, See,
    VariantAbi, part_type, record_abi, variant_abi,
};
use crate::__private::Sealed;
use crate::error::{Error, Result};
use crate::trap::TrapCode;
use crate::types::Type;

/// Writes a discriminant of 1, 2 or 4 bytes.
#[inline]
pub fn store_discriminant<C: LowerContext + ?Sized>(
    cx: &mut C,
    abi: VariantAbi,
    offset: usize,
    case: u32,
) {
    let bytes = case.to_le_bytes();
    cx.memory()[offset..offset + abi.discriminant].copy_from_slice(&bytes[..abi.discriminant]);
}

/// Reads a discriminant of 1, 2 or 4 bytes.
///
/// # Errors
///
/// A trap, `InvalidDiscriminant`, when there is no such case.
#[inline]
pub fn load_discriminant<C: LiftContext + ?Sized>(
    cx: &mut C,
    abi: VariantAbi,
    offset: usize,
    cases: u32,
) -> Result<u32> {
    let mut bytes = [0; 4];
    bytes[..abi.discriminant].copy_from_slice(&cx.memory()[offset..offset + abi.discriminant]);
    lift_discriminant(u32::from_le_bytes(bytes), cases)
}

/// Checks a discriminant.
///
/// # Errors
///
/// A trap, `InvalidDiscriminant`, when there is no such case.
#[inline]
pub fn lift_discriminant(case: u32, cases: u32) -> Result<u32> {
    if case < cases {
        Ok(case)
    } else {
        Err(Error::trap(TrapCode::InvalidDiscriminant))
    }
}

const fn option_abi(some: Abi) -> VariantAbi {
    variant_abi(&[record_abi(&[]), some])
}

impl<T> Sealed for Option<T> {}

impl<T: ComponentType> ComponentType for Option<T> {
    const LAYOUT: Abi = option_abi(T::LAYOUT).abi;
    const HAS_HANDLES: bool = T::HAS_HANDLES;
    const HAS_VIEWS: bool = T::HAS_VIEWS;

    fn component_type() -> Type {
        Type::option(T::component_type())
    }
}

impl<T: Lower> Lower for Option<T> {
    fn lower_flat<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        dst: &mut FlatWriter<'_>,
    ) -> Result<()> {
        let end = dst.written() + Self::LAYOUT.flat;
        dst.write(u64::from(self.is_some()));
        if let Some(value) = self {
            value.lower_flat(cx, part_type::<T>(ty, 0), dst)?;
        }
        dst.pad_to(end);
        Ok(())
    }

    fn lower_memory<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        offset: usize,
    ) -> Result<()> {
        let abi = const { option_abi(T::LAYOUT) };
        store_discriminant(cx, abi, offset, u32::from(self.is_some()));
        match self {
            Some(value) => value.lower_memory(cx, part_type::<T>(ty, 0), offset + abi.payload),
            None => Ok(()),
        }
    }

    fn handles(&self, see: &mut See<'_>) -> Result<()> {
        self.iter().try_for_each(|value| value.handles(see))
    }
}

impl<T: Lift> Lift for Option<T> {
    fn lift_flat<C: LiftContext + ?Sized>(
        cx: &mut C,
        ty: &Type,
        src: &mut FlatReader<'_>,
    ) -> Result<Self> {
        let end = src.position() + Self::LAYOUT.flat;
        let value = match lift_discriminant(src.read_u32(), 2)? {
            0 => None,
            _ => Some(T::lift_flat(cx, part_type::<T>(ty, 0), src)?),
        };
        src.skip_to(end);
        Ok(value)
    }

    fn lift_memory<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, offset: usize) -> Result<Self> {
        let abi = const { option_abi(T::LAYOUT) };
        Ok(match load_discriminant(cx, abi, offset, 2)? {
            0 => None,
            _ => Some(T::lift_memory(
                cx,
                part_type::<T>(ty, 0),
                offset + abi.payload,
            )?),
        })
    }
}

impl<T, E> Sealed for Result<T, E> {}

/// `()` on either side is a case without payload.
fn payload<T: ComponentType>() -> Option<Type> {
    match T::component_type() {
        Type::Tuple(types) if types.is_empty() => None,
        ty => Some(ty),
    }
}

impl<T: ComponentType, E: ComponentType> ComponentType for Result<T, E> {
    const LAYOUT: Abi = variant_abi(&[T::LAYOUT, E::LAYOUT]).abi;
    const HAS_HANDLES: bool = T::HAS_HANDLES || E::HAS_HANDLES;
    const HAS_VIEWS: bool = T::HAS_VIEWS || E::HAS_VIEWS;

    fn component_type() -> Type {
        Type::result(payload::<T>(), payload::<E>())
    }
}

impl<T: Lower, E: Lower> Lower for Result<T, E> {
    fn lower_flat<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        dst: &mut FlatWriter<'_>,
    ) -> Result<()> {
        let end = dst.written() + Self::LAYOUT.flat;
        dst.write(u64::from(self.is_err()));
        match self {
            Ok(value) => value.lower_flat(cx, part_type::<T>(ty, 0), dst)?,
            Err(error) => error.lower_flat(cx, part_type::<E>(ty, 1), dst)?,
        }
        dst.pad_to(end);
        Ok(())
    }

    fn lower_memory<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        offset: usize,
    ) -> Result<()> {
        let abi = const { variant_abi(&[T::LAYOUT, E::LAYOUT]) };
        store_discriminant(cx, abi, offset, u32::from(self.is_err()));
        match self {
            Ok(value) => value.lower_memory(cx, part_type::<T>(ty, 0), offset + abi.payload),
            Err(error) => error.lower_memory(cx, part_type::<E>(ty, 1), offset + abi.payload),
        }
    }

    fn handles(&self, see: &mut See<'_>) -> Result<()> {
        match self {
            Ok(value) => value.handles(see),
            Err(error) => error.handles(see),
        }
    }
}

impl<T: Lift, E: Lift> Lift for Result<T, E> {
    fn lift_flat<C: LiftContext + ?Sized>(
        cx: &mut C,
        ty: &Type,
        src: &mut FlatReader<'_>,
    ) -> Result<Self> {
        let end = src.position() + Self::LAYOUT.flat;
        let value = match lift_discriminant(src.read_u32(), 2)? {
            0 => Ok(T::lift_flat(cx, part_type::<T>(ty, 0), src)?),
            _ => Err(E::lift_flat(cx, part_type::<E>(ty, 1), src)?),
        };
        src.skip_to(end);
        Ok(value)
    }

    fn lift_memory<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, offset: usize) -> Result<Self> {
        let abi = const { variant_abi(&[T::LAYOUT, E::LAYOUT]) };
        let at = offset + abi.payload;
        Ok(match load_discriminant(cx, abi, offset, 2)? {
            0 => Ok(T::lift_memory(cx, part_type::<T>(ty, 0), at)?),
            _ => Err(E::lift_memory(cx, part_type::<E>(ty, 1), at)?),
        })
    }
}
