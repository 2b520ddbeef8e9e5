//! Types with what is worked out about them once, and whether a value fits one.

use std::sync::Arc;

use super::{Part, parts};
use crate::abi::layout::fixed_length_list_abi;
use crate::abi::{
    Abi, VariantAbi, enum_abi, flags_layout, record_abi, record_offsets, variant_abi,
};
use crate::types::Type;
use crate::val::Val;

/// A type and its layout.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) abi: Abi,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    List(Box<Shape>),
    FixedLengthList(Box<Shape>, u32),
    Map(Box<Entry>),
    /// The names of the parts and their places.
    Record(Box<[Arc<str>]>, Box<[Part]>),
    Tuple(Box<[Part]>),
    Variant(Box<(Names, Cases)>),
    Enum(Box<(Names, VariantAbi)>),
    /// `none` and `some`.
    Option(Box<Cases>),
    /// `ok` and `err`.
    Result(Box<Cases>),
    Flags(Box<Names>),
    /// `own` or `borrow`.
    Handle(Box<Type>),
    /// A type that has no values.
    Other(&'static str),
}

/// A map is stored as the list of its entries, which are tuples.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) abi: Abi,
    pub(super) key: Part,
    pub(super) value: Part,
}

impl Entry {
    fn new(key: &Type, value: &Type) -> Self {
        let (key, value) = (Shape::new(key), Shape::new(value));
        let abi = record_abi(&[key.abi, value.abi]);
        let [_, offset] = record_offsets([key.abi, value.abi]);
        Entry {
            abi,
            key: Part {
                offset: 0,
                shape: key,
            },
            value: Part {
                offset,
                shape: value,
            },
        }
    }
}

/// The cases of whatever has a discriminant.
#[derive(Debug)]
pub(super) struct Cases {
    pub(super) abi: VariantAbi,
    pub(super) payloads: Box<[Option<Shape>]>,
}

impl Cases {
    fn new<'a>(payloads: impl Iterator<Item = Option<&'a Type>>) -> Self {
        let payloads: Box<[_]> = payloads.map(|ty| ty.map(Shape::new)).collect();
        let layout = |payload: &Option<Shape>| match payload {
            Some(shape) => shape.abi,
            None => record_abi(&[]),
        };
        let abis: Vec<Abi> = payloads.iter().map(layout).collect();
        Cases {
            abi: variant_abi(&abis),
            payloads,
        }
    }
}

/// Names with their numbers.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) names: Box<[Arc<str>]>,
    /// The numbers in the order of the names; empty where few names are
    /// compared faster one by one.
    sorted: Box<[u32]>,
}

/// How many names are few.
const FEW: usize = 8;

impl Names {
    fn new<'a>(names: impl Iterator<Item = &'a Arc<str>>) -> Self {
        let names: Box<[Arc<str>]> = names.cloned().collect();
        let mut sorted = Vec::new();
        if names.len() > FEW {
            sorted.extend(0..names.len() as u32);
            sorted.sort_by_key(|at| &*names[*at as usize]);
        }
        Names {
            names,
            sorted: sorted.into(),
        }
    }

    /// The number of a name.
    #[inline]
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        if self.sorted.is_empty() {
            return self.names.iter().position(|other| **other == *name);
        }
        let found = self
            .sorted
            .binary_search_by_key(&name, |at| &self.names[*at as usize]);
        found.ok().map(|at| self.sorted[at] as usize)
    }
}

/// Why a value does not fit its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum No {
    Fit,
    /// There are no values of the type at all.
    Values(&'static str),
}

impl Shape {
    pub(super) fn new(ty: &Type) -> Self {
        let scalar = |size, kind| Shape {
            abi: Abi::scalar(size),
            kind,
        };
        match ty {
            Type::Bool => scalar(1, Kind::Bool),
            Type::S8 => scalar(1, Kind::S8),
            Type::U8 => scalar(1, Kind::U8),
            Type::S16 => scalar(2, Kind::S16),
            Type::U16 => scalar(2, Kind::U16),
            Type::S32 => scalar(4, Kind::S32),
            Type::U32 => scalar(4, Kind::U32),
            Type::S64 => scalar(8, Kind::S64),
            Type::U64 => scalar(8, Kind::U64),
            Type::F32 => scalar(4, Kind::F32),
            Type::F64 => scalar(8, Kind::F64),
            Type::Char => scalar(4, Kind::Char),
            Type::Own(_) | Type::Borrow(_) => scalar(4, Kind::Handle(ty.clone().into())),
            Type::Other(what) => scalar(4, Kind::Other(what)),
            Type::String => Shape {
                abi: Abi::POINTER_PAIR,
                kind: Kind::String,
            },
            Type::List(ty) => Shape {
                abi: Abi::POINTER_PAIR,
                kind: Kind::List(Shape::new(ty).into()),
            },
            Type::FixedLengthList(ty, len) => {
                let element = Shape::new(ty);
                Shape {
                    abi: fixed_length_list_abi(element.abi, *len),
                    kind: Kind::FixedLengthList(element.into(), *len),
                }
            }
            Type::Map(ty) => Shape {
                abi: Abi::POINTER_PAIR,
                kind: Kind::Map(Entry::new(&ty.key, &ty.value).into()),
            },
            Type::Record(fields) => {
                let (parts, abi) = parts(fields.iter().map(|field| Shape::new(&field.ty)));
                let names = fields.iter().map(|field| field.name.clone());
                Shape {
                    abi,
                    kind: Kind::Record(names.collect(), parts),
                }
            }
            Type::Tuple(types) => {
                let (parts, abi) = parts(types.iter().map(Shape::new));
                Shape {
                    abi,
                    kind: Kind::Tuple(parts),
                }
            }
            Type::Variant(cases) => {
                let names = Names::new(cases.iter().map(|case| &case.name));
                let cases = Cases::new(cases.iter().map(|case| case.ty.as_ref()));
                Shape {
                    abi: cases.abi.abi,
                    kind: Kind::Variant(Box::new((names, cases))),
                }
            }
            Type::Enum(names) => {
                let abi = enum_abi(names.len());
                Shape {
                    abi: abi.abi,
                    kind: Kind::Enum(Box::new((Names::new(names.iter()), abi))),
                }
            }
            Type::Option(ty) => {
                let cases = Cases::new([None, Some(&**ty)].into_iter());
                Shape {
                    abi: cases.abi.abi,
                    kind: Kind::Option(cases.into()),
                }
            }
            Type::Result(ty) => {
                let cases = Cases::new([ty.ok.as_ref(), ty.err.as_ref()].into_iter());
                Shape {
                    abi: cases.abi.abi,
                    kind: Kind::Result(cases.into()),
                }
            }
            Type::Flags(names) => Shape {
                abi: flags_layout(names.len()),
                kind: Kind::Flags(Names::new(names.iter()).into()),
            },
        }
    }

    /// A type inside that has no values.
    pub(super) fn without_values(&self) -> Option<&'static str> {
        let inner = |parts: &[Part]| parts.iter().find_map(|part| part.shape.without_values());
        let payload = |cases: &Cases| {
            let mut payloads = cases.payloads.iter().flatten();
            payloads.find_map(Shape::without_values)
        };
        match &self.kind {
            Kind::Other(what) => Some(what),
            Kind::List(element) | Kind::FixedLengthList(element, _) => element.without_values(),
            Kind::Map(entry) => {
                let value = || entry.value.shape.without_values();
                entry.key.shape.without_values().or_else(value)
            }
            Kind::Record(_, parts) | Kind::Tuple(parts) => inner(parts),
            Kind::Variant(variant) => payload(&variant.1),
            Kind::Option(cases) | Kind::Result(cases) => payload(cases),
            _ => None,
        }
    }

    /// Whether a value is of the type, as [`Val::check`] says, and its handles
    /// are of a backend with tables of its own.
    ///
    /// As deep as the type at most, which its component's validation limits.
    #[inline]
    pub(super) fn fits(&self, val: &Val) -> Result<(), No> {
        let fits = match (&self.kind, val) {
            (Kind::Bool, Val::Bool(_))
            | (Kind::S8, Val::S8(_))
            | (Kind::U8, Val::U8(_))
            | (Kind::S16, Val::S16(_))
            | (Kind::U16, Val::U16(_))
            | (Kind::S32, Val::S32(_))
            | (Kind::U32, Val::U32(_))
            | (Kind::S64, Val::S64(_))
            | (Kind::U64, Val::U64(_))
            | (Kind::F32, Val::F32(_))
            | (Kind::F64, Val::F64(_))
            | (Kind::Char, Val::Char(_))
            | (Kind::String, Val::String(_)) => true,
            _ => return self.parts_fit(val),
        };
        if fits { Ok(()) } else { Err(No::Fit) }
    }

    fn parts_fit(&self, val: &Val) -> Result<(), No> {
        let fits = match (&self.kind, val) {
            (Kind::List(element), Val::List(items)) => return element.all_fit(items),
            (Kind::FixedLengthList(element, len), Val::FixedLengthList(items)) => {
                if items.len() != *len as usize {
                    return Err(No::Fit);
                }
                return element.all_fit(items);
            }
            (Kind::Map(entry), Val::Map(entries)) => {
                return entries.iter().try_for_each(|(key, value)| {
                    entry.key.shape.fits(key)?;
                    entry.value.shape.fits(value)
                });
            }
            (Kind::Record(names, parts), Val::Record(fields)) => {
                if fields.len() != parts.len() {
                    return Err(No::Fit);
                }
                let same = |((name, _), other): (&(String, Val), &Arc<str>)| **name == **other;
                if !fields.iter().zip(names).all(same) {
                    return Err(No::Fit);
                }
                let mut fields = fields.iter().zip(parts);
                return fields.try_for_each(|((_, val), part)| part.shape.fits(val));
            }
            (Kind::Tuple(parts), Val::Tuple(items)) => {
                if items.len() != parts.len() {
                    return Err(No::Fit);
                }
                let mut items = items.iter().zip(parts);
                return items.try_for_each(|(val, part)| part.shape.fits(val));
            }
            (Kind::Variant(variant), Val::Variant(name, val)) => {
                let (names, cases) = &**variant;
                let at = names.position(name).ok_or(No::Fit)?;
                return payload_fits(&cases.payloads[at], val.as_deref());
            }
            (Kind::Enum(ty), Val::Enum(name)) => ty.0.position(name).is_some(),
            (Kind::Option(_), Val::Option(None)) => true,
            (Kind::Option(cases), Val::Option(val)) => {
                return payload_fits(&cases.payloads[1], val.as_deref());
            }
            (Kind::Result(cases), Val::Result(Ok(val))) => {
                return payload_fits(&cases.payloads[0], val.as_deref());
            }
            (Kind::Result(cases), Val::Result(Err(val))) => {
                return payload_fits(&cases.payloads[1], val.as_deref());
            }
            (Kind::Flags(names), Val::Flags(set)) => {
                set.iter().all(|name| names.position(name).is_some())
            }
            (Kind::Handle(ty), Val::Resource(any)) => {
                any.is_slot()
                    && match &**ty {
                        Type::Own(resource) => any.owned() && any.ty() == *resource,
                        Type::Borrow(resource) => any.ty() == *resource,
                        _ => false,
                    }
            }
            (Kind::Other(what), _) => return Err(No::Values(what)),
            _ => false,
        };
        if fits { Ok(()) } else { Err(No::Fit) }
    }

    /// Whether a list's elements are of the type.
    fn all_fit(&self, items: &[Val]) -> Result<(), No> {
        macro_rules! all {
            ($val:ident) => {
                items.iter().all(|item| matches!(item, Val::$val(_)))
            };
        }
        let fit = match self.kind {
            Kind::Bool => all!(Bool),
            Kind::S8 => all!(S8),
            Kind::U8 => all!(U8),
            Kind::S16 => all!(S16),
            Kind::U16 => all!(U16),
            Kind::S32 => all!(S32),
            Kind::U32 => all!(U32),
            Kind::S64 => all!(S64),
            Kind::U64 => all!(U64),
            Kind::F32 => all!(F32),
            Kind::F64 => all!(F64),
            Kind::Char => all!(Char),
            Kind::String => all!(String),
            _ => return items.iter().try_for_each(|item| self.parts_fit(item)),
        };
        if fit { Ok(()) } else { Err(No::Fit) }
    }
}

fn payload_fits(shape: &Option<Shape>, val: Option<&Val>) -> Result<(), No> {
    match (shape, val) {
        (Some(shape), Some(val)) => shape.fits(val),
        (None, None) => Ok(()),
        _ => Err(No::Fit),
    }
}
