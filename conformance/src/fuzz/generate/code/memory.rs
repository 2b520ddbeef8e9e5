//! What reads, writes and grows memories and tables, with the addresses, indices and
//! lengths that it takes: most are inside, so that what comes after is run too, and some
//! are at an edge or beyond it.

use std::fmt::Write;

use super::{Code, Ty};
use crate::fuzz::operators;

impl Code<'_> {
    pub(super) fn load(&mut self, ty: Ty, depth: usize) {
        if self.module.memories == 0 {
            return self.arithmetic(ty, depth);
        }
        let operator = match ty {
            Ty::I32 => self.random.pick(operators::I32_LOAD),
            Ty::I64 => self.random.pick(operators::I64_LOAD),
            Ty::F32 => "f32.load",
            Ty::F64 => "f64.load",
            Ty::V128 => self.random.pick(operators::V128_LOAD),
        };
        let memory = self.random.below(self.module.memories);
        let offset = self.offset();
        let _ = write!(self.text, "({operator} {memory}{offset} ");
        self.address(depth);
        self.put(")");
    }

    pub(super) fn store(&mut self, depth: usize) {
        if self.module.memories == 0 {
            return;
        }
        let (operator, ty) = match self.random.below(8) {
            0..=2 => (self.random.pick(operators::I32_STORE), Ty::I32),
            3 | 4 => (self.random.pick(operators::I64_STORE), Ty::I64),
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
    pub(super) fn grow(&mut self, depth: usize) {
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

    pub(super) fn bulk(&mut self, depth: usize) {
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

    pub(super) fn tables(&mut self, depth: usize) {
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

    /// An address, most often one that is inside a memory of a page.
    pub(super) fn address(&mut self, depth: usize) {
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
    pub(super) fn index(&mut self, depth: usize) {
        if self.random.one_in(12) {
            return self.value(Ty::I32, depth);
        }
        self.put("(i32.and (i32.const 3) ");
        self.value(Ty::I32, depth);
        self.put(")");
    }
}
