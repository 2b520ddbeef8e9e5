//! Backends that are made wrong on purpose: each mutant fails a case of this
//! crate, on each backend that it touches. The suite that lets one pass has a
//! hole.
//!
//! The mutants are `enginebay_core::mutant`'s, which says what each does. There is
//! one test for each and each backend that it makes wrong, and it runs in a process
//! of its own, because a mutant may end or hang it. The cases that
//! `suite/mutants.toml` lists for it come first, and the first directive that fails
//! ends the search. With no mutant active, the listed cases pass; those that look at
//! the clock are left to the test `suite`, which runs them alone.
//!
//! With `ENGINEBAY_BLESS=1` the list is written anew.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use enginebay::Backend;
use enginebay_conformance::{Case, Runner, Suite, TIMING};
use enginebay_core::mutant::{self, Mutant, Touches};
use libtest_mimic::{Arguments, Failed, Trial};

const BLESS: &str = "ENGINEBAY_BLESS";
/// What a process is to run: a mutant's name or [`NONE`], and a backend's.
const RUN: &str = "ENGINEBAY_MUTANT";
const NONE: &str = "none";
const LIST: &str = "suite/mutants.toml";
/// How long one mutant may take on one backend: many times of what it does.
const PATIENCE: Duration = Duration::from_secs(120);
/// How a process ends that could not look for anything: no mutant makes it end so.
const BROKEN: u8 = 86;

/// Which cases are tried first, by the mutant's name.
type List = BTreeMap<String, Vec<String>>;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> Result<String, String> {
    fs::read_to_string(folder(name)).map_err(|error| format!("{name}: {error}"))
}

/// The list, which names mutants and cases that there are. What is no more is left
/// out if the list is to be written anew.
fn list(suite: &Suite, bless: bool) -> Result<List, String> {
    let mut list: List =
        toml::from_str(&read(LIST)?).map_err(|error| format!("{LIST}: {error}"))?;
    let is_mutant = |name: &str| Mutant::ALL.iter().any(|it| it.name() == name);
    let is_case = |name: &str| suite.cases().iter().any(|case| case.name() == name);
    if bless {
        list.retain(|name, _| is_mutant(name));
        for cases in list.values_mut() {
            cases.retain(|name| is_case(name));
        }
        return Ok(list);
    }
    if let Some(name) = list.keys().find(|name| !is_mutant(name)) {
        return Err(format!("{LIST} has `{name}`, and there is no such mutant"));
    }
    match list.values().flatten().find(|name| !is_case(name)) {
        Some(name) => Err(format!("{LIST} has `{name}`, and there is no such case")),
        None => Ok(list),
    }
}

fn is_blessing() -> bool {
    env::var_os(BLESS).is_some()
}

/// Whether a case looks at the clock. On a busy machine it might fail with any
/// mutant, and without: it counts for those for which it is listed.
fn is_timed(name: &str) -> bool {
    name.split('/').next() == Some(TIMING)
}

/// Looks for a case that fails, in a process that is there for that: tells each
/// case when it begins, and in the end the case that failed and why.
fn search<B: Backend>(active: Option<Mutant>) -> Result<(), String> {
    let suite = Suite::embedded();
    let list = list(&suite, is_blessing())?;
    let listed: Vec<&String> = match active {
        Some(mutant) => list.get(mutant.name()).into_iter().flatten().collect(),
        None => list.values().flatten().collect(),
    };
    let mut order: Vec<&str> = listed.into_iter().map(String::as_str).collect();
    if active.is_some() {
        let others = suite.cases().iter().filter(|case| !is_timed(case.name()));
        let others = others.map(Case::name).filter(|name| !order.contains(name));
        let others: Vec<_> = others.collect();
        order.extend(others);
    } else {
        order.retain(|name| !is_timed(name));
        order.sort_unstable();
        order.dedup();
    }
    let mut cases = Vec::new();
    for name in order {
        let case = suite.cases().iter().find(|case| case.name() == name);
        let case = case.ok_or_else(|| format!("there is no case `{name}`"))?;
        // It would fail with any mutant.
        case.script()
            .map_err(|error| format!("`{name}` is no script: {error}"))?;
        cases.push(case);
    }
    mutant::activate(active);
    let runner = Runner::<B>::new().stop_at_failure();
    for case in cases {
        let name = case.name();
        println!("begin {name}");
        let report = suite.run_case(case, &runner);
        if let Some(why) = report.wrong.first() {
            println!("fail {name} {}", why.replace('\n', " "));
            return Ok(());
        }
    }
    Ok(())
}

/// What a process is there for, if it is one of a mutant's.
fn process(what: &str) -> Result<(), String> {
    let (name, backend) = what.split_once('@').unwrap_or((what, ""));
    let found = Mutant::ALL.iter().find(|it| it.name() == name).copied();
    if found.is_none() && name != NONE {
        return Err(format!("there is no mutant `{name}`"));
    }
    macro_rules! run {
        ($name:ident, $backend:ty) => {
            if <$backend as Backend>::NAME == backend {
                return search::<$backend>(found);
            }
        };
    }
    enginebay::for_each_backend!(run);
    Err(format!("there is no backend `{backend}`"))
}

/// How a process ended, and what it told.
struct Ended {
    /// Nothing if it had to be ended.
    status: Option<ExitStatus>,
    /// The case that was running.
    last: Option<String>,
    /// The case that failed, and why.
    failed: Option<(String, String)>,
    /// Why nothing was looked for.
    broken: Option<String>,
}

/// Runs a mutant on a backend in a process of its own.
fn spawn(name: &str, backend: &str) -> Result<Ended, String> {
    let told = |error: std::io::Error| format!("the test cannot run itself: {error}");
    let mut child = Command::new(env::current_exe().map_err(told)?)
        .env(RUN, format!("{name}@{backend}"))
        // Backtraces are of no use here and take time.
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // Mutants may make backends panic.
        .stderr(Stdio::null())
        .spawn()
        .map_err(told)?;
    let mut stdout = child.stdout.take();
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stdout) = &mut stdout {
            // What is there counts, whatever comes after it.
            let _ = stdout.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let end = Instant::now() + PATIENCE;
    let mut status = child.try_wait().map_err(told)?;
    while status.is_none() && Instant::now() < end {
        thread::sleep(Duration::from_millis(5));
        status = child.try_wait().map_err(told)?;
    }
    if status.is_none() {
        child.kill().map_err(told)?;
        child.wait().map_err(told)?;
    }
    let text = reader
        .join()
        .map_err(|_| "the output cannot be read".to_owned())?;
    let is_broken = |status: ExitStatus| status.code() == Some(BROKEN.into());
    let mut broken = status
        .filter(|status| is_broken(*status))
        .map(|_| "?".into());
    let (mut last, mut failed) = (None, None);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("begin ") {
            last = Some(name.to_owned());
        } else if let Some((name, why)) = line
            .strip_prefix("fail ")
            .and_then(|rest| rest.split_once(' '))
        {
            failed = Some((name.to_owned(), why.to_owned()));
        } else if let Some(why) = line.strip_prefix("broken ") {
            broken = Some(why.to_owned());
        }
    }
    Ok(Ended {
        status,
        last,
        failed,
        broken,
    })
}

/// A mutant that was found.
struct Found {
    mutant: Mutant,
    backend: &'static str,
    case: String,
    why: String,
}

/// Runs a mutant on a backend: it has to fail a case.
fn hunt(mutant: Mutant, backend: &'static str) -> Result<Found, String> {
    let ended = spawn(mutant.name(), backend)?;
    if let Some(why) = ended.broken {
        return Err(format!("nothing was looked for: {why}"));
    }
    let last = || ended.last.clone().unwrap_or_default();
    let (case, why) = match (ended.failed.clone(), ended.status) {
        (Some(failed), _) => failed,
        (None, None) => {
            return Err(format!(
                "the process hangs in `{}`: list a case before it that finds the mutant",
                last()
            ));
        }
        (None, Some(status)) if status.success() => {
            return Err(format!(
                "it survives: no case fails. {} Add a case to conformance/cases that fails with \
                 it",
                mutant.what()
            ));
        }
        // In the suite it would have ended the run.
        (None, Some(status)) => (last(), format!("the process ended: {status}")),
    };
    Ok(Found {
        mutant,
        backend,
        case,
        why,
    })
}

/// With no mutant active, the cases that find mutants pass.
fn rest(backend: &str) -> Result<(), Failed> {
    let ended = spawn(NONE, backend)?;
    if let Some(why) = ended.broken {
        return Err(format!("nothing was looked for: {why}").into());
    }
    match (ended.failed, ended.status) {
        (Some((case, why)), _) => Err(format!("`{case}` fails without a mutant: {why}").into()),
        (None, Some(status)) if status.success() => Ok(()),
        (None, _) => Err(format!(
            "the process ends in `{}` without a mutant",
            ended.last.unwrap_or_default()
        )
        .into()),
    }
}

fn trials(list: &Arc<List>, found: &Arc<Mutex<Vec<Found>>>, bless: bool) -> Vec<Trial> {
    let mut trials = Vec::new();
    macro_rules! add {
        ($name:ident, $backend:ty) => {
            let backend = <$backend as Backend>::NAME;
            let native = <$backend as Backend>::support().native;
            if !bless {
                trials.push(Trial::test(format!("{backend}::{NONE}"), move || {
                    rest(backend)
                }));
            }
            for mutant in Mutant::ALL.iter().copied() {
                if !mutant.touches().backend(backend, native) {
                    continue;
                }
                let (list, found) = (list.clone(), found.clone());
                let name = format!("{backend}::{}", mutant.name());
                trials.push(Trial::test(name, move || {
                    let it = hunt(mutant, backend)?;
                    let listed = list.get(mutant.name());
                    let is_listed = listed.is_some_and(|cases| cases.contains(&it.case));
                    let case = it.case.clone();
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    found.push(it);
                    if is_listed || bless {
                        return Ok(());
                    }
                    Err(format!(
                        "it is found by `{case}`, which {LIST} does not list: run the test with \
                         {BLESS}=1"
                    )
                    .into())
                }));
            }
        };
    }
    enginebay::for_each_backend!(add);
    trials
}

/// The list with what was found now.
fn blessed(found: &[Found]) -> Result<String, String> {
    let mut list: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for it in found {
        let cases = list.entry(it.mutant.name()).or_default();
        cases.insert(&it.case);
    }
    let text = toml::to_string(&list).map_err(|error| error.to_string())?;
    Ok(format!(
        "# Which cases find each mutant: tried first by the test `mutants`, and written by it\n\
         # with ENGINEBAY_BLESS=1.\n{text}"
    ))
}

/// Where no mutant of its own makes a backend wrong.
fn unproven(found: &[Found]) -> impl Iterator<Item = &'static str> {
    let mut backends = Vec::new();
    macro_rules! add {
        ($name:ident, $backend:ty) => {
            backends.push(<$backend as Backend>::NAME);
        };
    }
    enginebay::for_each_backend!(add);
    let has: BTreeSet<_> = found
        .iter()
        .filter(|it| matches!(it.mutant.touches(), Touches::Only([name]) if *name == it.backend))
        .map(|it| it.backend)
        .collect();
    backends.into_iter().filter(move |name| !has.contains(name))
}

fn all() -> Result<ExitCode, String> {
    if let Ok(what) = env::var(RUN) {
        return Ok(match process(&what) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                println!("broken {}", error.replace('\n', " "));
                ExitCode::from(BROKEN)
            }
        });
    }
    let arguments = Arguments::from_args();
    let bless = is_blessing();
    let list = Arc::new(list(&Suite::embedded(), bless)?);
    let found = Arc::new(Mutex::default());
    let conclusion = libtest_mimic::run(&arguments, trials(&list, &found, bless));
    if arguments.list {
        return Ok(conclusion.exit_code());
    }
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|it| (it.mutant as u8, it.backend));
    let width = |len: fn(&Found) -> usize| found.iter().map(len).max().unwrap_or(0);
    let mutants = width(|it| it.mutant.name().len());
    let backends = width(|it| it.backend.len());
    let cases = width(|it| it.case.len());
    for it in &*found {
        println!(
            "{:mutants$}  {:backends$}  {:cases$}  {}",
            it.mutant.name(),
            it.backend,
            it.case,
            it.why
        );
    }
    let whole = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.exact;
    if whole && let Some(backend) = unproven(&found).next() {
        return Err(format!("no mutant is `{backend}`'s own"));
    }
    if bless && whole && !conclusion.has_failed() {
        let path = folder(LIST);
        fs::write(&path, blessed(&found)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(conclusion.exit_code())
}

fn main() -> ExitCode {
    all().unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
