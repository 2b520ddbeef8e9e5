//! Names that core modules may not have for their exports: backends put exports of
//! their own into modules before they compile them, and find them by such names.

use wasmparser::Payload;

use super::malformed;
use crate::error::{Error, Result};

/// What the names of such exports begin with.
#[doc(hidden)]
pub const RESERVED: &str = "\0enginebay:";

/// Refuses a core module that has an export with such a name.
pub(super) fn check(payload: &Payload<'_>) -> Result<()> {
    let Payload::ExportSection(exports) = payload else {
        return Ok(());
    };
    for export in exports.clone() {
        let export = export.map_err(malformed)?;
        if export.name.starts_with(RESERVED) {
            return Err(Error::unsupported(
                "an export of a core module with a name that begins with `\\0enginebay:` is not \
                 supported: such names are reserved",
            )
            .with_context("export", export.name.escape_default()));
        }
    }
    Ok(())
}
