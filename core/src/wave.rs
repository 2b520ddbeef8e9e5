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
    /// `Display` writes the same, and handles as `<own resource>` and
    /// `<borrow resource>`, which nothing reads back.
    ///
    /// # Errors
    ///
    /// `TypeMismatch` if there is a resource handle in the value.
    pub fn to_wave(&self) -> Result<String> {
        if has_handle(self) {
            return Err(Error::new(
                ErrorKind::TypeMismatch,
                "a resource handle has no text form",
            ));
        }
        Ok(self.to_string())
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

fn has_handle(val: &Val) -> bool {
    match val {
        Val::Resource(_) => true,
        Val::List(vals) | Val::Tuple(vals) => vals.iter().any(has_handle),
        Val::Record(fields) => fields.iter().any(|(_, val)| has_handle(val)),
        Val::Variant(_, val) | Val::Option(val) | Val::Result(Ok(val) | Err(val)) => {
            val.as_deref().is_some_and(has_handle)
        }
        _ => false,
    }
}
