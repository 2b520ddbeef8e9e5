//! Types and values at random, with what is at the limits of the Canonical ABI
//! more often than chance would have it.

use enginebay::{Type, Val};

use crate::random::Random;

const DEPTH: usize = 5;

/// Names of parts: `a0`, `a1`, ...
fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("a{index}")).collect()
}

fn strs(names: &[String]) -> impl Iterator<Item = &str> {
    names.iter().map(String::as_str)
}

/// What makes a type without parts.
type Leaf = fn(&mut Random) -> Type;

/// A type of at most so many parts.
pub(crate) fn ty(random: &mut Random) -> Type {
    ty_of(random, scalar)
}

/// As [`ty`], with other types for what has no parts.
pub(crate) fn ty_of(random: &mut Random, leaf: Leaf) -> Type {
    let mut budget = 1 + random.below(24);
    nested(random, DEPTH, &mut budget, leaf)
}

pub(crate) fn scalar(random: &mut Random) -> Type {
    let scalars = [
        Type::Bool,
        Type::S8,
        Type::U8,
        Type::S16,
        Type::U16,
        Type::S32,
        Type::U32,
        Type::S64,
        Type::U64,
        Type::F32,
        Type::F64,
        Type::Char,
        Type::String,
        Type::String,
    ];
    scalars[random.below(scalars.len())].clone()
}

/// What a key of a map can be.
fn key(random: &mut Random) -> Type {
    loop {
        match scalar(random) {
            Type::F32 | Type::F64 => {}
            key => return key,
        }
    }
}

fn nested(random: &mut Random, depth: usize, budget: &mut usize, leaf: Leaf) -> Type {
    *budget = budget.saturating_sub(1);
    if depth == 0 || *budget == 0 {
        return leaf(random);
    }
    let mut inner = |random: &mut Random| nested(random, depth - 1, budget, leaf);
    let some = |random: &mut Random, inner: &mut dyn FnMut(&mut Random) -> Type| {
        (!random.one_in(3)).then(|| inner(random))
    };
    match random.below(14) {
        0 | 1 => Type::list(inner(random)),
        2 => Type::option(inner(random)),
        3 => {
            let ok = some(random, &mut inner);
            let err = some(random, &mut inner);
            Type::result(ok, err)
        }
        4 | 5 => {
            // More than 16 is more than fits into parameters.
            let most = if random.one_in(6) { 18 } else { 5 };
            let count = 1 + random.below(most);
            let types: Vec<_> = (0..count).map(|_| inner(random)).collect();
            Type::tuple(types)
        }
        6 | 7 => {
            let names = names(1 + random.below(6));
            let fields: Vec<_> = strs(&names).map(|name| (name, inner(random))).collect();
            Type::record(fields)
        }
        8 | 9 => {
            // 257 cases need a discriminant of two bytes.
            let count = match random.below(12) {
                0 => 256,
                1 => 257,
                _ => 1 + random.below(6),
            };
            let names = names(count);
            let cases: Vec<_> = strs(&names)
                .enumerate()
                .map(|(index, name)| {
                    let payload = index < 4 || index + 1 == count;
                    (
                        name,
                        if payload {
                            some(random, &mut inner)
                        } else {
                            None
                        },
                    )
                })
                .collect();
            Type::variant(cases)
        }
        10 => {
            let count = match random.below(4) {
                0 => 256,
                1 => 257,
                _ => 1 + random.below(8),
            };
            Type::enumeration(strs(&names(count)))
        }
        11 => {
            let count = match random.below(2) {
                0 => random.pick(&[7, 8, 9, 15, 16, 17, 31, 32]),
                _ => 1 + random.below(32),
            };
            Type::flags(strs(&names(count)))
        }
        12 => {
            let key = key(random);
            Type::map(key, inner(random))
        }
        _ => Type::fixed_length_list(inner(random), 1 + random.below(4) as u32),
    }
}

/// A value of a type.
pub(crate) fn value(random: &mut Random, ty: &Type) -> Val {
    value_within(random, ty, 400)
}

/// As [`value`], with less in it.
pub(crate) fn value_within(random: &mut Random, ty: &Type, mut budget: usize) -> Val {
    valued(random, ty, &mut budget)
}

/// A number with more at the ends of each width.
pub(crate) fn number(random: &mut Random) -> u64 {
    match random.below(4) {
        0 => random.next() % 4,
        1 => {
            let bit = 1_u64 << random.pick(&[0, 7, 8, 15, 16, 31, 32, 63]);
            bit.wrapping_add(random.next() % 3).wrapping_sub(1)
        }
        _ => random.next() >> random.below(64),
    }
}

fn character(random: &mut Random) -> char {
    let range = random.pick(&[
        (0, 0x80),
        (0x20, 0x7f),
        (0x80, 0x100),
        (0x7f0, 0x810),
        (0x100, 0xd800),
        (0xe000, 0x1_0000),
        (0x1_0000, 0x11_0000),
    ]);
    let code = range.0 + random.next() as u32 % (range.1 - range.0);
    char::from_u32(code).unwrap_or('?')
}

/// Of one range of characters, or of all; a long one now and then, since
/// transcoders allocate in steps.
fn string(random: &mut Random) -> String {
    let len = match random.below(12) {
        0 => 0,
        1 => 60 + random.below(400),
        _ => random.below(20),
    };
    let end = random.pick(&[0x80, 0x100, 0x1_0000, 0x11_0000]);
    let mut text = String::new();
    for _ in 0..len {
        let character = character(random);
        let fits = (character as u32) < end || random.one_in(100);
        text.push(if fits { character } else { 'x' });
    }
    text
}

fn valued(random: &mut Random, ty: &Type, budget: &mut usize) -> Val {
    *budget = budget.saturating_sub(1);
    let elements = |random: &mut Random, budget: &usize| match random.below(12) {
        0 => 0,
        1 => random.below(1 + *budget / 4),
        _ => random.below(1 + (*budget).min(5)),
    };
    let mut payload = |random: &mut Random, ty: &Option<Type>| {
        let ty = ty.as_ref()?;
        Some(Box::new(valued(random, ty, budget)))
    };
    match ty {
        Type::Bool => Val::Bool(random.one_in(2)),
        Type::S8 => Val::S8(number(random) as i8),
        Type::U8 => Val::U8(number(random) as u8),
        Type::S16 => Val::S16(number(random) as i16),
        Type::U16 => Val::U16(number(random) as u16),
        Type::S32 => Val::S32(number(random) as i32),
        Type::U32 => Val::U32(number(random) as u32),
        Type::S64 => Val::S64(number(random) as i64),
        Type::U64 => Val::U64(number(random)),
        // Any bits: infinities, and NaNs with payloads, are among them.
        Type::F32 if random.one_in(4) => Val::F32(f32::from_bits(
            0x7f80_0000 | (random.next() as u32 & 0x8040_0003),
        )),
        Type::F32 => Val::F32(f32::from_bits(random.next() as u32)),
        Type::F64 if random.one_in(4) => Val::F64(f64::from_bits(
            0x7ff0_0000_0000_0000 | (random.next() & 0x8008_0000_0000_0003),
        )),
        Type::F64 => Val::F64(f64::from_bits(random.next())),
        Type::Char => Val::Char(character(random)),
        Type::String => Val::String(string(random)),
        Type::List(ty) => {
            let count = elements(random, budget);
            Val::List((0..count).map(|_| valued(random, ty, budget)).collect())
        }
        Type::FixedLengthList(ty, count) => {
            Val::FixedLengthList((0..*count).map(|_| valued(random, ty, budget)).collect())
        }
        Type::Map(map) => {
            let count = elements(random, budget);
            let mut entries: Vec<(Val, Val)> = Vec::new();
            for _ in 0..count {
                let key = valued(random, &map.key, budget);
                if entries.iter().all(|(other, _)| *other != key) {
                    entries.push((key, valued(random, &map.value, budget)));
                }
            }
            Val::Map(entries)
        }
        Type::Record(fields) => Val::Record(
            fields
                .iter()
                .map(|field| (field.name.to_string(), valued(random, &field.ty, budget)))
                .collect(),
        ),
        Type::Tuple(types) => {
            Val::Tuple(types.iter().map(|ty| valued(random, ty, budget)).collect())
        }
        Type::Variant(cases) => {
            let case = &cases[random.below(cases.len())];
            Val::Variant(case.name.to_string(), payload(random, &case.ty))
        }
        Type::Enum(names) => Val::Enum(names[random.below(names.len())].to_string()),
        Type::Option(ty) => {
            let some = !random.one_in(3);
            Val::Option(some.then(|| Box::new(valued(random, ty, budget))))
        }
        Type::Result(ty) => Val::Result(if random.one_in(2) {
            Ok(payload(random, &ty.ok))
        } else {
            Err(payload(random, &ty.err))
        }),
        Type::Flags(names) => {
            let set = random.next();
            let flags = names.iter().enumerate();
            let flags = flags.filter(|(index, _)| set >> index & 1 == 1);
            Val::Flags(flags.map(|(_, name)| name.to_string()).collect())
        }
        // Which one of those that there are.
        Type::Own(_) | Type::Borrow(_) => Val::U32(random.below(8) as u32),
        // No others are generated.
        _ => Val::Tuple(Vec::new()),
    }
}
