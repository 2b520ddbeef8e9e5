//! The values of variables while a function is read, as `cranelift-frontend` finds
//! them: see `constant.rs`.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

pub(super) type ValueId = usize;
pub(super) type BlockId = usize;
pub(super) type Variable = usize;

#[derive(Clone, Copy)]
pub(super) enum Value {
    Constant(u64),
    /// Computed, or the parameter of a block: never a constant.
    Other,
    Alias(ValueId),
}

/// A piece of straight code.
#[derive(Default)]
struct Block {
    before: Vec<BlockId>,
    /// All blocks before it are known.
    sealed: bool,
    /// Variables that were asked for before that, with the values that stand for
    /// them.
    open: Vec<(Variable, ValueId)>,
}

impl Block {
    fn single(&self) -> Option<BlockId> {
        match self.before[..] {
            [one] if self.sealed => Some(one),
            _ => None,
        }
    }
}

enum Task {
    Find(BlockId),
    /// The values of all blocks before this one are there; the value stands for
    /// them.
    Join(ValueId, BlockId),
}

/// Hashes a variable and a block, which nobody outside chooses at will: the
/// numbers are given in order.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    fn write_usize(&mut self, value: usize) {
        self.0 = (self.0.rotate_left(26) ^ value as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Values and variables, as the frontend keeps them.
#[derive(Default)]
pub(super) struct Ssa {
    values: Vec<Value>,
    blocks: Vec<Block>,
    definitions: HashMap<(Variable, BlockId), ValueId, BuildHasherDefault<Mix>>,
    variables: usize,
}

impl Ssa {
    pub(super) fn value(&mut self, value: Value) -> ValueId {
        self.values.push(value);
        self.values.len() - 1
    }

    fn resolve(&self, mut id: ValueId) -> ValueId {
        while let Value::Alias(to) = self.values[id] {
            id = to;
        }
        id
    }

    /// What the value is, if it is a constant.
    pub(super) fn constant(&self, id: ValueId) -> Option<u64> {
        match self.values[self.resolve(id)] {
            Value::Constant(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn block(&mut self) -> BlockId {
        self.blocks.push(Block::default());
        self.blocks.len() - 1
    }

    pub(super) fn edge(&mut self, from: BlockId, to: BlockId) {
        self.blocks[to].before.push(from);
    }

    pub(super) fn remove_edge(&mut self, from: BlockId, to: BlockId) {
        let before = &mut self.blocks[to].before;
        if let Some(at) = before.iter().position(|block| *block == from) {
            before.swap_remove(at);
        }
    }

    pub(super) fn new_variables(&mut self, count: usize) -> std::ops::Range<Variable> {
        let first = self.variables;
        self.variables += count;
        first..self.variables
    }

    pub(super) fn define(&mut self, variable: Variable, block: BlockId, value: ValueId) {
        self.definitions.insert((variable, block), value);
    }

    /// The value of a variable at the present end of a block.
    pub(super) fn find(&mut self, variable: Variable, block: BlockId) -> ValueId {
        let mut results = Vec::new();
        self.run(variable, vec![Task::Find(block)], &mut results);
        results[0]
    }

    /// Says that all edges to a block are there.
    pub(super) fn seal(&mut self, block: BlockId) {
        self.blocks[block].sealed = true;
        for (variable, value) in std::mem::take(&mut self.blocks[block].open) {
            let mut tasks = Vec::new();
            self.join(value, block, &mut tasks);
            self.run(variable, tasks, &mut Vec::new());
        }
    }

    /// Finds the values of all blocks before this one, for what stands for them.
    fn join(&self, value: ValueId, block: BlockId, tasks: &mut Vec<Task>) {
        tasks.push(Task::Join(value, block));
        let before = self.blocks[block].before.iter().rev();
        tasks.extend(before.map(|block| Task::Find(*block)));
    }

    /// Does the tasks, the last one first.
    fn run(&mut self, variable: Variable, mut tasks: Vec<Task>, results: &mut Vec<ValueId>) {
        while let Some(task) = tasks.pop() {
            let result = match task {
                Task::Find(block) => self.look_up(variable, block, &mut tasks),
                Task::Join(value, block) => {
                    let count = self.blocks[block].before.len();
                    let found = results.split_off(results.len() - count);
                    Some(self.joined(value, &found))
                }
            };
            results.extend(result);
        }
    }

    /// Finds a value, unless it takes tasks that are put on top.
    fn look_up(
        &mut self,
        variable: Variable,
        block: BlockId,
        tasks: &mut Vec<Task>,
    ) -> Option<ValueId> {
        let mut passed = vec![];
        let mut visited = HashSet::new();
        let mut at = block;
        let found = loop {
            if let Some(value) = self.definitions.get(&(variable, at)) {
                break Some(*value);
            }
            match self.blocks[at].single() {
                Some(before) if visited.insert(at) => {
                    passed.push(at);
                    at = before;
                }
                _ => break None,
            }
        };
        let (value, done) = match found {
            Some(value) => (value, true),
            None => {
                let value = self.value(Value::Other);
                self.define(variable, at, value);
                if self.blocks[at].sealed {
                    self.join(value, at, tasks);
                } else {
                    self.blocks[at].open.push((variable, value));
                }
                (value, !self.blocks[at].sealed)
            }
        };
        for block in passed {
            self.define(variable, block, value);
        }
        done.then_some(value)
    }

    /// What a value is that stands for others: another one, if that is all that
    /// they are.
    fn joined(&mut self, value: ValueId, found: &[ValueId]) -> ValueId {
        let mut others = found
            .iter()
            .map(|id| self.resolve(*id))
            .filter(|id| *id != value);
        match others.next() {
            Some(first) if others.all(|other| other == first) => {
                self.values[value] = Value::Alias(first);
                first
            }
            _ => value,
        }
    }
}
