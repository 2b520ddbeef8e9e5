//! Components that pass on: each exported function calls the imported one of the same
//! name with what it was given, and returns what that gives.

use std::error::Error;
use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmSignature, WasmType};
use wit_parser::{Function, Resolve, SizeAlign, WorldItem, WorldKey};

use crate::model::World;

pub(crate) fn component(world: &World, wit: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut resolve = Resolve::default();
    let package = match resolve.push_str("world.wit", wit) {
        Ok(package) => package,
        Err(error) => return Err(resolve.render_error(&error).into()),
    };
    let id = resolve.select_world(&[package], None)?;
    let mut sizes = SizeAlign::default();
    sizes.fill(&resolve);
    let (mut imports, mut funcs) = (String::new(), String::new());
    let mut add = |number: usize, import: (&str, &str), export: &str, func: &Function| {
        let host = resolve.wasm_signature(AbiVariant::GuestImport, func);
        let guest = resolve.wasm_signature(AbiVariant::GuestExport, func);
        let (module, name) = import;
        writeln!(
            imports,
            "(import {module:?} {name:?} (func $host{number} {}))",
            types(&host)
        )
        .unwrap();
        writeln!(
            funcs,
            "(func (export {export:?}) {} (local $area i32)",
            types(&guest)
        )
        .unwrap();
        if host.retptr {
            let result = func.result.as_ref().expect("something is returned");
            let (size, align) = (sizes.size(result), sizes.align(result));
            writeln!(
                funcs,
                "(local.set $area (call $realloc (i32.const 0) (i32.const 0) \
                 (i32.const {}) (i32.const {})))",
                align.align_wasm32(),
                size.size_wasm32()
            )
            .unwrap();
        }
        for at in 0..guest.params.len() {
            writeln!(funcs, "(local.get {at})").unwrap();
        }
        match host.retptr {
            true => writeln!(
                funcs,
                "(local.get $area) (call $host{number}) (local.get $area))"
            ),
            false => writeln!(funcs, "(call $host{number}))"),
        }
        .unwrap();
    };
    let mut number = 0;
    for (key, item) in &resolve.worlds[id].exports {
        match item {
            WorldItem::Interface { id, .. } => {
                let interface = resolve.name_world_key(key);
                for func in resolve.interfaces[*id].functions.values() {
                    let export = format!("{interface}#{}", func.name);
                    add(number, (&world.host_id(), &func.name), &export, func);
                    number += 1;
                }
            }
            WorldItem::Function(func) => {
                let WorldKey::Name(name) = key else { continue };
                add(number, ("$root", name), name, func);
                number += 1;
            }
            WorldItem::Type { .. } => {}
        }
    }
    let module = format!(
        r#"(module
{imports}
(memory (export "memory") 1)
(global $next (mut i32) (i32.const 8))
(func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
        (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get 2))))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (loop $grow
        (if (i32.lt_u (i32.shl (memory.size) (i32.const 16)) (global.get $next)) (then
            (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
            (br $grow))))
    (local.get $at))
{funcs})"#
    );
    let mut module = wat::parse_str(&module)?;
    embed_component_metadata(&mut module, &resolve, id, StringEncoding::UTF8)?;
    let component = ComponentEncoder::default()
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| format!("{error:#}"))?;
    Ok(component)
}

fn types(signature: &WasmSignature) -> String {
    let ty = |ty: &WasmType| match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    };
    let list = |types: &[WasmType]| types.iter().map(ty).collect::<Vec<_>>().join(" ");
    let (params, results) = (list(&signature.params), list(&signature.results));
    format!("(param {params}) (result {results})")
}
