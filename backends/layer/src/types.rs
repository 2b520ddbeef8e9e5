//! The translator's types as the core's.

use std::sync::Arc;

use enginebay_core::{Case, Extern, ExternType, Field, FuncType, ResourceType, Type};
use wasmtime_environ::component::{
    ComponentTypes, InterfaceType, ResourceIndex, TypeDef, TypeFuncIndex, TypeResourceTable,
    TypeResourceTableIndex, TypeTupleIndex,
};

/// Types of a component, with the resource types of an instance or without.
pub(crate) struct Types<'a> {
    types: &'a ComponentTypes,
    resource: Box<dyn Fn(ResourceIndex) -> ResourceType + 'a>,
}

impl<'a> Types<'a> {
    pub(crate) fn new(
        types: &'a ComponentTypes,
        resource: impl Fn(ResourceIndex) -> ResourceType + 'a,
    ) -> Self {
        Types {
            types,
            resource: Box::new(resource),
        }
    }

    pub(crate) fn resource(&self, index: TypeResourceTableIndex) -> ResourceType {
        match self.types[index] {
            TypeResourceTable::Concrete { ty, .. } => (self.resource)(ty),
            // Of component and instance types that nothing instantiates.
            TypeResourceTable::Abstract(_) => ResourceType::any(),
        }
    }

    fn all(&self, types: &[InterfaceType]) -> Vec<Type> {
        types.iter().map(|ty| self.value(ty)).collect()
    }

    fn optional(&self, ty: &Option<InterfaceType>) -> Option<Type> {
        ty.as_ref().map(|ty| self.value(ty))
    }

    pub(crate) fn value(&self, ty: &InterfaceType) -> Type {
        match *ty {
            InterfaceType::Bool => Type::Bool,
            InterfaceType::S8 => Type::S8,
            InterfaceType::U8 => Type::U8,
            InterfaceType::S16 => Type::S16,
            InterfaceType::U16 => Type::U16,
            InterfaceType::S32 => Type::S32,
            InterfaceType::U32 => Type::U32,
            InterfaceType::S64 => Type::S64,
            InterfaceType::U64 => Type::U64,
            InterfaceType::Float32 => Type::F32,
            InterfaceType::Float64 => Type::F64,
            InterfaceType::Char => Type::Char,
            InterfaceType::String => Type::String,
            InterfaceType::Record(index) => Type::Record(
                self.types[index]
                    .fields
                    .iter()
                    .map(|field| Field {
                        name: field.name.as_str().into(),
                        ty: self.value(&field.ty),
                    })
                    .collect(),
            ),
            InterfaceType::Variant(index) => Type::Variant(
                self.types[index]
                    .cases
                    .iter()
                    .map(|(name, ty)| Case {
                        name: name.as_str().into(),
                        ty: self.optional(ty),
                    })
                    .collect(),
            ),
            InterfaceType::List(index) => Type::list(self.value(&self.types[index].element)),
            InterfaceType::Tuple(index) => self.tuple(index),
            InterfaceType::Flags(index) => {
                Type::Flags(names(self.types[index].names.iter().map(String::as_str)))
            }
            InterfaceType::Enum(index) => {
                Type::Enum(names(self.types[index].names.iter().map(String::as_str)))
            }
            InterfaceType::Option(index) => Type::option(self.value(&self.types[index].ty)),
            InterfaceType::Result(index) => {
                let ty = &self.types[index];
                Type::result(self.optional(&ty.ok), self.optional(&ty.err))
            }
            InterfaceType::Own(index) => Type::Own(self.resource(index)),
            InterfaceType::Borrow(index) => Type::Borrow(self.resource(index)),
            InterfaceType::Map(index) => {
                let ty = &self.types[index];
                Type::map(self.value(&ty.key), self.value(&ty.value))
            }
            InterfaceType::FixedLengthList(index) => {
                let ty = &self.types[index];
                Type::fixed_length_list(self.value(&ty.element), ty.size)
            }
            InterfaceType::Future(_) => Type::Other("future"),
            InterfaceType::Stream(_) => Type::Other("stream"),
            InterfaceType::ErrorContext(_) => Type::Other("error-context"),
        }
    }

    pub(crate) fn tuple(&self, index: TypeTupleIndex) -> Type {
        Type::Tuple(self.all(&self.types[index].types).into())
    }

    pub(crate) fn func(&self, index: TypeFuncIndex) -> FuncType {
        let ty = &self.types[index];
        let params = ty
            .param_names
            .iter()
            .zip(&self.types[ty.params].types)
            .map(|(name, ty)| (name.clone(), self.value(ty)))
            .collect();
        let result = self.types[ty.results].types.first();
        let mut func = FuncType::new(params, result.map(|ty| self.value(ty)));
        func.is_async = ty.async_;
        func
    }

    pub(crate) fn item(&self, ty: &TypeDef) -> ExternType {
        match *ty {
            TypeDef::ComponentFunc(index) => ExternType::Func(self.func(index)),
            TypeDef::ComponentInstance(index) => ExternType::Instance(
                self.types[index]
                    .exports
                    .iter()
                    .map(|(name, item)| self.named(name, &item.ty))
                    .collect(),
            ),
            TypeDef::Resource(index) => ExternType::Resource(self.resource(index)),
            TypeDef::Interface(ty) => ExternType::Type(self.value(&ty)),
            TypeDef::Module(_) | TypeDef::CoreFunc(_) => ExternType::CoreModule,
            TypeDef::Component(_) => ExternType::Component,
        }
    }

    pub(crate) fn named(&self, name: &str, ty: &TypeDef) -> Extern {
        Extern {
            name: name.to_owned(),
            ty: self.item(ty),
        }
    }
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> Arc<[Arc<str>]> {
    names.map(Arc::from).collect()
}

/// What the values of one side of a function need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// A linear memory: strings, lists, and whatever is spilled.
    pub(crate) memory: bool,
    /// Handles of either kind.
    pub(crate) handles: bool,
    /// Borrowed handles.
    pub(crate) borrows: bool,
    /// How many flat values there are; none if they are spilled.
    pub(crate) flat: Option<usize>,
}

/// What the values of a function need, each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    pub(crate) params: Needs,
    pub(crate) results: Needs,
}

impl Uses {
    pub(crate) fn of(types: &ComponentTypes, index: TypeFuncIndex) -> Self {
        let ty = &types[index];
        Uses {
            params: Needs::of(
                types,
                ty.params,
                wasmtime_environ::component::MAX_FLAT_PARAMS,
            ),
            results: Needs::of(
                types,
                ty.results,
                wasmtime_environ::component::MAX_FLAT_RESULTS,
            ),
        }
    }

    /// Nothing but numbers, which fit into slots.
    pub(crate) fn is_plain(&self) -> bool {
        let plain = |needs: &Needs| !needs.memory && !needs.handles;
        plain(&self.params) && plain(&self.results)
    }
}

impl Needs {
    fn of(types: &ComponentTypes, index: TypeTupleIndex, max_flat: usize) -> Self {
        let tuple = &types[index];
        let mut needs = Needs {
            flat: tuple.abi.flat_count(max_flat),
            ..Needs::default()
        };
        needs.memory = needs.flat.is_none();
        for ty in &tuple.types {
            needs.add(types, ty);
        }
        needs
    }

    fn add(&mut self, types: &ComponentTypes, ty: &InterfaceType) {
        visit(types, ty, &mut |ty| match ty {
            InterfaceType::String | InterfaceType::List(_) | InterfaceType::Map(_) => {
                self.memory = true;
            }
            InterfaceType::Own(_) => self.handles = true,
            InterfaceType::Borrow(_) => {
                self.handles = true;
                self.borrows = true;
            }
            _ => {}
        });
    }
}

/// Calls `each` with a type and every type inside of it.
fn visit(types: &ComponentTypes, ty: &InterfaceType, each: &mut dyn FnMut(&InterfaceType)) {
    each(ty);
    match *ty {
        InterfaceType::List(index) => visit(types, &types[index].element, each),
        InterfaceType::Map(index) => {
            visit(types, &types[index].key, each);
            visit(types, &types[index].value, each);
        }
        InterfaceType::FixedLengthList(index) => visit(types, &types[index].element, each),
        InterfaceType::Record(index) => {
            for field in &types[index].fields {
                visit(types, &field.ty, each);
            }
        }
        InterfaceType::Tuple(index) => {
            for ty in &types[index].types {
                visit(types, ty, each);
            }
        }
        InterfaceType::Variant(index) => {
            for ty in types[index].cases.values().flatten() {
                visit(types, ty, each);
            }
        }
        InterfaceType::Option(index) => visit(types, &types[index].ty, each),
        InterfaceType::Result(index) => {
            for ty in [&types[index].ok, &types[index].err].into_iter().flatten() {
                visit(types, ty, each);
            }
        }
        InterfaceType::Bool
        | InterfaceType::S8
        | InterfaceType::U8
        | InterfaceType::S16
        | InterfaceType::U16
        | InterfaceType::S32
        | InterfaceType::U32
        | InterfaceType::S64
        | InterfaceType::U64
        | InterfaceType::Float32
        | InterfaceType::Float64
        | InterfaceType::Char
        | InterfaceType::String
        | InterfaceType::Flags(_)
        | InterfaceType::Enum(_)
        | InterfaceType::Own(_)
        | InterfaceType::Borrow(_)
        | InterfaceType::Future(_)
        | InterfaceType::Stream(_)
        | InterfaceType::ErrorContext(_) => {}
    }
}

/// Calls `each` with the table of every handle type inside of a tuple.
pub(crate) fn handle_tables(
    types: &ComponentTypes,
    index: TypeTupleIndex,
    each: &mut dyn FnMut(TypeResourceTableIndex),
) {
    for ty in &types[index].types {
        visit(types, ty, &mut |ty| {
            if let InterfaceType::Own(table) | InterfaceType::Borrow(table) = ty {
                each(*table);
            }
        });
    }
}
