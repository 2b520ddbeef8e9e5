//! Host functions.

use std::sync::Arc;

use enginebay_core::Result;
use enginebay_layer::{CoreType, MAX_SLOTS, Signature};
use wasmi::{AsContextMut, Caller, Func, FuncType, StoreContextMut, Val, ValType};

use crate::signature::{self, from_val, to_val};
use crate::store::{Context, Lent, Link};
use crate::trap::HostFailure;

/// A host function, without its type.
pub(crate) type Host = dyn for<'a> Fn(Context<'a>, &mut [u64]) -> Result<()> + Send + Sync;

/// Calls a host function from the guest.
#[inline]
pub(crate) fn run(
    host: &Host,
    caller: &mut Caller<'_, Link>,
    slots: &mut [u64],
) -> Result<(), wasmi::Error> {
    let mut lent = Lent::new(caller.as_context_mut());
    host(lent.context(), slots).map_err(HostFailure::wrap)
}

pub(crate) fn host_func<F>(cx: &mut StoreContextMut<'_, Link>, ty: &Signature, func: F) -> Func
where
    F: for<'a> Fn(Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
{
    let host: Arc<Host> = Arc::new(func);
    match signature::entry(ty) {
        Some(entry) => (entry.host)(cx, host),
        None => dynamic(cx, ty, host),
    }
}

/// A function whose type has no entry of its own: wasmi hands over values that
/// say what they are, in a slice that it allocates for each call.
fn dynamic(cx: &mut StoreContextMut<'_, Link>, ty: &Signature, host: Arc<Host>) -> Func {
    let types = |types: &[CoreType]| types.iter().copied().map(val_type).collect::<Vec<_>>();
    let func_type = FuncType::new(types(&ty.params), types(&ty.results));
    let results = ty.results.clone();
    let count = ty.slots();
    Func::new(
        cx,
        func_type,
        move |mut caller: Caller<'_, Link>, params: &[Val], out: &mut [Val]| {
            let mut slots = [0; MAX_SLOTS];
            for (slot, param) in slots.iter_mut().zip(params) {
                *slot = from_val(param);
            }
            run(&*host, &mut caller, &mut slots[..count])?;
            for ((out, ty), slot) in out.iter_mut().zip(&results).zip(slots) {
                *out = to_val(*ty, slot);
            }
            Ok(())
        },
    )
}

fn val_type(ty: CoreType) -> ValType {
    match ty {
        CoreType::I32 => ValType::I32,
        CoreType::I64 => ValType::I64,
        CoreType::F32 => ValType::F32,
        CoreType::F64 => ValType::F64,
    }
}
