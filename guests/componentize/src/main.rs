//! Turns a core module with embedded WIT into a component, and prints the WIT of a
//! component.

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use wit_component::{ComponentEncoder, DecodedWasm, WitPrinter};

const USAGE: &str = "\
usage: componentize COMMAND

  encode MODULE COMPONENT                write a component that imports nothing from WASI
  encode --no-imports MODULE COMPONENT   write a component that imports nothing at all
  wit COMPONENT                          print the imports and exports as WIT
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["encode", "--no-imports", module, component] => {
            encode(module.as_ref(), component.as_ref(), Allowed::Nothing)
        }
        ["encode", module, component] => {
            encode(module.as_ref(), component.as_ref(), Allowed::AllButWasi)
        }
        ["wit", component] => print_wit(component.as_ref()),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What a component may import.
#[derive(Clone, Copy)]
enum Allowed {
    Nothing,
    AllButWasi,
}

impl Allowed {
    fn permits(self, import: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::AllButWasi => !import.starts_with("wasi:"),
        }
    }
}

fn encode(module: &Path, component: &Path, allowed: Allowed) -> Result<()> {
    let core = read(module)?;
    let bytes = ComponentEncoder::default()
        .validate(true)
        .module(&core)
        .and_then(ComponentEncoder::encode)
        .with_context(|| format!("cannot make a component of {}", module.display()))?;

    // The module's own WIT says less than the finished component: the check reads back
    // what a host would see.
    let refused: Vec<String> = imports(&bytes)?
        .into_iter()
        .filter(|import| !allowed.permits(import))
        .collect();
    if !refused.is_empty() {
        bail!(
            "the component made of {} must not import {}",
            module.display(),
            refused.join(", ")
        );
    }

    fs::write(component, bytes).with_context(|| format!("cannot write {}", component.display()))
}

/// The names of everything that a component imports.
fn imports(component: &[u8]) -> Result<Vec<String>> {
    let DecodedWasm::Component(resolve, world) = decode(component)? else {
        bail!("expected a component, found a WIT package");
    };
    Ok(resolve.worlds[world]
        .imports
        .keys()
        .map(|key| resolve.name_world_key(key))
        .collect())
}

fn decode(component: &[u8]) -> Result<DecodedWasm> {
    // A core module would decode to an empty world.
    if component.get(..8) != Some(b"\0asm\x0d\0\x01\0") {
        bail!("not a component");
    }
    wit_component::decode(component)
}

fn print_wit(component: &Path) -> Result<()> {
    let decoded = decode(&read(component)?)
        .with_context(|| format!("cannot read the WIT of {}", component.display()))?;
    let resolve = decoded.resolve();
    let main = decoded.package();
    let others: Vec<_> = resolve
        .packages
        .iter()
        .map(|(id, _)| id)
        .filter(|id| *id != main)
        .collect();
    let mut printer = WitPrinter::default();
    printer.print(resolve, main, &others)?;
    print!("{}", printer.output);
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
