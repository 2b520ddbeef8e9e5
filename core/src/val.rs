//! Component values whose type is known at run time, and their text form.

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
    /// Checks that the value is of a type.
    ///
    /// # Errors
    ///
    /// Where in the value something differs, and what was expected there.
    pub fn check(&self, ty: &Type) -> crate::Result<()> {
        check(self, ty, &mut String::new())
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

/// Checks one part of a value; `path` names it.
fn at(part: &str, val: &Val, ty: &Type, path: &mut String) -> Result<(), String> {
    let len = path.len();
    path.push_str(part);
    check(val, ty, path)?;
    path.truncate(len);
    Ok(())
}

fn payload(
    case: &str,
    val: Option<&Val>,
    ty: Option<&Type>,
    path: &mut String,
) -> Result<(), String> {
    match (val, ty) {
        (None, None) => Ok(()),
        (Some(val), Some(ty)) => at(&format!(".{case}"), val, ty, path),
        (None, Some(ty)) => Err(format!(
            "case `{case}` has a payload, `{ty}`{}",
            place(path)
        )),
        (Some(_), None) => Err(format!("case `{case}` has no payload{}", place(path))),
    }
}

fn place(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!(" (at {})", path.trim_start_matches('.'))
    }
}

fn check(val: &Val, ty: &Type, path: &mut String) -> Result<(), String> {
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
                at(&format!("[{i}]"), item, ty, path)?;
            }
            Ok(())
        }
        (Val::Tuple(items), Type::Tuple(types)) if items.len() == types.len() => {
            for (i, (item, ty)) in items.iter().zip(types.iter()).enumerate() {
                at(&format!(".{i}"), item, ty, path)?;
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
                at(&format!(".{name}"), val, &field.ty, path)?;
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
        (Val::Option(Some(val)), Type::Option(ty)) => at(".some", val, ty, path),
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
    }

    /// Lists hold one of these per element, and what they take is charged.
    #[test]
    fn a_value_takes_few_words() {
        assert!(size_of::<Val>() <= 56);
    }
}
