//! Rewrites functions: the operators stay as they are, but for the numbers of
//! functions, globals and labels, and the code that counts goes between them.

use wasm_encoder::{Encode, Instruction};
use wasmtime_environ::wasmparser::{FunctionBody, Operator};

use super::constant::Lengths;
use super::cost::{self, Kind};
use super::emit::{AROUND_FUNCTION, AROUND_LOOP, BLOCK, Emit};
use super::offsets::Points;
use super::shape::Shape;
use super::{Mode, Outcome};

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
    /// For a loop with the pass's labels around it: where its first operator was.
    inside: Option<usize>,
}

/// The blocks around an operator, and whether it can run.
struct Control {
    frames: Vec<Frame>,
    reachable: bool,
    /// How many loops have labels of the pass's around them.
    around: u32,
    /// The same for all operators of the function: where the first one was.
    inside: Option<usize>,
}

impl Control {
    fn push(&mut self, kind: Kind) {
        self.frames.push(Frame {
            kind,
            targeted: false,
            head: self.reachable,
            then_ends: false,
            inside: None,
        });
    }

    /// The frame that was pushed last is a loop with the pass's labels around it.
    fn begin_around(&mut self, inside: usize) {
        if let Some(frame) = self.frames.last_mut() {
            frame.inside = Some(inside);
            self.around += 1;
        }
    }

    /// A label as it is in the metered function: the pass's own are between.
    fn label(&self, depth: u32) -> u32 {
        let between = self.frames.iter().rev().take(depth as usize);
        let loops = between.filter(|frame| frame.inside.is_some()).count() as u32;
        let leaves = self.inside.is_some() && depth as usize + 1 == self.frames.len();
        depth + AROUND_LOOP * loops + AROUND_FUNCTION * u32::from(leaves)
    }

    fn target(&mut self, depth: u32) {
        let at = self.frames.len().checked_sub(1 + depth as usize);
        if let Some(frame) = at.and_then(|at| self.frames.get_mut(at)) {
            frame.targeted = true;
        }
    }
}

/// Whether an operator has labels that [`relabel`] does not know: of exceptions and
/// of casts, which only [`Mode::Flag`] can meet.
fn has_other_labels(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::TryTable { .. }
            | Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. }
            | Operator::BrOnCastDescEq { .. }
            | Operator::BrOnCastDescEqFail { .. }
    )
}

/// Writes a branch between whose labels there are some of the pass's. Whether the
/// operator is one.
fn relabel(operator: &Operator<'_>, control: &Control, emit: &mut Emit) -> Outcome<bool> {
    let label = |depth| control.label(depth);
    match *operator {
        Operator::Br { relative_depth } => emit.put(&Instruction::Br(label(relative_depth))),
        Operator::BrIf { relative_depth } => emit.put(&Instruction::BrIf(label(relative_depth))),
        Operator::BrOnNull { relative_depth } => {
            emit.put(&Instruction::BrOnNull(label(relative_depth)));
        }
        Operator::BrOnNonNull { relative_depth } => {
            emit.put(&Instruction::BrOnNonNull(label(relative_depth)));
        }
        Operator::BrTable { ref targets } => {
            let labels = targets.targets().map(|depth| depth.map(label));
            let labels = labels.collect::<Result<Vec<_>, _>>()?;
            emit.put(&Instruction::BrTable(
                labels.into(),
                label(targets.default()),
            ));
        }
        _ => return Ok(false),
    }
    Ok(true)
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
    let outlines = outlines(shape, body)?;
    if outlines && !shape.mode.counts() {
        let mut ty = Vec::new();
        shape.block_type(&results, &mut ty)?;
        emit.begin_function(&ty);
    } else {
        emit.enter();
    }
    // In front of the first operator goes a block, if a branch leads to the end
    // of the function: then one write-back is enough.
    let begins = emit.code.len();
    let wrapped = operators(shape, wasm, index, body, outlines, &mut emit)?;

    let starts = out.len();
    let code = emit.finish(groups, declared, out);
    out.extend_from_slice(&emit.code[..begins]);
    if wrapped {
        out.push(BLOCK);
        shape.block_type(&results, out)?;
    }
    let moved = out.len() - code - begins;
    out.extend_from_slice(&emit.code[begins..]);

    let mut points = Points::default();
    let original = body.range().start;
    for place in &emit.places {
        let metered = code - starts + moved + place.metered as usize;
        points.add(metered, place.original as usize - original, place.back);
    }
    Ok(points)
}

/// Whether the calls of [`SLOW`](super::SLOW) are kept out of a function's way.
fn outlines(shape: &Shape<'_>, body: &FunctionBody<'_>) -> Outcome<bool> {
    match shape.mode {
        // A block that cannot be left is out of the way for compilers anyhow.
        Mode::Fuel { slices } => Ok(slices),
        Mode::Flag => {
            for operator in body.get_operators_reader()? {
                if has_other_labels(&operator?) {
                    return Ok(false);
                }
            }
            Ok(true)
        }
    }
}

/// Writes the operators of a function; `outlines` if calls of [`SLOW`](super::SLOW)
/// are kept out of the way. Whether the function's label is the target of a branch.
fn operators(
    shape: &Shape<'_>,
    wasm: &[u8],
    index: usize,
    body: &FunctionBody<'_>,
    outlines: bool,
    emit: &mut Emit,
) -> Outcome<bool> {
    let mut control = Control {
        frames: Vec::new(),
        reachable: true,
        around: 0,
        inside: None,
    };
    control.push(Kind::Block);
    let mut reader = body.get_operators_reader()?;
    if outlines && !shape.mode.counts() {
        control.inside = Some(reader.original_position());
    }
    let mut lengths = Lengths::new(shape, index, body, emit.copy)?;
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
            if let Some(inside) = control.inside {
                emit.end_function(inside, start);
            }
            emit.place(start);
            emit.put(&Instruction::End);
            continue;
        }
        if let Operator::Loop { blockty } = operator
            && reachable
            && outlines
            && shape.block(blockty).0.is_empty()
        {
            emit.begin_loop(start, bytes);
            control.push(kind);
            control.begin_around(reader.original_position());
            lengths.seen(kind, operator, reachable);
            continue;
        }
        emit.place(start);
        let moved = control.around != 0 || control.inside.is_some();
        if !moved || !relabel(&operator, &control, emit)? {
            copy(shape, &operator, bytes, &mut emit.code);
        }
        if kind == Kind::End
            && let Some(inside) = control.frames.last().and_then(|frame| frame.inside)
        {
            emit.end_loop(inside, reader.original_position());
        }
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
                control.around -= u32::from(frame.inside.is_some());
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
