//! `enginebay validate`: whether a component is valid.

use enginebay::{Config, Error, ErrorKind, is_artifact};
use serde::Serialize;

use crate::args::{Format, ValidateArgs};
use crate::exit::Exit;
use crate::failure::{ErrorReport, Failure};
use crate::load;
use crate::output::{print, print_json};

#[derive(Serialize)]
struct Report {
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorReport>,
}

pub(crate) fn validate(args: &ValidateArgs) -> Result<Exit, Failure> {
    let bytes = load::read(&args.file)?;
    let result = check(&bytes).map_err(|error| error.with_context("file", args.file.display()));
    if args.format == Format::Json {
        print_json(&Report {
            valid: result.is_ok(),
            error: result.as_ref().err().map(ErrorReport::new),
        })?;
    } else if result.is_ok() {
        print("valid\n")?;
    }
    result?;
    Ok(Exit::SUCCESS)
}

fn check(bytes: &[u8]) -> enginebay::Result<()> {
    if is_artifact(bytes) {
        return Err(Error::new(
            ErrorKind::InvalidComponent,
            "this is a precompiled component: validate the component that it was made from",
        ));
    }
    enginebay::validate(bytes, &Config::new())
}
