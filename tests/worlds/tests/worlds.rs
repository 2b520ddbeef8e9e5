//! Random worlds: their bindings compile, and values of each type go through a component
//! to the host and back unchanged, on every backend.

#[path = "../../common/mod.rs"]
mod common;

use common::on_each_backend;
use enginebay::generic::{Component, Engine, Linker, Store};
use enginebay::{Backend, Config, Feature};

/// The host of each world, and how often it was called.
#[derive(Debug, Default)]
pub(crate) struct Echo(pub(crate) usize);

const FEATURES: [Feature; 2] = [Feature::Maps, Feature::FixedLengthLists];

/// What a test begins with.
type Start<B> = (Component<B>, Linker<B, Echo>, Store<B, Echo>);

/// Nothing if the backend lacks what the worlds are made of.
fn start<B: Backend>(wasm: &[u8], is_async: bool) -> Option<Start<B>> {
    let mut config = Config::new();
    for feature in FEATURES {
        if !B::support().features.contains(feature) {
            return None;
        }
        config.feature(feature, true);
    }
    let engine = Engine::<B>::new(&config).unwrap();
    let component = Component::new(&engine, wasm).unwrap();
    let linker = Linker::new(&engine);
    let store = match is_async {
        true => Store::new_async(&engine, Echo::default()),
        false => Store::new(&engine, Echo::default()),
    };
    Some((component, linker, store.unwrap()))
}

include!(concat!(env!("OUT_DIR"), "/worlds.rs"));
