//! Calls from the host: lower the arguments, enter the guest, lift the result,
//! and let the guest clean up.

use std::sync::Arc;

use enginebay_core::abi;
use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{ComponentNamedList, Lift, Lower, Result, Val, func_fits};
use wasmtime_environ::component::{
    Export as Item, ExportIndex, NameMapNoIntern, OptionsIndex, TypeDef,
};

use crate::context::{Boundary, Crossing};
use crate::engine::{CoreEngine, MAX_SLOTS};
use crate::instance::{self, Ends};
use crate::linker::Import;
use crate::meters;
use crate::program::{Module, Program, signature};
use crate::store::set_may_leave;
use crate::types::Types;

/// A function that a component instance exports.
pub(crate) struct Export<E: CoreEngine> {
    instance: u32,
    callee: E::Callee,
    post_return: Option<E::Callee>,
    ends: Ends<E>,
    pub(crate) boundary: Boundary,
    /// Numbers in, numbers out.
    plain: bool,
}

/// Finds what a component exports at a path: names of instances, then its own.
pub(crate) fn find<'a, E: CoreEngine>(
    program: &'a Program<E>,
    path: &[&str],
) -> Option<(ExportIndex, &'a Item)> {
    let component = &program.component;
    let mut exports = &component.exports;
    let (last, instances) = path.split_last()?;
    for name in instances {
        let (index, _) = exports.get(name, &NameMapNoIntern)?;
        match &component.export_items[*index] {
            Item::Instance { exports: inner, .. } => exports = inner,
            _ => return None,
        }
    }
    let (index, _) = exports.get(last, &NameMapNoIntern)?;
    Some((*index, &component.export_items[*index]))
}

/// The exported function at a path.
pub(crate) fn get<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    index: u32,
    path: &[&str],
) -> Option<Arc<Export<E>>> {
    let pre = E::data_mut(cx).instance(index).pre.clone();
    let (export, item) = find(&pre.program, path)?;
    let Item::LiftedFunction { ty, options, .. } = item else {
        return None;
    };
    if let Some(known) = E::data_mut(cx).instance(index).exports.get(&export) {
        return Some(known.clone());
    }
    let program = &pre.program;
    let state = E::data_mut(cx).instance(index);
    let types = Types::new(&program.types, |index| state.resource_type(index));
    let boundary = Boundary::new(program, &types, *ty, *options);
    drop(types);
    let post_return = match program.options(*options).post_return {
        Some(post_return) => {
            let (def, ty) = &program.extracts.post_returns[post_return];
            Some(instance::callee::<E>(cx, index, def, ty).ok()?)
        }
        None => None,
    };
    let plain = boundary.uses.is_plain() && post_return.is_none() && !boundary.has_context;
    let made = Arc::new(Export {
        callee: callee(cx, index, program, export, *options)?,
        ends: Ends::default(),
        instance: index,
        post_return,
        boundary,
        plain,
    });
    let exports = &mut E::data_mut(cx).instance(index).exports;
    exports.insert(export, made.clone());
    Some(made)
}

fn callee<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    index: u32,
    program: &Program<E>,
    export: ExportIndex,
    options: OptionsIndex,
) -> Option<E::Callee> {
    let ty = signature(&program.types, program.options(options).core_type).ok()?;
    instance::callee::<E>(cx, index, program.exported(export)?, &ty).ok()
}

impl<E: CoreEngine> Export<E> {
    /// Checks the function against Rust types.
    pub(crate) fn check<P, R>(&self) -> Result<()>
    where
        P: ComponentNamedList,
        R: ComponentNamedList,
    {
        let ty = &self.boundary.ty;
        if func_fits::<P, R>(ty) {
            return Ok(());
        }
        Err(abi::type_mismatch::<P, R>(ty, ""))
    }

    #[inline]
    pub(crate) fn call_typed<P, R>(&self, cx: &mut E::Context<'_>, params: &P) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let boundary = &self.boundary;
        if P::HAS_HANDLES {
            let store = E::data(cx).store_data().number();
            params.handles(&mut |any| any.slot(store).map(drop))?;
        }
        let lower = |crossing: &mut Crossing<'_, '_, E>, slots: &mut [u64]| {
            abi::lower_params(params, crossing, &boundary.params, slots).map(drop)
        };
        let lift = |crossing: &mut Crossing<'_, '_, E>, slots: &[u64]| {
            abi::lift_results(crossing, &boundary.results, slots)
        };
        // There is one result at most, and to clear seventeen slots takes longer
        // than to clear four.
        if const { abi::param_slots(P::LAYOUT) <= 4 } {
            self.call_with(cx, [0; 4], lower, lift)
        } else {
            self.call_with(cx, [0; MAX_SLOTS], lower, lift)
        }
    }

    pub(crate) fn call(
        &self,
        cx: &mut E::Context<'_>,
        params: &[Val],
        results: &mut Vec<Val>,
    ) -> Result<()> {
        let shapes = self.boundary.shapes();
        // Types of other stores' handles are others, too: this says more.
        if self.boundary.uses.params.handles {
            let store = E::data(cx).store_data().number();
            for (param, (name, _)) in params.iter().zip(&self.boundary.ty.params) {
                param
                    .handles(&mut |any| any.slot(store).map(drop))
                    .map_err(|error| error.with_context("argument", name))?;
            }
        }
        shapes
            .params
            .check(params)
            .map_err(enginebay_core::Error::not_entered)?;
        shapes
            .result
            .check_type()
            .map_err(enginebay_core::Error::not_entered)?;
        self.call_with(
            cx,
            [0; MAX_SLOTS],
            |crossing, slots| shapes.params.lower(params, crossing, slots).map(drop),
            |crossing, slots| shapes.result.lift(crossing, slots, results),
        )
    }

    #[inline]
    fn call_with<R, const SLOTS: usize>(
        &self,
        cx: &mut E::Context<'_>,
        mut slots: [u64; SLOTS],
        lower: impl FnOnce(&mut Crossing<'_, '_, E>, &mut [u64]) -> Result<()>,
        lift: impl FnOnce(&mut Crossing<'_, '_, E>, &[u64]) -> Result<R>,
    ) -> Result<R> {
        let (instance, boundary, ends) = (self.instance, &self.boundary, Some(&self.ends));
        let uses = &boundary.uses;
        let scoped = !self.plain && boundary.is_scoped();
        if scoped {
            E::data_mut(cx).enter_scope();
        }
        let mut crossing = Crossing::new(cx, instance, boundary, ends);
        lower(&mut crossing, &mut slots)?;
        meters::call::<E>(cx, instance, &self.callee, &mut slots)?;
        if scoped {
            E::data_mut(cx).close_scope()?;
        }
        let mut crossing = Crossing::new(cx, instance, boundary, ends);
        crossing.lifting(&uses.results)?;
        // Moved as a whole or not at all from here on: a value that is put
        // together just before it is read again makes the reader wait.
        let result = lift(&mut crossing, &slots);
        if self.plain || result.is_err() {
            return result;
        }
        if let Some(post_return) = &self.post_return
            && !mutant::active(Mutant::PostReturnNotCalled)
        {
            if boundary.has_exits {
                set_may_leave::<E>(cx, instance, boundary.owner, false);
                meters::call::<E>(cx, instance, post_return, &mut slots)?;
                set_may_leave::<E>(cx, instance, boundary.owner, true);
            } else {
                meters::call::<E>(cx, instance, post_return, &mut slots)?;
            }
        }
        if scoped {
            E::data_mut(cx).pop_scope();
        }
        result
    }
}

/// The exported resource type at a path.
pub(crate) fn resource<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    index: u32,
    path: &[&str],
) -> Option<enginebay_core::ResourceType> {
    let state = E::data_mut(cx).instance(index);
    let program = &state.pre.program;
    let (_, item) = find(program, path)?;
    match item {
        Item::Type(TypeDef::Resource(table)) => {
            let index = program.types[*table].unwrap_concrete_ty();
            Some(state.resource_type(index))
        }
        _ => None,
    }
}

/// The exported core module at a path.
pub(crate) fn module<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    index: u32,
    path: &[&str],
) -> Option<Arc<Module<E>>> {
    let pre = &E::data_mut(cx).instance(index).pre;
    let (_, item) = find(&pre.program, path)?;
    match item {
        Item::ModuleStatic { index, .. } => Some(pre.program.modules[*index].clone()),
        Item::ModuleImport { import, .. } => match &pre.imports[*import] {
            Import::Module(module, _) => Some(module.clone()),
            _ => None,
        },
        _ => None,
    }
}
