//! Prints medians and ratios of every pair, as a table: what a release's notes
//! say about speed comes from here.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Duration;

use enginebay_benches::{Effort, measure, pairs};

const HELP: &str = "\
Measures enginebay against the engines' own APIs, in one process.

Usage: enginebay-report [--quick] [FILTER]

  --quick   fewer and shorter samples
  FILTER    only what has this text in its name
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
        samples: 61,
        sample: Duration::from_millis(10),
    };
    let mut filter = String::new();
    for arg in std::env::args().skip(1) {
        match &*arg {
            "--help" | "-h" => {
                print!("{HELP}");
                return ExitCode::SUCCESS;
            }
            "--quick" => {
                effort = Effort {
                    samples: 15,
                    sample: Duration::from_millis(3),
                }
            }
            other if other.starts_with('-') => {
                eprint!("unknown option `{other}`\n\n{HELP}");
                return ExitCode::from(2);
            }
            other => filter = other.to_owned(),
        }
    }
    println!(
        "medians of {} samples in alternation; +- is half the distance of the quartiles\n",
        effort.samples
    );
    println!("| what | enginebay | against | | ratio | +- |");
    println!("|---|---|---|---|---|---|");
    for mut pair in pairs()
        .into_iter()
        .filter(|pair| pair.name.contains(&filter))
    {
        let measured = measure(&mut pair, effort);
        println!(
            "| {} | {} | {} | {} | {:.3} | {:.3} |",
            pair.name,
            human(measured.ours),
            human(measured.theirs),
            pair.against,
            measured.ratio,
            measured.spread,
        );
    }
    ExitCode::SUCCESS
}
