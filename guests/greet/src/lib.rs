//! The guest for the world `greeter`: exports only, no imports.

mod component;

use component::Component;

wit_bindgen::generate!({
    path: "wit",
    world: "greeter",
});

impl Guest for Component {
    fn greet(name: String) -> String {
        component::greet(&name)
    }

    fn add(a: u32, b: u32) -> u32 {
        component::add(a, b)
    }
}

export!(Component);
