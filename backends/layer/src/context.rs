//! One crossing of the boundary: values go into a component's memory and
//! tables, or come out of them.
#![allow(
    unsafe_code,
    reason = "a memory is looked up once and not for each value"
)]

use std::sync::OnceLock;

use enginebay_core::abi::{self, FuncShape, LiftContext, LowerContext, MemoryPlace};
use enginebay_core::{
    Error, FuncType, ResourceAny, ResourceType, Result, StringEncoding, TrapCode, Type,
};
use wasmtime_environ::component::{
    OptionsIndex, RuntimeComponentInstanceIndex, RuntimeMemoryIndex, RuntimeReallocIndex,
    TypeFuncIndex, TypeResourceTableIndex,
};

use crate::engine::CoreEngine;
use crate::instance::Ends;
use crate::meters;
use crate::program::Program;
use crate::store::{may_leave, set_may_leave};
use crate::types::{Needs, Types, Uses};

/// A function at the boundary, with what its values need: made once, used by
/// every call.
pub(crate) struct Boundary {
    /// The instance inside of the component whose memory, `realloc` and handles
    /// are used.
    pub(crate) owner: RuntimeComponentInstanceIndex,
    pub(crate) encoding: StringEncoding,
    pub(crate) memory: Option<RuntimeMemoryIndex>,
    pub(crate) realloc: Option<RuntimeReallocIndex>,
    pub(crate) uses: Uses,
    /// The tables that handles go through, by resource type.
    tables: Box<[(ResourceType, TypeResourceTableIndex)]>,
    /// All parameters and all results, as tuples.
    pub(crate) params: Type,
    pub(crate) results: Type,
    /// The function's type, and how its values are lowered and lifted if they
    /// are known at run time only.
    pub(crate) ty: FuncType,
    shapes: OnceLock<FuncShape>,
    /// Whether the slots of `context.get` are the caller's or the callee's.
    pub(crate) has_context: bool,
    /// Whether anything can tell that the owner may not be left: its code has
    /// something to leave by, or looks at the flag.
    pub(crate) has_exits: bool,
}

impl Boundary {
    pub(crate) fn new<E: CoreEngine>(
        program: &Program<E>,
        types: &Types<'_>,
        ty: TypeFuncIndex,
        options: OptionsIndex,
    ) -> Self {
        use wasmtime_environ::component::StringEncoding as Encoding;
        let (memory, realloc) = program.linear_memory(options);
        let options = program.options(options);
        let func = &program.types[ty];
        let mut tables = Vec::new();
        for tuple in [func.params, func.results] {
            crate::types::handle_tables(&program.types, tuple, &mut |table| {
                tables.push((types.resource(table), table));
            });
        }
        Boundary {
            owner: options.instance,
            encoding: match options.string_encoding {
                Encoding::Utf8 => StringEncoding::Utf8,
                Encoding::Utf16 => StringEncoding::Utf16,
                Encoding::CompactUtf16 => StringEncoding::Latin1OrUtf16,
            },
            memory,
            realloc,
            uses: Uses::of(&program.types, ty),
            tables: tables.into(),
            params: types.tuple(func.params),
            results: types.tuple(func.results),
            ty: types.func(ty),
            shapes: OnceLock::new(),
            has_context: program.has_context,
            has_exits: program.shared_flags[options.instance] || !program.trampolines.is_empty(),
        }
    }

    /// Whether a call may lend handles, or has slots of `context.get` of its own.
    #[inline]
    pub(crate) fn is_scoped(&self) -> bool {
        self.uses.params.borrows || self.has_context
    }

    /// Whether any value goes by the guest's memory.
    #[inline]
    pub(crate) fn needs_memory(&self) -> bool {
        self.uses.params.memory || self.uses.results.memory
    }

    /// How values that are known at run time cross.
    pub(crate) fn shapes(&self) -> &FuncShape {
        self.shapes.get_or_init(|| FuncShape::new(&self.ty))
    }

    fn table(&self, ty: &ResourceType) -> Result<TypeResourceTableIndex> {
        self.tables
            .iter()
            .find(|(known, _)| known == ty)
            .map(|(_, table)| *table)
            .ok_or_else(mismatch)
    }

    /// The resource type of a handle type, its table, and whether the handle is
    /// an owned one.
    fn handle(&self, ty: &Type) -> Result<(ResourceType, TypeResourceTableIndex, bool)> {
        match ty {
            Type::Own(ty) => Ok((*ty, self.table(ty)?, true)),
            Type::Borrow(ty) => Ok((*ty, self.table(ty)?, false)),
            _ => Err(mismatch()),
        }
    }
}

#[cold]
fn mismatch() -> Error {
    Error::trap(TrapCode::HandleTypeMismatch)
}

/// Values that cross now.
pub(crate) struct Crossing<'a, 'c, E: CoreEngine> {
    cx: &'a mut E::Context<'c>,
    /// The component instance in the store.
    instance: u32,
    boundary: &'a Boundary,
    /// If any value needs memory.
    ends: Option<&'a Ends<E>>,
    /// The memory as it was looked up last, or nothing: nothing but `realloc`,
    /// which looks it up again, runs guest code while this lives.
    base: *mut u8,
    len: usize,
    /// Bytes that the guest may still make the host allocate.
    budget: u64,
}

impl<'a, 'c, E: CoreEngine> Crossing<'a, 'c, E> {
    /// To be made ready by [`Crossing::lowering`] or [`Crossing::lifting`], in
    /// place: it is too large to be moved in each call. Lowering parameters needs
    /// neither: whatever goes to memory goes to where `realloc` says.
    #[inline(always)]
    pub(crate) fn new(
        cx: &'a mut E::Context<'c>,
        instance: u32,
        boundary: &'a Boundary,
        ends: Option<&'a Ends<E>>,
    ) -> Self {
        Crossing {
            cx,
            instance,
            boundary,
            ends,
            base: std::ptr::dangling_mut(),
            len: 0,
            budget: 0,
        }
    }

    /// `needs` says what the values of this direction need.
    #[inline]
    pub(crate) fn lowering(&mut self, needs: &Needs) -> Result<()> {
        if needs.memory { self.look() } else { Ok(()) }
    }

    /// As [`Crossing::lowering`], and the guest may make the host allocate.
    #[inline]
    pub(crate) fn lifting(&mut self, needs: &Needs) -> Result<()> {
        self.budget = E::data(self.cx).store_data().limits().host_bytes;
        self.lowering(needs)
    }

    #[inline]
    fn look(&mut self) -> Result<()> {
        let (Some(index), Some(ends)) = (self.boundary.memory, self.ends) else {
            return Ok(());
        };
        let memory = ends.memory(self.cx, self.instance, index)?;
        let bytes = E::memory(self.cx, memory);
        self.base = bytes.as_mut_ptr();
        self.len = bytes.len();
        Ok(())
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        // SAFETY: the engine gave these bytes, and no guest code that could
        // move or shrink them has run since (see `base`). `self.cx` is borrowed
        // for as long as the crossing lives, so nobody else has them.
        unsafe { std::slice::from_raw_parts(self.base, self.len) }
    }
}

impl<E: CoreEngine> LowerContext for Crossing<'_, '_, E> {
    #[inline]
    fn memory(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `self` is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.base, self.len) }
    }

    #[inline]
    fn string_encoding(&self) -> StringEncoding {
        self.boundary.encoding
    }

    fn realloc(
        &mut self,
        old: usize,
        old_size: usize,
        align: usize,
        new_size: usize,
    ) -> Result<usize> {
        let instance = self.instance;
        let Boundary {
            owner,
            realloc,
            has_context,
            has_exits,
            ..
        } = *self.boundary;
        let too_long = |_| Error::trap(TrapCode::TooLong);
        let mut slots = [0; 4];
        for (slot, size) in slots.iter_mut().zip([old, old_size, align, new_size]) {
            *slot = u64::from(u32::try_from(size).map_err(too_long)?);
        }
        let (Some(realloc), Some(ends)) = (realloc, self.ends) else {
            return Err(Error::trap(TrapCode::CanonicalAbi));
        };
        let callee = ends.realloc(self.cx, instance, realloc)?;
        if has_context || has_exits {
            let context = std::mem::take(&mut E::data_mut(self.cx).context);
            let may = may_leave::<E>(self.cx, instance, owner);
            set_may_leave::<E>(self.cx, instance, owner, false);
            meters::call::<E>(self.cx, instance, callee, &mut slots)?;
            set_may_leave::<E>(self.cx, instance, owner, may);
            E::data_mut(self.cx).context = context;
        } else {
            meters::call::<E>(self.cx, instance, callee, &mut slots)?;
        }
        self.look()?;
        let at = slots[0] as u32 as usize;
        if !at.is_multiple_of(align) {
            return Err(Error::trap(TrapCode::UnalignedPointer));
        }
        match at.checked_add(new_size) {
            Some(end) if end <= self.len => Ok(at),
            _ => Err(Error::trap(TrapCode::PointerOutOfBounds)),
        }
    }

    fn lower_own(&mut self, ty: &ResourceType, rep: u32) -> Result<u32> {
        let table = self.boundary.table(ty)?;
        E::data_mut(self.cx).insert_own(self.instance, table, rep)
    }

    fn lower_borrow(&mut self, ty: &ResourceType, rep: u32) -> Result<u32> {
        let table = self.boundary.table(ty)?;
        E::data_mut(self.cx).insert_borrow(self.instance, table, rep)
    }

    fn lower_any(&mut self, ty: &Type, resource: &ResourceAny) -> Result<u32> {
        let (wanted, table, owned) = self.boundary.handle(ty)?;
        if resource.ty() != wanted {
            return Err(mismatch());
        }
        let data = E::data_mut(self.cx);
        if owned {
            let rep = data.host_take(resource)?;
            data.insert_own(self.instance, table, rep)
        } else {
            let rep = data.host_lend(resource)?;
            data.insert_borrow(self.instance, table, rep)
        }
    }
}

impl<E: CoreEngine> LiftContext for Crossing<'_, '_, E> {
    #[inline]
    fn memory(&self) -> &[u8] {
        self.bytes()
    }

    #[inline]
    fn string_encoding(&self) -> StringEncoding {
        self.boundary.encoding
    }

    #[inline]
    fn charge(&mut self, bytes: usize) -> Result<()> {
        if abi::spend(&mut self.budget, bytes) {
            return Ok(());
        }
        Err(E::data(self.cx).store_data().host_bytes_refused())
    }

    fn place(&self) -> Result<MemoryPlace> {
        let memory = self.boundary.memory;
        let memory = memory.ok_or_else(|| Error::trap(TrapCode::CanonicalAbi))?;
        Ok(MemoryPlace {
            store: E::data(self.cx).store_data().number(),
            instance: self.instance,
            memory: memory.as_u32(),
            encoding: self.boundary.encoding,
        })
    }

    fn lift_own(&mut self, ty: &ResourceType, handle: u32) -> Result<u32> {
        let table = self.boundary.table(ty)?;
        E::data_mut(self.cx).take_own(self.instance, table, handle)
    }

    fn lift_borrow(&mut self, ty: &ResourceType, handle: u32) -> Result<u32> {
        let table = self.boundary.table(ty)?;
        E::data_mut(self.cx).lend(self.instance, table, handle)
    }

    fn lift_any(&mut self, ty: &Type, handle: u32) -> Result<ResourceAny> {
        let (resource, table, owned) = self.boundary.handle(ty)?;
        let instance = self.instance;
        let data = E::data_mut(self.cx);
        if owned {
            let rep = data.take_own(instance, table, handle)?;
            let origin = data.instance(instance).origin(instance, table);
            data.host_own(resource, rep, origin)
        } else {
            let rep = data.lend(instance, table, handle)?;
            data.host_borrow(resource, rep)
        }
    }
}
