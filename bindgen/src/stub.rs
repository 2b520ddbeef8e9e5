//! A host whose functions all fail.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use wit_parser::Function;

use crate::function::Signature;
use crate::interface::drop_of;
use crate::names::camel;
use crate::types::Scope;
use crate::world::{Generator, path_of};
use crate::{Error, Result};

impl Generator<'_> {
    /// The stub's implementation of a trait with these functions; for a resource's trait
    /// with its destructor.
    pub(crate) fn stub(
        &self,
        scope: &Scope,
        interface: Option<&str>,
        host: &Ident,
        functions: &[&Function],
        resource: Option<&str>,
    ) -> Result<TokenStream> {
        let Some((ty, fail)) = &self.options.stub else {
            return Ok(quote!());
        };
        if !self.options.trappable_imports {
            return Err(Error::new(
                "stubs need `trappable_imports`: they can only fail",
            ));
        }
        let (root, ty, fail) = (&self.root, path_of(ty)?, path_of(fail)?);
        let body = |is_async, func: &str, this: TokenStream| {
            let name = self.qualified(interface, func);
            let error = quote!(::std::result::Result::Err(#fail(#this, #name)));
            match is_async {
                false => error,
                true => quote!(::std::future::ready(#error)),
            }
        };
        let methods = functions.iter().map(|func| {
            let it = self.host_signature(scope, interface, func)?;
            let (head, bound) = (self.host_head(&it), it.bound());
            let (this, access) = match it.has_views {
                false => (quote!(self), quote!()),
                true => {
                    let access = it.access();
                    (quote!(#access.host()), quote!(let mut #access = #access;))
                }
            };
            let Signature { params, result, .. } = it;
            let is_async = self.is_async(interface, &func.name);
            let result = result.unwrap_or_else(|| quote!(()));
            let arrow = self.arrow(is_async, &quote!(#root::Result<#result>));
            let body = body(is_async, &func.name, this);
            Ok(quote! {
                #head #arrow #bound {
                    let _ = (#(#params,)*);
                    #access
                    #body
                }
            })
        });
        let methods = methods.collect::<Result<Vec<_>>>()?;
        let drop = resource.map(|resource| {
            let rust = camel(resource);
            let name = drop_of(resource);
            let is_async = self.is_async(interface, &name);
            let arrow = self.arrow(is_async, &quote!(#root::Result<()>));
            let done = match is_async {
                false => quote!(::std::result::Result::Ok(())),
                true => quote!(::std::future::ready(::std::result::Result::Ok(()))),
            };
            quote! {
                fn drop(&mut self, _: #root::Resource<#rust>) #arrow {
                    #done
                }
            }
        });
        Ok(quote! {
            impl #host for #ty {
                #(#methods)*
                #drop
            }
        })
    }
}
