//! Results out of slots and memory.
//!
//! What the host allocates for them is charged as Wasmtime charges it for its
//! own dynamic values.

use enginebay_core::abi::VAL_COST;
use enginebay_core::mutant;
use enginebay_core::{Error, ResourceAny, TrapCode, Val};
use wasmtime::component as wt;
use wasmtime::component::__internal::{
    CanonicalAbiInfo, ComponentTypes, InterfaceType, LiftContext,
};
use wasmtime::component::Lift;
use wasmtime::{Trap, ValRaw};
use wasmtime_environ::component::{MAX_FLAT_RESULTS, TypeFlags, TypeMap, VariantInfo};

use super::check::{self, Misfit};
use super::{EngineResult, Results};

// What Wasmtime charges for the parameters of host functions.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<wt::Val>() == VAL_COST);

/// Reads a function's result, if its type has one.
#[inline]
pub(super) fn results(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    src: &ValRaw,
) -> EngineResult<Results> {
    let types: &ComponentTypes = cx.types;
    let InterfaceType::Tuple(i) = ty else {
        return Err(Misfit::Value.into());
    };
    let results = &types[i];
    match *results.types {
        [] => Ok(Results::none()),
        [ty] if results.abi.flat_count(MAX_FLAT_RESULTS).is_some() => match scalar_in(ty, src) {
            Some(val) => Ok(Results::new(val)),
            None => slot(cx, ty, src).map(Results::new),
        },
        [ty] => {
            let at = usize::try_from(src.get_u32())?;
            if at % usize::try_from(results.abi.align32)? != 0 {
                return Err(Trap::UnalignedPointer.into());
            }
            let size = usize::try_from(results.abi.size32)?;
            let bytes = cx.memory().get(at..).and_then(|bytes| bytes.get(..size));
            let bytes = bytes.ok_or_else(|| Error::trap(TrapCode::PointerOutOfBounds))?;
            load(cx, ty, bytes).map(Results::new)
        }
        _ => Err(Misfit::Value.into()),
    }
}

/// A scalar from its slot, if the type has a value for all bits.
#[inline]
fn scalar_in(ty: InterfaceType, src: &ValRaw) -> Option<Val> {
    Some(match ty {
        InterfaceType::Bool => Val::Bool(src.get_u32() != 0),
        InterfaceType::S8 => Val::S8(src.get_i32() as i8),
        InterfaceType::U8 => Val::U8(src.get_u32() as u8),
        InterfaceType::S16 => Val::S16(src.get_i32() as i16),
        InterfaceType::U16 => Val::U16(src.get_u32() as u16),
        InterfaceType::S32 => Val::S32(src.get_i32()),
        InterfaceType::U32 => Val::U32(src.get_u32()),
        InterfaceType::S64 => Val::S64(src.get_i64()),
        InterfaceType::U64 => Val::U64(src.get_u64()),
        InterfaceType::Float32 => Val::F32(f32::from_bits(mutant::nan(src.get_f32()))),
        InterfaceType::Float64 => Val::F64(f64::from_bits(src.get_f64())),
        _ => return None,
    })
}

fn unsupported(ty: InterfaceType) -> wasmtime::Error {
    let what = check::unsupported(ty).unwrap_or("?");
    wasmtime::Error::new(Error::unsupported(format!(
        "values of type `{what}` are not supported"
    )))
}

fn char_of(code: u32) -> EngineResult<Val> {
    char::from_u32(code)
        .map(Val::Char)
        .ok_or_else(|| Trap::InvalidChar.into())
}

/// What the parts of a record or a tuple need.
fn charge_parts(cx: &mut LiftContext<'_>, count: usize) -> EngineResult<()> {
    cx.consume_fuel_array(count, VAL_COST)
}

/// A name of a type, as a value has it.
fn name(cx: &mut LiftContext<'_>, name: &str) -> EngineResult<String> {
    cx.consume_fuel(name.len())?;
    Ok(name.to_owned())
}

fn flags(
    cx: &mut LiftContext<'_>,
    ty: &TypeFlags,
    is_set: impl Fn(usize) -> bool,
) -> EngineResult<Val> {
    let mut set = Vec::new();
    for (at, flag) in ty.names.iter().enumerate() {
        if is_set(at) {
            set.push(name(cx, flag)?);
        }
    }
    Ok(Val::Flags(set))
}

/// A case's payload, read by `read`.
fn payload(
    cx: &mut LiftContext<'_>,
    ty: Option<InterfaceType>,
    read: impl FnOnce(&mut LiftContext<'_>, InterfaceType) -> EngineResult<Val>,
) -> EngineResult<Option<Box<Val>>> {
    let Some(ty) = ty else { return Ok(None) };
    cx.consume_fuel(VAL_COST)?;
    Ok(Some(Box::new(read(cx, ty)?)))
}

/// The value of a variant, an option, a result or an enum whose case has this
/// number, its payload read by `read`.
fn case(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    number: u32,
    read: impl FnOnce(&mut LiftContext<'_>, InterfaceType) -> EngineResult<Val>,
) -> EngineResult<Val> {
    let types: &ComponentTypes = cx.types;
    let at = usize::try_from(number)?;
    match (ty, number) {
        (InterfaceType::Option(_), 0) => Ok(Val::Option(None)),
        (InterfaceType::Option(i), 1) => payload(cx, Some(types[i].ty), read).map(Val::Option),
        (InterfaceType::Result(i), 0) => Ok(Val::Result(Ok(payload(cx, types[i].ok, read)?))),
        (InterfaceType::Result(i), 1) => Ok(Val::Result(Err(payload(cx, types[i].err, read)?))),
        (InterfaceType::Variant(i), _) => {
            let case = types[i].cases.get_index(at);
            let (case, ty) = case.ok_or(Trap::InvalidDiscriminant)?;
            let case = name(cx, case)?;
            Ok(Val::Variant(case, payload(cx, *ty, read)?))
        }
        (InterfaceType::Enum(i), _) => {
            let names = &types[i].names;
            if at >= names.len() {
                return Err(Trap::InvalidDiscriminant.into());
            }
            name(cx, &names[at]).map(Val::Enum)
        }
        (InterfaceType::Option(_) | InterfaceType::Result(_), _) => {
            Err(Trap::InvalidDiscriminant.into())
        }
        _ => Err(unsupported(ty)),
    }
}

/// Reads a value that is all in one slot: whatever of it is not empty is there.
fn slot(cx: &mut LiftContext<'_>, ty: InterfaceType, src: &ValRaw) -> EngineResult<Val> {
    if let Some(val) = scalar_in(ty, src) {
        return Ok(val);
    }
    let types: &ComponentTypes = cx.types;
    Ok(match ty {
        InterfaceType::Char => char_of(src.get_u32())?,
        InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
            let any = wt::ResourceAny::linear_lift_from_flat(cx, ty, src)?;
            Val::Resource(ResourceAny::lifted(any, cx, ty))
        }
        InterfaceType::Record(i) => {
            let types = &types[i].fields;
            charge_parts(cx, types.len())?;
            let mut fields = Vec::with_capacity(types.len());
            for field in types {
                fields.push((name(cx, &field.name)?, slot(cx, field.ty, src)?));
            }
            Val::Record(fields)
        }
        InterfaceType::Tuple(i) => {
            let types = &types[i].types;
            charge_parts(cx, types.len())?;
            let mut items = Vec::with_capacity(types.len());
            for ty in types {
                items.push(slot(cx, *ty, src)?);
            }
            Val::Tuple(items)
        }
        InterfaceType::Flags(i) => {
            let bits = src.get_u32();
            return flags(cx, &types[i], |at| at < 32 && (bits >> at) & 1 != 0);
        }
        InterfaceType::FixedLengthList(i) => {
            let ty = &types[i];
            let len = usize::try_from(ty.size)?;
            charge_parts(cx, len)?;
            let mut items = Vec::with_capacity(len);
            for _ in 0..len {
                items.push(slot(cx, ty.element, src)?);
            }
            Val::FixedLengthList(items)
        }
        // A pointer and a length never fit.
        InterfaceType::String | InterfaceType::List(_) | InterfaceType::Map(_) => {
            return Err(Misfit::Value.into());
        }
        _ => return case(cx, ty, src.get_u32(), |cx, ty| slot(cx, ty, src)),
    })
}

/// A scalar from its bytes, if the type has a value for all of them.
#[inline]
fn scalar_at(ty: InterfaceType, bytes: &[u8]) -> Option<Val> {
    Some(match ty {
        InterfaceType::Bool => Val::Bool(*bytes.first()? != 0),
        InterfaceType::S8 => Val::S8(i8::from_le_bytes(*bytes.first_chunk()?)),
        InterfaceType::U8 => Val::U8(*bytes.first()?),
        InterfaceType::S16 => Val::S16(i16::from_le_bytes(*bytes.first_chunk()?)),
        InterfaceType::U16 => Val::U16(u16::from_le_bytes(*bytes.first_chunk()?)),
        InterfaceType::S32 => Val::S32(i32::from_le_bytes(*bytes.first_chunk()?)),
        InterfaceType::U32 => Val::U32(u32::from_le_bytes(*bytes.first_chunk()?)),
        InterfaceType::S64 => Val::S64(i64::from_le_bytes(*bytes.first_chunk()?)),
        InterfaceType::U64 => Val::U64(u64::from_le_bytes(*bytes.first_chunk()?)),
        InterfaceType::Float32 => Val::F32(f32::from_le_bytes(*bytes.first_chunk()?)),
        InterfaceType::Float64 => Val::F64(f64::from_le_bytes(*bytes.first_chunk()?)),
        _ => return None,
    })
}

fn word(bytes: &[u8]) -> EngineResult<u32> {
    let word = bytes.first_chunk().ok_or(Misfit::Value)?;
    Ok(u32::from_le_bytes(*word))
}

/// Reads a value from its bytes in memory, as many as its type has.
#[inline]
fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, bytes: &[u8]) -> EngineResult<Val> {
    match scalar_at(ty, bytes) {
        Some(val) => Ok(val),
        None => load_parts(cx, ty, bytes),
    }
}

fn load_parts(cx: &mut LiftContext<'_>, ty: InterfaceType, bytes: &[u8]) -> EngineResult<Val> {
    let types: &ComponentTypes = cx.types;
    Ok(match ty {
        InterfaceType::Char => char_of(word(bytes)?)?,
        InterfaceType::String => Val::String(String::linear_lift_from_memory(cx, ty, bytes)?),
        InterfaceType::List(i) => list(cx, types[i].element, bytes)?,
        InterfaceType::FixedLengthList(i) => {
            let ty = &types[i];
            let len = usize::try_from(ty.size)?;
            charge_parts(cx, len)?;
            Val::FixedLengthList(elements(cx, ty.element, bytes, len)?)
        }
        InterfaceType::Map(i) => map(cx, &types[i], bytes)?,
        InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
            let any = wt::ResourceAny::linear_lift_from_memory(cx, ty, bytes)?;
            Val::Resource(ResourceAny::lifted(any, cx, ty))
        }
        InterfaceType::Record(i) => {
            let types = &types[i].fields;
            charge_parts(cx, types.len())?;
            let mut fields = Vec::with_capacity(types.len());
            let mut end = 0;
            for field in types {
                let name = name(cx, &field.name)?;
                fields.push((name, part(cx, field.ty, bytes, &mut end)?));
            }
            Val::Record(fields)
        }
        InterfaceType::Tuple(i) => {
            let types = &types[i].types;
            charge_parts(cx, types.len())?;
            let mut items = Vec::with_capacity(types.len());
            let mut end = 0;
            for ty in types {
                items.push(part(cx, *ty, bytes, &mut end)?);
            }
            Val::Tuple(items)
        }
        InterfaceType::Flags(i) => {
            return flags(cx, &types[i], |at| (bytes[at / 8] >> (at % 8)) & 1 != 0);
        }
        InterfaceType::Variant(i) => return load_case(cx, ty, &types[i].info, bytes),
        InterfaceType::Enum(i) => return load_case(cx, ty, &types[i].info, bytes),
        InterfaceType::Option(i) => return load_case(cx, ty, &types[i].info, bytes),
        InterfaceType::Result(i) => return load_case(cx, ty, &types[i].info, bytes),
        _ => return Err(unsupported(ty)),
    })
}

/// The next part of a record or a tuple; `end` is where the last one ended.
fn part(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    bytes: &[u8],
    end: &mut usize,
) -> EngineResult<Val> {
    let at = cx.types.canonical_abi(&ty).next_field32_size(end);
    load(cx, ty, &bytes[at..*end])
}

fn load_case(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    info: &VariantInfo,
    bytes: &[u8],
) -> EngineResult<Val> {
    let size = usize::from(info.size);
    let mut number = [0; 4];
    number[..size].copy_from_slice(&bytes[..size]);
    let offset = usize::try_from(info.payload_offset32)?;
    case(cx, ty, u32::from_le_bytes(number), |cx, ty| {
        let size = usize::try_from(cx.types.canonical_abi(&ty).size32)?;
        load(cx, ty, &bytes[offset..][..size])
    })
}

/// The bytes that a pointer and a length stand for, each element of which costs
/// the host so much.
fn pointed_to<'a>(
    cx: &mut LiftContext<'a>,
    pair: &[u8],
    abi: &CanonicalAbiInfo,
    host: usize,
) -> EngineResult<(usize, &'a [u8])> {
    let start = usize::try_from(word(pair)?)?;
    let len = usize::try_from(word(&pair[4..])?)?;
    let size = usize::try_from(abi.size32)?;
    let bytes = len.checked_mul(size).and_then(|len| {
        let bytes = cx.memory().get(start..)?;
        bytes.get(..len)
    });
    let bytes = bytes.ok_or(Trap::ListOutOfBounds)?;
    cx.consume_fuel_array(len, host)?;
    if start % usize::try_from(abi.align32)? != 0 {
        return Err(Trap::UnalignedPointer.into());
    }
    Ok((len, bytes))
}

/// Reads a list from its pointer and its length.
fn list(cx: &mut LiftContext<'_>, ty: InterfaceType, pair: &[u8]) -> EngineResult<Val> {
    let types: &ComponentTypes = cx.types;
    let (len, bytes) = pointed_to(cx, pair, types.canonical_abi(&ty), VAL_COST)?;
    elements(cx, ty, bytes, len).map(Val::List)
}

/// Reads a map from its pointer and its length: its entries are tuples in a
/// list.
fn map(cx: &mut LiftContext<'_>, ty: &TypeMap, pair: &[u8]) -> EngineResult<Val> {
    let (len, bytes) = pointed_to(cx, pair, &ty.entry_abi, 2 * VAL_COST)?;
    let size = usize::try_from(ty.entry_abi.size32)?;
    let mut entries = Vec::with_capacity(len);
    for at in 0..len {
        let bytes = &bytes[at * size..][..size];
        let mut end = 0;
        let key = part(cx, ty.key, bytes, &mut end)?;
        entries.push((key, part(cx, ty.value, bytes, &mut end)?));
    }
    Ok(Val::Map(entries))
}

/// Reads values of one type from their bytes.
fn elements(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    bytes: &[u8],
    len: usize,
) -> EngineResult<Vec<Val>> {
    macro_rules! scalars {
        ($val:ident, $ty:ident) => {{
            let (items, _) = bytes.as_chunks();
            let val = |item: &[u8; size_of::<$ty>()]| Val::$val($ty::from_le_bytes(*item));
            items.iter().map(val).collect()
        }};
    }

    Ok(match ty {
        InterfaceType::S8 => scalars!(S8, i8),
        InterfaceType::U8 => scalars!(U8, u8),
        InterfaceType::S16 => scalars!(S16, i16),
        InterfaceType::U16 => scalars!(U16, u16),
        InterfaceType::S32 => scalars!(S32, i32),
        InterfaceType::U32 => scalars!(U32, u32),
        InterfaceType::S64 => scalars!(S64, i64),
        InterfaceType::U64 => scalars!(U64, u64),
        InterfaceType::Float32 => scalars!(F32, f32),
        InterfaceType::Float64 => scalars!(F64, f64),
        _ => {
            let size = usize::try_from(cx.types.canonical_abi(&ty).size32)?;
            let mut items = Vec::with_capacity(len);
            for at in 0..len {
                items.push(load(cx, ty, &bytes[at * size..][..size])?);
            }
            items
        }
    })
}
