//! `enginebay serve`: all components of a folder, started and supervised until Ctrl-C.

mod calls;
mod events;
mod find;
mod log;
mod options;
mod reload;
mod services;
mod session;
mod signals;
mod watch;

use std::path::PathBuf;

use clap::Args;

use crate::args::{CompilerArgs, backend_names};
use crate::dispatch::{self, DEFAULT};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::manifest::PolicyArgs;

use calls::CallArgs;
use options::{LogLevel, Mode, Mount, Trust};
use session::Session;

const HELP: &str = "\
Each Component.toml in the folder, and up to 8 folders below it, is a component; folders
whose names begin with a dot, and links to folders, are passed over. A component may do
what its manifest asks for, and nothing else; the forbidden list holds in each mode.
Nothing of this machine is there unless it is mounted.

Status, log and errors go to standard error, the outputs of calls to standard output.
Ctrl-C, and SIGTERM, stop the components: each has five seconds for what it works on and
for its `shutdown`. A second one ends the program at once.

Components are compiled one after the other, each in a process of its own, which is
bounded as that of `run`; with --trusted in this one, without bounds.

At SIGHUP, where there is one, it reads all manifests again. Permissions hold at once, from
the next call on; for limits and configuration a component is started again. A manifest that
is wrong or refused is told, and its component goes on as before.

It ends with 0 if it was stopped; with another code if a component could not be loaded,
if all have failed for good, or, with --once, if a call failed.

Examples:
  enginebay serve examples/components/talk
  enginebay serve examples/components/talk --call asker ask hello --once
  enginebay serve examples/components/counter --storage counts.redb
  enginebay serve examples/components/files --mount /data=./data
  enginebay serve app/ --check";

/// Start the components of a folder, and run them until Ctrl-C.
///
/// Components send messages to each other, and use the storage and the files that they
/// are given. One that fails is started again, as its manifest says.
#[derive(Args, Clone, Debug)]
#[command(after_help = HELP)]
pub(crate) struct ServeArgs {
    /// The folder with the components and their manifests.
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// The engine to run them on.
    #[arg(long, value_name = "NAME", default_value = DEFAULT, value_parser = backend_names())]
    backend: String,

    /// Load and start everything, stop it, and tell by the exit code whether that went
    /// well. The first failure of a component counts.
    #[arg(long, conflicts_with_all = ["call", "once"])]
    check: bool,

    /// Go on without those that cannot be loaded.
    #[arg(long)]
    keep_going: bool,

    /// How much of what components and the host log is written.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t)]
    log: LogLevel,

    #[command(flatten)]
    calls: CallArgs,

    #[command(flatten)]
    grants: GrantArgs,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    compiler: CompilerArgs,
}

// What the components are given.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What the components are given")]
pub(super) struct GrantArgs {
    /// The file with what they store; it is made if it is not there. Default: memory,
    /// which is gone at the end.
    #[arg(long, value_name = "FILE")]
    storage: Option<PathBuf>,

    /// A folder of this machine at a path of the components; with :ro only to read.
    #[arg(long, value_name = "GUEST=HOST[:ro]", value_parser = options::mount)]
    mount: Vec<Mount>,

    /// A name and a value that each component is started with.
    #[arg(long, value_name = "NAME=VALUE", value_parser = options::variable)]
    env: Vec<(String, String)>,

    /// What happens beyond what manifests ask for: `strict` denies it; `permissive`
    /// allows it to components that are trusted, and the audit says so; `development`
    /// allows it to all, with a warning.
    #[arg(long, value_enum, value_name = "MODE", default_value_t)]
    mode: Mode,

    /// How far the makers of all these components are trusted. A manifest cannot say so.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t)]
    trust_level: Trust,

    /// A file to which each decision is added, as a line of JSON.
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
}

pub(crate) fn serve(args: &ServeArgs, verbose: bool) -> Result<Exit, Failure> {
    log::init(args.log, verbose);
    let mut problems = Problems {
        keep_going: args.keep_going,
        verbose,
        first: None,
    };
    let found = find::find(&args.folder, &args.policy.policy(), &mut problems)?;
    if let (Some(exit), false) = (problems.first, args.keep_going) {
        return Ok(exit);
    }
    args.calls.check(&found)?;
    let session = Session {
        args,
        given: services::services(&args.grants, &found)?,
        found,
        problems,
    };
    dispatch::on(&args.backend, &session)?
}

/// What could not be loaded. Each is told when it is found.
#[derive(Clone, Debug)]
struct Problems {
    keep_going: bool,
    verbose: bool,
    /// How the first would have ended the program.
    first: Option<Exit>,
}

impl Problems {
    fn add(&mut self, failure: &Failure) {
        failure.tell(self.verbose);
        self.first.get_or_insert(failure.exit());
    }
}
