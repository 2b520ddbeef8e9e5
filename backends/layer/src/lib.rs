//! The Component Model over any core-wasm engine.
