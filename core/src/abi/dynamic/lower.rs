//! Values into slots and memory.
//!
//! They were checked. What a value still does not fit is refused again, so that
//! no slot and no byte depends on that.

use super::misfit;
use super::shape::{Cases, Entry, Kind, Names, Shape};
use crate::abi::{
    FlatWriter, Lower, LowerContext, MAX_FLAT_PARAMS, flag_bit, list, store_discriminant,
};
use crate::error::Result;
use crate::types::Type;
use crate::val::Val;

/// The type of parts that do not look at their type.
const UNSEEN: &Type = &Type::Bool;

/// One case of a variant, an option or a result.
struct Case<'a> {
    cases: &'a Cases,
    number: usize,
    payload: Option<(&'a Shape, &'a Val)>,
}

impl<'a> Case<'a> {
    fn of(kind: &'a Kind, val: &'a Val) -> Result<Self> {
        let (cases, number, val) = match (kind, val) {
            (Kind::Variant(variant), Val::Variant(name, val)) => {
                let (names, cases) = &**variant;
                (cases, names.position(name).ok_or_else(misfit)?, val)
            }
            (Kind::Option(cases), Val::Option(val)) => (&**cases, usize::from(val.is_some()), val),
            (Kind::Result(cases), Val::Result(Ok(val))) => (&**cases, 0, val),
            (Kind::Result(cases), Val::Result(Err(val))) => (&**cases, 1, val),
            _ => return Err(misfit()),
        };
        let payload = match (&cases.payloads[number], val) {
            (Some(shape), Some(val)) => Some((shape, &**val)),
            (None, None) => None,
            _ => return Err(misfit()),
        };
        Ok(Case {
            cases,
            number,
            payload,
        })
    }
}

impl Shape {
    /// Writes as many flat values as the type has.
    pub(super) fn lower_flat<C: LowerContext + ?Sized>(
        &self,
        val: &Val,
        cx: &mut C,
        dst: &mut FlatWriter<'_>,
    ) -> Result<()> {
        match (&self.kind, val) {
            (Kind::Bool, Val::Bool(v)) => v.lower_flat(cx, UNSEEN, dst),
            (Kind::S8, Val::S8(v)) => v.lower_flat(cx, UNSEEN, dst),
            (Kind::U8, Val::U8(v)) => v.lower_flat(cx, UNSEEN, dst),
            (Kind::S16, Val::S16(v)) => v.lower_flat(cx, UNSEEN, dst),
            (Kind::U16, Val::U16(v)) => v.lower_flat(cx, UNSEEN, dst),
            (Kind::S32, Val::S32(v)) => v.lower_flat(cx, UNSEEN, dst),
            (Kind::U32, Val::U32(v)) => v.lower_flat(cx, UNSEEN, dst),
            (Kind::S64, Val::S64(v)) => v.lower_flat(cx, UNSEEN, dst),
            (Kind::U64, Val::U64(v)) => v.lower_flat(cx, UNSEEN, dst),
            (Kind::F32, Val::F32(v)) => v.lower_flat(cx, UNSEEN, dst),
            (Kind::F64, Val::F64(v)) => v.lower_flat(cx, UNSEEN, dst),
            (Kind::Char, Val::Char(v)) => v.lower_flat(cx, UNSEEN, dst),
            (Kind::String, Val::String(v)) => v.as_str().lower_flat(cx, UNSEEN, dst),
            (Kind::List(element), Val::List(items)) => {
                let at = store_list(element, items, cx)?;
                dst.write(at as u64);
                dst.write(items.len() as u64);
                Ok(())
            }
            (Kind::FixedLengthList(element, len), Val::FixedLengthList(items))
                if items.len() == *len as usize =>
            {
                let mut items = items.iter();
                items.try_for_each(|item| element.lower_flat(item, cx, dst))
            }
            (Kind::Map(entry), Val::Map(entries)) => {
                let at = store_map(entry, entries, cx)?;
                dst.write(at as u64);
                dst.write(entries.len() as u64);
                Ok(())
            }
            (Kind::Record(_, parts), Val::Record(fields)) if fields.len() == parts.len() => {
                let mut fields = fields.iter().zip(parts);
                fields.try_for_each(|((_, val), part)| part.shape.lower_flat(val, cx, dst))
            }
            (Kind::Tuple(parts), Val::Tuple(items)) if items.len() == parts.len() => {
                let mut items = items.iter().zip(parts);
                items.try_for_each(|(val, part)| part.shape.lower_flat(val, cx, dst))
            }
            (Kind::Enum(ty), Val::Enum(name)) => {
                dst.write(ty.0.position(name).ok_or_else(misfit)? as u64);
                Ok(())
            }
            (Kind::Flags(names), Val::Flags(set)) => self.flags_flat(names, set, dst),
            (Kind::Handle(ty), Val::Resource(any)) => any.lower_flat(cx, ty, dst),
            _ => {
                let case = Case::of(&self.kind, val)?;
                let end = dst.written() + self.abi.flat;
                dst.write(case.number as u64);
                if let Some((shape, val)) = case.payload {
                    shape.lower_flat(val, cx, dst)?;
                }
                dst.pad_to(end);
                Ok(())
            }
        }
    }

    fn flags_flat(&self, names: &Names, set: &[String], dst: &mut FlatWriter<'_>) -> Result<()> {
        let mut words = [0; MAX_FLAT_PARAMS];
        let words = words.get_mut(..self.abi.flat).ok_or_else(misfit)?;
        for name in set {
            let (word, bit) = flag_bit(names.position(name).ok_or_else(misfit)?);
            *words.get_mut(word).ok_or_else(misfit)? |= bit;
        }
        words.iter().for_each(|word| dst.write(u64::from(*word)));
        Ok(())
    }

    /// Writes a value to memory at `offset`, which is aligned and in bounds.
    pub(super) fn lower_memory<C: LowerContext + ?Sized>(
        &self,
        val: &Val,
        cx: &mut C,
        offset: usize,
    ) -> Result<()> {
        match (&self.kind, val) {
            (Kind::Bool, Val::Bool(v)) => v.lower_memory(cx, UNSEEN, offset),
            (Kind::S8, Val::S8(v)) => v.lower_memory(cx, UNSEEN, offset),
            (Kind::U8, Val::U8(v)) => v.lower_memory(cx, UNSEEN, offset),
            (Kind::S16, Val::S16(v)) => v.lower_memory(cx, UNSEEN, offset),
            (Kind::U16, Val::U16(v)) => v.lower_memory(cx, UNSEEN, offset),
            (Kind::S32, Val::S32(v)) => v.lower_memory(cx, UNSEEN, offset),
            (Kind::U32, Val::U32(v)) => v.lower_memory(cx, UNSEEN, offset),
            (Kind::S64, Val::S64(v)) => v.lower_memory(cx, UNSEEN, offset),
            (Kind::U64, Val::U64(v)) => v.lower_memory(cx, UNSEEN, offset),
            (Kind::F32, Val::F32(v)) => v.lower_memory(cx, UNSEEN, offset),
            (Kind::F64, Val::F64(v)) => v.lower_memory(cx, UNSEEN, offset),
            (Kind::Char, Val::Char(v)) => v.lower_memory(cx, UNSEEN, offset),
            (Kind::String, Val::String(v)) => v.as_str().lower_memory(cx, UNSEEN, offset),
            (Kind::List(element), Val::List(items)) => {
                let at = store_list(element, items, cx)?;
                store_pair(cx, offset, at, items.len())
            }
            (Kind::FixedLengthList(element, len), Val::FixedLengthList(items))
                if items.len() == *len as usize =>
            {
                store_elements(element, items, cx, offset)
            }
            (Kind::Map(entry), Val::Map(entries)) => {
                let at = store_map(entry, entries, cx)?;
                store_pair(cx, offset, at, entries.len())
            }
            (Kind::Record(_, parts), Val::Record(fields)) if fields.len() == parts.len() => {
                let mut fields = fields.iter().zip(parts);
                fields.try_for_each(|((_, val), part)| {
                    part.shape.lower_memory(val, cx, offset + part.offset)
                })
            }
            (Kind::Tuple(parts), Val::Tuple(items)) if items.len() == parts.len() => {
                let mut items = items.iter().zip(parts);
                items.try_for_each(|(val, part)| {
                    part.shape.lower_memory(val, cx, offset + part.offset)
                })
            }
            (Kind::Enum(ty), Val::Enum(name)) => {
                let (names, abi) = &**ty;
                let number = names.position(name).ok_or_else(misfit)?;
                store_discriminant(cx, *abi, offset, number as u32);
                Ok(())
            }
            (Kind::Flags(names), Val::Flags(set)) => {
                let bits = &mut cx.memory()[offset..offset + self.abi.size];
                bits.fill(0);
                for name in set {
                    let at = names.position(name).ok_or_else(misfit)?;
                    bits[at / 8] |= 1 << (at % 8);
                }
                Ok(())
            }
            (Kind::Handle(ty), Val::Resource(any)) => any.lower_memory(cx, ty, offset),
            _ => {
                let case = Case::of(&self.kind, val)?;
                let abi = case.cases.abi;
                store_discriminant(cx, abi, offset, case.number as u32);
                match case.payload {
                    Some((shape, val)) => shape.lower_memory(val, cx, offset + abi.payload),
                    None => Ok(()),
                }
            }
        }
    }
}

fn store_pair<C: LowerContext + ?Sized>(
    cx: &mut C,
    offset: usize,
    at: usize,
    len: usize,
) -> Result<()> {
    (at as u32).lower_memory(cx, UNSEEN, offset)?;
    (len as u32).lower_memory(cx, UNSEEN, offset + 4)
}

/// Stores a list's elements in memory of their own and says where.
fn store_list<C: LowerContext + ?Sized>(
    element: &Shape,
    items: &[Val],
    cx: &mut C,
) -> Result<usize> {
    let at = list::allocate(cx, items.len(), element.abi)?;
    store_elements(element, items, cx, at)?;
    Ok(at)
}

/// Stores a map's entries in memory of their own and says where.
fn store_map<C: LowerContext + ?Sized>(
    entry: &Entry,
    entries: &[(Val, Val)],
    cx: &mut C,
) -> Result<usize> {
    let start = list::allocate(cx, entries.len(), entry.abi)?;
    for (i, (key, value)) in entries.iter().enumerate() {
        let at = start + i * entry.abi.size;
        entry
            .key
            .shape
            .lower_memory(key, cx, at + entry.key.offset)?;
        entry
            .value
            .shape
            .lower_memory(value, cx, at + entry.value.offset)?;
    }
    Ok(start)
}

/// Stores elements one after the other where there is room for them.
fn store_elements<C: LowerContext + ?Sized>(
    element: &Shape,
    items: &[Val],
    cx: &mut C,
    at: usize,
) -> Result<()> {
    let size = items.len() * element.abi.size;

    macro_rules! scalars {
        ($val:ident, $bytes:expr) => {{
            let (to, _) = cx.memory()[at..at + size].as_chunks_mut();
            for (to, item) in to.iter_mut().zip(items) {
                let Val::$val(v) = item else {
                    return Err(misfit());
                };
                *to = $bytes(*v);
            }
        }};
    }

    match element.kind {
        Kind::Bool => scalars!(Bool, |v| [u8::from(v)]),
        Kind::S8 => scalars!(S8, i8::to_le_bytes),
        Kind::U8 => scalars!(U8, u8::to_le_bytes),
        Kind::S16 => scalars!(S16, i16::to_le_bytes),
        Kind::U16 => scalars!(U16, u16::to_le_bytes),
        Kind::S32 => scalars!(S32, i32::to_le_bytes),
        Kind::U32 => scalars!(U32, u32::to_le_bytes),
        Kind::S64 => scalars!(S64, i64::to_le_bytes),
        Kind::U64 => scalars!(U64, u64::to_le_bytes),
        Kind::F32 => scalars!(F32, f32::to_le_bytes),
        Kind::F64 => scalars!(F64, f64::to_le_bytes),
        Kind::Char => scalars!(Char, |v| u32::from(v).to_le_bytes()),
        _ => {
            for (i, item) in items.iter().enumerate() {
                element.lower_memory(item, cx, at + i * element.abi.size)?;
            }
        }
    }
    Ok(())
}
