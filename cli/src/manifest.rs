//! `enginebay manifest`: checks, begins and explains `Component.toml`, and what `run`
//! makes of one.

mod explain;
mod grant;
mod run;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use enginebay::host::manifest::{
    ByteSize, ComponentName, Manifest, ManifestError, Problem, ResourcePolicy, template,
};
use enginebay::{Error, ErrorKind};
use serde::Serialize;

use crate::args::Format;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{clean, note, print, print_json};
use crate::parse;

pub(crate) use run::{RunManifestArgs, apply};

/// Check, begin and explain a component's manifest, Component.toml.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "A manifest says what a component is, what it may use and what it may touch.

Examples:
  enginebay manifest init              begin one in this folder
  enginebay manifest check             say all that is wrong with it
  enginebay manifest explain app/      say what it means
  enginebay manifest schema > s.json   for editors"
)]
pub(crate) struct ManifestArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Check(CheckArgs),
    Init(InitArgs),
    Explain(ExplainArgs),
    /// Print the JSON Schema of manifests, for editors.
    Schema,
}

/// Say all that is wrong with a manifest, and where.
#[derive(Args, Clone, Debug)]
struct CheckArgs {
    #[command(flatten)]
    file: FileArgs,

    /// How the answer is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Say what a component may use and touch by its manifest.
#[derive(Args, Clone, Debug)]
struct ExplainArgs {
    #[command(flatten)]
    file: FileArgs,

    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Clone, Debug)]
struct FileArgs {
    /// The manifest, or the folder that has it.
    #[arg(default_value = ".")]
    path: PathBuf,

    #[command(flatten)]
    policy: PolicyArgs,
}

// What the user allows manifests to ask for.
#[derive(Args, Clone, Debug)]
pub(crate) struct PolicyArgs {
    /// The most memory that a manifest may ask for [default: 4MiB].
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    allow_memory: Option<u64>,
}

impl PolicyArgs {
    pub(crate) fn policy(&self) -> ResourcePolicy {
        let policy = ResourcePolicy::new();
        let least = *policy.memory_range().start();
        match self.allow_memory {
            Some(most) => policy.memory(least..=most),
            None => policy,
        }
    }
}

/// Begin a manifest, with comments that say what can be added.
#[derive(Args, Clone, Debug)]
struct InitArgs {
    /// The component's folder, whose name becomes the component's.
    #[arg(default_value = ".")]
    path: PathBuf,

    /// The component's name.
    #[arg(long)]
    name: Option<ComponentName>,

    /// Replace the manifest that is there.
    #[arg(long)]
    force: bool,
}

pub(crate) fn manifest(args: &ManifestArgs) -> Result<Exit, Failure> {
    match &args.command {
        Command::Check(args) => check(args),
        Command::Init(args) => init(args),
        Command::Explain(args) => {
            let manifest = read(&file_of(&args.file.path), &args.file.policy)?;
            explain::explain(&manifest, args.format)?;
            Ok(Exit::SUCCESS)
        }
        Command::Schema => {
            print_json(&Manifest::json_schema())?;
            Ok(Exit::SUCCESS)
        }
    }
}

/// The manifest of a folder, or the file itself.
fn file_of(path: &Path) -> PathBuf {
    match path.is_dir() {
        true => path.join(Manifest::FILE),
        false => path.to_owned(),
    }
}

/// Reads a manifest that must be right.
fn read(path: &Path, policy: &PolicyArgs) -> Result<Manifest, Failure> {
    read_with(path, &policy.policy())
}

/// Reads a manifest that must be right, and may ask for what a policy allows.
pub(crate) fn read_with(path: &Path, policy: &ResourcePolicy) -> Result<Manifest, Failure> {
    Manifest::from_file_with(path, policy).map_err(|error| failure(path, error))
}

fn failure(path: &Path, error: ManifestError) -> Failure {
    if let ManifestError::Io { source, .. } = error {
        return Failure::io("cannot read", path, source);
    }
    let (message, more) = match error.problems() {
        [] => (error.to_string(), 0),
        [first, rest @ ..] => (format!("{}: {first}", path.display()), rest.len()),
    };
    let advice = match more {
        0 => String::new(),
        more => format!("`enginebay manifest check` says {more} more"),
    };
    Failure::advised(Error::new(ErrorKind::InvalidComponent, message), advice)
}

#[derive(Serialize)]
struct Report<'a> {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    problems: &'a [Problem],
}

fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let path = file_of(&args.file.path);
    let error = match Manifest::from_file_with(&path, &args.file.policy.policy()) {
        Err(ManifestError::Io { source, .. }) => {
            return Err(Failure::io("cannot read", &path, source));
        }
        result => result.err(),
    };
    let problems = error.as_ref().map_or(&[][..], ManifestError::problems);
    if args.format == Format::Json {
        let unread = error.as_ref().filter(|_| problems.is_empty());
        print_json(&Report {
            valid: error.is_none(),
            error: unread.map(ToString::to_string),
            problems,
        })?;
    } else {
        match &error {
            None => print("valid\n")?,
            Some(error) => {
                for line in error.to_string().split('\n') {
                    let example = line.starts_with("    ");
                    let begin = if example { "" } else { "error: " };
                    note(&format!("{begin}{}", clean(line)));
                }
            }
        }
    }
    Ok(match error {
        None => Exit::SUCCESS,
        Some(_) => Exit::COMPONENT,
    })
}

fn init(args: &InitArgs) -> Result<Exit, Failure> {
    let io = |error| Failure::io("cannot make a manifest in", &args.path, error);
    let name = match &args.name {
        Some(name) => name.clone(),
        None => {
            let folder = fs::canonicalize(&args.path).map_err(io)?;
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            name.parse().map_err(|error| {
                Failure::Usage(format!("the folder's name: {error}: give one with --name"))
            })?
        }
    };
    let path = args.path.join(Manifest::FILE);
    let mut options = OpenOptions::new();
    match args.force {
        true => options.write(true).create(true).truncate(true),
        // So that nothing that is there is lost.
        false => options.write(true).create_new(true),
    };
    let written = options.open(&path);
    let written = written.and_then(|mut file| file.write_all(template(&name).as_bytes()));
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let message = format!("{} is there already", path.display());
            let error = Error::new(ErrorKind::Io, message);
            return Err(Failure::advised(error, "give --force to replace it"));
        }
        Err(error) => return Err(Failure::io("cannot write", &path, error)),
    }
    print(&format!("{} is a manifest for {name}\n", path.display()))?;
    Ok(Exit::SUCCESS)
}

/// As manifests write it.
fn size(bytes: u64) -> String {
    ByteSize(bytes).to_string()
}
