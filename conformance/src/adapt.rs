//! Core modules as components, so that scripts with core modules run on an API
//! that has components only.
//!
//! The component holds the module and a second one that calls it with the bits
//! of numbers: a component's floats do not keep all of theirs, and a component's
//! function has one result at most. Globals get functions that read them.

use std::collections::HashMap;

use enginebay::Val;
use wasm_encoder::{
    CodeSection, ComponentBuilder, ComponentExportKind, ComponentValType, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalType, ImportSection, Instruction, MemArg,
    MemorySection, MemoryType, Module, ModuleArg, PrimitiveValType, TypeSection, ValType,
};
use wasmparser::{CompositeInnerType, ExternalKind, Parser, Payload, TypeRef};

use crate::script::Core;

/// A core module as a component.
pub(crate) struct Adapted {
    pub(crate) component: Vec<u8>,
    pub(crate) exports: Exports,
}

/// A core module's exports, by their names there.
#[derive(Clone, Default)]
pub(crate) struct Exports {
    pub(crate) funcs: HashMap<String, Export>,
    pub(crate) globals: HashMap<String, Export>,
}

/// An export that can be called.
#[derive(Clone)]
pub(crate) struct Export {
    /// Its name in the component.
    pub(crate) name: String,
    params: Vec<Num>,
    results: Vec<Num>,
}

/// Why a module cannot be run as a component.
pub(crate) struct Lacking {
    pub(crate) feature: &'static str,
    pub(crate) reason: String,
}

/// The type of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Num {
    I32,
    I64,
    F32,
    F64,
    V128,
}

impl Num {
    fn of(ty: wasmparser::ValType) -> Option<Num> {
        Some(match ty {
            wasmparser::ValType::I32 => Num::I32,
            wasmparser::ValType::I64 => Num::I64,
            wasmparser::ValType::F32 => Num::F32,
            wasmparser::ValType::F64 => Num::F64,
            wasmparser::ValType::V128 => Num::V128,
            wasmparser::ValType::Ref(_) => return None,
        })
    }

    fn core(self) -> ValType {
        match self {
            Num::I32 => ValType::I32,
            Num::I64 => ValType::I64,
            Num::F32 => ValType::F32,
            Num::F64 => ValType::F64,
            Num::V128 => ValType::V128,
        }
    }

    /// As integers, whose bits pass unchanged.
    fn bits(self) -> &'static [ValType] {
        match self {
            Num::I32 | Num::F32 => &[ValType::I32],
            Num::I64 | Num::F64 => &[ValType::I64],
            Num::V128 => &[ValType::I64, ValType::I64],
        }
    }
}

fn all_bits(types: &[Num]) -> Vec<ValType> {
    types.iter().flat_map(|ty| ty.bits()).copied().collect()
}

impl Export {
    /// The arguments of the component's function. `None` if they do not fit.
    pub(crate) fn lower(&self, args: &[Core]) -> Option<Vec<Val>> {
        let mut vals = Vec::new();
        if args.len() != self.params.len() {
            return None;
        }
        for (ty, arg) in self.params.iter().zip(args) {
            match (ty, *arg) {
                (Num::I32 | Num::F32, Core::B32(bits)) => vals.push(Val::U32(bits)),
                (Num::I64 | Num::F64, Core::B64(bits)) => vals.push(Val::U64(bits)),
                (Num::V128, Core::B128(bits)) => {
                    vals.push(Val::U64(bits as u64));
                    vals.push(Val::U64((bits >> 64) as u64));
                }
                _ => return None,
            }
        }
        Some(vals)
    }

    /// The core function's results from the component function's.
    pub(crate) fn lift(&self, results: &[Val]) -> Option<Vec<Core>> {
        let mut slots = match results {
            [Val::Tuple(vals)] => vals.iter(),
            vals => vals.iter(),
        };
        let mut slot = || match slots.next()? {
            Val::U32(bits) => Some(u64::from(*bits)),
            Val::U64(bits) => Some(*bits),
            _ => None,
        };
        let mut cores = Vec::new();
        for ty in &self.results {
            cores.push(match ty {
                Num::I32 | Num::F32 => Core::B32(slot()? as u32),
                Num::I64 | Num::F64 => Core::B64(slot()?),
                Num::V128 => {
                    let low = slot()?;
                    Core::B128(u128::from(slot()?) << 64 | u128::from(low))
                }
            });
        }
        Some(cores)
    }
}

/// What a module has that the adapter needs to know.
#[derive(Default)]
struct Shape {
    /// Function types with numbers only.
    types: Vec<Option<(Vec<Num>, Vec<Num>)>>,
    /// The types of functions, those of imports first.
    funcs: Vec<u32>,
    globals: Vec<wasmparser::GlobalType>,
    exports: Vec<(String, ExternalKind, u32)>,
    spectest: bool,
}

fn shape(wasm: &[u8]) -> Result<Shape, Lacking> {
    let malformed = |error: wasmparser::BinaryReaderError| Lacking {
        feature: "core-module",
        reason: error.message().to_owned(),
    };
    let mut shape = Shape::default();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(malformed)? {
            Payload::TypeSection(reader) => {
                for group in reader {
                    for ty in group.map_err(malformed)?.types() {
                        shape.types.push(match &ty.composite_type.inner {
                            CompositeInnerType::Func(func) => numbers(func),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    let import = import.map_err(malformed)?;
                    if import.module != "spectest" {
                        return Err(Lacking {
                            feature: "core-linking",
                            reason: format!(
                                "the module imports `{}` from `{}`: core instances cannot be \
                                 linked to each other through components",
                                import.name, import.module
                            ),
                        });
                    }
                    shape.spectest = true;
                    match import.ty {
                        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => shape.funcs.push(ty),
                        TypeRef::Global(ty) => shape.globals.push(ty),
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    shape.funcs.push(ty.map_err(malformed)?);
                }
            }
            Payload::GlobalSection(reader) => {
                for global in reader {
                    shape.globals.push(global.map_err(malformed)?.ty);
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    let export = export.map_err(malformed)?;
                    let entry = (export.name.to_owned(), export.kind, export.index);
                    shape.exports.push(entry);
                }
            }
            _ => {}
        }
    }
    Ok(shape)
}

fn numbers(func: &wasmparser::FuncType) -> Option<(Vec<Num>, Vec<Num>)> {
    let all = |types: &[wasmparser::ValType]| -> Option<Vec<Num>> {
        types.iter().map(|ty| Num::of(*ty)).collect()
    };
    Some((all(func.params())?, all(func.results())?))
}

/// The parameters of a lifted function that are not in memory.
const MAX_FLAT_PARAMS: usize = 16;

/// Makes a component of a core module.
pub(crate) fn adapt(wasm: &[u8]) -> Result<Adapted, Lacking> {
    let shape = shape(wasm)?;
    let mut adapter = Adapter::default();
    for (name, kind, index) in &shape.exports {
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                let ty = shape.funcs.get(*index as usize);
                let ty = ty.and_then(|ty| shape.types.get(*ty as usize)?.as_ref());
                if let Some((params, results)) = ty
                    && all_bits(params).len() <= MAX_FLAT_PARAMS
                {
                    adapter.func(name, params, results);
                }
            }
            ExternalKind::Global => {
                if let Some(global) = shape.globals.get(*index as usize)
                    && let Some(ty) = Num::of(global.content_type)
                    && !global.shared
                {
                    adapter.global(name, ty, global.mutable);
                }
            }
            _ => {}
        }
    }
    Ok(adapter.finish(wasm, shape.spectest))
}

/// The module between the component and the core module.
#[derive(Default)]
struct Adapter {
    types: TypeSection,
    imports: ImportSection,
    /// Imported functions and globals so far.
    imported: (u32, u32),
    /// Own functions, whose indices are known when all imports are.
    funcs: Vec<(u32, Body)>,
    exports: Exports,
    /// Everything that is lifted.
    lifted: Vec<Export>,
}

struct Body {
    get: Get,
    params: Vec<Num>,
    results: Vec<Num>,
}

#[derive(Clone, Copy)]
enum Get {
    Call(u32),
    Global(u32),
}

impl Adapter {
    fn func(&mut self, name: &str, params: &[Num], results: &[Num]) {
        let ty = self.types.len();
        let core = |types: &[Num]| types.iter().map(|ty| ty.core()).collect::<Vec<_>>();
        self.types.ty().function(core(params), core(results));
        self.imports.import("m", name, EntityType::Function(ty));
        let get = Get::Call(self.imported.0);
        self.imported.0 += 1;
        let export = self.own(get, params, results);
        self.exports.funcs.insert(name.to_owned(), export);
    }

    fn global(&mut self, name: &str, ty: Num, mutable: bool) {
        let global = GlobalType {
            val_type: ty.core(),
            mutable,
            shared: false,
        };
        self.imports.import("m", name, EntityType::Global(global));
        let get = Get::Global(self.imported.1);
        self.imported.1 += 1;
        let export = self.own(get, &[], &[ty]);
        self.exports.globals.insert(name.to_owned(), export);
    }

    fn own(&mut self, get: Get, params: &[Num], results: &[Num]) -> Export {
        let ty = self.types.len();
        let slots = all_bits(results);
        let results_flat = if slots.len() > 1 {
            vec![ValType::I32]
        } else {
            slots
        };
        self.types.ty().function(all_bits(params), results_flat);
        let body = Body {
            get,
            params: params.to_vec(),
            results: results.to_vec(),
        };
        let export = Export {
            name: format!("e{}", self.funcs.len()),
            params: params.to_vec(),
            results: results.to_vec(),
        };
        self.funcs.push((ty, body));
        self.lifted.push(export.clone());
        export
    }

    fn finish(self, wasm: &[u8], spectest: bool) -> Adapted {
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        for (i, (ty, body)) in self.funcs.iter().enumerate() {
            functions.function(*ty);
            code.function(&body.code());
            let index = self.imported.0 + i as u32;
            exports.export(&self.lifted[i].name, ExportKind::Func, index);
        }
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 1,
            maximum: Some(1),
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut module = Module::new();
        module
            .section(&self.types)
            .section(&self.imports)
            .section(&functions)
            .section(&memories)
            .section(&exports)
            .section(&code);

        let mut component = ComponentBuilder::default();
        let mut args = Vec::new();
        if spectest {
            let host = component.core_module_raw(None, &spectest_module());
            let host = component.core_instantiate(None, host, []);
            args.push(("spectest", ModuleArg::Instance(host)));
        }
        let inner = component.core_module_raw(None, wasm);
        let inner = component.core_instantiate(None, inner, args);
        let adapter = component.core_module(None, &module);
        let adapter =
            component.core_instantiate(None, adapter, [("m", ModuleArg::Instance(inner))]);
        let memory = component.core_alias_export(None, adapter, "memory", ExportKind::Memory);
        for export in &self.lifted {
            let func = component.core_alias_export(None, adapter, &export.name, ExportKind::Func);
            let ty = lifted_type(&mut component, export);
            let options = [wasm_encoder::CanonicalOption::Memory(memory)];
            let func = component.lift_func(None, func, ty, options);
            component.export(&export.name, ComponentExportKind::Func, func, None);
        }
        Adapted {
            component: component.finish(),
            exports: self.exports,
        }
    }
}

fn lifted_type(component: &mut ComponentBuilder, export: &Export) -> u32 {
    let primitive = |ty: &ValType| match ty {
        ValType::I32 => PrimitiveValType::U32,
        _ => PrimitiveValType::U64,
    };
    let results = all_bits(&export.results);
    let result = match &results[..] {
        [] => None,
        [ty] => Some(ComponentValType::Primitive(primitive(ty))),
        slots => {
            let (index, encoder) = component.type_defined(None);
            let slot = ComponentValType::Primitive(PrimitiveValType::U64);
            encoder.tuple(slots.iter().map(|_| slot));
            Some(ComponentValType::Type(index))
        }
    };
    let params: Vec<_> = all_bits(&export.params)
        .iter()
        .enumerate()
        .map(|(i, ty)| (format!("p{i}"), ComponentValType::Primitive(primitive(ty))))
        .collect();
    let (index, mut encoder) = component.type_function(None);
    encoder
        .params(params.iter().map(|(name, ty)| (name.as_str(), *ty)))
        .result(result);
    index
}

impl Body {
    fn code(&self) -> Function {
        let params = all_bits(&self.params).len() as u32;
        let locals: Vec<_> = self.results.iter().map(|ty| (1, ty.core())).collect();
        let mut code = Function::new(locals);
        let mut local = 0;
        for ty in &self.params {
            code.instruction(&Instruction::LocalGet(local));
            match ty {
                Num::I32 | Num::I64 => {}
                Num::F32 => {
                    code.instruction(&Instruction::F32ReinterpretI32);
                }
                Num::F64 => {
                    code.instruction(&Instruction::F64ReinterpretI64);
                }
                Num::V128 => {
                    local += 1;
                    code.instruction(&Instruction::I64x2Splat)
                        .instruction(&Instruction::LocalGet(local))
                        .instruction(&Instruction::I64x2ReplaceLane(1));
                }
            }
            local += 1;
        }
        match self.get {
            Get::Call(index) => code.instruction(&Instruction::Call(index)),
            Get::Global(index) => code.instruction(&Instruction::GlobalGet(index)),
        };
        for i in (0..self.results.len() as u32).rev() {
            code.instruction(&Instruction::LocalSet(params + i));
        }
        let in_memory = all_bits(&self.results).len() > 1;
        let mut slot = 0;
        for (i, ty) in self.results.iter().enumerate() {
            let local = params + i as u32;
            for lane in 0..ty.bits().len() {
                if in_memory {
                    code.instruction(&Instruction::I32Const(0));
                }
                code.instruction(&Instruction::LocalGet(local));
                match ty {
                    Num::I32 | Num::I64 => {}
                    Num::F32 => {
                        code.instruction(&Instruction::I32ReinterpretF32);
                    }
                    Num::F64 => {
                        code.instruction(&Instruction::I64ReinterpretF64);
                    }
                    Num::V128 => {
                        code.instruction(&Instruction::I64x2ExtractLane(lane as u8));
                    }
                }
                if in_memory {
                    if ty.bits() == [ValType::I32] {
                        code.instruction(&Instruction::I64ExtendI32U);
                    }
                    code.instruction(&Instruction::I64Store(MemArg {
                        offset: 8 * slot,
                        align: 3,
                        memory_index: 0,
                    }));
                }
                slot += 1;
            }
        }
        if in_memory {
            code.instruction(&Instruction::I32Const(0));
        }
        code.instruction(&Instruction::End);
        code
    }
}

/// What scripts of the core specification import: its names and values are part
/// of the field's convention.
fn spectest_module() -> Vec<u8> {
    const TEXT: &str = r#"(module
        (func (export "print"))
        (func (export "print_i32") (param i32))
        (func (export "print_i64") (param i64))
        (func (export "print_f32") (param f32))
        (func (export "print_f64") (param f64))
        (func (export "print_i32_f32") (param i32 f32))
        (func (export "print_f64_f64") (param f64 f64))
        (global (export "global_i32") i32 (i32.const 666))
        (global (export "global_i64") i64 (i64.const 666))
        (global (export "global_f32") f32 (f32.const 666.6))
        (global (export "global_f64") f64 (f64.const 666.6))
        (table (export "table") 10 20 funcref)
        (memory (export "memory") 1 2))"#;
    let buffer = wast::parser::ParseBuffer::new(TEXT);
    let module = buffer.and_then(|buffer| {
        wast::parser::parse::<wast::Wat<'_>>(&buffer).and_then(|mut wat| wat.encode())
    });
    module.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spectest_module_is_one() {
        assert!(spectest_module().starts_with(b"\0asm"));
    }

    #[test]
    fn results_come_back_with_their_bits() {
        let export = Export {
            name: "e0".into(),
            params: vec![Num::F32, Num::V128],
            results: vec![Num::I32, Num::V128, Num::F64],
        };
        let bits = 7_u128 << 64 | 9;
        let lowered = export.lower(&[Core::B32(1), Core::B128(bits)]);
        assert_eq!(lowered, Some(vec![Val::U32(1), Val::U64(9), Val::U64(7)]));
        assert_eq!(export.lower(&[Core::B64(1), Core::B128(bits)]), None);
        let slots = [1, 9, 7, 3].map(Val::U64).to_vec();
        let lifted = export.lift(&[Val::Tuple(slots)]);
        let expected = vec![Core::B32(1), Core::B128(bits), Core::B64(3)];
        assert_eq!(lifted, Some(expected));
    }
}
