//! Everything about a component that is decided before an engine sees it: that
//! it is one, that it is not too large or too complex, that it is valid, and
//! that it uses only features that are on. One answer for all backends.

mod exports;
mod instances;
mod names;
mod size;
mod work;

pub use names::RESERVED;

use std::borrow::Cow;

use wasmparser::{
    CanonicalFunction, CanonicalOption, Encoding, Parser, Payload, Validator, WasmFeatures,
};

use crate::config::{Complexity, Config, Feature, Features};
use crate::error::{Error, ErrorKind, Result};

/// What the engines and the linker need to know of a component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// It has asynchronous lifts, lowers or built-ins, and so may suspend
    /// whoever calls it.
    pub(crate) uses_async: bool,
}

/// The binary form of text or binary input.
#[cfg(feature = "wat")]
pub(crate) fn to_binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    if is_binary(bytes) || !looks_like_text(bytes) {
        return Ok(Cow::Borrowed(bytes));
    }
    wat::parse_bytes(bytes).map_err(|error| {
        let mut message = error.to_string();
        if let Some(end) = message.find('\n') {
            message.truncate(end);
        }
        Error::new(
            ErrorKind::InvalidComponent,
            format!("text format: {message}"),
        )
        .with_source(error)
    })
}

/// The binary form: without the `wat` feature there is no other.
#[cfg(not(feature = "wat"))]
pub(crate) fn to_binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>> {
    Ok(Cow::Borrowed(bytes))
}

fn is_binary(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm")
}

/// Whether the first thing in the bytes is an opening parenthesis or a comment.
#[cfg(feature = "wat")]
fn looks_like_text(bytes: &[u8]) -> bool {
    let start = bytes
        .iter()
        .position(|b| !b.is_ascii_whitespace())
        .unwrap_or(0);
    bytes[start..].starts_with(b"(") || bytes[start..].starts_with(b";;")
}

/// Checks the bytes of a component under a configuration.
pub(crate) fn scan(wasm: &[u8], config: &Config) -> Result<Scan> {
    let complexity = config.get_complexity();
    within("component size", wasm.len() as u64, complexity.size)?;
    check_header(wasm)?;
    let scan = count(wasm, complexity)?;
    validate(wasm, config.get_features())?;
    Ok(scan)
}

fn check_header(wasm: &[u8]) -> Result<()> {
    let invalid = |text: &'static str| Err(Error::new(ErrorKind::InvalidComponent, text));
    if wasm.is_empty() {
        return invalid("the input is empty");
    }
    if !is_binary(wasm) {
        return invalid("this is not WebAssembly: it does not start with `\\0asm`");
    }
    if Parser::is_core_wasm(wasm) {
        return invalid(
            "this is a core module, not a component: make a component of it with \
             `wasm-tools component new`",
        );
    }
    if !Parser::is_component(wasm) {
        return invalid("this is WebAssembly of a version that is not a component");
    }
    Ok(())
}

fn within(what: &'static str, count: u64, limit: u64) -> Result<()> {
    if count <= limit {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::TooLarge,
        format!("{what}: {count}, and {limit} is allowed"),
    ))
}

fn malformed(error: wasmparser::BinaryReaderError) -> Error {
    Error::new(ErrorKind::InvalidComponent, error.message().to_owned())
        .with_context("offset", format_args!("{:#x}", error.offset()))
        .with_source(error)
}

/// Counts what a compiler would have to work through, before it has to.
fn count(wasm: &[u8], limits: &Complexity) -> Result<Scan> {
    let mut scan = Scan::default();
    let (mut modules, mut functions, mut types, mut instances) = (0, 0, 0, 0u64);
    let (mut memory, mut elements) = (0u64, 0u64);
    // Whether each enclosing module or component is a component.
    let mut nesting: Vec<bool> = Vec::new();
    // Of the core module that is gone through: no other is inside of it.
    let mut module = work::Module::default();
    let mut graph = instances::Graph::default();
    let mut exports = exports::Exports::default();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(malformed)?;
        names::check(&payload)?;
        match &payload {
            Payload::Version { encoding, .. } => {
                nesting.push(*encoding == Encoding::Component);
                let components = nesting.iter().filter(|component| **component).count() as u64;
                within(
                    "nested components",
                    components.saturating_sub(1),
                    limits.nesting,
                )?;
            }
            Payload::End(_) => {
                nesting.pop();
            }
            Payload::ModuleSection { .. } => {
                modules += 1;
                within("core modules", modules, limits.modules)?;
            }
            Payload::TypeSection(reader) => {
                types += u64::from(reader.count());
                within("types", types, limits.types)?;
            }
            Payload::ComponentTypeSection(reader) => {
                types += u64::from(reader.count());
                within("types", types, limits.types)?;
            }
            Payload::CoreTypeSection(reader) => {
                types += u64::from(reader.count());
                within("types", types, limits.types)?;
            }
            Payload::FunctionSection(reader) => {
                functions += u64::from(reader.count());
                within("functions", functions, limits.functions)?;
            }
            Payload::InstanceSection(reader) => {
                instances += u64::from(reader.count());
                within("instances", instances, limits.instances)?;
            }
            Payload::ComponentInstanceSection(reader) => {
                instances += u64::from(reader.count());
                within("instances", instances, limits.instances)?;
            }
            Payload::MemorySection(reader) => {
                for ty in reader.clone() {
                    let ty = ty.map_err(malformed)?;
                    let page = 1u64 << ty.page_size_log2.unwrap_or(16).min(63);
                    memory = memory.saturating_add(ty.initial.saturating_mul(page));
                }
                within("initial memory in bytes", memory, limits.initial_memory)?;
            }
            Payload::TableSection(reader) => {
                for table in reader.clone() {
                    let initial = table.map_err(malformed)?.ty.initial;
                    elements = elements.saturating_add(initial);
                }
                within(
                    "initial table elements",
                    elements,
                    limits.initial_table_elements,
                )?;
            }
            Payload::CodeSectionEntry(body) => module.count(body, limits)?,
            Payload::ComponentCanonicalSection(reader) => {
                for canonical in reader.clone() {
                    scan.uses_async |= is_async(&canonical.map_err(malformed)?);
                }
            }
            _ => {}
        }
        // Only what has been counted is kept.
        module.see(&payload, limits)?;
        graph.see(&payload, limits)?;
        exports.see(&payload)?;
    }
    graph.count(limits)?;
    exports.check(limits)?;
    Ok(scan)
}

fn is_async(canonical: &CanonicalFunction) -> bool {
    match canonical {
        CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => {
            options.contains(&CanonicalOption::Async)
        }
        CanonicalFunction::ResourceNew { .. }
        | CanonicalFunction::ResourceDrop { .. }
        | CanonicalFunction::ResourceRep { .. } => false,
        _ => true,
    }
}

fn flag(feature: Feature) -> WasmFeatures {
    match feature {
        Feature::Simd => WasmFeatures::SIMD,
        Feature::RelaxedSimd => WasmFeatures::RELAXED_SIMD,
        Feature::MultiMemory => WasmFeatures::MULTI_MEMORY,
        Feature::TailCall => WasmFeatures::TAIL_CALL,
        Feature::ExtendedConst => WasmFeatures::EXTENDED_CONST,
        Feature::Memory64 => WasmFeatures::MEMORY64,
        Feature::Exceptions => WasmFeatures::EXCEPTIONS,
        Feature::ComponentAsync => {
            WasmFeatures::CM_ASYNC
                | WasmFeatures::CM_ASYNC_STACKFUL
                | WasmFeatures::CM_MORE_ASYNC_BUILTINS
        }
        Feature::ComponentThreads => WasmFeatures::CM_THREADING,
        Feature::ErrorContext => WasmFeatures::CM_ERROR_CONTEXT,
        Feature::FixedLengthLists => WasmFeatures::CM_FIXED_LENGTH_LISTS,
        Feature::Maps => WasmFeatures::CM_MAP,
        Feature::Implements => WasmFeatures::CM_IMPLEMENTS,
    }
}

/// The features of wasm that every engine has, and the switched ones.
#[doc(hidden)]
pub fn wasm_features(features: Features) -> WasmFeatures {
    let always = WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::FLOATS
        | WasmFeatures::COMPONENT_MODEL;
    features
        .iter()
        .fold(always, |set, feature| set | flag(feature))
}

fn is_valid(wasm: &[u8], features: Features) -> Result<(), wasmparser::BinaryReaderError> {
    Validator::new_with_features(wasm_features(features))
        .validate_all(wasm)
        .map(drop)
}

fn validate(wasm: &[u8], features: Features) -> Result<()> {
    let Err(error) = is_valid(wasm, features) else {
        return size::check(wasm, features);
    };
    // Valid with everything on: then a feature that is off is used. Otherwise
    // what is wrong has nothing to do with features.
    let needed = needed(wasm).map_err(malformed)?;
    let error = malformed(error);
    let off: Vec<_> = needed
        .iter()
        .filter(|feature| !features.contains(*feature))
        .map(Feature::name)
        .collect();
    Err(Error::unsupported(format!(
        "the component uses a feature that is switched off: {}",
        if off.is_empty() {
            "more than one".to_owned()
        } else {
            off.join(", ")
        }
    ))
    .with_source(error))
}

/// The features without which the component is not valid: which they are shows
/// by leaving out one at a time.
fn needed(wasm: &[u8]) -> Result<Features, wasmparser::BinaryReaderError> {
    let all: Features = Feature::ALL.iter().copied().collect();
    is_valid(wasm, all)?;
    let needs = |feature: &Feature| is_valid(wasm, all.with(*feature, false)).is_err();
    Ok(all.iter().filter(needs).collect())
}

/// The features that a module or component uses and that are not in `features`;
/// nothing if it is not valid with all of them either.
pub(crate) fn missing(wasm: &[u8], features: Features) -> Option<Features> {
    let needed = needed(wasm).ok()?;
    let missing = needed.iter().filter(|it| !features.contains(*it));
    Some(missing.collect())
}

/// As [`needed`], for the public function of the name.
pub(crate) fn needed_features(wasm: &[u8]) -> Result<Features> {
    check_header(wasm)?;
    needed(wasm).map_err(malformed)
}

#[cfg(all(test, feature = "wat"))]
mod tests {
    use super::*;

    fn scan_text(text: &str, config: &Config) -> Result<Scan> {
        scan(&to_binary(text.as_bytes())?, config)
    }

    fn limited(set: impl FnOnce(&mut Complexity)) -> Config {
        let mut complexity = Complexity::default();
        set(&mut complexity);
        let mut config = Config::new();
        config.complexity(complexity);
        config
    }

    #[test]
    fn a_core_module_is_told_from_a_component() {
        let error = scan_text("(module)", &Config::new()).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidComponent);
        assert!(error.message().contains("core module"), "{error}");
    }

    #[test]
    fn what_is_not_wasm_is_named_so() {
        for bytes in [&b""[..], b"hello", b"\0asm", b"\0asm\x0d\0\x01\0\xff\xff"] {
            let error = scan(bytes, &Config::new()).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::InvalidComponent, "{error}");
        }
    }

    #[test]
    fn text_errors_are_one_line_with_the_place() {
        let error = to_binary(b"(component (").unwrap_err();
        assert!(!error.to_string().contains('\n'), "{error}");
    }

    #[test]
    fn each_count_is_limited() {
        let text = r#"(component
            (core module $m
                (type (func)) (func (type 0) (local i32 i32 i64)) (func (type 0))
                (func (result i32) (local i32) block (result i32) i32.const 1 end)
                (memory 2) (table 7 funcref) (export "m" (memory 0)))
            (core instance $i (instantiate $m))
            (component))"#;
        assert!(scan_text(text, &Config::new()).is_ok());
        let cases: [(&str, Config); 16] = [
            ("component size", limited(|c| c.size = 10)),
            ("core modules", limited(|c| c.modules = 0)),
            ("functions", limited(|c| c.functions = 1)),
            ("types", limited(|c| c.types = 0)),
            (
                "parameters and results of functions and types",
                limited(|c| c.signatures = 17),
            ),
            ("locals of a function", limited(|c| c.locals = 2)),
            ("locals of all functions", limited(|c| c.all_locals = 2)),
            ("bytes of a function", limited(|c| c.function_size = 3)),
            ("values that a function passes", limited(|c| c.values = 0)),
            (
                "blocks and branches of a function",
                limited(|c| c.blocks = 0),
            ),
            (
                "places times locals of a function",
                limited(|c| c.locals_in_blocks = 0),
            ),
            ("nested components", limited(|c| c.nesting = 0)),
            ("instances", limited(|c| c.instances = 0)),
            (
                "bytes of what instances export",
                limited(|c| c.instance_exports = 64),
            ),
            (
                "initial memory in bytes",
                limited(|c| c.initial_memory = 65536),
            ),
            (
                "initial table elements",
                limited(|c| c.initial_table_elements = 6),
            ),
        ];
        for (what, config) in cases {
            let error = scan_text(text, &config).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::TooLarge, "{what}");
            assert!(error.message().starts_with(what), "{what}: {error}");
        }
    }

    #[test]
    fn a_feature_that_is_off_is_named() {
        let text = "(component (core module (memory i64 1)))";
        let error = scan_text(text, &Config::new()).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Unsupported);
        assert!(error.message().ends_with("memory64"), "{error}");
        let mut config = Config::new();
        config.feature(Feature::Memory64, true);
        assert!(scan_text(text, &config).is_ok());
    }

    #[test]
    fn the_features_that_a_component_needs_are_found() {
        let needed = |text: &str| needed_features(&to_binary(text.as_bytes()).unwrap());
        let text = "(component (type (map string u8)) (core module (memory i64 1)))";
        let features: Features = [Feature::Maps, Feature::Memory64].into_iter().collect();
        assert_eq!(needed(text).unwrap(), features);
        assert_eq!(needed("(component)").unwrap(), Features::none());
        let error = needed("(module)").unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::InvalidComponent);
    }

    #[test]
    fn asynchronous_built_ins_are_seen() {
        let text = "(component (core func (canon task.cancel)))";
        let mut config = Config::new();
        config.feature(Feature::ComponentAsync, true);
        assert!(scan_text(text, &config).unwrap().uses_async);
        assert!(!scan_text("(component)", &config).unwrap().uses_async);
    }
}
