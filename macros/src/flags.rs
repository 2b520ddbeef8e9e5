//! `flags!`: a struct of bits with a constant for each name.
//!
//! The bits are kept in the words that the canonical ABI has for so many names:
//! one of 8 or 16 bits, or as many of 32 as it takes. Bits without a name are
//! never set.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Ident, LitStr, Meta, Path, Result, Token, Visibility, braced, token};

use crate::engine;
use crate::name::Names;
use crate::path;

/// The input of the macro.
pub(crate) struct Flags {
    attrs: Vec<Attribute>,
    vis: Visibility,
    ident: Ident,
    root: TokenStream,
    flags: Vec<Flag>,
}

struct Flag {
    attrs: Vec<Attribute>,
    ident: Ident,
    name: LitStr,
}

impl Parse for Flags {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (options, attrs) = split(input.call(Attribute::parse_outer)?);
        let vis = input.parse()?;
        if let Ok(keyword) = input.parse::<Token![struct]>() {
            return Err(Error::new(
                keyword.span,
                "write the type's name without `struct`",
            ));
        }
        let ident: Ident = input.parse()?;
        let content;
        let brace: token::Brace = braced!(content in input);
        let mut names = Names::default();
        let mut flags = Vec::new();
        while !content.is_empty() {
            let (options, attrs) = split(content.call(Attribute::parse_outer)?);
            content.parse::<Token![const]>()?;
            let ident: Ident = content.parse()?;
            let name = names.add(&options, &ident)?;
            flags.push(Flag { attrs, ident, name });
            if !content.is_empty() {
                content.parse::<Token![;]>()?;
            }
        }
        if flags.is_empty() {
            return Err(Error::new(
                brace.span.join(),
                "flags have at least one name",
            ));
        }
        Ok(Flags {
            attrs,
            vis,
            ident,
            root: path::root(crate_option(&options)?.as_ref()),
            flags,
        })
    }
}

/// Attributes of ours, and those that are passed on.
fn split(attrs: Vec<Attribute>) -> (Vec<Attribute>, Vec<Attribute>) {
    attrs
        .into_iter()
        .partition(|attr| attr.path().is_ident("component"))
}

fn crate_option(attrs: &[Attribute]) -> Result<Option<Path>> {
    let mut path = None;
    for attr in attrs {
        attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("unknown option: expected `crate = path`"));
            }
            path = Some(meta.value()?.call(Path::parse_mod_style)?);
            Ok(())
        })?;
    }
    Ok(path)
}

/// How the bits are stored: words of this type and size, so many of them.
struct Words {
    ty: Ident,
    size: usize,
    count: usize,
}

impl Words {
    fn new(flags: usize) -> Self {
        let (ty, size, count) = match flags {
            0..=8 => ("u8", 1, 1),
            9..=16 => ("u16", 2, 1),
            _ => ("u32", 4, flags.div_ceil(32)),
        };
        Words {
            ty: Ident::new(ty, Span::mixed_site()),
            size,
            count,
        }
    }

    /// The words of a value, as a list of literals.
    fn literals(&self, bits: impl Fn(usize) -> u32) -> impl Iterator<Item = Literal> {
        (0..self.count).map(move |word| Literal::u32_unsuffixed(bits(word)))
    }
}

pub(crate) fn expand(flags: &Flags) -> TokenStream {
    let words = Words::new(flags.flags.len());
    let mut tokens = definition(flags, &words);
    tokens.extend(operators(flags));
    tokens.extend(neutral(flags, &words));
    tokens.extend(engine::guarded(&flags.root, wasmtime(flags, &words)));
    tokens
}

fn definition(flags: &Flags, words: &Words) -> TokenStream {
    let span = Span::mixed_site();
    let Flags {
        attrs, vis, ident, ..
    } = flags;
    let Words { ty, count, .. } = words;

    let constants = flags.flags.iter().enumerate().map(|(index, flag)| {
        let Flag { attrs, ident, name } = flag;
        // A name is its own description where there is no other.
        let is_doc = |attr: &Attribute| matches!(&attr.meta, Meta::NameValue(meta) if meta.path.is_ident("doc"));
        let doc = (!attrs.iter().any(is_doc)).then(|| {
            let doc = format!("`{}`", name.value());
            quote_spanned!(span=> #[doc = #doc])
        });
        let bits = words.literals(|word| if word == index / 32 { 1 << (index % 32) } else { 0 });
        quote_spanned! {span=>
            #(#attrs)*
            #doc
            pub const #ident: Self = Self { bits: [#(#bits),*] };
        }
    });
    let total = flags.flags.len();
    let all: Vec<_> = words
        .literals(|word| match total - word * 32 {
            rest @ 0..32 => (1 << rest) - 1,
            _ => u32::MAX,
        })
        .collect();

    let idents = flags.flags.iter().map(|flag| &flag.ident);
    let rust_names = flags.flags.iter().map(|flag| flag.ident.to_string());
    let debug_name = ident.to_string();
    quote_spanned! {span=>
        #(#attrs)*
        #[derive(
            ::core::clone::Clone,
            ::core::marker::Copy,
            ::core::cmp::PartialEq,
            ::core::cmp::Eq,
            ::core::hash::Hash,
            ::core::default::Default,
        )]
        #vis struct #ident {
            bits: [#ty; #count],
        }

        #[allow(dead_code)]
        impl #ident {
            #(#constants)*

            /// No flag.
            #[inline]
            pub const fn empty() -> Self {
                Self { bits: [0; #count] }
            }

            /// Each flag.
            #[inline]
            pub const fn all() -> Self {
                Self { bits: [#(#all),*] }
            }

            /// Whether no flag is set.
            #[inline]
            pub const fn is_empty(&self) -> bool {
                !self.intersects(Self::all())
            }

            /// Whether each flag of `other` is set.
            #[inline]
            pub const fn contains(&self, other: Self) -> bool {
                let mut word = 0;
                while word < #count {
                    if other.bits[word] & !self.bits[word] != 0 {
                        return false;
                    }
                    word += 1;
                }
                true
            }

            /// Whether any flag of `other` is set.
            #[inline]
            pub const fn intersects(&self, other: Self) -> bool {
                let mut word = 0;
                while word < #count {
                    if other.bits[word] & self.bits[word] != 0 {
                        return true;
                    }
                    word += 1;
                }
                false
            }

            /// The flags of either, also in constants.
            #[inline]
            #[must_use]
            pub const fn union(mut self, other: Self) -> Self {
                let mut word = 0;
                while word < #count {
                    self.bits[word] |= other.bits[word];
                    word += 1;
                }
                self
            }

            /// Sets the flags of `other`.
            #[inline]
            pub const fn insert(&mut self, other: Self) {
                *self = self.union(other);
            }

            /// Clears the flags of `other`.
            #[inline]
            pub const fn remove(&mut self, other: Self) {
                let mut word = 0;
                while word < #count {
                    self.bits[word] &= !other.bits[word];
                    word += 1;
                }
            }

            /// The bits, the first name's in the lowest of the first word.
            #[inline]
            pub const fn bits(&self) -> [u32; #count] {
                let mut bits = [0; #count];
                let mut word = 0;
                while word < #count {
                    bits[word] = self.bits[word] as u32;
                    word += 1;
                }
                bits
            }

            /// The flags with these bits. Bits without a name are dropped.
            #[inline]
            pub const fn from_bits_truncate(bits: [u32; #count]) -> Self {
                let mut value = Self::all();
                let mut word = 0;
                while word < #count {
                    value.bits[word] &= bits[word] as #ty;
                    word += 1;
                }
                value
            }
        }

        /// The type's name and the constants of the flags that are set.
        #[automatically_derived]
        impl ::core::fmt::Debug for #ident {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let all: [(Self, &str); #total] = [#((Self::#idents, #rust_names)),*];
                f.write_str(#debug_name)?;
                f.write_str("(")?;
                let mut separator = "";
                for (flag, name) in all {
                    if self.contains(flag) {
                        f.write_str(separator)?;
                        f.write_str(name)?;
                        separator = " | ";
                    }
                }
                f.write_str(")")
            }
        }
    }
}

fn operators(flags: &Flags) -> TokenStream {
    let span = Span::mixed_site();
    let ident = &flags.ident;
    let operators = [
        ("BitOr", "bitor", quote!(|=)),
        ("BitAnd", "bitand", quote!(&=)),
        ("BitXor", "bitxor", quote!(^=)),
        ("Sub", "sub", quote!(&= !)),
    ];
    let operators = operators.map(|(tr, method, op)| {
        let (assign, assign_method) = (
            format_ident!("{tr}Assign", span = span),
            format_ident!("{method}_assign", span = span),
        );
        let (tr, method) = (Ident::new(tr, span), Ident::new(method, span));
        quote_spanned! {span=>
            #[automatically_derived]
            impl ::core::ops::#assign for #ident {
                #[inline]
                fn #assign_method(&mut self, other: Self) {
                    for (to, from) in self.bits.iter_mut().zip(other.bits) {
                        *to #op from;
                    }
                }
            }

            #[automatically_derived]
            impl ::core::ops::#tr for #ident {
                type Output = Self;

                #[inline]
                fn #method(mut self, other: Self) -> Self {
                    ::core::ops::#assign::#assign_method(&mut self, other);
                    self
                }
            }
        }
    });
    quote_spanned! {span=>
        #(#operators)*

        #[automatically_derived]
        impl ::core::ops::Not for #ident {
            type Output = Self;

            #[inline]
            fn not(self) -> Self {
                Self::all() - self
            }
        }
    }
}

fn neutral(flags: &Flags, words: &Words) -> TokenStream {
    let span = Span::mixed_site();
    let Flags { ident, root, .. } = flags;
    let Words { ty, size, count } = words;
    let total = flags.flags.len();
    let names = flags.flags.iter().map(|flag| &flag.name);
    quote_spanned! {span=>
        #[automatically_derived]
        impl #root::Sealed for #ident {}

        #[automatically_derived]
        impl #root::abi::ComponentType for #ident {
            const LAYOUT: #root::abi::Abi = #root::abi::flags_layout(#total);

            fn component_type() -> #root::Type {
                #root::Type::flags([#(#names),*])
            }
        }

        #[automatically_derived]
        impl #root::abi::Lower for #ident {
            #[inline]
            fn lower_flat<__Cx: #root::abi::LowerContext + ?::core::marker::Sized>(
                &self,
                cx: &mut __Cx,
                ty: &#root::Type,
                dst: &mut #root::abi::FlatWriter<'_>,
            ) -> #root::Result<()> {
                for word in self.bits() {
                    <u32 as #root::abi::Lower>::lower_flat(&word, cx, ty, dst)?;
                }
                ::core::result::Result::Ok(())
            }

            #[inline]
            fn lower_memory<__Cx: #root::abi::LowerContext + ?::core::marker::Sized>(
                &self,
                cx: &mut __Cx,
                ty: &#root::Type,
                offset: usize,
            ) -> #root::Result<()> {
                for (index, word) in self.bits.iter().enumerate() {
                    <#ty as #root::abi::Lower>::lower_memory(word, cx, ty, offset + index * #size)?;
                }
                ::core::result::Result::Ok(())
            }
        }

        #[automatically_derived]
        impl #root::abi::Lift for #ident {
            #[inline]
            fn lift_flat<__Cx: #root::abi::LiftContext + ?::core::marker::Sized>(
                cx: &mut __Cx,
                ty: &#root::Type,
                src: &mut #root::abi::FlatReader<'_>,
            ) -> #root::Result<Self> {
                let mut bits = [0; #count];
                for word in &mut bits {
                    *word = src.read_u32();
                }
                ::core::result::Result::Ok(Self::from_bits_truncate(bits))
            }

            #[inline]
            fn lift_memory<__Cx: #root::abi::LiftContext + ?::core::marker::Sized>(
                cx: &mut __Cx,
                ty: &#root::Type,
                offset: usize,
            ) -> #root::Result<Self> {
                let mut value = Self::all();
                for (index, word) in value.bits.iter_mut().enumerate() {
                    *word &= <#ty as #root::abi::Lift>::lift_memory(cx, ty, offset + index * #size)?;
                }
                ::core::result::Result::Ok(value)
            }
        }
    }
}

fn wasmtime(flags: &Flags, words: &Words) -> TokenStream {
    let span = Span::mixed_site();
    let Flags { ident, root, .. } = flags;
    let Words { ty, size, count } = words;
    let internal = quote_spanned!(span=> #root::wasmtime::component::__internal);
    let total = flags.flags.len();
    let names = flags.flags.iter().map(|flag| &flag.name);
    quote_spanned! {span=>
        // SAFETY: flags have a flat value for each word, and the size and
        // alignment that Wasmtime itself computes for so many names.
        #[automatically_derived]
        unsafe impl #root::wasmtime::component::ComponentType for #ident {
            type Lower = [#root::wasmtime::ValRaw; #count];

            const ABI: #internal::CanonicalAbiInfo = #internal::CanonicalAbiInfo::flags(#total);
            const MAY_REQUIRE_REALLOC: bool = false;

            fn typecheck(
                ty: &#internal::InterfaceType,
                types: &#internal::InstanceType<'_>,
            ) -> #root::wasmtime::Result<()> {
                #internal::typecheck_flags(ty, types, &[#(#names),*])
            }
        }

        // SAFETY: `dst` is initialized, and `offset` is written as far as the
        // words are wide.
        #[automatically_derived]
        unsafe impl #root::wasmtime::component::Lower for #ident {
            #[inline]
            fn linear_lower_to_flat<__Data>(
                &self,
                cx: &mut #internal::LowerContext<'_, __Data>,
                ty: #internal::InterfaceType,
                dst: &mut ::core::mem::MaybeUninit<Self::Lower>,
            ) -> #root::wasmtime::Result<()> {
                dst.write(self.bits().map(#root::wasmtime::ValRaw::u32));
                ::core::result::Result::Ok(())
            }

            #[inline]
            fn linear_lower_to_memory<__Data>(
                &self,
                cx: &mut #internal::LowerContext<'_, __Data>,
                ty: #internal::InterfaceType,
                offset: usize,
            ) -> #root::wasmtime::Result<()> {
                for (index, word) in self.bits.iter().enumerate() {
                    *cx.get::<#size>(offset + index * #size) = word.to_le_bytes();
                }
                ::core::result::Result::Ok(())
            }
        }

        // SAFETY: each pattern of bits is a value once the unknown are dropped.
        #[automatically_derived]
        unsafe impl #root::wasmtime::component::Lift for #ident {
            #[inline]
            fn linear_lift_from_flat(
                cx: &mut #internal::LiftContext<'_>,
                ty: #internal::InterfaceType,
                src: &Self::Lower,
            ) -> #root::wasmtime::Result<Self> {
                let bits = src.map(|word| word.get_u32());
                ::core::result::Result::Ok(Self::from_bits_truncate(bits))
            }

            #[inline]
            fn linear_lift_from_memory(
                cx: &mut #internal::LiftContext<'_>,
                ty: #internal::InterfaceType,
                bytes: &[u8],
            ) -> #root::wasmtime::Result<Self> {
                let mut value = Self::all();
                let (words, _) = bytes.as_chunks::<#size>();
                for (to, from) in value.bits.iter_mut().zip(words) {
                    *to &= #ty::from_le_bytes(*from);
                }
                ::core::result::Result::Ok(value)
            }
        }
    }
}
