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

/// The most targets of a table of branches besides the last, which is taken for all other
/// numbers: Wasmtime compiles no more.
const TARGETS: u64 = 65_520;

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
        let mut go_through =
            |again| self.go_through(body, own.results, variables, again, limits.blocks);
        let mut work = go_through(false)?;
        if work.values > limits.values {
            // Without those locals for which no values are made where ways meet.
            work.values = go_through(true)?.values;
        }
        locals += work.loops;
        within("values that a function passes", work.values, limits.values)?;
        within(
            "places times locals of a function",
            locals
                .saturating_mul(work.places)
                .saturating_add(work.pairs),
            limits.locals_in_blocks,
        )
    }

    /// Counts what is in a function's body, up to so many places: what is kept of open
    /// blocks is limited by them.
    fn go_through(
        &mut self,
        body: &FunctionBody<'_>,
        results: u32,
        variables: usize,
        again: bool,
        places_allowed: u64,
    ) -> Result<Work> {
        self.blocks.clear();
        self.loops = 0;
        self.begin(results, false);
        self.again = again;
        if !again {
            self.function = self.begun;
        }
        self.time = 0;
        // How many are in use at once is known by the second time.
        let followed = variables > FEW && !again;
        if followed {
            for local in &mut self.locals[..variables] {
                (local.first, local.last) = (u32::MAX, 0);
            }
        }
        let mut work = Work::default();
        let operators = body.get_operators_reader().map_err(malformed)?;
        for operator in operators.into_iter_with_offsets() {
            let (operator, offset) = operator.map_err(malformed)?;
            let local = match &operator {
                // What stops guests there is followed as locals are.
                Operator::Loop { .. } => {
                    work.loops += 1;
                    None
                }
                Operator::LocalGet { local_index } => Some((*local_index as usize, false)),
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    Some((*local_index as usize, true))
                }
                Operator::BrTable { targets } => {
                    let count = u64::from(targets.len());
                    within("targets of a table of branches", count, TARGETS)?;
                    None
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
            within(
                "blocks and branches of a function",
                work.places,
                places_allowed,
            )?;
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
mod tests;
