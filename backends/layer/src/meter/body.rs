//! Rewrites functions: the operators stay as they are, but for the numbers of
//! functions and globals, and the code that counts goes between them.

use wasm_encoder::{BlockType, Encode, Instruction};
use wasmtime_environ::wasmparser::{FunctionBody, Operator, ValType};

use super::constant::Lengths;
use super::cost::{self, Bulk, Kind};
use super::gauge::MOST;
use super::offsets::Points;
use super::shape::Shape;
use super::{Mode, Outcome};

/// Code that counts, while it is written.
pub(super) struct Emit {
    mode: Mode,
    pub(super) code: Vec<u8>,
    counter: u32,
    slow: u32,
    /// The local with the copy of the counter.
    copy: u32,
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
    /// Where operators are, and where they were: the first, and each whose
    /// distance is not that of the one before.
    places: Vec<(u32, u32)>,
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
    fn place(&mut self, original: usize) {
        let distance = |(metered, original): (u32, u32)| i64::from(metered) - i64::from(original);
        let here = (self.code.len() as u32, original as u32);
        if self.places.last().map(|last| distance(*last)) != Some(distance(here)) {
            self.places.push(here);
        }
    }

    /// Charges for the operator that was at `original` and comes next.
    fn charge_for(&mut self, original: usize, price: i64) {
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
        let moved = self.places.partition_point(|place| place.0 < begin);
        for place in &mut self.places[moved..] {
            place.0 += shift;
        }
        if self
            .places
            .get(moved)
            .is_none_or(|place| place.0 > begin + shift)
        {
            let place = (begin + shift, original as u32);
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

    /// Looks at the flag.
    fn look(&mut self) {
        self.put(&Instruction::GlobalGet(self.counter));
        self.put(&Instruction::If(BlockType::Empty));
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
    fn bulk(&mut self, bulk: Bulk) {
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

/// Writes an operator whose bytes are given.
pub(super) fn copy(shape: &Shape<'_>, operator: &Operator<'_>, bytes: &[u8], out: &mut Vec<u8>) {
    let index = match *operator {
        Operator::Call { function_index }
        | Operator::ReturnCall { function_index }
        | Operator::RefFunc { function_index } => shape.func_index(function_index),
        Operator::GlobalGet { global_index } | Operator::GlobalSet { global_index } => {
            shape.global_index(global_index)
        }
        _ => return out.extend_from_slice(bytes),
    };
    // One byte says what it is.
    out.push(bytes[0]);
    index.encode(out);
}

/// A block of the function.
struct Frame {
    kind: Kind,
    /// A branch that can run leads to its end.
    targeted: bool,
    /// For `if`: whether it can run, and whether the end of what comes before
    /// `else` can.
    head: bool,
    then_ends: bool,
}

/// The blocks around an operator, and whether it can run.
struct Control {
    frames: Vec<Frame>,
    reachable: bool,
}

impl Control {
    fn push(&mut self, kind: Kind) {
        self.frames.push(Frame {
            kind,
            targeted: false,
            head: self.reachable,
            then_ends: false,
        });
    }

    fn target(&mut self, depth: u32) {
        let at = self.frames.len().checked_sub(1 + depth as usize);
        if let Some(frame) = at.and_then(|at| self.frames.get_mut(at)) {
            frame.targeted = true;
        }
    }
}

/// Writes the metered body of the `index`th function.
pub(super) fn write(
    shape: &mut Shape<'_>,
    wasm: &[u8],
    index: usize,
    body: &FunctionBody<'_>,
    out: &mut Vec<u8>,
) -> Outcome<Points> {
    let ty = shape.body_type(index)?;
    let results = ty.results().to_vec();
    let mut locals = ty.params().len() as u32;
    let mut reader = body.get_locals_reader()?;
    let groups = reader.get_count();
    let declared = reader.original_position();
    for _ in 0..groups {
        locals = locals.saturating_add(reader.read()?.0);
    }
    let declared = &wasm[declared..reader.original_position()];

    let mut emit = Emit::new(shape, locals);
    emit.code.reserve(body.range().len() * 2);
    emit.enter();
    // In front of the first operator goes a block, if a branch leads to the end
    // of the function: then one write-back is enough.
    let begins = emit.code.len();
    let wrapped = operators(shape, wasm, index, body, &mut emit)?;

    let starts = out.len();
    let code = emit.finish(groups, declared, out);
    out.extend_from_slice(&emit.code[..begins]);
    if wrapped {
        out.push(0x02);
        shape.block_type(&results, out)?;
    }
    let moved = out.len() - code - begins;
    out.extend_from_slice(&emit.code[begins..]);

    let mut points = Points::default();
    let original = body.range().start;
    for &(metered, place) in &emit.places {
        let metered = code - starts + moved + metered as usize;
        points.add(metered, place as usize - original);
    }
    Ok(points)
}

/// Writes the operators of a function. Whether the function's label is the target of a branch.
fn operators(
    shape: &Shape<'_>,
    wasm: &[u8],
    index: usize,
    body: &FunctionBody<'_>,
    emit: &mut Emit,
) -> Outcome<bool> {
    let mut control = Control {
        frames: Vec::new(),
        reachable: true,
    };
    control.push(Kind::Block);
    let mut lengths = Lengths::new(shape, index, body, emit.copy)?;
    let mut reader = body.get_operators_reader()?;
    let mut wrapped = false;
    while !reader.eof() {
        let start = reader.original_position();
        let operator = reader.read()?;
        let bytes = &wasm[start..reader.original_position()];
        let kind = cost::kind(shape, &operator)?;
        let last = control.frames.len() == 1 && kind == Kind::End;
        let reachable = control.reachable;
        if control.reachable {
            emit.charge_for(start, cost::price(&operator));
            before(shape, kind, &mut control, &mut lengths, emit)?;
        }
        if last {
            let targeted = control.frames[0].targeted && shape.mode.counts();
            wrapped = targeted;
            if targeted {
                emit.put(&Instruction::End);
            }
            if targeted || control.reachable {
                emit.write_back();
            }
            emit.place(start);
            emit.put(&Instruction::End);
            continue;
        }
        emit.place(start);
        copy(shape, &operator, bytes, &mut emit.code);
        after(shape, kind, &operator, &mut control, emit)?;
        lengths.seen(kind, operator, reachable);
    }
    Ok(wrapped)
}

/// Counts, in front of an operator that can run.
fn before(
    shape: &Shape<'_>,
    kind: Kind,
    control: &mut Control,
    lengths: &mut Lengths<'_, '_>,
    emit: &mut Emit,
) -> Outcome<()> {
    match kind {
        Kind::Plain | Kind::Block => {}
        Kind::Access(access) => {
            if shape.always_traps(&access) {
                emit.write_back();
            }
        }
        Kind::Call | Kind::Leave => emit.write_back(),
        Kind::BranchIf(_) | Kind::Branch(_) | Kind::BranchTable => emit.flush(),
        Kind::Loop | Kind::If | Kind::Else => emit.flush(),
        // Where only one way leads on, nothing has to be added up yet.
        Kind::End => {
            let joins = control
                .frames
                .last()
                .is_some_and(|frame| frame.targeted || matches!(frame.kind, Kind::If | Kind::Else));
            if joins {
                emit.flush();
            }
        }
        Kind::Bulk(_) if shape.mode == Mode::Flag => emit.check(),
        Kind::Bulk(bulk) => match lengths.next()? {
            Some(length) => emit.bulk_known(bulk.unit, length),
            None => emit.bulk(bulk),
        },
    }
    Ok(())
}

/// What an operator does to the control, and what follows it.
fn after(
    shape: &Shape<'_>,
    kind: Kind,
    operator: &Operator<'_>,
    control: &mut Control,
    emit: &mut Emit,
) -> Outcome<()> {
    match kind {
        Kind::Plain | Kind::Bulk(_) => {}
        Kind::Access(access) => {
            if shape.always_traps(&access) {
                control.reachable = false;
            }
        }
        Kind::Call => {
            if control.reachable {
                emit.load();
            }
        }
        Kind::Leave => control.reachable = false,
        Kind::BranchIf(depth) => {
            if control.reachable {
                control.target(depth);
            }
        }
        Kind::Branch(depth) => {
            if control.reachable {
                control.target(depth);
            }
            control.reachable = false;
        }
        Kind::BranchTable => {
            if let (true, Operator::BrTable { targets }) = (control.reachable, operator) {
                for depth in targets.targets() {
                    control.target(depth?);
                }
                control.target(targets.default());
            }
            control.reachable = false;
        }
        Kind::Block | Kind::If => control.push(kind),
        Kind::Loop => {
            control.push(kind);
            if control.reachable {
                emit.check();
            }
        }
        Kind::Else => {
            if let Some(frame) = control.frames.last_mut() {
                frame.kind = Kind::Else;
                frame.then_ends = control.reachable;
                control.reachable = frame.head;
            }
        }
        Kind::End => {
            if let Some(frame) = control.frames.pop() {
                control.reachable |= match frame.kind {
                    // A branch to a loop does not lead to its end.
                    Kind::Loop => false,
                    Kind::If => frame.targeted || frame.head,
                    Kind::Else => frame.targeted || frame.then_ends,
                    _ => frame.targeted,
                };
            }
        }
    }
    if shape.mode == Mode::Flag {
        // There is nothing to gain, and not all branches are followed: those of
        // exceptions are not.
        control.reachable = true;
    }
    if !control.reachable {
        emit.forget();
    }
    Ok(())
}
