//! Parts where Wasmtime counts fuel by itself, so that the count stays what it is.
//!
//! A large operation becomes code in its place: a call would write the count back to
//! the store, and what a later trap loses would change. Of what the operation costs,
//! one and a unit for each byte, nothing may be left over and nothing be missing.
//!
//! - Whether it is large has to be found out for the one, as a length may be zero. So
//!   [`free_operators!`](crate::free_operators) lists operators that Wasmtime is told to
//!   charge nothing for: such as its adapters do not consist of. What a guest has of
//!   them is preceded by a constant that is dropped, which costs one. The look consists
//!   of them, but for its `if`. Compilers work out what of it is constant.
//! - WebAssembly keeps a value to use it twice in locals, which cost. But the
//!   two halves of `i64.mul_wide_u(n, -1)` are `-n` and `n - 1`, both of which say `n`.
//! - What a large operation needs beyond that is saved again: the last bytes of each
//!   part are written by `v128.store`, for less than a unit each.

use std::cell::Cell;

use wasm_encoder::{BlockType, Encode, HeapType, Instruction, MemArg, ValType};
use wasmparser::{FunctionBody, Operator};

use crate::error::{Error, ErrorKind, Result};

use super::operation::{Memory, Operation};
use super::{InParts, Offsets, Shape, may_have_bulk};

/// Calls a macro with the operators that have to be free of charge in modules that
/// [`module`] gives: names, as `wasmparser` has them. Adapters that Wasmtime generates
/// must have none of them.
#[doc(hidden)]
#[macro_export]
macro_rules! free_operators {
    ($with:ident) => {
        $with! {
            F64ConvertI64S I32Clz I32Rotr I32ShrS I32TruncSatF64U I32x4ExtractLane
            I64ExtendI32S I64LeU I64MulWideU I64x2Splat MemoryCopy MemoryFill MemoryGrow
            MemoryInit RefIsNull RefNull TableCopy TableFill TableGrow TableInit
        }
    };
}

macro_rules! is_free {
    ($($name:ident)*) => {
        /// Whether an operator is paid for in front of it.
        fn is_free(operator: &Operator<'_>) -> bool {
            matches!(operator, $(Operator::$name { .. })|*)
        }
    };
}

crate::free_operators!(is_free);

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

/// How large operations and their parts are.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Scale {
    /// What is done at once. It has to be more than what is written by stores.
    pub part: u32,
    /// Lengths of up to 2^(17 - halvings), and one more, are not cut. That, too, has to
    /// be more than what is written by stores.
    pub halvings: u32,
    /// Whether there are vectors; stores are of 16 bytes then, else of 8.
    pub vectors: bool,
}

impl Default for Scale {
    /// Parts as elsewhere; lengths of up to 128 KiB are not cut.
    fn default() -> Self {
        Scale {
            part: super::PART,
            halvings: 0,
            // Where each processor has them.
            vectors: cfg!(any(target_arch = "x86_64", target_arch = "aarch64")),
        }
    }
}

/// The lengths of the bulk operations in each body of a module, in the order of the
/// code, those of tables and growth among them: if Wasmtime knows them when it
/// compiles. Short ones are not checked.
pub type Known<'a> = dyn Fn(&[u8]) -> Vec<Vec<Option<u64>>> + 'a;

/// The longest segment of data that `memory.init` may name, in bytes: to copy it takes
/// 8 ms where the system has to provide the memory. Nothing can be saved there, as
/// nothing else reads a segment, so it is not done in parts.
const MOST_INIT: usize = 8 << 20;

/// How many operations of a component may be made in parts: each becomes some 1.5 KiB
/// of machine code, and real programs have some for each 3 KiB of theirs.
const MOST_IN_PARTS: usize = 16_384;

/// A component all of whose modules have been through [`module`], those of nested
/// components too; nothing if none is changed. The component is valid.
///
/// # Errors
///
/// As [`module`].
pub fn component(wasm: &[u8], known: &Known<'_>) -> Result<Option<InParts>> {
    let left = Cell::new(MOST_IN_PARTS);
    super::walk(wasm, &|wasm| part(wasm, known, Scale::default(), &left))
}

/// A module without large fills and copies whose fuel by Wasmtime is what it was, if
/// those of [`free_operators!`](crate::free_operators) are free; nothing if nothing is
/// changed. It is valid.
///
/// # Errors
///
/// `Unsupported` for a `memory.init` from a segment of more than 8 MiB, which is not made
/// in parts, for more than 16,384 operations that are, and for one in a function that
/// has no locals left for it.
pub fn module(wasm: &[u8], known: &Known<'_>, scale: Scale) -> Result<Option<InParts>> {
    part(wasm, known, scale, &Cell::new(MOST_IN_PARTS))
}

/// A module of a component for which so many operations are left.
fn part(
    wasm: &[u8],
    known: &Known<'_>,
    scale: Scale,
    left: &Cell<usize>,
) -> Result<Option<InParts>> {
    let shape = Shape::read(wasm).map_err(unreadable)?;
    let mut module = Module {
        wasm,
        shape: &shape,
        scale,
        known: &|| known(wasm),
        lengths: None,
        types: Types {
            first: shape.types,
            added: Vec::new(),
        },
        left,
    };
    let mut code = Vec::with_capacity(shape.code.len() + 256);
    let mut offsets = Offsets::default();
    let mut changed = false;
    for (index, body) in shape.bodies.iter().enumerate() {
        changed |= module.body(index, body, &mut code, &mut offsets)?;
    }
    let types = module.types.added;
    Ok(changed.then(|| shape.write(wasm, &types, 0, &code, &offsets, None)))
}

/// The module is valid, so this is a fault of ours.
#[cold]
fn unreadable(error: wasmparser::Error) -> Error {
    Error::new(ErrorKind::Engine, "a core module cannot be read").with_source(error)
}

/// What would not be stopped in time.
#[cold]
fn refused(what: &str) -> Error {
    Error::unsupported(format!(
        "{what}: Wasmtime cannot stop them in time where it counts fuel, unless only fuel is \
         counted"
    ))
}

struct Module<'a, 'b> {
    wasm: &'a [u8],
    shape: &'a Shape<'b>,
    scale: Scale,
    known: &'a dyn Fn() -> Vec<Vec<Option<u64>>>,
    lengths: Option<Vec<Vec<Option<u64>>>>,
    types: Types,
    /// How many more operations may be made in parts.
    left: &'a Cell<usize>,
}

impl Module<'_, '_> {
    /// Writes a body, and says whether it is changed.
    fn body(
        &mut self,
        index: usize,
        body: &FunctionBody<'_>,
        code: &mut Vec<u8>,
        offsets: &mut Offsets,
    ) -> Result<bool> {
        let wasm = self.wasm;
        let range = body.range();
        let mut locals = 0u32;
        let mut groups = 0u32;
        let mut reader = body.get_locals_reader().map_err(unreadable)?;
        let groups_at = reader.original_position();
        for _ in 0..reader.get_count() {
            locals = locals.saturating_add(reader.read().map_err(unreadable)?.0);
            groups += 1;
        }
        let mut operators = body.get_operators_reader().map_err(unreadable)?;
        let operators_at = operators.original_position();
        let bulk = may_have_bulk(body.as_bytes());
        let params = if bulk { self.shape.params(index) } else { 0 };
        let locals = Locals {
            first: params.saturating_add(locals),
        };

        let mut new = Code::default();
        let mut copied = operators_at;
        let mut wants_locals = false;
        let mut literal = None;
        let mut bulks = 0;
        while !operators.eof() {
            let (operator, at) = operators.read_with_offset().map_err(unreadable)?;
            let before = literal;
            literal = match operator {
                Operator::I32Const { value } => Some(u64::from(value.cast_unsigned())),
                Operator::I64Const { value } => Some(value.cast_unsigned()),
                _ => None,
            };
            if !is_free(&operator) {
                continue;
            }
            new.bytes.extend_from_slice(&wasm[copied..at]);
            copied = at;
            if !bulk || !is_bulk(&operator) {
                new.pay(1);
                new.points.push((new.bytes.len(), at));
                continue;
            }
            let length = before.or_else(|| self.known(index, bulks));
            bulks += 1;
            let large = match self.shape.operation(&operator) {
                Some(Operation::Init { segment, .. }) => {
                    let len = self.shape.segments[segment as usize];
                    if len > MOST_INIT {
                        return Err(refused(&format!(
                            "the component has `memory.init` from a data segment of {len} bytes, \
                             more than {MOST_INIT}"
                        )));
                    }
                    None
                }
                large => large.filter(|_| length.is_none_or(|it| it > u64::from(self.scale.part))),
            };
            match large {
                Some(operation) => {
                    let Some(left) = self.left.get().checked_sub(1) else {
                        return Err(refused(&format!(
                            "the component has more than {MOST_IN_PARTS} fills and copies that \
                             may be large"
                        )));
                    };
                    self.left.set(left);
                    if !locals.fit() {
                        return Err(refused(
                            "a function has so many locals that there are none left for its \
                             fills and copies",
                        ));
                    }
                    wants_locals = true;
                    copied = operators.original_position();
                    let site = Site {
                        operation,
                        scale: self.scale,
                        locals,
                        at,
                    };
                    site.write(length.is_some(), &mut new, &mut self.types);
                    new.points.push((new.bytes.len(), copied));
                }
                None => {
                    if before.is_some() {
                        new.pay(1);
                    } else {
                        let is_64 = self.shape.length_is_64(&operator);
                        new.repeat(length, is_64);
                    }
                    new.points.push((new.bytes.len(), at));
                }
            }
        }
        new.bytes.extend_from_slice(&wasm[copied..range.end]);

        let mut head = Vec::new();
        let added = if wants_locals { Locals::GROUPS } else { &[] };
        (groups + added.len() as u32).encode(&mut head);
        head.extend_from_slice(&wasm[groups_at..operators_at]);
        for (count, ty) in added {
            count.encode(&mut head);
            ty.encode(&mut head);
        }
        (head.len() + new.bytes.len()).encode(code);
        offsets.add(code.len(), Some(range.start));
        code.extend_from_slice(&head);
        offsets.add(code.len(), Some(operators_at));
        for (at, original) in &new.points {
            offsets.add(code.len() + at, Some(*original));
        }
        code.extend_from_slice(&new.bytes);
        Ok(!new.points.is_empty())
    }

    /// The length of a bulk operation that no constant is in front of, if Wasmtime
    /// knows it.
    fn known(&mut self, body: usize, bulk: usize) -> Option<u64> {
        let known = self.known;
        let lengths = self.lengths.get_or_insert_with(known);
        lengths.get(body)?.get(bulk).copied()?
    }
}

/// Types of blocks that are appended to those of a module.
struct Types {
    first: u32,
    added: Vec<Vec<u8>>,
}

impl Types {
    fn block(&mut self, ty: Vec<u8>) -> BlockType {
        let known = self.added.iter().position(|it| *it == ty);
        let index = known.unwrap_or_else(|| {
            self.added.push(ty);
            self.added.len() - 1
        });
        BlockType::FunctionType(self.first + index as u32)
    }
}

/// Whether an operator is charged by its length: see [`Known`].
fn is_bulk(operator: &Operator<'_>) -> bool {
    use Operator as O;
    matches!(
        operator,
        O::MemoryCopy { .. }
            | O::MemoryFill { .. }
            | O::MemoryInit { .. }
            | O::MemoryGrow { .. }
            | O::TableCopy { .. }
            | O::TableFill { .. }
            | O::TableInit { .. }
            | O::TableGrow { .. }
    )
}

/// The locals that are appended to a function's.
#[derive(Clone, Copy)]
struct Locals {
    first: u32,
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
    const GROUPS: &'static [(u32, ValType)] =
        &[(5, ValType::I32), (7, ValType::I64), (1, ValType::V128)];

    /// Whether a function may have so many.
    fn fit(self) -> bool {
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

/// Code, what it costs, and which of its places stand for which of the original.
#[derive(Default)]
struct Code {
    bytes: Vec<u8>,
    cost: u64,
    points: Vec<(usize, usize)>,
}

impl Code {
    /// Does nothing, for so many units.
    fn pay(&mut self, units: u64) {
        for _ in 0..units {
            self.put(&Instruction::I32Const(0));
            self.put(&Instruction::Drop);
        }
    }

    /// For a unit, a length that is on the stack, such that Wasmtime knows it, or does
    /// not, as it did in the original: what it knows depends on the code around.
    fn repeat(&mut self, length: Option<u64>, is_64: bool) {
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
    fn narrow(&mut self, vectors: bool) {
        use Instruction as I;
        let by = match vectors {
            true => [I::I64x2Splat, I::I32x4ExtractLane(0)],
            false => [I::F64ConvertI64S, I::I32TruncSatF64U],
        };
        by.iter().for_each(|it| self.put(it));
    }

    fn put(&mut self, instruction: &Instruction<'_>) {
        self.cost += price(instruction);
        instruction.encode(&mut self.bytes);
    }
}

/// The number, of 32 bits, for nothing.
fn one(out: &mut Code) {
    out.put(&Instruction::RefNull(HeapType::FUNC));
    out.put(&Instruction::RefIsNull);
}

/// The number 31, of 32 bits, for nothing.
fn thirty_one(out: &mut Code) {
    one(out);
    out.put(&Instruction::I32Clz);
}

/// From a number of 64 bits to the two halves of its product with 2^64 - 1, for nothing:
/// the number, negative; and one less than it, or zero if it is that.
fn twice(out: &mut Code) {
    // 2^31, all the bits of which become its sign.
    one(out);
    one(out);
    out.put(&Instruction::I32Rotr);
    thirty_one(out);
    out.put(&Instruction::I32ShrS);
    out.put(&Instruction::I64ExtendI32S);
    out.put(&Instruction::I64MulWideU);
}

/// A large operation in the code.
struct Site {
    operation: Operation,
    scale: Scale,
    locals: Locals,
    /// Where it is in the original.
    at: usize,
}

impl Site {
    /// Writes what stands for the operation, which costs the same. `is_large`, if it
    /// is known to be.
    fn write(&self, is_large: bool, out: &mut Code, types: &mut Types) {
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
