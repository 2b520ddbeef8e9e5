//! Types of core modules, for modules that components import and export.

use std::collections::HashMap;

use wasmtime_environ::component::{ComponentTypes, TypeModuleIndex};
use wasmtime_environ::{
    EngineOrModuleTypeIndex, EntityType, Global, Limits, Memory, Table, WasmValType,
};

use crate::engine::CoreEngine;
use crate::program::Module;

/// What a core module imports or exports, by structure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Func(FuncType),
    Table(Table),
    Memory(Memory),
    Global(Global),
    Tag(FuncType),
}

/// Parameters and results.
type FuncType = (Vec<WasmValType>, Vec<WasmValType>);

/// The types of a core module's imports and exports.
#[derive(Debug, Default)]
pub(crate) struct ModuleType {
    pub(crate) imports: Vec<(String, String, Item)>,
    pub(crate) exports: HashMap<String, Item>,
}

/// A type of a module that the translator found, with what it refers to.
pub(crate) fn item(types: &ComponentTypes, ty: &EntityType) -> Option<Item> {
    let func = |index: EngineOrModuleTypeIndex| {
        let index = index.as_module_type_index()?;
        let ty = types[index].unwrap_func();
        Some((ty.params().to_vec(), ty.results().to_vec()))
    };
    Some(match ty {
        EntityType::Function(index) => Item::Func(func(*index)?),
        EntityType::Table(ty) => Item::Table(*ty),
        EntityType::Memory(ty) => Item::Memory(*ty),
        EntityType::Global(ty) => Item::Global(*ty),
        EntityType::Tag(ty) => Item::Tag(func(ty.signature)?),
    })
}

/// Checks a module against the type with which a component imports it: it may
/// import less and export more.
///
/// # Errors
///
/// What differs.
pub(crate) fn check<E: CoreEngine>(
    types: &ComponentTypes,
    wanted: TypeModuleIndex,
    module: &Module<E>,
) -> Result<(), String> {
    let wanted = &types[wanted];
    let module = &module.ty;
    for (name, wanted) in wanted.exports.iter() {
        let has = module
            .exports
            .get(name)
            .ok_or_else(|| format!("it has no export `{name}`"))?;
        if !item(types, wanted).is_some_and(|wanted| matches(has, &wanted)) {
            return Err(format!("its export `{name}` differs"));
        }
    }
    for (from, name, needs) in &module.imports {
        let given = wanted
            .imports
            .get(&(from.clone(), name.clone()))
            .ok_or_else(|| format!("it imports `{from}` `{name}`, which it is not given"))?;
        if !item(types, given).is_some_and(|given| matches(&given, needs)) {
            return Err(format!("its import `{from}` `{name}` differs"));
        }
    }
    Ok(())
}

/// Whether what is there can be used where `wanted` is.
fn matches(has: &Item, wanted: &Item) -> bool {
    let within = |has: &Limits, wanted: &Limits| {
        has.min >= wanted.min
            && wanted
                .max
                .is_none_or(|most| has.max.is_some_and(|max| max <= most))
    };
    match (has, wanted) {
        (Item::Table(has), Item::Table(wanted)) => {
            has.idx_type == wanted.idx_type
                && has.ref_type == wanted.ref_type
                && within(&has.limits, &wanted.limits)
        }
        (Item::Memory(has), Item::Memory(wanted)) => {
            has.idx_type == wanted.idx_type
                && has.shared == wanted.shared
                && has.page_size_log2 == wanted.page_size_log2
                && within(&has.limits, &wanted.limits)
        }
        (has, wanted) => has == wanted,
    }
}
