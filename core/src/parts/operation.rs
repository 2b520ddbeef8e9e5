//! The operations that may be large, and the functions that they become.

use wasm_encoder::{BlockType, Encode, Function, Instruction, ValType};

use super::PART;

/// A kind of operation on certain memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Fill { mem: Memory },
    Copy { to: Memory, from: Memory },
    Init { segment: u32, to: Memory },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Memory {
    pub(super) index: u32,
    pub(super) is_64: bool,
}

impl Memory {
    fn address(self) -> ValType {
        if self.is_64 {
            ValType::I64
        } else {
            ValType::I32
        }
    }
}

impl Operation {
    /// The types of the length, and of what it takes before that.
    fn params(self) -> [ValType; 3] {
        match self {
            Operation::Fill { mem } => [mem.address(), ValType::I32, mem.address()],
            Operation::Copy { to, from } => {
                let both = Memory {
                    is_64: to.is_64 && from.is_64,
                    ..to
                };
                [to.address(), from.address(), both.address()]
            }
            Operation::Init { to, .. } => [to.address(), ValType::I32, ValType::I32],
        }
    }

    /// The type of its function, as it is written.
    pub(super) fn ty(self) -> Vec<u8> {
        func_type(&self.params(), &[])
    }

    /// The type of a block that takes its operands with a length of 64 bits, and gives
    /// them as they are.
    pub(super) fn block_type(self) -> Vec<u8> {
        let [to, from, _] = self.params();
        func_type(&[to, from, ValType::I64], &self.params())
    }

    /// The type of a block that gives its operands.
    pub(super) fn operands_type(self) -> Vec<u8> {
        func_type(&[], &self.params())
    }

    pub(super) fn to(self) -> Memory {
        match self {
            Operation::Fill { mem: to }
            | Operation::Copy { to, .. }
            | Operation::Init { to, .. } => to,
        }
    }

    /// Which memory is read.
    pub(super) fn from(self) -> Option<Memory> {
        match self {
            Operation::Copy { from, .. } => Some(from),
            Operation::Fill { .. } | Operation::Init { .. } => None,
        }
    }

    pub(super) fn length_is_64(self) -> bool {
        self.params()[2] == ValType::I64
    }

    pub(super) fn instruction(self) -> Instruction<'static> {
        match self {
            Operation::Fill { mem } => Instruction::MemoryFill(mem.index),
            Operation::Copy { to, from } => Instruction::MemoryCopy {
                src_mem: from.index,
                dst_mem: to.index,
            },
            Operation::Init { segment, to } => Instruction::MemoryInit {
                mem: to.index,
                data_index: segment,
            },
        }
    }

    /// Its function:
    ///
    /// ```text
    /// if len > PART
    ///   if to + len or from + len is more than an address
    ///     all at once, which traps
    ///   end
    ///   a part of no length at the end: traps if the whole would
    ///   loop
    ///     a part
    ///     br_if 0 if len > PART
    ///   end
    /// end
    /// the rest
    /// ```
    pub(super) fn function(self, look: &[Instruction<'_>]) -> Function {
        let params = self.params();
        let locals = [(1, params[0]), (1, params[1])];
        let mut writer = Writer {
            func: Function::new(locals),
            params,
            operation: self,
            look,
        };
        writer.body();
        writer.func
    }
}

/// The type of a function, as it is written.
fn func_type(params: &[ValType], results: &[ValType]) -> Vec<u8> {
    const FUNC: u8 = 0x60;
    let mut out = vec![FUNC];
    params.encode(&mut out);
    results.encode(&mut out);
    out
}

/// What is copied to, or filled; from where, or with what; and how much.
const TO: u32 = 0;
const FROM: u32 = 1;
const LEN: u32 = 2;
/// Where that ends.
const TO_END: u32 = 3;
const FROM_END: u32 = 4;

struct Writer<'a> {
    func: Function,
    params: [ValType; 3],
    operation: Operation,
    look: &'a [Instruction<'a>],
}

impl Writer<'_> {
    fn put(&mut self, instructions: &[Instruction<'_>]) {
        for it in instructions {
            self.func.instruction(it);
        }
    }

    /// Whether the second parameter is an address, and moves on.
    fn has_from(&self) -> bool {
        !matches!(self.operation, Operation::Fill { .. })
    }

    fn is_64(&self, local: u32) -> bool {
        self.params[local as usize] == ValType::I64
    }

    fn part(&mut self, is_64: bool) {
        self.put(&[if is_64 {
            Instruction::I64Const(i64::from(PART))
        } else {
            Instruction::I32Const(PART.cast_signed())
        }]);
    }

    /// The operator for numbers of a parameter's type.
    fn op(&mut self, local: u32, narrow: Instruction<'_>, wide: Instruction<'_>) {
        let it = if self.is_64(local) { wide } else { narrow };
        self.put(&[it]);
    }

    fn add(&mut self, local: u32) {
        self.op(local, Instruction::I32Add, Instruction::I64Add);
    }

    /// Whether more than a part is left.
    fn is_long(&mut self) {
        self.put(&[Instruction::LocalGet(LEN)]);
        self.part(self.is_64(LEN));
        self.op(LEN, Instruction::I32GtU, Instruction::I64GtU);
    }

    /// A parameter plus the length.
    fn plus_len(&mut self, local: u32) {
        self.put(&[Instruction::LocalGet(local), Instruction::LocalGet(LEN)]);
        if self.is_64(local) && !self.is_64(LEN) {
            self.put(&[Instruction::I64ExtendI32U]);
        }
        self.add(local);
    }

    fn all(&mut self) {
        let it = self.operation.instruction();
        self.put(&[
            Instruction::LocalGet(TO),
            Instruction::LocalGet(FROM),
            Instruction::LocalGet(LEN),
            it,
        ]);
    }

    /// Whether an end is beyond all addresses, which is kept.
    fn end(&mut self, local: u32, end: u32) {
        self.plus_len(local);
        self.put(&[Instruction::LocalTee(end), Instruction::LocalGet(local)]);
        self.op(local, Instruction::I32LtU, Instruction::I64LtU);
    }

    fn advance(&mut self, local: u32) {
        self.put(&[Instruction::LocalGet(local)]);
        self.part(self.is_64(local));
        self.add(local);
        self.put(&[Instruction::LocalSet(local)]);
    }

    fn shorten(&mut self) {
        self.put(&[Instruction::LocalGet(LEN)]);
        self.part(self.is_64(LEN));
        self.op(LEN, Instruction::I32Sub, Instruction::I64Sub);
        self.put(&[Instruction::LocalSet(LEN)]);
    }

    fn look(&mut self) {
        let look = self.look;
        self.put(look);
    }

    fn body(&mut self) {
        let it = self.operation.instruction();
        self.is_long();
        self.put(&[Instruction::If(BlockType::Empty)]);

        self.end(TO, TO_END);
        if self.has_from() {
            self.end(FROM, FROM_END);
            self.put(&[Instruction::I32Or]);
        }
        self.put(&[Instruction::If(BlockType::Empty)]);
        self.all();
        self.put(&[Instruction::Return, Instruction::End]);

        let from = if self.has_from() { FROM_END } else { FROM };
        let zero = if self.is_64(LEN) {
            Instruction::I64Const(0)
        } else {
            Instruction::I32Const(0)
        };
        self.put(&[
            Instruction::LocalGet(TO_END),
            Instruction::LocalGet(from),
            zero,
            it.clone(),
        ]);

        // What is overwritten must have been copied by then. Two memories of a
        // module can be one, if addresses in them are alike.
        let overlaps =
            matches!(self.operation, Operation::Copy { to, from } if to.is_64 == from.is_64);
        if overlaps {
            self.put(&[Instruction::LocalGet(TO), Instruction::LocalGet(FROM)]);
            self.op(TO, Instruction::I32GtU, Instruction::I64GtU);
            self.put(&[
                Instruction::If(BlockType::Empty),
                Instruction::Loop(BlockType::Empty),
            ]);
            self.look();
            self.shorten();
            self.plus_len(TO);
            self.plus_len(FROM);
            self.part(self.is_64(LEN));
            self.put(std::slice::from_ref(&it));
            self.is_long();
            self.put(&[Instruction::BrIf(0), Instruction::End, Instruction::Else]);
        }
        self.put(&[Instruction::Loop(BlockType::Empty)]);
        self.look();
        self.put(&[Instruction::LocalGet(TO), Instruction::LocalGet(FROM)]);
        self.part(self.is_64(LEN));
        self.put(&[it]);
        self.advance(TO);
        if self.has_from() {
            self.advance(FROM);
        }
        self.shorten();
        self.is_long();
        self.put(&[Instruction::BrIf(0), Instruction::End]);
        if overlaps {
            self.put(&[Instruction::End]);
        }

        self.put(&[Instruction::End]);
        self.all();
        self.put(&[Instruction::End]);
    }
}
