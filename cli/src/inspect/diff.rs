//! `enginebay wit-diff`: what changed between two versions of a package, and whether the
//! declared version says so.

use enginebay::host::compat::compare_all;

use super::against::{failure, read};
use crate::args::{Format, WitDiffArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{clean, print, print_json};

pub(crate) fn wit_diff(args: &WitDiffArgs) -> Result<Exit, Failure> {
    let (old, new) = (read(&args.old)?, read(&args.new)?);
    let reports = compare_all(&old, &new).map_err(|error| failure(error, &args.new))?;
    match args.format {
        Format::Json => print_json(&reports)?,
        Format::Text => {
            let text: String = reports.iter().map(ToString::to_string).collect();
            print(&clean(&text))?;
        }
    }
    let is_ok = reports.iter().all(|report| report.is_ok());
    Ok(if is_ok {
        Exit::SUCCESS
    } else {
        Exit::COMPONENT
    })
}
