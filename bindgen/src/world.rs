//! A world: what it holds, and the modules of its interfaces.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use wit_parser::{
    Function, InterfaceId, Resolve, Type, TypeDefKind, TypeId, WorldId, WorldItem, WorldKey,
};

use crate::function::{Mode, resource_of};
use crate::interface::drop_of;
use crate::names::{self, camel, camel_part, snake};
use crate::types::{Scope, Side, documented};
use crate::{Async, Error, Options, Result};

/// What is generated from.
pub(crate) struct Generator<'a> {
    pub(crate) options: &'a Options,
    pub(crate) resolve: &'a Resolve,
    pub(crate) world: WorldId,
    /// The path of the crate `enginebay`.
    pub(crate) root: TokenStream,
    pub(crate) additional_derives: Vec<syn::Path>,
    /// Types that functions fail with.
    pub(crate) errors: HashSet<TypeId>,
    /// Names of the world's types.
    taken: HashSet<Ident>,
}

/// Modules by name.
#[derive(Default)]
struct Modules {
    inner: BTreeMap<Ident, Modules>,
    content: TokenStream,
}

impl Modules {
    fn add(&mut self, path: &[Ident], content: TokenStream) {
        match path {
            [] => self.content.extend(content),
            [first, rest @ ..] => self
                .inner
                .entry(first.clone())
                .or_default()
                .add(rest, content),
        }
    }

    fn tokens(&self, attributes: &TokenStream) -> TokenStream {
        let content = &self.content;
        let inner = self.inner.iter().map(|(name, inner)| {
            let inner = inner.tokens(&TokenStream::new());
            quote!(#attributes pub mod #name { #inner })
        });
        quote!(#content #(#inner)*)
    }
}

/// For a trait of the world itself, what modules allow in theirs.
pub(crate) fn outermost_trait(scope: &Scope) -> TokenStream {
    match &*scope.path {
        [] => quote! {
            #[allow(
                clippy::new_ret_no_self,
                clippy::should_implement_trait,
                clippy::too_many_arguments,
                clippy::type_complexity,
                clippy::wrong_self_convention
            )]
        },
        _ => quote!(),
    }
}

/// For a type of the world itself, what modules allow in theirs.
pub(crate) fn outermost_type(scope: &Scope) -> TokenStream {
    match &*scope.path {
        [] => quote! {
            #[allow(
                clippy::enum_variant_names,
                clippy::type_complexity,
                clippy::upper_case_acronyms
            )]
        },
        _ => quote!(),
    }
}

/// A path of Rust that the options give.
pub(crate) fn path_of(text: &str) -> Result<syn::Path> {
    syn::parse_str(text)
        .map_err(|error| Error::new(format!("`{text}` is no path of Rust: {error}")))
}

/// Whether a name in the options is this one, whose version it may leave out.
pub(crate) fn is_same_name(given: &str, name: &str) -> bool {
    let Some((package, rest)) = name.split_once('@') else {
        return given == name;
    };
    let rest = rest.find(['/', '#']).map_or("", |at| &rest[at..]);
    given == name || given.strip_prefix(package) == Some(rest)
}

impl<'a> Generator<'a> {
    pub(crate) fn new(options: &'a Options, resolve: &'a Resolve, world: WorldId) -> Result<Self> {
        let root = path_of(&options.root)?;
        let mut this = Generator {
            options,
            resolve,
            world,
            root: quote!(#root),
            additional_derives: options
                .additional_derives
                .iter()
                .map(|text| path_of(text))
                .collect::<Result<_>>()?,
            errors: HashSet::new(),
            taken: HashSet::new(),
        };
        for path in options.with.values() {
            path_of(path)?;
        }
        this.errors = this
            .functions()
            .filter_map(|func| this.failure(func))
            .collect();
        let types = resolve
            .types
            .iter()
            .filter_map(|(_, def)| def.name.as_deref());
        this.taken = types.map(camel).collect();
        this.check_names()?;
        Ok(this)
    }

    /// All functions that the world imports or exports.
    fn functions(&self) -> impl Iterator<Item = &'a Function> + use<'a> {
        let resolve = self.resolve;
        let world = &resolve.worlds[self.world];
        let items = world.imports.values().chain(world.exports.values());
        items.flat_map(|item| match item {
            WorldItem::Function(func) => vec![func],
            WorldItem::Interface { id, .. } => resolve.interfaces[*id].functions.values().collect(),
            WorldItem::Type { .. } => Vec::new(),
        })
    }

    /// The named type that a function fails with.
    fn failure(&self, func: &Function) -> Option<TypeId> {
        let Some(Type::Id(result)) = func.result else {
            return None;
        };
        let TypeDefKind::Result(result) = &self.resolve.types[self.origin(result)].kind else {
            return None;
        };
        match result.err {
            Some(Type::Id(id)) => Some(self.origin(id)),
            _ => None,
        }
    }

    /// Names in the options have to be those of something.
    fn check_names(&self) -> Result<()> {
        let world = &self.resolve.worlds[self.world];
        let mut interfaces = BTreeSet::new();
        let mut known = BTreeSet::new();
        for (key, item) in &world.imports {
            match item {
                WorldItem::Interface { id, .. } => {
                    let name = self.resolve.name_world_key(key);
                    let interface = &self.resolve.interfaces[*id];
                    known.extend(interface.functions.keys().map(|it| format!("{name}#{it}")));
                    for it in self.resources_of(*id) {
                        interfaces.insert(format!("{name}/{it}"));
                        known.insert(format!("{name}#{}", drop_of(it)));
                    }
                    interfaces.insert(name);
                }
                WorldItem::Function(func) => {
                    known.insert(func.name.clone());
                }
                WorldItem::Type { id, .. } => {
                    let def = &self.resolve.types[*id];
                    if let (TypeDefKind::Resource, Some(name)) = (&def.kind, &def.name) {
                        interfaces.insert(name.clone());
                        known.insert(drop_of(name));
                    }
                }
            }
        }
        let is_known = |given: &String, known: &BTreeSet<String>| {
            known.iter().any(|name| is_same_name(given, name))
        };
        for given in self.options.with.keys() {
            if !is_known(given, &interfaces) {
                return Err(Error::new(format!(
                    "the world `{}` imports no interface or resource `{given}`",
                    world.name
                )));
            }
        }
        let asynchronous = match &self.options.asynchronous {
            Async::Only(names) => &names[..],
            _ => &[],
        };
        let checked = self.options.checks.by_function.keys();
        let views = &self.options.views;
        let mut functions = asynchronous.iter().chain(checked).chain(views);
        match functions.find(|given| !is_known(given, &known)) {
            None => Ok(()),
            Some(given) => Err(Error::new(format!(
                "the world `{}` imports no function `{given}`",
                world.name
            ))),
        }
    }

    fn resources_of(&self, id: InterfaceId) -> impl Iterator<Item = &'a String> {
        let resolve = self.resolve;
        let types = resolve.interfaces[id].types.iter();
        let types =
            types.filter(|(_, id)| matches!(resolve.types[**id].kind, TypeDefKind::Resource));
        types.map(|(name, _)| name)
    }

    /// The functions of a resource that the world imports by itself.
    fn world_functions_of(&self, id: TypeId) -> impl Iterator<Item = &'a Function> + use<'a> {
        let imports = self.resolve.worlds[self.world].imports.values();
        imports.filter_map(move |item| match item {
            WorldItem::Function(func) if resource_of(func) == Some(id) => Some(func),
            _ => None,
        })
    }

    /// The name of the method that gives an exported interface, beside the other methods
    /// of a world.
    fn getter(&self, words: &str) -> Ident {
        let name = snake(words).to_string();
        let others = ["new", "instantiate", "instantiate_async", "add_to_linker"];
        match others.contains(&&*name) || name.starts_with("call_") {
            true => format_ident!("{name}_"),
            false => format_ident!("{name}"),
        }
    }

    /// A name that no type has.
    pub(crate) fn untaken(&self, name: &str) -> Ident {
        self.free(name, self.taken.iter().cloned())
    }

    /// A type of the standard library, in short unless the world has one of that name.
    pub(crate) fn std(&self, name: &str) -> TokenStream {
        let ident = format_ident!("{name}");
        if !self.taken.contains(&ident) {
            return quote!(#ident);
        }
        let module = format_ident!("{}", name.to_lowercase());
        quote!(::std::#module::#ident)
    }

    /// A name that is not taken.
    pub(crate) fn free(&self, name: &str, taken: impl Iterator<Item = Ident>) -> Ident {
        let mut name = format_ident!("{name}");
        let taken: HashSet<_> = taken.collect();
        while taken.contains(&name) {
            name = format_ident!("{name}_");
        }
        name
    }

    pub(crate) fn qualified(&self, interface: Option<&str>, func: &str) -> String {
        match interface {
            Some(interface) => format!("{interface}#{func}"),
            None => func.to_string(),
        }
    }

    /// The module of an interface, from the top of what is generated.
    pub(crate) fn module(&self, key: &WorldKey, side: Side) -> Vec<Ident> {
        let mut path = Vec::new();
        if side == Side::Export {
            path.push(format_ident!("exports"));
        }
        match key {
            WorldKey::Name(name) => path.push(snake(name)),
            WorldKey::Interface(id) => {
                let interface = &self.resolve.interfaces[*id];
                if let Some(package) = interface.package {
                    let name = &self.resolve.packages[package].name;
                    path.push(snake(&name.namespace));
                    path.push(names::package(self.resolve, package));
                }
                path.push(snake(interface.name.as_deref().unwrap_or("interface")));
            }
        }
        path
    }

    /// Where the embedder has an interface's types.
    pub(crate) fn mapped_interface(&self, id: InterfaceId) -> Option<Ident> {
        self.mapped(&self.resolve.id_of(id)?)
    }

    /// Where the embedder has a resource's type.
    pub(crate) fn mapped_resource(&self, scope: &Scope, name: &str) -> Option<Ident> {
        let Some(interface) = scope.interface else {
            return self.mapped(name);
        };
        let interface = self.resolve.id_of(interface)?;
        self.mapped(&format!("{interface}/{name}"))
    }

    fn mapped(&self, name: &str) -> Option<Ident> {
        let mut names = self.options.with.keys();
        let at = names.position(|given| is_same_name(given, name))?;
        Some(format_ident!("with_{at}"))
    }

    /// What defines all that the world imports in a linker.
    fn links(&self, top: &Scope, imports: &Ident, mode: Mode) -> Result<Vec<TokenStream>> {
        let mut links = Vec::new();
        let root = |link| {
            quote! {{
                let mut instance = linker.root();
                #link
            }}
        };
        for (key, item) in &self.resolve.worlds[self.world].imports {
            match item {
                WorldItem::Interface { id, .. } => {
                    if self.mapped_interface(*id).is_none() && self.has_host(*id) {
                        let (path, name) = (self.module(key, Side::Import), mode.linker_function());
                        links.push(quote!(#(#path::)* #name(linker, get)?;));
                    }
                }
                // Those of a resource stand with it.
                WorldItem::Function(func) if resource_of(func).is_some() => {}
                WorldItem::Function(func) => {
                    links.push(root(self.link(top, None, imports, func, mode)?));
                }
                WorldItem::Type { id, .. } => {
                    let (WorldKey::Name(name), TypeDefKind::Resource) =
                        (key, &self.resolve.types[*id].kind)
                    else {
                        continue;
                    };
                    let functions: Vec<_> = self.world_functions_of(*id).collect();
                    links.push(root(self.link_resource(top, None, name, &functions, mode)?));
                }
            }
        }
        Ok(links)
    }

    pub(crate) fn generate(&self) -> Result<TokenStream> {
        let resolve = self.resolve;
        let world = &resolve.worlds[self.world];
        let root = &self.root;
        let top = Scope {
            side: Side::Import,
            path: Vec::new(),
            interface: None,
        };
        let mut modules = Modules::default();
        let (mut types, mut methods, mut own) = (Vec::new(), Vec::new(), Vec::new());
        let (mut hosts, mut calls) = (Vec::new(), Vec::new());
        let (mut fields, mut found) = (Vec::new(), Vec::new());
        let world_types = world
            .imports
            .iter()
            .filter_map(|(key, item)| match (key, item) {
                (WorldKey::Name(name), WorldItem::Type { .. }) => Some(camel(name)),
                _ => None,
            });
        let name = self.free(&camel(&world.name).to_string(), world_types);
        let imports = self.untaken(&format!("{}Imports", camel_part(&world.name)));
        for (key, item) in &world.imports {
            match item {
                WorldItem::Interface { id, .. } => {
                    if self.mapped_interface(*id).is_some() {
                        continue;
                    }
                    let path = self.module(key, Side::Import);
                    modules.add(&path, self.imported(key, *id)?);
                    if self.has_host(*id) {
                        let host = self.host(*id);
                        hosts.push(quote!(#(#path::)* #host));
                    }
                }
                // Those of a resource stand with it.
                WorldItem::Function(func) if resource_of(func).is_some() => {}
                WorldItem::Function(func) => {
                    methods.push(self.host_method(&top, None, func)?);
                    own.push(func);
                }
                WorldItem::Type { id, .. } => {
                    let WorldKey::Name(name) = key else { continue };
                    types.push(self.define(&top, name, *id)?);
                    if let TypeDefKind::Resource = resolve.types[*id].kind {
                        let functions: Vec<_> = self.world_functions_of(*id).collect();
                        let host = self.resource_host(name);
                        types.push(self.host_resource(&top, None, name, &functions)?);
                        hosts.push(quote!(#host));
                    }
                }
            }
        }
        let outside = Scope {
            side: Side::Export,
            ..top.clone()
        };
        for (key, item) in &world.exports {
            match item {
                WorldItem::Interface { id, .. } => {
                    let path = self.module(key, Side::Export);
                    modules.add(&path, self.exported(key, *id)?);
                    if resolve.interfaces[*id].functions.is_empty() {
                        continue;
                    }
                    let guest = self.guest(*id);
                    // Without `exports`.
                    let words: Vec<String> = path[1..].iter().map(Ident::to_string).collect();
                    let getter = self.getter(&words.join("_"));
                    let field = format_ident!("interface_{getter}");
                    let about = format!(" The functions of `{}`.", resolve.name_world_key(key));
                    fields.push(quote!(#field: #(#path::)* #guest<B>));
                    found.push(quote!(#field: #(#path::)* #guest::new(&mut store, instance)?));
                    calls.push(quote! {
                        #[doc = #about]
                        pub fn #getter(&self) -> &#(#path::)* #guest<B> {
                            &self.#field
                        }
                    });
                }
                WorldItem::Function(func) => {
                    let (field, ty) = (self.field(func), self.field_type(&outside, func)?);
                    let wit = &func.name;
                    fields.push(quote!(#field: #ty));
                    found.push(quote!(#field: instance.get_typed_func(&mut store, #wit)?));
                    calls.push(self.calls(&outside, func, &quote!(self))?);
                }
                WorldItem::Type { .. } => {}
            }
        }
        let allow_trait = outermost_trait(&top);
        let stub = match own.is_empty() {
            true => quote!(),
            false => self.stub(&top, None, &imports, &own, None)?,
        };
        let host_trait = (!methods.is_empty()).then(|| {
            hosts.push(quote!(#imports));
            let about = format!(" What the host does for the world `{}` itself.", world.name);
            quote! {
                #[doc = #about]
                #allow_trait
                pub trait #imports: ::std::marker::Send { #(#methods)* }
                #stub
            }
        });
        let bound = self.check_bound()?;
        let modes = self.modes().filter(|_| !hosts.is_empty());
        let link = modes.map(|mode| {
            let (links, name) = (self.links(&top, &imports, mode)?, mode.linker_function());
            let about: &[&str] = match mode {
                Mode::Suspending => &[
                    " Defines all that the world imports in a linker. `get` finds the host in",
                    " a store's data.",
                ],
                Mode::Blocking => &[" As [`Self::add_to_linker`], for synchronous stores."],
            };
            Ok(quote! {
                #(#[doc = #about])*
                pub fn #name<T, H>(
                    linker: &mut #root::generic::Linker<B, T>,
                    get: impl ::std::ops::Fn(&mut T) -> &mut H
                        + ::std::marker::Copy + ::std::marker::Send + ::std::marker::Sync + 'static,
                ) -> #root::Result<()>
                where
                    T: ::std::marker::Send + 'static,
                    H: #(#hosts +)* 'static #bound,
                {
                    #(#links)*
                    ::std::result::Result::Ok(())
                }
            })
        });
        let link = link.collect::<Result<Vec<_>>>()?;
        let docs = documented(&world.docs, &world.stability);
        let docs = match docs.is_empty() {
            true => {
                let about = format!(" An instance of a component of the world `{}`.", world.name);
                quote!(#[doc = #about])
            }
            false => docs,
        };
        let with = self.options.with.values().enumerate().map(|(at, path)| {
            let alias = format_ident!("with_{at}");
            let path: TokenStream = path.parse().unwrap_or_default();
            quote!(use #path as #alias;)
        });
        let new = match found.is_empty() {
            true => quote! {
                /// There is nothing to be found.
                pub fn new(
                    _store: impl #root::generic::AsContextMut<Backend = B>,
                    _instance: &#root::generic::Instance<B>,
                ) -> #root::Result<Self> {
                    ::std::result::Result::Ok(#name { marker: ::std::marker::PhantomData })
                }
            },
            false => quote! {
                /// Finds what an instance exports, and checks its types.
                pub fn new(
                    mut store: impl #root::generic::AsContextMut<Backend = B>,
                    instance: &#root::generic::Instance<B>,
                ) -> #root::Result<Self> {
                    ::std::result::Result::Ok(#name { #(#found,)* })
                }
            },
        };
        if fields.is_empty() {
            fields.push(quote!(marker: ::std::marker::PhantomData<fn(B)>));
        }
        // Names and documentation are those of the WIT, and not all of it has to be used.
        let modules = modules.tokens(&quote! {
            #[allow(
                dead_code,
                deprecated,
                missing_docs,
                clippy::doc_lazy_continuation,
                clippy::enum_variant_names,
                clippy::module_inception,
                clippy::new_ret_no_self,
                clippy::self_named_constructors,
                clippy::should_implement_trait,
                clippy::too_many_arguments,
                clippy::type_complexity,
                clippy::upper_case_acronyms,
                clippy::wrong_self_convention
            )]
        });
        let (allow_struct, allow_impl) = (
            quote!(#[allow(dead_code, clippy::type_complexity)]),
            quote! {
                #[allow(
                    dead_code,
                    deprecated,
                    clippy::self_named_constructors,
                    clippy::too_many_arguments,
                    clippy::type_complexity
                )]
            },
        );
        Ok(quote! {
            #(#with)*
            #(#types)*
            #host_trait

            #docs
            #[derive(Debug)]
            #allow_struct
            pub struct #name<B: #root::Backend> {
                #(#fields,)*
            }

            #allow_impl
            impl<B: #root::Backend> #name<B> {
                #(#link)*

                /// Instantiates a component, and finds what it exports.
                pub fn instantiate<T: ::std::marker::Send + 'static>(
                    mut store: impl #root::generic::AsContextMut<Backend = B, Data = T>,
                    component: &#root::generic::Component<B>,
                    linker: &#root::generic::Linker<B, T>,
                ) -> #root::Result<Self> {
                    let instance = linker.instantiate(&mut store, component)?;
                    Self::new(store, &instance)
                }

                /// As [`Self::instantiate`], in an asynchronous store.
                pub async fn instantiate_async<T: ::std::marker::Send + 'static>(
                    mut store: impl #root::generic::AsContextMut<Backend = B, Data = T>
                        + ::std::marker::Send,
                    component: &#root::generic::Component<B>,
                    linker: &#root::generic::Linker<B, T>,
                ) -> #root::Result<Self> {
                    let instance = linker.instantiate_async(&mut store, component).await?;
                    Self::new(store, &instance)
                }

                #new

                #(#calls)*
            }

            #modules
        })
    }
}
