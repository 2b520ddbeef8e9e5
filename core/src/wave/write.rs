//! Values as WAVE text.

use std::fmt::{Formatter, Result, Write};

use wasm_wave::lex::Keyword;

use crate::val::Val;

pub(super) fn value(f: &mut Formatter<'_>, val: &Val) -> Result {
    match val {
        Val::Bool(v) => write!(f, "{v}"),
        Val::S8(v) => write!(f, "{v}"),
        Val::U8(v) => write!(f, "{v}"),
        Val::S16(v) => write!(f, "{v}"),
        Val::U16(v) => write!(f, "{v}"),
        Val::S32(v) => write!(f, "{v}"),
        Val::U32(v) => write!(f, "{v}"),
        Val::S64(v) => write!(f, "{v}"),
        Val::U64(v) => write!(f, "{v}"),
        Val::F32(v) if v.is_nan() => f.write_str("nan"),
        Val::F32(v) if plain(f64::from(*v)) => write!(f, "{v}"),
        Val::F32(v) => write!(f, "{v:e}"),
        Val::F64(v) if v.is_nan() => f.write_str("nan"),
        Val::F64(v) if plain(*v) => write!(f, "{v}"),
        Val::F64(v) => write!(f, "{v:e}"),
        Val::Char(v) => {
            f.write_char('\'')?;
            character(f, *v, '\'')?;
            f.write_char('\'')
        }
        Val::String(v) => {
            f.write_char('"')?;
            for ch in v.chars() {
                character(f, ch, '"')?;
            }
            f.write_char('"')
        }
        Val::List(vals) | Val::FixedLengthList(vals) => sequence(f, '[', vals, ']', value),
        Val::Map(entries) => {
            f.write_str("<map ")?;
            sequence(f, '{', entries, '}', |f, (key, val)| {
                value(f, key)?;
                f.write_str(": ")?;
                value(f, val)
            })?;
            f.write_char('>')
        }
        Val::Tuple(vals) => sequence(f, '(', vals, ')', value),
        Val::Record(fields) => {
            // A field that is `none` is left out.
            let mut written = fields
                .iter()
                .filter(|(_, val)| *val != Val::Option(None))
                .peekable();
            if written.peek().is_none() {
                return f.write_str("{:}");
            }
            sequence(f, '{', written, '}', |f, (name, val)| {
                write!(f, "{name}: ")?;
                value(f, val)
            })
        }
        Val::Flags(names) => sequence(f, '{', names, '}', |f, name| f.write_str(name)),
        Val::Variant(name, val) => {
            label(f, name)?;
            payload(f, val.as_deref())
        }
        Val::Enum(name) => label(f, name),
        Val::Option(None) => f.write_str("none"),
        Val::Option(val) => {
            f.write_str("some")?;
            payload(f, val.as_deref())
        }
        Val::Result(Ok(val)) => {
            f.write_str("ok")?;
            payload(f, val.as_deref())
        }
        Val::Result(Err(val)) => {
            f.write_str("err")?;
            payload(f, val.as_deref())
        }
        Val::Resource(any) if any.owned() => f.write_str("<own resource>"),
        Val::Resource(_) => f.write_str("<borrow resource>"),
    }
}

/// Whether a float is short enough without an exponent.
fn plain(v: f64) -> bool {
    v == 0.0 || v.is_infinite() || (1e-5..1e16).contains(&v.abs())
}

fn character(f: &mut Formatter<'_>, ch: char, quote: char) -> Result {
    match ch {
        '\t' => f.write_str("\\t"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\\' => f.write_str("\\\\"),
        '\'' | '"' if ch == quote => write!(f, "\\{ch}"),
        '\'' | '"' => f.write_char(ch),
        // What cannot be seen, or would attach itself to its neighbour, is
        // written as `\u{...}`.
        _ if ch.is_control() => write!(f, "{}", ch.escape_unicode()),
        _ => write!(f, "{}", ch.escape_debug()),
    }
}

fn sequence<T>(
    f: &mut Formatter<'_>,
    open: char,
    items: impl IntoIterator<Item = T>,
    close: char,
    mut each: impl FnMut(&mut Formatter<'_>, T) -> Result,
) -> Result {
    f.write_char(open)?;
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        each(f, item)?;
    }
    f.write_char(close)
}

/// The name of a case, which must not read as a keyword.
fn label(f: &mut Formatter<'_>, name: &str) -> Result {
    if Keyword::decode(name).is_some() {
        f.write_char('%')?;
    }
    f.write_str(name)
}

fn payload(f: &mut Formatter<'_>, val: Option<&Val>) -> Result {
    let Some(val) = val else {
        return Ok(());
    };
    f.write_char('(')?;
    value(f, val)?;
    f.write_char(')')
}
