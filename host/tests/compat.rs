//! Whether components fit hosts, and versions of packages each other: components are made
//! of WIT, and what is said of them is held against what wasmparser accepts.

#[path = "compat/hostile.rs"]
mod hostile;
#[path = "compat/offers.rs"]
mod offers;
#[path = "compat/packages.rs"]
mod packages;
#[path = "compat/prebuilt.rs"]
mod prebuilt;
#[path = "compat/released.rs"]
mod released;
#[path = "compat/versions.rs"]
mod versions;

use enginebay_host::compat::{Offer, Wit};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi};

/// A package from text.
fn wit(text: &str) -> Wit {
    Wit::parse("test.wit", text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A component that imports all that a world lets it import, and exports what it must.
fn component(wit: &Wit, world: &str) -> Vec<u8> {
    let resolve = wit.resolve();
    let world = wit.select(Some(world)).expect("the world is there");
    let mut module = dummy_module(resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)
        .expect("the world can be encoded");
    ComponentEncoder::default()
        .module(&module)
        .expect("the module is one of the world")
        .validate(true)
        .encode()
        .expect("the component can be encoded")
}

/// What a host offers that implements a world.
fn offer(wit: &Wit, world: &str) -> Offer {
    let world = wit.select(Some(world)).expect("the world is there");
    Offer::world(wit.resolve(), world).expect("the world can be offered")
}
