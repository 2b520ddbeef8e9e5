//! Tuples, which are also the lists of parameters and results.

use super::{
    Abi, ComponentNamedList, ComponentType, FlatReader, FlatWriter, Lift, LiftContext, Lower,
    LowerContext, See, part_type, record_abi, record_offsets,
};
use crate::__private::Sealed;
use crate::error::Result;
use crate::types::Type;

macro_rules! tuples {
    ($($name:ident $index:tt)*) => {
        impl<$($name),*> Sealed for ($($name,)*) {}

        impl<$($name: ComponentType),*> ComponentType for ($($name,)*) {
            const LAYOUT: Abi = record_abi(&[$($name::LAYOUT),*]);
            const HAS_HANDLES: bool = false $(|| $name::HAS_HANDLES)*;
            const HAS_VIEWS: bool = false $(|| $name::HAS_VIEWS)*;

            fn component_type() -> Type {
                Type::tuple(<Self as TypesOf>::component_types_of())
            }
        }

        impl<$($name: ComponentType),*> TypesOf for ($($name,)*) {
            fn component_types_of() -> Vec<Type> {
                vec![$($name::component_type()),*]
            }
        }

        #[allow(unused_variables, reason = "the empty tuple has no parts")]
        impl<$($name: Lower),*> Lower for ($($name,)*) {
            #[inline]
            fn lower_flat<Cx: LowerContext + ?Sized>(
                &self,
                cx: &mut Cx,
                ty: &Type,
                dst: &mut FlatWriter<'_>,
            ) -> Result<()> {
                $(self.$index.lower_flat(cx, part_type::<$name>(ty, $index), dst)?;)*
                Ok(())
            }

            #[inline]
            fn lower_memory<Cx: LowerContext + ?Sized>(
                &self,
                cx: &mut Cx,
                ty: &Type,
                offset: usize,
            ) -> Result<()> {
                let at = const { record_offsets([$($name::LAYOUT),*]) };
                $(self.$index.lower_memory(
                    cx,
                    part_type::<$name>(ty, $index),
                    offset + at[$index],
                )?;)*
                Ok(())
            }

            fn handles(&self, see: &mut See<'_>) -> Result<()> {
                $(self.$index.handles(see)?;)*
                Ok(())
            }
        }

        #[allow(unused_variables, reason = "the empty tuple has no parts")]
        impl<$($name: Lift),*> Lift for ($($name,)*) {
            #[inline]
            fn lift_flat<Cx: LiftContext + ?Sized>(
                cx: &mut Cx,
                ty: &Type,
                src: &mut FlatReader<'_>,
            ) -> Result<Self> {
                Ok(($($name::lift_flat(cx, part_type::<$name>(ty, $index), src)?,)*))
            }

            #[inline]
            fn lift_memory<Cx: LiftContext + ?Sized>(
                cx: &mut Cx,
                ty: &Type,
                offset: usize,
            ) -> Result<Self> {
                let at = const { record_offsets([$($name::LAYOUT),*]) };
                Ok(($($name::lift_memory(
                    cx,
                    part_type::<$name>(ty, $index),
                    offset + at[$index],
                )?,)*))
            }
        }

        impl<$($name: ComponentType),*> ComponentNamedList for ($($name,)*) {
            fn component_types() -> Vec<Type> {
                <Self as TypesOf>::component_types_of()
            }
        }
    };
}

trait TypesOf {
    fn component_types_of() -> Vec<Type>;
}

tuples! {}
tuples! { A0 0 }
tuples! { A0 0 A1 1 }
tuples! { A0 0 A1 1 A2 2 }
tuples! { A0 0 A1 1 A2 2 A3 3 }
tuples! { A0 0 A1 1 A2 2 A3 3 A4 4 }
tuples! { A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 }
tuples! { A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 }
tuples! { A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 }
tuples! { A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 }
tuples! { A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 }
tuples! { A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10 }
tuples! { A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10 A11 11 }
tuples! { A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10 A11 11 A12 12 }
tuples! { A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10 A11 11 A12 12 A13 13 }
tuples! { A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10 A11 11 A12 12 A13 13 A14 14 }
tuples! { A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10 A11 11 A12 12 A13 13 A14 14 A15 15 }
tuples! { A0 0 A1 1 A2 2 A3 3 A4 4 A5 5 A6 6 A7 7 A8 8 A9 9 A10 10 A11 11 A12 12 A13 13 A14 14 A15 15 A16 16 }
