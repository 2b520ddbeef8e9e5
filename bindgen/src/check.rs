//! Checks that stand before host functions.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use wit_parser::{Function, Type, TypeDefKind};

use crate::names::{case, snake};
use crate::types::Scope;
use crate::world::{Generator, is_same_name, path_of};
use crate::{Error, Result};

/// What is looked at before a host function is called.
///
/// A Rust function is called with the embedder's host (`&mut H`), the WIT name of the
/// function, and a reference to each of the arguments; it gives a `Result<(), E>`. On an
/// error the host's function is not called: the guest gets the error as a case of the
/// error that the function has in WIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    function: String,
    arguments: Vec<Vec<String>>,
    case: String,
}

impl Check {
    /// A check by a Rust function, whose error becomes that case of the WIT function's
    /// error.
    pub fn new(function: impl Into<String>, case: impl Into<String>) -> Self {
        Check {
            function: function.into(),
            arguments: Vec::new(),
            case: case.into(),
        }
    }

    /// Passes a parameter, by its name in WIT, or a field of it: `options.command`.
    #[must_use]
    pub fn argument(mut self, path: &str) -> Self {
        self.arguments
            .push(path.split('.').map(str::to_string).collect());
        self
    }
}

/// The checks by function, and what the embedder's host has to implement for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checks {
    pub(crate) by_function: BTreeMap<String, Vec<Check>>,
    pub(crate) bound: Option<String>,
}

impl Generator<'_> {
    /// The checks of a function.
    pub(crate) fn checks_of(&self, name: &str) -> impl Iterator<Item = &Check> {
        let checks = self.options.checks.by_function.iter();
        let checks = checks.filter(move |(given, _)| is_same_name(given, name));
        checks.flat_map(|(_, checks)| checks)
    }

    /// What the embedder's host has to implement for the checks.
    pub(crate) fn check_bound(&self) -> Result<TokenStream> {
        match &self.options.checks.bound {
            None => Ok(quote!()),
            Some(path) => {
                let path = path_of(path)?;
                Ok(quote!(+ #path))
            }
        }
    }

    /// The statements that stand before the call of a function whose parameters are
    /// `args`.
    pub(crate) fn check(
        &self,
        scope: &Scope,
        interface: Option<&str>,
        func: &Function,
        args: &[Ident],
    ) -> Result<TokenStream> {
        let name = self.qualified(interface, &func.name);
        let mut tokens = TokenStream::new();
        for check in self.checks_of(&name) {
            let error = self.error_of(scope, func)?;
            let (function, case) = (path_of(&check.function)?, case(&check.case));
            let arguments = check
                .arguments
                .iter()
                .map(|path| argument(func, args, path))
                .collect::<Result<Vec<_>>>()?;
            tokens.extend(quote! {
                if let ::std::result::Result::Err(refusal) =
                    #function(get(caller.data_mut()), #name, #(&#arguments),*)
                {
                    return ::std::result::Result::Ok((
                        ::std::result::Result::Err(#error::#case(refusal)),
                    ));
                }
            });
        }
        Ok(tokens)
    }

    /// The type that a function fails with.
    fn error_of(&self, scope: &Scope, func: &Function) -> Result<TokenStream> {
        let result = match &func.result {
            Some(Type::Id(id)) => match &self.resolve.types[self.origin(*id)].kind {
                TypeDefKind::Result(result) => result.err,
                _ => None,
            },
            _ => None,
        };
        match result {
            Some(error @ Type::Id(_)) => self.ty(scope, &error, crate::types::Form::Owned),
            _ => Err(Error::new(format!(
                "`{}` is checked, and has no error that could say so",
                func.name
            ))),
        }
    }
}

/// A parameter, or a field of it.
fn argument(func: &Function, args: &[Ident], path: &[String]) -> Result<TokenStream> {
    let unknown = || {
        Error::new(format!(
            "`{}` has no parameter `{}`",
            func.name,
            path.join(".")
        ))
    };
    let (first, fields) = path.split_first().ok_or_else(unknown)?;
    let mut params = func.params.iter();
    let at = params
        .position(|param| param.name == *first)
        .ok_or_else(unknown)?;
    let arg = &args[at];
    let fields = fields.iter().map(|field| snake(field));
    Ok(quote!(#arg #(.#fields)*))
}
