//! What the headers of Wasmtime's own scripts say, in its keys: each is `true` or
//! `false`, and what is not there is off. The keys are those of `TestConfig` in
//! its `crates/test-util/src/wast.rs`.

use enginebay::Feature;

use super::{Header, Size};

/// Bytes for a script that needs much memory: two memories of 32 bits.
const MUCH: Size = Size(8 << 30);

/// What a key stands for here.
enum Means {
    /// A feature that can be switched.
    Feature(Feature),
    /// Results that are equal on each machine.
    Deterministic,
    /// Memories that are larger than stores have by default.
    MuchMemory,
    /// Nothing: it is always on, or it concerns Wasmtime's own tests.
    Nothing,
    /// Something that no configuration has.
    Lacking,
}

fn means(key: &str) -> Option<Means> {
    use Feature::*;
    Some(Means::Feature(match key {
        "simd" => Simd,
        "relaxed_simd" => RelaxedSimd,
        "multi_memory" => MultiMemory,
        "tail_call" => TailCall,
        "extended_const" => ExtendedConst,
        "memory64" => Memory64,
        "exceptions" => Exceptions,
        // Its parts cannot be switched one by one.
        "component_model_async"
        | "component_model_async_builtins"
        | "component_model_async_stackful"
        | "component_model_more_async_builtins" => ComponentAsync,
        "component_model_threading" => ComponentThreads,
        "component_model_error_context" => ErrorContext,
        "component_model_fixed_length_lists" => FixedLengthLists,
        "component_model_map" => Maps,
        "component_model_implements" => Implements,
        "nan_canonicalization" => return Some(Means::Deterministic),
        "hogs_memory" => return Some(Means::MuchMemory),
        "bulk_memory" | "reference_types" | "spec_test" => return Some(Means::Nothing),
        "component_model_gc"
        | "component_model_memory64"
        | "custom_descriptors"
        | "custom_page_sizes"
        | "function_references"
        | "gc"
        | "gc_types"
        | "legacy_exceptions"
        | "shared_everything_threads"
        | "stack_switching"
        | "threads"
        | "wide_arithmetic" => return Some(Means::Lacking),
        _ => return None,
    }))
}

/// Does what a key says; `on` is its value, if that is `true` or `false`.
///
/// # Errors
///
/// Why it does not, to be told.
pub(super) fn apply(header: &mut Header, key: &str, on: Option<bool>) -> Result<(), String> {
    let means = means(key).ok_or_else(|| format!("the key `{key}` is not known"))?;
    let on = on.ok_or_else(|| format!("`{key}` is neither true nor false"))?;
    match means {
        Means::Feature(feature) if on => header.features.push(feature.name().to_owned()),
        Means::Deterministic if on => header.deterministic = true,
        Means::MuchMemory if on => {
            header.limits.memory.get_or_insert(MUCH);
        }
        Means::Lacking if on => {
            return Err(format!("`{key}` is asked for, and no backend has it here"));
        }
        _ => {}
    }
    Ok(())
}
