//! What has to be known of a module before its functions are rewritten, and the
//! numbers that things get in the metered module.

use std::collections::HashMap;

use wasmtime_environ::wasmparser::{
    self, AbstractHeapType, BlockType, CompositeInnerType, ContType, FrameKind, FuncType, HeapType,
    ModuleArity, RefType, SubType, TypeRef, UnpackedIndex, ValType,
};
use wasmtime_environ::{
    GlobalConstValue, GlobalIndex, IndexType, MemoryIndex, Module, ModuleTranslation, TableIndex,
};

use super::sections::Sections;
use super::{Mode, Outcome, Refused};

/// Types and counts of a module.
pub(super) struct Shape<'a> {
    pub(super) mode: Mode,
    pub(super) module: &'a Module,
    types: Vec<SubType>,
    /// The type of each function, imported ones first.
    funcs: Vec<u32>,
    tags: Vec<u32>,
    pub(super) imported_funcs: u32,
    pub(super) imported_globals: u32,
    globals: u32,
    /// Whether the metered module has a start-up function.
    pub(super) has_startup: bool,
    /// Types `[] -> results` that are not in the module, with their indices.
    added: HashMap<Vec<ValType>, u32>,
}

impl<'a> Shape<'a> {
    pub(super) fn new(
        mode: Mode,
        module: &'a ModuleTranslation<'_>,
        sections: &Sections<'_>,
    ) -> Outcome<Self> {
        let mut shape = Shape {
            mode,
            module: &module.module,
            types: Vec::new(),
            funcs: Vec::new(),
            tags: Vec::new(),
            imported_funcs: 0,
            imported_globals: 0,
            globals: module.module.globals.len() as u32,
            has_startup: mode.counts() && super::start::is_needed(module),
            added: HashMap::new(),
        };
        if let Some(types) = &sections.types {
            for group in types.clone() {
                shape.types.extend(group?.into_types());
            }
        }
        if let Some(imports) = &sections.imports {
            for import in imports.clone().into_imports() {
                match import?.ty {
                    TypeRef::Func(ty) | TypeRef::FuncExact(ty) => shape.funcs.push(ty),
                    TypeRef::Global(_) => shape.imported_globals += 1,
                    TypeRef::Tag(ty) => shape.tags.push(ty.func_type_idx),
                    TypeRef::Table(_) | TypeRef::Memory(_) => {}
                }
            }
        }
        shape.imported_funcs = shape.funcs.len() as u32;
        if let Some(funcs) = &sections.funcs {
            for ty in funcs.clone() {
                shape.funcs.push(ty?);
            }
        }
        if let Some(tags) = &sections.tags {
            for tag in tags.clone() {
                shape.tags.push(tag?.func_type_idx);
            }
        }
        Ok(shape)
    }

    /// How many types the module has.
    pub(super) fn types(&self) -> u32 {
        self.types.len() as u32
    }

    /// The type of [`SLOW`](super::SLOW).
    pub(super) fn slow_type(&self) -> u32 {
        self.types()
    }

    /// The type of the start-up function.
    pub(super) fn startup_type(&self) -> u32 {
        self.types() + 1
    }

    /// Types that are appended after these two, in order.
    pub(super) fn added(&self) -> Vec<&[ValType]> {
        let mut added: Vec<_> = self.added.iter().collect();
        added.sort_by_key(|(_, index)| **index);
        added.into_iter().map(|(results, _)| &results[..]).collect()
    }

    /// [`SLOW`](super::SLOW) in the metered module.
    pub(super) fn slow(&self) -> u32 {
        self.imported_funcs
    }

    /// The counter in the metered module, which is imported, or the flag, which
    /// is not.
    pub(super) fn counter(&self) -> u32 {
        if self.mode.counts() {
            self.imported_globals
        } else {
            self.globals
        }
    }

    /// The start-up function in the metered module.
    pub(super) fn startup(&self) -> u32 {
        self.funcs.len() as u32 + 1
    }

    /// What a function of the module is in the metered one.
    pub(super) fn func_index(&self, index: u32) -> u32 {
        index + u32::from(index >= self.imported_funcs)
    }

    /// What a global of the module is in the metered one.
    pub(super) fn global_index(&self, index: u32) -> u32 {
        index + u32::from(self.mode.counts() && index >= self.imported_globals)
    }

    /// The type of the `index`th function with a body.
    pub(super) fn body_type(&self, index: usize) -> Outcome<&FuncType> {
        let ty = self.funcs.get(self.imported_funcs as usize + index);
        ty.and_then(|ty| self.func_type(*ty))
            .ok_or(Refused::Feature("a function of a type that is none"))
    }

    fn func_type(&self, index: u32) -> Option<&FuncType> {
        match &self.types.get(index as usize)?.composite_type.inner {
            CompositeInnerType::Func(ty) => Some(ty),
            _ => None,
        }
    }

    /// The parameters and results of a block.
    pub(super) fn block(&self, ty: BlockType) -> (Vec<ValType>, Vec<ValType>) {
        match ty {
            BlockType::Empty => (Vec::new(), Vec::new()),
            BlockType::Type(ty) => (Vec::new(), vec![ty]),
            BlockType::FuncType(ty) => self
                .func_type(ty)
                .map(|ty| (ty.params().to_vec(), ty.results().to_vec()))
                .unwrap_or_default(),
        }
    }

    /// Writes the type of a block without parameters.
    pub(super) fn block_type(&mut self, results: &[ValType], out: &mut Vec<u8>) -> Outcome<()> {
        match results {
            [] => out.push(0x40),
            [result] => val_type(*result, out)?,
            more => {
                let next = self.startup_type() + 1 + self.added.len() as u32;
                let index = *self.added.entry(more.to_vec()).or_insert(next);
                wasm_encoder::Encode::encode(&i64::from(index), out);
            }
        }
        Ok(())
    }

    /// Whether an access of this size lies outside of the memory at any address:
    /// Wasmtime knows it while it compiles.
    pub(super) fn always_traps(&self, access: &wasmparser::MemArg) -> bool {
        let memory = &self.module.memories[MemoryIndex::from_u32(access.memory)];
        // The natural alignment of an access is its size. Wasmtime adds an offset
        // of more than 32 bits to the address instead.
        let offset = u32::try_from(access.offset).unwrap_or(0);
        u64::from(offset) + (1 << access.max_align) > memory.maximum_byte_size().unwrap_or(u64::MAX)
    }

    pub(super) fn is_memory64(&self, memory: u32) -> bool {
        self.module.memories[MemoryIndex::from_u32(memory)].idx_type == IndexType::I64
    }

    /// Whether two bytes may be `memory.grow`.
    pub(super) fn may_grow(&self, bytes: &[u8]) -> bool {
        matches!(bytes, [0x40, memory] if *memory >= 0x80 || usize::from(*memory) < self.module.memories.len())
    }

    pub(super) fn is_table64(&self, table: u32) -> bool {
        self.module.tables[TableIndex::from_u32(table)].idx_type == IndexType::I64
    }

    /// The size of a table that cannot change it.
    pub(super) fn fixed_size(&self, table: u32) -> Option<u64> {
        let limits = self.module.tables[TableIndex::from_u32(table)].limits;
        (limits.max == Some(limits.min)).then_some(limits.min)
    }

    /// The value of a global that Wasmtime knows while it compiles.
    pub(super) fn constant_global(&self, index: u32) -> Option<u64> {
        let index = GlobalIndex::from_u32(index);
        if self.module.globals[index].mutability {
            return None;
        }
        let defined = self.module.defined_global_index(index)?;
        let all = &self.module.global_initializers;
        let at = all.binary_search_by_key(&defined, |(index, _)| *index);
        match all[at.ok()?].1 {
            GlobalConstValue::I32(value) => Some(value as u32 as u64),
            GlobalConstValue::I64(value) => Some(value as u64),
            _ => None,
        }
    }
}

/// Writes a value type.
pub(super) fn val_type(ty: ValType, out: &mut Vec<u8>) -> Outcome<()> {
    match ty {
        ValType::I32 => out.push(0x7f),
        ValType::I64 => out.push(0x7e),
        ValType::F32 => out.push(0x7d),
        ValType::F64 => out.push(0x7c),
        ValType::V128 => out.push(0x7b),
        ValType::Ref(RefType::FUNCREF) => out.push(0x70),
        ValType::Ref(RefType::EXTERNREF) => out.push(0x6f),
        ValType::Ref(ty) => {
            out.push(if ty.is_nullable() { 0x63 } else { 0x64 });
            match ty.heap_type() {
                HeapType::Abstract {
                    shared: false,
                    ty: AbstractHeapType::Func,
                } => out.push(0x70),
                HeapType::Abstract {
                    shared: false,
                    ty: AbstractHeapType::Extern,
                } => out.push(0x6f),
                HeapType::Concrete(UnpackedIndex::Module(index)) => {
                    wasm_encoder::Encode::encode(&i64::from(index), out);
                }
                _ => return Err(Refused::Feature("gc")),
            }
        }
    }
    Ok(())
}

/// For the number of operands that operators take and give. Those that depend on
/// labels are looked at elsewhere.
impl ModuleArity for Shape<'_> {
    fn sub_type_at(&self, index: u32) -> Option<&SubType> {
        self.types.get(index as usize)
    }

    fn tag_type_arity(&self, tag: u32) -> Option<(u32, u32)> {
        let ty = self.func_type(*self.tags.get(tag as usize)?)?;
        Some((ty.params().len() as u32, ty.results().len() as u32))
    }

    fn type_index_of_function(&self, index: u32) -> Option<u32> {
        self.funcs.get(index as usize).copied()
    }

    fn func_type_of_cont_type(&self, _: &ContType) -> Option<&FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, ty: &RefType) -> Option<&SubType> {
        self.sub_type_at(ty.type_index()?.as_module_index()?)
    }

    fn control_stack_height(&self) -> u32 {
        0
    }

    fn label_block(&self, _: u32) -> Option<(BlockType, FrameKind)> {
        None
    }
}
