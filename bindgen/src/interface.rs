//! Interfaces: a module for each.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use wit_parser::{Function, InterfaceId, TypeDefKind, TypeId, WorldKey};

use crate::Result;
use crate::function::{Mode, resource_of};
use crate::names::{camel, camel_part};
use crate::types::{Scope, Side, documented};
use crate::world::{Generator, outermost_trait};

/// The name by which the options know a resource's destructor.
pub(crate) fn drop_of(resource: &str) -> String {
    format!("[drop]{resource}")
}

/// Resources of an interface, by name.
type Resources<'a> = Vec<(&'a str, TypeId)>;

impl Generator<'_> {
    fn scope(&self, key: &WorldKey, id: InterfaceId, side: Side) -> Scope {
        Scope {
            side,
            path: self.module(key, side),
            interface: Some(id),
        }
    }

    fn types(&self, scope: &Scope, id: InterfaceId) -> Result<Vec<TokenStream>> {
        let types = self.resolve.interfaces[id].types.iter();
        types
            .map(|(name, id)| self.define(scope, name, *id))
            .collect()
    }

    fn resources(&self, id: InterfaceId) -> Resources<'_> {
        let types = self.resolve.interfaces[id].types.iter();
        types
            .filter(|(_, id)| matches!(self.resolve.types[**id].kind, TypeDefKind::Resource))
            .map(|(name, id)| (&**name, *id))
            .collect()
    }

    /// The functions of a resource, or of none.
    fn functions_of(&self, id: InterfaceId, of: Option<TypeId>) -> impl Iterator<Item = &Function> {
        let functions = self.resolve.interfaces[id].functions.values();
        functions.filter(move |func| resource_of(func) == of)
    }

    /// Whether an imported interface has something that an embedder has to do.
    pub(crate) fn has_host(&self, id: InterfaceId) -> bool {
        let interface = &self.resolve.interfaces[id];
        !interface.functions.is_empty() || !self.resources(id).is_empty()
    }

    /// The module of an imported interface.
    pub(crate) fn imported(&self, key: &WorldKey, id: InterfaceId) -> Result<TokenStream> {
        let scope = self.scope(key, id, Side::Import);
        let wit = self.resolve.name_world_key(key);
        let types = self.types(&scope, id)?;
        let interface = &self.resolve.interfaces[id];
        let docs = documented(&interface.docs, &interface.stability);
        if !self.has_host(id) {
            return Ok(quote!(#docs #(#types)*));
        }
        let host = self.host(id);
        let methods = self
            .functions_of(id, None)
            .map(|func| self.host_method(&scope, Some(&wit), func))
            .collect::<Result<Vec<_>>>()?;
        let (mut traits, mut supers) = (Vec::new(), Vec::new());
        for (name, resource) in self.resources(id) {
            let functions: Vec<_> = self.functions_of(id, Some(resource)).collect();
            traits.push(self.host_resource(&scope, Some(&wit), name, &functions)?);
            supers.push(self.resource_host(name));
        }
        let own: Vec<_> = self.functions_of(id, None).collect();
        let stub = self.stub(&scope, Some(&wit), &host, &own, None)?;
        let about = format!(" What the host does for `{wit}`.");
        let linkers = self
            .modes()
            .map(|mode| self.linker(&scope, id, &wit, mode))
            .collect::<Result<Vec<_>>>()?;
        Ok(quote! {
            #docs
            #(#types)*
            #(#traits)*

            #[doc = #about]
            pub trait #host: ::std::marker::Send #(+ #supers)* {
                #(#methods)*
            }

            #stub
            #(#linkers)*
        })
    }

    /// What is generated of the functions that define things in linkers.
    pub(crate) fn modes(&self) -> impl Iterator<Item = Mode> + use<> {
        let blocking = self.options.blocking.as_ref().map(|_| Mode::Blocking);
        std::iter::once(Mode::Suspending).chain(blocking)
    }

    /// The function that defines an imported interface in a linker.
    fn linker(&self, scope: &Scope, id: InterfaceId, wit: &str, mode: Mode) -> Result<TokenStream> {
        let (root, host, bound) = (&self.root, self.host(id), self.check_bound()?);
        let mut links = Vec::new();
        for (name, resource) in self.resources(id) {
            let functions: Vec<_> = self.functions_of(id, Some(resource)).collect();
            links.push(self.link_resource(scope, Some(wit), name, &functions, mode)?);
        }
        for func in self.functions_of(id, None) {
            links.push(self.link(scope, Some(wit), &host, func, mode)?);
        }
        let name = mode.linker_function();
        let about = match mode {
            Mode::Suspending => {
                format!(" Defines `{wit}` in a linker. `get` finds the host in a store's data.")
            }
            Mode::Blocking => " As [`add_to_linker`], for synchronous stores.".to_string(),
        };
        Ok(quote! {
            #[doc = #about]
            pub fn #name<B, T, H>(
                linker: &mut #root::generic::Linker<B, T>,
                get: impl ::std::ops::Fn(&mut T) -> &mut H
                    + ::std::marker::Copy + ::std::marker::Send + ::std::marker::Sync + 'static,
            ) -> #root::Result<()>
            where
                B: #root::Backend,
                T: ::std::marker::Send + 'static,
                H: #host #bound + 'static,
            {
                let mut instance = linker.instance(#wit)?;
                #(#links)*
                ::std::result::Result::Ok(())
            }
        })
    }

    /// The name of an imported interface's trait.
    pub(crate) fn host(&self, id: InterfaceId) -> Ident {
        let types = &self.resolve.interfaces[id].types;
        self.free("Host", types.keys().map(|name| camel(name)))
    }

    /// The name of a resource's trait.
    pub(crate) fn resource_host(&self, name: &str) -> Ident {
        self.untaken(&format!("Host{}", camel_part(name)))
    }

    /// What an embedder implements for a resource.
    pub(crate) fn host_resource(
        &self,
        scope: &Scope,
        interface: Option<&str>,
        name: &str,
        functions: &[&Function],
    ) -> Result<TokenStream> {
        let root = &self.root;
        let (host, rust) = (self.resource_host(name), camel(name));
        let about = format!(" What the host does for `{name}`.");
        let methods = functions
            .iter()
            .map(|func| self.host_method(scope, interface, func))
            .collect::<Result<Vec<_>>>()?;
        let is_async = self.is_async(interface, &drop_of(name));
        let arrow = self.arrow(is_async, &quote!(#root::Result<()>));
        let allow = outermost_trait(scope);
        let stub = self.stub(scope, interface, &host, functions, Some(name))?;
        Ok(quote! {
            #[doc = #about]
            #allow
            pub trait #host: ::std::marker::Send {
                #(#methods)*
                /// A guest has dropped an owned handle.
                fn drop(&mut self, handle: #root::Resource<#rust>) #arrow;
            }

            #stub
        })
    }

    /// The definition of a resource, and of its functions, in a linker's `instance`.
    pub(crate) fn link_resource(
        &self,
        scope: &Scope,
        interface: Option<&str>,
        name: &str,
        functions: &[&Function],
        mode: Mode,
    ) -> Result<TokenStream> {
        let root = &self.root;
        let (host, rust) = (self.resource_host(name), camel(name));
        let links = functions
            .iter()
            .map(|func| self.link(scope, interface, &host, func, mode))
            .collect::<Result<Vec<_>>>()?;
        let is_async = self.is_async(interface, &drop_of(name));
        let dropped = quote!(
            #host::drop(get(caller.data_mut()), #root::Resource::new_own(rep))
        );
        let (define, body) = match (is_async, mode) {
            (true, Mode::Suspending) => (
                self.linker_method("resource_async"),
                quote!(#root::HostFuture::new(async move { #dropped.await })),
            ),
            (true, Mode::Blocking) => (self.linker_method("resource"), self.wait(&dropped)?),
            (false, _) => (self.linker_method("resource"), dropped),
        };
        Ok(quote! {
            instance.#define(
                #name,
                #root::ResourceType::host::<#rust>(),
                move |mut caller: #root::generic::Caller<'_, B, T>, rep: u32| { #body },
            )?;
            #(#links)*
        })
    }

    /// The module of an exported interface.
    pub(crate) fn exported(&self, key: &WorldKey, id: InterfaceId) -> Result<TokenStream> {
        let root = &self.root;
        let scope = self.scope(key, id, Side::Export);
        let wit = self.resolve.name_world_key(key);
        let types = self.types(&scope, id)?;
        let interface = &self.resolve.interfaces[id];
        let docs = documented(&interface.docs, &interface.stability);
        if interface.functions.is_empty() {
            return Ok(quote!(#docs #(#types)*));
        }
        let guest = self.guest(id);
        let (mut fields, mut found) = (Vec::new(), Vec::new());
        for func in interface.functions.values() {
            let (field, ty) = (self.field(func), self.field_type(&scope, func)?);
            let name = format!("{wit}#{}", func.name);
            fields.push(quote!(#field: #ty));
            found.push(quote!(#field: instance.get_typed_func(&mut store, #name)?));
        }
        let calls = |of, funcs: TokenStream| {
            let functions = self.functions_of(id, of);
            let calls = functions.map(|func| self.calls(&scope, func, &funcs));
            calls.collect::<Result<Vec<_>>>()
        };
        let own = calls(None, quote!(self))?;
        let (mut getters, mut resources) = (Vec::new(), Vec::new());
        for (name, resource) in self.resources(id) {
            let rust = self.untaken(&format!("Guest{}", camel_part(name)));
            let getter = crate::names::snake(name);
            let about = format!(" The functions of the resource `{name}`.");
            let def = &self.resolve.types[resource];
            let docs = documented(&def.docs, &def.stability);
            let calls = calls(Some(resource), quote!(self.funcs))?;
            getters.push(quote! {
                #[doc = #about]
                pub fn #getter(&self) -> #rust<'_, B> {
                    #rust { funcs: self }
                }
            });
            resources.push(quote! {
                #docs
                #[derive(Debug)]
                pub struct #rust<'a, B: #root::Backend> {
                    funcs: &'a #guest<B>,
                }

                impl<B: #root::Backend> #rust<'_, B> {
                    #(#calls)*
                }
            });
        }
        let about = format!(" The functions of an instance that exports `{wit}`.");
        Ok(quote! {
            #docs
            #(#types)*

            #[doc = #about]
            #[derive(Debug)]
            pub struct #guest<B: #root::Backend> {
                #(#fields,)*
            }

            impl<B: #root::Backend> #guest<B> {
                /// Finds the functions, and checks their types.
                pub fn new(
                    mut store: impl #root::generic::AsContextMut<Backend = B>,
                    instance: &#root::generic::Instance<B>,
                ) -> #root::Result<Self> {
                    ::std::result::Result::Ok(#guest { #(#found,)* })
                }

                #(#getters)*
                #(#own)*
            }

            #(#resources)*
        })
    }

    /// The name of an exported interface's struct.
    pub(crate) fn guest(&self, id: InterfaceId) -> Ident {
        let types = &self.resolve.interfaces[id].types;
        self.free("Guest", types.keys().map(|name| camel(name)))
    }
}
