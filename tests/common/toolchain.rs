//! Commands of a toolchain, for projects that are none of the workspace.

use std::env;
use std::process::Command;

/// A command without what Cargo told the test that runs it: that is not for the project.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new(name);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_cargos = text.starts_with("CARGO_") && text != "CARGO_HOME";
        if is_cargos || text == "RUSTFLAGS" {
            command.env_remove(&name);
        }
    }
    command
}
