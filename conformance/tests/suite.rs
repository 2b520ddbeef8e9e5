//! The official Component Model suite, and the cases of this crate, on every
//! backend: one test per case and backend, named `backend::group::case`.
//!
//! The official suite is read from the folder that `ENGINEBAY_COMPONENT_MODEL_TESTS`
//! names. With `ENGINEBAY_BLESS=1` the numbers of directives in
//! `suite/counts.toml` are written anew instead of compared.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use enginebay::Backend;
use enginebay_conformance::{
    Counts, Expectations, FileReport, Outcome, Runner, Script, find_scripts,
};
use libtest_mimic::{Arguments, Failed, Trial};

const SUITE: &str = "ENGINEBAY_COMPONENT_MODEL_TESTS";
const OFFICIAL: &str = "official/";
const BLESS: &str = "ENGINEBAY_BLESS";
const WHERE: &str = "https://github.com/WebAssembly/component-model, folder test/";

/// One script, under the name by which the data files know it.
#[derive(Clone)]
struct Case {
    /// `group/case`.
    name: String,
    path: PathBuf,
}

/// What the data files say.
struct Data {
    expectations: Expectations,
    counts: Counts,
    /// What is counted now, if the counts are to be written anew.
    blessed: Option<Mutex<BTreeMap<String, usize>>>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The scripts in a folder; the first part of a name is the folder's.
fn cases(folder: &Path, prefix: &str) -> Result<Vec<Case>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    let case = |path: PathBuf| {
        let inner = path
            .strip_prefix(folder)
            .unwrap_or(&path)
            .with_extension("");
        let parts = inner.iter().map(|part| part.to_string_lossy());
        let inner: Vec<_> = parts.collect();
        let name = format!("{prefix}{}", inner.join("/"));
        Case { name, path }
    };
    let found = find_scripts(folder).map_err(told)?;
    Ok(found.into_iter().map(case).collect())
}

fn run<B: Backend>(case: &Case, runner: &Runner<B>, data: &Data) -> Result<(), Failed> {
    let script = Script::read(&case.path)?;
    let report = runner.run(&script);
    let mut wrong = data.expectations.check(&case.name, &report);
    // A key that is not known is a fault of a case of ours, and none of others'.
    if !case.name.starts_with(OFFICIAL) {
        wrong.extend_from_slice(script.notes());
    }
    let total = report.count().total();
    match &data.blessed {
        Some(blessed) => {
            let mut blessed = blessed.lock().unwrap_or_else(PoisonError::into_inner);
            blessed.insert(case.name.clone(), total);
        }
        None => match data.counts.0.get(&case.name) {
            Some(counted) if *counted == total => {}
            Some(counted) => wrong.push(format!(
                "{total} directives, and {counted} in suite/counts.toml"
            )),
            None => wrong.push(format!(
                "{total} directives, and the case is not in suite/counts.toml"
            )),
        },
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}:\n  {}", case.path.display(), wrong.join("\n  ")).into())
}

/// Cases, and lines of them, whose fuel is not one number; no lines are all.
///
/// How deep a stack is depends on the engine, and how far a guest comes in a time
/// on the machine. With component-model async on, Wasmtime's own adapters do more
/// than a call needs that is not asynchronous.
const UNEVEN: [(&str, &[usize]); 5] = [
    ("limits/stack", &[]),
    ("limits/deadline", &[]),
    ("traps/core", &[71]),
    ("official/values/post-return", &[416]),
    ("official/values/variants", &[73, 75, 77, 79]),
];

/// Runs a case on all backends with fuel, and compares what each directive
/// consumes that passes on all of them.
fn fuel(case: &Case) -> Result<(), Failed> {
    let mut reports = Vec::new();
    macro_rules! run {
        ($name:ident, $backend:ty) => {
            let script = Script::read(&case.path)?.metered();
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
    for (index, step) in first.steps.iter().enumerate() {
        let uneven = UNEVEN.iter().any(|(name, lines)| {
            *name == case.name && (lines.is_empty() || lines.contains(&step.line))
        });
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
    if compared == 0 && calls && !UNEVEN.iter().any(|(name, _)| *name == case.name) {
        wrong.push("nothing was compared".into());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}:\n  {}", case.path.display(), wrong.join("\n  ")).into())
}

fn trials(all: &[Case], data: &Arc<Data>) -> Vec<Trial> {
    let mut trials = Vec::new();
    macro_rules! add {
        ($name:ident, $backend:ty) => {
            let runner = Arc::new(Runner::<$backend>::new());
            for case in all {
                let name = format!(
                    "{}::{}",
                    <$backend as Backend>::NAME,
                    case.name.replace('/', "::")
                );
                let (case, runner, data) = (case.clone(), runner.clone(), data.clone());
                trials.push(Trial::test(name, move || run(&case, &runner, &data)));
            }
        };
    }
    enginebay::for_each_backend!(add);
    for case in all {
        let name = format!("fuel::{}", case.name.replace('/', "::"));
        let case = case.clone();
        trials.push(Trial::test(name, move || fuel(&case)));
    }
    trials
}

fn read(name: &str) -> Result<String, String> {
    fs::read_to_string(folder(name)).map_err(|error| format!("{name}: {error}"))
}

fn all() -> Result<ExitCode, String> {
    let arguments = Arguments::from_args();
    let mut all = cases(&folder("cases"), "")?;
    let official = env::var_os(SUITE).filter(|path| !path.is_empty());
    match &official {
        Some(path) => {
            let official = cases(Path::new(path), OFFICIAL)?;
            if official.is_empty() {
                return Err(format!("{SUITE}: there are no scripts in {path:?}"));
            }
            all.extend(official);
        }
        None => eprintln!(
            "SKIPPED: the official Component Model suite. Get it from {WHERE}, and set {SUITE} \
             to where it is."
        ),
    }
    let bless = env::var_os(BLESS).is_some();
    let expectations = Expectations::parse(&read("suite/unsupported.toml")?)
        .map_err(|error| format!("suite/unsupported.toml: {error}"))?;
    let counts: Counts = toml::from_str(&read("suite/counts.toml")?)
        .map_err(|error| format!("suite/counts.toml: {error}"))?;
    let data = Arc::new(Data {
        expectations,
        counts,
        blessed: bless.then(Mutex::default),
    });

    let mut trials = trials(&all, &data);
    let names: Vec<_> = all.iter().map(|case| case.name.clone()).collect();
    let whole = official.is_some();
    let listed = data.clone();
    trials.push(Trial::test("data::every_listed_case_is_there", move || {
        let missing = |name: &&str| {
            (whole || !name.starts_with(OFFICIAL)) && !names.iter().any(|known| known == name)
        };
        let counted = listed.counts.0.keys().map(String::as_str);
        let unsupported = listed.expectations.unsupported.iter();
        let mut all = counted.chain(unsupported.map(|entry| entry.case.as_str()));
        match all.find(missing) {
            Some(name) if listed.blessed.is_none() => {
                Err(format!("the data files have `{name}`, and there is no such script").into())
            }
            _ => Ok(()),
        }
    }));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(blessed) = &data.blessed {
        let mut counts = data.counts.0.clone();
        counts.retain(|name, _| {
            all.iter().any(|case| case.name == *name) || name.starts_with(OFFICIAL) && !whole
        });
        let blessed = blessed.lock().unwrap_or_else(PoisonError::into_inner);
        counts.extend(blessed.iter().map(|(name, count)| (name.clone(), *count)));
        let text = toml::to_string(&Counts(counts)).map_err(|error| error.to_string())?;
        let head = "# How many directives each case has: written by the test `suite` with\n\
                    # ENGINEBAY_BLESS=1, and compared by it without.\n";
        fs::write(folder("suite/counts.toml"), format!("{head}{text}"))
            .map_err(|error| format!("suite/counts.toml: {error}"))?;
    }
    Ok(conclusion.exit_code())
}

fn main() -> ExitCode {
    all().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
