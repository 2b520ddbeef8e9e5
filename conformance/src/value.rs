//! Values in scripts, as the API has them, and whether a result is the one that
//! was expected.

use enginebay::{FuncType, Type, Val};
use wast::component::WastVal;

use crate::script::{Core, CorePattern, Lane};

pub(crate) fn val(val: &WastVal<'_>) -> Val {
    let boxed = |payload: &Option<Box<WastVal<'_>>>| {
        payload
            .as_deref()
            .map(|payload| Box::new(self::val(payload)))
    };
    match val {
        WastVal::Bool(v) => Val::Bool(*v),
        WastVal::U8(v) => Val::U8(*v),
        WastVal::S8(v) => Val::S8(*v),
        WastVal::U16(v) => Val::U16(*v),
        WastVal::S16(v) => Val::S16(*v),
        WastVal::U32(v) => Val::U32(*v),
        WastVal::S32(v) => Val::S32(*v),
        WastVal::U64(v) => Val::U64(*v),
        WastVal::S64(v) => Val::S64(*v),
        WastVal::F32(v) => Val::F32(f32::from_bits(v.bits)),
        WastVal::F64(v) => Val::F64(f64::from_bits(v.bits)),
        WastVal::Char(v) => Val::Char(*v),
        WastVal::String(v) => Val::String((*v).to_owned()),
        WastVal::List(vals) => Val::List(vals.iter().map(self::val).collect()),
        WastVal::Tuple(vals) => Val::Tuple(vals.iter().map(self::val).collect()),
        WastVal::Record(fields) => Val::Record(
            fields
                .iter()
                .map(|(name, val)| ((*name).to_owned(), self::val(val)))
                .collect(),
        ),
        WastVal::Variant(name, payload) => Val::Variant((*name).to_owned(), boxed(payload)),
        WastVal::Enum(name) => Val::Enum((*name).to_owned()),
        WastVal::Option(payload) => Val::Option(boxed(payload)),
        WastVal::Result(Ok(payload)) => Val::Result(Ok(boxed(payload))),
        WastVal::Result(Err(payload)) => Val::Result(Err(boxed(payload))),
        WastVal::Flags(names) => Val::Flags(names.iter().map(|name| (*name).to_owned()).collect()),
    }
}

/// Arguments as a function wants them: scripts have one notation for all kinds
/// of lists, and write a map as a list of pairs.
pub(crate) fn fit_all(vals: &[Val], ty: &FuncType) -> Vec<Val> {
    let mut types = ty.params.iter().map(|(_, ty)| ty);
    vals.iter()
        .map(|val| match types.next() {
            Some(ty) => fit(val, ty),
            None => val.clone(),
        })
        .collect()
}

fn fit(val: &Val, ty: &Type) -> Val {
    let fit_each = |vals: &[Val], ty: &Type| vals.iter().map(|val| fit(val, ty)).collect();
    let payload = |val: &Option<Box<Val>>, ty: Option<&Type>| match (val, ty) {
        (Some(val), Some(ty)) => Some(Box::new(fit(val, ty))),
        _ => val.clone(),
    };
    match (val, ty) {
        (Val::List(vals), Type::List(ty)) => Val::List(fit_each(vals, ty)),
        (Val::List(vals), Type::FixedLengthList(ty, _)) => Val::FixedLengthList(fit_each(vals, ty)),
        (Val::List(vals), Type::Map(ty)) => {
            let entry = |val: &Val| match val {
                Val::Tuple(pair) => match &pair[..] {
                    [key, value] => Some((fit(key, &ty.key), fit(value, &ty.value))),
                    _ => None,
                },
                _ => None,
            };
            let entries: Option<_> = vals.iter().map(entry).collect();
            entries.map_or_else(|| val.clone(), Val::Map)
        }
        (Val::Tuple(vals), Type::Tuple(types)) if vals.len() == types.len() => {
            let vals = vals.iter().zip(types.iter());
            Val::Tuple(vals.map(|(val, ty)| fit(val, ty)).collect())
        }
        (Val::Record(vals), Type::Record(fields)) if vals.len() == fields.len() => {
            let vals = vals.iter().zip(fields.iter());
            let fields = vals.map(|((name, val), field)| (name.clone(), fit(val, &field.ty)));
            Val::Record(fields.collect())
        }
        (Val::Variant(name, val), Type::Variant(cases)) => {
            let case = cases.iter().find(|case| *case.name == **name);
            let ty = case.and_then(|case| case.ty.as_ref());
            Val::Variant(name.clone(), payload(val, ty))
        }
        (Val::Option(val), Type::Option(ty)) => Val::Option(payload(val, Some(ty))),
        (Val::Result(Ok(val)), Type::Result(ty)) => Val::Result(Ok(payload(val, ty.ok.as_ref()))),
        (Val::Result(Err(val)), Type::Result(ty)) => {
            Val::Result(Err(payload(val, ty.err.as_ref())))
        }
        _ => val.clone(),
    }
}

/// How NaNs are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nans {
    /// A NaN is every NaN: the canonical ABI need not keep their bits.
    Any,
    /// By their bits.
    Exact,
}

/// Whether a result is what was expected. Flags have no order.
pub(crate) fn same(expected: &Val, actual: &Val, nans: Nans) -> bool {
    let same = |a: &Val, b: &Val| same(a, b, nans);
    let any = nans == Nans::Any;
    let all = |a: &[Val], b: &[Val]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b));
    let payload = |a: &Option<Box<Val>>, b: &Option<Box<Val>>| match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same(a, b),
        _ => false,
    };
    match (expected, actual) {
        (Val::F32(a), Val::F32(b)) => a.to_bits() == b.to_bits() || any && a.is_nan() && b.is_nan(),
        (Val::F64(a), Val::F64(b)) => a.to_bits() == b.to_bits() || any && a.is_nan() && b.is_nan(),
        (Val::List(a), Val::List(b) | Val::FixedLengthList(b)) => all(a, b),
        (Val::List(a), Val::Map(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, (key, value))| {
                    matches!(a, Val::Tuple(pair)
                        if pair.len() == 2 && same(&pair[0], key) && same(&pair[1], value))
                })
        }
        (Val::Tuple(a), Val::Tuple(b)) => all(a, b),
        (Val::Record(a), Val::Record(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((a, x), (b, y))| a == b && same(x, y))
        }
        (Val::Variant(a, x), Val::Variant(b, y)) => a == b && payload(x, y),
        (Val::Option(a), Val::Option(b))
        | (Val::Result(Ok(a)), Val::Result(Ok(b)))
        | (Val::Result(Err(a)), Val::Result(Err(b))) => payload(a, b),
        (Val::Flags(a), Val::Flags(b)) => {
            a.len() == b.len() && a.iter().all(|flag| b.contains(flag))
        }
        (a, b) => a == b,
    }
}

/// A value for messages, shortened if it is long.
pub(crate) fn show(vals: &[Val]) -> String {
    let mut text = match vals {
        [] => "nothing".to_owned(),
        [val] => format!("{val:?}"),
        vals => format!("{vals:?}"),
    };
    if let Some((end, _)) = text.char_indices().nth(200) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// Whether a core result is one of those that were expected.
pub(crate) fn fits(patterns: &[CorePattern], actual: Core) -> bool {
    patterns.iter().any(|pattern| match (*pattern, actual) {
        (CorePattern::Bits(expected), actual) => expected == actual,
        (CorePattern::Nan32(any), Core::B32(bits)) => nan32(any, bits),
        (CorePattern::Nan64(any), Core::B64(bits)) => nan64(any, bits),
        (CorePattern::Lanes32(lanes), Core::B128(bits)) => {
            lanes.iter().enumerate().all(|(i, lane)| {
                let actual = (bits >> (32 * i)) as u32;
                match *lane {
                    Lane::Bits(expected) => expected == actual,
                    Lane::Nan(any) => nan32(any, actual),
                }
            })
        }
        (CorePattern::Lanes64(lanes), Core::B128(bits)) => {
            lanes.iter().enumerate().all(|(i, lane)| {
                let actual = (bits >> (64 * i)) as u64;
                match *lane {
                    Lane::Bits(expected) => expected == actual,
                    Lane::Nan(any) => nan64(any, actual),
                }
            })
        }
        _ => false,
    })
}

/// An arithmetic NaN has the top bit of its payload set, a canonical one no
/// other.
fn nan32(arithmetic: bool, bits: u32) -> bool {
    let canonical = 0x7fc0_0000;
    let mask = if arithmetic { canonical } else { 0x7fff_ffff };
    bits & mask == canonical
}

fn nan64(arithmetic: bool, bits: u64) -> bool {
    let canonical = 0x7ff8_0000_0000_0000;
    let mask = if arithmetic {
        canonical
    } else {
        0x7fff_ffff_ffff_ffff
    };
    bits & mask == canonical
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_compared_by_bits_and_nans_are_one() {
        let same32 = |a: f32, b: f32, nans| same(&Val::F32(a), &Val::F32(b), nans);
        assert!(same32(f32::NAN, -f32::NAN, Nans::Any));
        assert!(!same32(f32::NAN, -f32::NAN, Nans::Exact));
        assert!(same32(f32::NAN, f32::NAN, Nans::Exact));
        assert!(!same32(0.0, -0.0, Nans::Any));
        let same = |a: &Val, b: &Val| same(a, b, Nans::Any);
        let list = |v: f64| Val::List(vec![Val::Option(Some(Box::new(Val::F64(v))))]);
        assert!(same(&list(f64::NAN), &list(f64::from_bits(u64::MAX))));
        assert!(!same(&list(1.0), &list(2.0)));
    }

    #[test]
    fn lists_become_what_the_function_wants() {
        let map = Type::map(Type::String, Type::fixed_length_list(Type::U8, 2));
        let ty = FuncType::new(vec![("m".into(), Type::option(map))], None);
        let bytes = Val::List(vec![Val::U8(1), Val::U8(2)]);
        let pair = Val::Tuple(vec![Val::String("a".into()), bytes]);
        let written = Val::Option(Some(Box::new(Val::List(vec![pair]))));
        let fitted = fit_all(std::slice::from_ref(&written), &ty);
        fitted[0].check(&ty.params[0].1).unwrap();
        let same = |a: &Val, b: &Val| same(a, b, Nans::Any);
        assert!(same(&written, &fitted[0]));
        let other = Val::Option(Some(Box::new(Val::Map(Vec::new()))));
        assert!(!same(&written, &other));
    }

    #[test]
    fn core_nans_are_told_apart() {
        let canonical = [CorePattern::Nan32(false)];
        let arithmetic = [CorePattern::Nan32(true)];
        assert!(fits(&canonical, Core::B32(0xffc0_0000)));
        assert!(!fits(&canonical, Core::B32(0x7fc0_0001)));
        assert!(fits(&arithmetic, Core::B32(0x7fc0_0001)));
        assert!(!fits(&arithmetic, Core::B32(0x7fa0_0000)));
        assert!(!fits(&arithmetic, Core::B64(0x7ff8_0000_0000_0000)));
        let lanes = [CorePattern::Lanes64([Lane::Bits(1), Lane::Nan(false)])];
        assert!(fits(
            &lanes,
            Core::B128(0x7ff8_0000_0000_0000_u128 << 64 | 1)
        ));
        assert!(!fits(&lanes, Core::B128(0x7ff8_0000_0000_0000_u128 << 64)));
    }
}
