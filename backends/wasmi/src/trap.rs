//! wasmi's failures as the core's errors, by its own enums. It has no
//! backtraces.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{CountedResource, Error, ErrorKind, StoreData, TrapCode};
use wasmi::errors::{
    ErrorKind as Kind, HostError, InstantiationError as Instantiation, MemoryError, TableError,
};

/// A host function's error on its way through the guest. It can be taken out of a
/// reference: wasmi's typed calls that can be resumed do not give theirs away.
#[derive(Debug)]
pub(crate) struct HostFailure(Mutex<Option<Error>>);

impl HostFailure {
    /// As wasmi's error.
    #[cold]
    pub(crate) fn wrap(error: Error) -> wasmi::Error {
        wasmi::Error::host(HostFailure(Mutex::new(Some(error))))
    }

    fn take(&self) -> Option<Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Display for HostFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a host function failed")
    }
}

impl HostError for HostFailure {}

/// The error of a host function that wasmi keeps.
#[cold]
pub(crate) fn taken(error: &wasmi::Error) -> wasmi::Error {
    match error.downcast_ref().and_then(HostFailure::take) {
        Some(ours) => HostFailure::wrap(ours),
        None => wasmi::Error::new(error.to_string()),
    }
}

fn code(trap: wasmi::TrapCode) -> Option<TrapCode> {
    Some(match trap {
        wasmi::TrapCode::UnreachableCodeReached => TrapCode::Unreachable,
        wasmi::TrapCode::MemoryOutOfBounds => TrapCode::MemoryOutOfBounds,
        wasmi::TrapCode::TableOutOfBounds => TrapCode::TableOutOfBounds,
        wasmi::TrapCode::IndirectCallToNull => TrapCode::IndirectCallToNull,
        wasmi::TrapCode::IntegerDivisionByZero if mutant::active(Mutant::TrapCodeSwapped) => {
            TrapCode::IntegerOverflow
        }
        wasmi::TrapCode::IntegerDivisionByZero => TrapCode::IntegerDivisionByZero,
        wasmi::TrapCode::IntegerOverflow => TrapCode::IntegerOverflow,
        wasmi::TrapCode::BadConversionToInteger => TrapCode::BadConversionToInteger,
        wasmi::TrapCode::StackOverflow => TrapCode::StackOverflow,
        wasmi::TrapCode::BadSignature => TrapCode::BadSignature,
        // A guest that runs out of wasmi's fuel goes on, our limiter never fails, and a machine
        // that is out of memory is not the guest's fault.
        wasmi::TrapCode::OutOfFuel
        | wasmi::TrapCode::GrowthOperationLimited
        | wasmi::TrapCode::OutOfSystemMemory => return None,
    })
}

/// An error of a call or an instantiation.
#[cold]
pub(crate) fn error(data: &StoreData, error: wasmi::Error) -> Error {
    if let Some(failure) = error.downcast_ref::<HostFailure>() {
        return match failure.take() {
            // The call has begun: whatever this is, the store is not as it was.
            Some(ours) => ours.through_guest(),
            None => Error::new(ErrorKind::Engine, "wasmi lost a host function's error"),
        };
    }
    let kind = match error.kind() {
        Kind::Instantiation(Instantiation::FailedToInstantiateMemory(
            MemoryError::ResourceLimiterDeniedAllocation,
        )) => return data.memory_refused().with_source(error),
        Kind::Instantiation(Instantiation::FailedToInstantiateTable(
            TableError::ResourceLimiterDeniedAllocation,
        )) => {
            return data
                .resource_refused(CountedResource::TableElements)
                .with_source(error);
        }
        Kind::Instantiation(Instantiation::ElementSegmentDoesNotFit { .. }) => {
            ErrorKind::Trap(TrapCode::TableOutOfBounds)
        }
        // A function was translated when it was first called.
        Kind::Translation(_) => ErrorKind::Unsupported,
        kind => match kind.as_trap_code().and_then(code) {
            Some(code) => ErrorKind::Trap(code),
            None => ErrorKind::Engine,
        },
    };
    match kind {
        ErrorKind::Trap(code) => Error::trap(code).with_source(error),
        kind => Error::new(kind, format!("wasmi: {error}")).with_source(error),
    }
}
