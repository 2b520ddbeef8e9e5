//! The bodies of generated functions: expressions of a wanted type, and statements,
//! as text. They are valid by construction, and most of what they do neither traps
//! nor runs for ever, so that what comes after it is run too.

use std::fmt::Write;

use super::module::{Module, Signature};
use crate::random::Random;

/// A type of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ty {
    I32,
    I64,
    F32,
    F64,
    V128,
}

impl Ty {
    pub(super) const NUMBERS: [Ty; 4] = [Ty::I32, Ty::I64, Ty::F32, Ty::F64];

    pub(super) fn name(self) -> &'static str {
        match self {
            Ty::I32 => "i32",
            Ty::I64 => "i64",
            Ty::F32 => "f32",
            Ty::F64 => "f64",
            Ty::V128 => "v128",
        }
    }
}

/// How many locals a function has of each type besides its parameters.
const SPARE: usize = 2;
/// Counters of loops, by how deep they are nested.
const COUNTERS: usize = 3;

/// A label that can be branched to, with what a branch takes along.
#[derive(Clone, Copy)]
struct Label {
    takes: Option<Ty>,
    /// It is a loop's: a branch goes round once more, and is not counted.
    again: bool,
}

impl Label {
    fn of(takes: Option<Ty>) -> Self {
        Label {
            takes,
            again: false,
        }
    }
}

/// Writes one function.
pub(super) struct Code<'a> {
    random: &'a mut Random,
    module: &'a Module,
    text: String,
    locals: Vec<Ty>,
    /// Where the counters begin.
    counters: usize,
    loops: usize,
    labels: Vec<Label>,
    results: Vec<Ty>,
    /// How many more nodes may be written.
    budget: usize,
}

impl<'a> Code<'a> {
    /// The locals and the body of a function of this signature.
    pub(super) fn function(
        random: &'a mut Random,
        module: &'a Module,
        signature: &Signature,
    ) -> String {
        let mut locals = signature.params.clone();
        let spare = Ty::NUMBERS.iter().chain(module.simd.then_some(&Ty::V128));
        for ty in spare {
            locals.extend([*ty; SPARE]);
        }
        let counters = locals.len();
        locals.extend([Ty::I32; COUNTERS]);
        let budget = 20 + random.below(180);
        let mut code = Code {
            random,
            module,
            text: String::new(),
            locals,
            counters,
            loops: 0,
            labels: Vec::new(),
            results: signature.results.clone(),
            budget,
        };
        code.text.push_str("(local");
        for ty in &code.locals[signature.params.len()..] {
            let _ = write!(code.text, " {}", ty.name());
        }
        code.text.push(')');
        let statements = code.random.below(7);
        for _ in 0..statements {
            code.statement(4);
        }
        for ty in &signature.results {
            code.value(*ty, 4);
        }
        code.text
    }

    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// `(operator operands...)`.
    fn operator(&mut self, operator: &str, operands: &[Ty], depth: usize) {
        let _ = write!(self.text, "({operator}");
        for ty in operands {
            self.put(" ");
            self.value(*ty, depth);
        }
        self.put(")");
    }

    fn local(&mut self, ty: Ty) -> Option<usize> {
        let of = |at: &usize| self.locals[*at] == ty && *at < self.counters;
        let all: Vec<_> = (0..self.locals.len()).filter(of).collect();
        (!all.is_empty()).then(|| self.random.pick(&all))
    }

    /// A constant, more often one at a limit.
    fn constant(&mut self, ty: Ty) {
        let random = &mut *self.random;
        let text = match ty {
            Ty::I32 => {
                let value = match random.below(4) {
                    0 | 1 => random.below(20) as i32,
                    2 => random.pick(&[-1, i32::MIN, i32::MAX, 255, 256, 65_535, 65_536, 65_528]),
                    _ => random.next() as i32,
                };
                format!("i32.const {value}")
            }
            Ty::I64 => {
                let value = match random.below(4) {
                    0 | 1 => random.below(20) as i64,
                    2 => random.pick(&[-1, i64::MIN, i64::MAX, 1 << 31, 1 << 32, 1 << 62]),
                    _ => random.next() as i64,
                };
                format!("i64.const {value}")
            }
            Ty::F32 | Ty::F64 => {
                let value = match random.below(3) {
                    0 => random
                        .pick(&[
                            "nan",
                            "-nan",
                            "nan:0x1",
                            "inf",
                            "-inf",
                            "0",
                            "-0",
                            "1",
                            "-1",
                            "0.5",
                            "-1.5",
                            "1e-40",
                            "3e38",
                            "2147483648",
                            "4294967296",
                            "9.3e18",
                            "1.9e19",
                            "-2147483649",
                            "0x1p-149",
                            "16777217",
                        ])
                        .to_owned(),
                    1 => format!("{}", random.below(1000) as f64 / 8.0),
                    _ => format!(
                        "{}e{}",
                        random.below(10_000) as f64,
                        random.below(40) as i32 - 20
                    ),
                };
                // These are limits of one of the two only.
                let value = match (ty, &*value) {
                    (Ty::F64, "nan:0x1") => "nan:0x8000000000001".to_owned(),
                    _ => value,
                };
                format!("{}.const {value}", ty.name())
            }
            Ty::V128 => {
                let (a, b) = (random.next() as i64, random.next() as i64);
                match random.below(3) {
                    0 => format!("v128.const i64x2 {a} {b}"),
                    1 => format!("v128.const i32x4 {} 0 -1 {}", a as i32, random.below(9)),
                    _ => "v128.const f32x4 nan -0 inf 1.5".to_owned(),
                }
            }
        };
        let _ = write!(self.text, "({text})");
    }

    /// An expression of this type.
    pub(super) fn value(&mut self, ty: Ty, depth: usize) {
        self.budget = self.budget.saturating_sub(1);
        if depth == 0 || self.budget == 0 {
            return self.leaf(ty);
        }
        let depth = depth - 1;
        match self.random.below(34) {
            0..=5 => self.leaf(ty),
            6..=17 => self.arithmetic(ty, depth),
            18..=21 => self.load(ty, depth),
            22 | 23 => self.call(&[ty], depth),
            24 => {
                let _ = write!(self.text, "(if (result {}) ", ty.name());
                self.value(Ty::I32, depth);
                self.labels.push(Label::of(Some(ty)));
                self.put(" (then ");
                self.few_statements(depth);
                self.value(ty, depth);
                self.put(") (else ");
                self.value(ty, depth);
                self.put("))");
                self.labels.pop();
            }
            25 => {
                let _ = write!(self.text, "(block (result {}) ", ty.name());
                self.labels.push(Label::of(Some(ty)));
                self.few_statements(depth);
                self.value(ty, depth);
                self.labels.pop();
                self.put(")");
            }
            26 | 27 => match self.local(ty) {
                Some(local) => self.operator(&format!("local.tee {local}"), &[ty], depth),
                None => self.leaf(ty),
            },
            28 => self.operator("select", &[ty, ty, Ty::I32], depth),
            29 if ty == Ty::I32 => self.grow(depth),
            30 => self.call_indirect(&[ty], depth),
            // Code that is never reached has any type.
            31 if self.random.one_in(6) => self.leave(depth),
            _ => self.arithmetic(ty, depth),
        }
    }

    fn leaf(&mut self, ty: Ty) {
        match self.random.below(8) {
            0..=3 => match self.local(ty) {
                Some(local) => {
                    let _ = write!(self.text, "(local.get {local})");
                }
                None => self.constant(ty),
            },
            4 => match self.module.global(self.random, ty, false) {
                Some(global) => {
                    let _ = write!(self.text, "(global.get {global})");
                }
                None => self.constant(ty),
            },
            5 if ty == Ty::I32 => {
                let at = self.random.below(self.module.memories.max(1));
                match self.module.memories {
                    0 => self.constant(ty),
                    _ => {
                        let _ = write!(self.text, "(memory.size {at})");
                    }
                }
            }
            _ => self.constant(ty),
        }
    }

    fn arithmetic(&mut self, ty: Ty, depth: usize) {
        use Ty::*;
        let random = &mut *self.random;
        let choice = random.below(20);
        if ty != V128 && self.module.simd && choice == 0 {
            let (operator, of): (&str, &[Ty]) = match ty {
                I32 => (
                    random.pick(&[
                        "i32x4.extract_lane 2",
                        "i8x16.extract_lane_s 9",
                        "i16x8.extract_lane_u 7",
                        "i8x16.bitmask",
                        "i32x4.bitmask",
                        "v128.any_true",
                        "i64x2.all_true",
                    ]),
                    &[V128],
                ),
                I64 => ("i64x2.extract_lane 1", &[V128]),
                F32 => ("f32x4.extract_lane 3", &[V128]),
                _ => ("f64x2.extract_lane 0", &[V128]),
            };
            return self.operator(operator, of, depth);
        }
        let (operator, operands): (&str, &[Ty]) = match (ty, choice) {
            // What may trap is not among the commonest.
            (I32, 0..=2) => (random.pick(ops::I32_UNARY), &[I32]),
            (I32, 3) => (random.pick(ops::I32_TRAPPING), &[I32, I32]),
            (I32, 4 | 5) => (random.pick(ops::I32_COMPARE), &[I32, I32]),
            (I32, 6) => (random.pick(ops::I64_COMPARE), &[I64, I64]),
            (I32, 7) => (random.pick(ops::F32_COMPARE), &[F32, F32]),
            (I32, 8) => (random.pick(ops::F64_COMPARE), &[F64, F64]),
            (I32, 9) => (random.pick(&["i32.wrap_i64", "i64.eqz"]), &[I64]),
            (I32, 10) => (
                random.pick(&[
                    "i32.reinterpret_f32",
                    "i32.trunc_sat_f32_s",
                    "i32.trunc_sat_f32_u",
                ]),
                &[F32],
            ),
            (I32, 11) => (
                random.pick(&["i32.trunc_sat_f64_s", "i32.trunc_sat_f64_u"]),
                &[F64],
            ),
            (I32, 12) if random.one_in(3) => {
                (random.pick(&["i32.trunc_f32_s", "i32.trunc_f32_u"]), &[F32])
            }
            (I32, 13) if random.one_in(3) => {
                (random.pick(&["i32.trunc_f64_s", "i32.trunc_f64_u"]), &[F64])
            }
            (I32, _) => (random.pick(ops::I32_BINARY), &[I32, I32]),
            (I64, 0..=2) => (random.pick(ops::I64_UNARY), &[I64]),
            (I64, 3) => (random.pick(ops::I64_TRAPPING), &[I64, I64]),
            (I64, 4..=6) => (
                random.pick(&["i64.extend_i32_s", "i64.extend_i32_u"]),
                &[I32],
            ),
            (I64, 7 | 8) => (
                random.pick(&[
                    "i64.reinterpret_f64",
                    "i64.trunc_sat_f64_s",
                    "i64.trunc_sat_f64_u",
                ]),
                &[F64],
            ),
            (I64, 9) => (
                random.pick(&["i64.trunc_sat_f32_s", "i64.trunc_sat_f32_u"]),
                &[F32],
            ),
            (I64, 10) if random.one_in(3) => {
                (random.pick(&["i64.trunc_f64_s", "i64.trunc_f64_u"]), &[F64])
            }
            (I64, 11) if random.one_in(3) => {
                (random.pick(&["i64.trunc_f32_s", "i64.trunc_f32_u"]), &[F32])
            }
            (I64, _) => (random.pick(ops::I64_BINARY), &[I64, I64]),
            (F32, 0..=4) => (random.pick(ops::F32_UNARY), &[F32]),
            (F32, 5 | 6) => (
                random.pick(&[
                    "f32.convert_i32_s",
                    "f32.convert_i32_u",
                    "f32.reinterpret_i32",
                ]),
                &[I32],
            ),
            (F32, 7) => (
                random.pick(&["f32.convert_i64_s", "f32.convert_i64_u"]),
                &[I64],
            ),
            (F32, 8 | 9) => ("f32.demote_f64", &[F64]),
            (F32, _) => (random.pick(ops::F32_BINARY), &[F32, F32]),
            (F64, 0..=4) => (random.pick(ops::F64_UNARY), &[F64]),
            (F64, 5) => (
                random.pick(&["f64.convert_i32_s", "f64.convert_i32_u"]),
                &[I32],
            ),
            (F64, 6 | 7) => (
                random.pick(&[
                    "f64.convert_i64_s",
                    "f64.convert_i64_u",
                    "f64.reinterpret_i64",
                ]),
                &[I64],
            ),
            (F64, 8 | 9) => ("f64.promote_f32", &[F32]),
            (F64, _) => (random.pick(ops::F64_BINARY), &[F64, F64]),
            (V128, 0..=3) => (random.pick(ops::V128_UNARY), &[V128]),
            (V128, 4) => (random.pick(ops::V128_SHIFT), &[V128, I32]),
            (V128, 5) => (
                random.pick(&["i8x16.splat", "i16x8.splat", "i32x4.splat"]),
                &[I32],
            ),
            (V128, 6) => ("i64x2.splat", &[I64]),
            (V128, 7) => ("f32x4.splat", &[F32]),
            (V128, 8) => ("f64x2.splat", &[F64]),
            (V128, 9) => ("v128.bitselect", &[V128, V128, V128]),
            (V128, 10) => ("f32x4.replace_lane 1", &[V128, F32]),
            (V128, 11) => ("f64x2.replace_lane 1", &[V128, F64]),
            (V128, 12) => ("i8x16.replace_lane 15", &[V128, I32]),
            (V128, _) => (random.pick(ops::V128_BINARY), &[V128, V128]),
        };
        self.operator(operator, operands, depth);
    }

    /// An address, most often one that is inside a memory of a page.
    fn address(&mut self, depth: usize) {
        match self.random.below(20) {
            0 => self.value(Ty::I32, depth),
            1 => {
                let at = 65_536 - self.random.below(20);
                let _ = write!(self.text, "(i32.const {at})");
            }
            2..=6 => {
                let at = self.random.below(256);
                let _ = write!(self.text, "(i32.const {at})");
            }
            _ => {
                self.put("(i32.and (i32.const 4095) ");
                self.value(Ty::I32, depth);
                self.put(")");
            }
        }
    }

    fn offset(&mut self) -> String {
        match self.random.below(30) {
            0 => " offset=4294967295".to_owned(),
            1 => " offset=65535".to_owned(),
            2..=9 => format!(" offset={}", self.random.below(64)),
            _ => String::new(),
        }
    }

    fn load(&mut self, ty: Ty, depth: usize) {
        if self.module.memories == 0 {
            return self.arithmetic(ty, depth);
        }
        let operator = match ty {
            Ty::I32 => self.random.pick(ops::I32_LOAD),
            Ty::I64 => self.random.pick(ops::I64_LOAD),
            Ty::F32 => "f32.load",
            Ty::F64 => "f64.load",
            Ty::V128 => self.random.pick(ops::V128_LOAD),
        };
        let memory = self.random.below(self.module.memories);
        let offset = self.offset();
        let _ = write!(self.text, "({operator} {memory}{offset} ");
        self.address(depth);
        self.put(")");
    }

    fn store(&mut self, depth: usize) {
        if self.module.memories == 0 {
            return;
        }
        let (operator, ty) = match self.random.below(8) {
            0..=2 => (
                self.random
                    .pick(&["i32.store", "i32.store8", "i32.store16"]),
                Ty::I32,
            ),
            3 | 4 => (
                self.random
                    .pick(&["i64.store", "i64.store8", "i64.store16", "i64.store32"]),
                Ty::I64,
            ),
            5 => ("f32.store", Ty::F32),
            6 => ("f64.store", Ty::F64),
            _ if self.module.simd => ("v128.store", Ty::V128),
            _ => ("f64.store", Ty::F64),
        };
        let memory = self.random.below(self.module.memories);
        let offset = self.offset();
        let _ = write!(self.text, "({operator} {memory}{offset} ");
        self.address(depth);
        self.put(" ");
        self.value(ty, depth);
        self.put(")");
    }

    /// A growth of a memory or a table, most often a small one.
    fn grow(&mut self, depth: usize) {
        let by = match self.random.below(8) {
            0 => None,
            1 => Some(self.random.pick(&[65_536, -1, 1 << 30])),
            _ => Some(self.random.below(3) as i64),
        };
        let (memories, tables) = (self.module.memories, self.module.tables);
        if memories > 0 && (tables == 0 || self.random.one_in(2)) {
            let memory = self.random.below(memories);
            let _ = write!(self.text, "(memory.grow {memory} ");
        } else if tables > 0 {
            let table = self.random.below(tables);
            let _ = write!(self.text, "(table.grow {table} ");
            self.reference();
            self.put(" ");
        } else {
            return self.constant(Ty::I32);
        }
        match by {
            Some(by) => {
                let _ = write!(self.text, "(i32.const {by}))");
            }
            None => {
                self.value(Ty::I32, depth);
                self.put(")");
            }
        }
    }

    fn reference(&mut self) {
        match self.module.defined() {
            0 => self.put("(ref.null func)"),
            _ if self.random.one_in(3) => self.put("(ref.null func)"),
            count => {
                let func = self.module.imported() + self.random.below(count);
                let _ = write!(self.text, "(ref.func {func})");
            }
        }
    }

    /// An index into a table, most often one that is there.
    fn index(&mut self, depth: usize) {
        if self.random.one_in(12) {
            return self.value(Ty::I32, depth);
        }
        self.put("(i32.and (i32.const 3) ");
        self.value(Ty::I32, depth);
        self.put(")");
    }

    /// A call of a function with these results, if there is one.
    fn call(&mut self, results: &[Ty], depth: usize) {
        let Some(func) = self.module.func(self.random, results) else {
            return match results {
                [ty] => self.arithmetic(*ty, depth),
                _ => self.put("(nop)"),
            };
        };
        let params = self.module.funcs[func].params.clone();
        self.operator(&format!("call {func}"), &params, depth.min(2));
    }

    fn call_indirect(&mut self, results: &[Ty], depth: usize) {
        let func = self.module.func(self.random, results);
        let (Some(func), true) = (func, self.module.tables > 0) else {
            return match results {
                [ty] => self.arithmetic(*ty, depth),
                _ => self.put("(nop)"),
            };
        };
        let signature = self.module.funcs[func].clone();
        let table = self.random.below(self.module.tables);
        let _ = write!(self.text, "(call_indirect {table} {} ", signature.text());
        for ty in &signature.params {
            self.value(*ty, depth.min(2));
        }
        self.index(depth);
        self.put(")");
    }

    fn few_statements(&mut self, depth: usize) {
        let count = self.random.below(3);
        for _ in 0..count {
            self.statement(depth);
        }
    }

    fn statement(&mut self, depth: usize) {
        self.budget = self.budget.saturating_sub(1);
        if self.budget == 0 {
            return;
        }
        let choice = self.random.below(if depth == 0 { 12 } else { 26 });
        let depth = depth.saturating_sub(1);
        match choice {
            0..=3 => {
                let ty = self.any_type();
                if let Some(local) = self.local(ty) {
                    self.operator(&format!("local.set {local}"), &[ty], depth);
                }
            }
            4..=6 => self.store(depth),
            7 | 8 => {
                let ty = self.any_type();
                if let Some(global) = self.module.global(self.random, ty, true) {
                    self.operator(&format!("global.set {global}"), &[ty], depth);
                }
            }
            9 => self.bulk(depth),
            10 => {
                let ty = self.any_type();
                self.operator("drop", &[ty], depth);
            }
            11 => self.branch(depth),
            12..=14 => {
                self.put("(if ");
                self.value(Ty::I32, depth);
                self.labels.push(Label::of(None));
                self.put(" (then ");
                self.few_statements(depth);
                if self.random.one_in(2) {
                    self.put(") (else ");
                    self.few_statements(depth);
                }
                self.labels.pop();
                self.put("))");
            }
            15 => {
                self.put("(block ");
                self.labels.push(Label::of(None));
                self.few_statements(depth);
                self.labels.pop();
                self.put(")");
            }
            16..=19 => self.repeat(depth),
            20 => self.call(&[], depth),
            21 => self.call_indirect(&[], depth),
            22 => self.tables(depth),
            23 => {
                // Two results.
                let pair = [Ty::I32, Ty::I64];
                if self.module.func(self.random, &pair).is_some() {
                    self.call(&pair, depth);
                    self.put("drop drop ");
                }
            }
            24 if self.random.one_in(4) => self.leave(depth),
            _ => {
                self.put("(drop ");
                self.grow(depth);
                self.put(")");
            }
        }
    }

    fn any_type(&mut self) -> Ty {
        if self.module.simd && self.random.one_in(4) {
            return Ty::V128;
        }
        self.random.pick(&Ty::NUMBERS)
    }

    /// A loop that ends, nearly always.
    fn repeat(&mut self, depth: usize) {
        if self.loops == COUNTERS {
            return;
        }
        let counter = self.counters + self.loops;
        let turns = 1 + self.random.below(9);
        if !self.random.one_in(20) {
            let _ = write!(self.text, "(local.set {counter} (i32.const {turns}))");
        }
        self.loops += 1;
        self.put("(loop ");
        self.labels.push(Label {
            takes: None,
            again: true,
        });
        let count = 1 + self.random.below(3);
        for _ in 0..count {
            self.statement(depth);
        }
        let _ = write!(
            self.text,
            "(br_if 0 (local.tee {counter} (i32.sub (local.get {counter}) (i32.const 1)))))"
        );
        self.labels.pop();
        self.loops -= 1;
    }

    /// Labels that can be branched to, by their depth: seldom those of loops, which
    /// would then run for ever.
    fn targets(&mut self, takes: Option<Option<Ty>>) -> Vec<usize> {
        let loops = self.random.one_in(12);
        let labels = self.labels.iter().rev().enumerate();
        labels
            .filter(|(_, label)| loops || !label.again)
            .filter(|(_, label)| takes.is_none_or(|takes| label.takes == takes))
            .map(|(depth, _)| depth)
            .collect()
    }

    fn takes(&self, depth: usize) -> Option<Ty> {
        self.labels[self.labels.len() - 1 - depth].takes
    }

    /// A branch that is taken or not.
    fn branch(&mut self, depth: usize) {
        if self.random.one_in(3) {
            let all = self.targets(Some(None));
            if !all.is_empty() {
                let mut pick = || self.random.pick(&all);
                let table = format!("br_table {} {} {}", pick(), pick(), pick());
                return self.operator(&table, &[Ty::I32], depth);
            }
        }
        let all = self.targets(None);
        if all.is_empty() {
            return;
        }
        let at = self.random.pick(&all);
        match self.takes(at) {
            None => self.operator(&format!("br_if {at}"), &[Ty::I32], depth),
            Some(ty) => {
                self.put("(drop ");
                self.operator(&format!("br_if {at}"), &[ty, Ty::I32], depth);
                self.put(")");
            }
        }
    }

    /// Something after which nothing is reached.
    fn leave(&mut self, depth: usize) {
        let results = self.results.clone();
        match self.random.below(6) {
            0 => self.put("(unreachable)"),
            1 if self.module.tail_calls => {
                match self.module.func(self.random, &results) {
                    Some(func) => {
                        let params = self.module.funcs[func].params.clone();
                        self.operator(&format!("return_call {func}"), &params, depth.min(1));
                    }
                    None => self.put("(unreachable)"),
                };
            }
            2 | 3 => {
                let all = self.targets(None);
                if all.is_empty() {
                    return self.operator("return", &results, depth);
                }
                let at = self.random.pick(&all);
                let operands: Vec<_> = self.takes(at).into_iter().collect();
                self.operator(&format!("br {at}"), &operands, depth);
            }
            _ => self.operator("return", &results, depth),
        }
    }

    fn length(&mut self, depth: usize) {
        match self.random.below(10) {
            0 => self.value(Ty::I32, depth),
            1 => {
                let length = self.random.pick(&[65_536, 65_537, -1, 4_096]);
                let _ = write!(self.text, "(i32.const {length})");
            }
            2..=5 => {
                let length = self.random.below(130);
                let _ = write!(self.text, "(i32.const {length})");
            }
            _ => {
                self.put("(i32.and (i32.const 63) ");
                self.value(Ty::I32, depth);
                self.put(")");
            }
        }
    }

    fn bulk(&mut self, depth: usize) {
        let memories = self.module.memories;
        if memories == 0 {
            return;
        }
        let memory = self.random.below(memories);
        match self.random.below(4) {
            0 | 1 => {
                let _ = write!(self.text, "(memory.fill {memory} ");
                self.address(depth);
                self.value(Ty::I32, depth.min(1));
            }
            2 => {
                let other = self.random.below(memories);
                let _ = write!(self.text, "(memory.copy {memory} {other} ");
                self.address(depth);
                self.address(depth);
            }
            _ if self.module.data > 0 => {
                let data = self.random.below(self.module.data);
                if self.random.one_in(6) {
                    let _ = write!(self.text, "(data.drop {data})");
                    return;
                }
                let _ = write!(self.text, "(memory.init {memory} {data} ");
                self.address(depth);
                let from = self.random.below(6);
                let length = self.random.below(8);
                let _ = write!(self.text, "(i32.const {from}) (i32.const {length}))");
                return;
            }
            _ => return,
        }
        self.length(depth);
        self.put(")");
    }

    fn tables(&mut self, depth: usize) {
        let tables = self.module.tables;
        if tables == 0 {
            return;
        }
        let table = self.random.below(tables);
        match self.random.below(7) {
            0 | 1 => {
                let _ = write!(self.text, "(table.set {table} ");
                self.index(depth);
                self.reference();
                self.put(")");
            }
            2 => {
                let _ = write!(self.text, "(drop (ref.is_null (table.get {table} ");
                self.index(depth);
                self.put(")))");
            }
            3 => {
                let _ = write!(self.text, "(table.fill {table} ");
                self.index(depth);
                self.reference();
                self.index(depth);
                self.put(")");
            }
            4 => {
                let other = self.random.below(tables);
                let _ = write!(self.text, "(table.copy {table} {other} ");
                self.index(depth);
                self.index(depth);
                self.index(depth);
                self.put(")");
            }
            _ if self.module.elements > 0 => {
                let element = self.random.below(self.module.elements);
                if self.random.one_in(6) {
                    let _ = write!(self.text, "(elem.drop {element})");
                    return;
                }
                let _ = write!(self.text, "(table.init {table} {element} ");
                self.index(depth);
                let length = self.random.below(4);
                let _ = write!(self.text, "(i32.const 0) (i32.const {length}))");
            }
            _ => {
                let _ = write!(self.text, "(drop (table.size {table}))");
            }
        }
    }
}

/// Operators by what they take and give.
mod ops {
    pub(super) const I32_UNARY: &[&str] = &[
        "i32.clz",
        "i32.ctz",
        "i32.popcnt",
        "i32.eqz",
        "i32.extend8_s",
        "i32.extend16_s",
    ];
    pub(super) const I32_BINARY: &[&str] = &[
        "i32.add",
        "i32.sub",
        "i32.mul",
        "i32.and",
        "i32.or",
        "i32.xor",
        "i32.shl",
        "i32.shr_s",
        "i32.shr_u",
        "i32.rotl",
        "i32.rotr",
    ];
    pub(super) const I32_TRAPPING: &[&str] = &["i32.div_s", "i32.div_u", "i32.rem_s", "i32.rem_u"];
    pub(super) const I32_COMPARE: &[&str] = &[
        "i32.eq", "i32.ne", "i32.lt_s", "i32.lt_u", "i32.gt_s", "i32.gt_u", "i32.le_s", "i32.le_u",
        "i32.ge_s", "i32.ge_u",
    ];
    pub(super) const I64_COMPARE: &[&str] = &[
        "i64.eq", "i64.ne", "i64.lt_s", "i64.lt_u", "i64.gt_s", "i64.gt_u", "i64.le_s", "i64.le_u",
        "i64.ge_s", "i64.ge_u",
    ];
    pub(super) const F32_COMPARE: &[&str] =
        &["f32.eq", "f32.ne", "f32.lt", "f32.gt", "f32.le", "f32.ge"];
    pub(super) const F64_COMPARE: &[&str] =
        &["f64.eq", "f64.ne", "f64.lt", "f64.gt", "f64.le", "f64.ge"];
    pub(super) const I64_UNARY: &[&str] = &[
        "i64.clz",
        "i64.ctz",
        "i64.popcnt",
        "i64.extend8_s",
        "i64.extend16_s",
        "i64.extend32_s",
    ];
    pub(super) const I64_BINARY: &[&str] = &[
        "i64.add",
        "i64.sub",
        "i64.mul",
        "i64.and",
        "i64.or",
        "i64.xor",
        "i64.shl",
        "i64.shr_s",
        "i64.shr_u",
        "i64.rotl",
        "i64.rotr",
    ];
    pub(super) const I64_TRAPPING: &[&str] = &["i64.div_s", "i64.div_u", "i64.rem_s", "i64.rem_u"];
    pub(super) const F32_UNARY: &[&str] = &[
        "f32.abs",
        "f32.neg",
        "f32.ceil",
        "f32.floor",
        "f32.trunc",
        "f32.nearest",
        "f32.sqrt",
    ];
    pub(super) const F32_BINARY: &[&str] = &[
        "f32.add",
        "f32.sub",
        "f32.mul",
        "f32.div",
        "f32.min",
        "f32.max",
        "f32.copysign",
    ];
    pub(super) const F64_UNARY: &[&str] = &[
        "f64.abs",
        "f64.neg",
        "f64.ceil",
        "f64.floor",
        "f64.trunc",
        "f64.nearest",
        "f64.sqrt",
    ];
    pub(super) const F64_BINARY: &[&str] = &[
        "f64.add",
        "f64.sub",
        "f64.mul",
        "f64.div",
        "f64.min",
        "f64.max",
        "f64.copysign",
    ];
    pub(super) const I32_LOAD: &[&str] = &[
        "i32.load",
        "i32.load8_s",
        "i32.load8_u",
        "i32.load16_s",
        "i32.load16_u",
    ];
    pub(super) const I64_LOAD: &[&str] = &[
        "i64.load",
        "i64.load8_s",
        "i64.load8_u",
        "i64.load16_s",
        "i64.load32_s",
        "i64.load32_u",
    ];
    pub(super) const V128_LOAD: &[&str] = &[
        "v128.load",
        "v128.load8x8_s",
        "v128.load16x4_u",
        "v128.load32x2_s",
        "v128.load8_splat",
        "v128.load64_splat",
        "v128.load32_zero",
        "v128.load64_zero",
    ];
    pub(super) const V128_UNARY: &[&str] = &[
        "v128.not",
        "i8x16.abs",
        "i8x16.neg",
        "i8x16.popcnt",
        "i16x8.abs",
        "i16x8.neg",
        "i32x4.abs",
        "i32x4.neg",
        "i64x2.abs",
        "i64x2.neg",
        "f32x4.abs",
        "f32x4.neg",
        "f32x4.sqrt",
        "f32x4.ceil",
        "f32x4.nearest",
        "f64x2.abs",
        "f64x2.neg",
        "f64x2.sqrt",
        "f64x2.floor",
        "f64x2.trunc",
        "f32x4.convert_i32x4_s",
        "f32x4.convert_i32x4_u",
        "i32x4.trunc_sat_f32x4_s",
        "i32x4.trunc_sat_f32x4_u",
        "i32x4.trunc_sat_f64x2_s_zero",
        "f32x4.demote_f64x2_zero",
        "f64x2.promote_low_f32x4",
        "f64x2.convert_low_i32x4_u",
        "i16x8.extend_low_i8x16_s",
        "i32x4.extend_high_i16x8_u",
        "i64x2.extend_low_i32x4_s",
        "i16x8.extadd_pairwise_i8x16_u",
    ];
    pub(super) const V128_BINARY: &[&str] = &[
        "v128.and",
        "v128.andnot",
        "v128.or",
        "v128.xor",
        "i8x16.add",
        "i8x16.sub",
        "i8x16.add_sat_s",
        "i8x16.sub_sat_u",
        "i8x16.min_s",
        "i8x16.max_u",
        "i8x16.avgr_u",
        "i8x16.swizzle",
        "i8x16.eq",
        "i8x16.lt_s",
        "i8x16.narrow_i16x8_s",
        "i16x8.add",
        "i16x8.mul",
        "i16x8.q15mulr_sat_s",
        "i16x8.narrow_i32x4_u",
        "i16x8.gt_u",
        "i32x4.add",
        "i32x4.mul",
        "i32x4.dot_i16x8_s",
        "i32x4.min_u",
        "i32x4.le_s",
        "i64x2.add",
        "i64x2.sub",
        "i64x2.mul",
        "i64x2.lt_s",
        "i64x2.extmul_low_i32x4_u",
        "f32x4.add",
        "f32x4.sub",
        "f32x4.mul",
        "f32x4.div",
        "f32x4.min",
        "f32x4.max",
        "f32x4.pmin",
        "f32x4.pmax",
        "f32x4.eq",
        "f32x4.lt",
        "f64x2.add",
        "f64x2.sub",
        "f64x2.mul",
        "f64x2.div",
        "f64x2.min",
        "f64x2.max",
        "f64x2.pmin",
        "f64x2.pmax",
        "f64x2.ne",
        "i8x16.shuffle 0 31 1 30 2 29 3 28 4 27 5 26 6 25 7 24",
    ];
    pub(super) const V128_SHIFT: &[&str] = &[
        "i8x16.shl",
        "i8x16.shr_s",
        "i16x8.shr_u",
        "i32x4.shl",
        "i32x4.shr_s",
        "i64x2.shr_s",
        "i64x2.shl",
    ];
}
