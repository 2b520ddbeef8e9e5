//! From a script's components and modules to what an engine has compiled, and why
//! one is refused.

use enginebay::generic::Component;
use enginebay::{Backend, Error, ErrorKind, Feature, Features, needed_features, validate};

use super::world::Definition;
use super::{Run, Step, named};
use crate::adapt;
use crate::annotation::Annotation;
use crate::header::Header;
use crate::outcome::Outcome;
use crate::script::Source;

impl<B: Backend> Run<B> {
    /// Compiles what is meant to be valid.
    pub(super) fn definition(&self, source: &Source) -> Step<Definition<B>> {
        self.compile(source)?.map_err(Outcome::fail)
    }

    /// Compiles it: the inner error is that it is too large.
    pub(super) fn compile(&self, source: &Source) -> Step<Result<Definition<B>, Error>> {
        let wasm = match &source.wasm {
            Ok(wasm) => wasm,
            Err(text) => return Err(Outcome::fail(format!("the text does not parse: {text}"))),
        };
        if !source.core {
            return Ok(self.component(wasm)?.map(Definition::Component));
        }
        let adapted = adapt::adapt(wasm)
            .map_err(|lacking| Outcome::unsupported(lacking.feature, lacking.reason))?;
        let component = self.component(&adapted.component)?;
        Ok(component.map(|component| Definition::Core(component, adapted.exports)))
    }

    fn component(&self, wasm: &[u8]) -> Step<Result<Component<B>, Error>> {
        let error = match Component::new(self.world.engine(), wasm) {
            Ok(component) => return Ok(Ok(component)),
            Err(error) => error,
        };
        Err(match error.kind() {
            ErrorKind::TooLarge => return Ok(Err(error)),
            ErrorKind::Unsupported => Outcome::unsupported(self.lacking(wasm, &error), error),
            ErrorKind::InvalidComponent => match proposals(wasm) {
                Some(names) => Outcome::unsupported(names, error),
                None => Outcome::fail(error),
            },
            _ => Outcome::fail(error),
        })
    }

    /// The features that a component needs and the backend lacks.
    fn lacking(&self, wasm: &[u8], error: &Error) -> String {
        let needed = needed_features(wasm).unwrap_or(Features::none());
        let support = B::support().features;
        let mut lacking = needed.iter().filter(|feature| !support.contains(*feature));
        match lacking.next() {
            Some(feature) => lacking.fold(feature.name().to_owned(), |names, feature| {
                names + ", " + feature.name()
            }),
            None => named(error).to_owned(),
        }
    }
}

/// The proposals that a component needs and that enginebay has no switch for.
/// `None` if it is not valid with every proposal of the validator on.
fn proposals(wasm: &[u8]) -> Option<String> {
    use wasmparser::WasmFeatures;
    // What core has, or has a switch for.
    let known = WasmFeatures::WASM2
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::MEMORY64
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::CM_ASYNC
        | WasmFeatures::CM_ASYNC_STACKFUL
        | WasmFeatures::CM_MORE_ASYNC_BUILTINS
        | WasmFeatures::CM_THREADING
        | WasmFeatures::CM_ERROR_CONTEXT
        | WasmFeatures::CM_FIXED_LENGTH_LISTS
        | WasmFeatures::CM_MAP
        | WasmFeatures::CM_IMPLEMENTS;
    let valid = |features| {
        let mut validator = wasmparser::Validator::new_with_features(features);
        validator.validate_all(wasm).is_ok()
    };
    let all = WasmFeatures::all();
    if !valid(all) {
        return None;
    }
    let unknown = all.difference(known).iter_names();
    let needed = unknown.filter(|(_, feature)| !valid(all.difference(*feature)));
    let names: Vec<_> = needed
        .map(|(name, _)| name.to_lowercase().replace('_', "-"))
        .collect();
    Some(if names.is_empty() {
        "proposal".to_owned()
    } else {
        names.join(", ")
    })
}

/// Expects that something is refused before an engine sees it, with every
/// feature on: so that it is not refused for the lack of one.
pub(super) fn refuse(source: &Source, header: &Header, annotation: &Annotation) -> Step<()> {
    // What does not parse was refused even before.
    let Ok(wasm) = &source.wasm else {
        return Ok(());
    };
    if source.core {
        let mut validator =
            wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all());
        return match validator.validate_all(wasm) {
            Err(_) => Ok(()),
            Ok(_) => Err(Outcome::fail("the module is valid")),
        };
    }
    let config = header.config(Feature::ALL.iter().copied().collect());
    let Err(error) = validate(wasm, &config) else {
        return Err(Outcome::fail("the component is valid"));
    };
    match (&annotation.error.kind, error.kind()) {
        (Some(expected), kind) if kind.name() == expected => Ok(()),
        (None, ErrorKind::InvalidComponent | ErrorKind::TooLarge) => Ok(()),
        _ => Err(Outcome::fail(error)),
    }
}
