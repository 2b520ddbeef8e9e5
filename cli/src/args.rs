//! The command line. Documentation comments here are the text of the help, so
//! the groups of options have plain ones.

use std::path::PathBuf;
#[cfg(not(target_family = "wasm"))]
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use enginebay::{BACKENDS, Config, Feature, Interruption};

#[cfg(not(target_family = "wasm"))]
use crate::compiler::ChildArgs;
use crate::dispatch::{ALL, DEFAULT};
use crate::exit::Exit;
use crate::guest::{EXAMPLES, GrantArgs};
#[cfg(feature = "host")]
use crate::manifest::{ManifestArgs, RunManifestArgs};
use crate::parse::{self, Bytes, Timeout};
#[cfg(all(feature = "host", not(target_family = "wasm")))]
use crate::serve::ServeArgs;

/// Run, inspect, validate and compile WebAssembly components, on any engine.
#[derive(Debug, Parser)]
#[command(name = "enginebay", version, propagate_version = true)]
#[command(after_help = after_help())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Say what is behind an error: its causes and the guest's stack.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

fn after_help() -> String {
    format!(
        "Examples:
  enginebay run app.wasm -- --flag             run a command, with arguments
  enginebay run lib.wasm --invoke 'add(1, 2)'  call a function
  enginebay inspect lib.wasm                   see what it imports and exports
  enginebay compile lib.wasm -o lib.aot        compile ahead of time

{}
`enginebay COMMAND --help` says more about a command.",
        Exit::help()
    )
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<RunArgs>),
    #[cfg(all(feature = "host", not(target_family = "wasm")))]
    Serve(ServeArgs),
    Inspect(InspectArgs),
    #[cfg(feature = "host")]
    WitDiff(WitDiffArgs),
    Validate(ValidateArgs),
    Backends(BackendsArgs),
    Compile(CompileArgs),
    Conformance(ConformanceArgs),
    Bindgen(BindgenArgs),
    New(NewArgs),
    #[cfg(feature = "host")]
    Manifest(ManifestArgs),
    Completions(CompletionsArgs),
    #[cfg(not(target_family = "wasm"))]
    #[command(hide = true)]
    CompileInChild(ChildArgs),
}

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// What stops a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stop {
    /// Nothing: the fastest code, for guests that are trusted to end.
    None,
    /// Time, and Ctrl-C.
    Deadline,
    /// Fuel, and time, and Ctrl-C.
    Fuel,
    /// Fuel, and nothing else.
    FuelOnly,
}

impl From<Stop> for Interruption {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::None => Interruption::None,
            Stop::Deadline => Interruption::Deadline,
            Stop::Fuel => Interruption::Fuel,
            Stop::FuelOnly => Interruption::FuelOnly,
        }
    }
}

pub(crate) fn backend_names() -> PossibleValuesParser {
    PossibleValuesParser::new(BACKENDS)
}

fn backend_names_and_all() -> PossibleValuesParser {
    PossibleValuesParser::new(BACKENDS.iter().copied().chain([ALL]))
}

/// The features that are off by default, without those that synchronous stores
/// cannot run.
fn features() -> impl Iterator<Item = Feature> {
    Feature::ALL.iter().copied().filter(|feature| {
        let suspends = [Feature::ComponentAsync, Feature::ComponentThreads];
        !feature.default_on() && !suspends.contains(feature)
    })
}

fn feature_names() -> PossibleValuesParser {
    PossibleValuesParser::new(features().map(Feature::name))
}

// The options that decide how code is compiled. An artifact can be run only
// with those that it was compiled with.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "How code is compiled")]
pub(crate) struct EngineArgs {
    /// What can stop the component; `run --fuel` implies `fuel`.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) interruption: Option<Stop>,

    /// How much stack the component may use, such as 512KiB.
    #[arg(long, value_name = "SIZE", value_parser = parse::address_size)]
    pub(crate) stack: Option<usize>,

    /// Give the same results, to the bit, on each machine and backend.
    #[arg(long)]
    pub(crate) deterministic: bool,

    /// Allow a feature of WebAssembly that is off by default.
    #[arg(long, value_name = "NAME", value_parser = feature_names())]
    pub(crate) feature: Vec<String>,
}

impl EngineArgs {
    /// The engine's configuration; `fuel` asks for fuel unless something else
    /// is asked for.
    pub(crate) fn config(&self, fuel: bool) -> Config {
        let mut config = Config::new();
        match self.interruption {
            Some(stop) => {
                config.interruption(stop.into());
            }
            None if fuel => {
                config.interruption(Interruption::Fuel);
            }
            None => {}
        }
        if let Some(bytes) = self.stack {
            config.max_stack(bytes);
        }
        config.deterministic(self.deterministic);
        for feature in features() {
            if self.feature.iter().any(|name| name == feature.name()) {
                config.feature(feature, true);
            }
        }
        config
    }

    /// The options on a command line, with what `fuel` asks for.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn to_args(&self, fuel: bool) -> Vec<String> {
        let mut args = Vec::new();
        let stop = self.interruption.or(fuel.then_some(Stop::Fuel));
        if let Some(value) = stop.and_then(|stop| stop.to_possible_value()) {
            args.push(format!("--interruption={}", value.get_name()));
        }
        if let Some(bytes) = self.stack {
            args.push(format!("--stack={bytes}"));
        }
        if self.deterministic {
            args.push("--deterministic".to_owned());
        }
        args.extend(self.feature.iter().map(|name| format!("--feature={name}")));
        args
    }
}

// What bounds the process that compiles.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Compilation")]
pub(crate) struct CompilerArgs {
    /// Time for compilation, such as 5s, or `none` [default: 60s].
    #[arg(long, value_name = "TIME", value_parser = parse::timeout)]
    pub(crate) compile_timeout: Option<Timeout>,

    /// Memory for compilation, such as 1GiB, or `none` [default: 4GiB].
    #[arg(long, value_name = "SIZE", value_parser = parse::compile_memory)]
    pub(crate) compile_memory: Option<Bytes>,

    /// Compile in this process, without bounds: only for components whose makers
    /// you trust not to harm the compiler.
    #[arg(long, conflicts_with_all = ["compile_timeout", "compile_memory"])]
    pub(crate) trusted: bool,
}

#[cfg(not(target_family = "wasm"))]
impl CompilerArgs {
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let default = Timeout(Some(Duration::from_secs(60)));
        self.compile_timeout.unwrap_or(default).0
    }

    /// Bytes.
    pub(crate) fn memory(&self) -> Option<u64> {
        self.compile_memory.unwrap_or(Bytes(Some(4 << 30))).0
    }
}

const RUN_HELP: &str = "\
A component gets nothing that is not named here: no files, no environment, no
network. Standard input, output and error are this program's; with `--backend
all` standard input is empty, and with it or `--format json` up to 16 MiB of
standard output are kept until the end.

Arguments and results are in WAVE, the text form of component values:
  numbers     1, -2.5, inf, nan         options   some(1), none, or just 1
  strings     \"a\\n\\u{e4}\"             results   ok(1), err(\"no\"), ok
  lists       [1, 2]                    records   {name: \"x\", age: 7}
  tuples      (1, \"x\")                  flags     {read, write}
  characters  'x'                       variants  circle(2.5), red, %none

Examples:
  enginebay run lib.wasm --invoke 'greet(\"World\")' --fuel 1000000 --usage
  enginebay run lib.wasm --invoke 'example:greet/api#describe({name: \"x\", age: 7, tags: []})'
  enginebay run lib.wasm --invoke 'add(1, 2)' --backend all";

/// Run a component.
///
/// With --invoke, call a function that it exports and print the result;
/// otherwise run it as a command (`wasi:cli/run`).
#[derive(Args, Clone, Debug)]
#[command(after_help = format!("{RUN_HELP}{EXAMPLES}"))]
pub(crate) struct RunArgs {
    /// The component: binary, text, or an artifact of `enginebay compile`.
    pub(crate) file: PathBuf,

    /// Arguments for the component.
    #[arg(last = true)]
    pub(crate) args: Vec<String>,

    /// The function to call, with its arguments. In an interface:
    /// 'ns:pkg/iface#name(ARGS)'; the version may be left out.
    #[arg(long, value_name = "NAME(ARGS)")]
    pub(crate) invoke: Option<String>,

    /// The engine to run it on; `all` compares the results of each.
    #[arg(long, value_name = "NAME", default_value = DEFAULT)]
    #[arg(value_parser = backend_names_and_all())]
    pub(crate) backend: String,

    /// Load an artifact of `enginebay compile`. It is machine code that runs
    /// with all rights of this program: only for files that you made.
    #[arg(long)]
    pub(crate) allow_precompiled: bool,

    /// How results are written.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,

    /// Say on standard error (or in the JSON) what was used.
    #[arg(long)]
    pub(crate) usage: bool,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,

    #[cfg(feature = "host")]
    #[command(flatten)]
    pub(crate) manifest: RunManifestArgs,

    #[command(flatten)]
    pub(crate) grants: GrantArgs,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    #[command(flatten)]
    pub(crate) compiler: CompilerArgs,
}

// What the component may use.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Memory, such as 64MiB [default: 256MiB].
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    pub(crate) memory: Option<u64>,

    /// Fuel: about one per instruction; the same on each run.
    #[arg(long, value_name = "N")]
    pub(crate) fuel: Option<u64>,

    /// Time, such as 500ms, or `none` [default: 30s].
    #[arg(long, value_name = "TIME", value_parser = parse::timeout)]
    pub(crate) timeout: Option<Timeout>,
}

/// Show what a component imports, exports and consists of.
#[derive(Args, Clone, Debug)]
#[command(after_help = "No engine is needed, and nothing of the component runs.")]
pub(crate) struct InspectArgs {
    /// The component, binary or text.
    pub(crate) file: PathBuf,

    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,

    /// Only the component's world, as WIT.
    #[arg(long, conflicts_with = "format")]
    pub(crate) wit: bool,

    #[cfg(feature = "host")]
    #[command(flatten)]
    pub(crate) against: AgainstArgs,
}

/// What a host offers.
#[cfg(feature = "host")]
#[derive(Args, Clone, Debug)]
pub(crate) struct AgainstArgs {
    /// Only whether the component fits a host, which is a folder or file of WIT, or
    /// `enginebay` for the hosts of this program.
    #[arg(long, value_name = "WIT", conflicts_with = "wit")]
    pub(crate) against: Option<PathBuf>,

    /// The world that the host implements, if its package has several.
    #[arg(long, value_name = "NAME", requires = "against")]
    pub(crate) world: Option<String>,

    /// Interfaces that the host has besides, such as `wasi:*/*@0.2.6`.
    #[arg(long, value_name = "INTERFACE", requires = "against")]
    pub(crate) offer: Vec<String>,

    /// A feature whose `@unstable` items the host has.
    #[arg(long, value_name = "NAME", requires = "against")]
    pub(crate) feature: Vec<String>,
}

/// Show what changed between two versions of a WIT package.
#[cfg(feature = "host")]
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "It fails if the new version is too low for what changed, or a `@since` is not
right. Packages of the same namespace that are in both folders are compared too."
)]
pub(crate) struct WitDiffArgs {
    /// The old version: a folder or file of WIT.
    pub(crate) old: PathBuf,

    /// The new version: a folder or file of WIT.
    pub(crate) new: PathBuf,

    /// How it is written.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Check that a component is valid, without compiling it.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "The check is that of `run`, with the default configuration: size and
complexity, validity, and features. It needs no engine."
)]
pub(crate) struct ValidateArgs {
    /// The component, binary or text.
    pub(crate) file: PathBuf,

    /// How the answer is written.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// List the engines of this program and what they can do.
#[derive(Args, Clone, Debug)]
pub(crate) struct BackendsArgs {
    /// How they are written.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Compile a component ahead of time.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "The artifact runs with `enginebay run --allow-precompiled`, with the same
version of this program, the same backend and the same options here. Keep it
where nobody else can write: it is machine code."
)]
pub(crate) struct CompileArgs {
    /// The component, binary or text.
    pub(crate) file: PathBuf,

    /// The artifact to write.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// The engine to compile it with.
    #[arg(long, value_name = "NAME", default_value = DEFAULT, value_parser = backend_names())]
    pub(crate) backend: String,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,

    #[command(flatten)]
    pub(crate) compiler: CompilerArgs,
}

/// Print host bindings for a WIT world, in Rust.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "The same as the macro `enginebay::bindgen!`, to read, or to keep in a file.

Examples:
  enginebay bindgen wit/
  enginebay bindgen wit/ --world greeter --output src/bindings.rs
  enginebay bindgen wit/ --async ns:pkg/clock#sleep --trappable-imports"
)]
pub(crate) struct BindgenArgs {
    /// A folder with a package and its `deps/`, or a file.
    pub(crate) wit: PathBuf,

    /// The world, if there are several: `world`, or `ns:pkg/world@version`.
    #[arg(long, value_name = "NAME")]
    pub(crate) world: Option<String>,

    /// The file to write, instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// An imported function that is asynchronous: `ns:pkg/interface#function`.
    #[arg(long = "async", value_name = "NAME", conflicts_with = "all_async")]
    pub(crate) asynchronous: Vec<String>,

    /// All imported functions are asynchronous.
    #[arg(long)]
    pub(crate) all_async: bool,

    /// Imported functions give a `Result`, whose error stops the guest.
    #[arg(long)]
    pub(crate) trappable_imports: bool,

    /// An imported function that reads its lists in the guest's memory:
    /// `ns:pkg/interface#function`.
    #[arg(long = "view", value_name = "NAME")]
    pub(crate) views: Vec<String>,

    /// Types that are there: an interface's, or that of a resource
    /// (`ns:pkg/interface/resource`).
    #[arg(long, value_name = "WIT=RUST", value_parser = parse::pair)]
    pub(crate) with: Vec<(String, String)>,

    /// A trait that types derive besides.
    #[arg(long = "derive", value_name = "PATH")]
    pub(crate) derives: Vec<String>,

    /// A feature of `@unstable` items that is on.
    #[arg(long = "feature", value_name = "NAME")]
    pub(crate) features: Vec<String>,

    /// The path to the crate `enginebay`.
    #[arg(long = "crate", value_name = "PATH")]
    pub(crate) root: Option<String>,
}

/// Start a project for a component in Rust.
///
/// It makes a folder with a package that builds to a component, and says how to
/// build and run it.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  enginebay new hello                  a command, which runs and ends
  enginebay new greeter --library      functions that a host calls, with their WIT")]
pub(crate) struct NewArgs {
    /// The folder to make. Its last part is the package's name.
    #[arg(value_name = "NAME")]
    pub(crate) path: PathBuf,

    /// A component with functions for a host to call, by a WIT world, instead of
    /// a command.
    #[arg(long)]
    pub(crate) library: bool,
}

/// How the report of `conformance` is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For pages: what each backend makes of each group of scripts.
    Markdown,
    /// For continuous integration: JUnit's XML.
    Junit,
}

/// Run WebAssembly scripts (.wast) and report what holds.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "A directive passes, fails, or is not supported, which is neither: the backend or
the runner lacks what it needs, by name. Scripts say in their first lines what
they need besides the defaults:
  ;;! limits.memory = \"1MiB\"
  ;;! features = [\"memory64\"]

Examples:
  enginebay conformance --backend all
  enginebay conformance component-model/test/ --backend all
  enginebay conformance --backend all --format markdown > matrix.md
  enginebay conformance case.wast --format junit > report.xml
  enginebay conformance --random --duration 8h
  enginebay conformance --fuzz --seed 1 --duration 10m"
)]
pub(crate) struct ConformanceArgs {
    /// Scripts, and folders that are searched for them. Default: the suite that
    /// the program has. With --fuzz also components: inputs are made of them.
    pub(crate) paths: Vec<PathBuf>,

    /// Only those with this in their names, which are like `strings/utf8`.
    #[arg(long, value_name = "TEXT", conflicts_with = "generated")]
    pub(crate) only: Option<String>,

    /// The engine to run them on.
    #[arg(long, value_name = "NAME", default_value = DEFAULT)]
    #[arg(value_parser = backend_names_and_all())]
    pub(crate) backend: String,

    /// How the report is written.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,

    /// Instead of scripts: generated values, and broken ones, on all engines.
    #[arg(long, group = "generated", conflicts_with_all = ["paths", "backend", "format"])]
    pub(crate) random: bool,

    /// Instead of scripts: generated and broken components, on all engines, under
    /// limits.
    #[arg(long, group = "generated", conflicts_with_all = ["backend", "format"])]
    pub(crate) fuzz: bool,

    /// The process in which --fuzz runs its inputs.
    #[arg(long, hide = true, conflicts_with_all = ["generated", "paths", "backend", "format"])]
    pub(crate) fuzz_worker: bool,

    /// Where to begin, to repeat a run. Default: another one each time.
    #[arg(long, value_name = "NUMBER", requires = "generated")]
    pub(crate) seed: Option<u64>,

    /// How long, such as `8h`; `none` for until it is stopped.
    #[arg(
        long,
        value_name = "TIME",
        requires = "generated",
        default_value = "1m"
    )]
    #[arg(value_parser = parse::timeout)]
    pub(crate) duration: Timeout,
}

/// Write a script with which a shell completes this program's command line.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:
  enginebay completions bash > ~/.local/share/bash-completion/completions/enginebay")]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(args: &[&str]) -> EngineArgs {
        let all = ["enginebay", "run", "file"].iter().chain(args);
        match Cli::try_parse_from(all).map(|cli| cli.command) {
            Ok(Command::Run(args)) => args.engine,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_of_the_engine_come_back_from_a_command_line() {
        for args in [
            &[][..],
            &["--interruption", "none"],
            &["--stack", "1MiB", "--deterministic"],
            &[
                "--feature",
                "memory64",
                "--feature",
                "maps",
                "--interruption",
                "deadline",
            ],
        ] {
            for fuel in [false, true] {
                let before = engine(args);
                let line = before.to_args(fuel);
                let line: Vec<_> = line.iter().map(String::as_str).collect();
                assert_eq!(engine(&line).config(false), before.config(fuel), "{line:?}");
            }
        }
    }

    #[test]
    fn compilation_is_bounded_unless_it_is_trusted() {
        let compiler = |args: &[&str]| {
            let all = ["enginebay", "run", "file"].iter().chain(args);
            Cli::try_parse_from(all).map(|cli| match cli.command {
                Command::Run(args) => (args.compiler.timeout(), args.compiler.memory()),
                other => panic!("{other:?}"),
            })
        };
        let minute = Some(Duration::from_secs(60));
        assert_eq!(compiler(&[]).unwrap(), (minute, Some(4 << 30)));
        let none = ["--compile-timeout", "none", "--compile-memory", "none"];
        assert_eq!(compiler(&none).unwrap(), (None, None));
        assert!(compiler(&["--trusted", "--compile-timeout", "1s"]).is_err());
        assert!(compiler(&["--trusted", "--compile-memory", "1GiB"]).is_err());
    }
}
