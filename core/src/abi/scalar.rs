//! Numbers, `bool` and `char`.
#![allow(
    unsafe_code,
    reason = "lists of numbers by one copy, which the compiler finds only sometimes"
)]

use super::{
    Abi, ComponentType, FlatReader, FlatWriter, Lift, LiftContext, Lower, LowerContext, Number,
};
use crate::__private::Sealed;
use crate::error::{Error, Result};
use crate::mutant;
use crate::trap::TrapCode;
use crate::types::Type;

macro_rules! numbers {
    ($($rust:ident $component:ident $bits:ident)*) => {$(
        impl Sealed for $rust {}

        impl ComponentType for $rust {
            const LAYOUT: Abi = Abi::scalar(size_of::<$rust>());
            const IS_NUMBER: bool = true;

            fn component_type() -> Type {
                Type::$component
            }
        }

        impl Lower for $rust {
            #[inline]
            fn lower_flat<C: LowerContext + ?Sized>(
                &self,
                _: &mut C,
                _: &Type,
                dst: &mut FlatWriter<'_>,
            ) -> Result<()> {
                dst.write(numbers!(@to $bits, *self));
                Ok(())
            }

            #[inline]
            fn lower_memory<C: LowerContext + ?Sized>(
                &self,
                cx: &mut C,
                _: &Type,
                offset: usize,
            ) -> Result<()> {
                let bytes = self.to_le_bytes();
                cx.memory()[offset..offset + bytes.len()].copy_from_slice(&bytes);
                Ok(())
            }

            fn lower_elements<C: LowerContext + ?Sized>(
                items: &[Self],
                cx: &mut C,
                _: &Type,
                offset: usize,
            ) -> Result<()> {
                const SIZE: usize = size_of::<$rust>();
                let memory = &mut cx.memory()[offset..offset + items.len() * SIZE];
                if cfg!(target_endian = "little") {
                    // SAFETY: numbers are bytes, all of them set.
                    let bytes = unsafe {
                        std::slice::from_raw_parts(items.as_ptr().cast(), size_of_val(items))
                    };
                    memory.copy_from_slice(bytes);
                    return Ok(());
                }
                for (to, item) in memory.chunks_exact_mut(SIZE).zip(items) {
                    to.copy_from_slice(&item.to_le_bytes());
                }
                Ok(())
            }
        }

        // SAFETY: a number, of any bits.
        unsafe impl Number for $rust {}

        impl Lift for $rust {
            #[inline]
            fn lift_flat<C: LiftContext + ?Sized>(
                _: &mut C,
                _: &Type,
                src: &mut FlatReader<'_>,
            ) -> Result<Self> {
                let bits = src.read();
                Ok(numbers!(@from $bits, $rust, bits))
            }

            #[inline]
            fn lift_memory<C: LiftContext + ?Sized>(
                cx: &mut C,
                _: &Type,
                offset: usize,
            ) -> Result<Self> {
                let mut bytes = [0; size_of::<$rust>()];
                bytes.copy_from_slice(&cx.memory()[offset..offset + size_of::<$rust>()]);
                Ok(<$rust>::from_le_bytes(bytes))
            }

            fn lift_elements<C: LiftContext + ?Sized>(
                cx: &mut C,
                _: &Type,
                offset: usize,
                len: usize,
            ) -> Result<Vec<Self>> {
                const SIZE: usize = size_of::<$rust>();
                let memory = &cx.memory()[offset..offset + len * SIZE];
                if cfg!(target_endian = "little") {
                    let mut items = Vec::<$rust>::with_capacity(len);
                    // SAFETY: there is room for as many numbers as `memory` has the
                    // bytes of, the vector is new, and any bytes make a number.
                    unsafe {
                        let to = items.as_mut_ptr().cast();
                        std::ptr::copy_nonoverlapping(memory.as_ptr(), to, memory.len());
                        items.set_len(len);
                    }
                    return Ok(items);
                }
                let (chunks, _) = memory.as_chunks::<SIZE>();
                Ok(chunks.iter().map(|bytes| <$rust>::from_le_bytes(*bytes)).collect())
            }
        }
    )*};
    // Flat values are `i32` (sign-extended for signed types), `i64`, `f32` or
    // `f64`, as raw bits.
    (@to int32, $value:expr) => { u64::from($value as i32 as u32) };
    (@to int64, $value:expr) => { $value as u64 };
    (@to float, $value:expr) => { u64::from($value.to_bits()) };
    (@from int32, $rust:ident, $bits:expr) => { $bits as $rust };
    (@from int64, $rust:ident, $bits:expr) => { $bits as $rust };
    (@from float, f32, $bits:expr) => { f32::from_bits(mutant::nan($bits as u32)) };
    (@from float, f64, $bits:expr) => { f64::from_bits($bits) };
    (@from float, $rust:ident, $bits:expr) => { <$rust>::from_bits($bits as _) };
}

numbers! {
    u8 U8 int32
    i8 S8 int32
    u16 U16 int32
    i16 S16 int32
    u32 U32 int32
    i32 S32 int32
    u64 U64 int64
    i64 S64 int64
    f32 F32 float
    f64 F64 float
}

impl Sealed for bool {}

impl ComponentType for bool {
    const LAYOUT: Abi = Abi::scalar(1);

    fn component_type() -> Type {
        Type::Bool
    }
}

impl Lower for bool {
    #[inline]
    fn lower_flat<C: LowerContext + ?Sized>(
        &self,
        _: &mut C,
        _: &Type,
        dst: &mut FlatWriter<'_>,
    ) -> Result<()> {
        dst.write(u64::from(*self));
        Ok(())
    }

    #[inline]
    fn lower_memory<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        _: &Type,
        offset: usize,
    ) -> Result<()> {
        cx.memory()[offset] = u8::from(*self);
        Ok(())
    }
}

impl Lift for bool {
    #[inline]
    fn lift_flat<C: LiftContext + ?Sized>(
        _: &mut C,
        _: &Type,
        src: &mut FlatReader<'_>,
    ) -> Result<Self> {
        Ok(src.read_u32() != 0)
    }

    #[inline]
    fn lift_memory<C: LiftContext + ?Sized>(cx: &mut C, _: &Type, offset: usize) -> Result<Self> {
        Ok(cx.memory()[offset] != 0)
    }
}

impl Sealed for char {}

impl ComponentType for char {
    const LAYOUT: Abi = Abi::scalar(4);

    fn component_type() -> Type {
        Type::Char
    }
}

impl Lower for char {
    #[inline]
    fn lower_flat<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        dst: &mut FlatWriter<'_>,
    ) -> Result<()> {
        u32::from(*self).lower_flat(cx, ty, dst)
    }

    #[inline]
    fn lower_memory<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        offset: usize,
    ) -> Result<()> {
        u32::from(*self).lower_memory(cx, ty, offset)
    }
}

fn scalar_value(bits: u32) -> Result<char> {
    char::from_u32(bits).ok_or_else(|| Error::trap(TrapCode::InvalidChar))
}

impl Lift for char {
    #[inline]
    fn lift_flat<C: LiftContext + ?Sized>(
        _: &mut C,
        _: &Type,
        src: &mut FlatReader<'_>,
    ) -> Result<Self> {
        scalar_value(src.read_u32())
    }

    #[inline]
    fn lift_memory<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, offset: usize) -> Result<Self> {
        scalar_value(u32::lift_memory(cx, ty, offset)?)
    }
}
