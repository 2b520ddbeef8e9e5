//! How values lie in memory, written down once more from the Canonical ABI
//! ("Alignment", "Element Size", "Storing", "Flattening") and from nothing else:
//! what the backends do is held against it.

use enginebay::{Type, Val};

/// The `string-encoding` of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16,
    Latin1Utf16,
}

impl Encoding {
    pub(crate) const ALL: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Latin1Utf16];

    /// The option's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf8",
            Encoding::Utf16 => "utf16",
            Encoding::Latin1Utf16 => "latin1+utf16",
        }
    }
}

/// A core type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    I32,
    I64,
    F32,
    F64,
}

impl Core {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Core::I32 => "i32",
            Core::I64 => "i64",
            Core::F32 => "f32",
            Core::F64 => "f64",
        }
    }

    /// The type that carries either.
    fn join(self, other: Core) -> Core {
        match (self, other) {
            _ if self == other => self,
            (Core::I32, Core::F32) | (Core::F32, Core::I32) => Core::I32,
            _ => Core::I64,
        }
    }
}

/// The payloads of what has cases; `None` for what has none.
pub(crate) fn cases(ty: &Type) -> Option<Vec<Option<&Type>>> {
    Some(match ty {
        Type::Variant(cases) => cases.iter().map(|case| case.ty.as_ref()).collect(),
        Type::Enum(names) => vec![None; names.len()],
        Type::Option(ty) => vec![None, Some(ty)],
        Type::Result(ty) => vec![ty.ok.as_ref(), ty.err.as_ref()],
        _ => return None,
    })
}

/// The members of what has members one behind the other.
pub(crate) fn members(ty: &Type) -> Option<Vec<&Type>> {
    Some(match ty {
        Type::Record(fields) => fields.iter().map(|field| &field.ty).collect(),
        Type::Tuple(types) => types.iter().collect(),
        Type::FixedLengthList(ty, count) => vec![&**ty; *count as usize],
        _ => return None,
    })
}

pub(crate) fn align_to(at: usize, align: usize) -> usize {
    at.next_multiple_of(align)
}

/// Bytes of a discriminant.
pub(crate) fn discriminant(cases: usize) -> usize {
    match cases {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

pub(crate) fn align(ty: &Type) -> usize {
    if let Some(cases) = cases(ty) {
        let payloads = cases.iter().flatten().map(|ty| align(ty)).max();
        return discriminant(cases.len()).max(payloads.unwrap_or(1));
    }
    if let Some(members) = members(ty) {
        return members.iter().map(|ty| align(ty)).max().unwrap_or(1);
    }
    match ty {
        Type::Bool | Type::S8 | Type::U8 => 1,
        Type::S16 | Type::U16 => 2,
        Type::S64 | Type::U64 | Type::F64 => 8,
        Type::Flags(names) => flags_size(names.len()),
        _ => 4,
    }
}

pub(crate) fn flags_size(count: usize) -> usize {
    match count {
        0..=8 => 1,
        9..=16 => 2,
        _ => 4,
    }
}

/// Where the payload begins in something with cases.
pub(crate) fn payload_at(cases: &[Option<&Type>]) -> usize {
    let payloads = cases.iter().flatten().map(|ty| align(ty)).max();
    align_to(discriminant(cases.len()), payloads.unwrap_or(1))
}

pub(crate) fn size(ty: &Type) -> usize {
    if let Some(cases) = cases(ty) {
        let payloads = cases.iter().flatten().map(|ty| size(ty)).max();
        return align_to(payload_at(&cases) + payloads.unwrap_or(0), align(ty));
    }
    if let Some(members) = members(ty) {
        let mut end = 0;
        for member in members {
            end = align_to(end, align(member)) + size(member);
        }
        return align_to(end, align(ty));
    }
    match ty {
        Type::String | Type::List(_) | Type::Map(_) => 8,
        _ => align(ty),
    }
}

/// The core values that a value becomes.
pub(crate) fn flat(ty: &Type) -> Vec<Core> {
    if let Some(cases) = cases(ty) {
        let mut all: Vec<Core> = Vec::new();
        for payload in cases.into_iter().flatten() {
            for (index, core) in flat(payload).into_iter().enumerate() {
                match all.get_mut(index) {
                    Some(joined) => *joined = joined.join(core),
                    None => all.push(core),
                }
            }
        }
        all.insert(0, Core::I32);
        return all;
    }
    if let Some(members) = members(ty) {
        return members.into_iter().flat_map(flat).collect();
    }
    match ty {
        Type::S64 | Type::U64 => vec![Core::I64],
        Type::F32 => vec![Core::F32],
        Type::F64 => vec![Core::F64],
        Type::String | Type::List(_) | Type::Map(_) => vec![Core::I32, Core::I32],
        _ => vec![Core::I32],
    }
}

/// A value as bytes, with all that it points to, for a place in memory.
pub(crate) struct Image {
    /// Where the first byte will lie.
    base: usize,
    encoding: Encoding,
    pub(crate) bytes: Vec<u8>,
}

impl Image {
    pub(crate) fn of(ty: &Type, value: &Val, base: usize, encoding: Encoding) -> Image {
        let mut image = Image {
            base,
            encoding,
            bytes: vec![0; size(ty)],
        };
        image.store(ty, value, 0);
        image
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Room behind all that is there.
    fn alloc(&mut self, size: usize, align: usize) -> usize {
        let at = align_to(self.bytes.len(), align);
        self.bytes.resize(at + size, 0);
        at
    }

    fn pair(&mut self, at: usize, target: usize, len: u32) {
        self.put(at, &((self.base + target) as u32).to_le_bytes());
        self.put(at + 4, &len.to_le_bytes());
    }

    fn string(&mut self, text: &str, at: usize) {
        let wide = || -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let (bytes, len, align) = match self.encoding {
            Encoding::Utf8 => (text.as_bytes().to_vec(), text.len(), 1),
            Encoding::Utf16 => (wide(), text.encode_utf16().count(), 2),
            Encoding::Latin1Utf16 if text.chars().all(|c| (c as u32) < 0x100) => {
                let narrow: Vec<u8> = text.chars().map(|c| c as u8).collect();
                let len = narrow.len();
                (narrow, len, 2)
            }
            Encoding::Latin1Utf16 => (wide(), text.encode_utf16().count() | 1 << 31, 2),
        };
        let target = self.alloc(bytes.len(), align);
        self.put(target, &bytes);
        self.pair(at, target, len as u32);
    }

    fn case(&mut self, ty: &Type, index: usize, payload: Option<&Val>, at: usize) {
        let cases = cases(ty).unwrap_or_default();
        let width = discriminant(cases.len());
        self.put(at, &(index as u32).to_le_bytes()[..width]);
        if let (Some(Some(ty)), Some(payload)) = (cases.get(index), payload) {
            self.store(ty, payload, at + payload_at(&cases));
        }
    }

    fn store(&mut self, ty: &Type, value: &Val, at: usize) {
        match (ty, value) {
            (_, Val::Bool(v)) => self.put(at, &[u8::from(*v)]),
            (_, Val::S8(v)) => self.put(at, &v.to_le_bytes()),
            (_, Val::U8(v)) => self.put(at, &v.to_le_bytes()),
            (_, Val::S16(v)) => self.put(at, &v.to_le_bytes()),
            (_, Val::U16(v)) => self.put(at, &v.to_le_bytes()),
            (_, Val::S32(v)) => self.put(at, &v.to_le_bytes()),
            (_, Val::U32(v)) => self.put(at, &v.to_le_bytes()),
            (_, Val::S64(v)) => self.put(at, &v.to_le_bytes()),
            (_, Val::U64(v)) => self.put(at, &v.to_le_bytes()),
            (_, Val::F32(v)) => self.put(at, &v.to_bits().to_le_bytes()),
            (_, Val::F64(v)) => self.put(at, &v.to_bits().to_le_bytes()),
            (_, Val::Char(v)) => self.put(at, &(*v as u32).to_le_bytes()),
            (_, Val::String(v)) => self.string(v, at),
            (Type::List(ty), Val::List(values)) => {
                let target = self.alloc(size(ty) * values.len(), align(ty));
                self.pair(at, target, values.len() as u32);
                for (index, value) in values.iter().enumerate() {
                    self.store(ty, value, target + index * size(ty));
                }
            }
            (Type::Map(map), Val::Map(entries)) => {
                let entry = Type::tuple([map.key.clone(), map.value.clone()]);
                let target = self.alloc(size(&entry) * entries.len(), align(&entry));
                self.pair(at, target, entries.len() as u32);
                let second = align_to(size(&map.key), align(&map.value));
                for (index, (key, value)) in entries.iter().enumerate() {
                    let at = target + index * size(&entry);
                    self.store(&map.key, key, at);
                    self.store(&map.value, value, at + second);
                }
            }
            (_, Val::Record(fields)) => {
                self.members(ty, fields.iter().map(|(_, value)| value), at);
            }
            (_, Val::Tuple(values) | Val::FixedLengthList(values)) => {
                self.members(ty, values.iter(), at);
            }
            (Type::Variant(cases), Val::Variant(name, payload)) => {
                let index = cases.iter().position(|case| *case.name == **name);
                self.case(ty, index.unwrap_or(0), payload.as_deref(), at);
            }
            (Type::Enum(names), Val::Enum(name)) => {
                let index = names.iter().position(|other| **other == **name);
                self.case(ty, index.unwrap_or(0), None, at);
            }
            (_, Val::Option(payload)) => {
                self.case(ty, usize::from(payload.is_some()), payload.as_deref(), at);
            }
            (_, Val::Result(Ok(payload))) => self.case(ty, 0, payload.as_deref(), at),
            (_, Val::Result(Err(payload))) => self.case(ty, 1, payload.as_deref(), at),
            (Type::Flags(names), Val::Flags(set)) => {
                let mut bits = 0_u32;
                for (index, name) in names.iter().enumerate() {
                    if set.iter().any(|flag| **flag == **name) {
                        bits |= 1 << index;
                    }
                }
                self.put(at, &bits.to_le_bytes()[..flags_size(names.len())]);
            }
            // Values are made for their types.
            _ => {}
        }
    }

    fn members<'a>(&mut self, ty: &Type, values: impl Iterator<Item = &'a Val>, at: usize) {
        let mut end = at;
        for (member, value) in members(ty).unwrap_or_default().into_iter().zip(values) {
            end = align_to(end, align(member));
            self.store(member, value, end);
            end += size(member);
        }
    }
}
