//! What the derives read: a struct or enum with its attributes, checked and
//! reduced to a record, a variant or an enum.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DataEnum, DataStruct, DeriveInput, Error, Fields, GenericParam, Generics,
    Ident, LitStr, Path, Result, Type, parse_quote_spanned,
};

use crate::name::Names;
use crate::path;

/// A type to derive for.
pub(crate) struct Input {
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    /// The path to the hidden module with what expansions refer to.
    pub(crate) root: TokenStream,
    pub(crate) shape: Shape,
}

/// What the type is in a component.
pub(crate) enum Shape {
    Record(Vec<Field>),
    Variant(Vec<Case>),
    /// All cases are without payload.
    Enum(Vec<Case>),
}

/// A field of a record.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) name: LitStr,
    pub(crate) ty: Type,
}

/// A case of a variant or enum.
pub(crate) struct Case {
    pub(crate) ident: Ident,
    pub(crate) name: LitStr,
    pub(crate) ty: Option<Type>,
}

impl Input {
    pub(crate) fn parse(input: DeriveInput) -> Result<Self> {
        let options = Options::parse(&input.attrs)?;
        let shape = match &input.data {
            Data::Struct(data) => {
                if let Some((style, span)) = options.style
                    && style != Style::Record
                {
                    return Err(Error::new(span, "a struct can only be a `record`"));
                }
                Shape::Record(fields(&input.ident, data)?)
            }
            Data::Enum(data) => {
                let cases = cases(&input.ident, data)?;
                match options.style {
                    Some((Style::Record, span)) => {
                        return Err(Error::new(
                            span,
                            "an enum cannot be a `record`, only a `variant` or an `enum`",
                        ));
                    }
                    Some((Style::Variant, _)) => Shape::Variant(cases),
                    Some((Style::Enum, _)) => match cases.iter().find(|case| case.ty.is_some()) {
                        Some(case) => {
                            return Err(Error::new(
                                case.ident.span(),
                                "a case of an `enum` has no payload; with payloads it is a \
                                 `variant`",
                            ));
                        }
                        None => Shape::Enum(cases),
                    },
                    None if cases.iter().any(|case| case.ty.is_some()) => Shape::Variant(cases),
                    None => Shape::Enum(cases),
                }
            }
            Data::Union(data) => {
                return Err(Error::new(
                    data.union_token.span,
                    "a union is not a component type",
                ));
            }
        };
        Ok(Input {
            ident: input.ident,
            generics: input.generics,
            root: path::root(options.path.as_ref()),
            shape,
        })
    }

    /// The type's generics with a trait of the traits' crate as a bound on each
    /// type parameter.
    pub(crate) fn bounded(&self, tr: &str) -> Generics {
        let span = Span::mixed_site();
        let (root, tr) = (&self.root, Ident::new(tr, span));
        let mut generics = self.generics.clone();
        for param in generics.type_params_mut() {
            param
                .bounds
                .push(parse_quote_spanned!(span=> #root::abi::#tr));
        }
        generics
    }

    /// Refuses what cannot be lifted.
    pub(crate) fn check_lift(&self) -> Result<()> {
        match self.generics.lifetimes().next() {
            Some(lifetime) => Err(Error::new(
                lifetime.lifetime.span(),
                "`Lift` cannot be derived for a type with lifetimes: a lifted value is owned",
            )),
            None => Ok(()),
        }
    }

    /// The arguments that name the type inside of its own generics.
    pub(crate) fn arguments(&self) -> Vec<TokenStream> {
        let span = Span::mixed_site();
        let arguments = self.generics.params.iter().map(|param| match param {
            GenericParam::Lifetime(param) => {
                let lifetime = &param.lifetime;
                quote_spanned!(span=> #lifetime)
            }
            GenericParam::Type(param) => {
                let ident = &param.ident;
                quote_spanned!(span=> #ident)
            }
            GenericParam::Const(param) => {
                let ident = &param.ident;
                quote_spanned!(span=> #ident)
            }
        });
        arguments.collect()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Record,
    Variant,
    Enum,
}

/// The options of `#[component(...)]` on the type.
#[derive(Default)]
struct Options {
    style: Option<(Style, Span)>,
    path: Option<Path>,
}

impl Options {
    fn parse(attrs: &[Attribute]) -> Result<Self> {
        let mut options = Options::default();
        for attr in attrs
            .iter()
            .filter(|attr| attr.path().is_ident("component"))
        {
            attr.parse_nested_meta(|meta| {
                let style = if meta.path.is_ident("record") {
                    Style::Record
                } else if meta.path.is_ident("variant") {
                    Style::Variant
                } else if meta.path.is_ident("enum") {
                    Style::Enum
                } else if meta.path.is_ident("crate") {
                    options.path = Some(meta.value()?.call(Path::parse_mod_style)?);
                    return Ok(());
                } else if meta.path.is_ident("flags") {
                    return Err(meta.error("flags are defined with the macro `flags!`"));
                } else {
                    return Err(meta.error(
                        "unknown option: expected `record`, `variant`, `enum` or `crate = path`",
                    ));
                };
                if options.style.is_some() {
                    return Err(meta.error("a type is one of `record`, `variant` and `enum`"));
                }
                options.style = Some((style, meta.path.span()));
                Ok(())
            })?;
        }
        Ok(options)
    }
}

fn fields(ident: &Ident, data: &DataStruct) -> Result<Vec<Field>> {
    let named = match &data.fields {
        Fields::Named(fields) if !fields.named.is_empty() => &fields.named,
        Fields::Unnamed(fields) => {
            return Err(Error::new(
                fields.span(),
                "the fields of a `record` have names; this is a tuple struct",
            ));
        }
        Fields::Named(_) | Fields::Unit => {
            return Err(Error::new(
                ident.span(),
                "a `record` has at least one field",
            ));
        }
    };
    let mut names = Names::default();
    named
        .iter()
        .filter_map(|field| Some((field, field.ident.clone()?)))
        .map(|(field, ident)| {
            Ok(Field {
                name: names.add(&field.attrs, &ident)?,
                ident,
                ty: field.ty.clone(),
            })
        })
        .collect()
}

fn cases(ident: &Ident, data: &DataEnum) -> Result<Vec<Case>> {
    if data.variants.is_empty() {
        return Err(Error::new(
            ident.span(),
            "a `variant` or `enum` has at least one case",
        ));
    }
    let mut names = Names::default();
    data.variants
        .iter()
        .map(|variant| {
            let ty = match &variant.fields {
                Fields::Unit => None,
                Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                    let field = &fields.unnamed[0];
                    if let Some(attr) = field.attrs.iter().find(|a| a.path().is_ident("component"))
                    {
                        return Err(Error::new(
                            attr.span(),
                            "a payload has no name; name the case",
                        ));
                    }
                    Some(field.ty.clone())
                }
                Fields::Unnamed(fields) => {
                    return Err(Error::new(
                        fields.span(),
                        "a case has one payload or none; use a tuple or a record as the payload",
                    ));
                }
                Fields::Named(fields) => {
                    return Err(Error::new(
                        fields.span(),
                        "a case has no named fields; use a record as the payload",
                    ));
                }
            };
            Ok(Case {
                name: names.add(&variant.attrs, &variant.ident)?,
                ident: variant.ident.clone(),
                ty,
            })
        })
        .collect()
}
