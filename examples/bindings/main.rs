//! Bindings that were written to a file, `greeter.rs`, by
//! `enginebay bindgen guests/greet/wit --world greeter-with-host`. The macro `bindgen!`
//! gives the same.
//!
//! Run it with `cargo run --example bindings`.

// It is as it was written.
#[rustfmt::skip]
#[allow(unreachable_pub, reason = "the module is private here")]
mod greeter;

use enginebay::prelude::*;
use greeter::GreeterWithHost;
use greeter::example::greet::host::{self, Level};
use greeter::exports::example::greet::api::Shape;

/// `guests/greet-host`, a component of the world.
const GREET: &[u8] = include_bytes!("../../guests/prebuilt/greet-host.wasm");

/// What the host keeps for each store.
struct Data;

impl host::Host for Data {
    fn log(&mut self, level: Level, message: String) {
        println!("logged {level:?}: {message}");
    }
}

fn main() -> Result<()> {
    let engine = Engine::new(&Config::new())?;
    let component = Component::new(&engine, GREET)?;
    let mut linker = Linker::<Data>::new(&engine);
    GreeterWithHost::add_to_linker(&mut linker, |data: &mut Data| data)?;

    let mut store = Store::new(&engine, Data)?;
    let greeter = GreeterWithHost::instantiate(&mut store, &component, &linker)?;
    println!("{}", greeter.call_greet_logged(&mut store, "Ada")?);

    let api = greeter.example_greet_api();
    let area = api.call_area(&mut store, Shape::Rectangle((2.0, 3.0)))?;
    println!("area {area:?}");
    let counter = api.counter();
    let one = counter.call_constructor(&mut store, 41)?;
    println!("counted {}", counter.call_increment(&mut store, one, 1)?);
    Ok(())
}
