//! The wasmi backend.
