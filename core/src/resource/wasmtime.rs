//! Wasmtime's view of our resource types: each wraps Wasmtime's own and
//! delegates to it. The hidden methods are those of the pinned version.
#![allow(unsafe_code, reason = "Wasmtime's traits are unsafe to implement")]

use std::mem::MaybeUninit;

use wasmtime::component as wt;
use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext, LowerContext,
};

use super::{Any, Kind, NO_NUMBER, Resource, ResourceAny, ResourceType};
use crate::error::{Error, ErrorKind, Result};

type EngineResult<T> = std::result::Result<T, wasmtime::Error>;

/// Wasmtime's number of a store, which tells it from every other of the process.
///
/// Wasmtime compares it wherever a handle to a function or an instance is used,
/// but not for resources: it does not keep it with them.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreNumber(u64);

mod in_store {
    /// What begins with the number of its store, and is aligned as that is.
    ///
    /// # Safety
    ///
    /// The first eight bytes are initialised and are that number.
    pub unsafe trait InStore {}

    // SAFETY: these are part of Wasmtime's C API, whose headers declare them as
    // structures that begin with a `uint64_t store_id`. Wasmtime asserts their
    // sizes and the offset of the field.
    unsafe impl InStore for wasmtime::Func {}
    // SAFETY: as above.
    unsafe impl InStore for wasmtime::component::Func {}
    // SAFETY: as above.
    unsafe impl InStore for wasmtime::component::Instance {}
}

impl StoreNumber {
    /// The number of the store that the handle belongs to.
    #[inline]
    pub fn of<T: in_store::InStore>(handle: &T) -> Self {
        const { assert!(size_of::<T>() >= 8 && align_of::<T>() >= align_of::<u64>()) }
        // SAFETY: `InStore` promises that a number is there, and it is aligned.
        StoreNumber(unsafe { std::ptr::from_ref(handle).cast::<u64>().read() })
    }
}

/// Wasmtime's number of an instance in its store.
#[doc(hidden)]
pub fn instance_number(instance: &wt::Instance) -> u32 {
    const { assert!(size_of::<wt::Instance>() == 16 && align_of::<wt::Instance>() == 8) }
    // SAFETY: the C API's `wasmtime_component_instance_t` is a `uint64_t` and a
    // `uint32_t`, and Wasmtime asserts that this is like it.
    unsafe { std::ptr::from_ref(instance).cast::<u32>().add(2).read() }
}

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
            Kind::Host(host) => Some((host.engine)()),
            Kind::Wasmtime(engine) => Some(engine),
            Kind::Any | Kind::Component(_) => None,
        }
    }
}

impl ResourceAny {
    /// Wraps Wasmtime's handle, which is of this store.
    #[doc(hidden)]
    pub fn from_wasmtime(any: wt::ResourceAny, store: StoreNumber) -> Self {
        let owner = NO_NUMBER;
        ResourceAny(Any::Wasmtime { any, store, owner })
    }

    /// Wraps Wasmtime's handle, which was lifted with this type just now.
    #[doc(hidden)]
    pub fn lifted(any: wt::ResourceAny, cx: &mut LiftContext<'_>, ty: InterfaceType) -> Self {
        let instance = cx.instance_handle();
        let owner = match ty {
            // Borrows have no destructor, and one of the host's enters no guest.
            InterfaceType::Own(ty) if cx.instance_mut().dtor_and_instance(ty).1.is_some() => {
                instance_number(&instance)
            }
            _ => NO_NUMBER,
        };
        let store = StoreNumber::of(&instance);
        ResourceAny(Any::Wasmtime { any, store, owner })
    }

    /// Wasmtime's handle, if this is one of this store.
    ///
    /// # Errors
    ///
    /// `WrongStore`, and `TypeMismatch` for a handle of another backend.
    #[doc(hidden)]
    #[inline]
    pub fn to_wasmtime(&self, store: StoreNumber) -> Result<wt::ResourceAny> {
        match self.0 {
            Any::Wasmtime {
                any, store: own, ..
            } if own == store => Ok(any),
            _ => Err(self.refused()),
        }
    }

    #[cold]
    fn refused(&self) -> Error {
        match self.0 {
            Any::Wasmtime { .. } => Error::new(
                ErrorKind::WrongStore,
                "the resource belongs to another store",
            ),
            Any::Own(_) | Any::Borrow(_) => Error::new(
                ErrorKind::TypeMismatch,
                "the resource belongs to another backend",
            ),
        }
    }

    fn engine(&self, instance: wt::Instance) -> EngineResult<wt::ResourceAny> {
        self.to_wasmtime(StoreNumber::of(&instance))
            .map_err(wasmtime::Error::new)
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
        let any = self.engine(cx.instance_handle())?;
        wt::Lower::linear_lower_to_flat(&any, cx, ty, dst)
    }

    fn linear_lower_to_memory<U>(
        &self,
        cx: &mut LowerContext<'_, U>,
        ty: InterfaceType,
        offset: usize,
    ) -> EngineResult<()> {
        let any = self.engine(cx.instance_handle())?;
        wt::Lower::linear_lower_to_memory(&any, cx, ty, offset)
    }
}

// SAFETY: delegates to `wt::ResourceAny`, whose storage is the same.
unsafe impl wt::Lift for ResourceAny {
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &Self::Lower,
    ) -> EngineResult<Self> {
        let any = wt::Lift::linear_lift_from_flat(cx, ty, src)?;
        Ok(Self::lifted(any, cx, ty))
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> EngineResult<Self> {
        let any = wt::Lift::linear_lift_from_memory(cx, ty, bytes)?;
        Ok(Self::lifted(any, cx, ty))
    }
}
