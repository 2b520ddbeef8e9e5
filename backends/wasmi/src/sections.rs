//! The sections of a module, and changes to them that leave all indices as they are:
//! what is added comes last.

use std::borrow::Cow;

use enginebay_core::parts::MAX_BODY;
use wasm_encoder::{CodeSection, Encode, Module, RawSection, Section};
use wasmparser::{BinaryReader, FunctionBody, Parser, Payload, Result};

pub(crate) const MEMORY: u8 = 5;
pub(crate) const START: u8 = 8;
const CODE: u8 = 10;
const DATA_COUNT: u8 = 12;
const TAG: u8 = 13;

/// What a function's body becomes; nothing if it stays.
type Rewrite = fn(&[u8], &FunctionBody<'_>) -> Result<Option<Vec<u8>>>;

/// A module whose functions are rewritten, but for those that would be longer than
/// wasmi takes; nothing if all stay.
pub(crate) fn rewrite_bodies(wasm: &[u8], rewrite: Rewrite) -> Result<Option<Vec<u8>>> {
    let mut code = CodeSection::new();
    let mut changed = false;
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload? {
            let fits = |it: &Vec<u8>| it.len() <= MAX_BODY as usize;
            let rewritten = rewrite(wasm, &body)?.filter(fits);
            changed |= rewritten.is_some();
            code.raw(rewritten.as_deref().unwrap_or(body.as_bytes()));
        }
    }
    if !changed {
        return Ok(None);
    }
    let mut sections = Sections::of(wasm)?;
    sections.replace(&code);
    Ok(Some(sections.finish()))
}

/// All sections of a module but custom ones, which wasmi does not look at.
pub(crate) struct Sections<'a>(Vec<(u8, Cow<'a, [u8]>)>);

impl<'a> Sections<'a> {
    pub(crate) fn of(wasm: &'a [u8]) -> Result<Self> {
        let mut sections = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            if let Some((id, range)) = payload?.as_section()
                && id != 0
            {
                sections.push((id, Cow::Borrowed(&wasm[range])));
            }
        }
        Ok(Sections(sections))
    }

    /// Adds the items of a section to those that are there.
    pub(crate) fn append(&mut self, section: &impl Section) -> Result<()> {
        let added = contents(section);
        let (count, items) = counted(&added)?;
        let id = section.id();
        let at = self.place(id);
        let mut data = Vec::new();
        match self.0.get(at) {
            Some((other, old)) if *other == id => {
                let (before, old) = counted(old)?;
                (before + count).encode(&mut data);
                data.extend_from_slice(old);
                data.extend_from_slice(items);
                self.0[at].1 = Cow::Owned(data);
            }
            _ => self.0.insert(at, (id, Cow::Owned(added))),
        }
        Ok(())
    }

    /// Puts a section in the place of another.
    pub(crate) fn replace(&mut self, section: &impl Section) {
        let id = section.id();
        self.remove(id);
        let at = self.place(id);
        self.0.insert(at, (id, Cow::Owned(contents(section))));
    }

    /// Where the section with this number is, or has to be.
    fn place(&self, id: u8) -> usize {
        self.0.partition_point(|(other, _)| rank(*other) < rank(id))
    }

    /// Takes a section out.
    pub(crate) fn remove(&mut self, id: u8) -> Option<Cow<'a, [u8]>> {
        let at = self.0.iter().position(|(other, _)| *other == id)?;
        Some(self.0.remove(at).1)
    }

    /// The module.
    pub(crate) fn finish(&self) -> Vec<u8> {
        let mut module = Module::new();
        for (id, data) in &self.0 {
            module.section(&RawSection { id: *id, data });
        }
        module.finish()
    }
}

/// What is behind a section's number and size.
fn contents(section: &impl Section) -> Vec<u8> {
    let mut encoded = Vec::new();
    section.encode(&mut encoded);
    let size = encoded.iter().position(|byte| *byte < 0x80);
    encoded.drain(..=size.unwrap_or(0));
    encoded
}

/// How many items a section has, and the items.
fn counted(data: &[u8]) -> Result<(u32, &[u8])> {
    let mut reader = BinaryReader::new(data, 0);
    let count = reader.read_var_u32()?;
    Ok((count, &data[reader.original_position()..]))
}

/// The order of sections.
fn rank(id: u8) -> u8 {
    match id {
        TAG => 2 * MEMORY + 1,
        DATA_COUNT => 2 * CODE - 1,
        _ => 2 * id,
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{EntityType, ExportKind, ExportSection, ImportSection, TypeSection};

    use super::*;

    #[test]
    fn sections_are_in_order_with_what_is_added() {
        let wasm = wat::parse_str(
            r#"(module (memory 1) (func (data.drop $d)) (tag) (data $d "x") (export "m" (memory 0)))"#,
        )
        .unwrap();
        let mut sections = Sections::of(&wasm).unwrap();
        let mut types = TypeSection::new();
        types.ty().function([], []);
        sections.append(&types).unwrap();
        let mut imports = ImportSection::new();
        imports.import("", "f", EntityType::Function(0));
        sections.append(&imports).unwrap();
        let mut exports = ExportSection::new();
        exports.export("f", ExportKind::Func, 0);
        sections.append(&exports).unwrap();
        let wasm = sections.finish();
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
            .validate_all(&wasm)
            .unwrap();
        let ids = Sections::of(&wasm).unwrap().0;
        let ids: Vec<u8> = ids.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [1, 2, 3, MEMORY, TAG, 7, DATA_COUNT, CODE, 11]);
        let mut sections = Sections::of(&wasm).unwrap();
        assert!(sections.remove(MEMORY).is_some());
        assert!(sections.remove(MEMORY).is_none());
    }

    #[test]
    fn what_is_no_module_is_refused() {
        assert!(Sections::of(b"\0asm\x01\0\0\0\x01").is_err());
        let mut sections = Sections(vec![(1, Cow::Borrowed(&[][..]))]);
        assert!(sections.append(&TypeSection::new()).is_err());
    }
}
