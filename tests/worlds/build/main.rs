//! Makes random worlds, for each a component that passes on what it is given to a host
//! function and back, and the test that calls it through generated bindings.
//!
//! The worlds depend on `ENGINEBAY_WORLDS_SEED` alone; `ENGINEBAY_WORLDS` says how many.

#[path = "../../common/random.rs"]
mod random;

mod guest;
mod model;
mod published;
mod rust;
mod wit;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use enginebay_bindgen::{Async, Options, Wit};

use crate::model::World;
use crate::random::Random;

fn number(name: &str, default: u64) -> u64 {
    println!("cargo::rerun-if-env-changed={name}");
    match env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
        Err(_) => default,
    }
}

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=../common/random.rs");
    let seed = number("ENGINEBAY_WORLDS_SEED", 1);
    let count = number("ENGINEBAY_WORLDS", 12) as usize;
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets it"));
    published::generate(&out);
    let mut tests = String::new();
    let mut names = String::new();
    for index in 0..count {
        let mut random = Random(seed.wrapping_mul(0x1_0001).wrapping_add(index as u64));
        let world = World::random(&mut random, index);
        let text = wit::text(&world);
        fs::write(out.join(format!("{index}.wit")), &text).unwrap();
        let fail = |what: &str, error: &dyn std::fmt::Display| -> ! {
            panic!("world {index} of seed {seed}: {what}: {error}\n{text}")
        };
        let component = match guest::component(&world, &text) {
            Ok(component) => component,
            Err(error) => fail("the component", &error),
        };
        fs::write(out.join(format!("{index}.wasm")), component).unwrap();
        let mut options =
            Options::new(Wit::Inline(text.clone())).trappable_imports(world.trappable);
        if world.is_async {
            options = options.asynchronous(Async::All);
        }
        let interface = format!("{}/{}#", world.package, world.host);
        for (funcs, of) in [(&world.funcs, &*interface), (&world.free, "")] {
            let views = funcs.iter().enumerate();
            for (_, func) in views.filter(|it| world.reads_in_place(*it)) {
                options = options.view(format!("{of}{}", func.name));
            }
        }
        let bindings = match options.generate() {
            Ok(bindings) => bindings,
            Err(error) => fail("the bindings", &error),
        };
        fs::write(out.join(format!("{index}.rs")), bindings.to_string()).unwrap();
        tests += &rust::test(&world, index, &mut random);
        write!(names, "world_{index} ").unwrap();
    }
    write!(tests, "on_each_backend! {{ {names} }}").unwrap();
    fs::write(out.join("worlds.rs"), tests).unwrap();
}
