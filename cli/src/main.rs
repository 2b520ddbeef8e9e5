//! The `enginebay` program: runs, inspects, validates and compiles WebAssembly
//! components on the backends that it was built with.
#![deny(unsafe_code)]

mod args;
mod backends;
mod bindgen;
mod cancel;
mod compile;
mod compiler;
mod conformance;
mod differential;
mod dispatch;
mod exit;
mod failure;
mod fuzz;
mod guest;
mod inspect;
mod invoke;
mod load;
#[cfg(feature = "host")]
mod manifest;
mod new;
mod output;
mod parse;
mod progress;
mod report;
mod run;
#[cfg(all(feature = "host", not(target_family = "wasm")))]
mod serve;
mod validate;

use std::process::ExitCode;
#[cfg(not(target_family = "wasm"))]
use std::thread;

use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command, CompletionsArgs};
use crate::exit::Exit;
use crate::failure::Failure;

/// The stack for everything: inputs from anywhere are read by recursion.
#[cfg(not(target_family = "wasm"))]
const STACK: usize = 64 << 20;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // If the output is gone there is nobody left to tell.
            let _ = error.print();
            let exit = if error.use_stderr() {
                Exit::USAGE
            } else {
                Exit::SUCCESS
            };
            return exit.into();
        }
    };
    on_large_stack(cli)
}

/// WebAssembly has one thread, whose stack was chosen when it was linked.
#[cfg(target_family = "wasm")]
fn on_large_stack(cli: Cli) -> ExitCode {
    main_on_large_stack(&cli).into()
}

#[cfg(not(target_family = "wasm"))]
fn on_large_stack(cli: Cli) -> ExitCode {
    // What the guest may use of the stack is on top.
    let guest = match &cli.command {
        Command::Run(args) => args.engine.stack.unwrap_or(0),
        _ => 0,
    };
    let work = thread::Builder::new()
        .name("enginebay".to_owned())
        .stack_size(STACK.saturating_add(guest))
        .spawn(move || main_on_large_stack(&cli));
    match work.map(thread::JoinHandle::join) {
        Ok(Ok(exit)) => exit.into(),
        // The panic has already been told.
        Ok(Err(_)) => Exit::HOST.into(),
        Err(error) => {
            output::note(&format!("error: cannot start a thread: {error}"));
            Exit::HOST.into()
        }
    }
}

fn main_on_large_stack(cli: &Cli) -> Exit {
    let result = match &cli.command {
        Command::Run(args) => run::run(args),
        #[cfg(all(feature = "host", not(target_family = "wasm")))]
        Command::Serve(args) => serve::serve(args, cli.verbose),
        Command::Inspect(args) => inspect::inspect(args),
        #[cfg(feature = "host")]
        Command::WitDiff(args) => inspect::wit_diff(args),
        Command::Validate(args) => validate::validate(args),
        Command::Backends(args) => backends::backends(args),
        Command::Compile(args) => compile::compile(args),
        Command::Conformance(args) => conformance::conformance(args),
        Command::Bindgen(args) => bindgen::bindgen(args),
        Command::New(args) => new::new(args),
        #[cfg(feature = "host")]
        Command::Manifest(args) => manifest::manifest(args),
        Command::Completions(args) => completions(args),
        #[cfg(not(target_family = "wasm"))]
        Command::CompileInChild(args) => compiler::child(args),
    };
    result.unwrap_or_else(|failure| {
        failure.tell(cli.verbose);
        failure.exit()
    })
}

fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "enginebay", &mut script);
    output::print_bytes(&script)?;
    Ok(Exit::SUCCESS)
}
