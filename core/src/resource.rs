//! Handles to component-model resources: [`Resource`] for those that the host
//! defines, [`ResourceAny`] for any, and their types.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::__private::Sealed;
use crate::abi::{
    Abi, ComponentType, FlatReader, FlatWriter, Lift, LiftContext, Lower, LowerContext, See,
};
use crate::error::{Error, ErrorKind, Result};
use crate::types::Type;

#[cfg(feature = "wasmtime")]
mod wasmtime;

#[cfg(feature = "wasmtime")]
pub use self::wasmtime::{StoreNumber, instance_number};

/// The identity of a resource type: defined by the host as a Rust type, or by
/// a component.
#[derive(Clone, Copy)]
pub struct ResourceType(Kind);

#[derive(Clone, Copy)]
enum Kind {
    Any,
    Host(&'static HostType),
    /// Defined by a component; numbered by the backend.
    Component(u64),
    #[cfg(feature = "wasmtime")]
    Wasmtime(::wasmtime::component::ResourceType),
}

/// What is known of a type of the host's, in one place: whoever has the type
/// has a word.
struct HostType {
    id: TypeId,
    name: fn() -> &'static str,
    #[cfg(feature = "wasmtime")]
    engine: fn() -> ::wasmtime::component::ResourceType,
}

trait IsHostType: 'static {
    const TYPE: &'static HostType;
}

impl<T: 'static> IsHostType for T {
    const TYPE: &'static HostType = &HostType {
        id: TypeId::of::<T>(),
        name: std::any::type_name::<T>,
        #[cfg(feature = "wasmtime")]
        engine: ::wasmtime::component::ResourceType::host::<T>,
    };
}

impl ResourceType {
    /// The type of the host's resources `T`.
    pub fn host<T: 'static>() -> Self {
        ResourceType(Kind::Host(T::TYPE))
    }

    /// Any resource type; what a Rust type that is not fixed to one stands for.
    pub fn any() -> Self {
        ResourceType(Kind::Any)
    }

    /// A type that a component defines, numbered by its backend.
    #[doc(hidden)]
    pub fn component(id: u64) -> Self {
        ResourceType(Kind::Component(id))
    }

    /// The number that [`ResourceType::component`] was given.
    #[doc(hidden)]
    pub fn component_id(&self) -> Option<u64> {
        match self.0 {
            Kind::Component(id) => Some(id),
            _ => None,
        }
    }

    /// Whether this is [`ResourceType::any`].
    pub fn is_any(&self) -> bool {
        matches!(self.0, Kind::Any)
    }
}

impl PartialEq for ResourceType {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Any, Kind::Any) => true,
            (Kind::Host(a), Kind::Host(b)) => a.id == b.id,
            (Kind::Component(a), Kind::Component(b)) => a == b,
            #[cfg(feature = "wasmtime")]
            (Kind::Wasmtime(a), Kind::Wasmtime(b)) => a == b,
            #[cfg(feature = "wasmtime")]
            (Kind::Host(host), Kind::Wasmtime(ty)) | (Kind::Wasmtime(ty), Kind::Host(host)) => {
                (host.engine)() == *ty
            }
            _ => false,
        }
    }
}

impl Eq for ResourceType {}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceType({self})")
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Host(host) => {
                let name = (host.name)();
                f.write_str(name.rsplit("::").next().unwrap_or(name))
            }
            Kind::Component(id) => write!(f, "resource {id}"),
            Kind::Any => f.write_str("resource"),
            #[cfg(feature = "wasmtime")]
            Kind::Wasmtime(_) => f.write_str("resource"),
        }
    }
}

/// A handle to a resource that the host defines, by its representation: a
/// number of the host's choice, usually an index into a table of its own.
///
/// An owned handle passes its resource on when it is lowered, once; a borrowed
/// one lends it for a call.
///
/// ```
/// use enginebay_core::Resource;
/// struct File;
/// let file = Resource::<File>::new_own(3);
/// assert_eq!((file.rep(), file.owned()), (3, true));
/// ```
pub struct Resource<T: 'static> {
    rep: u32,
    owned: bool,
    /// An owned handle that was lowered is spent.
    spent: AtomicBool,
    #[cfg(feature = "wasmtime")]
    engine: ::wasmtime::component::Resource<T>,
    _marker: PhantomData<fn() -> T>,
}

impl<T: 'static> Resource<T> {
    /// An owned handle.
    pub fn new_own(rep: u32) -> Self {
        Resource {
            rep,
            owned: true,
            spent: AtomicBool::new(false),
            #[cfg(feature = "wasmtime")]
            engine: ::wasmtime::component::Resource::new_own(rep),
            _marker: PhantomData,
        }
    }

    /// A borrowed handle.
    pub fn new_borrow(rep: u32) -> Self {
        Resource {
            rep,
            owned: false,
            spent: AtomicBool::new(false),
            #[cfg(feature = "wasmtime")]
            engine: ::wasmtime::component::Resource::new_borrow(rep),
            _marker: PhantomData,
        }
    }

    /// The representation.
    pub fn rep(&self) -> u32 {
        self.rep
    }

    /// Whether the handle owns its resource.
    pub fn owned(&self) -> bool {
        self.owned
    }

    /// The representation of an owned resource that is passed on, once.
    #[doc(hidden)]
    pub fn spend(&self) -> Result<u32> {
        if self.spent.swap(true, Ordering::Relaxed) {
            return Err(Error::new(
                ErrorKind::TypeMismatch,
                "this owned resource was already passed on",
            ));
        }
        Ok(self.rep)
    }

    fn lower<C: LowerContext + ?Sized>(&self, cx: &mut C, ty: &Type) -> Result<u32> {
        let resource = &ResourceType::host::<T>();
        match ty {
            Type::Own(_) if !self.owned => Err(Error::new(
                ErrorKind::TypeMismatch,
                "a borrowed resource cannot be passed as an owned one",
            )),
            Type::Own(_) => cx.lower_own(resource, self.spend()?),
            Type::Borrow(_) => cx.lower_borrow(resource, self.rep),
            other => Err(not_a_handle(other)),
        }
    }

    fn lift<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, handle: u32) -> Result<Self> {
        let resource = &ResourceType::host::<T>();
        match ty {
            Type::Own(_) => cx.lift_own(resource, handle).map(Self::new_own),
            Type::Borrow(_) => cx.lift_borrow(resource, handle).map(Self::new_borrow),
            other => Err(not_a_handle(other)),
        }
    }
}

fn not_a_handle(ty: &Type) -> Error {
    Error::new(
        ErrorKind::TypeMismatch,
        format!("expected `own` or `borrow`, found `{ty}`"),
    )
}

impl<T> fmt::Debug for Resource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.owned { "own" } else { "borrow" };
        write!(f, "Resource({kind} {})", self.rep)
    }
}

/// A handle to any resource, as a component gave it to the host.
///
/// It stays in the store's tables until it is passed on or dropped with
/// [`ResourceAny::resource_drop`](crate::ResourceAny::resource_drop), borrowed
/// ones too. Copies are the same handle. It is good for the store that it
/// came from; any other refuses it with `WrongStore`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceAny(Any);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Any {
    /// An owned handle in the table of a layered backend.
    Own(Slot),
    /// A borrowed one.
    Borrow(Slot),
    #[cfg(feature = "wasmtime")]
    Wasmtime {
        any: ::wasmtime::component::ResourceAny,
        /// Wasmtime's number of the store, see [`StoreNumber`].
        store: StoreNumber,
        /// Wasmtime's number of the instance whose destructor runs at the end;
        /// [`NO_NUMBER`] if there is none, or if it is not known.
        owner: u32,
    },
}

/// A handle in the table of a layered backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    ty: ResourceType,
    /// The core's number of the store.
    store: u64,
    index: u32,
    generation: u32,
    /// The backend's number of the instance that is entered when the handle is
    /// dropped; [`NO_NUMBER`] if there is none.
    owner: u32,
}

/// No instance.
const NO_NUMBER: u32 = u32::MAX;

impl ResourceAny {
    /// The backend's number of the instance that is entered when the handle is
    /// dropped, see [`Backend::instance_number`](crate::Backend).
    pub(crate) fn owner(&self) -> Option<u32> {
        match self.0 {
            Any::Own(slot) | Any::Borrow(slot) => (slot.owner != NO_NUMBER).then_some(slot.owner),
            #[cfg(feature = "wasmtime")]
            Any::Wasmtime { owner, .. } => (owner != NO_NUMBER).then_some(owner),
        }
    }

    /// A handle in the table of a layered backend, in the store of this number;
    /// `generation` tells reused slots apart, and `owner` is the backend's number
    /// of the instance that is entered when the handle is dropped.
    #[doc(hidden)]
    pub fn new(
        ty: ResourceType,
        store: u64,
        (index, generation): (u32, u32),
        owned: bool,
        owner: Option<u32>,
    ) -> Self {
        let slot = Slot {
            ty,
            store,
            index,
            generation,
            owner: owner.unwrap_or(NO_NUMBER),
        };
        ResourceAny(if owned {
            Any::Own(slot)
        } else {
            Any::Borrow(slot)
        })
    }

    /// Whether the handle was made by [`ResourceAny::new`].
    #[doc(hidden)]
    pub fn is_slot(&self) -> bool {
        matches!(self.0, Any::Own(_) | Any::Borrow(_))
    }

    /// The slot and its generation, if the handle was made by
    /// [`ResourceAny::new`] for this store.
    ///
    /// # Errors
    ///
    /// `WrongStore`, and `TypeMismatch` for a handle of another backend.
    #[doc(hidden)]
    pub fn slot(&self, store: u64) -> Result<(u32, u32)> {
        match self.0 {
            Any::Own(slot) | Any::Borrow(slot) if slot.store == store => {
                Ok((slot.index, slot.generation))
            }
            Any::Own(_) | Any::Borrow(_) => Err(Error::new(
                ErrorKind::WrongStore,
                "the resource belongs to another store",
            )),
            #[cfg(feature = "wasmtime")]
            Any::Wasmtime { .. } => Err(Error::new(
                ErrorKind::TypeMismatch,
                "the resource belongs to another backend",
            )),
        }
    }

    /// The resource's type.
    pub fn ty(&self) -> ResourceType {
        match &self.0 {
            Any::Own(slot) | Any::Borrow(slot) => slot.ty,
            #[cfg(feature = "wasmtime")]
            Any::Wasmtime { any, .. } => ResourceType(Kind::Wasmtime(any.ty())),
        }
    }

    /// Whether the handle owns its resource.
    pub fn owned(&self) -> bool {
        match &self.0 {
            Any::Own(_) => true,
            Any::Borrow(_) => false,
            #[cfg(feature = "wasmtime")]
            Any::Wasmtime { any, .. } => any.owned(),
        }
    }
}

impl<T: 'static> Sealed for Resource<T> {}

impl<T: 'static> ComponentType for Resource<T> {
    const LAYOUT: Abi = Abi::scalar(4);
    const HAS_HANDLES: bool = true;

    fn component_type() -> Type {
        Type::Own(ResourceType::host::<T>())
    }
}

impl<T: 'static> Lower for Resource<T> {
    fn lower_flat<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        dst: &mut FlatWriter<'_>,
    ) -> Result<()> {
        dst.write(u64::from(self.lower(cx, ty)?));
        Ok(())
    }

    fn lower_memory<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        offset: usize,
    ) -> Result<()> {
        self.lower(cx, ty)?.lower_memory(cx, ty, offset)
    }
}

impl<T: 'static> Lift for Resource<T> {
    fn lift_flat<C: LiftContext + ?Sized>(
        cx: &mut C,
        ty: &Type,
        src: &mut FlatReader<'_>,
    ) -> Result<Self> {
        Self::lift(cx, ty, src.read_u32())
    }

    fn lift_memory<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, offset: usize) -> Result<Self> {
        let handle = u32::lift_memory(cx, ty, offset)?;
        Self::lift(cx, ty, handle)
    }
}

impl Sealed for ResourceAny {}

impl ComponentType for ResourceAny {
    const LAYOUT: Abi = Abi::scalar(4);
    const HAS_HANDLES: bool = true;

    fn component_type() -> Type {
        Type::Own(ResourceType::any())
    }
}

impl Lower for ResourceAny {
    fn lower_flat<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        dst: &mut FlatWriter<'_>,
    ) -> Result<()> {
        dst.write(u64::from(cx.lower_any(ty, self)?));
        Ok(())
    }

    fn handles(&self, see: &mut See<'_>) -> Result<()> {
        see(self)
    }

    fn lower_memory<C: LowerContext + ?Sized>(
        &self,
        cx: &mut C,
        ty: &Type,
        offset: usize,
    ) -> Result<()> {
        cx.lower_any(ty, self)?.lower_memory(cx, ty, offset)
    }
}

impl Lift for ResourceAny {
    fn lift_flat<C: LiftContext + ?Sized>(
        cx: &mut C,
        ty: &Type,
        src: &mut FlatReader<'_>,
    ) -> Result<Self> {
        cx.lift_any(ty, src.read_u32())
    }

    fn lift_memory<C: LiftContext + ?Sized>(cx: &mut C, ty: &Type, offset: usize) -> Result<Self> {
        let handle = u32::lift_memory(cx, ty, offset)?;
        cx.lift_any(ty, handle)
    }
}
