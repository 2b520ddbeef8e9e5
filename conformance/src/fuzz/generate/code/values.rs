//! Expressions of a wanted type: constants, what locals and globals hold, and operators
//! over other expressions. Whatever takes operands has them made here.

use std::fmt::Write;

use super::{Code, Label, Ty};
use crate::fuzz::operators;

impl Code<'_> {
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

    /// A constant, more often one at a limit.
    pub(super) fn constant(&mut self, ty: Ty) {
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

    pub(super) fn arithmetic(&mut self, ty: Ty, depth: usize) {
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
            (I32, 0..=2) => (random.pick(operators::I32_UNARY), &[I32]),
            (I32, 3) => (random.pick(operators::I32_TRAPPING), &[I32, I32]),
            (I32, 4 | 5) => (random.pick(operators::I32_COMPARE), &[I32, I32]),
            (I32, 6) => (random.pick(operators::I64_COMPARE), &[I64, I64]),
            (I32, 7) => (random.pick(operators::F32_COMPARE), &[F32, F32]),
            (I32, 8) => (random.pick(operators::F64_COMPARE), &[F64, F64]),
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
            (I32, _) => (random.pick(operators::I32_BINARY), &[I32, I32]),
            (I64, 0..=2) => (random.pick(operators::I64_UNARY), &[I64]),
            (I64, 3) => (random.pick(operators::I64_TRAPPING), &[I64, I64]),
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
            (I64, _) => (random.pick(operators::I64_BINARY), &[I64, I64]),
            (F32, 0..=4) => (random.pick(operators::F32_UNARY), &[F32]),
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
            (F32, _) => (random.pick(operators::F32_BINARY), &[F32, F32]),
            (F64, 0..=4) => (random.pick(operators::F64_UNARY), &[F64]),
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
            (F64, _) => (random.pick(operators::F64_BINARY), &[F64, F64]),
            (V128, 0..=3) => (random.pick(operators::V128_UNARY), &[V128]),
            (V128, 4) => (random.pick(operators::V128_SHIFT), &[V128, I32]),
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
            (V128, _) => (random.pick(operators::V128_BINARY), &[V128, V128]),
        };
        self.operator(operator, operands, depth);
    }
}
