//! `enginebay conformance`: runs scripts and reports what holds, per script and
//! backend.

use std::collections::BTreeMap;

use enginebay::{Backend, Error, ErrorKind};
use enginebay_conformance::{CaseReport, Count, FileReport, Outcome, Runner, StepReport, Suite};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

use crate::args::{ConformanceArgs, ReportFormat};
use crate::differential::differential;
use crate::dispatch::{self, ALL, Task};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{clean, note, print, print_bytes, print_json, table};

/// Runs a suite on one backend.
struct RunSuite<'a>(&'a Suite);

impl Task for RunSuite<'_> {
    type Output = Vec<CaseReport>;

    fn run<B: Backend>(&self) -> Vec<CaseReport> {
        self.0.run(&Runner::<B>::new())
    }
}

/// A script that could not be parsed.
#[derive(Serialize)]
struct Broken {
    file: String,
    error: String,
}

/// What a script's header says that is not understood or cannot be done.
#[derive(Serialize)]
struct Note {
    file: String,
    text: String,
}

/// What is to be said of the scripts themselves.
fn look_at(suite: &Suite) -> (Vec<Broken>, Vec<Note>) {
    let (mut broken, mut notes) = (Vec::new(), Vec::new());
    for case in suite.cases() {
        match case.script() {
            Ok(script) => notes.extend(script.notes().iter().map(|text| Note {
                file: script.name().to_owned(),
                text: text.clone(),
            })),
            Err(error) => broken.push(Broken {
                file: match case.path() {
                    Some(path) => path.display().to_string(),
                    None => case.name().to_owned(),
                },
                error: error.to_string(),
            }),
        }
    }
    (broken, notes)
}

pub(crate) fn conformance(args: &ConformanceArgs) -> Result<Exit, Failure> {
    if args.random {
        return differential(args.seed, args.duration.0);
    }
    let mut suite = read(args)?;
    if let Some(text) = &args.only {
        suite.retain(|case| case.name().contains(&**text));
        if suite.cases().is_empty() {
            let text = format!("no script has `{text}` in its name");
            return Err(Error::new(ErrorKind::NotFound, text).into());
        }
    }
    let (broken, notes) = look_at(&suite);
    for Note { file, text } in &notes {
        note(&clean(&format!("warning: {file}: {text}")));
    }
    let task = RunSuite(&suite);
    let reports = if args.backend == ALL {
        dispatch::on_each(&task).concat()
    } else {
        dispatch::on(&args.backend, &task)?
    };
    // Those that could not be parsed have nothing to report.
    let parsed = |report: &CaseReport| !report.report.steps.is_empty();
    let reports = reports.into_iter().filter(parsed);
    let reports: Vec<FileReport> = reports.map(|report| report.report).collect();
    match args.format {
        ReportFormat::Table => print(&as_table(&reports, &broken))?,
        ReportFormat::Json => print_json(&as_json(&reports, &broken, &notes))?,
        ReportFormat::Junit => print_bytes(&as_junit(&reports, &broken)?)?,
    }
    let failed = reports.iter().any(|report| report.count().failed > 0);
    if failed || !broken.is_empty() {
        return Ok(Exit::SCRIPT);
    }
    Ok(Exit::SUCCESS)
}

/// The scripts that are given, or those that the program has.
fn read(args: &ConformanceArgs) -> Result<Suite, Failure> {
    if args.paths.is_empty() {
        return Ok(Suite::embedded());
    }
    let mut suite = Suite::default();
    for path in &args.paths {
        let read = Suite::read(path).map_err(|error| Failure::io("cannot read", path, error))?;
        if read.cases().is_empty() {
            let text = format!("there are no scripts (.wast) in {}", path.display());
            return Err(Error::new(ErrorKind::Io, text).into());
        }
        suite.add("", read);
    }
    Ok(suite)
}

/// The sum for each backend, in the order of the reports.
fn sums(reports: &[FileReport]) -> Vec<(&'static str, Count)> {
    let mut sums: Vec<(&'static str, Count)> = Vec::new();
    for report in reports {
        match sums.iter_mut().find(|(name, _)| *name == report.backend) {
            Some((_, sum)) => *sum += report.count(),
            None => sums.push((report.backend, report.count())),
        }
    }
    sums
}

fn as_table(reports: &[FileReport], broken: &[Broken]) -> String {
    let row = |name: &str, backend: &str, count: Count| {
        let numbers = [count.passed, count.failed, count.unsupported];
        let mut row = vec![clean(name).into_owned(), backend.to_owned()];
        row.extend(numbers.map(|number| number.to_string()));
        row
    };
    let head = ["script", "backend", "pass", "fail", "unsupported"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for report in reports {
        rows.push(row(&report.name, report.backend, report.count()));
    }
    for (backend, sum) in sums(reports) {
        rows.push(row("all", backend, sum));
    }
    let mut text = table(&rows);
    let mut details = String::new();
    for report in reports {
        for step in &report.steps {
            if step.outcome != Outcome::Pass {
                details += &format!(
                    "{}:{}: {}: {}: {}\n",
                    report.name, step.line, report.backend, step.directive, step.outcome
                );
            }
        }
    }
    for broken in broken {
        details += &format!("fail: {}\n", broken.error);
    }
    for line in differences(reports) {
        details += &line;
        details.push('\n');
    }
    if !details.is_empty() {
        text.push('\n');
        text += &clean(&details);
    }
    text
}

/// The directives that hold on some backends and not on others; those that
/// cannot run them are not asked.
fn differences(reports: &[FileReport]) -> Vec<String> {
    let mut by_script: BTreeMap<&str, Vec<&FileReport>> = BTreeMap::new();
    for report in reports {
        by_script.entry(&report.name).or_default().push(report);
    }
    let mut lines = Vec::new();
    for (script, reports) in by_script {
        let Some(first) = reports.first() else {
            continue;
        };
        for (i, step) in first.steps.iter().enumerate() {
            let ran = |report: &&FileReport| match report.steps.get(i)?.outcome {
                Outcome::Unsupported { .. } => None,
                ref outcome => Some((report.backend, outcome.word())),
            };
            let ran: Vec<_> = reports.iter().filter_map(ran).collect();
            if ran.windows(2).all(|pair| pair[0].1 == pair[1].1) {
                continue;
            }
            let each = ran
                .iter()
                .map(|(backend, word)| format!("{backend} {word}"));
            let each: Vec<_> = each.collect();
            lines.push(format!(
                "{script}:{}: the backends differ: {}",
                step.line,
                each.join(", ")
            ));
        }
    }
    lines
}

#[derive(Serialize)]
struct JsonReport<'a> {
    scripts: Vec<JsonScript<'a>>,
    #[serde(skip_serializing_if = "<[Broken]>::is_empty")]
    broken: &'a [Broken],
    #[serde(skip_serializing_if = "<[Note]>::is_empty")]
    notes: &'a [Note],
    backends: BTreeMap<&'static str, JsonCount>,
}

#[derive(Serialize)]
struct JsonCount {
    pass: usize,
    fail: usize,
    unsupported: usize,
}

#[derive(Serialize)]
struct JsonScript<'a> {
    script: &'a str,
    backend: &'static str,
    #[serde(flatten)]
    count: JsonCount,
    directives: Vec<JsonStep<'a>>,
}

#[derive(Serialize)]
struct JsonStep<'a> {
    line: usize,
    directive: &'static str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    feature: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

impl From<Count> for JsonCount {
    fn from(count: Count) -> Self {
        JsonCount {
            pass: count.passed,
            fail: count.failed,
            unsupported: count.unsupported,
        }
    }
}

fn as_json<'a>(
    reports: &'a [FileReport],
    broken: &'a [Broken],
    notes: &'a [Note],
) -> JsonReport<'a> {
    let step = |step: &'a StepReport| {
        let (feature, message) = match &step.outcome {
            Outcome::Pass => (None, None),
            Outcome::Fail(text) => (None, Some(text.as_str())),
            Outcome::Unsupported { feature, reason } => {
                (Some(feature.as_str()), Some(reason.as_str()))
            }
        };
        JsonStep {
            line: step.line,
            directive: step.directive,
            outcome: step.outcome.word(),
            feature,
            message,
        }
    };
    let script = |report: &'a FileReport| JsonScript {
        script: &report.name,
        backend: report.backend,
        count: report.count().into(),
        directives: report.steps.iter().map(step).collect(),
    };
    let sum = |(backend, sum): (&'static str, Count)| (backend, sum.into());
    JsonReport {
        scripts: reports.iter().map(script).collect(),
        broken,
        notes,
        backends: sums(reports).into_iter().map(sum).collect(),
    }
}

fn as_junit(reports: &[FileReport], broken: &[Broken]) -> Result<Vec<u8>, Failure> {
    let mut junit = Report::new("enginebay conformance");
    for report in reports {
        let name = format!("{}::{}", report.backend, report.name);
        let mut suite = TestSuite::new(name.as_str());
        for step in &report.steps {
            let status = match &step.outcome {
                Outcome::Pass => TestCaseStatus::success(),
                Outcome::Fail(text) => non_success(text),
                Outcome::Unsupported { feature, reason } => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(format!("{feature}: {reason}"));
                    status
                }
            };
            let case = format!("line {}: {}", step.line, step.directive);
            let mut case = TestCase::new(case, status);
            case.set_classname(name.as_str());
            suite.add_test_case(case);
        }
        junit.add_test_suite(suite);
    }
    if !broken.is_empty() {
        let mut suite = TestSuite::new("scripts that cannot be parsed");
        for broken in broken {
            let case = TestCase::new(broken.file.as_str(), non_success(&broken.error));
            suite.add_test_case(case);
        }
        junit.add_test_suite(suite);
    }
    let mut xml = Vec::new();
    junit
        .serialize(&mut xml)
        .map_err(|error| Error::new(ErrorKind::Io, format!("cannot write JUnit: {error}")))?;
    Ok(xml)
}

fn non_success(text: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(text);
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(backend: &'static str, outcomes: &[Outcome]) -> FileReport {
        let step = |(i, outcome): (usize, &Outcome)| StepReport {
            line: i + 1,
            directive: "component",
            outcome: outcome.clone(),
            fuel: None,
        };
        FileReport {
            name: "a.wast".to_owned(),
            backend,
            steps: outcomes.iter().enumerate().map(step).collect(),
        }
    }

    #[test]
    fn backends_that_differ_are_told_by_line() {
        let fail = Outcome::Fail("no".to_owned());
        let lacking = Outcome::Unsupported {
            feature: "gc".to_owned(),
            reason: "no".to_owned(),
        };
        let one = report("one", &[Outcome::Pass, Outcome::Pass]);
        let two = report("two", &[Outcome::Pass, fail]);
        assert!(differences(&[one.clone(), one.clone()]).is_empty());
        let three = report("three", &[Outcome::Pass, lacking]);
        assert!(differences(&[one.clone(), three.clone()]).is_empty());
        assert_eq!(
            differences(&[one, three, two]),
            ["a.wast:2: the backends differ: one pass, two fail"]
        );
    }
}
