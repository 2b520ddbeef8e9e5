//! Every operator on floats, with every pair of inputs that matter, as operands
//! that are only known when it runs and as constants.

use std::fmt::Write as _;

use enginebay::generic::{Component, Engine, Linker, Store};
use enginebay::{Backend, ErrorKind, TrapCode};

use super::deterministic;
use super::model::{self, F32, F64, I32, I64, NAN32, NAN64, Op, Ty, VectorOp, inputs};

/// Where results are written.
pub(crate) const OUT: usize = 8192;

/// Where the inputs of a type are.
pub(crate) fn base(ty: Ty) -> usize {
    match ty {
        F32 => 1024,
        F64 => 2048,
        I32 => 4096,
        I64 => 5120,
    }
}

/// A data segment with the inputs of each type; behind the last one they begin
/// again, so that there is a vector from each on.
fn data() -> String {
    let mut text = String::new();
    for ty in [F32, F64, I32, I64] {
        let mut bytes = Vec::new();
        let inputs = inputs(ty);
        for bits in inputs.iter().cycle().take(inputs.len() + 3) {
            bytes.extend_from_slice(&bits.to_le_bytes()[..ty.size()]);
        }
        let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        writeln!(text, "(data (i32.const {}) \"{escaped}\")", base(ty)).unwrap();
    }
    text
}

/// A component that exports `run`, which calls one of the functions that are given
/// by their bodies. A body stores results and leaves where they end on the stack.
fn component(bodies: &[String]) -> String {
    let mut text = format!(
        "(component (core module $m (memory (export \"m\") 1) {}",
        data()
    );
    for (i, body) in bodies.iter().enumerate() {
        writeln!(text, "(func $f{i} (result i32) {body})").unwrap();
    }
    let names: String = (0..bodies.len()).map(|i| format!(" $f{i}")).collect();
    write!(
        text,
        "(type $t (func (result i32)))
        (table funcref (elem{names}))
        (func (export \"run\") (param i32) (result i32)
            (i32.store (i32.const 0) (i32.const {OUT}))
            (i32.store (i32.const 4)
                (i32.sub (call_indirect (type $t) (local.get 0)) (i32.const {OUT})))
            (i32.const 0)))
        (core instance $i (instantiate $m))
        (func (export \"run\") (param \"which\" u32) (result (list u8))
            (canon lift (core func $i \"run\") (memory $i \"m\"))))"
    )
    .unwrap();
    text
}

/// What each function of a component stored.
pub(crate) fn results<B: Backend>(bodies: &[String]) -> Vec<Vec<u8>> {
    let engine = deterministic::<B>();
    let component = Component::new(&engine, component(bodies)).unwrap();
    let mut store = Store::<B, ()>::new(&engine, ()).unwrap();
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let run = instance
        .get_typed_func::<(u32,), (Vec<u8>,)>(&mut store, "run")
        .unwrap();
    (0..bodies.len() as u32)
        .map(|which| run.call(&mut store, (which,)).unwrap().0)
        .collect()
}

/// Loops over all operands of an operator: one, or two that are called `i` and
/// `j`.
fn loops(operands: &[Ty], size: usize, expression: &str, store: &str) -> String {
    let step =
        |name: &str| format!("(local.set ${name} (i32.add (local.get ${name}) (i32.const 1)))");
    let again = |name: &str, ty: Ty| {
        let count = inputs(ty).len();
        format!("(br_if ${name} (i32.lt_u (local.get ${name}) (i32.const {count})))")
    };
    let store = format!(
        "({store} (local.get $o) {expression})
         (local.set $o (i32.add (local.get $o) (i32.const {size})))"
    );
    let body = match operands {
        [one] => format!("(loop $i {store} {} {})", step("i"), again("i", *one)),
        [one, two] => format!(
            "(loop $i (local.set $j (i32.const 0)) (loop $j {store} {} {}) {} {})",
            step("j"),
            again("j", *two),
            step("i"),
            again("i", *one)
        ),
        _ => panic!("{operands:?}"),
    };
    format!(
        "(local $i i32) (local $j i32) (local $o i32) (local.set $o (i32.const {OUT}))
         {body} (local.get $o)"
    )
}

/// The operand at an index.
fn load(ty: Ty, instruction: &str, index: &str) -> String {
    format!(
        "({instruction} offset={} (i32.mul (local.get ${index}) (i32.const {})))",
        base(ty),
        ty.size()
    )
}

fn load_number(ty: Ty, index: &str) -> String {
    load(ty, &format!("{}.load", ty.name()), index)
}

/// All operands of an operator, in the order of the loops.
fn operands(params: &[Ty]) -> Vec<Vec<u64>> {
    match params {
        [one] => inputs(*one).into_iter().map(|x| vec![x]).collect(),
        [one, two] => inputs(*one)
            .into_iter()
            .flat_map(|x| inputs(*two).into_iter().map(move |y| vec![x, y]))
            .collect(),
        _ => panic!("{params:?}"),
    }
}

fn compare(op: &Op, operands: &[Vec<u64>], bytes: &[u8]) {
    let size = op.result.size();
    assert_eq!(bytes.len(), operands.len() * size, "{}", op.name);
    for (operands, bytes) in operands.iter().zip(bytes.chunks(size)) {
        let mut bits = [0; 8];
        bits[..size].copy_from_slice(bytes);
        let (expected, bits) = ((op.model)(operands).unwrap(), u64::from_le_bytes(bits));
        assert_eq!(
            bits, expected,
            "{} {operands:x?} gives {bits:x}, not {expected:x}",
            op.name
        );
    }
}

pub(crate) fn float_operators_give_what_the_specification_says<B: Backend>() {
    let ops = model::ops();
    let bodies: Vec<String> = ops
        .iter()
        .map(|op| {
            let loads: Vec<_> = op
                .params
                .iter()
                .zip(["i", "j"])
                .map(|(ty, index)| load_number(*ty, index))
                .collect();
            let expression = format!("({} {})", op.name, loads.join(" "));
            let store = format!("{}.store", op.result.name());
            loops(op.params, op.result.size(), &expression, &store)
        })
        .collect();
    for (op, bytes) in ops.iter().zip(results::<B>(&bodies)) {
        compare(op, &operands(op.params), &bytes);
    }
}

/// A constant with these bits.
pub(crate) fn constant(ty: Ty, bits: u64) -> String {
    let (sign, exponent, payload) = match ty {
        I32 => return format!("(i32.const {})", bits as i32),
        I64 => return format!("(i64.const {})", bits as i64),
        F32 => (bits >> 31 & 1, bits >> 23 & 0xff == 0xff, bits & 0x7f_ffff),
        F64 => (
            bits >> 63 & 1,
            bits >> 52 & 0x7ff == 0x7ff,
            bits & 0xf_ffff_ffff_ffff,
        ),
    };
    let number = match (exponent, payload) {
        (true, 0) => "inf".to_owned(),
        (true, payload) => format!("nan:{payload:#x}"),
        (false, _) if ty == F32 => format!("{:e}", f32::from_bits(bits as u32 & 0x7fff_ffff)),
        (false, _) => format!("{:e}", f64::from_bits(bits & (u64::MAX >> 1))),
    };
    let sign = if sign == 1 { "-" } else { "" };
    format!("({}.const {sign}{number})", ty.name())
}

/// A few of the inputs: NaNs of each kind, both zeros, a number and an infinity.
fn few(ty: Ty) -> Vec<u64> {
    match ty {
        F32 => [NAN32, 0xffc1_2345, 0x7f80_0001, 0xffa0_0000, 0, 1 << 31]
            .into_iter()
            .chain([1.5_f32.to_bits(), f32::INFINITY.to_bits()])
            .map(u64::from)
            .collect(),
        F64 => [
            NAN64,
            0xfff8_0000_1234_5678,
            0x7ff0_0000_0000_0001,
            0xfff4 << 48,
            0,
            1 << 63,
        ]
        .into_iter()
        .chain([1.5_f64.to_bits(), f64::INFINITY.to_bits()])
        .collect(),
        I32 | I64 => inputs(ty),
    }
}

pub(crate) fn float_operators_on_constants_give_the_same<B: Backend>() {
    let ops = model::ops();
    let mut expected = Vec::new();
    let bodies: Vec<String> = ops
        .iter()
        .map(|op| {
            let pairs: Vec<Vec<u64>> = match op.params {
                [one] => few(*one).into_iter().map(|x| vec![x]).collect(),
                [one, two] => few(*one)
                    .into_iter()
                    .flat_map(|x| few(*two).into_iter().map(move |y| vec![x, y]))
                    .collect(),
                _ => panic!("{}", op.name),
            };
            let mut text = String::new();
            let mut at = OUT;
            let mut all = Vec::new();
            for pair in pairs {
                // Which operands are constants: all, the first, the second.
                let ways: &[[bool; 2]] = match pair.len() {
                    1 => &[[true, true]],
                    _ => &[[true, true], [true, false], [false, true]],
                };
                for way in ways {
                    let operands: String = op
                        .params
                        .iter()
                        .zip(&pair)
                        .zip(way)
                        .map(|((ty, bits), constant)| match constant {
                            true => self::constant(*ty, *bits),
                            false => {
                                let index = inputs(*ty).iter().position(|it| it == bits).unwrap();
                                let at = base(*ty) + index * ty.size();
                                format!("({}.load (i32.const {at}))", ty.name())
                            }
                        })
                        .collect();
                    let result = op.result.name();
                    let name = op.name;
                    write!(
                        text,
                        "({result}.store (i32.const {at}) ({name} {operands}))"
                    )
                    .unwrap();
                    at += op.result.size();
                    all.push(pair.clone());
                }
            }
            expected.push(all);
            write!(text, "(i32.const {at})").unwrap();
            text
        })
        .collect();
    for ((op, operands), bytes) in ops.iter().zip(expected).zip(results::<B>(&bodies)) {
        compare(op, &operands, &bytes);
    }
}

pub(crate) fn conversions_that_trap_trap_alike<B: Backend>() {
    let ops = model::trapping_ops();
    let functions: String = ops
        .iter()
        .map(|op| {
            let (name, param, result) = (op.name, op.params[0].name(), op.result.name());
            format!(
                "(func (export \"{name}\") (param {param}) (result {result})
                    ({name} (local.get 0)))\n"
            )
        })
        .collect();
    let lifts: String = ops
        .iter()
        .enumerate()
        .map(|(i, op)| {
            let number = |ty| match ty {
                I32 => "u32",
                I64 => "u64",
                F32 => "f32",
                F64 => "f64",
            };
            let (name, param, result) = (op.name, number(op.params[0]), number(op.result));
            format!(
                "(func (export \"f{i}\") (param \"x\" {param}) (result {result})
                    (canon lift (core func $i \"{name}\")))\n"
            )
        })
        .collect();
    let text = format!(
        "(component (core module $m {functions}) (core instance $i (instantiate $m)) {lifts})"
    );
    let engine = deterministic::<B>();
    let component = Component::new(&engine, text).unwrap();
    let pre = Linker::<B, ()>::new(&engine)
        .instantiate_pre(&component)
        .unwrap();
    for (i, op) in ops.iter().enumerate() {
        for bits in inputs(op.params[0]) {
            // A trap ends the store.
            let mut store = Store::new(&engine, ()).unwrap();
            let func = pre
                .instantiate(&mut store)
                .unwrap()
                .get_func(&mut store, &format!("f{i}"))
                .unwrap();
            let given = call(&mut store, &func, op.params[0], bits);
            assert_eq!(given, (op.model)(&[bits]), "{} {bits:x}", op.name);
        }
    }
}

fn call<B: Backend>(
    store: &mut Store<B, ()>,
    func: &enginebay::generic::Func<B>,
    ty: Ty,
    bits: u64,
) -> Result<u64, TrapCode> {
    use enginebay::Val;
    let argument = match ty {
        F32 => Val::F32(f32::from_bits(bits as u32)),
        _ => Val::F64(f64::from_bits(bits)),
    };
    match func.call(store, &[argument]) {
        Ok(results) => Ok(match results[..] {
            [Val::U32(value)] => value.into(),
            [Val::U64(value)] => value,
            ref other => panic!("{other:?}"),
        }),
        Err(error) => Err(error.trap_code().unwrap_or_else(|| panic!("{error:?}"))),
    }
}

/// The vector that begins with the input at an index.
fn vector(ty: Ty, index: usize) -> u128 {
    let inputs = inputs(ty);
    let lanes = 16 / ty.size();
    (0..lanes).fold(0, |vector, lane| {
        let bits = inputs[(index + lane) % inputs.len()];
        vector | u128::from(bits) << (8 * ty.size() * lane)
    })
}

pub(crate) fn vector_operators_on_floats_do_it_lane_by_lane<B: Backend>() {
    let ops = model::vector_ops();
    let body = |op: &VectorOp| {
        let params = vec![op.lane; op.params];
        let loads: Vec<_> = ["i", "j"][..op.params]
            .iter()
            .map(|index| load(op.lane, "v128.load", index))
            .collect();
        let expression = format!("({} {})", op.name, loads.join(" "));
        loops(&params, 16, &expression, "v128.store")
    };
    let bodies: Vec<String> = ops.iter().map(body).collect();
    for (op, bytes) in ops.iter().zip(results::<B>(&bodies)) {
        let count = inputs(op.lane).len();
        let operands: Vec<Vec<u128>> = match op.params {
            1 => (0..count).map(|i| vec![vector(op.lane, i)]).collect(),
            _ => (0..count * count)
                .map(|i| vec![vector(op.lane, i / count), vector(op.lane, i % count)])
                .collect(),
        };
        assert_eq!(bytes.len(), operands.len() * 16, "{}", op.name);
        for (operands, bytes) in operands.iter().zip(bytes.chunks(16)) {
            let bits = u128::from_le_bytes(bytes.try_into().unwrap());
            let expected = op.apply(operands);
            assert_eq!(
                bits, expected,
                "{} {operands:x?} gives {bits:x}, not {expected:x}",
                op.name
            );
        }
    }
}

/// Ways of a float through a guest on which nothing computes.
pub(crate) fn bits_of_floats_are_moved_as_they_are<B: Backend>() {
    for (ty, integer, lanes, shape) in [(F32, I32, 4, "f32x4"), (F64, I64, 2, "f64x2")] {
        let (f, i) = (ty.name(), integer.name());
        let x = load_number(ty, "i");
        let splat = format!("({shape}.splat {x})");
        let moves = [
            x.clone(),
            format!("({f}.reinterpret_{i} ({i}.reinterpret_{f} {x}))"),
            format!("(select {x} ({f}.const 1) (i32.const 1))"),
            format!("(select ({f}.const 1) {x} (local.get $j))"),
            format!("(block (result {f}) (br 0 {x}))"),
            format!("(if (result {f}) (local.get $i) (then {x}) (else {x}))"),
            format!("(loop (result {f}) {x})"),
            format!("({f}.neg ({f}.neg {x}))"),
            format!("({f}.copysign {x} {x})"),
            format!("({shape}.extract_lane 0 {splat})"),
            format!("({shape}.extract_lane 1 ({shape}.replace_lane 1 (v128.const i64x2 0 0) {x}))"),
            format!(
                "({shape}.extract_lane {} ({shape}.neg ({shape}.neg {splat})))",
                lanes - 1
            ),
            format!(
                "({shape}.extract_lane 1 (v128.bitselect {splat} (v128.const i64x2 0 0)
                    (v128.const i64x2 -1 -1)))"
            ),
            format!("({shape}.extract_lane 0 (v128.or {splat} (v128.const i64x2 0 0)))"),
            format!(
                "({f}.load (block (result i32)
                    ({f}.store (i32.const 16) {x}) (i32.const 16)))"
            ),
            format!(
                "({f}.load (block (result i32)
                    ({i}.store (i32.const 16) ({i}.reinterpret_{f} {x})) (i32.const 16)))"
            ),
        ];
        let bodies: Vec<String> = moves
            .iter()
            .map(|it| loops(&[ty], ty.size(), it, &format!("{f}.store")))
            .collect();
        let identity = Op {
            name: "a move",
            params: if ty == F32 { &[F32] } else { &[F64] },
            result: ty,
            model: |v| Ok(v[0]),
        };
        for (text, bytes) in moves.iter().zip(results::<B>(&bodies)) {
            let op = Op {
                name: Box::leak(text.clone().into_boxed_str()),
                ..identity
            };
            compare(&op, &operands(op.params), &bytes);
        }
    }
}

/// Every operator of relaxed SIMD, by how many vectors it takes.
const RELAXED: [(&str, usize); 20] = [
    ("i8x16.relaxed_swizzle", 2),
    ("i32x4.relaxed_trunc_f32x4_s", 1),
    ("i32x4.relaxed_trunc_f32x4_u", 1),
    ("i32x4.relaxed_trunc_f64x2_s_zero", 1),
    ("i32x4.relaxed_trunc_f64x2_u_zero", 1),
    ("f32x4.relaxed_madd", 3),
    ("f32x4.relaxed_nmadd", 3),
    ("f64x2.relaxed_madd", 3),
    ("f64x2.relaxed_nmadd", 3),
    ("i8x16.relaxed_laneselect", 3),
    ("i16x8.relaxed_laneselect", 3),
    ("i32x4.relaxed_laneselect", 3),
    ("i64x2.relaxed_laneselect", 3),
    ("f32x4.relaxed_min", 2),
    ("f32x4.relaxed_max", 2),
    ("f64x2.relaxed_min", 2),
    ("f64x2.relaxed_max", 2),
    ("i16x8.relaxed_q15mulr_s", 2),
    ("i16x8.relaxed_dot_i8x16_i7x16_s", 2),
    ("i32x4.relaxed_dot_i8x16_i7x16_add_s", 3),
];

pub(crate) fn relaxed_vector_operators_are_refused_by_name<B: Backend>() {
    let engine = deterministic::<B>();
    let other = Engine::<B>::new(&enginebay::Config::new()).unwrap();
    for (name, params) in RELAXED {
        let operands = "(v128.const i64x2 0 0)".repeat(params);
        let text = format!("(component (core module (func (drop ({name} {operands})))))");
        let error = Component::new(&engine, &text).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Unsupported, "{name}: {error:?}");
        assert!(error.message().contains("relaxed-simd"), "{name}: {error}");
        Component::new(&other, &text).unwrap();
    }
}
