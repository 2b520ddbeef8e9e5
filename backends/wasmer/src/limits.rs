//! What makes memories and tables, and what grows them: each asks the core's
//! policy first.
//!
//! Memories are wrapped, so that Wasmer's own growth asks. Wasmer's tables have
//! no such place; what compiled code calls to grow one asks instead (`hooks.rs`).
#![allow(unsafe_code, reason = "parts of Wasmer's virtual machine")]

use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;

use enginebay_core::{CountedResource, Error, StoreData};
use wasmer::sys::Tunables;
use wasmer::sys::vm::{
    LinearMemory, VMMemory, VMMemoryDefinition, VMOwnedMemory, VMTable, VMTableDefinition,
};
use wasmer::{MemoryError, MemoryStyle, MemoryType, Pages, TableStyle, TableType};

use crate::engine::FIXED;
use crate::store::Inner;

/// Tables above this many elements are tried out first: Wasmer would end the
/// process if there is no memory for them.
const LARGE: u64 = 1 << 20;

/// Makes what one instance owns.
pub(crate) struct StoreTunables {
    store: NonNull<Inner>,
    refused: Cell<Option<Refused>>,
}

#[derive(Clone, Copy)]
enum Refused {
    Memory,
    Table,
}

impl StoreTunables {
    /// `store` must be alive as long as these, and as all that they make.
    pub(crate) fn new(store: NonNull<Inner>) -> Self {
        StoreTunables {
            store,
            refused: Cell::new(None),
        }
    }

    fn ask<R>(&self, question: impl FnOnce(&mut StoreData) -> R) -> R {
        // SAFETY: see `policy`; `instantiate` holds no reference to the data, and
        // the question does not come back here.
        question(unsafe { policy(self.store) })
    }

    /// The error of a limit, if it was one that stopped the instantiation.
    pub(crate) fn refusal(&self) -> Option<Error> {
        self.refused.get().map(|refused| match refused {
            Refused::Memory => self.ask(|data| data.memory_refused()),
            Refused::Table => {
                self.ask(|data| data.resource_refused(CountedResource::TableElements))
            }
        })
    }
}

/// # Safety
///
/// The store is alive, this thread has exclusive access to it, and no other
/// reference to its data is held while the result is.
pub(crate) unsafe fn policy<'a>(store: NonNull<Inner>) -> &'a mut StoreData {
    // SAFETY: as the caller promises.
    unsafe { (*store.as_ptr()).data.store_data_mut() }
}

impl Tunables for StoreTunables {
    fn memory_style(&self, _memory: &MemoryType) -> MemoryStyle {
        unreachable!("the engine's tunables decide the style, when code is compiled")
    }

    fn table_style(&self, _table: &TableType) -> TableStyle {
        TableStyle::CallerChecksSignature
    }

    fn create_host_memory(
        &self,
        _ty: &MemoryType,
        _style: &MemoryStyle,
    ) -> Result<VMMemory, MemoryError> {
        Err(unsupported("memories of the host"))
    }

    unsafe fn create_vm_memory(
        &self,
        ty: &MemoryType,
        style: &MemoryStyle,
        vm_definition_location: NonNull<VMMemoryDefinition>,
    ) -> Result<VMMemory, MemoryError> {
        if ty.shared {
            return Err(unsupported("shared memories"));
        }
        if !self.ask(|data| data.grow_memory(0, bytes(ty.minimum))) {
            self.refused.set(Some(Refused::Memory));
            return Err(refused(Pages(0), ty.minimum));
        }
        // SAFETY: as the caller promises.
        let memory = unsafe { VMOwnedMemory::from_definition(ty, style, vm_definition_location) };
        let memory = memory.inspect_err(|_| self.ask(StoreData::growth_failed))?;
        Ok(VMMemory(Box::new(LimitedMemory {
            store: self.store,
            memory,
        })))
    }

    fn create_host_table(&self, _ty: &TableType, _style: &TableStyle) -> Result<VMTable, String> {
        Err("tables of the host are not supported".into())
    }

    unsafe fn create_vm_table(
        &self,
        ty: &TableType,
        style: &TableStyle,
        vm_definition_location: NonNull<VMTableDefinition>,
    ) -> Result<VMTable, String> {
        let elements = u64::from(ty.minimum);
        if !self.ask(|data| data.grow_table(0, elements)) {
            self.refused.set(Some(Refused::Table));
            return Err("a limit refuses the table".into());
        }
        let table = if has_room(elements) {
            // A maximum that Wasmer would refuse is one that the policy keeps a
            // table from in any case.
            let mut ty = *ty;
            if ty.maximum == Some(FIXED) {
                ty.maximum = Some(ty.minimum);
            }
            ty.maximum = ty
                .maximum
                .map(|max| max.clamp(ty.minimum, WASMER_MAX.max(ty.minimum)));
            // SAFETY: as the caller promises.
            unsafe { VMTable::from_definition(&ty, style, vm_definition_location) }
        } else {
            Err("there is no memory for the table".into())
        };
        table.inspect_err(|_| self.ask(StoreData::growth_failed))
    }
}

/// The largest maximum that Wasmer lets a table declare.
const WASMER_MAX: u32 = 128 << 20;

fn bytes(pages: Pages) -> u64 {
    u64::from(pages.0) << 16
}

fn refused(current: Pages, delta: Pages) -> MemoryError {
    MemoryError::CouldNotGrow {
        current,
        attempted_delta: delta,
    }
}

fn unsupported(what: &str) -> MemoryError {
    MemoryError::UnsupportedOperation {
        message: format!("{what} are not supported"),
    }
}

/// Whether the allocator can give a table this size.
pub(crate) fn has_room(elements: u64) -> bool {
    elements <= LARGE
        || usize::try_from(elements)
            .is_ok_and(|elements| Vec::<usize>::new().try_reserve_exact(elements).is_ok())
}

/// A memory that asks before it grows.
struct LimitedMemory {
    /// Owns the memory.
    store: NonNull<Inner>,
    memory: VMOwnedMemory,
}

// SAFETY: Wasmer's memory is both, and the pointer is used only while the store
// that owns the memory runs a guest on this thread.
unsafe impl Send for LimitedMemory {}
// SAFETY: as above.
unsafe impl Sync for LimitedMemory {}

impl fmt::Debug for LimitedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.memory.fmt(f)
    }
}

impl LinearMemory for LimitedMemory {
    fn ty(&self) -> MemoryType {
        self.memory.ty()
    }

    fn size(&self) -> Pages {
        self.memory.size()
    }

    fn style(&self) -> MemoryStyle {
        self.memory.style()
    }

    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        let current = self.memory.size();
        if delta.0 == 0 {
            return Ok(current);
        }
        let maximum = self.memory.ty().maximum.unwrap_or(Pages::max_value());
        let desired = current.checked_add(delta);
        if desired.is_none_or(|desired| desired > maximum) {
            return Err(refused(current, delta));
        }
        let size = bytes(current);
        // SAFETY: a guest runs, with exclusive access to the store on this
        // thread; `call` and `instantiate` hold no reference to the data
        // meanwhile, and Wasmer has none.
        let policy = unsafe { policy(self.store) };
        if !policy.grow_memory(size, size + bytes(delta)) {
            return Err(refused(current, delta));
        }
        let grown = self.memory.grow(delta);
        if grown.is_err() {
            policy.growth_failed();
        }
        grown
    }

    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        self.memory.vmmemory()
    }

    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        Err(unsupported("copies of memories"))
    }

    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        Err(unsupported("copies of memories"))
    }
}
