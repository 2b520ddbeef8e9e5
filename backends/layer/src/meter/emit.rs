//! The code that counts, or that looks at the flag, between a function's
//! operators.

use wasm_encoder::{BlockType, Encode, Instruction};
use wasmtime_environ::wasmparser::ValType;

use super::Mode;
use super::cost::{self, Bulk};
use super::gauge::MOST;
use super::shape::Shape;

/// How blocks and loops begin, and the type of a block that takes and gives
/// nothing.
pub(super) const BLOCK: u8 = 0x02;
const LOOP: u8 = 0x03;
const EMPTY: &[u8] = &[0x40];

/// How many labels of the pass's are around the label of a loop of the module's.
pub(super) const AROUND_LOOP: u32 = 3;

/// The same of a function's operators, if it begins with [`Emit::begin_function`].
pub(super) const AROUND_FUNCTION: u32 = 2;

/// Code that counts, while it is written.
pub(super) struct Emit {
    pub(super) mode: Mode,
    pub(super) code: Vec<u8>,
    counter: u32,
    slow: u32,
    /// The local with the copy of the counter.
    pub(super) copy: u32,
    /// Locals for a length, if one is needed: of 32 and of 64 bits.
    narrow: Option<u32>,
    wide: Option<u32>,
    /// How many locals there are.
    locals: u32,
    /// What is charged, but is not in the copy.
    pending: i64,
    /// Where the run of operators begins that it is charged for, and which
    /// operator of the original that is.
    run: (usize, usize),
    /// The first operator, and each whose distance is not that of the one before.
    pub(super) places: Vec<Place>,
}

/// Where an operator is, and where it was.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) metered: u32,
    pub(super) original: u32,
    /// It is the pass's own, and all before it are operators of the original.
    pub(super) back: bool,
}

impl Emit {
    pub(super) fn new(shape: &Shape<'_>, locals: u32) -> Self {
        Emit {
            mode: shape.mode,
            code: Vec::new(),
            counter: shape.counter(),
            slow: shape.slow(),
            copy: locals,
            narrow: None,
            wide: None,
            locals: locals + 1,
            pending: 0,
            run: (0, 0),
            places: Vec::new(),
        }
    }

    /// Notes that the operator that was at `original` comes next.
    pub(super) fn place(&mut self, original: usize) {
        self.add_place(original, false);
    }

    /// What comes next is the pass's, and what it does is done where the operator
    /// was at `original`, which came before.
    fn place_back(&mut self, original: usize) {
        self.add_place(original, true);
    }

    fn add_place(&mut self, original: usize, back: bool) {
        let distance = |it: Place| i64::from(it.metered) - i64::from(it.original);
        let here = Place {
            metered: self.code.len() as u32,
            original: original as u32,
            back,
        };
        if self.places.last().map(|last| distance(*last)) != Some(distance(here)) {
            self.places.push(here);
        }
    }

    /// Charges for the operator that was at `original` and comes next.
    pub(super) fn charge_for(&mut self, original: usize, price: i64) {
        if self.pending == 0 {
            self.run = (self.code.len(), original);
        }
        self.charge(price);
    }

    pub(super) fn put(&mut self, instruction: &Instruction<'_>) {
        instruction.encode(&mut self.code);
    }

    pub(super) fn charge(&mut self, price: i64) {
        if !self.mode.counts() {
            return;
        }
        self.pending = self.pending.saturating_add(price);
    }

    /// Forgets what is charged: nothing that follows runs with it.
    pub(super) fn forget(&mut self) {
        self.pending = 0;
    }

    /// Leaves the copy and what is charged on the stack; whether it is more than
    /// the copy.
    fn push(&mut self) -> bool {
        self.put(&Instruction::LocalGet(self.copy));
        let pending = std::mem::take(&mut self.pending);
        if pending != 0 {
            self.put(&Instruction::I64Const(pending));
            self.put(&Instruction::I64Add);
        }
        pending != 0
    }

    /// Puts what is charged into the copy. That is done where the run begins: an
    /// interpreter can make one of a comparison and the branch that follows it.
    pub(super) fn flush(&mut self) {
        if self.pending == 0 {
            return;
        }
        let (begin, original) = self.run;
        let end = self.code.len();
        self.push();
        self.put(&Instruction::LocalSet(self.copy));
        if begin == end {
            return;
        }
        let shift = self.code.len() - end;
        self.code[begin..].rotate_right(shift);
        let shift = shift as u32;
        let begin = begin as u32;
        let moved = self.places.partition_point(|place| place.metered < begin);
        for place in &mut self.places[moved..] {
            place.metered += shift;
        }
        if self
            .places
            .get(moved)
            .is_none_or(|place| place.metered > begin + shift)
        {
            let place = Place {
                metered: begin + shift,
                original: original as u32,
                back: false,
            };
            self.places.insert(moved, place);
        }
    }

    /// Puts what is charged and the copy into the counter. The copy is not to be
    /// used before it is [loaded](Emit::load).
    pub(super) fn write_back(&mut self) {
        if !self.mode.counts() {
            return;
        }
        self.push();
        self.put(&Instruction::GlobalSet(self.counter));
    }

    pub(super) fn load(&mut self) {
        if !self.mode.counts() {
            return;
        }
        self.put(&Instruction::GlobalGet(self.counter));
        self.put(&Instruction::LocalSet(self.copy));
    }

    /// Sets the flag to zero.
    fn clear(&mut self) {
        self.put(&Instruction::I32Const(0));
        self.put(&Instruction::GlobalSet(self.counter));
    }

    /// Looks at the flag.
    fn look(&mut self) {
        self.put(&Instruction::GlobalGet(self.counter));
        self.put(&Instruction::If(BlockType::Empty));
        self.clear();
        self.put(&Instruction::Call(self.slow));
        self.put(&Instruction::End);
    }

    /// Checks the copy, which is on top of the stack too.
    fn check_top(&mut self) {
        self.put(&Instruction::I64Const(0));
        self.put(&Instruction::I64GeS);
        self.put(&Instruction::If(BlockType::Empty));
        self.put(&Instruction::LocalGet(self.copy));
        self.put(&Instruction::Call(self.slow));
        self.put(&match self.mode {
            Mode::Fuel { slices: false } => Instruction::Unreachable,
            _ => Instruction::LocalSet(self.copy),
        });
        self.put(&Instruction::End);
    }

    /// Goes to a label if the guest has to stop at the head of a loop. There
    /// nothing is pending.
    fn check_at_head(&mut self, label: u32) {
        if self.mode.counts() {
            self.put(&Instruction::LocalGet(self.copy));
            self.put(&Instruction::I64Const(0));
            self.put(&Instruction::I64GeS);
        } else {
            self.put(&Instruction::GlobalGet(self.counter));
        }
        self.put(&Instruction::BrIf(label));
    }

    /// Begins a function that looks at the flag, with the type of its results:
    ///
    /// ```text
    /// loop $again
    ///   block $slow
    ///     br_if $slow            ;; if the flag is set
    ///     ...
    ///     return
    ///   end
    ///   call slow
    ///   br $again
    /// end
    /// ```
    ///
    /// For the same reason as in [`Emit::begin_loop`]. Where functions count, that
    /// is no faster.
    pub(super) fn begin_function(&mut self, ty: &[u8]) {
        for (opcode, ty) in [(LOOP, ty), (BLOCK, EMPTY)] {
            self.code.push(opcode);
            self.code.extend_from_slice(ty);
        }
        self.check_at_head(0);
    }

    /// Comes before the `end` of a function that [`Emit::begin_function`] has
    /// begun. `inside` is where its first operator was, `end` where that `end` was.
    pub(super) fn end_function(&mut self, inside: usize, end: usize) {
        self.place_back(inside);
        self.put(&Instruction::Return);
        self.put(&Instruction::End);
        self.clear();
        self.place(inside);
        self.put(&Instruction::Call(self.slow));
        self.place(end);
        self.put(&Instruction::Br(0));
        self.put(&Instruction::End);
    }

    /// Begins a loop without parameters, whose bytes are given:
    ///
    /// ```text
    /// block $done
    ///   loop $again
    ///     block $slow
    ///       loop                 ;; the module's own
    ///         br_if $slow        ;; if the copy is not negative
    ///         ...
    ///       end
    ///       br $done
    ///     end
    ///     call slow
    ///     br $again              ;; to the same check
    ///   end
    /// end
    /// ```
    ///
    /// Compilers lay out code as it comes, and keep the registers free that a
    /// call needs wherever a loop has one: so the call is not in the loop.
    pub(super) fn begin_loop(&mut self, original: usize, bytes: &[u8]) {
        let ty = &bytes[1..];
        for (opcode, ty) in [(BLOCK, ty), (LOOP, ty), (BLOCK, EMPTY)] {
            self.code.push(opcode);
            self.code.extend_from_slice(ty);
        }
        self.place(original);
        self.code.extend_from_slice(bytes);
        self.check_at_head(1);
    }

    /// Follows the `end` of a loop that [`Emit::begin_loop`] has begun. `inside` is
    /// where the loop's first operator was: where the guest stops, if it does.
    /// `after` is where the operator was that comes next.
    pub(super) fn end_loop(&mut self, inside: usize, after: usize) {
        self.place_back(inside);
        self.put(&Instruction::Br(2));
        self.put(&Instruction::End);
        if self.mode.counts() {
            self.put(&Instruction::LocalGet(self.copy));
        } else {
            self.clear();
        }
        self.place(inside);
        self.put(&Instruction::Call(self.slow));
        self.place(after);
        if self.mode.counts() {
            self.put(&Instruction::LocalSet(self.copy));
        }
        self.put(&Instruction::Br(0));
        self.put(&Instruction::End);
        self.put(&Instruction::End);
    }

    pub(super) fn check(&mut self) {
        if !self.mode.counts() {
            return self.look();
        }
        if self.push() {
            self.put(&Instruction::LocalTee(self.copy));
        }
        self.check_top();
    }

    /// What each function begins with.
    pub(super) fn enter(&mut self) {
        if !self.mode.counts() {
            return self.look();
        }
        self.put(&Instruction::GlobalGet(self.counter));
        // Wasmtime's price of a call that does nothing.
        self.put(&Instruction::I64Const(1));
        self.put(&Instruction::I64Add);
        self.put(&Instruction::LocalTee(self.copy));
        self.check_top();
    }

    /// Before a bulk operation of a length that is known.
    pub(super) fn bulk_known(&mut self, unit: i64, length: u64) {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let price = length.saturating_mul(unit).min(MOST);
        self.charge(price);
        if price > cost::SMALL_BULK {
            self.check();
        }
    }

    /// Before a bulk operation whose length is on top of the stack.
    pub(super) fn bulk(&mut self, bulk: Bulk) {
        if bulk.unit == 0 {
            return self.check();
        }
        let slot = if bulk.wide {
            &mut self.wide
        } else {
            &mut self.narrow
        };
        let length = *slot.get_or_insert_with(|| {
            self.locals += 1;
            self.locals - 1
        });
        self.put(&Instruction::LocalTee(length));
        self.push();
        self.put(&Instruction::LocalGet(length));
        if bulk.wide {
            // No length of a guest's makes the count go down.
            self.put(&Instruction::I64Const(bulk.unit));
            self.put(&Instruction::I64Mul);
            self.put(&Instruction::I64Const(MOST));
            self.put(&Instruction::LocalGet(length));
            self.put(&Instruction::I64Const(MOST / bulk.unit));
            self.put(&Instruction::I64LeU);
            self.put(&Instruction::Select);
        } else {
            self.put(&Instruction::I64ExtendI32U);
            if bulk.unit != 1 {
                self.put(&Instruction::I64Const(bulk.unit));
                self.put(&Instruction::I64Mul);
            }
        }
        self.put(&Instruction::I64Add);
        self.put(&Instruction::LocalTee(self.copy));
        self.check_top();
    }

    /// Declares the pass's locals after the module's own, of which there are this
    /// many groups, and puts the code after them. Returns where that begins.
    pub(super) fn finish(&self, groups: u32, declared: &[u8], out: &mut Vec<u8>) -> usize {
        let mut own = Vec::new();
        if self.mode.counts() {
            own.push((self.copy, ValType::I64));
        }
        own.extend(self.narrow.map(|local| (local, ValType::I32)));
        own.extend(self.wide.map(|local| (local, ValType::I64)));
        own.sort_by_key(|(local, _)| *local);
        (groups + own.len() as u32).encode(out);
        out.extend_from_slice(declared);
        for (_, ty) in own {
            1u32.encode(out);
            out.push(if ty == ValType::I32 { 0x7f } else { 0x7e });
        }
        out.len()
    }
}
