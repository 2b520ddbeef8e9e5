//! What compiled code calls in Wasmer: each instance has a list of the addresses,
//! and ours are put there before any code of it runs.
//!
//! - `table.grow` asks the core's policy first, and a growth for which the machine
//!   has no room may stop the guest.
//! - Everything that may trap, or changes what the host depends on, needs some
//!   stack to begin with. Wasmer does this work on the guest's stack: taking a
//!   backtrace, for one, under locks of the whole process. If the stack ended in
//!   the middle of it, the locks would never be released, and the next trap or
//!   panic on any thread would wait for ever.
#![allow(unsafe_code, reason = "parts of Wasmer's virtual machine")]

use std::hint::black_box;

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{Error, Result, TrapCode, has_room_for_table};
use wasmer::sys::vm::{
    VMBuiltinFunctionIndex, VMContext, VMInstance, libcalls, on_host_stack, raise_user_trap,
};

use crate::limits::policy;
use crate::store::Current;

/// Bytes of stack that host code on the guest's stack can count on. A backtrace
/// takes less than 8 KiB.
pub(crate) const RESERVE: usize = 64 << 10;

/// What growths give if they fail.
const REFUSED: u32 = u32::MAX;

/// A reference, of functions or of the host's. Wasmer does not export its type, a
/// union of two words.
type Reference = usize;

/// Stops the guest if there is not [`RESERVE`] left of its stack. Nothing with a
/// destructor is alive in the frames up to the guest's.
#[inline]
pub(crate) fn check_stack() {
    if here() < Current::stack_limit() {
        exhausted();
    }
}

/// An address in the frame of the caller, or close to it.
#[inline(always)]
pub(crate) fn here() -> usize {
    let mark = 0_u8;
    std::ptr::from_ref(black_box(&mark)).addr()
}

#[cold]
fn exhausted() -> ! {
    let error = on_host_stack(|| Box::new(Error::trap(TrapCode::StackOverflow)));
    // SAFETY: a guest called, and no destructor is left out.
    unsafe { raise_user_trap(error) }
}

macro_rules! hooks {
    ($($index:ident: $original:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;)*) => {
        /// Has the instance call us. No code of it has run yet.
        pub(crate) fn install(instance: &VMInstance) {
            $({
                type Original = unsafe extern "C" fn($($ty),*) $(-> $ret)?;
                unsafe extern "C" fn hook($($arg: $ty),*) $(-> $ret)? {
                    check_stack();
                    let original = libcalls::$original as *const ();
                    // SAFETY: it is a function of this type, but for names of
                    // words and for what never returns.
                    let original = unsafe { std::mem::transmute::<*const (), Original>(original) };
                    // SAFETY: the arguments are those that compiled code gives.
                    unsafe { original($($arg),*) }
                }
                let hook: Original = hook;
                replace(instance, VMBuiltinFunctionIndex::$index(), hook as *const ());
            })*
            for (index, hook) in [
                (VMBuiltinFunctionIndex::get_memory32_grow_index(), grow_local_memory as *const ()),
                (
                    VMBuiltinFunctionIndex::get_imported_memory32_grow_index(),
                    grow_imported_memory as *const (),
                ),
                (VMBuiltinFunctionIndex::get_table_grow_index(), grow_local_table as *const ()),
                (
                    VMBuiltinFunctionIndex::get_imported_table_grow_index(),
                    grow_imported_table as *const (),
                ),
            ] {
                replace(instance, index, hook);
            }
        }
    };
}

hooks! {
    get_raise_trap_index: wasmer_vm_raise_trap(code: u32);
    get_func_ref_index: wasmer_vm_func_ref(vmctx: *mut VMContext, function: u32) -> Reference;
    get_elem_drop_index: wasmer_vm_elem_drop(vmctx: *mut VMContext, elem: u32);
    get_data_drop_index: wasmer_vm_data_drop(vmctx: *mut VMContext, data: u32);
    get_table_get_index:
        wasmer_vm_table_get(vmctx: *mut VMContext, table: u32, at: u32) -> Reference;
    get_imported_table_get_index:
        wasmer_vm_imported_table_get(vmctx: *mut VMContext, table: u32, at: u32) -> Reference;
    get_table_set_index:
        wasmer_vm_table_set(vmctx: *mut VMContext, table: u32, at: u32, value: Reference);
    get_imported_table_set_index:
        wasmer_vm_imported_table_set(vmctx: *mut VMContext, table: u32, at: u32, value: Reference);
    get_table_fill_index:
        wasmer_vm_table_fill(vmctx: *mut VMContext, table: u32, at: u32, value: Reference, len: u32);
    get_table_copy_index:
        wasmer_vm_table_copy(vmctx: *mut VMContext, to: u32, from: u32, at: u32, src: u32, len: u32);
    get_table_init_index:
        wasmer_vm_table_init(vmctx: *mut VMContext, to: u32, from: u32, at: u32, src: u32, len: u32);
    get_memory_fill_index:
        wasmer_vm_memory32_fill(vmctx: *mut VMContext, memory: u32, at: u32, value: u32, len: u32);
    get_imported_memory_fill_index:
        wasmer_vm_imported_memory32_fill(vmctx: *mut VMContext, memory: u32, at: u32, value: u32, len: u32);
    get_memory_copy_index:
        wasmer_vm_memory32_copy(vmctx: *mut VMContext, to: u32, from: u32, at: u32, src: u32, len: u32);
    get_memory_init_index:
        wasmer_vm_memory32_init(vmctx: *mut VMContext, to: u32, from: u32, at: u32, src: u32, len: u32);
}

/// Puts a function in place of Wasmer's.
fn replace(instance: &VMInstance, index: VMBuiltinFunctionIndex, hook: *const ()) {
    let offset = instance.vmoffsets().vmctx_builtin_function(index);
    // SAFETY: at this offset of the instance's context is the address of the
    // function; Wasmer wrote it when it made the instance, and nothing has read it.
    unsafe {
        let entry = instance.vmctx_ptr().byte_add(offset as usize);
        entry.cast::<*const ()>().write(hook);
    }
}

type GrowMemory = unsafe extern "C" fn(*mut VMContext, u32, u32) -> u32;

unsafe extern "C" fn grow_local_memory(vmctx: *mut VMContext, delta: u32, memory: u32) -> u32 {
    let original = libcalls::wasmer_vm_memory32_grow;
    // SAFETY: as the caller, machine code, promises.
    unsafe { grow_memory(vmctx, delta, memory, original) }
}

unsafe extern "C" fn grow_imported_memory(vmctx: *mut VMContext, delta: u32, memory: u32) -> u32 {
    let original = libcalls::wasmer_vm_imported_memory32_grow;
    // SAFETY: as the caller, machine code, promises.
    unsafe { grow_memory(vmctx, delta, memory, original) }
}

/// # Safety
///
/// Compiled code of an instance calls, with the arguments that Wasmer's own
/// function gets; `original` is that function.
unsafe fn grow_memory(vmctx: *mut VMContext, delta: u32, memory: u32, original: GrowMemory) -> u32 {
    check_stack();
    // SAFETY: as the caller promises.
    let grown = unsafe { original(vmctx, delta, memory) };
    if grown != REFUSED {
        return grown;
    }
    let settled = on_host_stack(|| {
        let store = Current::store()?;
        // SAFETY: it is the store whose guest runs on this thread, and nothing else
        // refers to this part of it.
        let had_no_room = unsafe { std::mem::take(&mut (*store.as_ptr()).had_no_room) };
        // SAFETY: it is that store, whose data nobody refers to meanwhile.
        had_no_room.then(|| unsafe { policy(store) }.growth_failed())
    });
    settle(settled.unwrap_or(Ok(())).map(|()| REFUSED))
}

/// What machine code gets for a growth, or the error that stops the guest.
fn settle(grown: Result<u32>) -> u32 {
    match grown {
        Ok(size) => size,
        // SAFETY: a guest called, and no destructor is left out.
        Err(error) => unsafe { raise_user_trap(on_host_stack(|| Box::new(error))) },
    }
}

type GrowTable = unsafe extern "C" fn(*mut VMContext, Reference, u32, u32) -> u32;
type TableSize = unsafe extern "C" fn(*mut VMContext, u32) -> u32;

unsafe extern "C" fn grow_local_table(
    vmctx: *mut VMContext,
    value: Reference,
    delta: u32,
    table: u32,
) -> u32 {
    let original = libcalls::wasmer_vm_table_grow as *const ();
    // SAFETY: as the caller, machine code, promises.
    unsafe {
        let size = libcalls::wasmer_vm_table_size;
        grow_table(vmctx, value, delta, table, size, original)
    }
}

unsafe extern "C" fn grow_imported_table(
    vmctx: *mut VMContext,
    value: Reference,
    delta: u32,
    table: u32,
) -> u32 {
    let original = libcalls::wasmer_vm_imported_table_grow as *const ();
    // SAFETY: as the caller, machine code, promises.
    unsafe {
        let size = libcalls::wasmer_vm_imported_table_size;
        grow_table(vmctx, value, delta, table, size, original)
    }
}

/// # Safety
///
/// Compiled code of an instance calls, with the arguments that Wasmer's own
/// function gets; `original` is that function.
unsafe fn grow_table(
    vmctx: *mut VMContext,
    value: Reference,
    delta: u32,
    table: u32,
    size: TableSize,
    original: *const (),
) -> u32 {
    check_stack();
    let grown = on_host_stack(|| {
        // SAFETY: as the caller promises.
        let current = u64::from(unsafe { size(vmctx, table) });
        let desired = current + u64::from(delta);
        let Some(store) = Current::store() else {
            return Ok(REFUSED);
        };
        // SAFETY: it is the store whose guest runs on this thread, which has
        // exclusive access to it; `call` holds no reference to the data
        // meanwhile, and Wasmer has none.
        let policy = unsafe { policy(store) };
        if !mutant::active(Mutant::WasmerTableGrowthUnlimited)
            && !policy.grow_table(current, desired)
        {
            return Ok(REFUSED);
        }
        if desired > u64::from(u32::MAX) {
            policy.growth_undone();
            return Ok(REFUSED);
        }
        if !has_room_for_table(desired) {
            return policy.growth_failed().map(|()| REFUSED);
        }
        // SAFETY: the type is that of Wasmer's function; see `Reference`.
        let original = unsafe { std::mem::transmute::<*const (), GrowTable>(original) };
        // SAFETY: as the caller promises.
        let grown = unsafe { original(vmctx, value, delta, table) };
        if grown == REFUSED {
            // The table's type forbids it.
            policy.growth_undone();
        }
        Ok(grown)
    });
    settle(grown)
}
