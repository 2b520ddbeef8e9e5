//! Large memories, in parts. wasmi fills what it adds to a memory with zeros, in one go
//! that takes 0.7 s per GiB. Where guests can be stopped, we go by parts, between which
//! the clock is looked at. For that, memories that a module begins with become imports.

use std::sync::Arc;

use enginebay_core::{Error, ErrorKind, Result};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{EntityType, ImportSection};
use wasmi::{Extern, Memory, MemoryType, StoreContextMut};
use wasmparser::{Parser, Payload};

use crate::limits::uncounted;
use crate::sections::{MEMORY, Sections};
use crate::store::Link;

/// Pages that are added at once: 4 MiB, about 3 ms.
const PART: u64 = 64;

/// A module whose memories are made before it, in the order of its last imports.
pub(crate) struct Rewritten {
    pub(crate) wasm: Vec<u8>,
    pub(crate) memories: Arc<[Beginning]>,
}

/// A memory that a module begins with.
#[derive(Clone, Debug)]
pub(crate) struct Beginning {
    /// Without pages.
    ty: MemoryType,
    pages: u64,
}

/// A valid module whose memories are imports; nothing if it begins with none that is
/// large.
pub(crate) fn rewrite(wasm: &[u8]) -> Result<Option<Rewritten>, reencode::Error> {
    let mut same = reencode::RoundtripReencoder;
    let (mut memories, mut imports) = (Vec::new(), ImportSection::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::MemorySection(section) => {
                for ty in section {
                    let ty = ty?;
                    let Some(beginning) = Beginning::new(&ty) else {
                        return Ok(None); // wasmi says what it has not
                    };
                    memories.push(beginning);
                    // The name tells it from no other: imports go by their order.
                    let ty = EntityType::Memory(same.memory_type(ty)?);
                    imports.import("", "\0enginebay:memory", ty);
                }
            }
            Payload::CodeSectionStart { .. } => break, // memories come before it
            _ => {}
        }
    }
    if memories.iter().all(|memory| memory.pages <= PART) {
        return Ok(None);
    }
    // Memories that are imported come first by their index.
    let mut sections = Sections::of(wasm)?;
    sections.append(&imports)?;
    sections.remove(MEMORY);
    Ok(Some(Rewritten {
        wasm: sections.finish(),
        memories: memories.into(),
    }))
}

impl Beginning {
    fn new(ty: &wasmparser::MemoryType) -> Option<Self> {
        let mut builder = MemoryType::builder();
        builder.memory64(ty.memory64).min(0).max(ty.maximum);
        let is_plain = !ty.shared && ty.page_size_log2.is_none();
        is_plain.then_some(Beginning {
            ty: builder.build().ok()?,
            pages: ty.initial,
        })
    }

    /// Makes the memory.
    pub(crate) fn make(&self, cx: &mut StoreContextMut<'_, Link>) -> Result<Extern> {
        let data = cx.data_mut().store_data_mut();
        if !data.grow_memory(0, in_bytes(self.pages)) {
            return Err(data.memory_refused());
        }
        let memory = uncounted(cx, |cx| Memory::new(cx, self.ty))
            .map_err(|error| Error::new(ErrorKind::Engine, format!("wasmi: {error}")))?;
        if !add(cx, &memory, self.pages)? {
            cx.data_mut().store_data_mut().growth_undone();
            return Err(no_room());
        }
        Ok(Extern::Memory(memory))
    }
}

/// Whether a guest's growth has to go by parts: only if the memory's type allows it.
pub(crate) fn is_grown_in_parts(
    cx: &mut StoreContextMut<'_, Link>,
    memory: &Memory,
    by: u64,
) -> bool {
    if by <= PART || !cx.data_mut().store_data_mut().interruption().has_deadline() {
        return false;
    }
    let ty = memory.ty(&*cx);
    let most = ty.maximum().unwrap_or(match ty.is_64() {
        true => 1 << 48,
        false => 1 << 16,
    });
    let desired = memory.size(&*cx).checked_add(by);
    desired.is_some_and(|desired| desired <= most)
}

/// Grows a memory for a guest, and says whether it has.
///
/// # Errors
///
/// As `StoreData::growth_failed`; what has to stop the guest.
pub(crate) fn grow(cx: &mut StoreContextMut<'_, Link>, memory: &Memory, by: u64) -> Result<bool> {
    let current = memory.size(&*cx);
    let data = cx.data_mut().store_data_mut();
    if !data.grow_memory(in_bytes(current), in_bytes(current + by)) {
        return Ok(false);
    }
    let grown = add(cx, memory, by)?;
    if !grown {
        cx.data_mut().store_data_mut().growth_failed()?;
    }
    Ok(grown)
}

/// Adds pages that the limits allow. If there is no room, nothing is added.
fn add(cx: &mut StoreContextMut<'_, Link>, memory: &Memory, pages: u64) -> Result<bool> {
    let mut left = pages;
    // What a memory is kept in grows to twice its size at least. If there is no room
    // for that, there may be for just what is wanted.
    let part = match has_room(memory.size(&*cx), pages) {
        true => PART,
        false => pages,
    };
    while left > 0 {
        let by = left.min(part);
        if uncounted(cx, |cx| memory.grow(cx, by)).is_err() {
            return match left == pages {
                true => Ok(false),
                false => Err(no_room()),
            };
        }
        left -= by;
        if left > 0
            && let Some(error) = cx.data_mut().store_data_mut().interrupted_lately()
        {
            return Err(error);
        }
    }
    Ok(true)
}

/// Whether a memory can grow by parts.
fn has_room(current: u64, by: u64) -> bool {
    let (mut capacity, desired) = (current, current + by);
    while capacity < desired {
        capacity = (2 * capacity).max(capacity + PART);
    }
    usize::try_from(in_bytes(capacity))
        .is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok())
}

#[cold]
fn no_room() -> Error {
    Error::new(
        ErrorKind::Engine,
        "the machine has no room for a memory that the limits allow",
    )
}

/// The size of a memory in bytes, or more than any has.
pub(crate) fn in_bytes(pages: u64) -> u64 {
    const PAGE: u64 = 1 << 16;
    pages.saturating_mul(PAGE).min(0u64.wrapping_sub(PAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> Option<Rewritten> {
        rewrite(&wat::parse_str(text).unwrap()).unwrap()
    }

    #[test]
    fn large_memories_become_imports() {
        for (module, pages) in [
            ("(module (memory 65))", vec![65]),
            (
                r#"(module (import "a" "b" (memory 1)) (import "a" "c" (func)) (memory 3 9)
                    (memory i64 1000 2000) (global i32 (i32.const 1)) (export "m" (memory 2))
                    (data (memory 2) (i64.const 0) "x"))"#,
                vec![3, 1000],
            ),
        ] {
            let it = rewritten(module).unwrap();
            let of = |memory: &Beginning| memory.pages;
            assert_eq!(it.memories.iter().map(of).collect::<Vec<_>>(), pages);
            wasmparser::Validator::new().validate_all(&it.wasm).unwrap();
            let mut config = wasmi::Config::default();
            config.wasm_memory64(true).wasm_multi_memory(true);
            let module = wasmi::Module::new(&wasmi::Engine::new(&config), &it.wasm).unwrap();
            let last = module.imports().collect::<Vec<_>>();
            for (import, pages) in last.iter().rev().zip(pages.iter().rev()) {
                assert_eq!(import.ty().memory().unwrap().minimum(), *pages);
            }
        }
    }

    #[test]
    fn other_modules_stay_as_they_are() {
        for module in [
            "(module)",
            "(module (memory 64))",
            "(module (memory 64) (memory 1))",
            r#"(module (import "a" "b" (memory 65)))"#,
        ] {
            assert!(rewritten(module).is_none(), "{module}");
        }
        assert!(rewrite(b"\0asm\x01\0\0\0\x01").is_err());
    }
}
