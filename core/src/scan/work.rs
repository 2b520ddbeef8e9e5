//! How much work the functions of core modules are for a compiler. Most of it
//! grows as a function's bytes do, but some does not: what takes three bytes can
//! pass a thousand values, each local may have to be followed through each place
//! where ways meet, and each type has functions of the compiler's own.

use wasmparser::{BlockType, Catch, CompositeInnerType, FunctionBody, Operator, Payload, TypeRef};

use super::{malformed, within};
use crate::config::Complexity;
use crate::error::{Error, ErrorKind, Result};

/// How many values something takes and gives.
#[derive(Clone, Copy, Default)]
struct Arity {
    params: u32,
    results: u32,
}

impl Arity {
    fn sum(self) -> u64 {
        u64::from(self.params) + u64::from(self.results)
    }
}

/// How many functions a valid module can import, and how many tags it can have.
const ENTRIES: u64 = 1_000_000;

/// What a function type counts for besides its parameters and results: the least
/// that a compiler does for one that has none.
const SIGNATURE: u64 = 8;

/// What a call counts for besides its values, and what engines have functions of their
/// own for: to compile one takes some hundred bytes of memory, and a metered one some
/// ten bytes of code.
const CALL: u64 = 8;

/// As how many a loop's values count: they are kept wherever a guest can be stopped.
const LOOP: u64 = 8;

/// How many blocks engines put where a function is taken from a table: it is made when
/// it is first asked for, by a call.
const TAKEN: u64 = 4;

/// How many blocks there are where an operation's cost depends on a length: it is
/// counted, and looked at, when that is known.
const LONG: u64 = 2;

/// What is known of a module before its code comes. The module need not be
/// valid: what it does not have counts as nothing.
#[derive(Default)]
pub(super) struct Module {
    types: Vec<Arity>,
    /// Their types, imported ones first.
    functions: Vec<u32>,
    /// The types of tags, imported ones first.
    tags: Vec<u32>,
    /// How many of them had their code counted, and those that have none.
    seen: usize,
    /// Of the function that is counted: how many values a branch out of each
    /// block takes.
    labels: Vec<u32>,
    /// Of the modules before, too: what functions and their types count for.
    signatures: u64,
}

impl Module {
    /// Takes what it needs from a part of the module, or begins anew with the
    /// next. What it keeps is limited, however much the module has of it: one
    /// entry of a section can be a group of many types or of many imports.
    pub(super) fn see(&mut self, payload: &Payload<'_>, limits: &Complexity) -> Result<()> {
        match payload {
            Payload::Version { .. } => {
                *self = Module {
                    signatures: self.signatures,
                    ..Module::default()
                }
            }
            Payload::TypeSection(reader) => {
                for group in reader.clone() {
                    for ty in group.map_err(malformed)?.types() {
                        let arity = match &ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => Arity {
                                params: ty.params().len() as u32,
                                results: ty.results().len() as u32,
                            },
                            _ => Arity::default(),
                        };
                        self.types.push(arity);
                        within("types", self.types.len() as u64, limits.types)?;
                        self.signature(SIGNATURE + arity.sum(), limits)?;
                    }
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.clone().into_imports() {
                    match import.map_err(malformed)?.ty {
                        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                            self.functions.push(ty);
                            self.seen += 1;
                            within("imported functions", self.seen as u64, ENTRIES)?;
                            self.signature(self.ty(ty).sum(), limits)?;
                        }
                        TypeRef::Tag(ty) => self.tag(ty.func_type_idx)?,
                        _ => {}
                    }
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader.clone() {
                    let ty = ty.map_err(malformed)?;
                    self.functions.push(ty);
                    self.signature(self.ty(ty).sum(), limits)?;
                }
            }
            Payload::TagSection(reader) => {
                for tag in reader.clone() {
                    self.tag(tag.map_err(malformed)?.func_type_idx)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn signature(&mut self, values: u64, limits: &Complexity) -> Result<()> {
        self.signatures += values;
        within(
            "parameters and results of functions and types",
            self.signatures,
            limits.signatures,
        )
    }

    fn tag(&mut self, ty: u32) -> Result<()> {
        self.tags.push(ty);
        within("tags", self.tags.len() as u64, ENTRIES)
    }

    fn ty(&self, index: u32) -> Arity {
        self.types.get(index as usize).copied().unwrap_or_default()
    }

    fn function(&self, index: usize) -> Arity {
        let ty = self.functions.get(index).copied();
        ty.map(|ty| self.ty(ty)).unwrap_or_default()
    }

    fn block(&self, ty: BlockType) -> Arity {
        match ty {
            BlockType::Empty => Arity::default(),
            BlockType::Type(_) => Arity {
                params: 0,
                results: 1,
            },
            BlockType::FuncType(ty) => self.ty(ty),
        }
    }

    /// Counts the next function of the module.
    pub(super) fn count(&mut self, body: &FunctionBody<'_>, limits: &Complexity) -> Result<()> {
        let size = body.range();
        let size = (size.end - size.start) as u64;
        within("bytes of a function", size, limits.function_size)?;
        let mut locals = 0;
        for group in body.get_locals_reader().map_err(malformed)? {
            let (count, _) = group.map_err(malformed)?;
            locals += u64::from(count);
            within("locals of a function", locals, limits.locals)?;
        }
        let own = self.function(self.seen);
        self.seen += 1;
        locals += u64::from(own.params);
        self.labels.clear();
        self.labels.push(own.results);
        let (mut values, mut blocks) = (0, 0_u64);
        let operators = body.get_operators_reader().map_err(malformed)?;
        for operator in operators.into_iter_with_offsets() {
            let (operator, offset) = operator.map_err(malformed)?;
            // What stops guests there is followed as locals are.
            locals += u64::from(matches!(operator, Operator::Loop { .. }));
            let Some((more_values, more_blocks)) = self.operator(&operator) else {
                return Err(Error::new(
                    ErrorKind::InvalidComponent,
                    "a block ends that did not begin",
                )
                .with_context("offset", format_args!("{offset:#x}")));
            };
            values += more_values;
            blocks += more_blocks;
        }
        within("values that a function passes", values, limits.values)?;
        within("blocks and branches of a function", blocks, limits.blocks)?;
        within(
            "places times locals of a function",
            locals.saturating_mul(blocks),
            limits.locals_in_blocks,
        )
    }

    /// How many values an operator passes, and how many places it begins where
    /// ways may meet; nothing if it ends a block and there is none.
    fn operator(&mut self, operator: &Operator<'_>) -> Option<(u64, u64)> {
        Some(match operator {
            Operator::Block { blockty } | Operator::If { blockty } | Operator::Try { blockty } => {
                let arity = self.block(*blockty);
                self.labels.push(arity.results);
                (arity.sum(), 1)
            }
            Operator::Loop { blockty } => {
                let arity = self.block(*blockty);
                self.labels.push(arity.params);
                (LOOP * arity.sum(), 1)
            }
            Operator::TryTable { try_table } => {
                // Labels of the clauses are those outside of the block.
                let clauses = try_table.catches.iter().map(|catch| match catch {
                    Catch::One { label, .. }
                    | Catch::OneRef { label, .. }
                    | Catch::All { label }
                    | Catch::AllRef { label } => self.branch(*label),
                });
                let caught: u64 = clauses.sum();
                let arity = self.block(try_table.ty);
                self.labels.push(arity.results);
                (arity.sum() + caught, 1 + try_table.catches.len() as u64)
            }
            Operator::Catch { tag_index } => (self.thrown(*tag_index), 1),
            Operator::Else | Operator::CatchAll => (0, 1),
            Operator::End | Operator::Delegate { .. } => {
                self.labels.pop()?;
                (0, 0)
            }
            Operator::Throw { tag_index } => (self.thrown(*tag_index), 0),
            Operator::Br { relative_depth } => (self.branch(*relative_depth), 0),
            Operator::BrIf { relative_depth } => (self.branch(*relative_depth), 1),
            Operator::BrTable { targets } => {
                let one = self.branch(targets.default());
                let count = u64::from(targets.len()) + 1;
                // All targets take the same values, and each is a way of its own.
                (one.saturating_mul(count), count)
            }
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                (CALL + self.function(*function_index as usize).sum(), 0)
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. }
            | Operator::CallRef { type_index }
            | Operator::ReturnCallRef { type_index } => (CALL + self.ty(*type_index).sum(), TAKEN),
            Operator::TableGet { .. } => (CALL, TAKEN),
            Operator::MemoryGrow { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. } => (CALL, LONG),
            Operator::DataDrop { .. }
            | Operator::ElemDrop { .. }
            | Operator::TableSet { .. }
            | Operator::RefFunc { .. } => (CALL, 0),
            _ => (0, 0),
        })
    }

    /// How many values an exception has.
    fn thrown(&self, tag: u32) -> u64 {
        let ty = self.tags.get(tag as usize).copied();
        ty.map_or(0, |ty| u64::from(self.ty(ty).params))
    }

    fn branch(&self, depth: u32) -> u64 {
        let label = self.labels.len().checked_sub(depth as usize + 1);
        let arity = label.and_then(|label| self.labels.get(label));
        u64::from(arity.copied().unwrap_or(0))
    }
}

#[cfg(all(test, feature = "wat"))]
mod tests {
    use wasmparser::Parser;

    use super::*;
    use crate::error::ErrorKind;

    /// How many values the last function of a module passes, and how many places
    /// times locals it has.
    fn counted(module: &str) -> (u64, u64) {
        let wasm = wat::parse_str(module).unwrap();
        let count = |limits: &Complexity| {
            let mut module = Module::default();
            let mut last = Ok(());
            for payload in Parser::new(0).parse_all(&wasm) {
                let payload = payload.unwrap();
                module.see(&payload, &Complexity::default()).unwrap();
                if let Payload::CodeSectionEntry(body) = payload {
                    last = module.count(&body, limits);
                }
            }
            last
        };
        let least = |set: fn(&mut Complexity, u64)| {
            let mut limits = Complexity::default();
            let fits = (0..).find(|limit| {
                set(&mut limits, *limit);
                count(&limits).is_ok()
            });
            let fits = fits.unwrap();
            if fits > 0 {
                set(&mut limits, fits - 1);
                assert_eq!(*count(&limits).unwrap_err().kind(), ErrorKind::TooLarge);
            }
            fits
        };
        (
            least(|limits, limit| limits.values = limit),
            least(|limits, limit| limits.locals_in_blocks = limit),
        )
    }

    #[test]
    fn values_of_blocks_branches_and_calls_count() {
        let types = "(type $t (func (param i32 i64) (result f32)))
            (import \"\" \"f\" (func $f (type $t)))";
        for (body, values) in [
            ("nop", 0),
            ("block end", 0),
            ("block (result i32) i32.const 1 end drop", 1),
            (
                "i32.const 1 i64.const 2 block (type $t) unreachable end drop",
                3,
            ),
            (
                "i32.const 1 i64.const 2 loop (type $t) unreachable end drop",
                24,
            ),
            // A branch to a loop takes what the loop does, else what a block gives.
            ("i32.const 1 i64.const 2 loop (type $t) br 0 end drop", 26),
            ("block (result i32) i32.const 1 br 0 end drop", 2),
            (
                "block (result i32) i32.const 1 i32.const 0 br_table 0 0 0 end drop",
                4,
            ),
            ("i32.const 1 i64.const 2 call $f drop", 11),
            ("unreachable call $f call $f drop drop", 22),
            ("unreachable call_indirect (type $t) drop", 11),
            ("i32.const 1 table.get 0 drop", 8),
            ("unreachable memory.fill memory.grow drop", 16),
        ] {
            let (found, _) = counted(&format!(
                "(module {types} (memory 1) (table 1 funcref) (func {body}))"
            ));
            assert_eq!(found, values, "{body}");
        }
    }

    #[test]
    fn blocks_that_catch_are_blocks() {
        let types = "(type $t (func (param i32 i64)))
            (import \"\" \"t\" (tag (param i32)))
            (tag $t (type $t))
            (func (param i32 i32 i32))";
        for (body, values, places) in [
            ("try_table end", 0, 1),
            ("try_table (result i32) i32.const 1 end drop", 1, 1),
            // A branch out of it takes what it gives, and one after it does not
            // take what is further out.
            ("try_table (result i32) i32.const 1 br 0 end drop", 2, 1),
            (
                "block (result i32) try_table end i32.const 1 br 0 end drop",
                2,
                2,
            ),
            (
                "block (result i32) try_table try_table end end i32.const 1
                    i32.const 0 br_if 0 end drop",
                2,
                4,
            ),
            // Each clause is a branch, to a label outside.
            (
                "block (result i32 i64)
                    try_table (result i32) (catch $t 0) (catch_all 1) i32.const 1 end
                    unreachable
                end drop drop",
                5,
                4,
            ),
            ("i32.const 1 i64.const 2 throw $t", 2, 0),
            ("unreachable throw 0", 1, 0),
            // The older form.
            (
                "block (result i32)
                    try throw $t catch $t drop drop catch_all end
                    i32.const 1 br 0
                end drop",
                6,
                4,
            ),
            (
                "block (result i32) try delegate 0 i32.const 1 br 0 end drop",
                2,
                2,
            ),
        ] {
            let (found, product) = counted(&format!("(module {types} (func (local i32) {body}))"));
            assert_eq!((found, product), (values, places), "{body}");
        }
    }

    #[test]
    fn what_ends_and_did_not_begin_is_malformed() {
        let mut module = Module::default();
        module.labels.push(0);
        assert!(module.operator(&Operator::End).is_some());
        assert!(module.operator(&Operator::End).is_none());
        let delegate = Operator::Delegate { relative_depth: 0 };
        assert!(module.operator(&delegate).is_none());
        // A body with one end more than it has blocks.
        let body = [0, 0x0b, 0x0b];
        let reader = wasmparser::BinaryReader::new(&body, 0);
        let body = FunctionBody::new(reader);
        let error = module.count(&body, &Complexity::default()).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidComponent);
    }

    #[test]
    fn locals_count_once_for_each_place() {
        for (function, product) in [
            ("(func (local i32 i32))", 0),
            ("(func (local i32 i32) block end)", 2),
            ("(func (param i64) (local i32 i32) loop end block end)", 8),
            ("(func (param i32) local.get 0 if else end)", 2),
            ("(func (param i32) block local.get 0 br_if 0 end)", 2),
            ("(func (param i32) block local.get 0 br_table 0 0 0 end)", 4),
            ("(func block end)", 0),
            (
                "(table 1 funcref) (func (param i32) local.get 0 call_indirect)",
                4,
            ),
        ] {
            let (_, found) = counted(&format!("(module {function})"));
            assert_eq!(found, product, "{function}");
        }
    }

    #[test]
    fn signatures_of_all_modules_count() {
        let text = r#"(component
            (core module
                (type (func (param f64))) (type (func (param i32 i64) (result f32)))
                (import "" "f" (func (type 1))))
            (core module (type (func (result f64)))
                (func (type 0) unreachable) (func (type 0) unreachable)))"#;
        let wasm = wat::parse_str(text).unwrap();
        let count = |signatures| {
            let limits = Complexity {
                signatures,
                ..Complexity::default()
            };
            let mut module = Module::default();
            Parser::new(0)
                .parse_all(&wasm)
                .try_for_each(|payload| module.see(&payload.unwrap(), &limits))
        };
        count(9 + 11 + 3 + 9 + 2).unwrap();
        let error = count(9 + 11 + 3 + 9 + 1).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::TooLarge);
        assert_eq!(
            error.message(),
            "parameters and results of functions and types: 34, and 33 is allowed"
        );
    }

    #[test]
    fn each_module_begins_anew() {
        let text = r#"(component
            (core module (type (func (param i32 i32))) (func (type 0)))
            (core module (type (func)) (func (type 0) (local i64) block end)))"#;
        let wasm = wat::parse_str(text).unwrap();
        let limits = Complexity {
            locals_in_blocks: 1,
            ..Complexity::default()
        };
        let mut module = Module::default();
        for payload in Parser::new(0).parse_all(&wasm) {
            let payload = payload.unwrap();
            module.see(&payload, &Complexity::default()).unwrap();
            if let Payload::CodeSectionEntry(body) = payload {
                module.count(&body, &limits).unwrap();
            }
        }
    }
}
