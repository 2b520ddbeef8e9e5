//! Random programs, each made from a number: what one finds is repeated with it.

use std::fmt::Write;

use super::*;

/// Numbers that look random (xorshift).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(super) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    pub(super) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

/// How many functions a program has, and locals a function: two parameters, and
/// an `i32` and two `i64` more of each.
const FUNCS: u64 = 5;
const LOCALS_32: [u32; 5] = [0, 2, 3, 4, 5];
const LOCALS_64: [u32; 4] = [1, 6, 7, 8];

/// Writes a program.
struct Program {
    random: Random,
    /// With tail calls and a memory of 64 bits, which not all engines have.
    wide: bool,
    wat: String,
    /// Labels around the code, with whether each takes an `i32`.
    labels: Vec<bool>,
}

impl Program {
    fn write(seed: u64) -> String {
        let mut it = Program {
            random: Random::new(seed),
            wide: seed.is_multiple_of(2),
            wat: String::new(),
            labels: Vec::new(),
        };
        it.module();
        it.wat
    }

    fn put(&mut self, text: &str) {
        self.wat.push_str(text);
        self.wat.push(' ');
    }

    fn module(&mut self) {
        let max = self.random.of(&["", "1", "2"]);
        let page = self.random.below(30);
        let wide = if self.wide { "i64 1" } else { "1" };
        let _ = write!(
            self.wat,
            r#"(module
            (import "host" "log" (func $log (param i32 i64) (result i32)))
            (import "host" "five" (global $five i32))
            (type $t (func (param i32 i64) (result i32)))
            (type $pair (func (param i32) (result i32 i32)))
            (memory 1 {max}) (memory $wide {wide})
            (table $table 8 20 funcref) (table $fixed 4 4 funcref)
            (global $g (mut i32) (i32.const {page})) (global $c i32 (i32.const {page}))
            (global $d i32 (i32.add (global.get $five) (i32.const 2)))
            (data $data "some data") (elem $elem func $f0 $f1 $f2)
            (elem (table $table) (i32.const 0) func $f0 $f1 $log)
            "#
        );
        if self.random.one_in(2) {
            let offset = self
                .random
                .of(&["global.get $five", "i32.const 9", "i32.const 65535"]);
            let _ = writeln!(self.wat, "(data (memory 0) (offset ({offset})) \"bytes\")");
        }
        if self.random.one_in(3) {
            let at = self.random.below(9);
            let _ = writeln!(
                self.wat,
                "(elem (table $table) (offset (i32.add (global.get $five) (i32.const {at}))) \
                 funcref (ref.func $f0) (ref.null func))"
            );
        }
        if self.random.one_in(3) {
            self.put("(start $start)");
        }
        self.put("(func $start (drop (call $f1 (i32.const 3) (i64.const 4))))");
        for index in 0..FUNCS {
            let _ = write!(
                self.wat,
                "\n(func $f{index} (type $t) (local i32 i32 i32 i32 i64 i64 i64) "
            );
            let statements = 1 + self.random.below(6);
            self.statements(statements, 4);
            self.value(2);
            self.put(")");
        }
        for index in 0..FUNCS {
            let (a, b) = (self.random.below(4), self.random.below(4));
            let _ = write!(
                self.wat,
                "\n(func (export \"{index}\") (result i32) \
                 (call $f{index} (i32.const {a}) (i64.const {b})))"
            );
        }
        self.put(")");
    }

    fn statements(&mut self, count: u64, depth: u32) {
        for _ in 0..count {
            self.statement(depth);
        }
    }

    fn body(&mut self, depth: u32) {
        let count = self.random.below(4);
        self.statements(count, depth.saturating_sub(1));
    }

    fn statement(&mut self, depth: u32) {
        let simple = 16;
        let choice = self.random.below(if depth == 0 { simple } else { 30 });
        let local = self.random.of(&LOCALS_32);
        let wide = self.random.of(&LOCALS_64);
        match choice {
            0..=3 => {
                self.value(depth.min(2));
                let _ = write!(self.wat, "local.set {local} ");
            }
            4 => {
                self.wide_value(depth.min(2));
                let _ = write!(self.wat, "local.set {wide} ");
            }
            5 => {
                let value = self.random.of(&[0, 1, 5, 9, 13, 127, 128, 129, 200]);
                let _ = write!(self.wat, "i32.const {value} local.set {local} ");
            }
            6 => {
                let value = self.random.of(&[0, 3, 9, 129]);
                let _ = write!(self.wat, "i64.const {value} local.set {wide} ");
            }
            7 => {
                let from = self.random.of(&LOCALS_32);
                let _ = write!(self.wat, "local.get {from} local.set {local} ");
            }
            8..=10 => self.bulk(depth),
            11 => {
                self.address();
                self.value(1);
                self.put("i32.store offset=3");
            }
            12 => {
                self.value(depth.min(2));
                self.put("global.set $g");
            }
            13 => {
                self.value(1);
                self.put("drop nop");
            }
            14 => {
                if self.random.one_in(12) {
                    let leave = self.random.of(&[
                        "unreachable",
                        "i32.const 1 return",
                        "i32.const 0 i32.load offset=4294967295 drop",
                        match self.wide {
                            true => "local.get 0 local.get 1 return_call $f0",
                            false => "local.get 0 local.get 1 call $f0 return",
                        },
                    ]);
                    self.put(leave);
                }
            }
            15 => self.branch(),
            16..=18 => {
                self.value(1);
                self.put("if");
                self.labels.push(false);
                self.body(depth);
                if self.random.one_in(2) {
                    self.put("else");
                    self.body(depth);
                }
                self.labels.pop();
                self.put("end");
            }
            19..=20 => {
                self.put("block");
                self.labels.push(false);
                self.body(depth);
                self.labels.pop();
                self.put("end");
            }
            21..=24 => self.repeat(depth),
            25..=26 => {
                let func = self.random.below(FUNCS);
                self.value(1);
                self.wide_value(1);
                let _ = write!(self.wat, "call $f{func} local.set {local} ");
            }
            27 => {
                self.value(1);
                self.wide_value(1);
                self.value(1);
                self.put("i32.const 7 i32.and call_indirect $table (type $t) drop");
            }
            28 => {
                // A block that takes one and gives two.
                self.value(1);
                self.put("block (type $pair)");
                self.labels.push(true);
                self.put("local.tee 5 local.get 5");
                if self.random.one_in(2) {
                    self.put("local.get 0 br_if 0");
                }
                self.labels.pop();
                let _ = write!(self.wat, "end local.set {local} local.set 4 ");
            }
            _ => {
                self.value(1);
                self.wide_value(1);
                self.put("call $log drop");
            }
        }
    }

    /// To a label that takes nothing.
    fn branch(&mut self) {
        let depths: Vec<_> = (0..self.labels.len())
            .filter(|depth| !self.labels[self.labels.len() - 1 - depth])
            .collect();
        if depths.is_empty() {
            return;
        }
        let depth = self.random.of(&depths);
        match self.random.below(8) {
            0 => {
                let _ = write!(self.wat, "br {depth} ");
            }
            1 | 2 => {
                let other = self.random.of(&depths);
                self.value(1);
                let _ = write!(self.wat, "br_table {depth} {other} {depth} ");
            }
            _ => {
                self.value(1);
                let _ = write!(self.wat, "br_if {depth} ");
            }
        }
    }

    /// A loop, most often one that ends.
    fn repeat(&mut self, depth: u32) {
        let counter = self.random.of(&[2, 3]);
        let turns = 1 + self.random.below(4);
        if !self.random.one_in(10) {
            let _ = write!(self.wat, "i32.const 0 local.set {counter} ");
        }
        self.put("loop");
        self.labels.push(false);
        self.body(depth);
        let _ = write!(
            self.wat,
            "local.get {counter} i32.const 1 i32.add local.tee {counter} i32.const {turns} \
             i32.lt_u br_if 0 "
        );
        if self.random.one_in(3) {
            self.body(depth);
        }
        self.labels.pop();
        self.put("end");
    }

    fn address(&mut self) {
        if self.random.one_in(25) {
            self.put("i32.const 65534");
        } else {
            self.value(1);
            self.put("i32.const 255 i32.and");
        }
    }

    /// An address in the second memory.
    fn wide_address(&mut self) {
        self.put(if self.wide {
            "i64.const 3"
        } else {
            "i32.const 3"
        });
    }

    /// A length of 32 bits, most often a small one.
    fn length(&mut self, depth: u32) {
        let local = self.random.of(&LOCALS_32);
        match self.random.below(12) {
            0..=4 => {
                let _ = write!(self.wat, "local.get {local} ");
            }
            5 => self.put("global.get $c"),
            6 => self.put("table.size $fixed"),
            7 => {
                let length = self.random.of(&[0, 2, 128, 129]);
                let _ = write!(self.wat, "i32.const {length} ");
            }
            8 => {
                let _ = write!(self.wat, "local.get {local} local.tee 4 ");
            }
            9 => {
                self.put("local.get 2 if (result i32)");
                self.labels.push(true);
                let _ = write!(self.wat, "local.get {local} else ");
                let other = self.random.of(&LOCALS_32);
                let _ = write!(self.wat, "local.get {other} end ");
                self.labels.pop();
            }
            10 => {
                let _ = write!(
                    self.wat,
                    "local.get {local} block (param i32) (result i32) "
                );
                self.labels.push(true);
                self.put("local.get 2 br_if 0");
                self.labels.pop();
                self.put("end");
            }
            _ => {
                self.value(depth.min(1));
                self.put("i32.const 15 i32.and");
            }
        }
    }

    fn bulk(&mut self, depth: u32) {
        match self.random.below(12) {
            0..=3 => {
                self.address();
                self.value(1);
                self.length(depth);
                self.put("memory.fill");
            }
            4 | 5 => {
                self.address();
                self.address();
                self.length(depth);
                self.put("memory.copy");
            }
            6 => {
                self.wide_address();
                self.put("i32.const 1");
                let local = match self.wide {
                    true => self.random.of(&LOCALS_64),
                    false => self.random.of(&LOCALS_32),
                };
                let _ = write!(self.wat, "local.get {local} memory.fill $wide ");
            }
            7 => {
                self.wide_address();
                self.address();
                self.length(depth);
                self.put("memory.copy $wide 0");
            }
            8 => {
                let length = self.random.below(6);
                let _ = write!(
                    self.wat,
                    "i32.const 0 i32.const 1 i32.const {length} memory.init $data "
                );
            }
            9 => {
                let length = self.random.below(4);
                let _ = write!(
                    self.wat,
                    "i32.const 2 i32.const 0 i32.const {length} table.init $table $elem "
                );
            }
            10 => {
                self.put("i32.const 0 ref.func $f2");
                self.length(depth);
                let table = self.random.of(&["$table", "$fixed"]);
                let _ = write!(self.wat, "table.fill {table} ");
            }
            _ => {
                self.put("i32.const 0 i32.const 2");
                self.length(depth);
                self.put("i32.const 3 i32.and table.copy $table $fixed");
            }
        }
    }

    fn value(&mut self, depth: u32) {
        let choice = self.random.below(if depth == 0 { 6 } else { 24 });
        match choice {
            0..=2 => {
                let local = self.random.of(&LOCALS_32);
                let _ = write!(self.wat, "local.get {local} ");
            }
            3 | 4 => {
                let value = self.random.of(&[0, 1, 2, 3, 9, 100, -1]);
                let _ = write!(self.wat, "i32.const {value} ");
            }
            5 => {
                let global = self.random.of(&["$g", "$c", "$d", "$five"]);
                let _ = write!(self.wat, "global.get {global} ");
            }
            6..=12 => {
                self.value(depth - 1);
                self.value(depth - 1);
                let operator = self.random.of(&[
                    "i32.add", "i32.sub", "i32.mul", "i32.and", "i32.lt_u", "i32.eq", "i32.xor",
                ]);
                self.put(operator);
            }
            13 => {
                self.value(depth - 1);
                self.value(depth - 1);
                if !self.random.one_in(3) {
                    self.put("i32.const 1 i32.or");
                }
                let operator = self.random.of(&["i32.div_s", "i32.rem_u"]);
                self.put(operator);
            }
            14 | 15 => {
                self.address();
                let load = self
                    .random
                    .of(&["i32.load", "i32.load8_u offset=1", "i32.load16_s"]);
                self.put(load);
            }
            16 => {
                self.wide_value(depth - 1);
                self.put("i32.wrap_i64");
            }
            17 => {
                let by = self
                    .random
                    .of(&["i32.const 0", "i32.const 1", "local.get 2"]);
                self.put(by);
                self.put("memory.grow");
            }
            18 => {
                self.put("ref.null func");
                let by = self
                    .random
                    .of(&["i32.const 0", "i32.const 2", "local.get 2"]);
                self.put(by);
                self.put("table.grow $table");
            }
            19 => self.put("memory.size"),
            20 => {
                self.value(depth - 1);
                self.put("if (result i32)");
                self.labels.push(true);
                self.value(depth - 1);
                self.put("else");
                self.value(depth - 1);
                self.labels.pop();
                self.put("end");
            }
            21 => {
                self.put("block (result i32)");
                self.labels.push(true);
                self.value(depth - 1);
                self.value(depth - 1);
                self.put("br_if 0");
                self.labels.pop();
                self.put("end");
            }
            22 => {
                self.value(depth - 1);
                self.value(depth - 1);
                self.value(depth - 1);
                self.put("select");
            }
            _ => {
                self.value(depth - 1);
                let local = self.random.of(&LOCALS_32);
                let _ = write!(self.wat, "local.tee {local} ");
            }
        }
    }

    fn wide_value(&mut self, depth: u32) {
        match self.random.below(if depth == 0 { 3 } else { 5 }) {
            0 | 1 => {
                let local = self.random.of(&LOCALS_64);
                let _ = write!(self.wat, "local.get {local} ");
            }
            2 => {
                let value = self.random.below(20);
                let _ = write!(self.wat, "i64.const {value} ");
            }
            3 => {
                self.value(depth - 1);
                self.put("i64.extend_i32_u");
            }
            _ => {
                self.wide_value(depth - 1);
                self.wide_value(depth - 1);
                self.put("i64.add");
            }
        }
    }
}

/// Runs the programs of these numbers, each at some amounts of fuel.
fn run(seeds: std::ops::Range<u64>) {
    let mut all = Counts::default();
    for seed in seeds {
        let wat = Program::write(seed);
        let wasm = wat::parse_str(&wat).unwrap_or_else(|error| panic!("{seed}: {error}\n{wat}"));
        // Less than what a recursion needs to use up Wasmtime's stack.
        let plan = Plan {
            much: 6_000,
            sweep: 12,
            around: 2,
            slices: SLICES,
        };
        all += compare(&format!("random {seed}"), &wasm, plan);
    }
    println!("{all:?}");
    // Programs that never end otherwise prove little.
    assert!(all.traps - all.exhausted > all.runs / 20, "{all:?}");
    assert!(all.exhausted > all.runs / 20, "{all:?}");
}

#[test]
fn random_programs() {
    run(0..60);
}

/// As many as `ENGINEBAY_RANDOM` says.
#[test]
#[ignore = "takes as long as one likes"]
fn more_random_programs() {
    run(1_000..1_000 + programs_asked_for());
}
