//! What this program gives to components: WASI 0.2 with what the command line
//! grants, or, without the Cargo feature `wasi`, nothing.

#[cfg(feature = "wasi")]
mod certificates;
#[cfg(not(feature = "wasi"))]
mod nothing;
#[cfg(feature = "wasi")]
mod wasi;

#[cfg(not(feature = "wasi"))]
pub(crate) use nothing::*;
#[cfg(feature = "wasi")]
pub(crate) use wasi::*;
