//! Generated core modules: what they have, and their text.

use std::fmt::Write;

use super::code::{Code, Ty};
use crate::random::Random;

/// The parameters and results of a function.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Signature {
    pub(super) params: Vec<Ty>,
    pub(super) results: Vec<Ty>,
}

impl Signature {
    pub(super) fn new(params: &[Ty], results: &[Ty]) -> Self {
        Signature {
            params: params.to_vec(),
            results: results.to_vec(),
        }
    }

    /// `(param ...) (result ...)`.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (keyword, types) in [("param", &self.params), ("result", &self.results)] {
            if !types.is_empty() {
                let names: Vec<_> = types.iter().map(|ty| ty.name()).collect();
                let _ = write!(text, "({keyword} {}) ", names.join(" "));
            }
        }
        text
    }

    /// One that a component's function can have: no vectors, one result at most.
    fn random(random: &mut Random) -> Self {
        let count = random.pick(&[0, 1, 1, 2, 2, 3, 4, 6]);
        let ty = |random: &mut Random| match random.below(7) {
            0..=3 => Ty::I32,
            4 => Ty::I64,
            5 => Ty::F32,
            _ => Ty::F64,
        };
        let params: Vec<_> = (0..count).map(|_| ty(random)).collect();
        let results = match random.below(8) {
            0 => Vec::new(),
            _ => vec![ty(random)],
        };
        Signature { params, results }
    }
}

/// What another module exports, for a module that imports it.
#[derive(Clone, Debug)]
pub(super) struct Import {
    /// The name of the instance.
    pub(super) from: String,
    pub(super) name: String,
    pub(super) signature: Signature,
}

/// What a module has, in the order of its indices.
#[derive(Clone, Debug, Default)]
pub(super) struct Module {
    pub(super) simd: bool,
    pub(super) tail_calls: bool,
    imports: Vec<Import>,
    /// All functions, those that are imported first.
    pub(super) funcs: Vec<Signature>,
    /// Type, and whether it can be set.
    globals: Vec<(Ty, bool)>,
    pub(super) memories: usize,
    pub(super) tables: usize,
    /// Segments, the passive ones among them.
    pub(super) data: usize,
    pub(super) elements: usize,
    /// The first memory comes from this instance.
    pub(super) shares: Option<String>,
    /// The index of a function that allocates, for the Canonical ABI.
    pub(super) realloc: Option<usize>,
}

impl Module {
    /// The number of imported functions.
    pub(super) fn imported(&self) -> usize {
        self.imports.len()
    }

    /// The number of functions of its own.
    pub(super) fn defined(&self) -> usize {
        self.funcs.len() - self.imports.len()
    }

    /// Some function with these results.
    pub(super) fn func(&self, random: &mut Random, results: &[Ty]) -> Option<usize> {
        let fits = |at: &usize| self.funcs[*at].results == results;
        let all: Vec<_> = (0..self.funcs.len()).filter(fits).collect();
        (!all.is_empty()).then(|| random.pick(&all))
    }

    /// Some global of this type.
    pub(super) fn global(&self, random: &mut Random, ty: Ty, mutable: bool) -> Option<usize> {
        let fits = |at: &usize| {
            let (of, set) = self.globals[*at];
            of == ty && (set || !mutable)
        };
        let all: Vec<_> = (0..self.globals.len()).filter(fits).collect();
        (!all.is_empty()).then(|| random.pick(&all))
    }

    /// A shape at random.
    pub(super) fn random(
        random: &mut Random,
        imports: Vec<Import>,
        shares: Option<String>,
    ) -> Self {
        let mut module = Module {
            simd: random.one_in(4),
            tail_calls: random.one_in(16),
            funcs: imports.iter().map(|it| it.signature.clone()).collect(),
            memories: random.pick(&[1, 1, 1, 1, 2, 3]),
            tables: random.pick(&[0, 1, 1, 2]),
            data: random.below(3),
            elements: random.below(3),
            imports,
            shares,
            ..Module::default()
        };
        if module.shares.is_none() && random.one_in(12) {
            (module.memories, module.data) = (0, 0);
        }
        for _ in 0..1 + random.below(5) {
            module.funcs.push(Signature::random(random));
        }
        if random.one_in(3) {
            module
                .funcs
                .push(Signature::new(&[Ty::I32], &[Ty::I32, Ty::I64]));
        }
        if module.tables == 0 {
            module.elements = 0;
        }
        let count = random.below(6);
        for _ in 0..count {
            let simd = module.simd && random.one_in(4);
            let ty = if simd {
                Ty::V128
            } else {
                random.pick(&Ty::NUMBERS)
            };
            module.globals.push((ty, !random.one_in(4)));
        }
        if module.memories > 0 && !random.one_in(4) {
            module.realloc = Some(module.funcs.len());
            module.funcs.push(Signature::new(&[Ty::I32; 4], &[Ty::I32]));
        }
        module
    }

    /// The module's text. Functions are exported as `f0`, `f1`, ... by their index,
    /// the memory as `memory`, and what it has come to as `state`.
    pub(super) fn text(&self, random: &mut Random, name: &str) -> String {
        let mut text = format!("(core module ${name} ");
        for import in &self.imports {
            let Import {
                from,
                name,
                signature,
            } = import;
            let signature = signature.text();
            let _ = writeln!(text, "(import \"{from}\" \"{name}\" (func {signature}))");
        }
        if let Some(from) = &self.shares {
            let _ = writeln!(text, "(import \"{from}\" \"memory\" (memory 0))");
        }
        let own = self.memories - usize::from(self.shares.is_some()).min(self.memories);
        for _ in 0..own {
            let (least, most) = match random.below(12) {
                0 => (0, "".to_owned()),
                1 => (3, " 3".to_owned()),
                2 => (1, format!(" {}", 1 + random.below(4))),
                3 => (1 + random.below(40), "".to_owned()),
                _ => (1, "".to_owned()),
            };
            let _ = writeln!(text, "(memory {least}{most})");
        }
        if self.memories > 0 {
            text.push_str("(export \"memory\" (memory 0))\n");
        }
        for _ in 0..self.tables {
            let (least, most) = match random.below(8) {
                0 => (0, "".to_owned()),
                1 => (4, " 6".to_owned()),
                2 => (random.pick(&[100, 5_000]), "".to_owned()),
                _ => (4 + random.below(6), "".to_owned()),
            };
            let _ = writeln!(text, "(table {least}{most} funcref)");
        }
        for (ty, mutable) in &self.globals {
            let ty_text = match mutable {
                true => format!("(mut {})", ty.name()),
                false => ty.name().to_owned(),
            };
            let value = match ty {
                Ty::V128 => "v128.const i64x2 3 -4".to_owned(),
                Ty::F32 | Ty::F64 => format!("{}.const {}.5", ty.name(), random.below(9)),
                _ => format!("{}.const {}", ty.name(), random.below(70)),
            };
            let _ = writeln!(text, "(global {ty_text} ({value}))");
        }
        self.segments(random, &mut text);
        let imported = self.imported();
        for (index, signature) in self.funcs.iter().enumerate().skip(imported) {
            let head = signature.text();
            let _ = write!(text, "(func (export \"f{index}\") {head}");
            // One that allocates does so most often; another body is as good a test.
            if self.realloc == Some(index) && !random.one_in(8) {
                text.push_str(REALLOC);
            } else {
                text.push_str(&Code::function(random, self, signature));
            }
            text.push_str(")\n");
        }
        if random.one_in(6) {
            let fits = |at: &usize| self.funcs[*at] == Signature::new(&[], &[]);
            let start = (imported..self.funcs.len()).find(fits);
            let start = start.unwrap_or(self.funcs.len());
            let _ = writeln!(text, "(start {start})");
            if start == self.funcs.len() {
                let body = Code::function(random, self, &Signature::new(&[], &[]));
                let _ = writeln!(text, "(func {body})");
            }
        }
        text.push_str(&self.state());
        // What `ref.func` names has to be declared.
        let funcs: Vec<_> = (imported..self.funcs.len())
            .map(|at| at.to_string())
            .collect();
        let _ = writeln!(text, "(elem declare func {}))", funcs.join(" "));
        text
    }

    fn segments(&self, random: &mut Random, text: &mut String) {
        for _ in 0..self.data {
            let at = match random.below(10) {
                0 => 65_530 + random.below(10),
                _ => random.below(300),
            };
            let bytes = random.pick(&["\\01\\02\\03\\ff", "some data", "\\e2\\82\\ac\\f0\\9f"]);
            let place = match random.below(3) {
                0 => String::new(),
                _ => format!("(memory {}) (i32.const {at})", random.below(self.memories)),
            };
            let _ = writeln!(text, "(data {place} \"{bytes}\")");
        }
        for _ in 0..self.elements {
            let at = random.pick(&[0, 0, 1, 2, 3, 9]);
            let (table, place) = match random.below(4) {
                0 => (String::new(), String::new()),
                _ => (
                    format!("(table {})", random.below(self.tables)),
                    format!("(i32.const {at})"),
                ),
            };
            let count = 1 + random.below(4);
            let mut items = String::new();
            for _ in 0..count {
                items.push_str(&match random.one_in(6) {
                    true => "(ref.null func) ".to_owned(),
                    false => format!("(ref.func {}) ", random.below(self.funcs.len())),
                });
            }
            let _ = writeln!(text, "(elem {table} {place} funcref {items})");
        }
    }

    /// A function that makes one number of the memory's beginning, the globals, and
    /// the sizes: what calls leave behind and do not return.
    fn state(&self) -> String {
        let mut text = "(func (export \"state\") (result i64) (local i32 i64)\n".to_owned();
        let mix = |text: &mut String, value: &str| {
            let _ = writeln!(
                text,
                "(local.set 1 (i64.add (i64.mul (local.get 1) (i64.const 31)) {value}))"
            );
        };
        if self.memories > 0 {
            text.push_str("(if (memory.size) (then (loop ");
            mix(&mut text, "(i64.load (local.get 0))");
            text.push_str(
                "(br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 8))) \
                 (i32.const 4096))))))\n",
            );
        }
        for memory in 0..self.memories {
            mix(
                &mut text,
                &format!("(i64.extend_i32_u (memory.size {memory}))"),
            );
        }
        for table in 0..self.tables {
            mix(
                &mut text,
                &format!("(i64.extend_i32_u (table.size {table}))"),
            );
        }
        for (global, (ty, _)) in self.globals.iter().enumerate() {
            let get = format!("(global.get {global})");
            let bits = match ty {
                Ty::I32 => format!("(i64.extend_i32_u {get})"),
                Ty::I64 => get,
                Ty::F32 => format!("(i64.extend_i32_u (i32.reinterpret_f32 {get}))"),
                Ty::F64 => format!("(i64.reinterpret_f64 {get})"),
                Ty::V128 => format!("(i64x2.extract_lane 1 {get})"),
            };
            mix(&mut text, &bits);
        }
        text.push_str("(local.get 1))\n");
        text
    }
}

/// Allocates what is asked for, one behind the other, from 8 KiB on in the first
/// memory; where it comes to stands at 16.
const REALLOC: &str = "
    (local i32)
    (if (i32.lt_u (i32.load (i32.const 16)) (i32.const 8192))
        (then (i32.store (i32.const 16) (i32.const 8192))))
    (local.set 4 (i32.and (i32.add (i32.load (i32.const 16)) (i32.const 7)) (i32.const -8)))
    (i32.store (i32.const 16) (i32.add (local.get 4) (local.get 3)))
    (memory.copy (local.get 4) (local.get 0) (local.get 1))
    (local.get 4)";
