//! That a guest can run any operator as often as it likes without taking more of
//! the thread's stack.
//!
//! wasmi's instructions end in calls of the next one, which LLVM is to make jumps
//! of. It does not if something has to be dropped afterwards, and does not say so.
//! So operators of each kind run in loops here, with operands from everywhere, and
//! a host function that is called in the end looks where the stack is.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use enginebay_core::{Component, Config, Engine, Feature, Interruption, Linker, Store};
use enginebay_wasmi::Wasmi;

/// Each leaves 16 bytes or more if it leaves any.
const ROUNDS: u32 = 2_000;
const MOST: usize = 1024;

const TYPES: [&str; 4] = ["i32", "i64", "f32", "f64"];

/// An operand of each type: from a local, which no operator traps with, from the
/// result of another operator, and a constant.
fn operands(ty: &str) -> [String; 3] {
    let (operator, constant) = match ty {
        "i32" | "i64" => ("popcnt", "3"),
        "f32" | "f64" => ("abs", "1.5"),
        _ => ("not", "i32x4 1 2 3 4"),
    };
    let local = format!("(local.get ${ty})");
    let result = format!("({ty}.{operator} {local})");
    [local, result, format!("({ty}.const {constant})")]
}

/// A place for a result of each type.
fn sink(ty: &str, value: &str) -> String {
    format!("(local.set $r-{ty} {value})")
}

/// Bodies of loops.
#[derive(Default)]
struct Bodies(Vec<String>);

impl Bodies {
    fn add(&mut self, body: impl Into<String>) {
        self.0.push(body.into());
    }

    fn each(&mut self, bodies: &[&str]) {
        self.0.extend(bodies.iter().map(ToString::to_string));
    }

    fn unary(&mut self, from: &str, to: &str, operators: &str) {
        for operator in operators.split_whitespace() {
            for operand in operands(from) {
                self.add(sink(to, &format!("({operator} {operand})")));
            }
        }
    }

    fn binary(&mut self, ty: &str, to: &str, operators: &str) {
        for operator in operators.split_whitespace() {
            for first in operands(ty) {
                for second in operands(ty) {
                    self.add(sink(to, &format!("({operator} {first} {second})")));
                }
            }
        }
    }

    fn comparisons(&mut self, ty: &str, operators: &str) {
        self.binary(ty, "i32", operators);
        for operator in operators.split_whitespace() {
            for second in operands(ty) {
                let holds = format!("({operator} (local.get ${ty}) {second})");
                self.add(format!("(block (br_if 0 {holds}))"));
                self.add(format!("(block (br_if 0 (i32.eqz {holds})))"));
                self.add(format!("(if {holds} (then nop) (else (call $nop)))"));
                for of in TYPES {
                    let [one, other, constant] = operands(of);
                    self.add(sink(of, &format!("(select {one} {other} {holds})")));
                    self.add(sink(of, &format!("(select {constant} {one} {holds})")));
                }
            }
        }
    }

    fn scalars(&mut self) {
        for ty in ["i32", "i64"] {
            let named = |operators: &str| prefixed(ty, operators);
            self.unary(ty, ty, &named("clz ctz popcnt extend8_s extend16_s"));
            self.unary(ty, "i32", &named("eqz"));
            self.binary(
                ty,
                ty,
                &named("add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr"),
            );
            self.comparisons(ty, &named("eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u"));
            for from in ["f32", "f64"] {
                let trunc = ["trunc", "trunc_sat"].map(|name| {
                    ["s", "u"]
                        .map(|sign| format!("{ty}.{name}_{from}_{sign}"))
                        .join(" ")
                });
                self.unary(from, ty, &trunc.join(" "));
                self.unary(
                    ty,
                    from,
                    &prefixed(from, &format!("convert_{ty}_s convert_{ty}_u")),
                );
            }
        }
        for ty in ["f32", "f64"] {
            let named = |operators: &str| prefixed(ty, operators);
            self.unary(ty, ty, &named("abs neg ceil floor trunc nearest sqrt"));
            self.binary(ty, ty, &named("add sub mul div min max copysign"));
            self.comparisons(ty, &named("eq ne lt gt le ge"));
        }
        self.unary("i64", "i64", "i64.extend32_s");
        self.unary("i64", "i32", "i32.wrap_i64");
        self.unary("i32", "i64", "i64.extend_i32_s i64.extend_i32_u");
        self.unary("f64", "f32", "f32.demote_f64");
        self.unary("f32", "f64", "f64.promote_f32");
        self.unary("f32", "i32", "i32.reinterpret_f32");
        self.unary("f64", "i64", "i64.reinterpret_f64");
        self.unary("i32", "f32", "f32.reinterpret_i32");
        self.unary("i64", "f64", "f64.reinterpret_i64");
    }

    /// In memories of both index types, the first and others.
    fn accesses(&mut self) {
        let widths = |ty: &str| match ty {
            "i32" => "load load8_s load8_u load16_s load16_u store store8 store16",
            "i64" => {
                "load load8_s load8_u load16_s load16_u load32_s load32_u store store8 store16 \
                 store32"
            }
            "v128" => {
                "load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u \
                 load8_splat load16_splat load32_splat load64_splat load32_zero load64_zero store"
            }
            _ => "load store",
        };
        for (memory, index) in [("$m", "i32"), ("$other", "i32"), ("$wide", "i64")] {
            for ty in TYPES.into_iter().chain(["v128"]) {
                for operator in widths(ty).split_whitespace() {
                    for (offset, at) in [0, 40, 100_000]
                        .into_iter()
                        .flat_map(|offset| operands(index).map(|at| (offset, at)))
                    {
                        let access = format!("{ty}.{operator} {memory} offset={offset} {at}");
                        if operator.starts_with("load") {
                            self.add(sink(ty, &format!("({access})")));
                        } else {
                            for value in operands(ty) {
                                self.add(format!("({access} {value})"));
                            }
                        }
                    }
                }
            }
            for bits in ["8", "16", "32", "64"] {
                let at = format!("{memory} 1 (local.get ${index}) (local.get $v128)");
                self.add(sink("v128", &format!("(v128.load{bits}_lane {at})")));
                self.add(format!("(v128.store{bits}_lane {at})"));
            }
            for length in operands(index) {
                let zero = format!("({index}.const 0)");
                self.add(format!(
                    "(memory.fill {memory} {zero} (local.get $i32) {length})"
                ));
                self.add(format!(
                    "(memory.copy {memory} {memory} {zero} {zero} {length})"
                ));
            }
            for length in operands("i32") {
                let at = format!("(local.get ${index})");
                self.add(format!(
                    "(memory.init {memory} $data {at} (i32.const 0) {length})"
                ));
            }
            self.add(sink(index, &format!("(memory.size {memory})")));
            for by in operands(index)
                .into_iter()
                .chain([format!("({index}.const 0)")])
            {
                self.add(sink(index, &format!("(memory.grow {memory} {by})")));
            }
        }
        self.add("(memory.copy $m $other (i32.const 0) (i32.const 0) (local.get $i32))");
        self.add("(memory.copy $wide $m (i64.const 0) (i32.const 0) (local.get $i32))");
        self.add("(data.drop $dropped)");
    }

    fn tables(&mut self) {
        for (table, index, ty, null) in [
            ("$funcs", "i32", "funcref", "(ref.null func)"),
            ("$wide-funcs", "i64", "funcref", "(ref.null func)"),
            ("$theirs", "i32", "funcref", "(ref.null func)"),
        ] {
            for at in operands(index) {
                self.add(sink(ty, &format!("(table.get {table} {at})")));
                for value in [null, &format!("(local.get ${ty})")] {
                    self.add(format!("(table.set {table} {at} {value})"));
                    self.add(format!(
                        "(table.fill {table} ({index}.const 1) {value} {at})"
                    ));
                    self.add(sink(index, &format!("(table.grow {table} {value} {at})")));
                }
                let zero = format!("({index}.const 0)");
                self.add(format!("(table.copy {table} {table} {zero} {zero} {at})"));
            }
            self.add(sink(index, &format!("(table.size {table})")));
            self.add(sink(
                index,
                &format!("(table.grow {table} {null} ({index}.const 0))"),
            ));
            for length in operands("i32") {
                let at = format!("({index}.const 0)");
                self.add(format!(
                    "(table.init {table} $elements {at} (i32.const 0) {length})"
                ));
            }
            self.add(sink("i32", &format!("(ref.is_null (local.get ${ty}))")));
            self.add(sink(
                ty,
                &format!("(select (result {ty}) {null} (local.get ${ty}) (local.get $i32))"),
            ));
        }
        self.add(sink("funcref", "(ref.func $nop)"));
        self.add("(elem.drop $no-elements)");
    }

    fn variables(&mut self) {
        let types = TYPES.into_iter().chain(["v128", "funcref"]);
        for ty in types {
            for global in ["g", "theirs"] {
                self.add(sink(ty, &format!("(global.get ${global}-{ty})")));
                self.add(format!("(global.set ${global}-{ty} (local.get ${ty}))"));
            }
            self.add(sink(ty, &format!("(local.tee $r-{ty} (local.get ${ty}))")));
            if !ty.ends_with("ref") {
                for value in operands(ty) {
                    self.add(format!("(global.set $g-{ty} {value})"));
                    self.add(sink(ty, &value));
                }
            }
        }
    }

    fn control(&mut self) {
        self.each(&[
            "nop",
            "(block (br 0))",
            "(block (block (block (br_table 0 1 2 (local.get $i32)))))",
            "(block (block (block (br_table 0 1 2 (i32.popcnt (local.get $i32))))))",
            "(local.set $r-i32 (block (result i32) (block (result i32) \
                (br_table 0 1 (local.get $i32) (local.get $n)))))",
            "(call $nop)",
            "(call $host)",
            "(call $theirs)",
            "(call $call-theirs)",
            "(call $lots (i32.const 1) (i64.const 2) (f32.const 3) (f64.const 4) \
                (local.get $v128) (ref.null func)) \
                drop drop drop drop drop drop",
            "(call $tail-host)",
            "(call $tail-theirs)",
            "(call $tail (i32.const 50))",
            "(call $tail-indirect (i32.const 50))",
            "(call $recurse (i32.const 5))",
            "(drop (call $early (local.get $n)))",
            "(call_indirect $callees (i32.const 0))",
            "(call_indirect $callees (i32.const 1))",
            "(call_indirect $callees (local.get $one))",
            "(call_indirect $callees (i32.const 2))",
            "(call_indirect $callees (i32.popcnt (local.get $one)))",
            "(call_indirect $callees (type $i) (i32.const 10) (i32.const 3))",
            "(call_indirect $wide-callees (i64.const 0))",
            "(call $tail-callees (i32.const 0))",
            "(call $tail-callees (i32.const 1))",
            "(call $tail-callees (i32.const 2))",
        ]);
        for ty in TYPES.into_iter().chain(["v128"]) {
            for value in operands(ty) {
                self.add(sink(
                    ty,
                    &format!("(block (result {ty}) (br_if 0 {value} (local.get $n)))"),
                ));
                self.add(sink(ty, &format!("(call $same-{ty} {value})")));
            }
        }
        self.add(sink("funcref", "(call $same-funcref (ref.null func))"));
    }

    fn vectors(&mut self) {
        const SHAPES: [(&str, &str, u32); 6] = [
            ("i8x16", "i32", 16),
            ("i16x8", "i32", 8),
            ("i32x4", "i32", 4),
            ("i64x2", "i64", 2),
            ("f32x4", "f32", 4),
            ("f64x2", "f64", 2),
        ];
        for (shape, lane, lanes) in SHAPES {
            let named = |operators: &str| prefixed(shape, operators);
            self.unary(lane, "v128", &named("splat"));
            let signs: &[&str] = if lanes > 4 { &["_s", "_u"] } else { &[""] };
            for sign in signs {
                let operator = format!("{shape}.extract_lane{sign} 1");
                for operand in operands("v128") {
                    self.add(sink(lane, &format!("({operator} {operand})")));
                }
            }
            for operand in operands(lane) {
                let operator = format!("{shape}.replace_lane 1 (local.get $v128) {operand}");
                self.add(sink("v128", &format!("({operator})")));
            }
            self.binary("v128", "v128", &named("add sub eq ne"));
            if lane.starts_with('f') {
                self.unary(
                    "v128",
                    "v128",
                    &named("abs neg sqrt ceil floor trunc nearest"),
                );
                self.binary(
                    "v128",
                    "v128",
                    &named("mul div min max pmin pmax lt gt le ge"),
                );
                self.binary("v128", "v128", &named("relaxed_min relaxed_max"));
                self.ternary(&named("relaxed_madd relaxed_nmadd"));
                continue;
            }
            self.unary("v128", "v128", &named("abs neg"));
            self.unary("v128", "i32", &named("all_true bitmask"));
            self.binary("v128", "v128", &named("lt_s gt_s le_s ge_s"));
            for operator in named("shl shr_s shr_u").split_whitespace() {
                for by in operands("i32") {
                    let value = format!("({operator} (local.get $v128) {by})");
                    self.add(sink("v128", &value));
                }
            }
            self.ternary(&named("relaxed_laneselect"));
            if lanes != 2 {
                let more = "lt_u gt_u le_u ge_u min_s min_u max_s max_u";
                self.binary("v128", "v128", &named(more));
            }
            if lanes > 4 {
                let more = "add_sat_s add_sat_u sub_sat_s sub_sat_u avgr_u";
                self.binary("v128", "v128", &named(more));
            }
            if lanes != 16 {
                let half = format!("i{}x{}", 64 / lanes, lanes * 2);
                for (part, sign) in [("low", "s"), ("low", "u"), ("high", "s"), ("high", "u")] {
                    let operator = format!("{shape}.extend_{part}_{half}_{sign}");
                    self.unary("v128", "v128", &operator);
                    let operator = format!("{shape}.extmul_{part}_{half}_{sign}");
                    self.binary("v128", "v128", &operator);
                }
                self.binary("v128", "v128", &named("mul"));
            }
        }
        self.binary(
            "v128",
            "v128",
            "i8x16.swizzle i8x16.relaxed_swizzle v128.and v128.andnot v128.or v128.xor \
             i8x16.narrow_i16x8_s i8x16.narrow_i16x8_u i16x8.narrow_i32x4_s \
             i16x8.narrow_i32x4_u i16x8.q15mulr_sat_s i16x8.relaxed_q15mulr_s \
             i32x4.dot_i16x8_s i16x8.relaxed_dot_i8x16_i7x16_s \
             i8x16.shuffle~0~1~2~3~20~21~6~7~8~9~10~11~12~13~14~15",
        );
        self.unary(
            "v128",
            "v128",
            "v128.not i8x16.popcnt i16x8.extadd_pairwise_i8x16_s i16x8.extadd_pairwise_i8x16_u \
             i32x4.extadd_pairwise_i16x8_s i32x4.extadd_pairwise_i16x8_u \
             i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u i32x4.trunc_sat_f64x2_s_zero \
             i32x4.trunc_sat_f64x2_u_zero f32x4.convert_i32x4_s f32x4.convert_i32x4_u \
             f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u f32x4.demote_f64x2_zero \
             f64x2.promote_low_f32x4 i32x4.relaxed_trunc_f32x4_s i32x4.relaxed_trunc_f32x4_u \
             i32x4.relaxed_trunc_f64x2_s_zero i32x4.relaxed_trunc_f64x2_u_zero",
        );
        self.unary("v128", "i32", "v128.any_true");
        self.ternary("v128.bitselect i32x4.relaxed_dot_i8x16_i7x16_add_s");
    }

    fn ternary(&mut self, operators: &str) {
        for operator in operators.split_whitespace() {
            for third in operands("v128") {
                let two = "(local.get $v128) (v128.const i64x2 1 2)";
                self.add(sink("v128", &format!("({operator} {two} {third})")));
            }
        }
    }
}

fn prefixed(ty: &str, operators: &str) -> String {
    let operators = operators.split_whitespace();
    operators.map(|it| format!("{ty}.{it} ")).collect()
}

fn bodies() -> Vec<String> {
    let mut bodies = Bodies::default();
    bodies.control();
    bodies.variables();
    bodies.tables();
    bodies.accesses();
    bodies.scalars();
    bodies.vectors();
    bodies.0
}

/// Locals of each type, and one more for results.
const LOCALS: &str = "(local $one i32)
    (local $i32 i32) (local $i64 i64) (local $f32 f32) (local $f64 f64) (local $v128 v128)
    (local $funcref funcref)
    (local $r-i32 i32) (local $r-i64 i64) (local $r-f32 f32) (local $r-f64 f64)
    (local $r-v128 v128) (local $r-funcref funcref)
    (local.set $one (i32.const 1))
    (local.set $i32 (i32.const 2)) (local.set $i64 (i64.const 2))
    (local.set $f32 (f32.const 2.5)) (local.set $f64 (f64.const 2.5))
    (local.set $v128 (v128.const i32x4 5 6 7 8))";

/// What another instance has.
const THEIRS: &str = r#"(module
    (func (export "f"))
    (table (export "t") 10 100 funcref)
    (global (export "i32") (mut i32) (i32.const 1))
    (global (export "i64") (mut i64) (i64.const 1))
    (global (export "f32") (mut f32) (f32.const 1))
    (global (export "f64") (mut f64) (f64.const 1))
    (global (export "v128") (mut v128) (v128.const i64x2 1 1))
    (global (export "funcref") (mut funcref) (ref.null func)))"#;

/// What the loops need.
const NEEDS: &str = r#"
    (type $i (func (param i32)))
    (import "" "mark" (func $mark))
    (import "" "host" (func $host))
    (import "theirs" "f" (func $theirs))
    (import "theirs" "t" (table $theirs 1 funcref))
    (import "theirs" "i32" (global $theirs-i32 (mut i32)))
    (import "theirs" "i64" (global $theirs-i64 (mut i64)))
    (import "theirs" "f32" (global $theirs-f32 (mut f32)))
    (import "theirs" "f64" (global $theirs-f64 (mut f64)))
    (import "theirs" "v128" (global $theirs-v128 (mut v128)))
    (import "theirs" "funcref" (global $theirs-funcref (mut funcref)))
    (global $g-i32 (mut i32) (i32.const 1))
    (global $g-i64 (mut i64) (i64.const 1))
    (global $g-f32 (mut f32) (f32.const 1))
    (global $g-f64 (mut f64) (f64.const 1))
    (global $g-v128 (mut v128) (v128.const i64x2 1 1))
    (global $g-funcref (mut funcref) (ref.null func))
    (memory $m 3 10) (memory $other 3 10) (memory $wide i64 3 10)
    (data $data "data") (data $dropped "dropped")
    (table $funcs 10 1000 funcref)
    (table $wide-funcs i64 10 1000 funcref)
    (elem $elements func $nop $nop $nop $nop) (elem $no-elements func $nop)
    (table $callees 4 4 funcref)
    (elem (table $callees) (i32.const 0) func $nop $host $theirs $recurse)
    (table $wide-callees i64 1 1 funcref)
    (elem (table $wide-callees) (i64.const 0) func $nop)
    (func $nop)
    (func $call-theirs (call $theirs))
    (func $tail-host (return_call $host))
    (func $tail-theirs (return_call $theirs))
    (func $tail-callees (param i32) (return_call_indirect $callees (local.get 0)))
    (func $tail (param i32)
        (if (local.get 0) (then
            (return_call $tail (i32.sub (local.get 0) (i32.const 1))))))
    (func $tail-indirect (param i32)
        (if (local.get 0) (then
            (return_call_indirect $tails (type $i)
                (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))))
    (table $tails funcref (elem $tail-indirect))
    (func $recurse (param i32)
        (if (local.get 0) (then (call $recurse (i32.sub (local.get 0) (i32.const 1))))))
    (func $early (param i32) (result i32)
        (if (local.get 0) (then (return (i32.const 1))))
        (i32.const 2))
    (func $lots (param i32 i64 f32 f64 v128 funcref)
        (result funcref v128 f64 f32 i64 i32)
        (local.get 5) (local.get 4) (local.get 3) (local.get 2) (local.get 1) (local.get 0))
    (func $same-i32 (param i32) (result i32) (local.get 0))
    (func $same-i64 (param i64) (result i64) (local.get 0))
    (func $same-f32 (param f32) (result f32) (local.get 0))
    (func $same-f64 (param f64) (result f64) (local.get 0))
    (func $same-v128 (param v128) (result v128) (local.get 0))
    (func $same-funcref (param funcref) (result funcref) (local.get 0))
    (func (export "run") (param $which i32) (param $rounds i32)
        (call_indirect $loops (type $i) (local.get $rounds) (local.get $which)))"#;

fn component(bodies: &[String]) -> String {
    let mut loops = String::new();
    for (index, body) in bodies.iter().enumerate() {
        let body = body.replace('~', " ");
        writeln!(
            loops,
            "(func $loop-{index} (param $n i32) {LOCALS}
                (loop $again
                    {body}
                    (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
                (call $mark))"
        )
        .unwrap();
    }
    loops += "(table $loops funcref (elem";
    for index in 0..bodies.len() {
        write!(loops, " $loop-{index}").unwrap();
    }
    let theirs = THEIRS.replacen("(module", "(core module $theirs", 1);
    format!(
        r#"(component
        (import "mark" (func $mark))
        (import "host" (func $host))
        (core func $mark (canon lower (func $mark)))
        (core func $host (canon lower (func $host)))
        {theirs}
        (core instance $theirs (instantiate $theirs))
        (core module $m {NEEDS} {loops})))
        (core instance $i (instantiate $m
            (with "theirs" (instance $theirs))
            (with "" (instance (export "mark" (func $mark)) (export "host" (func $host))))))
        (func (export "run") (param "which" u32) (param "rounds" u32)
            (canon lift (core func $i "run"))))"#
    )
}

fn no_operator_takes_more_and_more_stack(interruption: Interruption) {
    let bodies = bodies();
    let mut config = Config::new();
    config.interruption(interruption);
    for feature in [Feature::MultiMemory, Feature::Memory64, Feature::TailCall] {
        config.feature(feature, true);
    }
    config.feature(Feature::RelaxedSimd, true);
    let engine = Engine::<Wasmi>::new(&config).unwrap();
    let component = Component::new(&engine, component(&bodies)).unwrap();
    let mut linker = Linker::<Wasmi, ()>::new(&engine);
    let place = Arc::new(AtomicUsize::new(0));
    let mark = place.clone();
    let mut root = linker.root();
    root.func_wrap("host", |_, ()| Ok(())).unwrap();
    root.func_wrap("mark", move |_, ()| {
        let here = 0u8;
        mark.store((&raw const here).addr(), Ordering::Relaxed);
        Ok(())
    })
    .unwrap();
    let mut store = Store::<Wasmi, ()>::builder(&engine).build(()).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance
        .get_typed_func::<(u32, u32), ()>(&mut store, "run")
        .unwrap();
    let mut places = |which: usize| {
        [1, ROUNDS].map(|rounds| {
            if let Err(error) = run.call(&mut store, (which as u32, rounds)) {
                panic!("{}: {error}", bodies[which]);
            }
            place.load(Ordering::Relaxed)
        })
    };
    let mut bad = Vec::new();
    for (which, body) in bodies.iter().enumerate() {
        let [short, long] = places(which);
        let taken = short.abs_diff(long);
        if taken > MOST {
            bad.push(format!("{taken} bytes: {body}"));
        }
    }
    assert!(bad.is_empty(), "{} loops:\n{}", bad.len(), bad.join("\n"));
}

#[test]
fn no_operator_takes_more_and_more_stack_without_interruption() {
    no_operator_takes_more_and_more_stack(Interruption::None);
}

#[test]
fn no_operator_takes_more_and_more_stack_with_deadlines() {
    no_operator_takes_more_and_more_stack(Interruption::Deadline);
}

#[test]
fn no_operator_takes_more_and_more_stack_with_fuel() {
    no_operator_takes_more_and_more_stack(Interruption::Fuel);
}
