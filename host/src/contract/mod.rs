//! The contract in Rust: bindings of the WIT in the folder `wit`, what each of its
//! functions requires, and the checks that stand before them.
//!
//! [`bindings`] are generated when the crate is built. A host implements their traits;
//! nothing calls these but the functions that `add_to_linker` and `add_to_linker_blocking`
//! define, and those ask [`Enforce`] first.

mod blocking;
pub mod enforce;
mod lists;
mod offer;
#[cfg(feature = "probe")]
#[doc(hidden)]
pub mod probe;

pub use enforce::{Enforce, Subject, Subjects};
pub use lists::{FUNCTIONS, Function, Requirement, WIT};
pub use offer::offer;

/// What the bindings are written with.
pub(crate) mod enginebay {
    pub(crate) use enginebay_core as generic;
    pub(crate) use enginebay_core::*;
}

/// The bindings of the world `enginebay:contract/full`.
#[allow(missing_docs, unreachable_pub)]
pub mod bindings {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}
