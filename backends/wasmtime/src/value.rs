//! Dynamic values: the core's and Wasmtime's.

use enginebay_core::{Error, ErrorKind, ResourceAny, Result, StoreNumber, Val};
use wasmtime::component as wt;
use wasmtime::component::types::ComponentFunc;

use crate::types;

pub(crate) fn placeholders(count: usize) -> Vec<wt::Val> {
    vec![wt::Val::Bool(false); count]
}

/// Checks arguments and says which does not fit, and where.
pub(crate) fn check_params(ty: &ComponentFunc, params: &[Val], store: StoreNumber) -> Result<()> {
    let types = ty.params();
    if types.len() != params.len() {
        return Err(Error::new(
            ErrorKind::TypeMismatch,
            format!(
                "the function takes {} arguments, {} were given",
                types.len(),
                params.len()
            ),
        ));
    }
    for ((name, ty), param) in types.zip(params) {
        // In this order: a value may be deeper than its type.
        param
            .check(&types::value(&ty))
            .and_then(|()| lower(param, &mut || store).map(drop))
            .map_err(|error| error.with_context("argument", name))?;
    }
    Ok(())
}

/// Gives a call's results to whoever asked for them.
pub(crate) fn lift_results(
    vals: Vec<wt::Val>,
    results: &mut Vec<Val>,
    store: StoreNumber,
) -> Result<()> {
    for val in vals {
        results.push(lift(val, &mut || store)?);
    }
    Ok(())
}

/// A host function's parameters. As everywhere here, `store` is asked when there
/// is a handle.
pub(crate) fn lift_params(
    params: &[wt::Val],
    store: &mut impl FnMut() -> StoreNumber,
) -> Result<Vec<Val>> {
    params.iter().map(|val| lift(val.clone(), store)).collect()
}

/// Checks a host function's results and makes them Wasmtime's.
pub(crate) fn lower_results(
    ty: &ComponentFunc,
    vals: Vec<Val>,
    results: &mut [wt::Val],
    store: &mut impl FnMut() -> StoreNumber,
) -> Result<()> {
    let mismatch = |error: Error| {
        Error::new(
            ErrorKind::Host,
            format!("a host function returned something else than its type says: {error}"),
        )
    };
    if vals.len() != results.len() {
        let text = format!("{} results instead of {}", vals.len(), results.len());
        return Err(mismatch(Error::new(ErrorKind::TypeMismatch, text)));
    }
    for ((val, ty), result) in vals.iter().zip(ty.results()).zip(results) {
        val.check(&types::value(&ty)).map_err(mismatch)?;
        *result = lower(val, store)?;
    }
    Ok(())
}

pub(crate) fn lower_all(
    vals: &[Val],
    store: &mut impl FnMut() -> StoreNumber,
) -> Result<Vec<wt::Val>> {
    vals.iter().map(|val| lower(val, store)).collect()
}

fn lower_box(
    val: &Option<Box<Val>>,
    store: &mut impl FnMut() -> StoreNumber,
) -> Result<Option<Box<wt::Val>>> {
    val.as_deref()
        .map(|val| lower(val, store).map(Box::new))
        .transpose()
}

fn lower(val: &Val, store: &mut impl FnMut() -> StoreNumber) -> Result<wt::Val> {
    Ok(match val {
        Val::Bool(v) => wt::Val::Bool(*v),
        Val::S8(v) => wt::Val::S8(*v),
        Val::U8(v) => wt::Val::U8(*v),
        Val::S16(v) => wt::Val::S16(*v),
        Val::U16(v) => wt::Val::U16(*v),
        Val::S32(v) => wt::Val::S32(*v),
        Val::U32(v) => wt::Val::U32(*v),
        Val::S64(v) => wt::Val::S64(*v),
        Val::U64(v) => wt::Val::U64(*v),
        Val::F32(v) => wt::Val::Float32(*v),
        Val::F64(v) => wt::Val::Float64(*v),
        Val::Char(v) => wt::Val::Char(*v),
        Val::String(v) => wt::Val::String(v.clone()),
        Val::List(v) => wt::Val::List(lower_all(v, store)?),
        Val::FixedLengthList(v) => wt::Val::FixedLengthList(lower_all(v, store)?),
        Val::Map(entries) => wt::Val::Map(
            entries
                .iter()
                .map(|(key, val)| Ok((lower(key, store)?, lower(val, store)?)))
                .collect::<Result<_>>()?,
        ),
        Val::Tuple(v) => wt::Val::Tuple(lower_all(v, store)?),
        Val::Record(fields) => wt::Val::Record(
            fields
                .iter()
                .map(|(name, val)| Ok((name.clone(), lower(val, store)?)))
                .collect::<Result<_>>()?,
        ),
        Val::Variant(name, val) => wt::Val::Variant(name.clone(), lower_box(val, store)?),
        Val::Enum(name) => wt::Val::Enum(name.clone()),
        Val::Option(val) => wt::Val::Option(lower_box(val, store)?),
        Val::Result(Ok(val)) => wt::Val::Result(Ok(lower_box(val, store)?)),
        Val::Result(Err(val)) => wt::Val::Result(Err(lower_box(val, store)?)),
        Val::Flags(names) => wt::Val::Flags(names.clone()),
        Val::Resource(any) => wt::Val::Resource(any.to_wasmtime(store())?),
    })
}

fn lift_all(vals: Vec<wt::Val>, store: &mut impl FnMut() -> StoreNumber) -> Result<Vec<Val>> {
    vals.into_iter().map(|val| lift(val, store)).collect()
}

fn lift_box(
    val: Option<Box<wt::Val>>,
    store: &mut impl FnMut() -> StoreNumber,
) -> Result<Option<Box<Val>>> {
    val.map(|val| lift(*val, store).map(Box::new)).transpose()
}

fn lift(val: wt::Val, store: &mut impl FnMut() -> StoreNumber) -> Result<Val> {
    let unsupported = |what: &str| {
        Err(Error::unsupported(format!(
            "values of type `{what}` are not supported"
        )))
    };
    Ok(match val {
        wt::Val::Bool(v) => Val::Bool(v),
        wt::Val::S8(v) => Val::S8(v),
        wt::Val::U8(v) => Val::U8(v),
        wt::Val::S16(v) => Val::S16(v),
        wt::Val::U16(v) => Val::U16(v),
        wt::Val::S32(v) => Val::S32(v),
        wt::Val::U32(v) => Val::U32(v),
        wt::Val::S64(v) => Val::S64(v),
        wt::Val::U64(v) => Val::U64(v),
        wt::Val::Float32(v) => Val::F32(v),
        wt::Val::Float64(v) => Val::F64(v),
        wt::Val::Char(v) => Val::Char(v),
        wt::Val::String(v) => Val::String(v),
        wt::Val::List(v) => Val::List(lift_all(v, store)?),
        wt::Val::FixedLengthList(v) => Val::FixedLengthList(lift_all(v, store)?),
        wt::Val::Map(entries) => Val::Map(
            entries
                .into_iter()
                .map(|(key, val)| Ok((lift(key, store)?, lift(val, store)?)))
                .collect::<Result<_>>()?,
        ),
        wt::Val::Tuple(v) => Val::Tuple(lift_all(v, store)?),
        wt::Val::Record(fields) => Val::Record(
            fields
                .into_iter()
                .map(|(name, val)| Ok((name, lift(val, store)?)))
                .collect::<Result<_>>()?,
        ),
        wt::Val::Variant(name, val) => Val::Variant(name, lift_box(val, store)?),
        wt::Val::Enum(name) => Val::Enum(name),
        wt::Val::Option(val) => Val::Option(lift_box(val, store)?),
        wt::Val::Result(Ok(val)) => Val::Result(Ok(lift_box(val, store)?)),
        wt::Val::Result(Err(val)) => Val::Result(Err(lift_box(val, store)?)),
        wt::Val::Flags(names) => Val::Flags(names),
        wt::Val::Resource(any) => Val::Resource(ResourceAny::from_wasmtime(any, store())),
        wt::Val::Future(_) => return unsupported("future"),
        wt::Val::Stream(_) => return unsupported("stream"),
        wt::Val::ErrorContext(_) => return unsupported("error-context"),
    })
}
