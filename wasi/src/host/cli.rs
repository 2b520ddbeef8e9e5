//! `wasi:cli`: arguments, environment, standard streams, and the end.

use enginebay_core::{Backend, Error, Result};
use wasmtime_wasi::cli::WasiCliView;
use wasmtime_wasi::p2::bindings::cli::{
    environment, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr,
    terminal_stdin, terminal_stdout,
};

use super::io::{InputStream, OutputStream};
use super::{Imports, failed, give, resources};
use crate::command::Exit;
use crate::ctx::WasiView;

resources! {
    /// `wasi:cli/terminal-input.terminal-input`.
    TerminalInput = terminal_input::TerminalInput;
    /// `wasi:cli/terminal-output.terminal-output`.
    TerminalOutput = terminal_output::TerminalOutput;
}

fn exit(code: u8) -> Result<()> {
    Err(Error::host(Exit { code }))
}

pub(super) fn add<B: Backend, T: WasiView + 'static>(
    imports: &mut Imports<'_, B, T>,
) -> Result<()> {
    let mut env = imports.interface("wasi:cli/environment")?;
    env.func("get-environment", |state, ()| {
        let envs = environment::Host::get_environment(&mut state.cli());
        Ok((envs.map_err(failed)?,))
    })?;
    env.func("get-arguments", |state, ()| {
        let args = environment::Host::get_arguments(&mut state.cli());
        Ok((args.map_err(failed)?,))
    })?;
    env.func("initial-cwd", |state, ()| {
        let path = environment::Host::initial_cwd(&mut state.cli());
        Ok((path.map_err(failed)?,))
    })?;

    let mut exits = imports.interface("wasi:cli/exit")?;
    exits.func("exit", |_, (status,): (Result<(), ()>,)| {
        exit(u8::from(status.is_err()))
    })?;
    exits.func("exit-with-code", |_, (code,): (u8,)| exit(code))?;

    streams(imports)?;
    terminals(imports)
}

fn streams<B: Backend, T: WasiView + 'static>(imports: &mut Imports<'_, B, T>) -> Result<()> {
    imports
        .interface("wasi:cli/stdin")?
        .io("get-stdin", |state, ()| {
            let stream = stdin::Host::get_stdin(&mut state.cli());
            Ok((give::<InputStream>(stream.map_err(failed)?),))
        })?;
    imports
        .interface("wasi:cli/stdout")?
        .io("get-stdout", |state, ()| {
            let stream = stdout::Host::get_stdout(&mut state.cli());
            Ok((give::<OutputStream>(stream.map_err(failed)?),))
        })?;
    imports
        .interface("wasi:cli/stderr")?
        .io("get-stderr", |state, ()| {
            let stream = stderr::Host::get_stderr(&mut state.cli());
            Ok((give::<OutputStream>(stream.map_err(failed)?),))
        })
}

fn terminals<B: Backend, T: WasiView + 'static>(imports: &mut Imports<'_, B, T>) -> Result<()> {
    imports
        .interface("wasi:cli/terminal-input")?
        .resource::<TerminalInput, _>("terminal-input", |state, this| {
            terminal_input::HostTerminalInput::drop(&mut state.cli(), this)
        })?;
    imports
        .interface("wasi:cli/terminal-output")?
        .resource::<TerminalOutput, _>("terminal-output", |state, this| {
            terminal_output::HostTerminalOutput::drop(&mut state.cli(), this)
        })?;
    imports
        .interface("wasi:cli/terminal-stdin")?
        .func("get-terminal-stdin", |state, ()| {
            let terminal = terminal_stdin::Host::get_terminal_stdin(&mut state.cli());
            let terminal = terminal.map_err(failed)?;
            Ok((terminal.map(give::<TerminalInput>),))
        })?;
    imports
        .interface("wasi:cli/terminal-stdout")?
        .func("get-terminal-stdout", |state, ()| {
            let terminal = terminal_stdout::Host::get_terminal_stdout(&mut state.cli());
            let terminal = terminal.map_err(failed)?;
            Ok((terminal.map(give::<TerminalOutput>),))
        })?;
    imports
        .interface("wasi:cli/terminal-stderr")?
        .func("get-terminal-stderr", |state, ()| {
            let terminal = terminal_stderr::Host::get_terminal_stderr(&mut state.cli());
            let terminal = terminal.map_err(failed)?;
            Ok((terminal.map(give::<TerminalOutput>),))
        })
}
