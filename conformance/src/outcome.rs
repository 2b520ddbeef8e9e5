//! What comes of a script.

use std::fmt;
use std::ops::AddAssign;

/// What came of one directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not hold; why not.
    Fail(String),
    /// The backend, or the runner, lacks what it needs.
    Unsupported {
        /// What is lacking, by name.
        feature: String,
        /// Who lacks it, and what it said.
        reason: String,
    },
}

impl Outcome {
    pub(crate) fn fail(text: impl fmt::Display) -> Self {
        Outcome::Fail(text.to_string())
    }

    pub(crate) fn unsupported(feature: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Outcome::Unsupported {
            feature: feature.to_string(),
            reason: reason.to_string(),
        }
    }

    /// One word: `pass`, `fail` or `unsupported`.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail(_) => "fail",
            Outcome::Unsupported { .. } => "unsupported",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Pass => f.write_str("pass"),
            Outcome::Fail(text) => write!(f, "fail: {text}"),
            Outcome::Unsupported { feature, reason } => {
                write!(f, "unsupported: {feature}: {reason}")
            }
        }
    }
}

/// One directive of a script, and what came of it.
#[derive(Clone, Debug)]
pub struct StepReport {
    /// Where it is, counted from 1.
    pub line: usize,
    /// Its keyword: `assert_return`, `component`, ...
    pub directive: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// Fuel that the script's stores have consumed up to its end, where it is
    /// metered.
    pub fuel: Option<u64>,
}

impl fmt::Display for StepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}: {}: {}",
            self.line, self.directive, self.outcome
        )
    }
}

/// What came of a script on one backend.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// The script's name.
    pub name: String,
    /// The backend's name.
    pub backend: &'static str,
    /// Each directive, in order.
    pub steps: Vec<StepReport>,
}

impl FileReport {
    /// How many passed, failed, and are not supported.
    pub fn count(&self) -> Count {
        let mut count = Count::default();
        for step in &self.steps {
            match step.outcome {
                Outcome::Pass => count.passed += 1,
                Outcome::Fail(_) => count.failed += 1,
                Outcome::Unsupported { .. } => count.unsupported += 1,
            }
        }
        count
    }

    /// The directives that failed, a line each.
    pub fn failures(&self) -> Vec<String> {
        let failed = |step: &&StepReport| matches!(step.outcome, Outcome::Fail(_));
        let failed = self.steps.iter().filter(failed);
        failed.map(StepReport::to_string).collect()
    }
}

/// How many directives passed, failed, and are not supported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Those that hold.
    pub passed: usize,
    /// Those that do not.
    pub failed: usize,
    /// Those that could not be tried.
    pub unsupported: usize,
}

impl Count {
    /// All of them.
    pub fn total(&self) -> usize {
        self.passed + self.failed + self.unsupported
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Count) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.unsupported += other.unsupported;
    }
}
