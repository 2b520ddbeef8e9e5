//! Trap codes: one per trap of the core specification and of the canonical
//! ABI. Each backend maps its engine's codes onto them.

use std::fmt;

macro_rules! trap_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why a guest trapped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum TrapCode {
            $($(#[$doc])* $name,)*
        }

        impl TrapCode {
            /// Every code.
            pub const ALL: &'static [TrapCode] = &[$(TrapCode::$name),*];

            /// What the code means, in lower case.
            pub fn description(self) -> &'static str {
                match self {
                    $(TrapCode::$name => $text,)*
                }
            }
        }
    };
}

trap_codes! {
    /// `unreachable` was executed.
    Unreachable = "`unreachable` was executed",
    /// A load or store outside of a memory.
    MemoryOutOfBounds = "out of bounds memory access",
    /// An access outside of a table.
    TableOutOfBounds = "out of bounds table access",
    /// `call_indirect` of a null element.
    IndirectCallToNull = "indirect call to null",
    /// `call_indirect` of a function with another type.
    BadSignature = "indirect call type mismatch",
    /// An integer operation overflowed.
    IntegerOverflow = "integer overflow",
    /// Division or remainder by zero.
    IntegerDivisionByZero = "integer divide by zero",
    /// Conversion of NaN or an out-of-range float to an integer.
    BadConversionToInteger = "invalid conversion to integer",
    /// The wasm stack is exhausted.
    StackOverflow = "call stack exhausted",
    /// An atomic access at an address that is not aligned.
    UnalignedAtomic = "unaligned atomic",
    /// An atomic wait on a memory that is not shared.
    AtomicWaitOnUnsharedMemory = "atomic wait on non-shared memory",
    /// Use of a null reference.
    NullReference = "null reference",
    /// An access outside of a GC array.
    ArrayOutOfBounds = "out of bounds array access",
    /// A GC allocation that is too large.
    AllocationTooLarge = "allocation size too large",
    /// A reference cast that failed.
    CastFailure = "cast failure",
    /// An exception that nobody caught.
    UncaughtException = "uncaught exception",

    /// An instance was entered while it may not be (Canonical ABI, `may_enter`).
    CannotEnterComponent = "cannot enter component instance",
    /// An import or built-in was called while the instance may not be left
    /// (Canonical ABI, `may_leave`): from `realloc` or `post-return`.
    CannotLeaveComponent = "cannot leave component instance",
    /// A synchronous task tried to block.
    CannotBlockSyncTask = "cannot block a synchronous task before returning",
    /// An `i32` that is no Unicode scalar value was lifted as `char`.
    InvalidChar = "invalid `char` bit pattern",
    /// A string's bytes are not in the encoding that they claim.
    InvalidString = "invalid string encoding",
    /// A string lies outside of its memory.
    StringOutOfBounds = "string content out of bounds",
    /// A list lies outside of its memory.
    ListOutOfBounds = "list content out of bounds",
    /// A variant, enum, option or result with a discriminant that no case has.
    InvalidDiscriminant = "invalid variant discriminant",
    /// A pointer that is not aligned for its type.
    UnalignedPointer = "unaligned pointer",
    /// `realloc`, or a return pointer, gave an address outside of the memory.
    PointerOutOfBounds = "pointer out of bounds of memory",
    /// A string or list that is longer than the canonical ABI allows.
    TooLong = "string or list is too long",
    /// A handle that does not exist.
    UnknownHandle = "unknown handle index",
    /// A handle of another resource type, or a borrow where an own is needed.
    HandleTypeMismatch = "handle of another type",
    /// An owned handle was given away or dropped while it is lent.
    HandleLent = "cannot remove owned resource while borrowed",
    /// A call returned while borrowed handles of it are still held.
    BorrowStillHeld = "borrow handles still remain at the end of the call",
    /// A handle table is full.
    HandleTableFull = "handle table is full",
    /// A task ended, or every task waits, without a result.
    Deadlock = "deadlock: no task can make progress",
    /// Any other rule of component-model async was broken.
    AsyncViolation = "component-model async rule broken",
    /// Any other failure of the canonical ABI.
    CanonicalAbi = "canonical ABI violated",
}

impl fmt::Display for TrapCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}
