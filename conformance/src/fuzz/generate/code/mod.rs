//! The bodies of generated functions: expressions of a wanted type, and statements,
//! as text. They are valid by construction, and most of what they do neither traps
//! nor runs for ever, so that what comes after it is run too.
//!
//! Here is what writes a function, with the locals and labels that it has. What it
//! writes is by kind: [`values`], what uses memories and tables ([`memory`]), and
//! statements ([`control`]).

mod control;
mod memory;
mod values;

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

    fn any_type(&mut self) -> Ty {
        if self.module.simd && self.random.one_in(4) {
            return Ty::V128;
        }
        self.random.pick(&Ty::NUMBERS)
    }
}
