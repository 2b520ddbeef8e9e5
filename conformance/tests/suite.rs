//! The official Component Model suite, and the cases of this crate, on every
//! backend: one test per case and backend, named `backend::group::case`.
//!
//! The official suite is read from the folder that `ENGINEBAY_COMPONENT_MODEL_TESTS`
//! names. With `ENGINEBAY_BLESS=1` the numbers of directives in
//! `suite/counts.toml`, and the matrix in the documentation, are written anew
//! instead of compared.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use enginebay::Backend;
use enginebay_conformance::{
    BackendInfo, Case, CaseReport, Counts, FileReport, Matrix, Outcome, Runner, Script, Section,
    Suite, TIMING,
};
use libtest_mimic::{Arguments, Failed, Trial};

const SUITE: &str = "ENGINEBAY_COMPONENT_MODEL_TESTS";
const OFFICIAL: &str = "official";
const BLESS: &str = "ENGINEBAY_BLESS";
const WHERE: &str = "https://github.com/WebAssembly/component-model, folder test/";
const COUNTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/suite/counts.toml");
/// The page with the matrix: a part of the repository, and not of the crate.
const PAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../docs/src/reference/matrix.md"
);
const PAGE_HEAD: &str = "\
# Conformance matrix

What each backend makes of each case. The test `suite` writes this page with `ENGINEBAY_BLESS=1` and
compares it without ([how](../how-to/conformance.md)); `enginebay conformance --backend all --format
markdown` prints the same of any scripts. A number is one of directives: a module or component that is
defined, or an assertion. *Unsupported* is neither passed nor failed, and the reason stands below.

";

/// What is run.
struct Data {
    suite: Suite,
    /// What is counted now, if the counts are to be written anew.
    blessed: Option<Mutex<BTreeMap<String, usize>>>,
    /// What came of the cases so far.
    reports: Mutex<Vec<CaseReport>>,
}

fn run<B: Backend>(case: &Case, runner: &Runner<B>, data: &Data) -> Result<(), Failed> {
    let script = case.script()?;
    let report = data.suite.run_case(case, runner);
    let mut reports = data.reports.lock().unwrap_or_else(PoisonError::into_inner);
    reports.push(report.clone());
    drop(reports);
    let mut wrong = report.wrong;
    // A key that is not known is a fault of a case of ours, and none of others'.
    if case.group() != OFFICIAL {
        wrong.extend_from_slice(script.notes());
    }
    let total = report.report.count().total();
    match &data.blessed {
        Some(blessed) => {
            let mut blessed = blessed.lock().unwrap_or_else(PoisonError::into_inner);
            blessed.insert(report.case, total);
        }
        None => match data.suite.counts().0.get(&report.case) {
            Some(counted) if *counted == total => {}
            Some(counted) => wrong.push(format!(
                "{total} directives, and {counted} in suite/counts.toml"
            )),
            None => wrong.push(format!(
                "{total} directives, and the case is not in suite/counts.toml"
            )),
        },
    }
    told(script, &wrong)
}

fn told(script: &Script, wrong: &[String]) -> Result<(), Failed> {
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}:\n  {}", script.name(), wrong.join("\n  ")).into())
}

/// Lines of scripts of others, whose fuel is not one number.
///
/// With component-model async on, Wasmtime's own adapters do more than a call
/// needs that is not asynchronous.
const UNEVEN: [(&str, &[usize]); 2] = [
    ("official/values/post-return", &[416]),
    ("official/values/variants", &[73, 75, 77, 79]),
];

/// Runs a case on all backends with fuel, and compares what each directive
/// consumes that passes on all of them. Metered, a case is to hold as it does
/// otherwise.
fn fuel(case: &Case, data: &Data) -> Result<(), Failed> {
    let mut reports = Vec::new();
    let script = case.script()?.clone().metered();
    macro_rules! run {
        ($name:ident, $backend:ty) => {
            reports.push(Runner::<$backend>::new().run(&script));
        };
    }
    enginebay::for_each_backend!(run);
    let Some((first, others)) = reports.split_first() else {
        return Err("no backend is on".into());
    };
    let consumed = |report: &FileReport, index: usize| {
        let total = |index: usize| report.steps[index].fuel.unwrap_or(0);
        let before = index.checked_sub(1).map_or(0, total);
        total(index).checked_sub(before)
    };
    let passed = |report: &FileReport, index: usize| report.steps[index].outcome == Outcome::Pass;
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for report in &reports {
        let found = data.suite.expectations().check(case.name(), report);
        let found = found.into_iter();
        wrong.extend(found.map(|text| format!("{}, metered: {text}", report.backend)));
    }
    for (index, step) in first.steps.iter().enumerate() {
        let mut uneven = UNEVEN.iter();
        let uneven = uneven.any(|(name, lines)| *name == case.name() && lines.contains(&step.line));
        if uneven || !reports.iter().all(|report| passed(report, index)) {
            continue;
        }
        compared += usize::from(step.fuel.is_some());
        let expected = consumed(first, index);
        for other in others {
            let given = consumed(other, index);
            if given != expected {
                wrong.push(format!(
                    "line {}: {} consumes {given:?}, {} {expected:?}",
                    step.line, other.backend, first.backend
                ));
            }
        }
    }
    // Scripts that only compile have no stores.
    let calls = first
        .steps
        .iter()
        .any(|step| step.directive == "assert_return");
    if compared == 0 && calls {
        wrong.push("nothing was compared".into());
    }
    told(&script, &wrong)
}

/// One test per case and backend, and one about fuel per case. Those of the group
/// that looks at the clock come apart.
fn trials(data: &Arc<Data>) -> (Vec<Trial>, Vec<Trial>) {
    let (mut trials, mut timing) = (Vec::new(), Vec::new());
    let cases = || data.suite.cases().iter().enumerate();
    macro_rules! add {
        ($name:ident, $backend:ty) => {
            let runner = Arc::new(Runner::<$backend>::new());
            for (index, case) in cases() {
                let name = test_name(<$backend as Backend>::NAME, case);
                let (runner, data) = (runner.clone(), data.clone());
                let trial = Trial::test(name, move || {
                    run(&data.suite.cases()[index], &runner, &data)
                });
                match case.group() {
                    TIMING => timing.push(trial),
                    _ => trials.push(trial),
                }
            }
        };
    }
    enginebay::for_each_backend!(add);
    let even = |case: &Case| case.script().is_ok_and(|script| !script.has_uneven_fuel());
    for (index, case) in cases().filter(|(_, case)| even(case)) {
        let data = data.clone();
        let trial = move || fuel(&data.suite.cases()[index], &data);
        trials.push(Trial::test(test_name("fuel", case), trial));
    }
    (trials, timing)
}

fn test_name(first: &str, case: &Case) -> String {
    format!("{first}::{}", case.name().replace('/', "::"))
}

/// Every case that the data files have is there.
fn listed(data: &Data, whole: bool) -> Result<(), Failed> {
    let missing = |name: &&str| {
        let known = |case: &Case| case.name() == *name;
        (whole || !name.starts_with(OFFICIAL)) && !data.suite.cases().iter().any(known)
    };
    let counted = data.suite.counts().0.keys().map(String::as_str);
    let unsupported = data.suite.expectations().unsupported.iter();
    let mut all = counted.chain(unsupported.map(|entry| entry.case.as_str()));
    match all.find(missing) {
        Some(name) if data.blessed.is_none() => {
            Err(format!("the data files have `{name}`, and there is no such script").into())
        }
        _ => Ok(()),
    }
}

/// Writes what was counted; what was not run stays.
fn bless(data: &Data, blessed: &Mutex<BTreeMap<String, usize>>, whole: bool) -> Result<(), String> {
    let mut counts = data.suite.counts().0.clone();
    counts.retain(|name, _| {
        let mut cases = data.suite.cases().iter();
        cases.any(|case| case.name() == name) || name.starts_with(OFFICIAL) && !whole
    });
    let blessed = blessed.lock().unwrap_or_else(PoisonError::into_inner);
    counts.extend(blessed.iter().map(|(name, count)| (name.clone(), *count)));
    let text = toml::to_string(&Counts(counts)).map_err(|error| error.to_string())?;
    let head = "# How many directives each case has: written by the test `suite` with\n\
                # ENGINEBAY_BLESS=1, and compared by it without.\n";
    fs::write(COUNTS, format!("{head}{text}")).map_err(|error| format!("{COUNTS}: {error}"))
}

/// The heading of the page's last part, which only those can write who have the
/// official suite.
const OFFICIAL_HEADING: &str = "\n## The official suite\n";

/// Compares the page with what came of the cases, or writes it.
fn check_page(data: &Data, whole: bool) -> Result<(), String> {
    let mut reports = data.reports.lock().unwrap_or_else(PoisonError::into_inner);
    let mut backends = Vec::new();
    macro_rules! add {
        ($name:ident, $backend:ty) => {
            backends.push(BackendInfo::of::<$backend>());
        };
    }
    enginebay::for_each_backend!(add);
    let place = |backend: &str| backends.iter().position(|it| it.name == backend);
    reports.sort_by(|a, b| {
        let key = |it: &CaseReport| (it.case.clone(), place(it.report.backend));
        key(a).cmp(&key(b))
    });
    let (official, ours): (Vec<_>, Vec<_>) = reports
        .iter()
        .cloned()
        .partition(|report| report.group() == OFFICIAL);
    let mut sections = vec![Section {
        title: "The cases of this repository".into(),
        about: "Folder `conformance/cases`; `enginebay conformance --backend all` runs them."
            .into(),
        reports: ours,
    }];
    if whole {
        sections.push(Section {
            title: "The official suite".into(),
            about: "A part of the suite of the Component Model.".into(),
            reports: official,
        });
    }
    let mut text = PAGE_HEAD.to_owned();
    text += &Matrix { backends, sections }.markdown();
    // The crate by itself has no documentation around it.
    if !Path::new(PAGE).parent().is_some_and(Path::is_dir) {
        return Ok(());
    }
    let known = fs::read_to_string(PAGE).unwrap_or_default();
    let known = known.replace("\r\n", "\n");
    if !whole && let Some(at) = known.find(OFFICIAL_HEADING) {
        text += &known[at..];
    }
    if text == known {
        return Ok(());
    }
    if data.blessed.is_some() {
        return fs::write(PAGE, text).map_err(|error| format!("{PAGE}: {error}"));
    }
    let mut both = text.lines().zip(known.lines());
    let first = both.find(|(text, known)| text != known);
    let (now, then) = first.unwrap_or(("(its end)", "(its end)"));
    Err(format!(
        "docs/src/reference/matrix.md is out of date: {BLESS}=1 writes it anew\n  now:  {now}\n  \
         page: {then}"
    ))
}

fn all() -> Result<ExitCode, String> {
    let mut arguments = Arguments::from_args();
    let mut suite = Suite::embedded();
    let official = env::var_os(SUITE).filter(|path| !path.is_empty());
    match &official {
        Some(path) => {
            let read = Suite::read(Path::new(path));
            let official = read.map_err(|error| format!("{SUITE}: {path:?}: {error}"))?;
            if official.cases().is_empty() {
                return Err(format!("{SUITE}: there are no scripts in {path:?}"));
            }
            suite.add(OFFICIAL, official);
        }
        None => eprintln!(
            "SKIPPED: the official Component Model suite. Get it from {WHERE}, and set {SUITE} \
             to where it is."
        ),
    }
    let data = Arc::new(Data {
        suite,
        blessed: env::var_os(BLESS).map(|_| Mutex::default()),
        reports: Mutex::default(),
    });

    let (mut trials, mut timing) = trials(&data);
    let whole = official.is_some();
    let list = data.clone();
    let name = "data::every_listed_case_is_there";
    trials.push(Trial::test(name, move || listed(&list, whole)));
    if arguments.list {
        trials.append(&mut timing);
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let mut failed = conclusion.has_failed();
    if !timing.is_empty() {
        // Alone, when nothing else of this process runs.
        arguments.test_threads = Some(1);
        failed |= libtest_mimic::run(&arguments, timing).has_failed();
    }
    if let Some(blessed) = &data.blessed {
        bless(&data, blessed, whole)?;
    }
    // Only what ran can be compared, and only what passed is worth it.
    let part = arguments.list || arguments.filter.is_some() || !arguments.skip.is_empty();
    if !part && !failed {
        check_page(&data, whole)?;
    }
    Ok(match failed {
        true => ExitCode::from(101),
        false => ExitCode::SUCCESS,
    })
}

fn main() -> ExitCode {
    all().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
