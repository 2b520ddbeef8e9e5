//! Operators of core WebAssembly by what they take and give: any in a list can stand
//! where another one does. Generated code is made of them, and in a text one is put in
//! the place of another. Their order is part of what a seed means.

/// One list behind the other; `N` is the length of both.
const fn join<const N: usize>(
    first: &[&'static str],
    second: &[&'static str],
) -> [&'static str; N] {
    assert!(first.len() + second.len() == N);
    let mut all = [""; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < first.len() {
            first[at]
        } else {
            second[at - first.len()]
        };
        at += 1;
    }
    all
}

pub(crate) const I32_UNARY: &[&str] = &[
    "i32.clz",
    "i32.ctz",
    "i32.popcnt",
    "i32.eqz",
    "i32.extend8_s",
    "i32.extend16_s",
];
pub(crate) const I32_WRAPPING: &[&str] = &["i32.add", "i32.sub", "i32.mul"];
pub(crate) const I32_BITS: &[&str] = &[
    "i32.and",
    "i32.or",
    "i32.xor",
    "i32.shl",
    "i32.shr_s",
    "i32.shr_u",
    "i32.rotl",
    "i32.rotr",
];
pub(crate) const I32_BINARY: &[&str] = &join::<11>(I32_WRAPPING, I32_BITS);
pub(crate) const I32_TRAPPING: &[&str] = &["i32.div_s", "i32.div_u", "i32.rem_s", "i32.rem_u"];
pub(crate) const I32_ARITHMETIC: &[&str] = &join::<7>(I32_WRAPPING, I32_TRAPPING);
pub(crate) const I32_COMPARE: &[&str] = &[
    "i32.eq", "i32.ne", "i32.lt_s", "i32.lt_u", "i32.gt_s", "i32.gt_u", "i32.le_s", "i32.le_u",
    "i32.ge_s", "i32.ge_u",
];
pub(crate) const I64_COMPARE: &[&str] = &[
    "i64.eq", "i64.ne", "i64.lt_s", "i64.lt_u", "i64.gt_s", "i64.gt_u", "i64.le_s", "i64.le_u",
    "i64.ge_s", "i64.ge_u",
];
pub(crate) const F32_COMPARE: &[&str] =
    &["f32.eq", "f32.ne", "f32.lt", "f32.gt", "f32.le", "f32.ge"];
pub(crate) const F64_COMPARE: &[&str] =
    &["f64.eq", "f64.ne", "f64.lt", "f64.gt", "f64.le", "f64.ge"];
pub(crate) const I64_UNARY: &[&str] = &[
    "i64.clz",
    "i64.ctz",
    "i64.popcnt",
    "i64.extend8_s",
    "i64.extend16_s",
    "i64.extend32_s",
];
pub(crate) const I64_WRAPPING: &[&str] = &["i64.add", "i64.sub", "i64.mul"];
pub(crate) const I64_BITS: &[&str] = &[
    "i64.and",
    "i64.or",
    "i64.xor",
    "i64.shl",
    "i64.shr_s",
    "i64.shr_u",
    "i64.rotl",
    "i64.rotr",
];
pub(crate) const I64_BINARY: &[&str] = &join::<11>(I64_WRAPPING, I64_BITS);
pub(crate) const I64_TRAPPING: &[&str] = &["i64.div_s", "i64.div_u", "i64.rem_s", "i64.rem_u"];
pub(crate) const I64_ARITHMETIC: &[&str] = &join::<7>(I64_WRAPPING, I64_TRAPPING);
pub(crate) const F32_UNARY: &[&str] = &[
    "f32.abs",
    "f32.neg",
    "f32.ceil",
    "f32.floor",
    "f32.trunc",
    "f32.nearest",
    "f32.sqrt",
];
pub(crate) const F32_BINARY: &[&str] = &[
    "f32.add",
    "f32.sub",
    "f32.mul",
    "f32.div",
    "f32.min",
    "f32.max",
    "f32.copysign",
];
pub(crate) const F64_UNARY: &[&str] = &[
    "f64.abs",
    "f64.neg",
    "f64.ceil",
    "f64.floor",
    "f64.trunc",
    "f64.nearest",
    "f64.sqrt",
];
pub(crate) const F64_BINARY: &[&str] = &[
    "f64.add",
    "f64.sub",
    "f64.mul",
    "f64.div",
    "f64.min",
    "f64.max",
    "f64.copysign",
];
pub(crate) const I32_LOAD: &[&str] = &[
    "i32.load",
    "i32.load8_s",
    "i32.load8_u",
    "i32.load16_s",
    "i32.load16_u",
];
pub(crate) const I64_LOAD: &[&str] = &[
    "i64.load",
    "i64.load8_s",
    "i64.load8_u",
    "i64.load16_s",
    "i64.load32_s",
    "i64.load32_u",
];
pub(crate) const I32_STORE: &[&str] = &["i32.store", "i32.store8", "i32.store16"];
pub(crate) const I64_STORE: &[&str] = &["i64.store", "i64.store8", "i64.store16", "i64.store32"];
pub(crate) const V128_LOAD: &[&str] = &[
    "v128.load",
    "v128.load8x8_s",
    "v128.load16x4_u",
    "v128.load32x2_s",
    "v128.load8_splat",
    "v128.load64_splat",
    "v128.load32_zero",
    "v128.load64_zero",
];
pub(crate) const V128_UNARY: &[&str] = &[
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
pub(crate) const V128_BINARY: &[&str] = &[
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
pub(crate) const V128_SHIFT: &[&str] = &[
    "i8x16.shl",
    "i8x16.shr_s",
    "i16x8.shr_u",
    "i32x4.shl",
    "i32x4.shr_s",
    "i64x2.shr_s",
    "i64x2.shl",
];
