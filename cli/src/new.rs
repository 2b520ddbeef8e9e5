//! `enginebay new`: a project for a component in Rust.

use std::fs;
use std::path::Path;

use crate::args::NewArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::print;

/// Files by their paths in the project. `@NAME@` in them is the package's name, `@CRATE@`
/// the same for Rust, and `@TYPE@` that of the world's struct.
type Template = &'static [(&'static str, &'static str)];

const COMMAND: Template = &[
    ("Cargo.toml", include_str!("new/command/Cargo.toml.in")),
    ("src/main.rs", include_str!("new/command/main.rs.in")),
    (".cargo/config.toml", CARGO_CONFIG),
    (".gitignore", "/target\n"),
    ("README.md", include_str!("new/command/README.md.in")),
];

const LIBRARY: Template = &[
    ("Cargo.toml", include_str!("new/library/Cargo.toml.in")),
    ("src/lib.rs", include_str!("new/library/lib.rs.in")),
    ("wit/world.wit", include_str!("new/library/world.wit.in")),
    (".cargo/config.toml", CARGO_CONFIG),
    (".gitignore", "/target\n"),
    ("README.md", include_str!("new/library/README.md.in")),
];

/// `cargo build` makes a component, and `cargo run` runs it.
const CARGO_CONFIG: &str = "\
[build]
target = \"wasm32-wasip2\"

[target.wasm32-wasip2]
runner = \"enginebay run\"
";

/// Names that Cargo refuses, or that WIT has for itself.
const RESERVED: &str = "\
    as async await bool borrow box break char const constructor continue core crate do \
    dyn else enum export extern f32 f64 false final flags fn for from func future gen if \
    impl import in include interface let list loop macro map match mod move mut option \
    override own package priv proc-macro pub record ref resource result return s16 s32 \
    s64 s8 self static std stream string struct super test trait true try tuple type \
    typeof u16 u32 u64 u8 unsafe unsized use variant virtual where while with world \
    yield";

pub(crate) fn new(args: &NewArgs) -> Result<Exit, Failure> {
    let path = &args.path;
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| refusal("the path has no name at its end"))?;
    check(name)?;
    let template = if args.library { LIBRARY } else { COMMAND };
    make(path, template, name)?;
    let run = match args.library {
        true => format!(
            "enginebay run target/wasm32-wasip2/release/{}.wasm --invoke 'greet(\"World\")'",
            name.replace('-', "_")
        ),
        false => format!("enginebay run target/wasm32-wasip2/release/{name}.wasm"),
    };
    print(&format!(
        "{name} is in {}. Build and run it:

  cd {}
  rustup target add wasm32-wasip2
  cargo build --release
  {run}
",
        path.display(),
        path.display(),
    ))?;
    Ok(Exit::SUCCESS)
}

fn refusal(message: impl Into<String>) -> Failure {
    Failure::Usage(message.into())
}

/// A name for a package of Cargo's and one of WIT's.
fn check(name: &str) -> Result<(), Failure> {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    if !name.split('-').all(is_word) {
        return Err(refusal(format!(
            "`{name}` is no name for a component: write words of a-z and 0-9 with `-` between \
             them, each of which begins with a letter"
        )));
    }
    if RESERVED.split(' ').any(|word| word == name) {
        return Err(refusal(format!("`{name}` is a word of Rust, Cargo or WIT")));
    }
    Ok(())
}

/// Writes the files. Nothing that is there is changed.
fn make(path: &Path, template: Template, name: &str) -> Result<(), Failure> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| Failure::io("cannot make", parent, error))?;
    }
    // An empty folder may be there; whoever made it wants it filled.
    match fs::create_dir(path) {
        Ok(()) => {}
        Err(_) if fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none()) => {}
        Err(error) => return Err(Failure::io("cannot make", path, error)),
    }
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_ascii_uppercase() + rest
    });
    let ty: String = words.collect();
    for (file, text) in template {
        let file = path.join(file);
        let text = text
            .replace("@NAME@", name)
            .replace("@CRATE@", &name.replace('-', "_"))
            .replace("@TYPE@", &ty);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)
                .map_err(|error| Failure::io("cannot make", folder, error))?;
        }
        fs::write(&file, text).map_err(|error| Failure::io("cannot write", &file, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn names_are_those_of_cargo_and_wit() {
        for name in ["a", "hello", "a1-b2", "hello-world"] {
            assert!(check(name).is_ok(), "{name}");
        }
        for name in [
            "", "-", "a-", "-a", "1a", "a-1", "A", "a_b", "a b", "ä", "test", "world", "..",
        ] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
