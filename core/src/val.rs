//! Component values whose type is known at run time, and their text form.

use std::fmt;

use crate::resource::ResourceAny;
use crate::types::Type;

/// A component value. `Display` writes it as WAVE.
///
/// Two values are equal if they have the same shape; floats compare as IEEE
/// 754 says, so NaN differs from itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Val {
    /// `bool`
    Bool(bool),
    /// `s8`
    S8(i8),
    /// `u8`
    U8(u8),
    /// `s16`
    S16(i16),
    /// `u16`
    U16(u16),
    /// `s32`
    S32(i32),
    /// `u32`
    U32(u32),
    /// `s64`
    S64(i64),
    /// `u64`
    U64(u64),
    /// `f32`
    F32(f32),
    /// `f64`
    F64(f64),
    /// `char`
    Char(char),
    /// `string`
    String(String),
    /// `list<T>`
    List(Vec<Val>),
    /// `list<T, N>`: as many as the type says
    FixedLengthList(Vec<Val>),
    /// `map<K, V>`: keys with their values. If a key is there more than once,
    /// the last one counts.
    Map(Vec<(Val, Val)>),
    /// `record`: names and values in the type's order
    Record(Vec<(String, Val)>),
    /// `tuple`
    Tuple(Vec<Val>),
    /// `variant`: the case's name and its payload
    Variant(String, Option<Box<Val>>),
    /// `enum`: the name
    Enum(String),
    /// `option<T>`
    Option(Option<Box<Val>>),
    /// `result<T, E>`
    Result(Result<Option<Box<Val>>, Option<Box<Val>>>),
    /// `flags`: the names that are set
    Flags(Vec<String>),
    /// `own<R>` or `borrow<R>`
    Resource(ResourceAny),
}

impl Val {
    /// Shows each handle inside. Values may be nested deeper than the stack is.
    ///
    /// # Errors
    ///
    /// What `see` gives.
    #[doc(hidden)]
    pub fn handles(&self, see: &mut crate::abi::See<'_>) -> crate::Result<()> {
        let mut rest = vec![self];
        while let Some(val) = rest.pop() {
            match val {
                Val::Resource(any) => see(any)?,
                Val::List(vals) | Val::FixedLengthList(vals) | Val::Tuple(vals) => {
                    rest.extend(vals);
                }
                Val::Record(fields) => rest.extend(fields.iter().map(|(_, val)| val)),
                Val::Map(entries) => {
                    rest.extend(entries.iter().flat_map(|(key, val)| [key, val]));
                }
                Val::Variant(_, val) | Val::Option(val) | Val::Result(Ok(val) | Err(val)) => {
                    rest.extend(val.as_deref());
                }
                Val::Bool(_)
                | Val::S8(_)
                | Val::U8(_)
                | Val::S16(_)
                | Val::U16(_)
                | Val::S32(_)
                | Val::U32(_)
                | Val::S64(_)
                | Val::U64(_)
                | Val::F32(_)
                | Val::F64(_)
                | Val::Char(_)
                | Val::String(_)
                | Val::Enum(_)
                | Val::Flags(_) => {}
            }
        }
        Ok(())
    }

    /// Checks that the value is of a type.
    ///
    /// # Errors
    ///
    /// Where in the value something differs, and what was expected there.
    pub fn check(&self, ty: &Type) -> crate::Result<()> {
        check(self, ty, None)
            .map_err(|message| crate::Error::new(crate::ErrorKind::TypeMismatch, message))
    }

    /// One word for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Val::Bool(_) => "bool",
            Val::S8(_) => "s8",
            Val::U8(_) => "u8",
            Val::S16(_) => "s16",
            Val::U16(_) => "u16",
            Val::S32(_) => "s32",
            Val::U32(_) => "u32",
            Val::S64(_) => "s64",
            Val::U64(_) => "u64",
            Val::F32(_) => "f32",
            Val::F64(_) => "f64",
            Val::Char(_) => "char",
            Val::String(_) => "string",
            Val::List(_) => "list",
            Val::FixedLengthList(_) => "fixed-length list",
            Val::Map(_) => "map",
            Val::Record(_) => "record",
            Val::Tuple(_) => "tuple",
            Val::Variant(..) => "variant",
            Val::Enum(_) => "enum",
            Val::Option(_) => "option",
            Val::Result(_) => "result",
            Val::Flags(_) => "flags",
            Val::Resource(_) => "resource",
        }
    }
}

/// Where in a value something is: the way to it from its end, so that it is
/// only written down when there is something to say about it.
struct Path<'a> {
    part: Part<'a>,
    outer: Option<&'a Path<'a>>,
}

#[derive(Clone, Copy)]
enum Part<'a> {
    /// An element of a list.
    Index(usize),
    /// A member of a tuple.
    Member(usize),
    /// A field, or a case with a payload.
    Name(&'a str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(outer) = self.outer {
            outer.fmt(f)?;
        }
        let dot = if self.outer.is_some() { "." } else { "" };
        match self.part {
            Part::Index(i) => write!(f, "[{i}]"),
            Part::Member(i) => write!(f, "{dot}{i}"),
            Part::Name(name) => write!(f, "{dot}{name}"),
        }
    }
}

/// Checks one part of a value.
fn at(part: Part<'_>, val: &Val, ty: &Type, outer: Option<&Path<'_>>) -> Result<(), String> {
    check(val, ty, Some(&Path { part, outer }))
}

fn payload(
    case: &str,
    val: Option<&Val>,
    ty: Option<&Type>,
    path: Option<&Path<'_>>,
) -> Result<(), String> {
    match (val, ty) {
        (None, None) => Ok(()),
        (Some(val), Some(ty)) => at(Part::Name(case), val, ty, path),
        (None, Some(ty)) => Err(format!(
            "case `{case}` has a payload, `{ty}`{}",
            place(path)
        )),
        (Some(_), None) => Err(format!("case `{case}` has no payload{}", place(path))),
    }
}

fn place(path: Option<&Path<'_>>) -> String {
    match path {
        None => String::new(),
        Some(path) => format!(" (at {path})"),
    }
}

fn check(val: &Val, ty: &Type, path: Option<&Path<'_>>) -> Result<(), String> {
    match (val, ty) {
        (Val::Bool(_), Type::Bool)
        | (Val::S8(_), Type::S8)
        | (Val::U8(_), Type::U8)
        | (Val::S16(_), Type::S16)
        | (Val::U16(_), Type::U16)
        | (Val::S32(_), Type::S32)
        | (Val::U32(_), Type::U32)
        | (Val::S64(_), Type::S64)
        | (Val::U64(_), Type::U64)
        | (Val::F32(_), Type::F32)
        | (Val::F64(_), Type::F64)
        | (Val::Char(_), Type::Char)
        | (Val::String(_), Type::String) => Ok(()),
        (Val::List(items), Type::List(ty)) => {
            for (i, item) in items.iter().enumerate() {
                at(Part::Index(i), item, ty, path)?;
            }
            Ok(())
        }
        (Val::FixedLengthList(items), Type::FixedLengthList(element, len)) => {
            if items.len() != *len as usize {
                return Err(format!(
                    "`{ty}` has {len} elements, {} were given{}",
                    items.len(),
                    place(path)
                ));
            }
            for (i, item) in items.iter().enumerate() {
                at(Part::Index(i), item, element, path)?;
            }
            Ok(())
        }
        (Val::Map(entries), Type::Map(ty)) => {
            for (i, (key, value)) in entries.iter().enumerate() {
                let entry = Path {
                    part: Part::Index(i),
                    outer: path,
                };
                at(Part::Name("key"), key, &ty.key, Some(&entry))?;
                at(Part::Name("value"), value, &ty.value, Some(&entry))?;
            }
            Ok(())
        }
        (Val::Tuple(items), Type::Tuple(types)) if items.len() == types.len() => {
            for (i, (item, ty)) in items.iter().zip(types.iter()).enumerate() {
                at(Part::Member(i), item, ty, path)?;
            }
            Ok(())
        }
        (Val::Record(values), Type::Record(fields)) => {
            let same = values.len() == fields.len()
                && values
                    .iter()
                    .zip(fields.iter())
                    .all(|((name, _), f)| **name == *f.name);
            if !same {
                let names: Vec<_> = fields.iter().map(|field| &*field.name).collect();
                return Err(format!(
                    "the record's fields must be `{}`, in this order{}",
                    names.join("`, `"),
                    place(path)
                ));
            }
            for ((name, val), field) in values.iter().zip(fields.iter()) {
                at(Part::Name(name), val, &field.ty, path)?;
            }
            Ok(())
        }
        (Val::Variant(name, val), Type::Variant(cases)) => {
            match cases.iter().find(|case| *case.name == **name) {
                Some(case) => payload(name, val.as_deref(), case.ty.as_ref(), path),
                None => Err(format!(
                    "there is no case `{name}` in `{ty}`{}",
                    place(path)
                )),
            }
        }
        (Val::Enum(name), Type::Enum(names)) => {
            if names.iter().any(|n| **n == **name) {
                Ok(())
            } else {
                Err(format!(
                    "there is no case `{name}` in `{ty}`{}",
                    place(path)
                ))
            }
        }
        (Val::Flags(set), Type::Flags(names)) => {
            match set
                .iter()
                .find(|name| !names.iter().any(|n| **n == ***name))
            {
                None => Ok(()),
                Some(name) => Err(format!(
                    "there is no flag `{name}` in `{ty}`{}",
                    place(path)
                )),
            }
        }
        (Val::Option(None), Type::Option(_)) => Ok(()),
        (Val::Option(Some(val)), Type::Option(ty)) => at(Part::Name("some"), val, ty, path),
        (Val::Result(Ok(val)), Type::Result(ty)) => {
            payload("ok", val.as_deref(), ty.ok.as_ref(), path)
        }
        (Val::Result(Err(val)), Type::Result(ty)) => {
            payload("err", val.as_deref(), ty.err.as_ref(), path)
        }
        (Val::Resource(any), Type::Own(resource)) => {
            if !any.owned() {
                Err(format!(
                    "an owned handle is needed, this one is borrowed{}",
                    place(path)
                ))
            } else if any.ty() == *resource {
                Ok(())
            } else {
                Err(format!("handle of another resource type{}", place(path)))
            }
        }
        (Val::Resource(any), Type::Borrow(resource)) => {
            if any.ty() == *resource {
                Ok(())
            } else {
                Err(format!("handle of another resource type{}", place(path)))
            }
        }
        _ => Err(format!(
            "expected `{ty}`, found `{}`{}",
            val.kind(),
            place(path)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_says_where_a_value_differs() {
        let ty = Type::record([("tags", Type::list(Type::String))]);
        let val = Val::Record(vec![(
            "tags".into(),
            Val::List(vec![Val::String("a".into()), Val::U8(1)]),
        )]);
        let error = val.check(&ty).unwrap_err();
        assert_eq!(
            error.message(),
            "expected `string`, found `u8` (at tags[1])"
        );
        let ty = Type::list(Type::tuple([Type::option(Type::result(
            Some(Type::U8),
            None,
        ))]));
        let payload = Val::Result(Ok(Some(Box::new(Val::Char('x')))));
        let val = Val::List(vec![Val::Tuple(vec![Val::Option(Some(Box::new(payload)))])]);
        assert_eq!(
            val.check(&ty).unwrap_err().message(),
            "expected `u8`, found `char` (at [0].0.some.ok)"
        );
        let ty = Type::option(Type::map(Type::U8, Type::fixed_length_list(Type::Bool, 2)));
        let map = |key, items: &[bool]| {
            let items = items.iter().copied().map(Val::Bool).collect();
            let entry = (key, Val::FixedLengthList(items));
            Val::Option(Some(Box::new(Val::Map(vec![entry]))))
        };
        map(Val::U8(1), &[true, false]).check(&ty).unwrap();
        for (val, message) in [
            (
                map(Val::S8(1), &[true, false]),
                "expected `u8`, found `s8` (at some[0].key)",
            ),
            (
                map(Val::U8(1), &[true]),
                "`list<bool, 2>` has 2 elements, 1 were given (at some[0].value)",
            ),
        ] {
            assert_eq!(val.check(&ty).unwrap_err().message(), message);
        }
    }

    /// Lists hold one of these per element, and what they take is charged.
    #[test]
    fn a_value_takes_few_words() {
        assert!(size_of::<Val>() <= 56);
    }
}
