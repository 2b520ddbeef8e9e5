//! The test of a world: a host that gives back what it gets, and calls with random
//! values.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::model::{Func, Kind, Ty, World};
use crate::random::Random;

/// How often each function is called.
const CALLS: usize = 4;

const KEYWORDS: [&str; 9] = [
    "self", "super", "type", "fn", "match", "where", "async", "box", "use",
];

fn snake(name: &str) -> String {
    let name = name.to_lowercase().replace('-', "_");
    match KEYWORDS.contains(&&*name) {
        true => format!("{name}_"),
        false => name,
    }
}

fn camel(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + &rest.to_lowercase()
    });
    words.collect()
}

/// The name of a type, which some words cannot be.
fn type_name(name: &str) -> String {
    let name = camel(name);
    match &*name {
        "Self" | "B" | "H" | "T" | "Option" => format!("{name}_"),
        _ => name,
    }
}

fn case(name: &str) -> String {
    let name = camel(name);
    match &*name {
        "Self" => format!("{name}_"),
        _ => name,
    }
}

struct Rust<'a> {
    world: &'a World,
    random: &'a mut Random,
    /// Where the types are.
    path: String,
}

pub(crate) fn test(world: &World, index: usize, random: &mut Random) -> String {
    let (package, host, guest) = (
        world.package.split_once(':').expect("there is a name").1,
        snake(&world.host),
        snake(&world.guest),
    );
    let imports = format!("bindings::random::{package}::{host}");
    let exports = match world.shares {
        true => imports.clone(),
        false => format!("bindings::exports::random::{package}::{guest}"),
    };
    let name = type_name(&world.name);
    let mut rust = Rust {
        world,
        random,
        path: imports.clone(),
    };
    let types: HashSet<String> = world.defs.iter().map(|def| type_name(&def.name)).collect();
    let mut host_trait = "Host".to_string();
    while types.contains(&host_trait) {
        host_trait.push('_');
    }
    let mut text = rust.host(&format!("{imports}::{host_trait}"), &world.funcs);
    if !world.free.is_empty() {
        text += &rust.host(
            &format!("bindings::{}Imports", camel(&world.name)),
            &world.free,
        );
    }
    rust.path = exports;
    let mut calls = String::new();
    for (funcs, of) in [
        (
            &world.funcs,
            format!("world.random_{package}_{}()", guest.trim_end_matches('_')),
        ),
        (&world.free, "world".to_string()),
    ] {
        for func in funcs {
            for _ in 0..CALLS {
                calls += &rust.call(&of, func);
            }
        }
    }
    let (instantiate, wait) = match world.is_async {
        true => ("instantiate_async", ".await"),
        false => ("instantiate", ""),
    };
    let is_async = world.is_async;
    let count = CALLS * (world.funcs.len() + world.free.len());
    format!(
        r#"mod world_{index} {{
    #[allow(unreachable_pub)]
    mod bindings {{ include!(concat!(env!("OUT_DIR"), "/{index}.rs")); }}
    #[allow(clippy::all, unused_parens)]
    mod test {{
    use super::bindings;
    use crate::Echo;
    {text}
    pub(crate) async fn run<B: enginebay::Backend>() {{
        const WASM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/{index}.wasm"));
        let Some((component, mut linker, mut store)) = crate::start::<B>(WASM, {is_async}) else {{ return }};
        bindings::{name}::add_to_linker(&mut linker, |echo: &mut Echo| echo).unwrap();
        let world = bindings::{name}::{instantiate}(&mut store, &component, &linker){wait}.unwrap();
        {calls}
        assert_eq!(store.data().0, {count}, "not each call came to the host");
    }}
    }}
    pub(crate) use test::run;
}}
fn world_{index}<B: enginebay::Backend>() {{ common::block_on(world_{index}::run::<B>()) }}
"#
    )
}

impl Rust<'_> {
    /// What a host does: it gives back what it gets, or what it reads in place.
    fn host(&self, of: &str, funcs: &[Func]) -> String {
        let mut methods = String::new();
        for (at, func) in funcs.iter().enumerate() {
            let in_place = self.world.reads_in_place((at, func));
            let types: Vec<String> = func.params.iter().map(|(_, ty)| self.ty(ty)).collect();
            let (mut params, mut values) = (String::new(), Vec::new());
            for (at, (_, ty)) in func.params.iter().enumerate() {
                let element = self.world.element(ty).filter(|_| in_place);
                let (ty, value) = match element.map(|ty| self.ty(ty)) {
                    None => (types[at].clone(), format!("p{at}")),
                    Some(element) => (
                        format!("enginebay::WasmList<{element}>"),
                        format!("p{at}.to_vec(&mut access).unwrap()"),
                    ),
                };
                write!(params, ", p{at}: {ty}").unwrap();
                values.push(value);
            }
            let (mut value, mut result) = match &*types {
                [] => ("()".to_string(), "()".to_string()),
                [ty] => (values.remove(0), ty.clone()),
                several => (
                    format!("({})", values.join(", ")),
                    format!("({})", several.join(", ")),
                ),
            };
            if self.world.trappable {
                value = format!("enginebay::Result::Ok({value})");
                result = format!("enginebay::Result<{result}>");
            }
            let is_async = if self.world.is_async { "async " } else { "" };
            let (generics, this, host) = match in_place {
                false => ("", "&mut self", "self"),
                true => (
                    "<B: enginebay::Backend, T: Send + 'static>",
                    "mut access: enginebay::Access<'_, B, T, Self>",
                    "access.host()",
                ),
            };
            writeln!(
                methods,
                "{is_async}fn {}{generics}({this}{params}) -> {result} {{ {host}.0 += 1; {value} }}",
                snake(&func.name)
            )
            .unwrap();
        }
        format!("impl {of} for Echo {{ {methods} }}\n")
    }

    fn call(&mut self, of: &str, func: &Func) -> String {
        let (mut given, mut expected) = (String::new(), Vec::new());
        for (_, ty) in &func.params {
            // Both forms of one value.
            let state = self.random.0;
            write!(given, ", {}", self.value(ty, false)).unwrap();
            self.random.0 = state;
            expected.push(self.value(ty, true));
        }
        let types: Vec<String> = func.params.iter().map(|(_, ty)| self.ty(ty)).collect();
        let (expected, ty) = match (&*expected, &*types) {
            ([one], [ty]) => (one.clone(), ty.clone()),
            (several, types) => (
                format!("({})", several.join(", ")),
                format!("({})", types.join(", ")),
            ),
        };
        let wit = &func.name;
        let name = wit.to_lowercase().replace('-', "_");
        let (suffix, wait) = match self.world.is_async {
            true => ("_async", ".await"),
            false => ("", ""),
        };
        format!(
            "let expected: {ty} = {expected};\n\
             assert_eq!({of}.call_{name}{suffix}(&mut store{given}){wait}.unwrap(), expected, \
             {wit:?});\n"
        )
    }

    fn ty(&self, ty: &Ty) -> String {
        let optional = |ty: &Option<Box<Ty>>| match ty {
            Some(ty) => self.ty(ty),
            None => "()".to_string(),
        };
        match ty {
            Ty::Number(_, rust) => (*rust).to_string(),
            Ty::Bool => "bool".to_string(),
            Ty::Char => "char".to_string(),
            Ty::String => "String".to_string(),
            Ty::List(ty) => format!("Vec<{}>", self.ty(ty)),
            Ty::Fixed(ty, len) => format!("[{}; {len}]", self.ty(ty)),
            Ty::Map(key, value) => format!("enginebay::Map<{}, {}>", self.ty(key), self.ty(value)),
            Ty::Option(ty) => format!("Option<{}>", self.ty(ty)),
            Ty::Result(ok, err) => format!("Result<{}, {}>", optional(ok), optional(err)),
            Ty::Tuple(types) => {
                let types: String = types.iter().map(|ty| self.ty(ty) + ", ").collect();
                format!("({types})")
            }
            Ty::Named(index) => self.named(*index),
        }
    }

    fn named(&self, index: usize) -> String {
        format!("{}::{}", self.path, type_name(&self.world.defs[index].name))
    }

    /// A random value: owned, or in the form in which a call borrows it.
    fn value(&mut self, ty: &Ty, owned: bool) -> String {
        let reference = |text: String| match owned {
            true => text,
            false => format!("&{text}"),
        };
        match ty {
            Ty::Number(_, "f32") => self.pick(&[
                "0.0f32",
                "-1.5f32",
                "f32::MAX",
                "f32::MIN_POSITIVE",
                "f32::INFINITY",
            ]),
            Ty::Number(_, "f64") => self.pick(&[
                "-0.0f64",
                "1e300f64",
                "f64::MIN",
                "f64::EPSILON",
                "f64::NEG_INFINITY",
            ]),
            Ty::Number(_, rust) => match self.random.below(4) {
                0 => format!("{rust}::MIN"),
                1 => format!("{rust}::MAX"),
                2 => format!("{}{rust}", self.random.below(3)),
                _ => format!("({:#x}u64 as {rust})", self.random.next()),
            },
            Ty::Bool => self.pick(&["true", "false"]),
            Ty::Char => self.pick(&["'a'", "'\\0'", "'é'", "'\\u{d7ff}'", "'\\u{10ffff}'"]),
            Ty::String => {
                let text = self.pick(&["\"\"", "\"a\"", "\"żółw 日本語\"", "\"\\0 \\\" 😀\""]);
                match owned {
                    true => format!("String::from({text})"),
                    false => text,
                }
            }
            Ty::List(ty) => {
                let items = self.values(ty, [0, 1, 2, 3, 17]);
                match owned {
                    true => format!("vec![{items}]"),
                    false => format!("&[{items}]"),
                }
            }
            Ty::Fixed(of, len) => {
                let items = self.values(of, [*len as usize; 5]);
                match self.world.is_copy(ty) {
                    true => format!("[{items}]"),
                    false => reference(format!("[{items}]")),
                }
            }
            Ty::Map(key, value) => {
                let count = self.random.below(4);
                let mut entries = String::new();
                for _ in 0..count {
                    let (key, value) = (self.value(key, true), self.value(value, true));
                    write!(entries, "({key}, {value}), ").unwrap();
                }
                reference(format!("enginebay::Map::from([{entries}])"))
            }
            Ty::Option(ty) => match self.random.below(3) {
                0 => "None".to_string(),
                _ => format!("Some({})", self.value(ty, owned)),
            },
            Ty::Result(ok, err) => {
                let (case, ty) = match self.random.below(2) {
                    0 => ("Ok", ok),
                    _ => ("Err", err),
                };
                match ty {
                    Some(ty) => format!("{case}({})", self.value(ty, owned)),
                    None => format!("{case}(())"),
                }
            }
            Ty::Tuple(types) => {
                let mut items = String::new();
                for ty in types {
                    write!(items, "{}, ", self.value(ty, owned)).unwrap();
                }
                format!("({items})")
            }
            Ty::Named(index) => self.defined(*index, owned),
        }
    }

    fn defined(&mut self, index: usize, owned: bool) -> String {
        let world = self.world;
        let path = self.named(index);
        let is_copy = world.is_copy(&Ty::Named(index));
        let text = match &world.defs[index].kind {
            Kind::Alias(ty) => return self.value(ty, owned),
            Kind::Record(fields) => {
                let mut text = String::new();
                for (name, ty) in fields {
                    write!(text, "{}: {}, ", snake(name), self.value(ty, true)).unwrap();
                }
                format!("{path} {{ {text} }}")
            }
            Kind::Variant(cases) => {
                let (name, ty) = &cases[self.random.below(cases.len())];
                match ty {
                    Some(ty) => format!("{path}::{}({})", case(name), self.value(ty, true)),
                    None => format!("{path}::{}", case(name)),
                }
            }
            Kind::Enum(names) => {
                let name = &names[self.random.below(names.len())];
                format!("{path}::{}", case(name))
            }
            Kind::Flags(names) => {
                let mut text = format!("{path}::empty()");
                for name in names {
                    if self.random.below(2) == 0 {
                        let name = name.to_uppercase().replace('-', "_");
                        write!(text, " | {path}::{name}").unwrap();
                    }
                }
                format!("({text})")
            }
        };
        match owned || is_copy {
            true => text,
            false => format!("&{text}"),
        }
    }

    /// Owned values, as many as one of these numbers.
    fn values(&mut self, ty: &Ty, counts: [usize; 5]) -> String {
        let count = counts[self.random.below(5)];
        let mut items = String::new();
        for _ in 0..count {
            write!(items, "{}, ", self.value(ty, true)).unwrap();
        }
        items
    }

    fn pick(&mut self, of: &[&str]) -> String {
        of[self.random.below(of.len())].to_string()
    }
}
