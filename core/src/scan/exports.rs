//! How much a validator keeps of what instances export: all their names, and a
//! type for each, anew for each instance. A module of some hundred kilobytes can
//! be instantiated ten thousand times by as many bytes.

use wasmparser::{
    ComponentInstance, ComponentType, ComponentTypeDeclaration, CoreType, FromReader, Instance,
    InstanceTypeDeclaration, ModuleTypeDeclaration, Payload, SectionLimited,
};

use super::{malformed, within};
use crate::config::Complexity;
use crate::error::Result;

/// Bytes that a validator needs for an export besides its name, at least.
const ENTRY: u64 = 64;

/// What is known so far of a component.
#[derive(Default)]
pub(super) struct Exports {
    /// The bytes of each module and component that encloses the place.
    open: Vec<u64>,
    /// The most that one of them has, or a type.
    largest: u64,
    instances: u64,
}

fn entry(name: &str) -> u64 {
    name.len() as u64 + ENTRY
}

/// The bytes of a section's items.
fn sum<'a, T: FromReader<'a>>(
    section: &SectionLimited<'a, T>,
    mut of: impl FnMut(T) -> u64,
) -> Result<u64> {
    let mut bytes = 0;
    for item in section.clone() {
        bytes += of(item.map_err(malformed)?);
    }
    Ok(bytes)
}

impl Exports {
    /// Takes what it needs from a part of the file.
    pub(super) fn see(&mut self, payload: &Payload<'_>) -> Result<()> {
        let bytes = match payload {
            Payload::Version { .. } => {
                self.open.push(0);
                return Ok(());
            }
            Payload::End(_) => {
                self.open.pop();
                return Ok(());
            }
            Payload::ExportSection(reader) => sum(reader, |it| entry(it.name))?,
            Payload::ComponentExportSection(reader) => sum(reader, |it| entry(it.name.name))?,
            Payload::InstanceSection(reader) => sum(reader, |it| match it {
                Instance::Instantiate { .. } => {
                    self.instances += 1;
                    0
                }
                Instance::FromExports(exports) => exports.iter().map(|it| entry(it.name)).sum(),
            })?,
            Payload::ComponentInstanceSection(reader) => sum(reader, |it| match it {
                ComponentInstance::Instantiate { .. } => {
                    self.instances += 1;
                    0
                }
                ComponentInstance::FromExports(exports) => {
                    exports.iter().map(|it| entry(it.name.name)).sum()
                }
            })?,
            // A type by itself, not with others of its section.
            Payload::CoreTypeSection(reader) => sum(reader, |it| {
                self.largest = self.largest.max(core_type(&it));
                0
            })?,
            Payload::ComponentTypeSection(reader) => sum(reader, |it| {
                self.largest = self.largest.max(component_type(&it));
                0
            })?,
            _ => return Ok(()),
        };
        if let Some(open) = self.open.last_mut() {
            *open += bytes;
            self.largest = self.largest.max(*open);
        }
        Ok(())
    }

    /// Whether it is not too much.
    pub(super) fn check(&self, limits: &Complexity) -> Result<()> {
        within(
            "bytes of what instances export",
            self.largest.saturating_mul(self.instances),
            limits.instance_exports,
        )
    }
}

/// The bytes of what a type says is exported, with those of types inside it.
fn core_type(ty: &CoreType<'_>) -> u64 {
    match ty {
        CoreType::Rec(_) => 0,
        CoreType::Module(declarations) => declarations
            .iter()
            .map(|it| match it {
                ModuleTypeDeclaration::Export { name, .. } => entry(name),
                _ => 0,
            })
            .sum(),
    }
}

/// The same; what a component type says is imported counts too.
fn component_type(ty: &ComponentType<'_>) -> u64 {
    match ty {
        ComponentType::Component(declarations) => declarations
            .iter()
            .map(|it| match it {
                ComponentTypeDeclaration::Export { name, .. } => entry(name.name),
                ComponentTypeDeclaration::Import(import) => entry(import.name.name),
                ComponentTypeDeclaration::CoreType(ty) => core_type(ty),
                ComponentTypeDeclaration::Type(ty) => component_type(ty),
                ComponentTypeDeclaration::Alias(_) => 0,
            })
            .sum(),
        ComponentType::Instance(declarations) => declarations
            .iter()
            .map(|it| match it {
                InstanceTypeDeclaration::Export { name, .. } => entry(name.name),
                InstanceTypeDeclaration::CoreType(ty) => core_type(ty),
                InstanceTypeDeclaration::Type(ty) => component_type(ty),
                InstanceTypeDeclaration::Alias(_) => 0,
            })
            .sum(),
        ComponentType::Defined(_) | ComponentType::Func(_) | ComponentType::Resource { .. } => 0,
    }
}
