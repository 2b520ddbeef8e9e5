//! Functions: what the embedder implements and links, and what it calls.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use wit_parser::{Function, FunctionKind, Type, TypeId};

use crate::names::{part, snake};
use crate::types::{Form, Scope, documented};
use crate::world::{Generator, path_of};
use crate::{Async, Error, Result};

/// A function as Rust has it.
pub(crate) struct Signature {
    pub(crate) name: Ident,
    pub(crate) docs: TokenStream,
    pub(crate) params: Vec<Ident>,
    pub(crate) types: Vec<TokenStream>,
    /// The types where no call is.
    statics: Vec<TokenStream>,
    pub(crate) result: Option<TokenStream>,
    /// Whether the host's function reads where the guest's memory is.
    pub(crate) has_views: bool,
}

impl Signature {
    fn results(&self) -> TokenStream {
        match &self.result {
            Some(ty) => quote!((#ty,)),
            None => quote!(()),
        }
    }

    fn result(&self) -> TokenStream {
        self.result.clone().unwrap_or_else(|| quote!(()))
    }

    /// The name of the parameter that is in the place of `self`.
    pub(crate) fn access(&self) -> Ident {
        match self.params.iter().any(|param| param == "access") {
            true => format_ident!("access_"),
            false => format_ident!("access"),
        }
    }

    /// What a method asks of its trait's implementation.
    pub(crate) fn bound(&self) -> TokenStream {
        match self.has_views {
            false => quote!(),
            true => quote!(where Self: ::std::marker::Sized + 'static),
        }
    }
}

/// Whether names in the options have this one.
fn is_named(names: &[String], name: &str) -> bool {
    names.iter().any(|it| crate::world::is_same_name(it, name))
}

/// For which stores functions are defined that are asynchronous on the host's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// They suspend the guest.
    Suspending,
    /// They hold the thread.
    Blocking,
}

impl Mode {
    /// The name of the function that defines them.
    pub(crate) fn linker_function(self) -> Ident {
        match self {
            Mode::Suspending => format_ident!("add_to_linker"),
            Mode::Blocking => format_ident!("add_to_linker_blocking"),
        }
    }
}

/// The resource that a function is of.
pub(crate) fn resource_of(func: &Function) -> Option<TypeId> {
    match func.kind {
        FunctionKind::Freestanding | FunctionKind::AsyncFreestanding => None,
        FunctionKind::Method(id)
        | FunctionKind::AsyncMethod(id)
        | FunctionKind::Static(id)
        | FunctionKind::AsyncStatic(id)
        | FunctionKind::Constructor(id) => Some(id),
    }
}

impl Generator<'_> {
    pub(crate) fn signature(
        &self,
        scope: &Scope,
        func: &Function,
        form: Form,
    ) -> Result<Signature> {
        if let FunctionKind::AsyncFreestanding
        | FunctionKind::AsyncMethod(_)
        | FunctionKind::AsyncStatic(_) = func.kind
        {
            return Err(Error::new(format!(
                "there are no bindings for the asynchronous function `{}`",
                func.name
            )));
        }
        let name = match func.kind {
            FunctionKind::Constructor(_) if form == Form::Owned => snake("new"),
            _ => snake(func.item_name()),
        };
        let types = |form| {
            let types = func
                .params
                .iter()
                .map(|param| self.ty(scope, &param.ty, form));
            types.collect::<Result<Vec<_>>>()
        };
        let result = |ty: &Type| self.ty(scope, ty, Form::Owned);
        Ok(Signature {
            name,
            docs: documented(&func.docs, &func.stability),
            params: func.params.iter().map(|param| snake(&param.name)).collect(),
            types: types(form)?,
            statics: match form {
                Form::Owned => Vec::new(),
                _ => types(Form::Static)?,
            },
            result: func.result.as_ref().map(result).transpose()?,
            has_views: false,
        })
    }

    /// A function as the host has it.
    pub(crate) fn host_signature(
        &self,
        scope: &Scope,
        interface: Option<&str>,
        func: &Function,
    ) -> Result<Signature> {
        let mut it = self.signature(scope, func, Form::Owned)?;
        let name = self.qualified(interface, &func.name);
        if !is_named(&self.options.views, &name) {
            return Ok(it);
        }
        for (ty, param) in it.types.iter_mut().zip(&func.params) {
            if let Some(view) = self.view(scope, &param.ty)? {
                *ty = view;
                it.has_views = true;
            }
        }
        if !it.has_views {
            return Err(Error::new(format!(
                "`{name}` is to read lists in place, and has no parameter that is a list \
                 without handles"
            )));
        }
        if self.options.blocking.is_some() && self.is_async(interface, &func.name) {
            return Err(Error::new(format!(
                "`{name}` cannot read lists in place: it is waited for without the store"
            )));
        }
        Ok(it)
    }

    /// The beginning of a method that the embedder implements.
    pub(crate) fn host_head(&self, it: &Signature) -> TokenStream {
        let Signature {
            name,
            params,
            types,
            has_views,
            ..
        } = it;
        match has_views {
            false => quote!(fn #name(&mut self, #(#params: #types),*)),
            true => {
                let (root, access) = (&self.root, it.access());
                quote! {
                    fn #name<B: #root::Backend, T: ::std::marker::Send + 'static>(
                        #access: #root::Access<'_, B, T, Self>,
                        #(#params: #types),*
                    )
                }
            }
        }
    }

    /// Whether an imported function is asynchronous on the host's side.
    pub(crate) fn is_async(&self, interface: Option<&str>, func: &str) -> bool {
        match &self.options.asynchronous {
            Async::None => false,
            Async::All => true,
            Async::Only(names) => is_named(names, &self.qualified(interface, func)),
        }
    }

    /// The method of a trait that the embedder implements.
    pub(crate) fn host_method(
        &self,
        scope: &Scope,
        interface: Option<&str>,
        func: &Function,
    ) -> Result<TokenStream> {
        let it = self.host_signature(scope, interface, func)?;
        let (docs, head, bound) = (&it.docs, self.host_head(&it), it.bound());
        let mut result = it.result();
        if self.options.trappable_imports {
            let root = &self.root;
            result = quote!(#root::Result<#result>);
        }
        let arrow = match (self.is_async(interface, &func.name), &it.result) {
            (false, None) if !self.options.trappable_imports => quote!(),
            (is_async, _) => self.arrow(is_async, &result),
        };
        Ok(quote! {
            #docs
            #head #arrow #bound;
        })
    }

    /// What a method of the embedder's gives: a result, or a future of it.
    pub(crate) fn arrow(&self, is_async: bool, result: &TokenStream) -> TokenStream {
        match is_async {
            true => {
                // What is waited for without the store may hold nothing of it.
                let detached = self.options.blocking.as_ref().map(|_| quote!(+ 'static));
                quote!(
                    -> impl ::std::future::Future<Output = #result>
                        + ::std::marker::Send #detached
                )
            }
            false => quote!(-> #result),
        }
    }

    /// The definition of a host function in a linker's `instance`.
    pub(crate) fn link(
        &self,
        scope: &Scope,
        interface: Option<&str>,
        host: &Ident,
        func: &Function,
        mode: Mode,
    ) -> Result<TokenStream> {
        let it = self.host_signature(scope, interface, func)?;
        let Signature {
            name,
            params,
            types,
            ..
        } = &it;
        let root = &self.root;
        let wit = &func.name;
        // Whatever a parameter is called, it is not one of these.
        let args: Vec<Ident> = (0..params.len())
            .map(|at| format_ident!("arg{at}"))
            .collect();
        let is_async = self.is_async(interface, wit);
        let check = self.check(scope, interface, func, &args)?;
        let this = match it.has_views {
            false => quote!(get(caller.data_mut())),
            true => quote! {
                #root::Access::new(
                    #root::AsContextMut::as_context_mut(&mut caller),
                    &get,
                )
            },
        };
        let mut call = quote!(#host::#name(#this, #(#args),*));
        let suspends = is_async && mode == Mode::Suspending;
        if suspends {
            call = quote!(#call.await);
        } else if is_async {
            call = self.wait(&call)?;
        }
        if self.options.trappable_imports {
            call = quote!(#call?);
        }
        let body = match it.result {
            Some(_) => quote!(#check ::std::result::Result::Ok((#call,))),
            None => quote!(#check #call; ::std::result::Result::Ok(())),
        };
        let head = quote!(
            move |mut caller: #root::generic::Caller<'_, B, T>, (#(#args,)*): (#(#types,)*)|
        );
        let define = self.linker_method(if suspends {
            "func_wrap_async"
        } else {
            "func_wrap"
        });
        Ok(match suspends {
            false => quote!(instance.#define(#wit, #head { #body })?;),
            true => quote! {
                instance.#define(#wit, #head {
                    #root::HostFuture::new(async move { #body })
                })?;
            },
        })
    }

    /// The method of a linker's instance that defines something.
    pub(crate) fn linker_method(&self, method: &str) -> Ident {
        match self.options.boxed {
            true => format_ident!("{method}_boxed"),
            false => format_ident!("{method}"),
        }
    }

    /// Waits for a future of the host's in a synchronous store.
    pub(crate) fn wait(&self, future: &TokenStream) -> Result<TokenStream> {
        let function = self.options.blocking.as_deref().unwrap_or_default();
        let function = path_of(function)?;
        Ok(quote!({
            let future = #future;
            #function(&mut caller, future)?
        }))
    }

    /// The field that holds an exported function.
    pub(crate) fn field(&self, func: &Function) -> Ident {
        let name = func.name.replace(['[', ']', '.'], "-");
        format_ident!("func_{}", part(&name))
    }

    pub(crate) fn field_type(&self, scope: &Scope, func: &Function) -> Result<TokenStream> {
        let it = self.signature(scope, func, Form::Borrowed)?;
        let (root, statics, results) = (&self.root, &it.statics, it.results());
        Ok(quote!(#root::generic::TypedFunc<B, (#(#statics,)*), #results>))
    }

    /// The methods that call an exported function, of which `funcs` is the holder.
    pub(crate) fn calls(
        &self,
        scope: &Scope,
        func: &Function,
        funcs: &TokenStream,
    ) -> Result<TokenStream> {
        let it = self.signature(scope, func, Form::Borrowed)?;
        let Signature {
            docs,
            params,
            types,
            ..
        } = &it;
        let (root, result, field) = (&self.root, it.result(), self.field(func));
        let name = part(func.item_name());
        let (call, call_async) = (
            format_ident!("call_{name}"),
            format_ident!("call_{name}_async"),
        );
        let about_async = format!(" As [`Self::{call}`], in an asynchronous store.");
        // A parameter may have any name but this.
        let store = match params.iter().any(|param| param == "store") {
            true => format_ident!("store_"),
            false => format_ident!("store"),
        };
        let body = |call: TokenStream| match it.result {
            Some(_) => quote! {
                let (result,) = #call?;
                ::std::result::Result::Ok(result)
            },
            None => call,
        };
        let direct = body(quote!(#funcs.#field.call(#store, (#(#params,)*))));
        let awaited = body(quote!(#funcs.#field.call_async(#store, (#(#params,)*)).await));
        Ok(quote! {
            #docs
            pub fn #call(
                &self,
                #store: impl #root::generic::AsContextMut<Backend = B>,
                #(#params: #types),*
            ) -> #root::Result<#result> {
                #direct
            }

            #[doc = #about_async]
            pub async fn #call_async(
                &self,
                #store: impl #root::generic::AsContextMut<Backend = B> + ::std::marker::Send,
                #(#params: #types),*
            ) -> #root::Result<#result> {
                #awaited
            }
        })
    }
}
