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

/// As how many values a local counts that is set where ways part: compilers make a value
/// of it where they meet, and look through all of those for what can share a register.
const MET: u64 = 4;

/// How many blocks engines put where a function is taken from a table: it is made when
/// it is first asked for, by a call.
const TAKEN: u64 = 4;

/// Where blocks begin inside of so many others, each takes a compiler twice as long.
const DEEP: u64 = 1_000;

/// Loops inside of so many others: as [`DEEP`]. What a loop's guest can be stopped by, and
/// each local that is used, is handed from one to the next.
const DEEP_LOOPS: u64 = 8;

/// A loop that uses so many locals takes a compiler as long for each of them as a place
/// does: they are struck out of a list one by one, and the rest moves up.
const STRUCK: u64 = 256;

/// Where so many locals are in use at once, each takes a compiler as long as a place does:
/// where a register is wanted, all that may have it are looked at.
const HELD: u64 = 8;

/// Functions of fewer locals are not looked at for how many are in use at once.
const FEW: usize = 2_000;

/// The most locals of a function, its parameters among them: validators take 50,000,
/// and what stops a guest has some of its own.
const LOCALS: u64 = 49_000;

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
    /// The open blocks of the function that is counted.
    blocks: Vec<Block>,
    /// How many of them are loops.
    loops: u64,
    /// How many blocks began, in all functions.
    begun: u64,
    /// What is known of locals, by their index.
    locals: Vec<Local>,
    /// How often locals were used in the function that is counted; what a loop does is
    /// once.
    time: u32,
    /// How many blocks had begun with the function, when it was gone through first.
    function: u64,
    /// Whether it is gone through once more, for locals with more than one origin alone.
    again: bool,
    /// Of the modules before, too: what functions and their types count for.
    signatures: u64,
    /// Of the modules before, too: how many locals functions have.
    all_locals: u64,
}

/// A block that has not ended, or the function.
struct Block {
    /// How many values a branch to it takes.
    takes: u32,
    is_loop: bool,
    /// How many blocks there are to the innermost loop, with it.
    to_loop: usize,
    /// Whether ways meet at its end, or a loop's beginning.
    met: bool,
    /// How many blocks had begun, this one included.
    begun: u64,
    /// The same of the part that it is in, such as what comes behind `else`.
    part: u64,
    /// How many locals are read in it, less those that a block inside of it had counted
    /// for both: when all inside of it have ended, how many it reads.
    read: i64,
    /// The same of those that are set.
    set: i64,
}

impl Block {
    fn count(&mut self, set: bool, by: i64) {
        *(if set { &mut self.set } else { &mut self.read }) += by;
    }
}

#[derive(Clone, Copy, Default)]
struct Local {
    /// How many blocks had begun when a local with this index was read last, in any
    /// function.
    read: u64,
    /// The same of when it was set.
    set: u64,
    /// How many blocks had begun with the part of the innermost of those in which it was
    /// set last.
    part: u64,
    /// How many blocks had begun when it was read last where what it holds can be of more
    /// than one origin.
    mixed: u64,
    /// When it was used first and last, in the function that is counted.
    first: u32,
    last: u32,
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
                    all_locals: self.all_locals,
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
        let own = self.function(self.seen);
        self.seen += 1;
        let mut locals = u64::from(own.params);
        for group in body.get_locals_reader().map_err(malformed)? {
            let (count, _) = group.map_err(malformed)?;
            locals += u64::from(count);
            within("locals of a function", locals, limits.locals.min(LOCALS))?;
        }
        self.all_locals += locals;
        within(
            "locals of all functions",
            self.all_locals,
            limits.all_locals,
        )?;
        let variables = locals as usize;
        if self.locals.len() < variables {
            self.locals.resize(variables, Local::default());
        }
        let mut work = self.go_through(body, own.results, variables, false)?;
        if work.values > limits.values {
            // Without those locals for which no values are made where ways meet.
            work.values = self.go_through(body, own.results, variables, true)?.values;
        }
        locals += work.loops;
        within("values that a function passes", work.values, limits.values)?;
        within(
            "blocks and branches of a function",
            work.places,
            limits.blocks,
        )?;
        within(
            "places times locals of a function",
            locals
                .saturating_mul(work.places)
                .saturating_add(work.pairs),
            limits.locals_in_blocks,
        )
    }

    fn go_through(
        &mut self,
        body: &FunctionBody<'_>,
        results: u32,
        variables: usize,
        again: bool,
    ) -> Result<Work> {
        self.blocks.clear();
        self.loops = 0;
        self.begin(results, false);
        self.again = again;
        if !again {
            self.function = self.begun;
        }
        self.time = 0;
        let followed = variables > FEW;
        if followed {
            for local in &mut self.locals[..variables] {
                (local.first, local.last) = (u32::MAX, 0);
            }
        }
        let mut work = Work::default();
        let operators = body.get_operators_reader().map_err(malformed)?;
        for operator in operators.into_iter_with_offsets() {
            let (operator, offset) = operator.map_err(malformed)?;
            let local = match operator {
                // What stops guests there is followed as locals are.
                Operator::Loop { .. } => {
                    work.loops += 1;
                    None
                }
                Operator::LocalGet { local_index } => Some((local_index as usize, false)),
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    Some((local_index as usize, true))
                }
                _ => None,
            };
            if let Some((index, set)) = local.filter(|it| it.0 < variables) {
                if followed {
                    self.note(index);
                }
                self.access(index, set);
            }
            let Some((values, places, pairs)) = self.operator(&operator) else {
                return Err(Error::new(
                    ErrorKind::InvalidComponent,
                    "a block ends that did not begin",
                )
                .with_context("offset", format_args!("{offset:#x}")));
            };
            work.values += values;
            work.places += places;
            work.pairs += pairs;
        }
        if followed {
            let held = self.in_use(variables);
            work.pairs += held * held / HELD;
        }
        Ok(work)
    }

    /// Notes when a local is used.
    fn note(&mut self, index: usize) {
        let local = &mut self.locals[index];
        local.first = local.first.min(self.time);
        local.last = self.time;
        self.time += u32::from(self.loops == 0);
    }

    /// Notes that the open blocks set a local, or read it.
    fn access(&mut self, index: usize, set: bool) {
        let Some(inner) = self.blocks.last() else {
            return;
        };
        let local = &mut self.locals[index];
        if self.again {
            if local.mixed < self.function {
                return;
            }
        } else if set {
            local.part = inner.part;
        } else if local.part != inner.part {
            let one = if local.part < self.function {
                self.loops == 0
            } else {
                let block = self.blocks.binary_search_by_key(&local.part, |it| it.part);
                block.is_ok_and(|block| block + 1 >= inner.to_loop)
            };
            if !one {
                local.mixed = self.begun;
            }
        }
        let before = if set { &mut local.set } else { &mut local.read };
        let before = std::mem::replace(before, self.begun);
        // The blocks that were open then and are now: the outermost.
        let known = self.blocks.partition_point(|it| it.begun <= before);
        if known == self.blocks.len() {
            return;
        }
        if let Some(block) = known.checked_sub(1) {
            self.blocks[block].count(set, -1);
        }
        if let Some(block) = self.blocks.last_mut() {
            block.count(set, 1);
        }
    }

    /// How many of the function's locals are in use at once, at most: each is from where it
    /// is used first to where it is used last. For those that loops use, that is the whole
    /// loop.
    fn in_use(&self, variables: usize) -> u64 {
        let used = self.locals[..variables]
            .iter()
            .filter(|it| it.first <= it.last);
        let mut times: Vec<_> = used
            .flat_map(|it| [(it.first, false), (it.last, true)])
            .collect();
        times.sort_unstable();
        let (mut now, mut most) = (0, 0);
        for (_, ends) in times {
            if ends {
                now -= 1;
            } else {
                now += 1;
                most = u64::max(most, now);
            }
        }
        most
    }

    fn begin(&mut self, takes: u32, is_loop: bool) {
        self.begun += 1;
        self.loops += u64::from(is_loop);
        let to_loop = match self.blocks.last() {
            _ if is_loop => self.blocks.len() + 1,
            Some(outer) => outer.to_loop,
            None => 0,
        };
        self.blocks.push(Block {
            takes,
            is_loop,
            to_loop,
            met: false,
            begun: self.begun,
            part: self.begun,
            read: 0,
            set: 0,
        });
    }

    /// Begins another part of a block: what the one before set is not known in it.
    fn part(&mut self) {
        self.begun += 1;
        if let Some(block) = self.blocks.last_mut() {
            block.part = self.begun;
        }
    }

    /// How many values the end of a block makes, and how many pairs of locals its loop has;
    /// nothing if there is no block.
    fn end(&mut self) -> Option<(u64, u64)> {
        let ended = self.blocks.pop()?;
        self.loops -= u64::from(ended.is_loop);
        let count = |locals: i64| u64::try_from(locals).unwrap_or_default();
        // Behind the function, there are no locals.
        let mut set = 0;
        if let Some(outer) = self.blocks.last_mut() {
            outer.read += ended.read;
            outer.set += ended.set;
            if ended.met {
                set = count(ended.set);
            }
        }
        let read = if ended.is_loop { count(ended.read) } else { 0 };
        Some((MET * set, read * read / STRUCK))
    }

    /// How many places the beginning of a block counts for.
    fn place(&self) -> u64 {
        1 + self.blocks.len() as u64 / DEEP
    }

    /// How many values an operator passes, how many places it begins where ways may
    /// meet, and how many pairs of locals end with it; nothing if it ends a block and
    /// there is none.
    fn operator(&mut self, operator: &Operator<'_>) -> Option<(u64, u64, u64)> {
        let (values, places) = match operator {
            Operator::Block { blockty } | Operator::If { blockty } | Operator::Try { blockty } => {
                let arity = self.block(*blockty);
                let place = self.place();
                self.begin(arity.results, false);
                if !matches!(operator, Operator::Block { .. }) {
                    self.branch(0);
                }
                (arity.sum(), place)
            }
            Operator::Loop { blockty } => {
                let arity = self.block(*blockty);
                let place = self.place() + self.loops / DEEP_LOOPS;
                self.begin(arity.params, true);
                (LOOP * arity.sum(), place)
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
                let place = self.place();
                self.begin(arity.results, false);
                (arity.sum() + caught, place + try_table.catches.len() as u64)
            }
            Operator::Catch { tag_index } => {
                self.part();
                (self.thrown(*tag_index), 1)
            }
            Operator::Else | Operator::CatchAll => {
                self.part();
                (0, 1)
            }
            Operator::End | Operator::Delegate { .. } => {
                return self.end().map(|(values, pairs)| (values, 0, pairs));
            }
            Operator::Throw { tag_index } => (self.thrown(*tag_index), 0),
            Operator::Br { relative_depth } => (self.branch(*relative_depth), 0),
            Operator::BrIf { relative_depth } => (self.branch(*relative_depth), 1),
            Operator::BrTable { targets } => {
                for target in targets.targets() {
                    // What cannot be read is malformed further on.
                    self.branch(target.unwrap_or_default());
                }
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
        };
        Some((values, places, 0))
    }

    /// How many values an exception has.
    fn thrown(&self, tag: u32) -> u64 {
        let ty = self.tags.get(tag as usize).copied();
        ty.map_or(0, |ty| u64::from(self.ty(ty).params))
    }

    /// Notes a branch, and gives how many values it takes.
    fn branch(&mut self, depth: u32) -> u64 {
        let block = self.blocks.len().checked_sub(depth as usize + 1);
        let Some(block) = block.and_then(|block| self.blocks.get_mut(block)) else {
            return 0;
        };
        block.met = true;
        u64::from(block.takes)
    }
}

/// What a function is for a compiler.
#[derive(Default)]
struct Work {
    values: u64,
    places: u64,
    /// What comes to the product of places and locals.
    pairs: u64,
    loops: u64,
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
            let mut allows = |limit| {
                set(&mut limits, limit);
                count(&limits).is_ok()
            };
            let (mut fits, mut below) = (1 << 40, 0);
            assert!(allows(fits));
            while below < fits {
                let middle = u64::midpoint(below, fits);
                if allows(middle) {
                    fits = middle;
                } else {
                    below = middle + 1;
                }
            }
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
        module.begin(0, false);
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
    fn blocks_far_inside_of_others_count_again() {
        // The function's own label is the first.
        for (count, places) in [(999, 999), (1_000, 1_001), (2_000, 1_000 + 2 * 1_000 + 2)] {
            for begin in ["block ", "if ", "try_table "] {
                let function = format!(
                    "(module (func (param i32) unreachable {} {}))",
                    begin.repeat(count),
                    "end ".repeat(count)
                );
                assert_eq!(counted(&function).1, places, "{count} of {begin}");
            }
        }
    }

    #[test]
    fn loops_in_loops_count_again() {
        let product = |count: u64| {
            let function = format!(
                "(module (func {} {}))",
                "loop ".repeat(count as usize),
                "end ".repeat(count as usize)
            );
            counted(&function).1
        };
        // Each is as a local, too.
        assert_eq!(product(8), 8 * 8);
        assert_eq!(product(9), 9 * (8 + 2));
        assert_eq!(product(17), 17 * (8 + 2 * 8 + 3));
        let beside = format!("(module (func {}))", "loop end ".repeat(17));
        assert_eq!(counted(&beside).1, 17 * 17);
    }

    #[test]
    fn locals_that_loops_use_count_by_pairs() {
        let uses = |locals: std::ops::Range<usize>| {
            let gets = locals.map(|it| format!("local.get {it} drop "));
            gets.collect::<String>()
        };
        let (few, some, all) = (uses(0..32), uses(16..64), uses(0..64));
        let square = |used: u64| used * used / 256;
        for (body, loops, squares) in [
            ("loop end".to_owned(), 1, 0),
            (format!("{all} loop end {all}"), 1, 0),
            (format!("loop {few} end"), 1, square(32)),
            (format!("loop {few} {few} {few} end"), 1, square(32)),
            (format!("loop {few} {some} end"), 1, square(64)),
            (
                format!("loop {few} end loop {all} end"),
                2,
                square(32) + square(64),
            ),
            // What a loop uses, those around it do.
            (format!("loop loop {few} end end"), 2, 2 * square(32)),
            (format!("loop {few} loop {few} end end"), 2, 2 * square(32)),
            (format!("loop loop {few} end {few} end"), 2, 2 * square(32)),
            (
                format!("loop {few} loop {some} end end"),
                2,
                square(64) + square(48),
            ),
            (
                format!("loop loop {few} end loop {some} end {few} end"),
                3,
                square(32) + square(48) + square(64),
            ),
            (
                format!("loop loop loop {few} end {some} end loop {all} end end"),
                4,
                square(32) + 3 * square(64),
            ),
        ] {
            // Another function's loops were before, with the same locals.
            let text = format!(
                "(module (func (local {i64s}) loop {all} end) (func (local {i64s}) {body}))",
                i64s = "i64 ".repeat(64)
            );
            let expected = loops * (64 + loops) + squares;
            assert_eq!(counted(&text).1, expected, "{body}");
        }
    }

    #[test]
    fn locals_that_are_set_where_ways_part_count_as_values() {
        // Two blocks around, of which one is left by a branch.
        let sets = "i32.const 1 local.set 1 i32.const 1 local.set 2";
        let gets = "local.get 1 local.get 2 drop drop";
        for (body, locals) in [
            (sets.to_owned(), 0),
            (format!("block {sets} end {gets}"), 0),
            (format!("block br 0 {sets} end {gets}"), 2),
            (format!("block local.get 0 br_if 0 {sets} end {gets}"), 2),
            (
                format!("block local.get 0 br_table 0 0 {sets} end {gets}"),
                2,
            ),
            (
                format!("block br 0 local.get 0 local.tee 1 drop end {gets}"),
                1,
            ),
            (format!("block block br 1 {sets} end end {gets}"), 2),
            (
                format!("block block br 1 {sets} end br 0 {sets} end {gets}"),
                2,
            ),
            (
                format!("block block br 1 {sets} br 0 end {sets} end {gets}"),
                4,
            ),
            (format!("block {sets} end block br 0 end {gets}"), 0),
            (format!("local.get 0 if {sets} end {gets}"), 2),
            (format!("local.get 0 if {sets} else {sets} end {gets}"), 2),
            (format!("local.get 0 if else {sets} end {gets}"), 2),
            (format!("loop {sets} end {gets}"), 0),
            (format!("loop {sets} br 0 end {gets}"), 2),
            (
                format!("block try_table (catch_all 0) {sets} end end {gets}"),
                2,
            ),
            (format!("try {sets} catch_all {gets} end"), 2),
            // Behind the function, there are none.
            (format!("block {sets} local.get 0 br_if 1 end {gets}"), 0),
        ] {
            let text = format!("(module (func (param i32) (local i32 i32) {body}))");
            assert_eq!(counted(&text).0, MET * locals, "{body}");
        }
    }

    #[test]
    fn locals_of_one_origin_are_no_values_where_ways_meet() {
        let (set, get) = ("i32.const 1 local.set 1", "local.get 1 drop");
        let choice = |inner: &str| format!("local.get 0 if {inner} end");
        for (body, is_one) in [
            (choice(set), true),
            (choice(&format!("{set} {get}")), true),
            (choice(&format!("{set} {} {get}", choice(get))), true),
            (choice(&format!("{set} {get} else {set} {get}")), true),
            (choice(&format!("{set} else {get}")), false),
            (format!("{} {get}", choice(set)), false),
            (choice(&format!("{set} {}", choice(set))), true),
            (choice(&format!("{set} {} {get}", choice(set))), false),
            (format!("{set} {} {get}", choice(set)), false),
            (format!("{get} {}", choice(set)), true),
            (
                format!("{set} {get} {}", choice(&format!("{set} {get}"))),
                true,
            ),
            (format!("loop {set} {get} br 0 end"), true),
            (format!("loop {set} {} br 0 end", choice(get)), true),
            (format!("loop {get} {set} br 0 end"), false),
            (format!("{set} loop {get} {set} br 0 end"), false),
            (format!("loop {} {get} br 0 end", choice(set)), false),
            (
                format!("loop {set} loop {get} {set} br 0 end br 0 end"),
                false,
            ),
            (
                format!("loop {} br 0 end", choice(&format!("{set} {get}"))),
                true,
            ),
            (format!("try {set} {get} catch_all {set} {get} end"), true),
            (format!("try {set} catch_all {get} end"), false),
        ] {
            let text = format!("(module (func (param i32) (local i32) {body}))");
            let (values, _) = counted(&text);
            assert_eq!(values == 0, is_one, "{body}: {values}");
        }
    }

    #[test]
    fn locals_that_are_in_use_at_once_count_by_pairs() {
        let each = |locals: std::ops::Range<usize>, code: &dyn Fn(usize) -> String| {
            locals.map(code).collect::<String>()
        };
        let set = |i| format!("i32.const 1 local.set {i} ");
        let get = |i| format!("local.get {i} drop ");
        let tee = |i| format!("i32.const 1 local.tee {i} drop ");
        let square = |held: u64| held * held / 8;
        let all = 0..2_001;
        for (body, product) in [
            (String::new(), 0),
            (each(all.clone(), &|i| set(i) + &get(i)), square(1)),
            (
                each(all.clone(), &set) + &each(all.clone(), &get),
                square(2_001),
            ),
            (
                each(all.clone(), &tee) + &each(all.clone(), &tee),
                square(2_001),
            ),
            (
                each(0..100, &set) + &each(100..200, &set) + &each(0..100, &get),
                square(101),
            ),
            // In a loop, all is in use from its beginning to its end.
            (
                format!("loop {} end", each(0..256, &|i| set(i) + &get(i))),
                2_002 + 256 + square(256),
            ),
        ] {
            let text = format!("(module (func (local {}) {body}))", "i32 ".repeat(2_001));
            assert_eq!(counted(&text).1, product, "{body}");
        }
        // Of fewer locals, all may be.
        let body = each(0..2_000, &set) + &each(0..2_000, &get);
        let text = format!("(module (func (local {}) {body}))", "i32 ".repeat(2_000));
        assert_eq!(counted(&text).1, 0);
    }

    #[test]
    fn locals_that_are_not_there_are_not_kept() {
        // `local.get 4294967295` in a loop.
        let body = [
            0, 0x03, 0x40, 0x20, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x1a, 0x0b, 0x0b,
        ];
        let body = FunctionBody::new(wasmparser::BinaryReader::new(&body, 0));
        let mut module = Module::default();
        module.count(&body, &Complexity::default()).unwrap();
        assert!(module.locals.is_empty());
    }

    #[test]
    fn more_locals_than_engines_take_cannot_be_allowed() {
        let limits = Complexity {
            locals: u64::MAX,
            ..Complexity::default()
        };
        for (locals, fits) in [(48_999, true), (49_000, false)] {
            let text = format!(
                "(module (func (param i32) (local {})))",
                "i32 ".repeat(locals)
            );
            let wasm = wat::parse_str(text).unwrap();
            let mut module = Module::default();
            let result = Parser::new(0).parse_all(&wasm).try_for_each(|payload| {
                let payload = payload.unwrap();
                module.see(&payload, &limits)?;
                match payload {
                    Payload::CodeSectionEntry(body) => module.count(&body, &limits),
                    _ => Ok(()),
                }
            });
            assert_eq!(result.is_ok(), fits, "{locals}: {result:?}");
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
