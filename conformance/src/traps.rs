//! The texts of traps in scripts, and the codes that they stand for.

use enginebay::TrapCode;

/// How the text of an `assert_trap` begins, and which traps it stands for. The
/// longest beginning that fits counts. Suites word the same trap differently,
/// and some word two traps alike.
pub const TRAPS: &[(&str, &[TrapCode])] = {
    use TrapCode::*;
    &[
        // The core specification's own.
        ("unreachable", &[Unreachable]),
        ("integer divide by zero", &[IntegerDivisionByZero]),
        ("integer overflow", &[IntegerOverflow]),
        ("invalid conversion to integer", &[BadConversionToInteger]),
        ("out of bounds memory access", &[MemoryOutOfBounds]),
        ("out of bounds table access", &[TableOutOfBounds]),
        ("out of bounds array access", &[ArrayOutOfBounds]),
        ("undefined element", &[TableOutOfBounds, IndirectCallToNull]),
        ("undefined", &[TableOutOfBounds]),
        ("uninitialized element", &[IndirectCallToNull]),
        ("uninitialized", &[IndirectCallToNull]),
        ("indirect call type mismatch", &[BadSignature]),
        ("call stack exhausted", &[StackOverflow]),
        ("null reference", &[NullReference]),
        ("null function reference", &[NullReference]),
        ("cast failure", &[CastFailure]),
        ("unhandled exception", &[UncaughtException]),
        ("unaligned atomic", &[UnalignedAtomic]),
        ("expected shared memory", &[AtomicWaitOnUnsharedMemory]),
        // The canonical ABI: values.
        ("unaligned pointer", &[UnalignedPointer]),
        ("pointer not aligned", &[UnalignedPointer]),
        ("list pointer is not aligned", &[UnalignedPointer]),
        ("string pointer not aligned", &[UnalignedPointer]),
        ("return pointer not aligned", &[UnalignedPointer]),
        ("realloc return: result not aligned", &[UnalignedPointer]),
        (
            "realloc return: beyond end of memory",
            &[PointerOutOfBounds],
        ),
        ("pointer out of bounds", &[PointerOutOfBounds]),
        ("string pointer/length out of bounds", &[StringOutOfBounds]),
        ("string content out-of-bounds", &[StringOutOfBounds]),
        ("list pointer/length out of bounds", &[ListOutOfBounds]),
        ("list content out-of-bounds", &[ListOutOfBounds]),
        ("invalid variant discriminant", &[InvalidDiscriminant]),
        ("unexpected discriminant", &[InvalidDiscriminant]),
        ("discriminant", &[InvalidDiscriminant]),
        ("invalid `char` bit pattern", &[InvalidChar]),
        ("converted integer out of range for `char`", &[InvalidChar]),
        ("invalid utf-8", &[InvalidString]),
        ("incomplete utf-8 byte sequence", &[InvalidString]),
        ("invalid utf-16", &[InvalidString]),
        ("unpaired surrogate", &[InvalidString]),
        ("string too long", &[TooLong]),
        // The canonical ABI: handles.
        ("unknown handle index", &[UnknownHandle]),
        ("handle index", &[HandleTypeMismatch]),
        (
            "cannot lift own resource from a borrow",
            &[HandleTypeMismatch],
        ),
        ("cannot remove owned resource while borrowed", &[HandleLent]),
        ("borrow handles still remain", &[BorrowStillHeld]),
        // The canonical ABI: instances.
        ("cannot enter component instance", &[CannotEnterComponent]),
        ("cannot leave component instance", &[CannotLeaveComponent]),
        ("cannot block a synchronous task", &[CannotBlockSyncTask]),
        ("deadlock", &[Deadlock]),
    ]
};

/// The codes that a script's text stands for; `None` for a text that the table
/// does not have.
pub fn codes(text: &str) -> Option<&'static [TrapCode]> {
    let text = text.strip_prefix("wasm trap: ").unwrap_or(text);
    let rows = TRAPS.iter().filter(|(start, _)| text.starts_with(start));
    rows.max_by_key(|(start, _)| start.len())
        .map(|(_, codes)| *codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_counts() {
        assert_eq!(
            codes("undefined element"),
            Some(&[TrapCode::TableOutOfBounds, TrapCode::IndirectCallToNull][..])
        );
        assert_eq!(
            codes("wasm trap: unaligned pointer"),
            Some(&[TrapCode::UnalignedPointer][..])
        );
        assert_eq!(
            codes("unknown handle index 4"),
            Some(&[TrapCode::UnknownHandle][..])
        );
        assert_eq!(codes("no such trap"), None);
    }

    #[test]
    fn no_beginning_is_listed_twice() {
        for (i, (start, _)) in TRAPS.iter().enumerate() {
            assert!(
                TRAPS[..i].iter().all(|(other, _)| other != start),
                "{start}"
            );
        }
    }
}
