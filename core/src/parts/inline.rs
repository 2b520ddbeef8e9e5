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

mod code;
mod site;

use std::cell::Cell;

use wasm_encoder::{BlockType, Encode};
use wasmparser::{FunctionBody, Operator};

use crate::error::{Error, Result};

use self::code::Code;
use self::site::{Locals, Site};
use super::operation::Operation;
use super::{InParts, Offsets, Shape, may_have_bulk, unreadable};

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
/// has no locals left for it; `TooLarge` for a function that becomes longer than engines
/// take.
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
    if !changed {
        return Ok(None);
    }
    let types = module.types.added;
    let in_parts = shape.write(wasm, &types, 0, &code, &offsets, None);
    super::check_lengths(&in_parts.wasm)?;
    Ok(Some(in_parts))
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
