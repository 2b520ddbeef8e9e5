//! Prints medians and ratios of every pair, as a table: what a release's notes
//! say about speed comes from here.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::time::Duration;

use enginebay::Interruption;
use enginebay_benches::{Effort, HOST, benches, measure, measure_meter, meters, resident};

const HELP: &str = "\
Measures enginebay against the engines' own APIs, in one process.

Usage: enginebay-report [--quick] [--backend NAME] [FILTER]
       enginebay-report --resident NAME none|deadline|fuel

  --quick           fewer and shorter samples
  --backend NAME    only this backend; `host` is what has no engine in it
  --resident        print bytes per instance of a backend: of a process that has
                    done nothing else
  FILTER            only what has this text in its name; what metering costs is
                    named `metering: ...`, and memory `resident`
";

/// With a deadline, wasmi may take so many times as long in the median of the
/// kernels.
const INTERPRETER_BAR: f64 = 1.15;

/// What the names of rows begin with whose rates are printed, too.
const MESSAGE: &str = "message, ";

fn human(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{n:.1} ns"),
        n if n < 1e6 => format!("{:.2} us", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}

struct Options {
    effort: Effort,
    backend: Option<String>,
    filter: String,
}

impl Options {
    fn wants(&self, backend: &str, name: &str) -> bool {
        name.contains(&self.filter) && self.backend.as_ref().is_none_or(|it| it == backend)
    }
}

/// What is to be done, or what to say instead.
fn options() -> Result<Options, ExitCode> {
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
                return Err(ExitCode::SUCCESS);
            }
            "--quick" => {
                effort = Effort {
                    samples: 101,
                    sample: Duration::from_millis(1),
                    total: Duration::from_millis(300),
                }
            }
            "--resident" => {
                let (backend, by) = (args.next(), args.next());
                let by = INTERRUPTIONS
                    .into_iter()
                    .find(|it| Some(it.to_string()) == by);
                if let Some(bytes) = backend.zip(by).and_then(|(name, by)| resident(&name, by)) {
                    println!("{bytes}");
                }
                return Err(ExitCode::SUCCESS);
            }
            "--backend" => match args.next() {
                Some(name) if name == HOST || enginebay::BACKENDS.contains(&&*name) => {
                    backend = Some(name)
                }
                _ => {
                    let names = enginebay::BACKENDS.join(", ");
                    eprint!("`--backend` takes one of {names}, {HOST}\n\n{HELP}");
                    return Err(ExitCode::from(2));
                }
            },
            other if other.starts_with('-') => {
                eprint!("unknown option `{other}`\n\n{HELP}");
                return Err(ExitCode::from(2));
            }
            other => filter = other.to_owned(),
        }
    }
    Ok(Options {
        effort,
        backend,
        filter,
    })
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(code) => return code,
    };
    println!(
        "medians of up to {} samples in alternation; +- is half the distance of the quartiles",
        options.effort.samples
    );
    memory(&options);
    let mut missed = pairs(&options);
    missed.extend(metering(&options));
    match &*missed {
        [] => println!("\nno bar is missed"),
        missed => println!("\nbars missed: {}\n- {}", missed.len(), missed.join("\n- ")),
    }
    ExitCode::SUCCESS
}

fn header(columns: &[&str]) {
    println!("\n| {} |", columns.join(" | "));
    println!("|{}", "---|".repeat(columns.len()));
}

/// Whether a bar is met, and what it is.
fn verdict(bar: &str, met: bool) -> String {
    format!("{bar} {}", if met { "met" } else { "**missed**" })
}

/// Every pair, and all of them across backends. Gives the bars that are missed.
fn pairs(options: &Options) -> Vec<String> {
    let mut missed = Vec::new();
    let mut names = Vec::new();
    let mut medians = BTreeMap::new();
    let mut rates = Vec::new();
    let mut begun = false;
    for bench in benches() {
        if !options.wants(bench.backend, &bench.name) {
            continue;
        }
        if !std::mem::replace(&mut begun, true) {
            header(&[
                "backend",
                "what",
                "enginebay",
                "against",
                "",
                "ratio",
                "+-",
                "bar",
            ]);
        }
        let measured = measure(&mut (bench.make)(), options.effort);
        let bar = bench.bar.map_or(String::new(), |bar| {
            let limit = bar.limit(measured.theirs);
            let met = measured.ours <= limit;
            if !met {
                missed.push(format!(
                    "{}, {}, against {}: {:.3} +- {:.3}, {} where {} are wanted",
                    bench.backend,
                    bench.name,
                    bench.against,
                    measured.ratio,
                    measured.spread,
                    human(measured.ours),
                    human(limit)
                ));
            }
            verdict(&human(limit), met)
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
        if bench.name.starts_with(MESSAGE) {
            let sides = [measured.ours, measured.theirs].map(|it| format!("{:.0}", 1e9 / it));
            rates.push((bench.backend, bench.name.clone(), sides, bench.against));
        }
        if bench.backend == HOST {
            continue;
        }
        if !names.contains(&bench.name) {
            names.push(bench.name.clone());
        }
        medians
            .entry((bench.name, bench.backend))
            .or_insert(measured.ours);
    }
    if !rates.is_empty() {
        println!("\nin a second");
        header(&["backend", "what", "enginebay", "against", ""]);
    }
    for (backend, name, [ours, theirs], against) in rates {
        println!("| {backend} | {name} | {ours} | {theirs} | {against} |");
    }
    if names.is_empty() {
        return missed;
    }
    println!("\nacross backends");
    let columns: Vec<_> = [&"what"]
        .into_iter()
        .chain(enginebay::BACKENDS)
        .copied()
        .collect();
    header(&columns);
    for name in names {
        let cells = enginebay::BACKENDS.iter().map(|backend| {
            let median = medians.get(&(name.clone(), *backend)).copied();
            median.map_or(String::new(), human)
        });
        println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    missed
}

/// What it costs to be able to stop guests. Gives the bars that are missed.
fn metering(options: &Options) -> Vec<String> {
    let mut missed = Vec::new();
    let mut kernels: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut begun = false;
    for meter in meters() {
        if !options.wants(meter.backend, &format!("metering: {}", meter.name)) {
            continue;
        }
        if !std::mem::replace(&mut begun, true) {
            println!(
                "\nmetering: one sample in twenty is faster than the times without and with it; the last \
                 ratio is ours to Wasmtime's, and +- is of the samples' ratios"
            );
            header(&[
                "backend",
                "by",
                "what",
                "without",
                "with",
                "ratio",
                "Wasmtime's own",
                "of that",
                "+-",
                "bar",
            ]);
        }
        let measured = measure_meter(&mut (meter.make)(), options.effort);
        let by = match meter.own.fuel && meter.own.epochs {
            true => format!("{}, beside fuel and epochs", meter.by),
            false => meter.by.to_string(),
        };
        let bar = meter.bar.map_or(String::new(), |bar| {
            let met = measured.figure <= bar;
            if !met {
                missed.push(format!(
                    "{}, metering by {by}, {}: {:.3} +- {:.3} of Wasmtime's own, where the bar is \
                     {bar}",
                    meter.backend, meter.name, measured.figure, measured.spread
                ));
            }
            verdict(&format!("{bar}"), met)
        });
        println!(
            "| {} | {by} | {} | {} | {} | {:.3} | {:.3} | {:.3} | {:.3} | {bar} |",
            meter.backend,
            meter.name,
            human(measured.plain),
            human(measured.metered),
            measured.ratio,
            measured.theirs,
            measured.figure,
            measured.spread,
        );
        if meter.kernel {
            kernels
                .entry((meter.backend, by))
                .or_default()
                .push(measured.ratio);
        }
    }
    for ((backend, by), mut ratios) in kernels {
        ratios.sort_by(f64::total_cmp);
        let (low, high) = (ratios[(ratios.len() - 1) / 2], ratios[ratios.len() / 2]);
        let median = f64::midpoint(low, high);
        let has_bar = backend == "wasmi" && by == Interruption::Deadline.to_string();
        let met = median <= INTERPRETER_BAR;
        if has_bar && !met {
            missed.push(format!(
                "{backend}, metering by {by}, median of the kernels: {median:.3}, where the bar is \
                 {INTERPRETER_BAR}"
            ));
        }
        let bar = if has_bar {
            verdict(&format!("{INTERPRETER_BAR}"), met)
        } else {
            String::new()
        };
        println!("| {backend} | {by} | median of the kernels | | | {median:.3} | | | | {bar} |");
    }
    missed
}

const INTERRUPTIONS: [Interruption; 3] = [
    Interruption::None,
    Interruption::Deadline,
    Interruption::Fuel,
];

/// What an instance keeps, each in a process of its own.
fn memory(options: &Options) {
    let mut wanted = enginebay::BACKENDS.iter();
    if !wanted.any(|backend| options.wants(backend, "resident")) {
        return;
    }
    println!("\nresident: bytes per store with one instance that has written to one page");
    header(&["backend", "none", "deadline", "fuel"]);
    for backend in enginebay::BACKENDS {
        if !options.wants(backend, "resident") {
            continue;
        }
        let cells = INTERRUPTIONS.map(|by| bytes(backend, by).unwrap_or("unknown".into()));
        println!("| {backend} | {} |", cells.join(" | "));
    }
}

fn bytes(backend: &str, by: Interruption) -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let mut command = Command::new(program);
    let output = command
        .args(["--resident", backend, &by.to_string()])
        .output();
    let printed = String::from_utf8(output.ok()?.stdout).ok()?;
    let bytes: usize = printed.trim().parse().ok()?;
    Some(bytes.to_string())
}
