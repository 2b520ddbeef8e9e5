//! What stands in the place of a large fill or copy.

use wasm_encoder::{BlockType, Instruction, MemArg, ValType};

use super::super::operation::{Memory, Operation};
use super::code::{Code, one, thirty_one, twice};
use super::{Scale, Types};

/// The locals that are appended to a function's.
#[derive(Clone, Copy)]
pub(super) struct Locals {
    pub(super) first: u32,
}

/// What a local is for.
#[derive(Clone, Copy)]
enum Use {
    /// Where to and from, in the type of addresses.
    To,
    From,
    /// How they go on; later, where the last bytes are.
    ToNext,
    FromNext,
    /// What is filled with.
    Value,
    /// How much is left.
    Len,
    /// As many bytes of the value as are stored at once.
    Pattern,
    Vector,
    /// One, if a copy begins at its end, else zero.
    Back,
}

impl Locals {
    pub(super) const GROUPS: &'static [(u32, ValType)] =
        &[(5, ValType::I32), (7, ValType::I64), (1, ValType::V128)];

    /// Whether a function may have so many.
    pub(super) fn fit(self) -> bool {
        const MOST: u32 = 50_000;
        self.first.saturating_add(13) <= MOST
    }

    fn of(self, it: Use, is_64: bool) -> u32 {
        let wide = if is_64 { 5 } else { 0 };
        self.first
            + match it {
                Use::To => wide,
                Use::From => wide + 1,
                Use::ToNext => wide + 2,
                Use::FromNext => wide + 3,
                Use::Value => 4,
                Use::Len => 9,
                Use::Pattern => 10,
                Use::Back => 11,
                Use::Vector => 12,
            }
    }
}

/// A large operation in the code.
pub(super) struct Site {
    pub(super) operation: Operation,
    pub(super) scale: Scale,
    pub(super) locals: Locals,
    /// Where it is in the original.
    pub(super) at: usize,
}

impl Site {
    /// Writes what stands for the operation, which costs the same. `is_large`, if it
    /// is known to be.
    pub(super) fn write(&self, is_large: bool, out: &mut Code, types: &mut Types) {
        if is_large {
            out.pay(1);
            if !self.operation.length_is_64() {
                out.put(&Instruction::I64ExtendI32U);
            }
            self.set(out, Use::Len);
            self.large(u64::from(!self.operation.length_is_64()) + 1, out, types);
            return self.operate(out);
        }
        let is_64 = self.operation.length_is_64();
        self.look(out);
        out.put(&Instruction::If(types.block(self.operation.block_type())));
        // The length is on the stack, negative.
        twice(out);
        out.put(&Instruction::Drop);
        if !is_64 {
            out.narrow(self.scale.vectors);
        }
        out.put(&Instruction::Else);
        self.set(out, Use::Len);
        out.put(&Instruction::I64Const(0));
        self.get(out, Use::Len);
        out.put(&Instruction::I64Sub);
        if !is_64 {
            out.put(&Instruction::I64Const(i64::from(u32::MAX)));
            out.put(&Instruction::I64And);
        }
        self.set(out, Use::Len);
        self.large(5 + if is_64 { 0 } else { 2 }, out, types);
        out.put(&Instruction::End);
        self.operate(out);
    }

    /// From a length to its negative, of 64 bits, and whether it is not large. It costs
    /// nothing.
    fn look(&self, out: &mut Code) {
        use Instruction as I;
        if !self.operation.length_is_64() {
            // From 2 GiB on it is larger yet.
            out.put(&I::I64ExtendI32S);
        }
        twice(out);
        // 2^17: fifteen places to the right of one, of 32.
        one(out);
        thirty_one(out);
        one(out);
        out.put(&I::I32ShrS);
        out.put(&I::I32Rotr);
        for _ in 0..self.scale.halvings {
            one(out);
            out.put(&I::I32Rotr);
        }
        out.put(&I::I64ExtendI32S);
        out.put(&I::I64LeU);
    }

    fn local(&self, it: Use) -> (u32, bool) {
        let is_64 = match it {
            Use::To | Use::ToNext => self.operation.to().is_64,
            Use::From | Use::FromNext => self.operation.from().is_some_and(|from| from.is_64),
            Use::Value => false,
            Use::Len | Use::Pattern | Use::Vector | Use::Back => true,
        };
        (self.locals.of(it, is_64), is_64)
    }

    fn get(&self, out: &mut Code, it: Use) {
        out.put(&Instruction::LocalGet(self.local(it).0));
    }

    fn set(&self, out: &mut Code, it: Use) {
        out.put(&Instruction::LocalSet(self.local(it).0));
    }

    /// A local as a number of 64 bits.
    fn get_wide(&self, out: &mut Code, it: Use) {
        self.get(out, it);
        if !self.local(it).1 {
            out.put(&Instruction::I64ExtendI32U);
        }
    }

    /// Adds a number of 64 bits that is on the stack to a local.
    fn add_to(&self, out: &mut Code, it: Use) {
        let is_64 = self.local(it).1;
        if !is_64 {
            out.put(&Instruction::I32WrapI64);
        }
        self.get(out, it);
        out.put(&if is_64 {
            Instruction::I64Add
        } else {
            Instruction::I32Add
        });
    }

    /// The operation itself, where an engine may stop the guest, or trap.
    fn operate(&self, out: &mut Code) {
        out.points.push((out.bytes.len(), self.at));
        out.put(&self.operation.instruction());
    }

    /// What is left, less a number, as a length.
    fn len_less(&self, out: &mut Code, less: u64) {
        self.get(out, Use::Len);
        out.put(&Instruction::I64Const(less as i64));
        out.put(&Instruction::I64Sub);
        if !self.operation.length_is_64() {
            out.put(&Instruction::I32WrapI64);
        }
    }

    /// What the second operand is: a value, or where from.
    fn second(&self) -> Use {
        match self.operation.from() {
            Some(_) => Use::From,
            None => Use::Value,
        }
    }

    fn pattern(&self) -> Use {
        match self.scale.vectors {
            true => Use::Vector,
            false => Use::Pattern,
        }
    }

    /// How many bytes a store writes.
    fn width(&self) -> u64 {
        match self.scale.vectors {
            true => 16,
            false => 8,
        }
    }

    /// Whether a range is out of bounds of its memory.
    fn is_outside(&self, out: &mut Code, memory: Memory, start: Use) {
        let size = |out: &mut Code| {
            out.put(&Instruction::MemorySize(memory.index));
            if !memory.is_64 {
                out.put(&Instruction::I64ExtendI32U);
            }
            out.put(&Instruction::I64Const(16));
            out.put(&Instruction::I64Shl);
        };
        self.get(out, Use::Len);
        size(out);
        out.put(&Instruction::I64GtU);
        self.get_wide(out, start);
        size(out);
        self.get(out, Use::Len);
        out.put(&Instruction::I64Sub);
        out.put(&Instruction::I64GtU);
        out.put(&Instruction::I32Or);
    }

    /// All but the last part of the operation; then the operands of that are on the
    /// stack. The length is in its local, and the other operands are on the stack.
    /// `already` is what has been spent of what it costs.
    ///
    /// ```text
    /// if any of it is out of bounds
    ///   operands that trap, with as many bytes as are to be paid for
    /// else
    ///   loop while there is more than a part
    ///     a part, less some bytes; those by stores
    ///   end
    ///   some bytes of the rest by stores
    ///   operands for the others
    /// end
    /// ```
    fn large(&self, already: u64, out: &mut Code, types: &mut Types) {
        let start = out.cost - already;
        self.set(out, self.second());
        self.set(out, Use::To);

        self.is_outside(out, self.operation.to(), Use::To);
        if let Some(from) = self.operation.from() {
            self.is_outside(out, from, Use::From);
            out.put(&Instruction::I32Or);
        }
        let ty = types.block(self.operation.operands_type());
        out.put(&Instruction::If(ty));
        let paid = out.cost;
        // Beyond every memory, if there is more than a byte.
        out.put(&if self.operation.to().is_64 {
            Instruction::I64Const(-1)
        } else {
            Instruction::I32Const(-1)
        });
        self.get(out, self.second());
        let operands = 5 + u64::from(!self.operation.length_is_64());
        self.len_less(out, paid - start + operands);
        debug_assert_eq!(out.cost - paid, operands, "what the operands cost");
        out.put(&Instruction::Else);
        // That is not where code goes on.
        out.cost = paid;

        let part = i64::from(self.scale.part);
        if self.operation.from().is_some() {
            self.choose_direction(out);
        } else {
            self.get(out, Use::Value);
            if self.scale.vectors {
                out.put(&Instruction::I8x16Splat);
            } else {
                out.put(&Instruction::I32Const(0xff));
                out.put(&Instruction::I32And);
                out.put(&Instruction::I64ExtendI32U);
                out.put(&Instruction::I64Const(0x0101_0101_0101_0101));
                out.put(&Instruction::I64Mul);
            }
            self.set(out, self.pattern());
        }

        out.put(&Instruction::Block(BlockType::Empty));
        self.get(out, Use::Len);
        out.put(&Instruction::I64Const(2 * part));
        out.put(&Instruction::I64LtU);
        out.put(&Instruction::BrIf(0));
        let before = out.cost;
        self.parts(out);
        // It costs what it does.
        out.cost = before;
        out.put(&Instruction::End);

        self.rest(start, out);
        out.put(&Instruction::End);
    }

    /// A copy begins at its end if it is to a place behind, as what is overwritten
    /// must have been copied by then. Two memories of a module can be one.
    fn choose_direction(&self, out: &mut Code) {
        let part = i64::from(self.scale.part);
        self.get_wide(out, Use::To);
        self.get_wide(out, Use::From);
        out.put(&Instruction::I64GtU);
        out.put(&Instruction::I64ExtendI32U);
        self.set(out, Use::Back);
        for it in [Use::To, Use::From] {
            self.get(out, Use::Back);
            self.get(out, Use::Len);
            out.put(&Instruction::I64Const(part));
            out.put(&Instruction::I64Sub);
            out.put(&Instruction::I64Mul);
            self.add_to(out, it);
            self.set(out, it);
        }
        for it in [Use::ToNext, Use::FromNext] {
            out.put(&Instruction::I64Const(part));
            self.get(out, Use::Back);
            out.put(&Instruction::I64Const(2 * part));
            out.put(&Instruction::I64Mul);
            out.put(&Instruction::I64Sub);
            if !self.local(it).1 {
                out.put(&Instruction::I32WrapI64);
            }
            self.set(out, it);
        }
    }

    /// Back to where what is left begins, less the bytes that are stored before the
    /// others if these are the first; and where they are.
    fn end_of_direction(&self, bytes: u64, out: &mut Code) {
        for (it, end) in [(Use::To, Use::ToNext), (Use::From, Use::FromNext)] {
            // Where it begins.
            self.get(out, Use::Back);
            out.put(&Instruction::I64Const(i64::from(self.scale.part)));
            self.get(out, Use::Len);
            out.put(&Instruction::I64Sub);
            out.put(&Instruction::I64Mul);
            self.add_to(out, it);
            self.set(out, it);
            // Where the bytes are.
            self.get(out, Use::Back);
            self.get(out, Use::Len);
            out.put(&Instruction::I64Const(bytes as i64));
            out.put(&Instruction::I64Sub);
            out.put(&Instruction::I64Mul);
            self.add_to(out, it);
            self.set(out, end);
            // Where the others are.
            out.put(&Instruction::I64Const(bytes as i64));
            self.get(out, Use::Back);
            out.put(&Instruction::I64Const(bytes as i64));
            out.put(&Instruction::I64Mul);
            out.put(&Instruction::I64Sub);
            self.add_to(out, it);
            self.set(out, it);
        }
    }

    /// Parts, each of which costs what its bytes do.
    fn parts(&self, out: &mut Code) {
        let part = i64::from(self.scale.part);
        out.points.push((out.bytes.len(), self.at));
        out.put(&Instruction::Loop(BlockType::Empty));
        let start = out.cost;
        let mut after = Code::default();
        let moves: &[_] = match self.operation.from() {
            Some(_) => &[(Use::To, Use::ToNext), (Use::From, Use::FromNext)],
            None => &[(Use::To, Use::To)],
        };
        for (it, next) in moves {
            if self.operation.from().is_some() {
                self.get_wide(&mut after, *next);
            } else {
                after.put(&Instruction::I64Const(part));
            }
            self.add_to(&mut after, *it);
            self.set(&mut after, *it);
        }
        self.get(&mut after, Use::Len);
        after.put(&Instruction::I64Const(part));
        after.put(&Instruction::I64Sub);
        self.set(&mut after, Use::Len);
        self.get(&mut after, Use::Len);
        after.put(&Instruction::I64Const(2 * part));
        after.put(&Instruction::I64GeU);
        after.put(&Instruction::BrIf(0));

        // Three operands.
        let stores = self.stores(after.cost + 3);
        let by_stores = self.width() * stores;
        let first = (part as u64) - by_stores;
        let ends = (Use::To, Use::From);
        self.loads(out, ends, first, stores);
        self.get(out, Use::To);
        self.get(out, self.second());
        out.put(&if self.operation.length_is_64() {
            Instruction::I64Const(first as i64)
        } else {
            Instruction::I32Const(first as i32)
        });
        self.operate(out);
        self.store(out, ends, first, stores);
        let spent = out.cost - start + after.cost;
        out.pay(by_stores - spent);
        out.bytes.append(&mut after.bytes);
        out.put(&Instruction::End);
    }

    /// Some bytes of what is left, and operands for the others, for what is left to be
    /// paid. What is overwritten by these bytes must not be what the others are copied
    /// from: they are the last if it is copied to a place behind, and else the first.
    fn rest(&self, start: u64, out: &mut Code) {
        let rest = |bytes: u64, out: &mut Code| {
            if self.operation.from().is_some() {
                self.end_of_direction(bytes, out);
            }
        };
        let operands = |bytes: u64, out: &mut Code| {
            self.get(out, Use::To);
            if self.operation.from().is_none() {
                // The first have been filled.
                if self.operation.to().is_64 {
                    out.put(&Instruction::I64Const(bytes as i64));
                    out.put(&Instruction::I64Add);
                } else {
                    out.put(&Instruction::I32Const(bytes as i32));
                    out.put(&Instruction::I32Add);
                }
            }
            self.get(out, self.second());
            self.len_less(out, bytes);
        };
        // What all this costs does not depend on the number.
        let mut measured = Code::default();
        rest(0, &mut measured);
        operands(0, &mut measured);
        let stores = self.stores(out.cost - start + measured.cost);
        let bytes = self.width() * stores;

        rest(bytes, out);
        let ends = match self.operation.from() {
            Some(_) => (Use::ToNext, Use::FromNext),
            None => (Use::To, Use::From),
        };
        self.loads(out, ends, 0, stores);
        self.store(out, ends, 0, stores);
        operands(bytes, out);
        let spent = out.cost - start;
        out.pay(bytes - spent);
    }

    /// How many stores save what they cost, and so much more.
    fn stores(&self, cost: u64) -> u64 {
        let each = if self.operation.from().is_some() {
            4
        } else {
            3
        };
        cost.div_ceil(self.width() - each)
    }

    fn access(memory: Memory, offset: u64) -> MemArg {
        MemArg {
            offset,
            align: 0,
            memory_index: memory.index,
        }
    }

    /// Of a copy: addresses to store at, with what is to be there, before any of it is
    /// overwritten.
    fn loads(&self, out: &mut Code, (to, from): (Use, Use), offset: u64, count: u64) {
        let Some(memory) = self.operation.from() else {
            return;
        };
        for each in 0..count {
            self.get(out, to);
            self.get(out, from);
            let access = Self::access(memory, offset + self.width() * each);
            out.put(&match self.scale.vectors {
                true => Instruction::V128Load(access),
                false => Instruction::I64Load(access),
            });
        }
    }

    fn store(&self, out: &mut Code, (to, _): (Use, Use), offset: u64, count: u64) {
        for each in (0..count).rev() {
            if self.operation.from().is_none() {
                self.get(out, to);
                self.get(out, self.pattern());
            }
            let access = Self::access(self.operation.to(), offset + self.width() * each);
            out.put(&match self.scale.vectors {
                true => Instruction::V128Store(access),
                false => Instruction::I64Store(access),
            });
        }
    }
}
