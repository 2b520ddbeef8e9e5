//! Wasmer's failures as the core's errors.

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{Error, ErrorKind, Frame, TrapCode};
use wasmer::sys::vm::{self, Trap};
use wasmer::{FrameInfo, InstantiationError, LinkError, RuntimeError};

/// What Wasmer calls a module without a name.
const UNNAMED: &str = "<module>";

fn code(code: vm::TrapCode) -> Option<TrapCode> {
    Some(match code {
        vm::TrapCode::StackOverflow => TrapCode::StackOverflow,
        vm::TrapCode::HeapAccessOutOfBounds => TrapCode::MemoryOutOfBounds,
        vm::TrapCode::HeapMisaligned | vm::TrapCode::UnalignedAtomic => TrapCode::UnalignedAtomic,
        vm::TrapCode::TableAccessOutOfBounds => TrapCode::TableOutOfBounds,
        vm::TrapCode::IndirectCallToNull => TrapCode::IndirectCallToNull,
        vm::TrapCode::BadSignature => TrapCode::BadSignature,
        vm::TrapCode::IntegerOverflow => TrapCode::IntegerOverflow,
        vm::TrapCode::IntegerDivisionByZero if mutant::active(Mutant::TrapCodeSwapped) => {
            TrapCode::IntegerOverflow
        }
        vm::TrapCode::IntegerDivisionByZero => TrapCode::IntegerDivisionByZero,
        vm::TrapCode::BadConversionToInteger => TrapCode::BadConversionToInteger,
        vm::TrapCode::UnreachableCodeReached => TrapCode::Unreachable,
        vm::TrapCode::UncaughtException => TrapCode::UncaughtException,
        vm::TrapCode::UninitializedExnRef => TrapCode::NullReference,
        // What we do not switch on, and what validation rules out.
        vm::TrapCode::YieldOutsideAsyncContext
        | vm::TrapCode::HostInterrupt
        | vm::TrapCode::ReadonlyTableModified => return None,
    })
}

/// The error of a call.
#[cold]
pub(crate) fn error(trap: Trap) -> Error {
    match trap.downcast::<Error>() {
        // The call has begun: whatever this is, the store is not as it was.
        Ok(ours) => ours.through_guest(),
        Err(trap) => runtime_error(RuntimeError::from(trap)),
    }
}

fn runtime_error(error: RuntimeError) -> Error {
    let frames = frames(error.trace());
    let mapped = match error.clone().to_trap().and_then(code) {
        Some(code) => Error::trap(code),
        None => Error::new(
            ErrorKind::Engine,
            format!("Wasmer failed: {}", error.message()),
        ),
    };
    mapped.with_source(error).with_frames(frames)
}

/// The error of an instantiation that no limit refused.
#[cold]
pub(crate) fn instantiation(error: InstantiationError) -> Error {
    match error {
        InstantiationError::Start(error) | InstantiationError::Link(LinkError::Trap(error)) => {
            // The error of a host function has one holder here.
            match error.downcast::<Error>() {
                Ok(ours) => ours.through_guest(),
                Err(error) => runtime_error(error),
            }
        }
        InstantiationError::Link(error @ LinkError::Import(..)) => {
            Error::new(ErrorKind::Link, error.to_string()).with_source(error)
        }
        InstantiationError::Link(_)
        | InstantiationError::CpuFeature(_)
        | InstantiationError::DifferentStores
        | InstantiationError::DifferentArchOS => Error::new(
            ErrorKind::Engine,
            format!("Wasmer failed to instantiate: {error}"),
        )
        .with_source(error),
    }
}

fn frames(trace: &[FrameInfo]) -> Vec<Frame> {
    let frame = |info: &FrameInfo| {
        let mut frame = Frame::new(info.func_index());
        frame.module = Some(info.module_name())
            .filter(|name| *name != UNNAMED)
            .map(str::to_owned);
        frame.function = info.function_name().map(str::to_owned);
        frame.offset = Some(info.module_offset() as u64);
        frame
    };
    trace.iter().map(frame).collect()
}
