//! Types and functions from WIT.

use std::collections::HashMap;

use wit_parser::{
    Function as WitFunction, Handle, InterfaceId, Resolve, Type, TypeDef, TypeDefKind,
    TypeId as WitTypeId, TypeOwner,
};

use super::types::{Function, Kind, TypeId, TypeName, Types};
use super::wit::WitError;

/// How deep types may be nested in each other: more than a component's can be.
const MAX_DEPTH: usize = 128;

/// The types of a [`Resolve`], as they are in a [`Types`].
pub(super) struct FromWit<'a> {
    resolve: &'a Resolve,
    ids: HashMap<WitTypeId, TypeId>,
}

impl<'a> FromWit<'a> {
    /// Adds all types.
    pub(super) fn new(resolve: &'a Resolve, types: &mut Types) -> Result<Self, WitError> {
        let mut this = FromWit {
            resolve,
            ids: HashMap::new(),
        };
        let mut depths: HashMap<TypeId, usize> = HashMap::new();
        // They are in such an order that what a type consists of comes before it.
        for (id, def) in resolve.types.iter() {
            let kind = this.kind(&def.kind).ok_or(WitError::Order)?;
            let mut deepest = 0;
            parts(&kind, |part| {
                deepest = deepest.max(depths.get(&part).copied().unwrap_or(0));
            });
            if deepest >= MAX_DEPTH {
                return Err(WitError::Depth {
                    name: def.name.clone().unwrap_or_default(),
                    limit: MAX_DEPTH,
                });
            }
            let added = types.add(this.name(def), kind);
            depths.insert(added, deepest + 1);
            this.ids.insert(id, added);
        }
        Ok(this)
    }

    pub(super) fn resolve(&self) -> &'a Resolve {
        self.resolve
    }

    fn name(&self, def: &TypeDef) -> Option<TypeName> {
        let scope = match def.owner {
            TypeOwner::Interface(id) => scope(self.resolve, id),
            TypeOwner::World(_) | TypeOwner::None => String::new(),
        };
        let name = def.name.clone()?;
        Some(TypeName { scope, name })
    }

    /// `None` if the type is not of this [`Resolve`], or comes later.
    pub(super) fn ty(&self, ty: &Type) -> Option<TypeId> {
        let name = match ty {
            Type::Bool => "bool",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::S8 => "s8",
            Type::S16 => "s16",
            Type::S32 => "s32",
            Type::S64 => "s64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::Char => "char",
            Type::String => "string",
            Type::ErrorContext => "error-context",
            Type::Id(id) => return self.named(*id),
        };
        Types::primitive(name)
    }

    pub(super) fn named(&self, id: WitTypeId) -> Option<TypeId> {
        self.ids.get(&id).copied()
    }

    /// `Some(None)` for what is not there.
    fn option(&self, ty: &Option<Type>) -> Option<Option<TypeId>> {
        ty.as_ref().map_or(Some(None), |ty| self.ty(ty).map(Some))
    }

    fn kind(&self, kind: &TypeDefKind) -> Option<Kind> {
        Some(match kind {
            TypeDefKind::Record(record) => Kind::Record(
                record
                    .fields
                    .iter()
                    .map(|field| Some((field.name.clone(), self.ty(&field.ty)?)))
                    .collect::<Option<_>>()?,
            ),
            TypeDefKind::Variant(variant) => Kind::Variant(
                variant
                    .cases
                    .iter()
                    .map(|case| Some((case.name.clone(), self.option(&case.ty)?)))
                    .collect::<Option<_>>()?,
            ),
            TypeDefKind::Enum(ty) => {
                Kind::Enum(ty.cases.iter().map(|case| case.name.clone()).collect())
            }
            TypeDefKind::Flags(ty) => {
                Kind::Flags(ty.flags.iter().map(|flag| flag.name.clone()).collect())
            }
            TypeDefKind::Tuple(tuple) => {
                let types = tuple.types.iter().map(|ty| self.ty(ty));
                Kind::Tuple(types.collect::<Option<_>>()?)
            }
            TypeDefKind::List(ty) => Kind::List(self.ty(ty)?),
            TypeDefKind::FixedLengthList(ty, length) => {
                Kind::FixedLengthList(self.ty(ty)?, *length)
            }
            TypeDefKind::Map(key, value) => Kind::Map(self.ty(key)?, self.ty(value)?),
            TypeDefKind::Option(ty) => Kind::Option(self.ty(ty)?),
            TypeDefKind::Result(ty) => Kind::Result(self.option(&ty.ok)?, self.option(&ty.err)?),
            TypeDefKind::Future(ty) => Kind::Future(self.option(ty)?),
            TypeDefKind::Stream(ty) => Kind::Stream(self.option(ty)?),
            TypeDefKind::Resource => Kind::Resource,
            TypeDefKind::Handle(Handle::Own(id)) => Kind::Own(self.named(*id)?),
            TypeDefKind::Handle(Handle::Borrow(id)) => Kind::Borrow(self.named(*id)?),
            TypeDefKind::Type(ty) => Kind::Alias(self.ty(ty)?),
            TypeDefKind::Unknown => return None,
        })
    }

    pub(super) fn function(&self, function: &WitFunction) -> Result<Function, WitError> {
        let params = function
            .params
            .iter()
            .map(|param| Some((param.name.clone(), self.ty(&param.ty)?)));
        Ok(Function {
            is_async: function.kind.is_async(),
            params: params.collect::<Option<_>>().ok_or(WitError::Order)?,
            result: self.option(&function.result).ok_or(WitError::Order)?,
        })
    }
}

/// Calls `each` with what a type consists of.
fn parts(kind: &Kind, mut each: impl FnMut(TypeId)) {
    match kind {
        Kind::Primitive(_) | Kind::Enum(_) | Kind::Flags(_) | Kind::Resource => {}
        Kind::Record(fields) => fields.iter().for_each(|(_, ty)| each(*ty)),
        Kind::Variant(cases) => cases.iter().filter_map(|(_, ty)| *ty).for_each(each),
        Kind::Tuple(types) => types.iter().for_each(|ty| each(*ty)),
        Kind::Map(key, value) => [key, value].into_iter().for_each(|ty| each(*ty)),
        Kind::Result(ok, err) => [ok, err].into_iter().flatten().for_each(|ty| each(*ty)),
        Kind::Future(ty) | Kind::Stream(ty) => ty.iter().for_each(|ty| each(*ty)),
        Kind::List(ty)
        | Kind::FixedLengthList(ty, _)
        | Kind::Option(ty)
        | Kind::Own(ty)
        | Kind::Borrow(ty)
        | Kind::Alias(ty) => each(*ty),
    }
}

/// An interface's name without its version: `ns:pkg/interface`; empty for one that is
/// written in a world.
pub(super) fn scope(resolve: &Resolve, id: InterfaceId) -> String {
    let Some(interface) = resolve.interfaces.get(id) else {
        return String::new();
    };
    let package = interface.package.and_then(|id| resolve.packages.get(id));
    match (package, &interface.name) {
        (Some(package), Some(name)) => {
            format!("{}:{}/{name}", package.name.namespace, package.name.name)
        }
        _ => String::new(),
    }
}
