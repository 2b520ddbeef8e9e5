//! Nothing: what it depends on is used.
