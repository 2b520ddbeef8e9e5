//! `enginebay bindgen`: host bindings for a WIT world, as Rust.

use std::fs;

use enginebay::{Error, ErrorKind};
use enginebay_bindgen::{Async, Options, Wit};

use crate::args::BindgenArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{note, print};

pub(crate) fn bindgen(args: &BindgenArgs) -> Result<Exit, Failure> {
    let mut options = Options::new(Wit::Path(args.wit.clone()))
        .trappable_imports(args.trappable_imports)
        .asynchronous(match (args.all_async, args.asynchronous.is_empty()) {
            (true, _) => Async::All,
            (false, true) => Async::None,
            (false, false) => Async::Only(args.asynchronous.clone()),
        });
    if let Some(world) = &args.world {
        options = options.world(world);
    }
    for view in &args.views {
        options = options.view(view);
    }
    for (wit, rust) in &args.with {
        options = options.with(wit, rust);
    }
    for derive in &args.derives {
        options = options.additional_derive(derive);
    }
    for feature in &args.features {
        options = options.feature(feature);
    }
    if let Some(root) = &args.root {
        options = options.root(root);
    }
    let bindings = options.generate().map_err(|error| {
        let error = Error::new(ErrorKind::InvalidConfig, error.to_string());
        Failure::advised(error, "")
    })?;
    match &args.output {
        None => print(&bindings.to_string())?,
        Some(path) => {
            fs::write(path, bindings.to_string())
                .map_err(|error| Failure::io("cannot write", path, error))?;
            note(&format!("bindings are in {}", path.display()));
        }
    }
    Ok(Exit::SUCCESS)
}
