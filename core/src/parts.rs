//! Modules whose fills and copies of memories are made in parts, so that a guest
//! can be stopped between them: one of a whole memory takes a second per GiB, and
//! engines do not look at the time before it ends.
//!
//! Each `memory.fill`, `memory.copy` and `memory.init` that may be large becomes
//! the call of a function that is appended to the module. It does the same, in a
//! loop whose head engines look at the time at, or calls a function that does.

pub mod inline;
mod operation;

use std::collections::BTreeMap;
use std::ops::Range;

use wasm_encoder::{Encode, Instruction};
use wasmparser::{CompositeInnerType, FunctionBody, Operator, Parser, Payload, TypeRef};

use crate::error::{Error, ErrorKind, Result};
use operation::{Memory, Operation};

/// How many bytes are filled or copied at a time: some 100 us, or a millisecond
/// where the system has to provide the memory.
pub const PART: u32 = 1 << 20;

/// Ids of sections, by the specification.
const CUSTOM: u8 = 0;
const CORE_MODULE: u8 = 1;
const TYPES: u8 = 1;
const FUNCTIONS: u8 = 3;
const NESTED_COMPONENT: u8 = 4;
const CODE: u8 = 10;

/// What a binary begins with, before its sections.
const HEADER: usize = 8;

/// What was read of a binary.
type Read<T> = std::result::Result<T, wasmparser::Error>;

/// A binary without large fills and copies.
#[derive(Debug)]
pub struct InParts {
    /// The binary.
    pub wasm: Vec<u8>,
    /// The way back to the binary as it was.
    pub offsets: Offsets,
}

/// From places in an [`InParts::wasm`] to those in the binary that it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// Where the distance between the two changes: in the new binary, and in the
    /// original. `None` where functions are that the original does not have.
    points: Vec<(u32, Option<u32>)>,
}

impl Offsets {
    /// What was at an offset; nothing in a function that was added.
    pub fn original(&self, offset: u64) -> Option<u64> {
        let after = |point: &(u32, Option<u32>)| u64::from(point.0) <= offset;
        let at = self.points.partition_point(after);
        let Some(at) = at.checked_sub(1) else {
            return Some(offset);
        };
        let (new, original) = self.points[at];
        Some(offset - u64::from(new) + u64::from(original?))
    }

    fn add(&mut self, new: usize, original: Option<usize>) {
        let distance = |new: i64, original: Option<i64>| original.map(|original| new - original);
        let last = self.points.last().map_or(Some(0), |(new, original)| {
            distance(i64::from(*new), original.map(i64::from))
        });
        if last != distance(new as i64, original.map(|it| it as i64)) {
            self.points.push((new as u32, original.map(|it| it as u32)));
        }
    }

    /// Adds those of a part, by where it begins in both.
    fn append(&mut self, inner: &Offsets, new: usize, original: usize) {
        for (at, was) in &inner.points {
            let was = was.map(|was| original + was as usize);
            self.add(new + *at as usize, was);
        }
    }

    /// Writes them, for [`Offsets::read`].
    pub fn write(&self, out: &mut Vec<u8>) {
        self.points.len().encode(out);
        for (new, original) in &self.points {
            new.encode(out);
            original
                .map_or(0, |original| u64::from(original) + 1)
                .encode(out);
        }
    }

    /// Reads what [`Offsets::write`] wrote, and how many bytes that were.
    pub fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut reader = wasmparser::BinaryReader::new(bytes, 0);
        let count = reader.read_var_u32().ok()?;
        let mut points = Vec::new();
        for _ in 0..count {
            let new = reader.read_var_u32().ok()?;
            let original = reader.read_var_u64().ok()?.checked_sub(1);
            points.push((new, original.map(u32::try_from).transpose().ok()?));
        }
        Some((Offsets { points }, reader.original_position()))
    }
}

/// Gives a module a name, by the one that it has.
pub type Rename<'a> = dyn Fn(Option<&str>) -> String + 'a;

/// A component all of whose modules have been through [`module`], those of nested
/// components too; nothing if no module needs it. The component is valid.
pub fn component(wasm: &[u8]) -> Option<InParts> {
    // No module is refused.
    walk(wasm, &|wasm| Ok(module(wasm, &[], None))).ok()?
}

/// The most bytes of a function that engines take: a limit of `wasmparser`'s.
pub const MAX_BODY: u32 = 7_654_321;

/// Looks whether engines take a module that has been rewritten: what stops guests makes
/// functions longer. The module is valid but for that.
///
/// # Errors
///
/// `TooLarge` if one of the functions is too long.
pub fn check_lengths(wasm: &[u8]) -> Result<()> {
    let longest = longest_body(wasm).map_err(unreadable)?;
    if longest <= MAX_BODY {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::TooLarge,
        format!("bytes of a function, with what stops it: {longest}, and engines take {MAX_BODY}"),
    ))
}

/// The module is valid, so this is a fault of ours.
#[cold]
fn unreadable(error: wasmparser::Error) -> Error {
    Error::new(ErrorKind::Engine, "a core module cannot be read").with_source(error)
}

fn longest_body(wasm: &[u8]) -> Read<u32> {
    let mut longest = 0;
    for (id, _, contents) in Sections::new(wasm).flatten() {
        if id == CODE {
            let mut reader = wasmparser::BinaryReader::new(&wasm[contents.clone()], contents.start);
            for _ in 0..reader.read_var_u32()? {
                let size = reader.read_var_u32()?;
                reader.read_bytes(size as usize)?;
                longest = longest.max(size);
            }
        }
    }
    Ok(longest)
}

/// A component each of whose modules is what it becomes, if there is something to do
/// in any; or why one is refused.
fn walk(wasm: &[u8], module: &dyn Fn(&[u8]) -> Result<Option<InParts>>) -> Result<Option<InParts>> {
    let Some(header) = wasm.get(..HEADER) else {
        return Ok(None);
    };
    let mut out = header.to_vec();
    let mut offsets = Offsets::default();
    let mut changed = false;
    for section in Sections::new(wasm) {
        let Some((id, whole, contents)) = section else {
            return Ok(None);
        };
        let inner = &wasm[contents.clone()];
        let inner = match id {
            CORE_MODULE => module(inner)?,
            NESTED_COMPONENT => walk(inner, module)?,
            _ => None,
        };
        let Some(inner) = inner else {
            offsets.add(out.len(), Some(whole.start));
            out.extend_from_slice(&wasm[whole]);
            continue;
        };
        changed = true;
        out.push(id);
        inner.wasm.len().encode(&mut out);
        offsets.add(out.len(), Some(contents.start));
        offsets.append(&inner.offsets, out.len(), contents.start);
        out.extend_from_slice(&inner.wasm);
    }
    Ok(changed.then_some(InParts { wasm: out, offsets }))
}

/// A module without large fills and copies; nothing if it has none to begin with.
/// It is valid.
///
/// `look` is what looks at the time, before each part, and leaves the stack as it
/// was; nothing if the loop itself has to do. `name` gives the module a name, if it
/// is to have another one, by the one that it has.
pub fn module(wasm: &[u8], look: &[Instruction<'_>], name: Option<&Rename<'_>>) -> Option<InParts> {
    let shape = Shape::read(wasm).ok()?;
    if shape.bodies.is_empty() {
        return None;
    }
    let mut added = Added::default();
    let mut code = Vec::with_capacity(shape.code.len() + 256);
    let mut offsets = Offsets::default();
    for body in &shape.bodies {
        rewrite(wasm, &shape, body, &mut added, &mut code, &mut offsets).ok()?;
    }
    if added.funcs.is_empty() {
        return None;
    }
    offsets.add(code.len(), None);
    let added = added.in_order();
    for operation in &added {
        operation.function(look).encode(&mut code);
    }
    let types: Vec<_> = added.iter().map(|it| it.ty()).collect();
    let funcs = added.len() as u32;
    Some(shape.write(wasm, &types, funcs, &code, &offsets, name))
}

/// Writes a body, in which large operations are calls.
fn rewrite(
    wasm: &[u8],
    shape: &Shape<'_>,
    body: &FunctionBody<'_>,
    added: &mut Added,
    code: &mut Vec<u8>,
    offsets: &mut Offsets,
) -> Read<()> {
    let range = body.range();
    let mut new = Vec::new();
    let mut points = Vec::new();
    let mut copied = range.start;
    if may_have_bulk(body.as_bytes()) {
        let mut operators = body.get_operators_reader()?;
        // The length of a fill or copy, if the operator before it says so.
        let mut length = None;
        while !operators.eof() {
            let (operator, at) = operators.read_with_offset()?;
            let small = matches!(length, Some(length) if length <= u64::from(PART));
            length = match operator {
                Operator::I32Const { value } => Some(u64::from(value.cast_unsigned())),
                Operator::I64Const { value } => Some(value.cast_unsigned()),
                _ => None,
            };
            if let Some(operation) = shape.operation(&operator)
                && !small
            {
                new.extend_from_slice(&wasm[copied..at]);
                Instruction::Call(shape.funcs + added.index(operation)).encode(&mut new);
                copied = operators.original_position();
                points.push((new.len(), copied));
            }
        }
    }
    new.extend_from_slice(&wasm[copied..range.end]);
    new.len().encode(code);
    offsets.add(code.len(), Some(range.start));
    for (at, original) in points {
        offsets.add(code.len() + at, Some(original));
    }
    code.extend_from_slice(&new);
    Ok(())
}

/// Whether there is a pair of bytes like those that a fill or copy begins with. Few
/// functions have one, and this is a fraction of what it takes to read operators.
fn may_have_bulk(bytes: &[u8]) -> bool {
    // A number may take more bytes than it needs.
    let starts = |pair: &[u8]| pair[0] == 0xfc && matches!(pair[1] & 0x7f, 0x08 | 0x0a | 0x0b);
    bytes.windows(2).any(starts)
}

/// The sections of a binary: ids, where they are with their headers, and where
/// their contents are. Nothing for one that cannot be read, which is the last.
struct Sections<'a> {
    wasm: &'a [u8],
    at: usize,
}

impl<'a> Sections<'a> {
    fn new(wasm: &'a [u8]) -> Self {
        Sections { wasm, at: HEADER }
    }

    fn read(&self) -> Option<(u8, Range<usize>, Range<usize>)> {
        let mut reader = wasmparser::BinaryReader::new(self.wasm.get(self.at..)?, self.at);
        let id = reader.read_u8().ok()?;
        let len = reader.read_var_u32().ok()?;
        let start = reader.original_position();
        let end = start.checked_add(len as usize)?;
        (end <= self.wasm.len()).then_some((id, self.at..end, start..end))
    }
}

impl Iterator for Sections<'_> {
    type Item = Option<(u8, Range<usize>, Range<usize>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.wasm.len() {
            return None;
        }
        let section = self.read();
        self.at = match &section {
            Some((_, whole, _)) => whole.end,
            None => self.wasm.len(),
        };
        Some(section)
    }
}

/// The functions that are appended to a module, with their order.
#[derive(Default)]
struct Added {
    funcs: BTreeMap<Operation, u32>,
}

impl Added {
    fn index(&mut self, operation: Operation) -> u32 {
        let next = self.funcs.len() as u32;
        *self.funcs.entry(operation).or_insert(next)
    }

    /// In the order of their indices.
    fn in_order(&self) -> Vec<Operation> {
        let mut all: Vec<_> = self.funcs.iter().collect();
        all.sort_by_key(|(_, index)| **index);
        all.into_iter().map(|(operation, _)| *operation).collect()
    }
}

/// What has to be known of a module before its functions are rewritten.
#[derive(Default)]
struct Shape<'a> {
    types: u32,
    /// How many parameters each has, if it is a function's.
    type_params: Vec<u32>,
    /// The types of the functions that are not imported.
    func_types: Vec<u32>,
    /// With those that are imported.
    funcs: u32,
    memories: Vec<Memory>,
    /// Which tables have indices of 64 bits.
    tables: Vec<bool>,
    /// The lengths of segments of data.
    segments: Vec<usize>,
    bodies: Vec<FunctionBody<'a>>,
    /// Where the contents of the code section are.
    code: Range<usize>,
    /// The module's name, and the contents of the section that has it.
    name: Option<&'a str>,
    names: &'a [u8],
}

impl<'a> Shape<'a> {
    fn read(wasm: &'a [u8]) -> Read<Self> {
        let mut shape = Shape::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(types) => {
                    for group in types {
                        for ty in group?.types() {
                            shape.types += 1;
                            let params = match &ty.composite_type.inner {
                                CompositeInnerType::Func(ty) => ty.params().len() as u32,
                                _ => 0,
                            };
                            shape.type_params.push(params);
                        }
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        match import?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => shape.funcs += 1,
                            TypeRef::Memory(ty) => shape.memory(&ty),
                            TypeRef::Table(ty) => shape.tables.push(ty.table64),
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(funcs) => {
                    shape.funcs += funcs.count();
                    shape.func_types = funcs.into_iter().collect::<Read<_>>()?;
                }
                Payload::TableSection(tables) => {
                    for table in tables {
                        shape.tables.push(table?.ty.table64);
                    }
                }
                Payload::MemorySection(memories) => {
                    for ty in memories {
                        shape.memory(&ty?);
                    }
                }
                Payload::CodeSectionStart { range, .. } => shape.code = range,
                Payload::CodeSectionEntry(body) => shape.bodies.push(body),
                Payload::DataSection(data) => {
                    for segment in data {
                        shape.segments.push(segment?.data.len());
                    }
                }
                Payload::CustomSection(section) if section.name() == "name" => {
                    shape.names = section.data();
                    if let wasmparser::KnownCustom::Name(mut names) = section.as_known()
                        && let Some(Ok(wasmparser::Name::Module { name, .. })) = names.next()
                    {
                        shape.name = Some(name);
                    }
                }
                _ => {}
            }
        }
        Ok(shape)
    }

    fn memory(&mut self, ty: &wasmparser::MemoryType) {
        let index = self.memories.len() as u32;
        let is_64 = ty.memory64;
        self.memories.push(Memory { index, is_64 });
    }

    /// What an operator does that may be large.
    fn operation(&self, operator: &Operator<'_>) -> Option<Operation> {
        let memory = |index: u32| self.memories.get(index as usize).copied();
        Some(match *operator {
            Operator::MemoryFill { mem } => Operation::Fill { mem: memory(mem)? },
            Operator::MemoryCopy { dst_mem, src_mem } => Operation::Copy {
                to: memory(dst_mem)?,
                from: memory(src_mem)?,
            },
            Operator::MemoryInit { data_index, mem } => {
                let len = *self.segments.get(data_index as usize)?;
                if len <= PART as usize {
                    return None;
                }
                Operation::Init {
                    segment: data_index,
                    to: memory(mem)?,
                }
            }
            _ => return None,
        })
    }

    /// Whether the length of a bulk operation has 64 bits.
    fn length_is_64(&self, operator: &Operator<'_>) -> bool {
        let table = |index: u32| self.tables.get(index as usize).copied().unwrap_or(false);
        let memory = |index: u32| self.memories.get(index as usize).is_some_and(|it| it.is_64);
        match *operator {
            Operator::MemoryCopy { dst_mem, src_mem } => memory(dst_mem) && memory(src_mem),
            Operator::MemoryFill { mem } | Operator::MemoryGrow { mem } => memory(mem),
            Operator::TableCopy {
                dst_table,
                src_table,
            } => table(dst_table) && table(src_table),
            Operator::TableFill { table: it } | Operator::TableGrow { table: it } => table(it),
            _ => false,
        }
    }

    /// How many parameters a function of the module's own has.
    fn params(&self, body: usize) -> u32 {
        let ty = self.func_types.get(body).copied();
        let params = ty.and_then(|ty| self.type_params.get(ty as usize));
        params.copied().unwrap_or_default()
    }

    /// Puts the module together, with bodies whose number is not in `code`, more types,
    /// and functions of the first so many of these.
    fn write(
        &self,
        wasm: &[u8],
        types: &[Vec<u8>],
        funcs: u32,
        code: &[u8],
        inner: &Offsets,
        name: Option<&Rename<'_>>,
    ) -> InParts {
        let mut out = wasm[..HEADER].to_vec();
        let mut offsets = Offsets::default();
        for (id, whole, contents) in Sections::new(wasm).flatten() {
            let more = |added: u32, items: &[u8], out: &mut Vec<u8>| {
                // It can be read: it has been.
                let mut reader =
                    wasmparser::BinaryReader::new(&wasm[contents.clone()], contents.start);
                let count = reader.read_var_u32().unwrap_or_default();
                let mut new = Vec::new();
                (count + added).encode(&mut new);
                new.extend_from_slice(&wasm[reader.original_position()..contents.end]);
                new.extend_from_slice(items);
                out.push(id);
                new.as_slice().encode(out);
            };
            match id {
                TYPES => {
                    more(types.len() as u32, &types.concat(), &mut out);
                }
                FUNCTIONS => {
                    let mut items = Vec::new();
                    (self.types..self.types + funcs).for_each(|ty| ty.encode(&mut items));
                    more(funcs, &items, &mut out);
                }
                CODE => {
                    let mut count = Vec::new();
                    (self.bodies.len() as u32 + funcs).encode(&mut count);
                    out.push(id);
                    (count.len() + code.len()).encode(&mut out);
                    out.extend_from_slice(&count);
                    // What is known of bodies is where they were in the whole module.
                    offsets.append(inner, out.len(), 0);
                    out.extend_from_slice(code);
                    offsets.add(out.len(), Some(whole.end));
                }
                CUSTOM if name.is_some() && is_names(&wasm[contents.clone()]) => {}
                _ => out.extend_from_slice(&wasm[whole]),
            }
        }
        if let Some(name) = name {
            names(self.names, &name(self.name), &mut out);
        }
        InParts { wasm: out, offsets }
    }
}

/// Whether a custom section is that of names.
fn is_names(contents: &[u8]) -> bool {
    contents.starts_with(b"\x04name")
}

/// Writes the section of names, with another name of the module.
fn names(given: &[u8], name: &str, out: &mut Vec<u8>) {
    const MODULE: u8 = 0;
    let mut contents = Vec::new();
    "name".encode(&mut contents);
    let mut subsection = Vec::new();
    name.encode(&mut subsection);
    contents.push(MODULE);
    subsection.as_slice().encode(&mut contents);
    let mut reader = wasmparser::BinaryReader::new(given, 0);
    // As far as it can be read: a custom section may hold anything.
    while let (at, Ok(id), Ok(len)) = (
        reader.original_position(),
        reader.read_u8(),
        reader.read_var_u32(),
    ) {
        if reader.read_bytes(len as usize).is_err() {
            break;
        }
        if id != MODULE {
            contents.extend_from_slice(&given[at..reader.original_position()]);
        }
    }
    out.push(CUSTOM);
    contents.as_slice().encode(out);
}
