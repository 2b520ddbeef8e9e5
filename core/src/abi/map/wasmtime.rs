//! Wasmtime's view of maps. Its own, of `HashMap`, gives a guest the entries in an order
//! that changes from run to run, and makes room for as many as a guest says before it
//! looks whether they can be there.
#![allow(unsafe_code, reason = "Wasmtime's traits are unsafe to implement")]

use std::collections::HashMap;
use std::mem::MaybeUninit;

use wasmtime::ValRaw;
use wasmtime::component as wt;
use wasmtime::component::__internal::wasmtime_environ::component::TypeMap;
use wasmtime::component::__internal::{
    CanonicalAbiInfo, ComponentTypes, InstanceType, InterfaceType, LiftContext, LowerContext,
    bad_type_info, map_maybe_uninit,
};

use super::Map;

type EngineResult<T> = std::result::Result<T, wasmtime::Error>;

fn types_of(ty: InterfaceType, types: &ComponentTypes) -> &TypeMap {
    match ty {
        InterfaceType::Map(index) => &types[index],
        _ => bad_type_info(),
    }
}

// SAFETY: everything is `HashMap`'s own.
unsafe impl<K: wt::ComponentType, V: wt::ComponentType> wt::ComponentType for Map<K, V> {
    const ABI: CanonicalAbiInfo = <HashMap<K, V> as wt::ComponentType>::ABI;
    const MAY_REQUIRE_REALLOC: bool = <HashMap<K, V> as wt::ComponentType>::MAY_REQUIRE_REALLOC;
    type Lower = [ValRaw; 2];

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> EngineResult<()> {
        <HashMap<K, V> as wt::ComponentType>::typecheck(ty, types)
    }
}

impl<K: wt::Lower, V: wt::Lower> Map<K, V> {
    /// Stores the entries in memory of their own; where, and how many.
    fn store_wasmtime<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
    ) -> EngineResult<(u32, u32)> {
        let map = types_of(ty, cx.types);
        let too_long = || wasmtime::Error::msg("map is too long");
        let len = u32::try_from(self.len()).map_err(|_| too_long())?;
        let size = len.checked_mul(map.entry_abi.size32).ok_or_else(too_long)?;
        let start = cx.realloc(0, 0, map.entry_abi.align32, size as usize)?;
        let mut at = start;
        for (key, value) in self {
            key.linear_lower_to_memory(cx, map.key, at)?;
            value.linear_lower_to_memory(cx, map.value, at + map.value_offset32 as usize)?;
            at += map.entry_abi.size32 as usize;
        }
        Ok((u32::try_from(start)?, len))
    }
}

// SAFETY: both slots, or all eight bytes, are written, as they are for a list.
unsafe impl<K: wt::Lower, V: wt::Lower> wt::Lower for Map<K, V> {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<[ValRaw; 2]>,
    ) -> EngineResult<()> {
        let (at, len) = self.store_wasmtime(cx, ty)?;
        // All 64 bits, for memories that need them.
        map_maybe_uninit!(dst[0]).write(ValRaw::i64(at.into()));
        map_maybe_uninit!(dst[1]).write(ValRaw::i64(len.into()));
        Ok(())
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> EngineResult<()> {
        let (at, len) = self.store_wasmtime(cx, ty)?;
        *cx.get(offset) = at.to_le_bytes();
        *cx.get(offset + 4) = len.to_le_bytes();
        Ok(())
    }
}

impl<K: wt::Lift + Ord, V: wt::Lift> Map<K, V> {
    /// Reads `len` entries at `at`. The errors are those that Wasmtime has.
    fn load_wasmtime(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        at: u32,
        len: u32,
    ) -> EngineResult<Self> {
        let types = cx.types.clone();
        let map = types_of(ty, &types);
        let (at, len) = (at as usize, len as usize);
        let size = map.entry_abi.size32 as usize;
        let end = len
            .checked_mul(size)
            .and_then(|whole| at.checked_add(whole));
        if end.is_none_or(|end| end > cx.memory().len()) {
            return Err(wasmtime::Error::msg(
                "map pointer/length out of bounds of memory",
            ));
        }
        cx.consume_fuel_array(len, size_of::<(K, V)>())?;
        if !at.is_multiple_of(map.entry_abi.align32 as usize) {
            return Err(wasmtime::Error::msg("map pointer is not aligned"));
        }
        let entries = (0..len).map(|index| {
            let entry = &cx.memory()[at + index * size..][..size];
            let key = &entry[..<K as wt::ComponentType>::SIZE32];
            let value = &entry[map.value_offset32 as usize..];
            let value = &value[..<V as wt::ComponentType>::SIZE32];
            let key = K::linear_lift_from_memory(cx, map.key, key)?;
            let value = V::linear_lift_from_memory(cx, map.value, value)?;
            Ok((key, value))
        });
        entries.collect()
    }
}

// SAFETY: reads what was checked to be of this type.
unsafe impl<K: wt::Lift + Ord, V: wt::Lift> wt::Lift for Map<K, V> {
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &[ValRaw; 2],
    ) -> EngineResult<Self> {
        Self::load_wasmtime(cx, ty, src[0].get_u32(), src[1].get_u32())
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> EngineResult<Self> {
        let at = u32::linear_lift_from_memory(cx, InterfaceType::U32, &bytes[..4])?;
        let len = u32::linear_lift_from_memory(cx, InterfaceType::U32, &bytes[4..])?;
        Self::load_wasmtime(cx, ty, at, len)
    }
}
