//! Functions: calls of the guest, and host functions.
//!
//! Wasmer compiles, for each signature of a module, a trampoline that takes the
//! arguments of a call from an array of 16-byte values and puts its results
//! there; and for each import one that does the reverse. Both ways an array is
//! all that passes between the guest and us, whatever the signature.
#![allow(unsafe_code, reason = "the boundary to machine code")]

use std::fmt;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;

use enginebay_core::{Error, ErrorKind, Result, TrapCode};
use enginebay_layer::{CoreType, MAX_SLOTS, Signature};
use wasmer::sys::vm::{
    InternalStoreHandle, MaybeInstanceOwned, StoreId, VMCallerCheckedAnyfunc, VMContext,
    VMDynamicFunctionContext, VMFunction, VMFunctionBody, VMFunctionContext, VMFunctionKind,
    VMSignatureHash, VMTrampoline, on_host_stack, raise_user_trap, resume_panic,
    wasmer_call_trampoline,
};
use wasmer::{FunctionType, Type};
use wasmer_types::RawValue;

use crate::engine::panicked;
use crate::hooks::{check_stack, here};
use crate::store::{Context, Current, Inner, Realm};
use crate::trap;

/// The 32-bit types among up to [`MAX_SLOTS`], one bit each.
#[derive(Clone, Copy)]
struct Narrow(u32);

impl Narrow {
    fn of(types: &[CoreType]) -> Self {
        let narrow = |ty: &CoreType| matches!(ty, CoreType::I32 | CoreType::F32);
        let bits = types.iter().enumerate();
        Narrow(bits.fold(0, |set, (i, ty)| set | (u32::from(narrow(ty)) << i)))
    }

    /// The value at an index of an array of Wasmer's.
    ///
    /// # Safety
    ///
    /// There is a value of the type that this index has here.
    #[inline]
    unsafe fn read(self, values: *const RawValue, index: usize) -> u64 {
        // SAFETY: as the caller promises. Machine code does not align its arrays.
        unsafe {
            let value = values.add(index);
            if self.0 & (1 << index) == 0 {
                value.cast::<u64>().read_unaligned()
            } else {
                u64::from(value.cast::<u32>().read_unaligned())
            }
        }
    }
}

fn function_type(ty: &Signature) -> FunctionType {
    let all = |types: &[CoreType]| {
        let one = |ty: &CoreType| match ty {
            CoreType::I32 => Type::I32,
            CoreType::I64 => Type::I64,
            CoreType::F32 => Type::F32,
            CoreType::F64 => Type::F64,
        };
        types.iter().map(one).collect::<Vec<_>>()
    };
    FunctionType::new(all(&ty.params), all(&ty.results))
}

/// A function in a store.
#[derive(Clone, Debug)]
pub struct Func {
    pub(crate) realm: Realm,
    pub(crate) handle: InternalStoreHandle<VMFunction>,
}

/// A function that is ready for calls.
#[derive(Clone)]
pub struct Callee {
    store: StoreId,
    vmctx: VMFunctionContext,
    trampoline: VMTrampoline,
    body: *const VMFunctionBody,
    params: u8,
    results: u8,
    narrow: Narrow,
}

// SAFETY: the pointers are used by `call` only, which has exclusive access to a
// store and checks that it is the one that they came from and that owns what they
// point to.
unsafe impl Send for Callee {}
// SAFETY: as above.
unsafe impl Sync for Callee {}

impl fmt::Debug for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callee").finish_non_exhaustive()
    }
}

/// Gets a function ready for calls.
pub(crate) fn callee(cx: &mut Context<'_>, func: &Func, ty: &Signature) -> Result<Callee> {
    cx.check_realm(func.realm);
    let function = func.handle.get(cx.objects());
    if function.signature != function_type(ty) || ty.slots() > MAX_SLOTS {
        return Err(Error::new(
            ErrorKind::Engine,
            format!(
                "a core function of type {} is called with another",
                function.signature
            ),
        ));
    }
    // SAFETY: it is part of an instance or of the function, which both live as
    // long as the store; nobody writes to it meanwhile.
    let anyfunc = unsafe { function.anyfunc.as_ptr().as_ref() };
    Ok(Callee {
        store: func.realm.store(),
        vmctx: anyfunc.vmctx,
        trampoline: anyfunc.call_trampoline,
        body: anyfunc.func_ptr,
        params: ty.params.len() as u8,
        results: ty.results.len() as u8,
        narrow: Narrow::of(&ty.results),
    })
}

/// Calls a function.
#[inline]
pub(crate) fn call(cx: &mut Context<'_>, callee: &Callee, slots: &mut [u64]) -> Result<()> {
    cx.check(callee.store);
    let mut raw = [const { MaybeUninit::<RawValue>::uninit() }; MAX_SLOTS];
    for (raw, slot) in raw.iter_mut().zip(&slots[..usize::from(callee.params)]) {
        raw.write(RawValue { u64: *slot });
    }
    let Some(current) = Current::enter(cx.inner()) else {
        return Err(Error::trap(TrapCode::StackOverflow));
    };
    // SAFETY: the callee is of this store, which keeps the function, its instance
    // and its code; the array has room for the parameters and the results of its
    // type, which `callee` compared. `cx` is exclusive access to the store, and no
    // reference into it is held here while the guest runs.
    let called = catch_unwind(AssertUnwindSafe(|| unsafe {
        wasmer_call_trampoline(
            None,
            current.config(),
            callee.vmctx,
            begin,
            std::ptr::from_ref(callee).cast(),
            raw.as_mut_ptr().cast(),
        )
    }));
    let begun = Current::stack_limit() != 0;
    drop(current);
    match called {
        Ok(Ok(())) => {}
        Ok(Err(trap)) => return Err(trap::error(trap)),
        // Of a host function.
        Err(panic) if begun => resume_unwind(panic),
        // Wasmer panics if it cannot have a stack for the guest.
        Err(panic) => return Err(panicked("begins a call", &*panic)),
    }
    let results = &mut slots[..usize::from(callee.results)];
    for (index, slot) in results.iter_mut().enumerate() {
        // SAFETY: the trampoline has written the results of the function's type.
        *slot = unsafe { callee.narrow.read(raw.as_ptr().cast(), index) };
    }
    Ok(())
}

/// The first function on a guest's stack: it remembers where the stack begins.
///
/// # Safety
///
/// `callee` is a [`Callee`], and `values` are its arguments.
unsafe extern "C" fn begin(
    _vmctx: *mut VMContext,
    callee: *const VMFunctionBody,
    values: *mut RawValue,
) {
    Current::begin(here());
    // SAFETY: as the caller promises.
    unsafe {
        let callee = &*callee.cast::<Callee>();
        (callee.trampoline)(callee.vmctx.vmctx, callee.body, values);
    }
}

/// A host function: what Wasmer's trampolines pass on.
struct Host<F> {
    store: NonNull<Inner>,
    params: u8,
    results: u8,
    slots: u8,
    narrow: Narrow,
    func: F,
}

/// Makes a host function.
pub(crate) fn host<F>(cx: &mut Context<'_>, realm: Realm, ty: &Signature, func: F) -> Func
where
    F: for<'a> Fn(Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
{
    cx.check_realm(realm);
    assert!(ty.slots() <= MAX_SLOTS, "a signature has at most 17 slots");
    let signature = function_type(ty);
    let host = Box::new(VMDynamicFunctionContext {
        address: enter::<F> as *const VMFunctionBody,
        ctx: Host {
            store: cx.inner(),
            params: ty.params.len() as u8,
            results: ty.results.len() as u8,
            slots: ty.slots() as u8,
            narrow: Narrow::of(&ty.params),
            func,
        },
    });
    let anyfunc = VMCallerCheckedAnyfunc {
        // A module that imports the function fills it in.
        func_ptr: std::ptr::null(),
        type_signature_hash: VMSignatureHash::new(signature.signature_hash()),
        vmctx: VMFunctionContext {
            host_env: std::ptr::from_ref(&*host).cast_mut().cast(),
        },
        call_trampoline: direct::<F>,
    };
    let function = VMFunction {
        anyfunc: MaybeInstanceOwned::Host(Box::new(anyfunc.into())),
        kind: VMFunctionKind::Dynamic,
        signature,
        host_data: host,
    };
    Func {
        realm,
        handle: InternalStoreHandle::new(cx.objects(), function),
    }
}

/// What a trampoline calls.
///
/// # Safety
///
/// `host` is the `host_env` of a function that [`host`] made with the same `F`,
/// and `values` has room for its parameters and results and holds the
/// parameters. A guest of the same store is on the stack, or the host calls.
unsafe extern "C-unwind" fn enter<F>(
    host: *const VMDynamicFunctionContext<Host<F>>,
    values: *mut RawValue,
) where
    F: for<'a> Fn(Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
{
    check_stack();
    // Here is the guest's stack, which is small; all happens on the host's.
    let result = on_host_stack(|| {
        catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: the function is in a box that its store owns until it ends,
            // and is never changed.
            let host = unsafe { &(*host).ctx };
            // SAFETY: as the caller promises.
            unsafe { run(host, values) }.map_err(Box::new)
        }))
    });
    // No value with a destructor is alive in this frame where it is left for
    // good; these functions take what they are given with them.
    match result {
        Ok(Ok(())) => {}
        // SAFETY: a guest is on the stack, or the trampoline that the host
        // called, and nothing of ours.
        Ok(Err(error)) => unsafe { raise_user_trap(error) },
        // SAFETY: as above.
        Err(payload) => unsafe { resume_panic(payload) },
    }
}

/// What the host calls, where it calls a host function by way of the store.
///
/// # Safety
///
/// As [`enter`].
unsafe extern "C" fn direct<F>(
    host: *mut VMContext,
    _body: *const VMFunctionBody,
    values: *mut RawValue,
) where
    F: for<'a> Fn(Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
{
    // SAFETY: as the caller promises.
    unsafe { enter::<F>(host.cast(), values) }
}

/// # Safety
///
/// As [`enter`].
#[inline]
unsafe fn run<F>(host: &Host<F>, values: *mut RawValue) -> Result<()>
where
    F: for<'a> Fn(Context<'a>, &mut [u64]) -> Result<()>,
{
    let mut slots = [0; MAX_SLOTS];
    let slots = &mut slots[..usize::from(host.slots)];
    for (index, slot) in slots[..usize::from(host.params)].iter_mut().enumerate() {
        // SAFETY: the array holds the parameters of the function's type.
        *slot = unsafe { host.narrow.read(values, index) };
    }
    // SAFETY: the function is called by a guest of the store, or by the host, in
    // `call` or `instantiate`. Both have exclusive access to the store, and hold
    // no reference into it until we return; nor does Wasmer while host code runs.
    let cx = unsafe { Context::from_inner(host.store) };
    (host.func)(cx, slots)?;
    for (index, slot) in slots[..usize::from(host.results)].iter().enumerate() {
        // SAFETY: the array has room for the results; see `Narrow::read`.
        unsafe { values.add(index).cast::<u64>().write_unaligned(*slot) };
    }
    Ok(())
}
