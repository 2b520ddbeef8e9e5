//! Wasmtime counts the same by itself where large fills and copies are in parts.

use std::fmt::Write;

use enginebay_core::parts::InParts;
use enginebay_core::parts::inline::{self, Scale};
use enginebay_core::{ErrorKind, Result};

use super::on_wasmtime::Native;
use super::random::Random;
use super::*;

/// Parts so small that programs with little fuel have several.
const SMALL: Scale = Scale {
    part: 512,
    halvings: 7,
    vectors: false,
};

const SMALL_BY_VECTORS: Scale = Scale {
    vectors: true,
    ..SMALL
};

/// A module in parts; as it is, if there is nothing to do.
fn in_parts(wasm: &[u8], scale: Scale) -> Vec<u8> {
    let Some(in_parts) = inline::module(wasm, &crate::known_lengths, scale).unwrap() else {
        return wasm.to_vec();
    };
    Validator::new_with_features(features() | WasmFeatures::WIDE_ARITHMETIC)
        .validate_all(&in_parts.wasm)
        .unwrap();
    in_parts.wasm
}

/// Compares a core module.
pub(super) fn compare(name: &str, wasm: &[u8], calls: &[String], plan: Plan) -> Counts {
    let mut counts = Counts::default();
    let native = Native::compile(wasm);
    for scale in [SMALL, SMALL_BY_VECTORS, Scale::default()] {
        let changed = Native::compile_in_parts(&in_parts(wasm, scale));
        let mut compare = |fuel: u64| {
            let wanted = native.run(calls, fuel);
            let found = changed.run(calls, fuel);
            assert_eq!(found, wanted, "{name} in parts, {scale:?}, {fuel}");
            counts.add(&wanted);
            left(&wanted)
        };
        let used = plan.much - compare(plan.much);
        let step = (used / plan.sweep).max(1);
        (0..used + 3)
            .step_by(step as usize)
            .for_each(|fuel| _ = compare(fuel));
        (used.saturating_sub(plan.around)..used + plan.around).for_each(|fuel| _ = compare(fuel));
    }
    counts
}

/// Looks whether an adapter consists of what costs something. Wasmtime compiles it as it
/// is, with the prices of what is in parts.
pub(super) fn assert_not_free(adapter: &[u8]) {
    let changed = inline::module(adapter, &crate::known_lengths, Scale::default()).unwrap();
    assert!(changed.is_none(), "an adapter has an operator that is free");
}

/// Fills and copies of lengths around those that are cut, each followed by a sum of
/// what is in the memory, or by a division by zero, which loses what is not written
/// back.
fn program(seed: u64) -> String {
    let mut random = Random::new(seed);
    let (ty, bits) = random.of(&[("", 32), ("i64", 64)]);
    let (other, other_bits) = random.of(&[("", 32), ("i64", 64)]);
    let mut wat = format!(
        r#"(module
        (memory $a {ty} 3) (memory $b {other} 3 3)
        (func $sum (result i32) (local i32 i64)
            loop
                local.get 1 i64.const 31 i64.mul
                {0} i64.load $a
                {1} i64.load $b offset=8
                i64.add i64.xor local.set 1
                local.get 0 i32.const 8 i32.add local.tee 0 i32.const 4096 i32.lt_u br_if 0
            end
            local.get 1 i64.const 32 i64.shr_u local.get 1 i64.xor i32.wrap_i64)
        "#,
        address("local.get 0", bits),
        address("local.get 0", other_bits),
    );
    for index in 0..4 {
        let length = match random.below(9) {
            0 => random.below(3),
            7 => (1 << (31 + random.below(2))) - random.below(3),
            1..=3 => 1_000 + random.below(50),
            4 | 5 => random.below(5_000),
            6 => 512 * random.below(6) + random.below(3),
            _ => 126_000 + random.below(10_000),
        };
        let places = [random.below(1_500), random.below(1_500)];
        let far = |place: u64, random: &mut Random| match random.below(12) {
            0 => 196_608u64.wrapping_sub(length),
            1 => 196_609u64.wrapping_sub(length),
            2 => u64::from(u32::MAX) - random.below(3),
            _ => place,
        };
        let places = places.map(|place| far(place, &mut random));
        // Unknown to a compiler.
        let _ = write!(
            wat,
            "(func $length{index} (result i64) i64.const {length})
            (func (export \"{index}\") (result i32) (local i32 i64 f64)
            call $length{index} local.set 1
            i32.const 64 i64.extend_i32_u local.get 1 i64.add f64.convert_i64_u f64.sqrt local.set 2 "
        );
        let constant = random.one_in(6);
        let mut put = |texts: &[String]| {
            let _ = write!(wat, "{} ", texts.join(" "));
        };
        let size = |bits: u32| match (constant, bits) {
            (true, _) => number(length, bits),
            (false, 32) => "local.get 1 i32.wrap_i64".to_owned(),
            (false, _) => "local.get 1".to_owned(),
        };
        match random.below(5) {
            0 => put(&[
                number(places[0], bits),
                format!("i32.const {}", random.below(1_000)),
                size(bits),
                "memory.fill $a".into(),
            ]),
            1 => put(&[
                number(places[0], other_bits),
                format!("i32.const {}", random.below(1_000)),
                size(other_bits),
                "memory.fill $b".into(),
            ]),
            2 | 3 => put(&[
                number(places[0], bits),
                number(places[1], bits),
                size(bits),
                "memory.copy $a $a".into(),
            ]),
            _ => put(&[
                number(places[0], bits),
                number(places[1], other_bits),
                size(bits.min(other_bits)),
                "memory.copy $a $b".into(),
            ]),
        }
        put(&[match random.below(4) {
            0 => "i32.const 7 local.get 0 i32.div_u)".into(),
            1 => "local.get 2 i32.trunc_sat_f64_u)".into(),
            _ => "call $sum)".into(),
        }]);
    }
    // Something to copy: it is there before anything is counted.
    let _ = write!(
        wat,
        "(data (memory $a) ({0}) \"{2}\") (data (memory $b) ({1}) \"{2}\"))",
        number(1, bits),
        number(7, other_bits),
        (0..4_096u32).fold(String::new(), |text, at| {
            let byte = at.wrapping_mul(0x9e37_79b1) >> 24;
            text + &format!("\\{byte:02x}")
        })
    );
    wat
}

fn number(value: u64, bits: u32) -> String {
    match bits {
        32 => format!("i32.const {}", value as u32 as i32),
        _ => format!("i64.const {}", value as i64),
    }
}

fn address(value: &str, bits: u32) -> String {
    match bits {
        32 => value.to_owned(),
        _ => format!("{value} i64.extend_i32_u"),
    }
}

fn run(seeds: std::ops::Range<u64>) {
    let mut all = Counts::default();
    for seed in seeds {
        let wat = program(seed);
        let wasm = wat::parse_str(&wat).unwrap_or_else(|error| panic!("{seed}: {error}\n{wat}"));
        let calls = exports(&wasm);
        let plan = Plan {
            much: 500_000,
            sweep: 12,
            around: 3,
            slices: SLICES,
        };
        // One for one, as the first that traps is the last.
        for call in calls {
            all += compare(
                &format!("{seed}, {call}"),
                &wasm,
                std::slice::from_ref(&call),
                plan,
            );
        }
    }
    println!("{all:?}");
    assert!(all.traps - all.exhausted > all.runs / 50, "{all:?}");
    assert!(all.exhausted > all.runs / 20, "{all:?}");
}

#[test]
fn large_fills_and_copies() {
    run(0..60);
}

/// As many programs as `ENGINEBAY_RANDOM` says.
#[test]
#[ignore = "takes as long as one likes"]
fn more_large_fills_and_copies() {
    run(1_000..1_000 + programs_asked_for());
}

/// Operators that are free are paid for where a guest has them.
#[test]
fn free_operators() {
    let wat = r#"(module
        (memory 1)
        (table $t 2 funcref)
        (func $f (param i32 i64 f64) (result i64)
            (i64.extend_i32_s (i32.rotr
                (i32.trunc_sat_f64_u (f64.add (f64.convert_i64_s (local.get 1)) (local.get 2)))
                (i32.clz (i32.shr_s (local.get 0) (i64.le_u (local.get 1) (i64.const 10)))))))
        (func (export "all") (result i64)
            (memory.fill (i32.const 0) (i32.const 1) (i32.const 100))
            (memory.copy (i32.const 0) (i32.const 1) (i32.const 100))
            (memory.copy (i32.const 0) (i32.const 1) (i32.const 200))
            (drop (ref.is_null (ref.null func)))
            (drop (i32.trunc_sat_f64_u (f64.const 7)))
            (drop (i32x4.extract_lane 0 (i64x2.splat (i64.const 7))))
            (call $f (i32.const 9) (i64.const 10) (f64.const 11)))
        (func (export "trap") (result i64)
            (drop (call $f (i32.const 9) (i64.const 10) (f64.const 11)))
            (drop (i32.rotr (i32.const 9) (i32.div_u (i32.const 0) (i32.const 0))))
            (i64.const 1)))"#;
    let wasm = wat::parse_str(wat).unwrap();
    let plan = Plan {
        much: 1_000,
        sweep: 1_000,
        around: 0,
        slices: SLICES,
    };
    compare("free operators", &wasm, &exports(&wasm), plan);
}

/// A module's text in the parts that guests get.
fn as_usual(wat: &str) -> Result<Option<InParts>> {
    let wasm = wat::parse_str(wat).unwrap();
    inline::module(&wasm, &crate::known_lengths, Scale::default())
}

fn assert_refused(module: Result<Option<InParts>>, kind: ErrorKind, why: &str) {
    let error = module.err().unwrap();
    assert_eq!(*error.kind(), kind);
    assert!(error.message().contains(why), "{error}");
}

#[test]
fn long_segments_are_refused() {
    let module = |len: usize| {
        let wat = format!(
            r#"(module (memory 1) (data $d "{}")
                (func (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))))"#,
            "x".repeat(len)
        );
        as_usual(&wat)
    };
    module(8 << 20).unwrap();
    assert_refused(
        module((8 << 20) + 1),
        ErrorKind::Unsupported,
        "`memory.init`",
    );
}

/// A function that would need more locals than it may have is not left alone.
#[test]
fn functions_without_locals_left_are_refused() {
    let module = |locals: usize, length: &str| {
        let wat = format!(
            "(module (memory 1) (func (param $n i32) (local {}) \
             (memory.fill (i32.const 0) (i32.const 0) ({length}))))",
            "i32 ".repeat(locals)
        );
        as_usual(&wat)
    };
    module(49_986, "local.get $n").unwrap();
    module(49_999, "i32.const 9").unwrap();
    assert_refused(
        module(49_987, "local.get $n"),
        ErrorKind::Unsupported,
        "locals",
    );
}

/// What engines do not take is not given to them.
#[test]
fn functions_that_become_too_long_are_refused() {
    let module = |count: usize| {
        let wat = format!(
            "(module (memory 1) (func (param $n i32) {}))",
            "(memory.copy (i32.const 0) (i32.const 0) (local.get $n))".repeat(count)
        );
        as_usual(&wat)
    };
    module(1_000).unwrap();
    assert_refused(module(16_000), ErrorKind::TooLarge, "bytes of a function");
}

#[test]
fn only_so_many_are_in_parts() {
    let module = |count: usize| {
        let wat = format!(
            "(module (memory 1) (func (param $n i32) {}))",
            "(memory.fill (i32.const 0) (i32.const 0) (local.get $n))".repeat(count)
        );
        as_usual(&wat)
    };
    module(16_384).unwrap();
    assert_refused(module(16_385), ErrorKind::Unsupported, "fills and copies");
}
