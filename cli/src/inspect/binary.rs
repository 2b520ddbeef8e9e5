//! A component's binary: its sections, the core modules in it, and the names of
//! its imports and exports.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use enginebay::{Error, ErrorKind, Result};
use serde::Serialize;
use wasmparser::{
    BinaryReaderError, ComponentExternalKind, ComponentTypeRef, CustomSectionReader, Encoding,
    KnownCustom, Name, Parser, Payload,
};

use super::wit::Item;

/// What a component consists of.
#[derive(Default)]
pub(super) struct Binary {
    /// Those of nested components too.
    pub(super) modules: Vec<Module>,
    /// Those of the outermost component, by what they are.
    pub(super) sections: Vec<Section>,
    pub(super) imports: Vec<Item>,
    pub(super) exports: Vec<Item>,
}

/// A core module.
#[derive(Debug, Default, Serialize)]
pub(super) struct Module {
    /// Its name, from its name section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) size: u64,
    /// Functions that it defines.
    pub(super) functions: u64,
    pub(super) imports: u64,
    pub(super) exports: u64,
}

/// Sections of one kind.
#[derive(Debug, Serialize)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) count: u64,
    pub(super) size: u64,
}

fn malformed(error: BinaryReaderError) -> Error {
    Error::new(ErrorKind::InvalidComponent, error.message().to_owned())
        .with_context("offset", format_args!("{:#x}", error.offset()))
        .with_source(error)
}

/// Reads a valid component.
pub(super) fn read(wasm: &[u8]) -> Result<Binary> {
    let mut binary = Binary::default();
    let mut sections: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    // What encloses the payload: the index of a module, or a component.
    let mut nesting: Vec<Option<usize>> = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(malformed)?;
        let module = nesting
            .last()
            .copied()
            .flatten()
            .and_then(|index| binary.modules.get_mut(index));
        let outermost = nesting.len() == 1;
        if outermost && let Some((_, range)) = payload.as_section() {
            let (count, size) = sections.entry(section_name(&payload)).or_default();
            *count += 1;
            *size += (range.end - range.start) as u64;
        }
        match payload {
            Payload::Version { encoding, .. } => {
                // A module comes right after its section's start.
                nesting.push(match encoding {
                    Encoding::Module => binary.modules.len().checked_sub(1),
                    Encoding::Component => None,
                });
            }
            Payload::End(_) => {
                nesting.pop();
            }
            Payload::ModuleSection {
                unchecked_range, ..
            } => binary.modules.push(Module {
                size: (unchecked_range.end - unchecked_range.start) as u64,
                ..Module::default()
            }),
            Payload::FunctionSection(reader) => {
                if let Some(module) = module {
                    module.functions += u64::from(reader.count());
                }
            }
            Payload::ImportSection(reader) => {
                if let Some(module) = module {
                    module.imports += u64::from(reader.count());
                }
            }
            Payload::ExportSection(reader) => {
                if let Some(module) = module {
                    module.exports += u64::from(reader.count());
                }
            }
            Payload::CustomSection(section) => {
                if let Some(module) = module {
                    module.name = module.name.take().or_else(|| module_name(&section));
                }
            }
            Payload::ComponentImportSection(reader) if outermost => {
                for import in reader {
                    let import = import.map_err(malformed)?;
                    let kind = import_kind(&import.ty);
                    binary.imports.push(item(import.name.name, kind));
                }
            }
            Payload::ComponentExportSection(reader) if outermost => {
                for export in reader {
                    let export = export.map_err(malformed)?;
                    let kind = export_kind(export.kind);
                    binary.exports.push(item(export.name.name, kind));
                }
            }
            _ => {}
        }
    }
    binary.sections = sections
        .into_iter()
        .map(|(name, (count, size))| Section { name, count, size })
        .collect();
    binary.sections.sort_by_key(|section| Reverse(section.size));
    Ok(binary)
}

fn item(name: &str, kind: &'static str) -> Item {
    Item {
        name: name.to_owned(),
        kind,
        ty: None,
        functions: Vec::new(),
        types: Vec::new(),
    }
}

fn import_kind(ty: &ComponentTypeRef) -> &'static str {
    match ty {
        ComponentTypeRef::Module(_) => "core module",
        ComponentTypeRef::Func(_) => "function",
        ComponentTypeRef::Value(_) => "value",
        ComponentTypeRef::Type(_) => "type",
        ComponentTypeRef::Instance(_) => "interface",
        ComponentTypeRef::Component(_) => "component",
    }
}

fn export_kind(kind: ComponentExternalKind) -> &'static str {
    match kind {
        ComponentExternalKind::Module => "core module",
        ComponentExternalKind::Func => "function",
        ComponentExternalKind::Value => "value",
        ComponentExternalKind::Type => "type",
        ComponentExternalKind::Instance => "interface",
        ComponentExternalKind::Component => "component",
    }
}

fn module_name(section: &CustomSectionReader<'_>) -> Option<String> {
    let KnownCustom::Name(names) = section.as_known() else {
        return None;
    };
    names.into_iter().flatten().find_map(|name| match name {
        Name::Module { name, .. } => Some(name.to_owned()),
        _ => None,
    })
}

fn section_name(payload: &Payload<'_>) -> String {
    match payload {
        Payload::ModuleSection { .. } => "core module".to_owned(),
        Payload::InstanceSection(_) => "core instances".to_owned(),
        Payload::CoreTypeSection(_) => "core types".to_owned(),
        Payload::ComponentSection { .. } => "component".to_owned(),
        Payload::ComponentInstanceSection(_) => "instances".to_owned(),
        Payload::ComponentAliasSection(_) => "aliases".to_owned(),
        Payload::ComponentTypeSection(_) => "types".to_owned(),
        Payload::ComponentCanonicalSection(_) => "canonical functions".to_owned(),
        Payload::ComponentStartSection { .. } => "start".to_owned(),
        Payload::ComponentImportSection(_) => "imports".to_owned(),
        Payload::ComponentExportSection(_) => "exports".to_owned(),
        Payload::CustomSection(section) => format!("custom `{}`", section.name()),
        _ => "other".to_owned(),
    }
}
