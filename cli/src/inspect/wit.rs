//! A component's world: its imports and exports with their types, and all of it
//! as WIT.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use serde::Serialize;
use wit_component::{DecodedWasm, WitPrinter};
use wit_parser::{Function, Resolve, Type, World as WitWorld, WorldItem, WorldKey};

/// What a component imports and exports.
pub(super) struct World {
    pub(super) imports: Vec<Item>,
    pub(super) exports: Vec<Item>,
    pub(super) wit: Option<String>,
}

/// An import or an export.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Item {
    pub(super) name: String,
    /// `function`, `interface`, ...
    pub(super) kind: &'static str,
    /// A function's type, as in WIT.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) ty: Option<String>,
    /// An interface's functions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) functions: Vec<FunctionItem>,
    /// The names of an interface's types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) types: Vec<String>,
}

/// A function of an interface.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct FunctionItem {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) ty: String,
}

/// Reads a valid component's world. Not all that is valid can be written as
/// WIT; the error says what cannot.
pub(super) fn decode(wasm: &[u8]) -> Result<World, String> {
    let world = quietly(|| {
        let decoded = wit_component::decode(wasm).map_err(|error| format!("{error:#}"))?;
        match &decoded {
            DecodedWasm::Component(resolve, id) => {
                let world = &resolve.worlds[*id];
                Ok(World {
                    imports: items(resolve, world, Side::Imports),
                    exports: items(resolve, world, Side::Exports),
                    wit: Some(print(&decoded)?),
                })
            }
            DecodedWasm::WitPackage(..) => Ok(World {
                imports: Vec::new(),
                exports: Vec::new(),
                wit: Some(print(&decoded)?),
            }),
        }
    });
    world.unwrap_or_else(|| Err("the component's types cannot be written as WIT".to_owned()))
}

/// Runs what may panic on unusual input, without telling of the panic.
fn quietly<R>(work: impl FnOnce() -> R) -> Option<R> {
    thread_local! {
        static QUIET: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
    QUIET.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    result.ok()
}

fn print(decoded: &DecodedWasm) -> Result<String, String> {
    let resolve = decoded.resolve();
    let main = decoded.package();
    let others: Vec<_> = resolve
        .packages
        .iter()
        .map(|(id, _)| id)
        .filter(|id| *id != main)
        .collect();
    let mut printer = WitPrinter::default();
    printer
        .print(resolve, main, &others)
        .map_err(|error| format!("{error:#}"))?;
    Ok(printer.output.to_string())
}

enum Side {
    Imports,
    Exports,
}

fn items(resolve: &Resolve, world: &WitWorld, side: Side) -> Vec<Item> {
    let items = match side {
        Side::Imports => &world.imports,
        Side::Exports => &world.exports,
    };
    items
        .iter()
        .map(|(key, item)| world_item(resolve, key, item))
        .collect()
}

fn world_item(resolve: &Resolve, key: &WorldKey, item: &WorldItem) -> Item {
    let name = resolve.name_world_key(key);
    let (kind, ty, functions, types) = match item {
        WorldItem::Function(function) => {
            let ty = function_type(resolve, function);
            ("function", Some(ty), Vec::new(), Vec::new())
        }
        WorldItem::Type { .. } => ("type", None, Vec::new(), Vec::new()),
        WorldItem::Interface { id, .. } => {
            let interface = &resolve.interfaces[*id];
            let functions = interface
                .functions
                .iter()
                .map(|(name, function)| FunctionItem {
                    name: name.clone(),
                    ty: function_type(resolve, function),
                });
            let types = interface.types.keys().cloned();
            ("interface", None, functions.collect(), types.collect())
        }
    };
    Item {
        name,
        kind,
        ty,
        functions,
        types,
    }
}

fn function_type(resolve: &Resolve, function: &Function) -> String {
    let params: Vec<String> = function
        .params
        .iter()
        .map(|param| format!("{}: {}", param.name, type_name(resolve, &param.ty)))
        .collect();
    let mut text = String::new();
    if function.kind.is_async() {
        text.push_str("async ");
    }
    text.push_str(&format!("func({})", params.join(", ")));
    if let Some(ty) = &function.result {
        text.push_str(&format!(" -> {}", type_name(resolve, ty)));
    }
    text
}

fn type_name(resolve: &Resolve, ty: &Type) -> String {
    let mut printer = WitPrinter::default();
    match printer.print_type_name(resolve, ty) {
        Ok(()) => printer.output.to_string(),
        Err(_) => "?".to_owned(),
    }
}
