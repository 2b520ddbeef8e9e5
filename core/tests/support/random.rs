//! Types and values made at random, the same ones each time, and what they cost.

use enginebay_core::abi::VAL_COST;
use enginebay_core::{ResourceAny, ResourceType, StringEncoding, Type, Val};

/// The same numbers each time.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, end: usize) -> usize {
        ((self.next() >> 33) as usize) % end
    }

    pub fn char(&mut self) -> char {
        let top = [0x80, 0x100, 0x800, 0x1_0000, 0x11_0000][self.below(5)];
        char::from_u32(self.below(top) as u32).unwrap_or('\u{e000}')
    }

    pub fn string(&mut self) -> String {
        let top = [1, 0, 0x80, 0x100, 0x2000, 0x11_0000][self.below(6)];
        let mut chars = (0..self.below(12)).map(|_| self.below(top.max(1)) as u32);
        if top == 0 {
            return String::new();
        }
        chars
            .by_ref()
            .map(|c| char::from_u32(c).unwrap_or('x'))
            .collect()
    }

    pub fn names(&mut self) -> Vec<String> {
        let count = [1, 2, 8, 9, 33, 300][self.below(6)];
        (0..count).map(|i| format!("n{}", (i * 7) % 1009)).collect()
    }

    pub fn ty(&mut self, depth: usize) -> Type {
        const SCALARS: [Type; 13] = [
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
        ];
        let kind = match depth {
            0 => self.below(17),
            _ => [self.below(17), 17 + self.below(9)][usize::from(self.below(3) > 0)],
        };
        let Some(depth) = depth.checked_sub(1).filter(|_| kind > 16) else {
            return match kind {
                13 => Type::Own(ResourceType::component(self.next() % 3)),
                14 => Type::Borrow(ResourceType::component(self.next() % 3)),
                15 => Type::enumeration(self.names().iter().map(String::as_str)),
                16 => Type::flags(self.names().iter().map(String::as_str).take(70)),
                _ => SCALARS[kind % 13].clone(),
            };
        };
        let maybe = |random: &mut Self| match random.below(3) {
            0 => None,
            _ => Some(random.ty(depth)),
        };
        match kind {
            17 | 18 => Type::list(self.ty(depth)),
            19 => {
                let count = 1 + self.below(5);
                Type::tuple((0..count).map(|_| self.ty(depth)))
            }
            20 => {
                let names: Vec<_> = (0..1 + self.below(5)).map(|i| format!("f{i}")).collect();
                Type::record(names.iter().map(|name| (name.as_str(), self.ty(depth))))
            }
            21 => {
                let names = self.names();
                let cases = names
                    .iter()
                    .enumerate()
                    .map(|(i, name)| (name.as_str(), if i < 4 { maybe(self) } else { None }));
                Type::variant(cases)
            }
            22 => Type::option(self.ty(depth)),
            23 => Type::fixed_length_list(self.ty(depth), 1 + self.below(4) as u32),
            24 => Type::map(self.ty(depth), self.ty(depth)),
            _ => Type::result(maybe(self), maybe(self)),
        }
    }

    pub fn payload(&mut self, ty: Option<&Type>) -> Option<Box<Val>> {
        ty.map(|ty| self.val(ty).into())
    }

    pub fn val(&mut self, ty: &Type) -> Val {
        let bits = self.next();
        match ty {
            Type::Bool => Val::Bool(bits & 1 != 0),
            Type::S8 => Val::S8(bits as i8),
            Type::U8 => Val::U8(bits as u8),
            Type::S16 => Val::S16(bits as i16),
            Type::U16 => Val::U16(bits as u16),
            Type::S32 => Val::S32(bits as i32),
            Type::U32 => Val::U32(bits as u32),
            Type::S64 => Val::S64(bits as i64),
            Type::U64 => Val::U64(bits),
            // Not NaN, which differs from itself.
            Type::F32 => Val::F32(bits as i32 as f32),
            Type::F64 => Val::F64(bits as i64 as f64),
            Type::Char => Val::Char(self.char()),
            Type::String => Val::String(self.string()),
            Type::List(ty) => Val::List((0..self.below(5)).map(|_| self.val(ty)).collect()),
            Type::FixedLengthList(ty, len) => {
                Val::FixedLengthList((0..*len).map(|_| self.val(ty)).collect())
            }
            Type::Map(ty) => {
                let mut entry = || (self.val(&ty.key), self.val(&ty.value));
                let count = (bits % 5) as usize;
                Val::Map(std::iter::repeat_with(&mut entry).take(count).collect())
            }
            Type::Tuple(types) => Val::Tuple(types.iter().map(|ty| self.val(ty)).collect()),
            Type::Record(fields) => {
                let field =
                    |field: &enginebay_core::Field| (field.name.to_string(), self.val(&field.ty));
                Val::Record(fields.iter().map(field).collect())
            }
            Type::Variant(cases) => {
                let case = &cases[self.below(cases.len())];
                Val::Variant(case.name.to_string(), self.payload(case.ty.as_ref()))
            }
            Type::Enum(names) => Val::Enum(names[self.below(names.len())].to_string()),
            Type::Flags(names) => {
                let set = names.iter().filter(|_| self.below(2) == 0);
                Val::Flags(set.map(ToString::to_string).collect())
            }
            Type::Option(_) if bits & 1 == 0 => Val::Option(None),
            Type::Option(ty) => Val::Option(self.payload(Some(ty))),
            Type::Result(ty) if bits & 1 == 0 => Val::Result(Ok(self.payload(ty.ok.as_ref()))),
            Type::Result(ty) => Val::Result(Err(self.payload(ty.err.as_ref()))),
            Type::Own(ty) => Val::Resource(ResourceAny::new(*ty, 1, (bits as u32, 0), true, None)),
            Type::Borrow(ty) => {
                Val::Resource(ResourceAny::new(*ty, 1, (bits as u32, 0), false, None))
            }
            other => panic!("no values of type {other}"),
        }
    }
}

/// What lifting a value charges: everything that is inside another, names as
/// values have them, and strings as they are in the guest.
pub fn cost(val: &Val, encoding: StringEncoding) -> usize {
    let inner = |val: &Val| VAL_COST + cost(val, encoding);
    let payload = |val: &Option<Box<Val>>| val.as_deref().map_or(0, inner);
    match val {
        Val::String(text) => match encoding {
            StringEncoding::Utf8 => text.len(),
            StringEncoding::Latin1OrUtf16 if text.chars().all(|c| c <= 'ÿ') => {
                text.chars().count()
            }
            _ => text.encode_utf16().count() * 2,
        },
        Val::List(items) | Val::FixedLengthList(items) | Val::Tuple(items) => {
            items.iter().map(inner).sum()
        }
        Val::Map(entries) => entries.iter().map(|(k, v)| inner(k) + inner(v)).sum(),
        Val::Record(fields) => fields
            .iter()
            .map(|(name, val)| name.len() + inner(val))
            .sum(),
        Val::Variant(name, val) => name.len() + payload(val),
        Val::Enum(name) => name.len(),
        Val::Option(val) | Val::Result(Ok(val) | Err(val)) => payload(val),
        Val::Flags(names) => names.iter().map(String::len).sum(),
        _ => 0,
    }
}

/// Changes something somewhere in a value.
pub fn spoil(random: &mut Random, val: &mut Val) {
    match val {
        Val::List(items) | Val::Tuple(items) if !items.is_empty() && random.below(4) > 0 => {
            let at = random.below(items.len());
            spoil(random, &mut items[at]);
        }
        Val::Tuple(items) | Val::FixedLengthList(items) => drop(items.pop()),
        Val::Map(entries) if !entries.is_empty() => {
            let at = random.below(entries.len());
            match random.below(2) {
                0 => spoil(random, &mut entries[at].0),
                _ => spoil(random, &mut entries[at].1),
            }
        }
        Val::Record(fields) if random.below(3) > 0 => {
            let at = random.below(fields.len());
            spoil(random, &mut fields[at].1);
        }
        Val::Record(fields) if random.below(2) == 0 => fields[0].0.push('x'),
        Val::Record(fields) => drop(fields.pop()),
        Val::Variant(_, Some(val)) | Val::Option(Some(val)) if random.below(2) > 0 => {
            spoil(random, val);
        }
        Val::Variant(name, _) | Val::Enum(name) => name.push('x'),
        Val::Flags(names) => names.push("x".into()),
        Val::Result(Ok(val) | Err(val)) => *val = None,
        other => *other = Val::U8(0),
    }
}
