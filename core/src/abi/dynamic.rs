//! Values whose types are known at run time only, for the backends with linear
//! memories: [`Val`]s are lowered and lifted as typed values of the same type
//! are, to the byte, the trap and the charge.
//!
//! A function's [`FuncShape`] is made of its type once. It has at hand whatever
//! a call would have to work out: layouts, offsets, and names in order.

mod lift;
mod lower;
mod shape;

use std::sync::Arc;

use self::shape::{No, Shape};
use super::layout::{align_to, check_range, record_abi};
use super::{
    Abi, FlatReader, FlatWriter, LiftContext, LowerContext, MAX_FLAT_PARAMS, MAX_FLAT_RESULTS,
    param_slots,
};
use crate::error::{Error, ErrorKind, Result};
use crate::mutant;
use crate::types::{FuncType, Type};
use crate::val::Val;

/// A function's type, prepared for calls with [`Val`]s. Copies are cheap and
/// share what they consist of.
#[derive(Clone, Debug)]
pub struct FuncShape {
    /// The parameters.
    pub params: ParamShapes,
    /// The result, if there is one.
    pub result: ResultShape,
}

impl FuncShape {
    /// Prepares a function's type.
    pub fn new(ty: &FuncType) -> Self {
        FuncShape {
            params: ParamShapes::new(&ty.params),
            result: ResultShape::new(ty.result.as_ref()),
        }
    }
}

fn unsupported(what: &str) -> Error {
    Error::unsupported(format!("values of type `{what}` are not supported"))
}

/// A value that its check should not have let through.
#[cold]
fn misfit() -> Error {
    Error::new(
        ErrorKind::TypeMismatch,
        "a value is not of the function's type",
    )
}

/// What to tell about a value that was refused: the check only knows that
/// something is wrong, here is time to find out where.
#[cold]
fn refused(val: &Val, ty: &Type, no: No) -> Error {
    match (no, val.check(ty)) {
        (No::Values(what), _) => unsupported(what),
        (No::Fit, Err(error)) => error,
        (No::Fit, Ok(())) => Error::new(
            ErrorKind::TypeMismatch,
            "this resource belongs to another backend",
        ),
    }
}

/// A function's parameters.
#[derive(Clone, Debug)]
pub struct ParamShapes(Arc<Params>);

#[derive(Debug)]
struct Params {
    /// As the function's type has them, for what errors say.
    types: Box<[(String, Type)]>,
    parts: Box<[Part]>,
    abi: Abi,
}

/// A parameter, a field or a member, and its place among the others.
#[derive(Debug)]
struct Part {
    offset: usize,
    shape: Shape,
}

/// The places of parts that follow each other, and the layout of all of them.
fn parts(shapes: impl Iterator<Item = Shape>) -> (Box<[Part]>, Abi) {
    let mut end = 0;
    let place = |shape: Shape| {
        let offset = align_to(end, shape.abi.align);
        end = offset.saturating_add(shape.abi.size);
        Part { offset, shape }
    };
    let parts: Box<[Part]> = shapes.map(place).collect();
    let abis: Vec<Abi> = parts.iter().map(|part| part.shape.abi).collect();
    (parts, record_abi(&abis))
}

impl ParamShapes {
    /// Prepares parameters with their names.
    pub fn new(params: &[(String, Type)]) -> Self {
        let (parts, abi) = parts(params.iter().map(|(_, ty)| Shape::new(ty)));
        ParamShapes(Arc::new(Params {
            types: params.into(),
            parts,
            abi,
        }))
    }

    /// The layout of all of them, which is that of a tuple.
    pub fn abi(&self) -> Abi {
        self.0.abi
    }

    /// How many flat values the core function takes for them. If it also takes
    /// a pointer to where results go, that is the one after these.
    pub fn slots(&self) -> usize {
        param_slots(self.0.abi)
    }

    /// Checks arguments, before anything is lowered. Allocates nothing if they
    /// fit.
    ///
    /// # Errors
    ///
    /// `TypeMismatch` where something differs, and `Unsupported` for types that
    /// have no [`Val`]; both name the argument.
    pub fn check(&self, vals: &[Val]) -> Result<()> {
        let Params { types, parts, .. } = &*self.0;
        if vals.len() != parts.len() {
            return Err(Error::new(
                ErrorKind::TypeMismatch,
                format!(
                    "the function takes {} arguments, {} were given",
                    parts.len(),
                    vals.len()
                ),
            ));
        }
        for (at, (val, part)) in vals.iter().zip(parts).enumerate() {
            if let Err(no) = part.shape.fits(val) {
                let (name, ty) = &types[at];
                return Err(refused(val, ty, no).with_context("argument", name));
            }
        }
        Ok(())
    }

    /// Lowers arguments that [`ParamShapes::check`] has let through: flat where
    /// they fit, spilled to memory that the guest's `realloc` gives where they
    /// do not. Returns how many flat values were written.
    ///
    /// # Errors
    ///
    /// Whatever `realloc` and handles fail with, and a trap, `TooLong`, for a
    /// string or list that is longer than any may be.
    pub fn lower<C: LowerContext + ?Sized>(
        &self,
        vals: &[Val],
        cx: &mut C,
        dst: &mut [u64],
    ) -> Result<usize> {
        let Params { parts, abi, .. } = &*self.0;
        if vals.len() != parts.len() {
            return Err(misfit());
        }
        let vals = &*mutant::swapped(vals);
        let mut writer = FlatWriter::new(dst);
        if abi.flat <= MAX_FLAT_PARAMS {
            for (val, part) in vals.iter().zip(parts) {
                part.shape.lower_flat(val, cx, &mut writer)?;
            }
        } else {
            let base = cx.realloc(0, 0, abi.align, abi.size)?;
            for (val, part) in vals.iter().zip(parts) {
                part.shape.lower_memory(val, cx, base + part.offset)?;
            }
            writer.write(base as u64);
        }
        Ok(writer.written())
    }

    /// Lifts the arguments that a guest gave to a host function, and adds them
    /// to `vals`.
    ///
    /// # Errors
    ///
    /// As typed lifting; `Unsupported` for types that have no [`Val`].
    pub fn lift<C: LiftContext + ?Sized>(
        &self,
        cx: &mut C,
        src: &[u64],
        vals: &mut Vec<Val>,
    ) -> Result<()> {
        let Params { parts, abi, .. } = &*self.0;
        vals.reserve(parts.len());
        let mut reader = FlatReader::new(src);
        if abi.flat <= MAX_FLAT_PARAMS {
            for part in parts {
                vals.push(part.shape.lift_flat(cx, &mut reader)?);
            }
        } else {
            let base = reader.read_u32() as usize;
            check_range(cx.memory(), base, abi.size, abi.align)?;
            for part in parts {
                vals.push(part.shape.lift_memory(cx, base + part.offset)?);
            }
        }
        Ok(())
    }
}

/// A function's result, or that it has none.
#[derive(Clone, Debug)]
pub struct ResultShape(Option<Arc<Outcome>>);

#[derive(Debug)]
struct Outcome {
    /// As the function's type has it, for what errors say.
    ty: Type,
    shape: Shape,
    /// A type inside that has no values.
    without_values: Option<&'static str>,
}

impl ResultShape {
    /// Prepares a result.
    pub fn new(ty: Option<&Type>) -> Self {
        ResultShape(ty.map(|ty| {
            let shape = Shape::new(ty);
            let without_values = shape.without_values();
            Arc::new(Outcome {
                ty: ty.clone(),
                shape,
                without_values,
            })
        }))
    }

    /// The layout.
    pub fn abi(&self) -> Abi {
        match &self.0 {
            Some(result) => result.shape.abi,
            None => record_abi(&[]),
        }
    }

    /// Checks that there are values of the type, before the guest is entered.
    ///
    /// # Errors
    ///
    /// `Unsupported` if not.
    pub fn check_type(&self) -> Result<()> {
        match self.0.as_ref().and_then(|result| result.without_values) {
            None => Ok(()),
            Some(what) => Err(unsupported(what)),
        }
    }

    /// Checks what a host function returned, before anything is lowered.
    ///
    /// # Errors
    ///
    /// `Host`, saying what differs from the function's type.
    pub fn check(&self, vals: &[Val]) -> Result<()> {
        let error = match (vals, &self.0) {
            ([], None) => return Ok(()),
            ([val], Some(result)) => match result.shape.fits(val) {
                Ok(()) => return Ok(()),
                Err(_) => refused(val, &result.ty, No::Fit),
            },
            (_, result) => Error::new(
                ErrorKind::TypeMismatch,
                format!(
                    "{} results instead of {}",
                    vals.len(),
                    usize::from(result.is_some())
                ),
            ),
        };
        Err(Error::new(
            ErrorKind::Host,
            format!("a host function returned something else than its type says: {error}"),
        ))
    }

    /// Lowers what a host function returned, which [`ResultShape::check`] has
    /// let through: flat if it is one flat value at most, else to `pointer`,
    /// which the guest gave with the arguments, see [`ParamShapes::slots`].
    /// Returns how many flat values were written.
    ///
    /// # Errors
    ///
    /// A trap when the pointer is not aligned or out of bounds, else as
    /// [`ParamShapes::lower`].
    pub fn lower<C: LowerContext + ?Sized>(
        &self,
        vals: &[Val],
        cx: &mut C,
        pointer: u64,
        dst: &mut [u64],
    ) -> Result<usize> {
        let (val, shape) = match (vals, &self.0) {
            ([val], Some(result)) => (val, &result.shape),
            ([], None) => return Ok(0),
            _ => return Err(misfit()),
        };
        let mut writer = FlatWriter::new(dst);
        if shape.abi.flat <= MAX_FLAT_RESULTS {
            shape.lower_flat(val, cx, &mut writer)?;
        } else {
            let offset = pointer as u32 as usize;
            check_range(cx.memory(), offset, shape.abi.size, shape.abi.align)?;
            shape.lower_memory(val, cx, offset)?;
        }
        Ok(writer.written())
    }

    /// Lifts a call's result, if there is one, and adds it to `vals`: flat, or
    /// from where the pointer that the guest returned says.
    ///
    /// # Errors
    ///
    /// As typed lifting; `Unsupported` for types that have no [`Val`].
    pub fn lift<C: LiftContext + ?Sized>(
        &self,
        cx: &mut C,
        src: &[u64],
        vals: &mut Vec<Val>,
    ) -> Result<()> {
        let Some(result) = &self.0 else {
            return Ok(());
        };
        let shape = &result.shape;
        let mut reader = FlatReader::new(src);
        vals.push(if shape.abi.flat <= MAX_FLAT_RESULTS {
            shape.lift_flat(cx, &mut reader)?
        } else {
            let offset = reader.read_u32() as usize;
            check_range(cx.memory(), offset, shape.abi.size, shape.abi.align)?;
            shape.lift_memory(cx, offset)?
        });
        Ok(())
    }
}
