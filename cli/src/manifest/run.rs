//! What `enginebay run` takes from a manifest: the limits, and, if it was named or that
//! is asked for, what WASI can grant of its permissions.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use enginebay::Limits;
use enginebay::host::manifest::{Manifest, Span};

use super::{PolicyArgs, file_of, grant, read, size};
use crate::args::RunArgs;
use crate::failure::Failure;
use crate::output::{clean, note};
use crate::parse::Timeout;

// What is taken from a manifest.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Manifest")]
pub(crate) struct RunManifestArgs {
    /// The component's manifest, or its folder: its limits hold, and what it asks for
    /// of files and of the network is granted, where WASI can grant just that. Folders
    /// are those of the same paths on this machine. Default: the Component.toml beside
    /// the component, if it names this file, of which only the limits hold.
    #[arg(long, value_name = "FILE", conflicts_with = "no_manifest")]
    manifest: Option<PathBuf>,

    /// Do without a manifest.
    #[arg(long)]
    no_manifest: bool,

    /// Grant what the manifest beside the component asks for, as if it was named.
    #[arg(long, conflicts_with = "no_manifest")]
    grant_manifest: bool,

    /// Take only the limits from a manifest that is named.
    #[arg(long, conflicts_with_all = ["no_manifest", "grant_manifest"])]
    limits_only: bool,

    #[command(flatten)]
    policy: PolicyArgs,

    /// The limits to begin with, instead of the engine's.
    #[arg(skip)]
    pub(crate) limits: Option<Limits>,
}

/// The options of a run with what its manifest says.
pub(crate) fn apply(args: &RunArgs) -> Result<RunArgs, Failure> {
    let mut run = args.clone();
    let Some((path, manifest)) = find(args)? else {
        if args.manifest.grant_manifest {
            return Err(Failure::Usage(
                "--grant-manifest needs a manifest, and there is none: give one with --manifest"
                    .to_owned(),
            ));
        }
        return Ok(run);
    };
    limit(&mut run, &manifest)?;
    let own = &args.manifest;
    // Who names a manifest has read it; one that is found was written by whoever made
    // the component.
    let left = match own.grant_manifest || own.manifest.is_some() && !own.limits_only {
        true => grant::apply(&mut run, &manifest),
        false if own.limits_only => Vec::new(),
        false => grant::without(&manifest),
    };
    for line in left {
        note(&clean(&format!("note: {}: {line}", path.display())));
    }
    Ok(run)
}

fn find(args: &RunArgs) -> Result<Option<(PathBuf, Manifest)>, Failure> {
    let own = &args.manifest;
    if own.no_manifest {
        return Ok(None);
    }
    if let Some(path) = &own.manifest {
        let path = file_of(path);
        let manifest = read(&path, &own.policy)?;
        return Ok(Some((path, manifest)));
    }
    let folder = args.file.parent().unwrap_or(Path::new(""));
    let path = folder.join(Manifest::FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let manifest = read(&path, &own.policy)?;
    let named = fs::canonicalize(folder.join(manifest.component.file.as_str()));
    let same = match (named, fs::canonicalize(&args.file)) {
        (Ok(named), Ok(file)) => named == file,
        _ => false,
    };
    if !same {
        note(&clean(&format!(
            "note: {} is for {}, and is not used: give --manifest to use it",
            path.display(),
            manifest.component.file,
        )));
        return Ok(None);
    }
    Ok(Some((path, manifest)))
}

/// Sets the manifest's limits; options may only tighten them.
fn limit(run: &mut RunArgs, manifest: &Manifest) -> Result<(), Failure> {
    let limits = manifest.limits();
    let refuse = |option: &str, value: String, most: String| {
        Failure::Usage(format!(
            "{option} {value} is more than the manifest's {most}: options may only tighten it; \
             give --no-manifest to do without"
        ))
    };
    let own = &mut run.limits;
    match own.memory {
        Some(memory) if memory > limits.memory => {
            return Err(refuse("--memory", size(memory), size(limits.memory)));
        }
        _ => {}
    }
    match (own.fuel, limits.fuel) {
        (Some(fuel), Some(most)) if fuel > most => {
            return Err(refuse("--fuel", fuel.to_string(), most.to_string()));
        }
        (None, most) => own.fuel = most,
        _ => {}
    }
    match (own.timeout, limits.deadline) {
        (Some(Timeout(time)), Some(most)) if time.is_none_or(|time| time > most) => {
            let time = time.map_or("none".to_owned(), |time| Span(time).to_string());
            return Err(refuse("--timeout", time, Span(most).to_string()));
        }
        (None, most) if manifest.resources.deadline.is_some() => {
            own.timeout = Some(Timeout(most));
        }
        _ => {}
    }
    run.manifest.limits = Some(limits);
    Ok(())
}
