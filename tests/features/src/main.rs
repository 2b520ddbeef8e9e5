//! A program that uses the default backend and does not say which. What the
//! facade made of the features is checked while this is compiled, against what
//! `check` expects of them.

use enginebay::Backend;
use enginebay::prelude::*;

/// The name that the default backend must have.
const DEFAULT: &str = env!("EXPECTED_DEFAULT");

/// The names of all backends that must be there, in order, with commas between.
const BACKENDS: &str = env!("EXPECTED_BACKENDS");

const ADD: &str = r#"(component
    (core module $m
        (func (export "add") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1))))
    (core instance $i (instantiate $m))
    (func (export "add") (param "a" u32) (param "b" u32) (result u32)
        (canon lift (core func $i "add"))))"#;

/// Whether `text` has `part` at this place.
const fn has_at(text: &str, part: &str, at: usize) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let mut i = 0;
    while i < part.len() {
        if at + i >= text.len() || text[at + i] != part[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Whether `text` is these names with commas between.
const fn is_list(text: &str, names: &[&str]) -> bool {
    let mut at = 0;
    let mut i = 0;
    while i < names.len() {
        if i > 0 {
            if !has_at(text, ",", at) {
                return false;
            }
            at += 1;
        }
        if !has_at(text, names[i], at) {
            return false;
        }
        at += names[i].len();
        i += 1;
    }
    at == text.len()
}

const _: () = assert!(
    is_list(DEFAULT, &[<enginebay::DefaultBackend as Backend>::NAME]),
    "another backend is the default one"
);

const _: () = assert!(
    is_list(BACKENDS, enginebay::BACKENDS),
    "other backends are there"
);

// The names at the root are those of the default backend.
const _: fn(enginebay::Engine) -> enginebay::generic::Engine<enginebay::DefaultBackend> = |e| e;

// Each backend has its names in a module of its own.
macro_rules! by_name {
    ($name:ident, $backend:ty) => {
        const _: fn(enginebay::$name::Engine) -> enginebay::generic::Engine<$backend> = |e| e;
    };
}
enginebay::for_each_backend!(by_name);

fn main() -> Result<()> {
    let engine = Engine::new(&Config::new())?;
    let component = Component::new(&engine, ADD)?;
    let mut store = Store::new(&engine, ())?;
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    let add = instance.get_typed_func::<(u32, u32), (u32,)>(&mut store, "add")?;
    assert_eq!(add.call(&mut store, (2, 3))?, (5,));
    println!("default {}, all {}", engine.backend(), BACKENDS);
    Ok(())
}
