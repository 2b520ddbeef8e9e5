//! What WebAssembly's float operators give, to the bit, where results are
//! deterministic (the core specification's profile of that name): IEEE 754, with
//! the one NaN for whatever computes, while operators on bits leave a NaN as it is.
//! Values are raw bits.

use std::cmp::Ordering;

use enginebay::TrapCode;

/// Types of operands and results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ty {
    I32,
    I64,
    F32,
    F64,
}

pub(crate) use Ty::{F32, F64, I32, I64};

impl Ty {
    pub(crate) fn name(self) -> &'static str {
        match self {
            I32 => "i32",
            I64 => "i64",
            F32 => "f32",
            F64 => "f64",
        }
    }

    pub(crate) fn size(self) -> usize {
        match self {
            I32 | F32 => 4,
            I64 | F64 => 8,
        }
    }
}

/// What an operator gives for raw bits, 32-bit ones in the lower half.
type Model = fn(&[u64]) -> Result<u64, TrapCode>;

/// An operator on numbers.
#[derive(Clone, Copy)]
pub(crate) struct Op {
    pub(crate) name: &'static str,
    pub(crate) params: &'static [Ty],
    pub(crate) result: Ty,
    pub(crate) model: Model,
}

/// An operator on vectors, by what it does with each lane. Where a result has
/// fewer lanes than an operand, or more, the upper ones are dropped, or zero.
pub(crate) struct VectorOp {
    pub(crate) name: String,
    pub(crate) params: usize,
    /// The type of operands' lanes.
    pub(crate) lane: Ty,
    pub(crate) result: Ty,
    /// Whether lanes of the result are all ones for 1.
    is_mask: bool,
    model: Model,
}

impl VectorOp {
    pub(crate) fn apply(&self, operands: &[u128]) -> u128 {
        let lanes = 16 / self.lane.size().max(self.result.size());
        let mut result = 0;
        for lane in 0..lanes {
            let args: Vec<u64> = operands
                .iter()
                .map(|operand| lane_of(*operand, self.lane, lane))
                .collect();
            let mut bits = (self.model)(&args).expect("no vector operator traps");
            if self.is_mask && bits == 1 {
                bits = u64::MAX >> (64 - 8 * self.result.size());
            }
            result |= u128::from(bits) << (8 * self.result.size() * lane);
        }
        result
    }
}

fn lane_of(vector: u128, ty: Ty, lane: usize) -> u64 {
    let bits = (vector >> (8 * ty.size() * lane)) as u64;
    match ty.size() {
        4 => u64::from(bits as u32),
        _ => bits,
    }
}

pub(crate) const NAN32: u32 = 0x7fc0_0000;
pub(crate) const NAN64: u64 = 0x7ff8_0000_0000_0000;

trait Float: Copy + PartialOrd {
    const SIGN: u64;
    const NAN_BITS: u64;
    fn of(bits: u64) -> Self;
    fn bits(self) -> u64;
    /// The bits, with the one NaN.
    fn computed(self) -> u64;
}

macro_rules! float {
    ($ty:ident $int:ident $nan:ident) => {
        impl Float for $ty {
            const SIGN: u64 = 1 << ($int::BITS - 1);
            const NAN_BITS: u64 = $nan as u64;

            fn of(bits: u64) -> Self {
                $ty::from_bits(bits as $int)
            }
            fn bits(self) -> u64 {
                u64::from(self.to_bits())
            }
            fn computed(self) -> u64 {
                if self.is_nan() {
                    Self::NAN_BITS
                } else {
                    self.bits()
                }
            }
        }
    };
}
float!(f32 u32 NAN32);
float!(f64 u64 NAN64);

type Numbers = &'static [Ty];

fn op(name: &'static str, params: Numbers, result: Ty, model: Model) -> Op {
    Op {
        name,
        params,
        result,
        model,
    }
}

macro_rules! float_ops {
    ($f:ident $lane:ident $name:literal) => {{
        fn of(bits: u64) -> $f {
            <$f as Float>::of(bits)
        }
        const SIGN: u64 = <$f as Float>::SIGN;
        const ONE: Numbers = &[$lane];
        const TWO: Numbers = &[$lane, $lane];
        let one = |name, model: Model| op(name, ONE, $lane, model);
        let two = |name, model: Model| op(name, TWO, $lane, model);
        let test = |name, model: Model| op(name, TWO, I32, model);
        [
            // These are on bits.
            one(concat!($name, ".abs"), |v| Ok(v[0] & !SIGN)),
            one(concat!($name, ".neg"), |v| Ok(v[0] ^ SIGN)),
            two(concat!($name, ".copysign"), |v| {
                Ok(v[0] & !SIGN | v[1] & SIGN)
            }),
            // And these compute.
            one(concat!($name, ".sqrt"), |v| Ok(of(v[0]).sqrt().computed())),
            one(concat!($name, ".ceil"), |v| Ok(of(v[0]).ceil().computed())),
            one(concat!($name, ".floor"), |v| {
                Ok(of(v[0]).floor().computed())
            }),
            one(concat!($name, ".trunc"), |v| {
                Ok(of(v[0]).trunc().computed())
            }),
            one(concat!($name, ".nearest"), |v| {
                Ok(of(v[0]).round_ties_even().computed())
            }),
            two(concat!($name, ".add"), |v| {
                Ok((of(v[0]) + of(v[1])).computed())
            }),
            two(concat!($name, ".sub"), |v| {
                Ok((of(v[0]) - of(v[1])).computed())
            }),
            two(concat!($name, ".mul"), |v| {
                Ok((of(v[0]) * of(v[1])).computed())
            }),
            two(concat!($name, ".div"), |v| {
                Ok((of(v[0]) / of(v[1])).computed())
            }),
            two(concat!($name, ".min"), |v| {
                Ok(least::<$f>(v[0], v[1], true))
            }),
            two(concat!($name, ".max"), |v| {
                Ok(least::<$f>(v[0], v[1], false))
            }),
            test(concat!($name, ".eq"), |v| {
                Ok(u64::from(of(v[0]) == of(v[1])))
            }),
            test(concat!($name, ".ne"), |v| {
                Ok(u64::from(of(v[0]) != of(v[1])))
            }),
            test(concat!($name, ".lt"), |v| {
                Ok(u64::from(of(v[0]) < of(v[1])))
            }),
            test(concat!($name, ".gt"), |v| {
                Ok(u64::from(of(v[0]) > of(v[1])))
            }),
            test(concat!($name, ".le"), |v| {
                Ok(u64::from(of(v[0]) <= of(v[1])))
            }),
            test(concat!($name, ".ge"), |v| {
                Ok(u64::from(of(v[0]) >= of(v[1])))
            }),
        ]
    }};
}

macro_rules! conversions {
    ($f:ident $lane:ident $name:literal $bits:ident $reinterpreted:literal) => {{
        fn of(bits: u64) -> $f {
            <$f as Float>::of(bits)
        }
        const FROM: Numbers = &[$lane];
        let to = |name, result, model: Model| op(name, FROM, result, model);
        let from = |name, params, model: Model| op(name, params, $lane, model);
        [
            // Rust's casts saturate, and give 0 for NaN, as WebAssembly does.
            to(concat!("i32.trunc_sat_", $name, "_s"), I32, |v| {
                Ok(u64::from(of(v[0]) as i32 as u32))
            }),
            to(concat!("i32.trunc_sat_", $name, "_u"), I32, |v| {
                Ok(u64::from(of(v[0]) as u32))
            }),
            to(concat!("i64.trunc_sat_", $name, "_s"), I64, |v| {
                Ok(of(v[0]) as i64 as u64)
            }),
            to(concat!("i64.trunc_sat_", $name, "_u"), I64, |v| {
                Ok(of(v[0]) as u64)
            }),
            from(concat!($name, ".convert_i32_s"), &[I32], |v| {
                Ok((v[0] as i32 as $f).bits())
            }),
            from(concat!($name, ".convert_i32_u"), &[I32], |v| {
                Ok((v[0] as u32 as $f).bits())
            }),
            from(concat!($name, ".convert_i64_s"), &[I64], |v| {
                Ok((v[0] as i64 as $f).bits())
            }),
            from(concat!($name, ".convert_i64_u"), &[I64], |v| {
                Ok((v[0] as $f).bits())
            }),
            from(
                concat!($name, ".reinterpret_", $reinterpreted),
                &[$bits],
                |v| Ok(v[0]),
            ),
            to(
                concat!($reinterpreted, ".reinterpret_", $name),
                $bits,
                |v| Ok(v[0]),
            ),
        ]
    }};
}

macro_rules! trapping {
    ($f:ident $lane:ident $name:literal) => {{
        fn of(bits: u64) -> $f {
            <$f as Float>::of(bits)
        }
        const FROM: Numbers = &[$lane];
        let to = |name, result, model: Model| op(name, FROM, result, model);
        [
            to(concat!("i32.trunc_", $name, "_s"), I32, |v| {
                let x = of(v[0]);
                fits(x.into(), f64::from(i32::MIN), f64::from(i32::MAX))?;
                Ok(u64::from(x as i32 as u32))
            }),
            to(concat!("i32.trunc_", $name, "_u"), I32, |v| {
                let x = of(v[0]);
                fits(x.into(), 0.0, f64::from(u32::MAX))?;
                Ok(u64::from(x as u32))
            }),
            to(concat!("i64.trunc_", $name, "_s"), I64, |v| {
                let x = of(v[0]);
                // The largest that is less than 2 to the 63rd.
                fits(x.into(), i64::MIN as f64, 9_223_372_036_854_774_784.0)?;
                Ok(x as i64 as u64)
            }),
            to(concat!("i64.trunc_", $name, "_u"), I64, |v| {
                let x = of(v[0]);
                fits(x.into(), 0.0, 18_446_744_073_709_549_568.0)?;
                Ok(x as u64)
            }),
        ]
    }};
}

/// As `fmin` and `fmax` are defined: any NaN gives the one, and zeros differ.
fn least<F: Float>(a: u64, b: u64, is_min: bool) -> u64 {
    let order = F::of(a).partial_cmp(&F::of(b));
    match (order, is_min) {
        (None, _) => F::NAN_BITS,
        (Some(Ordering::Less), true) | (Some(Ordering::Greater), false) => a,
        (Some(Ordering::Less), false) | (Some(Ordering::Greater), true) => b,
        // Equal but for the sign of a zero.
        (Some(Ordering::Equal), true) => a | b,
        (Some(Ordering::Equal), false) => a & b,
    }
}

/// Whether what is left of a number without its fraction is from `min` to `max`.
fn fits(x: f64, min: f64, max: f64) -> Result<(), TrapCode> {
    if x.is_nan() {
        return Err(TrapCode::BadConversionToInteger);
    }
    if x.trunc() < min || x.trunc() > max {
        return Err(TrapCode::IntegerOverflow);
    }
    Ok(())
}

/// Every operator on floats that does not trap.
pub(crate) fn ops() -> Vec<Op> {
    let mut ops = Vec::new();
    ops.extend(float_ops!(f32 F32 "f32"));
    ops.extend(float_ops!(f64 F64 "f64"));
    ops.extend(conversions!(f32 F32 "f32" I32 "i32"));
    ops.extend(conversions!(f64 F64 "f64" I64 "i64"));
    ops.push(op("f32.demote_f64", &[F64], F32, |v| {
        Ok((f64::of(v[0]) as f32).computed())
    }));
    ops.push(op("f64.promote_f32", &[F32], F64, |v| {
        Ok(f64::from(f32::of(v[0])).computed())
    }));
    ops
}

/// Those that do.
pub(crate) fn trapping_ops() -> Vec<Op> {
    let mut ops = Vec::new();
    ops.extend(trapping!(f32 F32 "f32"));
    ops.extend(trapping!(f64 F64 "f64"));
    ops
}

/// Every operator on vectors of floats, but for those of relaxed SIMD.
pub(crate) fn vector_ops() -> Vec<VectorOp> {
    let scalars = ops();
    let scalar = |name: &str| {
        let found = scalars.iter().find(|op| op.name == name);
        found.unwrap_or_else(|| panic!("no operator {name}"))
    };
    let mut ops = Vec::new();
    for (lane, mask, shape, of) in [(F32, I32, "f32x4", "f32"), (F64, I64, "f64x2", "f64")] {
        for name in [
            "abs", "neg", "sqrt", "ceil", "floor", "trunc", "nearest", "add", "sub", "mul", "div",
            "min", "max", "eq", "ne", "lt", "gt", "le", "ge",
        ] {
            let scalar = scalar(&format!("{of}.{name}"));
            let compares = scalar.result != lane;
            ops.push(VectorOp {
                name: format!("{shape}.{name}"),
                params: scalar.params.len(),
                lane,
                result: if compares { mask } else { lane },
                is_mask: compares,
                model: scalar.model,
            });
        }
    }
    let mut add = |name: &str, params, lane, result, model: Model| {
        ops.push(VectorOp {
            name: name.to_owned(),
            params,
            lane,
            result,
            is_mask: false,
            model,
        });
    };
    // They choose one of two, whatever that is.
    add("f32x4.pmin", 2, F32, F32, |v| {
        Ok(v[usize::from(f32::of(v[1]) < f32::of(v[0]))])
    });
    add("f64x2.pmin", 2, F64, F64, |v| {
        Ok(v[usize::from(f64::of(v[1]) < f64::of(v[0]))])
    });
    add("f32x4.pmax", 2, F32, F32, |v| {
        Ok(v[usize::from(f32::of(v[0]) < f32::of(v[1]))])
    });
    add("f64x2.pmax", 2, F64, F64, |v| {
        Ok(v[usize::from(f64::of(v[0]) < f64::of(v[1]))])
    });
    for (name, lane, result, as_scalar) in [
        ("f32x4.convert_i32x4_s", I32, F32, "f32.convert_i32_s"),
        ("f32x4.convert_i32x4_u", I32, F32, "f32.convert_i32_u"),
        ("f64x2.convert_low_i32x4_s", I32, F64, "f64.convert_i32_s"),
        ("f64x2.convert_low_i32x4_u", I32, F64, "f64.convert_i32_u"),
        ("i32x4.trunc_sat_f32x4_s", F32, I32, "i32.trunc_sat_f32_s"),
        ("i32x4.trunc_sat_f32x4_u", F32, I32, "i32.trunc_sat_f32_u"),
        (
            "i32x4.trunc_sat_f64x2_s_zero",
            F64,
            I32,
            "i32.trunc_sat_f64_s",
        ),
        (
            "i32x4.trunc_sat_f64x2_u_zero",
            F64,
            I32,
            "i32.trunc_sat_f64_u",
        ),
        ("f32x4.demote_f64x2_zero", F64, F32, "f32.demote_f64"),
        ("f64x2.promote_low_f32x4", F32, F64, "f64.promote_f32"),
    ] {
        add(name, 1, lane, result, scalar(as_scalar).model);
    }
    ops
}

/// Numbers among which is everything that an operator may treat in a way of its
/// own: NaNs of both signs, with payloads, quiet and signalling; and the bounds of
/// types.
pub(crate) fn inputs(ty: Ty) -> Vec<u64> {
    match ty {
        F32 => {
            let mut bits: Vec<u32> =
                vec![NAN32, 0x7fc1_2345, 0x7fff_ffff, 0x7f80_0001, 0x7fa0_0000];
            let numbers = [
                0.0,
                f32::from_bits(1),
                f32::MIN_POSITIVE,
                0.49999997,
                0.5,
                1.0,
                1.5,
                2.5,
                8_388_607.5,
                2_147_483_500.0,
                2_147_483_648.0,
                4_294_967_296.0,
                9.223_372e18,
                1.844_674_4e19,
                f32::MAX,
                f32::INFINITY,
            ];
            bits.extend(numbers.map(f32::to_bits));
            signed(bits.into_iter().map(u64::from), f32::SIGN)
        }
        F64 => {
            let mut bits = vec![
                NAN64,
                0x7ff8_0000_1234_5678,
                0x7fff_ffff_ffff_ffff,
                0x7ff0_0000_0000_0001,
                0x7ff4_0000_0000_0000,
                // Its payload is gone in an f32.
                0x7ff0_0000_1000_0000,
            ];
            let numbers = [
                0.0,
                f64::from_bits(1),
                f64::MIN_POSITIVE,
                0.499_999_999_999_999_94,
                0.5,
                1.0,
                1.5,
                2.5,
                1e-45,
                3.5e38,
                2_147_483_647.5,
                2_147_483_648.0,
                4_294_967_295.5,
                4_294_967_296.0,
                4_503_599_627_370_497.5,
                9_223_372_036_854_774_784.0,
                9_223_372_036_854_775_808.0,
                18_446_744_073_709_551_616.0,
                f64::MAX,
                f64::INFINITY,
            ];
            bits.extend(numbers.map(f64::to_bits));
            signed(bits.into_iter(), f64::SIGN)
        }
        I32 => [
            0,
            1,
            0x7fc0_0001,
            16_777_217,
            i32::MAX as u32,
            i32::MIN as u32,
            u32::MAX,
        ]
        .map(u64::from)
        .to_vec(),
        I64 => vec![
            0,
            1,
            0x7ff4_0000_0000_0001,
            16_777_217,
            9_007_199_254_740_993,
            i64::MAX as u64,
            i64::MIN as u64,
            u64::MAX,
        ],
    }
}

fn signed(bits: impl Iterator<Item = u64>, sign: u64) -> Vec<u64> {
    bits.flat_map(|bits| [bits, bits | sign]).collect()
}
