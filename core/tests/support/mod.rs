//! A guest for the tests of typed values: a linear memory with an allocator
//! that only goes up, and handle tables that keep whatever they are given.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

pub mod random;
pub mod shapes;

use enginebay_core::abi::{LiftContext, LowerContext, MemoryPlace};
use enginebay_core::{
    Error, ErrorKind, ResourceAny, ResourceType, Result, StringEncoding, TrapCode, Type,
};

/// What memory is filled with before anything is written to it.
pub const FILL: u8 = 0xa5;

/// A host handle in the guest's table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Handle {
    Own(ResourceType, u32),
    Borrow(ResourceType, u32),
    Any(ResourceAny),
}

/// Memory, allocator and tables.
pub struct Guest {
    pub memory: Vec<u8>,
    /// Where the next allocation is, before it is aligned.
    pub next: usize,
    pub encoding: StringEncoding,
    /// Host bytes that lifting may still charge.
    pub budget: usize,
    /// Host bytes that lifting has charged.
    pub charged: usize,
    /// The arguments of each `realloc`; there is room for some.
    pub reallocs: Vec<[usize; 4]>,
    /// Handles of the guest start at 1.
    pub handles: Vec<Option<Handle>>,
}

impl Guest {
    pub fn new(encoding: StringEncoding) -> Self {
        Guest {
            memory: vec![FILL; 1 << 16],
            next: 8,
            encoding,
            budget: usize::MAX,
            charged: 0,
            reallocs: Vec::with_capacity(64),
            handles: Vec::with_capacity(8),
        }
    }

    pub fn utf8() -> Self {
        Self::new(StringEncoding::Utf8)
    }

    /// Puts bytes into the guest's memory and returns where they are.
    pub fn put(&mut self, align: usize, bytes: &[u8]) -> usize {
        let at = self.realloc(0, 0, align, bytes.len()).unwrap();
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
        at
    }

    fn insert(&mut self, handle: Handle) -> Result<u32> {
        self.handles.push(Some(handle));
        Ok(self.handles.len() as u32)
    }

    fn slot(&mut self, handle: u32) -> Result<&mut Option<Handle>> {
        (handle as usize)
            .checked_sub(1)
            .and_then(|index| self.handles.get_mut(index))
            .filter(|slot| slot.is_some())
            .ok_or_else(|| Error::trap(TrapCode::UnknownHandle))
    }
}

impl LowerContext for Guest {
    fn memory(&mut self) -> &mut [u8] {
        &mut self.memory
    }

    fn string_encoding(&self) -> StringEncoding {
        self.encoding
    }

    fn realloc(
        &mut self,
        old: usize,
        old_size: usize,
        align: usize,
        new_size: usize,
    ) -> Result<usize> {
        self.reallocs.push([old, old_size, align, new_size]);
        // The latest allocation can change where it is.
        let at = match old_size {
            0 => self.next.next_multiple_of(align),
            _ => {
                assert_eq!(old + old_size, self.next, "only strings are reallocated");
                old
            }
        };
        match at.checked_add(new_size) {
            Some(end) if end <= self.memory.len() => self.next = end,
            _ => return Err(Error::trap(TrapCode::PointerOutOfBounds)),
        }
        Ok(at)
    }

    fn lower_own(&mut self, ty: &ResourceType, rep: u32) -> Result<u32> {
        self.insert(Handle::Own(*ty, rep))
    }

    fn lower_borrow(&mut self, ty: &ResourceType, rep: u32) -> Result<u32> {
        self.insert(Handle::Borrow(*ty, rep))
    }

    fn lower_any(&mut self, _: &Type, resource: &ResourceAny) -> Result<u32> {
        self.insert(Handle::Any(*resource))
    }
}

impl LiftContext for Guest {
    fn memory(&self) -> &[u8] {
        &self.memory
    }

    fn string_encoding(&self) -> StringEncoding {
        self.encoding
    }

    fn charge(&mut self, bytes: usize) -> Result<()> {
        self.charged += bytes;
        match self.budget.checked_sub(bytes) {
            Some(rest) => {
                self.budget = rest;
                Ok(())
            }
            None => Err(Error::of(ErrorKind::HostAllocationLimit {
                limit: self.budget as u64,
            })),
        }
    }

    fn place(&self) -> Result<MemoryPlace> {
        Err(Error::unsupported("lists that stay where they are"))
    }

    fn lift_own(&mut self, ty: &ResourceType, handle: u32) -> Result<u32> {
        match self.slot(handle)?.take() {
            Some(Handle::Own(found, rep)) if found == *ty => Ok(rep),
            _ => Err(Error::trap(TrapCode::HandleTypeMismatch)),
        }
    }

    fn lift_borrow(&mut self, ty: &ResourceType, handle: u32) -> Result<u32> {
        match *self.slot(handle)? {
            Some(Handle::Own(found, rep) | Handle::Borrow(found, rep)) if found == *ty => Ok(rep),
            _ => Err(Error::trap(TrapCode::HandleTypeMismatch)),
        }
    }

    fn lift_any(&mut self, ty: &Type, handle: u32) -> Result<ResourceAny> {
        match (*self.slot(handle)?, ty) {
            (Some(Handle::Any(any)), Type::Own(_) | Type::Borrow(_)) => Ok(any),
            _ => Err(Error::trap(TrapCode::HandleTypeMismatch)),
        }
    }
}
