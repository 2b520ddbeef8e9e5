//! The matrix: what each backend makes of each group of cases, as a page of
//! Markdown that a repository can keep and a program can compare.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use enginebay::{Backend, Feature, Support};

use crate::outcome::{Count, Outcome};
use crate::suite::CaseReport;

/// A backend, as the matrix shows it.
#[derive(Clone, Debug)]
pub struct BackendInfo {
    /// Its name, as in reports.
    pub name: &'static str,
    /// What it can do.
    pub support: Support,
}

impl BackendInfo {
    /// That of a backend.
    pub fn of<B: Backend>() -> Self {
        BackendInfo {
            name: B::NAME,
            support: B::support(),
        }
    }
}

/// A number of scripts with a heading of their own.
#[derive(Clone, Debug)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What a reader should know of it, as Markdown; may be empty.
    pub about: String,
    /// The reports of all cases on all backends. What a case's name has before
    /// its last `/` is a row.
    pub reports: Vec<CaseReport>,
}

/// Which backends passed what.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// The columns, in order.
    pub backends: Vec<BackendInfo>,
    /// The parts, in order.
    pub sections: Vec<Section>,
}

impl Matrix {
    /// The table of the backends: versions and features.
    ///
    /// ```
    /// use enginebay::DefaultBackend;
    /// use enginebay_conformance::{BackendInfo, Matrix};
    /// let matrix = Matrix {
    ///     backends: vec![BackendInfo::of::<DefaultBackend>()],
    ///     sections: Vec::new(),
    /// };
    /// assert!(matrix.markdown().contains("| Engine |"));
    /// ```
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        self.backend_table(&mut text);
        for section in &self.sections {
            self.section(&mut text, section);
        }
        text
    }

    fn backend_table(&self, text: &mut String) {
        let mut rows = vec![
            row("", self.backends.iter().map(|it| format!("`{}`", it.name))),
            row("---", self.backends.iter().map(|_| "---".to_owned())),
        ];
        let supports = || self.backends.iter().map(|backend| &backend.support);
        let engine = |it: &Support| format!("{} {}", it.engine, it.version);
        rows.push(row("Engine", supports().map(engine)));
        let by = |it: &Support| if it.native { "the engine" } else { "the layer" }.to_owned();
        rows.push(row("Components by", supports().map(by)));
        let code = |it: &Support| if it.jit { "compiled" } else { "interpreted" }.to_owned();
        rows.push(row("Code", supports().map(code)));
        rows.push(row("Lacks", supports().map(lacking)));
        for line in rows {
            text.push_str(&line);
        }
    }

    fn section(&self, text: &mut String, section: &Section) {
        let _ = write!(text, "\n## {}\n\n", section.title);
        if !section.about.is_empty() {
            let _ = write!(text, "{}\n\n", section.about);
        }
        let mut groups: BTreeMap<&str, Vec<&CaseReport>> = BTreeMap::new();
        for report in &section.reports {
            groups.entry(group(&report.case)).or_default().push(report);
        }
        text.push_str(&row(
            "Group",
            ["Cases", "Directives"]
                .map(str::to_owned)
                .into_iter()
                .chain(self.backends.iter().map(|it| format!("`{}`", it.name))),
        ));
        let rules = ["---:".to_owned(), "---:".to_owned()];
        let columns = self.backends.iter().map(|_| "---".to_owned());
        text.push_str(&row("---", rules.into_iter().chain(columns)));
        for (name, reports) in &groups {
            text.push_str(&self.counts(&format!("`{name}`"), reports));
        }
        if groups.len() > 1 {
            let all: Vec<_> = section.reports.iter().collect();
            text.push_str(&self.counts("all", &all));
        }
        details(text, &section.reports);
    }

    /// A row of counts.
    fn counts(&self, name: &str, reports: &[&CaseReport]) -> String {
        let mut cases: Vec<_> = reports.iter().map(|report| &report.case).collect();
        cases.sort();
        cases.dedup();
        // Each backend runs the same directives.
        let each = self.backends.iter().map(|backend| {
            let mut count = Count::default();
            let of = reports
                .iter()
                .filter(|it| it.report.backend == backend.name);
            of.for_each(|report| count += report.report.count());
            count
        });
        let each: Vec<_> = each.collect();
        let directives = each.iter().map(Count::total).max().unwrap_or_default();
        let numbers = [cases.len().to_string(), directives.to_string()];
        row(name, numbers.into_iter().chain(each.into_iter().map(cell)))
    }
}

/// The row that a case is in.
fn group(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(group, _)| group)
}

/// How a count reads in a cell.
fn cell(count: Count) -> String {
    let Count {
        passed,
        failed,
        unsupported,
    } = count;
    if count.total() == 0 {
        return "not run".into();
    }
    let mut parts = vec![format!("{passed} pass")];
    if failed > 0 {
        parts.push(format!("**{failed} fail**"));
    }
    if unsupported > 0 {
        parts.push(format!("{unsupported} unsupported"));
    }
    parts.join(", ")
}

/// The features that a backend does not have.
fn lacking(support: &Support) -> String {
    let features = Feature::ALL.iter();
    let lacking = features.filter(|feature| !support.features.contains(**feature));
    let names: Vec<_> = lacking.map(|feature| format!("`{feature}`")).collect();
    match names.is_empty() {
        true => "nothing".into(),
        false => names.join(", "),
    }
}

/// Each directive that did not pass, once for all backends of which the same is
/// to be said.
fn details(text: &mut String, reports: &[CaseReport]) {
    type Key<'a> = (&'a str, &'static str, String, String);
    let mut found: BTreeMap<(Key<'_>, Vec<usize>), Vec<&str>> = BTreeMap::new();
    for report in reports {
        let mut lines: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
        for step in &report.report.steps {
            let (feature, reason) = match &step.outcome {
                Outcome::Pass => continue,
                Outcome::Fail(text) => (String::new(), text.clone()),
                Outcome::Unsupported { feature, reason } => (feature.clone(), reason.clone()),
            };
            let key = (report.case.as_str(), step.outcome.word(), feature, reason);
            lines.entry(key).or_default().push(step.line);
        }
        for entry in lines {
            found.entry(entry).or_default().push(report.report.backend);
        }
    }
    if found.is_empty() {
        return;
    }
    text.push('\n');
    text.push_str(&row(
        "Case",
        ["Lines", "Backends", "Outcome", "Reason"].map(str::to_owned),
    ));
    text.push_str(&row("---", std::iter::repeat_n("---".to_owned(), 4)));
    for (((name, word, feature, reason), lines), backends) in found {
        let lines: Vec<_> = lines.iter().map(usize::to_string).collect();
        let backends: Vec<_> = backends.iter().map(|name| format!("`{name}`")).collect();
        let outcome = match feature.is_empty() {
            true => word.to_owned(),
            false => format!("{word}: {feature}"),
        };
        let cells = [lines.join(", "), backends.join(", "), outcome, reason];
        text.push_str(&row(&format!("`{name}`"), cells));
    }
}

/// A row of a table. What would end a cell or a line does not.
fn row(first: &str, cells: impl IntoIterator<Item = String>) -> String {
    let mut line = String::from("|");
    let mut add = |cell: &str| {
        let cell = cell.replace('|', "\\|").replace(['\n', '\r'], " ");
        let _ = write!(line, " {cell} |");
    };
    add(first);
    cells.into_iter().for_each(|cell| add(&cell));
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{FileReport, StepReport};

    fn report(name: &str, backend: &'static str, outcomes: &[Outcome]) -> CaseReport {
        let steps = outcomes.iter().enumerate().map(|(i, outcome)| StepReport {
            line: i + 1,
            directive: "component",
            outcome: outcome.clone(),
            fuel: None,
        });
        let report = FileReport {
            name: format!("{name}.wast"),
            backend,
            steps: steps.collect(),
        };
        CaseReport {
            case: name.to_owned(),
            report,
            wrong: Vec::new(),
        }
    }

    fn matrix() -> Matrix {
        let backend = |name, engine| BackendInfo {
            name,
            support: Support::new(engine, "1.2.3"),
        };
        let fail = || Outcome::fail("a | b\nc");
        let lacking = || Outcome::unsupported("gc", "not here");
        let pass = || Outcome::Pass;
        Matrix {
            backends: vec![backend("one", "One"), backend("two", "Two")],
            sections: vec![Section {
                title: "Cases".into(),
                about: "All of them.".into(),
                reports: vec![
                    report("a/x", "one", &[pass(), pass(), lacking()]),
                    report("a/y", "one", &[pass()]),
                    report("b/z", "one", &[pass()]),
                    report("a/x", "two", &[pass(), fail(), lacking()]),
                    report("a/y", "two", &[pass()]),
                ],
            }],
        }
    }

    #[test]
    fn groups_are_counted_for_each_backend() {
        let text = matrix().markdown();
        for line in [
            "| Engine | One 1.2.3 | Two 1.2.3 |",
            "| Group | Cases | Directives | `one` | `two` |",
            "| `a` | 2 | 4 | 3 pass, 1 unsupported | 2 pass, **1 fail**, 1 unsupported |",
            "| `b` | 1 | 1 | 1 pass | not run |",
            "| all | 3 | 5 | 4 pass, 1 unsupported | 2 pass, **1 fail**, 1 unsupported |",
        ] {
            assert!(
                text.lines().any(|it| it == line),
                "{line} is not in\n{text}"
            );
        }
    }

    #[test]
    fn what_did_not_pass_is_told_once_with_its_reason() {
        let text = matrix().markdown();
        for line in [
            "| `a/x` | 3 | `one`, `two` | unsupported: gc | not here |",
            "| `a/x` | 2 | `two` | fail | a \\| b c |",
        ] {
            assert!(
                text.lines().any(|it| it == line),
                "{line} is not in\n{text}"
            );
        }
    }
}
