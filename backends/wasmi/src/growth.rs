//! Modules without `table.grow`: each becomes the call of a host function, which
//! is one more import.
//!
//! wasmi 2.0.0 has two defects in it, both in `fn table_grow` of its
//! `src/engine/executor/handler/exec.rs`:
//!
//! - The call of the next instruction's handler, with which it ends, does not
//!   become a jump, because what it keeps on the stack has to be dropped after it.
//!   So each `table.grow` that runs takes some of the thread's stack until the
//!   host's call returns, and a loop of them ends the process.
//! - If it runs out of fuel it does not keep its place, as all other handlers do.
//!   A call that is resumed goes on somewhere else.
//!
//! wasmi's API grows tables by the same rules: limiter and results are the same.
//! Only does it take no fuel, of which wasmi has as much as it needs anyway.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use enginebay_core::{Error, ErrorKind};
use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{
    EntityType, ExportKind, ExportSection, ImportSection, Instruction, Module, SectionId,
    TypeSection, ValType,
};
use wasmi::{Caller, Extern, ExternRef, Func, Nullable, Ref, StoreContextMut, WasmTy};
use wasmparser::{
    FunctionBody, Operator, Parser, Payload, RefType, TableType, TypeRef, WasmFeatures,
};

use crate::store::Link;
use crate::trap::HostFailure;

/// What the names of the exports begin with: no guest has them by accident.
const NAME: &str = "\0enginebay:grow";

/// A table that a module grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Growth {
    /// The name of its export.
    name: Arc<str>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    /// Whether its elements are `externref`s, else `funcref`s.
    is_extern: bool,
    is_64: bool,
}

impl Kind {
    /// Nothing for a table that wasmi does not have.
    fn of(ty: &TableType) -> Option<Self> {
        let is_extern = match ty.element_type {
            RefType::FUNCREF => false,
            RefType::EXTERNREF => true,
            _ => return None,
        };
        Some(Kind {
            is_extern,
            is_64: ty.table64,
        })
    }
}

/// A module that has to be compiled in the place of another.
pub(crate) struct Rewritten {
    pub(crate) wasm: Vec<u8>,
    /// A function for each is to be imported, after the module's own imports.
    pub(crate) growths: Vec<Growth>,
}

/// A valid module without `table.grow`; nothing if it has none.
pub(crate) fn rewrite(wasm: &[u8]) -> Result<Option<Rewritten>, reencode::Error> {
    // Rarely is there even a pair of bytes like it: 15 in one byte, or in more
    // than it needs.
    const PREFIX: u8 = 0xfc;
    if !wasm
        .windows(2)
        .any(|pair| pair[0] == PREFIX && matches!(pair[1], 0x0f | 0x8f))
    {
        return Ok(None);
    }
    let Some(mut rewriter) = Rewriter::new(wasm)? else {
        return Ok(None);
    };
    let mut module = Module::new();
    rewriter.parse_core_module(&mut module, parser(), wasm)?;
    let growths = rewriter.grown.into_values();
    Ok(Some(Rewritten {
        wasm: module.finish(),
        growths: growths.map(|grown| grown.growth).collect(),
    }))
}

fn parser() -> Parser {
    let mut parser = Parser::new(0);
    parser.set_features(WasmFeatures::all());
    parser
}

struct Rewriter {
    types: u32,
    imported_funcs: u32,
    /// By the indices of tables.
    grown: BTreeMap<u32, Grown>,
    imports: bool,
    exports: bool,
}

struct Grown {
    growth: Growth,
    func: u32,
}

impl Rewriter {
    /// Nothing for a module that grows no table.
    fn new(wasm: &[u8]) -> Result<Option<Self>, wasmparser::Error> {
        let (mut types, mut imported_funcs) = (0, 0);
        let mut tables = Vec::new();
        let mut grown = BTreeMap::new();
        for payload in parser().parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        types += group?.types().len() as u32;
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => imported_funcs += 1,
                            TypeRef::Table(ty) => tables.push(Kind::of(&ty)),
                            _ => {}
                        }
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        tables.push(Kind::of(&table?.ty));
                    }
                }
                Payload::CodeSectionEntry(body) => find(&body, &tables, &mut grown)?,
                _ => {}
            }
        }
        for (func, grown) in (imported_funcs..).zip(grown.values_mut()) {
            grown.func = func;
        }
        Ok((!grown.is_empty()).then_some(Rewriter {
            types,
            imported_funcs,
            grown,
            imports: false,
            exports: false,
        }))
    }

    /// After the module's own types.
    fn add_types(&self, types: &mut TypeSection) {
        for grown in self.grown.values() {
            let kind = grown.growth.kind;
            let element = match kind.is_extern {
                true => ValType::EXTERNREF,
                false => ValType::FUNCREF,
            };
            let index = match kind.is_64 {
                true => ValType::I64,
                false => ValType::I32,
            };
            types.ty().function([element, index], [index]);
        }
    }

    /// After the module's own imports.
    fn add_imports(&mut self, imports: &mut ImportSection) {
        self.imports = true;
        for (ty, grown) in (self.types..).zip(self.grown.values()) {
            imports.import("", &grown.growth.name, EntityType::Function(ty));
        }
    }

    fn add_exports(&mut self, exports: &mut ExportSection) {
        self.exports = true;
        for (table, grown) in &self.grown {
            exports.export(&grown.growth.name, ExportKind::Table, *table);
        }
    }
}

/// Finds the tables that a function grows.
fn find(
    body: &FunctionBody<'_>,
    tables: &[Option<Kind>],
    grown: &mut BTreeMap<u32, Grown>,
) -> Result<(), wasmparser::Error> {
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        if let Operator::TableGrow { table } = operators.read()?
            // wasmi refuses modules with others.
            && let Some(Some(kind)) = tables.get(table as usize)
        {
            grown.entry(table).or_insert_with(|| Grown {
                growth: Growth {
                    name: format!("{NAME}{table}").into(),
                    kind: *kind,
                },
                func: 0,
            });
        }
    }
    Ok(())
}

impl Reencode for Rewriter {
    type Error = Infallible;

    fn function_index(&mut self, func: u32) -> Result<u32, reencode::Error> {
        Ok(match func < self.imported_funcs {
            true => func,
            false => func + self.grown.len() as u32,
        })
    }

    fn parse_instruction<'a>(
        &mut self,
        reader: &mut wasmparser::OperatorsReader<'a>,
    ) -> Result<Instruction<'a>, reencode::Error> {
        let operator = reader.read()?;
        if let Operator::TableGrow { table } = operator
            && let Some(grown) = self.grown.get(&table)
        {
            return Ok(Instruction::Call(grown.func));
        }
        self.instruction(operator)
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_type_section(self, types, section)?;
        self.add_types(types);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_import_section(self, imports, section)?;
        self.add_imports(imports);
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        utils::parse_export_section(self, exports, section)?;
        self.add_exports(exports);
        Ok(())
    }

    /// wasmi does not look at them.
    fn parse_custom_section(
        &mut self,
        _module: &mut Module,
        _section: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        Ok(())
    }

    /// Begins sections that the module does not have. It has types, since it has
    /// functions.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), reencode::Error> {
        use SectionId as Id;
        if !self.imports && !matches!(before, Some(Id::Type | Id::Import)) {
            let mut imports = ImportSection::new();
            self.add_imports(&mut imports);
            module.section(&imports);
        }
        let is_after_exports = matches!(
            before,
            Some(Id::Start | Id::Element | Id::DataCount | Id::Code)
        );
        if !self.exports && is_after_exports {
            let mut exports = ExportSection::new();
            self.add_exports(&mut exports);
            module.section(&exports);
        }
        Ok(())
    }
}

/// What a table's elements are counted in.
trait Index: WasmTy + Into<u64> + 'static {
    /// What says that a table has not grown.
    const FAILED: Self;

    fn of(size: u64) -> Self;
}

impl Index for u32 {
    const FAILED: Self = u32::MAX;

    fn of(size: u64) -> Self {
        size as u32
    }
}

impl Index for u64 {
    const FAILED: Self = u64::MAX;

    fn of(size: u64) -> Self {
        size
    }
}

impl Growth {
    /// The function to import.
    pub(crate) fn func(&self, cx: &mut StoreContextMut<'_, Link>) -> Func {
        let name = self.name.clone();
        match (self.kind.is_extern, self.kind.is_64) {
            (false, false) => wrap::<Nullable<Func>, u32>(cx, name),
            (false, true) => wrap::<Nullable<Func>, u64>(cx, name),
            (true, false) => wrap::<Nullable<ExternRef>, u32>(cx, name),
            (true, true) => wrap::<Nullable<ExternRef>, u64>(cx, name),
        }
    }
}

fn wrap<R, I>(cx: &mut StoreContextMut<'_, Link>, name: Arc<str>) -> Func
where
    R: WasmTy + Into<Ref> + 'static,
    I: Index,
{
    Func::wrap(
        cx,
        move |mut caller: Caller<'_, Link>, value: R, by: I| -> Result<I, wasmi::Error> {
            let Some(Extern::Table(table)) = caller.get_export(&name) else {
                return Err(wasmi::Error::host(HostFailure(lost())));
            };
            Ok(match table.grow(&mut caller, by.into(), value.into()) {
                Ok(size) => I::of(size),
                // Beyond its limits or ours, or there is no memory for it.
                Err(_) => I::FAILED,
            })
        },
    )
}

#[cold]
fn lost() -> Error {
    Error::new(ErrorKind::Engine, "wasmi lost a table that is to grow")
}
