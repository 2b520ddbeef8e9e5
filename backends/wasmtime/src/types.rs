//! Wasmtime's types as the core's.

use std::sync::Arc;

use enginebay_core::{Case, Extern, ExternType, Field, FuncType, ResourceType, Type};
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types as wt;

pub(crate) fn imports(component: &Component) -> Vec<Extern> {
    let engine = component.engine();
    component
        .component_type()
        .imports(engine)
        .map(|(name, item)| named(engine, name, &item.ty))
        .collect()
}

pub(crate) fn exports(component: &Component) -> Vec<Extern> {
    let engine = component.engine();
    component
        .component_type()
        .exports(engine)
        .map(|(name, item)| named(engine, name, &item.ty))
        .collect()
}

fn named(engine: &Engine, name: &str, item: &wt::ComponentItem) -> Extern {
    Extern {
        name: name.to_owned(),
        ty: item_type(engine, item),
    }
}

fn item_type(engine: &Engine, item: &wt::ComponentItem) -> ExternType {
    match item {
        wt::ComponentItem::ComponentFunc(ty) => ExternType::Func(func(ty)),
        wt::ComponentItem::ComponentInstance(instance) => ExternType::Instance(
            instance
                .exports(engine)
                .map(|(name, item)| named(engine, name, &item.ty))
                .collect(),
        ),
        wt::ComponentItem::Resource(ty) => ExternType::Resource(ResourceType::from_wasmtime(*ty)),
        wt::ComponentItem::Type(ty) => ExternType::Type(value(ty)),
        wt::ComponentItem::Module(_) | wt::ComponentItem::CoreFunc(_) => ExternType::CoreModule,
        wt::ComponentItem::Component(_) => ExternType::Component,
    }
}

pub(crate) fn func(ty: &wt::ComponentFunc) -> FuncType {
    let params = ty
        .params()
        .map(|(name, ty)| (name.to_owned(), value(&ty)))
        .collect();
    let mut func = FuncType::new(params, ty.results().next().map(|ty| value(&ty)));
    func.is_async = ty.async_();
    func
}

pub(crate) fn value(ty: &wt::Type) -> Type {
    match ty {
        wt::Type::Bool => Type::Bool,
        wt::Type::S8 => Type::S8,
        wt::Type::U8 => Type::U8,
        wt::Type::S16 => Type::S16,
        wt::Type::U16 => Type::U16,
        wt::Type::S32 => Type::S32,
        wt::Type::U32 => Type::U32,
        wt::Type::S64 => Type::S64,
        wt::Type::U64 => Type::U64,
        wt::Type::Float32 => Type::F32,
        wt::Type::Float64 => Type::F64,
        wt::Type::Char => Type::Char,
        wt::Type::String => Type::String,
        wt::Type::List(ty) => Type::list(value(&ty.ty())),
        wt::Type::FixedLengthList(ty) => Type::fixed_length_list(value(&ty.ty()), ty.len()),
        wt::Type::Map(ty) => Type::map(value(&ty.key()), value(&ty.value())),
        wt::Type::Record(ty) => Type::Record(
            ty.fields()
                .map(|field| Field {
                    name: field.name.into(),
                    ty: value(&field.ty),
                })
                .collect(),
        ),
        wt::Type::Tuple(ty) => Type::tuple(ty.types().map(|ty| value(&ty))),
        wt::Type::Variant(ty) => Type::Variant(
            ty.cases()
                .map(|case| Case {
                    name: case.name.into(),
                    ty: case.ty.as_ref().map(value),
                })
                .collect(),
        ),
        wt::Type::Enum(ty) => Type::Enum(ty.names().map(Arc::from).collect()),
        wt::Type::Option(ty) => Type::option(value(&ty.ty())),
        wt::Type::Result(ty) => {
            Type::result(ty.ok().as_ref().map(value), ty.err().as_ref().map(value))
        }
        wt::Type::Flags(ty) => Type::Flags(ty.names().map(Arc::from).collect()),
        wt::Type::Own(ty) => Type::Own(ResourceType::from_wasmtime(*ty)),
        wt::Type::Borrow(ty) => Type::Borrow(ResourceType::from_wasmtime(*ty)),
        wt::Type::Future(_) => Type::Other("future"),
        wt::Type::Stream(_) => Type::Other("stream"),
        wt::Type::ErrorContext => Type::Other("error-context"),
    }
}
