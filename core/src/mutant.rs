//! Defects that are made on purpose, to prove that the conformance suite would
//! notice them: each a slip that a developer could make, in the code where it
//! would be made.
//!
//! The code asks [`active`], which is `false` for the compiler unless the Cargo
//! feature `mutants` is on: then nothing is left of it. Only the test `mutants` of
//! the conformance crate turns the feature on, and activates one mutant at a
//! time. It is no part of the API.

use std::borrow::Cow;
use std::fmt;
#[cfg(feature = "mutants")]
use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::{ErrorKind, Result};
use crate::val::Val;

/// Which backends a mutant makes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touches {
    /// Each.
    Every,
    /// Those that run components by the layer.
    Layered,
    /// Those of these names.
    Only(&'static [&'static str]),
}

impl Touches {
    /// Whether the backend of this name is made wrong; `native` is what its
    /// [`Support`](crate::Support) says.
    pub fn backend(self, name: &str, native: bool) -> bool {
        match self {
            Touches::Every => true,
            Touches::Layered => !native,
            Touches::Only(names) => names.contains(&name),
        }
    }
}

impl fmt::Display for Touches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Touches::Every => f.write_str("each"),
            Touches::Layered => f.write_str("each layered one"),
            Touches::Only(names) => f.write_str(&names.join(", ")),
        }
    }
}

macro_rules! mutants {
    ($($(#[doc = $what:literal])+ $name:ident: $touches:expr,)*) => {
        /// A defect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Mutant {
            $($(#[doc = $what])+ $name,)*
        }

        impl Mutant {
            /// Each.
            pub const ALL: &[Mutant] = &[$(Mutant::$name),*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Mutant::$name => stringify!($name),)*
                }
            }

            /// What it does, in a sentence.
            pub fn what(self) -> String {
                let lines: &[&str] = match self {
                    $(Mutant::$name => &[$($what),+],)*
                };
                let lines: Vec<_> = lines.iter().map(|line| line.trim()).collect();
                lines.join(" ")
            }

            /// The backends that it makes wrong.
            pub fn touches(self) -> Touches {
                match self {
                    $(Mutant::$name => $touches,)*
                }
            }
        }
    };
}

use Touches::{Every, Layered, Only};

const WASMTIME: Touches = Only(&["wasmtime"]);
const WASMTIME_LAYERED: Touches = Only(&["wasmtime-layered"]);
const WASMER: Touches = Only(&["wasmer"]);
const WASMI: Touches = Only(&["wasmi"]);

mutants! {
    // Memories and tables.

    /// The limit on memory refuses nothing.
    MemoryLimitIgnored: Every,
    /// A memory that grows is counted a page short.
    GrowthMiscounted: Every,
    /// A growth that the limit allowed and the engine could not do stays counted.
    GrowthNotTakenBack: Every,
    /// A trap behind a refused growth is not told as the limit on memory.
    RefusedGrowthForgotten: Every,
    /// The limit on table elements refuses nothing.
    TableLimitIgnored: Every,
    /// `Usage` tells elements of tables where bytes of memories are asked for.
    UsageOfMemoryWrong: Every,

    // Other counts.

    /// The limit on handles refuses nothing.
    HandleLimitIgnored: Every,
    /// The limit on core instances refuses nothing.
    InstanceLimitIgnored: Every,
    /// What a guest makes the host allocate is not limited.
    HostBytesIgnored: Every,

    // Fuel.

    /// A guest whose fuel is used up goes on.
    FuelNeverStops: Every,
    /// `i32.add` costs two units.
    FuelPriceChanged: Every,
    /// Each slice of fuel that ends is charged a unit more.
    FuelSliceCharged: Layered,
    /// Fuel that one component has used is not counted when the call goes on in
    /// another.
    FuelLostBetweenComponents: Only(&["wasmer", "wasmi"]),
    /// The last call's fuel is not told if the call failed.
    UsageOfFailedCallLost: Every,

    // Time.

    /// A call gets twice the time of its deadline.
    DeadlineDoubled: Every,
    /// Nobody looks whether the store was cancelled.
    CancellationIgnored: Every,

    // Traps and errors.

    /// A call that trapped returns as if it had succeeded.
    TrapSwallowed: Every,
    /// A division by zero is told as an integer overflow.
    TrapCodeSwapped: Every,
    /// What adapters between components trap with for a bad discriminant is told
    /// as a bad pointer.
    AdapterTrapSwapped: Layered,
    /// A trap does not poison its store.
    PoisonForgotten: Every,
    /// The error of a host function loses its kind and its source.
    HostErrorLost: Every,
    /// A panic of a host function becomes an error.
    HostPanicCaught: Layered,
    /// An instance that is on the stack is entered again.
    ReentryAllowed: Every,

    // Values.

    /// The first two strings that a function takes are mixed up.
    StringsSwapped: Every,
    /// The bits of a NaN change on the way to the host.
    NanBitsChanged: Every,
    /// NaNs are left as the processor makes them where results are to be
    /// deterministic.
    NanNotCanonical: Only(&["wasmtime", "wasmtime-layered", "wasmer"]),
    /// The tag of a UTF-16 string is lost when it is copied to a component that
    /// takes Latin-1 too.
    TranscodedTagLost: Layered,
    /// The transcoder from UTF-16 to Latin-1 takes one character too many.
    TranscodedTooFar: Layered,
    /// Strings are looked for in the memory of the component's first instance.
    MemoryOfAnotherInstance: Layered,
    /// Space for values is asked of the component's first instance.
    ReallocOfAnotherInstance: Layered,

    // Calls and handles.

    /// Nobody looks whether a borrowed handle outlives its call.
    BorrowOutlivesCall: Layered,
    /// A handle that is lent can be dropped.
    LentHandleDropped: Layered,
    /// A handle is taken for one of another resource type.
    HandleTypeIgnored: Layered,
    /// Destructors of guests are not run.
    DestructorNotRun: Every,
    /// Destructors of guests are run twice.
    DestructorRunTwice: Every,
    /// `post-return` is not called.
    PostReturnNotCalled: Layered,
    /// A component calls its imports while it may not be left.
    MayLeaveIgnored: Layered,

    // Of one engine each.

    /// The failures for which Wasmtime has a message only are not told apart.
    WasmtimeMessagesForgotten: WASMTIME,
    /// The payload of a variant is written close behind its discriminant,
    /// whatever its alignment.
    WasmtimePayloadMisplaced: WASMTIME,
    /// A result of 64 bits is cut to 32.
    WasmtimeResultsCut: WASMTIME_LAYERED,
    /// A start function that traps is told as a failure of the engine.
    WasmtimeStartTrapLost: WASMTIME_LAYERED,
    /// Wasmer is left to copy tables that other instances write to.
    WasmerTablesCopied: WASMER,
    /// Wasmer's `table.grow` does not ask for the limit.
    WasmerTableGrowthUnlimited: WASMER,
    /// Start functions, which are taken out of modules, are not called.
    WasmerStartNotRun: WASMER,
    /// `memory.grow` gives the new size.
    WasmiGrowthGivesNewSize: WASMI,
    /// A guest that has used a slice of wasmi's fuel is stopped.
    WasmiSliceStops: WASMI,
    /// Start functions, which are taken out of modules, are not called.
    WasmiStartNotRun: WASMI,
}

/// The active mutant and one; 0 for none.
#[cfg(feature = "mutants")]
static ACTIVE: AtomicU8 = AtomicU8::new(0);

/// Whether the code is to be wrong in this way.
#[inline(always)]
pub fn active(mutant: Mutant) -> bool {
    #[cfg(feature = "mutants")]
    return ACTIVE.load(Ordering::Relaxed) == mutant as u8 + 1;
    #[cfg(not(feature = "mutants"))]
    {
        let _ = mutant;
        false
    }
}

/// Makes the whole process wrong in one way, or in none.
#[cfg(feature = "mutants")]
pub fn activate(mutant: Option<Mutant>) {
    ACTIVE.store(
        mutant.map_or(0, |mutant| mutant as u8 + 1),
        Ordering::SeqCst,
    );
}

/// [`Mutant::TrapSwallowed`]: what a call gave, without its trap.
#[inline(always)]
pub(crate) fn swallowed(result: Result<()>) -> Result<()> {
    match result {
        Err(error)
            if active(Mutant::TrapSwallowed) && matches!(error.kind(), ErrorKind::Trap(_)) =>
        {
            Ok(())
        }
        result => result,
    }
}

/// [`Mutant::StringsSwapped`]: a function's arguments.
#[inline(always)]
pub fn swapped(vals: &[Val]) -> Cow<'_, [Val]> {
    match vals {
        [Val::String(_), Val::String(_), ..] if active(Mutant::StringsSwapped) => {
            let mut vals = vals.to_vec();
            vals.swap(0, 1);
            vals.into()
        }
        vals => vals.into(),
    }
}

/// [`Mutant::NanBitsChanged`]: the bits of an `f32`.
#[inline(always)]
pub fn nan(bits: u32) -> u32 {
    if active(Mutant::NanBitsChanged) && f32::from_bits(bits).is_nan() {
        bits ^ 1
    } else {
        bits
    }
}

/// [`Mutant::DestructorNotRun`] and [`Mutant::DestructorRunTwice`]: how often a
/// destructor is run.
#[inline(always)]
pub fn destructor_runs() -> u32 {
    if active(Mutant::DestructorNotRun) {
        0
    } else if active(Mutant::DestructorRunTwice) {
        2
    } else {
        1
    }
}
