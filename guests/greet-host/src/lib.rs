//! The guest for the world `greeter-with-host`: the exports of `greeter`, and one export
//! that calls an imported function.

// The bindings of each world are separate types, so the two crates share source text
// instead of a library.
#[path = "../../greet/src/component.rs"]
mod component;

use component::Component;
use example::greet::host::{self, Level};

wit_bindgen::generate!({
    path: "../greet/wit",
    world: "greeter-with-host",
});

impl Guest for Component {
    fn greet(name: String) -> String {
        component::greet(&name)
    }

    fn add(a: u32, b: u32) -> u32 {
        component::add(a, b)
    }

    fn greet_logged(name: String) -> String {
        host::log(Level::Info, &format!("greeting {name}"));
        component::greet(&name)
    }
}

export!(Component);
