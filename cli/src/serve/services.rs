//! What stands behind the components: storage, files, permissions and their audit.

use std::fs::{File, OpenOptions};
use std::sync::Arc;

use enginebay::host::capability::Operation;
use enginebay::host::filesystem::Filesystem;
use enginebay::host::permission::{JsonLinesAudit, Permissions};
use enginebay::host::services::Services;
use enginebay::host::storage::Storage;
use enginebay::{Error, ErrorKind};

use super::GrantArgs;
use super::find::Found;
use super::options::{Mode, Trust};
use crate::failure::Failure;
use crate::output::note;

/// The services, and the audit, if there is one.
pub(super) struct Given {
    pub(super) services: Services,
    audit: Option<Arc<JsonLinesAudit<File>>>,
}

impl Given {
    /// Says what is missing of the audit.
    pub(super) fn close(&self) {
        let failed = self.audit.as_ref().map_or(0, |audit| audit.failed());
        if failed > 0 {
            note(&format!(
                "warning: {failed} decisions are not in the audit file"
            ));
        }
    }
}

/// Opens what the command line names.
pub(super) fn services(args: &GrantArgs, found: &[Found]) -> Result<Given, Failure> {
    let audit = audit(args)?;
    // Who serves a folder has read the manifests: what they ask for is accepted, as the
    // default policy does.
    let mut permissions = Permissions::builder().mode(args.mode.into());
    if args.mode == Mode::Permissive && args.trust_level != Trust::Trusted {
        note(
            "note: `--mode permissive` allows nothing more to components that are not trusted: \
             give `--trust-level trusted` if you answer for all of them",
        );
    }
    if let Some(audit) = &audit {
        permissions = permissions.audit(audit.clone());
    }
    let services = Services::builder()
        .storage(storage(args, found)?)
        .filesystem(filesystem(args, found)?)
        .permissions(permissions.build());
    Ok(Given {
        services: services.build(),
        audit,
    })
}

/// Whether a component asks for something of a kind; its name.
fn asks(found: &[Found], kind: impl Fn(Operation) -> bool) -> Option<&str> {
    let mut found = found.iter();
    let asks = |it: &&Found| it.manifest.grants().iter().any(|it| kind(it.operation));
    found.find(asks).map(Found::name)
}

fn storage(args: &GrantArgs, found: &[Found]) -> Result<Storage, Failure> {
    let opened = match &args.storage {
        Some(path) => Storage::open(path).map_err(|error| (path.display().to_string(), error)),
        None => {
            if let Some(name) = asks(found, |it| matches!(it, Operation::Storage(_))) {
                note(&format!(
                    "note: what `{name}` stores is in memory, and gone at the end: give --storage \
                     FILE to keep it"
                ));
            }
            Storage::in_memory().map_err(|error| ("in memory".to_owned(), error))
        }
    };
    opened.map_err(|(place, error)| {
        let message = format!("the storage {place}: {error}");
        Error::new(ErrorKind::Io, message).with_source(error).into()
    })
}

fn filesystem(args: &GrantArgs, found: &[Found]) -> Result<Filesystem, Failure> {
    if args.mount.is_empty()
        && let Some(name) = asks(found, |it| matches!(it, Operation::Filesystem(_)))
    {
        note(&format!(
            "note: `{name}` asks for files, and there are none: give --mount GUEST=HOST"
        ));
    }
    let mut filesystem = Filesystem::builder();
    for mount in &args.mount {
        filesystem = filesystem.mount(&mount.guest, &mount.host, mount.access);
    }
    filesystem.build().map_err(|error| {
        let message = error.to_string();
        Error::new(ErrorKind::Io, message).with_source(error).into()
    })
}

fn audit(args: &GrantArgs) -> Result<Option<Arc<JsonLinesAudit<File>>>, Failure> {
    let Some(path) = &args.audit else {
        return Ok(None);
    };
    let file = OpenOptions::new().create(true).append(true).open(path);
    let file = file.map_err(|error| Failure::io("cannot write the audit to", path, error))?;
    Ok(Some(Arc::new(JsonLinesAudit::new(file))))
}
