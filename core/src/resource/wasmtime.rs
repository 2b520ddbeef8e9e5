//! Wasmtime's view of our resource types: each wraps Wasmtime's own and
//! delegates to it. The hidden methods are those of the pinned version.
#![allow(unsafe_code, reason = "Wasmtime's traits are unsafe to implement")]

use std::mem::MaybeUninit;

use wasmtime::component as wt;
use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext, LowerContext,
};

use super::{Any, Kind, Resource, ResourceAny, ResourceType};

type EngineResult<T> = std::result::Result<T, wasmtime::Error>;

impl ResourceType {
    /// Wraps Wasmtime's resource type.
    #[doc(hidden)]
    pub fn from_wasmtime(ty: wt::ResourceType) -> Self {
        ResourceType(Kind::Wasmtime(ty))
    }

    /// Wasmtime's resource type, if it has one for this.
    #[doc(hidden)]
    pub fn to_wasmtime(&self) -> Option<wt::ResourceType> {
        match self.0 {
            Kind::Host(host) => Some(host().engine),
            Kind::Wasmtime(engine) => Some(engine),
            Kind::Any | Kind::Component(_) => None,
        }
    }
}

impl ResourceAny {
    /// Wraps Wasmtime's handle.
    #[doc(hidden)]
    pub fn from_wasmtime(any: wt::ResourceAny) -> Self {
        ResourceAny(Any::Wasmtime(any))
    }

    /// Wasmtime's handle, if this is one.
    #[doc(hidden)]
    pub fn to_wasmtime(&self) -> Option<wt::ResourceAny> {
        match self.0 {
            Any::Wasmtime(any) => Some(any),
            Any::Own(_) | Any::Borrow(_) => None,
        }
    }

    fn engine(&self) -> EngineResult<wt::ResourceAny> {
        self.to_wasmtime()
            .ok_or_else(|| wasmtime::Error::msg("this resource belongs to another backend"))
    }
}

impl<T: 'static> Resource<T> {
    /// Wraps Wasmtime's handle.
    #[doc(hidden)]
    pub fn from_wasmtime(engine: wt::Resource<T>) -> Self {
        let (rep, owned) = (engine.rep(), engine.owned());
        let resource = if owned {
            Self::new_own(rep)
        } else {
            Self::new_borrow(rep)
        };
        Resource { engine, ..resource }
    }

    /// Wasmtime's handle.
    #[doc(hidden)]
    pub fn into_wasmtime(self) -> wt::Resource<T> {
        self.engine
    }
}

// SAFETY: everything is `wt::Resource<T>`'s own, which is what the other
// methods hand to Wasmtime.
unsafe impl<T: 'static> wt::ComponentType for Resource<T> {
    const ABI: CanonicalAbiInfo = <wt::Resource<T> as wt::ComponentType>::ABI;
    const MAY_REQUIRE_REALLOC: bool = <wt::Resource<T> as wt::ComponentType>::MAY_REQUIRE_REALLOC;
    type Lower = <wt::Resource<T> as wt::ComponentType>::Lower;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> EngineResult<()> {
        <wt::Resource<T> as wt::ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: delegates to `wt::Resource<T>`, whose storage is the same.
unsafe impl<T: 'static> wt::Lower for Resource<T> {
    fn linear_lower_to_flat<U>(
        &self,
        cx: &mut LowerContext<'_, U>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> EngineResult<()> {
        wt::Lower::linear_lower_to_flat(&self.engine, cx, ty, dst)
    }

    fn linear_lower_to_memory<U>(
        &self,
        cx: &mut LowerContext<'_, U>,
        ty: InterfaceType,
        offset: usize,
    ) -> EngineResult<()> {
        wt::Lower::linear_lower_to_memory(&self.engine, cx, ty, offset)
    }
}

// SAFETY: delegates to `wt::Resource<T>`, whose storage is the same.
unsafe impl<T: 'static> wt::Lift for Resource<T> {
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &Self::Lower,
    ) -> EngineResult<Self> {
        wt::Lift::linear_lift_from_flat(cx, ty, src).map(Self::from_wasmtime)
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> EngineResult<Self> {
        wt::Lift::linear_lift_from_memory(cx, ty, bytes).map(Self::from_wasmtime)
    }
}

// SAFETY: everything is `wt::ResourceAny`'s own.
unsafe impl wt::ComponentType for ResourceAny {
    const ABI: CanonicalAbiInfo = <wt::ResourceAny as wt::ComponentType>::ABI;
    const MAY_REQUIRE_REALLOC: bool = <wt::ResourceAny as wt::ComponentType>::MAY_REQUIRE_REALLOC;
    type Lower = <wt::ResourceAny as wt::ComponentType>::Lower;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> EngineResult<()> {
        <wt::ResourceAny as wt::ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: delegates to `wt::ResourceAny`, whose storage is the same.
unsafe impl wt::Lower for ResourceAny {
    fn linear_lower_to_flat<U>(
        &self,
        cx: &mut LowerContext<'_, U>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> EngineResult<()> {
        wt::Lower::linear_lower_to_flat(&self.engine()?, cx, ty, dst)
    }

    fn linear_lower_to_memory<U>(
        &self,
        cx: &mut LowerContext<'_, U>,
        ty: InterfaceType,
        offset: usize,
    ) -> EngineResult<()> {
        wt::Lower::linear_lower_to_memory(&self.engine()?, cx, ty, offset)
    }
}

// SAFETY: delegates to `wt::ResourceAny`, whose storage is the same.
unsafe impl wt::Lift for ResourceAny {
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &Self::Lower,
    ) -> EngineResult<Self> {
        wt::Lift::linear_lift_from_flat(cx, ty, src).map(Self::from_wasmtime)
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> EngineResult<Self> {
        wt::Lift::linear_lift_from_memory(cx, ty, bytes).map(Self::from_wasmtime)
    }
}
