//! Worlds.

use std::collections::HashSet;

use crate::random::Random;

/// A type.
#[derive(Clone, Debug)]
pub(crate) enum Ty {
    /// By its name in WIT and in Rust.
    Number(&'static str, &'static str),
    Bool,
    Char,
    String,
    List(Box<Ty>),
    Fixed(Box<Ty>, u32),
    Map(Box<Ty>, Box<Ty>),
    Option(Box<Ty>),
    Result(Option<Box<Ty>>, Option<Box<Ty>>),
    Tuple(Vec<Ty>),
    /// One of the world's definitions.
    Named(usize),
}

const NUMBERS: [(&str, &str); 10] = [
    ("u8", "u8"),
    ("s8", "i8"),
    ("u16", "u16"),
    ("s16", "i16"),
    ("u32", "u32"),
    ("s32", "i32"),
    ("u64", "u64"),
    ("s64", "i64"),
    ("f32", "f32"),
    ("f64", "f64"),
];

#[derive(Debug)]
pub(crate) enum Kind {
    Record(Vec<(Name, Ty)>),
    Variant(Vec<(Name, Option<Ty>)>),
    Enum(Vec<Name>),
    Flags(Vec<Name>),
    Alias(Ty),
}

#[derive(Debug)]
pub(crate) struct Def {
    pub(crate) name: Name,
    pub(crate) kind: Kind,
}

/// A function, which gives what it is given: several as a tuple.
#[derive(Debug)]
pub(crate) struct Func {
    pub(crate) name: Name,
    pub(crate) params: Vec<(Name, Ty)>,
}

/// A name in WIT, without `%`.
pub(crate) type Name = String;

/// A world that imports an interface and exports one that is like it, and functions
/// besides.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) package: String,
    pub(crate) version: Option<&'static str>,
    pub(crate) name: Name,
    pub(crate) host: Name,
    pub(crate) guest: Name,
    pub(crate) defs: Vec<Def>,
    pub(crate) funcs: Vec<Func>,
    /// Functions of the world itself.
    pub(crate) free: Vec<Func>,
    /// Whether the exported interface has the types of the imported one, or its own.
    pub(crate) shares: bool,
    pub(crate) trappable: bool,
    pub(crate) is_async: bool,
}

impl World {
    /// Of a list, what it is of.
    pub(crate) fn element<'a>(&'a self, ty: &'a Ty) -> Option<&'a Ty> {
        match ty {
            Ty::List(element) => Some(element),
            Ty::Named(index) => match &self.defs[*index].kind {
                Kind::Alias(ty) => self.element(ty),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the host reads lists of a function, the one at this index, in place:
    /// every second function does that can.
    pub(crate) fn reads_in_place(&self, (at, func): (usize, &Func)) -> bool {
        let mut types = func.params.iter().map(|(_, ty)| ty);
        at % 2 == 0 && types.any(|ty| self.element(ty).is_some())
    }
}

/// Names that mean something in WIT, in Rust or in what is generated.
const NAMES: [&str; 60] = [
    "a",
    "b",
    "t",
    "h",
    "self",
    "super",
    "type",
    "fn",
    "match",
    "where",
    "async",
    "result",
    "option",
    "string",
    "vec",
    "box",
    "map",
    "list",
    "ok",
    "err",
    "some",
    "none",
    "clone",
    "debug",
    "default",
    "drop",
    "new",
    "host",
    "guest",
    "store",
    "data",
    "get",
    "linker",
    "instance",
    "func",
    "call",
    "caller",
    "arg0",
    "arg1",
    "error",
    "resource",
    "component",
    "record",
    "flags",
    "u8",
    "u8-u8",
    "HTTP-code",
    "a1-b2",
    "x-y-z",
    "instantiate",
    "add-to-linker",
    "imports",
    "exports",
    "with",
    "world",
    "use",
    "bool",
    "send",
    "self-",
    "core",
];

/// Gives names that are different from each other, for Rust too.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    fn give(&mut self, random: &mut Random) -> Name {
        let name = NAMES[random.below(NAMES.len())].trim_end_matches('-');
        let mut given = name.to_string();
        let mut count = 1;
        while !self.0.insert(given.to_lowercase()) {
            count += 1;
            given = format!("{name}-n{count}");
        }
        given
    }
}

impl World {
    pub(crate) fn random(random: &mut Random, index: usize) -> World {
        let mut interfaces = Names::default();
        let mut types = Names::default();
        let mut world = World {
            package: format!("random:w{index}"),
            version: [None, Some("1.2.3"), Some("0.1.0-rc.1")][random.below(3)],
            name: interfaces.give(random),
            host: interfaces.give(random),
            guest: interfaces.give(random),
            defs: Vec::new(),
            funcs: Vec::new(),
            free: Vec::new(),
            shares: random.below(2) == 0,
            trappable: random.below(2) == 0,
            is_async: random.below(3) == 0,
        };
        for _ in 0..2 + random.below(6) {
            let name = types.give(random);
            let kind = world.kind(random);
            world.defs.push(Def { name, kind });
        }
        // Types and functions of an interface have their names in common.
        for _ in 0..3 + random.below(5) {
            let func = world.func(random, &mut types, world.defs.len());
            world.funcs.push(func);
        }
        for _ in 0..random.below(3) {
            let func = world.func(random, &mut interfaces, 0);
            world.free.push(func);
        }
        world
    }

    fn kind(&self, random: &mut Random) -> Kind {
        let mut names = Names::default();
        let named = self.defs.len();
        match random.below(8) {
            0..3 => Kind::Record(
                (0..1 + random.below(5))
                    .map(|_| (names.give(random), self.ty(random, 2, named)))
                    .collect(),
            ),
            3..5 => Kind::Variant(
                (0..1 + random.below(5))
                    .map(|_| {
                        let name = names.give(random);
                        let payload = random.below(3) > 0;
                        (name, payload.then(|| self.ty(random, 2, named)))
                    })
                    .collect(),
            ),
            5 => Kind::Enum(
                (0..1 + random.below(9))
                    .map(|_| names.give(random))
                    .collect(),
            ),
            6 => Kind::Flags(
                (0..1 + random.below(32))
                    .map(|_| names.give(random))
                    .collect(),
            ),
            _ => Kind::Alias(self.ty(random, 2, named)),
        }
    }

    fn func(&self, random: &mut Random, names: &mut Names, named: usize) -> Func {
        let mut params = Names::default();
        let count = [0, 1, 1, 2, 2, 3, 5][random.below(7)];
        Func {
            name: names.give(random),
            params: (0..count)
                .map(|_| (params.give(random), self.ty(random, 3, named)))
                .collect(),
        }
    }

    /// A type no deeper than this, of the first definitions.
    fn ty(&self, random: &mut Random, depth: usize, named: usize) -> Ty {
        let number = |random: &mut Random| {
            let (wit, rust) = NUMBERS[random.below(NUMBERS.len())];
            Ty::Number(wit, rust)
        };
        if named > 0 && random.below(3) == 0 {
            return Ty::Named(random.below(named));
        }
        if depth == 0 {
            return match random.below(5) {
                0 => Ty::Bool,
                1 => Ty::Char,
                2 => Ty::String,
                _ => number(random),
            };
        }
        let inner = |random: &mut Random| self.ty(random, depth - 1, named);
        let boxed = |random: &mut Random| Box::new(inner(random));
        let perhaps = |random: &mut Random| (random.below(3) > 0).then(|| boxed(random));
        match random.below(16) {
            0..3 => number(random),
            3 => Ty::Bool,
            4 => Ty::Char,
            5..7 => Ty::String,
            7..10 => Ty::List(boxed(random)),
            10..12 => Ty::Option(boxed(random)),
            12 => Ty::Result(perhaps(random), perhaps(random)),
            13 => Ty::Tuple((0..1 + random.below(4)).map(|_| inner(random)).collect()),
            14 => Ty::Fixed(boxed(random), 1 + random.below(5) as u32),
            _ => {
                let key = match random.below(4) {
                    0 => Ty::Bool,
                    1 => Ty::Char,
                    2 => Ty::String,
                    // Keys are no floats.
                    _ => {
                        let (wit, rust) = NUMBERS[random.below(8)];
                        Ty::Number(wit, rust)
                    }
                };
                Ty::Map(Box::new(key), boxed(random))
            }
        }
    }

    /// Whether Rust copies values of a type.
    pub(crate) fn is_copy(&self, ty: &Ty) -> bool {
        let optional = |ty: &Option<Box<Ty>>| ty.as_ref().is_none_or(|ty| self.is_copy(ty));
        match ty {
            Ty::Number(..) | Ty::Bool | Ty::Char => true,
            Ty::String | Ty::List(_) | Ty::Map(..) => false,
            Ty::Fixed(ty, _) | Ty::Option(ty) => self.is_copy(ty),
            Ty::Result(ok, err) => optional(ok) && optional(err),
            Ty::Tuple(types) => types.iter().all(|ty| self.is_copy(ty)),
            Ty::Named(index) => match &self.defs[*index].kind {
                Kind::Record(fields) => fields.iter().all(|(_, ty)| self.is_copy(ty)),
                Kind::Variant(cases) => cases
                    .iter()
                    .all(|(_, ty)| ty.as_ref().is_none_or(|ty| self.is_copy(ty))),
                Kind::Enum(_) | Kind::Flags(_) => true,
                Kind::Alias(ty) => self.is_copy(ty),
            },
        }
    }

    /// The imported interface, as components name it.
    pub(crate) fn host_id(&self) -> String {
        self.id(&self.host)
    }

    pub(crate) fn id(&self, interface: &str) -> String {
        match self.version {
            Some(version) => format!("{}/{interface}@{version}", self.package),
            None => format!("{}/{interface}", self.package),
        }
    }
}
