//! The contract as what a host offers.

use std::collections::BTreeMap;

use wit_parser::{Resolve, SourceMap, UnresolvedPackageGroup};

use super::WIT;
use crate::compat::{Offer, WitError};

/// The WIT of the contract, parsed once more.
fn resolve() -> Result<(Resolve, wit_parser::PackageId), String> {
    let mut packages: BTreeMap<&str, SourceMap> = BTreeMap::new();
    for (path, text) in WIT {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let sources = packages.entry(folder).or_default();
        sources.push_str(path, *text);
    }
    let mut groups = packages.into_values().map(|sources| {
        let group: Result<UnresolvedPackageGroup, _> = sources.parse();
        group.map_err(|(_, error)| error.to_string())
    });
    // The folder itself sorts before what is below it.
    let main = groups.next().ok_or("there is no WIT")??;
    let others = groups.collect::<Result<Vec<_>, _>>()?;
    let mut resolve = Resolve {
        all_features: true,
        ..Resolve::default()
    };
    let package = resolve
        .push_groups(main, others)
        .map_err(|error| error.to_string())?;
    Ok((resolve, package))
}

/// The packages of WASI that `enginebay-wasi` implements, without `wasi:http`.
const WASI: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];

/// What a host of this version offers to components of the contract's lifecycle, and that
/// they have to export it. WASI 0.2 without `wasi:http` is offered besides if `wasi` says
/// so.
///
/// # Errors
///
/// None with the WIT that this crate was built with.
pub fn offer(wasi: bool) -> Result<Offer, WitError> {
    let (resolve, package) = resolve().map_err(WitError::Invalid)?;
    let world = resolve.packages[package].worlds.get("component");
    let world = *world.ok_or_else(|| WitError::Invalid("there is no world `component`".into()))?;
    let mut offer = Offer::world(&resolve, world)?;
    if wasi {
        for package in WASI {
            offer.foreign(&format!("wasi:{package}/*@0.2.12"))?;
        }
    }
    Ok(offer)
}
