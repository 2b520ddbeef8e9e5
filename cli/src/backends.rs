//! `enginebay backends`: the engines of this program and what they can do.

use enginebay::{Backend, Feature, Support};
use serde::Serialize;

use crate::args::{BackendsArgs, Format};
use crate::dispatch::{self, Task};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{print, print_json, table};

#[derive(Serialize)]
struct Row {
    name: &'static str,
    default: bool,
    engine: &'static str,
    version: &'static str,
    /// `native`, or `layered` if enginebay runs components on an engine of
    /// core modules.
    components: &'static str,
    jit: bool,
    interruption: Vec<&'static str>,
    deterministic: bool,
    artifacts: bool,
    /// Whether traps carry the guest's stack.
    backtraces: bool,
    features: Vec<&'static str>,
}

struct Describe;

impl Task for Describe {
    type Output = Row;

    fn run<B: Backend>(&self) -> Row {
        row(B::NAME, &B::support())
    }
}

fn row(name: &'static str, support: &Support) -> Row {
    let mut interruption = vec!["none"];
    if support.deadline {
        interruption.push("deadline");
    }
    if support.fuel {
        interruption.extend(["fuel", "fuel-only"]);
    }
    Row {
        name,
        default: name == dispatch::DEFAULT,
        engine: support.engine,
        version: support.version,
        components: if support.native { "native" } else { "layered" },
        jit: support.jit,
        interruption,
        deterministic: support.deterministic,
        artifacts: support.artifacts,
        backtraces: support.backtraces,
        features: support.features.iter().map(Feature::name).collect(),
    }
}

pub(crate) fn backends(args: &BackendsArgs) -> Result<Exit, Failure> {
    let rows = dispatch::on_each(&Describe);
    match args.format {
        Format::Json => print_json(&rows)?,
        Format::Text => print(&text(&rows))?,
    }
    Ok(Exit::SUCCESS)
}

fn text(rows: &[Row]) -> String {
    let header = [
        "BACKEND",
        "ENGINE",
        "COMPONENTS",
        "CODE",
        "INTERRUPTION",
        "DETERMINISTIC",
        "ARTIFACTS",
        "BACKTRACES",
        "FEATURES",
    ];
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let mut lines = vec![header.map(str::to_owned).to_vec()];
    for row in rows {
        let mark = if row.default { " (default)" } else { "" };
        lines.push(vec![
            format!("{}{mark}", row.name),
            format!("{} {}", row.engine, row.version),
            row.components.to_owned(),
            if row.jit { "compiled" } else { "interpreted" }.to_owned(),
            row.interruption.join(", "),
            yes(row.deterministic),
            yes(row.artifacts),
            yes(row.backtraces),
            row.features.join(", "),
        ]);
    }
    table(&lines)
}
