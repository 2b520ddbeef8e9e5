//! The Component Model over any core-wasm engine.

#[allow(dead_code, reason = "for adapters, which are not linked yet")]
mod transcode;
