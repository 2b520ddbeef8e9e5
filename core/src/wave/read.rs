//! Values from WAVE text: `wasm-wave`'s syntax tree against a type.

use std::fmt::{self, Write};
use std::str::FromStr;

use wasm_wave::ast::{Node, NodeType};
use wasm_wave::parser::ParserError;
use wasm_wave::untyped::{UntypedFuncCall, UntypedValue};

use crate::error::{Error, ErrorKind, Result};
use crate::types::{Field, FuncType, ResultType, Type};
use crate::val::Val;

pub(super) fn value(ty: &Type, text: &str) -> Result<Val> {
    let parsed = UntypedValue::parse(text).map_err(|error| syntax(text, 0, error))?;
    Reader::new(text, 0).value(parsed.node(), ty)
}

/// The parser wants a call, so the arguments get a name in front.
const NAME: &str = "f";

pub(super) fn params(ty: &FuncType, text: &str) -> Result<Vec<Val>> {
    let source = format!("{NAME}{text}");
    let mut reader = Reader::new(&source, NAME.len());
    if !text.trim_start().starts_with('(') {
        return Err(reader.error(NAME.len(), "expected arguments in parentheses".to_owned()));
    }
    let call =
        UntypedFuncCall::parse(&source).map_err(|error| syntax(&source, NAME.len(), error))?;
    let nodes: Vec<&Node> = match call.params_node() {
        Some(node) => match node.as_tuple() {
            Ok(nodes) => nodes.collect(),
            Err(error) => return Err(syntax(&source, NAME.len(), error)),
        },
        None => Vec::new(),
    };
    if let Some(node) = nodes.get(ty.params.len()) {
        let message = format!(
            "{} arguments, and `{}` takes {}",
            nodes.len(),
            Clip(ty),
            ty.params.len()
        );
        return Err(reader.error(node.span().start, message));
    }
    let mut nodes = nodes.into_iter();
    let mut vals = Vec::with_capacity(ty.params.len());
    for (name, ty) in &ty.params {
        vals.push(match (nodes.next(), ty) {
            (Some(node), _) => reader.part(name, node, ty)?,
            (None, Type::Option(_)) => Val::Option(None),
            (None, _) => {
                let message = format!("the argument `{name}` of type `{}` is missing", Clip(ty));
                return Err(reader.error(source.trim_end().len() - 1, message));
            }
        });
    }
    Ok(vals)
}

fn syntax(source: &str, start: usize, error: ParserError) -> Error {
    let message = match error.detail() {
        Some(detail) => format!("not a WAVE value: {}: {detail}", error.kind()),
        None => format!("not a WAVE value: {}", error.kind()),
    };
    Reader::new(source, start).error(error.span().start, message)
}

/// What is read, and the way to the part of it that is read now.
struct Reader<'a> {
    source: &'a str,
    /// Where the text of the user begins in the source.
    start: usize,
    path: String,
}

impl<'a> Reader<'a> {
    fn new(source: &'a str, start: usize) -> Self {
        Reader {
            source,
            start,
            path: String::new(),
        }
    }

    fn text(&self, node: &Node) -> &'a str {
        self.source.get(node.span()).unwrap_or_default()
    }

    /// The error for something at an offset of the source.
    #[cold]
    fn error(&self, offset: usize, mut message: String) -> Error {
        let path = self.path.trim_start_matches('.');
        if !path.is_empty() {
            message.push_str(&format!(" (at {path})"));
        }
        let end = self.source.floor_char_boundary(offset.max(self.start));
        let before = self.source.get(self.start..end).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        let error = Error::new(ErrorKind::TypeMismatch, message)
            .with_context("column", line.chars().count() + 1);
        match before.matches('\n').count() {
            0 => error,
            lines => error.with_context("line", lines + 1),
        }
    }

    #[cold]
    fn fail<T>(&self, node: &Node, message: impl Into<String>) -> Result<T> {
        Err(self.error(node.span().start, message.into()))
    }

    #[cold]
    fn mismatch<T>(&self, node: &Node, ty: &Type) -> Result<T> {
        let text = self.text(node);
        if let Some(case) = keyword_case(text, ty) {
            let hint = format!("`{case}` is a keyword in WAVE: write the case as `%{case}`");
            return self.fail(node, hint);
        }
        let message = match ty {
            Type::Record(_) if text == "{}" => "an empty record is written `{:}`".to_owned(),
            Type::Flags(_) if text == "{:}" => "no flags are written `{}`".to_owned(),
            Type::Own(_) | Type::Borrow(_) => {
                "a resource handle has no text form, so none can be given".to_owned()
            }
            Type::Map(_) => "a map has no text form, so none can be given".to_owned(),
            Type::Other(_) => format!("values of type `{ty}` are not supported"),
            _ => format!("expected `{}`, found `{}`", Clip(ty), Clip(text)),
        };
        self.fail(node, message)
    }

    /// Reads a part of the value; `name` is added to the path to it.
    fn part(&mut self, name: impl fmt::Display, node: &Node, ty: &Type) -> Result<Val> {
        let len = self.path.len();
        self.path.push_str(&name.to_string());
        let val = self.value(node, ty)?;
        self.path.truncate(len);
        Ok(val)
    }

    fn value(&mut self, node: &Node, ty: &Type) -> Result<Val> {
        match ty {
            Type::Bool => match node.as_bool() {
                Ok(v) => Ok(Val::Bool(v)),
                Err(_) => self.mismatch(node, ty),
            },
            Type::S8 => self.number(node, ty).map(Val::S8),
            Type::U8 => self.number(node, ty).map(Val::U8),
            Type::S16 => self.number(node, ty).map(Val::S16),
            Type::U16 => self.number(node, ty).map(Val::U16),
            Type::S32 => self.number(node, ty).map(Val::S32),
            Type::U32 => self.number(node, ty).map(Val::U32),
            Type::S64 => self.number(node, ty).map(Val::S64),
            Type::U64 => self.number(node, ty).map(Val::U64),
            Type::F32 => self.number(node, ty).map(Val::F32),
            Type::F64 => self.number(node, ty).map(Val::F64),
            Type::Char if node.ty() == NodeType::Char => match node.as_char(self.source) {
                Ok(v) => Ok(Val::Char(v)),
                Err(error) => self.fail(node, error.kind().to_string()),
            },
            Type::String if matches!(node.ty(), NodeType::String | NodeType::MultilineString) => {
                match node.as_str(self.source) {
                    Ok(v) => Ok(Val::String(v.into_owned())),
                    Err(error) => Err(syntax(self.source, self.start, error)),
                }
            }
            Type::List(element) => match node.as_list() {
                Ok(nodes) => nodes
                    .enumerate()
                    .map(|(i, node)| self.part(format_args!("[{i}]"), node, element))
                    .collect::<Result<_>>()
                    .map(Val::List),
                Err(_) => self.mismatch(node, ty),
            },
            Type::FixedLengthList(element, len) => match node.as_list() {
                Ok(nodes) if nodes.len() == *len as usize => nodes
                    .enumerate()
                    .map(|(i, node)| self.part(format_args!("[{i}]"), node, element))
                    .collect::<Result<_>>()
                    .map(Val::FixedLengthList),
                Ok(nodes) => {
                    let message = format!("{} elements, and `{}` has {len}", nodes.len(), Clip(ty));
                    self.fail(node, message)
                }
                Err(_) => self.mismatch(node, ty),
            },
            Type::Tuple(types) => match node.as_tuple() {
                Ok(nodes) if nodes.len() == types.len() => nodes
                    .zip(types.iter())
                    .enumerate()
                    .map(|(i, (node, ty))| self.part(format_args!(".{i}"), node, ty))
                    .collect::<Result<_>>()
                    .map(Val::Tuple),
                Ok(nodes) => {
                    let message = format!(
                        "{} members, and `{}` has {}",
                        nodes.len(),
                        Clip(ty),
                        types.len()
                    );
                    self.fail(node, message)
                }
                Err(_) => self.mismatch(node, ty),
            },
            Type::Record(fields) => self.record(node, ty, fields),
            Type::Variant(cases) => {
                let Ok((name, payload)) = node.as_variant(self.source) else {
                    return self.mismatch(node, ty);
                };
                match cases.iter().find(|case| *case.name == *name) {
                    Some(case) => self
                        .payload(node, name, payload, case.ty.as_ref())
                        .map(|val| Val::Variant(name.to_owned(), val)),
                    None => self.fail(node, format!("there is no case `{name}` in `{}`", Clip(ty))),
                }
            }
            Type::Enum(names) => match node.as_enum(self.source) {
                Ok(name) if names.iter().any(|n| **n == *name) => Ok(Val::Enum(name.to_owned())),
                Ok(name) => self.fail(node, format!("there is no case `{name}` in `{}`", Clip(ty))),
                Err(_) => self.mismatch(node, ty),
            },
            Type::Option(some) => match node.as_option() {
                Ok(Some(node)) => Ok(Val::Option(Some(self.part(".some", node, some)?.into()))),
                Ok(None) => Ok(Val::Option(None)),
                Err(_) if bare(some) => {
                    Ok(Val::Option(Some(self.part(".some", node, some)?.into())))
                }
                Err(_) => self.mismatch(node, ty),
            },
            Type::Result(sides) => self.result(node, ty, sides),
            Type::Flags(names) => self.flags(node, ty, names),
            _ => self.mismatch(node, ty),
        }
    }

    fn number<T: FromStr>(&self, node: &Node, ty: &Type) -> Result<T> {
        if node.ty() != NodeType::Number {
            return self.mismatch(node, ty);
        }
        let text = self.text(node);
        match text.parse() {
            Ok(v) => Ok(v),
            Err(_) if text.bytes().all(|b| b == b'-' || b.is_ascii_digit()) => {
                self.fail(node, format!("`{}` is out of range for `{ty}`", Clip(text)))
            }
            Err(_) => self.mismatch(node, ty),
        }
    }

    fn record(&mut self, node: &Node, ty: &Type, fields: &[Field]) -> Result<Val> {
        let Ok(given) = node.as_record(self.source) else {
            return self.mismatch(node, ty);
        };
        let given: Vec<_> = given.collect();
        if let Some((name, node)) = given
            .iter()
            .find(|(name, _)| !fields.iter().any(|field| *field.name == **name))
        {
            let message = format!("there is no field `{name}` in `{}`", Clip(ty));
            return self.fail(node, message);
        }
        let mut vals = Vec::with_capacity(fields.len());
        for field in fields {
            let found = given.iter().find(|(name, _)| *field.name == **name);
            let val = match (found, &field.ty) {
                (Some((name, node)), ty) => self.part(format_args!(".{name}"), node, ty)?,
                (None, Type::Option(_)) => Val::Option(None),
                (None, _) => {
                    return self.fail(node, format!("the field `{}` is missing", field.name));
                }
            };
            vals.push((field.name.to_string(), val));
        }
        Ok(Val::Record(vals))
    }

    fn result(&mut self, node: &Node, ty: &Type, sides: &ResultType) -> Result<Val> {
        match (node.as_result(), &sides.ok) {
            (Ok(Ok(val)), ok) => Ok(Val::Result(Ok(self.payload(
                node,
                "ok",
                val,
                ok.as_ref(),
            )?))),
            (Ok(Err(val)), _) => Ok(Val::Result(Err(self.payload(
                node,
                "err",
                val,
                sides.err.as_ref(),
            )?))),
            (Err(_), Some(ok)) if bare(ok) => {
                Ok(Val::Result(Ok(Some(self.part(".ok", node, ok)?.into()))))
            }
            (Err(_), _) => self.mismatch(node, ty),
        }
    }

    fn flags(&self, node: &Node, ty: &Type, names: &[std::sync::Arc<str>]) -> Result<Val> {
        let Ok(given) = node.as_flags(self.source) else {
            return self.mismatch(node, ty);
        };
        let given: Vec<&str> = given
            .map(|name| name.strip_prefix('%').unwrap_or(name))
            .collect();
        if let Some(name) = given
            .iter()
            .find(|name| !names.iter().any(|n| **n == ***name))
        {
            return self.fail(node, format!("there is no flag `{name}` in `{}`", Clip(ty)));
        }
        // In the type's order, whatever the text's.
        let set = names.iter().filter(|name| given.contains(&&***name));
        Ok(Val::Flags(set.map(|name| name.to_string()).collect()))
    }

    fn payload(
        &mut self,
        node: &Node,
        case: &str,
        payload: Option<&Node>,
        ty: Option<&Type>,
    ) -> Result<Option<Box<Val>>> {
        match (payload, ty) {
            (None, None) => Ok(None),
            (Some(node), Some(ty)) => self
                .part(format_args!(".{case}"), node, ty)
                .map(|val| Some(val.into())),
            (None, Some(ty)) => {
                self.fail(node, format!("case `{case}` has a payload, `{}`", Clip(ty)))
            }
            (Some(_), None) => self.fail(node, format!("case `{case}` has no payload")),
        }
    }
}

/// Whether `some` and `ok` may be left out around a value of this type.
fn bare(ty: &Type) -> bool {
    !matches!(ty, Type::Option(_) | Type::Result(_))
}

/// The case of a variant or enum that was written as the keyword it is named like.
fn keyword_case<'a>(text: &'a str, ty: &Type) -> Option<&'a str> {
    let word = text.split('(').next()?.trim_end();
    wasm_wave::lex::Keyword::decode(word)?;
    let known = match ty {
        Type::Variant(cases) => cases.iter().any(|case| *case.name == *word),
        Type::Enum(names) => names.iter().any(|name| **name == *word),
        _ => false,
    };
    known.then_some(word)
}

/// What something prints, on one line and not too much of it.
struct Clip<T>(T);

impl<T: fmt::Display> fmt::Display for Clip<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line(String::new());
        // An error means that the line is full.
        match write!(line, "{}", self.0) {
            Ok(()) => f.write_str(&line.0),
            Err(fmt::Error) => write!(f, "{}...", line.0),
        }
    }
}

struct Line(String);

impl Line {
    const MAX: usize = 80;
}

impl Write for Line {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for ch in s.chars() {
            if self.0.len() >= Line::MAX {
                return Err(fmt::Error);
            }
            self.0.push(if ch.is_control() { ' ' } else { ch });
        }
        Ok(())
    }
}
