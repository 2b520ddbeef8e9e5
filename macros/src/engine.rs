//! The implementations of Wasmtime's own traits, which that backend's typed
//! calls use. They are part of an expansion in each build of a user's crate and
//! dropped by `__private::if_wasmtime!` in those without the engine, so that
//! users never see the feature.
//!
//! For records and variants they are what Wasmtime's derives write: a derive
//! only needs to be shown a type, and names it by the name that it has there.
//! It is shown a copy of the user's type under the name of an alias of that
//! type, and the copy is then erased:
//!
//! ```text
//! type __Type<__T> = Person<__T>;
//! #[derive(wasmtime::component::Lower)]
//! #[component(record)]
//! #[erase]
//! struct __Type<__T> { #[component(name = "full-name")] full_name: __T }
//! ```
//!
//! Such a type is lifted and lowered by the same code as one with Wasmtime's
//! derive. Nothing that the derives write for records and variants depends on
//! how a type is laid out in the host's memory. For enums they do, they ask for
//! a `repr` and reinterpret a number as the enum, so enums have an
//! implementation of their own here.

use std::collections::HashSet;

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::{GenericParam, Result};

use crate::input::{Case, Input, Shape};
use crate::neutral::{case_from, case_of_self};

/// Implementations of Wasmtime's traits, to be dropped where the engine is not
/// built in.
pub(crate) fn guarded(root: &TokenStream, implementations: TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    quote_spanned! {span=>
        #root::if_wasmtime! {
            const _: () = {
                #implementations
            };
        }
    }
}

/// Wasmtime's `ComponentType`.
pub(crate) fn component_type(input: &Input) -> Result<TokenStream> {
    Ok(match &input.shape {
        Shape::Enum(cases) => enum_component_type(input, cases),
        _ => derived(input, "ComponentType"),
    })
}

/// Wasmtime's `Lower`.
pub(crate) fn lower(input: &Input) -> Result<TokenStream> {
    Ok(match &input.shape {
        Shape::Enum(cases) => enum_lower(input, cases),
        _ => derived(input, "Lower"),
    })
}

/// Wasmtime's `Lift`.
pub(crate) fn lift(input: &Input) -> Result<TokenStream> {
    input.check_lift()?;
    Ok(match &input.shape {
        Shape::Enum(cases) => enum_lift(input, cases),
        _ => derived(input, "Lift"),
    })
}

/// One of Wasmtime's derives, applied to a record or variant.
fn derived(input: &Input, tr: &str) -> TokenStream {
    let span = Span::mixed_site();
    let Input { ident, root, .. } = input;
    let tr = Ident::new(tr, span);
    // Wasmtime's methods have type parameters, with which those of a type must
    // not collide.
    let type_params = input.generics.type_params();
    let type_params: HashSet<_> = type_params.map(|param| param.ident.clone()).collect();
    let hide = |tokens: &dyn ToTokens| hide(tokens.to_token_stream(), &type_params);

    let params = hide(&input.generics.params);
    let where_clause = hide(&input.generics.where_clause);
    let arguments = input.arguments();
    let arguments = arguments.iter().map(|argument| hide(argument));
    let alias_params = input.generics.params.iter().map(|param| match param {
        GenericParam::Lifetime(param) => hide(&param.lifetime),
        GenericParam::Type(param) => hide(&param.ident),
        GenericParam::Const(param) => {
            let (ident, ty) = (&param.ident, &param.ty);
            quote_spanned!(span=> const #ident: #ty)
        }
    });

    let (style, copy) = match &input.shape {
        Shape::Record(fields) => {
            let fields = fields.iter().map(|field| {
                let (ident, name, ty) = (&field.ident, &field.name, hide(&field.ty));
                quote_spanned!(span=> #[component(name = #name)] #ident: #ty)
            });
            let copy = quote_spanned! {span=>
                struct __Type<#params> #where_clause { #(#fields),* }
            };
            (quote_spanned!(span=> record), copy)
        }
        Shape::Variant(cases) | Shape::Enum(cases) => {
            let cases = cases.iter().map(|case| {
                let (ident, name) = (&case.ident, &case.name);
                let payload = case.ty.as_ref().map(|ty| {
                    let ty = hide(ty);
                    quote_spanned!(span=> (#ty))
                });
                quote_spanned!(span=> #[component(name = #name)] #ident #payload)
            });
            let copy = quote_spanned! {span=>
                enum __Type<#params> #where_clause { #(#cases),* }
            };
            (quote_spanned!(span=> variant), copy)
        }
    };
    quote_spanned! {span=>
        // The derive for variants calls the trait's methods by their name only.
        #[allow(unused_imports)]
        use #root::wasmtime::component::Lower as _;

        type __Type<#(#alias_params),*> = #ident<#(#arguments),*>;

        #[derive(#root::wasmtime::component::#tr)]
        #[component(#style)]
        #[component(wasmtime_crate = #root::wasmtime)]
        #[#root::erase]
        #copy
    }
}

/// The tokens with `__` before each of these type parameters.
fn hide(tokens: TokenStream, params: &HashSet<Ident>) -> TokenStream {
    // Whether the next identifier is no parameter's: the segment of a path
    // after `::`, or a lifetime after `'`.
    let (mut colons, mut other) = (0, false);
    let hidden = tokens.into_iter().map(|tree| {
        let is_param = !other;
        (colons, other) = match &tree {
            TokenTree::Punct(punct) if punct.as_char() == ':' => (colons + 1, colons == 1),
            TokenTree::Punct(punct) if punct.as_char() == '\'' => (0, true),
            _ => (0, false),
        };
        match tree {
            TokenTree::Ident(ident) if is_param && params.contains(&ident) => {
                format_ident!("__{}", ident, span = ident.span()).into()
            }
            TokenTree::Group(group) => {
                let mut hidden = Group::new(group.delimiter(), hide(group.stream(), params));
                hidden.set_span(group.span());
                hidden.into()
            }
            tree => tree,
        }
    });
    hidden.collect()
}

/// The unsigned integer that an enum's discriminant is in memory, and its size.
fn discriminant(cases: &[Case]) -> (Ident, usize) {
    let (ty, size) = match cases.len() {
        0..=0x100 => ("u8", 1),
        0x101..=0x1_0000 => ("u16", 2),
        _ => ("u32", 4),
    };
    (Ident::new(ty, Span::mixed_site()), size)
}

fn enum_component_type(input: &Input, cases: &[Case]) -> TokenStream {
    let span = Span::mixed_site();
    let Input { ident, root, .. } = input;
    let (generics, arguments, where_clause) = input.generics.split_for_impl();
    let internal = quote_spanned!(span=> #root::wasmtime::component::__internal);
    let count = cases.len();
    let names = cases.iter().map(|case| &case.name);
    quote_spanned! {span=>
        // SAFETY: an enum has one flat value, and the size and alignment that
        // Wasmtime itself computes for so many cases.
        #[automatically_derived]
        unsafe impl #generics #root::wasmtime::component::ComponentType
            for #ident #arguments #where_clause
        {
            type Lower = #root::wasmtime::ValRaw;

            const ABI: #internal::CanonicalAbiInfo = #internal::CanonicalAbiInfo::enum_(#count);
            const MAY_REQUIRE_REALLOC: bool = false;

            fn typecheck(
                ty: &#internal::InterfaceType,
                types: &#internal::InstanceType<'_>,
            ) -> #root::wasmtime::Result<()> {
                #internal::typecheck_enum(ty, types, &[#(#names),*])
            }
        }
    }
}

fn enum_lower(input: &Input, cases: &[Case]) -> TokenStream {
    let span = Span::mixed_site();
    let Input { ident, root, .. } = input;
    let (generics, arguments, where_clause) = input.generics.split_for_impl();
    let internal = quote_spanned!(span=> #root::wasmtime::component::__internal);
    let (int, size) = discriminant(cases);
    let case = case_of_self(cases);
    quote_spanned! {span=>
        // SAFETY: `dst` is initialized on success, and `offset` is written as
        // far as the discriminant is wide.
        #[automatically_derived]
        unsafe impl #generics #root::wasmtime::component::Lower
            for #ident #arguments #where_clause
        {
            #[inline]
            fn linear_lower_to_flat<__Data>(
                &self,
                cx: &mut #internal::LowerContext<'_, __Data>,
                ty: #internal::InterfaceType,
                dst: &mut ::core::mem::MaybeUninit<Self::Lower>,
            ) -> #root::wasmtime::Result<()> {
                let case: u32 = #case;
                dst.write(#root::wasmtime::ValRaw::u32(case));
                ::core::result::Result::Ok(())
            }

            #[inline]
            fn linear_lower_to_memory<__Data>(
                &self,
                cx: &mut #internal::LowerContext<'_, __Data>,
                ty: #internal::InterfaceType,
                offset: usize,
            ) -> #root::wasmtime::Result<()> {
                let case: u32 = #case;
                *cx.get::<#size>(offset) = (case as #int).to_le_bytes();
                ::core::result::Result::Ok(())
            }
        }
    }
}

fn enum_lift(input: &Input, cases: &[Case]) -> TokenStream {
    let span = Span::mixed_site();
    let Input { ident, root, .. } = input;
    let (generics, arguments, where_clause) = input.generics.split_for_impl();
    let internal = quote_spanned!(span=> #root::wasmtime::component::__internal);
    let (int, size) = discriminant(cases);
    let value = case_from(cases, &quote_spanned!(span=> case));
    // The message is Wasmtime's.
    let value = quote_spanned! {span=>
        match #value {
            ::core::option::Option::Some(value) => ::core::result::Result::Ok(value),
            ::core::option::Option::None => {
                #root::wasmtime::bail!("unexpected discriminant: {}", case)
            }
        }
    };
    quote_spanned! {span=>
        // SAFETY: what is read is checked before it becomes a case.
        #[automatically_derived]
        unsafe impl #generics #root::wasmtime::component::Lift
            for #ident #arguments #where_clause
        {
            #[inline]
            fn linear_lift_from_flat(
                cx: &mut #internal::LiftContext<'_>,
                ty: #internal::InterfaceType,
                src: &Self::Lower,
            ) -> #root::wasmtime::Result<Self> {
                let case = src.get_u32();
                #value
            }

            #[inline]
            fn linear_lift_from_memory(
                cx: &mut #internal::LiftContext<'_>,
                ty: #internal::InterfaceType,
                bytes: &[u8],
            ) -> #root::wasmtime::Result<Self> {
                let ::core::option::Option::Some(bytes) = bytes.first_chunk::<#size>() else {
                    #root::wasmtime::bail!("too few bytes for an enum")
                };
                let case: u32 = #int::from_le_bytes(*bytes) as u32;
                #value
            }
        }
    }
}
