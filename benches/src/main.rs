//! Prints medians and ratios of every pair, as a table: what a release's notes
//! say about speed comes from here.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use enginebay_benches::{Effort, benches, measure};

const HELP: &str = "\
Measures enginebay against the engines' own APIs, in one process.

Usage: enginebay-report [--quick] [--backend NAME] [FILTER]

  --quick           fewer and shorter samples
  --backend NAME    only this backend
  FILTER            only what has this text in its name
";

fn human(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{n:.1} ns"),
        n if n < 1e6 => format!("{:.2} us", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}

fn main() -> ExitCode {
    let mut effort = Effort {
        samples: 1001,
        sample: Duration::from_millis(1),
        total: Duration::from_secs(3),
    };
    let mut filter = String::new();
    let mut backend = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match &*arg {
            "--help" | "-h" => {
                print!("{HELP}");
                return ExitCode::SUCCESS;
            }
            "--quick" => {
                effort = Effort {
                    samples: 101,
                    sample: Duration::from_millis(1),
                    total: Duration::from_millis(300),
                }
            }
            "--backend" => match args.next() {
                Some(name) if enginebay::BACKENDS.contains(&&*name) => backend = Some(name),
                _ => {
                    let names = enginebay::BACKENDS.join(", ");
                    eprint!("`--backend` takes one of {names}\n\n{HELP}");
                    return ExitCode::from(2);
                }
            },
            other if other.starts_with('-') => {
                eprint!("unknown option `{other}`\n\n{HELP}");
                return ExitCode::from(2);
            }
            other => filter = other.to_owned(),
        }
    }
    println!(
        "medians of up to {} samples in alternation; +- is half the distance of the quartiles\n",
        effort.samples
    );
    println!("| backend | what | enginebay | against | | ratio | +- | bar |");
    println!("|---|---|---|---|---|---|---|---|");
    let mut names = Vec::new();
    let mut medians = BTreeMap::new();
    for bench in benches() {
        if !bench.name.contains(&filter) || backend.as_ref().is_some_and(|it| it != bench.backend) {
            continue;
        }
        let measured = measure(&mut (bench.make)(), effort);
        let bar = bench.bar.map_or(String::new(), |bar| {
            let limit = bar.limit(measured.theirs);
            let verdict = if measured.ours <= limit {
                "met"
            } else {
                "**missed**"
            };
            format!("{} {verdict}", human(limit))
        });
        println!(
            "| {} | {} | {} | {} | {} | {:.3} | {:.3} | {bar} |",
            bench.backend,
            bench.name,
            human(measured.ours),
            human(measured.theirs),
            bench.against,
            measured.ratio,
            measured.spread,
        );
        if !names.contains(&bench.name) {
            names.push(bench.name.clone());
        }
        medians
            .entry((bench.name, bench.backend))
            .or_insert(measured.ours);
    }
    println!("\nacross backends\n");
    println!("| what | {} |", enginebay::BACKENDS.join(" | "));
    println!("|---|{}", "---|".repeat(enginebay::BACKENDS.len()));
    for name in names {
        let cells = enginebay::BACKENDS.iter().map(|backend| {
            let median = medians.get(&(name.clone(), *backend)).copied();
            median.map_or(String::new(), human)
        });
        println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    ExitCode::SUCCESS
}
