//! Types and functions in one form, whether they come from WIT or from a binary, so
//! that they can be compared.

/// The types without parts, by their names in WIT.
const PRIMITIVES: [&str; 14] = [
    "bool",
    "u8",
    "u16",
    "u32",
    "u64",
    "s8",
    "s16",
    "s32",
    "s64",
    "f32",
    "f64",
    "char",
    "string",
    "error-context",
];

/// A type in [`Types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TypeId(usize);

/// Where a named type is defined, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TypeName {
    /// The interface, `ns:pkg/interface` without a version; empty for a world's types.
    pub(super) scope: String,
    pub(super) name: String,
}

/// A type and its name, if it has one.
#[derive(Clone, Debug)]
pub(super) struct Def {
    pub(super) name: Option<TypeName>,
    pub(super) kind: Kind,
}

/// What a type is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Primitive(&'static str),
    Record(Vec<(String, TypeId)>),
    Variant(Vec<(String, Option<TypeId>)>),
    Enum(Vec<String>),
    Flags(Vec<String>),
    Tuple(Vec<TypeId>),
    List(TypeId),
    FixedLengthList(TypeId, u32),
    Map(TypeId, TypeId),
    Option(TypeId),
    Result(Option<TypeId>, Option<TypeId>),
    Future(Option<TypeId>),
    Stream(Option<TypeId>),
    /// Resources are the same if their names are.
    Resource,
    Own(TypeId),
    Borrow(TypeId),
    /// Another name of a type, which is no alias itself.
    Alias(TypeId),
}

/// A store of types, in which what a type consists of comes before it.
#[derive(Clone, Debug)]
pub(super) struct Types(Vec<Def>);

impl Default for Types {
    fn default() -> Self {
        let primitives = PRIMITIVES.iter().map(|name| Def {
            name: None,
            kind: Kind::Primitive(name),
        });
        Types(primitives.collect())
    }
}

impl Types {
    /// A type without parts; `None` if there is none of that name.
    pub(super) fn primitive(name: &str) -> Option<TypeId> {
        PRIMITIVES.iter().position(|it| *it == name).map(TypeId)
    }

    pub(super) fn add(&mut self, name: Option<TypeName>, kind: Kind) -> TypeId {
        let kind = match kind {
            Kind::Alias(target) => Kind::Alias(self.resolve(target)),
            kind => kind,
        };
        self.0.push(Def { name, kind });
        TypeId(self.0.len() - 1)
    }

    pub(super) fn get(&self, id: TypeId) -> &Def {
        &self.0[id.0]
    }

    /// What an alias stands for; another type is given back.
    pub(super) fn resolve(&self, id: TypeId) -> TypeId {
        match self.get(id).kind {
            Kind::Alias(target) => target,
            _ => id,
        }
    }
}

/// A function's type.
#[derive(Clone, Debug)]
pub(super) struct Function {
    pub(super) is_async: bool,
    pub(super) params: Vec<(String, TypeId)>,
    pub(super) result: Option<TypeId>,
}

/// The name of a function as WIT's writers know it: `[method]file.read` is `file.read`.
pub(super) fn plain(name: &str) -> String {
    match name.split_once(']') {
        Some(("[constructor", resource)) => format!("{resource}.constructor"),
        Some((_, name)) => name.to_owned(),
        None => name.to_owned(),
    }
}

/// The resource that a function belongs to, if it does.
pub(super) fn resource_of(name: &str) -> Option<&str> {
    let (kind, name) = name.split_once(']')?;
    match kind {
        "[constructor" => Some(name),
        _ => name.split_once('.').map(|(resource, _)| resource),
    }
}
