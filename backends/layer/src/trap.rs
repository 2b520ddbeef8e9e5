//! The traps that adapters ask for by number.

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{Error, TrapCode};
use wasmtime_environ::Trap;

/// The error of a trap that an adapter asks for.
#[cold]
pub(crate) fn error(code: u32) -> Error {
    let trap = u8::try_from(code).ok().and_then(Trap::from_u8);
    Error::trap(trap.map_or(TrapCode::CanonicalAbi, self::code))
}

fn code(trap: Trap) -> TrapCode {
    match trap {
        Trap::StackOverflow => TrapCode::StackOverflow,
        Trap::MemoryOutOfBounds => TrapCode::MemoryOutOfBounds,
        Trap::HeapMisaligned => TrapCode::UnalignedAtomic,
        Trap::TableOutOfBounds => TrapCode::TableOutOfBounds,
        Trap::IndirectCallToNull => TrapCode::IndirectCallToNull,
        Trap::BadSignature => TrapCode::BadSignature,
        Trap::IntegerOverflow => TrapCode::IntegerOverflow,
        Trap::IntegerDivisionByZero => TrapCode::IntegerDivisionByZero,
        Trap::BadConversionToInteger => TrapCode::BadConversionToInteger,
        Trap::UnreachableCodeReached => TrapCode::Unreachable,
        Trap::UncaughtException => TrapCode::UncaughtException,
        Trap::CannotEnterComponent => TrapCode::CannotEnterComponent,
        Trap::CannotLeaveComponent => TrapCode::CannotLeaveComponent,
        Trap::CannotBlockSyncTask => TrapCode::CannotBlockSyncTask,
        Trap::InvalidChar => TrapCode::InvalidChar,
        Trap::StringOutOfBounds => TrapCode::StringOutOfBounds,
        Trap::ListOutOfBounds => TrapCode::ListOutOfBounds,
        Trap::InvalidDiscriminant if mutant::active(Mutant::AdapterTrapSwapped) => {
            TrapCode::UnalignedPointer
        }
        Trap::InvalidDiscriminant => TrapCode::InvalidDiscriminant,
        Trap::UnalignedPointer => TrapCode::UnalignedPointer,
        Trap::AsyncDeadlock | Trap::NoAsyncResult => TrapCode::Deadlock,
        // The rest is of features that adapters do not use.
        _ => TrapCode::CanonicalAbi,
    }
}
