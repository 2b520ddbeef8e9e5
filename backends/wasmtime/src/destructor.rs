//! Runs the destructor of a resource that one instance made and another one
//! dropped.
//!
//! Wasmtime runs the destructors of what it holds itself, and gives no other
//! access to them. So a destructor is called from where Wasmtime lets a value's
//! type run code in the store, while it lowers the parameter of a call: a call
//! of a function that does nothing, of an instance that does nothing. That call
//! gives the destructor what it needs: a stack to be suspended on in
//! asynchronous stores, and a scope for what it lends. The hidden methods are
//! those of the pinned version.
#![allow(unsafe_code, reason = "Wasmtime's traits are unsafe to implement")]

use std::mem::MaybeUninit;

use enginebay_core::mutant;
use enginebay_core::{Error, ErrorKind, ResourceType, Result};
use wasmtime::component as wt;
use wasmtime::component::__internal::{
    CanonicalAbiInfo, InstanceType, InterfaceType, LowerContext,
};
use wasmtime::{AsContextMut, StoreContextMut, ValRaw};
use wasmtime_environ::EntityRef;
use wasmtime_environ::component::OptionsIndex;

use crate::limits::State;
use crate::trap;

type EngineResult<T> = std::result::Result<T, wasmtime::Error>;

/// A component that lifts what it lowers: no core module is needed, and so no
/// core instance counts against the store's limits. The tests have it as text.
const NOTHING: &[u8] = b"\0asm\x0d\0\x01\0\
    \x07\x05\x01\x40\0\x01\0\
    \x0a\x0c\x01\0\x07nothing\x01\0\
    \x08\x0a\x02\x01\0\0\0\0\0\0\0\0\
    \x0b\x0d\x01\0\x07nothing\x01\x01\0";

pub(crate) fn run(
    mut cx: StoreContextMut<'_, State>,
    instance: &wt::Instance,
    ty: ResourceType,
    rep: u32,
) -> Result<()> {
    let resource = Resource::new(instance, ty, rep)?;
    let func = match cx.data().destructors {
        Some(func) => func,
        None => {
            let pre = nothing(&cx).map_err(failed)?;
            let instance = pre.instantiate(&mut cx);
            let func = export(&mut cx, instance).map_err(failed)?;
            *cx.data_mut().destructors.insert(func)
        }
    };
    // SAFETY: `Resource` takes any function without results whose parameters
    // fill no slots, as this one's do.
    let func = unsafe { wt::TypedFunc::<Resource, ()>::new_unchecked(func) };
    let result = func.call(&mut cx, resource);
    trap::finish(&cx, result)
}

pub(crate) async fn run_async(
    mut cx: StoreContextMut<'_, State>,
    instance: &wt::Instance,
    ty: ResourceType,
    rep: u32,
) -> Result<()> {
    let resource = Resource::new(instance, ty, rep)?;
    let func = match cx.data().destructors {
        Some(func) => func,
        None => {
            let pre = nothing(&cx).map_err(failed)?;
            let instance = pre.instantiate_async(&mut cx).await;
            let func = export(&mut cx, instance).map_err(failed)?;
            *cx.data_mut().destructors.insert(func)
        }
    };
    // SAFETY: as in `run`.
    let func = unsafe { wt::TypedFunc::<Resource, ()>::new_unchecked(func) };
    let result = func.call_async(&mut cx, resource).await;
    trap::finish(&cx, result)
}

/// The component that does nothing, ready to be instantiated.
fn nothing(cx: &StoreContextMut<'_, State>) -> EngineResult<wt::InstancePre<State>> {
    let engine = cx.engine();
    let component = wt::Component::from_binary(engine, NOTHING)?;
    let mut linker = wt::Linker::<State>::new(engine);
    linker.root().func_wrap("nothing", |_, (): ()| Ok(()))?;
    linker.instantiate_pre(&component)
}

fn export(
    cx: &mut StoreContextMut<'_, State>,
    instance: EngineResult<wt::Instance>,
) -> EngineResult<wt::Func> {
    let func = instance?.get_func(cx, "nothing");
    func.ok_or_else(|| wasmtime::Error::msg("the export is missing"))
}

#[cold]
fn failed(error: wasmtime::Error) -> Error {
    let text = format!("Wasmtime cannot prepare to run a destructor: {error:#}");
    Error::new(ErrorKind::Engine, text).with_source(error)
}

/// A resource that comes to its end while it is lowered.
struct Resource {
    instance: wt::Instance,
    ty: wt::ResourceType,
    rep: u32,
}

impl Resource {
    fn new(instance: &wt::Instance, ty: ResourceType, rep: u32) -> Result<Self> {
        let ty = ty.to_wasmtime().ok_or_else(|| {
            Error::new(
                ErrorKind::TypeMismatch,
                "this resource belongs to another backend",
            )
        })?;
        let instance = *instance;
        Ok(Resource { instance, ty, rep })
    }

    fn end<T>(&self, store: &mut StoreContextMut<'_, T>) -> EngineResult<()> {
        let dtor = {
            // The options are not looked at: this is only the way to the instance.
            let cx = LowerContext::new(store.as_context_mut(), OptionsIndex::new(0), self.instance);
            let instance = cx.instance();
            let mut types = instance.resource_types().iter();
            match types.find(|(_, ty)| **ty == self.ty) {
                Some((index, _)) => instance.resource_destructor(index),
                None => None,
            }
        };
        let Some(dtor) = dtor else {
            return Ok(());
        };
        let mut params = [ValRaw::u32(self.rep)];
        // SAFETY: the reference to the function is the store's own and lives as
        // long as the store; a destructor takes an `i32` and returns nothing, as
        // validation has seen to.
        unsafe {
            match wasmtime::Func::from_raw(&mut *store, dtor.as_ptr().cast()) {
                Some(dtor) => {
                    for _ in 0..mutant::destructor_runs() {
                        dtor.call_unchecked(&mut *store, &raw mut params[..])?;
                    }
                    Ok(())
                }
                None => Ok(()),
            }
        }
    }
}

// SAFETY: it is lowered to nothing, like the empty tuple, whose storage it has.
unsafe impl wt::ComponentType for Resource {
    type Lower = <() as wt::ComponentType>::Lower;

    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> EngineResult<()> {
        <() as wt::ComponentType>::typecheck(ty, types)
    }
}

// SAFETY: there is nothing to write.
unsafe impl wt::Lower for Resource {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        _ty: InterfaceType,
        _dst: &mut MaybeUninit<Self::Lower>,
    ) -> EngineResult<()> {
        self.end(&mut cx.store)
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        _ty: InterfaceType,
        _offset: usize,
    ) -> EngineResult<()> {
        self.end(&mut cx.store)
    }
}

// SAFETY: `typecheck` takes the empty tuple.
unsafe impl wt::ComponentNamedList for Resource {}

#[cfg(test)]
mod tests {
    #[test]
    fn the_component_is_what_its_text_says() {
        let text = r#"(component
            (type (func))
            (import "nothing" (func (type 0)))
            (core func (canon lower (func 0)))
            (func (export "nothing") (type 0) (canon lift (core func 0))))"#;
        assert_eq!(super::NOTHING, wat::parse_str(text).unwrap());
    }
}
