//! What WASI can grant of what a manifest asks for. It grants folders as a whole, and
//! addresses; what is not just that is left to the contract's own interfaces.

use enginebay::host::capability::Operation;
use enginebay::host::manifest::Manifest;

use crate::args::RunArgs;

/// Notes on a manifest whose permissions are not granted.
pub(super) fn without(manifest: &Manifest) -> Vec<String> {
    let grants = manifest.grants();
    let wasi = |operation| matches!(operation, Operation::Filesystem(_) | Operation::Network(_));
    let asked = grants.iter().filter(|grant| wasi(grant.operation)).count();
    match asked {
        0 => Vec::new(),
        _ => vec![
            "its permissions are not granted: name it with --manifest, or give --dir and others"
                .to_owned(),
        ],
    }
}

/// Grants nothing: there is no WASI.
#[cfg(not(feature = "wasi"))]
pub(super) fn apply(_: &mut RunArgs, manifest: &Manifest) -> Vec<String> {
    let left = manifest.grants().into_iter().map(|grant| left(&grant));
    left.collect()
}

/// Grants what WASI can, and gives notes on the rest.
#[cfg(feature = "wasi")]
pub(super) fn apply(run: &mut RunArgs, manifest: &Manifest) -> Vec<String> {
    let mut notes = Vec::new();
    for grant in manifest.grants() {
        let granted = match grant.operation {
            Operation::Filesystem(_) => wasi::folder(run, manifest, &grant),
            Operation::Network(_) => wasi::network(run, &grant),
            _ => false,
        };
        if !granted {
            notes.push(left(&grant));
        }
    }
    notes
}

fn left(grant: &enginebay::host::permission::Grant) -> String {
    let why = match grant.operation {
        Operation::Filesystem(_) => {
            "WASI grants folders as a whole: to read, with `read` of DIR/** and `list` of DIR \
             and DIR/**; to write, with `write` and `delete` of DIR/** besides"
        }
        Operation::Network(_) => {
            "WASI grants addresses with one port or all, HTTP to names, and looking up all names"
        }
        _ => "it is for the contract's interfaces, which `run` does not offer",
    };
    format!("{grant} is not granted: {why}")
}

#[cfg(feature = "wasi")]
mod wasi {
    use std::path::PathBuf;

    use enginebay::host::capability::NetworkAction;
    use enginebay::host::manifest::Grants;
    use enginebay::host::pattern::PathPattern;
    use enginebay::host::permission::Grant;

    use super::*;
    use crate::parse::Dir;

    /// Grants the folder that a pattern is of, if all that WASI then allows is asked
    /// for.
    pub(super) fn folder(run: &mut RunArgs, manifest: &Manifest, grant: &Grant) -> bool {
        let pattern = grant.pattern.to_string();
        let folder = match pattern.strip_suffix("/**") {
            Some("") => "/",
            Some(folder) => folder,
            None => &pattern,
        };
        let below = PathPattern::new(&format!("{}/**", folder.trim_end_matches('/')));
        let (Ok(below), Ok(itself)) = (below, PathPattern::new(folder)) else {
            return false;
        };
        if !itself.is_exact() {
            return false;
        }
        let asked = &manifest.permissions.filesystem;
        let has = |grants: &Grants<PathPattern>, pattern: &PathPattern| {
            grants.iter().any(|(it, _)| it == pattern)
        };
        let readable = has(&asked.read, &below) && has(&asked.list, &below);
        if !readable || !has(&asked.list, &itself) {
            return false;
        }
        let writable = has(&asked.write, &below) && has(&asked.delete, &below);
        let Operation::Filesystem(action) = grant.operation else {
            return false;
        };
        // Of the folder itself there is nothing to read and write in WASI.
        let covered = match action.name() {
            "read" => pattern == below.as_str(),
            "list" => true,
            _ => writable && pattern == below.as_str(),
        };
        let dirs = &mut run.grants.dir;
        if covered && dirs.iter().all(|dir| dir.guest != folder) {
            dirs.push(Dir {
                host: PathBuf::from(folder),
                guest: folder.to_owned(),
                read_only: !writable,
            });
        }
        covered
    }

    /// Grants an address or a name, if WASI has it.
    pub(super) fn network(run: &mut RunArgs, grant: &Grant) -> bool {
        let pattern = grant.pattern.to_string();
        let grants = &mut run.grants;
        match grant.operation {
            Operation::Network(NetworkAction::Connect) => match pattern.parse() {
                Ok(address) => grants.allow_tcp_connect.push(address),
                Err(_) => match pattern.parse() {
                    Ok(host) => grants.allow_http.push(host),
                    Err(_) => return false,
                },
            },
            Operation::Network(NetworkAction::Listen) => match pattern.parse() {
                Ok(address) => grants.allow_tcp_listen.push(address),
                Err(_) => return false,
            },
            Operation::Network(NetworkAction::Resolve) if pattern == "*" => {
                grants.allow_name_lookup = true;
            }
            _ => return false,
        }
        true
    }
}
