//! An embedder from end to end: an engine, a host function, a store with
//! limits, and typed calls of a component that was built from a Rust program.
//!
//! Run it with `cargo run --example embed`.

use std::time::Duration;

use enginebay::prelude::*;

/// `guests/greet-host`: it exports `greet-logged` and imports `host.log`.
const GREET: &[u8] = include_bytes!("../guests/prebuilt/greet-host.wasm");

/// What the host keeps for each store.
#[derive(Default)]
struct Host {
    log: Vec<String>,
}

#[derive(Clone, Copy, Debug, ComponentType, Lower, Lift)]
#[component(enum)]
enum Level {
    Debug,
    Info,
    Warn,
}

#[derive(Clone, Debug, ComponentType, Lower, Lift)]
#[component(record)]
struct Person {
    name: String,
    age: u8,
    tags: Vec<String>,
}

fn main() -> Result<()> {
    let engine = Engine::new(&Config::new())?;
    let component = Component::new(&engine, GREET)?;

    let mut linker = Linker::<Host>::new(&engine);
    linker.instance("example:greet/host@0.1.0")?.func_wrap(
        "log",
        |mut caller: Caller<'_, Host>, (level, message): (Level, String)| {
            caller.data_mut().log.push(format!("{level:?}: {message}"));
            Ok(())
        },
    )?;

    let limits = Limits::new()
        .memory(16 << 20)
        .deadline(Duration::from_secs(1));
    let mut store = Store::builder(&engine)
        .limits(limits)
        .build(Host::default())?;
    let instance = linker.instantiate(&mut store, &component)?;

    let greet = instance.get_typed_func::<(&str,), (String,)>(&mut store, "greet-logged")?;
    let (greeting,) = greet.call(&mut store, ("Ada",))?;
    println!("{greeting}");
    for line in &store.data().log {
        println!("logged {line}");
    }

    let birthday = instance.get_typed_func::<(&Person,), (Result<Person, String>,)>(
        &mut store,
        "example:greet/api@0.1.0#birthday",
    )?;
    let ada = Person {
        name: "Ada".into(),
        age: 36,
        tags: vec!["maths".into()],
    };
    match birthday.call(&mut store, (&ada,))? {
        (Ok(older),) => println!("{} is {} now", older.name, older.age),
        (Err(refusal),) => println!("{refusal}"),
    }

    let usage = store.usage();
    println!(
        "{} bytes of memory, {} host calls",
        usage.memory, usage.host_calls
    );
    Ok(())
}
