//! The engine-neutral implementations, for which the traits' crate has the
//! tools: layouts at compile time, and the flat and memory forms of the
//! canonical ABI.
//!
//! All names of an expansion's own are hygienic or start with `__`, so that no
//! field, type or function of the user's is in their way.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{Result, Type};

use crate::input::{Case, Field, Input, Shape};

/// What the methods' generic parameter is called.
fn context(span: Span) -> syn::Ident {
    syn::Ident::new("__Cx", span)
}

/// The layouts of these types.
fn layouts<'a>(
    root: &TokenStream,
    types: impl IntoIterator<Item = Option<&'a Type>>,
) -> TokenStream {
    let span = Span::mixed_site();
    let layouts = types.into_iter().map(|ty| match ty {
        Some(ty) => quote_spanned!(span=> <#ty as #root::abi::ComponentType>::LAYOUT),
        None => quote_spanned!(span=> #root::abi::record_abi(&[])),
    });
    quote_spanned!(span=> [#(#layouts),*])
}

fn field_layouts(root: &TokenStream, fields: &[Field]) -> TokenStream {
    layouts(root, fields.iter().map(|field| Some(&field.ty)))
}

fn case_layouts(root: &TokenStream, cases: &[Case]) -> TokenStream {
    layouts(root, cases.iter().map(|case| case.ty.as_ref()))
}

/// The discriminants of so many cases. More than `u32` counts cannot be written
/// down.
fn discriminants(cases: &[Case]) -> impl Iterator<Item = u32> {
    0..cases.len() as u32
}

/// `ComponentType`, and `Sealed`, which only the derive implements.
pub(crate) fn component_type(input: &Input) -> Result<TokenStream> {
    let span = Span::mixed_site();
    let Input { ident, root, .. } = input;
    let (layout, ty, parts) = match &input.shape {
        Shape::Record(fields) => {
            let layouts = field_layouts(root, fields);
            let names = fields.iter().map(|field| &field.name);
            let types: Vec<_> = fields.iter().map(|field| &field.ty).collect();
            let ty = quote_spanned! {span=>
                #root::Type::record([
                    #((#names, <#types as #root::abi::ComponentType>::component_type()),)*
                ])
            };
            (
                quote_spanned!(span=> #root::abi::record_abi(&#layouts)),
                ty,
                types,
            )
        }
        Shape::Variant(cases) => {
            let layouts = case_layouts(root, cases);
            let names = cases.iter().map(|case| &case.name);
            let types = cases.iter().map(|case| match &case.ty {
                Some(ty) => quote_spanned! {span=>
                    ::core::option::Option::Some(
                        <#ty as #root::abi::ComponentType>::component_type()
                    )
                },
                None => quote_spanned!(span=> ::core::option::Option::None),
            });
            let ty = quote_spanned!(span=> #root::Type::variant([#((#names, #types),)*]));
            (
                quote_spanned!(span=> #root::abi::variant_abi(&#layouts).abi),
                ty,
                cases.iter().filter_map(|case| case.ty.as_ref()).collect(),
            )
        }
        Shape::Enum(cases) => {
            let count = cases.len();
            let names = cases.iter().map(|case| &case.name);
            (
                quote_spanned!(span=> #root::abi::enum_abi(#count).abi),
                quote_spanned!(span=> #root::Type::enumeration([#(#names),*])),
                Vec::new(),
            )
        }
    };

    let (sealed, arguments, sealed_where) = input.generics.split_for_impl();
    let generics = input.bounded("ComponentType");
    let (generics, _, where_clause) = generics.split_for_impl();
    Ok(quote_spanned! {span=>
        #[automatically_derived]
        impl #sealed #root::Sealed for #ident #arguments #sealed_where {}

        #[automatically_derived]
        impl #generics #root::abi::ComponentType for #ident #arguments #where_clause {
            const LAYOUT: #root::abi::Abi = #layout;
            const HAS_HANDLES: bool =
                false #(|| <#parts as #root::abi::ComponentType>::HAS_HANDLES)*;
            const HAS_VIEWS: bool =
                false #(|| <#parts as #root::abi::ComponentType>::HAS_VIEWS)*;

            fn component_type() -> #root::Type {
                #ty
            }
        }
    })
}

/// `Lower`.
pub(crate) fn lower(input: &Input) -> Result<TokenStream> {
    let span = Span::mixed_site();
    let Input { ident, root, .. } = input;
    let cx = context(span);
    let (flat, memory) = match &input.shape {
        Shape::Record(fields) => lower_record(root, fields),
        Shape::Variant(cases) => lower_variant(root, cases),
        Shape::Enum(cases) => lower_enum(root, cases),
    };
    let handles = handles(root, &input.shape);
    let generics = input.bounded("Lower");
    let (generics, arguments, where_clause) = generics.split_for_impl();
    Ok(quote_spanned! {span=>
        #[automatically_derived]
        impl #generics #root::abi::Lower for #ident #arguments #where_clause {
            #[inline]
            fn lower_flat<#cx: #root::abi::LowerContext + ?::core::marker::Sized>(
                &self,
                cx: &mut #cx,
                ty: &#root::Type,
                dst: &mut #root::abi::FlatWriter<'_>,
            ) -> #root::Result<()> {
                #flat
            }

            #[inline]
            fn lower_memory<#cx: #root::abi::LowerContext + ?::core::marker::Sized>(
                &self,
                cx: &mut #cx,
                ty: &#root::Type,
                offset: usize,
            ) -> #root::Result<()> {
                #memory
            }

            #handles
        }
    })
}

/// Shows the handles of all parts that are there.
fn handles(root: &TokenStream, shape: &Shape) -> TokenStream {
    let span = Span::mixed_site();
    let see = |ty: &Type, part: TokenStream| quote_spanned!(span=> <#ty as #root::abi::Lower>::handles(#part, see)?;);
    let parts = match shape {
        Shape::Record(fields) => {
            let parts = fields
                .iter()
                .map(|Field { ident, ty, .. }| see(ty, quote_spanned!(span=> &self.#ident)));
            quote_spanned!(span=> #(#parts)*)
        }
        Shape::Variant(cases) => {
            let arms = cases.iter().map(|Case { ident, ty, .. }| match ty {
                Some(ty) => {
                    let see = see(ty, quote_spanned!(span=> value));
                    quote_spanned!(span=> Self::#ident(value) => { #see })
                }
                None => quote_spanned!(span=> Self::#ident => {}),
            });
            quote_spanned!(span=> match self { #(#arms)* })
        }
        Shape::Enum(_) => return TokenStream::new(),
    };
    quote_spanned! {span=>
        fn handles(&self, see: &mut #root::abi::See<'_>) -> #root::Result<()> {
            #parts
            ::core::result::Result::Ok(())
        }
    }
}

fn lower_record(root: &TokenStream, fields: &[Field]) -> (TokenStream, TokenStream) {
    let span = Span::mixed_site();
    let layouts = field_layouts(root, fields);
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let types: Vec<_> = fields.iter().map(|field| &field.ty).collect();
    let indices: Vec<_> = (0..fields.len()).collect();
    let flat = quote_spanned! {span=>
        #(<#types as #root::abi::Lower>::lower_flat(
            &self.#idents,
            cx,
            #root::abi::part_type::<#types>(ty, #indices),
            dst,
        )?;)*
        ::core::result::Result::Ok(())
    };
    let memory = quote_spanned! {span=>
        let at = const { #root::abi::record_offsets(#layouts) };
        #(<#types as #root::abi::Lower>::lower_memory(
            &self.#idents,
            cx,
            #root::abi::part_type::<#types>(ty, #indices),
            offset + at[#indices],
        )?;)*
        ::core::result::Result::Ok(())
    };
    (flat, memory)
}

fn lower_variant(root: &TokenStream, cases: &[Case]) -> (TokenStream, TokenStream) {
    let span = Span::mixed_site();
    let layouts = case_layouts(root, cases);
    let arms = |payload: fn(&TokenStream, &Type, usize) -> TokenStream, case: TokenStream| {
        let arms = cases.iter().zip(discriminants(cases)).enumerate();
        let arms = arms.map(
            move |(index, (Case { ident, ty, .. }, discriminant))| match ty {
                Some(ty) => {
                    let payload = payload(root, ty, index);
                    quote_spanned! {span=>
                        Self::#ident(value) => {
                            let case: u32 = #discriminant;
                            #case
                            #payload?;
                        }
                    }
                }
                None => quote_spanned! {span=>
                    Self::#ident => {
                        let case: u32 = #discriminant;
                        #case
                    }
                },
            },
        );
        quote_spanned!(span=> match self { #(#arms)* })
    };
    let flat = arms(
        |root, ty, index| {
            quote_spanned! {Span::mixed_site()=>
                <#ty as #root::abi::Lower>::lower_flat(
                    value,
                    cx,
                    #root::abi::part_type::<#ty>(ty, #index),
                    dst,
                )
            }
        },
        quote_spanned!(span=> dst.write(::core::convert::From::from(case));),
    );
    let flat = quote_spanned! {span=>
        let end = dst.written() + <Self as #root::abi::ComponentType>::LAYOUT.flat;
        #flat
        dst.pad_to(end);
        ::core::result::Result::Ok(())
    };
    let memory = arms(
        |root, ty, index| {
            quote_spanned! {Span::mixed_site()=>
                <#ty as #root::abi::Lower>::lower_memory(
                    value,
                    cx,
                    #root::abi::part_type::<#ty>(ty, #index),
                    offset + abi.payload,
                )
            }
        },
        quote_spanned!(span=> #root::abi::store_discriminant(cx, abi, offset, case);),
    );
    let memory = quote_spanned! {span=>
        let abi = const { #root::abi::variant_abi(&#layouts) };
        #memory
        ::core::result::Result::Ok(())
    };
    (flat, memory)
}

/// An expression of type `u32` for the discriminant of `self`.
pub(crate) fn case_of_self(cases: &[Case]) -> TokenStream {
    let span = Span::mixed_site();
    let idents = cases.iter().map(|case| &case.ident);
    let discriminants = discriminants(cases);
    quote_spanned!(span=> match self { #(Self::#idents => #discriminants,)* })
}

/// An expression of type `Option<Self>` for the case with this discriminant.
pub(crate) fn case_from(cases: &[Case], discriminant: &TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    let idents = cases.iter().map(|case| &case.ident);
    let discriminants = discriminants(cases);
    quote_spanned! {span=>
        match #discriminant {
            #(#discriminants => ::core::option::Option::Some(Self::#idents),)*
            _ => ::core::option::Option::None,
        }
    }
}

fn lower_enum(root: &TokenStream, cases: &[Case]) -> (TokenStream, TokenStream) {
    let span = Span::mixed_site();
    let count = cases.len();
    let case = case_of_self(cases);
    let flat = quote_spanned! {span=>
        let case: u32 = #case;
        dst.write(::core::convert::From::from(case));
        ::core::result::Result::Ok(())
    };
    let memory = quote_spanned! {span=>
        let case: u32 = #case;
        #root::abi::store_discriminant(cx, const { #root::abi::enum_abi(#count) }, offset, case);
        ::core::result::Result::Ok(())
    };
    (flat, memory)
}

/// `Lift`.
pub(crate) fn lift(input: &Input) -> Result<TokenStream> {
    input.check_lift()?;
    let span = Span::mixed_site();
    let Input { ident, root, .. } = input;
    let cx = context(span);
    let (flat, memory) = match &input.shape {
        Shape::Record(fields) => lift_record(root, fields),
        Shape::Variant(cases) => lift_variant(root, cases),
        Shape::Enum(cases) => lift_enum(root, cases),
    };
    let generics = input.bounded("Lift");
    let (generics, arguments, where_clause) = generics.split_for_impl();
    Ok(quote_spanned! {span=>
        #[automatically_derived]
        impl #generics #root::abi::Lift for #ident #arguments #where_clause {
            #[inline]
            fn lift_flat<#cx: #root::abi::LiftContext + ?::core::marker::Sized>(
                cx: &mut #cx,
                ty: &#root::Type,
                src: &mut #root::abi::FlatReader<'_>,
            ) -> #root::Result<Self> {
                #flat
            }

            #[inline]
            fn lift_memory<#cx: #root::abi::LiftContext + ?::core::marker::Sized>(
                cx: &mut #cx,
                ty: &#root::Type,
                offset: usize,
            ) -> #root::Result<Self> {
                #memory
            }
        }
    })
}

fn lift_record(root: &TokenStream, fields: &[Field]) -> (TokenStream, TokenStream) {
    let span = Span::mixed_site();
    let layouts = field_layouts(root, fields);
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let types: Vec<_> = fields.iter().map(|field| &field.ty).collect();
    let indices: Vec<_> = (0..fields.len()).collect();
    // Fields are evaluated in the order in which they are written.
    let flat = quote_spanned! {span=>
        ::core::result::Result::Ok(Self {
            #(#idents: <#types as #root::abi::Lift>::lift_flat(
                cx,
                #root::abi::part_type::<#types>(ty, #indices),
                src,
            )?,)*
        })
    };
    let memory = quote_spanned! {span=>
        let at = const { #root::abi::record_offsets(#layouts) };
        ::core::result::Result::Ok(Self {
            #(#idents: <#types as #root::abi::Lift>::lift_memory(
                cx,
                #root::abi::part_type::<#types>(ty, #indices),
                offset + at[#indices],
            )?,)*
        })
    };
    (flat, memory)
}

fn lift_variant(root: &TokenStream, cases: &[Case]) -> (TokenStream, TokenStream) {
    let span = Span::mixed_site();
    let layouts = case_layouts(root, cases);
    let count = cases.len() as u32;
    let arms = |payload: fn(&TokenStream, &Type, usize) -> TokenStream| {
        let arms = cases.iter().zip(discriminants(cases)).enumerate();
        arms.map(move |(index, (Case { ident, ty, .. }, discriminant))| {
            // The discriminant is checked already: the last case is the rest.
            let pattern = if index + 1 == cases.len() {
                quote_spanned!(span=> _)
            } else {
                quote_spanned!(span=> #discriminant)
            };
            match ty {
                Some(ty) => {
                    let payload = payload(root, ty, index);
                    quote_spanned!(span=> #pattern => Self::#ident(#payload?),)
                }
                None => quote_spanned!(span=> #pattern => Self::#ident,),
            }
        })
    };
    let flat = arms(|root, ty, index| {
        quote_spanned! {Span::mixed_site()=>
            <#ty as #root::abi::Lift>::lift_flat(
                cx,
                #root::abi::part_type::<#ty>(ty, #index),
                src,
            )
        }
    });
    let flat = quote_spanned! {span=>
        let end = src.position() + <Self as #root::abi::ComponentType>::LAYOUT.flat;
        let value = match #root::abi::lift_discriminant(src.read_u32(), #count)? {
            #(#flat)*
        };
        src.skip_to(end);
        ::core::result::Result::Ok(value)
    };
    let memory = arms(|root, ty, index| {
        quote_spanned! {Span::mixed_site()=>
            <#ty as #root::abi::Lift>::lift_memory(
                cx,
                #root::abi::part_type::<#ty>(ty, #index),
                offset + abi.payload,
            )
        }
    });
    let memory = quote_spanned! {span=>
        let abi = const { #root::abi::variant_abi(&#layouts) };
        ::core::result::Result::Ok(
            match #root::abi::load_discriminant(cx, abi, offset, #count)? {
                #(#memory)*
            }
        )
    };
    (flat, memory)
}

fn lift_enum(root: &TokenStream, cases: &[Case]) -> (TokenStream, TokenStream) {
    let span = Span::mixed_site();
    let count = cases.len();
    let cases_u32 = count as u32;
    let value = case_from(cases, &quote_spanned!(span=> case));
    let value = quote_spanned! {span=>
        ::core::option::Option::ok_or_else(
            #value,
            || #root::Error::trap(#root::TrapCode::InvalidDiscriminant),
        )
    };
    let flat = quote_spanned! {span=>
        let case = src.read_u32();
        #value
    };
    let memory = quote_spanned! {span=>
        let abi = const { #root::abi::enum_abi(#count) };
        let case = #root::abi::load_discriminant(cx, abi, offset, #cases_u32)?;
        #value
    };
    (flat, memory)
}
