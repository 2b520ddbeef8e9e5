//! Arguments into slots and memory.
//!
//! They were checked. What a value still does not fit is refused again, so that
//! no slot and no byte depends on that.

use std::mem::MaybeUninit;
use std::slice::IterMut;

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{ResourceAny, StoreNumber, Val};
use wasmtime::ValRaw;
use wasmtime::component as wt;
use wasmtime::component::__internal::{CanonicalAbiInfo, InterfaceType, LowerContext};
use wasmtime::component::Lower;
use wasmtime_environ::component::{MAX_FLAT_PARAMS, TypeFlags, TypeMap, VariantInfo};

use super::EngineResult;
use super::check::{self, Misfit};

/// Writes all arguments, as the function's type wants: a slot for each part of
/// each, or one slot that says where in memory they are.
#[inline]
pub(super) fn params<T>(
    cx: &mut LowerContext<'_, T>,
    ty: InterfaceType,
    vals: &[Val],
    dst: &mut [MaybeUninit<ValRaw>; MAX_FLAT_PARAMS],
) -> EngineResult<()> {
    let types = cx.types;
    let InterfaceType::Tuple(i) = ty else {
        return Err(Misfit::Value.into());
    };
    let ty = &types[i];
    if vals.len() != ty.types.len() {
        return Err(Misfit::Value.into());
    }
    let vals = &*mutant::swapped(vals);
    if ty.abi.flat_count(MAX_FLAT_PARAMS).is_some() {
        // Also read as the result, if the function has none of either.
        dst[0].write(ValRaw::u32(0));
        let mut slots = Slots(dst.iter_mut());
        for (val, ty) in vals.iter().zip(&ty.types) {
            slots.val(cx, val, *ty)?;
        }
    } else {
        let base = cx.realloc(0, 0, ty.abi.align32, usize::try_from(ty.abi.size32)?)?;
        fields(cx, base, vals.iter().zip(ty.types.iter().copied()))?;
        dst[0].write(ValRaw::u32(u32::try_from(base)?));
    }
    Ok(())
}

fn resource<T>(cx: &LowerContext<'_, T>, any: &ResourceAny) -> EngineResult<wt::ResourceAny> {
    any.to_wasmtime(StoreNumber::of(&cx.instance_handle()))
        .map_err(wasmtime::Error::new)
}

/// Slots that are still to write.
struct Slots<'a>(IterMut<'a, MaybeUninit<ValRaw>>);

impl Slots<'_> {
    #[inline]
    fn next(&mut self) -> EngineResult<&mut MaybeUninit<ValRaw>> {
        self.0.next().ok_or_else(|| Misfit::Value.into())
    }

    #[inline]
    fn put(&mut self, raw: ValRaw) -> EngineResult<()> {
        self.next()?.write(raw);
        Ok(())
    }

    /// Writes as many slots as the type has.
    fn val<T>(
        &mut self,
        cx: &mut LowerContext<'_, T>,
        val: &Val,
        ty: InterfaceType,
    ) -> EngineResult<()> {
        let types = cx.types;
        match (ty, val) {
            (InterfaceType::Bool, Val::Bool(v)) => self.put(ValRaw::u32(u32::from(*v))),
            (InterfaceType::S8, Val::S8(v)) => self.put(ValRaw::i32(i32::from(*v))),
            (InterfaceType::U8, Val::U8(v)) => self.put(ValRaw::u32(u32::from(*v))),
            (InterfaceType::S16, Val::S16(v)) => self.put(ValRaw::i32(i32::from(*v))),
            (InterfaceType::U16, Val::U16(v)) => self.put(ValRaw::u32(u32::from(*v))),
            (InterfaceType::S32, Val::S32(v)) => self.put(ValRaw::i32(*v)),
            (InterfaceType::U32, Val::U32(v)) => self.put(ValRaw::u32(*v)),
            (InterfaceType::S64, Val::S64(v)) => self.put(ValRaw::i64(*v)),
            (InterfaceType::U64, Val::U64(v)) => self.put(ValRaw::u64(*v)),
            (InterfaceType::Float32, Val::F32(v)) => self.put(ValRaw::f32(v.to_bits())),
            (InterfaceType::Float64, Val::F64(v)) => self.put(ValRaw::f64(v.to_bits())),
            (InterfaceType::Char, Val::Char(v)) => self.put(ValRaw::u32(u32::from(*v))),
            (InterfaceType::String, Val::String(v)) => {
                let mut raw = MaybeUninit::uninit();
                v.as_str().linear_lower_to_flat(cx, ty, &mut raw)?;
                let raw: [MaybeUninit<ValRaw>; 2] = raw.into();
                for raw in raw {
                    *self.next()? = raw;
                }
                Ok(())
            }
            (InterfaceType::List(i), Val::List(items)) => {
                let [at, len] = list(cx, items, types[i].element)?;
                self.put(ValRaw::u32(at))?;
                self.put(ValRaw::u32(len))
            }
            (InterfaceType::FixedLengthList(i), Val::FixedLengthList(items))
                if u32::try_from(items.len()) == Ok(types[i].size) =>
            {
                let ty = types[i].element;
                items.iter().try_for_each(|item| self.val(cx, item, ty))
            }
            (InterfaceType::Map(i), Val::Map(entries)) => {
                let [at, len] = map(cx, entries, &types[i])?;
                self.put(ValRaw::u32(at))?;
                self.put(ValRaw::u32(len))
            }
            (InterfaceType::Record(i), Val::Record(vals))
                if vals.len() == types[i].fields.len() =>
            {
                let mut fields = vals.iter().zip(&types[i].fields);
                fields.try_for_each(|((_, val), field)| self.val(cx, val, field.ty))
            }
            (InterfaceType::Tuple(i), Val::Tuple(vals)) if vals.len() == types[i].types.len() => {
                let mut fields = vals.iter().zip(&types[i].types);
                fields.try_for_each(|(val, ty)| self.val(cx, val, *ty))
            }
            (InterfaceType::Enum(i), Val::Enum(name)) => {
                let at = check::name(&types[i], name).ok_or(Misfit::Value)?;
                self.put(ValRaw::u32(u32::try_from(at)?))
            }
            (InterfaceType::Flags(i), Val::Flags(set)) => self.flags(&types[i], set),
            (InterfaceType::Own(_) | InterfaceType::Borrow(_), Val::Resource(any)) => {
                resource(cx, any)?.linear_lower_to_flat(cx, ty, self.next()?)
            }
            _ => {
                let case = Case::of(cx, val, ty)?;
                self.case(cx, &case)
            }
        }
    }

    fn flags(&mut self, ty: &TypeFlags, set: &[String]) -> EngineResult<()> {
        let mut words = [0_u32; MAX_FLAT_PARAMS];
        for name in set {
            let at = check::flag(ty, name).ok_or(Misfit::Value)?;
            *words.get_mut(at / 32).ok_or(Misfit::Value)? |= 1 << (at % 32);
        }
        let count = ty.abi.flat_count(MAX_FLAT_PARAMS).ok_or(Misfit::Value)?;
        words[..count]
            .iter()
            .try_for_each(|word| self.put(ValRaw::u32(*word)))
    }

    /// Slots are shared by the cases, so that most leave some over; those are
    /// zero. A value narrower than its slot is zero beyond itself, which
    /// [`ValRaw`]'s constructors see to.
    fn case<T>(&mut self, cx: &mut LowerContext<'_, T>, case: &Case<'_>) -> EngineResult<()> {
        let count = case.abi.flat_count(MAX_FLAT_PARAMS).ok_or(Misfit::Value)?;
        let left = self.0.len().checked_sub(count).ok_or(Misfit::Value)?;
        self.put(ValRaw::u32(u32::try_from(case.number)?))?;
        if let Some((val, ty)) = case.payload {
            self.val(cx, val, ty)?;
        }
        while self.0.len() > left {
            self.put(ValRaw::u64(0))?;
        }
        Ok(())
    }
}

/// One case of a variant, an option or a result.
struct Case<'a> {
    number: usize,
    payload: Option<(&'a Val, InterfaceType)>,
    abi: &'a CanonicalAbiInfo,
    info: &'a VariantInfo,
}

impl<'a> Case<'a> {
    fn of<T>(cx: &LowerContext<'a, T>, val: &'a Val, ty: InterfaceType) -> EngineResult<Self> {
        let types = cx.types;
        let (number, val, ty, abi, info) = match (ty, val) {
            (InterfaceType::Option(i), Val::Option(val)) => {
                let ty = &types[i];
                let some = val.is_some().then_some(ty.ty);
                (usize::from(val.is_some()), val, some, &ty.abi, &ty.info)
            }
            (InterfaceType::Result(i), Val::Result(Ok(val))) => {
                let ty = &types[i];
                (0, val, ty.ok, &ty.abi, &ty.info)
            }
            (InterfaceType::Result(i), Val::Result(Err(val))) => {
                let ty = &types[i];
                (1, val, ty.err, &ty.abi, &ty.info)
            }
            (InterfaceType::Variant(i), Val::Variant(name, val)) => {
                let ty = &types[i];
                let (number, payload) = check::case(ty, name).ok_or(Misfit::Value)?;
                (number, val, payload, &ty.abi, &ty.info)
            }
            _ => return Err(Misfit::Value.into()),
        };
        let payload = match (val.as_deref(), ty) {
            (Some(val), Some(ty)) => Some((val, ty)),
            (None, None) => None,
            _ => return Err(Misfit::Value.into()),
        };
        Ok(Case {
            number,
            payload,
            abi,
            info,
        })
    }
}

/// Stores the parts of a record, a tuple or an argument list.
fn fields<'v, T>(
    cx: &mut LowerContext<'_, T>,
    base: usize,
    vals: impl Iterator<Item = (&'v Val, InterfaceType)>,
) -> EngineResult<()> {
    let types = cx.types;
    let mut end = 0;
    for (val, ty) in vals {
        let at = types.canonical_abi(&ty).next_field32_size(&mut end);
        store(cx, val, ty, base + at)?;
    }
    Ok(())
}

/// Stores a value where its type has room, which `realloc` has checked.
fn store<T>(
    cx: &mut LowerContext<'_, T>,
    val: &Val,
    ty: InterfaceType,
    at: usize,
) -> EngineResult<()> {
    let types = cx.types;
    match (ty, val) {
        (InterfaceType::Bool, Val::Bool(v)) => *cx.get(at) = [u8::from(*v)],
        (InterfaceType::S8, Val::S8(v)) => *cx.get(at) = v.to_le_bytes(),
        (InterfaceType::U8, Val::U8(v)) => *cx.get(at) = v.to_le_bytes(),
        (InterfaceType::S16, Val::S16(v)) => *cx.get(at) = v.to_le_bytes(),
        (InterfaceType::U16, Val::U16(v)) => *cx.get(at) = v.to_le_bytes(),
        (InterfaceType::S32, Val::S32(v)) => *cx.get(at) = v.to_le_bytes(),
        (InterfaceType::U32, Val::U32(v)) => *cx.get(at) = v.to_le_bytes(),
        (InterfaceType::S64, Val::S64(v)) => *cx.get(at) = v.to_le_bytes(),
        (InterfaceType::U64, Val::U64(v)) => *cx.get(at) = v.to_le_bytes(),
        (InterfaceType::Float32, Val::F32(v)) => *cx.get(at) = v.to_le_bytes(),
        (InterfaceType::Float64, Val::F64(v)) => *cx.get(at) = v.to_le_bytes(),
        (InterfaceType::Char, Val::Char(v)) => *cx.get(at) = u32::from(*v).to_le_bytes(),
        (InterfaceType::String, Val::String(v)) => {
            v.as_str().linear_lower_to_memory(cx, ty, at)?;
        }
        (InterfaceType::List(i), Val::List(items)) => {
            let [start, len] = list(cx, items, types[i].element)?;
            *cx.get(at) = start.to_le_bytes();
            *cx.get(at + 4) = len.to_le_bytes();
        }
        (InterfaceType::FixedLengthList(i), Val::FixedLengthList(items))
            if u32::try_from(items.len()) == Ok(types[i].size) =>
        {
            elements(cx, items, types[i].element, at)?;
        }
        (InterfaceType::Map(i), Val::Map(entries)) => {
            let [start, len] = map(cx, entries, &types[i])?;
            *cx.get(at) = start.to_le_bytes();
            *cx.get(at + 4) = len.to_le_bytes();
        }
        (InterfaceType::Record(i), Val::Record(vals)) if vals.len() == types[i].fields.len() => {
            let types = types[i].fields.iter().map(|field| field.ty);
            fields(cx, at, vals.iter().map(|(_, val)| val).zip(types))?;
        }
        (InterfaceType::Tuple(i), Val::Tuple(vals)) if vals.len() == types[i].types.len() => {
            fields(cx, at, vals.iter().zip(types[i].types.iter().copied()))?;
        }
        (InterfaceType::Enum(i), Val::Enum(name)) => {
            let number = check::name(&types[i], name).ok_or(Misfit::Value)?;
            discriminant(cx, &types[i].info, number, at)?;
        }
        (InterfaceType::Flags(i), Val::Flags(set)) => {
            let ty = &types[i];
            let size = usize::try_from(ty.abi.size32)?;
            let bits = &mut cx.as_slice_mut()[at..][..size];
            bits.fill(0);
            for name in set {
                let at = check::flag(ty, name).ok_or(Misfit::Value)?;
                bits[at / 8] |= 1 << (at % 8);
            }
        }
        (InterfaceType::Own(_) | InterfaceType::Borrow(_), Val::Resource(any)) => {
            resource(cx, any)?.linear_lower_to_memory(cx, ty, at)?;
        }
        _ => {
            let case = Case::of(cx, val, ty)?;
            discriminant(cx, case.info, case.number, at)?;
            if let Some((val, ty)) = case.payload {
                let mut offset = usize::try_from(case.info.payload_offset32)?;
                if mutant::active(Mutant::WasmtimePayloadMisplaced) {
                    offset = usize::from(case.info.size);
                }
                store(cx, val, ty, at + offset)?;
            }
        }
    }
    Ok(())
}

fn discriminant<T>(
    cx: &mut LowerContext<'_, T>,
    info: &VariantInfo,
    number: usize,
    at: usize,
) -> EngineResult<()> {
    let size = usize::from(info.size);
    let bytes = u32::try_from(number)?.to_le_bytes();
    cx.as_slice_mut()[at..][..size].copy_from_slice(&bytes[..size]);
    Ok(())
}

/// Stores a list's items and says where, and how many there are.
fn list<T>(
    cx: &mut LowerContext<'_, T>,
    items: &[Val],
    ty: InterfaceType,
) -> EngineResult<[u32; 2]> {
    let types = cx.types;
    let abi = types.canonical_abi(&ty);
    let size = usize::try_from(abi.size32)?;
    let bytes = items
        .len()
        .checked_mul(size)
        .ok_or_else(|| wasmtime::Error::msg("size overflow copying a list"))?;
    let start = cx.realloc(0, 0, abi.align32, bytes)?;
    elements(cx, items, ty, start)?;
    Ok([u32::try_from(start)?, u32::try_from(items.len())?])
}

/// Stores a map's entries, which are tuples in a list, and says where, and how
/// many there are.
fn map<T>(
    cx: &mut LowerContext<'_, T>,
    entries: &[(Val, Val)],
    ty: &TypeMap,
) -> EngineResult<[u32; 2]> {
    let size = usize::try_from(ty.entry_abi.size32)?;
    let bytes = entries
        .len()
        .checked_mul(size)
        .ok_or_else(|| wasmtime::Error::msg("size overflow copying a map"))?;
    let start = cx.realloc(0, 0, ty.entry_abi.align32, bytes)?;
    let offset = usize::try_from(ty.value_offset32)?;
    let mut at = start;
    for (key, value) in entries {
        store(cx, key, ty.key, at)?;
        store(cx, value, ty.value, at + offset)?;
        at += size;
    }
    Ok([u32::try_from(start)?, u32::try_from(entries.len())?])
}

/// Stores items one after the other where there is room for them.
fn elements<T>(
    cx: &mut LowerContext<'_, T>,
    items: &[Val],
    ty: InterfaceType,
    start: usize,
) -> EngineResult<()> {
    let size = usize::try_from(cx.types.canonical_abi(&ty).size32)?;
    let bytes = items.len() * size;

    macro_rules! scalars {
        ($val:ident) => {{
            let memory = &mut cx.as_slice_mut()[start..][..bytes];
            for (to, item) in memory.as_chunks_mut().0.iter_mut().zip(items) {
                let Val::$val(v) = item else {
                    return Err(Misfit::Value.into());
                };
                *to = v.to_le_bytes();
            }
        }};
    }

    match ty {
        InterfaceType::S8 => scalars!(S8),
        InterfaceType::U8 => scalars!(U8),
        InterfaceType::S16 => scalars!(S16),
        InterfaceType::U16 => scalars!(U16),
        InterfaceType::S32 => scalars!(S32),
        InterfaceType::U32 => scalars!(U32),
        InterfaceType::S64 => scalars!(S64),
        InterfaceType::U64 => scalars!(U64),
        InterfaceType::Float32 => scalars!(F32),
        InterfaceType::Float64 => scalars!(F64),
        _ => {
            let mut at = start;
            for item in items {
                store(cx, item, ty, at)?;
                at += size;
            }
        }
    }
    Ok(())
}
