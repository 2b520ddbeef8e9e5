//! Greets somebody on the engine that its first argument names.

use std::env;

use enginebay::any::{self, Component, Linker, Store};
use enginebay::wasi::{self, WasiCtx, WasiView};
use enginebay::{Config, Limits, Result};

mod bindings {
    enginebay::bindgen!({ path: "greeter/wit" });
}

use bindings::{Greeter, GreeterImports};

/// What a store has for its guest.
struct Host {
    wasi: WasiCtx,
}

impl GreeterImports for Host {
    fn title(&mut self, name: String) -> Option<String> {
        (name == "Lovelace").then(|| "Countess".to_string())
    }
}

impl WasiView for Host {
    fn wasi(&mut self) -> &mut WasiCtx {
        &mut self.wasi
    }
}

fn main() -> Result<()> {
    let backend = env::args().nth(1).unwrap_or_else(|| "wasmtime".to_string());
    let engine = any::engine(&backend, &Config::new())?;
    let component =
        Component::from_file(&engine, "greeter/target/wasm32-wasip2/release/greeter.wasm")?;

    let mut linker = Linker::<Host>::new(&engine);
    wasi::add_to_linker(&mut linker)?;
    Greeter::add_to_linker(&mut linker, |host: &mut Host| host)?;

    let host = Host {
        wasi: WasiCtx::builder().build()?,
    };
    let mut store = Store::builder(&engine)
        .limits(Limits::new().memory(4 << 20))
        .build(host)?;
    let greeter = Greeter::instantiate(&mut store, &component, &linker)?;
    println!("{}", greeter.call_greet(&mut store, "Ada")?);
    println!("{}", greeter.call_greet(&mut store, "Lovelace")?);
    println!("{} bytes of memory", store.usage().memory);
    Ok(())
}
