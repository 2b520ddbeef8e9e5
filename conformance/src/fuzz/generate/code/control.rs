//! Statements, and where control goes: calls, blocks, loops, and branches to their
//! labels. Loops count down, so that nearly all of them end.

use std::fmt::Write;

use super::{COUNTERS, Code, Label, Ty};

impl Code<'_> {
    pub(super) fn statement(&mut self, depth: usize) {
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

    pub(super) fn few_statements(&mut self, depth: usize) {
        let count = self.random.below(3);
        for _ in 0..count {
            self.statement(depth);
        }
    }

    /// A call of a function with these results, if there is one.
    pub(super) fn call(&mut self, results: &[Ty], depth: usize) {
        let Some(func) = self.module.func(self.random, results) else {
            return match results {
                [ty] => self.arithmetic(*ty, depth),
                _ => self.put("(nop)"),
            };
        };
        let params = self.module.funcs[func].params.clone();
        self.operator(&format!("call {func}"), &params, depth.min(2));
    }

    pub(super) fn call_indirect(&mut self, results: &[Ty], depth: usize) {
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
    pub(super) fn leave(&mut self, depth: usize) {
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
}
