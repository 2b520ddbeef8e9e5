//! How much a validator keeps of what instances export: all their names, and a
//! type for each, anew for each instance. A module of some hundred kilobytes can
//! be instantiated ten thousand times by as many bytes.

use wasmparser::{
    ComponentInstance, ComponentType, ComponentTypeDeclaration, CoreType, Instance,
    InstanceTypeDeclaration, ModuleTypeDeclaration, Payload,
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
            Payload::ExportSection(reader) => {
                let mut bytes = 0;
                for export in reader.clone() {
                    bytes += entry(export.map_err(malformed)?.name);
                }
                bytes
            }
            Payload::ComponentExportSection(reader) => {
                let mut bytes = 0;
                for export in reader.clone() {
                    bytes += entry(export.map_err(malformed)?.name.name);
                }
                bytes
            }
            Payload::InstanceSection(reader) => {
                let mut bytes = 0;
                for instance in reader.clone() {
                    match instance.map_err(malformed)? {
                        Instance::Instantiate { .. } => self.instances += 1,
                        Instance::FromExports(exports) => {
                            bytes += exports.iter().map(|it| entry(it.name)).sum::<u64>();
                        }
                    }
                }
                bytes
            }
            Payload::ComponentInstanceSection(reader) => {
                let mut bytes = 0;
                for instance in reader.clone() {
                    match instance.map_err(malformed)? {
                        ComponentInstance::Instantiate { .. } => self.instances += 1,
                        ComponentInstance::FromExports(exports) => {
                            bytes += exports.iter().map(|it| entry(it.name.name)).sum::<u64>();
                        }
                    }
                }
                bytes
            }
            Payload::CoreTypeSection(reader) => {
                for ty in reader.clone() {
                    let bytes = core_type(&ty.map_err(malformed)?);
                    self.largest = self.largest.max(bytes);
                }
                0
            }
            Payload::ComponentTypeSection(reader) => {
                for ty in reader.clone() {
                    let bytes = component_type(&ty.map_err(malformed)?);
                    self.largest = self.largest.max(bytes);
                }
                0
            }
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
