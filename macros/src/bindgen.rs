//! The options of `bindgen!`, and its expansion.

use std::path::{Path, PathBuf};

use enginebay_bindgen::{Async, Options, Wit};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitBool, LitStr, Result, Token, braced, bracketed, token};

/// What stands between the parentheses.
pub(crate) struct Input {
    path: Option<LitStr>,
    inline: Option<LitStr>,
    /// Where WIT was named, for errors in it.
    span: Span,
    changes: Vec<Change>,
}

type Change = Box<dyn FnOnce(Options) -> Options>;

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut this = Input {
            path: None,
            inline: None,
            span: Span::call_site(),
            changes: Vec::new(),
        };
        if input.peek(LitStr) {
            let world: LitStr = input.parse()?;
            this.change(move |options| options.world(world.value()));
            return Ok(this);
        }
        if input.is_empty() {
            return Ok(this);
        }
        let content;
        braced!(content in input);
        let mut seen: Vec<String> = Vec::new();
        while !content.is_empty() {
            this.option(&content, &mut seen)?;
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        Ok(this)
    }
}

/// `key` and a colon.
fn key(input: ParseStream<'_>) -> Result<(String, Span)> {
    let (name, span) = match input.peek(Token![async]) || input.peek(Token![crate]) {
        true if input.peek(Token![async]) => ("async", input.parse::<Token![async]>()?.span),
        true => ("crate", input.parse::<Token![crate]>()?.span),
        false => {
            let ident: Ident = input.parse()?;
            let span = ident.span();
            input.parse::<Token![:]>()?;
            return Ok((ident.to_string(), span));
        }
    };
    input.parse::<Token![:]>()?;
    Ok((name.to_string(), span))
}

fn list<T: Parse>(input: ParseStream<'_>) -> Result<Vec<T>> {
    let content;
    bracketed!(content in input);
    let items = Punctuated::<T, Token![,]>::parse_terminated(&content)?;
    Ok(items.into_iter().collect())
}

fn path(input: ParseStream<'_>) -> Result<String> {
    let path: syn::Path = input.parse()?;
    Ok(path.into_token_stream().to_string())
}

impl Input {
    fn change(&mut self, change: impl FnOnce(Options) -> Options + 'static) {
        self.changes.push(Box::new(change));
    }

    fn option(&mut self, input: ParseStream<'_>, seen: &mut Vec<String>) -> Result<()> {
        let (name, span) = key(input)?;
        if seen.contains(&name) {
            return Err(Error::new(span, format!("`{name}` is given twice")));
        }
        match &*name {
            "path" => {
                let it: LitStr = input.parse()?;
                self.span = it.span();
                self.path = Some(it);
            }
            "inline" => {
                let it: LitStr = input.parse()?;
                self.span = it.span();
                self.inline = Some(it);
            }
            "world" => {
                let it: LitStr = input.parse()?;
                self.change(move |options| options.world(it.value()));
            }
            "trappable_imports" => {
                let it: LitBool = input.parse()?;
                self.change(move |options| options.trappable_imports(it.value));
            }
            "views" => {
                for it in list::<LitStr>(input)? {
                    self.change(move |options| options.view(it.value()));
                }
            }
            "async" => {
                let which = if input.peek(token::Bracket) {
                    Async::Only(list::<LitStr>(input)?.iter().map(LitStr::value).collect())
                } else {
                    match input.parse::<LitBool>()?.value {
                        true => Async::All,
                        false => Async::None,
                    }
                };
                self.change(|options| options.asynchronous(which));
            }
            "additional_derives" => {
                for it in list::<syn::Path>(input)? {
                    let it = it.into_token_stream().to_string();
                    self.change(|options| options.additional_derive(it));
                }
            }
            "features" => {
                for it in list::<LitStr>(input)? {
                    self.change(move |options| options.feature(it.value()));
                }
            }
            "with" => {
                let content;
                braced!(content in input);
                while !content.is_empty() {
                    let wit: LitStr = content.parse()?;
                    content.parse::<Token![:]>()?;
                    let rust = path(&content)?;
                    self.change(move |options| options.with(wit.value(), rust));
                    if !content.is_empty() {
                        content.parse::<Token![,]>()?;
                    }
                }
            }
            "crate" => {
                let it = path(input)?;
                self.change(|options| options.root(it));
            }
            _ => {
                return Err(Error::new(
                    span,
                    format!(
                        "there is no option `{name}`: there are `path`, `inline`, `world`, `with`, \
                         `async`, `trappable_imports`, `views`, `additional_derives`, `features` \
                         and `crate`"
                    ),
                ));
            }
        }
        seen.push(name);
        Ok(())
    }
}

/// Paths in the macro count from the package's folder.
fn in_package(path: &str) -> PathBuf {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(PathBuf::new, PathBuf::from);
    folder.join(Path::new(path))
}

pub(crate) fn expand(input: Input) -> Result<TokenStream> {
    let path = input.path.as_ref().map(|path| in_package(&path.value()));
    let wit = match (input.inline, path) {
        (Some(inline), Some(path)) => Wit::InlineWith(inline.value(), path),
        (Some(inline), None) => Wit::Inline(inline.value()),
        (None, Some(path)) => Wit::Path(path),
        (None, None) => Wit::Path(in_package("wit")),
    };
    let mut options = Options::new(wit).root(crate::path::facade().to_string());
    for change in input.changes {
        options = change(options);
    }
    let bindings = options
        .generate()
        .map_err(|error| Error::new(input.span, error))?;
    // A change of the files is a change of the crate.
    let files = bindings.files().iter().filter_map(|file| file.to_str());
    let tokens = bindings.tokens();
    Ok(quote!(#tokens #(const _: &[u8] = include_bytes!(#files);)*))
}
