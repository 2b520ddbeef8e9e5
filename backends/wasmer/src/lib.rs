//! The Wasmer backend.
