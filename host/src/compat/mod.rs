//! Whether a component fits a host: versions and types of what it imports and exports;
//! and whether two versions of a WIT package fit each other.
//!
//! [`Offer`] says what a host offers to components. [`Offer::check`] holds a component
//! against it before anything is compiled, and gives all that does not fit at once.
//! [`compare`] says what changed between two versions of a package, whether that is a
//! major, a minor or a patch change, and whether the declared version says so. Neither
//! needs an engine.
//!
//! # What breaks
//!
//! Types are compared as the Component Model does: exactly. A field, case or flag more
//! makes another type, and so does another order, or another name of a parameter:
//! components are linked to each other by types in which parameters have names. (A host
//! function that is written in Rust has no names for its parameters, so linking to one
//! would not notice. The check does.)
//!
//! # Deprecation
//!
//! A function or interface with `@deprecated(version = ...)` is offered still, and
//! components that import it are warned of. What to use instead is named by a line of its
//! docs that is ``Use `name` instead.``, and nothing else.

mod check;
mod compare;
mod differ;
mod fit;
mod from_binary;
mod from_wit;
mod gate;
mod offer;
mod report;
mod text;
mod types;
mod version;
mod wit;

pub use compare::{compare, compare_all};
pub use fit::{Fit, Problem, Served, Side, Unfit, Warning};
pub use offer::Offer;
pub use report::{Change, ChangeKind, GateProblem, Level, Report, VersionProblem};
pub use wit::{Wit, WitError};
