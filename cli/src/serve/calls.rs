//! Operations that are carried out when all components run.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use enginebay::host::runner::{ComponentHandle, ExecutionContext, ExecutionOutcome};
use enginebay::{Error, ErrorKind};

use super::find::Found;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::print_bytes;

/// How long the components may take to start before the first call.
const READY: Duration = Duration::from_secs(60);

/// An operation of a component.
#[derive(Clone, Debug)]
pub(super) struct Call {
    component: String,
    operation: String,
    input: String,
}

/// The options `--call` and `--once`. They are written by hand because each `--call` has
/// several values, which clap's derived options put into one list.
#[derive(Clone, Debug, Default)]
pub(super) struct CallArgs {
    pub(super) calls: Vec<Call>,
    /// The program ends after the last call.
    pub(super) once: bool,
}

impl Args for CallArgs {
    fn augment_args(command: Command) -> Command {
        let call = Arg::new("call")
            .long("call")
            .num_args(2..=3)
            .value_names(["COMPONENT", "OPERATION", "INPUT"])
            .action(ArgAction::Append)
            .help(
                "When all run, carry out an operation of a component, and print its output. \
                 Given several times, one after the other",
            );
        let once = Arg::new("once")
            .long("once")
            .action(ArgAction::SetTrue)
            .requires("call")
            .help("Stop after the calls, and tell by the exit code whether they went well");
        command.arg(call).arg(once)
    }

    fn augment_args_for_update(command: Command) -> Command {
        CallArgs::augment_args(command)
    }
}

impl FromArgMatches for CallArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut calls = Vec::new();
        for mut values in matches
            .get_occurrences::<String>("call")
            .into_iter()
            .flatten()
        {
            let mut value = || values.next().cloned().unwrap_or_default();
            calls.push(Call {
                component: value(),
                operation: value(),
                input: value(),
            });
        }
        let once = matches.get_flag("once");
        Ok(CallArgs { calls, once })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = CallArgs::from_arg_matches(matches)?;
        Ok(())
    }
}

impl CallArgs {
    /// Refuses calls of components that are not there.
    pub(super) fn check(&self, found: &[Found]) -> Result<(), Failure> {
        let names: Vec<&str> = found.iter().map(Found::name).collect();
        for Call { component, .. } in &self.calls {
            if !names.contains(&component.as_str()) {
                return Err(Failure::Usage(format!(
                    "--call: there is no component `{component}`, only: {}",
                    names.join(", ")
                )));
            }
        }
        Ok(())
    }
}

/// Carries them out, up to the first that fails.
pub(super) fn carry_out(calls: &[Call], components: &[ComponentHandle]) -> Result<(), Failure> {
    for component in components {
        component.wait_until_ready(READY);
    }
    for call in calls {
        let component = components.iter().find(|it| it.name() == call.component);
        let Some(component) = component else {
            let message = format!("`{}` is not loaded", call.component);
            return Err(Error::new(ErrorKind::NotFound, message).into());
        };
        let input = call.input.as_bytes();
        let execution = component.execute(&call.operation, input, ExecutionContext::new());
        match &execution.outcome {
            ExecutionOutcome::Completed(output) => {
                let mut line = output.clone();
                if !line.ends_with(b"\n") {
                    line.push(b'\n');
                }
                print_bytes(&line)?;
            }
            outcome => return Err(failure(call, outcome)),
        }
    }
    Ok(())
}

fn failure(call: &Call, outcome: &ExecutionOutcome) -> Failure {
    let exit = match outcome {
        ExecutionOutcome::Failed(_) => Exit::GUEST,
        ExecutionOutcome::OutOfFuel { .. }
        | ExecutionOutcome::TimedOut { .. }
        | ExecutionOutcome::OutOfMemory { .. }
        | ExecutionOutcome::Cancelled => Exit::LIMIT,
        _ => Exit::TRAP,
    };
    let Call {
        component,
        operation,
        ..
    } = call;
    let message = format!("`{operation}` of `{component}`: {outcome}");
    Failure::Error {
        error: Error::new(ErrorKind::Host, message),
        advice: String::new(),
        exit,
    }
}
