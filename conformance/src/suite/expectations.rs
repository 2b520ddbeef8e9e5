//! What is expected of scripts besides that they pass: which directives a backend
//! cannot run and why, and how many there are per script.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::outcome::{FileReport, Outcome};

/// A directive that a backend cannot run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsupported {
    /// The case's name, as `group/case`.
    pub case: String,
    /// Its lines; empty for all that are unsupported.
    #[serde(default)]
    pub lines: Vec<usize>,
    /// The names of the backends; empty for each.
    #[serde(default)]
    pub backends: Vec<String>,
    /// What is lacking, by name.
    pub feature: String,
    /// Why.
    pub reason: String,
    /// The directive fails, and is not merely refused: nobody has the feature,
    /// not even by name.
    #[serde(default)]
    pub fails: bool,
}

impl Unsupported {
    fn covers(&self, case: &str, backend: &str, line: usize) -> bool {
        self.case == case
            && (self.backends.is_empty() || self.backends.iter().any(|name| name == backend))
            && (self.lines.is_empty() || self.lines.contains(&line))
    }
}

/// What is expected of scripts besides that they pass.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expectations {
    /// What cannot be run.
    pub unsupported: Vec<Unsupported>,
}

impl Expectations {
    /// Reads them from TOML.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// What is wrong with a report: failures, directives that are unsupported and
    /// not listed, and those that are listed and pass.
    pub fn check(&self, case: &str, report: &FileReport) -> Vec<String> {
        let mut wrong = Vec::new();
        for step in &report.steps {
            let mut listed = self
                .unsupported
                .iter()
                .filter(|entry| entry.covers(case, report.backend, step.line));
            let say = |text: String| format!("line {}: {}: {text}", step.line, step.directive);
            match (&step.outcome, listed.next()) {
                (Outcome::Pass, None) => {}
                (Outcome::Pass, Some(entry)) if entry.lines.is_empty() => {}
                (Outcome::Pass, Some(entry)) => wrong.push(say(format!(
                    "it passes, and is listed as unsupported ({})",
                    entry.feature
                ))),
                (Outcome::Fail(_), Some(entry)) if entry.fails => {}
                (Outcome::Unsupported { feature, .. }, Some(entry))
                    if !entry.fails && *feature == entry.feature => {}
                (outcome, None) => wrong.push(say(outcome.to_string())),
                (outcome, Some(entry)) => wrong.push(say(format!(
                    "{outcome}; it is listed as unsupported ({}), in another way",
                    entry.feature
                ))),
            }
        }
        // An entry without lines must have something to say.
        let all =
            |entry: &&Unsupported| entry.lines.is_empty() && entry.covers(case, report.backend, 0);
        for entry in self.unsupported.iter().filter(all) {
            if report.count().unsupported == 0 {
                wrong.push(format!(
                    "listed as unsupported ({}), and all of it passes",
                    entry.feature
                ));
            }
        }
        wrong
    }
}

/// How many directives each case has, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Counts(pub BTreeMap<String, usize>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::StepReport;

    const LIST: &str = r#"
        [[unsupported]]
        case = "a/b"
        lines = [2]
        backends = ["one"]
        feature = "gc"
        reason = "it is not there"
        [[unsupported]]
        case = "a/b"
        lines = [3]
        feature = "limit"
        reason = "nobody checks it"
        fails = true
        [[unsupported]]
        case = "all"
        feature = "gc"
        reason = "it is not there"
    "#;

    fn wrong(case: &str, backend: &'static str, outcomes: &[(usize, Outcome)]) -> usize {
        let steps = outcomes.iter().map(|(line, outcome)| StepReport {
            line: *line,
            directive: "component",
            outcome: outcome.clone(),
            fuel: None,
        });
        let report = FileReport {
            name: case.to_owned(),
            backend,
            steps: steps.collect(),
        };
        let list = Expectations::parse(LIST).unwrap();
        list.check(case, &report).len()
    }

    #[test]
    fn what_is_listed_is_expected_and_nothing_else() {
        let unsupported = || Outcome::unsupported("gc", "no");
        let fail = || Outcome::fail("no");
        let fine = [(1, Outcome::Pass), (2, unsupported()), (3, fail())];
        assert_eq!(wrong("a/b", "one", &fine), 0);
        // Another backend, another line, another case.
        assert_eq!(wrong("a/b", "two", &fine), 1);
        assert_eq!(wrong("a/b", "one", &[(1, unsupported())]), 1);
        assert_eq!(wrong("a/c", "one", &fine), 2);
        // Listed, and something else.
        assert_eq!(wrong("a/b", "one", &[(2, Outcome::Pass)]), 1);
        assert_eq!(wrong("a/b", "one", &[(2, fail())]), 1);
        assert_eq!(wrong("a/b", "one", &[(3, unsupported())]), 1);
        let another = Outcome::unsupported("threads", "no");
        assert_eq!(wrong("a/b", "one", &[(2, another)]), 1);
        assert_eq!(wrong("a/b", "one", &[(3, Outcome::Pass)]), 1);
        // All of a case.
        assert_eq!(
            wrong("all", "one", &[(1, unsupported()), (2, Outcome::Pass)]),
            0
        );
        assert_eq!(wrong("all", "one", &[(1, Outcome::Pass)]), 1);
        assert_eq!(wrong("all", "one", &[(1, fail()), (2, unsupported())]), 1);
    }

    #[test]
    fn a_list_without_a_reason_is_refused() {
        let text = "[[unsupported]]\ncase = \"a\"\nfeature = \"b\"";
        assert!(Expectations::parse(text).unwrap_err().contains("reason"));
    }
}
