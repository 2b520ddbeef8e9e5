//! What `enginebay run` says about its calls, on one backend and on all.

use std::borrow::Cow;

use enginebay::{Error, ErrorKind, Usage};
use serde::Serialize;

use crate::args::{Format, RunArgs};
use crate::exit::Exit;
use crate::failure::{ErrorReport, Failure};
use crate::output::{bytes, clean, count, json, note, print, print_json};
use crate::run::{Outcome, Run};

/// A call in JSON.
#[derive(Serialize)]
struct RunReport<'a> {
    backend: &'static str,
    /// The code that this program exits with because of the call.
    exit_code: u8,
    /// The result in WAVE; none for functions without one, and for commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stdout: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageReport>,
}

/// Calls on all backends in JSON.
#[derive(Serialize)]
struct AllReport<'a> {
    same: bool,
    runs: Vec<RunReport<'a>>,
}

#[derive(Serialize)]
struct UsageReport {
    memory: u64,
    memory_peak: u64,
    table_elements: u64,
    growth_refused: u64,
    host_calls: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fuel: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_ms: Option<f64>,
}

impl Run {
    fn exit(&self) -> Exit {
        match &self.outcome {
            Ok(Outcome::Returned(_)) => Exit::SUCCESS,
            Ok(Outcome::Exited(code)) => Exit(*code),
            Err(failure) => failure.exit(),
        }
    }

    fn result(&self) -> Option<&str> {
        match &self.outcome {
            Ok(Outcome::Returned(result)) => result.as_deref(),
            _ => None,
        }
    }

    fn report(&self, args: &RunArgs) -> RunReport<'_> {
        let stdout = self.stdout.as_deref().map(String::from_utf8_lossy);
        RunReport {
            backend: self.backend,
            exit_code: self.exit().0,
            result: self.result(),
            stdout: stdout.filter(|text| !text.is_empty()),
            error: match &self.outcome {
                Err(Failure::Error { error, .. }) => Some(ErrorReport::new(error)),
                _ => None,
            },
            usage: self.usage.filter(|_| args.usage).map(UsageReport::new),
        }
    }

    /// What has to be the same on each backend.
    fn essence(&self) -> (Result<Option<&str>, String>, u8, Option<&[u8]>) {
        let outcome = match &self.outcome {
            Ok(_) => Ok(self.result()),
            Err(Failure::Error { error, .. }) => Err(match error.trap_code() {
                Some(code) => code.to_string(),
                None => error.kind().name().to_owned(),
            }),
            Err(_) => Err(String::new()),
        };
        (outcome, self.exit().0, self.stdout.as_deref())
    }

    /// The end of the call on one line.
    fn summary(&self) -> String {
        match &self.outcome {
            Ok(Outcome::Returned(Some(result))) => result.clone(),
            Ok(Outcome::Returned(None)) => "no result".to_owned(),
            Ok(Outcome::Exited(code)) => format!("exit code {code}"),
            Err(Failure::Error { error, .. }) => {
                format!("error: {}", clean(&error.to_string()).replace('\n', " "))
            }
            Err(_) => "error".to_owned(),
        }
    }

    /// Writes what the guest wrote, if that was kept, and its result.
    fn print(&self) -> Result<(), Failure> {
        if let Some(stdout) = &self.stdout {
            crate::output::print_bytes(stdout)?;
        }
        match self.result() {
            Some(result) => print(&format!("{result}\n")),
            None => Ok(()),
        }
    }

    fn note_usage(&self) {
        if let Some(usage) = &self.usage {
            note(&format!("{}: {}", self.backend, usage_text(usage)));
        }
    }
}

impl UsageReport {
    fn new(usage: Usage) -> Self {
        UsageReport {
            memory: usage.memory,
            memory_peak: usage.memory_peak,
            table_elements: usage.table_elements,
            growth_refused: usage.growth_refused,
            host_calls: usage.host_calls,
            fuel: usage.fuel,
            time_ms: usage.time.map(|time| time.as_secs_f64() * 1e3),
        }
    }
}

fn usage_text(usage: &Usage) -> String {
    let mut text = format!(
        "{} of memory at most, {}",
        bytes(usage.memory_peak),
        count(usage.host_calls, "host call")
    );
    if let Some(fuel) = usage.fuel {
        text.push_str(&format!(", {fuel} fuel"));
    }
    if usage.growth_refused > 0 {
        text.push_str(&format!(
            ", {} refused",
            count(usage.growth_refused, "growth")
        ));
    }
    if let Some(time) = usage.time {
        text.push_str(&format!(", {time:.1?}"));
    }
    text
}

/// Which backends gave the same, and which did not: `a, b; c`.
fn sides(runs: &[Run]) -> String {
    let mut sides: Vec<Vec<&Run>> = Vec::new();
    for run in runs {
        let same =
            |side: &&mut Vec<&Run>| side.iter().all(|other| other.essence() == run.essence());
        match sides.iter_mut().find(same) {
            Some(side) => side.push(run),
            None => sides.push(vec![run]),
        }
    }
    let name = |side: &Vec<&Run>| {
        let names: Vec<_> = side.iter().map(|run| run.backend).collect();
        names.join(", ")
    };
    sides.iter().map(name).collect::<Vec<_>>().join(" against ")
}

fn agree(runs: &[Run]) -> bool {
    runs.windows(2)
        .all(|pair| pair[0].essence() == pair[1].essence())
}

/// Says what came of a call on one backend.
pub(crate) fn one(run: Run, args: &RunArgs) -> Result<Exit, Failure> {
    if args.format == Format::Json {
        print_json(&run.report(args))?;
    } else {
        run.print()?;
        if args.usage {
            run.note_usage();
        }
    }
    let exit = run.exit();
    run.outcome.map(|_| exit)
}

/// Writes one result per backend, after what the guests wrote: once if that is
/// the same for all.
fn print_all(runs: &[Run], same: bool) -> Result<(), Failure> {
    for (i, run) in runs.iter().enumerate() {
        let stdout = run.stdout.as_deref().unwrap_or_default();
        if stdout.is_empty() || (same && i > 0) {
            continue;
        }
        if !same {
            print(&format!("{} wrote:\n", run.backend))?;
        }
        crate::output::print_bytes(stdout)?;
        if !stdout.ends_with(b"\n") {
            print("\n")?;
        }
    }
    let width = runs.iter().map(|run| run.backend.len()).max().unwrap_or(0) + 1;
    for run in runs {
        let name = format!("{}:", run.backend);
        print(&format!("{name:width$} {}\n", run.summary()))?;
    }
    Ok(())
}

/// Says what came of a call on each backend, and whether it was the same.
pub(crate) fn all(runs: Vec<Run>, args: &RunArgs) -> Result<Exit, Failure> {
    let same = agree(&runs);
    if args.format == Format::Json {
        let runs = runs.iter().map(|run| run.report(args)).collect();
        print(&json(&AllReport { same, runs })?)?;
    } else {
        print_all(&runs, same)?;
        if args.usage {
            runs.iter().for_each(Run::note_usage);
        }
    }
    if !same {
        return Err(Failure::advised(
            Error::new(ErrorKind::Engine, "the backends differ"),
            format!("{}; see what each of them gave", sides(&runs)),
        ));
    }
    // They ended the same way, so any of them stands for all.
    match runs.into_iter().next() {
        Some(run) => {
            let exit = run.exit();
            run.outcome.map(|_| exit)
        }
        None => Ok(Exit::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use enginebay::TrapCode;

    fn run(outcome: Result<Outcome, Failure>, stdout: &str) -> Run {
        Run {
            backend: "test",
            outcome,
            stdout: Some(stdout.into()),
            usage: None,
        }
    }

    fn returned(result: &str) -> Result<Outcome, Failure> {
        Ok(Outcome::Returned(Some(result.to_owned())))
    }

    fn failed(kind: ErrorKind) -> Result<Outcome, Failure> {
        Err(Error::of(kind).into())
    }

    #[test]
    fn those_that_agree_are_named_together() {
        let named = |backend, outcome| Run {
            backend,
            ..run(outcome, "")
        };
        let runs = [
            named("a", returned("1")),
            named("b", failed(ErrorKind::Unsupported)),
            named("c", returned("1")),
        ];
        assert_eq!(sides(&runs), "a, c against b");
    }

    #[test]
    fn results_output_and_kinds_of_errors_have_to_agree() {
        let same = |a, b| agree(&[run(a, "x"), run(b, "x")]);
        assert!(same(returned("1"), returned("1")));
        assert!(!same(returned("1"), returned("2")));
        assert!(!same(returned("1"), Ok(Outcome::Returned(None))));
        assert!(!same(Ok(Outcome::Exited(0)), Ok(Outcome::Exited(1))));
        assert!(!agree(&[run(returned("1"), "x"), run(returned("1"), "y")]));
        // How much fuel there was when it ran out may differ, why it ended not.
        let fuel = |consumed| failed(ErrorKind::OutOfFuel { consumed });
        assert!(same(fuel(1), fuel(2)));
        let trap = |code| failed(ErrorKind::Trap(code));
        assert!(same(
            trap(TrapCode::Unreachable),
            trap(TrapCode::Unreachable)
        ));
        assert!(!same(
            trap(TrapCode::Unreachable),
            trap(TrapCode::StackOverflow)
        ));
        assert!(!same(trap(TrapCode::Unreachable), fuel(1)));
        assert!(!same(returned("1"), fuel(1)));
    }
}
