//! What a component imports and exports, read from its binary.
//!
//! This reads wasmparser's types, not WIT that was made of them: not every valid
//! component can be written as WIT, and none may end the host. The validator bounds what
//! the types of all imports and exports consist of, together, to 1,000,000 parts.

use std::collections::{BTreeMap, HashMap};

use enginebay_core::{Config, Feature, is_artifact, to_binary, validate, wasm_features};
use semver::Version;
use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId, ComponentEntityType,
    ComponentFuncTypeId, ComponentInstanceTypeId, ComponentItem, ComponentValType, ResourceId,
};
use wasmparser::names::{ComponentName, ComponentNameKind};
use wasmparser::types::Types as WasmTypes;
use wasmparser::{BinaryReaderError, Parser, Payload, PrimitiveValType, ValidPayload, Validator};

use super::types::{Function, Kind, TypeId, TypeName, Types};
use super::version;

/// How deep types may be nested; wasmparser accepts less.
const MAX_DEPTH: usize = 200;

/// A component's imports and exports.
#[derive(Default)]
pub(super) struct Component {
    pub(super) types: Types,
    pub(super) imports: Vec<Item>,
    pub(super) exports: Vec<Item>,
}

/// An import or export.
pub(super) struct Item {
    /// The name as it is written.
    pub(super) name: String,
    /// Without the version.
    pub(super) base: String,
    pub(super) version: Option<Version>,
    pub(super) kind: ItemKind,
}

/// What an import or export is.
pub(super) enum ItemKind {
    Interface(Interface),
    Function(Function),
    Resource,
    /// A type that is another's name: nobody need offer it.
    Type,
    /// What WIT has no word for.
    Other(&'static str),
}

/// An instance's functions and resources.
#[derive(Default)]
pub(super) struct Interface {
    pub(super) functions: BTreeMap<String, Function>,
    pub(super) resources: Vec<String>,
    /// What is neither function nor type.
    pub(super) others: Vec<String>,
}

/// Reads a component. The message says what is wrong with the bytes.
pub(super) fn read(bytes: &[u8]) -> Result<Component, String> {
    if is_artifact(bytes) {
        return Err(
            "this is a precompiled component: check the component that it was made from".to_owned(),
        );
    }
    let wasm = to_binary(bytes).map_err(|error| error.to_string())?;
    // With every feature on: whether the host has them on is said where it loads.
    let mut config = Config::new();
    for feature in Feature::ALL {
        config.feature(*feature, true);
    }
    // Bounds the size and what it takes to look at it, too.
    validate(&wasm, &config).map_err(|error| error.to_string())?;
    let (names, types) = outermost(&wasm, &config)?;
    let mut reader = Reader {
        wasm: &types,
        types: Types::default(),
        ids: HashMap::new(),
        resources: HashMap::new(),
    };
    let mut component = Component::default();
    for name in &names.imports {
        if let Some(item) = types.as_ref().component_item_for_import(name) {
            component.imports.push(reader.item(name, item)?);
        }
    }
    for name in &names.exports {
        if let Some(item) = types.as_ref().component_item_for_export(name) {
            component.exports.push(reader.item(name, item)?);
        }
    }
    component.types = reader.types;
    Ok(component)
}

#[derive(Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// The names of the imports and exports of the outermost component, and all types.
fn outermost(wasm: &[u8], config: &Config) -> Result<(Names, WasmTypes), String> {
    let malformed = |error: BinaryReaderError| error.to_string();
    let mut names = Names::default();
    let mut validator = Validator::new_with_features(wasm_features(config.get_features()));
    let mut depth = 0_usize;
    let mut types = None;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(malformed)?;
        // The code of core modules was validated before, and says nothing of types.
        match validator.payload(&payload).map_err(malformed)? {
            ValidPayload::End(all) => types = Some(all),
            ValidPayload::Ok | ValidPayload::Parser(_) | ValidPayload::Func(..) => {}
        }
        match payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let import = import.map_err(malformed)?;
                    names.imports.push(import.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let export = export.map_err(malformed)?;
                    names.exports.push(export.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    let types = types.ok_or("the component has no end")?;
    Ok((names, types))
}

struct Reader<'a> {
    wasm: &'a WasmTypes,
    types: Types,
    ids: HashMap<ComponentAnyTypeId, TypeId>,
    resources: HashMap<ResourceId, TypeId>,
}

impl Reader<'_> {
    fn item(&mut self, name: &str, item: &ComponentItem) -> Result<Item, String> {
        let (base, version) = version::split(name);
        let (mut base, mut version) = (base.to_owned(), version);
        let parsed = ComponentName::new(name, 0).ok();
        let is_wit = match parsed.as_ref().map(ComponentName::kind) {
            Some(ComponentNameKind::Interface(interface)) => {
                // A version may be written in two parts.
                if let Ok(Some(whole)) = interface.version(item.version_suffix.as_deref()) {
                    let package = (interface.namespace(), interface.package());
                    base = format!("{}:{}/{}", package.0, package.1, interface.interface());
                    version = Some(whole);
                }
                true
            }
            Some(ComponentNameKind::Label(_)) => true,
            // Functions of a resource that the world itself has.
            Some(
                ComponentNameKind::Constructor(_)
                | ComponentNameKind::Method(_)
                | ComponentNameKind::Static(_),
            ) => true,
            _ => false,
        };
        let kind = match &item.ty {
            _ if !is_wit => ItemKind::Other("an item by a URL, a hash or a locked name"),
            ComponentEntityType::Instance(id) => {
                ItemKind::Interface(self.interface(&base, *id, item)?)
            }
            ComponentEntityType::Func(id) => ItemKind::Function(self.function(*id)?),
            ComponentEntityType::Type {
                referenced,
                created,
            } => {
                if self.export_type("", name, *referenced, *created)? {
                    ItemKind::Resource
                } else {
                    ItemKind::Type
                }
            }
            ComponentEntityType::Module(_) => ItemKind::Other("a core module"),
            ComponentEntityType::Value(_) => ItemKind::Other("a value"),
            ComponentEntityType::Component(_) => ItemKind::Other("a component"),
        };
        Ok(Item {
            name: name.to_owned(),
            base,
            version,
            kind,
        })
    }

    fn interface(
        &mut self,
        base: &str,
        id: ComponentInstanceTypeId,
        item: &ComponentItem,
    ) -> Result<Interface, String> {
        // Under a name of the component's choice, an interface keeps its types' names.
        let implemented = item
            .implements
            .as_deref()
            .map(|name| version::split(name).0);
        let scope = match implemented {
            Some(scope) => scope,
            None if base.contains(':') => base,
            None => "",
        };
        let mut interface = Interface::default();
        for (name, item) in &self.wasm[id].exports {
            match &item.ty {
                ComponentEntityType::Func(id) => {
                    interface
                        .functions
                        .insert(name.clone(), self.function(*id)?);
                }
                ComponentEntityType::Type {
                    referenced,
                    created,
                } => {
                    if self.export_type(scope, name, *referenced, *created)? {
                        interface.resources.push(name.clone());
                    }
                }
                ComponentEntityType::Module(_)
                | ComponentEntityType::Value(_)
                | ComponentEntityType::Instance(_)
                | ComponentEntityType::Component(_) => interface.others.push(name.clone()),
            }
        }
        Ok(interface)
    }

    /// Notes the name of a type. Whether it is a resource.
    fn export_type(
        &mut self,
        scope: &str,
        name: &str,
        referenced: ComponentAnyTypeId,
        created: ComponentAnyTypeId,
    ) -> Result<bool, String> {
        let named = || TypeName {
            scope: scope.to_owned(),
            name: name.to_owned(),
        };
        match referenced {
            ComponentAnyTypeId::Resource(id) => {
                // The first name is the one under which it is defined.
                let types = &mut self.types;
                let id = *self
                    .resources
                    .entry(id.resource())
                    .or_insert_with(|| types.add(Some(named()), Kind::Resource));
                self.ids.insert(created, id);
                Ok(true)
            }
            ComponentAnyTypeId::Defined(id) => {
                let target = match self.ids.get(&referenced) {
                    Some(target) => *target,
                    None => self.defined(id, 0)?,
                };
                let id = match &self.types.get(target).name {
                    Some(_) => self.types.add(Some(named()), Kind::Alias(target)),
                    None => {
                        let kind = self.types.get(target).kind.clone();
                        self.types.add(Some(named()), kind)
                    }
                };
                self.ids.insert(created, id);
                // What refers to the type by its definition gets the name, too.
                self.ids.insert(referenced, id);
                Ok(false)
            }
            ComponentAnyTypeId::Func(_)
            | ComponentAnyTypeId::Instance(_)
            | ComponentAnyTypeId::Component(_) => Ok(false),
        }
    }

    fn function(&mut self, id: ComponentFuncTypeId) -> Result<Function, String> {
        let wasm = self.wasm;
        let ty = &wasm[id];
        let params = ty
            .params
            .iter()
            .map(|(name, ty)| Ok((name.to_string(), self.value(ty, 0)?)));
        let params = params.collect::<Result<Vec<_>, String>>()?;
        Ok(Function {
            is_async: ty.async_,
            params,
            result: self.option(ty.result.as_ref(), 0)?,
        })
    }

    fn option(
        &mut self,
        ty: Option<&ComponentValType>,
        depth: usize,
    ) -> Result<Option<TypeId>, String> {
        ty.map(|ty| self.value(ty, depth)).transpose()
    }

    fn value(&mut self, ty: &ComponentValType, depth: usize) -> Result<TypeId, String> {
        match ty {
            ComponentValType::Primitive(ty) => primitive(*ty),
            ComponentValType::Type(id) => match self.ids.get(&ComponentAnyTypeId::Defined(*id)) {
                Some(known) => Ok(*known),
                None => self.defined(*id, depth),
            },
        }
    }

    fn resource(&mut self, id: ResourceId) -> TypeId {
        let types = &mut self.types;
        *self
            .resources
            .entry(id)
            .or_insert_with(|| types.add(None, Kind::Resource))
    }

    fn defined(&mut self, id: ComponentDefinedTypeId, depth: usize) -> Result<TypeId, String> {
        if depth > MAX_DEPTH {
            return Err(format!("a type is nested more than {MAX_DEPTH} types deep"));
        }
        let next = depth + 1;
        let wasm = self.wasm;
        let kind = match &wasm[id] {
            ComponentDefinedType::Primitive(ty) => {
                let ty = primitive(*ty)?;
                self.types.get(ty).kind.clone()
            }
            ComponentDefinedType::Record(record) => {
                let fields = record.fields.iter();
                let fields = fields.map(|(name, ty)| Ok((name.to_string(), self.value(ty, next)?)));
                Kind::Record(fields.collect::<Result<_, String>>()?)
            }
            ComponentDefinedType::Variant(variant) => {
                let cases = variant.cases.iter().map(|(name, case)| {
                    let ty = self.option(case.ty.as_ref(), next)?;
                    Ok((name.to_string(), ty))
                });
                Kind::Variant(cases.collect::<Result<_, String>>()?)
            }
            ComponentDefinedType::Enum(cases) => {
                Kind::Enum(cases.iter().map(ToString::to_string).collect())
            }
            ComponentDefinedType::Flags(flags) => {
                Kind::Flags(flags.iter().map(ToString::to_string).collect())
            }
            ComponentDefinedType::Tuple(tuple) => {
                let types = tuple.types.iter().map(|ty| self.value(ty, next));
                Kind::Tuple(types.collect::<Result<_, String>>()?)
            }
            ComponentDefinedType::List { element, .. } => Kind::List(self.value(element, next)?),
            ComponentDefinedType::FixedLengthList {
                element, length, ..
            } => Kind::FixedLengthList(self.value(element, next)?, *length),
            ComponentDefinedType::Map { key, value, .. } => {
                Kind::Map(self.value(key, next)?, self.value(value, next)?)
            }
            ComponentDefinedType::Option { ty, .. } => Kind::Option(self.value(ty, next)?),
            ComponentDefinedType::Result { ok, err, .. } => Kind::Result(
                self.option(ok.as_ref(), next)?,
                self.option(err.as_ref(), next)?,
            ),
            ComponentDefinedType::Future { ty, .. } => {
                Kind::Future(self.option(ty.as_ref(), next)?)
            }
            ComponentDefinedType::Stream { ty, .. } => {
                Kind::Stream(self.option(ty.as_ref(), next)?)
            }
            ComponentDefinedType::Own(id) => Kind::Own(self.resource(id.resource())),
            ComponentDefinedType::Borrow(id) => Kind::Borrow(self.resource(id.resource())),
        };
        let added = self.types.add(None, kind);
        self.ids.insert(ComponentAnyTypeId::Defined(id), added);
        Ok(added)
    }
}

fn primitive(ty: PrimitiveValType) -> Result<TypeId, String> {
    let name = ty.to_string();
    Types::primitive(&name).ok_or_else(|| format!("the type `{name}` is not known"))
}
