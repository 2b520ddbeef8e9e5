//! Modules without `memory.grow` and `table.grow`: each becomes the call of a host
//! function, which is in a table that no guest sees.
//!
//! wasmi 2.0.0 has two defects in these operators, both in
//! `src/engine/executor/handler/exec.rs`:
//!
//! - The handlers (`fn memory_grow`, `fn table_grow`) end in a call of the next
//!   instruction's handler that does not become a jump if a growth is refused: what
//!   they keep on the stack is dropped after it only. So each growth that is refused,
//!   and each of a table, takes some of the thread's stack until the host's call
//!   returns, and a loop of them ends the process.
//! - `fn table_grow` does not keep its place if it runs out of fuel, as all other
//!   handlers do. A call that is resumed goes on somewhere else.
//!
//! wasmi's API grows by the same rules: limiter and results are the same. It takes no
//! fuel for it, which is wasmi's only, and no matter of what guests consume.
//!
//! Most modules grow their memory in one function. So no index changes: types, the
//! table and exports come after all others, and functions without a growth stay as
//! they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{Error, ErrorKind, Result, StoreData};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Instruction, TableSection, TypeSection, ValType,
};
use wasmi::{
    AsContextMut, Extern, ExternRef, Func, Memory, Nullable, Ref, StoreContextMut, Table, WasmTy,
};
use wasmparser::{FunctionBody, Operator, Parser, Payload, RefType, TypeRef};

use crate::large;
use crate::limits::{Asked, uncounted};
use crate::sections::Sections;
use crate::store::Link;
use crate::trap::HostFailure;

/// The name of the table, and what the names of other exports begin with: no guest
/// has them by accident.
pub(crate) const NAME: &str = "\0enginebay:grow";

/// A memory or a table that a module grows.
#[derive(Clone, Debug)]
pub(crate) struct Growth {
    /// The name of its export.
    name: Arc<str>,
    is_64: bool,
}

/// A module that has to be compiled in the place of another.
pub(crate) struct Rewritten {
    pub(crate) wasm: Vec<u8>,
    /// What functions its table is to have.
    pub(crate) growths: Vec<Growth>,
}

/// A valid module without `memory.grow` and `table.grow`; nothing if it has none.
pub(crate) fn rewrite(wasm: &[u8]) -> Result<Option<Rewritten>, reencode::Error> {
    let plan = Plan::new(wasm)?;
    if plan.growths.is_empty() {
        return Ok(None);
    }
    let wasm = plan.write(wasm)?;
    let growths = plan.growths.into_iter().map(|(target, growth)| Growth {
        name: target.name().into(),
        is_64: growth.is_64,
    });
    Ok(Some(Rewritten {
        wasm,
        growths: growths.collect(),
    }))
}

/// What grows, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Memory(u32),
    Table(u32),
}

impl Target {
    fn name(self) -> String {
        match self {
            Target::Memory(index) => format!("{NAME}:memory{index}"),
            Target::Table(index) => format!("{NAME}:table{index}"),
        }
    }
}

#[derive(Clone, Copy)]
struct Planned {
    /// What the new elements of a table are.
    element: Option<ValType>,
    is_64: bool,
    /// Its place among the new types, and in the table.
    place: u32,
}

/// What a module has, and what it needs.
#[derive(Default)]
struct Plan {
    types: u32,
    /// Each memory and table that wasmi can have: it refuses modules with others.
    memories: Vec<Planned>,
    tables: Vec<Option<Planned>>,
    growths: BTreeMap<Target, Planned>,
}

impl Plan {
    fn new(wasm: &[u8]) -> Result<Self, wasmparser::Error> {
        let mut plan = Plan::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        plan.types += group?.types().len() as u32;
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Memory(ty) => plan.memory(&ty),
                            TypeRef::Table(ty) => plan.table(&ty),
                            _ => {}
                        }
                    }
                }
                Payload::MemorySection(section) => {
                    for ty in section {
                        plan.memory(&ty?);
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        plan.table(&table?.ty);
                    }
                }
                Payload::CodeSectionEntry(body) if plan.may_grow(&body) => plan.find(&body)?,
                _ => {}
            }
        }
        for (place, growth) in (0..).zip(plan.growths.values_mut()) {
            growth.place = place;
        }
        Ok(plan)
    }

    fn memory(&mut self, ty: &wasmparser::MemoryType) {
        self.memories.push(Planned {
            element: None,
            is_64: ty.memory64,
            place: 0,
        });
    }

    fn table(&mut self, ty: &wasmparser::TableType) {
        let element = match ty.element_type {
            RefType::FUNCREF => Some(ValType::FUNCREF),
            RefType::EXTERNREF => Some(ValType::EXTERNREF),
            _ => None,
        };
        self.tables.push(element.map(|_| Planned {
            element,
            is_64: ty.table64,
            place: 0,
        }));
    }

    /// Whether there is a pair of bytes like that of a growth. Few functions have
    /// one, and this is a fraction of what it takes to read their operators.
    fn may_grow(&self, body: &FunctionBody<'_>) -> bool {
        const MEMORY_GROW: u8 = 0x40;
        const PREFIX: u8 = 0xfc;
        let memories = self.memories.len();
        body.as_bytes().windows(2).any(|pair| match pair[0] {
            // A number may take more bytes than it needs.
            MEMORY_GROW => usize::from(pair[1]) < memories || pair[1] >= 0x80,
            PREFIX => matches!(pair[1], 0x0f | 0x8f),
            _ => false,
        })
    }

    fn find(&mut self, body: &FunctionBody<'_>) -> Result<(), wasmparser::Error> {
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            if let Some(target) = target(&operator)
                && let Some(planned) = self.planned(target)
            {
                self.growths.insert(target, planned);
            }
        }
        Ok(())
    }

    fn planned(&self, target: Target) -> Option<Planned> {
        match target {
            Target::Memory(index) => self.memories.get(index as usize).copied(),
            Target::Table(index) => *self.tables.get(index as usize)?,
        }
    }

    /// The module, rewritten.
    fn write(&self, wasm: &[u8]) -> Result<Vec<u8>, reencode::Error> {
        let mut sections = Sections::of(wasm)?;
        let mut code = CodeSection::new();
        for payload in Parser::new(0).parse_all(wasm) {
            if let Payload::CodeSectionEntry(body) = payload? {
                self.body(&body, &mut code)?;
            }
        }
        sections.replace(&code);

        let mut types = TypeSection::new();
        for growth in self.growths.values() {
            let index = growth.index();
            let params = growth.element.into_iter().chain([index]);
            types.ty().function(params.collect::<Vec<_>>(), [index]);
        }
        sections.append(&types)?;

        let mut tables = TableSection::new();
        tables.table(wasm_encoder::TableType {
            element_type: wasm_encoder::RefType::FUNCREF,
            table64: false,
            // Its functions come later, and are not counted.
            minimum: 0,
            maximum: Some(self.growths.len() as u64),
            shared: false,
        });
        sections.append(&tables)?;

        let mut exports = ExportSection::new();
        exports.export(NAME, ExportKind::Table, self.tables.len() as u32);
        for target in self.growths.keys() {
            let (kind, index) = match *target {
                Target::Memory(index) => (ExportKind::Memory, index),
                Target::Table(index) => (ExportKind::Table, index),
            };
            exports.export(&target.name(), kind, index);
        }
        sections.append(&exports)?;
        Ok(sections.finish())
    }

    fn body(&self, body: &FunctionBody<'_>, code: &mut CodeSection) -> Result<(), reencode::Error> {
        if !self.may_grow(body) {
            code.raw(body.as_bytes());
            return Ok(());
        }
        let mut same = reencode::RoundtripReencoder;
        let mut function = same.new_function_with_parsed_locals(body)?;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            match target(&operator).and_then(|target| self.growths.get(&target)) {
                Some(growth) => {
                    function.instruction(&Instruction::I32Const(growth.place.cast_signed()));
                    function.instruction(&Instruction::CallIndirect {
                        type_index: self.types + growth.place,
                        table_index: self.tables.len() as u32,
                    });
                }
                None => {
                    function.instruction(&same.instruction(operator)?);
                }
            }
        }
        code.function(&function);
        Ok(())
    }
}

impl Planned {
    fn index(&self) -> ValType {
        match self.is_64 {
            true => ValType::I64,
            false => ValType::I32,
        }
    }
}

fn target(operator: &Operator<'_>) -> Option<Target> {
    match *operator {
        Operator::MemoryGrow { mem } => Some(Target::Memory(mem)),
        Operator::TableGrow { table } => Some(Target::Table(table)),
        _ => None,
    }
}

/// What sizes are counted in.
trait Index: WasmTy + Into<u64> + 'static {
    /// What says that something has not grown.
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

/// Fills the table of an instance, before any of its functions runs.
pub(crate) fn provide(
    cx: &mut StoreContextMut<'_, Link>,
    instance: &wasmi::Instance,
    growths: &[Growth],
) -> Result<()> {
    let Some(table) = instance.get_table(&*cx, NAME) else {
        return Err(lost());
    };
    let mut funcs = Vec::with_capacity(growths.len());
    for growth in growths {
        funcs.push(growth.func(cx, instance).ok_or_else(lost)?);
    }
    // It is not the guest's.
    let grown = uncounted(cx, |cx| {
        table.grow(cx, funcs.len() as u64, Ref::Func(Nullable::Null))
    });
    grown.map_err(|error| lost().with_source(error))?;
    for (place, func) in (0..).zip(funcs) {
        let func = Ref::Func(Nullable::Val(func));
        let set = table.set(&mut *cx, place, func);
        set.map_err(|error| lost().with_source(error))?;
    }
    Ok(())
}

#[cold]
fn lost() -> Error {
    Error::new(
        ErrorKind::Engine,
        "wasmi lost what a module grows its memories and tables with",
    )
}

impl Growth {
    /// Nothing if the instance has not the export, or another.
    fn func(&self, cx: &mut StoreContextMut<'_, Link>, instance: &wasmi::Instance) -> Option<Func> {
        let export = instance.get_export(&*cx, &self.name)?;
        Some(match (export, self.is_64) {
            (Extern::Memory(memory), false) => of_memory::<u32>(cx, memory),
            (Extern::Memory(memory), true) => of_memory::<u64>(cx, memory),
            (Extern::Table(table), is_64) => match (table.ty(&*cx).element(), is_64) {
                (wasmi::RefType::Func, false) => of_table::<Nullable<Func>, u32>(cx, table),
                (wasmi::RefType::Func, true) => of_table::<Nullable<Func>, u64>(cx, table),
                (wasmi::RefType::Extern, false) => of_table::<Nullable<ExternRef>, u32>(cx, table),
                (wasmi::RefType::Extern, true) => of_table::<Nullable<ExternRef>, u64>(cx, table),
            },
            _ => return None,
        })
    }
}

fn of_memory<I: Index>(cx: &mut StoreContextMut<'_, Link>, memory: Memory) -> Func {
    Func::wrap(cx, move |mut caller: Caller<'_>, by: I| {
        let by: u64 = by.into();
        let current = memory.size(&caller);
        caller.data_mut().asked = Asked::Nothing;
        if large::is_grown_in_parts(&mut caller.as_context_mut(), &memory, by) {
            let grown = large::grow(&mut caller.as_context_mut(), &memory, by);
            return match grown.map_err(HostFailure::wrap)? {
                true => Ok(I::of(current)),
                false => Ok(I::FAILED),
            };
        }
        match memory.grow(&mut caller, by) {
            Ok(size) if mutant::active(Mutant::WasmiGrowthGivesNewSize) => Ok(I::of(size + by)),
            Ok(size) => Ok(I::of(size)),
            Err(_) => failed(caller.data_mut(), |data| {
                data.grow_memory(
                    large::in_bytes(current),
                    large::in_bytes(current.saturating_add(by)),
                )
            }),
        }
    })
}

fn of_table<R, I>(cx: &mut StoreContextMut<'_, Link>, table: Table) -> Func
where
    R: WasmTy + Into<Ref> + 'static,
    I: Index,
{
    Func::wrap(cx, move |mut caller: Caller<'_>, value: R, by: I| {
        let by = by.into();
        let current = table.size(&caller);
        caller.data_mut().asked = Asked::Nothing;
        match table.grow(&mut caller, by, value.into()) {
            Ok(size) => Ok(I::of(size)),
            Err(_) => failed(caller.data_mut(), |data| {
                // Other engines ask for no size that has no number.
                let desired = current.checked_add(by);
                desired.is_some_and(|desired| data.grow_table(current, desired))
            }),
        }
    })
}

/// What the guest gets for a growth that failed: because our limiter refused it;
/// because the machine had no room; or because the type forbids it. At that wasmi
/// looks first and other engines last, so that the limiter has to be asked all the
/// same, for what it counts.
#[cold]
fn failed<I: Index>(
    link: &mut Link,
    ask: impl FnOnce(&mut StoreData) -> bool,
) -> Result<I, wasmi::Error> {
    let asked = link.asked;
    let data = link.store_data_mut();
    match asked {
        Asked::Nothing => {
            if ask(data) {
                data.growth_undone();
            }
        }
        Asked::Answered => {}
        Asked::NoRoom => {
            let failed = data.growth_failed();
            failed.map_err(HostFailure::wrap)?;
        }
    }
    Ok(I::FAILED)
}

type Caller<'a> = wasmi::Caller<'a, Link>;

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(wasm: &[u8]) -> Option<Rewritten> {
        rewrite(wasm).unwrap()
    }

    fn text(text: &str) -> Option<Rewritten> {
        rewritten(&wat::parse_str(text).unwrap())
    }

    /// How many operators of a module grow something.
    fn left(wasm: &[u8]) -> usize {
        let mut count = 0;
        for payload in Parser::new(0).parse_all(wasm) {
            if let Payload::CodeSectionEntry(body) = payload.unwrap() {
                let operators = body.get_operators_reader().unwrap().into_iter();
                count += operators
                    .filter(|operator| target(operator.as_ref().unwrap()).is_some())
                    .count();
            }
        }
        count
    }

    #[test]
    fn what_does_not_grow_stays_as_it_is() {
        for it in [
            "(module)",
            "(module (memory 1) (table 1 funcref) (func (drop (memory.size))))",
            // An empty block that begins with `unreachable`.
            "(module (memory 1) (func (block unreachable)))",
            r#"(module (memory 1) (data (i32.const 0) "\fc\0f\40\00"))"#,
            "(module (func (drop (i32.const 0x7bc))))",
        ] {
            assert!(text(it).is_none(), "{it}");
        }
    }

    #[test]
    fn each_memory_and_table_that_grows_has_a_function() {
        let grow = "(func (drop (memory.grow (i32.const 1))))";
        for (module, growths) in [
            (format!("(module (memory 1) {grow})"), 1),
            (format!("(module (memory 1) {grow} {grow} (export \"f\" (func 1)))"), 1),
            (
                r#"(module (import "" "t" (table 1 funcref)) (import "" "m" (memory i64 1))
                    (memory 1) (table $e 1 externref) (table $w i64 1 externref) (global i32 (i32.const 1))
                    (func (param externref) (drop (table.grow $e (local.get 0) (i32.const 1)))
                        (drop (table.grow 0 (ref.null func) (i32.const 1)))
                        (drop (table.grow $w (local.get 0) (i64.const 1))))
                    (func $s (drop (memory.grow 0 (i64.const 1))) (drop (memory.grow 1 (i32.const 1))))
                    (start $s) (data $d "x") (func (data.drop $d)))"#
                    .to_string(),
                5,
            ),
        ] {
            let it = text(&module).unwrap();
            assert_eq!((it.growths.len(), left(&it.wasm)), (growths, 0), "{module}");
            wasmparser::Validator::new().validate_all(&it.wasm).unwrap();
            let mut config = wasmi::Config::default();
            config.wasm_memory64(true).wasm_multi_memory(true);
            let engine = wasmi::Engine::new(&config);
            let module = wasmi::Module::new(&engine, &it.wasm).unwrap();
            assert!(module.get_export(NAME).is_some());
            for growth in it.growths {
                assert!(module.get_export(&growth.name).is_some());
            }
        }
    }

    #[test]
    fn numbers_that_take_more_bytes_than_they_need_are_found() {
        let wasm = wat::parse_str(
            "(module (memory 1) (table 1 funcref) (func
                (drop (memory.grow (i32.const 1)))
                (drop (table.grow (ref.null func) (i32.const 1)))))",
        )
        .unwrap();
        // The code section is the last one.
        let at = wasm.windows(2).position(|it| it == [0x40, 0]).unwrap();
        let size = wasm.windows(3).position(|it| it == [0xfc, 15, 0]).unwrap();
        for (longer, place) in [(&[0x40, 0x80, 0][..], at), (&[0xfc, 0x8f, 0], size)] {
            let mut wasm = wasm.clone();
            wasm.splice(place..place + 2, longer.iter().copied());
            let body = at - 3;
            assert_eq!(wasm[body], 0, "no locals");
            wasm[body - 1] += 1;
            wasm[body - 3] += 1;
            wasmparser::Validator::new().validate_all(&wasm).unwrap();
            assert_eq!(left(&wasm), 2);
            let it = rewritten(&wasm).unwrap();
            assert_eq!((it.growths.len(), left(&it.wasm)), (2, 0));
        }
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert!(rewrite(b"\0asm\x01\0\0\0\x01").is_err());
    }
}
