//! Metering: core modules are rewritten before an engine compiles them, so that
//! fuel is one number on all engines, the one that Wasmtime's own `consume_fuel`
//! counts.
//!
//! A metered module is the module with two more imports, after its own, from
//! [`MODULE`]: the global [`COUNTER`], a mutable `i64`, and the function [`SLOW`]
//! of type `(i64) -> i64`. All modules of a store share one of each.
//!
//! # What the counter holds
//!
//! Wasmtime keeps minus the fuel that is left, and counts up. The counter is that
//! number, less a `shift` that only the host knows: with a slice of the fuel in
//! use, the shift is the (negative) number at which the slice ends, and zero if
//! it is the last. So a check compares with zero, whatever the slice:
//!
//! - `counter + shift` is Wasmtime's count wherever the host can look at it: in
//!   a host function, after a return, after a trap.
//! - A function works on a copy of the counter in a local. A check that finds the
//!   copy at or above zero calls [`SLOW`] with it and goes on with what that
//!   returns.
//! - [`SLOW`] gets the copy. If `copy + shift` is not negative, the fuel is used up:
//!   it stores `copy` to the counter and traps. Otherwise only a slice is used up:
//!   it looks at deadlines and the like, chooses a new shift above
//!   `copy + shift`, and takes what the shift grew by from the counter and from
//!   the copy, which it returns. That leaves Wasmtime's count as it is: a slice
//!   that ends is not a write-back, and no count depends on the slices. [`Gauge`]
//!   does the arithmetic.
//!
//! # Without fuel
//!
//! [`Mode::Flag`] counts nothing. For an engine that has no way of its own to stop
//! a guest, functions and loops begin with a look at a flag, a mutable `i32` that
//! another thread may set. If it is not zero, they set it to zero and then call
//! [`SLOW`], of type `() -> ()`. Each module has a flag of its own and exports it
//! as [`FLAG`]: compilers reach what an instance owns by one step less than what
//! it imports.
//!
//! # What is where
//!
//! Wasmtime adds up the charges of a straight run of operators and puts them into
//! the copy at its end; it writes the copy back before it leaves the function, for
//! a while or for good, and reads it again after calls. A trap loses what was not
//! written back. `cost.rs` says what an operator is to all this, `body.rs` writes
//! functions, `emit.rs` the code between their operators, `start.rs` writes what
//! Wasmtime runs to initialize a module, `constant.rs` finds the lengths that
//! Wasmtime knows while it compiles (short ones are not checked), `sections.rs`
//! puts the module together and `offsets.rs` finds the way back to the module as
//! it was.
//!
//! The rules are those of Wasmtime's `func_environ.rs` in the version that
//! `Cargo.lock` has, and the tests compare with that.
//!
//! # What cannot be metered
//!
//! Exceptions: the Wasmtime backend has none, so there is no count to be equal to.
//! Garbage collection and stack switching likewise. They are refused by name.

mod body;
mod constant;
mod cost;
mod emit;
mod gauge;
mod label;
mod offsets;
mod sections;
mod shape;
mod ssa;
mod start;
#[cfg(test)]
mod tests;

use enginebay_core::{Error, ErrorKind, Result};
use wasmtime_environ::wasmparser::{BinaryReaderError, Parser, Validator, WasmFeatures};
use wasmtime_environ::{
    ModuleEnvironment, ModuleTranslation, ModuleTypesBuilder, StaticModuleIndex, Tunables,
};

#[cfg(doc)]
use crate::engine::FLAG;
pub(crate) use gauge::{Gauge, MOST};
pub(crate) use label::Label;
pub(crate) use offsets::OffsetMap;

/// The module from which a metered module imports: no other import can have the
/// name by accident.
pub(crate) const MODULE: &str = "\0enginebay:meter";
/// The counter: a mutable global of type `i64`.
pub(crate) const COUNTER: &str = "counter";
/// What a check calls that finds the slice used up: `(i64) -> i64`. With
/// [`Mode::Flag`], what is called when the flag was set: `() -> ()`.
pub(crate) const SLOW: &str = "slow";
/// What [`SLOW`] gets where no slice is used up, and the time is to be looked at:
/// no counter is ever that low.
pub(crate) const LOOK: i64 = i64::MIN;

/// What a metered module is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Counts. Without slices, [`SLOW`] is called where the fuel is used up and
    /// nowhere else, and must not return: compilers make better code of that.
    Fuel { slices: bool },
    /// Looks at a flag, again and again.
    Flag,
}

impl Mode {
    fn counts(self) -> bool {
        self != Mode::Flag
    }
}

/// A module with the meter in it.
pub(crate) struct Metered {
    /// The module. Its imports are those that it had, and then [`COUNTER`] and
    /// [`SLOW`]; its exports are those that it had. With [`Mode::Flag`] there is
    /// no counter, and [`FLAG`] is exported too.
    pub(crate) wasm: Vec<u8>,
    /// [`SLOW`], by its number.
    pub(crate) slow: u32,
    /// What the module's name begins with.
    pub(crate) label: Label,
    /// From offsets and functions of [`Metered::wasm`] to those of the original.
    pub(crate) offsets: OffsetMap,
}

/// Decides what Wasmtime does with a module's initializers before it runs: for a
/// module that [`meter`] is to see. `tunables` are those of the translation.
pub(crate) fn finalize(
    module: &mut ModuleTranslation<'_>,
    tunables: &Tunables,
    types: &mut ModuleTypesBuilder,
) {
    // Wasmtime's defaults. The page is the greatest that the compiler's target
    // may have: 4 KiB, but for 64-bit Arm.
    let page = if cfg!(target_arch = "aarch64") {
        64 << 10
    } else {
        4 << 10
    };
    let dense_image = 16 << 20;
    module.finalize_memory_init(tunables, page, dense_image, types);
    module.finalize_table_init(tunables, types);
}

/// Puts the meter into a valid module that [`finalize`] has seen; it need not have
/// seen it for [`Mode::Flag`].
///
/// # Errors
///
/// `Unsupported`, with the feature's name, for what cannot be metered.
pub(crate) fn meter(module: &ModuleTranslation<'_>, mode: Mode) -> Result<Metered> {
    sections::write(module, mode).map_err(|error| match error {
        Refused::Feature(name) => {
            Error::unsupported(format!("the guest uses {name}, which fuel does not cover"))
        }
        Refused::Parse(error) => Error::new(
            ErrorKind::Engine,
            "a core module cannot be read for metering",
        )
        .with_source(error),
    })
}

/// The lengths of the bulk operations in each body of a valid module that has some in
/// it, if Wasmtime knows them while it compiles: short ones it does not check.
/// Nothing for what cannot be metered.
pub fn known_lengths(wasm: &[u8]) -> Vec<Vec<Option<u64>>> {
    let tunables = Tunables::default_host();
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let mut types = ModuleTypesBuilder::new(&validator);
    let index = StaticModuleIndex::from_u32(0);
    ModuleEnvironment::new(&tunables, &mut validator, &mut types, index)
        .translate(Parser::new(0), wasm)
        .ok()
        .and_then(|module| sections::lengths(&module).ok())
        .unwrap_or_default()
}

/// Why a module cannot be metered.
#[derive(Debug)]
enum Refused {
    /// It uses this feature.
    Feature(&'static str),
    /// It is not valid.
    Parse(BinaryReaderError),
}

impl From<BinaryReaderError> for Refused {
    fn from(error: BinaryReaderError) -> Self {
        Refused::Parse(error)
    }
}

type Outcome<T> = std::result::Result<T, Refused>;
