//! Wasmtime's failures as the core's errors: its trap codes one by one, and
//! its messages where it has nothing else.

#[cfg(feature = "layered")]
use enginebay_core::StoreData;
use enginebay_core::abi;
use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{
    ComponentNamedList, CountedResource, Error, ErrorKind, Frame, FuncType, Result, TrapCode,
};
use wasmtime::{Trap, WasmBacktrace};

use crate::component::Changed;
use crate::limits::State;
use crate::wasmtime::StoreContextMut;

/// What a failure without a trap code of its own means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// A trap, by whichever side of the boundary it was found.
    Trap(TrapCode),
    /// A limit that is counted.
    Limit(CountedResource),
    Memory,
    HostBytes,
}

/// Messages of Wasmtime 48 for what it gives no code: the beginning of each,
/// and what it means. The tests of traps, limits and handles provoke
/// most of them; some would take gigabytes or billions of handles.
const MESSAGES: &[(&str, Meaning)] = &[
    (
        "invalid utf8 encoding",
        Meaning::Trap(TrapCode::InvalidString),
    ),
    (
        "invalid utf16 encoding",
        Meaning::Trap(TrapCode::InvalidString),
    ),
    (
        "invalid utf-8 sequence",
        Meaning::Trap(TrapCode::InvalidString),
    ),
    (
        "incomplete utf-8 byte sequence",
        Meaning::Trap(TrapCode::InvalidString),
    ),
    (
        "unpaired surrogate found",
        Meaning::Trap(TrapCode::InvalidString),
    ),
    (
        "converted integer out of range for `char`",
        Meaning::Trap(TrapCode::InvalidChar),
    ),
    (
        "string pointer/length out of bounds",
        Meaning::Trap(TrapCode::StringOutOfBounds),
    ),
    (
        "string pointer not aligned",
        Meaning::Trap(TrapCode::UnalignedPointer),
    ),
    (
        "list pointer/length out of bounds",
        Meaning::Trap(TrapCode::ListOutOfBounds),
    ),
    (
        "list pointer is not aligned",
        Meaning::Trap(TrapCode::UnalignedPointer),
    ),
    (
        "map pointer/length out of bounds",
        Meaning::Trap(TrapCode::ListOutOfBounds),
    ),
    (
        "map pointer is not aligned",
        Meaning::Trap(TrapCode::UnalignedPointer),
    ),
    (
        "return pointer not aligned",
        Meaning::Trap(TrapCode::UnalignedPointer),
    ),
    (
        "pointer not aligned",
        Meaning::Trap(TrapCode::UnalignedPointer),
    ),
    (
        "realloc return: result not aligned",
        Meaning::Trap(TrapCode::UnalignedPointer),
    ),
    (
        "realloc return: beyond end of memory",
        Meaning::Trap(TrapCode::PointerOutOfBounds),
    ),
    (
        "pointer out of bounds",
        Meaning::Trap(TrapCode::PointerOutOfBounds),
    ),
    (
        "invalid option discriminant",
        Meaning::Trap(TrapCode::InvalidDiscriminant),
    ),
    (
        "invalid expected discriminant",
        Meaning::Trap(TrapCode::InvalidDiscriminant),
    ),
    (
        "unexpected discriminant",
        Meaning::Trap(TrapCode::InvalidDiscriminant),
    ),
    (
        "discriminant ",
        Meaning::Trap(TrapCode::InvalidDiscriminant),
    ),
    (
        "unknown handle index",
        Meaning::Trap(TrapCode::UnknownHandle),
    ),
    ("handle index", Meaning::Trap(TrapCode::HandleTypeMismatch)),
    (
        "index is not a resource",
        Meaning::Trap(TrapCode::UnknownHandle),
    ),
    ("index ", Meaning::Trap(TrapCode::HandleTypeMismatch)),
    (
        "cannot lift own resource from a borrow",
        Meaning::Trap(TrapCode::HandleTypeMismatch),
    ),
    (
        "cannot remove owned resource while borrowed",
        Meaning::Trap(TrapCode::HandleLent),
    ),
    (
        "borrow handles still remain",
        Meaning::Trap(TrapCode::BorrowStillHeld),
    ),
    (
        "cannot lend resource: too many active lends",
        Meaning::Trap(TrapCode::HandleTableFull),
    ),
    (
        "cannot allocate another handle: index overflow",
        Meaning::Trap(TrapCode::HandleTableFull),
    ),
    (
        "cannot allocate another handle: store",
        Meaning::Limit(CountedResource::Handles),
    ),
    (
        "cannot lend resource: store handle",
        Meaning::Limit(CountedResource::Handles),
    ),
    (
        "resource limit exceeded: instance",
        Meaning::Limit(CountedResource::Instances),
    ),
    (
        "resource limit exceeded: memory",
        Meaning::Limit(CountedResource::Memories),
    ),
    (
        "resource limit exceeded: table",
        Meaning::Limit(CountedResource::Tables),
    ),
    ("memory minimum size of", Meaning::Memory),
    (
        "table minimum size of",
        Meaning::Limit(CountedResource::TableElements),
    ),
    ("too much data is being copied", Meaning::HostBytes),
    (
        "host resource already consumed",
        Meaning::Trap(TrapCode::UnknownHandle),
    ),
    (
        "host-owned resource was already de-allocated",
        Meaning::Trap(TrapCode::UnknownHandle),
    ),
    (
        "mismatched resource types",
        Meaning::Trap(TrapCode::HandleTypeMismatch),
    ),
    (
        "resource type mismatch",
        Meaning::Trap(TrapCode::HandleTypeMismatch),
    ),
    (
        "cannot lower a `borrow` resource into an `own`",
        Meaning::Trap(TrapCode::HandleTypeMismatch),
    ),
    ("string length of", Meaning::Trap(TrapCode::TooLong)),
    ("size overflow copying", Meaning::Trap(TrapCode::TooLong)),
    ("byte length", Meaning::Trap(TrapCode::TooLong)),
];

fn code(trap: Trap) -> TrapCode {
    match trap {
        Trap::StackOverflow => TrapCode::StackOverflow,
        Trap::MemoryOutOfBounds => TrapCode::MemoryOutOfBounds,
        Trap::HeapMisaligned => TrapCode::UnalignedAtomic,
        Trap::TableOutOfBounds => TrapCode::TableOutOfBounds,
        Trap::IndirectCallToNull => TrapCode::IndirectCallToNull,
        Trap::BadSignature => TrapCode::BadSignature,
        Trap::IntegerOverflow => TrapCode::IntegerOverflow,
        Trap::IntegerDivisionByZero if mutant::active(Mutant::TrapCodeSwapped) => {
            TrapCode::IntegerOverflow
        }
        Trap::IntegerDivisionByZero => TrapCode::IntegerDivisionByZero,
        Trap::BadConversionToInteger => TrapCode::BadConversionToInteger,
        Trap::UnreachableCodeReached => TrapCode::Unreachable,
        Trap::AtomicWaitNonSharedMemory => TrapCode::AtomicWaitOnUnsharedMemory,
        Trap::NullReference => TrapCode::NullReference,
        Trap::ArrayOutOfBounds => TrapCode::ArrayOutOfBounds,
        Trap::AllocationTooLarge => TrapCode::AllocationTooLarge,
        Trap::CastFailure => TrapCode::CastFailure,
        Trap::UncaughtException => TrapCode::UncaughtException,
        Trap::CannotEnterComponent => TrapCode::CannotEnterComponent,
        Trap::CannotLeaveComponent => TrapCode::CannotLeaveComponent,
        Trap::CannotBlockSyncTask => TrapCode::CannotBlockSyncTask,
        Trap::InvalidChar => TrapCode::InvalidChar,
        Trap::StringOutOfBounds => TrapCode::StringOutOfBounds,
        Trap::ListOutOfBounds => TrapCode::ListOutOfBounds,
        Trap::InvalidDiscriminant => TrapCode::InvalidDiscriminant,
        Trap::UnalignedPointer => TrapCode::UnalignedPointer,
        Trap::AsyncDeadlock | Trap::NoAsyncResult => TrapCode::Deadlock,
        Trap::TaskCancelNotCancelled
        | Trap::TaskCancelOrReturnTwice
        | Trap::SubtaskCancelAfterTerminal
        | Trap::TaskReturnInvalid
        | Trap::WaitableSetDropHasWaiters
        | Trap::SubtaskDropNotResolved
        | Trap::ThreadNewIndirectInvalidType
        | Trap::ThreadNewIndirectUninitialized
        | Trap::BackpressureOverflow
        | Trap::UnsupportedCallbackCode
        | Trap::CannotResumeThread
        | Trap::ConcurrentFutureStreamOp
        | Trap::ReferenceCountOverflow
        | Trap::StreamOpTooBig
        | Trap::WaitableSyncAndAsync => TrapCode::AsyncViolation,
        _ => TrapCode::CanonicalAbi,
    }
}

/// An error of a call or an instantiation.
#[cold]
pub(crate) fn error(state: &State, error: wasmtime::Error) -> Error {
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    let frames = backtrace.map(|backtrace| frames(backtrace, &state.changed));
    let mapped = match error.downcast::<Error>() {
        // The call has begun: whatever this is, the store is not as it was.
        Ok(ours) => ours.through_guest(),
        Err(error) => match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Error::of(ErrorKind::OutOfFuel { consumed: 0 }),
            Some(trap) => Error::trap(code(*trap)).with_source(error),
            None => by_message(state, error),
        },
    };
    mapped.with_frames(frames.unwrap_or_default())
}

/// An error of a call or an instantiation of core wasm, below the layer.
#[cfg(feature = "layered")]
#[cold]
pub(crate) fn core_error(data: &StoreData, error: wasmtime::Error) -> Error {
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    let frames = backtrace.map(|backtrace| frames(backtrace, &[]));
    let mapped = match error.downcast::<Error>() {
        // The call has begun: whatever this is, the store is not as it was.
        Ok(ours) => ours.through_guest(),
        Err(error) => match error.downcast_ref::<Trap>() {
            Some(trap) => Error::trap(code(*trap)).with_source(error),
            None => match known(&error) {
                Some(Meaning::Limit(what)) => data.resource_refused(what).with_source(error),
                Some(Meaning::Memory) => data.memory_refused().with_source(error),
                _ => {
                    let text = format!("Wasmtime: {error:#}");
                    Error::new(ErrorKind::Engine, text).with_source(error)
                }
            },
        },
    };
    mapped.with_frames(frames.unwrap_or_default())
}

fn known(error: &wasmtime::Error) -> Option<Meaning> {
    let text = error.root_cause().to_string();
    let known = MESSAGES.iter().find(|(start, _)| text.starts_with(start));
    known.map(|(_, meaning)| *meaning)
}

fn by_message(state: &State, error: wasmtime::Error) -> Error {
    let known = known(&error).filter(|_| !mutant::active(Mutant::WasmtimeMessagesForgotten));
    match known {
        Some(Meaning::Trap(code)) => Error::trap(code).with_source(error),
        Some(Meaning::Limit(what)) => state.data.resource_refused(what),
        Some(Meaning::Memory) => state.data.memory_refused(),
        Some(Meaning::HostBytes) => state.data.host_bytes_refused(),
        None => {
            let text = error.root_cause().to_string();
            if is_the_systems(&error, &text) {
                return Error::new(ErrorKind::Engine, format!("{error:#}")).with_source(error);
            }
            Error::new(ErrorKind::Trap(TrapCode::CanonicalAbi), text).with_source(error)
        }
    }
}

/// An error of an element of a list that is read in place, where the store is not at
/// hand.
#[cold]
pub(crate) fn element(limit: u64, error: wasmtime::Error) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(ours) => return ours,
        Err(error) => error,
    };
    match known(&error) {
        Some(Meaning::Trap(code)) => Error::trap(code).with_source(error),
        Some(Meaning::HostBytes) => Error::of(ErrorKind::HostAllocationLimit { limit }),
        _ => {
            let text = error.root_cause().to_string();
            Error::new(ErrorKind::Trap(TrapCode::CanonicalAbi), text).with_source(error)
        }
    }
}

/// Whether the system or Wasmtime's pool had no more to give, which is no fault
/// of the guest's: memory, addresses, or places in the pool.
fn is_the_systems(error: &wasmtime::Error, text: &str) -> bool {
    error.is::<wasmtime::OutOfMemory>()
        || text.starts_with("maximum concurrent limit of")
        // The stack of an asynchronous call, by rustix, whose errors read like
        // those of the standard library.
        || text.contains(" (os error ")
        || error.chain().any(|cause| {
            cause.is::<std::io::Error>() || cause.to_string().starts_with("mmap failed to")
        })
}

/// A result of a call or an instantiation.
#[inline]
pub(crate) fn finish<T>(cx: &StoreContextMut<'_, State>, result: wasmtime::Result<T>) -> Result<T> {
    match result {
        Ok(value) => Ok(value),
        Err(e) => Err(error(cx.data(), e)),
    }
}

/// A result of an operation on a handle of the host's. What the handle itself
/// is refused for is found before anything runs, and is the caller's mistake.
pub(crate) fn finish_handle<T>(
    cx: &StoreContextMut<'_, State>,
    result: wasmtime::Result<T>,
) -> Result<T> {
    result.map_err(|e| {
        let refused = e.downcast_ref::<Trap>().is_none()
            && e.downcast_ref::<Error>().is_none()
            && e.downcast_ref::<WasmBacktrace>().is_none();
        let error = error(cx.data(), e);
        match error.trap_code() {
            Some(TrapCode::UnknownHandle | TrapCode::HandleTypeMismatch | TrapCode::HandleLent)
                if refused =>
            {
                Error::new(ErrorKind::TypeMismatch, error.to_string()).with_source(error)
            }
            _ => error,
        }
    })
}

/// Frames, as they are in components before they were changed.
fn frames(backtrace: &WasmBacktrace, changed: &[Changed]) -> Vec<Frame> {
    let frame = |info: &wasmtime::FrameInfo| {
        let mut frame = Frame::new(info.func_index());
        frame.module = info.module().name().map(str::to_owned);
        frame.function = info.func_name().map(str::to_owned);
        frame.offset = info.module_offset().map(|offset| offset as u64);
        let code = info.module().image_range().start.addr();
        if let Some(offset) = frame.offset
            && let Some(changed) = changed.iter().find(|changed| changed.code == code)
        {
            frame.offset = changed.offsets.original(offset);
            // A function that was added is no function of the guest's.
            frame.offset?;
        }
        Some(frame)
    };
    backtrace.frames().iter().filter_map(frame).collect()
}

/// An import that is missing or has another type.
pub(crate) fn link(error: wasmtime::Error) -> Error {
    Error::new(ErrorKind::Link, format!("{error:#}")).with_source(error)
}

/// A typed signature that does not fit.
pub(crate) fn type_mismatch<P, R>(ty: &FuncType, error: wasmtime::Error) -> Error
where
    P: ComponentNamedList,
    R: ComponentNamedList,
{
    abi::type_mismatch::<P, R>(ty, &format!("{error:#}")).with_source(error)
}
