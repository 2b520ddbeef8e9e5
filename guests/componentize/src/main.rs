//! Turns core modules into components, composes components, and prints the WIT of a
//! component.

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, WitPrinter};
use wit_parser::Resolve;

const USAGE: &str = "\
usage: componentize COMMAND

  encode MODULE COMPONENT                write a component that imports nothing from WASI
  encode --no-imports MODULE COMPONENT   write a component that imports nothing at all
  encode --world WORLD WIT MODULE COMPONENT
                                         the same, for a module without embedded WIT: it
                                         is of a world of the package in the folder WIT
  adapt MODULE COMPONENT                 write a command that was a module for preview 1
  plug PROGRAM LIBRARY COMPONENT         compose: PROGRAM imports what LIBRARY exports
  wit COMPONENT                          print the imports and exports as WIT
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["encode", "--no-imports", module, component] => {
            encode(module.as_ref(), component.as_ref(), Allowed::Nothing)
        }
        ["encode", "--world", world, wit, module, component] => {
            encode_for(world, wit.as_ref(), module.as_ref(), component.as_ref())
        }
        ["encode", module, component] => {
            encode(module.as_ref(), component.as_ref(), Allowed::AllButWasi)
        }
        ["adapt", module, component] => adapt(module.as_ref(), component.as_ref()),
        ["plug", program, library, component] => {
            plug(program.as_ref(), library.as_ref(), component.as_ref())
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
    encode_core(&read(module)?, module, component, allowed)
}

/// For compilers that know nothing of WIT: the world is embedded here.
fn encode_for(world: &str, wit: &Path, module: &Path, component: &Path) -> Result<()> {
    let mut core = read(module)?;
    let mut resolve = Resolve::default();
    let (package, _) = resolve
        .push_dir(wit)
        .with_context(|| format!("cannot read the WIT in {}", wit.display()))?;
    let world = resolve.select_world(&[package], Some(world))?;
    wit_component::embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8)?;
    encode_core(&core, module, component, Allowed::AllButWasi)
}

/// The module's path is for messages.
fn encode_core(core: &[u8], module: &Path, component: &Path, allowed: Allowed) -> Result<()> {
    let bytes = ComponentEncoder::default()
        .validate(true)
        .module(core)
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

    write(component, &bytes)
}

/// Maps the functions of preview 1 to WASI 0.2.
fn adapt(module: &Path, component: &Path) -> Result<()> {
    let bytes = ComponentEncoder::default()
        .validate(true)
        .module(&read(module)?)
        .and_then(|encoder| {
            encoder.adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
            )
        })
        .and_then(ComponentEncoder::encode)
        .with_context(|| format!("cannot make a component of {}", module.display()))?;
    write(component, &bytes)
}

/// Makes one component with both inside. It exports what the program exports.
fn plug(program: &Path, library: &Path, component: &Path) -> Result<()> {
    let mut graph = CompositionGraph::new();
    let mut register = |name: &str, path: &Path| {
        let package = Package::from_file(name, None, path, graph.types_mut())?;
        Ok::<_, anyhow::Error>(graph.register_package(package)?)
    };
    let library = register("local:library", library)?;
    let program = register("local:program", program)?;
    wac_graph::plug(&mut graph, vec![library], program)?;
    write(component, &graph.encode(EncodeOptions::default())?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
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
