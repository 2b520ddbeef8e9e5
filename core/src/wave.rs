//! The text form of values: WAVE, the WebAssembly Value Encoding. The grammar
//! is that of the `wasm-wave` crate; what is read here is its syntax tree, so
//! that an error can say where in the value the text does not fit the type.

mod read;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::types::{FuncType, Type};
use crate::val::Val;

impl Val {
    /// Reads a value of a type from WAVE.
    ///
    /// Fields of a record whose type is an `option` may be left out, and
    /// `some(...)` and `ok(...)` need not be written where no other reading is
    /// possible.
    ///
    /// ```
    /// use enginebay_core::{Type, Val};
    /// let ty = Type::list(Type::option(Type::U8));
    /// let val = Val::from_wave(&ty, "[1, none, some(3)]")?;
    /// assert_eq!(val.to_string(), "[some(1), none, some(3)]");
    ///
    /// let error = Val::from_wave(&ty, "[1, 256]").unwrap_err();
    /// assert_eq!(error.message(), "`256` is out of range for `u8` (at [1].some)");
    /// # Ok::<(), enginebay_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `TypeMismatch` for text that is not WAVE or does not fit the type; it
    /// says where.
    pub fn from_wave(ty: &Type, text: &str) -> Result<Val> {
        read::value(ty, text)
    }

    /// The value as WAVE, which [`Val::from_wave`] reads back as an equal one.
    ///
    /// `Display` writes the same; also handles, as `<own resource>` and
    /// `<borrow resource>`, and maps, as `<map {key: value}>`, which nothing
    /// reads back.
    ///
    /// # Errors
    ///
    /// `TypeMismatch` if there is a resource handle or a map in the value.
    pub fn to_wave(&self) -> Result<String> {
        match without_text(self) {
            None => Ok(self.to_string()),
            Some(what) => Err(Error::new(
                ErrorKind::TypeMismatch,
                format!("a {what} has no text form"),
            )),
        }
    }
}

/// As WAVE; see [`Val::to_wave`].
impl fmt::Display for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write::value(f, self)
    }
}

impl FuncType {
    /// Reads the arguments of a call from WAVE: values in parentheses, with
    /// commas between. `option` arguments at the end may be left out.
    ///
    /// ```
    /// use enginebay_core::{FuncType, Type, Val};
    /// let params = vec![("a".to_owned(), Type::U8), ("b".to_owned(), Type::String)];
    /// let ty = FuncType::new(params, None);
    /// assert_eq!(
    ///     ty.parse_params(r#"(1, "x")"#)?,
    ///     [Val::U8(1), Val::String("x".to_owned())],
    /// );
    /// # Ok::<(), enginebay_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Val::from_wave`]; also for too few or too many arguments.
    pub fn parse_params(&self, text: &str) -> Result<Vec<Val>> {
        read::params(self, text)
    }
}

/// What is in a value that WAVE has no form for.
fn without_text(val: &Val) -> Option<&'static str> {
    match val {
        Val::Resource(_) => Some("resource handle"),
        Val::Map(_) => Some("map"),
        Val::List(vals) | Val::FixedLengthList(vals) | Val::Tuple(vals) => {
            vals.iter().find_map(without_text)
        }
        Val::Record(fields) => fields.iter().find_map(|(_, val)| without_text(val)),
        Val::Variant(_, val) | Val::Option(val) | Val::Result(Ok(val) | Err(val)) => {
            val.as_deref().and_then(without_text)
        }
        _ => None,
    }
}
