//! Code by what it costs, and what can be had for nothing.

use wasm_encoder::{Encode, HeapType, Instruction};

/// What an instruction costs, of those that are put into the code.
fn price(instruction: &Instruction<'_>) -> u64 {
    use Instruction as I;
    let free = matches!(
        instruction,
        I::Block(_)
            | I::Loop(_)
            | I::Else
            | I::End
            | I::Drop
            | I::F64ConvertI64S
            | I::I32Clz
            | I::I32Rotr
            | I::I32ShrS
            | I::I32TruncSatF64U
            | I::I32x4ExtractLane(_)
            | I::I64ExtendI32S
            | I::I64LeU
            | I::I64MulWideU
            | I::I64x2Splat
            | I::MemoryCopy { .. }
            | I::MemoryFill(_)
            | I::RefIsNull
            | I::RefNull(_)
    );
    u64::from(!free)
}

/// Code, what it costs, and which of its places stand for which of the original.
#[derive(Default)]
pub(super) struct Code {
    pub(super) bytes: Vec<u8>,
    pub(super) cost: u64,
    pub(super) points: Vec<(usize, usize)>,
}

impl Code {
    /// Does nothing, for so many units.
    pub(super) fn pay(&mut self, units: u64) {
        for _ in 0..units {
            self.put(&Instruction::I32Const(0));
            self.put(&Instruction::Drop);
        }
    }

    /// For a unit, a length that is on the stack, such that Wasmtime knows it, or does
    /// not, as it did in the original: what it knows depends on the code around.
    pub(super) fn repeat(&mut self, length: Option<u64>, is_64: bool) {
        use Instruction as I;
        let Some(length) = length else {
            if is_64 {
                one(self);
                self.put(&I::I64ExtendI32S);
                self.put(&I::I64MulWideU);
                self.put(&I::Drop);
            } else {
                // Not rotated.
                one(self);
                one(self);
                self.put(&I::I32ShrS);
                self.put(&I::I32Rotr);
            }
            return self.pay(1);
        };
        self.put(&I::Drop);
        self.put(&if is_64 {
            I::I64Const(length as i64)
        } else {
            I::I32Const(length as i32)
        });
    }

    /// A number of 64 bits, of which 31 are used, as one of 32, for nothing.
    pub(super) fn narrow(&mut self, vectors: bool) {
        use Instruction as I;
        let by = match vectors {
            true => [I::I64x2Splat, I::I32x4ExtractLane(0)],
            false => [I::F64ConvertI64S, I::I32TruncSatF64U],
        };
        by.iter().for_each(|it| self.put(it));
    }

    pub(super) fn put(&mut self, instruction: &Instruction<'_>) {
        self.cost += price(instruction);
        instruction.encode(&mut self.bytes);
    }
}

/// The number, of 32 bits, for nothing.
pub(super) fn one(out: &mut Code) {
    out.put(&Instruction::RefNull(HeapType::FUNC));
    out.put(&Instruction::RefIsNull);
}

/// The number 31, of 32 bits, for nothing.
pub(super) fn thirty_one(out: &mut Code) {
    one(out);
    out.put(&Instruction::I32Clz);
}

/// From a number of 64 bits to the two halves of its product with 2^64 - 1, for nothing:
/// the number, negative; and one less than it, or zero if it is that.
pub(super) fn twice(out: &mut Code) {
    // 2^31, all the bits of which become its sign.
    one(out);
    one(out);
    out.put(&Instruction::I32Rotr);
    thirty_one(out);
    out.put(&Instruction::I32ShrS);
    out.put(&Instruction::I64ExtendI32S);
    out.put(&Instruction::I64MulWideU);
}
