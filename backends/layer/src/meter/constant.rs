//! Which lengths of bulk operations Wasmtime knows while it compiles: it does not
//! check short ones, so the count's checks depend on it.
//!
//! Wasmtime asks whether the value on top of its stack is a constant, and nothing
//! is folded by then. The value may have come by way of locals and of the
//! parameters and results of blocks, which its frontend (`cranelift-frontend`)
//! turns into SSA values while it reads the function, by the algorithm of Braun
//! and others, "Simple and Efficient Construction of Static Single Assignment
//! Form" (2013). Whether a constant is found behind a join, above all that of a
//! loop, depends on which blocks are complete at that time. So this does the same,
//! with all values but constants left out, for the functions that need it: most
//! lengths are seen to be constant, or not to be, from the operator before.

use std::collections::HashSet;

use wasmtime_environ::wasmparser::{BlockType, FunctionBody, Operator};

use super::Outcome;
use super::cost::{self, Kind};
use super::shape::Shape;
use super::ssa::{BlockId, Ssa, Value, ValueId, Variable};

/// The lengths of a function's bulk operations, in the order of its code.
pub(super) struct Lengths<'a, 'b> {
    shape: &'a Shape<'b>,
    index: usize,
    body: &'a FunctionBody<'a>,
    /// The function may have bulk operations.
    wanted: bool,
    last: Option<Operator<'a>>,
    /// How many bulk operations there were.
    bulks: usize,
    /// Which locals hold a value that is not a constant, by the way that leads
    /// straight to the operator: those that have the present number. Where ways
    /// join, one such value is enough.
    computed: Vec<u32>,
    present: u32,
    solved: Option<Vec<Option<u64>>>,
}

/// How many locals are watched. Those of a few bytes of code can be many.
const WATCHED: u32 = 1024;

impl<'a, 'b> Lengths<'a, 'b> {
    /// For a function with so many locals, parameters among them.
    pub(super) fn new(
        shape: &'a Shape<'b>,
        index: usize,
        body: &'a FunctionBody<'a>,
        locals: u32,
    ) -> Outcome<Self> {
        let params = shape.body_type(index)?.params().len();
        // Bulk operations have this prefix, but for `memory.grow`.
        let bytes = body.as_bytes();
        let wanted = shape.mode.counts()
            && (bytes.contains(&0xfc) || bytes.windows(2).any(|pair| shape.may_grow(pair)));
        let mut computed = Vec::new();
        if wanted {
            computed.resize(locals.min(WATCHED) as usize, 0);
            computed.iter_mut().take(params).for_each(|it| *it = 1);
        }
        Ok(Lengths {
            shape,
            index,
            body,
            wanted,
            last: None,
            bulks: 0,
            computed,
            present: 1,
            solved: None,
        })
    }

    /// Goes on to the next operator. `reachable` is whether code before it can
    /// lead to it.
    pub(super) fn seen(&mut self, kind: Kind, operator: Operator<'a>, reachable: bool) {
        if !self.wanted {
            return;
        }
        match operator {
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                let last = self.last.as_ref();
                let computed = last.is_some_and(|last| self.makes_a_value(last));
                let present = if computed { self.present } else { 0 };
                if let Some(it) = self.computed.get_mut(local_index as usize) {
                    *it = present;
                }
            }
            Operator::Else => self.present += 1,
            Operator::End if !reachable => self.present += 1,
            _ => self.bulks += usize::from(matches!(kind, Kind::Bulk(_))),
        }
        self.last = Some(operator);
    }

    /// The length of the bulk operation that is next, if Wasmtime knows it.
    pub(super) fn next(&mut self) -> Outcome<Option<u64>> {
        match &self.last {
            Some(Operator::I32Const { value }) => return Ok(Some(u64::from(*value as u32))),
            Some(Operator::I64Const { value }) => return Ok(Some(*value as u64)),
            Some(Operator::LocalGet { local_index } | Operator::LocalTee { local_index })
                if self.computed.get(*local_index as usize) == Some(&self.present) =>
            {
                return Ok(None);
            }
            Some(operator) if self.makes_a_value(operator) => return Ok(None),
            _ => {}
        }
        if self.solved.is_none() {
            self.solved = Some(solve(self.shape, self.index, self.body)?);
        }
        let solved = self.solved.as_ref().and_then(|all| all.get(self.bulks));
        Ok(solved.copied().flatten())
    }

    /// Whether the operator leaves a value that it has computed, and that is not a
    /// constant.
    fn makes_a_value(&self, operator: &Operator<'_>) -> bool {
        use Operator as O;
        match operator {
            O::I32Const { .. }
            | O::I64Const { .. }
            | O::LocalGet { .. }
            | O::LocalTee { .. }
            | O::GlobalGet { .. }
            | O::TableSize { .. }
            | O::BrIf { .. }
            | O::BrOnNull { .. }
            | O::BrOnNonNull { .. }
            | O::Block { .. }
            | O::Loop { .. }
            | O::If { .. }
            | O::Else
            | O::End => false,
            _ => operator
                .operator_arity(self.shape)
                .is_some_and(|(_, results)| results > 0),
        }
    }
}

/// A block of wasm.
struct Frame {
    kind: Kind,
    /// Where a branch goes, and where code goes on.
    label: BlockId,
    next: BlockId,
    label_variables: std::ops::Range<Variable>,
    next_variables: std::ops::Range<Variable>,
    /// What the stack is cut to.
    height: usize,
    targeted: bool,
    /// For an `if` that can run: how many parameters it has, the block that its
    /// condition ends, where `else` begins if it has to come, and whether the end
    /// of what is before it can be reached.
    params: usize,
    condition: Option<BlockId>,
    otherwise: Option<BlockId>,
    then_ends: bool,
}

/// Wasmtime's translation of a function, as far as it matters.
struct Translation<'a, 'b> {
    shape: &'a Shape<'b>,
    ssa: Ssa,
    stack: Vec<ValueId>,
    frames: Vec<Frame>,
    now: BlockId,
    reachable: bool,
    other: ValueId,
    lengths: Vec<Option<u64>>,
}

/// The lengths of a function's bulk operations, if Wasmtime knows them.
pub(super) fn solve(
    shape: &Shape<'_>,
    index: usize,
    body: &FunctionBody<'_>,
) -> Outcome<Vec<Option<u64>>> {
    let ty = shape.body_type(index)?;
    let mut ssa = Ssa::default();
    let other = ssa.value(Value::Other);
    let entry = ssa.block();
    ssa.seal(entry);
    for variable in ssa.new_variables(ty.params().len()) {
        ssa.define(variable, entry, other);
    }
    for local in body.get_locals_reader()? {
        let (count, ty) = local?;
        // One instruction for all of them. Lengths are not of other types.
        let zero = match ty.is_reference_type() {
            true => other,
            false => ssa.value(Value::Constant(0)),
        };
        for variable in ssa.new_variables(count as usize) {
            ssa.define(variable, entry, zero);
        }
    }
    let mut it = Translation {
        shape,
        ssa,
        stack: Vec::new(),
        frames: Vec::new(),
        now: entry,
        reachable: true,
        other,
        lengths: Vec::new(),
    };
    it.open(Kind::Block, 0, ty.results().len());
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let operator = reader.read()?;
        let kind = cost::kind(shape, &operator)?;
        it.step(kind, &operator)?;
    }
    Ok(it.lengths)
}

impl Translation<'_, '_> {
    fn pop(&mut self) -> ValueId {
        self.stack.pop().unwrap_or(self.other)
    }

    fn top(&self, count: usize) -> Vec<ValueId> {
        let all = &self.stack;
        all[all.len().saturating_sub(count)..].to_vec()
    }

    fn drop(&mut self, count: usize) {
        let left = self.stack.len().saturating_sub(count);
        self.stack.truncate(left);
    }

    /// Begins a block; `loop`s and `if`s are put right by their caller.
    fn open(&mut self, kind: Kind, params: usize, results: usize) {
        let next = self.ssa.block();
        let variables = self.ssa.new_variables(results);
        self.frames.push(Frame {
            kind,
            label: next,
            next,
            label_variables: variables.clone(),
            next_variables: variables,
            height: self.stack.len().saturating_sub(params),
            targeted: false,
            params,
            condition: None,
            otherwise: None,
            then_ends: false,
        });
    }

    /// A block in code that does not run.
    fn open_dead(&mut self, kind: Kind) {
        self.open(kind, 0, 0);
    }

    /// Gives values to variables, where a jump is to follow.
    fn pass(&mut self, from: BlockId, variables: std::ops::Range<Variable>, values: &[ValueId]) {
        for (variable, value) in variables.zip(values) {
            self.ssa.define(variable, from, *value);
        }
    }

    fn take(&mut self, variables: std::ops::Range<Variable>) {
        for variable in variables {
            let value = self.ssa.find(variable, self.now);
            self.stack.push(value);
        }
    }

    /// A label's frame, as the target of a branch: its block and variables.
    fn target(&mut self, depth: u32) -> (BlockId, std::ops::Range<Variable>) {
        let at = (self.frames.len() - 1).saturating_sub(depth as usize);
        let frame = &mut self.frames[at];
        frame.targeted = true;
        (frame.label, frame.label_variables.clone())
    }

    /// A branch that is taken or not.
    fn branch_if(&mut self, depth: u32) {
        let (label, variables) = self.target(depth);
        let values = self.top(variables.len());
        let on = self.ssa.block();
        self.pass(self.now, variables, &values);
        self.ssa.edge(self.now, label);
        self.ssa.edge(self.now, on);
        self.ssa.seal(on);
        self.now = on;
    }

    fn branch_table(&mut self, depths: &[u32]) {
        let smallest = depths.iter().min().copied().unwrap_or(0);
        let (_, variables) = self.target(smallest);
        let values = self.top(variables.len());
        let mut seen = HashSet::new();
        for depth in depths {
            let (label, variables) = self.target(*depth);
            if variables.is_empty() {
                if seen.insert(label) {
                    self.ssa.edge(self.now, label);
                }
            } else if seen.insert(*depth as usize) {
                let split = self.ssa.block();
                self.ssa.edge(self.now, split);
                self.ssa.seal(split);
                self.pass(split, variables, &values);
                self.ssa.edge(split, label);
            }
        }
    }

    fn begin_loop(&mut self, ty: BlockType) {
        let (params, results) = self.shape.block(ty);
        let header = self.ssa.block();
        let variables = self.ssa.new_variables(params.len());
        self.open(Kind::Loop, params.len(), results.len());
        let values = self.top(params.len());
        self.pass(self.now, variables.clone(), &values);
        self.ssa.edge(self.now, header);
        if let Some(frame) = self.frames.last_mut() {
            frame.label = header;
            frame.label_variables = variables.clone();
        }
        self.drop(params.len());
        self.now = header;
        self.take(variables);
        // The check.
        self.now = self.detour(header);
    }

    /// Code that is run or is not: where it goes on. Elsewhere such a detour
    /// changes nothing that can be seen here; in a loop it does, as the algorithm
    /// meets the place where it joins before it is back at the loop's header.
    fn detour(&mut self, from: BlockId) -> BlockId {
        let (detour, on) = (self.ssa.block(), self.ssa.block());
        self.ssa.edge(from, detour);
        self.ssa.edge(from, on);
        self.ssa.seal(detour);
        self.ssa.edge(detour, on);
        self.ssa.seal(on);
        on
    }

    /// `table.copy` is two loops, one of which runs; in each is a detour, for an
    /// element that nobody has asked for so far.
    fn table_copy(&mut self) {
        let (some, done) = (self.ssa.block(), self.ssa.block());
        self.ssa.edge(self.now, some);
        self.ssa.edge(self.now, done);
        self.ssa.seal(some);
        for _ in 0..2 {
            let one = self.ssa.block();
            self.ssa.edge(some, one);
            let on = self.detour(one);
            self.ssa.edge(on, done);
            self.ssa.edge(on, one);
            self.ssa.seal(one);
        }
        self.ssa.seal(done);
        self.now = done;
    }

    fn begin_if(&mut self, ty: BlockType) {
        self.pop();
        let (params, results) = self.shape.block(ty);
        let values = self.top(params.len());
        // Once for each arm.
        self.stack.extend(&values);
        self.open(Kind::If, params.len(), results.len());
        let then = self.ssa.block();
        self.ssa.edge(self.now, then);
        let at = self.frames.len() - 1;
        self.frames[at].condition = Some(self.now);
        if params == results {
            // There may be no `else`: until it comes, the end is what follows if
            // the condition does not hold.
            let (next, variables) = self.next(at);
            self.pass(self.now, variables, &values);
            self.ssa.edge(self.now, next);
        } else {
            let otherwise = self.ssa.block();
            self.ssa.edge(self.now, otherwise);
            self.ssa.seal(otherwise);
            self.frames[at].otherwise = Some(otherwise);
        }
        self.ssa.seal(then);
        self.now = then;
    }

    /// Where code goes on after a frame.
    fn next(&self, frame: usize) -> (BlockId, std::ops::Range<Variable>) {
        let frame = &self.frames[frame];
        (frame.next, frame.next_variables.clone())
    }

    fn begin_else(&mut self) {
        let at = self.frames.len() - 1;
        let (next, variables) = self.next(at);
        let frame = &mut self.frames[at];
        frame.kind = Kind::Else;
        frame.then_ends = self.reachable;
        let (height, otherwise) = (frame.height, frame.otherwise);
        let Some(condition) = frame.condition else {
            return; // the `if` does not run
        };
        if self.reachable {
            let values = self.top(variables.len());
            self.pass(self.now, variables, &values);
            self.ssa.edge(self.now, next);
        }
        self.stack.truncate(height);
        self.now = otherwise.unwrap_or_else(|| {
            self.ssa.remove_edge(condition, next);
            let block = self.ssa.block();
            self.ssa.edge(condition, block);
            self.ssa.seal(block);
            block
        });
        self.reachable = true;
    }

    fn end(&mut self) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        let was_reachable = self.reachable;
        if was_reachable {
            let values = self.top(frame.next_variables.len());
            self.pass(self.now, frame.next_variables.clone(), &values);
            self.ssa.edge(self.now, frame.next);
        }
        let goes_on = was_reachable
            || match frame.kind {
                Kind::Loop => false,
                Kind::If => frame.targeted || frame.condition.is_some(),
                Kind::Else => frame.targeted || frame.then_ends,
                _ => frame.targeted,
            };
        if goes_on {
            self.now = frame.next;
            self.ssa.seal(frame.next);
        }
        if frame.kind == Kind::Loop && frame.label != frame.next {
            self.ssa.seal(frame.label);
        }
        // An `if` had its parameters on the stack twice.
        let twice = match frame.kind {
            Kind::If | Kind::Else => frame.params,
            _ => 0,
        };
        self.stack.truncate(frame.height.saturating_sub(twice));
        if goes_on {
            self.take(frame.next_variables);
            self.reachable = true;
        }
    }

    fn push_constant(&mut self, value: u64) {
        let value = self.ssa.value(Value::Constant(value));
        self.stack.push(value);
    }

    fn step(&mut self, kind: Kind, operator: &Operator<'_>) -> Outcome<()> {
        use Operator as O;
        if !self.reachable {
            match kind {
                Kind::Block | Kind::Loop | Kind::If => self.open_dead(kind),
                Kind::Else => self.begin_else(),
                Kind::End => self.end(),
                Kind::Bulk(_) => self.lengths.push(None),
                _ => {}
            }
            return Ok(());
        }
        match *operator {
            O::I32Const { value } => self.push_constant(u64::from(value as u32)),
            O::I64Const { value } => self.push_constant(value as u64),
            O::LocalGet { local_index } => {
                let value = self.ssa.find(local_index as usize, self.now);
                self.stack.push(value);
            }
            O::LocalSet { local_index } => {
                let value = self.pop();
                self.ssa.define(local_index as usize, self.now, value);
            }
            O::LocalTee { local_index } => {
                let value = self.stack.last().copied().unwrap_or(self.other);
                self.ssa.define(local_index as usize, self.now, value);
            }
            O::GlobalGet { global_index } => match self.shape.constant_global(global_index) {
                Some(value) => self.push_constant(value),
                None => self.stack.push(self.other),
            },
            O::TableSize { table } => match self.shape.fixed_size(table) {
                Some(size) => self.push_constant(size),
                None => self.stack.push(self.other),
            },
            O::Block { blockty } => {
                let (params, results) = self.shape.block(blockty);
                self.open(Kind::Block, params.len(), results.len());
            }
            O::Loop { blockty } => self.begin_loop(blockty),
            O::If { blockty } => self.begin_if(blockty),
            O::Else => self.begin_else(),
            O::End => self.end(),
            O::Br { relative_depth } => {
                let (label, variables) = self.target(relative_depth);
                let values = self.top(variables.len());
                self.pass(self.now, variables, &values);
                self.ssa.edge(self.now, label);
                self.reachable = false;
            }
            O::BrIf { relative_depth } => {
                self.pop();
                self.branch_if(relative_depth);
            }
            // The reference is on the stack after the one, and is what the other
            // branches with.
            O::BrOnNull { relative_depth } => {
                let reference = self.pop();
                self.branch_if(relative_depth);
                self.stack.push(reference);
            }
            O::BrOnNonNull { relative_depth } => {
                self.branch_if(relative_depth);
                self.pop();
            }
            O::BrTable { ref targets } => {
                self.pop();
                let mut depths = targets.targets().collect::<Result<Vec<_>, _>>()?;
                depths.push(targets.default());
                self.branch_table(&depths);
                self.reachable = false;
            }
            _ => {
                if let Kind::Bulk(_) = kind {
                    let length = self.stack.last();
                    let length = length.and_then(|length| self.ssa.constant(*length));
                    self.lengths.push(length);
                }
                if let O::TableCopy { .. } = operator {
                    self.table_copy();
                }
                let (params, results) = operator.operator_arity(self.shape).unwrap_or((0, 0));
                self.drop(params as usize);
                self.stack.extend((0..results).map(|_| self.other));
                self.reachable = match kind {
                    Kind::Leave => false,
                    Kind::Access(access) => !self.shape.always_traps(&access),
                    _ => true,
                };
            }
        }
        Ok(())
    }
}
