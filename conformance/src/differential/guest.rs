//! Components that give back what they are given, as text: one that does it, and
//! one that asks it to, with another string encoding, so that everything also
//! goes through the adapters between components, both ways.

use std::collections::HashMap;
use std::fmt::Write;

use enginebay::Type;

use super::handles;
use super::image::{
    Core, Encoding, align, align_to, cases, discriminant, flags_size, flat, members, payload_at,
    size,
};

/// Where images are laid, by either component in its memory.
pub(crate) const BASE: usize = 0x1_0000;
/// What an image can be, in bytes.
pub(crate) const IMAGE: usize = 0x1_0000;
/// Where `realloc` begins.
const HEAP: usize = BASE + IMAGE;
/// Pages of each memory.
const PAGES: usize = 16;
/// Bytes of each memory.
pub(crate) const MEMORY: usize = PAGES << 16;
/// What is put behind a parameter so that parameters are passed in memory.
const PAD: &str = "(tuple u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64 u64)";

/// One function's type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Echo {
    pub(crate) ty: Type,
    /// Whether the parameter is passed in memory although it needs not be.
    pub(crate) pad: bool,
}

impl Echo {
    /// Whether there is a second parameter.
    pub(crate) fn padded(&self) -> bool {
        self.pad && flat(&self.ty).len() <= 16
    }

    /// Whether parameters are passed in memory.
    pub(crate) fn spilled(&self) -> bool {
        self.pad || flat(&self.ty).len() > 16
    }

    pub(crate) fn pad(&self) -> String {
        match self.padded() {
            true => format!("(param \"pad\" {PAD})"),
            false => String::new(),
        }
    }

    /// The core type of the function's parameters.
    pub(crate) fn params(&self) -> Vec<Core> {
        match self.spilled() {
            true => vec![Core::I32],
            false => flat(&self.ty),
        }
    }

    /// The core type of the function's result.
    pub(crate) fn result(&self) -> Core {
        match flat(&self.ty)[..] {
            [core] => core,
            _ => Core::I32,
        }
    }

    /// Whether the result lies in memory.
    pub(crate) fn in_memory(&self) -> bool {
        flat(&self.ty).len() > 1
    }

    /// Code that gives the parameters back, with a local `$to`.
    pub(crate) fn give_back(&self) -> String {
        if self.spilled() && !self.in_memory() {
            let load = match &self.ty {
                Type::S8 => "i32.load8_s".to_owned(),
                Type::S16 => "i32.load16_s".to_owned(),
                ty => match (self.result(), size(ty)) {
                    (Core::I32, 1) => "i32.load8_u".to_owned(),
                    (Core::I32, 2) => "i32.load16_u".to_owned(),
                    (core, _) => format!("{}.load", core.name()),
                },
            };
            format!("({load} (local.get 0))")
        } else if self.spilled() || !self.in_memory() {
            "(local.get 0)".to_owned()
        } else {
            let mut store = StoreFlat {
                cores: self.params(),
                text: String::new(),
            };
            store.store(&self.ty, 0, 0);
            format!("{} {} (local.get $to)", self.make(), store.text)
        }
    }

    /// Code whose result is the image at [`BASE`].
    pub(crate) fn image_result(&self) -> String {
        match self.in_memory() {
            true => format!("(i32.const {BASE})"),
            false => load_flat(&[self.result()]),
        }
    }

    /// Room for a value, at a local `$to`.
    fn make(&self) -> String {
        format!(
            "(local.set $to (call $realloc (i32.const 0) (i32.const 0) \
             (i32.const {}) (i32.const {})))",
            align(&self.ty),
            size(&self.ty)
        )
    }

    /// What it takes to call the function of another component.
    pub(crate) fn asking(&self) -> Asking {
        if self.in_memory() {
            return Asking {
                extra: " i32",
                returns: String::new(),
                make: self.make(),
                to: "(local.get $to)",
                end: "(local.get $to)",
            };
        }
        Asking {
            returns: format!("(result {})", self.result().name()),
            ..Asking::nothing()
        }
    }

    /// All parameters.
    pub(crate) fn forwarded(&self) -> String {
        let all = 0..self.params().len();
        all.map(|index| format!("(local.get {index}) ")).collect()
    }

    /// The parameters that the image at [`BASE`] is.
    pub(crate) fn sent(&self) -> String {
        match self.spilled() {
            true => format!("(i32.const {BASE})"),
            false => load_flat(&self.params()),
        }
    }
}

/// Code around a call of another component's function: where the result goes,
/// and what comes back.
pub(crate) struct Asking {
    /// A further parameter.
    pub(crate) extra: &'static str,
    /// The result that the function has instead.
    pub(crate) returns: String,
    /// What comes before.
    pub(crate) make: String,
    /// The further argument.
    pub(crate) to: &'static str,
    /// What comes after.
    pub(crate) end: &'static str,
}

impl Asking {
    /// For a function without a result.
    pub(crate) fn nothing() -> Asking {
        Asking {
            extra: "",
            returns: String::new(),
            make: String::new(),
            to: "",
            end: "",
        }
    }
}

/// Types as text: those that need a name, with their names.
pub(crate) struct Types {
    pub(crate) text: String,
    /// What has been written.
    known: HashMap<String, String>,
    names: Vec<String>,
}

impl Types {
    pub(crate) fn of(echoes: &[Echo]) -> (Types, Vec<String>) {
        let mut types = Types {
            text: String::new(),
            known: HashMap::new(),
            names: Vec::new(),
        };
        let refs = echoes.iter().map(|echo| types.reference(&echo.ty));
        let refs = refs.collect();
        (types, refs)
    }

    fn optional(&mut self, ty: Option<&Type>) -> Option<String> {
        ty.map(|ty| self.reference(ty))
    }

    fn all(&mut self, ty: &Type) -> String {
        let members = members(ty).unwrap_or_default();
        let members: Vec<_> = members.iter().map(|ty| self.reference(ty)).collect();
        members.join(" ")
    }

    /// How a type is referred to, after what it needs has been written.
    fn reference(&mut self, ty: &Type) -> String {
        let mut named = true;
        let definition = match ty {
            Type::Record(fields) => {
                let mut text = "(record".to_owned();
                for field in &**fields {
                    let ty = self.reference(&field.ty);
                    let _ = write!(text, " (field \"{}\" {ty})", field.name);
                }
                text + ")"
            }
            Type::Variant(cases) => {
                let mut text = "(variant".to_owned();
                for case in &**cases {
                    let ty = self.optional(case.ty.as_ref()).unwrap_or_default();
                    let _ = write!(text, " (case \"{}\" {ty})", case.name);
                }
                text + ")"
            }
            Type::Enum(names) | Type::Flags(names) => {
                let kind = if matches!(ty, Type::Enum(_)) {
                    "enum"
                } else {
                    "flags"
                };
                let mut text = format!("({kind}");
                for name in &**names {
                    let _ = write!(text, " \"{name}\"");
                }
                text + ")"
            }
            _ => {
                named = false;
                match ty {
                    Type::List(ty) => format!("(list {})", self.reference(ty)),
                    Type::FixedLengthList(ty, count) => {
                        format!("(list {} {count})", self.reference(ty))
                    }
                    Type::Map(map) => {
                        let key = self.reference(&map.key);
                        format!("(map {key} {})", self.reference(&map.value))
                    }
                    Type::Tuple(_) => format!("(tuple {})", self.all(ty)),
                    Type::Option(ty) => format!("(option {})", self.reference(ty)),
                    Type::Result(ty) => {
                        let ok = self.optional(ty.ok.as_ref()).unwrap_or_default();
                        let err = self.optional(ty.err.as_ref());
                        let err = err.map(|err| format!("(error {err})")).unwrap_or_default();
                        format!("(result {ok} {err})")
                    }
                    Type::Own(resource) => format!("(own ${})", handles::name(resource)),
                    Type::Borrow(resource) => format!("(borrow ${})", handles::name(resource)),
                    scalar => return scalar.to_string(),
                }
            }
        };
        if let Some(name) = self.known.get(&definition) {
            return name.clone();
        }
        let number = self.known.len();
        let name = if named {
            let _ = writeln!(
                self.text,
                "(type $d{number} {definition}) (export $t{number} \"t{number}\" (type $d{number}))"
            );
            self.names.push(format!("t{number}"));
            format!("$t{number}")
        } else {
            let _ = writeln!(self.text, "(type $d{number} {definition})");
            format!("$d{number}")
        };
        self.known.insert(definition, name.clone());
        name
    }

    /// The same types inside an instance's type.
    pub(crate) fn as_imports(&self) -> String {
        let mut text = String::new();
        for line in self.text.lines() {
            let line = match line.split_once(") (export $t") {
                Some((definition, export)) => {
                    let number = number(export);
                    let export =
                        format!("(export \"t{number}\" (type $t{number} (eq $d{number})))");
                    format!("{definition}) {export}")
                }
                None => line.to_owned(),
            };
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// Definitions of the same names for what an imported instance exports.
    pub(crate) fn aliases(&self) -> String {
        let mut text = String::new();
        for line in self.text.lines() {
            match line.split_once(") (export $t") {
                Some((_, export)) => {
                    let number = number(export);
                    let _ = writeln!(
                        text,
                        "(alias export $i \"t{number}\" (type $d{number})) \
                         (export $t{number} \"t{number}\" (type $d{number}))"
                    );
                }
                None => {
                    let _ = writeln!(text, "{line}");
                }
            }
        }
        text
    }
}

/// The number that a text begins with.
fn number(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap_or_default()
}

/// A module with a memory, an allocator that only counts up, and functions that
/// set it back.
pub(crate) fn memory() -> String {
    let mut resets = String::new();
    for core in [Core::I32, Core::I64, Core::F32, Core::F64] {
        let core = core.name();
        let _ = write!(
            resets,
            "(func (export \"reset-{core}\") (param {core}) (global.set $next (i32.const {HEAP})))"
        );
    }
    format!(
        r#"(core module $memory
            (memory (export "memory") {PAGES})
            (global $next (mut i32) (i32.const {HEAP}))
            (func (export "realloc")
                (param $old i32) (param $len i32) (param $align i32) (param $new i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and
                    (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
                    (i32.sub (i32.const 0) (local.get $align))))
                (global.set $next (i32.add (local.get $at) (local.get $new)))
                (memory.copy (local.get $at) (local.get $old)
                    (select (local.get $len) (local.get $new)
                        (i32.lt_u (local.get $len) (local.get $new))))
                (local.get $at))
            {resets}
            (func (export "reset") (global.set $next (i32.const {HEAP}))))
        (core instance $memory (instantiate $memory))
        "#
    )
}

/// Loads the flat values of a type from [`BASE`], 8 bytes for each.
fn load_flat(cores: &[Core]) -> String {
    let mut text = String::new();
    for (index, core) in cores.iter().enumerate() {
        let at = BASE + 8 * index;
        let _ = write!(text, " ({}.load (i32.const {at}))", core.name());
    }
    text
}

/// Copies an image, which is in the two parameters, to [`BASE`].
pub(crate) const COPY_IMAGE: &str = "(memory.copy (i32.const 65536) (local.get 0) \
     (i32.shl (local.get 1) (i32.const 3)))";

/// Stores flat parameters as the value that they are.
struct StoreFlat {
    cores: Vec<Core>,
    text: String,
}

impl StoreFlat {
    /// A parameter, as the type that it has without the others that share it.
    fn get(&self, index: usize, want: Core) -> String {
        let get = format!("(local.get {index})");
        match (self.cores[index], want) {
            (have, want) if have == want => get,
            (Core::I32, _) => format!("(f32.reinterpret_i32 {get})"),
            (Core::I64, Core::I32) => format!("(i32.wrap_i64 {get})"),
            (Core::I64, Core::F32) => format!("(f32.reinterpret_i32 (i32.wrap_i64 {get}))"),
            (_, _) => format!("(f64.reinterpret_i64 {get})"),
        }
    }

    fn put(&mut self, index: usize, at: usize, core: Core, suffix: &str) {
        let value = self.get(index, core);
        let _ = writeln!(
            self.text,
            "({}.store{suffix} offset={at} (local.get $to) {value})",
            core.name()
        );
    }

    /// The value of a type whose first flat value is the parameter `index`.
    fn store(&mut self, ty: &Type, index: usize, at: usize) {
        if let Some(cases) = cases(ty) {
            let suffix = match discriminant(cases.len()) {
                1 => "8",
                2 => "16",
                _ => "",
            };
            self.put(index, at, Core::I32, suffix);
            for (number, payload) in cases.iter().enumerate() {
                let Some(payload) = payload else {
                    continue;
                };
                let which = self.get(index, Core::I32);
                let _ = writeln!(self.text, "(if (i32.eq {which} (i32.const {number})) (then");
                self.store(payload, index + 1, at + payload_at(&cases));
                self.text.push_str("))\n");
            }
            return;
        }
        if let Some(members) = members(ty) {
            let (mut index, mut end) = (index, at);
            for member in members {
                end = align_to(end, align(member));
                self.store(member, index, end);
                end += size(member);
                index += flat(member).len();
            }
            return;
        }
        match (ty, &flat(ty)[..]) {
            (_, [_, _]) => {
                self.put(index, at, Core::I32, "");
                self.put(index + 1, at + 4, Core::I32, "");
            }
            (_, [core @ (Core::F32 | Core::F64 | Core::I64)]) => self.put(index, at, *core, ""),
            (ty, _) => {
                let width = match ty {
                    Type::Flags(names) => flags_size(names.len()),
                    ty => size(ty),
                };
                let suffix = ["", "8", "16"].get(width).copied().unwrap_or_default();
                self.put(index, at, Core::I32, suffix);
            }
        }
    }
}

pub(crate) fn list(cores: &[Core]) -> String {
    let names: Vec<_> = cores.iter().map(|core| core.name()).collect();
    names.join(" ")
}

/// What every function is lifted with.
pub(crate) fn options(echo: &Echo, encoding: Encoding) -> String {
    format!(
        "(memory $memory \"memory\") (realloc (func $memory \"realloc\")) string-encoding={} \
         (post-return (func $memory \"reset-{}\"))",
        encoding.name(),
        echo.result().name()
    )
}

/// The component that gives back.
fn inner(echoes: &[Echo], encoding: Encoding) -> String {
    let (types, refs) = Types::of(echoes);
    let mut core = String::new();
    let mut lifts = String::new();
    for (index, (echo, ty)) in echoes.iter().zip(&refs).enumerate() {
        let (params, result) = (echo.params(), echo.result().name());
        let body = echo.give_back();
        let raw = echo.image_result();
        let _ = write!(
            core,
            "(func (export \"echo{index}\") (param {}) (result {result}) (local $to i32) {body})\n\
             (func (export \"raw{index}\") (param i32 i32) (result {result}) {COPY_IMAGE} {raw})\n",
            list(&params)
        );
        let options = options(echo, encoding);
        let pad = echo.pad();
        let _ = write!(
            lifts,
            "(func (export \"echo{index}\") (param \"v\" {ty}) {pad} (result {ty}) \
                 (canon lift (core func $m \"echo{index}\") {options}))\n\
             (func (export \"raw{index}\") (param \"image\" $image) (result {ty}) \
                 (canon lift (core func $m \"raw{index}\") {options}))\n"
        );
    }
    format!(
        "(component $inner (type $image (list u64))\n{}{}(core module $m \
         (import \"\" \"memory\" (memory 1)) \
         (import \"\" \"realloc\" (func $realloc (param i32 i32 i32 i32) (result i32)))\n{core})\n\
         (core instance $m (instantiate $m (with \"\" (instance $memory))))\n{lifts})\n",
        types.text,
        memory()
    )
}

/// The component that asks it to.
fn outer(echoes: &[Echo], encoding: Encoding) -> String {
    let (types, refs) = Types::of(echoes);
    let mut imports = String::new();
    let mut lowers = String::new();
    let mut with = String::new();
    let mut core = String::new();
    let mut lifts = String::new();
    for (index, (echo, ty)) in echoes.iter().zip(&refs).enumerate() {
        let pad = echo.pad();
        let (params, result) = (list(&echo.params()), echo.result().name());
        let _ = write!(
            imports,
            "(export \"echo{index}\" (func (param \"v\" {ty}) {pad} (result {ty})))\n\
             (export \"raw{index}\" (func (param \"image\" $image) (result {ty})))\n"
        );
        let Asking {
            extra,
            returns,
            make,
            to,
            end,
        } = echo.asking();
        let all = echo.forwarded();
        let sent = echo.sent();
        let _ = write!(
            core,
            "(import \"\" \"echo{index}\" (func $echo{index} (param {params}{extra}) {returns}))\n\
             (import \"\" \"raw{index}\" (func $raw{index} (param i32 i32{extra}) {returns}))\n"
        );
        let _ = write!(
            lifts,
            "(func (export \"echo{index}\") (param {params}) (result {result}) (local $to i32) {make} \
                 (call $echo{index} {all}{to}) {end})\n\
             (func (export \"raw{index}\") (param i32 i32) (result {result}) (local $to i32) {make} \
                 (call $raw{index} (local.get 0) (local.get 1) {to}) {end})\n\
             (func (export \"send{index}\") (param i32 i32) (result {result}) (local $to i32) {make} \
                 {COPY_IMAGE} (call $echo{index} {sent} {to}) {end})\n"
        );
        for name in ["echo", "raw"] {
            let _ = writeln!(
                lowers,
                "(core func ${name}{index} (canon lower (func $i \"{name}{index}\") \
                 (memory $memory \"memory\") (realloc (func $memory \"realloc\")) \
                 string-encoding={}))",
                encoding.name()
            );
            let _ = write!(with, "(export \"{name}{index}\" (func ${name}{index})) ");
        }
    }
    // Imports come before functions in a module.
    let core = core + &lifts;
    let mut exports = String::new();
    for (index, (echo, ty)) in echoes.iter().zip(&refs).enumerate() {
        let options = options(echo, encoding);
        let pad = echo.pad();
        let _ = writeln!(
            exports,
            "(func (export \"echo{index}\") (param \"v\" {ty}) {pad} (result {ty}) \
                 (canon lift (core func $m \"echo{index}\") {options}))"
        );
        for name in ["raw", "send"] {
            let _ = writeln!(
                exports,
                "(func (export \"{name}{index}\") (param \"image\" $image) (result {ty}) \
                     (canon lift (core func $m \"{name}{index}\") {options}))"
            );
        }
    }
    format!(
        "(component $outer (import \"i\" (instance $i (type $image (list u64))\n{}{imports}))\n\
         (type $image (list u64))\n{}{}{lowers}(core module $m \
         (import \"\" \"memory\" (memory 1)) \
         (import \"\" \"realloc\" (func $realloc (param i32 i32 i32 i32) (result i32)))\n{core})\n\
         (core instance $m (instantiate $m (with \"\" (instance \
         (export \"memory\" (memory $memory \"memory\")) \
         (export \"realloc\" (func $memory \"realloc\")) {with}))))\n{exports})\n",
        types.as_imports(),
        types.aliases(),
        memory()
    )
}

/// A component that exports two instances: `inner` gives back, `outer` has it
/// given back by another `inner`.
pub(crate) fn component(echoes: &[Echo], encodings: (Encoding, Encoding)) -> String {
    format!(
        "(component\n{}{}(instance $inner (instantiate $inner))\n\
         (instance $outer (instantiate $outer (with \"i\" (instance $inner))))\n\
         (export \"inner\" (instance $inner))\n(export \"outer\" (instance $outer)))",
        inner(echoes, encodings.0),
        outer(echoes, encodings.1)
    )
}
