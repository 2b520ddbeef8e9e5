//! Values out of slots and memory.
//!
//! What the host allocates for them is charged as Wasmtime charges it for its
//! own dynamic values, so that a limit means the same on each backend.

use super::shape::{Cases, Entry, Kind, Names, Shape};
use super::{Part, unsupported};
use crate::abi::{
    FlatReader, Lift, LiftContext, VAL_COST, flag_bit, lift_discriminant, list, load_discriminant,
};
use crate::error::Result;
use crate::resource::ResourceAny;
use crate::types::Type;
use crate::val::Val;

/// The type of parts that do not look at their type.
const UNSEEN: &Type = &Type::Bool;

/// A name of a type, as a value has it.
fn name<C: LiftContext + ?Sized>(cx: &mut C, name: &str) -> Result<String> {
    cx.charge(name.len())?;
    Ok(name.to_owned())
}

/// The parts of a record or a tuple, each read by `read`.
fn items<C: LiftContext + ?Sized>(
    cx: &mut C,
    parts: &[Part],
    mut read: impl FnMut(&mut C, &Part) -> Result<Val>,
) -> Result<Val> {
    cx.charge(parts.len().saturating_mul(VAL_COST))?;
    let mut items = Vec::with_capacity(parts.len());
    for part in parts {
        items.push(read(cx, part)?);
    }
    Ok(Val::Tuple(items))
}

fn record<C: LiftContext + ?Sized>(
    cx: &mut C,
    names: &[std::sync::Arc<str>],
    parts: &[Part],
    mut read: impl FnMut(&mut C, &Part) -> Result<Val>,
) -> Result<Val> {
    cx.charge(parts.len().saturating_mul(VAL_COST))?;
    let mut fields = Vec::with_capacity(parts.len());
    for (field, part) in names.iter().zip(parts) {
        fields.push((name(cx, field)?, read(cx, part)?));
    }
    Ok(Val::Record(fields))
}

fn flags<C: LiftContext + ?Sized>(
    cx: &mut C,
    names: &Names,
    is_set: impl Fn(&C, usize) -> bool,
) -> Result<Val> {
    let count = (0..names.names.len()).filter(|at| is_set(cx, *at)).count();
    let mut set = Vec::with_capacity(count);
    for (at, flag) in names.names.iter().enumerate() {
        if is_set(cx, at) {
            set.push(name(cx, flag)?);
        }
    }
    Ok(Val::Flags(set))
}

/// The value of the case with this number, its payload read by `read`.
fn case<C: LiftContext + ?Sized>(
    cx: &mut C,
    kind: &Kind,
    cases: &Cases,
    number: u32,
    read: impl FnOnce(&mut C, &Shape) -> Result<Val>,
) -> Result<Val> {
    let number = number as usize;
    let payload = |cx: &mut C| match &cases.payloads[number] {
        Some(shape) => {
            cx.charge(VAL_COST)?;
            read(cx, shape).map(|val| Some(Box::new(val)))
        }
        None => Ok(None),
    };
    Ok(match kind {
        Kind::Option(_) => Val::Option(payload(cx)?),
        Kind::Result(_) if number == 0 => Val::Result(Ok(payload(cx)?)),
        Kind::Result(_) => Val::Result(Err(payload(cx)?)),
        Kind::Variant(variant) => {
            let case = name(cx, &variant.0.names[number])?;
            Val::Variant(case, payload(cx)?)
        }
        _ => return Err(super::misfit()),
    })
}

impl Shape {
    /// Reads as many flat values as the type has.
    pub(super) fn lift_flat<C: LiftContext + ?Sized>(
        &self,
        cx: &mut C,
        src: &mut FlatReader<'_>,
    ) -> Result<Val> {
        Ok(match &self.kind {
            Kind::Bool => Val::Bool(Lift::lift_flat(cx, UNSEEN, src)?),
            Kind::S8 => Val::S8(Lift::lift_flat(cx, UNSEEN, src)?),
            Kind::U8 => Val::U8(Lift::lift_flat(cx, UNSEEN, src)?),
            Kind::S16 => Val::S16(Lift::lift_flat(cx, UNSEEN, src)?),
            Kind::U16 => Val::U16(Lift::lift_flat(cx, UNSEEN, src)?),
            Kind::S32 => Val::S32(Lift::lift_flat(cx, UNSEEN, src)?),
            Kind::U32 => Val::U32(Lift::lift_flat(cx, UNSEEN, src)?),
            Kind::S64 => Val::S64(Lift::lift_flat(cx, UNSEEN, src)?),
            Kind::U64 => Val::U64(Lift::lift_flat(cx, UNSEEN, src)?),
            Kind::F32 => Val::F32(Lift::lift_flat(cx, UNSEEN, src)?),
            Kind::F64 => Val::F64(Lift::lift_flat(cx, UNSEEN, src)?),
            Kind::Char => Val::Char(Lift::lift_flat(cx, UNSEEN, src)?),
            Kind::String => Val::String(Lift::lift_flat(cx, UNSEEN, src)?),
            Kind::List(element) => {
                let at = src.read_u32() as usize;
                let len = src.read_u32() as usize;
                load_list(cx, element, at, len)?
            }
            Kind::FixedLengthList(element, len) => {
                let len = *len as usize;
                cx.charge(len.saturating_mul(VAL_COST))?;
                let mut items = Vec::with_capacity(len);
                for _ in 0..len {
                    items.push(element.lift_flat(cx, src)?);
                }
                Val::FixedLengthList(items)
            }
            Kind::Map(entry) => {
                let at = src.read_u32() as usize;
                let len = src.read_u32() as usize;
                load_map(cx, entry, at, len)?
            }
            Kind::Record(names, parts) => {
                record(cx, names, parts, |cx, part| part.shape.lift_flat(cx, src))?
            }
            Kind::Tuple(parts) => items(cx, parts, |cx, part| part.shape.lift_flat(cx, src))?,
            Kind::Variant(variant) => self.case_flat(cx, &variant.1, src)?,
            Kind::Option(cases) | Kind::Result(cases) => self.case_flat(cx, cases, src)?,
            Kind::Enum(ty) => {
                let names = &ty.0.names;
                let number = lift_discriminant(src.read_u32(), names.len() as u32)?;
                Val::Enum(name(cx, &names[number as usize])?)
            }
            Kind::Flags(names) => {
                let mut words = [0; crate::abi::MAX_FLAT_PARAMS];
                let words = words.get_mut(..self.abi.flat).ok_or_else(super::misfit)?;
                words.fill_with(|| src.read_u32());
                flags(cx, names, |_, at| {
                    let (word, bit) = flag_bit(at);
                    words[word] & bit != 0
                })?
            }
            Kind::Handle(ty) => Val::Resource(ResourceAny::lift_flat(cx, ty, src)?),
            Kind::Other(what) => return Err(unsupported(what)),
        })
    }

    fn case_flat<C: LiftContext + ?Sized>(
        &self,
        cx: &mut C,
        cases: &Cases,
        src: &mut FlatReader<'_>,
    ) -> Result<Val> {
        let end = src.position() + self.abi.flat;
        let number = lift_discriminant(src.read_u32(), cases.payloads.len() as u32)?;
        let val = case(cx, &self.kind, cases, number, |cx, shape| {
            shape.lift_flat(cx, src)
        })?;
        src.skip_to(end);
        Ok(val)
    }

    /// Reads a value from memory at `offset`, which is aligned and in bounds.
    pub(super) fn lift_memory<C: LiftContext + ?Sized>(
        &self,
        cx: &mut C,
        offset: usize,
    ) -> Result<Val> {
        Ok(match &self.kind {
            Kind::Bool => Val::Bool(Lift::lift_memory(cx, UNSEEN, offset)?),
            Kind::S8 => Val::S8(Lift::lift_memory(cx, UNSEEN, offset)?),
            Kind::U8 => Val::U8(Lift::lift_memory(cx, UNSEEN, offset)?),
            Kind::S16 => Val::S16(Lift::lift_memory(cx, UNSEEN, offset)?),
            Kind::U16 => Val::U16(Lift::lift_memory(cx, UNSEEN, offset)?),
            Kind::S32 => Val::S32(Lift::lift_memory(cx, UNSEEN, offset)?),
            Kind::U32 => Val::U32(Lift::lift_memory(cx, UNSEEN, offset)?),
            Kind::S64 => Val::S64(Lift::lift_memory(cx, UNSEEN, offset)?),
            Kind::U64 => Val::U64(Lift::lift_memory(cx, UNSEEN, offset)?),
            Kind::F32 => Val::F32(Lift::lift_memory(cx, UNSEEN, offset)?),
            Kind::F64 => Val::F64(Lift::lift_memory(cx, UNSEEN, offset)?),
            Kind::Char => Val::Char(Lift::lift_memory(cx, UNSEEN, offset)?),
            Kind::String => Val::String(Lift::lift_memory(cx, UNSEEN, offset)?),
            Kind::List(element) => {
                let at = u32::lift_memory(cx, UNSEEN, offset)? as usize;
                let len = u32::lift_memory(cx, UNSEEN, offset + 4)? as usize;
                load_list(cx, element, at, len)?
            }
            Kind::FixedLengthList(element, len) => {
                let len = *len as usize;
                cx.charge(len.saturating_mul(VAL_COST))?;
                Val::FixedLengthList(load_elements(cx, element, offset, len)?)
            }
            Kind::Map(entry) => {
                let at = u32::lift_memory(cx, UNSEEN, offset)? as usize;
                let len = u32::lift_memory(cx, UNSEEN, offset + 4)? as usize;
                load_map(cx, entry, at, len)?
            }
            Kind::Record(names, parts) => record(cx, names, parts, |cx, part| {
                part.shape.lift_memory(cx, offset + part.offset)
            })?,
            Kind::Tuple(parts) => items(cx, parts, |cx, part| {
                part.shape.lift_memory(cx, offset + part.offset)
            })?,
            Kind::Variant(variant) => self.case_memory(cx, &variant.1, offset)?,
            Kind::Option(cases) | Kind::Result(cases) => self.case_memory(cx, cases, offset)?,
            Kind::Enum(ty) => {
                let (names, abi) = &**ty;
                let names = &names.names;
                let number = load_discriminant(cx, *abi, offset, names.len() as u32)?;
                Val::Enum(name(cx, &names[number as usize])?)
            }
            Kind::Flags(names) => flags(cx, names, |cx, at| {
                (cx.memory()[offset + at / 8] >> (at % 8)) & 1 != 0
            })?,
            Kind::Handle(ty) => Val::Resource(ResourceAny::lift_memory(cx, ty, offset)?),
            Kind::Other(what) => return Err(unsupported(what)),
        })
    }

    fn case_memory<C: LiftContext + ?Sized>(
        &self,
        cx: &mut C,
        cases: &Cases,
        offset: usize,
    ) -> Result<Val> {
        let abi = cases.abi;
        let number = load_discriminant(cx, abi, offset, cases.payloads.len() as u32)?;
        case(cx, &self.kind, cases, number, |cx, shape| {
            shape.lift_memory(cx, offset + abi.payload)
        })
    }
}

/// Reads a list of `len` elements at `at`.
fn load_list<C: LiftContext + ?Sized>(
    cx: &mut C,
    element: &Shape,
    at: usize,
    len: usize,
) -> Result<Val> {
    list::check(cx, at, len, element.abi, VAL_COST)?;
    load_elements(cx, element, at, len).map(Val::List)
}

/// Reads a map of `len` entries at `at`.
fn load_map<C: LiftContext + ?Sized>(
    cx: &mut C,
    entry: &Entry,
    at: usize,
    len: usize,
) -> Result<Val> {
    list::check(cx, at, len, entry.abi, 2 * VAL_COST)?;
    let mut entries = Vec::with_capacity(len);
    for i in 0..len {
        let at = at + i * entry.abi.size;
        let key = entry.key.shape.lift_memory(cx, at + entry.key.offset)?;
        let value = entry.value.shape.lift_memory(cx, at + entry.value.offset)?;
        entries.push((key, value));
    }
    Ok(Val::Map(entries))
}

/// Reads elements one after the other, which are in bounds and paid for.
fn load_elements<C: LiftContext + ?Sized>(
    cx: &mut C,
    element: &Shape,
    at: usize,
    len: usize,
) -> Result<Vec<Val>> {
    let size = len * element.abi.size;

    macro_rules! scalars {
        ($val:ident, $from:expr) => {{
            let (items, _) = cx.memory()[at..at + size].as_chunks();
            items.iter().map(|item| Val::$val($from(*item))).collect()
        }};
    }

    Ok(match element.kind {
        Kind::Bool => scalars!(Bool, |[byte]: [u8; 1]| byte != 0),
        Kind::S8 => scalars!(S8, i8::from_le_bytes),
        Kind::U8 => scalars!(U8, u8::from_le_bytes),
        Kind::S16 => scalars!(S16, i16::from_le_bytes),
        Kind::U16 => scalars!(U16, u16::from_le_bytes),
        Kind::S32 => scalars!(S32, i32::from_le_bytes),
        Kind::U32 => scalars!(U32, u32::from_le_bytes),
        Kind::S64 => scalars!(S64, i64::from_le_bytes),
        Kind::U64 => scalars!(U64, u64::from_le_bytes),
        Kind::F32 => scalars!(F32, f32::from_le_bytes),
        Kind::F64 => scalars!(F64, f64::from_le_bytes),
        _ => {
            let mut items = Vec::with_capacity(len);
            for i in 0..len {
                items.push(element.lift_memory(cx, at + i * element.abi.size)?);
            }
            items
        }
    })
}
