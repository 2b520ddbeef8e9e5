//! What a module's own memories and tables begin with. wasmi makes tables before
//! memories, other engines make memories first: where both are more than a store may
//! have, which limit is named, and what counts by then, would depend on the engine.

use enginebay_core::{CountedResource, Error, StoreData};
use wasmparser::{Parser, Payload};

/// Bytes of memories, and elements of tables, in the order of their indices.
#[derive(Clone, Debug)]
pub(crate) struct Initial {
    memories: Vec<u64>,
    tables: Vec<u64>,
}

impl Initial {
    /// Of a valid module; nothing if it has not both memories and tables.
    pub(crate) fn of(wasm: &[u8]) -> Option<Initial> {
        let (mut memories, mut tables) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.ok()? {
                Payload::MemorySection(section) => {
                    for ty in section {
                        let ty = ty.ok()?;
                        let page = 1u64 << ty.page_size_log2.unwrap_or(16).min(63);
                        memories.push(ty.initial.saturating_mul(page));
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        tables.push(table.ok()?.ty.initial);
                    }
                }
                // Both come before it.
                Payload::CodeSectionStart { .. } => break,
                _ => {}
            }
        }
        let both = !memories.is_empty() && !tables.is_empty();
        both.then_some(Initial { memories, tables })
    }

    /// Asks for all of it, memories first, if it is more than there may be, and gives
    /// the error. Else wasmi asks.
    pub(crate) fn refused(&self, data: &mut StoreData) -> Option<Error> {
        let sum = |all: &[u64], from: u64| all.iter().copied().fold(from, u64::saturating_add);
        let (bytes, elements) = data.sizes();
        let limits = data.limits();
        if sum(&self.memories, bytes) <= limits.memory
            && sum(&self.tables, elements) <= limits.table_elements
        {
            return None;
        }
        for bytes in &self.memories {
            if !data.grow_memory(0, *bytes) {
                return Some(data.memory_refused());
            }
        }
        for elements in &self.tables {
            if !data.grow_table(0, *elements) {
                return Some(data.resource_refused(CountedResource::TableElements));
            }
        }
        None
    }
}
