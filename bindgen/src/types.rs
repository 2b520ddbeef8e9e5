//! WIT types as Rust types.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use wit_parser::{
    Docs, Handle, InterfaceId, Stability, Type, TypeDefKind, TypeId, TypeOwner, WorldItem, WorldKey,
};

use crate::names::{camel, case, shouting, snake};
use crate::world::{Generator, outermost_type};
use crate::{Error, Result};

/// Which of two interfaces is meant, if a world imports and exports the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Import,
    Export,
}

/// A module of what is generated.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) side: Side,
    /// The modules around it.
    pub(crate) path: Vec<Ident>,
    pub(crate) interface: Option<InterfaceId>,
}

/// In what form Rust has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Owned,
    /// Borrowed by a call.
    Borrowed,
    /// The same, where no call is: in the type of a function.
    Static,
}

impl Form {
    fn reference(self, ty: TokenStream) -> TokenStream {
        match self {
            Form::Owned => ty,
            Form::Borrowed => quote!(&#ty),
            Form::Static => quote!(&'static #ty),
        }
    }
}

impl Generator<'_> {
    pub(crate) fn ty(&self, scope: &Scope, ty: &Type, form: Form) -> Result<TokenStream> {
        Ok(match ty {
            Type::Bool => quote!(bool),
            Type::U8 => quote!(u8),
            Type::U16 => quote!(u16),
            Type::U32 => quote!(u32),
            Type::U64 => quote!(u64),
            Type::S8 => quote!(i8),
            Type::S16 => quote!(i16),
            Type::S32 => quote!(i32),
            Type::S64 => quote!(i64),
            Type::F32 => quote!(f32),
            Type::F64 => quote!(f64),
            Type::Char => quote!(char),
            Type::String if form == Form::Owned => self.std("String"),
            Type::String => form.reference(quote!(str)),
            Type::ErrorContext => return Err(unsupported("error-context")),
            Type::Id(id) => self.ty_of(scope, *id, form)?,
        })
    }

    fn ty_of(&self, scope: &Scope, id: TypeId, form: Form) -> Result<TokenStream> {
        let def = &self.resolve.types[id];
        if def.name.is_some() {
            return match &def.kind {
                // What is borrowed of an alias is not the alias.
                TypeDefKind::Type(ty) if form != Form::Owned && !self.is_copy(ty) => {
                    self.ty(scope, ty, form)
                }
                TypeDefKind::List(_)
                | TypeDefKind::FixedLengthList(..)
                | TypeDefKind::Map(..)
                | TypeDefKind::Tuple(_)
                | TypeDefKind::Option(_)
                | TypeDefKind::Result(_)
                    if form != Form::Owned && !self.is_copy(&Type::Id(id)) =>
                {
                    self.structure(scope, id, form)
                }
                _ if self.is_copy(&Type::Id(id)) => self.path(scope, id),
                _ => Ok(form.reference(self.path(scope, id)?)),
            };
        }
        self.structure(scope, id, form)
    }

    /// A type without its name.
    fn structure(&self, scope: &Scope, id: TypeId, form: Form) -> Result<TokenStream> {
        let ty = |ty: &Type| self.ty(scope, ty, form);
        Ok(match &self.resolve.types[id].kind {
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => self.handle(scope, *id)?,
            TypeDefKind::Tuple(it) => {
                let types = it.types.iter().map(ty).collect::<Result<Vec<_>>>()?;
                quote!((#(#types,)*))
            }
            TypeDefKind::Option(it) => {
                let (option, it) = (self.std("Option"), ty(it)?);
                quote!(#option<#it>)
            }
            TypeDefKind::Result(it) => {
                let arm = |arm: &Option<Type>| arm.as_ref().map_or(Ok(quote!(())), ty);
                let (result, ok, err) = (self.std("Result"), arm(&it.ok)?, arm(&it.err)?);
                quote!(#result<#ok, #err>)
            }
            TypeDefKind::List(it) => {
                let it = self.ty(scope, it, Form::Owned)?;
                match form {
                    Form::Owned => {
                        let vec = self.std("Vec");
                        quote!(#vec<#it>)
                    }
                    _ => form.reference(quote!([#it])),
                }
            }
            TypeDefKind::FixedLengthList(it, len) => {
                let (it, len) = (self.ty(scope, it, Form::Owned)?, *len as usize);
                let array = quote!([#it; #len]);
                match self.is_copy(&Type::Id(id)) {
                    true => array,
                    false => form.reference(array),
                }
            }
            TypeDefKind::Map(key, value) => {
                let root = &self.root;
                let key = self.ty(scope, key, Form::Owned)?;
                let value = self.ty(scope, value, Form::Owned)?;
                form.reference(quote!(#root::Map<#key, #value>))
            }
            TypeDefKind::Type(ty) => self.ty(scope, ty, form)?,
            kind => return Err(unsupported(kind.as_str())),
        })
    }

    /// A list that stays in the guest's memory, if the type is one that can.
    pub(crate) fn view(&self, scope: &Scope, ty: &Type) -> Result<Option<TokenStream>> {
        let Type::Id(id) = ty else { return Ok(None) };
        let TypeDefKind::List(element) = &self.resolve.types[self.origin(*id)].kind else {
            return Ok(None);
        };
        if self.has_handles(element) {
            return Ok(None);
        }
        let (root, element) = (&self.root, self.ty(scope, element, Form::Owned)?);
        Ok(Some(quote!(#root::WasmList<#element>)))
    }

    /// A handle of a resource: of the host's by its type, of a component's by none.
    fn handle(&self, scope: &Scope, resource: TypeId) -> Result<TokenStream> {
        let root = &self.root;
        if self.is_of_the_component(scope, resource) {
            return Ok(quote!(#root::ResourceAny));
        }
        let path = self.path(scope, resource)?;
        Ok(quote!(#root::Resource<#path>))
    }

    /// Whether the world exports a resource, seen from a module.
    pub(crate) fn is_of_the_component(&self, scope: &Scope, resource: TypeId) -> bool {
        let resource = self.origin(resource);
        scope.side == Side::Export
            && match self.resolve.types[resource].owner {
                TypeOwner::Interface(interface) => self.exports(interface),
                TypeOwner::World(_) | TypeOwner::None => false,
            }
    }

    /// Where aliases of a type end.
    pub(crate) fn origin(&self, mut id: TypeId) -> TypeId {
        while let TypeDefKind::Type(Type::Id(of)) = self.resolve.types[id].kind {
            id = of;
        }
        id
    }

    pub(crate) fn exports(&self, interface: InterfaceId) -> bool {
        let exports = &self.resolve.worlds[self.world].exports;
        exports.values().any(|item| is_of(item, interface))
    }

    /// The path of a named type, from a module.
    pub(crate) fn path(&self, scope: &Scope, id: TypeId) -> Result<TokenStream> {
        let def = &self.resolve.types[id];
        let name = camel(def.name.as_deref().unwrap_or_default());
        let up = scope.path.iter().map(|_| quote!(super::));
        match def.owner {
            TypeOwner::World(_) => Ok(quote!(#(#up)* #name)),
            TypeOwner::Interface(of) if scope.interface == Some(of) => Ok(name.into_token_stream()),
            TypeOwner::Interface(of) => {
                let side = match scope.side {
                    Side::Export if self.exports(of) => Side::Export,
                    _ => Side::Import,
                };
                if side == Side::Import
                    && let Some(alias) = self.mapped_interface(of)
                {
                    return Ok(quote!(#(#up)* #alias::#name));
                }
                let path = self.module(&self.key(of), side);
                Ok(quote!(#(#up)* #(#path::)* #name))
            }
            TypeOwner::None => Err(Error::new("a type that belongs to nothing")),
        }
    }

    /// The key by which the world has an interface.
    fn key(&self, interface: InterfaceId) -> WorldKey {
        let world = &self.resolve.worlds[self.world];
        let mut items = world.exports.iter().chain(&world.imports);
        match items.find(|(_, item)| is_of(item, interface)) {
            Some((key, _)) => key.clone(),
            None => WorldKey::Interface(interface),
        }
    }

    /// Whether values of a type are plain: Rust copies them.
    pub(crate) fn is_copy(&self, ty: &Type) -> bool {
        let id = match ty {
            Type::String | Type::ErrorContext => return false,
            Type::Id(id) => *id,
            _ => return true,
        };
        match &self.resolve.types[id].kind {
            TypeDefKind::Flags(_) | TypeDefKind::Enum(_) => true,
            TypeDefKind::Record(_)
            | TypeDefKind::Tuple(_)
            | TypeDefKind::Variant(_)
            | TypeDefKind::Option(_)
            | TypeDefKind::Result(_)
            | TypeDefKind::FixedLengthList(..)
            | TypeDefKind::Type(_) => self.parts(id).iter().all(|ty| self.is_copy(ty)),
            _ => false,
        }
    }

    /// Whether values of a type hold handles, which are given away once.
    fn has_handles(&self, ty: &Type) -> bool {
        let Type::Id(id) = ty else { return false };
        matches!(self.resolve.types[*id].kind, TypeDefKind::Handle(_))
            || self.parts(*id).iter().any(|ty| self.has_handles(ty))
    }

    /// The types that a type is made of.
    fn parts(&self, id: TypeId) -> Vec<Type> {
        match &self.resolve.types[id].kind {
            TypeDefKind::Record(it) => it.fields.iter().map(|field| field.ty).collect(),
            TypeDefKind::Tuple(it) => it.types.clone(),
            TypeDefKind::Variant(it) => it.cases.iter().filter_map(|case| case.ty).collect(),
            TypeDefKind::Option(it)
            | TypeDefKind::Type(it)
            | TypeDefKind::List(it)
            | TypeDefKind::FixedLengthList(it, _) => vec![*it],
            TypeDefKind::Map(key, value) => vec![*key, *value],
            TypeDefKind::Result(it) => it.ok.into_iter().chain(it.err).collect(),
            _ => Vec::new(),
        }
    }

    /// The definition of a named type.
    pub(crate) fn define(&self, scope: &Scope, name: &str, id: TypeId) -> Result<TokenStream> {
        let def = &self.resolve.types[id];
        let root = &self.root;
        let docs = documented(&def.docs, &def.stability);
        let rust = camel(name);
        let component = |kind: &str| {
            let kind = Ident::new(kind, Span::call_site());
            quote!(#[component(#kind)] #[component(crate = #root)])
        };
        let (derives, allow) = (self.derives(&Type::Id(id)), outermost_type(scope));
        // An enum of Rust, of documentation, names and payloads.
        let enumeration = |component, cases: Vec<(&Docs, &String, Option<TokenStream>)>| {
            let cases = cases.into_iter().map(|(docs, name, payload)| {
                let docs = documented(docs, &Stability::Unknown);
                let rust = case(name);
                let payload = payload.map(|ty| quote!((#ty)));
                quote!(#docs #[component(name = #name)] #rust #payload)
            });
            let error = self.error(&rust, id);
            quote! {
                #docs #derives #component #allow
                pub enum #rust { #(#cases,)* }
                #error
            }
        };
        Ok(match &def.kind {
            TypeDefKind::Record(it) if it.fields.is_empty() => {
                return Err(Error::new(format!(
                    "the record `{name}` has no fields, and no component has such values"
                )));
            }
            TypeDefKind::Record(it) => {
                let component = component("record");
                let fields = it.fields.iter().map(|field| {
                    let docs = documented(&field.docs, &Stability::Unknown);
                    let rust = snake(&field.name);
                    let name = &field.name;
                    let ty = self.ty(scope, &field.ty, Form::Owned)?;
                    Ok(quote!(#docs #[component(name = #name)] pub #rust: #ty))
                });
                let fields = fields.collect::<Result<Vec<_>>>()?;
                let error = self.error(&rust, id);
                quote! {
                    #docs #derives #component #allow
                    pub struct #rust { #(#fields,)* }
                    #error
                }
            }
            TypeDefKind::Variant(it) => {
                let cases = it.cases.iter().map(|case| {
                    let payload = case.ty.as_ref().map(|ty| self.ty(scope, ty, Form::Owned));
                    Ok((&case.docs, &case.name, payload.transpose()?))
                });
                let cases = cases.collect::<Result<Vec<_>>>()?;
                enumeration(component("variant"), cases)
            }
            TypeDefKind::Enum(it) => {
                let cases = it.cases.iter().map(|case| (&case.docs, &case.name, None));
                enumeration(component("enum"), cases.collect())
            }
            TypeDefKind::Flags(it) => {
                let flags = it.flags.iter().map(|flag| {
                    let docs = documented(&flag.docs, &Stability::Unknown);
                    let rust = shouting(&flag.name);
                    let name = &flag.name;
                    quote!(#docs #[component(name = #name)] const #rust;)
                });
                quote! {
                    #root::flags! {
                        #docs #[component(crate = #root)]
                        pub #rust { #(#flags)* }
                    }
                }
            }
            TypeDefKind::Resource => self.resource(scope, name, id, &docs),
            TypeDefKind::Type(Type::Id(of))
                if matches!(
                    self.resolve.types[self.origin(*of)].kind,
                    TypeDefKind::Resource
                ) && self.is_of_the_component(scope, *of) =>
            {
                quote!()
            }
            TypeDefKind::Type(ty) => {
                let ty = self.ty(scope, ty, Form::Owned)?;
                quote!(#docs pub type #rust = #ty;)
            }
            _ => {
                let ty = self.structure(scope, id, Form::Owned)?;
                quote!(#docs pub type #rust = #ty;)
            }
        })
    }

    /// The type that a resource of the host's is told from others by.
    fn resource(&self, scope: &Scope, name: &str, id: TypeId, docs: &TokenStream) -> TokenStream {
        if self.is_of_the_component(scope, id) {
            return quote!(); // a handle says all that there is
        }
        let rust = camel(name);
        match self.mapped_resource(scope, name) {
            Some(alias) => {
                let up = scope.path.iter().map(|_| quote!(super::));
                quote!(#docs pub type #rust = #(#up)* #alias;)
            }
            None => quote! {
                #docs
                #[derive(Debug)]
                pub enum #rust {}
            },
        }
    }

    fn derives(&self, ty: &Type) -> TokenStream {
        let root = &self.root;
        let mut derives = vec![
            quote!(#root::ComponentType),
            quote!(#root::Lower),
            quote!(#root::Lift),
        ];
        let mut names: BTreeSet<String> = BTreeSet::new();
        for path in &self.additional_derives {
            if let Some(last) = path.segments.last() {
                names.insert(last.ident.to_string());
            }
            derives.push(path.to_token_stream());
        }
        let mut add = |name: &str, is_on: bool| {
            if is_on && !names.contains(name) {
                derives.push(Ident::new(name, Span::call_site()).into_token_stream());
            }
        };
        let is_value = !self.has_handles(ty);
        let is_enum = matches!(ty, Type::Id(id) if matches!(self.resolve.types[*id].kind, TypeDefKind::Enum(_)));
        add("Debug", true);
        add("Clone", is_value);
        add("Copy", self.is_copy(ty));
        add("PartialEq", is_value);
        add("Eq", is_enum);
        quote!(#[derive(#(#derives),*)])
    }

    /// What functions fail with is an error in Rust too.
    fn error(&self, rust: &Ident, id: TypeId) -> TokenStream {
        if !self.errors.contains(&id) {
            return quote!();
        }
        quote! {
            impl ::std::fmt::Display for #rust {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    ::std::fmt::Debug::fmt(self, f)
                }
            }
            impl ::std::error::Error for #rust {}
        }
    }
}

/// Whether an item of a world is this interface.
fn is_of(item: &WorldItem, interface: InterfaceId) -> bool {
    matches!(item, WorldItem::Interface { id, .. } if *id == interface)
}

fn unsupported(what: &str) -> Error {
    Error::new(format!(
        "there are no bindings for values of the type `{what}`"
    ))
}

/// Documentation, with what the WIT says about versions.
pub(crate) fn documented(docs: &Docs, stability: &Stability) -> TokenStream {
    let lines = docs.contents.iter().flat_map(|text| text.lines());
    let lines = lines.map(|line| match line.is_empty() {
        true => String::new(),
        false => format!(" {}", line.replace('\t', "    ")),
    });
    let (Stability::Stable { deprecated, .. } | Stability::Unstable { deprecated, .. }) = stability
    else {
        return quote!(#(#[doc = #lines])*);
    };
    let deprecated = deprecated.iter().map(|version| {
        let version = version.to_string();
        quote!(#[deprecated(since = #version)])
    });
    quote!(#(#[doc = #lines])* #(#deprecated)*)
}
