//! Typed values: how Rust types cross the boundary without a
//! [`Val`](crate::Val) in between.
//!
//! [`ComponentType`], [`Lower`] and [`Lift`] are implemented for numbers,
//! `bool`, `char`, strings, lists ([`WasmList`] too, which reads them in place),
//! arrays, [`Map`], tuples, `Option`, `Result`
//! and resources, by the derives for records, variants and enums, and by
//! [`flags!`](crate::flags). They are sealed: nothing else implements them.
//!
//! A backend with linear memories reads and writes values through the hidden
//! methods, as the Canonical ABI's "Flattening", "Storing" and "Loading" say;
//! memory and handles are behind [`LowerContext`] and [`LiftContext`]. With the
//! `wasmtime` feature, and only then, the traits also carry Wasmtime's own, so
//! that a typed call on that backend is Wasmtime's typed call.

/// Types that are lowered as what they refer to.
macro_rules! lower_by_reference {
    ($(($($generics:tt)*) $from:ty => $to:ty,)*) => {$(
        impl<$($generics)*> Lower for $from {
            #[inline]
            fn lower_flat<C: LowerContext + ?Sized>(
                &self,
                cx: &mut C,
                ty: &Type,
                dst: &mut FlatWriter<'_>,
            ) -> Result<()> {
                <$to as Lower>::lower_flat(self, cx, ty, dst)
            }

            #[inline]
            fn lower_memory<C: LowerContext + ?Sized>(
                &self,
                cx: &mut C,
                ty: &Type,
                offset: usize,
            ) -> Result<()> {
                <$to as Lower>::lower_memory(self, cx, ty, offset)
            }

            fn handles(&self, see: &mut $crate::abi::See<'_>) -> Result<()> {
                <$to as Lower>::handles(self, see)
            }
        }
    )*};
}

mod array;
mod dynamic;
mod engine;
mod flags;
mod flat;
mod layout;
mod list;
mod map;
mod scalar;
mod string;
mod tuple;
mod variant;
mod wasm_list;

use crate::error::{Error, ErrorKind, Result};
use crate::mutant::{self, Mutant};
use crate::resource::{ResourceAny, ResourceType};
use crate::types::{FuncType, Type};

pub use dynamic::{FuncShape, ParamShapes, ResultShape};
pub use engine::{EngineLift, EngineLower, EngineNamedList, EngineType};
pub use flags::{flag_bit, flags_layout};
pub use flat::{FlatReader, FlatWriter};
pub use layout::{Abi, VariantAbi, enum_abi, record_abi, record_offsets, variant_abi};
pub use map::Map;
pub use string::StringEncoding;
pub use variant::{lift_discriminant, load_discriminant, store_discriminant};
#[cfg(feature = "wasmtime")]
#[doc(hidden)]
pub use wasm_list::WasmtimeList;
pub use wasm_list::{ListReader, MemoryPlace, Number, WasmList};

/// Parameters that do not fit into this many flat values are spilled to memory
/// (Canonical ABI, `MAX_FLAT_PARAMS`).
pub const MAX_FLAT_PARAMS: usize = 16;

/// Results that do not fit into this many flat values are returned through
/// memory (Canonical ABI, `MAX_FLAT_RESULTS`).
pub const MAX_FLAT_RESULTS: usize = 1;

/// Takes bytes from what a guest may make the host allocate; false if there are not so
/// many.
#[doc(hidden)]
#[inline]
pub fn spend(budget: &mut u64, bytes: usize) -> bool {
    match budget.checked_sub(bytes as u64) {
        Some(left) => {
            *budget = left;
            true
        }
        None => mutant::active(Mutant::HostBytesIgnored),
    }
}

/// What a [`Val`](crate::Val) inside another costs of the host bytes that a
/// guest may make the host allocate. It is the size of Wasmtime's own, on each
/// backend and in each build, so that a limit means the same on all; ours
/// is a little larger, for what a handle knows.
pub const VAL_COST: usize = 40;

/// A Rust type with a component type.
///
/// Sealed: implemented by derive, by [`flags!`](crate::flags) and by this
/// crate's own types only.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a component type",
    note = "derive `ComponentType`, `Lower` and `Lift` for records, variants and enums, or use `flags!`"
)]
pub trait ComponentType: EngineType + crate::__private::Sealed {
    /// Size, alignment and flat values in the canonical ABI.
    #[doc(hidden)]
    const LAYOUT: Abi;

    /// Whether handles may be inside, for which lifting needs the type at hand.
    #[doc(hidden)]
    const HAS_HANDLES: bool = false;

    /// Whether a [`WasmList`] may be inside: the value is good as long as the
    /// guest's memory holds what it refers to.
    #[doc(hidden)]
    const HAS_VIEWS: bool = false;

    /// Whether this is one of the [`Number`]s.
    #[doc(hidden)]
    const IS_NUMBER: bool = false;

    /// The component type that this Rust type stands for. Resources that are
    /// only known at run time appear as [`ResourceType::any`].
    fn component_type() -> Type;
}

/// A Rust type that can be passed into a component.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed into a component",
    note = "derive `ComponentType` and `Lower` for records, variants and enums"
)]
pub trait Lower: ComponentType + EngineLower {
    /// Writes the flat values of `self`, exactly `LAYOUT.flat` of them.
    #[doc(hidden)]
    fn lower_flat<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        dst: &mut FlatWriter<'_>,
    ) -> Result<()>;

    /// Writes `self` to memory at `offset`, which is aligned and in bounds.
    #[doc(hidden)]
    fn lower_memory<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        offset: usize,
    ) -> Result<()>;

    /// Writes the elements of a list to memory at `offset`, which is aligned
    /// and in bounds for all of them.
    #[doc(hidden)]
    fn lower_elements<C: LowerContext + ?Sized>(
        items: &[Self],
        cx: &mut C,
        ty: &Type,
        mut offset: usize,
    ) -> Result<()>
    where
        Self: Sized,
    {
        for item in items {
            item.lower_memory(cx, ty, offset)?;
            offset += Self::LAYOUT.size;
        }
        Ok(())
    }

    /// Shows each handle in `self` that may be of another store. Only asked of
    /// types that have handles.
    ///
    /// # Errors
    ///
    /// The first that `see` gives.
    #[doc(hidden)]
    fn handles(&self, see: &mut See<'_>) -> Result<()> {
        let _ = see;
        Ok(())
    }
}

/// A Rust type that can be received from a component.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be received from a component",
    note = "derive `ComponentType` and `Lift` for records, variants and enums"
)]
pub trait Lift: ComponentType + EngineLift + Sized {
    /// Reads `LAYOUT.flat` flat values.
    #[doc(hidden)]
    fn lift_flat<C: LiftContext + ?Sized>(
        cx: &mut C,
        ty: &Type,
        src: &mut FlatReader<'_>,
    ) -> Result<Self>;

    /// Reads a value from memory at `offset`, which is aligned and in bounds.
    #[doc(hidden)]
    fn lift_memory<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, offset: usize) -> Result<Self>;

    /// Reads `len` elements of a list from memory at `offset`, which is aligned
    /// and in bounds for all of them.
    #[doc(hidden)]
    fn lift_elements<C: LiftContext + ?Sized>(
        cx: &mut C,
        ty: &Type,
        offset: usize,
        len: usize,
    ) -> Result<Vec<Self>> {
        let mut items = Vec::with_capacity(len);
        for i in 0..len {
            items.push(Self::lift_memory(cx, ty, offset + i * Self::LAYOUT.size)?);
        }
        Ok(items)
    }
}

/// Parameters or results: a tuple of component types, `()` to `(A, ..., P)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of component types",
    note = "parameters and results are tuples: `()`, `(u32,)`, `(String, u8)`"
)]
pub trait ComponentNamedList: ComponentType + EngineNamedList {
    /// The members' types, in order.
    fn component_types() -> Vec<Type>;
}

/// Looks at handles, see [`Lower::handles`].
#[doc(hidden)]
pub type See<'a> = dyn FnMut(&ResourceAny) -> Result<()> + 'a;

/// Where values are lowered to: a linear memory with its `realloc`, and the
/// handle tables of an instance.
#[doc(hidden)]
pub trait LowerContext {
    /// The linear memory as it is now; `realloc` may move and grow it.
    fn memory(&mut self) -> &mut [u8];

    /// The encoding in which the guest wants strings.
    fn string_encoding(&self) -> StringEncoding;

    /// Calls the guest's `realloc`. The result is aligned to `align` and
    /// `new_size` bytes at it are in bounds; anything else is a trap.
    fn realloc(
        &mut self,
        old: usize,
        old_size: usize,
        align: usize,
        new_size: usize,
    ) -> Result<usize>;

    /// Puts an owned resource of the host into the guest's handle table.
    fn lower_own(&mut self, ty: &ResourceType, rep: u32) -> Result<u32>;

    /// Lends a resource of the host to the guest for the current call.
    fn lower_borrow(&mut self, ty: &ResourceType, rep: u32) -> Result<u32>;

    /// Puts a handle that the host holds into the guest's handle table; `ty` is
    /// `own` or `borrow`.
    fn lower_any(&mut self, ty: &Type, resource: &ResourceAny) -> Result<u32>;
}

/// Where values are lifted from: a linear memory, and the handle tables of an
/// instance.
#[doc(hidden)]
pub trait LiftContext {
    /// The linear memory.
    fn memory(&self) -> &[u8];

    /// The encoding of the guest's strings.
    fn string_encoding(&self) -> StringEncoding;

    /// Charges host memory that the guest makes the host allocate.
    ///
    /// # Errors
    ///
    /// `HostAllocationLimit` when the budget of this crossing is spent.
    fn charge(&mut self, bytes: usize) -> Result<()>;

    /// Where the linear memory is, to be found again later.
    ///
    /// # Errors
    ///
    /// A trap if there is none.
    fn place(&self) -> Result<MemoryPlace>;

    /// Takes an owned resource of the host out of the guest's handle table.
    fn lift_own(&mut self, ty: &ResourceType, handle: u32) -> Result<u32>;

    /// Looks up a resource of the host that the guest lends for the current call.
    fn lift_borrow(&mut self, ty: &ResourceType, handle: u32) -> Result<u32>;

    /// Moves or lends a handle of the guest to the host; `ty` is `own` or
    /// `borrow`.
    fn lift_any(&mut self, ty: &Type, handle: u32) -> Result<ResourceAny>;
}

/// The type of a part of `T`, looked up only if it is needed: types without
/// handles never look at it.
#[doc(hidden)]
#[inline(always)]
pub fn part_type<T: ComponentType + ?Sized>(ty: &Type, index: usize) -> &Type {
    if T::HAS_HANDLES {
        ty.part(index)
    } else {
        &Type::Bool
    }
}

/// Lowers parameters for a call: flat where they fit, spilled to memory that
/// the guest's `realloc` gives where they do not. Returns how many flat values
/// were written.
///
/// # Errors
///
/// Whatever the guest's `realloc` fails with.
#[doc(hidden)]
pub fn lower_params<P: Lower, C: LowerContext + ?Sized>(
    params: &P,
    cx: &mut C,
    ty: &Type,
    dst: &mut [u64],
) -> Result<usize> {
    let mut writer = FlatWriter::new(dst);
    if P::LAYOUT.flat <= MAX_FLAT_PARAMS {
        params.lower_flat(cx, ty, &mut writer)?;
    } else {
        let offset = cx.realloc(0, 0, P::LAYOUT.align, P::LAYOUT.size)?;
        params.lower_memory(cx, ty, offset)?;
        writer.write(offset as u64);
    }
    Ok(writer.written())
}

/// How many flat values a core function takes for parameters with this layout.
/// If it also takes a pointer to where its results go, that is the one after
/// these.
#[doc(hidden)]
pub const fn param_slots(abi: Abi) -> usize {
    if abi.flat <= MAX_FLAT_PARAMS {
        abi.flat
    } else {
        1
    }
}

/// Lowers the results of a host function: flat where they fit, else to
/// `pointer`, which the guest gave with the parameters, see [`param_slots`].
/// Returns how many flat values were written.
///
/// # Errors
///
/// A trap when the pointer is not aligned or out of bounds, and whatever the
/// guest's `realloc` fails with.
#[doc(hidden)]
pub fn lower_results<R: Lower, C: LowerContext + ?Sized>(
    results: &R,
    cx: &mut C,
    ty: &Type,
    pointer: u64,
    dst: &mut [u64],
) -> Result<usize> {
    let mut writer = FlatWriter::new(dst);
    if R::LAYOUT.flat <= MAX_FLAT_RESULTS {
        results.lower_flat(cx, ty, &mut writer)?;
    } else {
        let offset = pointer as u32 as usize;
        layout::check_range(cx.memory(), offset, R::LAYOUT.size, R::LAYOUT.align)?;
        results.lower_memory(cx, ty, offset)?;
    }
    Ok(writer.written())
}

/// Lifts the results of a call: flat where they fit, else through the pointer
/// that the guest returned.
///
/// # Errors
///
/// A trap when the pointer is not aligned or out of bounds, or when the values
/// break the canonical ABI.
#[doc(hidden)]
pub fn lift_results<R: Lift, C: LiftContext + ?Sized>(
    cx: &mut C,
    ty: &Type,
    src: &[u64],
) -> Result<R> {
    lift_list::<R, C>(cx, ty, src, MAX_FLAT_RESULTS)
}

/// Lifts the parameters of a host function, as [`lift_results`] does.
///
/// # Errors
///
/// As [`lift_results`].
#[doc(hidden)]
pub fn lift_params<P: Lift, C: LiftContext + ?Sized>(
    cx: &mut C,
    ty: &Type,
    src: &[u64],
) -> Result<P> {
    lift_list::<P, C>(cx, ty, src, MAX_FLAT_PARAMS)
}

fn lift_list<T: Lift, C: LiftContext + ?Sized>(
    cx: &mut C,
    ty: &Type,
    src: &[u64],
    max: usize,
) -> Result<T> {
    let mut reader = FlatReader::new(src);
    if T::LAYOUT.flat <= max {
        T::lift_flat(cx, ty, &mut reader)
    } else {
        let offset = reader.read_u32() as usize;
        layout::check_range(cx.memory(), offset, T::LAYOUT.size, T::LAYOUT.align)?;
        T::lift_memory(cx, ty, offset)
    }
}

/// The error of a function whose type is not that of the Rust types it was to be
/// called with. `why` says more.
#[doc(hidden)]
pub fn type_mismatch<P, R>(ty: &FuncType, why: &str) -> Error
where
    P: ComponentNamedList,
    R: ComponentNamedList,
{
    let list = |types: Vec<Type>| {
        let texts: Vec<_> = types.iter().map(Type::to_string).collect();
        texts.join(", ")
    };
    let colon = if why.is_empty() { "" } else { ": " };
    Error::new(
        ErrorKind::TypeMismatch,
        format!(
            "the function's type is `{ty}`, which is not ({}) -> ({}){colon}{why}",
            list(P::component_types()),
            list(R::component_types()),
        ),
    )
}
