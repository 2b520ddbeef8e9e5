//! `enginebay inspect`: what a component imports, exports and consists of. No
//! engine is needed for it.

#[cfg(feature = "host")]
mod against;
mod binary;
#[cfg(feature = "host")]
mod diff;
mod wit;

use std::fmt::Write as _;

use enginebay::{Config, ErrorKind, Feature, is_artifact, to_binary};
use serde::Serialize;

use crate::args::{Format, InspectArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::load;
use crate::output::{bytes, clean, count, print, print_json, table};

use binary::{Module, Section};
#[cfg(feature = "host")]
pub(crate) use diff::wit_diff;
use wit::{Item, World};

/// All there is to say about a component.
#[derive(Serialize)]
struct Inspection {
    kind: &'static str,
    size: u64,
    /// What `enginebay run` would refuse about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    imports: Vec<Item>,
    exports: Vec<Item>,
    modules: Vec<Module>,
    sections: Vec<Section>,
    /// The world as WIT, unless the component's types cannot be written as WIT.
    #[serde(skip_serializing_if = "Option::is_none")]
    wit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wit_error: Option<String>,
}

/// All there is to say about an artifact without the engine that made it.
#[derive(Serialize)]
struct Precompiled {
    kind: &'static str,
    size: u64,
}

pub(crate) fn inspect(args: &InspectArgs) -> Result<Exit, Failure> {
    let file = load::read(&args.file)?;
    #[cfg(feature = "host")]
    if let Some(host) = &args.against.against {
        return against::against(&file, host, &args.against, args.format);
    }
    if is_artifact(&file) {
        return precompiled(args, file.len() as u64);
    }
    let named = |error| load::named(error, &args.file);
    let wasm = to_binary(&file).map_err(named)?;
    // With every feature on, so that a component can be looked at which needs
    // one that is off.
    let mut config = Config::new();
    for feature in Feature::ALL {
        config.feature(*feature, true);
    }
    enginebay::validate(&wasm, &config).map_err(named)?;
    let refused = enginebay::validate(&wasm, &Config::new()).err();
    let inspection = look(&wasm, refused.map(|error| error.to_string())).map_err(named)?;
    match args.format {
        _ if args.wit => print_wit(&inspection)?,
        Format::Json => print_json(&inspection)?,
        Format::Text => print(&text(&inspection))?,
    }
    Ok(Exit::SUCCESS)
}

fn precompiled(args: &InspectArgs, size: u64) -> Result<Exit, Failure> {
    let kind = "precompiled component";
    match args.format {
        _ if args.wit => {
            return Err(load::named(
                enginebay::Error::new(
                    ErrorKind::InvalidComponent,
                    "a precompiled component has no WIT: inspect the component that it was made \
                     from",
                ),
                &args.file,
            ));
        }
        Format::Json => print_json(&Precompiled { kind, size })?,
        Format::Text => print(&format!(
            "{kind}, {}: machine code for `enginebay run --allow-precompiled`\n",
            bytes(size)
        ))?,
    }
    Ok(Exit::SUCCESS)
}

fn look(wasm: &[u8], refused: Option<String>) -> enginebay::Result<Inspection> {
    let binary = binary::read(wasm)?;
    let (world, wit_error) = match wit::decode(wasm) {
        Ok(world) => (world, None),
        // Then the names are still there, without their types.
        Err(message) => (
            World {
                imports: binary.imports,
                exports: binary.exports,
                wit: None,
            },
            Some(message),
        ),
    };
    Ok(Inspection {
        kind: "component",
        size: wasm.len() as u64,
        refused,
        imports: world.imports,
        exports: world.exports,
        modules: binary.modules,
        sections: binary.sections,
        wit: world.wit,
        wit_error,
    })
}

fn print_wit(inspection: &Inspection) -> Result<(), Failure> {
    match (&inspection.wit, &inspection.wit_error) {
        (Some(wit), _) => print(&clean(wit)),
        (None, error) => {
            let message = error.as_deref().unwrap_or("there is no WIT");
            Err(enginebay::Error::new(ErrorKind::Unsupported, message.to_owned()).into())
        }
    }
}

fn text(inspection: &Inspection) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(text, "{}, {}", inspection.kind, bytes(inspection.size));
    if let Some(refused) = &inspection.refused {
        let _ = writeln!(text, "not run with the default options: {refused}");
    }
    items(&mut text, "imports", &inspection.imports);
    items(&mut text, "exports", &inspection.exports);

    let _ = writeln!(text, "\ncore modules: {}", inspection.modules.len());
    let rows: Vec<Vec<String>> = inspection
        .modules
        .iter()
        .map(|module| {
            vec![
                format!("  {}", module.name.as_deref().unwrap_or("(no name)")),
                bytes(module.size),
                count(module.functions, "function"),
                count(module.imports, "import"),
                count(module.exports, "export"),
            ]
        })
        .collect();
    text.push_str(&table(&rows));

    text.push_str("\nsections:\n");
    let rows: Vec<Vec<String>> = inspection
        .sections
        .iter()
        .map(|section| {
            let times = match section.count {
                1 => String::new(),
                count => format!("{count} times"),
            };
            vec![format!("  {}", section.name), bytes(section.size), times]
        })
        .collect();
    text.push_str(&table(&rows));

    match (&inspection.wit, &inspection.wit_error) {
        (Some(wit), _) => {
            let _ = write!(text, "\nWIT:\n\n{wit}");
        }
        (None, Some(error)) => {
            let _ = writeln!(text, "\nno WIT: {error}");
        }
        (None, None) => {}
    }
    clean(&text).into_owned()
}

fn items(text: &mut String, title: &str, items: &[Item]) {
    let none = if items.is_empty() { " none" } else { "" };
    let _ = writeln!(text, "\n{title}:{none}");
    for item in items {
        match &item.ty {
            Some(ty) => {
                let _ = writeln!(text, "  {}: {ty}", item.name);
            }
            None => {
                let _ = writeln!(text, "  {} ({})", item.name, item.kind);
            }
        }
        for function in &item.functions {
            let _ = writeln!(text, "    {}: {}", function.name, function.ty);
        }
    }
}
