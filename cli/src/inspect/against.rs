//! `enginebay inspect --against`: whether a component fits what a host offers, as its
//! WIT says.

use std::path::Path;

use enginebay::host::compat::{Offer, Wit, WitError};
use enginebay::{Error, ErrorKind};

use crate::args::{AgainstArgs, Format};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{clean, print, print_json};

/// Prints what fits and what does not.
pub(super) fn against(
    component: &[u8],
    host: &Path,
    args: &AgainstArgs,
    format: Format,
) -> Result<Exit, Failure> {
    let offer = offer(host, args)?;
    let result = offer.check(component);
    match (&result, format) {
        (Ok(fit), Format::Json) => print_json(fit)?,
        (Err(unfit), Format::Json) => print_json(unfit)?,
        (Ok(fit), Format::Text) => print(&clean(&fit.to_string()))?,
        (Err(unfit), Format::Text) => print(&clean(&unfit.to_string()))?,
    }
    Ok(match result {
        Ok(_) => Exit::SUCCESS,
        Err(_) => Exit::COMPONENT,
    })
}

/// The name of the contract that this program's own hosts implement.
const OWN: &str = "enginebay";

fn offer(host: &Path, args: &AgainstArgs) -> Result<Offer, Failure> {
    let offer = if host == Path::new(OWN) && !host.exists() {
        if args.world.is_some() {
            let why = "--world: the contract of `enginebay` has one world for components";
            return Err(Failure::Usage(why.to_string()));
        }
        enginebay::host::contract::offer(true)
    } else {
        of_wit(host, args)?
    };
    let mut offer = offer.map_err(|error| failure(error, host))?;
    for name in &args.offer {
        offer
            .foreign(name)
            .map_err(|error| Failure::Usage(format!("--offer: {error}")))?;
    }
    for feature in &args.feature {
        offer.feature(feature);
    }
    Ok(offer)
}

/// What a folder or file of WIT offers.
fn of_wit(host: &Path, args: &AgainstArgs) -> Result<Result<Offer, WitError>, Failure> {
    let wit = read(host)?;
    let resolve = wit.resolve();
    let package = wit.package();
    Ok(
        if args.world.is_none() && resolve.packages[package].worlds.is_empty() {
            Offer::package(resolve, package)
        } else {
            let world = wit
                .select(args.world.as_deref())
                .map_err(|error| Failure::Usage(format!("--world: {error}")))?;
            Offer::world(resolve, world)
        },
    )
}

/// Reads a folder or file of WIT.
pub(super) fn read(path: &Path) -> Result<Wit, Failure> {
    Wit::read(path).map_err(|error| failure(error, path))
}

/// An error about a folder or file of WIT.
pub(super) fn failure(error: WitError, path: &Path) -> Failure {
    let kind = match error {
        WitError::Io { .. } => ErrorKind::Io,
        WitError::TooLarge => ErrorKind::TooLarge,
        _ => ErrorKind::InvalidComponent,
    };
    Error::new(kind, error.to_string())
        .with_context("wit", path.display())
        .into()
}
