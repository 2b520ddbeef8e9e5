//! Suites: named scripts, those of this crate or those of a folder, and what comes
//! of them on a backend.

mod expectations;

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use enginebay::{BACKENDS, Backend};

use crate::outcome::{FileReport, Outcome};
use crate::runner::Runner;
use crate::script::{Script, ScriptError};
pub use expectations::{Counts, Expectations, Unsupported};

/// The scripts of this crate, by their names.
pub(crate) const CASES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/cases.rs"));
const UNSUPPORTED: &str = include_str!("../suite/unsupported.toml");
const COUNTS: &str = include_str!("../suite/counts.toml");

/// The group whose cases look at the clock: they are to run one at a time, when
/// nothing else does.
pub const TIMING: &str = "timing";

/// Scripts, and what is expected of them besides that they pass.
///
/// [`Suite::embedded`] is this crate's own, which needs no files. An engine's
/// author runs it on a backend like this:
///
/// ```
/// use enginebay_conformance::{Runner, Suite};
///
/// # type MyBackend = enginebay::DefaultBackend;
/// let suite = Suite::embedded();
/// let runner = Runner::<MyBackend>::new();
/// for case in suite.cases().iter().filter(|case| case.group() == "strings") {
///     let report = suite.run_case(case, &runner);
///     assert!(report.wrong.is_empty(), "{}: {:?}", case.name(), report.wrong);
/// }
/// ```
#[derive(Debug, Default)]
pub struct Suite {
    cases: Vec<Case>,
    expectations: Expectations,
    counts: Counts,
}

/// One script of a [`Suite`].
#[derive(Debug)]
pub struct Case {
    /// `group/case`.
    name: String,
    path: Option<PathBuf>,
    text: Cow<'static, str>,
    /// Parsed when it is first asked for.
    script: OnceLock<Result<Script, ScriptError>>,
}

/// What came of a case on one backend.
#[derive(Clone, Debug)]
pub struct CaseReport {
    /// The case's name, as `group/case`.
    pub case: String,
    /// The backend's name, and each directive with its outcome.
    pub report: FileReport,
    /// What is not as the suite expects it, a line each; empty if the case holds.
    pub wrong: Vec<String>,
}

impl Suite {
    /// The cases in this crate's folder `cases`, and what is known of the backends
    /// of `enginebay`.
    ///
    /// # Panics
    ///
    /// Never: a test reads the same text.
    pub fn embedded() -> Self {
        let case = |(name, text): &(&str, &'static str)| Case {
            name: (*name).to_owned(),
            path: None,
            text: Cow::Borrowed(text),
            script: OnceLock::new(),
        };
        Suite {
            cases: CASES.iter().map(case).collect(),
            expectations: Expectations::parse(UNSUPPORTED).expect("the crate's data is TOML"),
            counts: toml::from_str(COUNTS).expect("the crate's data is TOML"),
        }
    }

    /// The scripts of a folder and below it, named by their paths there, or the
    /// one file. Nothing is expected but that they pass. Scripts that cannot be
    /// read or parsed are cases too: [`Case::script`] says what is wrong with them.
    ///
    /// # Errors
    ///
    /// If a folder cannot be read.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut cases = Vec::new();
        for path in find_scripts(folder)? {
            let inner = match path.strip_prefix(folder) {
                Ok(inner) if inner.file_name().is_some() => inner,
                _ => Path::new(path.file_name().unwrap_or_default()),
            };
            let inner = inner.with_extension("");
            let parts: Vec<_> = inner.iter().map(|part| part.to_string_lossy()).collect();
            let (text, script) = match std::fs::read_to_string(&path) {
                Ok(text) => (text, OnceLock::new()),
                Err(error) => {
                    let error = ScriptError::new(format!("{}: {error}", path.display()));
                    (String::new(), OnceLock::from(Err(error)))
                }
            };
            cases.push(Case {
                name: parts.join("/"),
                path: Some(path),
                text: text.into(),
                script,
            });
        }
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Suite {
            cases,
            ..Suite::default()
        })
    }

    /// Adds the cases of another suite, their names under a group (`group/` and
    /// the name there), or as they are if it is empty. What is expected of them is
    /// what this suite says of such names.
    pub fn add(&mut self, group: &str, other: Suite) {
        for mut case in other.cases {
            if !group.is_empty() {
                case.name = format!("{group}/{}", case.name);
            }
            self.cases.push(case);
        }
    }

    /// Keeps the cases for which this is true.
    pub fn retain(&mut self, keep: impl FnMut(&Case) -> bool) {
        self.cases.retain(keep);
    }

    /// The cases, in the order of their names.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// What the backends of `enginebay` cannot run.
    pub fn expectations(&self) -> &Expectations {
        &self.expectations
    }

    /// How many directives each case has.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Runs one case.
    ///
    /// What a backend of `enginebay` cannot run must be in the
    /// [expectations](Suite::expectations). Of any other backend nothing is
    /// expected: what it lacks is in the [report](CaseReport::report) and is not
    /// wrong.
    pub fn run_case<B: Backend>(&self, case: &Case, runner: &Runner<B>) -> CaseReport {
        let (report, wrong) = match case.script() {
            Ok(script) => {
                let report = runner.run(script);
                let wrong = if BACKENDS.contains(&B::NAME) {
                    self.expectations.check(&case.name, &report)
                } else {
                    report.failures()
                };
                (report, wrong)
            }
            Err(error) => {
                let report = FileReport {
                    name: case.name.clone(),
                    backend: B::NAME,
                    steps: Vec::new(),
                };
                (report, vec![error.to_string()])
            }
        };
        CaseReport {
            case: case.name.clone(),
            report,
            wrong,
        }
    }

    /// Runs all cases, one after the other; those that look at the
    /// [clock](TIMING) are the last.
    pub fn run<B: Backend>(&self, runner: &Runner<B>) -> Vec<CaseReport> {
        let (timing, others): (Vec<_>, Vec<_>) =
            self.cases.iter().partition(|case| case.group() == TIMING);
        let all = others.into_iter().chain(timing);
        all.map(|case| self.run_case(case, runner)).collect()
    }
}

impl Case {
    /// The name, as `group/case`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first part of the name; empty if it has one part only.
    pub fn group(&self) -> &str {
        group(&self.name)
    }

    /// The file, if the case was read from one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The script, which is parsed when it is first asked for.
    ///
    /// # Errors
    ///
    /// If it, or its header, is malformed.
    pub fn script(&self) -> Result<&Script, &ScriptError> {
        let parse = || {
            let name = match &self.path {
                Some(path) => path.display().to_string(),
                None => format!("{}.wast", self.name),
            };
            Script::parse(&name, &self.text)
        };
        self.script.get_or_init(parse).as_ref()
    }
}

impl CaseReport {
    /// The first part of the case's name; empty if it has one part only.
    pub fn group(&self) -> &str {
        group(&self.case)
    }

    /// One outcome for all directives: the first that failed, else the first that
    /// is unsupported.
    pub fn outcome(&self) -> Outcome {
        let outcomes = || self.report.steps.iter().map(|step| &step.outcome);
        let failed = outcomes().find(|outcome| matches!(outcome, Outcome::Fail(_)));
        let failed = failed.or_else(|| outcomes().find(|outcome| **outcome != Outcome::Pass));
        match (failed, self.wrong.first()) {
            (Some(outcome), _) => outcome.clone(),
            (None, Some(wrong)) => Outcome::Fail(wrong.clone()),
            (None, None) => Outcome::Pass,
        }
    }
}

fn group(name: &str) -> &str {
    name.split_once('/').map_or("", |(group, _)| group)
}

/// All scripts in a folder and below it, in the order of their paths; or the one
/// file.
///
/// # Errors
///
/// If a folder cannot be read.
pub fn find_scripts(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if path.is_dir() {
        find(path, &mut found)?;
        found.sort();
    } else {
        std::fs::metadata(path)?;
        found.push(path.to_owned());
    }
    Ok(found)
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "wast")
        {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_suite_is_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
        let names = |suite: &Suite| {
            let names = suite.cases().iter().map(|case| case.name().to_owned());
            names.collect::<Vec<_>>()
        };
        let (embedded, read) = (Suite::embedded(), Suite::read(&folder).unwrap());
        assert_eq!(names(&embedded), names(&read));
        assert!(!embedded.cases().is_empty());
        for case in embedded.cases() {
            assert!(!case.group().is_empty(), "{} has no group", case.name());
        }
    }

    #[test]
    fn a_suite_under_a_group_has_longer_names() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/strings/utf8.wast");
        let mut suite = Suite::default();
        suite.add("", Suite::read(&file).unwrap());
        suite.add("more/of", Suite::read(file.parent().unwrap()).unwrap());
        let names: Vec<_> = suite.cases().iter().map(Case::name).collect();
        assert_eq!(names[0], "utf8");
        assert!(names[1..].contains(&"more/of/utf8"), "{names:?}");
        assert!(names[1..].iter().all(|name| name.starts_with("more/of/")));
        assert_eq!(suite.cases()[0].group(), "");
        assert_eq!(suite.cases()[1].group(), "more");
    }
}
