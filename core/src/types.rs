//! Component types as data, for inspection, for dynamic calls and for checks
//! at link time. Structural: two types with the same shape are equal.

use std::fmt;
use std::sync::Arc;

use crate::resource::ResourceType;

/// The type of a component value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// `bool`
    Bool,
    /// `s8`
    S8,
    /// `u8`
    U8,
    /// `s16`
    S16,
    /// `u16`
    U16,
    /// `s32`
    S32,
    /// `u32`
    U32,
    /// `s64`
    S64,
    /// `u64`
    U64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `char`, a Unicode scalar value
    Char,
    /// `string`
    String,
    /// `list<T>`
    List(Arc<Type>),
    /// `list<T, N>`: a list of this many elements, which is stored in place.
    /// Needs [`Feature::FixedLengthLists`](crate::Feature).
    FixedLengthList(Arc<Type>, u32),
    /// `map<K, V>`. Needs [`Feature::Maps`](crate::Feature).
    Map(Arc<MapType>),
    /// `record { name: T, ... }`
    Record(Arc<[Field]>),
    /// `tuple<T, ...>`
    Tuple(Arc<[Type]>),
    /// `variant { name(T), ... }`
    Variant(Arc<[Case]>),
    /// `enum { name, ... }`
    Enum(Arc<[Arc<str>]>),
    /// `option<T>`
    Option(Arc<Type>),
    /// `result<T, E>`
    Result(Arc<ResultType>),
    /// `flags { name, ... }`
    Flags(Arc<[Arc<str>]>),
    /// `own<R>`: a handle that owns its resource
    Own(ResourceType),
    /// `borrow<R>`: a handle that is lent for a call
    Borrow(ResourceType),
    /// A type that this API has no values for yet, by its WIT keyword
    /// (`stream`, `future`, `error-context`, ...).
    Other(&'static str),
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its kebab-case name.
    pub name: Arc<str>,
    /// Its type.
    pub ty: Type,
}

/// A case of a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its kebab-case name.
    pub name: Arc<str>,
    /// Its payload.
    pub ty: Option<Type>,
}

/// The two types of a `map`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapType {
    /// The type of the keys.
    pub key: Type,
    /// The type of the values.
    pub value: Type,
}

/// The two payloads of a `result`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultType {
    /// The payload of `ok`.
    pub ok: Option<Type>,
    /// The payload of `err`.
    pub err: Option<Type>,
}

impl Type {
    /// `list<element>`
    pub fn list(element: Type) -> Type {
        Type::List(Arc::new(element))
    }

    /// `list<element, len>`
    pub fn fixed_length_list(element: Type, len: u32) -> Type {
        Type::FixedLengthList(Arc::new(element), len)
    }

    /// `map<key, value>`
    pub fn map(key: Type, value: Type) -> Type {
        Type::Map(Arc::new(MapType { key, value }))
    }

    /// `option<some>`
    pub fn option(some: Type) -> Type {
        Type::Option(Arc::new(some))
    }

    /// `result<ok, err>`
    pub fn result(ok: Option<Type>, err: Option<Type>) -> Type {
        Type::Result(Arc::new(ResultType { ok, err }))
    }

    /// `tuple<types...>`
    pub fn tuple(types: impl IntoIterator<Item = Type>) -> Type {
        Type::Tuple(types.into_iter().collect())
    }

    /// `record { fields... }`
    pub fn record<'a>(fields: impl IntoIterator<Item = (&'a str, Type)>) -> Type {
        let fields = fields.into_iter().map(|(name, ty)| Field {
            name: name.into(),
            ty,
        });
        Type::Record(fields.collect())
    }

    /// `variant { cases... }`
    pub fn variant<'a>(cases: impl IntoIterator<Item = (&'a str, Option<Type>)>) -> Type {
        let cases = cases.into_iter().map(|(name, ty)| Case {
            name: name.into(),
            ty,
        });
        Type::Variant(cases.collect())
    }

    /// `enum { names... }`
    pub fn enumeration<'a>(names: impl IntoIterator<Item = &'a str>) -> Type {
        Type::Enum(names.into_iter().map(Into::into).collect())
    }

    /// `flags { names... }`
    pub fn flags<'a>(names: impl IntoIterator<Item = &'a str>) -> Type {
        Type::Flags(names.into_iter().map(Into::into).collect())
    }

    /// The type of the `index`th part: a record's field, a tuple's member, a
    /// variant's case, the element of a list, the key (0) or the value (1) of a
    /// map, the payload of an option (0) or of a result (0 is `ok`, 1 is `err`).
    #[doc(hidden)]
    pub fn part(&self, index: usize) -> &Type {
        const NOTHING: &Type = &Type::Other("nothing");
        match self {
            Type::List(ty) | Type::FixedLengthList(ty, _) | Type::Option(ty) => ty,
            Type::Map(ty) if index == 0 => &ty.key,
            Type::Map(ty) => &ty.value,
            Type::Record(fields) => fields.get(index).map_or(NOTHING, |field| &field.ty),
            Type::Tuple(types) => types.get(index).unwrap_or(NOTHING),
            Type::Variant(cases) => cases
                .get(index)
                .and_then(|case| case.ty.as_ref())
                .unwrap_or(NOTHING),
            Type::Result(ty) => {
                let side = if index == 0 { &ty.ok } else { &ty.err };
                side.as_ref().unwrap_or(NOTHING)
            }
            _ => NOTHING,
        }
    }
}

struct Payload<'a>(&'a Option<Type>);

impl fmt::Display for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ty) => ty.fmt(f),
            None => f.write_str("_"),
        }
    }
}

fn comma<T>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        each(f, item)?;
    }
    Ok(())
}

/// As in WIT, with records, variants, enums and flags written out.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Bool => f.write_str("bool"),
            Type::S8 => f.write_str("s8"),
            Type::U8 => f.write_str("u8"),
            Type::S16 => f.write_str("s16"),
            Type::U16 => f.write_str("u16"),
            Type::S32 => f.write_str("s32"),
            Type::U32 => f.write_str("u32"),
            Type::S64 => f.write_str("s64"),
            Type::U64 => f.write_str("u64"),
            Type::F32 => f.write_str("f32"),
            Type::F64 => f.write_str("f64"),
            Type::Char => f.write_str("char"),
            Type::String => f.write_str("string"),
            Type::List(ty) => write!(f, "list<{ty}>"),
            Type::FixedLengthList(ty, len) => write!(f, "list<{ty}, {len}>"),
            Type::Map(ty) => write!(f, "map<{}, {}>", ty.key, ty.value),
            Type::Option(ty) => write!(f, "option<{ty}>"),
            Type::Result(ty) => match (&ty.ok, &ty.err) {
                (None, None) => f.write_str("result"),
                (Some(ok), None) => write!(f, "result<{ok}>"),
                (ok, err) => write!(f, "result<{}, {}>", Payload(ok), Payload(err)),
            },
            Type::Tuple(types) => {
                f.write_str("tuple<")?;
                comma(f, types.iter(), |f, ty| ty.fmt(f))?;
                f.write_str(">")
            }
            Type::Record(fields) => {
                f.write_str("record { ")?;
                comma(f, fields.iter(), |f, field| {
                    write!(f, "{}: {}", field.name, field.ty)
                })?;
                f.write_str(" }")
            }
            Type::Variant(cases) => {
                f.write_str("variant { ")?;
                comma(f, cases.iter(), |f, case| match &case.ty {
                    Some(ty) => write!(f, "{}({ty})", case.name),
                    None => f.write_str(&case.name),
                })?;
                f.write_str(" }")
            }
            Type::Enum(names) => {
                f.write_str("enum { ")?;
                comma(f, names.iter(), |f, name| f.write_str(name))?;
                f.write_str(" }")
            }
            Type::Flags(names) => {
                f.write_str("flags { ")?;
                comma(f, names.iter(), |f, name| f.write_str(name))?;
                f.write_str(" }")
            }
            Type::Own(resource) => write!(f, "own<{resource}>"),
            Type::Borrow(resource) => write!(f, "borrow<{resource}>"),
            Type::Other(keyword) => f.write_str(keyword),
        }
    }
}

/// The type of a component function.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FuncType {
    /// Parameters with their names.
    pub params: Vec<(String, Type)>,
    /// The result, if there is one.
    pub result: Option<Type>,
    /// Whether the function is `async` in WIT.
    pub is_async: bool,
}

impl FuncType {
    /// A synchronous function with these parameters and this result.
    pub fn new(params: Vec<(String, Type)>, result: Option<Type>) -> Self {
        FuncType {
            params,
            result,
            is_async: false,
        }
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_async {
            "async func("
        } else {
            "func("
        })?;
        comma(f, &self.params, |f, (name, ty)| write!(f, "{name}: {ty}"))?;
        f.write_str(")")?;
        match &self.result {
            Some(ty) => write!(f, " -> {ty}"),
            None => Ok(()),
        }
    }
}

/// What a component imports or exports under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// An instance, as interfaces are, with its own exports.
    Instance(Vec<Extern>),
    /// A resource type.
    Resource(ResourceType),
    /// A type that is not a resource.
    Type(Type),
    /// A core module.
    CoreModule,
    /// A component.
    Component,
}

impl ExternType {
    /// One word for messages: `function`, `instance`, ...
    pub fn kind(&self) -> &'static str {
        match self {
            ExternType::Func(_) => "function",
            ExternType::Instance(_) => "instance",
            ExternType::Resource(_) => "resource",
            ExternType::Type(_) => "type",
            ExternType::CoreModule => "core module",
            ExternType::Component => "component",
        }
    }
}

/// A named import or export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extern {
    /// Its name: kebab-case, or an interface's `ns:pkg/iface@version`.
    pub name: String,
    /// What it is.
    pub ty: ExternType,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_print_as_wit() {
        let person = Type::record([("name", Type::String), ("tags", Type::list(Type::U8))]);
        let ty = FuncType::new(
            vec![("p".into(), person), ("o".into(), Type::option(Type::Char))],
            Some(Type::result(None, Some(Type::enumeration(["a", "b"])))),
        );
        assert_eq!(
            ty.to_string(),
            "func(p: record { name: string, tags: list<u8> }, o: option<char>) \
             -> result<_, enum { a, b }>"
        );
        let map = Type::map(Type::String, Type::fixed_length_list(Type::F32, 3));
        assert_eq!(map.to_string(), "map<string, list<f32, 3>>");
    }
}
