//! Maps. On the way they are lists of pairs.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::ops::{Deref, DerefMut};

use super::{
    Abi, ComponentType, FlatReader, FlatWriter, Lift, LiftContext, Lower, LowerContext, See, list,
    part_type, record_abi, record_offsets,
};
use crate::__private::Sealed;
use crate::error::Result;
use crate::types::Type;

#[cfg(feature = "wasmtime")]
mod wasmtime;

/// `map<K, V>`: a [`BTreeMap`], so that a guest gets the entries in the order of their
/// keys, whatever the engine and the run. Needs [`Feature::Maps`](crate::Feature).
///
/// If a guest gives a key more than once, the last one counts.
///
/// ```
/// let ages = enginebay_core::Map::from([("Ada", 36), ("Alan", 41)]);
/// assert_eq!(ages["Ada"], 36);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Map<K, V>(pub BTreeMap<K, V>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Map(BTreeMap::new())
    }
}

impl<K, V> Deref for Map<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<K, V> DerefMut for Map<K, V> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl<K, V> From<BTreeMap<K, V>> for Map<K, V> {
    fn from(map: BTreeMap<K, V>) -> Self {
        Map(map)
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for Map<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        Map(entries.into())
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Map<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Map(entries.into_iter().collect())
    }
}

impl<K, V> IntoIterator for Map<K, V> {
    type Item = (K, V);
    type IntoIter = btree_map::IntoIter<K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, K, V> IntoIterator for &'a Map<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = btree_map::Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<K, V> Sealed for Map<K, V> {}

impl<K: ComponentType, V: ComponentType> ComponentType for Map<K, V> {
    const LAYOUT: Abi = Abi::POINTER_PAIR;
    const HAS_HANDLES: bool = V::HAS_HANDLES;
    const HAS_VIEWS: bool = V::HAS_VIEWS;

    fn component_type() -> Type {
        Type::map(K::component_type(), V::component_type())
    }
}

/// The layout of an entry, and where the value is in it.
const fn entry<K: ComponentType, V: ComponentType>() -> (Abi, usize) {
    let parts = [K::LAYOUT, V::LAYOUT];
    (record_abi(&parts), record_offsets(parts)[1])
}

impl<K: Lower, V: Lower> Map<K, V> {
    /// Stores the entries in memory of their own and says where.
    fn store<C: LowerContext + ?Sized>(&self, cx: &mut C, ty: &Type) -> Result<usize> {
        let (abi, value_at) = const { entry::<K, V>() };
        let start = list::allocate(cx, self.len(), abi)?;
        let mut at = start;
        for (key, value) in self {
            key.lower_memory(cx, part_type::<K>(ty, 0), at)?;
            value.lower_memory(cx, part_type::<V>(ty, 1), at + value_at)?;
            at += abi.size;
        }
        Ok(start)
    }
}

impl<K: Lower, V: Lower> Lower for Map<K, V> {
    fn lower_flat<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        dst: &mut FlatWriter<'_>,
    ) -> Result<()> {
        dst.write(self.store(cx, ty)? as u64);
        dst.write(self.len() as u64);
        Ok(())
    }

    fn lower_memory<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        offset: usize,
    ) -> Result<()> {
        let at = self.store(cx, ty)?;
        (at as u32).lower_memory(cx, ty, offset)?;
        (self.len() as u32).lower_memory(cx, ty, offset + 4)
    }

    fn handles(&self, see: &mut See<'_>) -> Result<()> {
        self.values().try_for_each(|value| value.handles(see))
    }
}

impl<K: Lift + Ord, V: Lift> Map<K, V> {
    /// Reads `len` entries at `at`.
    fn load<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, at: usize, len: usize) -> Result<Self> {
        let (abi, value_at) = const { entry::<K, V>() };
        list::check(cx, at, len, abi, size_of::<(K, V)>())?;
        let entries = (0..len).map(|index| {
            let at = at + index * abi.size;
            let key = K::lift_memory(cx, part_type::<K>(ty, 0), at)?;
            let value = V::lift_memory(cx, part_type::<V>(ty, 1), at + value_at)?;
            Ok((key, value))
        });
        entries.collect()
    }
}

impl<K: Lift + Ord, V: Lift> Lift for Map<K, V> {
    fn lift_flat<C: LiftContext + ?Sized>(
        cx: &mut C,
        ty: &Type,
        src: &mut FlatReader<'_>,
    ) -> Result<Self> {
        let at = src.read_u32() as usize;
        let len = src.read_u32() as usize;
        Self::load(cx, ty, at, len)
    }

    fn lift_memory<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, offset: usize) -> Result<Self> {
        let at = u32::lift_memory(cx, ty, offset)? as usize;
        let len = u32::lift_memory(cx, ty, offset + 4)? as usize;
        Self::load(cx, ty, at, len)
    }
}
