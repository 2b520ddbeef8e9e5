//! Whether arguments fit a function's type, before anything is entered: an
//! error later on, while Wasmtime lowers them, would leave its record of calls
//! as if the call still ran.
//!
//! Wasmtime shows its tables of types to [`ComponentType::typecheck`] only,
//! which is told of no value: the arguments wait in a thread-local meanwhile.
//!
//! [`ComponentType::typecheck`]: wasmtime::component::ComponentType::typecheck

use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;

use enginebay_core::{ErrorKind, ResourceAny, StoreNumber, Val};
use wasmtime::component::__internal::{ComponentTypes, InstanceType, InterfaceType};
use wasmtime_environ::component::{
    TypeEnum, TypeFlags, TypeRecord, TypeResourceTableIndex, TypeVariant,
};

use super::EngineResult;

/// Why a call is refused.
#[derive(Clone, Copy, Debug)]
pub(super) enum Misfit {
    /// A value is not of the type, or there are too few or too many.
    Value,
    /// The argument with this number has a resource of another store.
    Store(usize),
    /// The argument with this number is of a type that has no values here.
    Param(usize, &'static str),
    /// There is a type in the result that has no values here.
    Result(&'static str),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Value => f.write_str("a value is not of the function's type"),
            Misfit::Store(_) => f.write_str("a resource belongs to another store"),
            Misfit::Param(_, what) | Misfit::Result(what) => {
                write!(f, "values of type `{what}` are not supported")
            }
        }
    }
}

impl std::error::Error for Misfit {}

thread_local! {
    /// The arguments to check, and the store that they have to be of; there are
    /// some while [`with`] runs.
    static PARAMS: Cell<Option<(NonNull<[Val]>, StoreNumber)>> = const { Cell::new(None) };
}

/// Runs what makes Wasmtime call [`params`] for these arguments.
#[inline]
pub(super) fn with<R>(params: &[Val], store: StoreNumber, typecheck: impl FnOnce() -> R) -> R {
    struct Clear;

    impl Drop for Clear {
        fn drop(&mut self) {
            PARAMS.set(None);
        }
    }

    PARAMS.set(Some((NonNull::from(params), store)));
    let _clear = Clear;
    typecheck()
}

/// Checks the arguments that are waiting.
#[inline]
pub(super) fn params(ty: InterfaceType, types: &InstanceType<'_>) -> EngineResult<()> {
    let (vals, store) = PARAMS.get().ok_or(Misfit::Value)?;
    // SAFETY: `with` made the pointer of a reference, on this thread, and takes
    // it away before it returns: the arguments are borrowed until then.
    let vals = unsafe { vals.as_ref() };
    let tables: &ComponentTypes = types.types;
    let InterfaceType::Tuple(i) = ty else {
        return Err(Misfit::Value.into());
    };
    let params = &tables[i].types;
    if params.len() != vals.len() {
        return Err(Misfit::Value.into());
    }
    let check = Check {
        types,
        tables,
        store,
    };
    for (at, (val, ty)) in vals.iter().zip(params).enumerate() {
        match check.fits(val, *ty) {
            Ok(()) => {}
            Err(No::Fit) => return Err(Misfit::Value.into()),
            Err(No::Store) => return Err(Misfit::Store(at).into()),
            Err(No::Values(what)) => return Err(Misfit::Param(at, what).into()),
        }
    }
    Ok(())
}

/// How many types [`results`] looks at. A type may contain others so often that
/// to look at all would take long; what it does not see, lifting refuses.
const RESULT_TYPES: u32 = 64;

/// Checks that there are values of the results' types.
#[inline]
pub(super) fn results(ty: InterfaceType, types: &InstanceType<'_>) -> EngineResult<()> {
    let tables: &ComponentTypes = types.types;
    let InterfaceType::Tuple(i) = ty else {
        return Err(Misfit::Value.into());
    };
    let mut left = RESULT_TYPES;
    for ty in &tables[i].types {
        if let Some(what) = without_values(*ty, tables, &mut left) {
            return Err(Misfit::Result(what).into());
        }
    }
    Ok(())
}

/// The name of a type that has no values, in our [`Val`].
pub(super) fn unsupported(ty: InterfaceType) -> Option<&'static str> {
    match ty {
        InterfaceType::Future(_) => Some("future"),
        InterfaceType::Stream(_) => Some("stream"),
        InterfaceType::ErrorContext(_) => Some("error-context"),
        _ => None,
    }
}

#[inline]
fn without_values(
    ty: InterfaceType,
    tables: &ComponentTypes,
    left: &mut u32,
) -> Option<&'static str> {
    match ty {
        InterfaceType::List(_)
        | InterfaceType::FixedLengthList(_)
        | InterfaceType::Map(_)
        | InterfaceType::Option(_)
        | InterfaceType::Result(_)
        | InterfaceType::Tuple(_)
        | InterfaceType::Record(_)
        | InterfaceType::Variant(_) => inner_without_values(ty, tables, left),
        other => unsupported(other),
    }
}

fn inner_without_values(
    ty: InterfaceType,
    tables: &ComponentTypes,
    left: &mut u32,
) -> Option<&'static str> {
    *left = left.checked_sub(1)?;
    let mut inner = |ty: InterfaceType| without_values(ty, tables, left);
    match ty {
        InterfaceType::List(i) => inner(tables[i].element),
        InterfaceType::FixedLengthList(i) => inner(tables[i].element),
        InterfaceType::Map(i) => {
            let ty = &tables[i];
            inner(ty.key).or_else(|| inner(ty.value))
        }
        InterfaceType::Option(i) => inner(tables[i].ty),
        InterfaceType::Result(i) => {
            let ty = &tables[i];
            ty.ok
                .and_then(&mut inner)
                .or_else(|| ty.err.and_then(inner))
        }
        InterfaceType::Tuple(i) => tables[i].types.iter().copied().find_map(inner),
        InterfaceType::Record(i) => tables[i].fields.iter().find_map(|field| inner(field.ty)),
        InterfaceType::Variant(i) => tables[i].cases.values().copied().flatten().find_map(inner),
        _ => None,
    }
}

/// Few names are compared faster than hashed.
const FEW: usize = 8;

/// A case of a variant: its number and its payload.
#[inline]
pub(super) fn case(ty: &TypeVariant, name: &str) -> Option<(usize, Option<InterfaceType>)> {
    if ty.cases.len() > FEW {
        let (at, _, payload) = ty.cases.get_full(name)?;
        return Some((at, *payload));
    }
    let mut cases = ty.cases.iter().enumerate();
    let (at, (_, payload)) = cases.find(|(_, (case, _))| **case == *name)?;
    Some((at, *payload))
}

/// The number of an enum's case.
#[inline]
pub(super) fn name(ty: &TypeEnum, name: &str) -> Option<usize> {
    if ty.names.len() > FEW {
        ty.names.get_index_of(name)
    } else {
        ty.names.iter().position(|other| *other == *name)
    }
}

/// The number of a flag.
#[inline]
pub(super) fn flag(ty: &TypeFlags, name: &str) -> Option<usize> {
    if ty.names.len() > FEW {
        ty.names.get_index_of(name)
    } else {
        ty.names.iter().position(|other| *other == *name)
    }
}

/// Why a value does not fit its type.
enum No {
    Fit,
    Store,
    /// There are no values of the type at all.
    Values(&'static str),
}

struct Check<'a> {
    types: &'a InstanceType<'a>,
    tables: &'a ComponentTypes,
    store: StoreNumber,
}

impl Check<'_> {
    /// As deep as the type at most, which its component's validation limits.
    fn fits(&self, val: &Val, ty: InterfaceType) -> Result<(), No> {
        let fits = match (ty, val) {
            (InterfaceType::Bool, Val::Bool(_))
            | (InterfaceType::S8, Val::S8(_))
            | (InterfaceType::U8, Val::U8(_))
            | (InterfaceType::S16, Val::S16(_))
            | (InterfaceType::U16, Val::U16(_))
            | (InterfaceType::S32, Val::S32(_))
            | (InterfaceType::U32, Val::U32(_))
            | (InterfaceType::S64, Val::S64(_))
            | (InterfaceType::U64, Val::U64(_))
            | (InterfaceType::Float32, Val::F32(_))
            | (InterfaceType::Float64, Val::F64(_))
            | (InterfaceType::Char, Val::Char(_))
            | (InterfaceType::String, Val::String(_)) => true,
            (InterfaceType::List(i), Val::List(items)) => {
                let element = self.tables[i].element;
                return items.iter().try_for_each(|item| self.fits(item, element));
            }
            (InterfaceType::FixedLengthList(i), Val::FixedLengthList(items)) => {
                let ty = &self.tables[i];
                if u32::try_from(items.len()) != Ok(ty.size) {
                    return Err(No::Fit);
                }
                return items
                    .iter()
                    .try_for_each(|item| self.fits(item, ty.element));
            }
            (InterfaceType::Map(i), Val::Map(entries)) => {
                let ty = &self.tables[i];
                return entries.iter().try_for_each(|(key, value)| {
                    self.fits(key, ty.key)?;
                    self.fits(value, ty.value)
                });
            }
            (InterfaceType::Record(i), Val::Record(fields)) => {
                return self.record(fields, &self.tables[i]);
            }
            (InterfaceType::Tuple(i), Val::Tuple(items)) => {
                let types = &self.tables[i].types;
                if items.len() != types.len() {
                    return Err(No::Fit);
                }
                let mut items = items.iter().zip(types);
                return items.try_for_each(|(item, ty)| self.fits(item, *ty));
            }
            (InterfaceType::Variant(i), Val::Variant(name, val)) => {
                let (_, ty) = case(&self.tables[i], name).ok_or(No::Fit)?;
                return self.payload(val.as_deref(), ty);
            }
            (InterfaceType::Enum(i), Val::Enum(val)) => name(&self.tables[i], val).is_some(),
            (InterfaceType::Option(_), Val::Option(None)) => true,
            (InterfaceType::Option(i), Val::Option(Some(val))) => {
                return self.fits(val, self.tables[i].ty);
            }
            (InterfaceType::Result(i), Val::Result(Ok(val))) => {
                return self.payload(val.as_deref(), self.tables[i].ok);
            }
            (InterfaceType::Result(i), Val::Result(Err(val))) => {
                return self.payload(val.as_deref(), self.tables[i].err);
            }
            (InterfaceType::Flags(i), Val::Flags(set)) => {
                let ty = &self.tables[i];
                set.iter().all(|name| flag(ty, name).is_some())
            }
            (InterfaceType::Own(i), Val::Resource(any)) if any.owned() => {
                return self.resource(any, i);
            }
            (InterfaceType::Borrow(i), Val::Resource(any)) => return self.resource(any, i),
            _ => match unsupported(ty) {
                Some(what) => return Err(No::Values(what)),
                None => false,
            },
        };
        if fits { Ok(()) } else { Err(No::Fit) }
    }

    fn record(&self, vals: &[(String, Val)], ty: &TypeRecord) -> Result<(), No> {
        if vals.len() != ty.fields.len() {
            return Err(No::Fit);
        }
        for ((name, val), field) in vals.iter().zip(&ty.fields) {
            if *name != field.name {
                return Err(No::Fit);
            }
            self.fits(val, field.ty)?;
        }
        Ok(())
    }

    fn payload(&self, val: Option<&Val>, ty: Option<InterfaceType>) -> Result<(), No> {
        match (val, ty) {
            (Some(val), Some(ty)) => self.fits(val, ty),
            (None, None) => Ok(()),
            _ => Err(No::Fit),
        }
    }

    fn resource(&self, any: &ResourceAny, ty: TypeResourceTableIndex) -> Result<(), No> {
        match any.to_wasmtime(self.store) {
            Ok(any) if any.ty() == self.types.resource_type(ty) => Ok(()),
            Err(error) if *error.kind() == ErrorKind::WrongStore => Err(No::Store),
            _ => Err(No::Fit),
        }
    }
}
